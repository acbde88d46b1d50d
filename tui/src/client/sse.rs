//! Server-sent events: bytes in, messages out. Follows the parsing rules of the WHATWG standard as far as the daemon
//! uses them: `event`, `data` over several lines, comments; ids and retry times are read over.

/// Longest message that is kept. A frame of 1000 versions is below 2 MB; what is longer is dropped whole.
const LONGEST: usize = 16 << 20;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) event: String,
    pub(crate) data: String,
}

/// Collects messages from pieces of a stream, however it is cut.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    event: String,
    data: String,
    has_data: bool,
    after_return: bool,
    overlong: bool,
}

impl Parser {
    /// Takes in a piece and hands each message that it completes to `found`.
    pub(crate) fn feed(&mut self, piece: &[u8], mut found: impl FnMut(Message)) {
        for &byte in piece {
            let second_of_pair = byte == b'\n' && std::mem::take(&mut self.after_return);
            self.after_return = byte == b'\r';
            match byte {
                _ if second_of_pair => {}
                b'\n' | b'\r' => {
                    if let Some(message) = self.end_line() {
                        found(message);
                    }
                }
                _ if self.line.len() + self.data.len() >= LONGEST => self.overlong = true,
                _ => self.line.push(byte),
            }
        }
    }

    fn end_line(&mut self) -> Option<Message> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.end_message();
        }
        let text = String::from_utf8_lossy(&line);
        let (field, value) = text.split_once(':').unwrap_or((&text, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(value);
            }
            _ => {}
        }
        None
    }

    fn end_message(&mut self) -> Option<Message> {
        let message = Message { event: std::mem::take(&mut self.event), data: std::mem::take(&mut self.data) };
        let whole = std::mem::take(&mut self.has_data) && !std::mem::take(&mut self.overlong);
        whole.then_some(message)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut parser = Parser::default();
        let mut out = Vec::new();
        for piece in pieces {
            parser.feed(piece, |m| out.push((m.event, m.data)));
        }
        out
    }

    const STREAM: &[u8] =
        b": hello\n\nevent: stats\ndata: {\"a\":1}\n\nid: 3\nevent:event\r\ndata: x\r\ndata:  y\r\n\r\nevent: lost\n\n";

    #[test]
    fn messages_are_read_with_any_line_ending_and_comments_are_not() {
        let expected = [("stats".to_owned(), "{\"a\":1}".to_owned()), ("event".to_owned(), "x\n y".to_owned())];
        assert_eq!(parse(&[STREAM]), expected);
    }

    proptest! {
        #[test]
        fn where_the_stream_is_cut_does_not_matter(cut in 0..STREAM.len(), second in 0..STREAM.len()) {
            let (a, b) = (cut.min(second), cut.max(second));
            prop_assert_eq!(parse(&[&STREAM[..a], &STREAM[a..b], &STREAM[b..]]), parse(&[STREAM]));
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            parse(&[&bytes]);
        }
    }
}
