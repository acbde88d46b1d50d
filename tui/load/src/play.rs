//! What is counted while one schedule is played: shared by the pacer (arrivals), the sender threads (answers) and the
//! thread that judges (reads all of it ten times a second).
//!
//! Requests are counted in the one-second window of their **intended** send time, so that a window is complete once
//! all of its requests had their chance, however late they really went out.

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::latency::Latency;

/// Length of a window.
pub const WINDOW: Duration = Duration::from_secs(1);

/// How a request went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// Answered with another status than 2xx.
    Http(u16),
    /// No answer within the timeout, counted from the intended send.
    Timeout,
    /// The server took no connection.
    Connect,
    /// This machine had no file descriptor or port left: the generator's fault.
    Exhausted,
    /// The connection broke before the answer was whole.
    Closed,
    /// Still without an answer when the trial ended.
    Unanswered,
}

impl Failure {
    /// Why a connection could not be opened: the server's doing, or this machine's.
    pub(crate) fn of_connect(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::EADDRNOTAVAIL) => Self::Exhausted,
            _ => Self::Connect,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(status) => write!(f, "http {status}"),
            Self::Timeout => f.write_str("timeout"),
            Self::Connect => f.write_str("connect"),
            Self::Exhausted => f.write_str("out of sockets"),
            Self::Closed => f.write_str("closed"),
            Self::Unanswered => f.write_str("unanswered"),
        }
    }
}

/// Counts of one window of intended send times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests whose time had come.
    pub arrivals: u64,
    /// Of these, not sent because too many were in flight.
    pub unsent: u64,
    /// Answered with 2xx.
    pub answered: u64,
    /// Of these, within the objective's time.
    pub in_time: u64,
    /// Failed in any way.
    pub failed: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.arrivals += other.arrivals;
        self.unsent += other.unsent;
        self.answered += other.answered;
        self.in_time += other.in_time;
        self.failed += other.failed;
    }
}

/// One request that is due.
pub(crate) struct Arrival {
    pub(crate) play: Arc<Play>,
    /// Nanoseconds from the play's start.
    pub(crate) intended_ns: u64,
    pub(crate) index: u64,
}

impl Arrival {
    pub(crate) fn intended(&self) -> Instant {
        self.play.start + Duration::from_nanos(self.intended_ns)
    }
}

/// What one sender thread has counted.
#[derive(Default)]
pub(crate) struct Records {
    windows: Vec<Counts>,
    /// Measured requests: from the intended send to the end of the answer.
    pub(crate) response: Latency,
    /// Measured requests: from the actual send to the end of the answer.
    pub(crate) service: Latency,
    /// Measured requests: from the intended send to the moment the generator was ready to send.
    pub(crate) lag: Latency,
    /// Response times of answers that came since the judge last looked.
    pub(crate) recent: Latency,
    /// Failures among measured requests.
    pub(crate) failures: BTreeMap<Failure, u64>,
    /// Measured requests that found every connection busy.
    pub(crate) waited: u64,
}

impl Records {
    fn window(&mut self, index: usize) -> &mut Counts {
        if index >= self.windows.len() {
            self.windows.resize(index + 1, Counts::default());
        }
        &mut self.windows[index]
    }
}

/// How one request ended.
pub(crate) struct Ended {
    pub(crate) result: Result<(), Failure>,
    pub(crate) response: Duration,
    pub(crate) service: Option<Duration>,
    pub(crate) lag: Duration,
    pub(crate) waited: bool,
}

/// One schedule being played.
pub(crate) struct Play {
    pub(crate) start: Instant,
    pub(crate) bodies: Arc<[Bytes]>,
    pub(crate) timeout: Duration,
    slow_after: Duration,
    /// First window that counts; earlier ones warm up. `u64::MAX` until that is decided.
    measure_from: AtomicU64,
    /// First window that no longer counts.
    measure_to: AtomicU64,
    in_flight: AtomicU64,
    sent: AtomicU64,
    stopped: AtomicBool,
    paced: Mutex<Vec<Counts>>,
    records: Vec<Mutex<Records>>,
}

impl Play {
    pub(crate) fn new(bodies: Arc<[Bytes]>, senders: usize, slow_after: Duration, timeout: Duration) -> Self {
        Self {
            start: Instant::now(),
            bodies,
            timeout,
            slow_after,
            measure_from: AtomicU64::new(u64::MAX),
            measure_to: AtomicU64::new(u64::MAX),
            in_flight: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            paced: Mutex::new(Vec::new()),
            records: (0..senders).map(|_| Mutex::new(Records::default())).collect(),
        }
    }

    /// The window of an offset from the start.
    pub(crate) fn window_of(offset_ns: u64) -> usize {
        usize::try_from(u128::from(offset_ns) / WINDOW.as_nanos()).unwrap_or(usize::MAX)
    }

    /// Lets windows `from..to` count. Both must still lie ahead.
    pub(crate) fn measure(&self, from: usize, to: usize) {
        self.measure_to.store(to as u64, Ordering::Relaxed);
        self.measure_from.store(from as u64, Ordering::Relaxed);
    }

    fn is_measured(&self, window: usize) -> bool {
        let range = self.measure_from.load(Ordering::Relaxed)..self.measure_to.load(Ordering::Relaxed);
        range.contains(&(window as u64))
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Counts an arrival; whether it may be sent, which it may not when `cap` requests are in flight.
    pub(crate) fn arrive(&self, paced: &mut Vec<Counts>, intended_ns: u64, cap: u64) -> bool {
        let window = Self::window_of(intended_ns);
        if window >= paced.len() {
            paced.resize(window + 1, Counts::default());
        }
        paced[window].arrivals += 1;
        let admitted = self.in_flight.load(Ordering::Relaxed) < cap;
        if admitted {
            self.in_flight.fetch_add(1, Ordering::Relaxed);
            self.sent.fetch_add(1, Ordering::Relaxed);
        } else {
            paced[window].unsent += 1;
        }
        admitted
    }

    pub(crate) fn paced(&self) -> MutexGuard<'_, Vec<Counts>> {
        // Counts stay usable after a panic elsewhere.
        self.paced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(&self, sender: usize) -> MutexGuard<'_, Records> {
        self.records[sender].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the end of one admitted request.
    pub(crate) fn finish(&self, sender: usize, intended_ns: u64, ended: &Ended) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let window = Self::window_of(intended_ns);
        let measured = self.is_measured(window);
        let mut guard = self.records(sender);
        let records = &mut *guard;
        let counts = records.window(window);
        match ended.result {
            Ok(()) => {
                counts.answered += 1;
                counts.in_time += u64::from(ended.response <= self.slow_after);
            }
            Err(_) => counts.failed += 1,
        }
        records.recent.record(ended.response);
        if measured {
            records.response.record(ended.response);
            records.lag.record(ended.lag);
            if let Some(service) = ended.service {
                records.service.record(service);
            }
            if let Err(failure) = ended.result {
                *records.failures.entry(failure).or_default() += 1;
            }
            records.waited += u64::from(ended.waited);
        }
    }

    /// The sum of windows `from..to`, pacer and senders together.
    pub(crate) fn counts(&self, from: usize, to: usize) -> Counts {
        let mut sum = Counts::default();
        let range = |windows: &[Counts]| from.min(windows.len())..to.max(from).min(windows.len());
        let paced = self.paced();
        paced[range(&paced)].iter().for_each(|counts| sum.add(counts));
        drop(paced);
        for sender in 0..self.records.len() {
            let records = self.records(sender);
            records.windows[range(&records.windows)].iter().for_each(|counts| sum.add(counts));
        }
        sum
    }

    /// Response times since the last call.
    pub(crate) fn take_recent(&self) -> Latency {
        let mut all = Latency::default();
        for sender in 0..self.records.len() {
            // The fresh histogram is made before the lock is taken.
            let fresh = Latency::default();
            let recent = std::mem::replace(&mut self.records(sender).recent, fresh);
            all.merge(&recent);
        }
        all
    }

    /// Everything measured so far.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for sender in 0..self.records.len() {
            let records = self.records(sender);
            totals.response.merge(&records.response);
            totals.service.merge(&records.service);
            totals.lag.merge(&records.lag);
            totals.waited += records.waited;
            for (failure, count) in &records.failures {
                *totals.failures.entry(*failure).or_default() += count;
            }
        }
        totals
    }
}

/// The measured requests of all senders.
#[derive(Clone, Default)]
pub(crate) struct Totals {
    pub(crate) response: Latency,
    pub(crate) service: Latency,
    pub(crate) lag: Latency,
    pub(crate) failures: BTreeMap<Failure, u64>,
    pub(crate) waited: u64,
}
