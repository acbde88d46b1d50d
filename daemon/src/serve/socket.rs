//! A connection's socket, as hyper reads and writes it: an answer leaves in one plain write.
//!
//! hyper hands over an answer's head and body as two pieces. Small ones are copied together and sent by a plain write
//! instead of `writev`; large ones are written as they are. What that is worth, `docs/benchmarks/path.py write` measures.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Pieces of at most this many bytes together are copied into one: the answer for one row has about 250.
const COPIED: usize = 1024;

/// A TCP stream.
pub struct Socket(TokioIo<TcpStream>);

impl Socket {
    /// The stream, written to in whole answers.
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        Self(TokioIo::new(stream))
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut TokioIo<TcpStream>> {
        Pin::new(&mut self.get_mut().0)
    }
}

impl Read for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_read(context, into)
    }
}

impl Write for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.inner().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut whole = [0; COPIED];
        match join(pieces, &mut whole) {
            Some(whole) => self.inner().poll_write(context, whole),
            None => self.inner().poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(context)
    }
}

/// All pieces one after the other; `None` when they do not fit.
fn join<'a>(pieces: &[IoSlice<'_>], whole: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut length = 0;
    for piece in pieces {
        whole.get_mut(length..length + piece.len())?.copy_from_slice(piece);
        length += piece.len();
    }
    Some(&whole[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_in_order_or_not_at_all() {
        let pieces = [b"head".as_slice(), b"", b"body"].map(IoSlice::new);
        assert_eq!(join(&pieces, &mut [0; 8]), Some(b"headbody".as_slice()));
        assert_eq!(join(&pieces, &mut [0; 7]), None);
        assert_eq!(join(&[], &mut [0; 0]), Some(b"".as_slice()));
    }
}
