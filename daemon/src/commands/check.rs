//! `yummyd check`: load everything once and say how it went.

use std::{io, sync::Arc};

use yummy_api::catalog::ModelState;

use crate::{
    config::Config,
    registry::{Registry, catalog_label},
    run::{about, registry_options},
    telemetry::Telemetry,
};

/// Prints a line per version: state, flavor, trees, features, reason. Gives whether none failed.
///
/// # Errors
/// When no thread can be started or nothing can be written.
pub fn check(config: &Config, out: &mut impl io::Write) -> io::Result<bool> {
    let telemetry = Telemetry::new(about());
    let (registry, keeper) = Registry::start(registry_options(config), Arc::clone(&telemetry))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Waits for the first scan; the second that it asks for finds nothing new.
    let scanned = runtime.block_on(registry.rescan(None));
    scanned.map_err(io::Error::other)?;
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
