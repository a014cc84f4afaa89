//! Bytes that rot: a damaged database is named, or gives back what was acknowledged; it never panics and never lies.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use frontdesk_actors::ports::{Records, RecordsError, Vault, VaultOp};
use frontdesk_actors::records::{Change, CompanyRecord, EventKind};
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::{created, event, open, options};
use crate::store::disk::Walk;
use crate::store::pieces::Entries;
use crate::store::{OpenError, Store};

/// Damaged copies tried. Each takes a few milliseconds.
const CASES: u64 = 40;

struct Written {
    company: CompanyRecord,
    events: usize,
    value: Vec<u8>,
}

/// A database with a past: written in three lives, so that it has snapshots, rewritten pages and values in parts.
async fn written(folder: &Path) -> Vec<Written> {
    let mut all = Vec::new();
    for life in 0..3_usize {
        let store = open(folder);
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

/// Every answer is either the truth or a named failure.
async fn tells_no_lies(store: &Store, all: &[Written], how: &str) -> usize {
    let mut failures = 0;
    for written in all {
        let id = written.company.company_id;
        match store.company(id).await {
            Ok(found) => assert_eq!(found.map(|found| found.company).as_ref(), Some(&written.company), "{how}"),
            Err(error) => failures += named(error),
        }
        match store.get(id, 2, b"state") {
            Ok(found) => assert_eq!(found.as_ref(), Some(&written.value), "{how}"),
            Err(error) => failures += named(error),
        }
        match store.events(id, 100).await {
            Ok(found) => assert_eq!(found.len(), written.events, "{how}"),
            Err(error) => failures += named(error),
        }
    }
    failures
}

fn named(error: RecordsError) -> usize {
    assert!(matches!(error, RecordsError::Failed(_)));
    1
}

#[tokio::test]
async fn a_damaged_database_is_named_or_tells_the_truth() {
    let whole = tempfile::tempdir().unwrap();
    let all = written(whole.path()).await;
    let (mut refused, mut intact) = (0, 0);
    for case in 0..CASES {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&case.to_be_bytes());
        let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let folder = tempfile::tempdir().unwrap();
        copy(whole.path(), folder.path());
        let how = format!("case {case}: {}", harm(&folder.path().join("store"), &mut random));
        match Store::open(options(folder.path())) {
            Err(OpenError::Damaged { .. }) => refused += 1,
            Err(other) => panic!("{how}: {other:?}"),
            Ok(store) => {
                let failures = tells_no_lies(&store, &all, &how).await;
                let verified = store.verify();
                assert!(failures == 0 || verified.is_err(), "{how}: {failures} failures, {verified:?}");
                intact += usize::from(failures == 0);
            }
        }
    }
    assert!(refused > 0 && intact > 0, "{refused} refused, {intact} intact of {CASES}");
}

#[tokio::test]
async fn a_value_that_was_changed_or_moved_is_an_error_and_not_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let all = written(folder.path()).await;
    let store = open(folder.path());
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
