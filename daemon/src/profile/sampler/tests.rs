//! Real samples of real threads, one test at a time: a process has one sampler.

#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::{
    fs,
    hint::black_box,
    io::{self, Read},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{
    Sampler,
    clock::{Clock, ClockKind},
    cpu,
};
use crate::profile::symbols::Symbols;

/// Longest name that Linux keeps: 15 bytes.
const THREAD: &str = "sampled-thread";
const VISIT: Duration = Duration::from_millis(10);

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether each thread has its own clock here.
fn threads_have_clocks(wanted: &[ClockKind]) -> bool {
    let kind = ClockKind::of_this_kernel();
    let has = wanted.contains(&kind);
    if !has {
        println!("skipped: this kernel gives us {kind:?} only");
    }
    has
}

/// Lets a thread do `work` again and again for `length`; returns its samples, and the CPU seconds that it used.
fn sampled(sampler: &mut Sampler, length: Duration, work: impl Fn() + Send + 'static) -> (u64, f64) {
    let began = Instant::now();
    let busy = thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
        while began.elapsed() < length {
            work();
        }
        cpu::thread_cpu().as_secs_f64()
    });
    let busy = busy.expect("a thread");
    while !busy.is_finished() {
        thread::sleep(VISIT);
        sampler.collect();
    }
    let seconds = busy.join().expect("no panic");
    let samples = sampler.profile.iter().filter(|(stack, _)| stack.thread == THREAD).map(|(_, count)| count).sum();
    (samples, seconds)
}

fn spin(length: Duration) {
    let began = Instant::now();
    while began.elapsed() < length {
        black_box((0..100_u64).sum::<u64>());
    }
}

/// Event files that this process has open.
fn open_events() -> usize {
    let files = fs::read_dir("/proc/self/fd").expect("linux").filter_map(Result::ok);
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    targets.filter(|target| target.to_string_lossy().contains("perf_event")).count()
}

#[test]
fn a_thread_that_runs_for_40_us_at_a_time_has_its_samples() {
    let _turn = turn();
    if !threads_have_clocks(&[ClockKind::Thread]) {
        return;
    }
    let mut sampler = Sampler::start(999).expect("a sampler");
    let (samples, seconds) = sampled(&mut sampler, Duration::from_secs(3), || {
        spin(Duration::from_micros(40));
        thread::sleep(Duration::from_millis(1));
    });
    let share = samples as f64 / (999.0 * seconds);
    // Some 13 of the 75 us that such a turn costs are the switch to the thread and away, which have no samples; nor has
    // what the thread used before it was found. The interval timer gets 0 to 0.3 here.
    assert!((0.6..=1.1).contains(&share), "{samples} samples in {seconds} s on CPU: {share}");
}

#[test]
fn time_in_the_kernel_counts_for_the_function_that_called_it() {
    let _turn = turn();
    if !threads_have_clocks(&[ClockKind::Thread]) {
        return;
    }
    let mut sampler = Sampler::start(250).expect("a sampler");
    let (samples, seconds) = sampled(&mut sampler, Duration::from_secs(1), read_zeros);
    let mut symbols = Symbols::new();
    let mut is_reading =
        |addresses: &[usize]| symbols.stack(addresses).iter().any(|frame| frame.name.ends_with("tests::read_zeros"));
    let profile = sampler.take();
    let reading: u64 = profile.iter().filter(|(stack, _)| is_reading(&stack.addresses)).map(|(_, count)| count).sum();
    assert!(reading as f64 >= 0.5 * 250.0 * seconds, "{reading} of {samples} samples in {seconds} s");
}

#[inline(never)]
fn read_zeros() {
    let mut buffer = vec![0; 1 << 20];
    fs::File::open("/dev/zero").and_then(|mut zeros| zeros.read_exact(&mut buffer)).expect("linux");
    black_box(buffer);
}

#[test]
fn events_are_closed_with_their_threads_and_with_the_sampler() {
    let _turn = turn();
    if !threads_have_clocks(&[ClockKind::Thread, ClockKind::ThreadUser]) {
        return;
    }
    assert_eq!(open_events(), 0);
    let mut sampler = Sampler::start(99).expect("a sampler");
    let waiting: Vec<_> = (0..40).map(|_| thread::spawn(|| thread::sleep(Duration::from_millis(300)))).collect();
    thread::sleep(Duration::from_millis(150));
    sampler.collect();
    assert!(open_events() >= 40, "new threads were found");
    waiting.into_iter().for_each(|thread| thread.join().expect("no panic"));
    sampler.collect();
    assert!(open_events() < 40, "ended threads were forgotten");
    drop(sampler);
    assert_eq!(open_events(), 0);
}

#[test]
fn the_thread_that_samples_is_not_sampled() {
    let _turn = turn();
    if !threads_have_clocks(&[ClockKind::Thread, ClockKind::ThreadUser]) {
        return;
    }
    let work = || {
        let mut sampler = Sampler::start(999).expect("a sampler");
        let (others_before, all_before) = (sampler.cpu_time(), cpu::process_cpu());
        let own_before = cpu::thread_cpu();
        spin(Duration::from_millis(300));
        let (own, all) = (cpu::thread_cpu() - own_before, cpu::process_cpu() - all_before);
        let others = sampler.cpu_time() - others_before;
        let profile = sampler.take();
        assert!(profile.keys().all(|stack| stack.thread != THREAD), "{:?}", profile.keys());
        // The clocks are read one after the other.
        assert!(others < all.saturating_sub(own) + Duration::from_millis(20), "{others:?} of {all:?}, own {own:?}");
    };
    thread::Builder::new().name(THREAD.to_owned()).spawn(work).expect("a thread").join().expect("no panic");
}

#[test]
fn without_events_the_interval_timer_takes_the_samples() {
    let _turn = turn();
    let refusing = |kind| match kind {
        ClockKind::Thread => Err(io::Error::from_raw_os_error(libc::EACCES)),
        ClockKind::ThreadUser => Err(io::Error::from_raw_os_error(libc::ENOSYS)),
        ClockKind::Process => Clock::of_kind(kind, 250),
    };
    let mut sampler = Sampler::with(|| ClockKind::first_allowed(refusing)).expect("a sampler");
    assert_eq!((sampler.clock(), open_events()), (ClockKind::Process, 0));
    let (samples, seconds) = sampled(&mut sampler, Duration::from_secs(1), || spin(Duration::from_millis(50)));
    assert!(samples > 0, "none in {seconds} s");
}

#[test]
fn without_the_privilege_time_outside_of_the_kernel_is_sampled() {
    let _turn = turn();
    if !threads_have_clocks(&[ClockKind::Thread, ClockKind::ThreadUser]) {
        return;
    }
    let refusing = |kind| match kind {
        ClockKind::Thread => Err(io::Error::from_raw_os_error(libc::EACCES)),
        kind => Clock::of_kind(kind, 250),
    };
    let mut sampler = Sampler::with(|| ClockKind::first_allowed(refusing)).expect("a sampler");
    assert_eq!(sampler.clock(), ClockKind::ThreadUser);
    let (samples, seconds) = sampled(&mut sampler, Duration::from_secs(1), || spin(Duration::from_millis(50)));
    let share = samples as f64 / (250.0 * seconds);
    assert!((0.5..=1.1).contains(&share), "{samples} samples in {seconds} s on CPU");
}

#[test]
fn one_sampler_at_a_time() {
    let _turn = turn();
    let _first = Sampler::start(99).expect("a sampler");
    assert!(Sampler::start(99).is_err());
}
