//! Compute threads behind a bounded queue. When the queue is full the caller is told at once: waiting longer than the
//! queue holds would only make every answer late.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::ExecuteError;

/// What a thread does for one request.
pub type Job = Box<dyn FnOnce() + Send>;

/// Threads for long predictions. They end when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Pool {
    jobs: Sender<Job>,
    threads: usize,
    busy: Arc<AtomicUsize>,
}

impl Pool {
    /// Starts `threads` threads behind a queue of `queue` jobs.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(threads: usize, queue: usize) -> std::io::Result<Self> {
        let (jobs, work) = bounded(queue);
        let busy = Arc::new(AtomicUsize::new(0));
        for number in 0..threads {
            let (work, busy) = (work.clone(), Arc::clone(&busy));
            thread::Builder::new()
                .name(format!("yummyd-compute-{number}"))
                .spawn(move || work_through(&work, &busy))?;
        }
        Ok(Self { jobs, threads, busy })
    }

    /// Puts a job into the queue.
    ///
    /// # Errors
    /// [`ExecuteError::Busy`] when it is full.
    pub fn submit(&self, job: Job) -> Result<(), ExecuteError> {
        self.jobs.try_send(job).map_err(|_| ExecuteError::Busy)
    }

    /// Jobs that wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.jobs.len()
    }

    /// Threads that have nothing to do now.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.threads.saturating_sub(self.busy.load(Ordering::Relaxed) + self.waiting())
    }
}

fn work_through(work: &Receiver<Job>, busy: &AtomicUsize) {
    for job in work {
        busy.fetch_add(1, Ordering::Relaxed);
        // One request's bug must not cost the pool a thread. Its caller sees that no answer came.
        let _ = catch_unwind(AssertUnwindSafe(job));
        busy.fetch_sub(1, Ordering::Relaxed);
    }
}
