//! A connection's socket, as hyper reads and writes it: a request that is expected to be a prediction is read when it has
//! its turn, and an answer leaves in one plain write.
//!
//! hyper hands over an answer's head and body as two pieces. Small ones are copied together and sent by a plain write
//! instead of `writev`; large ones are written as they are. What that is worth, `docs/benchmarks/path.py write` measures.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::connection::Connection;

/// Pieces of at most this many bytes together are copied into one: the answer for one row has about 250.
const COPIED: usize = 1024;

/// A place in a turn, when it is there.
type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A TCP stream.
pub struct Socket {
    stream: TokioIo<TcpStream>,
    connection: Arc<Connection>,
    /// Whether what is read next begins a request: so it is after an answer was written.
    begins: bool,
    waiting: Option<Waiting>,
}

impl Socket {
    /// The stream of that connection.
    #[must_use]
    pub fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self { stream: TokioIo::new(stream), connection, begins: true, waiting: None }
    }

    /// Ready when there is something to read and it is this connection's turn to be read.
    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Who has nothing to say takes nobody's place.
        ready!(self.stream.inner().poll_read_ready(context))?;
        if self.waiting.is_none() && !self.connection.turn.try_take() {
            let turn = Arc::clone(&self.connection.turn);
            self.waiting = Some(Box::pin(async move { _ = turn.take().await }));
        }
        if let Some(waiting) = &mut self.waiting {
            ready!(waiting.as_mut().poll(context));
            self.waiting = None;
        }
        self.connection.has_place();
        Poll::Ready(Ok(()))
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut TokioIo<TcpStream>> {
        Pin::new(&mut self.get_mut().stream)
    }

    /// The stream, to write an answer to.
    fn answer(self: Pin<&mut Self>) -> Pin<&mut TokioIo<TcpStream>> {
        let socket = self.get_mut();
        socket.begins = true;
        Pin::new(&mut socket.stream)
    }
}

impl Read for Socket {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if self.begins && self.connection.reads_on_turn() {
            ready!(self.poll_turn(context))?;
        }
        // Whatever it was, the rest of it is read as it comes.
        self.begins = false;
        self.inner().poll_read(context, into)
    }
}

impl Write for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.answer().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut whole = [0; COPIED];
        match join(pieces, &mut whole) {
            Some(whole) => self.answer().poll_write(context, whole),
            None => self.answer().poll_write_vectored(context, pieces),
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
    use std::{future::poll_fn, io::Write as _};

    use hyper::rt::ReadBuf;

    use super::*;
    use crate::execute::turn::Turn;

    /// Tries to read once: the bytes, or `None` when it is to wait.
    async fn read(socket: &mut Socket) -> Option<Vec<u8>> {
        let mut bytes = [0; 64];
        let mut buffer = ReadBuf::new(&mut bytes);
        let result = poll_fn(|context| Poll::Ready(Pin::new(&mut *socket).poll_read(context, buffer.unfilled()))).await;
        matches!(result, Poll::Ready(Ok(()))).then(|| buffer.filled().to_vec())
    }

    #[tokio::test]
    async fn who_scores_is_read_on_its_turn_and_who_asks_otherwise_at_once() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = listener.accept().unwrap().0;
        stream.set_nonblocking(true).unwrap();
        let connection = Arc::new(Connection::new(Arc::new(Turn::default())));
        let turn = Arc::clone(&connection.turn);
        let mut socket = Socket::new(TcpStream::from_std(stream).unwrap(), Arc::clone(&connection));
        while turn.try_take() {}
        client.write_all(b"first").unwrap();
        socket.stream.inner().readable().await.unwrap();
        assert_eq!(read(&mut socket).await.as_deref(), Some(b"first".as_slice()), "nothing is known of it yet");
        let _ = connection.scores();
        client.write_all(b"body").unwrap();
        socket.stream.inner().readable().await.unwrap();
        assert_eq!(read(&mut socket).await.as_deref(), Some(b"body".as_slice()), "the same request goes on");
        let wrote = poll_fn(|context| Pin::new(&mut socket).poll_write(context, b"answer")).await;
        assert_eq!(wrote.unwrap(), 6);
        assert_eq!(read(&mut socket).await, None);
        assert!(!turn.begin(), "who has nothing to say takes nobody's place");
        while turn.try_take() {}
        client.write_all(b"second").unwrap();
        socket.stream.inner().readable().await.unwrap();
        assert_eq!(read(&mut socket).await, None, "the turn is over");
        assert!(turn.begin(), "somebody waited for the next one");
        assert_eq!(read(&mut socket).await.as_deref(), Some(b"second".as_slice()));
    }

    #[test]
    fn pieces_are_joined_in_order_or_not_at_all() {
        let pieces = [b"head".as_slice(), b"", b"body"].map(IoSlice::new);
        assert_eq!(join(&pieces, &mut [0; 8]), Some(b"headbody".as_slice()));
        assert_eq!(join(&pieces, &mut [0; 7]), None);
        assert_eq!(join(&[], &mut [0; 0]), Some(b"".as_slice()));
    }
}
