//! The list of all companies.

use frontdesk_actors::ports::{CompanyDirectory as _, Records as _};
use frontdesk_actors::records::{Change, IntegrationStatus};
use futures_util::StreamExt as _;

use super::{created, moment, new_company, open, salon_id};

#[tokio::test]
async fn every_company_is_listed_as_it_was_last_stored_before_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut first = created(&store, 500).await;
    assert_eq!(store.rows().await.unwrap().len(), 1);
    created(&store, 501).await;
    first.integration_status = IntegrationStatus::Active;
    first.title = Some("ПЕРЕИМЕНОВАН".to_owned());
    store.commit(vec![Change::PutCompany(Box::new(first))]).await.unwrap();
    let seen = store.rows().await.unwrap();
    let lines: Vec<_> = seen.iter().map(|row| (row.salon_id.get(), row.status)).collect();
    assert_eq!(lines, [(500, IntegrationStatus::Active), (501, IntegrationStatus::Pending)]);
    assert!(seen[0].haystack.contains("переименован") && seen[0].haystack.contains("500"));
    store.close().await;
    drop(store);
    let store = open(folder.path());
    created(&store, 502).await; // before anybody asked
    let again = store.rows().await.unwrap();
    assert_eq!(again[..2], seen[..]);
    assert_eq!(again[2].salon_id.get(), 502);
}

#[tokio::test]
async fn what_was_refused_is_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let first = created(&store, 500).await;
    store.rows().await.unwrap();
    let mut moved = first.clone();
    moved.salon_id = salon_id(999);
    assert!(store.commit(vec![Change::PutCompany(Box::new(moved))]).await.is_err());
    assert_eq!(store.rows().await.unwrap()[0].salon_id.get(), 500);
    let mut new = new_company(77);
    new.registered_at = moment();
    store.create_company(new).await.unwrap();
    assert_eq!(store.rows().await.unwrap().len(), 2);
}

#[tokio::test]
async fn ten_thousand_companies_are_walked_once_and_then_listed_from_memory() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let creating = (1..=10_000).map(|salon| {
        let store = store.clone();
        async move { store.create_company(new_company(salon)).await.map(drop) }
    });
    // As many at once as the writer lets wait.
    let done: Vec<_> = futures_util::stream::iter(creating).buffer_unordered(1_000).collect().await;
    assert!(done.iter().all(Result::is_ok));
    store.close().await;
    drop(store);
    let store = open(folder.path());
    let began = tokio::time::Instant::now();
    assert_eq!(store.rows().await.unwrap().len(), 10_000);
    let cold = began.elapsed();
    let began = tokio::time::Instant::now();
    assert_eq!(store.rows().await.unwrap().len(), 10_000);
    let warm = began.elapsed();
    eprintln!("ten thousand companies: first list {cold:?}, later ones {warm:?}, without optimisation");
    assert!(warm < std::time::Duration::from_millis(100) && warm * 4 < cold, "{warm:?} after {cold:?}");
}
