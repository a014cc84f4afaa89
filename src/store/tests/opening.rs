//! What opening a folder finds, and what it says.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use frontdesk_actors::ports::{Records, RecordsError, Vault, VaultOp};

use super::{company_id, created, new_company, open, options, salon_id};
use crate::store::counters::Counters;
use crate::store::draft::Group;
use crate::store::fault::Fault;
use crate::store::migrations::{Context, MIGRATIONS, Migration, version};
use crate::store::open::{Request, open_with};
use crate::store::seal::Seal;
use crate::store::{OpenError, SealKey, SealKeyError, Store, StoreOptions, folder};

#[tokio::test]
async fn a_closed_store_refuses_everything_and_opens_again_with_all_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let company = created(&store, 5).await;
    store.close().await;
    store.close().await;
    assert_eq!(store.create_company(new_company(6)).await, Err(RecordsError::Closed));
    assert_eq!(store.company(company.company_id).await, Err(RecordsError::Closed));
    assert_eq!(store.get(company.company_id, 1, b"k"), Err(RecordsError::Closed));
    assert_eq!(store.count_by_status().await, Err(RecordsError::Closed));
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.company_by_salon(salon_id(5)).await.unwrap().unwrap().company, company);
    assert_eq!(created(&store, 6).await.company_id, company_id(2));
}

#[tokio::test]
async fn a_second_store_on_the_folder_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let second = Store::open(options(folder.path()));
    assert!(matches!(second, Err(OpenError::AlreadyOpen { .. })), "{second:?}");
    let clone = first.clone();
    drop(first);
    assert!(Store::open(options(folder.path())).is_err());
    drop(clone);
    open(folder.path());
}

#[tokio::test]
async fn another_seal_key_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let other = StoreOptions::new(folder.path(), SealKey::new([4; 32]));
    let refused = Store::open(other);
    assert!(matches!(refused, Err(OpenError::WrongSealKey)), "{refused:?}");
    open(folder.path());
}

#[tokio::test]
async fn folders_are_made_for_their_owner_only() {
    let outer = tempfile::tempdir().unwrap();
    let data = outer.path().join("var/data");
    let _store = open(&data);
    for made in [data.clone(), data.join("store")] {
        let mode = fs::metadata(made).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

#[tokio::test]
async fn a_folder_that_is_a_file_is_an_error_and_not_a_panic() {
    let outer = tempfile::tempdir().unwrap();
    let data = outer.path().join("data");
    fs::write(&data, "not a folder").unwrap();
    let refused = Store::open(options(&data));
    assert!(matches!(refused, Err(OpenError::Io { .. })), "{refused:?}");
}

#[tokio::test]
async fn an_unfinished_snapshot_of_the_engine_does_not_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let company = created(&store, 5).await;
    drop(store);
    let left = folder.path().join("store/snap.00000000FFFFFFFF.generating");
    fs::write(&left, "half").unwrap();
    let store = open(folder.path());
    assert!(!left.exists());
    assert_eq!(store.company(company_id(1)).await.unwrap().unwrap().company, company);
}

#[test]
fn the_key_file_is_made_once_for_its_owner_and_found_again() {
    let outer = tempfile::tempdir().unwrap();
    let data = outer.path().join("data");
    let made = SealKey::in_folder(&data).unwrap();
    let file = data.join("seal.key");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(SealKey::in_folder(&data).unwrap().to_hex(), made.to_hex());
    assert_eq!(fs::read_dir(&data).unwrap().count(), 1);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(SealKey::in_folder(&data), Err(SealKeyError::ReadableByOthers { .. })));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, "no key").unwrap();
    assert!(matches!(SealKey::in_folder(&data), Err(SealKeyError::Malformed { .. })));
}

#[tokio::test]
async fn no_new_key_is_made_beside_a_database() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let refused = SealKey::in_folder(folder.path());
    assert!(matches!(refused, Err(SealKeyError::MissingForDatabase { .. })), "{refused:?}");
}

fn second_layout(_: &Context<'_>, batch: &mut sled::Batch) -> Result<(), Fault> {
    batch.insert(b"mnew".as_slice(), b"made by step 2".as_slice());
    Ok(())
}

fn with_second_layout() -> Vec<Migration> {
    let first = MIGRATIONS.iter().map(|Migration { to, name, run }| Migration { to: *to, name, run: *run });
    first.chain([Migration { to: 2, name: "002_of_this_test", run: second_layout }]).collect()
}

#[tokio::test]
async fn an_older_layout_is_brought_up_and_a_newer_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let company = created(&store, 5).await;
    drop(store);
    let seal = Seal::new(&SealKey::new([3; 32]));
    let request = Request { data: folder.path(), cache_bytes: 1 << 20, seal: &seal, sync: true };
    for _ in 0..2 {
        let opened = open_with(&request, &with_second_layout()).unwrap();
        assert_eq!(version(&opened.disk).unwrap(), Some(2));
        assert_eq!(opened.counters.last_company, company.company_id.get());
    }
    let refused = Store::open(options(folder.path()));
    assert!(matches!(refused, Err(OpenError::Newer { found: 2, supported: 1 })), "{refused:?}");
}

#[tokio::test]
async fn an_older_state_than_the_last_acknowledged_one_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    created(&store, 5).await;
    drop(store);
    let seal = Seal::new(&SealKey::new([3; 32]));
    let request = Request { data: folder.path(), cache_bytes: 1 << 20, seal: &seal, sync: true };
    let opened = open_with(&request, MIGRATIONS).unwrap();
    let older = Counters { commits: 0, ..opened.counters.clone() };
    opened.disk.commit(Group::default().into_batch(&older).unwrap(), 1).unwrap();
    drop(opened);
    let refused = Store::open(options(folder.path()));
    assert!(matches!(&refused, Err(OpenError::Damaged { step }) if step.contains("1 commits")), "{refused:?}");
}

#[tokio::test]
async fn a_missing_or_emptied_database_file_is_damage_and_not_a_new_beginning() {
    for empty in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        created(&store, 5).await;
        drop(store);
        let file = folder.path().join("store/db");
        if empty {
            fs::write(&file, "").unwrap();
        } else {
            fs::remove_file(&file).unwrap();
        }
        let refused = Store::open(options(folder.path()));
        assert!(matches!(refused, Err(OpenError::Damaged { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn without_sync_everything_else_works_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(folder.path()).without_sync()).unwrap();
    let put = VaultOp::Put { table: 1, key: b"k".to_vec(), value: b"v".to_vec() };
    store.write(company_id(1), vec![put]).await.unwrap();
    drop(store);
    assert_eq!(open(folder.path()).get(company_id(1), 1, b"k").unwrap().unwrap(), b"v");
    assert!(folder::store_folder(folder.path()).join("db").exists());
}

#[tokio::test]
async fn a_database_half_made_by_a_crash_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let draft = folder.path().join("store.new");
    fs::create_dir(&draft).unwrap();
    fs::write(draft.join("conf"), "half of what belongs here").unwrap();
    let store = open(folder.path());
    created(&store, 5).await;
    assert!(!draft.exists());
}

#[test]
fn a_folder_of_another_user_is_named_as_that() {
    let folder = std::path::Path::new("/somewhere");
    for kind in [std::io::ErrorKind::PermissionDenied, std::io::ErrorKind::ReadOnlyFilesystem] {
        let refused = OpenError::io(folder)(std::io::Error::from(kind));
        assert!(matches!(&refused, OpenError::Permissions { .. }) && refused.to_string().contains("/somewhere"));
    }
}
