//! What a scoring request asks for beside its body: read from its headers, once.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use yummy_api::routes::{HEADER_LOAD, HEADER_TIMEOUT, HEADER_TIMING};

use super::{App, bounds::Bound, fault::Fault};

/// What is known of a request before its body is read.
pub(super) struct Asked<'a> {
    pub(super) begin: Instant,
    /// When the answer is due.
    pub(super) deadline: Instant,
    content_type: Option<&'a HeaderValue>,
    /// Whether it said itself how long it may take.
    pub(super) has_timeout: bool,
    /// Whether its client waits for a word before it sends the body.
    pub(super) expects_continue: bool,
    pub(super) timing: bool,
    pub(super) load: bool,
}

impl<'a> Asked<'a> {
    /// Reads all headers in one go: there are few, and most are none of ours.
    ///
    /// # Errors
    /// [`Fault::BadTimeout`], with all that was understood.
    pub(super) fn of(app: &App, headers: &'a HeaderMap) -> Result<Self, (Self, Fault)> {
        let begin = Instant::now();
        let mut asked = Self {
            begin,
            deadline: begin + app.limits.request_timeout,
            content_type: None,
            has_timeout: false,
            expects_continue: false,
            timing: false,
            load: false,
        };
        let mut timeout = None;
        for (name, value) in headers {
            match name.as_str() {
                // The first of several, as MLflow's server takes it.
                "content-type" => asked.content_type = asked.content_type.or(Some(value)),
                "expect" => asked.expects_continue = true,
                HEADER_TIMEOUT => timeout = Some(value),
                HEADER_TIMING => asked.timing = true,
                HEADER_LOAD => asked.load = true,
                _ => {}
            }
        }
        let Some(timeout) = timeout else { return Ok(asked) };
        let Some(timeout) = milliseconds(timeout) else { return Err((asked, Fault::BadTimeout)) };
        let longest = app.limits.max_request_timeout;
        if timeout > longest {
            app.met.count(Bound::MaxRequestTimeout);
        }
        asked.deadline = begin + timeout.min(longest);
        asked.has_timeout = true;
        Ok(asked)
    }

    /// A header that is no text is no content type that is known either.
    pub(super) fn content_type(&self) -> Option<&str> {
        self.content_type.map(|value| value.to_str().unwrap_or("\u{fffd}"))
    }

    /// What a body of so many bytes may hold, as if it were text: Parquet is compressed.
    pub(super) fn unpacked_bytes(&self, bytes: usize) -> usize {
        /// Numbers that repeat themselves are packed so well; a body that is not is moved to another thread for nothing.
        const PACKED: usize = 100;
        let packed = self.content_type().is_some_and(|kind| kind.contains("parquet"));
        if packed { bytes.saturating_mul(PACKED) } else { bytes }
    }
}

fn milliseconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_millis)
}
