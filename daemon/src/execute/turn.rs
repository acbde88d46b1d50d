//! How many requests an I/O thread predicts before it looks at its sockets again.
//!
//! A thread with 2,000 connections that all want a prediction of 35 µs would come back to a `/ping` after 70 ms. So it
//! predicts for one turn; who comes later waits, its body not yet looked at, in the order of coming, until everything else
//! that was ready had its chance. How many fit into a turn's time is learned from the turns before. Where a thread is not
//! that busy, nobody ever waits, and nothing is woken.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, Semaphore},
    task::yield_now,
};

/// What a turn should take, all that is ready beside the predictions included: what is not a prediction is answered about
/// so much later under overload. 700 requests of one row (11 µs).
const TURN: Duration = Duration::from_millis(8);
/// Requests of the first turn: 3 ms of one row each, or once 25 ms of the dearest (100 µs), after which it is learned.
const FIRST: usize = 256;
/// Bounds of what may be learned: a thread that was not given a core for a while learns that everything takes long.
const FEWEST: usize = 16;
const MOST: usize = 4096;

/// One I/O thread's turn.
#[derive(Debug)]
pub struct Turn {
    /// Requests that this turn still lets through.
    left: Semaphore,
    /// Requests of a turn.
    size: AtomicUsize,
    called: AtomicBool,
    call: Notify,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            left: Semaphore::new(FIRST),
            size: AtomicUsize::new(FIRST),
            called: AtomicBool::new(false),
            call: Notify::new(),
        }
    }
}

impl Turn {
    /// Takes one of the places of this turn, or waits for one of a later turn. Gives the time that it waited.
    pub async fn take(&self) -> Duration {
        if self.try_take() {
            return Duration::ZERO;
        }
        let begin = Instant::now();
        self.call_for_next();
        if let Ok(taken) = self.left.acquire().await {
            taken.forget();
        }
        begin.elapsed()
    }

    /// Takes one of the places of this turn, if there is one.
    pub fn try_take(&self) -> bool {
        let Ok(taken) = self.left.try_acquire() else { return false };
        taken.forget();
        // Called for early, since the call waits behind all that is ready: a thread that gets through that before the rest
        // is taken never has anyone wait. Waiting costs a second look at the connection.
        if self.places() <= self.size.load(Relaxed) / 2 {
            self.call_for_next();
        }
        true
    }

    /// Places that this turn still has.
    pub fn places(&self) -> usize {
        self.left.available_permits()
    }

    fn call_for_next(&self) {
        if !self.called.swap(true, Relaxed) {
            self.call.notify_one();
        }
    }

    /// Begins the next turn. To be called when the thread has nothing left to do, too. Says whether somebody had waited
    /// for it.
    pub fn begin(&self) -> bool {
        let size = self.size.load(Relaxed);
        let taken = size.saturating_sub(self.places());
        if taken > 0 {
            self.left.add_permits(taken);
        }
        self.places() < size
    }

    /// Begins a turn whenever one was called for and all that was ready has been looked at. Never ends.
    pub async fn conduct(&self) {
        loop {
            self.call.notified().await;
            // To the end of the queue, behind the sockets that have something to say.
            yield_now().await;
            let mut began = Instant::now();
            self.called.store(false, Relaxed);
            while self.begin() {
                yield_now().await;
                self.called.store(false, Relaxed);
                let took = began.elapsed();
                began += took;
                self.learn(took);
            }
        }
    }

    /// A turn took so long.
    fn learn(&self, took: Duration) {
        let size = self.size.load(Relaxed);
        let taken = size.saturating_sub(self.places()) as f64;
        let fit = taken * TURN.as_secs_f64() / took.as_secs_f64().max(1e-9);
        // By no more than a factor of two at once: one turn may have been held up.
        let fit = (fit as usize).clamp(size / 2, size * 2).clamp(FEWEST, MOST);
        // One that was not used up says nothing of how many more there could have been.
        if taken as usize == size || fit > size {
            self.size.store(fit, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Starts `count` requests, which note their numbers when they are let through.
    fn start(turn: &Arc<Turn>, count: usize) -> Arc<Mutex<Vec<usize>>> {
        let through = Arc::new(Mutex::new(Vec::new()));
        for number in 0..count {
            let (turn, through) = (Arc::clone(turn), Arc::clone(&through));
            tokio::spawn(async move {
                turn.take().await;
                through.lock().unwrap().push(number);
            });
        }
        through
    }

    /// Until all that is ready has been looked at: the runtime looks at the deferred after at most 61 tasks.
    async fn settle() {
        for _ in 0..100 {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_turn_lets_so_many_through_in_the_order_of_coming() {
        let turn = Arc::new(Turn::default());
        let through = start(&turn, 3 * FIRST - 1);
        for turns in 1..=3 {
            settle().await;
            assert_eq!(through.lock().unwrap().len(), (turns * FIRST).min(3 * FIRST - 1));
            assert_eq!(turn.begin(), turns < 3, "whether somebody had waited");
        }
        assert!(through.lock().unwrap().iter().copied().eq(0..3 * FIRST - 1));
    }

    #[tokio::test]
    async fn turns_follow_each_other_until_nobody_waits() {
        let turn = Arc::new(Turn::default());
        let conducted = Arc::clone(&turn);
        tokio::spawn(async move { conducted.conduct().await });
        let through = start(&turn, 20 * FIRST);
        while through.lock().unwrap().len() < 20 * FIRST {
            yield_now().await;
        }
        settle().await;
        assert!(!turn.begin());
    }

    #[tokio::test]
    async fn who_goes_away_while_it_waits_takes_nothing() {
        let turn = Turn::default();
        for _ in 0..FIRST {
            assert_eq!(turn.take().await, Duration::ZERO);
        }
        assert!(tokio::time::timeout(Duration::ZERO, turn.take()).await.is_err());
        assert!(!turn.begin(), "nobody waits any more");
    }

    #[test]
    fn a_turn_becomes_as_long_as_it_should_be() {
        let turn = Turn::default();
        let one = |took: Duration, taken: usize| {
            turn.begin();
            turn.left.forget_permits(taken);
            turn.learn(took);
            turn.begin();
            turn.size.load(Relaxed)
        };
        assert_eq!(one(TURN * 4 / 3, FIRST), FIRST * 3 / 4);
        assert_eq!(one(TURN, FIRST * 3 / 4), FIRST * 3 / 4);
        assert_eq!(one(TURN * 100, FIRST * 3 / 4), FIRST * 3 / 8, "no more than halved at once");
        assert_eq!(one(TURN * 100, 1), FIRST * 3 / 8, "who took less had no more to take");
        for _ in 0..20 {
            one(TURN * 100, usize::MAX);
        }
        assert_eq!(turn.size.load(Relaxed), FEWEST);
        for _ in 0..20 {
            one(Duration::ZERO, usize::MAX);
        }
        assert_eq!(turn.size.load(Relaxed), MOST);
    }

    #[test]
    fn a_thread_with_nothing_to_do_begins_a_turn() {
        let turn = Arc::new(Turn::default());
        let idle = Arc::clone(&turn);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .on_thread_park(move || _ = idle.begin())
            .build()
            .unwrap();
        runtime.block_on(async {
            for _ in 0..3 {
                for _ in 0..FIRST {
                    assert_eq!(turn.take().await, Duration::ZERO);
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
}
