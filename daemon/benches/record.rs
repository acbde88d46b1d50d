//! What a request pays for being counted, alone and with a second thread that counts the same model truly in parallel.
//!
//! `cargo bench -p yummyd --bench record`. On two threads, a round counts only when both were on a CPU all of its time;
//! the shared histogram stands beside it to show what the shards are for.

#![allow(missing_docs)]

use std::{
    hint::black_box,
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use yummyd::telemetry::{Observation, StageTimes, Telemetry};

/// Records in one measured round of each thread.
const ROUND: u64 = 20_000;

fn record(c: &mut Criterion) {
    let telemetry = Telemetry::new(yummy_api::stats::DaemonInfo {
        version: String::new(),
        pid: 0,
        listen: Vec::new(),
        admin: None,
        mlruns: String::new(),
        started_unix_ms: 0,
    });
    let recorder = telemetry.recorder("wine", Some(1));
    let only_total = |i: u64| Observation {
        status: 200,
        rows: 1,
        in_bytes: 200,
        out_bytes: 20,
        total: Duration::from_nanos(20_000 + (i & 1023)),
        ..Observation::default()
    };
    let scored = |i: u64| {
        let stage = Duration::from_nanos(3_000 + (i & 255));
        let stages = StageTimes { decode: stage, queue: stage / 16, predict: stage * 2, encode: stage };
        Observation { stages: Some(stages), ..only_total(i) }
    };
    let one_timing = |i: u64| recorder.start().finish(&only_total(black_box(i)));
    let all_timings = |i: u64| recorder.start().finish(&scored(black_box(i)));
    let shared: Vec<AtomicU64> = (0..2048).map(|_| AtomicU64::new(0)).collect();
    let one_cell = |i: u64| {
        shared[(black_box(i) & 15) as usize].fetch_add(1, Relaxed);
    };

    let mut group = c.benchmark_group("record");
    group.sample_size(30).measurement_time(Duration::from_secs(3));
    let works: [(&str, &(dyn Fn(u64) + Sync)); 3] = [
        ("request, total only", &one_timing),
        ("request, five timings", &all_timings),
        ("one shared atomic", &one_cell),
    ];
    for (name, work) in works {
        for threads in [1, 2] {
            group.bench_with_input(BenchmarkId::new(name, threads), &threads, |bencher, &threads| {
                bencher.iter_custom(|rounds| measure(work, threads, rounds));
            });
        }
    }
    group.finish();
}

/// Time of `records` records in each of the threads: rounds that all threads spend on a CPU, scaled to the whole.
fn measure(work: &(dyn Fn(u64) + Sync), threads: usize, records: u64) -> Duration {
    let rounds = records.div_ceil(ROUND);
    let (mut wall, mut counted) = (Duration::ZERO, 0);
    while counted < rounds {
        if let Some(round) = parallel_round(work, threads) {
            wall += round;
            counted += 1;
        }
    }
    wall.mul_f64(records as f64 / (rounds * ROUND) as f64)
}

/// One round; `None` when a thread was kept waiting for a CPU.
fn parallel_round(work: &(dyn Fn(u64) + Sync), threads: usize) -> Option<Duration> {
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        let round = || {
            (0..100).for_each(work);
            start.wait();
            let (began, waited) = (Instant::now(), waited_ns());
            (0..ROUND).for_each(work);
            (began, began.elapsed(), waited_ns() - waited)
        };
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(round)).collect();
        let ended: Vec<_> = handles.into_iter().map(|handle| handle.join().expect("no panic")).collect();
        let first = ended.iter().map(|(began, ..)| *began).min()?;
        let longest = ended.iter().map(|(_, took, _)| *took).max()?;
        let overlap = ended.iter().all(|(began, ..)| *began - first < longest / 5);
        let on_cpu = ended.iter().all(|(_, took, waited)| u128::from(*waited) * 20 < took.as_nanos());
        (overlap && on_cpu).then_some(longest)
    })
}

/// Nanoseconds that this thread has waited for a CPU.
fn waited_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("linux");
    text.split(' ').nth(1).and_then(|ns| ns.parse().ok()).expect("nanoseconds")
}

criterion_group!(benches, record);
criterion_main!(benches);
