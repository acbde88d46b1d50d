//! What the tests share: where the recorded fixtures are, and how a golden file becomes a frame.

#![allow(clippy::print_stderr, reason = "a skipped test says so")]
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use yummy_models::{
    Feature, FeatureKind, Frame,
    engine::forest::{Split, Tree},
};

/// A model with what Python predicted for it.
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) json: Value,
}

/// All golden models whose name starts with `prefix`.
pub(crate) fn goldens(prefix: &str) -> Vec<Golden> {
    let folder = yummy_fixtures::mlflow();
    let index = read_json(&folder.join("index.json"));
    let models = index["models"].as_array().expect("models");
    let named = models.iter().filter(|model| model["name"].as_str().is_some_and(|name| name.starts_with(prefix)));
    named
        .map(|model| {
            let name = model["name"].as_str().expect("a name").to_owned();
            let dir = folder.join(model["path"].as_str().expect("a path"));
            let json = read_json(&folder.join(format!("golden/{name}.json")));
            Golden { name, dir, json }
        })
        .collect()
}

impl Golden {
    /// The rows as the model takes them.
    pub(crate) fn frame(&self, features: &[Feature]) -> Frame {
        let mut frame = Frame::new(features.len());
        for row in self.json["rows"].as_array().expect("rows") {
            let cells = row.as_array().expect("a row");
            assert_eq!(cells.len(), features.len(), "{}", self.name);
            for ((cell, value), feature) in frame.push_row().iter_mut().zip(cells).zip(features) {
                *cell = code(feature, value);
            }
        }
        frame
    }
}

fn code(feature: &Feature, value: &Value) -> f64 {
    match &feature.kind {
        FeatureKind::ListedCategory(categories) => match value {
            Value::String(text) => categories.code_of_text(text),
            Value::Number(number) => categories.code_of_number(number.as_f64().expect("a double")),
            Value::Bool(value) => categories.code_of_bool(*value),
            _ => f64::NAN,
        },
        FeatureKind::Number | FeatureKind::HashedCategory => number(value),
    }
}

/// A golden number: JSON's, or the three that JSON has not.
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.as_f64().expect("a double"),
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Null => f64::NAN,
        Value::String(text) => text.parse().expect("NaN or an infinity"),
        _ => panic!("{value} is not a cell"),
    }
}

/// All numbers of a value, however deep its lists are.
pub(crate) fn flatten(value: &Value, out: &mut Vec<f64>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| flatten(value, out)),
        _ => out.push(number(value)),
    }
}

pub(crate) fn read_json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Rows that meet a forest where it could go wrong: its thresholds and their neighbours, what is missing, what counts
/// as zero, categories that were never seen.
pub(crate) fn awkward_rows(trees: &[&Tree], features: usize, rows: usize, seed: u64) -> Vec<f64> {
    let mut values: Vec<Vec<f64>> = vec![
        vec![
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            0.0,
            -0.0,
            1e-35,
            -1e-35,
            1.000_000_1e-35,
            9e-36,
            1e-40,
            5e-324,
            1e300,
            -1e300,
            2_147_483_647.0,
            2_147_483_648.0,
            -2_147_483_649.0,
            4_294_967_296.0,
            1e18,
            -1.0,
            -0.5,
            0.5,
            1.5,
            31.0,
            32.0,
            63.9,
            64.0,
            2.0,
        ];
        features
    ];
    for node in trees.iter().flat_map(|tree| tree.nodes()) {
        if let Split::AtMost { threshold, .. } = node.split {
            values[node.feature as usize].extend([threshold, threshold.next_up(), threshold.next_down()]);
        }
    }
    let mut random = Random(seed);
    let mut cells = Vec::with_capacity(rows * features);
    for _ in 0..rows {
        for values in &values {
            let awkward = values[random.below(values.len())];
            cells.push(if random.below(4) == 0 { random.unit() * 6.0 - 3.0 } else { awkward });
        }
    }
    cells
}

/// SplitMix64: the same numbers on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Between 0 and 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
