//! The writer under many callers, under more than it takes, and on a disk that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc as std_mpsc;

use frontdesk_actors::ports::{Records, RecordsError, Vault, VaultOp};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{company_id, created, new_company, open, options, salon_id};
use crate::store::writer::{QUEUE_REQUESTS, QUEUE_UNITS, WEIGHT_UNIT_BYTES};
use crate::store::{CommitReport, Store, StoreObserver};

#[derive(Default)]
struct Counting {
    commits: AtomicUsize,
    requests: AtomicUsize,
    failures: AtomicUsize,
    overloads: AtomicUsize,
}

impl StoreObserver for Counting {
    fn committed(&self, report: CommitReport) {
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.requests.fetch_add(report.requests, Ordering::SeqCst);
    }

    fn failed(&self) {
        self.failures.fetch_add(1, Ordering::SeqCst);
    }

    fn overloaded(&self) {
        self.overloads.fetch_add(1, Ordering::SeqCst);
    }
}

fn observed() -> (tempfile::TempDir, Store, Arc<Counting>) {
    let folder = tempfile::tempdir().unwrap();
    let counting = Arc::new(Counting::default());
    let mut options = options(folder.path());
    options.observer = Arc::<Counting>::clone(&counting);
    (folder, Store::open(options).unwrap(), counting)
}

/// Keeps the writer busy until the returned sender is used or dropped.
async fn stall(store: &Store) -> std_mpsc::Sender<()> {
    let (release, wait) = std_mpsc::channel::<()>();
    let (began, begun) = oneshot::channel();
    let store = store.clone();
    tokio::spawn(async move {
        let blocked = move |_: &mut crate::store::draft::Draft<'_>| {
            let _ = began.send(());
            let _ = wait.recv();
            Ok(())
        };
        let _ = store.submit(1, blocked).await;
    });
    begun.await.unwrap();
    release
}

fn put(key: &str, value: &[u8]) -> VaultOp {
    VaultOp::Put { table: 1, key: key.into(), value: value.to_vec() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_writers_share_commits_and_each_finds_its_writes() {
    let (folder, store, counting) = observed();
    let release = stall(&store).await;
    let mut writers = JoinSet::new();
    for writer in 0..64_u64 {
        let store = store.clone();
        writers.spawn(async move {
            for round in 0..20_u64 {
                let value = [writer, round].map(u64::to_be_bytes).concat();
                store.write(company_id(writer + 1), vec![put(&round.to_string(), &value)]).await.unwrap();
            }
        });
    }
    drop(release);
    writers.join_all().await;
    store.close().await; // the last report follows its answers
    let (commits, requests) = (counting.commits.load(Ordering::SeqCst), counting.requests.load(Ordering::SeqCst));
    assert_eq!(requests, 64 * 20 + 1);
    assert!(commits < requests / 4, "{commits} commits for {requests} requests");
    drop(store);
    let store = open(folder.path());
    for writer in 0..64 {
        assert_eq!(store.scan(company_id(writer + 1), 1, b"").unwrap().len(), 20);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_salon_registered_by_many_at_once_is_one_company() {
    let (_folder, store, _) = observed();
    let release = stall(&store).await;
    let mut callers = JoinSet::new();
    for caller in 0..40 {
        let store = store.clone();
        callers.spawn(async move { store.create_company(new_company(1 + caller % 4)).await.unwrap() });
    }
    drop(release);
    let mut ids: Vec<u64> = callers.join_all().await.iter().map(|company| company.company_id.get()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, [1, 2, 3, 4]);
    assert_eq!(store.events(company_id(1), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_refused_request_does_not_spoil_the_commit_of_the_others() {
    let (_folder, store, _) = observed();
    let company = created(&store, 5).await;
    let mut moved = company.clone();
    moved.salon_id = salon_id(6);
    let release = stall(&store).await;
    let bad = store.commit(vec![frontdesk_actors::records::Change::PutCompany(Box::new(moved))]);
    let good = store.create_company(new_company(7));
    let (bad, good, ()) = tokio::join!(bad, good, async { drop(release) });
    assert!(matches!(bad, Err(RecordsError::Refused(_))));
    assert_eq!(good.unwrap().company_id, company_id(2));
}

#[tokio::test]
async fn a_request_that_panics_is_refused_and_the_store_goes_on() {
    let (_folder, store, counting) = observed();
    let panicked = store.submit::<(), _>(1, |_| panic!("a fault of this test")).await;
    assert!(matches!(panicked, Err(RecordsError::Failed(_))));
    created(&store, 5).await;
    assert_eq!(counting.failures.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_requests_than_may_wait_are_answered_overloaded() {
    let (_folder, store, counting) = observed();
    let release = stall(&store).await;
    let mut callers = JoinSet::new();
    for caller in 0..QUEUE_REQUESTS as u64 + 10 {
        let store = store.clone();
        callers.spawn(async move { store.write(company_id(caller + 1), vec![put("k", b"v")]).await });
    }
    let mut overloaded = 0;
    while overloaded < 10 {
        assert_eq!(callers.join_next().await.unwrap().unwrap(), Err(RecordsError::Overloaded));
        overloaded += 1;
    }
    drop(release);
    assert!(callers.join_all().await.iter().all(Result::is_ok));
    assert_eq!(counting.overloads.load(Ordering::SeqCst), 10);
}

#[tokio::test]
async fn more_bytes_than_may_wait_are_answered_overloaded() {
    let (_folder, store, _) = observed();
    let release = stall(&store).await;
    let heavy = (QUEUE_UNITS - 2) * WEIGHT_UNIT_BYTES;
    let (first, second) = (store.submit(heavy, |_| Ok(())), store.submit(heavy, |_| Ok(())));
    let second = async {
        let answer = second.await;
        drop(release);
        answer
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first, second), (Ok(()), Err(RecordsError::Overloaded)));
}

#[tokio::test]
async fn after_a_failed_commit_nothing_is_acknowledged_or_shown_any_more() {
    let (folder, store, counting) = observed();
    let company = created(&store, 5).await;
    store.0.reader.disk.fail_commits.store(true, Ordering::SeqCst);
    let failed = store.create_company(new_company(6)).await;
    assert!(matches!(failed, Err(RecordsError::Failed(_))));
    store.0.reader.disk.fail_commits.store(false, Ordering::SeqCst);
    assert_eq!(store.create_company(new_company(7)).await, failed);
    assert_eq!(store.company(company.company_id).await.unwrap_err(), failed.clone().unwrap_err());
    assert_eq!(counting.failures.load(Ordering::SeqCst), 1);
    store.close().await;
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.company(company.company_id).await.unwrap().unwrap().company, company);
    assert_eq!(created(&store, 8).await.company_id, company_id(2));
}

#[tokio::test]
async fn closing_answers_what_was_queued_before() {
    let (_folder, store, _) = observed();
    let release = stall(&store).await;
    let queued = store.create_company(new_company(5));
    let closing = async {
        let closing = store.close();
        drop(release);
        closing.await;
    };
    let (queued, ()) = tokio::join!(queued, closing);
    assert_eq!(queued.unwrap().company_id, company_id(1));
}
