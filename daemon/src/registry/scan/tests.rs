use super::*;

fn scan(root: &Path) -> io::Result<Scan> {
    Scanner::new(root.to_owned(), BackendStore::Off).scan()
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A registered model with one version, and the logged model that it names.
fn tree() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "7/meta.yaml", "name: demo\n");
    write(root.path(), "7/models/m-1/meta.yaml", "model_id: m-1\nstatus: 2\nsource_run_id: r1\n");
    write(root.path(), "7/models/m-1/artifacts/MLmodel", "flavors: {}\n");
    write(root.path(), "models/wine/meta.yaml", "name: wine\n");
    write(
        root.path(),
        "models/wine/version-1/meta.yaml",
        "current_stage: None\nmodel_id: m-1\nname: wine\nstatus: READY\nversion: 1\nstorage_location: /elsewhere/7/models/m-1/artifacts\n",
    );
    write(root.path(), "models/wine/aliases/champion", "1");
    root
}

#[test]
fn a_version_finds_the_files_of_its_logged_model() {
    let root = tree();
    let scan = scan(root.path()).unwrap();
    let [version] = scan.registered.as_slice() else { panic!("{scan:?}") };
    assert_eq!((version.name.as_str(), version.version), ("wine", Some(1)));
    assert_eq!(version.aliases, ["champion"]);
    assert_eq!(version.stage, None);
    assert_eq!(version.artifact.as_deref(), Ok(&*root.path().join("7/models/m-1/artifacts")));
    assert_eq!(scan.logged.len(), 1);
    assert_eq!(scan.logged[0].run_id.as_deref(), Some("r1"));
}

#[test]
fn what_was_deleted_is_not_found() {
    let root = tree();
    write(root.path(), "models/wine/version-1/meta.yaml", "current_stage: Deleted_Internal\n");
    write(root.path(), "7/models/m-1/meta.yaml", "status: 2\nlifecycle_stage: deleted\n");
    write(root.path(), ".trash/9/models/m-9/meta.yaml", "status: 2\n");
    let scan = scan(root.path()).unwrap();
    assert_eq!(scan.registered, []);
    assert_eq!(scan.logged, []);
}

#[test]
fn half_written_files_are_a_reason_and_hide_nothing_else() {
    let root = tree();
    write(root.path(), "7/models/m-2/meta.yaml", "");
    write(root.path(), "7/models/m-3/meta.yaml", "status: 1\n");
    write(root.path(), "models/wine/version-2/meta.yaml", "a: [");
    write(root.path(), "models/wine/version-3/meta.yaml", "status: PENDING_REGISTRATION\n");
    fs::create_dir_all(root.path().join("models/wine/version-4")).unwrap();
    let scan = scan(root.path()).unwrap();
    let states: Vec<_> = scan.registered.iter().map(|found| (found.version, found.artifact.is_ok())).collect();
    assert_eq!(states, [(Some(4), false), (Some(3), false), (Some(2), false), (Some(1), true)]);
    assert!(scan.registered[1].artifact.as_ref().unwrap_err().1.contains("PENDING_REGISTRATION"));
    assert_eq!(scan.logged.iter().filter(|found| found.artifact.is_err()).count(), 2);
}

#[test]
fn a_moved_tree_is_resolved_by_the_tail_of_its_locations() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "0/run1/artifacts/model/MLmodel", "flavors: {}\n");
    write(
        root.path(),
        "models/old/version-1/meta.yaml",
        "status: READY\nsource: file:///elsewhere/mlruns/0/run1/artifacts/model\nversion: 1\n",
    );
    let scan = scan(root.path()).unwrap();
    assert_eq!(scan.registered[0].artifact.as_deref(), Ok(&*root.path().join("0/run1/artifacts/model")));
}

#[test]
fn numbers_in_names_stay_text() {
    let root = tree();
    write(root.path(), "models/1e5/version-1/meta.yaml", "model_id: m-1\nstatus: READY\nrun_id: 08\nversion: 1\n");
    let scan = scan(root.path()).unwrap();
    assert_eq!(scan.registered[0].name, "1e5");
    assert_eq!(scan.registered[0].run_id.as_deref(), Some("08"));
}

#[test]
fn links_are_followed_only_inside() {
    let (root, other) = (tree(), tree());
    let link =
        |from: &Path, name: &str| std::os::unix::fs::symlink(from, root.path().join("models").join(name)).unwrap();
    link(&root.path().join("models/wine"), "inside");
    link(&other.path().join("models/wine"), "outside");
    let scan = scan(root.path()).unwrap();
    let names: Vec<&str> = scan.registered.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["inside", "wine"]);
}

#[test]
fn artifacts_and_registries_that_are_links_out_are_not_followed() {
    let (root, other) = (tempfile::tempdir().unwrap(), tree());
    let link = |from: &str, to: &str| {
        let to = root.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(other.path().join(from), to).unwrap();
    };
    link("models", "models");
    link("7/models", "8/models");
    link("7/models/m-1/artifacts", "9/models/m-9/artifacts");
    link("7/models/m-1/artifacts", "9/run9/artifacts");
    let scan = scan(root.path()).unwrap();
    assert_eq!(scan.registered, []);
    assert!(scan.logged.iter().all(|found| found.artifact.is_err()), "{:?}", scan.logged);
}

#[test]
fn models_among_a_runs_artifacts_are_found_by_their_run() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "0/run1/meta.yaml", "lifecycle_stage: active\n");
    write(root.path(), "0/run1/artifacts/deep/model/MLmodel", "flavors: {}\n");
    write(root.path(), "0/run2/meta.yaml", "lifecycle_stage: deleted\n");
    write(root.path(), "0/run2/artifacts/model/MLmodel", "flavors: {}\n");
    let scan = scan(root.path()).unwrap();
    let names: Vec<&str> = scan.logged.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["runs:/run1/deep/model"]);
}

#[test]
fn an_alias_whose_file_is_empty_is_unclear_and_one_that_is_gone_is_gone() {
    let root = tree();
    write(root.path(), "models/wine/aliases/champion", "");
    let found = scan(root.path()).unwrap();
    assert_eq!(found.registered[0].aliases, Vec::<String>::new());
    assert_eq!(found.unclear_aliases, [("wine".to_owned(), "champion".to_owned())]);
    fs::remove_file(root.path().join("models/wine/aliases/champion")).unwrap();
    assert_eq!(scan(root.path()).unwrap().unclear_aliases, []);
}

#[test]
fn a_second_look_sees_every_change() {
    let root = tree();
    let mut scanner = Scanner::new(root.path().to_owned(), BackendStore::Off);
    assert_eq!(scanner.scan().unwrap(), scanner.scan().unwrap());
    write(root.path(), "7/models/m-1/meta.yaml", "model_id: m-1\nstatus: 1\nsource_run_id: r1\n");
    assert!(scanner.scan().unwrap().registered[0].artifact.is_err());
    write(root.path(), "7/models/m-1/meta.yaml", "model_id: m-1\nstatus: 2\nsource_run_id: r1\n");
    write(root.path(), "models/wine/version-2/meta.yaml", "model_id: m-1\nstatus: READY\nversion: 2\n");
    let scan = scanner.scan().unwrap();
    assert_eq!(scan.registered.iter().map(|found| found.version).collect::<Vec<_>>(), [Some(2), Some(1)]);
}
