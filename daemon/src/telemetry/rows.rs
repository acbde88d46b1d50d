//! Which model versions a frame lists, and how much it says of each: a frame a second has a bound.

use std::cmp::Reverse;

use yummy_api::stats::{MAX_MODELS, MAX_REASON, MAX_WITH_WINDOWS, ModelStats, ModelWindows};

use super::{
    ModelRow,
    aggregate::{Aggregator, Tracked},
    shard::counter,
};

/// Lines of a frame, and how many versions have none.
pub(crate) struct Rows {
    pub(crate) models: Vec<ModelStats>,
    pub(crate) left_out: u64,
}

/// All versions that the catalog knows, within the bounds of a frame.
pub(crate) fn of_all(mut rows: Vec<ModelRow>, aggregator: &Aggregator, pending_seconds: f64) -> Rows {
    sort(&mut rows);
    let left_out = rows.len().saturating_sub(MAX_MODELS) as u64;
    let mut lines: Vec<Line<'_>> = rows.into_iter().map(|row| Line::new(row, aggregator)).collect();
    let mut asked: Vec<&mut Line<'_>> = lines.iter_mut().filter(|line| line.requests() > 0).collect();
    asked.sort_by_key(|line| Reverse((line.recent(), line.requests())));
    asked.into_iter().take(MAX_WITH_WINDOWS).for_each(|line| line.with_windows = true);
    if left_out > 0 {
        // What serves requests, and what fails, is what people look for.
        lines.sort_by_key(|line| Reverse((line.with_windows, line.row.reason.is_some())));
        lines.truncate(MAX_MODELS);
        lines.sort_by(|a, b| order(&a.row, &b.row));
    }
    Rows { models: lines.into_iter().map(|line| line.stats(pending_seconds)).collect(), left_out }
}

/// All versions of one model, each with its windows.
pub(crate) fn of_model(name: &str, mut rows: Vec<ModelRow>, aggregator: &Aggregator, pending_seconds: f64) -> Rows {
    let known = rows.len();
    rows.retain(|row| row.name == name);
    sort(&mut rows);
    let left_out = (known - rows.len()) as u64;
    let line = |row| Line { with_windows: true, ..Line::new(row, aggregator) };
    Rows { models: rows.into_iter().map(|row| line(row).stats(pending_seconds)).collect(), left_out }
}

fn sort(rows: &mut [ModelRow]) {
    rows.sort_by(order);
}

/// By name, newest first.
fn order(a: &ModelRow, b: &ModelRow) -> std::cmp::Ordering {
    a.name.cmp(&b.name).then(b.version.cmp(&a.version))
}

/// One version: what the catalog says of it, and its numbers.
struct Line<'a> {
    row: ModelRow,
    tracked: Option<&'a Tracked>,
    with_windows: bool,
}

impl<'a> Line<'a> {
    fn new(row: ModelRow, aggregator: &'a Aggregator) -> Self {
        let key = (row.name, row.version);
        let tracked = aggregator.tracked(&key);
        Self { row: ModelRow { name: key.0, ..row }, tracked, with_windows: false }
    }

    fn requests(&self) -> u64 {
        self.tracked.map_or(0, |tracked| tracked.series.totals.counters[counter::FINISHED])
    }

    fn recent(&self) -> u64 {
        self.tracked.map_or(0, |tracked| tracked.series.recent())
    }

    fn stats(self, pending_seconds: f64) -> ModelStats {
        let windows_left_out = !self.with_windows && self.requests() > 0;
        let Self { row, tracked, with_windows } = self;
        let shown = tracked.filter(|_| with_windows);
        ModelStats {
            name: row.name,
            version: row.version,
            flavor: row.flavor,
            state: row.state,
            reason: row.reason.map(|mut reason| {
                reason.truncate(reason.floor_char_boundary(MAX_REASON));
                reason
            }),
            newest: row.newest,
            in_flight: tracked.map_or(0, Tracked::in_flight),
            cpu_cores: tracked.and_then(|tracked| tracked.series.last()?.cpu_cores()),
            memory_bytes: row.memory_bytes,
            windows: shown.map_or_else(ModelWindows::default, |tracked| tracked.series.windows(pending_seconds).into()),
            windows_left_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use yummy_api::catalog::ModelState;

    use super::*;
    use crate::telemetry::{Observation, Recorder, StageTimes};

    fn row(name: &str, version: u64, reason: Option<String>) -> ModelRow {
        let state = if reason.is_some() { ModelState::Failed } else { ModelState::Ready };
        let (name, flavor) = (name.to_owned(), Some("lightgbm".to_owned()));
        ModelRow { name, version: Some(version), flavor, state, reason, newest: true, memory_bytes: Some(123_456) }
    }

    fn aggregator() -> Aggregator {
        Aggregator::new(Arc::new(Recorder::new("", None)))
    }

    fn ask(aggregator: &mut Aggregator, name: &str, times: u64) {
        let recorder = aggregator.recorder(name, Some(1));
        for i in 0..times {
            let total = Duration::from_nanos(1_234_567 + 1_000 * i);
            let stages = Some(StageTimes { decode: total / 4, predict: total / 2, ..StageTimes::default() });
            recorder.start().finish(&Observation { status: 200, total, stages, ..Observation::default() });
        }
    }

    fn json_bytes(rows: &Rows) -> usize {
        serde_json::to_vec(&rows.models).expect("numbers and text").len()
    }

    #[test]
    fn a_thousand_idle_models_are_some_200_bytes_each() {
        let all = aggregator();
        let rows = of_all((0..1000).map(|i| row(&format!("model-{i:04}"), 1, None)).collect(), &all, 0.0);
        assert_eq!((rows.models.len(), rows.left_out), (1000, 0));
        assert!(json_bytes(&rows) < 250_000, "{} bytes", json_bytes(&rows));
        assert!(!serde_json::to_string(&rows.models).expect("text").contains("windows"));
    }

    #[test]
    fn the_busiest_have_windows_and_the_others_say_that_theirs_are_left_out() {
        let mut all = aggregator();
        let names: Vec<_> = (0..300_u64).map(|i| format!("model-{i:04}")).collect();
        for (i, name) in names.iter().enumerate().skip(1) {
            ask(&mut all, name, i as u64);
        }
        all.tick(1.0);
        let rows = of_all(names.iter().map(|name| row(name, 1, None)).collect(), &all, 0.0);
        let with: Vec<_> = rows.models.iter().filter(|model| !model.windows.is_empty()).collect();
        assert_eq!((with.len(), with[0].name.as_str()), (MAX_WITH_WINDOWS, "model-0200"));
        assert!(!rows.models[0].windows_left_out, "it was never asked");
        assert_eq!(rows.models.iter().filter(|model| model.windows_left_out).count(), 199);
        assert!(json_bytes(&rows) < 500_000, "{} bytes", json_bytes(&rows));
    }

    #[test]
    fn beyond_the_bound_what_is_asked_and_what_fails_stays() {
        let mut all = aggregator();
        ask(&mut all, "model-1999", 1);
        all.tick(1.0);
        let reason = |i| (i == 1998).then(|| "é".repeat(MAX_REASON));
        let rows = of_all((0..2000).map(|i| row(&format!("model-{i:04}"), 1, reason(i))).collect(), &all, 0.0);
        assert_eq!((rows.models.len(), rows.left_out), (MAX_MODELS, 1000));
        let [.., failed, asked] = rows.models.as_slice() else { panic!("a thousand") };
        assert_eq!((failed.name.as_str(), asked.name.as_str()), ("model-1998", "model-1999"));
        assert_eq!(failed.reason.as_ref().map(String::len), Some(MAX_REASON));
        assert!(!asked.windows.is_empty() && rows.models.is_sorted_by_key(|model| model.name.clone()));
    }

    #[test]
    fn one_model_has_all_of_its_windows() {
        let mut all = aggregator();
        ask(&mut all, "wine", 3);
        all.tick(1.0);
        let rows = of_model("wine", vec![row("beer", 1, None), row("wine", 1, None), row("wine", 2, None)], &all, 0.0);
        let versions: Vec<_> = rows.models.iter().map(|model| (model.version, model.windows.s1.requests)).collect();
        assert_eq!((versions, rows.left_out), (vec![(Some(2), 0), (Some(1), 3)], 1));
    }

    #[test]
    fn what_is_not_in_the_json_is_read_back_as_zero() {
        let rows = of_all(vec![row("wine", 1, None)], &aggregator(), 0.0);
        let text = serde_json::to_string(&rows.models[0]).expect("text");
        assert_eq!(serde_json::from_str::<ModelStats>(&text).expect("a line"), rows.models[0]);
    }
}
