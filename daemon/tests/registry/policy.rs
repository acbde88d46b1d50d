//! Which versions are served: the policies, what they leave out, and aliases that move to a version that is not loaded.

use crate::{
    common::{Fixture, until},
    store::{BODY, Layout, Store, run},
};

/// Five versions of `wine`, each answering its number; version 2 is `champion`.
fn five(change: impl FnOnce(&mut yummyd::config::args::Settings)) -> (Fixture, Store) {
    let fixture = Fixture::empty_with(change);
    let store = Store::new(Layout::Files, fixture.root());
    for number in 1..=5 {
        run(&store.log(number, number as f64));
        run(&store.register("wine", number, number));
    }
    run(&store.alias("wine", "champion", 2));
    fixture.admin_call("POST", "/rescan", &[], b"");
    (fixture, store)
}

fn with(policy: &str) -> Fixture {
    let policies = policy.split(';').map(str::to_owned).collect();
    five(|settings| settings.version_policy = Some(policies)).0
}

/// Versions that serve, and whether exactly these answer by their number.
fn serving(fixture: &Fixture) -> Vec<u64> {
    let models = fixture.get("/models/wine").json()["models"].clone();
    let models = models.as_array().unwrap();
    let ready: Vec<u64> = models
        .iter()
        .filter(|model| model["state"] == "ready")
        .map(|model| model["version"].as_u64().unwrap())
        .collect();
    for version in 1..=5 {
        let answer = fixture.post(&format!("/models/wine/versions/{version}/invocations"), BODY);
        if ready.contains(&version) {
            assert_eq!(answer.text(), format!("{{\"predictions\": [{version}.0]}}"));
        } else {
            assert_eq!(answer.status, 404, "{}", answer.text());
            assert!(answer.text().contains("--version-policy"), "{}", answer.text());
        }
    }
    ready
}

#[test]
fn the_newest_and_those_with_a_name_are_served_by_default() {
    assert_eq!(serving(&five(|_| {}).0), [5, 2]);
}

#[test]
fn policies_are_those_of_tf_serving() {
    assert_eq!(serving(&with("all")), [5, 4, 3, 2, 1]);
    assert_eq!(serving(&with("latest:2")), [5, 4]);
    assert_eq!(serving(&with("specific:1,3")), [3, 1]);
    assert_eq!(serving(&with("aliases")), [2]);
    assert_eq!(serving(&with("all;wine=latest")), [5]);
    // The bare name is the newest that serves.
    let answer = with("aliases").post("/models/wine/invocations", BODY);
    assert_eq!(answer.header("x-yummy-model"), Some("wine/2"));
}

#[test]
fn an_alias_moves_to_a_version_that_is_not_loaded_and_back_without_a_failed_request() {
    let (fixture, store) = five(|_| {});
    let path = "/models/wine/aliases/champion/invocations";
    let mut client = fixture.client();
    let mut ask = || {
        let answer = client.call("POST", path, &[("content-type", "application/json")], BODY.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.header("x-yummy-model").unwrap().to_owned()
    };
    for version in [3, 1, 4, 2] {
        run(&store.alias("wine", "champion", version));
        let label = format!("wine/{version}");
        until("the alias has moved", || ask() == label);
    }
    until("the others are unloaded", || serving(&fixture) == [5, 2]);
}

#[test]
fn an_alias_of_a_version_that_does_not_load_goes_on_naming_the_one_before() {
    let (fixture, store) = five(|_| {});
    let steps = store.log(6, 6.0);
    run(&steps[..steps.len() - 3]);
    run(&store.register("wine", 6, 6));
    // The right length, the wrong content.
    let model = store.artifacts(6).join("model.lgb");
    let length = std::fs::metadata(&model).unwrap().len();
    std::fs::write(&model, vec![b'x'; usize::try_from(length).unwrap()]).unwrap();
    run(&steps[steps.len() - 3..]);
    run(&store.alias("wine", "champion", 6));
    until("version 6 is failed", || fixture.get("/models/wine/versions/6").json()["state"] == "failed");
    let label = |path: &str| fixture.post(path, BODY).header("x-yummy-model").map(str::to_owned);
    assert_eq!(label("/models/wine/aliases/champion/invocations").as_deref(), Some("wine/2"));
    assert_eq!(label("/models/wine/invocations").as_deref(), Some("wine/5"));
    fixture.admin_call("POST", "/rescan", &[], b"");
    assert_eq!(label("/models/wine/aliases/champion/invocations").as_deref(), Some("wine/2"));
    run(&store.log(6, 6.0));
    until("the mended version answers", || {
        label("/models/wine/aliases/champion/invocations").as_deref() == Some("wine/6")
    });
}

#[test]
fn stages_move_as_aliases_do() {
    let (fixture, store) = five(|_| {});
    let stage = |version: u64, from: &str, to: &str| {
        let path = store.root.join(format!("models/wine/version-{version}/meta.yaml"));
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace(&format!("current_stage: {from}"), &format!("current_stage: {to}"));
        crate::store::Step::Rename(path, text.into_bytes()).run();
    };
    let label = || {
        let answer = fixture.post("/models/wine/stages/Production/invocations", BODY);
        (answer.status, answer.header("x-yummy-model").map(str::to_owned))
    };
    assert_eq!(label(), (404, None));
    stage(3, "None", "Production");
    until("version 3 is in production", || label() == (200, Some("wine/3".into())));
    stage(4, "None", "Production");
    until("version 4 is in production", || label() == (200, Some("wine/4".into())));
    stage(4, "Production", "Archived");
    until("version 3 is again", || label() == (200, Some("wine/3".into())));
}
