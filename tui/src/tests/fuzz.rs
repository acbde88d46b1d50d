//! Random keys, messages and sizes: whatever happens, a frame is drawn and nothing panics.

use super::stage;
use crate::{
    app::{App, Feed, Msg, profile::Capture},
    demo,
    view::draw_into,
};
use ratatui::{
    buffer::Buffer,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind},
    layout::Rect,
};

/// Frames that are drawn, unless `YUMMY_FUZZ_FRAMES` says otherwise; 100,000 with
/// `YUMMY_FUZZ_FRAMES=100000 cargo test --release -p yummy-tui fuzz`.
const FRAMES: usize = 10_000;

fn frames() -> usize {
    std::env::var("YUMMY_FUZZ_FRAMES").ok().and_then(|n| n.parse().ok()).unwrap_or(FRAMES)
}

/// Small numbers from a seed (splitmix64): the same run every time.
struct Dice(u64);

impl Dice {
    /// A number below `n`.
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 32) as u32 % n.max(1)
    }

    /// A size up to `most`, small ones as likely as large ones.
    fn size(&mut self, most: u16) -> u16 {
        let limit = 1 + self.below(u32::from(most));
        1 + self.below(limit) as u16
    }
}

fn key(dice: &mut Dice) -> KeyEvent {
    const NAMED: [KeyCode; 14] = [
        KeyCode::Esc,
        KeyCode::Enter,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Backspace,
        KeyCode::Delete,
    ];
    const LETTERS: &str = "12345bfplntsrymexBcdoNvgGjkhTRDw/?q {}[]\",0.-wine模é";
    let letters = LETTERS.chars().count() as u32;
    let code = match dice.below(2) {
        0 => NAMED[dice.below(NAMED.len() as u32) as usize],
        _ => KeyCode::Char(LETTERS.chars().nth(dice.below(letters) as usize).unwrap_or('x')),
    };
    let modifiers = match dice.below(12) {
        0 => KeyModifiers::CONTROL,
        1 => KeyModifiers::ALT,
        _ => KeyModifiers::NONE,
    };
    KeyEvent::new(code, modifiers)
}

fn message(dice: &mut Dice, app: &App) -> Msg {
    let later = app.now_ms + u64::from(dice.below(3)) * 1000;
    match dice.below(40) {
        0 => Msg::Tick(later),
        1 => Msg::Feed(Feed::Frame(Box::new(demo::frame(later, f64::from(dice.below(2000)))))),
        2 => Msg::Feed(Feed::Lost { reason: "gone".into(), attempt: dice.below(9), retry_ms: 500 }),
        3 => Msg::Feed(Feed::Connected("127.0.0.1:8081".into())),
        4 => Msg::Catalog(Ok(Box::new(demo::catalog()))),
        5 => Msg::Captured(Ok(Box::new(Capture::from_folded(&demo::folded(dice.below(3)), 10.0)))),
        6 => Msg::Captured(Err("409".into())),
        7 => Msg::Answer(if dice.below(2) == 0 { Err("refused".into()) } else { Ok(demo::answer("/adult")) }),
        8 => Msg::Paste("a\nb\t\u{7f}模型".repeat(dice.below(40) as usize)),
        9 => match &app.load.run {
            Some(run) => Msg::LoadDone(Ok(Box::new(demo::search_report(&run.plan)))),
            None => Msg::LoadDone(Err("nothing ran".into())),
        },
        10 => Msg::Mouse(MouseEvent {
            kind: [MouseEventKind::ScrollUp, MouseEventKind::ScrollDown, MouseEventKind::Down(MouseButton::Left)]
                [dice.below(3) as usize],
            column: dice.size(300) - 1,
            row: dice.below(3) as u16,
            modifiers: KeyModifiers::NONE,
        }),
        11 => Msg::Baseline(app.load.report().cloned().map(Box::new)),
        _ => Msg::Key(key(dice)),
    }
}

#[test]
fn no_key_no_message_and_no_size_brings_it_down() {
    let mut dice = Dice(7);
    let stages: [fn() -> App; 6] =
        [stage::connecting, stage::nobody, stage::empty, stage::normal, stage::error, stage::burst];
    let mut drawn = 0;
    while drawn < frames() {
        let mut app = stages[drawn / 500 % stages.len()]();
        for _ in 0..500 {
            let msg = message(&mut dice, &app);
            app.update(msg);
            // Mostly sizes that people have, and each eighth up to the largest.
            let (widest, highest) = if dice.below(8) == 0 { (300, 100) } else { (120, 40) };
            let (width, height) = (dice.size(widest), dice.size(highest));
            app.update(Msg::Resize(width, height));
            draw_into(&app, &mut Buffer::empty(Rect::new(0, 0, width, height)));
            drawn += 1;
        }
    }
}
