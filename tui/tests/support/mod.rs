//! The real program in a pseudo-terminal, watched by a terminal in memory. Used by the PTY test and by the example
//! that makes the pictures in `docs/screens`.
#![allow(dead_code, reason = "each user takes a part")]

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Termios, Winsize, tcgetattr, tcsetwinsize},
};

/// A program, its terminal and what it has drawn.
pub(crate) struct Pty {
    pub(crate) child: Child,
    keyboard: File,
    line: OwnedFd,
    output: Receiver<Vec<u8>>,
    pub(crate) terminal: vt100::Parser,
    /// All bytes that were written, for what a screen does not show.
    pub(crate) raw: Vec<u8>,
}

impl Pty {
    /// Starts a program in a terminal of the given size.
    pub(crate) fn spawn(program: &Path, arguments: &[&str], (width, height): (u16, u16)) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&keyboard).expect("grant");
        unlockpt(&keyboard).expect("unlock");
        let name = ptsname(&keyboard, Vec::new()).expect("name of the terminal");
        let path = PathBuf::from(name.to_str().expect("a path"));
        let open = || File::options().read(true).write(true).open(&path).expect("the terminal opens");
        tcsetwinsize(&keyboard, winsize(width, height)).expect("window size");
        // `setsid -c` makes the terminal the program's controlling one, as a login does.
        let child = Command::new("setsid")
            .arg("-c")
            .arg(program)
            .args(arguments)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .env("TZ", "UTC")
            .stdin(Stdio::from(open()))
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(open()))
            .spawn()
            .expect("the program starts");
        let mut reader = File::from(keyboard.try_clone().expect("a second handle"));
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut piece = [0; 8192];
            while let Ok(n @ 1..) = reader.read(&mut piece) {
                if sender.send(piece[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            keyboard: File::from(keyboard),
            line: OwnedFd::from(open()),
            output,
            terminal: vt100::Parser::new(height, width, 0),
            raw: Vec::new(),
        }
    }

    /// Types keys.
    pub(crate) fn send(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&mut self, width: u16, height: u16) {
        tcsetwinsize(&self.keyboard, winsize(width, height)).expect("window size");
        self.terminal.screen_mut().set_size(height, width);
    }

    /// Takes in what is drawn until the screen is as asked; false when that does not happen in time.
    pub(crate) fn until(&mut self, patience: Duration, is_right: impl Fn(&str) -> bool) -> bool {
        let end = Instant::now() + patience;
        loop {
            if is_right(&self.terminal.screen().contents()) {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(piece) => {
                    self.terminal.process(&piece);
                    self.raw.extend(piece);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return is_right(&self.terminal.screen().contents());
                }
            }
        }
    }

    /// Waits for a text on the screen; shows the screen when it does not come.
    pub(crate) fn expect(&mut self, text: &str, patience: Duration) {
        let seen = self.until(patience, |screen| screen.contains(text));
        assert!(seen, "'{text}' did not appear:\n{}", self.terminal.screen().contents());
    }

    /// Takes in what is drawn for a while.
    pub(crate) fn watch(&mut self, time: Duration) {
        self.until(time, |_| false);
    }

    /// Waits for the program to end.
    pub(crate) fn wait(&mut self, patience: Duration) -> ExitStatus {
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("the program is ours") {
                self.watch(Duration::from_millis(50));
                return status;
            }
            assert!(Instant::now() < end, "still running:\n{}", self.terminal.screen().contents());
            self.watch(Duration::from_millis(20));
        }
    }

    /// The modes of the terminal now.
    pub(crate) fn modes(&self) -> Termios {
        tcgetattr(&self.line).expect("modes of the terminal")
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn winsize(width: u16, height: u16) -> Winsize {
    Winsize { ws_row: height, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 }
}

/// A real daemon on free ports, when there is one beside the program under test (or at `YUMMYD`).
pub(crate) struct Daemon {
    child: Child,
    pub(crate) url: String,
}

impl Daemon {
    /// Starts it on the demo models. `None` where there is no daemon or no models: said on stderr.
    pub(crate) fn start(beside: &Path) -> Option<Self> {
        let named = std::env::var_os("YUMMYD").map(PathBuf::from);
        let program = named.unwrap_or_else(|| beside.with_file_name("yummyd"));
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let version = Command::new(&program).arg("--version").output().ok()?;
        if !String::from_utf8_lossy(&version.stdout).contains("yummyd") || !project.join("assets/mlruns").is_dir() {
            return None;
        }
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let program = program.canonicalize().ok()?;
        // As a user starts it: pictures show the directory as it was given.
        let child = Command::new(program)
            .current_dir(project)
            .args(["--mlruns", "assets/mlruns"])
            .args(["--listen", &listen, "--admin-listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self { child, url: format!("http://{listen}") })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
