//! One suite for the library's own in-memory storage and for ours: every call's answer is compared, so they can't differ.

mod random;
mod scripts;

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::ports::{RecordsError, Vault, VaultOp, VaultPair};
use frontdesk_actors::testing::MemoryRecords;
use wacore::store::InMemoryBackend;
use wacore::store::traits::{Backend as Storage, DeviceStore, SignalStore};

use super::Backend;

/// The vault of the tests: in memory, and as strict about sizes as the port promises.
pub(super) struct StrictVault(pub(super) Arc<MemoryRecords>);

#[async_trait]
impl Vault for StrictVault {
    fn get(&self, company: CompanyId, table: u8, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError> {
        self.0.get(company, table, key)
    }

    fn scan(&self, company: CompanyId, table: u8, prefix: &[u8]) -> Result<Vec<VaultPair>, RecordsError> {
        self.0.scan(company, table, prefix)
    }

    async fn write(&self, company: CompanyId, operations: Vec<VaultOp>) -> Result<(), RecordsError> {
        for operation in &operations {
            if let VaultOp::Put { value, .. } = operation {
                assert!(value.len() <= 60 * 1024, "a value of {} bytes", value.len());
            }
        }
        Vault::write(&*self.0, company, operations).await
    }

    async fn erase(&self, company: CompanyId) -> Result<(), RecordsError> {
        self.0.erase(company).await
    }
}

pub(super) fn company() -> CompanyId {
    CompanyId::try_from(7).unwrap()
}

pub(super) fn ours(records: &Arc<MemoryRecords>) -> Backend {
    Backend::new(company(), Arc::new(StrictVault(Arc::clone(records))))
}

/// What a storage answered, call by call.
#[derive(Default)]
pub(super) struct Transcript(Vec<String>);

impl Transcript {
    pub(super) fn note(&mut self, call: &str, answer: impl Debug) {
        self.0.push(format!("{call} -> {answer:?}"));
    }

    /// For answers whose order isn't promised.
    pub(super) fn note_sorted<T: Debug>(&mut self, call: &str, answers: Vec<T>) {
        let mut answers: Vec<String> = answers.iter().map(|answer| format!("{answer:?}")).collect();
        answers.sort();
        self.note(call, answers);
    }
}

/// Runs the script on both storages; returns how many writes ours took.
pub(super) async fn same<'a, F>(script: impl Fn(Arc<dyn Storage>) -> F) -> u64
where
    F: Future<Output = Transcript> + 'a,
{
    let records = Arc::new(MemoryRecords::new());
    let theirs = script(Arc::new(InMemoryBackend::new())).await;
    let ours = script(Arc::new(ours(&records))).await;
    assert_eq!(ours.0, theirs.0);
    assert!(!ours.0.is_empty());
    records.commits()
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_crash() {
    let records = Arc::new(MemoryRecords::new());
    let backend = ours(&records);
    backend.create().await.unwrap();
    let device = serde_json::to_string(&backend.load().await.unwrap()).unwrap();
    backend.put_session("1@lid", b"session").await.unwrap();
    let reopened = ours(&Arc::new(records.crash()));
    assert_eq!(serde_json::to_string(&reopened.load().await.unwrap()).unwrap(), device);
    assert_eq!(reopened.get_session("1@lid").await.unwrap().unwrap(), b"session"[..]);
}

#[tokio::test]
async fn a_failed_write_is_an_error_changes_nothing_and_breaks_the_backend() {
    let records = Arc::new(MemoryRecords::new());
    let backend = ours(&records);
    let broken = backend.broken();
    backend.put_session("1@lid", b"old").await.unwrap();
    assert!(!*broken.borrow());
    records.fail_next_commits(1);
    assert!(backend.put_session("1@lid", b"new").await.is_err());
    assert_eq!(backend.get_session("1@lid").await.unwrap().unwrap(), b"old"[..]);
    assert!(*broken.borrow());
}

#[tokio::test]
async fn a_retired_backend_writes_no_more() {
    let records = Arc::new(MemoryRecords::new());
    let backend = ours(&records);
    backend.put_session("1@lid", b"old").await.unwrap();
    backend.retire().await;
    assert!(backend.put_session("1@lid", b"new").await.is_err());
    assert!(backend.delete_session("1@lid").await.is_err());
    assert_eq!(ours(&records).get_session("1@lid").await.unwrap().unwrap(), b"old"[..]);
    assert!(!*backend.broken().borrow(), "leftover tasks of the library are no failure of the store");
}

#[tokio::test]
async fn saving_an_unchanged_device_costs_no_write() {
    let records = Arc::new(MemoryRecords::new());
    let backend = ours(&records);
    backend.create().await.unwrap();
    let mut device = backend.load().await.unwrap().unwrap();
    backend.save(&device).await.unwrap();
    assert_eq!(records.commits(), 1);
    device.push_name = "Salon".to_owned();
    backend.save(&device).await.unwrap();
    assert_eq!(records.commits(), 2);
}

#[tokio::test]
async fn companies_do_not_see_each_other() {
    let records = Arc::new(MemoryRecords::new());
    ours(&records).put_session("1@lid", b"mine").await.unwrap();
    let vault = Arc::new(StrictVault(Arc::clone(&records)));
    let neighbour = Backend::new(CompanyId::try_from(8).unwrap(), vault);
    assert_eq!(neighbour.get_session("1@lid").await.unwrap(), None);
    assert!(!neighbour.has_signal_state_for_user("1").await.unwrap());
}
