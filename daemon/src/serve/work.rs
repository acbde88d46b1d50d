//! Body to answer: decode, predict, encode, on whatever thread that happens, in that thread's scratch space.
//!
//! It knows neither sockets nor headers.

use std::{
    cell::RefCell,
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use yummy_models::Frame;

use super::fault::Fault;
use crate::{
    decode::{self, ProtocolError, Request},
    execute::{Pool, split},
    registry::Loaded,
    telemetry::StageTimes,
};

/// Scratch space that grew past this for one large request is given back after it.
const MAX_KEPT_CELLS: usize = 1 << 16;
/// Bytes that hold most numbers of an answer with their separator.
const NUMBER_BYTES: usize = 20;
/// Bytes of an answer beside its numbers: `{"predictions": [[…]]}`.
const ANSWER_FRAME_BYTES: usize = 32;

/// One request's work.
pub(super) struct Work {
    pub(super) loaded: Arc<Loaded>,
    pub(super) max_rows: usize,
    pub(super) deadline: Instant,
}

/// A request that was scored.
pub(super) struct Scored {
    pub(super) body: Bytes,
    pub(super) rows: usize,
    pub(super) stages: StageTimes,
    /// When the answer was ready.
    pub(super) done: Instant,
}

/// A request that was decoded.
pub(super) struct Decoded {
    frame: Frame,
    request: Request,
    time: Duration,
}

/// What came of working on the thread that read the request.
pub(super) enum Quick {
    /// The answer.
    Done(Scored),
    /// There is more to predict than that thread should.
    TooMuch(Decoded),
}

impl Work {
    /// Decodes; predicts and encodes too where `is_quick` says so of the number of rows.
    pub(super) fn here(
        &self,
        content_type: Option<&str>,
        body: &[u8],
        is_quick: impl FnOnce(usize) -> bool,
    ) -> Result<Quick, Fault> {
        with_scratch(|scratch| {
            let begin = Instant::now();
            let request = self.decode(content_type, body, &mut scratch.frame)?;
            let decoded = Instant::now();
            if !is_quick(request.rows) {
                let frame = mem::take(&mut scratch.frame);
                return Ok(Quick::TooMuch(Decoded { frame, request, time: decoded - begin }));
            }
            self.predict(scratch, &request, decoded - begin, decoded, None).map(Quick::Done)
        })
    }

    /// All of it, on a thread that has the time.
    pub(super) fn elsewhere(
        &self,
        content_type: Option<&str>,
        body: &[u8],
        pool: Option<&Pool>,
    ) -> Result<Scored, Fault> {
        with_scratch(|scratch| {
            let begin = Instant::now();
            let request = self.decode(content_type, body, &mut scratch.frame)?;
            let decoded = Instant::now();
            self.predict(scratch, &request, decoded - begin, decoded, pool)
        })
    }

    /// The rest of what was [`Quick::TooMuch`].
    pub(super) fn go_on(&self, decoded: Decoded, pool: Option<&Pool>) -> Result<Scored, Fault> {
        with_scratch(|scratch| {
            scratch.frame = decoded.frame;
            self.predict(scratch, &decoded.request, decoded.time, Instant::now(), pool)
        })
    }

    fn decode(&self, content_type: Option<&str>, body: &[u8], frame: &mut Frame) -> Result<Request, Fault> {
        let request = decode::decode(&self.loaded.plan, content_type, body, frame)?;
        if request.rows > self.max_rows {
            return Err(Fault::TooManyRows { rows: request.rows, limit: self.max_rows });
        }
        Ok(request)
    }

    /// Predicts and encodes what is in the frame, with the help of idle threads of `pool` if given.
    fn predict(
        &self,
        Scratch { frame, values }: &mut Scratch,
        request: &Request,
        decode: Duration,
        begin: Instant,
        pool: Option<&Pool>,
    ) -> Result<Scored, Fault> {
        if begin > self.deadline {
            return Err(Fault::Timeout);
        }
        let loaded = &self.loaded;
        match pool {
            Some(pool) => split::score(pool, &loaded.cost, loaded, request.method, frame, values),
            None => loaded.model.scorer().score(request.method, frame, values),
        }
        .map_err(|error| ProtocolError::model(&error.to_string()))?;
        let predicted = Instant::now();
        let mut out = Vec::with_capacity(values.len() * NUMBER_BYTES + ANSWER_FRAME_BYTES);
        loaded.encoder.encode(request.answer(), values, request.rows, &mut out);
        let done = Instant::now();
        let (predict, encode) = (predicted - begin, done - predicted);
        let stages = StageTimes { decode, queue: Duration::ZERO, predict, encode };
        Ok(Scored { body: out.into(), rows: request.rows, stages, done })
    }
}

#[derive(Default)]
struct Scratch {
    frame: Frame,
    values: Vec<f64>,
}

thread_local! {
    /// Reused from request to request, so that an ordinary one allocates its answer and nothing else.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Gives this thread's scratch space, and afterwards frees what grew too large.
fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| {
        let result = work(scratch);
        if scratch.frame.cells().len() > MAX_KEPT_CELLS || scratch.values.len() > MAX_KEPT_CELLS {
            *scratch = Scratch::default();
        }
        result
    })
}
