//! One HTTP/1.1 connection: opens, sends one request at a time, reads the whole answer and forgets it.
//!
//! hyper's connection driven by hand: no pool, no redirects, no retries that would hide a failure from the counts.

use std::{io, net::SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinHandle};
use yummy_api::routes;

use crate::{play::Failure, target::Target};

/// What is the same in every request of a run.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) addr: SocketAddr,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    pub(crate) keep_alive: bool,
}

impl Template {
    /// Scoring requests to `target`.
    pub(crate) fn post(target: &Target, content_type: &str, run_id: &str, keep_alive: bool) -> Self {
        let mut headers = base_headers(target.authority());
        headers.insert(header::CONTENT_TYPE, value(content_type));
        headers.insert(routes::HEADER_LOAD, value(run_id));
        if !keep_alive {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Self { addr: target.addr(), method: Method::POST, uri: uri(target.path()), headers, keep_alive }
    }

    /// Reads of one of the server's own pages.
    pub(crate) fn get(addr: SocketAddr, authority: &str, path: &str) -> Self {
        Self { addr, method: Method::GET, uri: uri(path), headers: base_headers(authority), keep_alive: true }
    }

    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

fn base_headers(authority: &str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(header::HOST, value(authority));
    headers
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("invalid"))
}

fn uri(path: &str) -> Uri {
    path.parse().unwrap_or_else(|_| Uri::from_static("/"))
}

/// An open connection. Dropping it closes the socket, whatever is in flight.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Opens a connection. Must run within a `LocalSet` or runtime that drives spawned tasks.
    pub(crate) async fn open(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        // Small requests must leave at once: Nagle's algorithm would add up to 40 ms of its own.
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let driver = tokio::spawn(async move {
            // How the connection ends shows in the request that is on it.
            let _ = connection.await;
        });
        Ok(Self { sender, driver })
    }

    /// Whether another request can be sent.
    pub(crate) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends one request and reads the whole answer without keeping it.
    pub(crate) async fn exchange(&mut self, template: &Template, body: Bytes) -> Result<(), Failure> {
        self.sender.ready().await.map_err(|_| Failure::Closed)?;
        let response = self.sender.send_request(template.request(body)).await.map_err(|_| Failure::Closed)?;
        let status = response.status();
        let mut answer = response.into_body();
        while let Some(frame) = answer.frame().await {
            frame.map_err(|_| Failure::Closed)?;
        }
        if status.is_success() { Ok(()) } else { Err(Failure::Http(status.as_u16())) }
    }

    /// Sends one request and keeps up to `limit` bytes of the answer.
    pub(crate) async fn fetch(&mut self, template: &Template, body: Bytes, limit: usize) -> io::Result<(u16, Vec<u8>)> {
        self.sender.ready().await.map_err(io::Error::other)?;
        let response = self.sender.send_request(template.request(body)).await.map_err(io::Error::other)?;
        let status = response.status().as_u16();
        let mut answer = response.into_body();
        let mut kept = Vec::new();
        while let Some(frame) = answer.frame().await {
            if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                let room = limit.saturating_sub(kept.len());
                kept.extend_from_slice(&data[..data.len().min(room)]);
            }
        }
        Ok((status, kept))
    }
}
