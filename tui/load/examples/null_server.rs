//! A server that answers every request at once with the same few bytes: what a load generator reaches against it is the
//! generator's own limit. Prints its URL, and stops by itself after ten minutes.
//! `cargo run --release -p yummy-load --example null_server`
#![expect(clippy::print_stdout, reason = "its URL is what it is started for")]

use std::{thread, time::Duration};

use yummy_load::null_server::NullServer;

/// Longer than any run against it; a forgotten one must not stay.
const LIFE: Duration = Duration::from_secs(600);

fn main() -> std::io::Result<()> {
    let server = NullServer::start()?;
    println!("http://{}", server.addr());
    thread::sleep(LIFE);
    Ok(())
}
