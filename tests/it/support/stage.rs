//! A stage for journeys: the simulated services in this process, the real `frontdesk serve` as a child that can be killed, restarted and cut off.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use frontdesk_sandbox::{Sandbox, SandboxConfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Longest wait for any state on a loaded two-core machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Pause between two looks at a state.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The services, a data folder and (unless stopped) a server.
pub struct Stage {
    pub sandbox: Sandbox,
    pub http: reqwest::Client,
    pub data_dir: PathBuf,
    pub port: u16,
    pub ops_port: u16,
    /// Where scripts find the server, and whose certificate they trust, when a proxy stands in front.
    #[allow(dead_code, reason = "only tests, not the benchmarks that share this file, put a proxy in front")]
    pub front: Option<(String, PathBuf)>,
    environment: BTreeMap<String, OsString>,
    child: Option<Child>,
    _folder: TempDir,
}

impl Stage {
    /// Services and a ready server with the sandbox's settings.
    pub async fn open() -> Self {
        let mut stage = Self::without_server().await;
        stage.start().await;
        stage
    }

    /// Services only; set the environment, then [`Stage::start`].
    pub async fn without_server() -> Self {
        frontdesk::app::install_crypto_provider();
        let (port, ops_port) = (free_port(), free_port());
        let any = "127.0.0.1:0".parse().expect("an address");
        let server_url = format!("http://127.0.0.1:{port}");
        let config = SandboxConfig { whatsapp: any, yclients: any, control: any, server_url, ..SandboxConfig::default() };
        let sandbox = Sandbox::start(config).await.expect("the services start on free ports");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data_dir = folder.path().join("data");
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().timeout(PATIENCE).build().expect("a client");
        Self { sandbox, http, data_dir, port, ops_port, front: None, environment: BTreeMap::new(), child: None, _folder: folder }
    }

    /// One more setting for the next start of the server.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.environment.insert(name.to_owned(), value.into());
    }

    /// Forgets a setting.
    pub fn unset(&mut self, name: &str) {
        self.environment.remove(name);
    }

    /// Starts the server and waits until it is ready.
    pub async fn start(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// Starts the server's process without waiting.
    pub fn spawn(&mut self) {
        self.spawn_binary(Path::new(env!("CARGO_BIN_EXE_frontdesk")));
    }

    /// Starts another build of the server without waiting.
    pub fn spawn_binary(&mut self, binary: &Path) {
        assert!(self.child.is_none(), "one server per stage");
        let addresses = self.sandbox.addresses();
        let mut command = Command::new(binary);
        command.args(["serve", "--config", concat!(env!("CARGO_MANIFEST_DIR"), "/config/sandbox.toml")]);
        command.env("PORT", self.port.to_string());
        command.env("FRONTDESK_SERVER_OPS_LISTEN", format!("127.0.0.1:{}", self.ops_port));
        command.env("BASE_URL", self.url(""));
        command.env("FRONTDESK_DATA_DIR", &self.data_dir);
        command.env("FRONTDESK_WHATSAPP_ENDPOINT", addresses.whatsapp_ws);
        command.env("FRONTDESK_YCLIENTS_API_URL", format!("{}/api/v1", addresses.yclients));
        command.env("FRONTDESK_YCLIENTS_MARKETPLACE_URL", format!("{}/marketplace", addresses.yclients));
        command.env("FRONTDESK_SESSIONS_BACKOFF_MAX", "2s");
        command.env("FRONTDESK_LOG_FORMAT", "json");
        command.envs(&self.environment);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log_path()).expect("a log file");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn().expect("the server's binary runs"));
    }

    /// The key that opens the admin API, as the server made it in its data folder; `None` before the first start.
    pub fn admin_key(&self) -> Option<String> {
        let key = std::fs::read_to_string(self.data_dir.join("admin_key")).ok()?;
        Some(key.trim().to_owned())
    }

    /// Where the server's log of all its lives is.
    pub fn log_path(&self) -> PathBuf {
        self.data_dir.parent().expect("the data folder has a parent").join("server.log")
    }

    /// All log lines so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Waits until the server says it is ready.
    pub async fn ready(&mut self) {
        if let Err(why) = self.try_ready().await {
            panic!("{why}:\n{}", self.log());
        }
    }

    /// As [`Stage::ready`], for tests that expect a start to fail.
    pub async fn try_ready(&mut self) -> Result<(), String> {
        let url = format!("http://127.0.0.1:{}/readyz", self.ops_port);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if self.http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(ended) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                self.child = None;
                return Err(format!("the server ended with {ended}"));
            }
            if tokio::time::Instant::now() > deadline {
                return Err("the server is not ready in time".to_owned());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// kill -9, as a crash.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().expect("a server runs");
        child.kill().await.expect("the server can be killed");
    }

    /// SIGTERM, and the exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("a server runs");
        let pid = child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill runs");
        assert!(sent.success());
        let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("the server stops in time");
        status.expect("its status is known").code()
    }

    /// Waits for a server that ends by itself, and its exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        let mut child = self.child.take().expect("a server runs");
        let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("the server ends in time");
        status.expect("its status is known").code()
    }

    /// Process id of the running server.
    #[allow(dead_code, reason = "only the benchmarks, which share this file, measure the process")]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("a server runs")
    }

    /// An address of the server.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A control call of the sandbox; panics on an error answer.
    pub async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let method = method.parse().expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.sandbox.control_url())).json(&body);
        let answer = request.send().await.expect("the control API answers");
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or(Value::Null);
        assert!(status.is_success(), "control {path}: {status} {body}");
        body
    }

    /// A salon exists at YClients.
    pub async fn salon(&self, salon: u64, title: &str) {
        self.control("POST", "/control/salons", json!({"salon_id": salon, "title": title})).await;
    }

    /// A phone with an account exists.
    pub async fn phone(&self, number: &str) {
        self.control("POST", "/control/phones", json!({"number": number})).await;
    }

    /// The owner presses *Connect*; the signed redirect to our server.
    pub async fn press_connect(&self, salon: u64) -> String {
        let answer = self.control("POST", &format!("/control/salons/{salon}/connect"), json!({})).await;
        answer["redirect_url"].as_str().expect("a redirect").to_owned()
    }

    /// *Connect* and the redirect through our server: the onboarding token.
    pub async fn onboard(&self, salon: u64) -> String {
        let redirect = self.press_connect(salon).await;
        let answer = self.http.get(redirect).send().await.expect("the server answers");
        assert_eq!(answer.status().as_u16(), 302, "{}", answer.text().await.unwrap_or_default());
        token_of(answer.headers()["location"].to_str().expect("a location"))
    }

    /// The QR text as an API client gets it.
    pub async fn qr(&self, token: &str) -> String {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let answer = self.http.post(self.url("/marketplace/api/qr")).bearer_auth(token).send().await.expect("an answer");
            let status = answer.status().as_u16();
            let body: Value = answer.json().await.expect("JSON");
            if status == 200 {
                return body["qr"].as_str().expect("a QR text").to_owned();
            }
            assert!(status == 503 && tokio::time::Instant::now() < deadline, "{status} {body}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// A phone scans.
    pub async fn scan(&self, number: &str, qr: &str) {
        self.control("POST", &format!("/control/phones/{number}/scan"), json!({"qr": qr})).await;
    }

    /// The session's status as an API client gets it.
    pub async fn status(&self, salon: u64, token: &str) -> Value {
        let url = self.url(&format!("/marketplace/api/status/company_{salon}"));
        let answer = self.http.get(url).bearer_auth(token).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// Waits until the status looks right, and returns it.
    pub async fn status_when(&self, salon: u64, token: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let status = self.status(salon, token).await;
            if wanted(&status) {
                return status;
            }
            assert!(tokio::time::Instant::now() < deadline, "status stays {status}\n{}", self.log());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the session is online and the integration active.
    pub async fn active(&self, salon: u64, token: &str) -> Value {
        let done = |status: &Value| status["connected"] == true && status["activation"]["status"] == "active";
        self.status_when(salon, token, done).await
    }

    /// The whole journey of one salon: redirect, QR, scan, online, active. The token.
    pub async fn connect(&self, salon: u64, number: &str) -> String {
        self.salon(salon, &format!("Салон {salon}")).await;
        self.phone(number).await;
        let token = self.onboard(salon).await;
        let qr = self.qr(&token).await;
        self.scan(number, &qr).await;
        self.active(salon, &token).await;
        token
    }

    /// What our server asked YClients, oldest first.
    pub async fn calls(&self, salon: u64) -> Vec<Value> {
        let calls = self.control("GET", &format!("/control/yclients/calls?salon_id={salon}"), Value::Null).await;
        calls.as_array().expect("a list").clone()
    }

    /// Callbacks of our server that YClients accepted.
    pub async fn accepted_callbacks(&self, salon: u64) -> usize {
        let accepted = |call: &&Value| {
            let path = call["path"].as_str().unwrap_or_default();
            path.contains("partner/callback") && call["status"].as_u64().is_some_and(|status| status < 400)
        };
        self.calls(salon).await.iter().filter(accepted).count()
    }

    /// Is a device of this phone online at WhatsApp?
    pub fn phone_online(&self, number: &str) -> bool {
        let phones = self.sandbox.whatsapp().phones();
        phones.iter().any(|phone| phone.number == number && phone.linked.iter().any(|device| device.online))
    }
}

/// The token of an onboarding address.
pub fn token_of(location: &str) -> String {
    let token = location.split("token=").nth(1).expect("a token in the address");
    token.split('&').next().expect("split yields one part").to_owned()
}

/// Waits until `wanted` holds.
pub async fn eventually(what: &str, mut wanted: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !wanted().await {
        assert!(tokio::time::Instant::now() < deadline, "still not: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A port nobody listens on now. Another process may take it before we do: then the start fails loudly.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port()
}
