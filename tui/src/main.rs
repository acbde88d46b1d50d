//! `yummy-tui`'s binary.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use yummy_tui::headless::{self, LoadArgs};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Load a scoring server, and say what it can do.
    Load(Box<LoadArgs>),
}

fn main() -> ExitCode {
    let Command::Load(args) = Cli::parse().command;
    headless::run(&args)
}
