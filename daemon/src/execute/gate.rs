//! How many requests of one model version are being answered.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts who is inside, up to a bound.
#[derive(Debug, Default)]
pub struct Gate(AtomicUsize);

impl Gate {
    /// Lets one more in; `None` when `limit` are inside. It goes out when the pass is dropped.
    pub fn enter(&self, limit: usize) -> Option<Pass<'_>> {
        // Counted before it is looked at, so that two that come at once do not both see the last place free.
        let pass = (self.0.fetch_add(1, Ordering::Relaxed), Pass(self));
        (pass.0 < limit).then_some(pass.1)
    }
}

/// A place inside.
#[must_use = "dropping it gives the place back"]
#[derive(Debug)]
pub struct Pass<'a>(&'a Gate);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_gate_lets_in_when_one_has_left() {
        let gate = Gate::default();
        let (first, second) = (gate.enter(2), gate.enter(2));
        assert!(first.is_some() && second.is_some());
        assert!(gate.enter(2).is_none() && gate.enter(2).is_none(), "refusing takes no place");
        drop(first);
        assert!(gate.enter(2).is_some());
    }
}
