//! A real Prometheus as a child, scraping a server every second with our alert rules, and its `promtool`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use super::stage::{eventually, free_port};

/// Alerts about speed keep their patience: a busy test machine is slow.
const ABOUT_SPEED: [&str; 4] = ["FrontdeskOverloaded", "FrontdeskStoreSlow", "FrontdeskSlow", "FrontdeskFirstCodeSlow"];

/// The project's folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program of Debian's packages, where `tests/setup/observers.sh` unpacked it, or wherever it is installed.
pub fn program(name: &str) -> PathBuf {
    let unpacked = project().join(".tools/bin").join(name);
    if unpacked.exists() { unpacked } else { PathBuf::from(name) }
}

/// Runs `promtool`; its words, and whether it was content.
pub async fn promtool(arguments: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new(program("promtool"));
    command.args(arguments).current_dir(project()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().expect("promtool is there: run tests/setup/observers.sh");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).await.expect("promtool reads");
    drop(stdin);
    let ended = child.wait_with_output().await.expect("promtool ends");
    let words = [ended.stdout, ended.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (ended.status.success(), words)
}

/// A running Prometheus.
pub struct Prometheus {
    url: String,
    http: reqwest::Client,
    _child: Child,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one on the project's own settings and rules, only quicker: scrapes every second, and alerts fire after a second.
    pub async fn watching(ops_port: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let settings = fs::read_to_string(project().join("config/prometheus.yml")).expect("the settings");
        let settings = settings.replace("127.0.0.1:9464", &format!("127.0.0.1:{ops_port}"));
        let settings = settings.replace("15s", "1s").replace("../dashboards/", "");
        fs::write(folder.path().join("prometheus.yml"), settings).expect("a file");
        let rules = fs::read_to_string(project().join("dashboards/alerts.yml")).expect("the rules");
        fs::write(folder.path().join("alerts.yml"), impatient(&rules)).expect("a file");
        let mut command = Command::new(program("prometheus"));
        command.arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}")).arg("--log.level=error");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        let child = command.spawn().expect("prometheus is there: run tests/setup/observers.sh");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let prometheus = Self { url: format!("http://127.0.0.1:{port}"), http, _child: child, _folder: folder };
        eventually("Prometheus scrapes", async || prometheus.has_data("up{job=\"frontdesk\"} == 1").await).await;
        prometheus
    }

    /// The samples of a query now: labels and value.
    pub async fn query(&self, expression: &str) -> Result<Vec<(Value, f64)>, String> {
        let url = format!("{}/api/v1/query", self.url);
        let answer = self.http.get(url).query(&[("query", expression)]).send().await.map_err(|error| error.to_string())?;
        let body: Value = answer.json().await.map_err(|error| error.to_string())?;
        if body["status"] != "success" {
            return Err(body["error"].to_string());
        }
        let samples = body["data"]["result"].as_array().cloned().unwrap_or_default();
        let number = |sample: &Value| sample["value"][1].as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
        Ok(samples.iter().map(|sample| (sample["metric"].clone(), number(sample))).collect())
    }

    /// Does a query return a number?
    pub async fn has_data(&self, expression: &str) -> bool {
        self.query(expression).await.is_ok_and(|samples| samples.iter().any(|(_, value)| !value.is_nan()))
    }

    /// The alerts that fire now.
    pub async fn firing(&self) -> BTreeSet<String> {
        let samples = self.query("ALERTS{alertstate=\"firing\"}").await.unwrap_or_default();
        samples.iter().filter_map(|(labels, _)| labels["alertname"].as_str()).map(str::to_owned).collect()
    }

    /// The alert rules that Prometheus loaded and evaluates without an error.
    pub async fn healthy_rules(&self) -> BTreeSet<String> {
        let url = format!("{}/api/v1/rules", self.url);
        let body: Value = match self.http.get(url).send().await {
            Ok(answer) => answer.json().await.unwrap_or_default(),
            Err(_) => return BTreeSet::new(),
        };
        let groups = body["data"]["groups"].as_array().cloned().unwrap_or_default();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default());
        rules.filter(|rule| rule["health"] == "ok").filter_map(|rule| rule["name"].as_str().map(str::to_owned)).collect()
    }
}

/// The rules, each firing after a second, but for those about speed.
fn impatient(rules: &str) -> String {
    let mut alert = "";
    let mut lines = Vec::new();
    for line in rules.lines() {
        alert = line.trim().strip_prefix("- alert: ").unwrap_or(alert);
        let wait = line.trim().starts_with("for: ") && !ABOUT_SPEED.contains(&alert);
        lines.push(if wait { "        for: 1s" } else { line });
    }
    lines.join("\n")
}
