//! Configuration: embedded defaults < file < environment. Every problem is collected and told at once, with what to do, before any
//! port is bound. The environment is an argument, so tests need no globals.

mod data;
mod egress;
mod log;
mod read;
mod webhooks;
mod yclients;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use frontdesk_actors::reconcile::ReconcileSettings;
use frontdesk_actors::settings::FleetSettings;
use ipnet::IpNet;
use secrecy::SecretString;
use thiserror::Error;
use url::Url;

use crate::admission::OriginRule;
use crate::auth::{MIN_ADMIN_KEY_CHARS, MIN_SECRET_BYTES};
use crate::whatsapp::EgressSettings;
use crate::yclients::YclientsSettings;
pub use data::{BackupSettings, DataSettings};
use read::Reader;

pub(crate) use log::is_filter as is_log_filter;

/// The documentation of every key, compiled in.
pub const DEFAULTS: &str = include_str!("../config/default.toml");

/// How strict the start is about secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Secrets must be given.
    Production,
    /// Missing secrets are generated and kept in the data folder.
    Development,
    /// As development, against the simulated services.
    Sandbox,
}

/// Log output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Pretty,
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
}

/// A checked configuration. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Config {
    /// See [`Mode`].
    pub mode: Mode,
    /// For browsers, YClients and integrators.
    pub listen: SocketAddr,
    /// For /metrics, /livez and /readyz.
    pub ops_listen: SocketAddr,
    /// How the outside reaches us.
    pub base_url: Url,
    /// Origins beside our own.
    pub allowed_origins: Vec<OriginRule>,
    /// Proxies whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Limits per address and key.
    pub rate_limits: bool,
    /// Open sockets at most.
    pub max_sockets: usize,
    /// How long a stop may take.
    pub shutdown_grace: Duration,
    /// Signs page tokens. `None` only outside production: generated then.
    pub jwt_secret: Option<SecretString>,
    /// Opens the admin API beside the stored keys. `None` outside production: generated then.
    pub admin_key: Option<SecretString>,
    /// Entries of the audit log that are kept.
    pub audit_entries: u64,
    /// The data folder.
    pub data_dir: PathBuf,
    /// Page cache of the store, bytes.
    pub cache_bytes: u64,
    /// Seals what is stored. `None`: the key file in the data folder.
    pub seal_key: Option<SecretString>,
    /// Acknowledge writes before they are synced: only for the test that proves the power-cut test, and only in sandbox builds.
    pub store_without_sync: bool,
    /// Backups by the clock.
    pub backup: BackupSettings,
    /// YClients.
    pub yclients: YclientsSettings,
    /// When our installations are compared with YClients'.
    pub reconcile: ReconcileSettings,
    /// Another WhatsApp endpoint than the real one.
    pub whatsapp_endpoint: Option<Url>,
    /// Version told to WhatsApp.
    pub whatsapp_version: Option<(u32, u32, u32)>,
    /// Threads for all links.
    pub whatsapp_threads: usize,
    /// How long WhatsApp may take to answer a probe.
    pub probe_timeout: Duration,
    /// Which way out each company takes.
    pub egress: EgressSettings,
    /// Limits and times of the actors.
    pub fleet: FleetSettings,
    /// How often the past is looked after.
    pub sweep_every: Duration,
    /// Log filter.
    pub log_level: String,
    /// Log output.
    pub log_format: LogFormat,
    /// The collector that gets traces, if any.
    pub traces: Option<Url>,
    /// The simulated services of `frontdesk sandbox`.
    pub sandbox: SandboxSettings,
}

/// Where the simulated services listen and what they know of the server.
#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// Port of the simulated WhatsApp.
    pub whatsapp_port: u16,
    /// Port of the simulated YClients.
    pub yclients_port: u16,
    /// Port of the control API and page.
    pub control_port: u16,
    /// Where redirects and webhooks go.
    pub server_url: String,
    /// Where the simulated world is kept, when said.
    pub world_file: Option<PathBuf>,
}

/// All problems of a configuration, each with what to do. Shows key names, never secret values.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the configuration has {} problem(s):\n{}", .0.len(), .0.iter().map(|p| format!("  - {p}")).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError(pub Vec<String>);

impl Config {
    /// Reads defaults, then `files` in their order (path for messages, text), then `environment`.
    pub fn load<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader::over(files, environment);
        let mut config = Self::build(&mut reader);
        config.store_without_sync = cfg!(feature = "sandbox") && environment.contains_key("FRONTDESK_STORE_UNSAFE_NO_SYNC");
        match reader.finish() {
            problems if problems.is_empty() => Ok(config),
            problems => Err(ConfigError(problems)),
        }
    }

    fn build(reader: &mut Reader) -> Self {
        let mode = read_mode(reader);
        let port = reader.port("server.port");
        let base_url = read_base_url(reader, port);
        let fleet = read_fleet(reader);
        let fleet = webhooks::read_webhooks(reader, fleet, mode, &base_url);
        Self {
            mode,
            listen: SocketAddr::new(reader.parsed("server.listen", "an IP address like 127.0.0.1", [127, 0, 0, 1].into()), port),
            ops_listen: reader.parsed("server.ops_listen", "an address like 127.0.0.1:9464", ([127, 0, 0, 1], 9464).into()),
            base_url,
            allowed_origins: read_origins(reader),
            trusted_proxies: read_proxies(reader),
            rate_limits: reader.boolean("server.rate_limits"),
            max_sockets: reader.integer("server.max_sockets", 1, 1_000_000) as usize,
            shutdown_grace: reader.duration("server.shutdown_grace"),
            jwt_secret: read_jwt_secret(reader, mode),
            admin_key: read_admin_key(reader),
            audit_entries: reader.integer("auth.audit_entries", 1_000, 100_000_000),
            data_dir: PathBuf::from(reader.text("store.data_dir")),
            cache_bytes: data::read_cache_bytes(reader),
            seal_key: data::read_seal_key(reader),
            store_without_sync: false,
            backup: data::read_backup(reader),
            yclients: yclients::read_yclients(reader, mode),
            reconcile: yclients::read_reconcile(reader),
            whatsapp_endpoint: read_whatsapp_endpoint(reader),
            whatsapp_version: read_version(reader),
            whatsapp_threads: reader.integer("whatsapp.threads", 1, 256) as usize,
            probe_timeout: reader.duration("sessions.probe_timeout"),
            egress: egress::read_egress(reader),
            fleet,
            sweep_every: webhooks::read_sweep_every(reader),
            log_level: log::read_level(reader),
            log_format: log::read_format(reader),
            traces: log::read_collector(reader),
            sandbox: read_sandbox(reader, port),
        }
    }
}

fn read_mode(reader: &mut Reader) -> Mode {
    match reader.text("server.mode").as_str() {
        "production" => Mode::Production,
        "development" => Mode::Development,
        "sandbox" if cfg!(feature = "sandbox") => Mode::Sandbox,
        "sandbox" => {
            reader.problem("server.mode", "this build cannot reach the simulated services: build it with `--features sandbox`");
            Mode::Sandbox
        }
        _ => {
            reader.problem("server.mode", "must be production, development or sandbox");
            Mode::Production
        }
    }
}

fn own_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn read_sandbox(reader: &mut Reader, server_port: u16) -> SandboxSettings {
    let world_file = reader.text("sandbox.world_file");
    let server_url = match reader.text("sandbox.server_url") {
        empty if empty.is_empty() => own_url(server_port),
        _ => reader.url("sandbox.server_url", &["http", "https"]).as_str().trim_end_matches('/').to_owned(),
    };
    SandboxSettings {
        whatsapp_port: reader.port("sandbox.whatsapp_port"),
        yclients_port: reader.port("sandbox.yclients_port"),
        control_port: reader.port("sandbox.control_port"),
        server_url,
        world_file: (!world_file.is_empty()).then(|| world_file.into()),
    }
}

fn read_base_url(reader: &mut Reader, port: u16) -> Url {
    if reader.text("server.base_url").is_empty() {
        return Url::parse(&own_url(port)).expect("a loopback address parses");
    }
    let url = reader.url("server.base_url", &["http", "https"]);
    if url.query().is_some() || url.fragment().is_some() || url.path() != "/" {
        reader.problem("server.base_url", "must be scheme and host only, like https://salons.example.org");
    }
    url
}

fn read_origins(reader: &mut Reader) -> Vec<OriginRule> {
    let parsed: Vec<_> = reader.list("server.allowed_origins").iter().map(|text| text.parse::<OriginRule>()).collect();
    if let Some(Err(error)) = parsed.iter().find(|rule| rule.is_err()) {
        reader.problem("server.allowed_origins", &format!("each {error}"));
    }
    parsed.into_iter().flatten().collect()
}

fn read_proxies(reader: &mut Reader) -> Vec<IpNet> {
    let texts = reader.list("server.trusted_proxies");
    let parse = |text: &String| text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let parsed: Vec<Option<IpNet>> = texts.iter().map(parse).collect();
    if parsed.iter().any(Option::is_none) {
        reader.problem("server.trusted_proxies", "each must be an address or a network, like 10.0.0.5 or 10.0.0.0/8");
    }
    parsed.into_iter().flatten().collect()
}

fn read_jwt_secret(reader: &mut Reader, mode: Mode) -> Option<SecretString> {
    let secret = reader.secret("auth.jwt_secret");
    let length = secret.as_ref().map_or(0, |secret| secrecy::ExposeSecret::expose_secret(secret).len());
    match (secret, mode) {
        (Some(_), _) if length < MIN_SECRET_BYTES => {
            reader.problem("auth.jwt_secret", "is too short: at least 32 bytes; make one with `openssl rand -hex 32`");
            None
        }
        (None, Mode::Production) => {
            reader.problem("auth.jwt_secret", "is missing: set JWT_SECRET to at least 32 bytes; make one with `openssl rand -hex 32`");
            None
        }
        (secret, _) => secret,
    }
}

fn read_admin_key(reader: &mut Reader) -> Option<SecretString> {
    let key = reader.secret("auth.admin_key")?;
    let text = secrecy::ExposeSecret::expose_secret(&key);
    if text.chars().count() < MIN_ADMIN_KEY_CHARS || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        reader.problem(
            "auth.admin_key",
            "must be at least 32 letters, digits and signs without spaces; make one with `openssl rand -hex 32`, or leave it empty",
        );
    }
    Some(key)
}

fn read_whatsapp_endpoint(reader: &mut Reader) -> Option<Url> {
    if reader.text("whatsapp.endpoint").is_empty() {
        return None;
    }
    Some(reader.url("whatsapp.endpoint", &["ws", "wss"]))
}

fn read_version(reader: &mut Reader) -> Option<(u32, u32, u32)> {
    let text = reader.text("whatsapp.client_version");
    if text.is_empty() {
        return None;
    }
    let parts: Vec<u32> = text.split('.').filter_map(|part| part.parse().ok()).collect();
    match parts.as_slice() {
        [a, b, c] => Some((*a, *b, *c)),
        _ => {
            reader.problem("whatsapp.client_version", "must look like 2.3000.1030000000");
            None
        }
    }
}

/// The link's own limit comes first; the session's is for links that say nothing at all.
const ANSWER_SLACK: Duration = Duration::from_secs(10);

fn read_fleet(reader: &mut Reader) -> FleetSettings {
    let dials = reader.integer("sessions.dials_per_second", 0, 10_000) as u32;
    FleetSettings {
        dials_per_second: Some(dials).filter(|rate| *rate > 0),
        dials_at_once: reader.integer("sessions.dials_at_once", 1, 10_000) as usize,
        unpaired_linger: reader.duration("sessions.unpaired_linger"),
        qr_rounds: reader.integer("sessions.qr_rounds", 1, 100) as u32,
        connect_timeout: reader.duration("sessions.connect_timeout"),
        backoff_min: reader.duration("sessions.backoff_min"),
        backoff_max: reader.duration("sessions.backoff_max"),
        stable_after: reader.duration("sessions.stable_after"),
        answer_within: reader.duration("sessions.probe_timeout").saturating_add(ANSWER_SLACK),
        probe_every: reader.duration("sessions.probe_every"),
        replaced_probe_after: reader.duration("sessions.replaced_probe_after"),
        outdated_retry_after: reader.duration("sessions.outdated_retry_after"),
        flap_grace: reader.duration("sessions.flap_grace"),
        activation_window: reader.duration("activation.window"),
        activation_backoff_min: reader.duration("activation.backoff_min"),
        activation_backoff_max: reader.duration("activation.backoff_max"),
        restarts: reader.integer("sessions.restarts", 0, 1000) as usize,
        restart_window: reader.duration("sessions.restart_window"),
        ..FleetSettings::default()
    }
}

#[cfg(test)]
mod tests;
