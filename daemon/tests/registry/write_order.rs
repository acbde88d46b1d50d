//! Every layout's writes are replayed call by call: no prefix of them is served, none does harm, and the whole is served.

use std::time::Instant;

use crate::{
    common::{Fixture, until},
    store::{BODY, Layout, Store, id, run},
};

/// Label and value that a path answers with; `None` when it does not.
fn answer(fixture: &Fixture, path: &str) -> Option<(String, f64)> {
    let answer = fixture.post(path, BODY);
    (answer.status == 200).then(|| {
        let value = answer.json()["predictions"][0].as_f64().unwrap();
        (answer.header("x-yummy-model").unwrap().to_owned(), value)
    })
}

fn replay(layout: Layout) {
    let fixture = Fixture::empty();
    let store = Store::new(layout, fixture.root());
    let rescan = || assert_eq!(fixture.admin_call("POST", "/rescan", &[], b"").status, 200);
    run(&store.log(1, 1.0));
    run(&store.register("wine", 1, 1));
    run(&store.alias("wine", "champion", 1));
    rescan();
    let first = Some(("wine/1".to_owned(), 1.0));
    let second = Some(("wine/2".to_owned(), 2.0));
    let (newest, champion) = ("/models/wine/invocations", "/models/wine/aliases/champion/invocations");
    let logged = match layout {
        Layout::Runs => format!("/runs/{:032x}/model/invocations", 2),
        _ => format!("/models/{}/invocations", id(2)),
    };
    assert_eq!(answer(&fixture, newest), first);

    let writes = store.log(2, 2.0);
    for (number, step) in writes.iter().enumerate() {
        step.run();
        rescan();
        assert_eq!(answer(&fixture, newest), first, "{layout:?}: after {number}: {step:?}");
        // By its id it is served once it is whole; never with another value.
        let by_id = answer(&fixture, &logged).map(|(_, value)| value);
        let whole = number + 1 == writes.len();
        assert!(by_id.is_none() || by_id == Some(2.0), "{layout:?}: after {number}: {step:?}");
        assert!(!whole || by_id == Some(2.0), "{layout:?}: the whole is not served");
        // In these layouts a status says when MLflow is done.
        let has_status = layout != Layout::Runs;
        assert!(whole || !has_status || by_id.is_none(), "{layout:?}: served after {number}: {step:?}");
    }
    let registers = store.register("wine", 2, 2);
    for (number, step) in registers.iter().enumerate() {
        step.run();
        rescan();
        let expected = if number + 1 == registers.len() { &second } else { &first };
        assert_eq!(answer(&fixture, newest), *expected, "{layout:?}: after {number}: {step:?}");
    }
    let moves = store.alias("wine", "champion", 2);
    let is_moved = |number| number + 1 == moves.len() || (!layout.has_database() && number + 2 == moves.len());
    for (number, step) in moves.iter().enumerate() {
        step.run();
        rescan();
        let expected = if is_moved(number) { &second } else { &first };
        assert_eq!(answer(&fixture, champion), *expected, "{layout:?}: after {number}: {step:?}");
    }
    // And without being asked to look: by the events alone.
    let begin = Instant::now();
    run(&store.log(3, 3.0));
    run(&store.register("wine", 3, 3));
    let written = begin.elapsed();
    until("the third version answers", || answer(&fixture, newest) == Some(("wine/3".to_owned(), 3.0)));
    println!("{layout:?}: served {:.0} ms after the last write", (begin.elapsed() - written).as_secs_f64() * 1e3);
    assert_eq!(fixture.get("/ping").status, 200);
}

#[test]
fn a_file_store_of_3_x() {
    replay(Layout::Files);
}

#[test]
fn a_file_store_of_2_x() {
    replay(Layout::Runs);
}

#[test]
fn a_database_and_the_artifacts_beside_it() {
    replay(Layout::Database);
}

#[test]
fn the_artifacts_of_a_server() {
    replay(Layout::Server);
}
