//! Taking the terminal over and giving it back: on leaving, on a panic and on a signal.

use std::io::{self, Write as _};

use ratatui::{
    DefaultTerminal, Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
};

/// The terminal while the dashboard has it; gives it back when dropped.
pub(crate) struct Screen {
    pub(crate) terminal: DefaultTerminal,
}

impl Screen {
    /// Takes the terminal over.
    pub(crate) fn enter(mouse: bool) -> io::Result<Self> {
        give_back_on_panic();
        enable_raw_mode()?;
        let entered = execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste);
        let entered = entered.and_then(|()| if mouse { execute!(io::stdout(), EnableMouseCapture) } else { Ok(()) });
        let made = entered.and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        if made.is_err() {
            give_back();
        }
        Ok(Self { terminal: made? })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Leaves the terminal as it was found. What fails here cannot be shown anywhere, so it is passed over.
fn give_back() {
    let _ = execute!(io::stdout(), DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = io::stdout().flush();
}

/// A panic on any thread gives the terminal back, prints its report and ends the process: half a dashboard that goes
/// on drawing over the report helps nobody.
fn give_back_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        give_back();
        report(info);
        std::process::exit(101);
    }));
}

/// Puts a text into the terminal's clipboard (OSC 52): works over ssh; tmux passes it on with `set-clipboard on`.
pub(crate) fn copy(text: &str) -> io::Result<()> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut out = io::stdout();
    write!(out, "\x1b]52;c;{}\x07", STANDARD.encode(text))?;
    out.flush()
}

/// Seconds that local time is ahead of UTC, now.
#[allow(unsafe_code)]
pub(crate) fn utc_offset_s() -> i32 {
    // SAFETY: `time` and `localtime_r` write only to the variables given, which live on this stack; a zeroed `tm` is
    // a valid one. No other thread runs yet that could change the environment `localtime_r` reads TZ from.
    unsafe {
        let now = libc::time(std::ptr::null_mut());
        let mut local: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const now, &raw mut local);
        i32::try_from(local.tm_gmtoff).unwrap_or(0)
    }
}

#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Screen, support::Pty};

    /// Set for the process that is to panic.
    const PANIC: &str = "YUMMY_TEST_PANIC";

    /// Not a test of its own: what `a_panic_gives_the_terminal_back` starts as another process.
    #[test]
    fn panics_on_a_second_thread_when_asked() {
        if std::env::var_os(PANIC).is_some() {
            let _screen = Screen::enter(true).expect("a terminal");
            let ended = std::thread::spawn(|| panic!("the pancake fell")).join();
            assert!(ended.is_ok(), "a panic of any thread ends the process before this");
        }
    }

    #[test]
    fn a_panic_gives_the_terminal_back() {
        let this = std::env::current_exe().expect("the test's own program");
        let set = format!("{PANIC}=1");
        let child = "terminal::tests::panics_on_a_second_thread_when_asked";
        let arguments = [&set, this.to_str().expect("a path"), "--exact", child, "--nocapture"];
        let mut pty = Pty::spawn("env".as_ref(), &arguments, (80, 24));
        let before = Pty::spawn("true".as_ref(), &[], (80, 24)).modes();
        assert_eq!(pty.wait(Duration::from_secs(30)).code(), Some(101));
        let drawn = String::from_utf8_lossy(&pty.raw);
        assert!(drawn.contains("\u{1b}[?1049h") && drawn.contains("\u{1b}[?1000h"), "it had the terminal: {drawn:?}");
        let screen = pty.terminal.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        assert!(screen.contents().contains("the pancake fell"), "the report can be read: {}", screen.contents());
        assert_eq!(pty.modes().local_modes, before.local_modes, "raw mode is off");
    }
}
