//! Where a prediction runs: at once on the thread that read the request when it is quick, on the compute pool when not.
//!
//! The pool has a bounded queue. When it is full, the caller is told at once ([`PoolError::Busy`]): waiting longer than the queue
//! holds would only make every answer late.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

/// Work that is expected to take longer leaves the I/O thread. Handing over and back costs 7 to 9 µs (profiling.md §6),
/// so that at 100 µs it is under a tenth; and a thread that answers 100 µs requests still answers 10,000 a second.
pub const INLINE_LIMIT: Duration = Duration::from_micros(100);

/// Why work was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The queue is full.
    #[error("too many predictions are waiting; try again in a second")]
    Busy,
    /// It panicked: a bug, which the panic's own message on stderr describes.
    #[error("the model stopped working on this request; see the log of yummyd")]
    Panicked,
}

type Job = Box<dyn FnOnce() + Send>;

/// Threads for long predictions.
#[derive(Clone, Debug)]
pub struct Pool {
    jobs: Sender<Job>,
    waiting: Arc<AtomicUsize>,
}

impl Pool {
    /// Starts `threads` threads behind a queue of `queue` jobs. They end when the last handle is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(threads: usize, queue: usize) -> std::io::Result<Self> {
        let (jobs, work): (Sender<Job>, Receiver<Job>) = bounded(queue);
        for number in 0..threads {
            let work = work.clone();
            thread::Builder::new().name(format!("yummyd-compute-{number}")).spawn(move || {
                for job in work {
                    // One request's bug must not cost the pool a thread. Its caller sees that no answer came.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            })?;
        }
        Ok(Self { jobs, waiting: Arc::new(AtomicUsize::new(0)) })
    }

    /// Runs `work` on the pool and gives its result with the time that it waited. When the caller goes away first, work
    /// that has not begun is dropped.
    ///
    /// # Errors
    /// [`PoolError`] when the queue is full, or the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Duration), PoolError> {
        let (reply, result) = oneshot::channel();
        let queued = Instant::now();
        let waiting = Arc::clone(&self.waiting);
        waiting.fetch_add(1, Ordering::Relaxed);
        let job: Job = Box::new(move || {
            waiting.fetch_sub(1, Ordering::Relaxed);
            if reply.is_closed() {
                return;
            }
            let waited = queued.elapsed();
            // The caller may go away while this runs: then nobody wants the result.
            let _ = reply.send((work(), waited));
        });
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) = self.jobs.try_send(job) {
            drop(job);
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(PoolError::Busy);
        }
        // A job that panicked sends nothing.
        result.await.map_err(|_| PoolError::Panicked)
    }

    /// Jobs that wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_runs_on_a_compute_thread() {
        let pool = Pool::start(1, 4).unwrap();
        let (name, _) = pool.run(|| thread::current().name().map(str::to_owned)).await.unwrap();
        assert_eq!(name.as_deref(), Some("yummyd-compute-0"));
        assert_eq!(pool.waiting(), 0);
    }

    #[tokio::test]
    async fn a_panic_costs_its_request_and_nothing_else() {
        let pool = Pool::start(1, 4).unwrap();
        let result = pool.run(|| panic!("on purpose")).await;
        assert_eq!(result.map(|(never, _): ((), _)| never), Err(PoolError::Panicked));
        assert_eq!(pool.run(|| 7).await.unwrap().0, 7);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let pool = Pool::start(1, 1).unwrap();
        let (release, held) = bounded::<()>(0);
        let (started, running) = bounded::<()>(0);
        let first = tokio::spawn({
            let pool = pool.clone();
            async move {
                pool.run(move || {
                    started.send(()).unwrap();
                    held.recv().unwrap();
                })
                .await
                .is_ok()
            }
        });
        // The first job is running, the second fills the queue, the third is one too many.
        tokio::task::spawn_blocking(move || running.recv().unwrap()).await.unwrap();
        let second = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(|| ()).await.is_ok() }
        });
        while pool.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(|| ()).await.unwrap_err(), PoolError::Busy);
        tokio::task::spawn_blocking(move || release.send(()).unwrap()).await.unwrap();
        assert!(first.await.unwrap());
        assert!(second.await.unwrap());
    }
}
