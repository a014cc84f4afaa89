//! Another seal key, with a crash wherever it likes.

use std::fs;
use std::path::Path;

use frontdesk_actors::ports::{Records, Vault, VaultOp};

use super::{company_id, created, open};
use crate::store::backup::Progress;
use crate::store::{OpenError, RotateError, SealKey, SealKeyError, Store, StoreOptions, folder, key_file, rotate};

fn opened(data: &Path) -> Result<Store, OpenError> {
    Store::open(StoreOptions::new(data, SealKey::in_folder(data).unwrap()))
}

async fn filled(data: &Path) {
    let store = opened(data).unwrap();
    for salon in 1..=5 {
        let company = created(&store, salon).await;
        let put = VaultOp::Put { table: 2, key: b"state".to_vec(), value: vec![salon as u8; 9_000] };
        store.write(company.company_id, vec![put]).await.unwrap();
    }
    store.close().await;
}

async fn has_everything(data: &Path) {
    let store = opened(data).unwrap();
    store.verify().unwrap();
    assert_eq!(store.load_active().await.unwrap().len(), 5);
    for salon in 1..=5 {
        assert_eq!(store.get(company_id(salon), 2, b"state").unwrap().unwrap(), vec![salon as u8; 9_000]);
    }
}

#[tokio::test]
async fn everything_opens_with_the_new_key_and_nothing_with_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    filled(&data).await;
    let old = SealKey::in_folder(&data).unwrap();
    let progress = Progress::default();
    let print = rotate(&data, &old, None, &progress).unwrap();
    assert!(progress.records() > 20 && print != old.fingerprint());
    assert_eq!(SealKey::in_folder(&data).unwrap().fingerprint(), print);
    has_everything(&data).await;
    let refused = Store::open(StoreOptions::new(&data, SealKey::in_file(&data.join(format!("seal.key.{}", old.fingerprint()))).unwrap()));
    assert!(matches!(refused, Err(OpenError::WrongSealKey)), "{refused:?}");
    let names: Vec<_> = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.ends_with(".new") || name.ends_with(".old")), "{names:?}");
}

#[tokio::test]
async fn a_key_of_the_configuration_is_changed_for_another_one_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    created(&store, 1).await;
    drop(store);
    let (old, new) = (SealKey::new([3; 32]), SealKey::new([4; 32]));
    assert!(matches!(rotate(folder.path(), &old, Some(old.clone()), &Progress::default()), Err(RotateError::SameKey)));
    assert!(matches!(
        rotate(folder.path(), &new, Some(old.clone()), &Progress::default()),
        Err(RotateError::Open(OpenError::WrongSealKey))
    ));
    rotate(folder.path(), &old, Some(new.clone()), &Progress::default()).unwrap();
    assert!(matches!(Store::open(StoreOptions::new(folder.path(), old)), Err(OpenError::WrongSealKey)));
    Store::open(StoreOptions::new(folder.path(), new)).unwrap().verify().unwrap();
    assert!(!folder.path().join("seal.key").exists());
}

#[tokio::test]
async fn a_running_server_is_not_touched_and_an_empty_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = rotate(folder.path(), &SealKey::new([3; 32]), None, &Progress::default());
    assert!(matches!(refused, Err(RotateError::NoDatabase { .. })), "{refused:?}");
    let store = open(folder.path());
    let refused = rotate(folder.path(), &SealKey::new([3; 32]), None, &Progress::default());
    assert!(matches!(refused, Err(RotateError::Open(OpenError::AlreadyOpen { .. }))), "{refused:?}");
    created(&store, 1).await;
}

/// The folder as a crash leaves it after each step of a rotation, in their order.
#[tokio::test]
async fn after_a_crash_at_any_step_the_server_starts_and_the_rotation_can_be_done_again() {
    for step in 1..=5 {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        filled(&data).await;
        let old = SealKey::in_folder(&data).unwrap();
        let new = SealKey::incoming(&data).unwrap();
        match step {
            1 => {} // the new key is written
            2 => {
                fs::create_dir(data.join("store.new")).unwrap();
                fs::write(data.join("store.new/db"), "half of it").unwrap();
            }
            _ => {
                // The whole of it, as by a tool that is told the new key; the key file stays as it was.
                rotate(&data, &old, Some(new.clone()), &Progress::default()).unwrap();
                match step {
                    3 => {
                        // Between the two moves: nothing is at the place, the old one waits beside it.
                        fs::rename(data.join("store"), data.join("store.new")).unwrap();
                        let backup = tempfile::tempdir().unwrap();
                        filled_anew(&data, backup.path(), &old).await;
                    }
                    4 => {} // swapped, the key file is still the old one
                    _ => key_file::promote_new_key(&data).unwrap(),
                }
            }
        }
        has_everything(&data).await;
        let present = SealKey::in_folder(&data).unwrap();
        let print = rotate(&data, &present, None, &Progress::default()).unwrap();
        assert!(print != old.fingerprint() && (step > 3) == (print != new.fingerprint()), "step {step}");
        has_everything(&data).await;
        assert!(!folder::draft_folder(&data).exists() && !data.join("store.old").exists());
    }
}

/// Puts a database sealed with the old key at `store.old`.
async fn filled_anew(data: &Path, aside: &Path, old: &SealKey) {
    let other = aside.join("data");
    fs::create_dir(&other).unwrap();
    old.keep_in(&other).unwrap();
    filled(&other).await;
    fs::rename(other.join("store"), data.join("store.old")).unwrap();
}

#[tokio::test]
async fn a_key_never_counts_as_kept_while_another_one_is_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (SealKey::new([3; 32]), SealKey::new([4; 32]));
    first.fits_in(folder.path()).unwrap();
    for _ in 0..2 {
        first.keep_in(folder.path()).unwrap();
        first.bring_in(folder.path()).unwrap();
    }
    for refused in [second.fits_in(folder.path()), second.keep_in(folder.path()), second.bring_in(folder.path())] {
        let Err(error @ SealKeyError::Occupied { .. }) = refused else { panic!("{refused:?}") };
        let said = error.to_string();
        assert!(said.contains(&first.fingerprint()) && said.contains(&second.fingerprint()), "{said}");
    }
    assert_eq!(SealKey::in_folder(folder.path()).unwrap().fingerprint(), first.fingerprint(), "nothing was replaced");
}
