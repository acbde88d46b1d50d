//! The stream against a small daemon in this process: what arrives, and what happens when it breaks.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

use super::feed::run_feed;
use crate::{
    app::{Feed, Msg},
    demo,
};

/// Answers `/stats` with a frame, and `/stats/stream` with an event, a type that nobody knows, a frame, and the end.
async fn serve(listener: TcpListener) {
    let frame = serde_json::to_string(&demo::frame(1_000_000, 0.0)).expect("a frame is JSON");
    // No address for observers: the dashboard stays where it is.
    let mut plain = demo::frame(1_000_000, 0.0);
    plain.daemon.admin = None;
    let plain = serde_json::to_string(&plain).expect("a frame is JSON");
    let event = serde_json::to_string(&demo::frame(1_000_000, 0.0).events[0]).expect("an event is JSON");
    while let Ok((mut socket, _)) = listener.accept().await {
        let mut head = vec![0; 4096];
        let n = socket.read(&mut head).await.unwrap_or(0);
        let answer = if head[..n].starts_with(b"GET /stats/stream") {
            let body = format!(
                ": hello\n\nevent: event\ndata: {event}\n\nevent: new\ndata: ?\n\nevent: stats\ndata: {frame}\n\n"
            );
            format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}")
        } else {
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{plain}", plain.len())
        };
        let _ = socket.write_all(answer.as_bytes()).await;
    }
}

#[tokio::test]
async fn a_stream_that_ends_is_told_and_taken_up_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address").to_string();
    tokio::spawn(serve(listener));
    let (sender, mut messages) = mpsc::channel(16);
    let wake = Arc::default();
    let feed = tokio::spawn(run_feed(address.clone(), sender, Arc::clone(&wake)));
    let mut seen = Vec::new();
    while seen.len() < 12 {
        let Some(Msg::Feed(feed)) = messages.recv().await else { panic!("only news of the stream comes here") };
        seen.push(match feed {
            Feed::Connecting => "connecting".to_owned(),
            Feed::Connected(at) => format!("connected {}", at == address),
            Feed::Frame(_) => "frame".to_owned(),
            Feed::Event(event) => format!("event {}", event.seq),
            Feed::Lost { attempt, retry_ms, .. } => {
                // As the key R does: the next attempt is made at once.
                wake.notify_one();
                format!("lost {attempt} {retry_ms}")
            }
        });
    }
    let round = ["connecting", "connected true", "frame", "event 1", "frame", "lost 1 500"];
    assert_eq!(seen, [round, round].concat());
    feed.abort();
}

#[tokio::test]
async fn an_answer_that_is_not_ours_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address").to_string();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 1024]).await;
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
        }
    });
    let (sender, mut messages) = mpsc::channel(16);
    let feed = tokio::spawn(run_feed(address, sender, Arc::default()));
    let reason = loop {
        if let Some(Msg::Feed(Feed::Lost { reason, .. })) = messages.recv().await {
            break reason;
        }
    };
    assert!(reason.contains("is it a yummyd of the same version?"), "{reason}");
    feed.abort();
}
