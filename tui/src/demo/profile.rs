//! Canned captures: the first idle, the later ones under load.

/// Folded text of the capture with this number, counted from 0.
pub(crate) fn folded(number: u32) -> String {
    // Samples per stack: idle, loaded.
    const STACKS: [(&str, u64, u64); 14] = [
        ("io;hyper::proto::h1::dispatch;yummyd::serve::invocations;yummyd::decode::json;memchr::memchr3", 30, 148),
        ("io;hyper::proto::h1::dispatch;yummyd::serve::invocations;yummyd::decode::json;fast_float2::parse", 28, 196),
        ("io;hyper::proto::h1::dispatch;yummyd::serve::invocations;yummyd::decode::json", 9, 40),
        (
            "io;hyper::proto::h1::dispatch;yummyd::serve::invocations;yummy_models::engine::forest::predict;yummy_models::engine::forest::leaf_of",
            60,
            221,
        ),
        ("io;hyper::proto::h1::dispatch;yummyd::serve::invocations;yummy_models::engine::forest::predict", 11, 37),
        ("io;hyper::proto::h1::dispatch;yummyd::serve::invocations;yummyd::encode::predictions;zmij::format", 12, 44),
        ("io;hyper::proto::h1::dispatch;yummyd::telemetry::record", 4, 15),
        ("io;hyper::proto::h1::dispatch;hyper::proto::h1::role::parse;httparse::parse_headers", 14, 61),
        ("io;hyper::proto::h1::dispatch;tokio::net::tcp::write;__send", 31, 118),
        ("io;hyper::proto::h1::dispatch;tokio::net::tcp::read;__recv", 22, 83),
        ("io;tokio::runtime::io::driver::turn;epoll_wait", 66, 52),
        ("io;tokio::runtime::scheduler::park", 40, 21),
        ("admin;yummyd::telemetry::stream;serde_json::to_vec", 8, 9),
        ("profiler;pprof::report::build", 5, 6),
    ];
    let mut text = String::new();
    for (frames, idle, loaded) in STACKS {
        let count = if number == 0 { idle } else { loaded + u64::from(number) };
        text.push_str(&format!("{frames} {count}\n"));
    }
    text
}
