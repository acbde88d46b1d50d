//! `yummyd predict`: score a file without a server.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::Path,
    sync::Arc,
    time::Instant,
};

use yummy_models::Frame;

use crate::{
    config::Config,
    decode::{self, ProtocolError},
    registry::{self, LoggedModels, Policies, Reference, Registry, ResolveError, policy::Policy},
    run::{about, registry_options},
    telemetry::Telemetry,
};

/// Why a file was not scored.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The input cannot be read, the answer not written, or no thread be started.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// There is no such model.
    #[error("{0}")]
    Model(#[from] ResolveError),
    /// The input is not a request that the model accepts.
    #[error("{0}")]
    Input(#[from] ProtocolError),
    /// The engine does not accept what was decoded.
    #[error("{0}")]
    Score(#[from] yummy_models::ScoreError),
}

/// Scores `input` (`-` for standard input) and writes the body that the server would answer.
///
/// # Errors
/// [`PredictError`] says what is wrong with the model or the input.
pub fn predict(config: &Config, model: &str, input: &Path, out: &mut impl io::Write) -> Result<(), PredictError> {
    let body = read(input, config.limits.body_bytes)?;
    let csv = input.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let content_type = if csv { "text/csv" } else { "application/json" };
    let telemetry = Telemetry::new(about());
    // Any version may be asked for; of the logged models only that one is loaded.
    let options = registry::Options {
        policies: Policies { others: Policy::All, models: BTreeMap::new() },
        logged: LoggedModels::Demand,
        ..registry_options(config)
    };
    let (registry, keeper) = Registry::start(options, Arc::clone(&telemetry))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(registry.rescan(None)).map_err(io::Error::other)?;
    let served =
        runtime.block_on(registry.resolve(Some(Reference::parse(model)), Instant::now() + registry::FIRST_USE))?;
    registry.stop();
    let loaded = &served.loaded;
    let mut frame = Frame::default();
    let request = decode::decode(&loaded.plan, Some(content_type), &body, &mut frame)?;
    let (mut values, mut answer) = (Vec::new(), Vec::new());
    loaded.model.scorer().score(request.method, &frame, &mut values)?;
    loaded.encoder.encode(request.answer(), &values, request.rows, &mut answer);
    answer.push(b'\n');
    out.write_all(&answer)?;
    // The keeper has nothing left to do; what it could still say does not change the answer.
    let _ = keeper.join();
    Ok(())
}

fn read(input: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let limit = limit as u64 + 1;
    if input == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut body)?;
    } else {
        let file = fs::File::open(input)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot read {}: {error}", input.display())))?;
        file.take(limit).read_to_end(&mut body)?;
    }
    if body.len() as u64 == limit {
        return Err(io::Error::other("the input is larger than --max-body-bytes"));
    }
    Ok(body)
}
