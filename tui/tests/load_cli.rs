//! `yummy-tui load` as a shell sees it: exit codes and what stands on stdout. Minutes: only with `YUMMY_LONG_TESTS=1`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::process::Command;

use yummy_api::load::{LimitKind, LoadReport};
use yummy_load::null_server::NullServer;

/// A server that does nothing is faster than any generator: the search must not call what it found the server's limit.
#[test]
fn a_search_that_only_found_the_generators_limit_exits_with_3() {
    if std::env::var_os("YUMMY_LONG_TESTS").is_none() {
        println!("skipped: set YUMMY_LONG_TESTS=1 to run it");
        return;
    }
    let server = NullServer::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body.json");
    std::fs::write(&body, r#"{"dataframe_split": {"columns": ["a"], "data": [[1.5]]}}"#).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_yummy-tui"))
        .args(["load", "find", "--json", "--quick", "--p99", "200ms", "--start", "1000", "--path", "/invocations"])
        .args(["--url", &format!("http://{}", server.addr())])
        .arg("--body")
        .arg(&body)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let report: LoadReport = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report.limit.as_ref().map(|limit| limit.kind), Some(LimitKind::Generator));
    assert!(report.notes.iter().any(|note| note.contains("limited by the generator")), "{:?}", report.notes);
}
