//! `yummyd`: serve until SIGTERM or SIGINT.

use std::{io, path::Path};

use yummy_api::catalog::{ModelInfo, ModelState};

use crate::{
    config::Config,
    registry::catalog_label,
    run::{Daemon, RunError},
};

/// Serves until a signal says stop, then finishes what is in flight.
///
/// # Errors
/// [`RunError`] when it could not start.
pub fn serve(config: &Config) -> Result<(), RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let daemon = Daemon::start(config)?;
    runtime.block_on(async {
        // The first scan is under way already; this waits until it is done, so that what is printed is complete.
        let _ = daemon.app().registry.rescan(None).await;
        // A closed stdout is no reason not to serve.
        let _ = greet(&daemon, &mut io::stdout().lock());
        stop_signal().await
    })?;
    tracing::info!("stopping: finishing what is in flight");
    daemon.stop();
    Ok(())
}

/// Says what is served and how to call it.
fn greet(daemon: &Daemon, out: &mut impl io::Write) -> io::Result<()> {
    let catalog = daemon.app().registry.catalog();
    let root = daemon.app().registry.root();
    let Some(address) = daemon.addresses().first() else { return Ok(()) };
    writeln!(out, "\nyummyd {} serves {} on http://{address}\n", env!("CARGO_PKG_VERSION"), root.display())?;
    let (served, rest): (Vec<&ModelInfo>, Vec<&ModelInfo>) =
        catalog.infos().partition(|info| info.state == ModelState::Ready);
    for info in &served {
        describe(info, out)?;
        if info.newest && info.version.is_some() {
            writeln!(out, "    {}", curl(root, &address.to_string(), info))?;
        }
    }
    for info in rest {
        let reason = info.reason.as_deref().unwrap_or_default();
        writeln!(out, "  {}: {} ({reason})", catalog_label(info), info.state.as_str())?;
    }
    if served.is_empty() {
        writeln!(out, "  no model yet: waiting for MLflow to register one here")?;
    }
    if let Some(admin) = daemon.admin() {
        writeln!(out, "\n  models http://{address}/models   live numbers http://{admin}/stats")?;
        writeln!(
            out,
            "  flame graph http://{admin}/debug/flamegraph.svg?seconds=5   dashboard: yummy-tui (make tui)\n"
        )?;
    }
    out.flush()
}

fn describe(info: &ModelInfo, out: &mut impl io::Write) -> io::Result<()> {
    let aliases: String = info.aliases.iter().map(|alias| format!(" @{alias}")).collect();
    writeln!(
        out,
        "  {}{aliases}: {} {}, {} trees, {} features, answers {}",
        catalog_label(info),
        info.flavor.as_deref().unwrap_or("model"),
        info.model_class.as_deref().unwrap_or_default(),
        info.trees.unwrap_or_default(),
        info.features.unwrap_or_default(),
        info.output.as_deref().unwrap_or_default(),
    )
}

/// A line that works when pasted: it sends the model's own logged example.
fn curl(root: &Path, address: &str, info: &ModelInfo) -> String {
    let path = yummy_api::routes::invocations(&info.name, None);
    let body = match example_file(root, info) {
        Some(file) => format!("@{file}"),
        None => info.example.clone().unwrap_or_else(|| r#"{"dataframe_split": {"columns": [], "data": []}}"#.into()),
    };
    format!("curl -s http://{address}{path} -H 'content-type: application/json' -d {}", quoted(&body))
}

/// The example's file: shorter on a command line than what it holds.
fn example_file(root: &Path, info: &ModelInfo) -> Option<String> {
    let id = info.model_id.as_deref()?;
    let root = std::fs::canonicalize(root).ok()?;
    let experiments = std::fs::read_dir(&root).ok()?;
    let mut files = experiments
        .flatten()
        .map(|entry| entry.path().join("models").join(id).join("artifacts").join("serving_input_example.json"));
    Some(files.find(|file| file.is_file())?.to_str()?.to_owned())
}

/// Quoted for a shell.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@/._-=:".contains(&byte);
    if text.bytes().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Waits for SIGTERM or SIGINT.
async fn stop_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_survive_a_shell() {
        assert_eq!(quoted("@/a/b-1.json"), "@/a/b-1.json");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
