//! Folded text and speedscope's JSON.

use std::{collections::HashMap, fmt::Write};

use serde_json::{Value, json};

use super::capture::Capture;

/// One `thread;frame;frame count` a line, sorted.
pub(crate) fn text(capture: &Capture, raw: bool) -> String {
    capture.folded(raw).iter().fold(String::new(), |mut text, (stack, count)| {
        let _ = writeln!(text, "{stack} {count}");
        text
    })
}

/// The file format of <https://www.speedscope.app>: one sampled profile per thread, weights in seconds of CPU.
pub(crate) fn speedscope(capture: &Capture, raw: bool) -> Value {
    let seconds = capture.seconds_per_sample();
    let mut frames: Vec<Value> = Vec::new();
    let mut indices: HashMap<String, usize> = HashMap::new();
    let mut threads: Vec<(String, Vec<Vec<usize>>, Vec<f64>)> = Vec::new();
    for (line, count) in capture.folded(raw) {
        let (thread, rest) = line.split_once(';').unwrap_or((&line, ""));
        let mut index = |name: &str| {
            *indices.entry(name.to_owned()).or_insert_with(|| {
                frames.push(json!({ "name": name }));
                frames.len() - 1
            })
        };
        let stack: Vec<_> = rest.split(';').filter(|name| !name.is_empty()).map(&mut index).collect();
        // Lines are sorted, so the lines of a thread follow each other.
        if threads.last().is_none_or(|(name, ..)| name != thread) {
            threads.push((thread.to_owned(), Vec::new(), Vec::new()));
        }
        if let Some((_, samples, weights)) = threads.last_mut() {
            samples.push(stack);
            weights.push(count as f64 * seconds);
        }
    }
    let profiles: Vec<_> = threads
        .into_iter()
        .map(|(name, samples, weights)| {
            let end: f64 = weights.iter().sum();
            json!({
                "type": "sampled", "name": name, "unit": "seconds",
                "startValue": 0, "endValue": end, "samples": samples, "weights": weights,
            })
        })
        .collect();
    json!({
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": format!("yummyd CPU · {}", capture.subtitle()),
        "exporter": concat!("yummyd ", env!("CARGO_PKG_VERSION")),
        "shared": { "frames": frames },
        "profiles": profiles,
    })
}
