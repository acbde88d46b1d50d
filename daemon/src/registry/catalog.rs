//! What is served, as one value: built aside, swapped whole, never changed.

use std::{collections::HashMap, fmt::Write as _, sync::Arc};

use yummy_api::{
    API_VERSION,
    catalog::{CatalogInfo, ModelInfo, ModelState},
};

use super::{
    Served,
    found::{Found, NO_STAGE},
    reference::Reference,
};

/// Error messages name at most this many models.
const MAX_NAMES: usize = 20;

/// Why a reference names nothing that serves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// There is no such model, version, alias or stage.
    #[error("{0}")]
    NotFound(String),
    /// It is known, and does not serve.
    #[error("{what} is {}: {reason}", .state.as_str())]
    NotReady {
        /// Model and version.
        what: String,
        /// Its state.
        state: ModelState,
        /// Why it is in that state.
        reason: String,
    },
    /// It is loaded when a request asks for it: see [`super::Registry::resolve`].
    #[error("{name} is not loaded; the first request loads it")]
    Asleep {
        /// The logged model's name.
        name: String,
    },
    /// The bare `/invocations` could mean several models.
    #[error("{0}")]
    Ambiguous(String),
}

/// One version: what is known of it, and what serves it.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) info: ModelInfo,
    /// `runs:/RUN/PATH`, for those who know it by its run.
    pub(super) run_uri: Option<String>,
    pub(super) served: Option<Arc<Served>>,
    /// It is loaded when a request asks for it.
    pub(super) asleep: bool,
}

/// Everything that was found, and an index of it.
pub struct Catalog {
    generation: u64,
    entries: Vec<Entry>,
    names: HashMap<String, Named>,
    /// Entries that have an id or a run to be asked for by, in the order of these. Of thousands of versions that are not
    /// served, a map of their own would hold each id once more.
    ids: Box<[usize]>,
    runs: Box<[usize]>,
    default: Result<Arc<Served>, ResolveError>,
}

/// A name's entries, as indices.
#[derive(Debug, Default, PartialEq, Eq)]
struct Named {
    /// Newest first.
    entries: Vec<usize>,
    /// The newest that serves.
    newest: Option<usize>,
    /// What answers for an alias: the version that it names or, while that is not ready, the one that it named before.
    aliases: HashMap<String, usize>,
    /// The same for stages, in lower case: the newest version of each.
    stages: HashMap<String, usize>,
}

impl Catalog {
    /// Indexes `entries` (registered models by name, newest version first; then logged models).
    /// `default` is the model that the user chose for `POST /invocations`; `before` is the catalog that this one replaces.
    pub(super) fn new(generation: u64, mut entries: Vec<Entry>, default: Option<&str>, before: Option<&Self>) -> Self {
        let mut names: HashMap<String, Named> = HashMap::new();
        for (index, entry) in entries.iter_mut().enumerate() {
            let named = names.entry(entry.info.name.clone()).or_default();
            named.entries.push(index);
            if named.newest.is_none() && entry.served.is_some() {
                named.newest = Some(index);
                entry.info.newest = true;
            }
        }
        for (name, named) in &mut names {
            let before = before.and_then(|before| Some((before, before.names.get(name)?)));
            named.point(&entries, before);
        }
        // A registered model's files can be asked for by their id and by their run as well.
        let (ids, runs) = (index_by(&entries, id_of), index_by(&entries, run_of));
        let nothing = Err(ResolveError::Ambiguous(String::new()));
        let mut catalog = Self { generation, entries, names, ids, runs, default: nothing };
        catalog.default = catalog.choose_default(default);
        catalog
    }

    fn choose_default(&self, chosen: Option<&str>) -> Result<Arc<Served>, ResolveError> {
        if let Some(chosen) = chosen {
            return self.resolve(Reference::parse(chosen)).cloned().map_err(|error| match error {
                ResolveError::NotFound(text) => ResolveError::Ambiguous(text),
                other => other,
            });
        }
        // Registered models come first: where there are any, logged ones do not make the choice less clear.
        let registered: Vec<&Named> =
            self.names.values().filter(|named| self.entries[named.entries[0]].info.version.is_some()).collect();
        let names = if registered.is_empty() { self.names.values().collect() } else { registered };
        let could = |named: &&Named| {
            named.newest.or_else(|| Some(named.entries[0]).filter(|&first| self.entries[first].asleep))
        };
        let mut serving: Vec<usize> = names.iter().filter_map(could).collect();
        serving.sort_unstable();
        serving.dedup_by_key(|index| &self.entries[*index].info.name);
        match serving.as_slice() {
            [] => Err(ResolveError::Ambiguous(
                "no model is served yet; register one, or see GET /models for what was found and why".into(),
            )),
            [only] => self.serving(&self.entries[*only]).cloned(),
            several => Err(ResolveError::Ambiguous(format!(
                "several models are served ({}); call /models/NAME/invocations, or start yummyd with --default-model NAME",
                list(several.iter().map(|index| self.entries[*index].info.name.as_str()))
            ))),
        }
    }

    /// What `POST /invocations` stands for.
    ///
    /// # Errors
    /// [`ResolveError::Ambiguous`] says which models there are and what to do.
    pub fn default_model(&self) -> Result<&Arc<Served>, ResolveError> {
        self.default.as_ref().map_err(Clone::clone)
    }

    /// What a reference names.
    ///
    /// # Errors
    /// [`ResolveError`] when there is no such thing, or it does not serve.
    pub fn resolve(&self, reference: Reference<'_>) -> Result<&Arc<Served>, ResolveError> {
        self.serving(self.entry(reference)?)
    }

    fn serving<'a>(&self, entry: &'a Entry) -> Result<&'a Arc<Served>, ResolveError> {
        let info = &entry.info;
        entry.served.as_ref().ok_or_else(|| {
            if entry.asleep {
                return ResolveError::Asleep { name: info.name.clone() };
            }
            let reason = info.reason.clone().unwrap_or_else(|| "see GET /models".into());
            ResolveError::NotReady { what: label(info), state: info.state, reason }
        })
    }

    /// What is known of the version that a reference names.
    ///
    /// # Errors
    /// [`ResolveError::NotFound`] when there is no such thing.
    pub fn info(&self, reference: Reference<'_>) -> Result<&ModelInfo, ResolveError> {
        self.entry(reference).map(|entry| &entry.info)
    }

    fn entry(&self, reference: Reference<'_>) -> Result<&Entry, ResolveError> {
        let name = reference.name();
        let Some(named) = self.names.get(name) else { return self.entry_by_id(reference) };
        let mut entries = named.entries.iter().map(|index| &self.entries[*index]);
        let found = match reference {
            Reference::Newest(_) => named.newest.map(|index| &self.entries[index]).or_else(|| entries.next()),
            Reference::Version(_, version) => entries.find(|entry| entry.info.version == Some(version)),
            Reference::Alias(_, alias) => named.aliases.get(alias).map(|index| &self.entries[*index]),
            Reference::Stage(_, stage) => named.stages.get(&stage.to_lowercase()).map(|index| &self.entries[*index]),
        };
        found.ok_or_else(|| self.no_version(reference, named))
    }

    /// The one version that an id or a run stands for.
    fn entry_by_id(&self, reference: Reference<'_>) -> Result<&Entry, ResolveError> {
        let name = reference.name();
        let find = |index: &[usize], key: for<'a> fn(&'a Entry) -> Option<&'a str>| {
            let place = index.binary_search_by(|&entry| key(&self.entries[entry]).cmp(&Some(name))).ok()?;
            Some(index[place])
        };
        let found = find(&self.ids, id_of).or_else(|| find(&self.runs, run_of));
        let index = found.ok_or_else(|| self.no_model(name))?;
        let entry = &self.entries[index];
        match reference {
            Reference::Newest(_) => Ok(entry),
            Reference::Version(_, version) if entry.info.version == Some(version) => Ok(entry),
            _ => Err(self.no_version(reference, &Named { entries: vec![index], ..Named::default() })),
        }
    }

    fn no_model(&self, name: &str) -> ResolveError {
        let mut names: Vec<&str> = self.entries.iter().map(|entry| entry.info.name.as_str()).collect();
        names.dedup();
        let name = shortened(name);
        ResolveError::NotFound(if names.is_empty() {
            format!("no model {name:?}; none was found yet")
        } else {
            format!("no model {name:?}; there are {}", list(names.into_iter()))
        })
    }

    fn no_version(&self, reference: Reference<'_>, named: &Named) -> ResolveError {
        let name = reference.name();
        let entries = || named.entries.iter().map(|index| &self.entries[*index].info);
        ResolveError::NotFound(match reference {
            Reference::Alias(_, alias) => {
                let known: Vec<&str> = entries().flat_map(|info| &info.aliases).map(String::as_str).collect();
                format!("model {name:?} has no alias {:?}; it has {}", shortened(alias), list(known.into_iter()))
            }
            Reference::Stage(_, stage) => format!("model {name:?} has no version in stage {:?}", shortened(stage)),
            Reference::Version(_, version) => {
                let known: Vec<String> = entries().filter_map(|info| Some(info.version?.to_string())).collect();
                format!("model {name:?} has no version {version}; it has {}", list(known.iter().map(String::as_str)))
            }
            Reference::Newest(_) => format!("model {name:?} has no version"),
        })
    }

    /// Every version, as `GET /models` gives them.
    pub fn infos(&self) -> impl Iterator<Item = &ModelInfo> {
        self.entries.iter().map(|entry| &entry.info)
    }

    /// Every version, with what serves it.
    pub fn versions(&self) -> impl Iterator<Item = (&ModelInfo, Option<&Arc<Served>>)> {
        self.entries.iter().map(|entry| (&entry.info, entry.served.as_ref()))
    }

    /// Everything that serves.
    pub fn served(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.entries.iter().filter_map(|entry| entry.served.as_ref())
    }

    /// Whether it says the same as `other`, and the same things serve.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let pointer = |entry: &Entry| entry.served.as_ref().map(Arc::as_ptr);
        self.infos().eq(other.infos())
            && self.entries.iter().map(pointer).eq(other.entries.iter().map(pointer))
            && self.entries.iter().map(|entry| entry.asleep).eq(other.entries.iter().map(|entry| entry.asleep))
            && self.entries.iter().map(run_of).eq(other.entries.iter().map(run_of))
            && self.names.len() == other.names.len()
            && self.names.iter().all(|(name, named)| other.names.get(name).is_some_and(|other| *other == *named))
    }

    /// What answers for the aliases and stages of a model that now name another of `versions`: pairs of the version that
    /// they name and the one that they named.
    pub(super) fn moved(&self, name: &str, versions: &[Found]) -> Vec<(u64, u64)> {
        let Some(named) = self.names.get(name) else { return Vec::new() };
        let version = |index: &usize| self.entries[*index].info.version;
        let mut moved = Vec::new();
        for found in versions {
            let stage = found.stage.as_ref().and_then(|stage| named.stages.get(&stage.to_lowercase()));
            let before = found.aliases.iter().filter_map(|alias| named.aliases.get(alias)).chain(stage);
            let pairs = before.filter_map(|index| Some((found.version?, version(index)?)));
            moved.extend(pairs.filter(|(now, before)| now != before));
        }
        moved
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The body of `GET /models`.
    #[must_use]
    pub fn to_info(&self, mlruns: String) -> CatalogInfo {
        CatalogInfo {
            api: API_VERSION,
            mlruns,
            default_model: self.default.as_ref().ok().map(|served| served.name.clone()),
            generation: self.generation,
            models: self.infos().cloned().collect(),
        }
    }
}

impl Named {
    /// Points aliases and stages at versions. `before` is the catalog before, and this model in it.
    fn point(&mut self, entries: &[Entry], before: Option<(&Catalog, &Self)>) {
        // Newest first: the first version that serves stands for its stage, else the newest in it.
        for &index in &self.entries {
            let (info, serves) = (&entries[index].info, entries[index].served.is_some());
            for alias in &info.aliases {
                self.aliases.entry(alias.clone()).or_insert(index);
            }
            if info.version.is_some() {
                let stage = info.stage.as_deref().unwrap_or(NO_STAGE).to_lowercase();
                let chosen = self.stages.entry(stage).or_insert(index);
                if serves && entries[*chosen].served.is_none() {
                    *chosen = index;
                }
            }
        }
        let Some((catalog, before)) = before else { return };
        let stands_in = |index: usize| {
            let version = catalog.entries[index].info.version;
            self.entries
                .iter()
                .copied()
                .find(|&now| entries[now].info.version == version && entries[now].served.is_some())
        };
        for (alias, index) in &mut self.aliases {
            if entries[*index].served.is_none() {
                *index = before.aliases.get(alias).and_then(|&index| stands_in(index)).unwrap_or(*index);
            }
        }
        for (stage, index) in &mut self.stages {
            if entries[*index].served.is_none() {
                *index = before.stages.get(stage).and_then(|&index| stands_in(index)).unwrap_or(*index);
            }
        }
    }
}

fn id_of(entry: &Entry) -> Option<&str> {
    entry.info.model_id.as_deref()
}

fn run_of(entry: &Entry) -> Option<&str> {
    entry.run_uri.as_deref()
}

/// Entries by their key; of several with the same, the first.
fn index_by(entries: &[Entry], key: for<'a> fn(&'a Entry) -> Option<&'a str>) -> Box<[usize]> {
    let mut index: Vec<usize> = (0..entries.len()).filter(|&entry| key(&entries[entry]).is_some()).collect();
    index.sort_by_key(|&entry| (key(&entries[entry]), entry));
    index.dedup_by_key(|entry| key(&entries[*entry]));
    index.into()
}

/// `NAME version N`, or `m-<id>`.
pub fn label(info: &ModelInfo) -> String {
    info.version.map_or_else(|| info.name.clone(), |version| format!("{} version {version}", info.name))
}

/// Comma-separated, at most [`MAX_NAMES`]; `none` for none.
fn list<'a>(mut names: impl Iterator<Item = &'a str>) -> String {
    let Some(first) = names.next() else { return "none".into() };
    let mut text = first.to_owned();
    for name in names.by_ref().take(MAX_NAMES - 1) {
        let _ = write!(text, ", {name}");
    }
    let more = names.count();
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}

/// A name from a request, short enough for an error.
fn shortened(name: &str) -> &str {
    const MAX: usize = 100;
    &name[..name.floor_char_boundary(MAX)]
}
