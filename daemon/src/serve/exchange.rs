//! One request and its answer as the log knows them: the request's id, kept or made, and a line about how it ended.
//!
//! Answers carry the id in `x-request-id`. Each answer is a line at level `debug`; a scoring request that failed inside
//! the daemon is one at `warn`, with the reason, at most [`LINES_A_SECOND`].

use std::{
    cell::Cell,
    hash::{BuildHasher as _, RandomState},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Instant,
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use yummy_api::routes::{HEADER_MODEL, HEADER_REQUEST_ID};

/// Made once: a name that is text would be checked and hashed again for every answer.
const ID: HeaderName = HeaderName::from_static(HEADER_REQUEST_ID);
/// Longest id that is kept: a trace context's has 55 letters, and an id stands in every line of the log.
const MAX_ID: usize = 128;
/// Lines about failures: enough to see what fails, too few to make an overload worse.
const LINES_A_SECOND: u64 = 20;
/// Longest path in a line.
const MAX_PATH: usize = 200;

/// Why a scoring request failed inside the daemon; goes with the answer to the log, not to the client.
#[derive(Clone, Debug)]
pub(super) struct Failure(pub(super) String);

/// A request that is being answered.
pub(super) struct Exchange {
    id: HeaderValue,
    method: Method,
    uri: Uri,
    began: Instant,
}

impl Exchange {
    pub(super) fn begin<B>(request: &Request<B>) -> Self {
        Self {
            id: id(request.headers()),
            method: request.method().clone(),
            uri: request.uri().clone(),
            began: Instant::now(),
        }
    }

    /// Marks the answer with the id, and logs it.
    pub(super) fn end<B>(self, response: &mut Response<B>) {
        self.log(response);
        response.headers_mut().insert(ID, self.id);
    }

    fn log<B>(&self, response: &Response<B>) {
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let line = || {
            let path = self.uri.path();
            let path = &path[..path.floor_char_boundary(MAX_PATH)];
            let model = response.headers().get(HEADER_MODEL).map(text);
            (text(&self.id), path, model, self.began.elapsed().as_secs_f64() * 1e3)
        };
        let (method, status) = (self.method.as_str(), response.status().as_u16());
        if let Some(Failure(reason)) = response.extensions().get() {
            if let Some(left_out) = admit(&LINES, unix_second()) {
                let (request_id, path, model, ms) = line();
                tracing::warn!(request_id, method, path, status, model, ms, left_out, "request failed: {reason}");
            }
        } else if tracing::enabled!(tracing::Level::DEBUG) {
            let (request_id, path, model, ms) = line();
            tracing::debug!(request_id, method, path, status, model, ms, "request answered");
        }
    }
}

/// The client's id when it is one that can stand in a log: letters, digits and signs of ASCII, no space, no quote.
fn id(headers: &HeaderMap) -> HeaderValue {
    let sane = |id: &&HeaderValue| {
        let bytes = id.as_bytes();
        (1..=MAX_ID).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(byte))
    };
    headers.get(ID).filter(sane).cloned().unwrap_or_else(make_id)
}

/// 128 random bits in hexadecimal, as trace ids are. From a generator of this thread's: nothing shared is touched.
fn make_id() -> HeaderValue {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0));
    }
    let next = || {
        // SplitMix64.
        let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        STATE.set(state);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    };
    let mut text = [0; 32];
    let mut bits = u128::from(next()) << 64 | u128::from(next());
    for letter in &mut text {
        *letter = b"0123456789abcdef"[(bits & 15) as usize];
        bits >>= 4;
    }
    HeaderValue::from_bytes(&text).expect("hexadecimal digits can stand in a header")
}

/// The second of the last line, and how many there were in it.
static LINES: AtomicU64 = AtomicU64::new(0);

/// Whether there may be one more line in this second: with the number that was left out in the one before.
fn admit(lines: &AtomicU64, second: u64) -> Option<u64> {
    const COUNT: u64 = u32::MAX as u64;
    let before = lines.update(Relaxed, Relaxed, |state| {
        if state >> 32 == second & COUNT { state + 1 } else { (second & COUNT) << 32 | 1 }
    });
    if before >> 32 == second & COUNT {
        return (before & COUNT < LINES_A_SECOND).then_some(0);
    }
    Some((before & COUNT).saturating_sub(LINES_A_SECOND))
}

fn unix_second() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(value: &[u8]) -> HeaderValue {
        let mut headers = HeaderMap::new();
        headers.insert(ID, HeaderValue::from_bytes(value).unwrap());
        id(&headers)
    }

    #[test]
    fn a_sane_id_is_kept() {
        let longest = "x".repeat(MAX_ID);
        for sane in ["7", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a/b:c=d+e@f", longest.as_str()] {
            assert_eq!(id_of(sane.as_bytes()), sane);
        }
    }

    #[test]
    fn any_other_is_replaced() {
        for other in ["", "two words", "quo\"te", "back\\slash", "é", &"x".repeat(MAX_ID + 1)] {
            let made = id_of(other.as_bytes());
            assert_eq!(made.len(), 32, "{other}");
            assert!(made.as_bytes().iter().all(u8::is_ascii_hexdigit));
        }
    }

    #[test]
    fn made_ids_differ() {
        let mut ids: Vec<_> = (0..1000).map(|_| make_id().to_str().unwrap().to_owned()).collect();
        ids.extend((0..4).flat_map(|_| std::thread::spawn(|| make_id().to_str().unwrap().to_owned()).join()));
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 1004);
    }

    #[test]
    fn a_flood_of_failures_is_some_lines_and_a_number() {
        let lines = AtomicU64::new(0);
        let admitted = (0..100).filter(|_| admit(&lines, 7) == Some(0)).count() as u64;
        assert_eq!(admitted, LINES_A_SECOND);
        assert_eq!(admit(&lines, 8), Some(100 - LINES_A_SECOND));
        assert_eq!(admit(&lines, 8), Some(0));
    }
}
