//! Replays the recorded requests of MLflow's scoring server through decode, score and encode.
//!
//! A 200 must be the recorded body, byte for byte. An error must have the recorded status, `error_code`, `sqlstate`,
//! `error_class`, presence of `stack_trace` and the stable core of the message. What differs on purpose is listed in
//! [`exceptions`], with the reason; anything else fails the test.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "helpers of tests, which report what they compared")]

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::{Fixture, Reply, header};

/// Places where this daemon answers otherwise than MLflow, and why: the table of docs/protocol.md.
fn exception(what: &str, model: &str, recorded: u64, got: &Reply) -> Option<&'static str> {
    match (recorded, got.status) {
        (400, 200) if model == "lgb_cat_pandas" => Some("pandas categories work"),
        (400, 200 | 400) if what.starts_with("1.x") || what == "docs: bare record list" => {
            Some("1.x bodies are accepted")
        }
        (415, 200) if what.contains("format=pandas-") => Some("1.x `format` is accepted"),
        (415, 400) if what.contains("format=pandas-") => Some("1.x `format` is accepted"),
        (500, 415) if what == "no content-type" => Some("no Content-Type is 415"),
        (500, 400) if what.contains("deep nesting") => Some("deep nesting is 400"),
        _ => None,
    }
}

#[test]
fn recorded_pairs_are_answered_as_recorded() {
    let pairs = std::fs::read_to_string(yummy_fixtures::mlflow().join("http_pairs.jsonl")).unwrap();
    let mut fixtures = Fixture::all();
    let mut tally = Tally::default();
    for line in pairs.lines() {
        let pair: Value = serde_json::from_str(line).unwrap();
        tally.replay(&pair, &mut fixtures);
    }
    tally.report("http_pairs.jsonl");
}

/// Pairs that `docs/clients/compare_with_mlflow.py` found answered otherwise, before they were.
#[test]
fn pairs_that_a_comparison_found_are_answered_as_recorded() {
    let mut fixtures = Fixture::all();
    let mut tally = Tally::default();
    for line in include_str!("data/compared_pairs.jsonl").lines() {
        tally.replay(&serde_json::from_str(line).unwrap(), &mut fixtures);
    }
    tally.report("compared_pairs.jsonl");
}

/// Pairs that were made beside the fixtures, each with the folder of its model: `YUMMY_PAIRS=pairs.jsonl`.
#[test]
fn further_pairs_are_answered_as_recorded() {
    let Some(file) = std::env::var_os("YUMMY_PAIRS") else { return };
    let pairs = std::fs::read_to_string(&file).unwrap();
    let mut fixtures = BTreeMap::new();
    let mut tally = Tally::default();
    for line in pairs.lines() {
        let pair: Value = serde_json::from_str(line).unwrap();
        let name = pair["model"].as_str().unwrap().to_owned();
        fixtures.entry(name).or_insert_with(|| Fixture::at(pair["dir"].as_str().unwrap().into()));
        tally.replay(&pair, &mut fixtures);
    }
    tally.report("YUMMY_PAIRS");
}

#[derive(Default)]
struct Tally {
    equal: usize,
    total: usize,
    listed: BTreeMap<&'static str, usize>,
    unsupported: BTreeMap<String, usize>,
    unexplained: Vec<String>,
}

impl Tally {
    fn replay(&mut self, pair: &Value, fixtures: &mut BTreeMap<String, Fixture>) {
        let request = &pair["request"];
        let path = request["path"].as_str().unwrap();
        // Routes, methods and the server's environment are the HTTP layer's.
        let ours = request["method"] == "POST" && (path == "/invocations" || path.starts_with("/invocations?"));
        let what = pair["what"].as_str().unwrap();
        if !ours || what.contains("504") || what.contains("details off") {
            return;
        }
        let name = pair["model"].as_str().unwrap();
        let fixture = fixtures.get_mut(name).unwrap();
        let Some(served) = fixture.load() else {
            *self.unsupported.entry(fixture.reason()).or_default() += 1;
            return;
        };
        let body = support::body(request);
        let got = served.answer(header(request, "content-type").as_deref(), &body);
        let recorded = pair["response"]["status"].as_u64().unwrap();
        let want = pair["response"]["body"].as_str().unwrap_or("");
        self.total += 1;
        match compare(recorded, want, &got) {
            Ok(()) => self.equal += 1,
            Err(difference) => match exception(what, name, recorded, &got) {
                Some(reason) => *self.listed.entry(reason).or_default() += 1,
                None => {
                    let body: String = String::from_utf8_lossy(&body).chars().take(400).collect();
                    self.unexplained
                        .push(format!("{name} | {what} | {recorded} -> {}: {difference}\n    {body}", got.status));
                }
            },
        }
    }

    fn report(&self, file: &str) {
        let listed: usize = self.listed.values().sum();
        println!(
            "{file}: {} of {} equal, {listed} listed exceptions, {} unexplained",
            self.equal,
            self.total,
            self.unexplained.len()
        );
        for (reason, count) in &self.listed {
            println!("  listed: {count} {reason}");
        }
        for (reason, count) in &self.unsupported {
            println!("  not served natively: {count} pairs: {reason}");
        }
        // Differences of words alone come last.
        let words = |difference: &&String| difference.lines().next().is_some_and(|line| line.ends_with("message:"));
        let (last, first): (Vec<&String>, Vec<&String>) = self.unexplained.iter().partition(words);
        for difference in first.into_iter().chain(last).take(300) {
            println!("  {difference}");
        }
        assert!(self.total > 0, "nothing was replayed");
        assert!(self.unexplained.is_empty(), "{} unexplained differences", self.unexplained.len());
    }
}

fn compare(recorded: u64, want: &str, got: &Reply) -> Result<(), String> {
    let text = String::from_utf8_lossy(&got.body);
    if recorded != u64::from(got.status) {
        return Err(text.chars().take(300).collect());
    }
    if recorded == 200 {
        return if text == want { Ok(()) } else { Err(first_difference(want, &text)) };
    }
    let (Ok(want), Ok(got)) = (serde_json::from_str::<Value>(want), serde_json::from_str::<Value>(&text)) else {
        return if support::core(want) == support::core(&text) { Ok(()) } else { Err(format!("{want} / {text}")) };
    };
    for key in ["error_code", "sqlstate", "error_class"] {
        if want[key] != got[key] {
            return Err(format!("{key}: {} / {} {}", want[key], got[key], got["message"]));
        }
    }
    if want.get("stack_trace").is_some() != got.get("stack_trace").is_some() {
        return Err(format!("stack_trace: {} / {}", want["message"], got["message"]));
    }
    let (want, got) =
        (support::core(want["message"].as_str().unwrap()), support::core(got["message"].as_str().unwrap()));
    if want == got { Ok(()) } else { Err(format!("message:\n    {want}\n    {got}")) }
}

fn first_difference(want: &str, got: &str) -> String {
    let at = want.bytes().zip(got.bytes()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| {
        String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(20)..text.len().min(at + 40)]).into_owned()
    };
    format!("at {at}: {} / {}", around(want), around(got))
}
