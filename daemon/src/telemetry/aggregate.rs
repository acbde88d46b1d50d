//! All recorders and their series: what the ticker takes stock of. Behind one lock that only loads, the ticker and
//! observers take; requests never do.

use std::{collections::BTreeMap, sync::Arc};

use yummy_api::stats::Windows;

use super::{
    recorder::Recorder,
    series::{Delta, Series, Totals},
};

/// Name and version. Sorted by name.
pub(crate) type Key = (String, Option<u64>);

/// A version and its history.
pub(crate) struct Tracked {
    /// `None` when nobody can ask for the version any more: what it counted is in the history.
    recorder: Option<Arc<Recorder>>,
    pub(crate) series: Series,
}

impl Tracked {
    fn new(recorder: Option<Arc<Recorder>>) -> Self {
        Self { recorder, series: Series::new() }
    }

    /// Requests that began and did not end.
    pub(crate) fn in_flight(&self) -> u64 {
        self.recorder.as_ref().map_or(0, |recorder| recorder.in_flight())
    }

    fn collect(&mut self) -> Option<Delta> {
        self.series.collect(self.recorder.as_ref()?)
    }

    /// Whether nobody can count for it any more: recorders are handed out behind the lock that this is called behind, so
    /// who has one alone keeps it alone. `get_mut` sees what the last one wrote who let go of it.
    fn is_left(&mut self) -> bool {
        self.recorder.as_mut().is_some_and(|recorder| Arc::get_mut(recorder).is_some())
    }
}

pub(crate) struct Aggregator {
    pub(crate) models: BTreeMap<Key, Tracked>,
    pub(crate) unrouted: Tracked,
    /// All requests, those of forgotten versions included.
    total: Series,
}

impl Aggregator {
    pub(crate) fn new(unrouted: Arc<Recorder>) -> Self {
        Self { models: BTreeMap::new(), unrouted: Tracked::new(Some(unrouted)), total: Series::new() }
    }

    /// The recorder of a version: the one there is, or one that goes on from what is known of it.
    pub(crate) fn recorder(&mut self, name: &str, version: Option<u64>) -> Arc<Recorder> {
        let Tracked { recorder, series } =
            self.models.entry((name.to_owned(), version)).or_insert_with(|| Tracked::new(None));
        let resume = || Arc::new(Recorder::resume(name, version, &series.totals));
        Arc::clone(recorder.get_or_insert_with(resume))
    }

    /// Takes what has been counted since the last call.
    pub(crate) fn collect(&mut self) {
        for tracked in self.models.values_mut().chain([&mut self.unrouted]) {
            if let Some(delta) = tracked.collect() {
                self.total.include(&delta);
            }
        }
    }

    /// Closes a second; versions that nobody can ask for any more become small, and are forgotten when their windows are
    /// empty.
    pub(crate) fn tick(&mut self, seconds: f64) {
        for tracked in self.models.values_mut() {
            // Asked before the counts are read: what is counted after that would be lost.
            let is_left = tracked.is_left();
            if let Some(delta) = tracked.collect() {
                self.total.include(&delta);
            }
            tracked.series.tick(seconds);
            if is_left {
                // 41 KB a thread that counted, and 82 KB of history, become some KB until its windows are empty.
                tracked.recorder = None;
                tracked.series.pack();
            }
        }
        if let Some(delta) = self.unrouted.collect() {
            self.total.include(&delta);
        }
        self.unrouted.series.tick(seconds);
        self.total.tick(seconds);
        self.models.retain(|_, tracked| tracked.recorder.is_some() || !tracked.series.is_quiet());
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.models.values().chain([&self.unrouted]).map(Tracked::in_flight).sum()
    }

    pub(crate) fn total_windows(&self, pending_seconds: f64) -> Windows {
        self.total.windows(pending_seconds)
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.total.totals
    }

    /// The history of a version that has a recorder.
    pub(crate) fn tracked(&self, key: &Key) -> Option<&Tracked> {
        self.models.get(key)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::{Observation, StageTimes};

    fn answer(recorder: &Recorder, status: u16, total: Duration) {
        let stages = Some(StageTimes { predict: total / 2, ..StageTimes::default() });
        recorder.start().finish(&Observation { status, rows: 2, total, stages, ..Observation::default() });
    }

    fn aggregator() -> Aggregator {
        Aggregator::new(Arc::new(Recorder::new("", None)))
    }

    #[test]
    fn windows_hold_what_their_seconds_saw() {
        let mut all = aggregator();
        let wine = all.recorder("wine", Some(1));
        for second in 0..70 {
            if second < 65 {
                answer(&wine, 200, Duration::from_millis(second + 1));
            }
            all.tick(1.0);
        }
        let windows = all.total_windows(0.0);
        assert_eq!((windows.s1.requests, windows.s1.latency_ms), (0, None), "a quiet second has no percentile");
        assert_eq!(windows.s10.requests, 5);
        assert_eq!(windows.s60.requests, 55);
        assert_eq!((windows.start.requests, windows.start.seconds, windows.start.rows), (65, 70.0, 130));
        let longest = windows.s10.latency_ms.expect("five requests").max;
        assert!((longest - 65.0).abs() < 0.65, "{longest}");
        let shortest = windows.s60.latency_ms.expect("55 requests");
        assert!((shortest.p50 - 38.0).abs() < 0.38 && (shortest.mean - 38.0).abs() < 1e-9, "{shortest:?}");
    }

    #[test]
    fn percentiles_of_all_models_are_merged_not_averaged() {
        let mut all = aggregator();
        let (fast, slow) = (all.recorder("fast", Some(1)), all.recorder("slow", Some(1)));
        for _ in 0..99 {
            answer(&fast, 200, Duration::from_micros(100));
        }
        answer(&slow, 200, Duration::from_millis(100));
        all.tick(1.0);
        let latency = all.total_windows(0.0).s1.latency_ms.expect("100 requests");
        assert!((latency.p99 - 0.1).abs() < 0.001 && (latency.max - 100.0).abs() < 1.0, "{latency:?}");
    }

    #[test]
    fn what_came_after_the_last_tick_is_in_every_window() {
        let mut all = aggregator();
        let wine = all.recorder("wine", Some(1));
        answer(&wine, 200, Duration::from_millis(1));
        all.tick(1.0);
        answer(&wine, 404, Duration::from_millis(1));
        answer(&wine, 500, Duration::from_millis(1));
        all.collect();
        let windows = all.total_windows(0.5);
        for window in [windows.s1, windows.s10, windows.s60, windows.start] {
            assert_eq!((window.requests, window.client_errors, window.server_errors), (3, 1, 1));
            assert!((window.seconds - 1.5).abs() < 1e-9 && (window.rps - 2.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_reloaded_version_goes_on_and_a_dropped_one_is_forgotten_when_it_is_quiet() {
        let mut all = aggregator();
        let first = all.recorder("wine", Some(1));
        answer(&first, 200, Duration::from_millis(1));
        drop(first);
        all.tick(1.0);
        let again = all.recorder("wine", Some(1));
        answer(&again, 200, Duration::from_millis(1));
        drop(again);
        for _ in 0..super::super::series::TICKS_KEPT {
            assert!(all.models.contains_key(&("wine".to_owned(), Some(1))));
            all.tick(1.0);
        }
        all.tick(1.0);
        assert!(all.models.is_empty());
        assert_eq!(all.total_windows(0.0).start.requests, 2, "the sum over all models keeps it");
    }

    #[test]
    fn a_version_that_nobody_serves_any_more_is_small_and_keeps_its_numbers() {
        let mut all = aggregator();
        let wine = all.recorder("wine", Some(1));
        (0..1000_u64).for_each(|i| answer(&wine, 200, Duration::from_micros(50 + i % 40)));
        all.tick(1.0);
        answer(&wine, 404, Duration::from_millis(3));
        let of = |all: &Aggregator| all.models[&("wine".to_owned(), Some(1))].series.windows(0.0);
        drop(wine);
        all.tick(1.0);
        let tracked = &all.models[&("wine".to_owned(), Some(1))];
        assert!(tracked.recorder.is_none() && tracked.series.bytes() < 2048, "{} bytes", tracked.series.bytes());
        let kept = of(&all);
        assert_eq!((kept.s10.requests, kept.start.client_errors, kept.s1.requests), (1001, 1, 1));
        assert_eq!(kept.start.latency_ms, kept.s10.latency_ms, "what is packed reads as what is not");
        // It is loaded again: its numbers go on.
        let again = all.recorder("wine", Some(1));
        answer(&again, 200, Duration::from_millis(7));
        all.tick(1.0);
        let windows = of(&all);
        assert_eq!((windows.s1.requests, windows.start.requests, windows.start.rows), (1, 1002, 2004));
        let longest = windows.start.latency_ms.expect("requests").max;
        assert!((longest - 7.0).abs() < 0.07, "{longest}");
        assert_eq!(all.in_flight(), 0);
    }

    #[test]
    fn counts_of_several_threads_are_added() {
        let mut all = aggregator();
        let wine = all.recorder("wine", Some(1));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..1000).for_each(|_| answer(&wine, 200, Duration::from_micros(50))));
            }
        });
        all.tick(1.0);
        let window = all.total_windows(0.0).s1;
        assert_eq!((window.requests, window.rows), (8000, 16_000));
        assert!(window.stages_ms.is_some());
    }
}
