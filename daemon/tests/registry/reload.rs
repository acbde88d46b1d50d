//! A new version is swapped in while requests go on; what is not whole, or does not load, is never served.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::common::{Fixture, assets, copy, until};

fn label_of(fixture: &Fixture, body: &str) -> String {
    let answer = fixture.post("/models/wine/invocations", body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("x-yummy-model").unwrap().to_owned()
}

fn example(fixture: &Fixture) -> String {
    fixture.get("/models/wine").json()["models"][0]["example"].as_str().unwrap().to_owned()
}

#[test]
fn a_copied_version_answers_and_no_request_fails() {
    let fixture = Fixture::demo();
    let body = example(&fixture);
    let (stop, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = fixture.client();
                while !stop.load(Ordering::Relaxed) {
                    let json = [("content-type", "application/json")];
                    let answer = client.call("POST", "/models/wine/invocations", &json, body.as_bytes());
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        copy(&assets().join("next"), fixture.root());
        until("the new version answers", || label_of(&fixture, &body) == "wine/3");
        let seen = asked.load(Ordering::Relaxed);
        until("requests go on after the swap", || asked.load(Ordering::Relaxed) > seen + 100);
        stop.store(true, Ordering::Relaxed);
    });
    let stats = fixture.admin_call("GET", "/stats", &[], b"").json();
    let told = stats["events"].as_array().unwrap().iter().any(|event| {
        event["kind"] == "reload" && event["model"] == "wine" && event["version"] == 3 && event["level"] == "info"
    });
    assert!(told, "{stats}");
}

/// The files of the version that is kept aside, in the order in which MLflow writes them.
fn aside() -> (String, Vec<(String, Vec<u8>)>) {
    let next = assets().join("next");
    let mut names = fs::read_dir(&next).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    let experiment = names.find(|name| name != "models").unwrap();
    let models = next.join(&experiment).join("models");
    let id = fs::read_dir(&models).unwrap().flatten().next().unwrap().file_name().into_string().unwrap();
    let mut files = Vec::new();
    collect(&next, &next, &mut files);
    (format!("{experiment}/models/{id}"), files)
}

fn collect(base: &Path, folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(base, &path, files);
        } else {
            let name = path.strip_prefix(base).unwrap().to_str().unwrap().to_owned();
            files.push((name, fs::read(&path).unwrap()));
        }
    }
}

fn put(root: &Path, name: &str, bytes: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn no_half_written_version_is_ever_served() {
    let fixture = Fixture::demo();
    let body = example(&fixture);
    let (_, files) = aside();
    // What the version needs; requirements and the like may come at any time.
    let needed: Vec<_> = files
        .iter()
        .filter(|(name, _)| {
            ["MLmodel", "model.lgb", "input_example.json", "serving_input_example.json"]
                .iter()
                .any(|part| name.ends_with(part))
                || name.ends_with("version-3/meta.yaml")
        })
        .collect();
    for (number, (name, bytes)) in needed.iter().enumerate() {
        for length in [0, bytes.len() / 2] {
            put(fixture.root(), name, &bytes[..length]);
            fixture.admin_call("POST", "/rescan", &[], b"");
            assert_eq!(label_of(&fixture, &body), "wine/2", "{name} cut to {length} bytes");
        }
        put(fixture.root(), name, bytes);
        fixture.admin_call("POST", "/rescan", &[], b"");
        let whole = number + 1 == needed.len();
        assert_eq!(label_of(&fixture, &body), if whole { "wine/3" } else { "wine/2" }, "after {name}");
    }
}

#[test]
fn a_damaged_version_is_failed_and_the_one_before_goes_on() {
    let fixture = Fixture::demo();
    let body = example(&fixture);
    let (model, files) = aside();
    for (name, bytes) in &files {
        put(fixture.root(), name, bytes);
    }
    // The right length, the wrong content.
    let path = format!("{model}/artifacts/model.lgb");
    let (_, good) = files.iter().find(|(name, _)| *name == path).unwrap();
    put(fixture.root(), &path, &vec![b'x'; good.len()]);
    let state = |fixture: &Fixture| fixture.get("/models/wine/versions/3").json();
    until("the version is failed", || state(&fixture)["state"] == "failed");
    assert!(state(&fixture)["reason"].as_str().unwrap().contains("model.lgb"), "{}", state(&fixture));
    assert_eq!(label_of(&fixture, &body), "wine/2");
    put(fixture.root(), &path, good);
    until("the mended version answers", || label_of(&fixture, &body) == "wine/3");
}

#[test]
fn an_alias_moves_live_and_a_deleted_version_goes() {
    let fixture = Fixture::demo();
    let body = example(&fixture);
    put(fixture.root(), "models/wine/aliases/champion", b"2");
    until("the alias has moved", || {
        fixture.post("/models/wine/aliases/champion/invocations", &body).header("x-yummy-model") == Some("wine/2")
    });
    let meta = "models/wine/version-2/meta.yaml";
    let text = fs::read_to_string(fixture.root().join(meta)).unwrap();
    put(fixture.root(), meta, text.replace("current_stage: None", "current_stage: Deleted_Internal").as_bytes());
    until("version 2 is gone", || label_of(&fixture, &body) == "wine/1");
    assert_eq!(fixture.get("/models/wine/versions/2").status, 404);
}

#[test]
fn an_empty_directory_waits_and_says_so() {
    let fixture = Fixture::empty();
    assert_eq!(fixture.get("/ping").status, 200);
    let answer = fixture.post("/invocations", "{}");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("no model is served yet"), "{}", answer.text());
    copy(&assets().join("mlruns"), fixture.root());
    until("the models are found", || fixture.get("/models/wine/ready").status == 200);
}

#[test]
fn the_directory_may_go_and_come_back() {
    let fixture = Fixture::demo_with(|settings| settings.rescan_seconds = Some(0.05));
    let body = example(&fixture);
    // Moved away at once, as an unmounted volume is: what is deleted file by file is taken for a deletion.
    let aside = tempfile::tempdir().unwrap();
    fs::rename(fixture.root(), aside.path().join("mlruns")).unwrap();
    fixture.admin_call("POST", "/rescan", &[], b"");
    assert_eq!(label_of(&fixture, &body), "wine/2");
    copy(&assets().join("mlruns"), fixture.root());
    copy(&assets().join("next"), fixture.root());
    until("the new tree is served", || label_of(&fixture, &body) == "wine/3");
}
