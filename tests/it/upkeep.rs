//! What an operator sees of a server from outside: the service manager's words, and `frontdesk check`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use tokio::net::UnixDatagram;

use crate::support::cli;
use crate::support::stage::{PATIENCE, Stage};

/// The first admin key of a server whose operators are tested.
const ADMIN_KEY: &str = "an-admin-key-of-these-tests-only-0123456789";

const SANDBOX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/sandbox.toml");

/// The next word of the server to its service manager.
async fn heard(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 256];
    let length = tokio::time::timeout(PATIENCE, socket.recv(&mut bytes)).await.expect("in time").expect("a datagram");
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[tokio::test]
async fn the_service_manager_hears_ready_signs_of_life_and_the_stop() {
    let mut stage = Stage::without_server().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    stage.set("NOTIFY_SOCKET", &path);
    stage.spawn();
    let mut first = heard(&socket).await;
    let mut alive = first.contains("WATCHDOG=1");
    while alive && !first.contains("READY=1") {
        first = heard(&socket).await;
    }
    assert!(first.contains("READY=1"), "{first}");
    let ready = stage.http.get(format!("http://127.0.0.1:{}/readyz", stage.ops_port)).send().await.expect("an answer");
    assert_eq!(ready.status().as_u16(), 200, "it said so when it was");
    while !alive {
        alive = heard(&socket).await.contains("WATCHDOG=1");
    }
    assert_eq!(stage.stop().await, Some(0));
    let mut last = heard(&socket).await;
    while last.contains("WATCHDOG=1") {
        last = heard(&socket).await;
    }
    assert!(last.contains("STOPPING=1"), "{last}");
}

/// `frontdesk check` against this stage's services: exit code and findings.
async fn check(stage: &Stage, more: &[&str]) -> (Option<i32>, Vec<Value>) {
    let addresses = stage.sandbox.addresses();
    let mut command = cli::command(&stage.data_dir);
    command.args(["check", "--json", "--config", SANDBOX]).args(more);
    command.env("PORT", stage.port.to_string()).env("BASE_URL", stage.url(""));
    command.env("FRONTDESK_SERVER_OPS_LISTEN", format!("127.0.0.1:{}", stage.ops_port));
    command.env("FRONTDESK_WHATSAPP_ENDPOINT", addresses.whatsapp_ws);
    command.env("FRONTDESK_YCLIENTS_API_URL", format!("{}/api/v1", addresses.yclients));
    command.env("FRONTDESK_YCLIENTS_MARKETPLACE_URL", format!("{}/marketplace", addresses.yclients));
    let said = cli::ended(&mut command).await;
    let json: Value = serde_json::from_slice(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    (said.code, json["findings"].as_array().expect("a list").clone())
}

fn level<'a>(findings: &'a [Value], area: &str) -> Vec<&'a str> {
    findings.iter().filter(|finding| finding["area"] == area).map(|finding| finding["level"].as_str().expect("a level")).collect()
}

#[tokio::test]
async fn check_sees_a_running_server_and_the_way_through_its_public_address() {
    let stage = Stage::open().await;
    let url = stage.url("");
    let (code, findings) = check(&stage, &["--public-url", &url]).await;
    for area in ["configuration", "database", "seal key", "ports", "YClients", "WhatsApp", "public address", "polling", "WebSocket"] {
        let levels = level(&findings, area);
        assert!(!levels.is_empty() && levels.iter().all(|level| *level == "ok"), "{area}: {findings:?}");
    }
    // Backups lie beside the data here, and this machine may have few open files: warnings at most.
    assert!(matches!(code, Some(0 | 1)), "{findings:?}");
}

#[tokio::test]
async fn check_names_every_problem_of_a_folder_and_says_what_to_do() {
    let mut stage = Stage::open().await;
    stage.salon(790_001, "Салон").await;
    stage.onboard(790_001).await;
    stage.stop().await;
    let named = async |stage: &Stage, area: &str, words: &str| {
        let (code, findings) = check(stage, &["--offline"]).await;
        let told = findings.iter().any(|finding| {
            finding["level"] == "fail" && finding["area"] == area && finding["text"].as_str().is_some_and(|text| text.contains(words))
        });
        assert!(told && code == Some(2), "{area}: {findings:?}");
    };
    let (_, findings) = check(&stage, &["--offline"]).await;
    assert_eq!(level(&findings, "database"), ["ok"], "{findings:?}");
    let taken = std::net::TcpListener::bind(("127.0.0.1", stage.port)).expect("the port is free");
    named(&stage, "ports", "PORT chooses another").await;
    drop(taken);
    let key = stage.data_dir.join("seal.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("changed");
    named(&stage, "seal key", "chmod 600").await;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("changed");
    let right = fs::read_to_string(&key).expect("a key");
    fs::write(&key, "00".repeat(32)).expect("written");
    named(&stage, "database", "seal key is not the one").await;
    fs::write(&key, right).expect("written");
    fs::write(stage.data_dir.join("store/db"), "").expect("damaged");
    named(&stage, "database", "frontdesk restore").await;
}

#[tokio::test]
async fn check_names_every_problem_of_a_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("wrong.toml");
    fs::write(&file, "[server]\nbase_url = \"ftp://nowhere\"\nprot = 1\n[backup]\nevery = \"often\"\n").expect("written");
    let said = cli::run(folder.path(), [Path::new("check"), Path::new("--config"), &file]).await;
    let text = String::from_utf8_lossy(&said.out).into_owned();
    for named in ["server.base_url", "server.prot", "backup.every", "auth.jwt_secret"] {
        assert!(text.contains(named), "{named} is not named: {text}");
    }
    assert_eq!(said.code, Some(2), "{text}");
}

#[tokio::test]
async fn wrong_arguments_end_with_64_and_help_with_0() {
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, code) in
        [(vec!["unknown"], 64), (vec!["restore"], 64), (vec!["--help"], 0), (vec!["backup", "--help"], 0), (vec!["version"], 0)]
    {
        let said = cli::run(folder.path(), &arguments).await;
        assert_eq!(said.code, Some(code), "{arguments:?}: {}", said.err);
    }
    let said = cli::run(folder.path(), ["backup", "x.backup"]).await;
    assert!(said.code == Some(74) && said.err.contains("there is no database"), "{said:?}");
    assert!(!folder.path().join("store").exists(), "a command that reads makes nothing");
}

#[tokio::test]
async fn companies_and_operators_keys_are_reached_from_the_shell() {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_AUTH_ADMIN_KEY", ADMIN_KEY);
    stage.start().await;
    stage.salon(790_002, "Салон «Ромашка»").await;
    stage.onboard(790_002).await;
    let url = stage.url("");
    let with = async |key: &str, arguments: &[&str]| {
        let mut command = cli::command(&stage.data_dir);
        cli::ended(command.args(arguments).args(["--url", &url]).env("ADMIN_API_KEY", key)).await
    };
    let out = |said: cli::Said| String::from_utf8(said.well().out).expect("text");
    let listed = out(with(ADMIN_KEY, &["companies", "ромашка"]).await);
    assert!(listed.contains("790002") && listed.lines().count() == 2, "{listed}");
    assert_eq!(out(with(ADMIN_KEY, &["companies", "nobody"]).await).lines().count(), 1, "only the heading");
    let key = out(with(ADMIN_KEY, &["keys", "create", "Анна", "--role", "viewer"]).await);
    assert!(key.starts_with("sk_"), "{key}");
    assert!(out(with(key.trim(), &["companies"]).await).contains("790002"), "a viewer reads");
    let refused = with(key.trim(), &["keys", "list"]).await;
    assert!(refused.code == Some(69) && refused.err.contains("403"), "{refused:?}");
    let keys = out(with(ADMIN_KEY, &["keys", "list"]).await);
    let line = keys.lines().find(|line| line.contains("Анна")).expect("the new key is listed");
    let id = line.split_whitespace().next().expect("its number");
    out(with(ADMIN_KEY, &["keys", "revoke", id]).await);
    let refused = with(key.trim(), &["companies"]).await;
    assert!(refused.code == Some(69) && refused.err.contains("401"), "{refused:?}");
}
