//! Bytes that rot: a damaged database is named when it is opened, never panics and never lies; a backup brings everything back.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use frontdesk_actors::ports::{Records, RecordsError, Vault, VaultOp};
use frontdesk_actors::records::{Change, CompanyRecord, Desired, EventKind};
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::{created, event, options};
use crate::store::backup::{Progress, restore};
use crate::store::disk::Walk;
use crate::store::pieces::Entries;
use crate::store::{OpenError, SealKey, Store, StoreObserver, folder, open};

/// Damaged copies tried.
const CASES: u64 = 100;

/// Every so many of the refused ones a backup is restored.
const RESTORED_EVERY: usize = 4;

struct Written {
    company: CompanyRecord,
    events: usize,
    value: Vec<u8>,
}

/// A database with a past: written in three lives, so that it has snapshots, rewritten pages and values in parts.
async fn written(folder: &Path) -> Vec<Written> {
    let mut all = Vec::new();
    for life in 0..3_usize {
        let store = super::open(folder);
        for salon in 1..=12_u64 {
            let company = created(&store, salon + 100 * life as u64).await;
            let value = vec![salon as u8; 700 * salon as usize];
            let put = VaultOp::Put { table: 2, key: b"state".to_vec(), value: value.clone() };
            store.write(company.company_id, vec![put]).await.unwrap();
            let news = (0..salon).map(|_| Change::AppendEvent(event(&company, EventKind::QrShown))).collect();
            store.commit(news).await.unwrap();
            all.push(Written { company, events: 1 + salon as usize, value });
        }
        store.close().await;
    }
    all
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(store: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(store).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<PathBuf> = entries.filter(|entry| entry.file_type().unwrap().is_file()).map(|entry| entry.path()).collect();
    files.sort();
    // Most of the damage goes to the file with the data.
    let data = store.join("db");
    files.extend([data.clone(), data.clone(), data]);
    files
}

/// Harms one file of the copy and says how.
fn harm(store: &Path, random: &mut impl proptest::prelude::Rng) -> String {
    let files = files(store);
    let path = &files[random.next_u32() as usize % files.len()];
    let length = fs::metadata(path).unwrap().len().max(1);
    let at = random.next_u64() % length;
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    match random.next_u32() % 3 {
        0 => {
            file.set_len(at).unwrap();
            format!("{name} cut at {at} of {length}")
        }
        1 => {
            file.write_all_at(&vec![0; 4096.min((length - at) as usize)], at).unwrap();
            format!("{name} blank from {at} of {length}")
        }
        _ => {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap_or_default();
            file.write_all_at(&[byte[0] ^ (1 << (random.next_u32() % 8))], at).unwrap();
            format!("{name} flipped at {at} of {length}")
        }
    }
}

/// Every answer is the truth.
async fn has_everything(store: &Store, all: &[Written], how: &str) {
    for written in all {
        let id = written.company.company_id;
        assert_eq!(store.company(id).await.unwrap().map(|found| found.company).as_ref(), Some(&written.company), "{how}");
        assert_eq!(store.get(id, 2, b"state").unwrap().as_ref(), Some(&written.value), "{how}");
        assert_eq!(store.events(id, 100).await.unwrap().len(), written.events, "{how}");
    }
    store.verify().unwrap();
}

/// The cases in ten tests, so that they run side by side.
macro_rules! a_damaged_database_is_named_at_the_start_and_a_backup_brings_everything_back {
    ($($part:ident: $first:literal,)*) => {
        $(#[tokio::test]
        async fn $part() {
            harmed($first..$first + CASES / 10).await;
        })*
    };
}

mod a_damaged_database_is_named_at_the_start_and_a_backup_brings_everything_back {
    use super::{CASES, harmed};

    a_damaged_database_is_named_at_the_start_and_a_backup_brings_everything_back! {
        cases_0: 0, cases_10: 10, cases_20: 20, cases_30: 30, cases_40: 40,
        cases_50: 50, cases_60: 60, cases_70: 70, cases_80: 80, cases_90: 90,
    }
}

/// Harms a copy of one database in many ways, each by its seed.
async fn harmed(cases: std::ops::Range<u64>) {
    let whole = tempfile::tempdir().unwrap();
    let all = written(whole.path()).await;
    let backup = whole.path().join("a.backup");
    let store = super::open(whole.path());
    store.back_up(backup.clone(), Progress::default()).await.unwrap();
    store.close().await;
    drop(store);
    let (mut refused, mut intact) = (0, 0);
    for case in cases.clone() {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&case.to_be_bytes());
        let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let folder = tempfile::tempdir().unwrap();
        copy(&whole.path().join("store"), &made(folder.path(), "store"));
        let how = format!("case {case}: {}", harm(&folder.path().join("store"), &mut random));
        match Store::open(options(folder.path())) {
            Err(error @ OpenError::Damaged { .. }) => {
                refused += 1;
                assert!(error.to_string().contains("frontdesk restore"), "{how}: {error}");
                if refused % RESTORED_EVERY == 0 {
                    let anew = folder.path().join("anew");
                    restore(&backup, &anew, &SealKey::new([3; 32]), &Progress::default()).unwrap();
                    has_everything(&super::open(&anew), &all, &how).await;
                }
            }
            Err(other) => panic!("{how}: {other:?}"),
            Ok(store) => {
                has_everything(&store, &all, &how).await;
                intact += 1;
            }
        }
    }
    println!("{cases:?}: {refused} refused, {intact} intact");
    assert!(refused > 0, "{cases:?}: {refused} refused, {intact} intact");
}

fn made(folder: &Path, name: &str) -> PathBuf {
    let made = folder.join(name);
    fs::create_dir(&made).unwrap();
    made
}

/// Changes one entry of a closed database past everything that keeps count.
fn tamper(data: &Path, key: &[u8], entry: Option<&[u8]>) {
    let lock = folder::lock(data).unwrap().unwrap();
    let disk = open::open_disk(&data.join("store"), 1 << 20, true, lock).unwrap();
    let mut batch = sled::Batch::default();
    match entry {
        Some(entry) => batch.insert(key, entry),
        None => batch.remove(key),
    }
    disk.commit(batch, disk.marked_commits()).unwrap();
}

#[tokio::test]
async fn a_record_that_is_missing_or_older_than_it_should_be_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = super::open(folder.path());
    let company = created(&store, 1).await;
    let place = crate::store::keys::company(company.company_id);
    let before = store.0.reader.disk.entry(&place).unwrap().unwrap();
    store.commit(vec![Change::PutCompany(Box::new(CompanyRecord { title: None, ..company }))]).await.unwrap();
    drop(store);
    for (entry, said) in [(Some(before.as_slice()), "not as they were written"), (None, "1 records are missing")] {
        tamper(folder.path(), &place, entry);
        let refused = Store::open(options(folder.path()));
        assert!(matches!(&refused, Err(OpenError::Damaged { step }) if step.contains(said)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_value_that_was_changed_or_moved_is_an_error_and_not_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let all = written(folder.path()).await;
    let store = super::open(folder.path());
    let disk = &store.0.reader.disk;
    let (mine, other) = (&all[0].company, &all[1].company);
    let foreign = disk.entry(&crate::store::keys::company(other.company_id)).unwrap().unwrap();
    let mut changed = disk.entry(&crate::store::keys::company(all[2].company.company_id)).unwrap().unwrap();
    *changed.last_mut().unwrap() ^= 1;
    let mut batch = sled::Batch::default();
    batch.insert(crate::store::keys::company(mine.company_id), foreign);
    batch.insert(crate::store::keys::company(all[2].company.company_id), changed);
    let mut parts = 0;
    disk.each(b"z", |key, _| {
        parts += 1;
        batch.remove(key);
        Ok(if parts == 1 { Walk::Stop } else { Walk::On })
    })
    .unwrap();
    disk.commit(batch, disk.marked_commits()).unwrap();
    for tampered in [mine, &all[2].company] {
        assert!(matches!(store.company(tampered.company_id).await, Err(RecordsError::Failed(_))));
    }
    assert_eq!(store.company(other.company_id).await.unwrap().unwrap().company, *other);
    let broken = all.iter().filter(|written| store.get(written.company.company_id, 2, b"state").is_err());
    assert_eq!(broken.count(), 1, "the value that lost a part");
    assert!(store.verify().is_err());
    let error = store.company(mine.company_id).await.unwrap_err().to_string();
    assert!(!error.contains("Ромашка"), "no data in errors: {error}");
}

#[derive(Default)]
struct Loaded(std::sync::atomic::AtomicUsize);

impl StoreObserver for Loaded {
    fn loaded(&self, unreadable: usize) {
        self.0.store(unreadable, std::sync::atomic::Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_company_that_cannot_be_read_keeps_no_other_from_its_start_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = std::sync::Arc::new(Loaded::default());
    let mut options = options(folder.path());
    options.observer = std::sync::Arc::<Loaded>::clone(&loaded);
    let store = Store::open(options).unwrap();
    for salon in 1..=4 {
        let company = created(&store, salon).await.company_id;
        store.commit(vec![Change::PutSession(super::session(company, Desired::Online))]).await.unwrap();
    }
    let (newer, none) = (crate::store::keys::company(super::company_id(2)), crate::store::keys::session(super::company_id(3)));
    store.submit(1, move |draft| draft.put(newer, br#"{"version":99}"#, "a test")).await.unwrap();
    store.submit(1, move |draft| draft.put(none, b"no record", "a test")).await.unwrap();
    let ids: Vec<u64> = store.load_active().await.unwrap().iter().map(|stored| stored.company.company_id.get()).collect();
    assert_eq!((ids, loaded.0.load(std::sync::atomic::Ordering::SeqCst)), (vec![1, 4], 2));
    assert!(store.company(super::company_id(2)).await.is_err(), "whoever asks for it hears so");
    let standings = store.standings().await.unwrap().iter().map(|one| one.company_id.get()).collect::<Vec<_>>();
    assert_eq!(standings, [1, 3, 4], "the reconciliation goes on with the others");
    let rows = store.0.reader.company_rows().unwrap().iter().map(|row| row.company_id.get()).collect::<Vec<_>>();
    assert_eq!(rows, [1, 3, 4], "and so does the console's list");
    store.close().await;
    assert!(store.load_active().await.is_err(), "a store that can't be read at all is no empty one");
}
