//! Changes that come in odd ways: all at once, by renames, without an event, beside editors' files, and the root itself.

use std::{fs, time::Duration};

use crate::{
    common::{Fixture, until},
    store::{BODY, Layout, Step, Store, run},
};

fn label(fixture: &Fixture) -> Option<String> {
    fixture.post("/models/wine/invocations", BODY).header("x-yummy-model").map(str::to_owned)
}

/// One version of `wine`, found.
fn one(change: impl FnOnce(&mut yummyd::config::args::Settings)) -> (Fixture, Store) {
    let fixture = Fixture::empty_with(change);
    let store = Store::new(Layout::Files, fixture.root());
    add(&store, 1);
    until("the first version answers", || label(&fixture).as_deref() == Some("wine/1"));
    (fixture, store)
}

fn add(store: &Store, number: u64) {
    run(&store.log(number, number as f64));
    run(&store.register("wine", number, number));
}

/// Settings by which only events wake the keeper.
fn events_only(settings: &mut yummyd::config::args::Settings) {
    settings.rescan_seconds = Some(3600.0);
}

#[test]
fn a_whole_tree_that_is_moved_in_is_found() {
    let fixture = Fixture::empty_with(events_only);
    let aside = fixture.folder.path().join("aside");
    let store = Store::new(Layout::Files, &aside);
    add(&store, 1);
    for name in ["1", "models"] {
        fs::rename(aside.join(name), fixture.root().join(name)).unwrap();
    }
    until("it answers", || label(&fixture).as_deref() == Some("wine/1"));
}

#[test]
fn directories_that_are_made_faster_than_watches_are_placed_are_found() {
    let (fixture, store) = one(events_only);
    for number in 2..60 {
        add(&store, number);
    }
    until("the last answers", || label(&fixture).as_deref() == Some("wine/59"));
}

#[test]
fn a_burst_of_other_changes_hides_nothing() {
    let (fixture, store) = one(events_only);
    let folder = store.root.join("1/models");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // More than the kernel's queue of events holds (16,384 unless configured).
            for number in 0..20_000 {
                let path = folder.join(format!("noise-{number}"));
                fs::write(&path, "").unwrap();
                fs::remove_file(path).unwrap();
            }
        });
        scope.spawn(|| add(&store, 2));
    });
    until("the second version answers", || label(&fixture).as_deref() == Some("wine/2"));
}

#[test]
fn editors_and_renames_over_do_not_reload_what_serves() {
    let (fixture, store) = one(|_| {});
    let info = || fixture.get("/models/wine/versions/1").json();
    let since = info()["ready_unix_ms"].clone();
    let dir = store.artifacts(1);
    for name in [".MLmodel.swp", "MLmodel~", "4913", ".#MLmodel"] {
        fs::write(dir.join(name), "what an editor keeps").unwrap();
        fixture.admin_call("POST", "/rescan", &[], b"");
        assert_eq!((info()["state"].as_str(), &info()["reason"]), (Some("ready"), &serde_json::Value::Null));
    }
    assert_eq!(info()["ready_unix_ms"], since, "it was not loaded again");
    // Another model renamed over the file of this one is another version of it.
    let (_, bytes) = crate::store::files(3.5).into_iter().find(|(name, _)| *name == "model.lgb").unwrap();
    Step::Rename(dir.join("model.lgb"), bytes).run();
    let (_, mlmodel) = crate::store::files(3.5).into_iter().find(|(name, _)| *name == "MLmodel").unwrap();
    Step::Rename(dir.join("MLmodel"), mlmodel).run();
    until("the file that was renamed over it answers", || {
        fixture.post("/models/wine/invocations", BODY).text() == "{\"predictions\": [3.5]}"
    });
}

#[test]
fn where_there_are_no_events_the_periodic_look_finds_everything() {
    // A root that is exchanged behind a link, as a mount is, makes no event in what is watched.
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (store_at(&folder.path().join("old"), 1), store_at(&folder.path().join("new"), 2));
    let link = folder.path().join("mlruns");
    std::os::unix::fs::symlink(&old.root, &link).unwrap();
    let fixture = Fixture::empty_with(|settings| {
        settings.mlruns = Some(link.clone());
        settings.rescan_seconds = Some(0.1);
    });
    assert_eq!(label(&fixture).as_deref(), Some("wine/1"));
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&new.root, &link).unwrap();
    until("the other tree answers", || label(&fixture).as_deref() == Some("wine/2"));
}

fn store_at(root: &std::path::Path, number: u64) -> Store {
    let store = Store::new(Layout::Files, root);
    add(&store, number);
    store
}

#[test]
fn a_root_that_is_deleted_and_made_anew_is_watched_again() {
    let (fixture, store) = one(events_only);
    fs::remove_dir_all(&store.root).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(label(&fixture).as_deref(), Some("wine/1"), "what is loaded goes on");
    let store = Store::new(Layout::Files, &store.root);
    add(&store, 2);
    until("the new tree answers", || label(&fixture).as_deref() == Some("wine/2"));
    // And events of the new tree are heard.
    std::thread::sleep(Duration::from_millis(1500));
    add(&store, 3);
    until("its next version answers", || label(&fixture).as_deref() == Some("wine/3"));
}

#[test]
fn files_in_folders_of_a_model_are_waited_for() {
    let (fixture, store) = one(events_only);
    let mut steps = store.log(2, 2.0);
    let dir = store.artifacts(2);
    for step in &mut steps {
        if let Step::Fill(path, bytes) = step
            && path.ends_with("MLmodel")
        {
            let text = String::from_utf8(bytes.clone()).unwrap();
            // Five more bytes are to come.
            let line = text.lines().find(|line| line.starts_with("model_size_bytes: ")).map(str::to_owned);
            if let Some(line) = line {
                let size: u64 = line.rsplit(' ').next().unwrap().parse().unwrap_or_default();
                *bytes = text.replace(&line, &format!("model_size_bytes: {}", size + 5)).into_bytes();
            }
        }
    }
    run(&steps);
    run(&store.register("wine", 2, 2));
    until("it is incomplete", || fixture.get("/models/wine/versions/2").json()["state"] == "incomplete");
    fs::create_dir_all(dir.join("code/package")).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    fs::write(dir.join("code/package/a.py"), "pass\n").unwrap();
    until("it answers", || label(&fixture).as_deref() == Some("wine/2"));
}
