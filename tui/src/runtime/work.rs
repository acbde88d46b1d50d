//! Doing what the core asks for. Each command becomes a task of its own that ends with a message.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::Method;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::{interval, sleep},
};
use yummy_api::{event::Level, routes};

use super::{engine, files, now_ms};
use crate::{
    app::{App, Command, Feed, Msg, Options, load::LoadPlan, profile::Capture, try_row::Answer},
    client::{self, Wake, run_feed},
    demo,
};

/// For an answer to a tried row or a reload: a large model may take its time.
const ANSWER: Duration = Duration::from_secs(30);
/// What a capture may take beyond its own length: symbol names of a cold process.
const CAPTURE_EXTRA: Duration = Duration::from_secs(20);
/// Bytes of an answer that are shown.
const SHOWN: usize = 64 * 1024;

/// Owns the running tasks.
pub(super) struct Worker {
    messages: mpsc::Sender<Msg>,
    wake: Wake,
    feed: JoinHandle<()>,
    demo: bool,
    /// Requests a second of a canned burst, which the canned frames show.
    demo_load: Arc<std::sync::atomic::AtomicU64>,
    demo_captures: u32,
    stop_load: Arc<Notify>,
}

impl Worker {
    /// Starts following the daemon, or the canned one.
    pub(super) fn start(options: &Options, messages: mpsc::Sender<Msg>) -> Self {
        let wake = Wake::default();
        let demo_load = Arc::default();
        let feed = if options.demo {
            tokio::spawn(run_demo(messages.clone(), Arc::clone(&demo_load)))
        } else {
            tokio::spawn(run_feed(options.target.clone(), messages.clone(), Arc::clone(&wake)))
        };
        Self { messages, wake, feed, demo: options.demo, demo_load, demo_captures: 0, stop_load: Arc::default() }
    }

    /// Begins the work of a command.
    pub(super) fn execute(&mut self, command: Command, app: &App) {
        let address = app.address().to_owned();
        match command {
            Command::Quit => {}
            Command::Reconnect => self.wake.notify_one(),
            Command::StartDemo => {
                self.feed.abort();
                *self = Self::start(&app.options, self.messages.clone());
            }
            Command::FetchCatalog if self.demo => self.reply(async { Msg::Catalog(Ok(Box::new(demo::catalog()))) }),
            Command::FetchCatalog => self.reply(async move {
                Msg::Catalog(client::fetch(&address, routes::MODELS).await.map(Box::new).map_err(|e| e.to_string()))
            }),
            Command::Post { path, what } if self.demo => {
                let _ = path;
                self.reply(async move { Msg::Note(Level::Info, format!("{what}: done (demo)")) });
            }
            Command::Post { path, what } => self.reply(async move {
                match client::expect_ok(&address, Method::POST, &path, ANSWER).await {
                    Ok(_) => Msg::Note(Level::Info, format!("{what}: done")),
                    Err(error) => Msg::Note(Level::Error, format!("{what}: {error}")),
                }
            }),
            Command::Try { path, .. } if self.demo => self.reply(async move { Msg::Answer(Ok(demo::answer(&path))) }),
            Command::Try { path, body } => {
                let url = app.serving_url();
                self.reply(async move { Msg::Answer(try_row(url.trim_start_matches("http://"), &path, body).await) });
            }
            Command::StartLoad(plan) => self.start_load(*plan),
            Command::StopLoad => self.stop_load.notify_one(),
            Command::Capture { seconds } if self.demo => {
                let number = self.demo_captures;
                self.demo_captures += 1;
                self.reply(async move {
                    sleep(Duration::from_secs(2)).await;
                    Msg::Captured(Ok(Box::new(Capture::from_folded(&demo::folded(number), f64::from(seconds)))))
                });
            }
            Command::Capture { seconds } => self.reply(capture(address, seconds)),
            Command::CopyText(text) => {
                if let Err(error) = crate::terminal::copy(&text) {
                    self.reply(async move { Msg::Note(Level::Warn, format!("cannot copy: {error}")) });
                }
            }
            Command::Write { name, contents } => self.reply(async move {
                match files::write(&name, &contents) {
                    Ok(path) => Msg::Note(Level::Info, format!("wrote {path}")),
                    Err(error) => Msg::Note(Level::Error, format!("cannot write {name}: {error}")),
                }
            }),
            Command::SaveBaseline(report) => self.reply(async move {
                match files::save_baseline(&report) {
                    Ok(path) => Msg::Note(Level::Info, format!("baseline saved as {path}")),
                    Err(error) => Msg::Note(Level::Error, format!("cannot save the baseline: {error}")),
                }
            }),
            Command::LoadBaseline(scenario) => {
                self.reply(async move { Msg::Baseline(files::read_baseline(&scenario).map(Box::new)) });
            }
        }
    }

    /// Sends the message that a task ends with.
    fn reply(&self, work: impl Future<Output = Msg> + Send + 'static) {
        let messages = self.messages.clone();
        tokio::spawn(async move {
            let msg = work.await;
            // The receiver is gone only when the dashboard ends.
            let _ = messages.send(msg).await;
        });
    }

    fn start_load(&mut self, plan: LoadPlan) {
        // A stop of the run before must not stop this one.
        self.stop_load = Arc::default();
        let (messages, stop) = (self.messages.clone(), Arc::clone(&self.stop_load));
        if self.demo {
            let load = Arc::clone(&self.demo_load);
            tokio::spawn(async move {
                load.store(plan.rate as u64, std::sync::atomic::Ordering::Relaxed);
                demo::run_load(plan, messages, stop).await;
                load.store(0, std::sync::atomic::Ordering::Relaxed);
            });
        } else {
            tokio::spawn(engine::run(plan, messages, stop));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.feed.abort();
        self.stop_load.notify_one();
    }
}

/// Plays the canned daemon: ten minutes of past at once, then a frame a second.
async fn run_demo(messages: mpsc::Sender<Msg>, load: Arc<std::sync::atomic::AtomicU64>) {
    let begin = now_ms();
    let _ = messages.send(Msg::Feed(Feed::Connected("demo".into()))).await;
    for ago in (1..=600).rev() {
        let mut frame = demo::frame(begin - ago * 1000, 0.0);
        // The events' times are told from the present.
        frame.events.clear();
        let _ = messages.send(Msg::Feed(Feed::Frame(Box::new(frame)))).await;
    }
    let mut ticks = interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        let load_rps = load.load(std::sync::atomic::Ordering::Relaxed) as f64;
        let frame = Box::new(demo::frame(now_ms(), load_rps));
        if messages.send(Msg::Feed(Feed::Frame(frame))).await.is_err() {
            return;
        }
    }
}

async fn try_row(address: &str, path: &str, body: String) -> Result<Answer, String> {
    let begun = Instant::now();
    let reply = client::call(address, Method::POST, path, Some(body), ANSWER).await.map_err(|e| e.to_string())?;
    let took_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let header = |name: &str| reply.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let body = String::from_utf8_lossy(&reply.body[..reply.body.len().min(SHOWN)]).into_owned();
    Ok(Answer {
        status: reply.status,
        took_ms,
        timing: header("server-timing"),
        model: header(routes::HEADER_MODEL),
        body,
    })
}

async fn capture(address: String, seconds: u32) -> Msg {
    let path = format!("{}?seconds={seconds}", routes::PROFILE_FOLDED);
    let patience = Duration::from_secs(u64::from(seconds)) + CAPTURE_EXTRA;
    let reply = client::expect_ok(&address, Method::GET, &path, patience).await;
    Msg::Captured(reply.map_err(|e| e.to_string()).and_then(|reply| {
        let capture = Capture::from_folded(&String::from_utf8_lossy(&reply.body), f64::from(seconds));
        let idle = "no samples: the daemon used no CPU meanwhile; send it some load and capture again";
        if capture.stacks.is_empty() { Err(idle.to_owned()) } else { Ok(Box::new(capture)) }
    }))
}
