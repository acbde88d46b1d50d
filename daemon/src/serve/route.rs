//! Which route a path is. The scoring routes are matched by hand: they are the hot path, and their names are decoded
//! and compared with what is loaded, never joined to a path.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::Full;
use percent_encoding::percent_decode_str;

use super::mlflow;
use crate::registry::Reference;

/// What a scoring request names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// `/invocations`.
    Default,
    /// `/models/{name}/invocations`, `/endpoints/{name}/invocations` or `/runs/{run}/{path}/invocations`.
    Newest(Cow<'a, str>),
    /// `/models/{name}/versions/{version}/invocations`.
    Version(Cow<'a, str>, u64),
    /// `/models/{name}/aliases/{alias}/invocations`.
    Alias(Cow<'a, str>, Cow<'a, str>),
    /// `/models/{name}/stages/{stage}/invocations`.
    Stage(Cow<'a, str>, Cow<'a, str>),
}

impl Target<'_> {
    /// As a reference to the catalog; `None` for the default.
    pub(super) fn reference(&self) -> Option<Reference<'_>> {
        match self {
            Self::Default => None,
            Self::Newest(name) => Some(Reference::Newest(name)),
            Self::Version(name, version) => Some(Reference::Version(name, *version)),
            Self::Alias(name, alias) => Some(Reference::Alias(name, alias)),
            Self::Stage(name, stage) => Some(Reference::Stage(name, stage)),
        }
    }
}

/// What is to be done with a request.
#[derive(Debug)]
pub(super) enum Route<'a> {
    /// Score.
    Score(Target<'a>),
    /// An answer that needs nothing else.
    Mlflow(Response<Full<Bytes>>),
    /// MLflow's redirect of a trailing slash.
    SlashRedirect,
    /// For the router.
    Other,
}

/// The route of a request.
pub(super) fn of<'a>(method: &Method, path: &'a str) -> Route<'a> {
    match path {
        "/ping" | "/health" => return Route::Mlflow(mlflow::get_only(method, mlflow::alive)),
        "/version" => return Route::Mlflow(mlflow::get_only(method, mlflow::version)),
        "/ping/" | "/health/" | "/version/" => return Route::SlashRedirect,
        _ => {}
    }
    if path.strip_suffix("/invocations/").and_then(target).is_some() {
        return Route::SlashRedirect;
    }
    let Some(rest) = path.strip_suffix("/invocations") else { return Route::Other };
    match target(rest) {
        Some(_) if method != Method::POST => Route::Mlflow(mlflow::method_not_allowed("POST")),
        Some(target) => Route::Score(target),
        None => Route::Other,
    }
}

/// Reads what stands before `/invocations`.
fn target(rest: &str) -> Option<Target<'_>> {
    if rest.is_empty() {
        return Some(Target::Default);
    }
    // The names that `mlflow.deployments` knows are those of registered models.
    if let Some(name) = rest.strip_prefix("/endpoints/") {
        return if name.contains('/') { None } else { decode(name).map(Target::Newest) };
    }
    if let Some(run) = rest.strip_prefix("/runs/").filter(|run| run.contains('/')) {
        return decode(run).map(|run| Target::Newest(format!("runs:/{run}").into()));
    }
    let mut parts = rest.strip_prefix("/models/")?.split('/');
    let name = decode(parts.next()?)?;
    let target = match (parts.next(), parts.next()) {
        (None, None) => Target::Newest(name),
        (Some("versions"), Some(digits)) => Target::Version(name, digits.parse().ok()?),
        (Some("aliases"), Some(alias)) => Target::Alias(name, decode(alias)?),
        (Some("stages"), Some(stage)) => Target::Stage(name, decode(stage)?),
        _ => return None,
    };
    parts.next().is_none().then_some(target)
}

fn decode(part: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(part).decode_utf8().ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scoring_paths_are_read() {
        let newest = |name: &str| Some(Target::Newest(name.to_owned().into()));
        assert_eq!(target(""), Some(Target::Default));
        assert_eq!(target("/models/wine"), newest("wine"));
        assert_eq!(target("/models/a%20b%2Fc"), newest("a b/c"));
        assert_eq!(target("/models/wine/versions/12"), Some(Target::Version("wine".into(), 12)));
        assert_eq!(target("/models/wine/aliases/best"), Some(Target::Alias("wine".into(), "best".into())));
        let stage = |stage: &'static str| Some(Target::Stage("wine".into(), stage.into()));
        assert_eq!(target("/models/wine/stages/Production"), stage("Production"));
        assert_eq!(target("/endpoints/wine"), newest("wine"));
        assert_eq!(target("/runs/0af3/deep/model"), newest("runs:/0af3/deep/model"));
        for other in [
            "/endpoints/a/b",
            "/runs/0af3",
            "/models",
            "/models/",
            "/model/x",
            "/models/w/versions/x",
            "/models/w/versions/1/2",
            "x",
        ] {
            assert_eq!(target(other), None, "{other}");
        }
    }

    #[test]
    fn a_trailing_slash_is_redirected() {
        for path in ["/ping/", "/invocations/", "/models/wine/invocations/", "/models/wine/versions/1/invocations/"] {
            assert!(matches!(of(&Method::POST, path), Route::SlashRedirect), "{path}");
        }
    }

    #[test]
    fn a_double_slash_is_another_path() {
        assert!(matches!(of(&Method::POST, "//invocations"), Route::Other));
        assert!(matches!(of(&Method::POST, "/Invocations"), Route::Other));
    }
}
