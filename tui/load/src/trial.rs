//! One trial: plays a schedule, watches its windows as they close, judges them, drains and sums up.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use yummy_api::load::{LoadQuantiles, Trial, TrialCpu, TrialWindow, Verdict};

use crate::{
    error::LoadError,
    guard::{self, Asked, Health},
    latency::Latency,
    observe::{CpuMark, SILENCE},
    play::{Counts, Failure, Play, WINDOW},
    progress::Phase,
    schedule::Schedule,
    session::{Session, pause},
    slo::SLOW_BUDGET,
    verdict::{Decision, Judge},
};

/// How often the trial looks at its counts; a stop is noticed at once, not at this pace.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long the last answers are waited for.
const DRAIN: Duration = Duration::from_secs(2);
/// Windows without objectives are looked at this long after their end.
const WINDOW_SLACK: Duration = Duration::from_millis(50);
/// Two warm-up windows that differ by no more than this are steady.
const STEADY: f64 = 0.10;
/// Warm-up windows at most.
const MAX_WARMUP: usize = 10;
/// Share of failures above which a run stops by itself, and for how many windows.
const MOSTLY_FAILING: f64 = 0.5;
const FAILING_WINDOWS: u32 = 3;

/// What comes before the windows that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Warmup {
    /// So many windows.
    Windows(usize),
    /// Until two windows in a row agree, ten at most.
    UntilSteady,
}

impl Warmup {
    /// Longest warm-up, seconds.
    pub(crate) fn longest(self) -> usize {
        match self {
            Self::Windows(windows) => windows,
            Self::UntilSteady => MAX_WARMUP,
        }
    }
}

/// What a trial is to do.
pub(crate) struct TrialSpec {
    pub(crate) purpose: String,
    /// At least as long as the warm-up and `windows` together.
    pub(crate) schedule: Schedule,
    pub(crate) warmup: Warmup,
    /// Windows to measure at most.
    pub(crate) windows: usize,
    pub(crate) bodies: Arc<[Bytes]>,
    pub(crate) rows: u64,
    /// Decides early; without, everything is measured to the end.
    pub(crate) judge: Option<Judge>,
    /// Whether a run of failures stops the trial (load-test and stress go on past the limit on purpose).
    pub(crate) stop_when_failing: bool,
    /// Whether only the objectives are asked about, not how long answers take: then a small lag spoils nothing as long
    /// as they are met.
    pub(crate) objectives_only: bool,
}

/// What came of it.
pub(crate) struct TrialEnd {
    pub(crate) trial: Trial,
    pub(crate) response: Latency,
    pub(crate) slow_share: f64,
    /// Answers did not keep up with arrivals.
    pub(crate) decision: Option<Decision>,
}

/// Plays one trial to its end, or until the run is stopped.
pub(crate) async fn run(session: &mut Session, spec: TrialSpec) -> Result<TrialEnd, LoadError> {
    let mut running = Running::start(session, spec)?;
    let ending = running.watch(session).await;
    running.finish(session, ending).await
}

/// Why a trial stopped sending.
#[derive(Clone, Debug, PartialEq)]
enum Ending {
    Complete,
    Decided(Decision),
    Aborted(String),
}

struct Running {
    spec: TrialSpec,
    play: Arc<Play>,
    /// The next window to close.
    next: usize,
    /// First measured window, once known.
    first: Option<usize>,
    last_warm_p50: Option<f64>,
    failing: u32,
    windows: Vec<TrialWindow>,
    marks: Option<Marks>,
}

/// Readings at the first measured moment.
struct Marks {
    generator_cpu: Vec<Duration>,
    server_cpu: Option<CpuMark>,
    at: Instant,
}

impl Running {
    fn start(session: &mut Session, spec: TrialSpec) -> Result<Self, LoadError> {
        let slow_after = session.plan.slo.p99;
        let play = session.generator.play(spec.schedule.clone(), Arc::clone(&spec.bodies), slow_after)?;
        let first = match spec.warmup {
            Warmup::Windows(windows) => {
                play.measure(windows, windows + spec.windows);
                Some(windows)
            }
            Warmup::UntilSteady => None,
        };
        let cap = session.generator.in_flight_cap();
        session.reporter.update(|now| {
            now.phase = Phase::WarmUp;
            now.planned = WINDOW * u32::try_from(spec.windows).unwrap_or(u32::MAX);
            now.in_flight_cap = cap;
            now.measured = Duration::ZERO;
            (now.window, now.response, now.service, now.lag, now.slow_share) = (None, None, None, None, None);
            now.errors.clear();
            now.unsent = 0;
        });
        Ok(Self { spec, play, next: 0, first, last_warm_p50: None, failing: 0, windows: Vec::new(), marks: None })
    }

    /// Looks until there is a reason to stop, and stops sending.
    async fn watch(&mut self, session: &mut Session) -> Ending {
        let ending = loop {
            if session.abort.is_asked() {
                break Ending::Aborted("stopped by the user".to_owned());
            }
            if session.seen().is_silent() {
                break Ending::Aborted(format!("the server was silent for {} s", SILENCE.as_secs()));
            }
            if let Some(ending) = self.look(session) {
                break ending;
            }
            pause(&session.abort, LOOK_EVERY).await;
        };
        session.generator.stop();
        ending
    }

    fn look(&mut self, session: &mut Session) -> Option<Ending> {
        let now = self.play.start.elapsed();
        let slack = if self.spec.judge.is_some() { session.plan.slo.p99 } else { WINDOW_SLACK };
        let closes = WINDOW * u32::try_from(self.next + 1).unwrap_or(u32::MAX) + slack;
        let ending = if now >= closes { self.close_window(session) } else { None };
        let first = self.first.filter(|&first| now >= WINDOW * u32::try_from(first).unwrap_or(u32::MAX));
        if first.is_some() && self.marks.is_none() {
            self.marks = Some(Marks {
                generator_cpu: session.generator.cpu(),
                server_cpu: session.seen().cpu_mark(),
                at: Instant::now(),
            });
        }
        self.publish(session, first, now);
        ending.or_else(|| self.certain(first))
    }

    /// Whether the verdict is clear in the middle of a window.
    fn certain(&self, first: Option<usize>) -> Option<Ending> {
        let judge = self.spec.judge.as_ref()?;
        judge.certain(&self.play.counts(first?, usize::MAX)).map(Ending::Decided)
    }

    fn close_window(&mut self, session: &mut Session) -> Option<Ending> {
        let index = self.next;
        self.next += 1;
        let counts = self.play.counts(index, index + 1);
        let recent = self.play.take_recent();
        let seen = session.seen();
        let window = TrialWindow {
            at_s: index.saturating_sub(self.first.unwrap_or(0)) as f64 * WINDOW.as_secs_f64(),
            offered: counts.arrivals as f64 / WINDOW.as_secs_f64(),
            achieved: counts.answered as f64 / WINDOW.as_secs_f64(),
            response_ms: recent.quantiles(),
            slow_share: slow_share(&counts),
            errors: counts.failed,
            server_cpu: seen.frame.as_ref().and_then(|frame| frame.process.cpu_cores),
            rss_bytes: seen.rss_bytes(),
        };
        self.show_window(session, &window);
        let failing = counts.failed as f64 > MOSTLY_FAILING * counts.arrivals as f64;
        self.failing = if failing { self.failing + 1 } else { 0 };
        let Some(first) = self.first.filter(|&first| index >= first) else {
            self.warm_up(index, window.response_ms);
            return self.failing_ending();
        };
        self.windows.push(window);
        let total = self.play.counts(first, index + 1);
        let decision = self.spec.judge.as_mut().and_then(|judge| judge.push(&counts, &total));
        if let Some(decision) = decision {
            return Some(Ending::Decided(decision));
        }
        if self.windows.len() >= self.spec.windows {
            return Some(Ending::Complete);
        }
        self.failing_ending()
    }

    fn failing_ending(&self) -> Option<Ending> {
        let stops = self.spec.stop_when_failing && self.failing >= FAILING_WINDOWS;
        stops.then(|| Ending::Aborted(format!("more than half of the requests failed for {FAILING_WINDOWS} s")))
    }

    /// Decides whether counting may begin after warm-up window `index`.
    fn warm_up(&mut self, index: usize, response: Option<LoadQuantiles>) {
        if self.spec.warmup != Warmup::UntilSteady || self.first.is_some() {
            return;
        }
        let p50 = response.map(|quantiles| quantiles.p50);
        let steady = match (self.last_warm_p50, p50) {
            (Some(before), Some(now)) => (now - before).abs() <= STEADY * before,
            _ => false,
        };
        self.last_warm_p50 = p50;
        if steady || index + 2 >= MAX_WARMUP {
            // The window that is under way has been warmed up in part: the next one is the first that counts.
            let first = Play::window_of(u64::try_from(self.play.start.elapsed().as_nanos()).unwrap_or(0)) + 1;
            self.play.measure(first, first + self.spec.windows);
            self.first = Some(first);
        }
    }

    fn show_window(&self, session: &Session, window: &TrialWindow) {
        let totals = self.play.totals();
        session.reporter.update(|now| {
            now.achieved = window.achieved;
            now.window = window.response_ms;
            now.response = totals.response.quantiles();
            now.service = totals.service.quantiles();
            now.lag = totals.lag.quantiles();
            now.errors = named(&totals.failures);
            now.server_cpu = window.server_cpu;
        });
    }

    fn publish(&self, session: &Session, first: Option<usize>, elapsed: Duration) {
        let counts = first.map(|first| self.play.counts(first, self.next));
        let generator_cpu = self.marks.as_ref().and_then(|marks| {
            let seconds = marks.at.elapsed().as_secs_f64();
            let used = cores(&marks.generator_cpu, &session.generator.cpu(), seconds);
            (seconds > 0.5).then(|| used.iter().sum())
        });
        let measured = first.map_or(Duration::ZERO, |first| elapsed.saturating_sub(WINDOW * first as u32));
        session.reporter.update(|now| {
            now.phase = if first.is_some() { Phase::Measuring } else { Phase::WarmUp };
            now.elapsed = session.started.elapsed();
            now.measured = measured;
            now.offered = self.spec.schedule.rate_at(elapsed.as_secs_f64());
            now.sent = self.play.sent();
            now.in_flight = self.play.in_flight();
            now.generator_cpu = generator_cpu.or(now.generator_cpu);
            if let Some(counts) = counts.filter(|counts| counts.arrivals > 0) {
                now.unsent = counts.unsent;
                now.slow_share = Some(slow_share(&counts));
            }
        });
    }

    async fn finish(self, session: &mut Session, ending: Ending) -> Result<TrialEnd, LoadError> {
        let stopped = self.play.start.elapsed();
        let used = self.marks.as_ref().map(|marks| {
            let seconds = marks.at.elapsed().as_secs_f64().max(f64::MIN_POSITIVE);
            cores(&marks.generator_cpu, &session.generator.cpu(), seconds)
        });
        let seen = session.seen();
        let first = self.first.unwrap_or(usize::MAX);
        let stopped_at = self.measured_end(&ending, stopped);
        let seconds = stopped_at.saturating_sub(window_start(first)).as_secs_f64();
        let at_stop = self.play.counts(first, self.next_boundary(&ending));
        self.drain(session, matches!(ending, Ending::Aborted(_))).await?;
        let counts = self.play.counts(first, self.next_boundary(&ending));
        let totals = self.play.totals();
        let server_cpu = seen.cores_since(self.marks.as_ref().and_then(|marks| marks.server_cpu));
        let health = Health {
            measured: totals.lag.len(),
            lag_p99: Duration::from_secs_f64(totals.lag.quantile_ms(0.99) / 1e3),
            scheduled: self.scheduled(first, stopped_at),
            handed_over: counts.arrivals,
            unsent: counts.unsent,
            busiest_thread: used.iter().flatten().copied().fold(0.0, f64::max),
            exhausted: totals.failures.get(&Failure::Exhausted).copied().unwrap_or(0),
            server_busy: server_cpu.zip(seen.cores()).map(|(used, all)| used / all),
            waited_share: share(totals.waited, totals.response.len()),
            service_p99: Duration::from_secs_f64(totals.service.quantiles().map_or(0.0, |of| of.p99) / 1e3),
            service_mean: Duration::from_secs_f64(totals.service.mean_ms() / 1e3),
            idle_service: (session.idle > Duration::ZERO).then_some(session.idle),
        };
        let verdict = verdict(&ending, &health, slow_share(&counts), session, &self.spec);
        let offered = if seconds > 0.0 { health.scheduled as f64 / seconds } else { 0.0 };
        let trial = Trial {
            purpose: self.spec.purpose.clone(),
            target: None,
            rows_per_request: self.spec.rows,
            offered,
            sent: counts.arrivals - counts.unsent,
            achieved: if seconds > 0.0 { at_stop.answered as f64 / seconds } else { 0.0 },
            seconds,
            response_ms: totals.response.quantiles(),
            service_ms: totals.service.quantiles(),
            lag_ms: totals.lag.quantiles(),
            slow_share: (counts.arrivals > 0).then(|| slow_share(&counts)),
            errors: named(&totals.failures),
            unsent: counts.unsent,
            cpu: TrialCpu { server: server_cpu, generator: used.map(|used| used.iter().sum()) },
            rss_bytes: seen.rss_bytes(),
            verdict,
            waited_share: health.waited_share,
            settle_ms: None,
            marks: Vec::new(),
            windows: self.windows,
        };
        session.warm = true;
        let decision = if let Ending::Decided(decision) = ending { Some(decision) } else { None };
        Ok(TrialEnd { trial, response: totals.response, slow_share: slow_share(&counts), decision })
    }

    /// The moment up to which requests count: the end of the last window of a trial that ran its course, now for one
    /// that was cut short.
    fn measured_end(&self, ending: &Ending, now: Duration) -> Duration {
        match ending {
            Ending::Complete => window_start(self.next),
            Ending::Decided(_) | Ending::Aborted(_) => now,
        }
    }

    /// The window before which requests count, by the same rule.
    fn next_boundary(&self, ending: &Ending) -> usize {
        if *ending == Ending::Complete { self.next } else { usize::MAX }
    }

    fn scheduled(&self, first: usize, end: Duration) -> u64 {
        let (from, to) = (nanos(window_start(first)), nanos(end));
        self.spec.schedule.clone().skip_while(|&at| at < from).take_while(|&at| at < to).count() as u64
    }

    /// Waits for the last answers; what is still missing then is given up.
    async fn drain(&self, session: &mut Session, at_once: bool) -> Result<(), LoadError> {
        session.reporter.update(|now| now.phase = Phase::Draining);
        let limit = DRAIN.min(session.plan.transport.timeout);
        let start = Instant::now();
        while self.play.in_flight() > 0 && start.elapsed() < limit && !at_once && !session.abort.is_asked() {
            // Drains are over within a few answers' time; this decides only how soon that is noticed.
            pause(&session.abort, Duration::from_millis(5)).await;
        }
        if self.play.in_flight() > 0 { session.generator.reset().await } else { Ok(()) }
    }
}

/// What the trial says, the generator's share in it included.
fn verdict(ending: &Ending, health: &Health, slow: f64, session: &Session, spec: &TrialSpec) -> Verdict {
    if let Ending::Aborted(reason) = ending {
        return Verdict::Aborted(reason.clone());
    }
    let met = match ending {
        Ending::Decided(decision) => *decision == Decision::Pass,
        _ => slow <= SLOW_BUDGET,
    };
    let asked = match (spec.objectives_only, met) {
        (false, _) => Asked::Numbers,
        (true, true) => Asked::Met,
        (true, false) => Asked::Missed,
    };
    if let Some(reason) = guard::void_reason(health, session.plan.slo.p99, asked) {
        return Verdict::Void(reason);
    }
    match ending {
        Ending::Decided(Decision::Pass) => Verdict::Pass,
        Ending::Decided(Decision::Fail(objective)) => Verdict::Fail(objective.as_str().to_owned()),
        Ending::Decided(Decision::Undecided) => Verdict::Undecided(undecided_text(spec)),
        Ending::Complete | Ending::Aborted(_) => Verdict::Measured,
    }
}

fn undecided_text(spec: &TrialSpec) -> String {
    let shares = spec.judge.as_ref().and_then(Judge::slow_share);
    shares.map_or_else(
        || "not enough windows".to_owned(),
        |(mean, error)| format!("slow share {:.2} % ± {:.2} %", mean * 100.0, error * 100.0),
    )
}

fn window_start(index: usize) -> Duration {
    WINDOW * u32::try_from(index).unwrap_or(u32::MAX)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Share of requests that were not answered well and in time.
fn slow_share(counts: &Counts) -> f64 {
    if counts.arrivals == 0 { 0.0 } else { 1.0 - share(counts.in_time, counts.arrivals).min(1.0) }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Cores of each generator thread between two readings.
fn cores(before: &[Duration], after: &[Duration], seconds: f64) -> Vec<f64> {
    let used = |(before, after): (&Duration, &Duration)| after.saturating_sub(*before).as_secs_f64() / seconds;
    before.iter().zip(after).map(used).collect()
}

fn named(failures: &BTreeMap<Failure, u64>) -> BTreeMap<String, u64> {
    failures.iter().map(|(failure, count)| (failure.to_string(), *count)).collect()
}
