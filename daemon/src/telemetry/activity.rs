//! Requests by model version at one moment: two of these tell what was going on between them.

use std::collections::BTreeMap;

use super::{
    aggregate::{Aggregator, Key},
    series::Totals,
    shard::Class,
};

/// Requests answered since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// All, load included.
    pub requests: u64,
    /// Those that carried `x-yummy-load`.
    pub load_requests: u64,
    /// By name and version.
    pub by_model: BTreeMap<Key, u64>,
}

impl Activity {
    pub(super) fn read(aggregator: &Aggregator) -> Self {
        let (requests, load_requests) = answered(aggregator.totals());
        let models = aggregator.models.iter();
        let by_model = models.map(|(key, tracked)| (key.clone(), answered(&tracked.series.totals).0)).collect();
        Self { requests, load_requests, by_model }
    }

    /// Adds what happened in another stretch of time.
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.load_requests += other.load_requests;
        for (key, n) in &other.by_model {
            *self.by_model.entry(key.clone()).or_default() += n;
        }
    }

    /// What happened since `before`. Versions without requests are left out.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let known = |key: &Key| before.by_model.get(key).copied().unwrap_or(0);
        let grown = self.by_model.iter().map(|(key, n)| (key.clone(), n.saturating_sub(known(key))));
        Self {
            requests: self.requests.saturating_sub(before.requests),
            load_requests: self.load_requests.saturating_sub(before.load_requests),
            by_model: grown.filter(|(_, n)| *n > 0).collect(),
        }
    }
}

/// Requests and, of these, load.
fn answered(totals: &Totals) -> (u64, u64) {
    let sum = |load| [Class::Ok, Class::ClientError, Class::ServerError].map(|c| totals.class(c, load)).iter().sum();
    let (traffic, load): (u64, u64) = (sum(false), sum(true));
    (traffic + load, load)
}
