//! Backups: of one moment, sealed, whole or refused by name, and a database again.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use frontdesk_actors::ports::{Records, VAULT_RESTORED, Vault, VaultOp};
use frontdesk_actors::records::{Change, Desired, EventKind};
use proptest::test_runner::{RngAlgorithm, TestRng};
use tokio::sync::mpsc;

use super::{company_id, created, event, open, session};
use crate::store::backup::{BackupError, CopyOrder, CopyWord, Progress, RestoreError, WORDS_WAITING, inspect, restore, verify};
use crate::store::pieces::Entries as _;
use crate::store::writer::Message;
use crate::store::{OpenError, SealKey, Store};

fn key() -> SealKey {
    SealKey::new([3; 32])
}

fn put(name: &str, value: Vec<u8>) -> VaultOp {
    VaultOp::Put { table: 2, key: name.as_bytes().to_vec(), value }
}

/// A store with some companies, vaults and long values.
async fn filled(folder: &Path, salons: u64) -> Store {
    let store = open(folder);
    for salon in 1..=salons {
        let company = created(&store, salon).await;
        let news = vec![
            Change::AppendEvent(event(&company, EventKind::QrShown)),
            Change::PutSession(session(company.company_id, Desired::Online)),
        ];
        store.commit(news).await.unwrap();
        store.write(company.company_id, vec![put("state", vec![salon as u8; 900 * salon as usize])]).await.unwrap();
    }
    store
}

fn everything(store: &Store) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut all = BTreeMap::new();
    store
        .0
        .reader
        .disk
        .each(b"", |key, entry| {
            all.insert(key.to_vec(), entry.to_vec());
            Ok(crate::store::disk::Walk::On)
        })
        .unwrap();
    all
}

async fn backed_up(store: &Store, folder: &Path) -> PathBuf {
    let file = folder.join("a.backup");
    store.back_up(file.clone(), Progress::default()).await.unwrap();
    file
}

#[tokio::test]
async fn a_restored_database_has_every_entry_and_a_mark_in_every_vault() {
    let outer = tempfile::tempdir().unwrap();
    let store = filled(&outer.path().join("data"), 12).await;
    let file = outer.path().join("a.backup");
    let progress = Progress::default();
    let report = store.back_up(file.clone(), progress.clone()).await.unwrap();
    let original = everything(&store);
    assert_eq!((report.records, progress.records()), (original.len() as u64, original.len() as u64));
    assert_eq!((report.head.companies, report.head.schema, report.bytes), (12, 1, fs::metadata(&file).unwrap().len()));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(verify(&file, &key()).unwrap().records, report.records);
    assert_eq!(inspect(&file, &key()).unwrap(), report.head);

    let target = outer.path().join("restored");
    let restored = restore(&file, &target, &key(), &Progress::default()).unwrap();
    assert_eq!((restored.records, restored.linked), (report.records, 12));
    let copy = open(&target);
    copy.verify().unwrap();
    let (table, mark) = VAULT_RESTORED;
    for number in 1..=12 {
        let id = company_id(number);
        assert_eq!(copy.company(id).await.unwrap(), store.company(id).await.unwrap());
        assert_eq!(copy.get(id, 2, b"state"), store.get(id, 2, b"state"));
        assert!(copy.get(id, table, mark).unwrap().is_some() && store.get(id, table, mark).unwrap().is_none());
    }
    let mut left = everything(&copy);
    left.retain(|key, entry| original.get(key) != Some(entry));
    assert_eq!(left.len(), 12 + 1, "the marks and the counters");
    assert_eq!(created(&copy, 99).await.company_id, company_id(13), "ids go on from where they were");
}

#[tokio::test]
async fn a_backup_shows_one_moment_although_everything_is_rewritten_meanwhile() {
    let outer = tempfile::tempdir().unwrap();
    let store = filled(&outer.path().join("data"), 30).await;
    for round in 0..3_u8 {
        // Two values far apart in the tree change together, again and again: a copy must never hold one of them old and the other new.
        let twins = |number: u16| {
            let value = |salon: u64| (company_id(salon), vec![put("twin", number.to_be_bytes().repeat(3_000))]);
            [value(1), value(30)]
        };
        let busy = {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0..u16::MAX {
                    let changes = [1, 30].map(|salon| Change::PutSession(session(company_id(salon), Desired::Online)));
                    store.commit(changes.to_vec()).await.unwrap();
                    for (company, operations) in twins(number) {
                        store.write(company, operations).await.unwrap();
                    }
                }
            })
        };
        let file = outer.path().join(format!("{round}.backup"));
        let before = created(&store, 1_000 + u64::from(round)).await;
        store.back_up(file.clone(), Progress::default()).await.unwrap();
        busy.abort();
        let _ = busy.await;
        let target = outer.path().join(format!("restored{round}"));
        // The sum kept in the counters is that of the moment: opening compares it with all entries.
        restore(&file, &target, &key(), &Progress::default()).unwrap();
        let copy = open(&target);
        copy.verify().unwrap();
        assert_eq!(copy.company(before.company_id).await.unwrap().unwrap().company, before, "acknowledged before the backup");
        let twin = |salon| copy.get(company_id(salon), 2, b"twin").unwrap().map(|value| u16::from_be_bytes([value[0], value[1]]));
        let (first, second) = (twin(1), twin(30));
        assert!(first == second || first.unwrap_or(0) == second.map_or(0, |number| number + 1), "{first:?} {second:?}");
    }
}

#[tokio::test]
async fn a_file_that_takes_nothing_stops_no_commit_and_ends_its_backup_when_too_much_is_held() {
    let outer = tempfile::tempdir().unwrap();
    let store = filled(&outer.path().join("data"), 65).await;
    let (out, mut words) = mpsc::channel(WORDS_WAITING);
    let watched = out.clone();
    store.0.queue.as_ref().unwrap().send(Message::Copy(CopyOrder { out })).await.unwrap();
    let within = std::time::Duration::from_secs(20);
    let full = async {
        while watched.capacity() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(within, full).await.unwrap();
    for salon in 1..=65 {
        let rewritten = store.write(company_id(salon), vec![put("state", vec![0; 900 * salon as usize])]);
        tokio::time::timeout(within, rewritten).await.expect("commits go on").unwrap();
    }
    drop(watched);
    let mut told = Vec::new();
    while let Some(word) = tokio::time::timeout(within, words.recv()).await.expect("it is given up") {
        told.push(word);
    }
    assert!(matches!(told.first(), Some(CopyWord::Begun(_))));
    assert!(matches!(told.last(), Some(CopyWord::TooSlow)));
    assert_eq!(told.len(), WORDS_WAITING, "nothing was copied after that");
    backed_up(&store, outer.path()).await;
}

#[tokio::test]
async fn only_an_empty_folder_is_restored_into() {
    let outer = tempfile::tempdir().unwrap();
    let store = filled(&outer.path().join("data"), 2).await;
    let file = backed_up(&store, outer.path()).await;
    let before = everything(&store);
    drop(store);
    let refused = restore(&file, &outer.path().join("data"), &key(), &Progress::default());
    assert!(matches!(&refused, Err(RestoreError::NotEmpty { found, .. }) if found == "store"), "{refused:?}");
    assert_eq!(everything(&open(&outer.path().join("data"))), before);
    let other = outer.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("something.txt"), "mine").unwrap();
    assert!(matches!(restore(&file, &other, &key(), &Progress::default()), Err(RestoreError::NotEmpty { .. })));
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
    // The key that waits for it, and what a crash left of an earlier try, are no obstacle.
    let waiting = outer.path().join("waiting");
    fs::create_dir_all(waiting.join("store.new")).unwrap();
    fs::write(waiting.join("store.new/conf"), "half").unwrap();
    fs::write(waiting.join("seal.key"), "03".repeat(32)).unwrap();
    fs::set_permissions(waiting.join("seal.key"), fs::Permissions::from_mode(0o600)).unwrap();
    restore(&file, &waiting, &SealKey::in_folder(&waiting).unwrap(), &Progress::default()).unwrap();
    assert_eq!(open(&waiting).load_active().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_file_that_was_cut_changed_or_torn_by_a_power_cut_is_refused_and_leaves_nothing_behind() {
    let outer = tempfile::tempdir().unwrap();
    let store = filled(&outer.path().join("data"), 8).await;
    let whole = fs::read(backed_up(&store, outer.path()).await).unwrap();
    let rotten = outer.path().join("rotten.backup");
    let target = outer.path().join("restored");
    for case in 0..100_u64 {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&case.to_be_bytes());
        let random = &mut TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut bytes = whole.clone();
        let at = usize::try_from(proptest::prelude::Rng::next_u64(random)).unwrap() % bytes.len();
        match case % 4 {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << (case % 8),
            2 => bytes[at..].fill(0), // as a file whose blocks never reached the disk
            _ => bytes.extend_from_slice(&whole[at..]),
        }
        if bytes == whole {
            continue;
        }
        fs::write(&rotten, bytes).unwrap();
        let refused = verify(&rotten, &key());
        assert!(refused.is_err(), "case {case} at {at}");
        if case % 10 == 0 {
            let refused = restore(&rotten, &target, &key(), &Progress::default());
            assert!(matches!(refused, Err(RestoreError::Backup(_))), "case {case}: {refused:?}");
            assert!(!target.join("store").exists() && !target.join("store.new").exists());
        }
    }
}

#[tokio::test]
async fn another_key_another_file_and_a_newer_format_are_named() {
    let outer = tempfile::tempdir().unwrap();
    let store = filled(&outer.path().join("data"), 1).await;
    let file = backed_up(&store, outer.path()).await;
    let said = verify(&file, &SealKey::new([4; 32])).unwrap_err().to_string();
    assert!(said.contains(&key().fingerprint()) && said.contains(&SealKey::new([4; 32]).fingerprint()), "{said}");
    let mut bytes = fs::read(&file).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("companies"), "nothing is in the clear");
    bytes[16] = 9;
    fs::write(&file, &bytes).unwrap();
    assert!(matches!(verify(&file, &key()), Err(BackupError::Newer { found: 9, supported: 1 })));
    fs::write(&file, "PK\u{3}\u{4} something else altogether").unwrap();
    assert!(matches!(verify(&file, &key()), Err(BackupError::Foreign)));
}

#[tokio::test]
async fn a_backup_of_a_newer_layout_is_refused_in_words() {
    let outer = tempfile::tempdir().unwrap();
    let store = filled(&outer.path().join("data"), 1).await;
    let disk = &store.0.reader.disk;
    let mut batch = sled::Batch::default();
    batch.insert(crate::store::keys::SCHEMA, &7_u32.to_be_bytes());
    disk.commit(batch, disk.marked_commits()).unwrap();
    let file = backed_up(&store, outer.path()).await;
    let refused = restore(&file, &outer.path().join("restored"), &key(), &Progress::default());
    assert!(matches!(&refused, Err(RestoreError::Open(OpenError::Newer { found: 7, .. }))), "{refused:?}");
}

#[tokio::test]
async fn a_backup_that_fails_leaves_no_file_and_an_existing_one_is_kept() {
    let outer = tempfile::tempdir().unwrap();
    let store = filled(&outer.path().join("data"), 3).await;
    let file = outer.path().join("mine.backup");
    fs::write(&file, "mine").unwrap();
    let refused = store.back_up(file.clone(), Progress::default()).await;
    assert!(matches!(refused, Err(BackupError::Io { .. })), "{refused:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    // A value that does not open is found when the backup is read back.
    let disk = &store.0.reader.disk;
    let place = crate::store::keys::company(company_id(2));
    let mut entry = disk.entry(&place).unwrap().unwrap();
    *entry.last_mut().unwrap() ^= 1;
    let mut batch = sled::Batch::default();
    batch.insert(place, entry);
    disk.commit(batch, disk.marked_commits()).unwrap();
    let other = outer.path().join("other.backup");
    let refused = store.back_up(other.clone(), Progress::default()).await;
    assert!(matches!(refused, Err(BackupError::Damaged { .. })), "{refused:?}");
    assert!(!other.exists() && !outer.path().join("other.backup.part").exists());
    store.close().await;
    assert!(matches!(store.back_up(other, Progress::default()).await, Err(BackupError::Closed)));
}
