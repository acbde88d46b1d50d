//! The clock of a trial: one OS thread that hands every arrival over at its time.
//!
//! It skips nothing and re-times nothing: after a stall all overdue arrivals go out at once and keep their intended
//! times. It is not a tokio timer, whose 1 ms wheel is late by half a millisecond in the median, and it does not spin,
//! which costs 39-95 % of a core (load.md §1.2e).

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::mpsc;

use crate::{
    cpu,
    play::{Arrival, Play},
    schedule::Schedule,
};

/// Longest sleep, so that a stop is noticed also if its wake-up were lost.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// How the pacer sleeps and what it may have in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pacing {
    /// Shortest sleep: arrivals that fall due meanwhile go out together. 100 µs bound the cost of high rates and are a
    /// tenth of the lag that voids a trial.
    pub(crate) shortest_sleep: Duration,
    /// Requests in flight at most; an arrival beyond is counted as unsent.
    pub(crate) in_flight_cap: u64,
}

/// A pacer at work.
pub(crate) struct Pacer {
    thread: Option<JoinHandle<()>>,
    play: Arc<Play>,
}

impl Pacer {
    /// Starts handing the arrivals of `schedule` to `senders` in turn. `cpu_ns` is kept up to date.
    pub(crate) fn start(
        play: Arc<Play>,
        schedule: Schedule,
        senders: Vec<mpsc::Sender<Arrival>>,
        pacing: Pacing,
        cpu_ns: Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let worker = Worker { play: Arc::clone(&play), schedule, senders, pacing, cpu_ns };
        let thread = thread::Builder::new().name("load-pacer".to_owned()).spawn(move || worker.run())?;
        Ok(Self { thread: Some(thread), play })
    }

    /// Sends nothing more, from now on.
    pub(crate) fn stop(&mut self) {
        self.play.stop();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // The thread sleeps interruptibly and holds nothing, so this is over within microseconds.
            let _ = thread.join();
        }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Worker {
    play: Arc<Play>,
    schedule: Schedule,
    senders: Vec<mpsc::Sender<Arrival>>,
    pacing: Pacing,
    cpu_ns: Arc<AtomicU64>,
}

impl Worker {
    fn run(mut self) {
        cpu::smallest_timer_slack();
        let before = self.cpu_ns.load(Ordering::Relaxed);
        let mut index = 0;
        let mut upcoming = self.schedule.next();
        while let Some(next_ns) = upcoming {
            if self.play.is_stopped() {
                break;
            }
            let now_ns = u64::try_from(self.play.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            if next_ns <= now_ns {
                upcoming = self.hand_over_due(next_ns, now_ns, &mut index);
            } else {
                let wait = Duration::from_nanos(next_ns - now_ns).max(self.pacing.shortest_sleep);
                thread::park_timeout(wait.min(LONGEST_SLEEP));
            }
            let used = u64::try_from(cpu::thread_cpu().as_nanos()).unwrap_or(0);
            self.cpu_ns.store(before + used, Ordering::Relaxed);
        }
    }

    /// Hands over everything that is due at `now_ns`, and returns the arrival after that.
    fn hand_over_due(&mut self, first_ns: u64, now_ns: u64, index: &mut u64) -> Option<u64> {
        let mut paced = self.play.paced();
        let mut upcoming = Some(first_ns);
        while let Some(intended_ns) = upcoming.filter(|&at| at <= now_ns) {
            if self.play.arrive(&mut paced, intended_ns, self.pacing.in_flight_cap) {
                let arrival = Arrival { play: Arc::clone(&self.play), intended_ns, index: *index };
                let sender = &self.senders[(*index % self.senders.len() as u64) as usize];
                // The channels hold as many as may be in flight, so a failure means that the sender is gone: the run
                // is over.
                if sender.try_send(arrival).is_err() {
                    self.play.stop();
                    return None;
                }
            }
            *index += 1;
            upcoming = self.schedule.next();
        }
        upcoming
    }
}
