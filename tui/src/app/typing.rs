//! Keys while text is being edited: filters, settings and the body of a tried row.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use yummy_api::event::Level;

use super::{App, Command, Screen, Typing, load};

impl App {
    /// A key while a single line is edited.
    pub(super) fn type_line(&mut self, key: KeyEvent) -> Vec<Command> {
        let Some(typing) = &mut self.typing else { return Vec::new() };
        let (Typing::Filter(line) | Typing::Setting(_, line)) = typing;
        match key.code {
            KeyCode::Char(c) if !key.modifiers.contains(KeyModifiers::CONTROL) => {
                line.insert(c.encode_utf8(&mut [0; 4]));
            }
            KeyCode::Backspace => line.backspace(),
            KeyCode::Char('u') => line.text.clear(),
            KeyCode::Enter | KeyCode::Tab | KeyCode::Down => return self.finish_line(1),
            KeyCode::Up | KeyCode::BackTab => return self.finish_line(-1),
            _ => {}
        }
        self.apply_filter();
        Vec::new()
    }

    /// A filter holds with every letter, so that its effect is seen while typing.
    fn apply_filter(&mut self) {
        if let Some(Typing::Filter(line)) = &self.typing {
            self.filters[self.screen as usize] = line.text.clone();
            self.events.back = 0;
        }
    }

    fn finish_line(&mut self, step: isize) -> Vec<Command> {
        match self.typing.take() {
            Some(Typing::Setting(index, line)) => match load::set(&mut self.load.settings[index], &line.text) {
                Ok(()) => {
                    if let Some(next) = index.checked_add_signed(step) {
                        self.edit_setting(next);
                    }
                }
                Err(why) => {
                    self.typing = Some(Typing::Setting(index, line));
                    self.say(Level::Warn, why);
                }
            },
            Some(Typing::Filter(_)) if self.screen == Screen::Profile && !self.filter().is_empty() => {
                let text = self.filter().to_owned();
                if !self.profile.find(&text, true) {
                    self.say(Level::Info, format!("no frame holds '{text}'"));
                }
            }
            _ => {}
        }
        Vec::new()
    }

    /// A key while the body of a row is edited. Enter sends; Alt-Enter and Ctrl-J begin a line.
    pub(super) fn type_row(&mut self, key: KeyEvent) -> Vec<Command> {
        let Some(open) = &mut self.try_row else { return Vec::new() };
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter if key.modifiers.contains(KeyModifiers::ALT) => open.area.insert("\n"),
            KeyCode::Char('j') if control => open.area.insert("\n"),
            KeyCode::Enter if !open.waiting => {
                open.waiting = true;
                return vec![Command::Try { path: open.path.clone(), body: open.area.text() }];
            }
            KeyCode::Char(c) if !control => open.area.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => open.area.backspace(),
            KeyCode::Delete => open.area.delete(),
            KeyCode::Left => open.area.left(),
            KeyCode::Right => open.area.right(),
            KeyCode::Up => open.area.vertical(-1),
            KeyCode::Down => open.area.vertical(1),
            KeyCode::PageUp => open.area.vertical(-10),
            KeyCode::PageDown => open.area.vertical(10),
            KeyCode::Home => open.area.home(),
            KeyCode::End => open.area.end(),
            _ => {}
        }
        Vec::new()
    }

    /// Pasted text goes where typed text would go; elsewhere it is ignored rather than read as keys.
    pub(super) fn paste(&mut self, text: &str) {
        match (&mut self.typing, &mut self.try_row) {
            (Some(Typing::Filter(line) | Typing::Setting(_, line)), _) => line.insert(text),
            (None, Some(open)) if self.screen == Screen::Models => open.area.insert(text),
            _ => {}
        }
        self.apply_filter();
    }
}
