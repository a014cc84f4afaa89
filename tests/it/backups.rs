//! Backup and restore of whole servers: under load, without a new QR code, after damage, and another seal key with a kill in the middle.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use frontdesk::store::{SealKey, Store, StoreOptions};
use frontdesk_actors::ids::SalonId;
use frontdesk_actors::ports::Records as _;
use rand::RngExt as _;

use crate::support::cli::{self, key_file};
use crate::support::node::JWT_SECRET;
use crate::support::stage::{Stage, eventually};

const SALON: u64 = 750_001;
const PHONE: &str = "79005550001";

/// Opens a folder that no server uses.
fn open(data: &Path) -> Store {
    let key = SealKey::in_folder(data).expect("the key is there");
    Store::open(StoreOptions::new(data, key)).expect("the database opens")
}

async fn has(store: &Store, salons: &BTreeSet<u64>) {
    for salon in salons {
        let found = store.company_by_salon(SalonId::try_from(*salon).expect("a salon id")).await.expect("it can be read");
        assert!(found.is_some(), "salon {salon} was acknowledged before the backup");
    }
}

async fn back_up(stage: &Stage, file: &Path) -> cli::Said {
    cli::run(&stage.data_dir, [Path::new("backup"), file]).await
}

async fn restore(from: &Path, key: &Path, target: &Path) -> cli::Said {
    cli::run(target, [Path::new("restore"), from, Path::new("--seal-key-file"), key]).await
}

#[tokio::test]
async fn ten_backups_under_load_have_everything_that_was_acknowledged_before_each() {
    const ROUNDS: usize = 10;
    let stage = Arc::new(Stage::open().await);
    let acknowledged = Arc::new(RwLock::new(BTreeSet::new()));
    let load: Vec<_> = (0..3_u64)
        .map(|lane| {
            let (stage, acknowledged) = (stage.clone(), acknowledged.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    let salon = 760_000 + 10_000 * lane + number;
                    stage.salon(salon, "Салон под нагрузкой").await;
                    stage.onboard(salon).await;
                    acknowledged.write().unwrap_or_else(PoisonError::into_inner).insert(salon);
                }
            })
        })
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let count = || acknowledged.read().unwrap_or_else(PoisonError::into_inner).len();
    for round in 0..ROUNDS {
        let so_far = count();
        eventually("salons are being connected", async || count() > so_far + 3).await;
        let before = acknowledged.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (file, target) = (folder.path().join(format!("{round}.backup")), folder.path().join(format!("restored{round}")));
        back_up(&stage, &file).await.well();
        assert_eq!(fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
        restore(&file, &key_file(&stage.data_dir), &target).await.well();
        let store = open(&target);
        store.verify().expect("every value opens");
        has(&store, &before).await;
        store.close().await;
    }
    load.iter().for_each(tokio::task::JoinHandle::abort);
    let metrics = stage.http.get(format!("http://127.0.0.1:{}/metrics", stage.ops_port)).send().await.expect("an answer");
    let metrics = metrics.text().await.expect("text");
    let pauses: Vec<&str> = metrics.lines().filter(|line| line.starts_with("frontdesk_store_copy_pause_seconds")).collect();
    println!("{} salons were acknowledged; commits waited for portions of the copies:\n{}", count(), pauses.join("\n"));
}

#[tokio::test]
async fn a_restored_server_comes_online_without_a_new_qr_code() {
    let mut stage = Stage::without_server().await;
    stage.set("JWT_SECRET", JWT_SECRET);
    stage.start().await;
    let token = stage.connect(SALON, PHONE).await;
    let pairings = stage.control("GET", "/control/stats", serde_json::Value::Null).await["pairings"].clone();
    let outer = stage.data_dir.parent().expect("a parent").to_path_buf();
    // Through a pipe, as to another machine.
    let piped = cli::run(&stage.data_dir, ["backup", "-"]).await.well();
    let file = outer.join("piped.backup");
    fs::write(&file, piped.out).expect("written");
    stage.kill().await;

    let refused = restore(&file, &key_file(&stage.data_dir), &stage.data_dir).await;
    assert!(refused.code == Some(73) && refused.err.contains("is not empty"), "{refused:?}");
    let restored = outer.join("restored");
    let said = restore(&file, &key_file(&stage.data_dir), &restored).await.well();
    assert!(said.err.contains("1 salons are linked"), "{}", said.err);
    stage.data_dir = restored;
    stage.start().await;
    stage.active(SALON, &token).await;
    eventually("the device is online", async || stage.phone_online(PHONE)).await;
    let stats = stage.control("GET", "/control/stats", serde_json::Value::Null).await;
    assert_eq!(stats["pairings"], pairings, "it was a login, not a new pairing");
    assert!(stage.log().contains("encryption sessions are renewed"));
    // Once only: the next start goes on with the new sessions.
    let renewals = stage.log().matches("encryption sessions are renewed").count();
    stage.stop().await;
    stage.start().await;
    eventually("the device is online again", async || stage.phone_online(PHONE)).await;
    assert_eq!(stage.log().matches("encryption sessions are renewed").count(), renewals);
}

/// The commands between the two marks of the page, for a shell.
fn recovery_of_the_docs() -> String {
    let page = include_str!("../../docs/troubleshooting.md");
    let (_, from) = page.split_once("<!-- recovery -->").expect("the mark is in the page");
    let (_, from) = from.split_once("```sh\n").expect("a block follows it");
    from.split_once("```").expect("it ends").0.to_owned()
}

#[tokio::test]
async fn emergency_recovery_works_as_the_docs_say_it() {
    let mut stage = Stage::without_server().await;
    stage.set("JWT_SECRET", JWT_SECRET);
    stage.set("FRONTDESK_BACKUP_EVERY", "1s");
    stage.set("FRONTDESK_BACKUP_KEEP", "2");
    stage.start().await;
    let token = stage.connect(SALON, PHONE).await;
    let backups = stage.data_dir.join("backups");
    let made = || {
        fs::read_dir(&backups)
            .map_or(0, |entries| entries.filter(|e| e.as_ref().is_ok_and(|e| e.path().extension().is_some_and(|x| x == "backup"))).count())
    };
    eventually("there are backups of the linked salon", async || stage.log().matches("backup.made").count() >= 4).await;
    assert!(made() <= 3, "two of the newest stay, and one that may have been made just now");
    stage.stop().await;

    // The disk loses a part of the database.
    let database = fs::OpenOptions::new().write(true).open(stage.data_dir.join("store/db")).expect("it is there");
    let length = database.metadata().expect("known").len();
    std::os::unix::fs::FileExt::write_all_at(&database, &vec![0; (length / 2) as usize], 0).expect("damaged");
    drop(database);
    stage.spawn();
    assert_eq!(stage.ended().await, Some(74));
    let words = stage.log();
    assert!(words.contains("is damaged") && words.contains("frontdesk restore"), "{words}");

    let script = recovery_of_the_docs().replace("/var/lib/frontdesk", &stage.data_dir.display().to_string());
    let prelude = format!(
        "set -eu\nsystemctl() {{ :; }}\nchown() {{ :; }}\nsudo() {{ shift 2; \"$@\"; }}\nfrontdesk() {{ '{}' \"$@\"; }}\n",
        env!("CARGO_BIN_EXE_frontdesk")
    );
    let mut shell = tokio::process::Command::new("sh");
    shell.env_clear().env("PATH", "/usr/bin:/bin").args(["-c", &format!("{prelude}{script}")]);
    let said = cli::ended(&mut shell).await;
    assert_eq!(said.code, Some(0), "{}\n{script}", said.err);
    stage.start().await;
    stage.active(SALON, &token).await;
    eventually("the device is online", async || stage.phone_online(PHONE)).await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_key_rotation_leaves_a_database_that_opens() {
    const KILLS: usize = 12;
    let stage = Stage::open().await;
    let mut salons = BTreeSet::new();
    for salon in 780_000..780_040 {
        stage.salon(salon, "Салон").await;
        stage.onboard(salon).await;
        salons.insert(salon);
    }
    let refused = cli::run(&stage.data_dir, ["keys", "rotate-seal"]).await;
    assert!(refused.code == Some(74) && refused.err.contains("in use by another frontdesk process"), "{refused:?}");
    let mut stage = stage;
    stage.stop().await;
    let fingerprint = async || String::from_utf8(cli::run(&stage.data_dir, ["keys", "fingerprint"]).await.well().out).expect("text");
    let first = fingerprint().await;
    for _ in 0..KILLS {
        let pause = Duration::from_millis(rand::rng().random_range(5..600));
        let mut tool = cli::command(&stage.data_dir).args(["keys", "rotate-seal"]).spawn().expect("it runs");
        let _ = tokio::time::timeout(pause, tool.wait()).await; // it may be done by then
        let _ = tool.kill().await;
        let store = open(&stage.data_dir);
        has(&store, &salons).await;
        store.close().await;
    }
    cli::run(&stage.data_dir, ["keys", "rotate-seal"]).await.well();
    assert_ne!(fingerprint().await, first);
    let store = open(&stage.data_dir);
    store.verify().expect("every value opens with the new key");
    has(&store, &salons).await;
    drop(store);
    stage.start().await;
}

#[tokio::test]
async fn a_stopped_server_is_backed_up_offline_and_old_backups_open_with_the_key_of_their_time() {
    let mut stage = Stage::open().await;
    stage.salon(SALON, "Салон").await;
    stage.onboard(SALON).await;
    assert_eq!(fs::metadata(stage.data_dir.join("control.json")).expect("it is there").permissions().mode() & 0o777, 0o600);
    let door = format!("http://127.0.0.1:{}/control/backup", stage.ops_port);
    for token in ["", "Bearer ", "Bearer 0000"] {
        let answer = stage.http.post(&door).header("authorization", token).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 401);
    }
    stage.stop().await;
    assert!(!stage.data_dir.join("control.json").exists());
    let outer = stage.data_dir.parent().expect("a parent").to_path_buf();
    let file = outer.join("offline.backup");
    back_up(&stage, &file).await.well();
    let again = back_up(&stage, &file).await;
    assert!(again.code == Some(73) && again.err.contains("exists"), "{again:?}");
    cli::run(&stage.data_dir, ["keys", "rotate-seal"]).await.well();
    let verify = |key: PathBuf| {
        cli::run(&stage.data_dir, [PathBuf::from("restore"), file.clone(), "--verify-only".into(), "--seal-key-file".into(), key])
    };
    let refused = verify(key_file(&stage.data_dir)).await;
    assert!(refused.code == Some(65) && refused.err.contains("is sealed with key"), "{refused:?}");
    let old = fs::read_dir(&stage.data_dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    let old = old.filter(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("seal.key.")));
    verify(old.last().expect("the old key is kept")).await.well();
}

#[tokio::test]
async fn a_folder_with_another_seal_key_is_named_before_anything_is_restored_into_it() {
    let outer = tempfile::tempdir().expect("a folder");
    let data = outer.path().join("data");
    let key = SealKey::in_folder(&data).expect("a new key");
    Store::open(StoreOptions::new(&data, key)).expect("a new database").close().await;
    let file = outer.path().join("a.backup");
    cli::run(&data, [Path::new("backup"), &file]).await.well();
    let target = outer.path().join("target");
    let other = SealKey::in_folder(&target).expect("another key");
    let refused = restore(&file, &key_file(&data), &target).await;
    assert!(refused.code == Some(74) && refused.err.contains(&other.fingerprint()), "{refused:?}");
    assert!(!target.join("store").exists() && !target.join("store.new").exists());
    fs::remove_file(key_file(&target)).expect("moved away");
    restore(&file, &key_file(&data), &target).await.well();
    open(&target).verify().expect("its key is there");
}
