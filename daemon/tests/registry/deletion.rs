//! Trees that go away: at once, file by file, in part; and what comes back in their place.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    common::{Fixture, until},
    store::{BODY, Layout, Store, run},
};

/// Two models, each answering its number.
fn two(gone_seconds: f64) -> (Fixture, Store) {
    let fixture = Fixture::empty_with(|settings| {
        settings.gone_seconds = Some(gone_seconds);
        settings.rescan_seconds = Some(0.1);
    });
    let store = Store::new(Layout::Files, fixture.root());
    for (number, name) in [(1, "wine"), (2, "cancer")] {
        run(&store.log(number, number as f64));
        run(&store.register(name, 1, number));
        run(&store.alias(name, "champion", 1));
    }
    fixture.admin_call("POST", "/rescan", &[], b"");
    (fixture, store)
}

fn ask(fixture: &Fixture, path: &str) -> Option<f64> {
    let answer = fixture.post(path, BODY);
    (answer.status == 200).then(|| answer.json()["predictions"][0].as_f64().unwrap())
}

fn both_answer(fixture: &Fixture) -> bool {
    ["/models/wine/invocations", "/models/wine/aliases/champion/invocations"]
        .iter()
        .all(|path| ask(fixture, path) == Some(1.0))
        && ask(fixture, "/models/cancer/invocations") == Some(2.0)
}

/// Everything below a folder, what is deepest first: the order of `rm -r`.
fn deepest_first(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            deepest_first(&entry.path(), found);
        }
        found.push(entry.path());
    }
}

fn remove(path: &Path) {
    if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) }.unwrap();
}

#[test]
fn a_tree_that_is_deleted_file_by_file_is_served_until_another_takes_its_place() {
    let (fixture, store) = two(3600.0);
    let mut files = Vec::new();
    deepest_first(&store.root, &mut files);
    for path in files.iter().chain([&store.root]) {
        remove(path);
        fixture.admin_call("POST", "/rescan", &[], b"");
        // By their names; an alias goes with its file.
        let answers = ["wine", "cancer"].map(|name| ask(&fixture, &format!("/models/{name}/invocations")));
        assert_eq!(answers, [Some(1.0), Some(2.0)], "after {} was deleted", path.display());
    }
    // A tree that is copied in its place is what counts, as soon as it is whole.
    let store = Store::new(Layout::Files, &store.root);
    run(&store.log(7, 7.0));
    run(&store.register("wine", 1, 7));
    until("the new tree answers", || ask(&fixture, "/models/wine/invocations") == Some(7.0));
}

#[test]
fn a_registered_model_that_is_gone_goes_when_its_time_is_over() {
    let (fixture, store) = two(0.2);
    fs::remove_dir_all(store.root.join("models/wine")).unwrap();
    until("the model is gone", || fixture.get("/models/wine").status == 404);
    assert_eq!(ask(&fixture, "/models/cancer/invocations"), Some(2.0));
}

#[test]
fn files_that_are_gone_are_said_to_be_and_their_version_goes_on() {
    let (fixture, store) = two(0.1);
    fs::remove_dir_all(store.artifacts(1)).unwrap();
    let info = || fixture.get("/models/wine/versions/1").json();
    until("it is told", || info()["reason"].as_str().is_some_and(|reason| reason.contains("goes on serving")));
    for _ in 0..3 {
        fixture.admin_call("POST", "/rescan", &[], b"");
        assert!(both_answer(&fixture), "{}", info());
    }
    run(&store.log(1, 9.0));
    until("the files that came back are served", || ask(&fixture, "/models/wine/invocations") == Some(9.0));
}

#[test]
fn an_alias_that_is_deleted_is_gone_at_once() {
    let (fixture, store) = two(3600.0);
    fs::remove_file(store.root.join("models/wine/aliases/champion")).unwrap();
    fixture.admin_call("POST", "/rescan", &[], b"");
    assert_eq!(fixture.post("/models/wine/aliases/champion/invocations", BODY).status, 404);
}

#[test]
fn an_experiment_that_is_in_the_trash_is_not_found_and_comes_back() {
    let (fixture, store) = two(0.0);
    run(&store.log(3, 3.0));
    let path = format!("/models/{}/invocations", crate::store::id(3));
    until("it is found", || ask(&fixture, &path) == Some(3.0));
    fs::create_dir(store.root.join(".trash")).unwrap();
    fs::rename(store.root.join("1"), store.root.join(".trash/1")).unwrap();
    until("it is gone", || fixture.post(&path, BODY).status == 404);
    assert!(both_answer(&fixture), "the registry names what is in the trash: it goes on while it is loaded");
    fs::rename(store.root.join(".trash/1"), store.root.join("1")).unwrap();
    until("it is back", || ask(&fixture, &path) == Some(3.0));
}
