//! A request's body, within its bounds of size and time.

use std::{
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use super::{App, asked::Asked, fault::Fault};

/// A body that nobody will read is taken in all the same, so that the client, who is still sending, gets to see the
/// answer: closing the connection on it would look like a network error. Those who need longer are cut off.
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// Reads the whole body. One that comes in one piece is not copied.
///
/// # Errors
/// [`Fault`]: too large, too late, or cut off.
pub(super) async fn read(app: &App, asked: &Asked<'_>, body: Incoming) -> Result<Bytes, Fault> {
    let limit = app.limits.body_bytes;
    if body.size_hint().lower() > limit as u64 {
        discard(app, asked, body).await;
        return Err(Fault::BodyTooLarge(limit));
    }
    let mut collecting = pin!(collect(body, limit));
    // A small body has arrived with its head: it needs no timer.
    if let Poll::Ready(result) = poll_fn(|context| Poll::Ready(collecting.as_mut().poll(context))).await {
        return result;
    }
    let body_due = Instant::now() + app.limits.body_timeout;
    let (due, fault) =
        if asked.deadline < body_due { (asked.deadline, Fault::Timeout) } else { (body_due, Fault::BodyTimeout) };
    tokio::time::timeout_at(due.into(), collecting).await.unwrap_or(Err(fault))
}

/// Takes in what the client still sends of a request that is refused, as much as an accepted one might have.
pub(super) async fn discard(app: &App, asked: &Asked<'_>, mut body: Incoming) {
    // Who waits for `100 Continue` has not begun to send, and reading would ask for it.
    if asked.expects_continue || body.is_end_stream() {
        return;
    }
    let mut left = app.limits.body_bytes;
    let discarding = async {
        while let Some(Ok(frame)) = body.frame().await {
            let taken = frame.data_ref().map_or(0, Bytes::len);
            left = left.saturating_sub(taken);
            if left == 0 {
                return;
            }
        }
    };
    // Who has not sent it by then does not get to see the answer.
    let _ = tokio::time::timeout(DISCARD_TIME, discarding).await;
}

async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Fault> {
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    while !body.is_end_stream()
        && let Some(frame) = body.frame().await
    {
        let Ok(data) = frame.map_err(|_| Fault::BodyBroken)?.into_data() else { continue };
        if first.len().max(rest.len()) + data.len() > limit {
            return Err(Fault::BodyTooLarge(limit));
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            // The whole of it, where the client said how long it is; no more than is allowed in any case.
            let expected = usize::try_from(body.size_hint().lower()).unwrap_or(limit).min(limit);
            rest.reserve_exact(first.len() + data.len() + expected);
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&data);
    }
    Ok(if rest.is_empty() { first } else { rest.into() })
}
