//! From a model reference to the route that scores with it, its signature and its example, by asking the daemon's
//! catalog over HTTP.

use std::time::Duration;

use bytes::Bytes;
use yummy_api::{
    catalog::{CatalogInfo, ModelInfo, ModelState},
    routes,
};

use crate::{
    error::LoadError,
    exchange::{Connection, Template},
    target::{Reach, resolve_host},
};

/// How long the catalog may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest catalog that is read.
const LIMIT: usize = 64 << 20;

/// A model that can be loaded with requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// Route that scores with it.
    pub path: String,
    /// What the catalog says of the version that answers now.
    pub info: ModelInfo,
}

/// Finds `reference` (`NAME`, `NAME@ALIAS`, `NAME/VERSION`, `m-<id>`, `runs:/RUN/PATH`, each also after `models:/`; the
/// default model when `None`) in the catalog at `url`. Blocks.
///
/// # Errors
///
/// When the server is not there, has no catalog, or the model is unknown or not ready.
pub fn choose(url: &str, reference: Option<&str>, reach: &Reach) -> Result<Chosen, LoadError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LoadError::Thread)?;
    let catalog = runtime.block_on(fetch(url, reach))?;
    find(&catalog, reference)
}

async fn fetch(url: &str, reach: &Reach) -> Result<CatalogInfo, LoadError> {
    let (authority, addr) = resolve_host(url, reach)?;
    let refused = |reason: String| LoadError::Refused { target: format!("{url}{}", routes::MODELS), reason };
    let template = Template::get(addr, &authority, routes::MODELS);
    let work = async {
        let mut connection = Connection::open(addr).await.map_err(|source| LoadError::Connect { addr, source })?;
        connection.fetch(&template, Bytes::new(), LIMIT).await.map_err(|error| refused(error.to_string()))
    };
    let (status, body) =
        tokio::time::timeout(TIMEOUT, work).await.map_err(|_| refused("no answer within 5 s".to_owned()))??;
    if status != 200 {
        let help = "it has no catalog; say what to send with --path and --body";
        return Err(refused(format!("status {status}: {help}")));
    }
    serde_json::from_slice(&body).map_err(|error| refused(format!("not a catalog of yummyd: {error}")))
}

/// The version that a reference stands for.
fn find(catalog: &CatalogInfo, reference: Option<&str>) -> Result<Chosen, LoadError> {
    let Some(reference) = reference.or(catalog.default_model.as_deref()) else {
        let served: Vec<&str> = catalog.models.iter().filter(|m| m.newest).map(|m| m.name.as_str()).collect();
        let reason = format!("there is no default; name one of {} with --model", served.join(", "));
        return Err(LoadError::Model { model: "(default)".to_owned(), reason });
    };
    let bad = |reason: String| LoadError::Model { model: reference.to_owned(), reason };
    let wanted = Wanted::parse(reference);
    let info = catalog
        .models
        .iter()
        .find(|info| wanted.is(info))
        .ok_or_else(|| bad(format!("not in the catalog of {}", catalog.mlruns)))?;
    if info.state != ModelState::Ready {
        let why = info.reason.as_deref().unwrap_or("see GET /models");
        return Err(bad(format!("its state is {}: {why}", info.state.as_str())));
    }
    Ok(Chosen { path: wanted.path(info), info: info.clone() })
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted<'a> {
    Name(&'a str),
    Version(&'a str, u64),
    Alias(&'a str, &'a str),
    Stage(&'a str, &'a str),
    Run(&'a str, &'a str),
}

const STAGES: [&str; 4] = ["None", "Staging", "Production", "Archived"];

impl<'a> Wanted<'a> {
    fn parse(reference: &'a str) -> Self {
        if let Some((run, path)) = reference.strip_prefix("runs:/").and_then(|rest| rest.split_once('/')) {
            return Self::Run(run, path);
        }
        let reference = reference.strip_prefix("models:/").unwrap_or(reference);
        if let Some((name, alias)) = reference.rsplit_once('@') {
            return Self::Alias(name, alias);
        }
        let Some((name, last)) = reference.rsplit_once('/') else { return Self::Name(reference) };
        match last.parse() {
            Ok(version) => Self::Version(name, version),
            Err(_) if STAGES.iter().any(|stage| stage.eq_ignore_ascii_case(last)) => Self::Stage(name, last),
            // A name may hold a slash.
            Err(_) => Self::Name(reference),
        }
    }

    fn is(&self, info: &ModelInfo) -> bool {
        match *self {
            Self::Name(name) => (info.name == name && info.newest) || info.model_id.as_deref() == Some(name),
            Self::Version(name, version) => info.name == name && info.version == Some(version),
            Self::Alias(name, alias) => info.name == name && info.aliases.iter().any(|has| has == alias),
            Self::Stage(name, stage) => {
                info.name == name && info.stage.as_deref().is_some_and(|has| has.eq_ignore_ascii_case(stage))
            }
            Self::Run(run, _) => info.run_id.as_deref() == Some(run),
        }
    }

    fn path(&self, info: &ModelInfo) -> String {
        match *self {
            Self::Name(name) => routes::invocations(name, None),
            Self::Version(name, version) => routes::invocations(name, Some(version)),
            Self::Alias(name, alias) => routes::MODEL_ALIAS_INVOCATIONS
                .replace("{name}", &routes::encode_segment(name))
                .replace("{alias}", &routes::encode_segment(alias)),
            Self::Stage(..) => info.invocations.clone(),
            Self::Run(run, path) => {
                format!("/runs/{}/{}/invocations", routes::encode_segment(run), routes::encode_segment(path))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str, version: u64, newest: bool, aliases: &[&str]) -> ModelInfo {
        ModelInfo {
            name: name.to_owned(),
            version: Some(version),
            model_id: Some(format!("m-{version}")),
            run_id: Some("r1".to_owned()),
            aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
            stage: Some("Production".to_owned()),
            state: ModelState::Ready,
            reason: None,
            newest,
            flavor: None,
            model_class: None,
            trees: None,
            features: None,
            inputs: None,
            outputs: None,
            output: None,
            example: None,
            size_bytes: None,
            files: std::sync::Arc::default(),
            load_ms: None,
            ready_unix_ms: None,
            invocations: routes::invocations(name, Some(version)),
            stats: routes::model_stats(name),
        }
    }

    fn catalog() -> CatalogInfo {
        let models =
            vec![model("wine", 2, true, &[]), model("wine", 1, false, &["champion"]), model("a/b", 7, true, &[])];
        CatalogInfo { api: 1, mlruns: "./mlruns".to_owned(), default_model: None, generation: 1, models }
    }

    #[test]
    fn every_kind_of_reference_finds_its_route() {
        let cases = [
            ("wine", "/models/wine/invocations", 2),
            ("models:/wine/1", "/models/wine/versions/1/invocations", 1),
            ("wine@champion", "/models/wine/aliases/champion/invocations", 1),
            ("models:/wine/Production", "/models/wine/versions/2/invocations", 2),
            ("a/b", "/models/a%2Fb/invocations", 7),
            ("m-1", "/models/m-1/invocations", 1),
            ("runs:/r1/model", "/runs/r1/model/invocations", 2),
        ];
        for (reference, path, version) in cases {
            let chosen = find(&catalog(), Some(reference)).unwrap_or_else(|error| panic!("{reference}: {error}"));
            assert_eq!((chosen.path.as_str(), chosen.info.version), (path, Some(version)), "{reference}");
        }
    }

    #[test]
    fn a_model_that_is_not_ready_says_why() {
        let mut catalog = catalog();
        catalog.models[0].state = ModelState::Failed;
        catalog.models[0].reason = Some("truncated at tree 212".to_owned());
        let error = find(&catalog, Some("wine")).expect_err("must not be loaded").to_string();
        assert_eq!(error, "model wine: its state is failed: truncated at tree 212");
        assert!(find(&catalog, Some("beer")).expect_err("unknown").to_string().contains("not in the catalog"));
        assert!(find(&catalog, None).expect_err("no default").to_string().contains("wine"));
    }
}
