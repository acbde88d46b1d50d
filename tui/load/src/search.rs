//! The search for the highest rate that a server sustains, as a state machine: told how the last trial went, it says
//! which trial is next. Pure: no clock, no I/O, so that it can be tested on thousands of simulated servers.
//!
//! Ramp by doubling, bisect at the geometric mean with best-of-three votes, confirm for longer. Constants and their
//! reasons: load.md §2.5; `cargo bench -p yummy-load --bench search_rules` reproduces the table behind them.

use yummy_api::load::LimitKind;

use crate::{
    slo::SLOW_BUDGET,
    verdict::{MAX_WINDOWS, MAX_WINDOWS_CAREFUL, Objective, Question, SATURATION_WINDOWS},
};

/// First rate of the ramp.
pub const RAMP_START: f64 = 50.0;
/// Each step of the ramp is so many times the one before.
const RAMP_FACTOR: f64 = 2.0;
/// The interval is narrow enough when its ends are this close: 5 %.
pub const PRECISION: f64 = 0.05;
/// Windows of the idle trial.
pub const IDLE_WINDOWS: usize = 20;
/// Windows of the confirmation.
pub const CONFIRM_WINDOWS: usize = 60;
/// Confirmations that are tried, each at a rate lower by [`CONFIRM_STEP`].
const CONFIRM_TRIES: u32 = 3;
const CONFIRM_STEP: f64 = 1.05;
/// The trial above the limit: how far above, and how long.
const ABOVE_FACTOR: f64 = 1.2;
const ABOVE_WINDOWS: usize = 10;
/// Equal votes that decide a midpoint (best of three).
const VOTES: u32 = 2;
/// Void trials of one rate before the generator is taken to be the limit.
const VOIDS: u32 = 3;
/// Share of the slow budget that an idle server may use before its tail is taken to be noise.
const NOISE_SHARE: f64 = 0.25;
/// Slow requests of the idle trial below which nothing is said of its tail.
const NOISE_REQUESTS: u64 = 2;

/// What a trial is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The server without load.
    Idle,
    /// Doubling up to the first rate that fails.
    Ramp,
    /// Narrowing the interval.
    Bisect,
    /// The lower end, for longer.
    Confirm,
    /// How the server fails.
    Above,
}

impl Purpose {
    /// Its name in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Ramp => "ramp",
            Self::Bisect => "bisect",
            Self::Confirm => "confirm",
            Self::Above => "above",
        }
    }
}

/// A trial that the search wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ask {
    /// What for.
    pub purpose: Purpose,
    /// Requests a second.
    pub rate: f64,
    /// Windows at most.
    pub windows: usize,
    /// What to judge.
    pub question: Question,
}

/// How the trial went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told {
    /// Every objective held.
    Pass,
    /// This one broke first.
    Fail(Objective),
    /// Not enough evidence: counts as a failure, and is remembered.
    Undecided,
    /// The generator spoiled it.
    Void,
    /// The idle trial: share and number of slow requests.
    Idle {
        /// 0 to 1.
        slow_share: f64,
        /// How many they were.
        slow: u64,
    },
}

/// Why the search ended as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The interval is as narrow as it was to be.
    Found,
    /// The objectives are not met even without load.
    NeverMet,
    /// The generator could offer no more, or spoiled its trials.
    Generator,
    /// The time was spent.
    Budget,
}

/// What is known at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// Highest rate that held; zero when none did.
    pub low: f64,
    /// Lowest rate that did not; `None` when none failed.
    pub high: Option<f64>,
    /// Whether the lower end held for the whole confirmation.
    pub confirmed: bool,
    /// The objective that broke at the upper end.
    pub broke: Option<Objective>,
    /// What limited the search.
    pub kind: LimitKind,
    /// Lowest and highest rate without a decision.
    pub undecided: Option<(f64, f64)>,
    /// Why it ended.
    pub ending: Ending,
}

/// What is next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// This trial.
    Try(Ask),
    /// Nothing: this is the answer.
    Done(Answer),
}

/// Bounds and precision of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchSpec {
    /// Rate that is taken for no load.
    pub idle_rate: f64,
    /// Highest rate that may be offered: a share of what the generator can do.
    pub ceiling: f64,
    /// Width of the interval at the end: 0.05 is 5 %.
    pub precision: f64,
    /// Longer trials for less doubt.
    pub careful: bool,
    /// First rate of the ramp.
    pub start: f64,
    /// Windows of the idle trial.
    pub idle_windows: usize,
    /// Windows of the confirmation.
    pub confirm_windows: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Idle { failed_before: bool },
    Ramp { rate: f64, failed_before: bool },
    Bisect { passes: u32, fails: u32 },
    Confirm { tried: u32 },
    Above,
    Done(Ending),
}

/// One search.
#[derive(Clone, Debug)]
pub struct Search {
    spec: SearchSpec,
    state: State,
    low: f64,
    high: Option<f64>,
    broke: Option<Objective>,
    confirmed: bool,
    noisy: bool,
    voids: u32,
    undecided: Option<(f64, f64)>,
}

impl Search {
    /// A search that has not begun.
    #[must_use]
    pub fn new(spec: SearchSpec) -> Self {
        Self {
            spec,
            state: State::Idle { failed_before: false },
            low: 0.0,
            high: None,
            broke: None,
            confirmed: false,
            noisy: false,
            voids: 0,
            undecided: None,
        }
    }

    /// What to do now.
    #[must_use]
    pub fn step(&self) -> Step {
        match self.state {
            State::Idle { .. } => self.ask(Purpose::Idle, self.spec.idle_rate, self.spec.idle_windows),
            State::Ramp { rate, .. } => self.ask(Purpose::Ramp, rate, self.trial_windows()),
            State::Bisect { .. } => self.ask(Purpose::Bisect, self.midpoint(), self.trial_windows()),
            State::Confirm { .. } => self.ask(Purpose::Confirm, self.low, self.spec.confirm_windows),
            State::Above => self.ask(Purpose::Above, self.above(), ABOVE_WINDOWS),
            State::Done(ending) => Step::Done(self.answer(ending)),
        }
    }

    /// Takes the outcome of the trial that [`Search::step`] asked for.
    pub fn tell(&mut self, told: Told) {
        if told == Told::Void {
            return self.take_void();
        }
        self.voids = 0;
        // The trial above the limit is only looked at, and no verdict of it is missing.
        if let (Told::Undecided, Step::Try(ask)) = (told, self.step())
            && ask.purpose != Purpose::Above
        {
            let (low, high) = self.undecided.unwrap_or((ask.rate, ask.rate));
            self.undecided = Some((low.min(ask.rate), high.max(ask.rate)));
        }
        let passed = told == Told::Pass;
        let broke = if let Told::Fail(objective) = told { Some(objective) } else { None };
        match self.state {
            State::Idle { failed_before } => self.take_idle(failed_before, told),
            State::Ramp { rate, failed_before } => self.take_ramp(rate, failed_before, passed, broke),
            State::Bisect { passes, fails } => self.take_vote(passes, fails, passed, broke),
            State::Confirm { tried } => self.take_confirm(tried, passed, broke),
            State::Above => self.state = State::Done(Ending::Found),
            State::Done(_) => {}
        }
    }

    /// Ends the search with what is known.
    pub fn spend_budget(&mut self) {
        if !matches!(self.state, State::Done(_)) {
            self.state = State::Done(if self.state == State::Above { Ending::Found } else { Ending::Budget });
        }
    }

    /// The interval as it stands: highest rate that held, lowest that did not.
    #[must_use]
    pub fn interval(&self) -> (f64, Option<f64>) {
        (self.low, self.high)
    }

    /// Whether the idle server's tail is already noise.
    #[must_use]
    pub fn is_noisy(&self) -> bool {
        self.noisy
    }

    /// Which vote of the current midpoint is asked for, from 1.
    #[must_use]
    pub fn vote(&self) -> Option<u32> {
        if let State::Bisect { passes, fails } = self.state { Some(passes + fails + 1) } else { None }
    }

    fn ask(&self, purpose: Purpose, rate: f64, windows: usize) -> Step {
        let question = if self.noisy { Question::Saturation } else { Question::Slo };
        Step::Try(Ask { purpose, rate, windows, question })
    }

    fn trial_windows(&self) -> usize {
        match (self.noisy, self.spec.careful) {
            (true, _) => SATURATION_WINDOWS,
            (false, false) => MAX_WINDOWS,
            (false, true) => MAX_WINDOWS_CAREFUL,
        }
    }

    fn midpoint(&self) -> f64 {
        (self.low * self.high.unwrap_or(self.low)).sqrt()
    }

    fn above(&self) -> f64 {
        (self.high.unwrap_or(self.low) * ABOVE_FACTOR).min(self.spec.ceiling)
    }

    fn take_void(&mut self) {
        self.voids += 1;
        if self.voids == VOIDS {
            // What is missing after the confirmation is only the look above.
            let found = self.state == State::Above;
            self.state = State::Done(if found { Ending::Found } else { Ending::Generator });
        }
    }

    fn take_idle(&mut self, failed_before: bool, told: Told) {
        let (slow_share, slow) = match told {
            Told::Idle { slow_share, slow } => (slow_share, slow),
            Told::Pass => (0.0, 0),
            _ => (1.0, NOISE_REQUESTS),
        };
        if slow_share > SLOW_BUDGET && !failed_before {
            // As on the ramp: one bad trial must not end a search.
            self.state = State::Idle { failed_before: true };
            return;
        }
        if slow_share > SLOW_BUDGET {
            self.high = Some(self.spec.idle_rate);
            self.broke = Some(Objective::P99);
            self.state = State::Done(Ending::NeverMet);
            return;
        }
        self.noisy = slow >= NOISE_REQUESTS && slow_share >= NOISE_SHARE * SLOW_BUDGET;
        self.low = self.spec.idle_rate;
        let rate = self.spec.start.max(self.low * RAMP_FACTOR).min(self.spec.ceiling);
        self.state = State::Ramp { rate, failed_before: false };
    }

    fn take_ramp(&mut self, rate: f64, failed_before: bool, passed: bool, broke: Option<Objective>) {
        if passed {
            self.low = rate;
            self.state = if rate >= self.spec.ceiling {
                State::Done(Ending::Generator)
            } else {
                State::Ramp { rate: (rate * RAMP_FACTOR).min(self.spec.ceiling), failed_before: false }
            };
        } else if failed_before {
            self.fail_at(rate, broke);
            self.narrow();
        } else {
            // A bad early step would cap the whole search: it is believed only when it happens twice.
            self.state = State::Ramp { rate, failed_before: true };
        }
    }

    fn take_vote(&mut self, passes: u32, fails: u32, passed: bool, broke: Option<Objective>) {
        let (passes, fails) = if passed { (passes + 1, fails) } else { (passes, fails + 1) };
        let rate = self.midpoint();
        if passes == VOTES {
            self.low = rate;
        } else if fails == VOTES {
            self.fail_at(rate, broke);
        } else {
            self.state = State::Bisect { passes, fails };
            return;
        }
        self.narrow();
    }

    fn narrow(&mut self) {
        let wide = self.high.is_some_and(|high| high / self.low > 1.0 + self.spec.precision);
        self.state = if wide { State::Bisect { passes: 0, fails: 0 } } else { State::Confirm { tried: 0 } };
    }

    fn take_confirm(&mut self, tried: u32, passed: bool, broke: Option<Objective>) {
        if passed {
            self.confirmed = true;
            self.state = State::Above;
            return;
        }
        self.fail_at(self.low, broke);
        self.low /= CONFIRM_STEP;
        self.state = if tried + 1 < CONFIRM_TRIES { State::Confirm { tried: tried + 1 } } else { State::Above };
    }

    fn fail_at(&mut self, rate: f64, broke: Option<Objective>) {
        self.high = Some(rate);
        self.broke = broke.or(self.broke);
    }

    fn answer(&self, ending: Ending) -> Answer {
        let kind = match (ending, self.noisy, self.broke) {
            (Ending::Generator, ..) => LimitKind::Generator,
            (_, true, _) => LimitKind::Noise,
            (_, false, Some(Objective::Achieved)) => LimitKind::Saturation,
            (_, false, _) => LimitKind::Slo,
        };
        Answer {
            low: self.low,
            high: self.high,
            confirmed: self.confirmed,
            broke: self.broke,
            kind,
            undecided: self.undecided,
            ending,
        }
    }
}
