//! `make run` as the README tells it: one process with server and services, killed and started again.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::stage::eventually;

const PATIENCE: Duration = Duration::from_secs(30);

/// `frontdesk sandbox` on free ports, and its control address.
struct Together {
    child: Child,
    control: String,
    http: reqwest::Client,
}

impl Together {
    async fn start(data: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_frontdesk"));
        command.args(["sandbox", "--port", "0", "--ops-listen", "127.0.0.1:0"]);
        command.args(["--whatsapp-port", "0", "--yclients-port", "0", "--control-port", "0"]);
        command.env("FRONTDESK_DATA_DIR", data).env("FRONTDESK_LOG_FORMAT", "json");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("the binary runs");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let control = tokio::time::timeout(PATIENCE, async {
            while let Ok(Some(line)) = lines.next_line().await {
                if line.contains("Start here") {
                    return line.split_whitespace().last().map(|address| address.trim_end_matches('/').to_owned());
                }
            }
            None
        });
        let control = control.await.expect("it says where to look in time").expect("it says where to look");
        // The rest of what it prints goes nowhere; the reader lives as long as the process.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { child, control, http }
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.control)).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.http.post(format!("{}{path}", self.control)).json(body).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    async fn is_installed_and_online(&self) {
        eventually("the salon is installed", async || self.get("/control/salons/100001").await["status"] == "active").await;
        let wanted = json!([{"device": 1, "online": true}]);
        eventually("its device is online", async || self.get("/control/phones").await[0]["linked"] == wanted).await;
    }
}

#[tokio::test]
async fn journey_of_a_newcomer_survives_a_kill_of_server_and_services_together() {
    frontdesk::app::install_crypto_provider();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut first = Together::start(&data).await;
    first.post("/control/salons/100001/connect", &json!({})).await;
    let scanned = first.post("/control/phones/79000000001/scan-page", &json!({"salon_id": 100_001})).await;
    assert_eq!(scanned["device"], 1, "{scanned}");
    first.is_installed_and_online().await;
    let kept = data.join("sandbox/world.json");
    eventually("the world is written down", async || std::fs::read_to_string(&kept).is_ok_and(|text| text.contains("\"active\""))).await;
    first.child.kill().await.expect("killed");

    let second = Together::start(&data).await;
    second.is_installed_and_online().await;
    let stats = second.get("/control/stats").await;
    assert_eq!((&stats["pairings"], &stats["refused"]), (&json!(0), &json!(0)), "it was a login, not a new pairing: {stats}");
}
