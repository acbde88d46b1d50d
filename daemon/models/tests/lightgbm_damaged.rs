//! Damaged model files end in an error or in a model that still answers: never in a panic, an endless loop or a heap
//! that grows without bound.
//!
//! `YUMMY_DAMAGED_FILES=10000` sets how many files of each container are tried; without it, a few hundred.

mod common;

use std::{fs, path::Path, time::Instant};

use common::{Random, read_json};
use yummy_models::{Frame, LoadOptions, Method, MlModel, flavor};

/// Enough to meet every kind of damage, and over in about a second.
const DEFAULT_FILES: usize = 400;

/// The seeds have at most 100 KB; reading one takes a few times that, and the test itself some megabytes.
const MAX_RESIDENT_KB: u64 = 256 << 10;

/// A small model takes well under a millisecond to load; this is for a busy machine.
const MAX_SECONDS: f64 = 5.0;

#[test]
fn damaged_texts() {
    let outputs = read_json(&data("outputs.json"));
    let text = |name: &str| outputs["models"][name]["model"].as_str().expect("text").as_bytes().to_vec();
    let seeds = ["categorical", "multiclass", "linear", "zero_missing"].map(text);
    damage("model.lgb", &seeds);
}

#[test]
fn damaged_pickles() {
    let seeds = ["text_5.pkl", "bool_0.pkl", "object_2.pkl", "custom_classifier.pkl"].map(read);
    damage("model.pkl", &seeds);
}

#[test]
fn damaged_skops_archives() {
    let seeds = ["text.skops", "object.skops"].map(read).to_vec();
    // Damage to a compressed member seldom gets past its checksum: the same without compression.
    let stored = seeds.iter().map(|seed| stored(seed)).collect::<Vec<_>>();
    damage("model.skops", &[seeds, stored].concat());
}

fn damage(file: &str, seeds: &[Vec<u8>]) {
    let files = std::env::var("YUMMY_DAMAGED_FILES").map_or(DEFAULT_FILES, |count| count.parse().expect("a number"));
    let dir = tempfile::tempdir().expect("a folder");
    let mlmodel = MlModel::parse(&format!("flavors:\n  lightgbm:\n    data: {file}\n")).expect("an MLmodel");
    let mut loaded = 0;
    for number in 0..files {
        let mut random = Random(number as u64);
        let mut bytes = seeds[number % seeds.len()].clone();
        for _ in 0..=random.below(3) {
            mutate(&mut bytes, &mut random);
        }
        fs::write(dir.path().join(file), &bytes).expect("a file");
        let start = Instant::now();
        loaded += usize::from(load_and_score(dir.path(), &mlmodel));
        assert!(start.elapsed().as_secs_f64() < MAX_SECONDS, "file {number} took {:?}", start.elapsed());
    }
    assert!(loaded > 0 && loaded < files, "{loaded} of {files} were loaded: the damage does not test anything");
    if let Some(resident) = peak_resident_kb() {
        assert!(resident < MAX_RESIDENT_KB, "{resident} KB");
    }
}

/// Whether it was loaded; then every output has been computed as well.
fn load_and_score(dir: &Path, mlmodel: &MlModel) -> bool {
    let Ok(scorer) = flavor::load(dir, mlmodel, &LoadOptions::default()) else { return false };
    let cols = scorer.features().len();
    let cells = [f64::NAN, 1e300, -1.0, 0.0, 31.0, f64::INFINITY, f64::NEG_INFINITY].into_iter().cycle();
    let frame = Frame::from_cells(cells.take(3 * cols).collect(), 3, cols).expect("whole rows");
    let mut out = Vec::new();
    for method in [Method::Predict, Method::PredictProba, Method::RawScore, Method::LeafIndex, Method::Contributions] {
        if let Some(output) = scorer.output(method) {
            let width = output.shape.width();
            scorer.score(method, &frame, &mut out).expect("its own columns");
            assert_eq!(out.len(), 3 * width);
        }
    }
    true
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len().max(1));
    let end = (at + 1 + random.below(40)).min(bytes.len());
    match random.below(9) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at.min(end)..end)),
        2 => {
            let copy = bytes[at.min(end)..end].to_vec();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, copy);
        }
        3 => with_byte(bytes, at, |byte| byte ^ (1 << (at % 8))),
        4 => with_byte(bytes, at, |_| b'0' + (at % 10) as u8),
        5 => with_byte(bytes, at, |_| b"-9 =\n\r\0\xff.e"[at % 10]),
        // A number becomes an extreme one.
        6 | 7 => {
            let digit = |byte: &u8| byte.is_ascii_digit();
            if let Some(start) = bytes.iter().skip(at).position(digit).map(|skip| skip + at) {
                let length = bytes[start..].iter().take_while(|byte| digit(byte)).count();
                let extremes = ["0", "-1", "2147483647", "2147483648", "99999999999", "1e308", "nan", "inf", "1", "3"];
                bytes.splice(start..start + length, extremes[random.below(extremes.len())].bytes());
            }
        }
        _ => {
            let value = random.next() as u8;
            with_byte(bytes, at, |_| value);
        }
    }
}

fn with_byte(bytes: &mut [u8], at: usize, change: impl Fn(u8) -> u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = change(*byte);
    }
}

fn stored(archive: &[u8]) -> Vec<u8> {
    use std::io::{Cursor, Write};
    let mut from = zip::ZipArchive::new(Cursor::new(archive)).expect("a zip");
    let mut to = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..from.len() {
        let mut member = from.by_index(index).expect("a member");
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        to.start_file(member.name().expect("a name").into_owned(), options).expect("a member");
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut member, &mut bytes).expect("its bytes");
        to.write_all(&bytes).expect("memory");
    }
    to.finish().expect("a zip").into_inner()
}

/// The most memory that this process has had, where the system tells.
fn peak_resident_kb() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

fn read(name: &str) -> Vec<u8> {
    fs::read(data(name)).expect(name)
}

fn data(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lightgbm").join(name)
}
