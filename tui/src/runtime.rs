//! The shell around the pure core: terminal, clock, sockets and files. Messages go in, frames and commands come out.

mod engine;
mod files;
mod work;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use ratatui::{
    DefaultTerminal,
    crossterm::event::{Event, EventStream, MouseEventKind},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use self::work::Worker;
use crate::{
    app::{App, Command, Msg, Options},
    view::view,
};

/// Messages that wait for the loop. Senders with news wait when it is full; senders of progress drop theirs.
const MESSAGES: usize = 256;
/// Least time between two frames: ten a second.
const FRAME: Duration = Duration::from_millis(100);
/// Least time between two steps of the mouse wheel, which some terminals send by the hundred.
const WHEEL: Duration = Duration::from_millis(20);

/// Runs the dashboard until the user leaves or a signal ends it.
pub(crate) async fn run(options: Options, terminal: &mut DefaultTerminal) -> std::io::Result<()> {
    let (sender, mut messages) = mpsc::channel(MESSAGES);
    let mut app = App::new(options, now_ms());
    let size = terminal.size()?;
    app.size = (size.width, size.height);
    let mut worker = Worker::start(&app.options, sender);
    let mut input = EventStream::new();
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut wheel_at = Instant::now();
    let mut draw_at = Instant::now();
    loop {
        let msg = tokio::select! {
            biased;
            _ = terminate.recv() => Msg::Terminate,
            _ = hang_up.recv() => Msg::Terminate,
            event = input.next() => match event {
                Some(Ok(event)) => match message(event, &mut wheel_at) {
                    Some(msg) => msg,
                    None => continue,
                },
                // The terminal is gone.
                Some(Err(_)) | None => Msg::Terminate,
            },
            () = sleep_until(draw_at), if app.dirty => {
                app.dirty = false;
                terminal.draw(|frame| view(&app, frame))?;
                draw_at = Instant::now() + FRAME;
                continue;
            }
            Some(msg) = messages.recv() => msg,
            _ = ticks.tick() => Msg::Tick(now_ms()),
        };
        for command in app.update(msg) {
            if command == Command::Quit {
                return Ok(());
            }
            worker.execute(command, &app);
        }
    }
}

/// An event of the terminal as a message; what the dashboard does not react to is none.
fn message(event: Event, wheel_at: &mut Instant) -> Option<Msg> {
    match event {
        // Releases are reported by some terminals; reacting to them would double every key.
        Event::Key(key) if key.is_press() || key.is_repeat() => Some(Msg::Key(key)),
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(width, height) => Some(Msg::Resize(width, height)),
        Event::Mouse(mouse) => {
            let wheel = matches!(mouse.kind, MouseEventKind::ScrollUp | MouseEventKind::ScrollDown);
            let now = Instant::now();
            if wheel && now < *wheel_at {
                return None;
            }
            *wheel_at = now + WHEEL;
            (wheel || matches!(mouse.kind, MouseEventKind::Down(_))).then_some(Msg::Mouse(mouse))
        }
        _ => None,
    }
}

/// Time of day, milliseconds since the epoch.
fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}
