//! Sizes: what is too long, what is cut into parts, what many companies cost.

use std::fs;

use frontdesk_actors::ports::{Records, RecordsError, Vault, VaultOp};
use frontdesk_actors::records::{Change, Desired, EventKind};
use serde_json::json;

use super::{company_id, created, event, open, session};
use crate::store::disk::Walk;
use crate::store::keys::VAULT_KEY_BYTES;
use crate::store::pieces::VALUE_BYTES;

fn put(key: &[u8], value: Vec<u8>) -> VaultOp {
    VaultOp::Put { table: 1, key: key.to_vec(), value }
}

#[tokio::test]
async fn a_value_of_any_allowed_length_comes_back_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let company = company_id(1);
    for length in [0, 1, 4_000, 4_056, 4_057, 9_000, VALUE_BYTES, 5_000, 10] {
        let value = vec![length as u8; length];
        store.write(company, vec![put(b"k", value.clone())]).await.unwrap();
        assert_eq!(store.get(company, 1, b"k").unwrap().unwrap(), value);
        assert_eq!(store.scan(company, 1, b"").unwrap(), [(b"k".to_vec(), value)]);
    }
    assert_eq!(store.0.reader.disk.keys(b"z").unwrap(), Vec::<Vec<u8>>::new());
    store.write(company, vec![put(b"k", vec![1; 20_000])]).await.unwrap();
    assert_eq!(store.0.reader.disk.keys(b"z").unwrap().len(), 4);
    store.write(company, vec![VaultOp::Delete { table: 1, key: b"k".to_vec() }]).await.unwrap();
    assert_eq!(store.0.reader.disk.keys(b"z").unwrap(), Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn too_long_keys_values_and_writes_are_refused_before_they_reach_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let many = (0..300_u32).map(|n| put(&n.to_be_bytes(), vec![0; VALUE_BYTES])).collect();
    for refused in [vec![put(b"k", vec![0; VALUE_BYTES + 1])], vec![put(&[b'k'; 401], vec![])], many] {
        let refused = store.write(company_id(1), refused).await;
        assert!(matches!(refused, Err(RecordsError::Failed(_))), "{refused:?}");
    }
    assert_eq!(store.scan(company_id(1), 1, b"").unwrap(), []);
}

#[tokio::test]
async fn free_form_json_that_is_too_long_is_replaced_by_its_length() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut company = created(&store, 5).await;
    company.raw_salon = json!({ "text": "я".repeat(100_000) });
    let mut news = event(&company, EventKind::QrShown);
    news.data = company.raw_salon.clone();
    let changes = vec![Change::PutCompany(Box::new(company.clone())), Change::AppendEvent(news)];
    store.commit(changes).await.unwrap();
    let left_out = json!({ "left_out_bytes": 200_011 });
    assert_eq!(store.company(company.company_id).await.unwrap().unwrap().company.raw_salon, left_out);
    assert_eq!(store.events(company.company_id, 1).await.unwrap()[0].data, left_out);
    company.title = Some("я".repeat(100_000));
    let refused = store.commit(vec![Change::PutCompany(Box::new(company))]).await;
    assert!(matches!(refused, Err(RecordsError::Refused(_))));
}

/// The engine never syncs the files it makes for pages over 128 KiB: there must be none, however long the values and their neighbours are.
#[tokio::test]
async fn neighbours_of_the_longest_values_make_no_files_that_are_never_synced() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let blobs = folder.path().join("store/blobs");
    for round in 0..2_u8 {
        for group in 0..8_u32 {
            let key = |n: u32| [&[b'k'; VAULT_KEY_BYTES - 4][..], &(group * 6 + n).to_be_bytes()].concat();
            let values = (0..6).map(|n| put(&key(n), vec![round; VALUE_BYTES])).collect();
            store.write(company_id(1), values).await.unwrap();
            assert_eq!(fs::read_dir(&blobs).unwrap().count(), 0);
        }
    }
    assert_eq!(store.scan(company_id(1), 1, b"").unwrap().len(), 48);
    for group in 0..20_u32 {
        let key = |n: u32| [&(group * 7 + n * 1_001).to_be_bytes(), &[b'k'; VAULT_KEY_BYTES - 4][..]].concat();
        store.write(company_id(2), (0..200).map(|n| put(&key(n), vec![1])).collect()).await.unwrap();
        assert_eq!(fs::read_dir(&blobs).unwrap().count(), 0);
    }
    store.erase(company_id(2)).await.unwrap();
    store.erase(company_id(1)).await.unwrap();
    let mut left = 0;
    store
        .0
        .reader
        .disk
        .each(b"", |key, _| {
            left += usize::from(!key.starts_with(b"m"));
            Ok(Walk::On)
        })
        .unwrap();
    assert_eq!((left, fs::read_dir(&blobs).unwrap().count()), (0, 0));
}

/// Also the measurement of what a start costs: run it with `--nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_active_companies_are_loaded_within_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for hundred in 0..10 {
        let mut registering = tokio::task::JoinSet::new();
        for salon in 1..=100 {
            let store = store.clone();
            registering.spawn(async move {
                let company = created(&store, hundred * 100 + salon).await;
                let online = session(company.company_id, Desired::Online);
                store.commit(vec![Change::PutSession(online)]).await.unwrap();
            });
        }
        registering.join_all().await;
    }
    store.close().await;
    drop(store);
    let began = tokio::time::Instant::now();
    let store = open(folder.path());
    let opened = began.elapsed();
    assert_eq!(store.load_active().await.unwrap().len(), 1_000);
    println!("1,000 companies: opened in {opened:?}, loaded after {:?}", began.elapsed());
    assert!(began.elapsed().as_secs() < 15, "far above what is measured, so that a busy machine is no failure");
}
