//! How many requests of one model version are being answered, and the line of those that wait to be.
//!
//! Who waits has not been read: its body stays in the socket, which costs its client patience and the daemon next to
//! nothing. How long that is worth it, the caller says.

use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Instant,
};

use tokio::{sync::Notify, time::timeout_at};

/// Counts who is inside, up to a bound, and lets in those who wait in the order in which they came.
#[derive(Debug, Default)]
pub struct Gate {
    inside: AtomicUsize,
    waiting: AtomicUsize,
    left: Notify,
}

impl Gate {
    /// Lets one more in; `None` when `limit` are inside, or others wait. It goes out when the pass is dropped.
    pub fn enter(&self, limit: usize) -> Option<Pass<'_>> {
        if self.waiting.load(SeqCst) == 0 { self.take(limit) } else { None }
    }

    /// Lets one more in as soon as there is a place and nobody came earlier; `None` when there was none by `until`.
    pub async fn wait(&self, limit: usize, until: Instant) -> Option<Pass<'_>> {
        let in_line = InLine::join(self);
        let mut left = pin!(self.left.notified());
        // Registered before it is looked, so that nobody leaves unnoticed in between. Only the first in line looks at
        // once; whoever gets in calls the next one while there are places.
        left.as_mut().enable();
        let mut look = in_line.first;
        loop {
            if look && let Some(pass) = self.take(limit) {
                drop(in_line);
                if self.inside.load(SeqCst) < limit {
                    self.call_next();
                }
                return Some(pass);
            }
            timeout_at(until.into(), left.as_mut()).await.ok()?;
            left.set(self.left.notified());
            left.as_mut().enable();
            look = true;
        }
    }

    fn take(&self, limit: usize) -> Option<Pass<'_>> {
        let more = |inside| (inside < limit).then_some(inside + 1);
        self.inside.fetch_update(SeqCst, SeqCst, more).ok().map(|_| Pass(self))
    }

    fn call_next(&self) {
        if self.waiting.load(SeqCst) > 0 {
            self.left.notify_one();
        }
    }
}

/// A place inside.
#[must_use = "dropping it gives the place back"]
#[derive(Debug)]
pub struct Pass<'a>(&'a Gate);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, SeqCst);
        self.0.call_next();
    }
}

/// A place in the line.
struct InLine<'a> {
    gate: &'a Gate,
    first: bool,
}

impl<'a> InLine<'a> {
    fn join(gate: &'a Gate) -> Self {
        Self { gate, first: gate.waiting.fetch_add(1, SeqCst) == 0 }
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.gate.waiting.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::RefCell,
        future::{Future as _, poll_fn},
        task::Poll,
        time::Duration,
    };

    use super::*;

    fn later(milliseconds: u64) -> Instant {
        tokio::time::Instant::now().into_std() + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_full_gate_lets_in_when_one_has_left() {
        let gate = Gate::default();
        let (first, second) = (gate.enter(2), gate.enter(2));
        assert!(first.is_some() && second.is_some());
        assert!(gate.enter(2).is_none() && gate.enter(2).is_none(), "refusing takes no place");
        drop(first);
        assert!(gate.enter(2).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_refused_when_its_time_is_over() {
        let gate = Gate::default();
        let _inside = gate.enter(1).unwrap();
        let begin = tokio::time::Instant::now();
        assert!(gate.wait(1, later(1000)).await.is_none());
        assert_eq!(begin.elapsed().as_secs(), 1);
        assert_eq!(gate.waiting.load(SeqCst), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn places_go_to_those_who_wait_in_their_order_and_not_to_newcomers() {
        let gate = Gate::default();
        let inside = gate.enter(1).unwrap();
        let order = RefCell::new(Vec::new());
        let visitor = |number| {
            let (gate, order) = (&gate, &order);
            async move {
                let pass = gate.wait(1, later(1000)).await.unwrap();
                order.borrow_mut().push(number);
                tokio::task::yield_now().await;
                drop(pass);
            }
        };
        let leave = async {
            tokio::task::yield_now().await;
            drop(inside);
            assert!(gate.enter(1).is_none(), "three came earlier");
        };
        tokio::join!(visitor(1), visitor(2), visitor(3), leave);
        assert_eq!(*order.borrow(), [1, 2, 3]);
        assert!(gate.enter(1).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_while_it_waits_leaves_its_turn_to_the_next() {
        let gate = Gate::default();
        let inside = gate.enter(1).unwrap();
        let mut next = pin!(gate.wait(1, later(1000)));
        {
            let mut gone = pin!(gate.wait(1, later(1000)));
            let both = poll_fn(|context| Poll::Ready((gone.as_mut().poll(context), next.as_mut().poll(context))));
            assert!(matches!(both.await, (Poll::Pending, Poll::Pending)));
            // Called, and gone before it heard.
            drop(inside);
        }
        assert!(next.await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn several_places_that_come_free_at_once_are_all_taken() {
        let gate = Gate::default();
        let inside: Vec<_> = (0..3).map(|_| gate.enter(3).unwrap()).collect();
        let leave = async {
            tokio::task::yield_now().await;
            drop(inside);
        };
        let (first, second, third, ()) =
            tokio::join!(gate.wait(3, later(10)), gate.wait(3, later(10)), gate.wait(3, later(10)), leave);
        assert!(first.is_some() && second.is_some() && third.is_some());
    }

    #[test]
    fn no_place_and_no_call_is_lost_between_threads() {
        let gate = Gate::default();
        let most = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                    let visit = async {
                        for _ in 0..2000 {
                            let until = Instant::now() + Duration::from_secs(60);
                            let pass = match gate.enter(2) {
                                Some(pass) => pass,
                                None => gate.wait(2, until).await.expect("a place within a minute"),
                            };
                            most.fetch_max(gate.inside.load(SeqCst), SeqCst);
                            tokio::task::yield_now().await;
                            drop(pass);
                        }
                    };
                    runtime.block_on(visit);
                });
            }
        });
        assert!(most.into_inner() <= 2);
        assert_eq!((gate.inside.load(SeqCst), gate.waiting.load(SeqCst)), (0, 0));
    }
}
