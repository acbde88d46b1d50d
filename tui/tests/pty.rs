//! The real program in a real (pseudo-)terminal: what it draws, and that it leaves the terminal as it found it.

#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod support;

use std::{path::Path, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use support::{Daemon, Pty};

/// Long, because the machine may be busy; nothing waits for it that comes sooner.
const PATIENCE: Duration = Duration::from_secs(30);

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_yummy-tui"))
}

/// Whether the program's last words gave back the screen and the cursor, and the terminal has its old modes.
fn assert_restored(pty: &Pty, before: &rustix::termios::Termios) {
    assert!(!pty.terminal.screen().alternate_screen(), "still on the alternate screen");
    assert!(!pty.terminal.screen().hide_cursor(), "the cursor is still hidden");
    let after = pty.modes();
    let modes = |t: &rustix::termios::Termios| (t.local_modes, t.input_modes, t.output_modes, t.control_modes);
    assert_eq!(modes(&after), modes(before), "raw mode is still on");
}

#[test]
fn quitting_gives_the_terminal_back() {
    let mut pty = Pty::spawn(program(), &["--demo"], (100, 30));
    pty.expect("wine_lgbm", PATIENCE);
    assert!(pty.terminal.screen().alternate_screen());
    let raw = pty.modes();
    assert!(!raw.local_modes.contains(rustix::termios::LocalModes::ICANON), "raw while it runs");
    let fresh = fresh_modes();
    pty.send("q");
    assert!(pty.wait(PATIENCE).success());
    assert_restored(&pty, &fresh);
}

#[test]
fn sigterm_gives_the_terminal_back() {
    let mut pty = Pty::spawn(program(), &["--demo"], (80, 24));
    pty.expect("wine_lgbm", PATIENCE);
    let pid = Pid::from_raw(pty.child.id().try_into().expect("a process id")).expect("a process id");
    kill_process(pid, Signal::TERM).expect("the program is ours");
    assert!(pty.wait(PATIENCE).success());
    assert_restored(&pty, &fresh_modes());
}

#[test]
fn a_resize_draws_anew_and_any_size_will_do() {
    let mut pty = Pty::spawn(program(), &["--demo", "--ascii"], (120, 40));
    pty.expect("1 Overview", PATIENCE);
    for (width, height) in [(40, 10), (3, 2), (1, 1), (200, 60)] {
        pty.resize(width, height);
        pty.watch(Duration::from_millis(300));
    }
    pty.expect("5 Events", PATIENCE);
    pty.send("q");
    assert!(pty.wait(PATIENCE).success());
}

#[test]
fn without_a_daemon_it_says_what_to_do() {
    let mut pty = Pty::spawn(program(), &["--url", "http://127.0.0.1:9"], (80, 24));
    pty.expect("no yummyd at 127.0.0.1:9", PATIENCE);
    pty.expect("yummyd --mlruns", PATIENCE);
    pty.send("D");
    pty.expect("demo data", PATIENCE);
    pty.send("q");
    assert!(pty.wait(PATIENCE).success());
}

#[test]
fn a_wrong_url_is_a_line_and_not_a_screen() {
    let mut pty = Pty::spawn(program(), &["--url", "https://127.0.0.1"], (80, 24));
    assert_eq!(pty.wait(PATIENCE).code(), Some(1));
    let said = String::from_utf8_lossy(&pty.raw).into_owned();
    assert!(said.contains("https is not spoken") && !said.contains("\u{1b}[?1049h"), "{said}");
}

#[test]
fn a_burst_at_a_real_daemon_is_started_seen_stopped_and_profiled() {
    let Some(daemon) = Daemon::start(program()) else {
        eprintln!("skipped: there is no yummyd beside {} (cargo build -p yummyd)", program().display());
        return;
    };
    let mut pty = Pty::spawn(program(), &["--url", &daemon.url], (120, 40));
    pty.expect("● live", PATIENCE);
    pty.expect("● ready", PATIENCE);
    pty.send("3e");
    // Rate and length, and objectives that even a busy machine keeps: a run that fails for certain stops by itself.
    pty.send("\u{7f}\u{7f}\u{7f}100\r\u{7f}\u{7f}60\r\u{7f}\u{7f}60000\r");
    pty.send("\u{7f}\u{7f}\u{7f}100\r\u{7f}\u{7f}1\r\u{1b}");
    pty.expect("60 s", PATIENCE);
    pty.send("1b");
    pty.expect("Esc stops it", PATIENCE);
    pty.expect("/s of 100", PATIENCE);
    pty.send("4c");
    pty.expect("flame graph", Duration::from_secs(60));
    pty.send("q");
    pty.expect("a burst is running", PATIENCE);
    pty.send("x1");
    pty.send("\u{1b}");
    pty.expect("last burst at", PATIENCE);
    pty.send("q");
    assert!(pty.wait(PATIENCE).success());
    assert_restored(&pty, &fresh_modes());
}

/// The modes of a terminal that nobody touched.
fn fresh_modes() -> rustix::termios::Termios {
    Pty::spawn(Path::new("true"), &[], (80, 24)).modes()
}
