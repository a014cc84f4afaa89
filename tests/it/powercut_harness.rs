//! Proves the power-cut harness itself, on sled alone: a group-commit writer that flushes *and* syncs the database file loses
//! nothing it acknowledged, and the same writer without the sync is caught losing.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::powercut::{PowerCut, Writeback, copy_tree};

const WRITERS: u64 = 4;
const LIFE: &str = "powercut_harness::life_of_a_writer_beneath_the_library";
const FOLDER: &str = "HARNESS_FOLDER";
const STORE: &str = "store";
const SYNC: &str = "HARNESS_SYNC";
/// Replays a run whose seed was printed.
const SEED: &str = "HARNESS_SEED";

#[test]
fn a_synced_writer_loses_nothing_when_unsynced_bytes_vanish() {
    Trial::new(Writeback::Strict, true).rounds(20).expect("nothing acknowledged is lost");
}

#[test]
fn a_synced_writer_loses_nothing_when_writes_are_reordered_and_torn() {
    Trial::new(Writeback::Reorder, true).rounds(40).expect("nothing acknowledged is lost");
}

#[test]
fn a_writer_that_never_syncs_is_caught_when_unsynced_bytes_vanish() {
    assert_caught(Writeback::Strict);
}

#[test]
fn a_writer_that_never_syncs_is_caught_when_writes_are_reordered_and_torn() {
    assert_caught(Writeback::Reorder);
}

fn assert_caught(writeback: Writeback) {
    let caught = Trial::new(writeback, false).rounds(30).expect_err("a writer without syncs loses something within 30 cuts");
    eprintln!("caught: {caught}");
}

/// A database that lives through one cut after the other.
struct Trial {
    folder: tempfile::TempDir,
    writeback: Writeback,
    sync: bool,
    seed: u64,
}

/// What the writer acknowledged: per writer, how many of its steps.
type Acked = HashMap<u64, u64>;

impl Trial {
    fn new(writeback: Writeback, sync: bool) -> Self {
        let seed = environment(SEED).map_or_else(rand::random, |text| text.parse().expect("a seed is a number"));
        eprintln!("{writeback:?}, sync {sync}: {SEED}={seed}");
        Self { folder: tempfile::tempdir().expect("a temporary folder"), writeback, sync, seed }
    }

    fn rounds(&self, count: u64) -> Result<(), String> {
        let mut kept = Acked::new();
        for round in 0..count {
            kept = self.round(round, kept).map_err(|error| format!("round {round}: {error}"))?;
        }
        Ok(())
    }

    /// One life and one cut; `acked` is what earlier lives left. Returns what this one leaves.
    fn round(&self, round: u64, mut acked: Acked) -> Result<Acked, String> {
        let mut rng = StdRng::seed_from_u64(self.seed ^ round);
        let data_dir = self.folder.path().join("data");
        let power = PowerCut::new(&data_dir, self.writeback, rng.random()).expect("a folder to cut");

        let mut child = start(&data_dir, &power, self.sync);
        let acks = acks_of(child.stdout.take().expect("stdout is piped"));
        // The first word only says that the child runs; every fifth cut falls into the opening of the database.
        let wanted = if round.is_multiple_of(5) { 1 } else { rng.random_range(2..1500) };
        collect(&acks, &mut acked, wanted, Duration::from_micros(rng.random_range(0..60_000)));
        child.kill().expect("the child is ours to kill");
        child.wait().expect("a killed child ends");
        // What was said before the end counts, even if nobody had read it yet.
        acks.iter().for_each(|(writer, step)| note(&mut acked, writer, step));

        let survivor = power.cut().expect("the survivor takes the folder's place");
        let kept = self.steps_in(&survivor)?;
        for (writer, acked) in &acked {
            let kept = kept.get(writer).copied().unwrap_or(0);
            if kept < *acked {
                return Err(format!("writer {writer} was told {acked} steps, {kept} are left"));
            }
        }
        Ok(kept)
    }

    /// Looks at a copy, so that the next life meets the survivor as the cut left it.
    fn steps_in(&self, survivor: &Path) -> Result<Acked, String> {
        let copy = self.folder.path().join("looked-at");
        if copy.exists() {
            fs::remove_dir_all(&copy).expect("the last copy can go");
        }
        copy_tree(survivor, &copy).expect("the survivor can be copied");
        if copy.join(STORE).exists() { count_steps(&copy.join(STORE)) } else { Ok(Acked::new()) }
    }
}

fn note(acked: &mut Acked, writer: u64, step: u64) {
    let known = acked.entry(writer).or_insert(0);
    *known = step.max(*known);
}

/// Reads `wanted` acknowledgements, then goes on for a moment, so that the cut falls anywhere between two of them.
fn collect(acks: &Receiver<(u64, u64)>, acked: &mut Acked, wanted: u32, moment: Duration) {
    for _ in 0..wanted {
        match acks.recv_timeout(Duration::from_secs(10)) {
            Ok((writer, step)) => note(acked, writer, step),
            Err(error) => panic!("the writer is silent: {error}"),
        }
    }
    let (_keep_open, never) = mpsc::channel::<()>();
    assert_eq!(never.recv_timeout(moment), Err(RecvTimeoutError::Timeout));
}

fn acks_of(stdout: ChildStdout) -> Receiver<(u64, u64)> {
    let (send, acks) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let mut words = line.split(' ');
            if words.next() != Some("ack") {
                continue;
            }
            let mut number = || words.next()?.parse().ok();
            if let (Some(writer), Some(step)) = (number(), number())
                && send.send((writer, step)).is_err()
            {
                return;
            }
        }
    });
    acks
}

/// Opens a database and counts each writer's steps, every one of which must be whole.
fn count_steps(store: &Path) -> Result<Acked, String> {
    let opened = catch_unwind(AssertUnwindSafe(|| sled::open(store)));
    let db = opened.map_err(|_| "unopenable: panic in sled::open".to_owned())?.map_err(|error| format!("unopenable: {error}"))?;
    let mut steps = Acked::new();
    for writer in 0..WRITERS {
        let newest = db.get(newest_key(writer)).map_err(|error| error.to_string())?;
        let newest = newest.map_or(0, |bytes| u64::from_be_bytes(bytes.as_ref().try_into().expect("8 bytes")));
        for step in 1..=newest {
            let value = db.get(step_key(writer, step)).map_err(|error| error.to_string())?;
            if value.is_none_or(|value| value != step_value(writer, step)) {
                return Err(format!("writer {writer}: step {step} of {newest} is missing or wrong"));
            }
        }
        steps.insert(writer, newest);
    }
    Ok(steps)
}

fn newest_key(writer: u64) -> Vec<u8> {
    format!("newest/{writer}").into_bytes()
}

fn step_key(writer: u64, step: u64) -> Vec<u8> {
    format!("step/{writer}/{step:08}").into_bytes()
}

fn step_value(writer: u64, step: u64) -> Vec<u8> {
    format!("{writer}/{step}/").into_bytes().repeat(30)
}

fn start(data_dir: &Path, power: &PowerCut, sync: bool) -> Child {
    let program = std::env::current_exe().expect("the test binary knows itself");
    let mut command = Command::new(program);
    command.args(["--exact", LIFE, "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, data_dir).env(SYNC, if sync { "1" } else { "0" }).envs(power.env());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command.spawn().expect("the test binary starts again")
}

#[expect(clippy::disallowed_methods, reason = "the harness talks to its own child process, not the server's configuration")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A batch waiting for its group commit, and whom to tell.
struct Step {
    writer: u64,
    step: u64,
    done: Sender<()>,
}

/// Not a test of its own: the other tests start this binary again with only this one, and kill it.
#[test]
fn life_of_a_writer_beneath_the_library() {
    let Some(folder) = environment(FOLDER).map(PathBuf::from) else {
        return;
    };
    let sync = environment(SYNC).as_deref() == Some("1");
    println!("\nack 0 0");
    if !folder.join(STORE).exists() {
        create_whole(&folder);
    }
    let db = sled::open(folder.join(STORE)).expect("the database opens");
    let file = File::open(folder.join(STORE).join("db")).expect("sled keeps its data in the file db");
    let (send, steps) = mpsc::sync_channel::<Step>(64);
    for writer in 0..WRITERS {
        let begun = db.get(newest_key(writer)).expect("readable");
        let begun = begun.map_or(0, |bytes| u64::from_be_bytes(bytes.as_ref().try_into().expect("8 bytes")));
        let send = send.clone();
        thread::spawn(move || ask_for_steps(writer, begun, &send));
    }
    while let Ok(first) = steps.recv() {
        let group: Vec<Step> = std::iter::once(first).chain(steps.try_iter()).collect();
        commit(&db, &file, sync, &group);
        for Step { writer, step, done } in group {
            println!("ack {writer} {step}");
            let _ = done.send(());
        }
    }
}

/// sled never syncs its file `conf`: torn or full of zeros, it makes the database unopenable. So a new database grows up under
/// another name, is synced, and only then takes its place.
fn create_whole(folder: &Path) {
    let unfinished = folder.join("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).expect("what an earlier start left can go");
    }
    let db = sled::open(&unfinished).expect("a new database opens");
    db.flush().expect("the log is written");
    drop(db);
    for entry in fs::read_dir(&unfinished).expect("readable") {
        File::open(entry.expect("readable").path()).and_then(|file| file.sync_all()).expect("synced");
    }
    fs::rename(&unfinished, folder.join(STORE)).expect("renamed");
}

fn ask_for_steps(writer: u64, begun: u64, steps: &SyncSender<Step>) {
    for step in begun + 1.. {
        let (done, answer) = mpsc::channel();
        if steps.send(Step { writer, step, done }).is_err() || answer.recv().is_err() {
            return;
        }
    }
}

fn commit(db: &sled::Db, file: &File, sync: bool, group: &[Step]) {
    let mut batch = sled::Batch::default();
    for Step { writer, step, .. } in group {
        batch.insert(step_key(*writer, *step), step_value(*writer, *step));
        batch.insert(newest_key(*writer), step.to_be_bytes().as_slice());
    }
    db.apply_batch(batch).expect("a batch is taken");
    db.flush().expect("the log is written");
    if sync {
        file.sync_data().expect("the log reaches the disk");
    }
    std::io::stdout().flush().expect("stdout is open");
}
