//! HTTP/1.1 to the daemon: single requests, each on a connection of its own, and the live stream (`feed`).
//!
//! Knows routes and nothing of screens.

mod backoff;
mod feed;
#[cfg(test)]
mod feed_tests;
mod sse;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use yummy_api::stats::StatsFrame;

pub(crate) use self::feed::{Wake, run_feed};

/// To open a connection: a daemon on the same machine answers in microseconds, one over a tunnel within a second.
const CONNECT: Duration = Duration::from_secs(3);
/// For an answer that is not a capture.
const ANSWER: Duration = Duration::from_secs(10);
/// Largest answer that is read: a folded profile of a minute is below 2 MB, a catalog of 1000 versions below 5 MB.
const LARGEST: usize = 32 << 20;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Nobody listens, or the name is unknown.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// Address as `host:port`.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing came in time.
    #[error("no answer from {0} in time")]
    Timeout(String),
    /// The connection broke, or what came is not HTTP.
    #[error("connection to {address}: {source}")]
    Http {
        /// Address as `host:port`.
        address: String,
        /// What hyper said.
        source: hyper::Error,
    },
    /// The path or a header cannot be sent.
    #[error("cannot make this request: {0}")]
    Request(#[from] http::Error),
    /// The answer could not be read whole.
    #[error("answer of {path}: {reason}")]
    Body {
        /// Path that was asked.
        path: String,
        /// Why.
        reason: String,
    },
    /// An answer other than 2xx.
    #[error("{path} answers {status}{hint}")]
    Status {
        /// Path that was asked.
        path: String,
        /// HTTP status.
        status: u16,
        /// The beginning of what the daemon said about it.
        hint: String,
    },
    /// The answer is not what this version of the dashboard reads.
    #[error("answer of {path} is not what this yummy-tui reads ({reason}); is it a yummyd of the same version?")]
    Shape {
        /// Path that was asked.
        path: String,
        /// Where it stopped.
        reason: String,
    },
}

/// Whole answer of a request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

/// Sends a request over a new connection and returns once the head of the answer is there.
async fn send(address: &str, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, ClientError> {
    let connecting = timeout(CONNECT, TcpStream::connect(address)).await;
    let stream = connecting
        .map_err(|_| ClientError::Timeout(address.to_owned()))?
        .map_err(|source| ClientError::Connect { address: address.to_owned(), source })?;
    let failed = |source| ClientError::Http { address: address.to_owned(), source };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    // Ends when the answer is read or dropped.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(failed)
}

fn request(
    address: &str,
    method: Method,
    path: &str,
    body: Option<String>,
) -> Result<Request<Full<Bytes>>, ClientError> {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, address);
    if body.is_some() {
        request =
            request.header(header::CONTENT_TYPE, "application/json").header(yummy_api::routes::HEADER_TIMING, "1");
    }
    Ok(request.body(Full::new(body.map(Bytes::from).unwrap_or_default()))?)
}

/// Sends a request and reads the whole answer, whatever its status.
pub(crate) async fn call(
    address: &str,
    method: Method,
    path: &str,
    body: Option<String>,
    patience: Duration,
) -> Result<Reply, ClientError> {
    let request = request(address, method, path, body)?;
    let work = async {
        let response = send(address, request).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST).collect().await;
        let body = body.map_err(|e| ClientError::Body { path: path.to_owned(), reason: e.to_string() })?;
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() })
    };
    timeout(patience, work).await.map_err(|_| ClientError::Timeout(address.to_owned()))?
}

/// Sends a request whose answer must be 2xx.
pub(crate) async fn expect_ok(
    address: &str,
    method: Method,
    path: &str,
    patience: Duration,
) -> Result<Reply, ClientError> {
    let reply = call(address, method, path, None, patience).await?;
    if (200..300).contains(&reply.status) {
        return Ok(reply);
    }
    let said = String::from_utf8_lossy(&reply.body[..reply.body.len().min(300)]).trim().replace('\n', " ");
    let hint = if said.is_empty() { said } else { format!(": {said}") };
    Err(ClientError::Status { path: path.to_owned(), status: reply.status, hint })
}

/// Fetches a JSON answer.
pub(crate) async fn fetch<T: serde::de::DeserializeOwned>(address: &str, path: &str) -> Result<T, ClientError> {
    let reply = expect_ok(address, Method::GET, path, ANSWER).await?;
    serde_json::from_slice(&reply.body).map_err(|e| ClientError::Shape { path: path.to_owned(), reason: e.to_string() })
}

/// Fetches one stats frame.
async fn fetch_stats(address: &str) -> Result<StatsFrame, ClientError> {
    fetch(address, yummy_api::routes::STATS).await
}
