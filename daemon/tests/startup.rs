//! What the binary says when it cannot start, and what it does without a server.

#![allow(clippy::unwrap_used, reason = "the panic of a helper is the failure's report")]

mod common;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use common::{Client, assets, copy};

fn yummyd(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_yummyd")).args(args).env_remove("YUMMY_MLRUNS").output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Starts with `args`, which must fail: exit 1, nothing on stdout, one line on stderr that holds `expected`.
fn refused(args: &[&str], expected: &str) {
    let output = yummyd(args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {stderr}");
    assert!(stderr.starts_with("yummyd: ") && stderr.trim_end().lines().count() == 1, "{args:?}: {stderr}");
    assert!(stderr.contains(expected), "{args:?}: {stderr}");
}

#[test]
fn what_cannot_start_says_why_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    refused(&[], "--mlruns DIR");
    refused(&["--mlruns", text(&folder.path().join("none"))], "there is no such directory; name the directory");
    refused(&["--mlruns", text(&file)], "is not a directory");
    let mlruns = text(folder.path());
    refused(&["--mlruns", mlruns, "--io-threads", "0"], "--io-threads: 0 is not between 1 and");
    refused(&["--mlruns", mlruns, "--admin-listen", "x"], "neither ADDR:PORT nor off");
    refused(&["--mlruns", mlruns, "--config", text(&folder.path().join("none.toml"))], "none.toml");
    assert_eq!(yummyd(&["--no-such-flag"]).status.code(), Some(1));
    assert_eq!(yummyd(&["--help"]).status.code(), Some(0));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(&["--mlruns", mlruns, "--listen", &address], "the port is in use; stop what uses it, or choose another");
}

#[test]
fn check_prints_a_line_per_model_and_fails_when_one_does() {
    let folder = tempfile::tempdir().unwrap();
    copy(&assets().join("mlruns"), folder.path());
    let output = yummyd(&["check", "--mlruns", text(folder.path())]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert_eq!(stdout.lines().filter(|line| line.starts_with("ready ")).count(), 5, "{stdout}");
    assert!(stdout.contains("wine version 2  lightgbm  trees 300  features 13"), "{stdout}");

    let experiment = fs::read_dir(folder.path()).unwrap().flatten().find(|entry| entry.path().join("models").is_dir());
    let models = experiment.unwrap().path().join("models");
    let artifacts: Vec<_> =
        fs::read_dir(models).unwrap().flatten().map(|entry| entry.path().join("artifacts")).collect();
    let catboost = artifacts.iter().find(|dir| dir.join("model.cb").is_file()).unwrap();
    let length = fs::metadata(catboost.join("model.cb")).unwrap().len();
    fs::write(catboost.join("model.cb"), vec![0; usize::try_from(length).unwrap()]).unwrap();
    let other = artifacts.iter().find(|dir| *dir != catboost && dir.join("model.cb").is_file()).unwrap();
    let mlmodel = fs::read_to_string(other.join("MLmodel")).unwrap();
    fs::write(other.join("MLmodel"), mlmodel.replace("  catboost:", "  prophet:")).unwrap();
    let output = yummyd(&["check", "--mlruns", text(folder.path())]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert_eq!(
        stdout.lines().filter(|line| line.starts_with("failed ") && line.contains("model.cb")).count(),
        1,
        "{stdout}"
    );
    let unsupported = stdout.lines().filter(|line| {
        line.starts_with("unsupported ") && line.contains("  prophet  ") && line.contains("flavor prophet")
    });
    assert_eq!(unsupported.count(), 1, "{stdout}");
}

#[test]
fn predict_answers_what_the_server_answers() {
    let mlruns = assets().join("mlruns");
    let body = r#"{"dataframe_split": {"columns": ["plan", "region", "months", "tickets", "spend"], "data": [["free", "east", 18.0, 0.0, 34.3]]}}"#;
    let mut child = Command::new(env!("CARGO_BIN_EXE_yummyd"))
        .args(["predict", "--mlruns", text(&mlruns), "--model", "churn"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answer, "{\"predictions\": [\"leaves\"]}\n");
    let output = yummyd(&["predict", "--mlruns", text(&mlruns), "--model", "nothing", "--in", "/dev/null"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("there are cancer, churn, diabetes, wine"));
}

#[test]
fn the_printed_curl_lines_work_and_a_signal_ends_it_cleanly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_yummyd"))
        .args(["--mlruns", text(&assets().join("mlruns")), "--listen", "127.0.0.1:0", "--admin-listen", "off"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut curls = Vec::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    for line in lines.by_ref() {
        if let Some(call) = line.trim().strip_prefix("curl -s ") {
            curls.push(call.to_owned());
        }
        if curls.len() == 4 {
            break;
        }
    }
    for call in curls {
        let (url, rest) = call.split_once(' ').unwrap();
        let file = rest.split_once("-d @").unwrap().1;
        let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let body = fs::read(file).unwrap();
        let json = [("content-type", "application/json")];
        let answer = Client::connect(address.parse().unwrap()).call("POST", &format!("/{path}"), &json, &body);
        assert_eq!(answer.status, 200, "{call}: {}", answer.text());
        assert!(answer.json()["predictions"].is_array(), "{call}");
    }
    let killed = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
