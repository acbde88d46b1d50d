//! Text being edited: one line for filters and numbers, several for a request body. Positions are in characters.

/// One line with its cursor at the end; enough for filters and numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
}

impl Line {
    /// A line that holds a text already.
    pub(crate) fn with(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// Types a text; line feeds and other control characters are left out.
    pub(crate) fn insert(&mut self, text: &str) {
        let room = Self::MOST.saturating_sub(self.text.chars().count());
        self.text.extend(text.chars().filter(|c| !c.is_control()).take(room));
    }

    /// Takes the last character away.
    pub(crate) fn backspace(&mut self) {
        self.text.pop();
    }

    /// Characters in a line: nobody types a longer filter, and a paste by mistake stays harmless.
    const MOST: usize = 200;
}

/// Several lines and a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Area {
    lines: Vec<Vec<char>>,
    pub(crate) row: usize,
    pub(crate) column: usize,
}

impl Area {
    /// Characters in all: a body of one row is far below, and one of a thousand belongs in a file.
    const MOST: usize = 100_000;

    /// An area that holds a text, cursor at the beginning.
    pub(crate) fn with(text: &str) -> Self {
        let mut lines: Vec<Vec<char>> = text.lines().map(|l| l.chars().collect()).collect();
        if lines.is_empty() {
            lines.push(Vec::new());
        }
        Self { lines, row: 0, column: 0 }
    }

    /// The whole text.
    pub(crate) fn text(&self) -> String {
        self.lines().collect::<Vec<_>>().join("\n")
    }

    /// The lines.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        self.lines.iter().map(|l| l.iter().collect())
    }

    /// Types a text at the cursor; line feeds begin new lines.
    pub(crate) fn insert(&mut self, text: &str) {
        let room = Self::MOST.saturating_sub(self.lines.iter().map(|l| l.len() + 1).sum());
        for c in text.chars().take(room) {
            match c {
                '\n' => {
                    let rest = self.lines[self.row].split_off(self.column);
                    self.lines.insert(self.row + 1, rest);
                    self.row += 1;
                    self.column = 0;
                }
                '\t' => self.put(' '),
                c if c.is_control() => {}
                c => self.put(c),
            }
        }
    }

    fn put(&mut self, c: char) {
        self.lines[self.row].insert(self.column, c);
        self.column += 1;
    }

    /// Takes away the character before the cursor, joining lines at their beginning.
    pub(crate) fn backspace(&mut self) {
        if self.column > 0 {
            self.column -= 1;
            self.lines[self.row].remove(self.column);
        } else if self.row > 0 {
            let line = self.lines.remove(self.row);
            self.row -= 1;
            self.column = self.lines[self.row].len();
            self.lines[self.row].extend(line);
        }
    }

    /// Takes away the character under the cursor.
    pub(crate) fn delete(&mut self) {
        let last = (self.row + 1 == self.lines.len()) && (self.column == self.lines[self.row].len());
        if !last {
            self.right();
            self.backspace();
        }
    }

    /// Moves left, to the line before at the beginning of one.
    pub(crate) fn left(&mut self) {
        if self.column > 0 {
            self.column -= 1;
        } else if self.row > 0 {
            self.row -= 1;
            self.column = self.lines[self.row].len();
        }
    }

    /// Moves right, to the next line at the end of one.
    pub(crate) fn right(&mut self) {
        if self.column < self.lines[self.row].len() {
            self.column += 1;
        } else if self.row + 1 < self.lines.len() {
            self.row += 1;
            self.column = 0;
        }
    }

    /// Moves by lines.
    pub(crate) fn vertical(&mut self, by: isize) {
        self.row = self.row.saturating_add_signed(by).min(self.lines.len() - 1);
        self.column = self.column.min(self.lines[self.row].len());
    }

    /// Moves to the beginning of the line.
    pub(crate) fn home(&mut self) {
        self.column = 0;
    }

    /// Moves to the end of the line.
    pub(crate) fn end(&mut self) {
        self.column = self.lines[self.row].len();
    }
}

/// A JSON text laid out for people: objects and arrays of arrays on lines of their own, arrays of plain values on one.
/// Numbers and strings keep their very characters, which parsing and writing again would not promise. A text that is
/// not JSON comes back as it is, roughly.
pub(crate) fn pretty_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut flat_from = None;
    let mut in_string = false;
    let mut escaped = false;
    let new_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    for (at, c) in text.char_indices() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' => {
                in_string = true;
                out.push(c);
            }
            c if c.is_whitespace() => {}
            '{' | '[' => {
                out.push(c);
                depth += 1;
                let plain = c == '[' && !nests(&text[at + 1..]);
                if plain {
                    flat_from = Some(depth);
                } else {
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                let flat = flat_from == Some(depth);
                depth = depth.saturating_sub(1);
                if flat {
                    flat_from = None;
                } else {
                    new_line(&mut out, depth);
                }
                out.push(c);
            }
            ',' if flat_from.is_some() => out.push_str(", "),
            ',' => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c => out.push(c),
        }
    }
    out
}

/// Whether the array whose inside begins here holds another array or object before its end.
fn nests(inside: &str) -> bool {
    let mut in_string = false;
    let mut escaped = false;
    for c in inside.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' => in_string = true,
            '[' | '{' => return true,
            ']' => return false,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn editing_joins_and_splits_lines() {
        let mut area = Area::with("ab\ncd");
        area.vertical(1);
        area.backspace();
        assert_eq!(area.text(), "abcd");
        area.insert("\nx");
        assert_eq!((area.text().as_str(), area.row, area.column), ("ab\nxcd", 1, 1));
        area.left();
        area.left();
        area.delete();
        assert_eq!(area.text(), "abxcd");
        area.end();
        area.delete();
        assert_eq!(area.text(), "abxcd");
    }

    #[test]
    fn pretty_json_keeps_every_character_that_means_something() {
        let text = r#"{"dataframe_split":{"columns":["a, [b","c\"]"],"data":[[1.0,1e5],[-0.0,null]]}}"#;
        let pretty = pretty_json(text);
        assert_eq!(
            pretty,
            "{\n  \"dataframe_split\": {\n    \"columns\": [\"a, [b\", \"c\\\"]\"],\n    \"data\": [\n      [1.0, 1e5],\n      [-0.0, null]\n    ]\n  }\n}"
        );
        let value = |t: &str| serde_json::from_str::<serde_json::Value>(t).expect("JSON");
        assert_eq!(value(text), value(&pretty));
    }

    #[test]
    fn pretty_json_takes_any_text() {
        for text in ["", "]", "}}}}", "[[[", "\"", "not json", "{]"] {
            let _ = pretty_json(text);
        }
    }
}
