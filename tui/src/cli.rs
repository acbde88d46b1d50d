//! The command line: options of the dashboard, and the load generator's own commands.

use std::{io::Write as _, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    app::Options,
    headless::{self, LoadArgs},
    runtime, terminal,
    theme::Palette,
};

/// Exit code of wrong usage or configuration.
const USAGE: u8 = 1;

/// Dashboard and load generator of yummyd.
#[derive(Debug, Parser)]
#[command(name = "yummy-tui", version, args_conflicts_with_subcommands = true)]
struct Cli {
    /// The daemon: either of its two addresses
    #[arg(long, env = "YUMMY_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Canned data instead of a daemon
    #[arg(long, env = "YUMMY_DEMO")]
    demo: bool,
    /// Colours; the default keeps your terminal's own
    #[arg(long, env = "YUMMY_PALETTE", value_enum, default_value_t, help_heading = "Look")]
    palette: Palette,
    /// No glyphs beyond ASCII
    #[arg(long, env = "YUMMY_ASCII", help_heading = "Look")]
    ascii: bool,
    /// Let the mouse choose tabs and scroll (takes it from the terminal's own selection)
    #[arg(long, env = "YUMMY_MOUSE", help_heading = "Look")]
    mouse: bool,
    #[command(subcommand)]
    command: Option<What>,
}

/// Commands besides the dashboard.
#[derive(Debug, Subcommand)]
enum What {
    /// Load a scoring server, and say what it can do
    Load(Box<LoadArgs>),
}

/// Parses the command line and does what it says.
pub fn run_cli() -> ExitCode {
    let cli = Cli::parse();
    match &cli.command {
        Some(What::Load(args)) => headless::run(args),
        None => dashboard(&cli),
    }
}

fn dashboard(cli: &Cli) -> ExitCode {
    let target = match target_of(&cli.url) {
        Ok(target) => target,
        Err(why) => return fail(USAGE, &why),
    };
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let options = Options {
        target: if cli.demo { "demo".into() } else { target },
        demo: cli.demo,
        ascii: cli.ascii,
        palette: if no_color { Palette::Off } else { cli.palette },
        utc_offset_s: terminal::utc_offset_s(),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(USAGE, &format!("cannot start: {error}")),
    };
    let mut screen = match terminal::Screen::enter(cli.mouse) {
        Ok(screen) => screen,
        Err(error) => return fail(USAGE, &format!("no terminal to draw on ({error}); `yummy-tui load` needs none")),
    };
    let ended = runtime.block_on(runtime::run(options, &mut screen.terminal));
    drop(screen);
    // Tasks that still wait for an answer are not waited for.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(USAGE, &format!("terminal: {error}")),
    }
}

/// Says on stderr why there is nothing more to come.
fn fail(code: u8, why: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "yummy-tui: {why}");
    ExitCode::from(code)
}

/// `host:port` of an `http://` URL or of a bare `host:port`.
fn target_of(url: &str) -> Result<String, String> {
    let hint = "give it as http://127.0.0.1:8080";
    let rest = match url.split_once("://") {
        Some(("http", rest)) => rest,
        Some((scheme, _)) => return Err(format!("--url: {scheme} is not spoken; {hint}")),
        None => url,
    };
    let authority: http::uri::Authority =
        rest.trim_end_matches('/').parse().map_err(|e| format!("--url {url}: {e}; {hint}"))?;
    let port = authority.port_u16().unwrap_or(80);
    Ok(format!("{}:{port}", authority.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_become_addresses() {
        assert_eq!(target_of("http://127.0.0.1:8080"), Ok("127.0.0.1:8080".into()));
        assert_eq!(target_of("http://box/"), Ok("box:80".into()));
        assert_eq!(target_of("localhost:8081"), Ok("localhost:8081".into()));
        assert_eq!(target_of("http://[::1]:9"), Ok("[::1]:9".into()));
        assert!(target_of("https://box").is_err_and(|e| e.contains("https is not spoken")));
        assert!(target_of("http://a b").is_err());
        assert!(target_of("").is_err());
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
