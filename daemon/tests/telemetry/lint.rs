//! The rules of `promtool check metrics`, and those of the text format.

use std::collections::{BTreeMap, BTreeSet};

/// Ends of a histogram's series.
const PARTS: [&str; 3] = ["_bucket", "_sum", "_count"];
const NOT_BASE_UNITS: [&str; 10] =
    ["ms", "milliseconds", "us", "microseconds", "ns", "minutes", "hours", "kb", "mb", "percent"];
const TYPES: [&str; 4] = ["counter", "gauge", "histogram", "summary"];

/// What is wrong with a text, in order of the lines.
pub(crate) fn problems(text: &str) -> Vec<String> {
    let mut linter = Linter::default();
    text.lines().for_each(|line| linter.line(line));
    if !text.is_empty() && !text.ends_with('\n') {
        linter.problems.push("the last line does not end".to_owned());
    }
    linter.finish();
    linter.problems
}

#[derive(Default)]
struct Linter {
    problems: Vec<String>,
    help: BTreeSet<String>,
    types: BTreeMap<String, String>,
    /// Families whose samples have begun, and the one that goes on.
    begun: BTreeSet<String>,
    current: String,
    series: BTreeSet<String>,
    /// Counts of each histogram series by its labels without `le`, in order.
    buckets: BTreeMap<(String, String), Vec<(String, f64)>>,
    counts: BTreeMap<(String, String), f64>,
}

impl Linter {
    fn line(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            self.check(name, !help.trim().is_empty(), "no help text");
            let new = self.help.insert(name.to_owned());
            self.check(name, new, "HELP twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, ""));
            self.name(name, kind);
            let new = self.types.insert(name.to_owned(), kind.to_owned()).is_none();
            self.check(name, new, "TYPE twice");
        } else if !line.starts_with('#') {
            self.sample(line);
        }
    }

    fn name(&mut self, name: &str, kind: &str) {
        self.check(name, TYPES.contains(&kind), "unknown type");
        let snake = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        self.check(name, snake && !name.starts_with(|c: char| c.is_ascii_digit()), "names are snake case");
        self.check(name, kind != "counter" || name.ends_with("_total"), "a counter ends in _total");
        self.check(name, kind == "counter" || !name.ends_with("_total"), "only counters end in _total");
        let part = PARTS.iter().any(|part| name.ends_with(part));
        self.check(name, !part, "_bucket, _sum and _count are parts of histograms");
        let words: Vec<_> = name.split('_').collect();
        self.check(name, !words.iter().any(|w| NOT_BASE_UNITS.contains(w)), "base units are seconds and bytes");
        self.check(name, !words.iter().any(|w| TYPES.contains(w)), "the type is no part of a name");
    }

    fn sample(&mut self, line: &str) {
        let name_end = line.find(['{', ' ']).unwrap_or(line.len());
        let (series, value) = line.rsplit_once(' ').unwrap_or((line, ""));
        let (name, labels) = series.split_at(name_end);
        let family = PARTS.iter().find_map(|part| {
            let family = name.strip_suffix(part)?;
            (self.types.get(family)? == "histogram").then_some(family)
        });
        let family = family.unwrap_or(name).to_owned();
        let (helped, typed) = (self.help.contains(&family), self.types.contains_key(&family));
        self.check(&family, helped, "no HELP");
        self.check(&family, typed, "no TYPE");
        if family != self.current {
            let new = self.begun.insert(family.clone());
            self.check(&family, new, "its samples are not together");
            self.current.clone_from(&family);
        }
        let new = self.series.insert(series.to_owned());
        self.check(name, new, "twice");
        let Ok(value) = value.parse::<f64>() else {
            return self.problems.push(format!("{name}: {value} is no number"));
        };
        let labels = self.labels(name, labels);
        let rest: Vec<_> = labels.iter().filter(|(key, _)| key != "le").map(|(k, v)| format!("{k}={v}")).collect();
        let key = (family, rest.join(","));
        if name.ends_with("_bucket") {
            let bound = labels.into_iter().find(|(key, _)| key == "le").map_or_else(String::new, |(_, bound)| bound);
            self.buckets.entry(key).or_default().push((bound, value));
        } else if name.ends_with("_count") {
            self.counts.insert(key, value);
        }
    }

    /// `{key="value",…}` with its escapes.
    fn labels(&mut self, name: &str, text: &str) -> Vec<(String, String)> {
        let mut labels: Vec<(String, String)> = Vec::new();
        let mut rest = text.trim_start_matches('{').trim_end_matches('}');
        while let Some((key, after)) = rest.split_once("=\"") {
            let mut escaped = false;
            let end = after.find(|c| {
                let closes = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                closes
            });
            let Some(end) = end else { break };
            let word = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !key.starts_with("__");
            self.check(name, word, "label names are words");
            if labels.iter().any(|(known, _)| known == key) {
                self.problems.push(format!("{name}: label {key} twice"));
            }
            labels.push((key.to_owned(), after[..end].to_owned()));
            rest = after[end + 1..].trim_start_matches(',');
        }
        self.check(name, rest.is_empty(), "labels cannot be read");
        labels
    }

    fn finish(&mut self) {
        let histograms: Vec<_> =
            self.types.iter().filter(|(_, kind)| *kind == "histogram").map(|(n, _)| n.clone()).collect();
        for name in histograms {
            let mine: Vec<_> = self.counts.iter().filter(|((family, _), _)| *family == name).collect();
            let complete = mine.iter().all(|(key, count)| {
                let buckets = self.buckets.get(key).map(Vec::as_slice).unwrap_or_default();
                buckets.last().is_some_and(|(bound, n)| bound == "+Inf" && n == *count)
            });
            self.check(&name, complete, "a histogram without +Inf");
        }
        let unsorted = self.buckets.iter().find(|(_, buckets)| !buckets.is_sorted_by(|a, b| a.1 <= b.1));
        if let Some(((name, _), _)) = unsorted {
            self.problems.push(format!("{name}: buckets are not cumulative"));
        }
    }

    fn check(&mut self, name: &str, holds: bool, problem: &str) {
        if !holds {
            self.problems.push(format!("{name}: {problem}"));
        }
    }
}
