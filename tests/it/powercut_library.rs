//! What the power-cut library takes for durable, one file operation after the other.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, IoSlice, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::powercut::{PowerCut, Writeback};

const LIFE: &str = "powercut_library::life_of_a_process_that_touches_files";
const FOLDER: &str = "LIBRARY_FOLDER";

#[test]
fn only_what_was_synced_survives_each_kind_of_file_operation() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data_dir = folder.path().join("data");
    fs::create_dir(&data_dir).expect("created");
    fs::write(data_dir.join("from-before"), "old").expect("written");
    let power = PowerCut::new(&data_dir, Writeback::Strict, 1).expect("a folder to cut");

    live_and_be_killed(&data_dir, &power);
    let left = power.cut().expect("the survivor takes the folder's place");

    let text = |name: &str| fs::read_to_string(left.join(name)).expect("it survived");
    assert_eq!(text("from-before"), "old");
    assert_eq!(text("appended"), "kept");
    assert_eq!(text("vectored"), "two parts");
    assert_eq!(text("synced-by-another-descriptor"), "kept");
    assert_eq!(text("renamed-unsynced"), "");
    assert_eq!(text("renamed-synced"), "new");
    assert_eq!(text("cut-short-unsynced"), "12345678");
    assert_eq!(text("cut-short-and-grown"), "\0\0\0\0\0\0zz");
    assert_eq!(text("copied"), "kept");
    assert_eq!(text("linked"), "kept");
    assert_eq!(text("folder/inside"), "kept");
    assert!(!left.join("removed").exists());
    assert!(!left.join("removed-folder").exists());
    let mode = fs::metadata(left.join("secret")).expect("it survived").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

fn live_and_be_killed(data_dir: &Path, power: &PowerCut) {
    let program = std::env::current_exe().expect("the test binary knows itself");
    let mut command = Command::new(program);
    command.args(["--exact", LIFE, "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, data_dir).envs(power.env());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the test binary starts again");
    let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
    let done = stdout.lines().map_while(Result::ok).any(|line| line == "done");
    child.kill().expect("the child is ours to kill");
    child.wait().expect("a killed child ends");
    assert!(done, "the child did all it had to");
}

/// Not a test of its own: the other test starts this binary again with only this one, and kills it.
#[test]
fn life_of_a_process_that_touches_files() {
    #[expect(clippy::disallowed_methods, reason = "set by the test that starts this process")]
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    write_in_every_way(&folder);
    rename_and_resize(&folder);
    make_and_remove_names(&folder);
    println!("\ndone");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("held until killed");
}

fn synced(path: &Path, text: &str) -> File {
    let mut file = File::create(path).expect("created");
    file.write_all(text.as_bytes()).expect("written");
    file.sync_all().expect("synced");
    file
}

fn write_in_every_way(folder: &Path) {
    let _ = fs::write(folder.join("from-before"), "lost");

    let mut appended = synced(&folder.join("appended"), "kept");
    appended.write_all(b" lost").expect("written");

    let mut vectored = File::create(folder.join("vectored")).expect("created");
    let parts = [IoSlice::new(b"two "), IoSlice::new(b"parts")];
    assert_eq!(vectored.write_vectored(&parts).expect("written"), 9);
    vectored.sync_data().expect("synced");
    vectored.write_all_at(b"lost!", 4).expect("written");

    let path = folder.join("synced-by-another-descriptor");
    fs::write(&path, "kept").expect("written");
    File::open(&path).and_then(|file| file.sync_data()).expect("synced");
}

fn rename_and_resize(folder: &Path) {
    fs::write(folder.join("temporary"), "lost").expect("written");
    fs::rename(folder.join("temporary"), folder.join("renamed-unsynced")).expect("renamed");

    synced(&folder.join("renamed-synced"), "old");
    synced(&folder.join("temporary"), "new");
    fs::rename(folder.join("temporary"), folder.join("renamed-synced")).expect("renamed");

    let short = synced(&folder.join("cut-short-unsynced"), "12345678");
    short.set_len(2).expect("resized");

    let mut grown = synced(&folder.join("cut-short-and-grown"), "12345678");
    grown.set_len(0).expect("resized");
    grown.seek(SeekFrom::Start(6)).expect("moved");
    grown.write_all(b"zz").expect("written");
    grown.sync_all().expect("synced");
}

fn make_and_remove_names(folder: &Path) {
    fs::copy(folder.join("appended"), folder.join("copied")).expect("copied");
    let copied = OpenOptions::new().write(true).open(folder.join("copied")).expect("opened");
    copied.set_len(4).expect("resized");
    copied.sync_all().expect("synced");

    synced(&folder.join("linked-from"), "kept");
    fs::hard_link(folder.join("linked-from"), folder.join("linked")).expect("linked");
    fs::remove_file(folder.join("linked-from")).expect("removed");

    fs::create_dir_all(folder.join("folder")).expect("created");
    synced(&folder.join("folder/inside"), "kept");

    synced(&folder.join("removed"), "gone");
    fs::remove_file(folder.join("removed")).expect("removed");
    fs::create_dir_all(folder.join("removed-folder/deep")).expect("created");
    synced(&folder.join("removed-folder/deep/file"), "gone");
    fs::remove_dir_all(folder.join("removed-folder")).expect("removed");

    let secret = File::create(folder.join("secret")).expect("created");
    secret.set_permissions(Permissions::from_mode(0o600)).expect("closed to others");
    secret.sync_all().expect("synced");
}
