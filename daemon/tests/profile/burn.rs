//! Threads that burn CPU in two functions, and know how much in each.

use std::{
    fs,
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
};

/// Name of the function whose share is looked for.
pub(crate) const PLANTED: &str = "profile::burn::planted";
/// Threads: as many as the smallest machine that we test on has cores.
const THREADS: usize = 2;

/// Burns until it is dropped.
pub(crate) struct Burner {
    stop: Arc<AtomicBool>,
    spent: Arc<[AtomicU64; 2]>,
    threads: Vec<JoinHandle<()>>,
}

/// CPU nanoseconds in the planted function, and in the other.
pub(crate) struct Spent([u64; 2]);

impl Spent {
    pub(crate) fn share_since(&self, before: &Self) -> f64 {
        let [planted, other] = [0, 1].map(|i| (self.0[i] - before.0[i]) as f64);
        planted / (planted + other)
    }
}

impl Burner {
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let spent = Arc::new([const { AtomicU64::new(0) }; 2]);
        let threads = (0..THREADS).map(|number| {
            let (stop, spent) = (Arc::clone(&stop), Arc::clone(&spent));
            let builder = std::thread::Builder::new().name(format!("burner-{number}"));
            builder.spawn(move || alternate(number as u64, &stop, &spent)).expect("a thread")
        });
        Self { threads: threads.collect(), stop, spent }
    }

    pub(crate) fn spent(&self) -> Spent {
        Spent([0, 1].map(|i| self.spent[i].load(Relaxed)))
    }
}

impl Drop for Burner {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().expect("no panic"));
    }
}

/// Turns of changing length, so that they cannot run in step with the sampler.
fn alternate(seed: u64, stop: &AtomicBool, spent: &[AtomicU64; 2]) {
    let mut random = seed + 1;
    let mut last = on_cpu_ns();
    while !stop.load(Relaxed) {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let length = 200_000 + (random >> 46);
        planted(2 * length);
        last = account(&spent[0], last);
        other(length);
        last = account(&spent[1], last);
    }
}

fn account(spent: &AtomicU64, since: u64) -> u64 {
    let now = on_cpu_ns();
    spent.fetch_add(now - since, Relaxed);
    now
}

#[inline(never)]
fn planted(rounds: u64) -> u64 {
    (0..rounds).fold(1, |a: u64, i| black_box(a.wrapping_mul(31).wrapping_add(i)))
}

#[inline(never)]
fn other(rounds: u64) -> u64 {
    (0..rounds).fold(2, |a: u64, i| black_box(a.wrapping_mul(37).wrapping_sub(i)))
}

/// CPU time of this thread.
fn on_cpu_ns() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("linux");
    text.split(' ').next().and_then(|ns| ns.parse().ok()).expect("nanoseconds")
}
