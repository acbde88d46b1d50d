//! One large batch on all compute threads that are idle.
//!
//! The thread that has the batch works on it as well, a chunk of rows at a time, and the others take chunks as long as
//! there are any: however late they come, nothing waits for a thread that is busy elsewhere. Engines give the same bits
//! however rows are grouped, so that nobody can tell from an answer how it was made.

use std::{
    mem,
    ops::Range,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use yummy_models::{Frame, Method, ScoreError, Scorer};

use super::{Cost, Pool};

/// Batches that are expected to take longer are split. Chosen, not measured: fifty times what waking a thread is taken to
/// cost. `cargo bench -p yummyd --bench execute` prints where splitting begins to pay.
pub const SPLIT_FROM: Duration = Duration::from_micros(500);
/// What one chunk should take: long enough that taking it costs nothing, short enough that the last one to finish is
/// not waited for long.
const CHUNK: Duration = Duration::from_micros(200);
/// The kernels for many rows want at least so many.
const MIN_CHUNK_ROWS: usize = 64;

/// A model that several threads may use at once.
pub trait SharedScorer: Send + Sync {
    /// It.
    fn scorer(&self) -> &dyn Scorer;
}

/// Writes the answer for all rows of `frame` to `out`, with the help of idle threads of `pool` when there is enough to
/// do. A frame that was split comes back empty.
///
/// # Errors
/// As [`Scorer::score`].
///
/// # Panics
/// When the engine does.
pub fn score<M: SharedScorer + 'static>(
    pool: &Pool,
    cost: &Cost,
    model: &Arc<M>,
    method: Method,
    frame: &mut Frame,
    out: &mut Vec<f64>,
) -> Result<(), ScoreError> {
    let useful = frame.rows() / MIN_CHUNK_ROWS;
    let helpers = pool.idle().min(useful.saturating_sub(1));
    if helpers == 0 || cost.of_rows(frame.rows()) < SPLIT_FROM {
        return model.scorer().score(method, frame, out);
    }
    in_chunks(pool, cost, model, method, frame, out, helpers)
}

/// The same, split whatever its size.
#[doc(hidden)]
pub fn in_chunks<M: SharedScorer + 'static>(
    pool: &Pool,
    cost: &Cost,
    model: &Arc<M>,
    method: Method,
    frame: &mut Frame,
    out: &mut Vec<f64>,
    helpers: usize,
) -> Result<(), ScoreError> {
    // Two chunks a thread even where the batch is small.
    let share = frame.rows().div_ceil(2 * (helpers + 1));
    let affordable = (CHUNK.as_nanos() as f64 / cost.ns_per_row.max(1.0)) as usize;
    let batch = Arc::new(Batch {
        model: Arc::clone(model),
        method,
        rows_of_chunk: share.min(affordable).max(MIN_CHUNK_ROWS),
        frame: mem::take(frame),
        next: AtomicUsize::new(0),
        done: Mutex::default(),
        finished: Condvar::new(),
    });
    for _ in 0..helpers {
        let batch = Arc::clone(&batch);
        if pool.submit(Box::new(move || batch.help())).is_err() {
            break;
        }
    }
    batch.help();
    batch.collect(out)
}

/// Rows that several threads work on.
struct Batch<M> {
    model: Arc<M>,
    method: Method,
    frame: Frame,
    rows_of_chunk: usize,
    /// The chunk that nobody has taken yet.
    next: AtomicUsize,
    done: Mutex<Vec<Chunk>>,
    finished: Condvar,
}

/// What became of a chunk; `None` when the engine panicked.
type Chunk = (usize, Option<Result<Vec<f64>, ScoreError>>);

impl<M: SharedScorer> Batch<M> {
    fn chunks(&self) -> usize {
        self.frame.rows().div_ceil(self.rows_of_chunk)
    }

    fn rows(&self, chunk: usize) -> Range<usize> {
        let start = chunk * self.rows_of_chunk;
        start..(start + self.rows_of_chunk).min(self.frame.rows())
    }

    /// Takes chunks until there are none.
    fn help(&self) {
        loop {
            let chunk = self.next.fetch_add(1, Ordering::Relaxed);
            if chunk >= self.chunks() {
                return;
            }
            // Says how it ended even when the engine panics, or the others would wait for ever.
            let mut taken = Taken { batch: self, chunk, result: None };
            taken.result = Some(self.score(chunk));
        }
    }

    fn score(&self, chunk: usize) -> Result<Vec<f64>, ScoreError> {
        let rows = self.rows(chunk);
        let cells = &self.frame.cells()[rows.start * self.frame.cols()..rows.end * self.frame.cols()];
        // A copy of the cells lets engines have one kind of input.
        let part = Frame::from_cells(cells.to_vec(), rows.len(), self.frame.cols()).expect("whole rows were cut");
        let mut values = Vec::new();
        self.model.scorer().score(self.method, &part, &mut values)?;
        Ok(values)
    }

    /// Waits for all chunks and puts them in order.
    fn collect(&self, out: &mut Vec<f64>) -> Result<(), ScoreError> {
        let mut done = self.lock();
        while done.len() < self.chunks() {
            done = self.finished.wait(done).unwrap_or_else(PoisonError::into_inner);
        }
        done.sort_unstable_by_key(|(chunk, _)| *chunk);
        out.clear();
        for (_, result) in done.drain(..) {
            out.extend_from_slice(&result.expect("the engine panicked, which its own message describes")?);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Chunk>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Taken<'a, M: SharedScorer> {
    batch: &'a Batch<M>,
    chunk: usize,
    result: Option<Result<Vec<f64>, ScoreError>>,
}

impl<M: SharedScorer> Drop for Taken<'_, M> {
    fn drop(&mut self) {
        self.batch.lock().push((self.chunk, self.result.take()));
        self.batch.finished.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::Barrier, thread, thread::ThreadId};

    use yummy_models::{Feature, Output, Summary};

    use super::*;

    /// Answers each row with its first cell; two threads meet in it when a barrier is given.
    #[derive(Debug, Default)]
    struct Echo {
        meet: Option<Barrier>,
        panics_at: Option<f64>,
        threads: Mutex<HashSet<ThreadId>>,
    }

    impl Scorer for Echo {
        fn features(&self) -> &[Feature] {
            &[]
        }

        fn output(&self, _: Method) -> Option<&Output> {
            None
        }

        fn score(&self, _: Method, frame: &Frame, out: &mut Vec<f64>) -> Result<(), ScoreError> {
            if self.threads.lock().unwrap().insert(thread::current().id())
                && let Some(meet) = &self.meet
            {
                meet.wait();
            }
            out.clear();
            out.extend((0..frame.rows()).map(|row| frame.row(row)[0]));
            assert!(!self.panics_at.is_some_and(|value| out.contains(&value)), "on purpose");
            Ok(())
        }

        fn summary(&self) -> Summary {
            Summary::default()
        }
    }

    impl SharedScorer for Echo {
        fn scorer(&self) -> &dyn Scorer {
            self
        }
    }

    const COST: Cost = Cost { ns_per_row: 10_000.0, bytes_per_row: 1.0 };

    fn run(threads: usize, rows: usize, echo: Echo) -> (Vec<f64>, usize) {
        let pool = Pool::start(threads, 16).unwrap();
        let cells: Vec<f64> = (0..rows * 2).map(|cell| cell as f64).collect();
        let mut frame = Frame::from_cells(cells, rows, 2).unwrap();
        let (echo, mut out) = (Arc::new(echo), vec![f64::NAN]);
        score(&pool, &COST, &echo, Method::Predict, &mut frame, &mut out).unwrap();
        let threads = echo.threads.lock().unwrap().len();
        (out, threads)
    }

    fn expected(rows: usize) -> Vec<f64> {
        (0..rows).map(|row| (2 * row) as f64).collect()
    }

    #[test]
    fn a_large_batch_is_worked_on_by_two_threads_and_comes_back_in_order() {
        let meet = Some(Barrier::new(2));
        assert_eq!(run(1, 1001, Echo { meet, ..Echo::default() }), (expected(1001), 2));
    }

    #[test]
    fn a_small_batch_stays_whole() {
        assert_eq!(run(4, 40, Echo::default()), (expected(40), 1));
    }

    #[test]
    fn nothing_waits_for_threads_that_are_busy() {
        let pool = Pool::start(1, 16).unwrap();
        let (release, held) = crossbeam_channel::bounded::<()>(0);
        let (started, running) = crossbeam_channel::bounded(0);
        let job = move || {
            started.send(()).unwrap();
            let _ = held.recv();
        };
        pool.submit(Box::new(job)).unwrap();
        running.recv().unwrap();
        assert_eq!(pool.idle(), 0);
        let mut frame = Frame::from_cells(vec![1.0; 2000], 1000, 2).unwrap();
        let mut out = Vec::new();
        score(&pool, &COST, &Arc::new(Echo::default()), Method::Predict, &mut frame, &mut out).unwrap();
        assert_eq!(out, vec![1.0; 1000]);
        drop(release);
    }

    #[test]
    fn a_panic_of_a_helper_is_the_callers() {
        let echo = Echo { panics_at: Some(0.0), ..Echo::default() };
        assert!(std::panic::catch_unwind(|| run(2, 1000, echo)).is_err());
    }
}
