//! The live stream: connects, moves to the daemon's address for observers, reads, and connects again when it breaks.

use std::{sync::Arc, time::Duration};

use http::Method;
use http_body_util::BodyExt;
use tokio::{
    sync::{Notify, mpsc},
    time::{sleep, timeout},
};
use yummy_api::{event::Event, routes, stats::StatsFrame};

use super::{ClientError, backoff, fetch_stats, request, send, sse::Parser};
use crate::app::{Feed, Msg, reachable};

/// Silence after which a stream counts as broken: five frames.
const SILENCE: Duration = Duration::from_secs(5);

/// Ends the wait for the next attempt.
pub(crate) type Wake = Arc<Notify>;

/// Follows the daemon at `target` until the receiver is gone. When the channel is full it waits, and so does the
/// daemon's side of the socket: the daemon drops frames for a slow reader, nothing piles up here.
pub(crate) async fn run_feed(target: String, messages: mpsc::Sender<Msg>, wake: Wake) {
    let mut attempt = 0;
    loop {
        if tell(&messages, Feed::Connecting).await.is_err() {
            return;
        }
        let mut stood = false;
        let reason = match follow(&target, &messages, &mut stood).await {
            Ok(()) => "the daemon closed the stream".to_owned(),
            Err(Broken::Receiver) => return,
            Err(Broken::Client(error)) => error.to_string(),
        };
        attempt = if stood { 1 } else { attempt + 1 };
        let wait = backoff::wait(attempt);
        let retry_ms = wait.as_millis() as u64;
        if tell(&messages, Feed::Lost { reason, attempt, retry_ms }).await.is_err() {
            return;
        }
        tokio::select! {
            () = sleep(wait) => {}
            () = wake.notified() => {}
        }
    }
}

/// Why following ended.
enum Broken {
    /// The dashboard is gone.
    Receiver,
    Client(ClientError),
}

impl From<ClientError> for Broken {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

async fn tell(messages: &mpsc::Sender<Msg>, feed: Feed) -> Result<(), Broken> {
    messages.send(Msg::Feed(feed)).await.map_err(|_| Broken::Receiver)
}

/// One connection, from its first frame to its end.
async fn follow(target: &str, messages: &mpsc::Sender<Msg>, stood: &mut bool) -> Result<(), Broken> {
    let first = fetch_stats(target).await?;
    let (address, response) = open_stream(target, &first).await?;
    *stood = true;
    tell(messages, Feed::Connected(address.clone())).await?;
    tell(messages, Feed::Frame(Box::new(first))).await?;
    let mut body = response.into_body();
    let mut parser = Parser::default();
    loop {
        let frame = timeout(SILENCE, body.frame()).await.map_err(|_| ClientError::Timeout(address.clone()))?;
        let Some(frame) = frame else { return Ok(()) };
        let frame = frame.map_err(|source| ClientError::Http { address: address.clone(), source })?;
        let Some(piece) = frame.data_ref() else { continue };
        let mut found = Vec::new();
        parser.feed(piece, |message| found.push(message));
        for message in found {
            if let Some(feed) = read(&message.event, &message.data)? {
                tell(messages, feed).await?;
            }
        }
    }
}

/// Opens the stream at the address for observers when there is one and it answers, else where the stats came from.
async fn open_stream(
    target: &str,
    first: &StatsFrame,
) -> Result<(String, http::Response<hyper::body::Incoming>), ClientError> {
    let admin = first.daemon.admin.as_deref().map(|admin| reachable(admin, target));
    if let Some(admin) = admin.filter(|admin| admin != target)
        && let Ok(response) = stream_at(&admin).await
    {
        return Ok((admin, response));
    }
    Ok((target.to_owned(), stream_at(target).await?))
}

async fn stream_at(address: &str) -> Result<http::Response<hyper::body::Incoming>, ClientError> {
    let request = request(address, Method::GET, routes::STATS_STREAM, None)?;
    let response = timeout(SILENCE, send(address, request)).await;
    let response = response.map_err(|_| ClientError::Timeout(address.to_owned()))??;
    if response.status().is_success() {
        return Ok(response);
    }
    let path = routes::STATS_STREAM.to_owned();
    Err(ClientError::Status { path, status: response.status().as_u16(), hint: String::new() })
}

/// Reads one message of the stream. Types that are not known are of a newer daemon, and read over.
fn read(event: &str, data: &str) -> Result<Option<Feed>, ClientError> {
    let shape = |e: serde_json::Error| ClientError::Shape { path: routes::STATS_STREAM.into(), reason: e.to_string() };
    match event {
        "stats" => {
            let frame: StatsFrame = serde_json::from_str(data).map_err(shape)?;
            Ok(Some(Feed::Frame(Box::new(frame))))
        }
        "event" => serde_json::from_str::<Event>(data).map(|event| Some(Feed::Event(event))).map_err(shape),
        _ => Ok(None),
    }
}
