//! Watches the server while it is loaded: is it alive, and what does it say of its CPU and memory.
//!
//! Uses the daemon's admin listener when `/stats` names one, so that a saturated scoring port does not blind it. A
//! server without `/stats` is only watched for being alive.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::task::JoinHandle;
use yummy_api::{event::Event, routes, stats::StatsFrame};

use crate::{
    exchange::{Connection, Template},
    target::{Reach, Target, resolve_host},
};

/// The daemon makes one frame a second; asking twice as often costs little and is at most half a second late.
const EVERY: Duration = Duration::from_millis(500);
/// How long one look may take. Shorter than [`SILENCE`], so that several looks fail before the server counts as silent.
const LOOK_TIMEOUT: Duration = Duration::from_millis(900);
/// Silence after which a run stops by itself.
pub(crate) const SILENCE: Duration = Duration::from_secs(3);
/// Largest stats body that is read.
const STATS_LIMIT: usize = 16 << 20;

/// What was last seen of the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The newest frame, from servers that have any.
    pub(crate) frame: Option<Arc<StatsFrame>>,
    /// When the server last answered anything.
    pub(crate) alive: Option<Instant>,
}

/// CPU of the server over a stretch of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuMark {
    cpu_seconds: f64,
    at_unix_ms: u64,
}

impl Seen {
    pub(crate) fn cpu_mark(&self) -> Option<CpuMark> {
        let frame = self.frame.as_ref()?;
        Some(CpuMark { cpu_seconds: frame.process.cpu_seconds, at_unix_ms: frame.at_unix_ms })
    }

    /// Cores used since `mark`: exact, as both ends are the server's own clocks.
    pub(crate) fn cores_since(&self, mark: Option<CpuMark>) -> Option<f64> {
        let (frame, mark) = (self.frame.as_ref()?, mark?);
        let seconds = frame.at_unix_ms.checked_sub(mark.at_unix_ms).filter(|&ms| ms > 0)? as f64 / 1e3;
        Some((frame.process.cpu_seconds - mark.cpu_seconds) / seconds)
    }

    pub(crate) fn rss_bytes(&self) -> Option<u64> {
        self.frame.as_ref().map(|frame| frame.process.rss_bytes)
    }

    pub(crate) fn open_fds(&self) -> Option<u64> {
        self.frame.as_ref().and_then(|frame| frame.process.open_fds)
    }

    /// Cores that the server may use.
    pub(crate) fn cores(&self) -> Option<f64> {
        self.frame.as_ref().map(|frame| frame.machine.cores)
    }

    pub(crate) fn events(&self) -> &[Event] {
        self.frame.as_ref().map_or(&[], |frame| &frame.events)
    }

    /// Whether the server, alive before, has not answered for [`SILENCE`].
    pub(crate) fn is_silent(&self) -> bool {
        self.alive.is_some_and(|alive| alive.elapsed() > SILENCE)
    }
}

/// A task that looks at the server again and again.
pub(crate) struct Observer {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Observer {
    /// Starts to watch `target`'s server; the first look is done on return.
    pub(crate) async fn start(target: &Target, reach: Reach) -> Self {
        let seen = Arc::default();
        let mut watcher = Watcher {
            seen: Arc::clone(&seen),
            reach,
            addr: target.addr(),
            authority: target.authority().to_owned(),
            connection: None,
            at_admin: false,
        };
        watcher.look().await;
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                watcher.look().await;
            }
        });
        Self { seen, task }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Watcher {
    seen: Arc<Mutex<Seen>>,
    reach: Reach,
    addr: SocketAddr,
    authority: String,
    connection: Option<Connection>,
    at_admin: bool,
}

impl Watcher {
    async fn look(&mut self) {
        let Ok(Some((status, body))) = tokio::time::timeout(LOOK_TIMEOUT, self.get(routes::STATS)).await else {
            self.connection = None;
            return;
        };
        // Any answer, also a 404 of a server that has no statistics, is a sign of life.
        let frame = (status == 200).then(|| serde_json::from_slice::<StatsFrame>(&body).ok()).flatten().map(Arc::new);
        if let Some(frame) = &frame {
            self.move_to_admin(frame);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.alive = Some(Instant::now());
        if frame.is_some() {
            seen.frame = frame;
        }
    }

    async fn get(&mut self, path: &str) -> Option<(u16, Vec<u8>)> {
        let mut connection = match self.connection.take().filter(Connection::is_open) {
            Some(open) => open,
            None => Connection::open(self.addr).await.ok()?,
        };
        let template = Template::get(self.addr, &self.authority, path);
        let answer = connection.fetch(&template, Bytes::new(), STATS_LIMIT).await.ok()?;
        self.connection = Some(connection);
        Some(answer)
    }

    fn move_to_admin(&mut self, frame: &StatsFrame) {
        let Some(admin) = frame.daemon.admin.as_ref().filter(|_| !self.at_admin) else { return };
        self.at_admin = true;
        if let Ok((authority, addr)) = resolve_host(&format!("http://{admin}"), &self.reach) {
            (self.authority, self.addr, self.connection) = (authority, addr, None);
        }
    }
}
