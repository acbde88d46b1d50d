//! LightGBM's own library as the engine: what the native one is compared with. Not for files that nobody vouches for,
//! since the library trusts what it reads.
//!
//! A booster of the binding crate belongs to one thread, so that it gets one; calls wait for their turn.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use lightgbm3::Booster;

use crate::{Frame, ScoreError};

/// A booster on its thread, which ends with it.
#[derive(Debug)]
pub(super) struct Reference {
    requests: Sender<Request>,
}

struct Request {
    cells: Vec<f64>,
    features: i32,
    raw: bool,
    answer: Sender<Result<Vec<f64>, String>>,
}

impl Reference {
    /// Lets LightGBM read a text, to use its first `iterations`.
    pub(super) fn new(text: &str, iterations: usize) -> Result<Self, String> {
        if text.contains('\0') {
            return Err("the text has a zero byte".into());
        }
        let (requests, inbox) = channel();
        let (loaded, outcome) = channel();
        let text = text.to_owned();
        thread::Builder::new()
            .name("lightgbm".into())
            .spawn(move || match load(&text, iterations) {
                Ok(booster) => {
                    drop(loaded.send(Ok(())));
                    serve(&booster, &inbox);
                }
                Err(reason) => drop(loaded.send(Err(reason))),
            })
            .map_err(|error| error.to_string())?;
        outcome.recv().map_err(|_| "LightGBM gave up while reading".to_owned())??;
        Ok(Self { requests })
    }

    pub(super) fn predict(&self, frame: &Frame) -> Result<Vec<f64>, ScoreError> {
        self.ask(frame, false)
    }

    pub(super) fn raw_scores(&self, frame: &Frame) -> Result<Vec<f64>, ScoreError> {
        self.ask(frame, true)
    }

    fn ask(&self, frame: &Frame, raw: bool) -> Result<Vec<f64>, ScoreError> {
        if frame.rows() == 0 {
            return Ok(Vec::new());
        }
        let (answer, outcome) = channel();
        let features = i32::try_from(frame.cols()).unwrap_or(i32::MAX);
        let request = Request { cells: frame.cells().to_vec(), features, raw, answer };
        let gone = || ScoreError::Library { reason: "its thread has ended".into() };
        self.requests.send(request).map_err(|_| gone())?;
        outcome.recv().map_err(|_| gone())?.map_err(|reason| ScoreError::Library { reason })
    }
}

fn load(text: &str, iterations: usize) -> Result<Booster, String> {
    let mut booster = Booster::from_string(text).map_err(|error| error.to_string())?;
    let iterations = i32::try_from(iterations).map_err(|error| error.to_string())?;
    booster.set_max_iterations(iterations).map_err(|error| error.to_string())?;
    Ok(booster)
}

fn serve(booster: &Booster, inbox: &Receiver<Request>) {
    while let Ok(Request { cells, features, raw, answer }) = inbox.recv() {
        let scores =
            if raw { booster.raw_scores(&cells, features, true) } else { booster.predict(&cells, features, true) };
        drop(answer.send(scores.map_err(|error| error.to_string())));
    }
}
