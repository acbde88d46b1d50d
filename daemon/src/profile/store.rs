//! What is running and what is kept: the newest captures, under numbers.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use super::{capture::Capture, error::ProfileError};

/// Captures kept: enough to compare before, during and after; a busy one takes some 500 KB.
const KEPT: usize = 8;

/// The captures of one profiler.
#[derive(Default)]
pub(crate) struct Store(Mutex<State>);

#[derive(Default)]
struct State {
    last_id: u64,
    running: Option<(u64, Instant)>,
    kept: VecDeque<Arc<Capture>>,
}

/// The right to capture. Given back when it is dropped, also by a panic.
pub(crate) struct Running {
    store: Arc<Store>,
    id: u64,
}

impl Store {
    /// Takes the right to capture until about `until`.
    pub(crate) fn begin(self: &Arc<Self>, until: Instant) -> Result<Running, ProfileError> {
        let mut state = self.state();
        if let Some((id, until)) = state.running {
            return Err(ProfileError::Busy { id, remaining: until.saturating_duration_since(Instant::now()) });
        }
        state.last_id += 1;
        state.running = Some((state.last_id, until));
        Ok(Running { store: Arc::clone(self), id: state.last_id })
    }

    pub(crate) fn all(&self) -> Vec<Arc<Capture>> {
        self.state().kept.iter().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Keeps a finished capture under the number of this right.
    pub(crate) fn keep(&self, mut capture: Capture) -> Arc<Capture> {
        capture.id = Some(self.id);
        let capture = Arc::new(capture);
        let mut state = self.store.state();
        state.kept.push_back(Arc::clone(&capture));
        if state.kept.len() > KEPT {
            state.kept.pop_front();
        }
        capture
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.store.state().running = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Measured;

    fn capture() -> Capture {
        Capture { id: None, measured: Measured::default(), stacks: Vec::new() }
    }

    #[test]
    fn one_at_a_time() {
        let store = Arc::new(Store::default());
        let running = store.begin(Instant::now()).expect("the first");
        assert!(matches!(store.begin(Instant::now()), Err(ProfileError::Busy { id: 1, .. })));
        drop(running);
        assert!(store.begin(Instant::now()).is_ok());
    }

    #[test]
    fn the_newest_are_kept_under_their_numbers() {
        let store = Arc::new(Store::default());
        for _ in 0..KEPT + 2 {
            store.begin(Instant::now()).expect("free").keep(capture());
        }
        let ids: Vec<_> = store.all().iter().filter_map(|capture| capture.id).collect();
        assert_eq!(ids, (3..=KEPT as u64 + 2).collect::<Vec<_>>());
    }
}
