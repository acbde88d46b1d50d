//! What is served, as one value: built aside, swapped whole, never changed.

use std::{collections::HashMap, fmt::Write as _, sync::Arc};

use yummy_api::{
    API_VERSION,
    catalog::{CatalogInfo, ModelInfo, ModelState},
};

use super::{Served, reference::Reference};

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
    /// The bare `/invocations` could mean several models.
    #[error("{0}")]
    Ambiguous(String),
}

/// One version: what is known of it, and what serves it.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) info: ModelInfo,
    pub(super) served: Option<Arc<Served>>,
}

/// Everything that was found, and an index of it.
#[derive(Default)]
pub struct Catalog {
    generation: u64,
    entries: Vec<Entry>,
    names: HashMap<String, Named>,
    default: Option<Arc<Served>>,
    default_reason: String,
}

/// A name's entries, as indices.
#[derive(Debug, Default)]
struct Named {
    /// Newest first.
    entries: Vec<usize>,
    /// The newest that serves.
    newest: Option<usize>,
}

impl Catalog {
    /// Indexes `entries` (registered models by name, newest version first; then logged models).
    /// `default` is the model that the user chose for `POST /invocations`.
    pub(super) fn new(generation: u64, mut entries: Vec<Entry>, default: Option<&str>) -> Self {
        let mut names: HashMap<String, Named> = HashMap::new();
        for (index, entry) in entries.iter_mut().enumerate() {
            let named = names.entry(entry.info.name.clone()).or_default();
            named.entries.push(index);
            if named.newest.is_none() && entry.served.is_some() {
                named.newest = Some(index);
                entry.info.newest = true;
            }
        }
        // A registered model's files can be asked for by their id as well.
        for (index, entry) in entries.iter().enumerate() {
            if let Some(id) = &entry.info.model_id
                && !names.contains_key(id)
            {
                let newest = entry.served.is_some().then_some(index);
                names.insert(id.clone(), Named { entries: vec![index], newest });
            }
        }
        let mut catalog = Self { generation, entries, names, default: None, default_reason: String::new() };
        match catalog.choose_default(default) {
            Ok(served) => catalog.default = Some(served),
            Err(reason) => catalog.default_reason = reason,
        }
        catalog
    }

    fn choose_default(&self, chosen: Option<&str>) -> Result<Arc<Served>, String> {
        if let Some(chosen) = chosen {
            return self.resolve(Reference::parse(chosen)).cloned().map_err(|error| error.to_string());
        }
        // Registered models come first: where there are any, logged ones do not make the choice less clear.
        let registered: Vec<&Named> =
            self.names.values().filter(|named| self.entries[named.entries[0]].info.version.is_some()).collect();
        let logged = self.names.values().collect();
        let names = if registered.is_empty() { logged } else { registered };
        let mut serving: Vec<usize> = names.into_iter().filter_map(|named| named.newest).collect();
        serving.sort_unstable();
        serving.dedup_by_key(|index| &self.entries[*index].info.name);
        match serving.as_slice() {
            [] => Err("no model is served yet; register one, or see GET /models for what was found and why".into()),
            [only] => {
                self.entries[*only].served.clone().ok_or_else(|| "no model is served yet; see GET /models".into())
            }
            several => Err(format!(
                "several models are served ({}); call /models/NAME/invocations, or start yummyd with --default-model NAME",
                list(several.iter().map(|index| self.entries[*index].info.name.as_str()))
            )),
        }
    }

    /// What `POST /invocations` stands for.
    ///
    /// # Errors
    /// [`ResolveError::Ambiguous`] says which models there are and what to do.
    pub fn default_model(&self) -> Result<&Arc<Served>, ResolveError> {
        self.default.as_ref().ok_or_else(|| ResolveError::Ambiguous(self.default_reason.clone()))
    }

    /// What a reference names.
    ///
    /// # Errors
    /// [`ResolveError`] when there is no such thing, or it does not serve.
    pub fn resolve(&self, reference: Reference<'_>) -> Result<&Arc<Served>, ResolveError> {
        let entry = self.entry(reference)?;
        entry.served.as_ref().ok_or_else(|| ResolveError::NotReady {
            what: label(&entry.info),
            state: entry.info.state,
            reason: entry.info.reason.clone().unwrap_or_else(|| "see GET /models".into()),
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
        let named = self.names.get(name).ok_or_else(|| self.no_model(name))?;
        let mut entries = named.entries.iter().map(|index| &self.entries[*index]);
        let found = match reference {
            Reference::Newest(_) => named.newest.map(|index| &self.entries[index]).or_else(|| entries.next()),
            Reference::Version(_, version) => entries.find(|entry| entry.info.version == Some(version)),
            Reference::Alias(_, alias) => entries.find(|entry| entry.info.aliases.iter().any(|other| other == alias)),
            Reference::Stage(_, stage) => entries.find(|entry| entry.info.stage.as_deref() == Some(stage)),
        };
        found.ok_or_else(|| self.no_version(reference, named))
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
            default_model: self.default.as_ref().map(|served| served.name.clone()),
            generation: self.generation,
            models: self.infos().cloned().collect(),
        }
    }
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
