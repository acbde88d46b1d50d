//! One series of points a second, with gaps where nothing was heard, and its reduction to chart columns.

use std::collections::VecDeque;

use yummy_api::stats::Window;

/// What one second is remembered by. Times are milliseconds, CPU is cores, memory is bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Point {
    pub(crate) at_s: u64,
    pub(crate) rps: f64,
    pub(crate) load_rps: f64,
    pub(crate) errors: f64,
    pub(crate) in_flight: f64,
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) cpu: Option<f64>,
    pub(crate) rss: Option<f64>,
}

impl Point {
    /// The point of a one-second window.
    pub(crate) fn of(at_s: u64, window: &Window) -> Self {
        let seconds = if window.seconds > 0.0 { window.seconds } else { 1.0 };
        Self {
            at_s,
            rps: window.rps,
            load_rps: window.load_requests as f64 / seconds,
            errors: (window.client_errors + window.server_errors) as f64 / seconds,
            p50: window.latency_ms.map(|q| q.p50),
            p99: window.latency_ms.map(|q| q.p99),
            ..Self::default()
        }
    }
}

/// How several points become one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    /// The largest: for latencies, so that a spike is never hidden.
    Max,
    /// The mean: for rates.
    Mean,
}

/// The last points, oldest first.
#[derive(Clone, Debug)]
pub(crate) struct History {
    points: VecDeque<Point>,
    capacity: usize,
}

impl History {
    /// An empty series that keeps `capacity` points.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { points: VecDeque::new(), capacity }
    }

    /// Adds a point. One of the same second replaces the last; one from the past means that the clock was set or
    /// another daemon answers, and begins anew.
    pub(crate) fn push(&mut self, point: Point) {
        match self.points.back() {
            Some(last) if last.at_s == point.at_s => {
                self.points.pop_back();
            }
            Some(last) if last.at_s > point.at_s => self.points.clear(),
            _ => {}
        }
        if self.points.len() == self.capacity {
            self.points.pop_front();
        }
        self.points.push_back(point);
    }

    /// The newest point.
    pub(crate) fn last(&self) -> Option<&Point> {
        self.points.back()
    }

    /// The points of the last `seconds` before `now_s`.
    pub(crate) fn since(&self, now_s: u64, seconds: u64) -> impl Iterator<Item = &Point> {
        let from = (now_s + 1).saturating_sub(seconds);
        self.points.iter().rev().take_while(move |p| p.at_s >= from).filter(move |p| p.at_s <= now_s)
    }

    /// The last `seconds` before `now_s` as `count` columns, oldest first; `None` is a gap.
    ///
    /// Columns are cut at fixed points in time, not counted back from now: a column's value no longer changes once
    /// it is full, so that the picture moves but does not shimmer.
    pub(crate) fn columns(
        &self,
        now_s: u64,
        seconds: u64,
        count: usize,
        merge: Merge,
        pick: impl Fn(&Point) -> Option<f64>,
    ) -> Vec<Option<f64>> {
        let mut out = vec![None; count];
        let grid = Grid::new(seconds, count);
        let newest = grid.column_of(now_s);
        let mut members = vec![0_u32; count];
        for point in self.points.iter().rev() {
            let Some(back) = newest.checked_sub(grid.column_of(point.at_s)) else { continue };
            let Ok(back) = usize::try_from(back) else { break };
            let right = back * grid.columns_per_point;
            if right >= count {
                break;
            }
            let Some(value) = pick(point) else { continue };
            for step in 0..grid.columns_per_point.min(count - right) {
                let column = count - 1 - right - step;
                members[column] += 1;
                let n = f64::from(members[column]);
                out[column] = Some(out[column].map_or(value, |old: f64| match merge {
                    Merge::Max => old.max(value),
                    Merge::Mean => old + (value - old) / n,
                }));
            }
        }
        out
    }
}

/// How seconds fall into columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    /// Seconds that share one column.
    pub(crate) seconds_per_column: u64,
    /// Columns that one second fills.
    pub(crate) columns_per_point: usize,
}

impl Grid {
    /// The grid that shows at least `seconds` in `count` columns.
    pub(crate) fn new(seconds: u64, count: usize) -> Self {
        let columns = count.max(1) as u64;
        if columns >= seconds.max(1) {
            Self { seconds_per_column: 1, columns_per_point: (columns / seconds.max(1)) as usize }
        } else {
            Self { seconds_per_column: seconds.div_ceil(columns), columns_per_point: 1 }
        }
    }

    /// Number of the column, counted from the epoch, that a second falls into.
    fn column_of(self, at_s: u64) -> u64 {
        at_s / self.seconds_per_column
    }

    /// How many columns back from the right edge a moment `ago_s` seconds ago lies.
    pub(crate) fn columns_back(self, ago_s: u64) -> usize {
        (ago_s / self.seconds_per_column) as usize * self.columns_per_point
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(seconds: impl IntoIterator<Item = u64>) -> History {
        let mut history = History::new(3600);
        for at_s in seconds {
            history.push(Point { at_s, rps: at_s as f64, ..Point::default() });
        }
        history
    }

    #[test]
    fn seconds_without_points_are_gaps() {
        let columns = series([10, 11, 14, 15]).columns(16, 8, 8, Merge::Mean, |p| Some(p.rps));
        assert_eq!(columns, [None, Some(10.0), Some(11.0), None, None, Some(14.0), Some(15.0), None]);
    }

    #[test]
    fn a_full_column_never_changes_as_time_goes_on() {
        let before = series(0..100).columns(99, 50, 10, Merge::Max, |p| Some(p.rps));
        let after = series(0..105).columns(104, 50, 10, Merge::Max, |p| Some(p.rps));
        assert_eq!(before[1..], after[..9]);
    }

    #[test]
    fn more_columns_than_seconds_widen_the_points() {
        let columns = series([1, 2]).columns(2, 2, 5, Merge::Max, |p| Some(p.rps));
        assert_eq!(columns, [None, Some(1.0), Some(1.0), Some(2.0), Some(2.0)]);
    }

    #[test]
    fn the_oldest_point_makes_room_and_a_clock_set_back_begins_anew() {
        let mut history = series(0..4000);
        assert_eq!(history.points.len(), 3600);
        history.push(Point { at_s: 5, ..Point::default() });
        assert_eq!(history.points.len(), 1);
    }
}
