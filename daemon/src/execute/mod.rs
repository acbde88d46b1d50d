//! Where a prediction runs: at once on the thread that read the request when it is quick, on the compute pool when not,
//! large batches on all threads of the pool that are idle.
//!
//! * [`gate`]: how many requests of one model may be under way, and who waits for a place.
//! * [`pool`]: threads behind a bounded queue.
//! * [`split`]: one batch on several of them.
//! * [`turn`]: how many requests an I/O thread predicts before it looks at its sockets again.
//!
//! It knows no HTTP; what is predicted, and how long that may take, the caller says.

pub mod gate;
pub mod pool;
pub mod split;
pub mod turn;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

pub use pool::Pool;

/// Work that is expected to take longer leaves the I/O thread.
///
/// Handing over and back costs 11 µs of CPU (docs/benchmarks/executors.md: one row 29.9 µs on the pool, 18.6 µs inline):
/// about a tenth of 100 µs. And a thread that answers 100 µs requests in turn still answers 10,000 a second.
pub const INLINE_LIMIT: Duration = Duration::from_micros(100);
/// What decoding and reading one byte of a body costs, nanoseconds: 300 to 700 MB/s (docs/benchmarks/decode.md).
const NS_PER_BODY_BYTE: f64 = 3.0;

/// Where predictions run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Quick ones on the thread that read the request, others on the compute threads.
    #[default]
    Auto,
    /// All on the thread that read the request.
    Inline,
    /// All on the compute threads.
    Pool,
    /// Each on a thread that is started for it, as many synchronous servers do.
    ThreadPerRequest,
}

/// What predicting with one model costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// One row, nanoseconds, found by the warm-up at load.
    pub ns_per_row: f64,
    /// Bytes that one row takes in a body, more or less.
    pub bytes_per_row: f64,
}

impl Cost {
    /// What a body of `bytes` is expected to take from bytes to prediction.
    fn of_body(&self, bytes: usize) -> Duration {
        let bytes = bytes as f64;
        Duration::from_nanos((bytes * NS_PER_BODY_BYTE + bytes / self.bytes_per_row.max(1.0) * self.ns_per_row) as u64)
    }

    /// What predicting `rows` is expected to take.
    #[must_use]
    pub fn of_rows(&self, rows: usize) -> Duration {
        Duration::from_nanos((rows as f64 * self.ns_per_row) as u64)
    }
}

/// Why work was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// As many wait as may.
    #[error("too many predictions are waiting; try again in a second")]
    Busy,
    /// Its deadline passed: before it began, and then it never did, or while it ran.
    #[error("the deadline passed")]
    Late,
    /// It panicked: a bug, which the panic's own message on stderr describes.
    #[error("the model stopped working on this request; see the log of yummyd")]
    Panicked,
}

/// Runs predictions as its [`Mode`] says.
#[derive(Debug)]
pub struct Executor {
    mode: Mode,
    pool: Pool,
    /// Threads of [`Mode::ThreadPerRequest`] that run now.
    threads: Arc<AtomicUsize>,
    max_threads: usize,
}

impl Executor {
    /// Starts `threads` compute threads behind a queue of `queue` jobs. Threads for single requests are at most as many
    /// as the queue is long.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(mode: Mode, threads: usize, queue: usize) -> std::io::Result<Self> {
        let pool = Pool::start(threads, queue)?;
        Ok(Self { mode, pool, threads: Arc::default(), max_threads: queue })
    }

    /// Whether a body of `bytes` is worked on where it was read.
    #[must_use]
    pub fn is_inline(&self, cost: &Cost, bytes: usize) -> bool {
        match self.mode {
            Mode::Auto => cost.of_body(bytes) <= INLINE_LIMIT,
            Mode::Inline => true,
            Mode::Pool | Mode::ThreadPerRequest => false,
        }
    }

    /// Whether predicting so many rows where they were decoded would take too long after all.
    #[must_use]
    pub fn is_too_much_inline(&self, cost: &Cost, rows: usize) -> bool {
        self.mode == Mode::Auto && cost.of_rows(rows) > INLINE_LIMIT
    }

    /// The compute threads.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The pool for those who split a batch over it: large batches stay whole where the mode says on which one thread a
    /// request runs.
    #[must_use]
    pub fn helpers(&self) -> Option<Pool> {
        matches!(self.mode, Mode::Auto | Mode::Pool).then(|| self.pool.clone())
    }

    /// Jobs that wait for a compute thread.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pool.waiting()
    }

    /// Runs `work` on another thread and gives its result with the time that it waited. Work that has not begun by the
    /// deadline, or when the caller goes away, is dropped.
    ///
    /// # Errors
    /// [`ExecuteError`]: no room, no time, or a panic.
    pub async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Duration), ExecuteError> {
        let (reply, result) = oneshot::channel();
        let queued = Instant::now();
        let job = move || {
            let begin = Instant::now();
            // The caller may go away, or its time run out, at any moment: then nobody wants the result.
            if reply.is_closed() || begin > deadline {
                return;
            }
            let _ = reply.send((work(), begin - queued));
        };
        match self.mode {
            Mode::ThreadPerRequest => self.start_thread(job)?,
            Mode::Auto | Mode::Inline | Mode::Pool => self.pool.submit(Box::new(job))?,
        }
        match tokio::time::timeout_at(deadline.into(), result).await {
            Ok(Ok(done)) => Ok(done),
            // Without a word it was dropped, late or because it panicked.
            Ok(Err(_)) if Instant::now() > deadline => Err(ExecuteError::Late),
            Ok(Err(_)) => Err(ExecuteError::Panicked),
            Err(_) => Err(ExecuteError::Late),
        }
    }

    fn start_thread(&self, job: impl FnOnce() + Send + 'static) -> Result<(), ExecuteError> {
        struct Running(Arc<AtomicUsize>);
        impl Drop for Running {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let before = self.threads.fetch_add(1, Ordering::Relaxed);
        let running = Running(Arc::clone(&self.threads));
        if before >= self.max_threads {
            return Err(ExecuteError::Busy);
        }
        let thread = std::thread::Builder::new().name("yummyd-request".into());
        let started = thread.spawn(move || {
            let _running = running;
            job();
        });
        // No thread left is as good as no room left.
        started.map(drop).map_err(|_| ExecuteError::Busy)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    fn far() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// An executor with one compute thread, which is busy until the sender is dropped.
    fn busy(mode: Mode, queue: usize) -> (Arc<Executor>, mpsc::Sender<()>) {
        let executor = Arc::new(Executor::start(mode, 1, queue).unwrap());
        let (release, held) = mpsc::channel::<()>();
        let (started, running) = mpsc::channel();
        let job = move || {
            started.send(()).unwrap();
            let _ = held.recv();
        };
        executor.pool.submit(Box::new(job)).unwrap();
        running.recv().unwrap();
        (executor, release)
    }

    #[tokio::test]
    async fn modes_choose_the_thread() {
        let name = || thread::current().name().unwrap_or_default().to_owned();
        for (mode, expected) in [(Mode::Pool, "yummyd-compute-0"), (Mode::ThreadPerRequest, "yummyd-request")] {
            let executor = Executor::start(mode, 1, 4).unwrap();
            assert_eq!(executor.run(far(), name).await.unwrap().0, expected);
        }
    }

    #[test]
    fn what_is_quick_stays_and_what_is_not_goes() {
        let cost = Cost { ns_per_row: 1000.0, bytes_per_row: 100.0 };
        let inline = |mode, bytes| Executor::start(mode, 1, 1).unwrap().is_inline(&cost, bytes);
        assert!(inline(Mode::Auto, 300) && !inline(Mode::Auto, 100_000));
        assert!(inline(Mode::Inline, 100_000) && !inline(Mode::Pool, 300) && !inline(Mode::ThreadPerRequest, 300));
        let auto = Executor::start(Mode::Auto, 1, 1).unwrap();
        assert!(auto.is_too_much_inline(&cost, 101) && !auto.is_too_much_inline(&cost, 99));
        let always = Executor::start(Mode::Inline, 1, 1).unwrap();
        assert!(!always.is_too_much_inline(&cost, usize::MAX));
    }

    #[tokio::test]
    async fn a_panic_costs_its_request_and_nothing_else() {
        for mode in [Mode::Pool, Mode::ThreadPerRequest] {
            let executor = Executor::start(mode, 1, 4).unwrap();
            let result = executor.run(far(), || panic!("on purpose")).await;
            assert_eq!(result.map(|(never, _): ((), _)| never), Err(ExecuteError::Panicked));
            assert_eq!(executor.run(far(), || 7).await.unwrap().0, 7);
        }
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let (executor, release) = busy(Mode::Pool, 1);
        let second = tokio::spawn({
            let executor = Arc::clone(&executor);
            async move { executor.run(far(), || 2).await }
        });
        while executor.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(executor.run(far(), || 3).await, Err(ExecuteError::Busy));
        drop(release);
        assert_eq!(second.await.unwrap().unwrap().0, 2);
    }

    #[tokio::test]
    async fn threads_for_requests_are_bounded() {
        let executor = Arc::new(Executor::start(Mode::ThreadPerRequest, 1, 1).unwrap());
        let (release, held) = mpsc::channel::<()>();
        let first = tokio::spawn({
            let executor = Arc::clone(&executor);
            async move { executor.run(far(), move || held.recv().is_err()).await.is_ok() }
        });
        while executor.threads.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(executor.run(far(), || ()).await, Err(ExecuteError::Busy));
        drop(release);
        assert!(first.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn work_whose_deadline_passed_never_begins() {
        let (executor, release) = busy(Mode::Pool, 4);
        let (began, begun) = mpsc::channel();
        let late = {
            let began = began.clone();
            executor.run(Instant::now(), move || began.send("late").unwrap()).await
        };
        assert_eq!(late, Err(ExecuteError::Late));
        drop(release);
        // The one thread works in order: when this is done, the late one has been passed over.
        executor.pool.submit(Box::new(move || began.send("next").unwrap())).unwrap();
        assert_eq!(begun.iter().collect::<Vec<_>>(), ["next"]);
    }

    #[tokio::test]
    async fn work_whose_caller_went_away_never_begins() {
        let (executor, release) = busy(Mode::Pool, 4);
        let (began, begun) = mpsc::channel();
        {
            let gone = began.clone();
            // Polled once, it is in the queue; then it is dropped, as a connection that closes drops it.
            tokio::select! {
                biased;
                _ = executor.run(far(), move || gone.send("gone").unwrap()) => panic!("the only thread is busy"),
                () = std::future::ready(()) => {}
            }
        }
        drop(release);
        executor.pool.submit(Box::new(move || began.send("next").unwrap())).unwrap();
        assert_eq!(begun.iter().collect::<Vec<_>>(), ["next"]);
    }
}
