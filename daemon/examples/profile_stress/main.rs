//! Profiles a process that does all that has crashed profilers: panics, allocation, thread churn, dlopen.
//!
//! `cargo run --release -p yummyd --example profile_stress [SECONDS] [CANCELS] [CAPTURES]`
//!
//! Three parts: captures at 250 Hz for SECONDS (60); CANCELS (1,000) captures of a daemon that scores and reloads, whose
//! clients leave after a random time; and the resident set after CAPTURES (50) captures, which may have grown by 40 MB.
//! All with the heap sampled eight times as often as the daemon does. Exits with 1 when a part fails; a crash speaks for
//! itself.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod serving;

use std::{
    ffi::CString,
    hint::black_box,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serving::Serving;
use tikv_jemallocator::Jemalloc;
use yummyd::profile::{
    Profiler, Request,
    heap::{self, DEFAULT_INTERVAL, Sampling},
};

#[global_allocator]
static ALLOCATOR: Sampling<Jemalloc> = Sampling(Jemalloc);

/// How much the resident set may grow over all captures.
const MAX_GROWTH: u64 = 40 << 20;
/// A library of glibc that nothing here needs.
const LIBRARY: &str = "libresolv.so.2";
const HZ: u32 = 250;
/// What the panics say that are part of it.
const MEANT: &str = "as deep as it goes";

fn main() -> ExitCode {
    println!("at the start: {} resident", mib(resident()));
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse().expect("whole numbers"));
    let mut next = |default: u64| arguments.next().unwrap_or(default);
    let (seconds, cancels, captures) = (next(60), next(1000), next(50));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    heap::start(DEFAULT_INTERVAL / 8);
    let profiler = Profiler::spawn(None, None).expect("a thread");
    let stress = Stress::start();
    runtime.block_on(endure(&profiler, Duration::from_secs(seconds)));
    cancel(cancels);
    stress.stop();
    if runtime.block_on(measure_memory(&profiler, captures)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Captures one after the other.
async fn endure(profiler: &Profiler, length: Duration) {
    let (began, mut samples, mut captures) = (Instant::now(), 0, 0);
    while began.elapsed() < length {
        let capture = profiler.capture(next(Duration::from_secs(5))).await.expect("a capture");
        samples += capture.samples();
        captures += 1;
    }
    println!("endured {:.0} s at {HZ} Hz: {captures} captures, {samples} samples", began.elapsed().as_secs_f64());
}

/// Captures that are given up, of a daemon that has other things to do.
fn cancel(cancels: u64) {
    if cancels == 0 {
        return;
    }
    let mlruns = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/mlruns");
    let (began, serving) = (Instant::now(), Serving::start(&mlruns));
    let ends = serving.cancel(cancels);
    let (answered, reloaded) = serving.stop();
    println!(
        "{cancels} captures in {:.0} s: {} clients left, {} stayed to the end, {} found another running; {answered} \
         requests were answered and {reloaded} reloads done meanwhile",
        began.elapsed().as_secs_f64(),
        ends.left,
        ends.finished,
        ends.busy
    );
}

async fn measure_memory(profiler: &Profiler, captures: u64) -> bool {
    let burn = Flag::default();
    let burner = burn.thread(|| {
        black_box((0..10_000_u64).sum::<u64>());
    });
    profiler.capture(next(Duration::from_millis(100))).await.expect("a capture");
    let before = resident();
    for _ in 0..captures {
        profiler.capture(next(Duration::from_millis(200))).await.expect("a capture");
    }
    let after = resident();
    burn.raise();
    burner.join().expect("no panic");
    let held = after.saturating_sub(before) <= MAX_GROWTH;
    let verdict = if held { "ok" } else { "TOO MUCH" };
    println!("{captures} captures: resident {} before, {} after: {verdict}", mib(before), mib(after));
    held
}

fn next(length: Duration) -> Request {
    Request::Next { length, hz: HZ }
}

#[derive(Clone, Default)]
struct Flag(Arc<AtomicBool>);

impl Flag {
    fn raise(&self) {
        self.0.store(true, Relaxed);
    }

    fn thread(&self, mut work: impl FnMut() + Send + 'static) -> JoinHandle<()> {
        let flag = self.clone();
        thread::spawn(move || {
            while !flag.0.load(Relaxed) {
                work();
            }
        })
    }
}

struct Stress {
    stop: Flag,
    threads: Vec<JoinHandle<()>>,
    counts: [Arc<AtomicU64>; 4],
}

impl Stress {
    fn start() -> Self {
        // Thousands a second that are meant to be, and those that are not.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload_as_str() != Some(MEANT) {
                hook(info);
            }
        }));
        let (stop, counts) = (Flag::default(), [(); 4].map(|()| Arc::<AtomicU64>::default()));
        let counted = |index: usize, work: fn()| {
            let count = Arc::clone(&counts[index]);
            stop.thread(move || {
                work();
                count.fetch_add(1, Relaxed);
            })
        };
        let threads = vec![
            counted(0, panic_and_catch),
            counted(0, panic_and_catch),
            counted(1, allocate),
            counted(2, || thread::spawn(allocate).join().expect("no panic")),
            counted(3, load_library),
        ];
        Self { stop, threads, counts }
    }

    fn stop(self) {
        self.stop.raise();
        self.threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        drop(std::panic::take_hook());
        let [panics, allocations, threads, libraries] = self.counts.map(|count| count.load(Relaxed));
        println!("meanwhile: {panics} panics, {allocations} allocations, {threads} threads, {libraries} dlopens");
    }
}

fn panic_and_catch() {
    let caught = std::panic::catch_unwind(|| deep(8));
    assert!(caught.is_err());
}

#[inline(never)]
fn deep(depth: u32) {
    if black_box(depth) == 0 {
        std::panic::panic_any(MEANT);
    }
    deep(depth - 1);
    black_box(depth);
}

fn allocate() {
    let blocks: Vec<Vec<u8>> = (1..64_usize).map(|size| vec![1; size * 97]).collect();
    black_box(blocks);
}

fn load_library() {
    let name = CString::new(LIBRARY).expect("no zero byte");
    // SAFETY: the name is a C string that lives on; the library has no constructors that touch this program, and the
    // handle is closed once.
    #[allow(unsafe_code)]
    unsafe {
        let handle = libc::dlopen(name.as_ptr(), libc::RTLD_NOW);
        if !handle.is_null() {
            libc::dlclose(handle);
        }
    }
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident set");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
