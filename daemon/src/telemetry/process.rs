//! The daemon's own process, from the CPU clock and `/proc/self`. What cannot be read is `null`, never zero.

use std::{collections::HashMap, fs, time::Duration};

use yummy_api::stats::{ProcessStats, ThreadGroup};

use super::clock;

/// Reads the process once a second and remembers what it needs for the differences.
#[derive(Default)]
pub(crate) struct ProcessSampler {
    cpu: Duration,
    /// On-CPU nanoseconds of each thread at the last sample.
    threads: HashMap<String, u64>,
}

impl ProcessSampler {
    pub(crate) fn new() -> Self {
        let mut sampler = Self { cpu: clock::process_cpu(), threads: HashMap::new() };
        sampler.thread_groups(0.0);
        sampler
    }

    /// The process now, with CPU as cores in use over the `seconds` since the last call.
    pub(crate) fn sample(&mut self, seconds: f64) -> ProcessStats {
        let cpu = clock::process_cpu();
        let used = cpu.saturating_sub(self.cpu);
        self.cpu = cpu;
        let (virtual_bytes, rss_bytes) = memory();
        let thread_groups = self.thread_groups(seconds);
        ProcessStats {
            cpu_cores: (seconds > 0.0).then(|| used.as_secs_f64() / seconds),
            cpu_seconds: cpu.as_secs_f64(),
            rss_bytes,
            virtual_bytes,
            threads: thread_groups.iter().map(|group| group.threads).sum(),
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count().saturating_sub(1) as u64),
            max_fds: max_fds(),
            major_faults: major_faults(),
            thread_groups,
        }
    }

    fn thread_groups(&mut self, seconds: f64) -> Vec<ThreadGroup> {
        let (mut groups, mut now) = (Vec::<(ThreadGroup, u64)>::new(), HashMap::new());
        for (id, name, on_cpu_ns) in threads() {
            // A thread that was not there at the last sample has done all of its work since.
            let used = on_cpu_ns.saturating_sub(self.threads.get(&id).copied().unwrap_or(0));
            now.insert(id, on_cpu_ns);
            let name = thread_group(&name);
            match groups.iter_mut().find(|(group, _)| group.name == name) {
                Some((group, ns)) => {
                    group.threads += 1;
                    *ns += used;
                }
                None => groups.push((ThreadGroup { name, threads: 1, cpu_cores: None }, used)),
            }
        }
        self.threads = now;
        groups.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let cores = |ns: u64| (seconds > 0.0).then(|| ns as f64 / 1e9 / seconds);
        groups.into_iter().map(|(group, ns)| ThreadGroup { cpu_cores: cores(ns), ..group }).collect()
    }
}

/// The group that a thread's name puts it in: `yummyd-io-3` is of `io`.
#[must_use]
pub fn thread_group(name: &str) -> String {
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    match name.strip_prefix("yummyd-").unwrap_or(name) {
        "prof" => "profiler",
        "yummyd" => "main",
        // tokio's default names.
        "tokio-rt-worker" | "tokio-runtime-w" => "io",
        group => group,
    }
    .to_owned()
}

/// Id, name and on-CPU nanoseconds of each thread.
fn threads() -> impl Iterator<Item = (String, String, u64)> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks.filter_map(|task| {
        // A thread may end between the listing and the reading.
        let name = fs::read_to_string(task.path().join("comm")).ok()?;
        let on_cpu = fs::read_to_string(task.path().join("schedstat")).ok()?;
        let ns = on_cpu.split_whitespace().next()?.parse().ok()?;
        Some((task.file_name().into_string().ok()?, name.trim_end().to_owned(), ns))
    })
}

/// Virtual size and resident set.
fn memory() -> (u64, u64) {
    // Not from statm, which counts in pages and leaves their size to be known.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |key| status.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok();
    let bytes = |key| kib(key).map_or(0, |kib: u64| kib * 1024);
    (bytes("VmSize:"), bytes("VmRSS:"))
}

fn major_faults() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the name in parentheses and may hold anything; after it the major faults are the tenth.
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    after_name.split(' ').nth(9).and_then(|field| field.parse().ok()).unwrap_or(0)
}

fn max_fds() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let soft = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    soft.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn threads_are_grouped_by_the_name_that_the_daemon_gives_them() {
        for (name, group) in [
            ("yummyd-io-3", "io"),
            ("yummyd-compute-12", "compute"),
            ("yummyd-admin", "admin"),
            ("yummyd-prof", "profiler"),
            ("yummyd", "main"),
            ("tokio-runtime-w", "io"),
            ("worker-7", "worker"),
        ] {
            assert_eq!(thread_group(name), group, "{name}");
        }
    }

    #[test]
    fn cpu_agrees_with_the_clock_of_the_kernel() {
        let mut sampler = ProcessSampler::new();
        let (began, before) = (Instant::now(), user_and_system_ticks());
        while began.elapsed() < Duration::from_secs(2) {
            std::hint::black_box((0..10_000_u64).sum::<u64>());
        }
        let seconds = began.elapsed().as_secs_f64();
        let stats = sampler.sample(seconds);
        let ticks = (user_and_system_ticks() - before) as f64 / 100.0;
        let cores = stats.cpu_cores.expect("seconds have passed");
        // Two clock ticks of 10 ms, and 2 % as promised.
        assert!((cores * seconds - ticks).abs() <= 0.02 + 0.02 * ticks, "{} against {ticks} s", cores * seconds);
        let by_group: f64 = stats.thread_groups.iter().filter_map(|group| group.cpu_cores).sum();
        // Threads of other tests come and go, and take what they used with them.
        assert!(by_group > 0.0 && by_group <= cores * 1.05 + 0.02, "{by_group} of {cores} cores");
    }

    #[test]
    fn the_process_has_memory_threads_and_descriptors() {
        let stats = ProcessSampler::new().sample(1.0);
        assert!(stats.rss_bytes > 1 << 20 && stats.rss_bytes < stats.virtual_bytes);
        assert!(stats.threads >= 1);
        assert!(stats.open_fds.expect("linux") >= 3);
        assert!(stats.max_fds.expect("linux") >= stats.open_fds.expect("linux"));
    }

    fn user_and_system_ticks() -> u64 {
        let stat = fs::read_to_string("/proc/self/stat").expect("linux");
        let fields: Vec<_> = stat.rsplit_once(") ").expect("a name").1.split(' ').collect();
        fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime")
    }
}
