//! Processes that end without a word.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use frontdesk_actors::ports::{InboxRecords, Records, Vault, VaultOp};
use frontdesk_actors::records::LifecycleEvent;

use super::{arrived, company_id, created, open, options, webhook};
use crate::store::{OpenError, Store};

/// Names the folder of a child process; without it the child's test does nothing.
const FOLDER_VARIABLE: &str = "FRONTDESK_TEST_CHILD_FOLDER";

/// Acknowledged writes after which the child is killed.
const ACKNOWLEDGED: u64 = 300;

fn child(folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let test = "store::tests::crash::the_child_process_writes_until_it_is_killed";
    command.args(["--exact", test, "--nocapture"]).env(FOLDER_VARIABLE, folder);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// Not a test of its own: what the child of the tests below does.
#[tokio::test]
async fn the_child_process_writes_until_it_is_killed() {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells its child what to do; no setting")]
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else {
        return;
    };
    let store = match Store::open(options(Path::new(&folder))) {
        Ok(store) => store,
        Err(error) => return println!("\nrefused {error}"),
    };
    let company = created(&store, 1).await.company_id;
    for number in 1..=u64::MAX {
        let id = arrived(&store, webhook(Some(company), 1, LifecycleEvent::Freeze)).await;
        let put = VaultOp::Put { table: 1, key: b"last".to_vec(), value: number.to_be_bytes().to_vec() };
        store.write(company, vec![put]).await.unwrap();
        println!("\nacknowledged {} {number}", id.0);
    }
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_there_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let mut last = 0;
    for life in 1..=3 {
        let mut writer = child(folder.path()).spawn().unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines().map(Result::unwrap);
        let acknowledged = lines.filter_map(|line| {
            let (id, number) = line.strip_prefix("acknowledged ")?.split_once(' ')?;
            Some((id.parse::<u64>().unwrap(), number.parse::<u64>().unwrap()))
        });
        let (id, number) = acknowledged.take(ACKNOWLEDGED as usize).last().unwrap();
        writer.kill().unwrap();
        writer.wait().unwrap();
        let store = open(folder.path());
        let company = company_id(1);
        let waiting = store.pending_inbox(company, 10_000).await.unwrap();
        assert!(waiting.len() as u64 >= ACKNOWLEDGED * life && waiting.last().unwrap().id.0 >= id);
        assert!(waiting.windows(2).all(|pair| pair[0].id.0 + 1 == pair[1].id.0), "none is missing");
        let value = store.get(company, 1, b"last").unwrap().unwrap();
        assert!(u64::from_be_bytes(value.try_into().unwrap()) >= number);
        assert!(id > last);
        last = id;
    }
}

#[tokio::test]
async fn a_second_process_on_the_folder_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let output = child(folder.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let refused = OpenError::AlreadyOpen { folder: folder.path().to_path_buf() };
    assert!(said.contains(&format!("refused {refused}")), "{said}");
    created(&store, 1).await;
}

#[tokio::test]
async fn a_store_dropped_in_the_middle_of_its_work_has_everything_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    for salon in 1..=20 {
        let store = open(folder.path());
        let company = created(&store, salon).await.company_id;
        let abandoned = store.clone();
        let unanswered = tokio::spawn(async move { abandoned.erase(company).await });
        unanswered.abort();
        let _ = unanswered.await; // cancelled or done: both must leave a sound store
        drop(store);
        assert!(open(folder.path()).company(company).await.unwrap().is_some());
    }
}
