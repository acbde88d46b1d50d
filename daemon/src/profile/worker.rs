//! The profiler's thread: starts the sampler, waits, reads it out, finds names, gives memory back.

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::oneshot;
use yummy_api::event::{EventKind, Level};

use super::{
    Request,
    capture::{Capture, Measured},
    error::ProfileError,
    heap::HeapProfile,
    rolling::Rolling,
    sampler::{RawProfile, Sampler, release_memory, visit_every},
    store::Running,
};
use crate::telemetry::{Activity, Telemetry};

/// One profile to be made.
pub(crate) enum Job {
    Capture { request: Request, running: Running, reply: Reply },
    Heap { running: Running, reply: oneshot::Sender<Result<HeapProfile, ProfileError>> },
}

/// Where a capture goes.
pub(crate) type Reply = oneshot::Sender<Result<Arc<Capture>, ProfileError>>;

pub(crate) struct Worker {
    inbox: mpsc::Receiver<Job>,
    telemetry: Option<Arc<Telemetry>>,
    rolling: Option<Rolling>,
}

impl Worker {
    pub(crate) fn new(inbox: mpsc::Receiver<Job>, telemetry: Option<Arc<Telemetry>>, rolling_hz: Option<u32>) -> Self {
        let rolling = rolling_hz.map(|hz| Rolling::new(hz, telemetry.clone()));
        Self { inbox, telemetry, rolling }
    }

    /// Works until the last [`super::Profiler`] is gone.
    pub(crate) fn run(mut self) {
        while let Some(job) = self.next_job() {
            match job {
                Job::Capture { request, running, reply } => self.make(request, running, reply),
                Job::Heap { running, reply } => {
                    let profile = HeapProfile::now();
                    release_memory();
                    drop(running);
                    // Nobody may be waiting any more.
                    let _ = reply.send(profile);
                }
            }
        }
    }

    fn make(&mut self, request: Request, running: Running, mut reply: Reply) {
        let made = match request {
            Request::Next { length, hz } => self.capture(length, hz, &mut reply),
            Request::Last { length } => self.look_back(length),
        };
        // Finding names is the longest part: not for nobody.
        let made = if reply.is_closed() { Err(ProfileError::Cancelled) } else { made };
        let answer = made.map(|(raw, measured)| running.keep(Capture::resolve(&raw, measured)));
        release_memory();
        // Free before the answer arrives: who has it may ask again at once.
        drop(running);
        self.report(&answer);
        // Nobody may be waiting any more.
        let _ = reply.send(answer);
    }

    /// Waits for work, and keeps the rolling capture rolling meanwhile. `None` when nobody can ask any more.
    fn next_job(&mut self) -> Option<Job> {
        loop {
            let Some(rolling) = &mut self.rolling else { return self.inbox.recv().ok() };
            match self.inbox.recv_timeout(rolling.until_next()) {
                Ok(job) => return Some(job),
                Err(mpsc::RecvTimeoutError::Timeout) => rolling.visit(),
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn capture(
        &mut self,
        length: Duration,
        hz: u32,
        reply: &mut Reply,
    ) -> Result<(RawProfile, Measured), ProfileError> {
        // There is one sampler: the rolling capture has a gap where another one is made.
        if let Some(rolling) = &mut self.rolling {
            rolling.pause();
        }
        let mut sampler = Sampler::start(hz)?;
        let began = Began::now(&sampler, self.telemetry.as_deref());
        let visit = visit_every(hz);
        while let Some(left) = length.checked_sub(began.at.elapsed()).filter(|left| !left.is_zero()) {
            if reply.is_closed() {
                return Err(ProfileError::Cancelled);
            }
            std::thread::sleep(left.min(visit));
            sampler.collect();
        }
        let measured = began.measure(&sampler, hz, self.telemetry.as_deref());
        Ok((sampler.take(), measured))
    }

    fn look_back(&mut self, length: Duration) -> Result<(RawProfile, Measured), ProfileError> {
        self.rolling.as_mut().map(|rolling| rolling.last(length)).ok_or(ProfileError::RollingOff)
    }

    fn report(&self, answer: &Result<Arc<Capture>, ProfileError>) {
        let Some(telemetry) = &self.telemetry else { return };
        match answer {
            Ok(capture) => {
                let message = format!("capture {}: {}", capture.id.unwrap_or(0), capture.subtitle());
                telemetry.event(Level::Info, EventKind::Profile, None, None, message);
            }
            Err(ProfileError::Cancelled) => tracing::info!("a capture was cancelled: its client has gone"),
            Err(error) => telemetry.event(Level::Warn, EventKind::Profile, None, None, error.to_string()),
        }
    }
}

/// What is measured at both ends of a stretch of sampling.
pub(crate) struct Began {
    pub(crate) at: Instant,
    unix_ms: u64,
    cpu: Duration,
    activity: Activity,
}

impl Began {
    pub(crate) fn now(sampler: &Sampler, telemetry: Option<&Telemetry>) -> Self {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let activity = telemetry.map(Telemetry::activity).unwrap_or_default();
        let unix_ms = u64::try_from(unix.as_millis()).unwrap_or(0);
        Self { at: Instant::now(), unix_ms, cpu: sampler.cpu_time(), activity }
    }

    pub(crate) fn measure(&self, sampler: &Sampler, hz: u32, telemetry: Option<&Telemetry>) -> Measured {
        let on_cpu_seconds = sampler.cpu_time().saturating_sub(self.cpu).as_secs_f64();
        let seconds = self.at.elapsed().as_secs_f64();
        let activity = telemetry.map(|telemetry| telemetry.activity().since(&self.activity)).unwrap_or_default();
        Measured { hz, clock: sampler.clock(), at_unix_ms: self.unix_ms, seconds, on_cpu_seconds, activity }
    }
}
