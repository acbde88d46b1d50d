//! The fields of a CSV: pandas' C tokenizer with its default options.

/// All fields of a file, row after row.
pub(super) struct Tokens {
    /// The text of all fields, one after the other.
    text: String,
    /// Where each field ends in `text`.
    ends: Vec<usize>,
    /// Number of fields of the header.
    header: usize,
    /// Number of fields of every other row.
    width: usize,
}

enum State {
    StartRecord,
    /// Only blanks so far: they belong to the first field, unless the line ends with them.
    BlankLine,
    StartField,
    InField,
    Quoted,
    QuoteInQuoted,
}

struct Tokenizer {
    tokens: Tokens,
    /// Fields of the row that is being read.
    fields: usize,
    /// Rows that are complete, the header among them.
    rows: usize,
    /// Lines of the file, for messages; a line break in quotes is not counted.
    line: usize,
}

impl Tokens {
    /// Splits a file into fields.
    ///
    /// # Errors
    /// pandas' message.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let tokens = Self { text: String::with_capacity(text.len()), ends: Vec::new(), header: 0, width: 0 };
        let mut tokenizer = Tokenizer { tokens, fields: 0, rows: 0, line: 1 };
        tokenizer.run(text)?;
        if tokenizer.rows == 0 {
            return Err("No columns to parse from file".into());
        }
        Ok(tokenizer.tokens)
    }

    /// Number of rows below the header.
    pub(super) fn rows(&self) -> usize {
        (self.ends.len() - self.header).checked_div(self.width).unwrap_or(0)
    }

    /// Number of fields of every row below the header.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The fields of the header.
    pub(super) fn header(&self) -> impl Iterator<Item = &str> {
        (0..self.header).map(|place| self.at(place))
    }

    /// One field of a row below the header.
    pub(super) fn field(&self, row: usize, place: usize) -> &str {
        self.at(self.header + row * self.width + place)
    }

    fn at(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[index]]
    }
}

impl Tokenizer {
    fn run(&mut self, text: &str) -> Result<(), String> {
        let mut state = State::StartRecord;
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            let end_of_line = matches!(letter, '\n' | '\r');
            state = match state {
                State::StartRecord if end_of_line => self.blank(),
                State::StartRecord | State::BlankLine if matches!(letter, ' ' | '\t') => {
                    self.push(letter);
                    State::BlankLine
                }
                State::BlankLine if end_of_line => self.blank(),
                State::StartField | State::InField | State::QuoteInQuoted if end_of_line => {
                    self.end_field();
                    self.end_line()?
                }
                State::StartRecord | State::StartField if letter == '"' => State::Quoted,
                State::Quoted if letter == '"' => State::QuoteInQuoted,
                State::Quoted => {
                    self.push(letter);
                    State::Quoted
                }
                State::QuoteInQuoted if letter == '"' => {
                    self.push('"');
                    State::Quoted
                }
                _ if letter == ',' => {
                    self.end_field();
                    State::StartField
                }
                _ => {
                    self.push(letter);
                    State::InField
                }
            };
            if letter == '\r' && !matches!(state, State::Quoted) {
                letters.next_if_eq(&'\n');
            }
        }
        match state {
            State::Quoted => {
                Err(format!("Error tokenizing data. C error: EOF inside string starting at row {}", self.line - 1))
            }
            State::StartRecord | State::BlankLine => Ok(()),
            State::StartField | State::InField | State::QuoteInQuoted => {
                self.end_field();
                self.end_line().map(|_| ())
            }
        }
    }

    fn push(&mut self, letter: char) {
        self.tokens.text.push(letter);
    }

    fn blank(&mut self) -> State {
        self.line += 1;
        self.tokens.text.truncate(self.tokens.ends.last().copied().unwrap_or(0));
        State::StartRecord
    }

    fn end_field(&mut self) {
        self.tokens.ends.push(self.tokens.text.len());
        self.fields += 1;
    }

    /// Rows shorter than the one before them are filled up; only the first may be longer than the header.
    fn end_line(&mut self) -> Result<State, String> {
        let fields = std::mem::take(&mut self.fields);
        let tokens = &mut self.tokens;
        match self.rows {
            0 => {
                tokens.header = fields;
                tokens.width = fields;
            }
            1 => tokens.width = tokens.width.max(fields),
            _ if fields > tokens.width => {
                return Err(format!(
                    "Error tokenizing data. C error: Expected {} fields in line {}, saw {fields}\n",
                    tokens.width, self.line
                ));
            }
            _ => {}
        }
        for _ in fields..tokens.width {
            tokens.ends.push(tokens.text.len());
        }
        self.rows += 1;
        self.line += 1;
        Ok(State::StartRecord)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        let tokens = Tokens::read(text).unwrap();
        let field = |row, place| tokens.field(row, place).to_owned();
        std::iter::once(tokens.header().map(str::to_owned).collect())
            .chain((0..tokens.rows()).map(|row| (0..tokens.width()).map(|place| field(row, place)).collect()))
            .collect()
    }

    #[test]
    fn line_ends_quotes_and_blank_lines() {
        assert_eq!(rows("a,b\r\n1,2\r\n"), [["a", "b"], ["1", "2"]]);
        assert_eq!(rows("a,b\r1,2"), [["a", "b"], ["1", "2"]]);
        assert_eq!(rows("\n a,b\n \t\n  1, 2\n  ,3\n  "), [[" a", "b"], ["  1", " 2"], ["  ", "3"]]);
        assert_eq!(rows("a\n \"x\"\n"), [["a"], [" \"x\""]]);
        assert_eq!(rows("a,b\n\"x\"\"y\",\"1,\n2\"z\n"), [["a", "b"], ["x\"y", "1,\n2z"]]);
        assert_eq!(rows("a,b\n1\n"), [["a", "b"], ["1", ""]]);
        assert_eq!(rows("a,b\n1,q\"q\n"), [["a", "b"], ["1", "q\"q"]]);
        assert_eq!(rows("a\n\"\"\n"), [["a"], [""]]);
    }

    #[test]
    fn the_first_row_may_be_longer() {
        let tokens = Tokens::read("a,b\n1,2,3\n4\n").unwrap();
        assert_eq!((tokens.width(), tokens.rows()), (3, 2));
        assert!(Tokens::read("a,b\n1,2\n1,2,3\n").err().unwrap().contains("Expected 2 fields in line 3, saw 3"));
        assert!(Tokens::read("").err().unwrap().contains("No columns"));
        assert!(Tokens::read("\n\n").err().unwrap().contains("No columns"));
        assert!(Tokens::read("a\n\"1").err().unwrap().contains("EOF inside string"));
    }
}
