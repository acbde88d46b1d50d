//! `yummyd check`: load everything once and say how it went.

use std::{
    collections::BTreeMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use yummy_api::catalog::ModelState;

use crate::{
    config::Config,
    registry::{self, LoggedModels, Policies, Registry, catalog_label, policy::Policy},
    run::{about, registry_options},
    telemetry::Telemetry,
};

/// Files of a model that was copied a moment ago must have been left alone for half a second when its `MLmodel` does not
/// say how many bytes there are to be; what is not whole after this long is said to be incomplete.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(100);

/// Waits for the first scan, and for what is still settling.
async fn settled(registry: &Registry) -> Result<(), registry::RescanError> {
    let begin = Instant::now();
    loop {
        registry.rescan(None).await?;
        let waits = registry.catalog().infos().any(|info| info.state == ModelState::Incomplete);
        if !waits || begin.elapsed() > PATIENCE {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Prints a line per version: state, flavor, trees, features, reason. Gives whether none failed.
///
/// # Errors
/// When no thread can be started or nothing can be written.
pub fn check(config: &Config, out: &mut impl io::Write) -> io::Result<bool> {
    let telemetry = Telemetry::new(about());
    // Everything, whatever would be served.
    let options = registry::Options {
        policies: Policies { others: Policy::All, models: BTreeMap::new() },
        logged: LoggedModels::Start,
        logged_bytes: usize::MAX,
        ..registry_options(config)
    };
    let (registry, keeper) = Registry::start(options, Arc::clone(&telemetry))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(settled(&registry)).map_err(io::Error::other)?;
    let catalog = registry.catalog();
    let mut good = true;
    for info in catalog.infos() {
        good &= info.state != ModelState::Failed;
        let flavor = info.flavor.as_deref().unwrap_or("-");
        let number = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        writeln!(
            out,
            "{:<11} {}  {flavor}  trees {}  features {}{}",
            info.state.as_str(),
            catalog_label(info),
            number(info.trees),
            number(info.features),
            info.reason.as_deref().map_or_else(String::new, |reason| format!("  ({reason})")),
        )?;
    }
    if catalog.infos().next().is_none() {
        writeln!(out, "no model in {}", config.mlruns.display())?;
    }
    drop(catalog);
    registry.stop();
    let _ = keeper.join();
    Ok(good)
}
