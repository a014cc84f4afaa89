//! Runs a script of `tests/browser` or `tests/baileys` against a stage. The script prints `@stage kill`, `stop` or `start` when the server has to
//! go or come, and reads `done` when it has.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::stage::Stage;

/// The secret of servers whose tests make tokens themselves.
pub const JWT_SECRET: &str = "a secret of the tests with more than thirty-two bytes";

/// Longest run of a script: each waits for states with limits of its own.
const LONGEST: Duration = Duration::from_secs(120);

/// Runs `script` of `tests/browser` with `arguments` to its end; panics with the server's last words when it fails.
pub async fn run(stage: &mut Stage, script: &str, arguments: &[&str]) {
    run_from("browser", stage, script, arguments).await;
}

/// As [`run`], with a script of another folder in `tests`.
pub async fn run_from(package: &str, stage: &mut Stage, script: &str, arguments: &[&str]) {
    let what = format!("{script} {}", arguments.join(" "));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(package).join(script);
    let ended = tokio::time::timeout(LONGEST, converse(stage, &script, arguments)).await;
    if ended != Ok(true) {
        let log = stage.log();
        let tail: Vec<&str> = log.lines().rev().take(40).collect();
        let last_words: Vec<&str> = tail.into_iter().rev().collect();
        panic!("{what} {}; the server's last words:\n{}", ended.map_or("took too long", |_| "failed"), last_words.join("\n"));
    }
}

/// Did it end well?
async fn converse(stage: &mut Stage, script: &Path, arguments: &[&str]) -> bool {
    let mut child = start(stage, script, arguments);
    let mut orders = child.stdin.take().expect("stdin is piped");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let mut errors = child.stderr.take().expect("stderr is piped");
    let words = tokio::spawn(async move {
        let mut words = String::new();
        let _ = errors.read_to_string(&mut words).await;
        words
    });
    obey(stage, &mut lines, &mut orders).await;
    let status = child.wait().await.expect("its status is known");
    eprintln!("{}", words.await.expect("reading words does not panic"));
    status.success()
}

fn start(stage: &Stage, script: &Path, arguments: &[&str]) -> Child {
    assert!(script.with_file_name("node_modules").exists(), "the scripts' packages are missing: run `make setup`");
    Command::new("node")
        .arg(script)
        .args(arguments)
        .env("FRONTDESK_URL", stage.front.as_ref().map_or_else(|| stage.url(""), |(url, _)| url.clone()))
        .envs(stage.front.as_ref().map(|(_, certificate)| ("NODE_EXTRA_CA_CERTS", certificate)))
        .env("FRONTDESK_OPS_URL", format!("http://127.0.0.1:{}", stage.ops_port))
        .env("CONTROL_URL", stage.sandbox.control_url())
        .env("WHATSAPP_URL", stage.sandbox.addresses().whatsapp_ws)
        .env("FRONTDESK_SCREENSHOTS", screenshots())
        .env("JWT_SECRET", JWT_SECRET)
        .envs(stage.admin_key().map(|key| ("ADMIN_KEY", key)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node is installed: run `make setup`")
}

/// Beside the build: the pictures stay as files of the run.
fn screenshots() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is inside the target folder").join("screenshots")
}

#[expect(clippy::print_stdout, reason = "what the script says belongs to the test's output")]
async fn obey(stage: &mut Stage, lines: &mut Lines<BufReader<ChildStdout>>, orders: &mut ChildStdin) {
    while let Ok(Some(line)) = lines.next_line().await {
        println!("{line}");
        let Some(order) = line.strip_prefix("@stage ") else { continue };
        match order {
            "kill" => stage.kill().await,
            "stop" => drop(stage.stop().await),
            "start" => stage.start().await,
            other => panic!("the script asks for {other:?}"),
        }
        orders.write_all(b"done\n").await.expect("the script reads");
    }
}
