//! The machine and the limits of the cgroup, so that "the box is full" can be told from "we are slow".

use std::{
    fs,
    path::{Path, PathBuf},
};

use yummy_api::stats::MachineStats;

/// Where the kernel shows control groups.
const CGROUPS: &str = "/sys/fs/cgroup";
/// A cgroup v1 without a memory limit has one of nearly 2^63 bytes.
const NO_LIMIT: u64 = 1 << 60;

/// Reads the machine once a second.
pub(crate) struct MachineSampler {
    busy: Option<BusyTime>,
    cgroup: Cgroup,
    /// Cores by affinity and quota. Both change rarely, and are read once.
    cores: f64,
}

impl MachineSampler {
    pub(crate) fn new() -> Self {
        let cgroup = Cgroup::of_this_process();
        let allowed = allowed_cores().unwrap_or(1.0);
        let cores = cgroup.cpu_quota().map_or(allowed, |quota| quota.min(allowed));
        Self { busy: BusyTime::now(), cgroup, cores }
    }

    pub(crate) fn sample(&mut self) -> MachineStats {
        let busy = BusyTime::now();
        let cpu_share = self.busy.as_ref().zip(busy.as_ref()).and_then(|(before, now)| now.share_since(before));
        self.busy = busy;
        let (total, available) = memory();
        let limit = self.cgroup.memory_limit().filter(|limit| *limit < total);
        let left = limit.zip(self.cgroup.memory_used()).map(|(limit, used)| limit.saturating_sub(used));
        MachineStats {
            cores: self.cores,
            cpu_share,
            memory_bytes: limit.unwrap_or(total),
            available_bytes: match (available, left) {
                (Some(machine), Some(group)) => Some(machine.min(group)),
                (machine, group) => machine.or(group),
            },
        }
    }
}

/// Clock ticks of all cores since the machine started.
struct BusyTime {
    busy: u64,
    all: u64,
}

impl BusyTime {
    fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// user nice system idle iowait irq softirq steal; guest time is within user time.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().take(8).map_while(|field| field.parse().ok()).collect();
        let all = ticks.iter().sum::<u64>();
        let idle = ticks.get(3)? + ticks.get(4)?;
        Some(Self { busy: all - idle, all })
    }

    fn share_since(&self, before: &Self) -> Option<f64> {
        let all = self.all.checked_sub(before.all).filter(|all| *all > 0)?;
        Some(self.busy.saturating_sub(before.busy) as f64 / all as f64)
    }
}

/// Total and available memory in bytes.
fn memory() -> (u64, Option<u64>) {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = |key: &str| text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok();
    let bytes = |key: &str| kib(key).map(|kib: u64| kib * 1024);
    (bytes("MemTotal:").unwrap_or(0), bytes("MemAvailable:"))
}

/// Cores that the scheduler may put this process on.
fn allowed_cores() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    count_cores(list.trim()).map(f64::from)
}

/// Counts a list like `0-3,8`.
fn count_cores(list: &str) -> Option<u32> {
    list.split(',').try_fold(0, |sum, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        Some(sum + last.checked_sub(first)? + 1)
    })
}

/// The control groups of a process, in either version. A limit holds for all groups below it, so each is looked for
/// from the group up to the root.
struct Cgroup {
    v2: Vec<PathBuf>,
    v1_memory: Vec<PathBuf>,
    v1_cpu: Vec<PathBuf>,
}

impl Cgroup {
    fn of_this_process() -> Self {
        Self::parse(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default(), Path::new(CGROUPS))
    }

    /// Lines are `id:controllers:path`; version 2 has no controllers.
    fn parse(groups: &str, root: &Path) -> Self {
        let path = |wanted: fn(&str) -> bool| {
            let found = groups.lines().find_map(|line| {
                let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
                controllers.split(',').any(wanted).then_some(path)
            });
            found.unwrap_or("/").trim_start_matches('/')
        };
        let upwards = |mount: &str, path: &str| {
            let mount = root.join(mount);
            let below = mount.join(path);
            below.ancestors().take_while(|dir| dir.starts_with(&mount)).map(Path::to_path_buf).collect()
        };
        Self {
            v2: upwards("", path(str::is_empty)),
            v1_memory: upwards("memory", path(|c| c == "memory")),
            v1_cpu: upwards("cpu", path(|c| c == "cpu")),
        }
    }

    fn cpu_quota(&self) -> Option<f64> {
        let v2 = self.v2.iter().filter_map(|dir| {
            let text = fs::read_to_string(dir.join("cpu.max")).ok()?;
            let (quota, period) = text.trim().split_once(' ')?;
            Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
        });
        let v1 = self.v1_cpu.iter().filter_map(|dir| {
            let quota = number(&dir.join("cpu.cfs_quota_us"))?;
            Some(quota as f64 / number(&dir.join("cpu.cfs_period_us"))? as f64)
        });
        v2.chain(v1).reduce(f64::min)
    }

    fn memory_limit(&self) -> Option<u64> {
        let v2 = self.v2.iter().filter_map(|dir| number(&dir.join("memory.max")));
        let v1 = self.v1_memory.iter().filter_map(|dir| number(&dir.join("memory.limit_in_bytes")));
        v2.chain(v1).filter(|limit| *limit < NO_LIMIT).min()
    }

    fn memory_used(&self) -> Option<u64> {
        let v2 = self.v2.first().and_then(|dir| number(&dir.join("memory.current")));
        v2.or_else(|| number(&self.v1_memory.first()?.join("memory.usage_in_bytes")))
    }
}

/// A file that holds one number; `max` and `-1` are none.
fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_counted_from_ranges() {
        assert_eq!(count_cores("0-3,8"), Some(5));
        assert_eq!(count_cores("0"), Some(1));
        assert_eq!(count_cores(""), None);
    }

    #[test]
    fn the_busy_share_leaves_out_idle_and_waiting_for_disks() {
        let before = BusyTime::parse("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1 1 1").expect("ticks");
        let now = BusyTime::parse("cpu  150 0 110 730 110 0 0 0 0 0\n").expect("ticks");
        assert_eq!(now.share_since(&before), Some(0.6));
        assert_eq!(now.share_since(&now), None, "no time has passed");
    }

    #[test]
    fn the_tightest_limit_on_the_way_to_the_root_counts() {
        let root = tempfile::tempdir().expect("a directory");
        let inner = root.path().join("pod/app");
        fs::create_dir_all(&inner).expect("directories");
        fs::write(inner.join("cpu.max"), "max 100000\n").expect("written");
        fs::write(inner.join("memory.max"), "max\n").expect("written");
        fs::write(inner.join("memory.current"), "1000\n").expect("written");
        fs::write(root.path().join("pod/cpu.max"), "150000 100000\n").expect("written");
        fs::write(root.path().join("pod/memory.max"), "1048576\n").expect("written");
        let cgroup = Cgroup::parse("0::/pod/app\n", root.path());
        assert_eq!(cgroup.cpu_quota(), Some(1.5));
        assert_eq!(cgroup.memory_limit(), Some(1_048_576));
        assert_eq!(cgroup.memory_used(), Some(1000));
    }

    #[test]
    fn version_one_has_its_limits_by_controller() {
        let root = tempfile::tempdir().expect("a directory");
        for (dir, file, text) in [
            ("memory/job", "memory.limit_in_bytes", "2097152"),
            ("memory/job", "memory.usage_in_bytes", "4096"),
            ("memory", "memory.limit_in_bytes", "9223372036854771712"),
            ("cpu", "cpu.cfs_quota_us", "-1"),
            ("cpu", "cpu.cfs_period_us", "100000"),
        ] {
            fs::create_dir_all(root.path().join(dir)).expect("a directory");
            fs::write(root.path().join(dir).join(file), text).expect("written");
        }
        let cgroup = Cgroup::parse("4:memory:/job\n2:cpu,cpuacct:/\n0::/\n", root.path());
        assert_eq!(cgroup.memory_limit(), Some(2_097_152));
        assert_eq!(cgroup.memory_used(), Some(4096));
        assert_eq!(cgroup.cpu_quota(), None);
    }

    #[test]
    fn this_machine_has_cores_and_memory() {
        let stats = MachineSampler::new().sample();
        assert!(stats.cores > 0.0 && stats.memory_bytes > 1 << 20);
        assert!(stats.available_bytes.expect("linux") <= stats.memory_bytes);
    }
}
