//! Request bodies, all made before the clock starts.
//!
//! At least a thousand different ones by default, so that caches and branch predictors do not flatter a server that in
//! life sees different rows. From a body and its variations, a model's signature, or a file's rows.

pub mod csv;
pub mod file;
pub mod form;
pub mod table;
pub mod vary;

use std::sync::Arc;

use bytes::Bytes;

use crate::error::LoadError;

/// Different bodies that are made (load.md §2.2).
pub const POOL: usize = 1000;
/// Bytes that the pool may take; large bodies are fewer. The generator shares the machine with the server.
const POOL_BYTES: usize = 16 << 20;
/// Fewest bodies, however large.
const FEWEST: usize = 8;
/// Rows in one request at most: MLflow clients send no more than memory allows, and this is ten times the largest
/// batch of the scenarios.
pub const MAX_ROWS: u64 = 100_000;

/// JSON, as MLflow's scoring protocol has it.
pub const JSON: &str = "application/json";
/// CSV with a header line.
pub const CSV: &str = "text/csv";

/// Bodies that are ready to be sent, in turn.
#[derive(Clone, Debug)]
pub struct Bodies {
    pool: Arc<[Bytes]>,
    content_type: &'static str,
    rows: u64,
    source: String,
    /// When each body is to be sent, nanoseconds from the start; only recordings have that.
    times: Option<Arc<[u64]>>,
}

impl Bodies {
    /// Bodies as they are.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn new(pool: Vec<Bytes>, content_type: &'static str, rows: u64, source: &str) -> Result<Self, LoadError> {
        if pool.is_empty() {
            let reason = "there is not one row in it".to_owned();
            return Err(LoadError::Bodies { source_name: source.to_owned(), reason });
        }
        Ok(Self { pool: pool.into(), content_type, rows, source: source.to_owned(), times: None })
    }

    /// One body again and again.
    #[must_use]
    pub fn same(body: impl Into<Bytes>, content_type: &'static str, rows: u64, source: &str) -> Self {
        Self { pool: Arc::new([body.into()]), content_type, rows, source: source.to_owned(), times: None }
    }

    /// The same bodies with the times of a recording.
    #[must_use]
    pub fn at_times(mut self, times: Vec<u64>) -> Self {
        self.times = Some(times.into());
        self
    }

    /// Calls `make` for as many different bodies as fit.
    pub(crate) fn fill(
        content_type: &'static str,
        rows: u64,
        source: &str,
        mut make: impl FnMut(usize) -> Vec<u8>,
    ) -> Self {
        let mut pool = Vec::with_capacity(POOL);
        let mut bytes = 0;
        while pool.len() < POOL && (bytes < POOL_BYTES || pool.len() < FEWEST) {
            let body = make(pool.len());
            bytes += body.len();
            pool.push(Bytes::from(body));
        }
        Self { pool: pool.into(), content_type, rows, source: source.to_owned(), times: None }
    }

    /// The bodies, in the order they are sent.
    #[must_use]
    pub fn pool(&self) -> &Arc<[Bytes]> {
        &self.pool
    }

    /// Value of the `content-type` header.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// Rows in each body.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// What they were made from, for reports.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Times of a recording.
    #[must_use]
    pub fn times(&self) -> Option<&[u64]> {
        self.times.as_deref()
    }

    /// Mean size, bytes.
    #[must_use]
    pub fn mean_bytes(&self) -> usize {
        self.pool.iter().map(Bytes::len).sum::<usize>() / self.pool.len()
    }
}
