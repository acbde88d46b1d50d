//! The terminal dashboard of `yummyd`, and the command line of the load generator.
//!
//! # Layout
//!
//! * [`cli`](run_cli): the command line, parsed once.
//! * `app`: the state and the pure function `update(&mut App, Msg) -> Vec<Command>`. No I/O, no clock.
//! * `view`: the pure function `view(&App, &mut Frame)`, one file per screen, `view::widgets` below.
//! * `client`: HTTP/1.1 to the daemon: the live stream with its reconnects, and single requests.
//! * `runtime`: the only place that knows terminal, clock, sockets and files; turns `Command`s into work and the
//!   results back into `Msg`s, over bounded channels.
//! * [`headless`]: `yummy-tui load`, the same engine without a screen.
//! * `keys`: the one table that footer, help and docs are made from. `theme`: colours and glyphs.
//!
//! The dashboard learns everything over HTTP from public routes and knows nothing of `mlruns` or model files.

mod app;
mod cli;
mod client;
mod demo;
mod flame;
mod format;
pub mod headless;
mod keys;
mod runtime;
mod terminal;
mod theme;
mod view;

#[cfg(test)]
mod tests;

pub use cli::run_cli;
