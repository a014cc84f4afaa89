//! Schemathesis asks the running server everything its description allows, and much that it does not: no answer may be a 5xx, and none may differ
//! from its description.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::support::stage::Stage;

/// Longest run; Schemathesis ends by itself long before.
const LONGEST: Duration = Duration::from_secs(180);

/// Answers that stand in the description and mean that a neighbour, not we, could not do it: the checks count any 5xx as a failure, so YClients'
/// calls are asked where the simulated one answers.
#[tokio::test]
async fn describe_every_answer_is_as_described_and_none_is_a_server_error() {
    let stage = Stage::open().await;
    stage.connect(9201, "79161239201").await;
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/schemathesis/bin/schemathesis");
    assert!(program.exists(), "run tests/setup/schemathesis.sh");
    let folder = tempfile::tempdir().expect("a folder for its files");
    let mut command = Command::new(program);
    command.current_dir(folder.path());
    command.args(["run", &stage.url("/docs/openapi.json"), "--url", &stage.url("")]);
    command.args(["--header", &format!("Authorization: Bearer {}", stage.admin_key().expect("the server made a key"))]);
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", "8", "--seed", "1", "--workers", "2"]);
    command.args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"]);
    // Each would end the session of this run, or wait for a phone.
    command.args(["--exclude-path-regex", "/(console/logout|admin/api/v1/companies/.*/qr)$"]);
    command.args(["--suppress-health-check", "all", "--no-color", "--request-timeout", "20"]);
    command.env("NO_PROXY", "127.0.0.1").stdin(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(LONGEST, command.output()).await.expect("it ends in time").expect("it runs");
    let words = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{words}\n{}\nthe server's log:\n{}", String::from_utf8_lossy(&ended.stderr), stage.log());
}
