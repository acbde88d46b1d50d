//! Model versions as rows: live numbers and catalog joined, filtered and sorted.

use yummy_api::{
    catalog::{ModelInfo, ModelState},
    stats::{ModelStats, Window},
};

use super::{App, data::Data};

/// What tells versions apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ModelKey {
    pub(crate) name: String,
    pub(crate) version: Option<u64>,
}

impl ModelKey {
    /// The key of a version.
    pub(crate) fn new(name: &str, version: Option<u64>) -> Self {
        Self { name: name.to_owned(), version }
    }

    /// `wine v7`, or the logged model's id.
    pub(crate) fn label(&self) -> String {
        self.version.map_or_else(|| self.name.clone(), |v| format!("{} v{v}", self.name))
    }
}

/// Order of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    /// By name, newest version first.
    #[default]
    Name,
    /// Busiest first.
    Rate,
    /// Slowest first.
    P99,
    /// Broken first.
    State,
}

impl Sort {
    /// The next order.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Name => Self::Rate,
            Self::Rate => Self::P99,
            Self::P99 => Self::State,
            Self::State => Self::Name,
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Rate => "rate",
            Self::P99 => "p99",
            Self::State => "state",
        }
    }
}

/// One version: what the stream says and what the catalog says. At least one of the two is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) stats: Option<&'a ModelStats>,
    pub(crate) info: Option<&'a ModelInfo>,
}

impl<'a> Row<'a> {
    /// What tells it apart.
    pub(crate) fn key(&self) -> ModelKey {
        ModelKey::new(self.name(), self.version())
    }

    pub(crate) fn name(&self) -> &'a str {
        self.stats.map(|s| s.name.as_str()).or(self.info.map(|i| i.name.as_str())).unwrap_or_default()
    }

    pub(crate) fn version(&self) -> Option<u64> {
        self.stats.map_or_else(|| self.info.and_then(|i| i.version), |s| s.version)
    }

    pub(crate) fn state(&self) -> ModelState {
        self.stats.map(|s| s.state).or(self.info.map(|i| i.state)).unwrap_or(ModelState::Incomplete)
    }

    pub(crate) fn flavor(&self) -> Option<&'a str> {
        let of_stats = self.stats.and_then(|s| s.flavor.as_deref());
        of_stats.or_else(|| self.info.and_then(|i| i.flavor.as_deref()))
    }

    pub(crate) fn reason(&self) -> Option<&'a str> {
        let of_stats = self.stats.and_then(|s| s.reason.as_deref());
        of_stats.or_else(|| self.info.and_then(|i| i.reason.as_deref()))
    }

    pub(crate) fn newest(&self) -> bool {
        self.stats.map(|s| s.newest).or(self.info.map(|i| i.newest)).unwrap_or(false)
    }

    /// The last ten seconds: calm enough to read, quick enough to follow.
    pub(crate) fn window(&self) -> Option<&'a Window> {
        self.stats.filter(|s| !s.windows_left_out).map(|s| &s.windows.s10)
    }

    /// Whether an older version of the same model serves in its place.
    pub(crate) fn stand_in(&self, rows: &[Row<'a>]) -> Option<u64> {
        if !matches!(self.state(), ModelState::Failed | ModelState::Loading | ModelState::Incomplete) {
            return None;
        }
        let serves = |r: &&Row<'a>| r.name() == self.name() && r.state() == ModelState::Ready && r.newest();
        rows.iter().find(serves).and_then(Row::version)
    }
}

/// All versions that are known, unfiltered, by name and newest version first.
pub(crate) fn all(data: &Data) -> Vec<Row<'_>> {
    let stats = data.frame.iter().flat_map(|f| &f.models);
    let infos = || data.catalog.iter().flat_map(|c| &c.models);
    let mut rows: Vec<_> = stats
        .map(|s| Row { stats: Some(s), info: infos().find(|i| i.name == s.name && i.version == s.version) })
        .collect();
    // Without a frame (the first second) the catalog alone tells.
    if data.frame.is_none() {
        rows.extend(infos().map(|i| Row { stats: None, info: Some(i) }));
    }
    rows.sort_by(|a, b| a.name().cmp(b.name()).then(b.version().cmp(&a.version())));
    rows
}

/// The rows that are shown on a screen, in the chosen order.
pub(crate) fn shown<'a>(app: &'a App) -> Vec<Row<'a>> {
    let filter = app.filter().to_lowercase();
    let mut rows = all(app.shown());
    rows.retain(|row| {
        filter.is_empty()
            || row.name().to_lowercase().contains(&filter)
            || row.state().as_str().contains(&filter)
            || row.flavor().is_some_and(|f| f.to_lowercase().contains(&filter))
            || row.info.is_some_and(|i| i.aliases.iter().any(|a| a.to_lowercase().contains(&filter)))
    });
    let descending = |value: fn(&Window) -> f64| {
        move |a: &Row<'a>, b: &Row<'a>| {
            let of = |r: &Row<'a>| r.window().map_or(-1.0, value);
            of(b).total_cmp(&of(a))
        }
    };
    match app.sort {
        Sort::Name => {}
        Sort::Rate => rows.sort_by(descending(|w| w.rps)),
        Sort::P99 => rows.sort_by(descending(|w| w.latency_ms.map_or(-1.0, |q| q.p99))),
        Sort::State => rows.sort_by_key(|r| urgency(r.state())),
    }
    rows
}

/// Broken first.
fn urgency(state: ModelState) -> u8 {
    match state {
        ModelState::Failed => 0,
        ModelState::Incomplete => 1,
        ModelState::Loading => 2,
        ModelState::Unsupported => 3,
        ModelState::Ready => 4,
        ModelState::Retired => 5,
    }
}

/// Place of the selected version among rows: its own when it is there, else the first.
pub(crate) fn selected_index(app: &App, rows: &[Row<'_>]) -> Option<usize> {
    let own = app
        .selected
        .as_ref()
        .and_then(|key| rows.iter().position(|r| r.name() == key.name && r.version() == key.version));
    let default = app.shown().catalog.as_ref().and_then(|c| c.default_model.as_deref());
    let is_default = |r: &Row<'_>| r.state() == ModelState::Ready && Some(r.name()) == default;
    let own = own.or_else(|| rows.iter().position(is_default));
    own.or_else(|| rows.iter().position(|r| r.state() == ModelState::Ready)).or((!rows.is_empty()).then_some(0))
}

/// The selected version, whatever the filter of a screen hides.
pub(crate) fn selected(app: &App) -> Option<Row<'_>> {
    let rows = shown(app);
    selected_index(app, &rows).map(|i| rows[i])
}
