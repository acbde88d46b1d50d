use std::fs;

use rusqlite::Connection;

use super::*;
use crate::registry::found::Found;

/// MLflow's tables, as far as they are read.
const TABLES: &str = "
    CREATE TABLE model_versions (name, version INTEGER, current_stage, source, run_id, status, storage_location, workspace);
    CREATE TABLE registered_model_aliases (alias, version INTEGER, name, workspace);
    CREATE TABLE logged_models (model_id, experiment_id INTEGER, name, artifact_location, status INTEGER, lifecycle_stage, source_run_id);
    CREATE TABLE runs (run_uuid, lifecycle_stage, artifact_uri);
    CREATE TABLE experiments (experiment_id INTEGER, lifecycle_stage);
    INSERT INTO experiments VALUES (1, 'active');
    INSERT INTO logged_models VALUES ('m-1', 1, 'model', '/elsewhere/mlruns/1/models/m-1/artifacts', 2, 'active', 'run1');
    INSERT INTO model_versions VALUES
        ('wine', 1, 'Production', 'models:/m-1', 'run1', 'READY', '/elsewhere/mlruns/1/models/m-1/artifacts', 'default');
    INSERT INTO registered_model_aliases VALUES ('champion', 1, 'wine', 'default');
";

struct Store {
    folder: tempfile::TempDir,
    writer: Connection,
    database: Database,
}

impl Store {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("mlruns");
        fs::create_dir_all(root.join("1/models/m-1/artifacts")).unwrap();
        let writer = Connection::open(folder.path().join(FILE)).unwrap();
        writer.execute_batch(TABLES).unwrap();
        let database = Database::new(&root, BackendStore::Beside);
        Self { folder, writer, database }
    }

    fn look(&mut self) -> Scan {
        let root = self.folder.path().join("mlruns");
        let mut scan = Scan::default();
        let dir = root.join("1/models/m-1/artifacts");
        scan.logged.push(Found { model_id: Some("m-1".into()), ..Found::logged("m-1".into(), dir) });
        let mut by_id = ById::new();
        self.database.add_to(&root, &mut scan, &mut by_id);
        scan
    }

    fn write(&self, sql: &str) {
        self.writer.execute_batch(sql).unwrap();
    }

    /// Every file in the folder, with its content.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(self.folder.path()).unwrap().flatten().map(|entry| entry.path());
        let mut files: Vec<_> = entries.filter(|path| path.is_file()).collect();
        files.sort();
        files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }
}

fn versions(scan: &Scan) -> Vec<(u64, Vec<String>)> {
    scan.registered.iter().map(|found| (found.version.unwrap(), found.aliases.clone())).collect()
}

#[test]
fn what_it_names_is_found_in_the_tree() {
    let mut store = Store::new();
    let scan = store.look();
    assert_eq!(versions(&scan), [(1, vec!["champion".to_owned()])]);
    let version = &scan.registered[0];
    assert_eq!(version.stage.as_deref(), Some("Production"));
    assert_eq!(version.model_id.as_deref(), Some("m-1"));
    assert!(version.artifact.as_ref().unwrap().ends_with("mlruns/1/models/m-1/artifacts"));
    assert_eq!(version.run_uri().as_deref(), Some("runs:/run1/model"));
    assert_eq!(scan.problems, Vec::<String>::new());
}

#[test]
fn every_write_is_seen_by_the_next_look() {
    let mut store = Store::new();
    assert_eq!(versions(&store.look()).len(), 1);
    store.write("INSERT INTO model_versions SELECT name, 2, 'None', source, run_id, status, storage_location, workspace FROM model_versions");
    store.write("UPDATE registered_model_aliases SET version = 2");
    let scan = store.look();
    assert_eq!(versions(&scan), [(1, vec![]), (2, vec!["champion".to_owned()])]);
    assert_eq!(scan.registered[1].stage, None);
    store.write("UPDATE model_versions SET current_stage = 'Deleted_Internal', source = 'REDACTED-SOURCE-PATH' WHERE version = 1");
    let scan = store.look();
    assert_eq!(versions(&scan).len(), 1);
    assert!(scan.deleted.contains(&("wine".to_owned(), Some(1))));
    store.write("UPDATE model_versions SET status = 'PENDING_REGISTRATION'");
    assert!(store.look().registered[0].artifact.as_ref().unwrap_err().1.contains("PENDING_REGISTRATION"));
}

#[test]
fn logged_models_are_what_the_database_says_of_them() {
    let mut store = Store::new();
    store.write("UPDATE logged_models SET status = 1");
    assert!(store.look().logged[0].artifact.is_err());
    store.write("UPDATE logged_models SET status = 2");
    assert!(store.look().logged[0].artifact.is_ok());
    store.write("UPDATE experiments SET lifecycle_stage = 'deleted'");
    let scan = store.look();
    assert_eq!(scan.logged, []);
    assert!(scan.deleted.contains(&("m-1".to_owned(), None)));
}

#[test]
fn an_open_transaction_hides_nothing_and_is_not_seen() {
    let mut store = Store::new();
    assert_eq!(versions(&store.look()).len(), 1);
    store.write("BEGIN IMMEDIATE; UPDATE registered_model_aliases SET alias = 'other'");
    let scan = store.look();
    assert_eq!(versions(&scan), [(1, vec!["champion".to_owned()])]);
    assert_eq!(scan.problems, Vec::<String>::new());
    store.write("COMMIT");
    assert_eq!(versions(&store.look()), [(1, vec!["other".to_owned()])]);
}

#[test]
fn a_writer_that_does_not_wait_is_never_hindered() {
    let store = Store::new();
    let path = store.folder.path().join(FILE);
    store.writer.busy_timeout(std::time::Duration::ZERO).unwrap();
    store.write("UPDATE logged_models SET name = 'Production'");
    let done = std::sync::atomic::AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                if let Ok((_, rows)) = read::rows(&path) {
                    // Both tables are written in one transaction: a torn read would show them apart.
                    assert_eq!(rows.versions[0].stage.as_deref(), rows.logged[0].name.as_deref());
                    seen += 1;
                }
            }
            seen
        });
        for number in 0..200 {
            store.write(&format!(
                "BEGIN; UPDATE model_versions SET current_stage = 'S{number}'; \
                 UPDATE logged_models SET name = 'S{number}'; COMMIT"
            ));
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(seen > 0);
}

#[test]
fn a_write_ahead_log_is_read_and_nothing_is_touched() {
    let mut store = Store::new();
    store.write("PRAGMA journal_mode = wal; UPDATE registered_model_aliases SET alias = 'in-the-log'");
    let before = store.files();
    assert!(before.len() == 3, "the log and its index lie beside the database");
    assert_eq!(versions(&store.look()), [(1, vec!["in-the-log".to_owned()])]);
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&before), names(&store.files()));
    assert!(before[0] == store.files()[0] && before[2] == store.files()[2], "database and log are as they were");
    store.write("UPDATE registered_model_aliases SET alias = 'again'");
    assert_eq!(versions(&store.look()), [(1, vec!["again".to_owned()])]);
    // The last connection of a writer puts the log into the database and deletes it.
    store.writer = Connection::open_in_memory().unwrap();
    assert_eq!(store.files().len(), 1);
    assert_eq!(versions(&store.look()), [(1, vec!["again".to_owned()])]);
    assert_eq!(store.files().len(), 1);
}

#[test]
fn a_log_that_was_left_behind_is_read() {
    let mut store = Store::new();
    store.write("PRAGMA journal_mode = wal; UPDATE registered_model_aliases SET alias = 'left'");
    // What a process leaves that was killed: a copy of the files while they are open.
    let other = tempfile::tempdir().unwrap();
    for (path, bytes) in store.files() {
        fs::write(other.path().join(path.file_name().unwrap()), bytes).unwrap();
    }
    let (_, rows) = read::rows(&other.path().join(FILE)).unwrap();
    assert_eq!(rows.aliases["wine"], [("left".to_owned(), 1)]);
    fs::remove_file(other.path().join("mlflow.db-shm")).unwrap();
    assert!(read::rows(&other.path().join(FILE)).unwrap_err().to_string().contains("-wal lies there without"));
    assert!(store.look().problems.is_empty());
}

#[test]
fn a_journal_that_a_crash_left_is_not_rolled_back() {
    let mut store = Store::new();
    assert_eq!(versions(&store.look()).len(), 1);
    let journal = store.folder.path().join("mlflow.db-journal");
    fs::write(&journal, [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7, 0, 0, 0, 0]).unwrap();
    let file = fs::File::options().append(true).open(&journal).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(60)).unwrap();
    let before = store.files();
    store.database.forget();
    let scan = store.look();
    assert_eq!(versions(&scan).len(), 1, "what it named is served");
    assert!(scan.problems[0].contains("mlflow.db-journal was left behind"), "{:?}", scan.problems);
    assert_eq!(before, store.files());
}

#[test]
fn databases_of_older_mlflow_lack_columns_and_tables() {
    let mut store = Store::new();
    store.write(
        "DROP TABLE logged_models; DROP TABLE registered_model_aliases; DROP TABLE model_versions;
         CREATE TABLE model_versions (name, version INTEGER, current_stage, source, run_id, status);
         INSERT INTO model_versions VALUES
            ('old', 1, 'None', 'file:///elsewhere/mlruns/0/run1/artifacts/model', 'run1', 'READY'),
            ('old', 2, 'None', 'runs:/run2/model', 'run2', 'READY');
         INSERT INTO runs VALUES ('run2', 'active', 'mlflow-artifacts:/0/run2/artifacts')",
    );
    let root = store.folder.path().join("mlruns");
    for run in ["run1", "run2"] {
        fs::create_dir_all(root.join("0").join(run).join("artifacts/model")).unwrap();
    }
    let scan = store.look();
    let dirs: Vec<_> = scan.registered.iter().map(|found| found.artifact.clone().unwrap()).collect();
    assert_eq!(dirs, [root.join("0/run1/artifacts/model"), root.join("0/run2/artifacts/model")]);
}

#[test]
fn a_database_that_is_named_and_not_there_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("mlruns");
    fs::create_dir(&root).unwrap();
    let path = folder.path().join("other.db");
    let mut database = Database::new(&root, BackendStore::At(path.clone()));
    let mut look = || {
        let mut scan = Scan::default();
        database.add_to(&root, &mut scan, &mut ById::new());
        scan
    };
    assert!(look().problems[0].contains("other.db is not there (yet); see --backend-store"));
    fs::write(&path, "").unwrap();
    assert_eq!(look().problems, Vec::<String>::new(), "an empty file is a database without tables");
    Connection::open(&path).unwrap().execute_batch(TABLES).unwrap();
    assert_eq!(look().registered.len(), 1);
    fs::write(
        &path,
        "no database at all, but long enough to have a header of a hundred bytes: it goes on and on and on and on.",
    )
    .unwrap();
    let scan = look();
    assert!(scan.problems[0].contains("not a database"), "{:?}", scan.problems);
    assert_eq!(scan.registered.len(), 1, "what it named goes on");
}

#[test]
fn stores_are_read_as_mlflow_writes_them() {
    let at = |path: &str| Ok(BackendStore::At(path.into()));
    assert_eq!(BackendStore::parse("off"), Ok(BackendStore::Off));
    assert_eq!(BackendStore::parse("data/mlflow.db"), at("data/mlflow.db"));
    assert_eq!(BackendStore::parse("sqlite:///mlflow.db"), at("mlflow.db"));
    assert_eq!(BackendStore::parse("sqlite:////data/mlflow.db?timeout=5"), at("/data/mlflow.db"));
    assert_eq!(BackendStore::parse("sqlite+pysqlite:///x.db"), at("x.db"));
    for other in ["postgresql://host/db", "http://host:5000", "sqlite://", "sqlite:///:memory:", ""] {
        assert!(BackendStore::parse(other).is_err(), "{other}");
    }
}
