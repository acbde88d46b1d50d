//! Prometheus text, made when it is asked for from the same totals that the windows are made of.
//!
//! Labels come from the catalog, never from requests, and at most [`MAX_LABELLED`] versions have labels of their own.

use std::{borrow::Cow, fmt::Write, sync::atomic::Ordering};

use yummy_api::{metrics, stats::Bound};

use super::{
    Stock, Telemetry,
    aggregate::Tracked,
    histogram::middle,
    series::Totals,
    shard::{Class, Timing, counter},
};

/// Versions with labels of their own; the requests of all others are added up under [`OTHERS`]. A version costs up to
/// 110 series.
const MAX_LABELLED: usize = 200;
/// Label of the versions beyond that. Not a name that MLflow's file store would have made a directory of by accident.
const OTHERS: &str = "__others__";
/// Upper bounds of the histograms, seconds: 1-2.5-5 steps around what a forest takes, up to the default timeout.
const BOUNDS: [f64; 19] = [
    10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
const STAGES: [(&str, Timing); 4] =
    [("decode", Timing::Decode), ("queue", Timing::Queue), ("predict", Timing::Predict), ("encode", Timing::Encode)];
const CLASSES: [(&str, Class); 4] =
    [("2xx", Class::Ok), ("4xx", Class::ClientError), ("5xx", Class::ServerError), ("gone", Class::Gone)];

/// All metrics as text.
pub(super) fn render(telemetry: &Telemetry) -> String {
    let mut stock = telemetry.stock();
    stock.aggregator.collect();
    let mut text = Text::default();
    requests(&mut text, &labelled(&stock));
    text.family(metrics::IN_FLIGHT, "gauge", "Scoring requests being answered now.");
    text.sample(metrics::IN_FLIGHT, &[], stock.aggregator.in_flight() as f64);
    process(&mut text, &stock, telemetry);
    drop(stock);
    models(&mut text, telemetry);
    text.0
}

/// Totals with the two labels of a model version.
struct Labelled<'a> {
    model: &'a str,
    version: String,
    totals: Cow<'a, Totals>,
}

fn labelled(stock: &Stock) -> Vec<Labelled<'_>> {
    let aggregator = &stock.aggregator;
    let models = aggregator.models.iter().map(|((name, version), tracked)| (name.as_str(), *version, tracked));
    let mut all: Vec<(&str, Option<u64>, &Tracked)> = models.chain([("", None, &aggregator.unrouted)]).collect();
    // The busiest keep their labels.
    all.sort_by_key(|(.., tracked)| std::cmp::Reverse(tracked.series.totals.counters[counter::FINISHED]));
    let others = all.split_off(all.len().min(MAX_LABELLED));
    let mut labelled: Vec<_> = all
        .into_iter()
        .map(|(model, version, tracked)| Labelled {
            model,
            version: version_label(version),
            totals: Cow::Borrowed(&tracked.series.totals),
        })
        .collect();
    labelled.sort_by(|a, b| (a.model, &a.version).cmp(&(b.model, &b.version)));
    if !others.is_empty() {
        let mut totals = Totals::new();
        others.iter().for_each(|(.., tracked)| totals.merge(&tracked.series.totals));
        labelled.push(Labelled { model: OTHERS, version: String::new(), totals: Cow::Owned(totals) });
    }
    labelled
}

fn requests(text: &mut Text, all: &[Labelled<'_>]) {
    text.family(metrics::REQUEST_DURATION, "histogram", "Response time of scoring requests inside the daemon.");
    for of in all {
        let labels = [("model", of.model), ("version", of.version.as_str())];
        text.histogram(metrics::REQUEST_DURATION, &labels, &of.totals, Timing::Total);
    }
    text.family(metrics::STAGE_DURATION, "histogram", "Time of scored requests by stage.");
    for of in all {
        for (stage, timing) in STAGES {
            let labels = [("model", of.model), ("version", of.version.as_str()), ("stage", stage)];
            text.histogram(metrics::STAGE_DURATION, &labels, &of.totals, timing);
        }
    }
    text.family(metrics::REQUESTS, "counter", "Scoring requests by how they ended; load carries x-yummy-load.");
    for of in all {
        for (kind, load) in [("traffic", false), ("load", true)] {
            for (status, class) in CLASSES {
                let version = of.version.as_str();
                let labels = [("model", of.model), ("version", version), ("status", status), ("kind", kind)];
                text.sample(metrics::REQUESTS, &labels, of.totals.class(class, load) as f64);
            }
        }
    }
    for (name, help, index) in [
        (metrics::ROWS, "Rows scored.", counter::ROWS),
        (metrics::REQUEST_BYTES, "Bytes of request bodies.", counter::IN_BYTES),
        (metrics::RESPONSE_BYTES, "Bytes of response bodies.", counter::OUT_BYTES),
    ] {
        text.family(name, "counter", help);
        for of in all {
            let labels = [("model", of.model), ("version", of.version.as_str())];
            text.sample(name, &labels, of.totals.counters[index] as f64);
        }
    }
}

fn models(text: &mut Text, telemetry: &Telemetry) {
    let source = telemetry.about.source.get();
    let mut rows = source.map_or_else(Vec::new, |source| source.models());
    rows.sort_by(|a, b| a.name.cmp(&b.name).then(a.version.cmp(&b.version)));
    text.family(metrics::MODEL_STATE, "gauge", "1 for the state that a model version is in.");
    for row in rows.iter().take(MAX_LABELLED) {
        let version = version_label(row.version);
        let labels = [("model", row.name.as_str()), ("version", &version), ("state", row.state.as_str())];
        text.sample(metrics::MODEL_STATE, &labels, 1.0);
    }
    text.family(metrics::QUEUE_DEPTH, "gauge", "Scoring requests that wait for a compute thread.");
    text.sample(metrics::QUEUE_DEPTH, &[], source.map_or(0, |source| source.queue_depth()) as f64);
    bounds(text, &source.map_or_else(Vec::new, |source| source.bounds()));
    text.family(metrics::RELOADS, "counter", "Model versions loaded, by result.");
    for (result, count) in [("ok", &telemetry.loads_ok), ("failed", &telemetry.loads_failed)] {
        text.sample(metrics::RELOADS, &[("result", result)], count.load(Ordering::Relaxed) as f64);
    }
}

fn bounds(text: &mut Text, bounds: &[Bound]) {
    if bounds.is_empty() {
        return;
    }
    text.family(metrics::LIMIT, "gauge", "What a bound of requests or connections is set to.");
    for bound in bounds {
        text.sample(metrics::LIMIT, &[("key", &bound.key)], bound.limit);
    }
    text.family(metrics::LIMIT_MET, "counter", "How often a bound was met.");
    for bound in bounds {
        text.sample(metrics::LIMIT_MET, &[("key", &bound.key)], bound.met as f64);
    }
}

fn process(text: &mut Text, stock: &Stock, telemetry: &Telemetry) {
    text.family(metrics::BUILD_INFO, "gauge", "1, with the version of yummyd.");
    text.sample(metrics::BUILD_INFO, &[("version", &telemetry.about.daemon.version)], 1.0);
    let process = &stock.process;
    let cpu = super::clock::process_cpu().as_secs_f64();
    text.family(metrics::PROCESS_CPU, "counter", "CPU time of the process in user and kernel mode.");
    text.sample(metrics::PROCESS_CPU, &[], cpu);
    for (name, help, value) in [
        (metrics::PROCESS_RSS, "Resident set.", Some(process.rss_bytes)),
        (metrics::PROCESS_VIRTUAL, "Virtual memory.", Some(process.virtual_bytes)),
        (metrics::PROCESS_THREADS, "Threads.", Some(process.threads)),
        (metrics::PROCESS_OPEN_FDS, "Open file descriptors.", process.open_fds),
        (metrics::PROCESS_MAX_FDS, "Limit of open file descriptors.", process.max_fds),
    ] {
        if let Some(value) = value {
            text.family(name, "gauge", help);
            text.sample(name, &[], value as f64);
        }
    }
    text.family(metrics::PROCESS_START, "gauge", "Start of the process since the Unix epoch.");
    text.sample(metrics::PROCESS_START, &[], telemetry.about.daemon.started_unix_ms as f64 / 1e3);
}

fn version_label(version: Option<u64>) -> String {
    version.map_or_else(String::new, |version| version.to_string())
}

/// Text in Prometheus' exposition format.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        for (i, (label, value)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{}\"", if i == 0 { '{' } else { ',' }, Escaped(value));
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// The buckets that Prometheus wants, from ours: one of ours counts where its middle lies.
    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], totals: &Totals, timing: Timing) {
        let mut buckets = totals.counts(timing).peekable();
        let mut count = 0;
        for bound in BOUNDS {
            while let Some((_, n)) = buckets.next_if(|(index, _)| middle(*index) as f64 / 1e9 <= bound) {
                count += n;
            }
            self.bucket(name, labels, &bound.to_string(), count);
        }
        count += buckets.map(|(_, n)| n).sum::<u64>();
        self.bucket(name, labels, "+Inf", count);
        self.sample(&format!("{name}_sum"), labels, totals.sum_ns(timing) as f64 / 1e9);
        self.sample(&format!("{name}_count"), labels, count as f64);
    }

    fn bucket(&mut self, name: &str, labels: &[(&str, &str)], bound: &str, count: u64) {
        let labels: Vec<_> = labels.iter().copied().chain([("le", bound)]).collect();
        self.sample(&format!("{name}_bucket"), &labels, count as f64);
    }
}

/// A label's value: backslash, quote and line feed are escaped.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            c => f.write_char(c),
        })
    }
}
