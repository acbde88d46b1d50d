//! Heap profiles of this process: what was planted is found, what was freed is gone.
//!
//! One sample each 64 KiB. With n samples an estimate is right to about 1/sqrt(n): what is asked for below are four
//! times that, or a thing that chance does not touch.

use std::{
    collections::BTreeMap,
    hint::black_box,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use yummyd::profile::heap;

use super::{Debug, StatusCode, parse};

const INTERVAL: usize = 64 << 10;
const MIB: f64 = 1024.0 * 1024.0;

/// Turns sampling on; every test of this program may do that first.
async fn sampling() -> Debug {
    let debug = Debug::new(None);
    heap::start(INTERVAL);
    debug
}

impl Debug {
    /// What Go's tools see of the function of this name: MiB in use, MiB ever allocated.
    async fn heap(&self, function: &str) -> (f64, f64) {
        let answer = self.get("/debug/pprof/heap").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.header("content-disposition"), "attachment; filename=\"heap\"");
        let profile = parse::pprof(&answer.body);
        let types = ["alloc_objects/count", "alloc_space/bytes", "inuse_objects/count", "inuse_space/bytes"];
        assert_eq!(profile.types(), types);
        assert_eq!((profile.period, profile.default_type()), (INTERVAL as i64, "inuse_space"));
        let of = |value: usize| profile.total_with(function, value) as f64 / MIB;
        (of(3), of(1))
    }
}

#[inline(never)]
fn plant_small(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| vec![i as u8; 4096]).collect()
}

#[inline(never)]
fn plant_large(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| vec![i as u8; 4 << 20]).collect()
}

#[inline(never)]
fn plant_growing(bytes: usize) -> Vec<u8> {
    let mut grown = Vec::new();
    for i in 0..bytes {
        grown.push(black_box(i as u8));
    }
    grown
}

#[inline(never)]
fn plant_and_free() {
    for i in 0..64_u8 {
        black_box(vec![i; 1 << 20]);
    }
}

#[tokio::test]
async fn planted_memory_is_found_and_freed_memory_is_gone() {
    let debug = sampling().await;
    // 64 MiB in blocks of 4 KiB are some 1,000 samples: right to 3.1 %.
    let small = plant_small(16 << 10);
    let (in_use, allocated) = debug.heap("plant_small").await;
    assert!((in_use - 64.0).abs() < 0.125 * 64.0, "{in_use} MiB of 64 in small blocks");
    assert!((allocated - in_use).abs() < 1e-9, "nothing of it was freed");
    // A block of 64 distances is sampled but for one in e^64.
    let large = plant_large(16);
    let (in_use, _) = debug.heap("plant_large").await;
    assert!((in_use - 64.0).abs() < 0.01, "{in_use} MiB of 64 in large blocks");
    drop((small, large));
    for function in ["plant_small", "plant_large"] {
        let (in_use, allocated) = debug.heap(function).await;
        assert!(in_use == 0.0 && allocated > 56.0, "{function}: {in_use} MiB in use, {allocated} allocated");
    }
}

#[tokio::test]
async fn a_growing_block_is_what_it_has_grown_to() {
    let debug = sampling().await;
    let grown = plant_growing(24 << 20);
    let (in_use, allocated) = debug.heap("plant_growing").await;
    let capacity = grown.capacity() as f64 / MIB;
    assert!((in_use - capacity).abs() < 0.01, "{in_use} MiB of {capacity}");
    assert!(allocated >= 1.9 * capacity, "{allocated} MiB for all of its sizes");
    drop(grown);
    assert!(debug.heap("plant_growing").await.0 == 0.0);
}

#[tokio::test]
async fn what_comes_and_goes_is_allocated_and_not_in_use() {
    let debug = sampling().await;
    plant_and_free();
    let (in_use, allocated) = debug.heap("plant_and_free").await;
    assert!(in_use == 0.0 && (allocated - 64.0).abs() < 0.01, "{in_use} MiB in use, {allocated} of 64 allocated");
}

#[tokio::test]
async fn the_flame_graph_shows_what_is_in_use_by_readable_names() {
    let debug = sampling().await;
    let kept = plant_large(8);
    let svg = debug.get("/debug/flamegraph/heap.svg").await;
    let raw = debug.get("/debug/flamegraph/heap.svg?raw=1").await;
    assert_eq!((svg.status, svg.header("content-type")), (StatusCode::OK, "image/svg+xml"));
    let text = svg.text();
    assert!(text.contains("yummyd · heap in use") && text.contains(" MiB in use · "), "title and subtitle");
    assert!(text.contains("one sample each 64 KiB"));
    let title = text.split("<title>").find(|title| title.starts_with("profile::heap::plant_large")).expect("its frame");
    assert!(title.starts_with("profile::heap::plant_large (32,768 KiB in use, "), "{}", &title[..80]);
    assert!(
        !text.contains("__rust_alloc") && !text.contains("yummyd::profile::heap::allocator"),
        "not the way into the allocator"
    );
    assert!(raw.text().contains("start_thread") && raw.text().contains("alloc::"));
    drop(kept);
}

/// Every way to ask for memory, with contents that must not change.
#[inline(never)]
fn churn(seed: u64) {
    let (mut random, mut kept) = (seed, BTreeMap::new());
    for step in 0..10_000_u64 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (key, size) = (random >> 58, 1 << (random >> 32 & 17));
        match random >> 40 & 3 {
            0 => drop(kept.remove(&key)),
            1 => drop(kept.insert(key, vec![key as u8; size])),
            2 => drop(kept.insert(key, zeroed(size, key as u8))),
            _ => {
                let block: &mut Vec<u8> = kept.entry(key).or_default();
                block.resize(size, key as u8);
                block.shrink_to_fit();
            }
        }
        if step % 512 == 0 {
            let whole = kept.iter().all(|(key, block)| block.iter().all(|byte| *byte == *key as u8));
            assert!(whole, "a block has changed");
        }
    }
}

#[tokio::test]
async fn memory_keeps_its_contents_whatever_is_sampled() {
    let debug = sampling().await;
    let threads: Vec<_> = (1..5).map(|seed| thread::spawn(move || churn(seed))).collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    let (in_use, allocated) = debug.heap("churn").await;
    assert!(in_use == 0.0 && allocated > 30.0, "{in_use} MiB in use, {allocated} allocated");
}

fn zeroed(size: usize, with: u8) -> Vec<u8> {
    let mut block = vec![0; size];
    assert!(block.iter().all(|byte| *byte == 0), "zeroed memory is zero");
    block.fill(with);
    block
}

/// Over-aligned memory stays aligned, and moves with its alignment.
#[tokio::test]
async fn alignments_are_kept() {
    #[derive(Clone)]
    #[repr(align(8192))]
    struct Wide([u8; 8192]);
    let _debug = sampling().await;
    let mut blocks = Vec::new();
    for i in 0..2000_u32 {
        blocks.push(Box::new(Wide([i as u8; 8192])));
        if i % 3 == 0 {
            blocks.swap_remove(blocks.len() / 2);
        }
    }
    assert!(blocks.iter().all(|block| std::ptr::from_ref(&**block).addr() % 8192 == 0));
    assert!(blocks.iter().all(|block| block.0.iter().all(|byte| *byte == block.0[0])));
    let mut row = Vec::new();
    (0..100_u8).for_each(|i| row.push(Wide([i; 8192])));
    assert!(row.as_ptr().addr() % 8192 == 0 && row.iter().enumerate().all(|(i, wide)| wide.0[8191] == i as u8));
}

#[tokio::test]
async fn allocating_threads_do_not_wait_for_a_profile() {
    let debug = sampling().await;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let allocating = thread::spawn(move || {
        let mut turns = 0_u64;
        while !flag.load(std::sync::atomic::Ordering::Relaxed) {
            black_box(vec![1_u8; 100_000]);
            turns += 1;
        }
        turns
    });
    let began = Instant::now();
    let mut profiles = 0;
    while began.elapsed() < Duration::from_millis(500) || profiles < 2 {
        assert_eq!(debug.get("/debug/pprof/heap").await.status, StatusCode::OK);
        profiles += 1;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(allocating.join().expect("no panic") > 0);
}
