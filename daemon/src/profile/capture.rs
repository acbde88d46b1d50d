//! A finished capture: its stacks with names, and what the numbers mean.

use std::{collections::BTreeMap, sync::Arc};

use yummy_api::profile::{CaptureInfo, FoldedProfile, FoldedStack, ModelActivity};

use super::{
    names,
    proto::{Row, Table},
    sampler::{ClockKind, RawProfile},
    symbols::{Frame, Symbols},
};
use crate::telemetry::Activity;

/// What Go's tools call the main value of a CPU profile, and its unit.
const CPU: [&str; 2] = ["cpu", "nanoseconds"];

/// What was measured around the samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Samples a second that were asked for.
    pub hz: u32,
    /// What decided when a sample was taken.
    pub clock: ClockKind,
    /// When it began.
    pub at_unix_ms: u64,
    /// Wall time, seconds.
    pub seconds: f64,
    /// CPU time that the process used meanwhile, seconds.
    pub on_cpu_seconds: f64,
    /// Requests answered meanwhile.
    pub activity: Activity,
}

/// One distinct stack with names.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// The thread's name, without a number.
    pub thread: String,
    /// Frames from the root to the leaf.
    pub frames: Vec<Arc<Frame>>,
    /// Samples.
    pub count: u64,
}

/// A finished capture.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    /// Number under which it is kept; `None` for one that is not.
    pub id: Option<u64>,
    /// What was measured around the samples.
    pub measured: Measured,
    /// All stacks.
    pub stacks: Vec<Stack>,
}

impl Capture {
    /// Finds the names of raw stacks. Reads debug information: takes a second the first time.
    pub(crate) fn resolve(raw: &RawProfile, measured: Measured) -> Self {
        let mut symbols = Symbols::new();
        let mut shared: BTreeMap<Frame, Arc<Frame>> = BTreeMap::new();
        let mut share = |frame: Frame| Arc::clone(shared.entry(frame.clone()).or_insert_with(|| Arc::new(frame)));
        let mut stacks: BTreeMap<(String, Vec<Arc<Frame>>), u64> = BTreeMap::new();
        for (stack, count) in raw {
            let frames = symbols.stack(&stack.addresses).into_iter().map(&mut share).collect();
            *stacks.entry((names::thread(&stack.thread), frames)).or_default() += count;
        }
        let stacks = stacks.into_iter().map(|((thread, frames), count)| Stack { thread, frames, count }).collect();
        Self { id: None, measured, stacks }
    }

    /// Samples taken.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.stacks.iter().map(|stack| stack.count).sum()
    }

    /// Share of the samples asked for that the kernel delivered, while the process was on CPU.
    #[must_use]
    pub fn yielded(&self) -> Option<f64> {
        let expected = f64::from(self.measured.hz) * self.measured.on_cpu_seconds;
        (expected > 0.0).then(|| self.samples() as f64 / expected)
    }

    /// CPU time that one sample stands for: the measured time shared among them, not the asked-for period, because the
    /// kernel may deliver fewer.
    #[must_use]
    pub fn seconds_per_sample(&self) -> f64 {
        let samples = self.samples();
        if samples == 0 { 0.0 } else { self.measured.on_cpu_seconds / samples as f64 }
    }

    /// Folded stacks, sorted: thread and frames joined by `;`, and samples. Trimmed for reading unless `raw`.
    #[must_use]
    pub fn folded(&self, raw: bool) -> BTreeMap<String, u64> {
        let mut folded = BTreeMap::new();
        for stack in &self.stacks {
            *folded.entry(stack.line(raw).join(";")).or_default() += stack.count;
        }
        folded
    }

    /// The capture as programs read it.
    #[must_use]
    pub fn profile(&self, raw: bool) -> FoldedProfile {
        let stacks = self
            .folded(raw)
            .into_iter()
            .map(|(line, count)| FoldedStack { frames: line.split(';').map(str::to_owned).collect(), count });
        FoldedProfile {
            hz: self.measured.hz,
            seconds: self.measured.seconds,
            on_cpu_seconds: self.measured.on_cpu_seconds,
            samples: self.samples(),
            stacks: stacks.collect(),
        }
    }

    /// For Go's tools. Times are the measured on-CPU time shared among the samples.
    pub(crate) fn table(&self) -> Table<'_> {
        let ns = self.seconds_per_sample() * 1e9;
        // Below 2^53 for any capture: a day of 1,000 cores.
        let values = |count: u64| vec![count, (count as f64 * ns).round() as u64];
        Table {
            types: vec![["samples", "count"], CPU],
            default_type: CPU[0],
            period: (CPU, 1_000_000_000 / u64::from(self.measured.hz.max(1))),
            at_unix_ms: self.measured.at_unix_ms,
            seconds: self.measured.seconds,
            rows: self
                .stacks
                .iter()
                .map(|stack| Row { frames: &stack.frames, values: values(stack.count), thread: Some(&stack.thread) })
                .collect(),
        }
    }

    /// What it says about itself, without the stacks.
    #[must_use]
    pub fn info(&self) -> CaptureInfo {
        let Measured { hz, at_unix_ms, seconds, on_cpu_seconds, ref activity, .. } = self.measured;
        let per_second = |n: u64| if seconds > 0.0 { n as f64 / seconds } else { 0.0 };
        let models = activity.by_model.iter().map(|((name, version), n)| ModelActivity {
            name: name.clone(),
            version: *version,
            rps: per_second(*n),
        });
        CaptureInfo {
            id: self.id,
            at_unix_ms,
            hz,
            seconds,
            on_cpu_seconds,
            samples: self.samples(),
            yielded: self.yielded(),
            rps: per_second(activity.requests),
            load_rps: per_second(activity.load_requests),
            models: models.collect(),
        }
    }

    /// One line for a person: rate, time, samples, and how far they can be believed.
    #[must_use]
    pub fn subtitle(&self) -> String {
        let Measured { hz, clock, seconds, on_cpu_seconds, .. } = self.measured;
        let yielded = self.yielded().map_or_else(String::new, |share| format!(" · yield {:.0} %", share * 100.0));
        let samples = self.samples();
        let info = self.info();
        let mut line = format!("{hz} Hz · {seconds:.1} s · {samples} samples · {on_cpu_seconds:.2} on-CPU s{yielded}");
        line += match clock {
            ClockKind::Thread => "",
            ClockKind::ThreadUser => " · time in the kernel not sampled",
            ClockKind::Process => " · by the kernel's tick, which misses short turns",
        };
        if info.rps > 0.0 {
            line += &format!(" · {:.0} requests/s", info.rps);
        }
        if info.load_rps > 0.0 {
            line += &format!(", {:.0} % of it load", 100.0 * info.load_rps / info.rps);
        }
        line
    }
}

impl Stack {
    /// Thread and frames, as a folded line has them.
    pub(crate) fn line(&self, raw: bool) -> Vec<String> {
        let mut line = vec![self.thread.clone()];
        if raw {
            line.extend(self.frames.iter().map(|frame| names::no_separator(&frame.name)));
        } else {
            line.extend(names::trim(self.frames.iter().map(|frame| (&*frame.name, frame.file.as_deref()))));
        }
        line
    }
}
