//! Readers of the profile formats that share no code with their writers.

use std::io::Read;

use flate2::read::GzDecoder;
use prost::Message;
use serde_json::Value;

/// Share of the samples with the function anywhere in their stack.
pub(crate) fn folded_share(text: &str, function: &str) -> f64 {
    let lines = text.lines().map(|line| line.rsplit_once(' ').expect("a count"));
    let counted: Vec<(&str, u64)> = lines.map(|(stack, n)| (stack, n.parse().expect("a count"))).collect();
    let of = |wanted: &dyn Fn(&str) -> bool| -> u64 { counted.iter().filter(|(s, _)| wanted(s)).map(|(_, n)| n).sum() };
    of(&|stack| stack.split(';').any(|frame| frame == function)) as f64 / of(&|_| true) as f64
}

/// Sum of the percentages in the titles of the function's rectangles: `name (12 ms on CPU, 34.56%)`.
pub(crate) fn svg_share(svg: &str, function: &str) -> f64 {
    let titles = svg.split("<title>").skip(1).filter_map(|rest| rest.split("</title>").next());
    let own = titles.filter(|title| title.split(" (").next() == Some(function));
    own.map(|title| {
        let percent = title.rsplit(", ").next().and_then(|rest| rest.strip_suffix("%)")).expect("a percentage");
        percent.parse::<f64>().expect("a number") / 100.0
    })
    .sum()
}

pub(crate) fn speedscope_share(json: &Value, function: &str) -> f64 {
    let frames = json["shared"]["frames"].as_array().expect("frames");
    let index = frames.iter().position(|frame| frame["name"] == function).expect("the function") as u64;
    let (mut own, mut all) = (0.0, 0.0);
    for profile in json["profiles"].as_array().expect("profiles") {
        let samples = profile["samples"].as_array().expect("samples");
        for (stack, weight) in samples.iter().zip(profile["weights"].as_array().expect("weights")) {
            let weight = weight.as_f64().expect("a number");
            all += weight;
            if stack.as_array().expect("a stack").contains(&index.into()) {
                own += weight;
            }
        }
    }
    own / all
}

pub(crate) fn pprof_share(gzipped: &[u8], function: &str) -> f64 {
    let profile = pprof(gzipped);
    let with: i64 = profile.sample.iter().filter(|s| profile.has(s, function)).map(|sample| sample.value[1]).sum();
    with as f64 / profile.total(1) as f64
}

pub(crate) fn pprof(gzipped: &[u8]) -> Profile {
    let mut bytes = Vec::new();
    GzDecoder::new(gzipped).read_to_end(&mut bytes).expect("gzip");
    Profile::decode(bytes.as_slice()).expect("a profile")
}

impl Profile {
    pub(crate) fn types(&self) -> Vec<String> {
        self.sample_type.iter().map(|t| format!("{}/{}", self.text(t.kind), self.text(t.unit))).collect()
    }

    pub(crate) fn period_type(&self) -> String {
        let of = self.period_type.as_ref().expect("a period type");
        format!("{}/{}", self.text(of.kind), self.text(of.unit))
    }

    pub(crate) fn default_type(&self) -> &str {
        self.text(self.default_sample_type)
    }

    /// Sum over the samples with a function of this name, whatever its path: builds with little debug information know
    /// the path of some functions only.
    pub(crate) fn total_with(&self, function: &str, value: usize) -> i64 {
        let with = |sample: &&Sample| self.any(sample, |name| name.rsplit("::").next() == Some(function));
        self.sample.iter().filter(with).map(|sample| sample.value[value]).sum()
    }

    pub(crate) fn total(&self, value: usize) -> i64 {
        self.sample.iter().map(|sample| sample.value[value]).sum()
    }

    fn text(&self, index: i64) -> &str {
        &self.string_table[usize::try_from(index).expect("an index")]
    }

    fn has(&self, sample: &Sample, function: &str) -> bool {
        self.any(sample, |name| name == function)
    }

    fn any(&self, sample: &Sample, is: impl Fn(&str) -> bool) -> bool {
        sample.location_id.iter().any(|id| {
            let location = self.location.iter().find(|location| location.id == *id).expect("a location");
            assert!(self.mapping.iter().any(|mapping| mapping.id == location.mapping_id), "its mapping exists");
            location.line.iter().any(|line| {
                let found = self.function.iter().find(|function| function.id == line.function_id);
                is(self.text(found.expect("a function").name))
            })
        })
    }
}

/// `perftools.profiles.Profile` of pprof's `profile.proto`, as far as these tests look.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Profile {
    #[prost(message, repeated, tag = "1")]
    pub(crate) sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) sample: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) mapping: Vec<Mapping>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    pub(crate) string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    pub(crate) time_nanos: i64,
    #[prost(int64, tag = "10")]
    pub(crate) duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    pub(crate) period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    pub(crate) period: i64,
    #[prost(int64, tag = "14")]
    pub(crate) default_sample_type: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueType {
    #[prost(int64, tag = "1")]
    pub(crate) kind: i64,
    #[prost(int64, tag = "2")]
    pub(crate) unit: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    pub(crate) location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    pub(crate) value: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Mapping {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Location {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) mapping_id: u64,
    #[prost(message, repeated, tag = "4")]
    pub(crate) line: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Line {
    #[prost(uint64, tag = "1")]
    pub(crate) function_id: u64,
    #[prost(int64, tag = "2")]
    pub(crate) line: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Function {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(int64, tag = "2")]
    pub(crate) name: i64,
}
