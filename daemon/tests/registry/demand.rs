//! Logged models that are not registered: loaded on first use, unloaded when others need the room, loaded again.

use crate::{
    common::{Fixture, until},
    store::{BODY, Layout, Store, id, run},
};
use yummyd::{config::args::Settings, registry::LoggedModels};

/// So many logged models, each answering its number.
fn logged(count: u64, change: impl FnOnce(&mut Settings)) -> Fixture {
    let fixture = Fixture::empty_with(change);
    let store = Store::new(Layout::Files, fixture.root());
    for number in 1..=count {
        run(&store.log(number, number as f64));
    }
    fixture.admin_call("POST", "/rescan", &[], b"");
    fixture
}

fn ask(fixture: &Fixture, number: u64) {
    let answer = fixture.post(&format!("/models/{}/invocations", id(number)), BODY);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-yummy-model"), Some(id(number).as_str()));
    assert_eq!(answer.text(), format!("{{\"predictions\": [{number}.0]}}"));
}

fn loaded(fixture: &Fixture) -> Vec<u64> {
    let models = fixture.get("/models").json()["models"].clone();
    let ready = models.as_array().unwrap().iter().filter(|model| model["state"] == "ready");
    ready.map(|model| u64::from_str_radix(&model["name"].as_str().unwrap()[2..], 16).unwrap()).collect()
}

fn on_demand(settings: &mut Settings) {
    settings.logged_models = Some(LoggedModels::Demand);
}

/// Bytes that one of these models holds, by the daemon's own numbers.
fn bytes_of_one() -> usize {
    let fixture = logged(1, |_| {});
    let frame = fixture.admin_call("GET", "/stats", &[], b"").json();
    let found = frame["models"].as_array().unwrap().iter().find_map(|model| model["memory_bytes"].as_u64());
    usize::try_from(found.unwrap_or_else(|| panic!("no memory in {frame}"))).unwrap()
}

#[test]
fn they_are_loaded_at_the_start_unless_told_otherwise() {
    let fixture = logged(3, |_| {});
    assert_eq!(loaded(&fixture), [1, 2, 3]);
    let fixture = logged(3, |settings| settings.logged_models = Some(LoggedModels::Off));
    assert_eq!(fixture.post(&format!("/models/{}/invocations", id(1)), BODY).status, 404);
}

#[test]
fn the_first_request_loads_and_waits() {
    let fixture = logged(3, on_demand);
    assert_eq!(loaded(&fixture), Vec::<u64>::new());
    let info = fixture.get(&format!("/models/{}", id(2))).json()["models"][0].clone();
    assert_eq!(info["state"], "retired");
    assert!(info["reason"].as_str().unwrap().contains("the first request loads it"), "{info}");
    ask(&fixture, 2);
    assert_eq!(loaded(&fixture), [2]);
    // A run's name for it, and many at once.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| ask(&fixture, 3));
        }
    });
    let answer = fixture.post(&format!("/runs/{:032x}/model/invocations", 1), BODY);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(loaded(&fixture), [1, 2, 3]);
}

#[test]
fn the_only_logged_model_is_the_default_even_when_it_sleeps() {
    let fixture = logged(1, on_demand);
    assert_eq!(fixture.post("/invocations", BODY).text(), "{\"predictions\": [1.0]}");
}

#[test]
fn past_the_bound_the_one_that_was_not_used_for_the_longest_time_goes_and_comes_back() {
    let one = bytes_of_one();
    let fixture = logged(4, |settings| {
        on_demand(settings);
        settings.logged_model_bytes = Some(2 * one + one / 2);
    });
    // The time of use has milliseconds.
    let ask = |number| {
        std::thread::sleep(std::time::Duration::from_millis(3));
        ask(&fixture, number);
    };
    ask(1);
    ask(2);
    assert_eq!(loaded(&fixture), [1, 2]);
    ask(1);
    ask(3);
    assert_eq!(loaded(&fixture), [1, 3]);
    ask(2);
    assert_eq!(loaded(&fixture), [2, 3]);
    fixture.admin_call("POST", "/rescan", &[], b"");
    assert_eq!(loaded(&fixture), [2, 3], "a look changes nothing");
    for number in [1, 2, 3, 4, 1, 2, 3, 4] {
        ask(number);
        assert!(loaded(&fixture).len() <= 2);
    }
}

#[test]
fn at_the_start_as_many_are_loaded_as_there_is_room_for() {
    let one = bytes_of_one();
    let fixture = logged(4, |settings| settings.logged_model_bytes = Some(2 * one + one / 2));
    assert_eq!(loaded(&fixture).len(), 2);
    for number in 1..=4 {
        ask(&fixture, number);
    }
    assert_eq!(loaded(&fixture).len(), 2);
}

#[test]
fn one_that_is_larger_than_the_bound_says_so() {
    let fixture = logged(1, |settings| {
        on_demand(settings);
        settings.logged_model_bytes = Some(1);
    });
    for _ in 0..2 {
        let answer = fixture.post(&format!("/models/{}/invocations", id(1)), BODY);
        assert_eq!(answer.status, 404);
        assert!(answer.text().contains("more than the 1 of --logged-model-bytes"), "{}", answer.text());
    }
}

#[test]
fn one_that_does_not_load_is_told_and_tried_again_when_its_files_change() {
    let fixture = logged(1, on_demand);
    let store = Store { layout: Layout::Files, root: fixture.root().to_owned() };
    let model = store.artifacts(1).join("model.lgb");
    let good = std::fs::read(&model).unwrap();
    std::fs::write(&model, vec![b'x'; good.len()]).unwrap();
    let path = format!("/models/{}/invocations", id(1));
    let answer = fixture.post(&path, BODY);
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("model.lgb"), "{}", answer.text());
    std::fs::write(&model, good).unwrap();
    until("the mended model answers", || fixture.post(&path, BODY).status == 200);
}
