//! `yummy-tui`'s binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    yummy_tui::run_cli()
}
