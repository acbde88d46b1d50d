//! Damaged files: refused, or scored with whatever they say, but never a panic, a hang or memory beyond the file's size.
//!
//! `YUMMY_DAMAGED_FILES=10000 cargo test -p yummy-models --test catboost damaged` makes as many of each file; a plain
//! test makes few.

use std::env;

use yummy_models::{Frame, Method, Scorer, engine::catboost::CatBoost};

use crate::{compared::Recorded, recorded::folders, support::fixtures};

/// Damaged files made of each whole one, unless the environment asks for more.
const FEW: usize = 60;

/// What a model may hold per byte of its file, and beside that.
const BYTES_PER_BYTE: usize = 80;
const BYTES_FREE: usize = 64 << 20;

#[test]
fn damaged_files_are_refused_or_score() {
    let count = env::var("YUMMY_DAMAGED_FILES").map_or(FEW, |count| count.parse().unwrap());
    let mut rng = Random(0x2026_1121);
    let (mut refused, mut whole) = (0, 0);
    for folder in folders() {
        let recorded = Recorded::read(&folder);
        for _ in 0..count {
            let bytes = damage(&recorded.bytes, &mut rng);
            match CatBoost::read("model.cb", &bytes, recorded.model_type) {
                Ok(model) => {
                    whole += 1;
                    exercise(&model, bytes.len());
                }
                Err(error) => {
                    refused += 1;
                    assert!(!error.to_string().contains('\n'), "{error}");
                }
            }
        }
    }
    // Both happen: files are neither all refused unread nor all taken.
    assert!(refused > whole / 10 && whole > 0, "{refused} refused, {whole} taken");
}

#[test]
fn every_cut_is_refused() {
    for folder in folders() {
        let recorded = Recorded::read(&folder);
        let length = recorded.bytes.trim_ascii_end().len();
        for cut in (0..length).step_by(length / 200 + 1) {
            let read = CatBoost::read("model.cb", &recorded.bytes[..cut], recorded.model_type);
            assert!(read.is_err(), "{} cut at {cut} of {length}", folder.display());
        }
    }
}

#[test]
fn other_files_are_refused() {
    let model_type = yummy_models::engine::catboost::ModelType::Regressor;
    for bytes in
        [&b""[..], b"CBM1", b"CBM1\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"{}", b"[]", b"null", b"\0\0"]
    {
        assert!(CatBoost::read("model.cb", bytes, model_type).is_err(), "{bytes:?}");
    }
    let nested = "{\"left\":".repeat(100_000);
    let text = format!("{{\"features_info\":{{}},\"trees\":[{nested}");
    assert!(CatBoost::read("model.cb", text.as_bytes(), model_type).is_err());
}

#[test]
fn frames_of_another_width_are_refused() {
    let recorded = Recorded::read(&folders()[0]);
    let model = recorded.load().unwrap();
    for cols in [0, 1, model.features().len() - 1, model.features().len() + 1] {
        let frame = Frame::from_cells(vec![0.0; cols * 3], 3, cols).unwrap();
        assert!(model.score(Method::Predict, &frame, &mut Vec::new()).is_err(), "{cols} columns");
    }
}

#[test]
fn a_file_being_written_is_refused_at_every_size() {
    for fixture in fixtures().iter().filter(|fixture| fixture.name == "cb_cat_bin_ints") {
        let bytes = std::fs::read(fixture.dir.join("model.cb")).unwrap();
        for cut in (0..bytes.len()).step_by(997) {
            let read = CatBoost::read("model.cb", &bytes[..cut], yummy_models::engine::catboost::ModelType::Classifier);
            assert!(read.is_err(), "cut at {cut}");
        }
    }
}

/// Scores a few rows with every method.
fn exercise(model: &CatBoost, file_bytes: usize) {
    let held = model.summary().memory_bytes;
    assert!(held <= BYTES_PER_BYTE * file_bytes + BYTES_FREE, "{held} bytes of a file of {file_bytes}");
    let cols = model.features().len();
    for rows in [1, 3] {
        let cells = (0..rows * cols).map(|cell| [0.5, f64::NAN, -3e9, 7e9, 0.0][cell % 5]).collect();
        let frame = Frame::from_cells(cells, rows, cols).unwrap();
        for method in
            [Method::Predict, Method::PredictProba, Method::RawScore, Method::LeafIndex, Method::Contributions]
        {
            let mut answer = Vec::new();
            if let Some(output) = model.output(method) {
                model.score(method, &frame, &mut answer).unwrap();
                assert_eq!(answer.len(), rows * output.shape.width());
            }
        }
    }
}

/// Changes a few places of a file: bits, bytes, whole numbers, or pieces that are moved, doubled or lost.
fn damage(bytes: &[u8], rng: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut below = |limit: usize| rng.below(limit.max(1));
    for _ in 0..1 + below(3) {
        let at = below(bytes.len());
        match below(7) {
            0 => bytes[at] ^= 1 << below(8),
            1 => bytes[at] = below(256) as u8,
            2 => bytes[at] = b"0123456789-.,[]{}e\"n"[below(20)],
            3 => {
                let word = [0, 1, u32::MAX, i32::MAX as u32, 1 << 16, 255][below(6)].to_le_bytes();
                let at = at & !3;
                let end = bytes.len().min(at + 4);
                bytes[at..end].copy_from_slice(&word[..end - at]);
            }
            4 => {
                let end = bytes.len().min(at + 1 + below(64));
                bytes.drain(at..end);
            }
            5 => {
                let end = bytes.len().min(at + 1 + below(64));
                let piece = bytes[at..end].to_vec();
                let to = below(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ => {
                let (other, length) = (below(bytes.len()), 1 + below(16));
                for offset in 0..length {
                    if at.max(other) + offset < bytes.len() {
                        bytes.swap(at + offset, other + offset);
                    }
                }
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// Numbers that are the same in every run (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}
