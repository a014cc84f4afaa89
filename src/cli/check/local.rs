//! This machine: data folder, keys, database, disk, ports, limits, backups.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use chrono::Utc;
use secrecy::ExposeSecret as _;

use super::Finding;
use crate::app::{backups_in, chain};
use crate::config::{Config, Mode};
use crate::store::{self, OpenError, SealKey, backup};

/// Less free space than this is a matter of days.
const FREE_BYTES_WARN: u64 = 1024 * 1024 * 1024;
/// Less than this is a matter of hours.
const FREE_BYTES_FAIL: u64 = 64 * 1024 * 1024;

/// Files beside the sockets: links, the store, logs.
const OTHER_FILES: u64 = 2_048;

/// Where Debian keeps the time zones that salons are in.
const ZONE: &str = "/usr/share/zoneinfo/Europe/Moscow";

pub(super) async fn all(config: &Config) -> Vec<Finding> {
    let config = config.clone();
    let looking = tokio::task::spawn_blocking(move || {
        let (mut findings, running) = folder(&config);
        findings.extend(ports(&config, running));
        findings.extend([open_files(&config), time_zones(), secrets(&config), signatures(&config)]);
        findings.extend(backups(&config));
        findings
    });
    looking.await.expect("looking catches its own panics")
}

/// The data folder and everything in it. Does a server run on it?
fn folder(config: &Config) -> (Vec<Finding>, bool) {
    const AREA: &str = "data folder";
    let data = &config.data_dir;
    let shown = data.display();
    if !data.exists() {
        let text = format!("{shown} is not there yet; the first start makes it{}", parent_trouble(data));
        let finding = if parent_trouble(data).is_empty() { Finding::ok(AREA, text) } else { Finding::fail(AREA, text) };
        return (vec![finding], false);
    }
    if let Err(error) = writable(data) {
        let text = format!("{shown}: this user can't write there ({error}); it must belong to the user that runs the server");
        return (vec![Finding::fail(AREA, text)], false);
    }
    let mut findings = vec![permissions(data), free_space(data)];
    let (key, found) = key(config);
    findings.push(found);
    let Some(key) = key else { return (findings, false) };
    let (found, running) = database(config, &key);
    findings.push(found);
    (findings, running)
}

fn parent_trouble(data: &Path) -> String {
    let there = data.ancestors().skip(1).find(|folder| folder.exists() || folder.as_os_str().is_empty());
    let there = there.map_or(Path::new("."), |folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    match writable(there) {
        Ok(()) => String::new(),
        Err(error) => format!(", but this user can't write in {} ({error})", there.display()),
    }
}

fn writable(folder: &Path) -> io::Result<()> {
    let file = folder.join(format!(".frontdesk-check.{}", std::process::id()));
    fs::write(&file, "")?;
    fs::remove_file(file)
}

fn permissions(data: &Path) -> Finding {
    const AREA: &str = "permissions";
    match fs::metadata(data).map(|metadata| metadata.permissions().mode() & 0o077) {
        Ok(0) => Finding::ok(AREA, format!("{} is its owner's alone", data.display())),
        Ok(_) => Finding::warn(AREA, format!("others may look into {}; chmod 700 {}", data.display(), data.display())),
        Err(error) => Finding::fail(AREA, format!("{}: {error}", data.display())),
    }
}

fn free_space(data: &Path) -> Finding {
    const AREA: &str = "disk";
    let free = match fs2::available_space(data) {
        Ok(free) => free,
        Err(error) => return Finding::warn(AREA, format!("the free space of {} is unknown ({error})", data.display())),
    };
    let text = format!("{} MiB are free for {}", free / (1024 * 1024), data.display());
    match free {
        ..FREE_BYTES_FAIL => Finding::fail(AREA, format!("{text}; make room: without it nothing can be stored")),
        FREE_BYTES_FAIL..FREE_BYTES_WARN => Finding::warn(AREA, format!("{text}; make room, or keep fewer backups (backup.keep)")),
        FREE_BYTES_WARN.. => Finding::ok(AREA, text),
    }
}

/// The seal key; none is made here.
fn key(config: &Config) -> (Option<SealKey>, Finding) {
    const AREA: &str = "seal key";
    if let Some(text) = &config.seal_key {
        let key = SealKey::parse(text.expose_secret()).expect("the configuration checked its form");
        let finding = Finding::ok(AREA, format!("{} from the configuration", key.fingerprint()));
        return (Some(key), finding);
    }
    let kept = config.data_dir.join("seal.key").exists() || config.data_dir.join("seal.key.new").exists();
    if !kept && !super::data::has_database(&config.data_dir) {
        return (None, Finding::ok(AREA, "is not there yet; the first start makes it"));
    }
    match SealKey::in_folder(&config.data_dir) {
        Ok(key) => {
            let finding = Finding::ok(AREA, format!("{} in the folder; is there a copy elsewhere?", key.fingerprint()));
            (Some(key), finding)
        }
        Err(error) => (None, Finding::fail(AREA, chain(&error))),
    }
}

/// Reads the whole database, unless a server has it: that one has read it at its start.
fn database(config: &Config, key: &SealKey) -> (Finding, bool) {
    const AREA: &str = "database";
    let (finding, running) = match store::inspect(&config.data_dir, key, config.cache_bytes) {
        Ok(None) => (Finding::ok(AREA, "is not there yet; the first start makes it"), false),
        Ok(Some(found)) => {
            let step = if found.migrates { "; the next start brings it to a newer layout: make a backup first" } else { "" };
            let text = format!("is whole: {} records, layout {}, {} salons so far{step}", found.entries, found.schema, found.companies);
            (if found.migrates { Finding::warn(AREA, text) } else { Finding::ok(AREA, text) }, false)
        }
        Err(OpenError::AlreadyOpen { .. }) => (Finding::ok(AREA, "a server runs on it, and has read it through at its start"), true),
        Err(error) => (Finding::fail(AREA, chain(&error)), false),
    };
    (finding, running)
}

fn ports(config: &Config, running: bool) -> Vec<Finding> {
    const AREA: &str = "ports";
    if running {
        return vec![Finding::ok(AREA, "the running server has them")];
    }
    let free = |address: SocketAddr, setting: &str| match TcpListener::bind(address) {
        Ok(_) => Finding::ok(AREA, format!("{address} is free")),
        Err(error) => {
            Finding::fail(AREA, format!("{address} can't be bound ({error}); `ss -ltnp` shows who has it, {setting} chooses another"))
        }
    };
    vec![free(config.listen, "PORT"), free(config.ops_listen, "FRONTDESK_SERVER_OPS_LISTEN")]
}

fn open_files(config: &Config) -> Finding {
    const AREA: &str = "open files";
    let needed = 2 * config.max_sockets as u64 + OTHER_FILES;
    match rlimit::getrlimit(rlimit::Resource::NOFILE) {
        Ok((_, hard)) if hard < needed => {
            let text = format!(
                "{hard} may be open, {needed} are wanted for server.max_sockets; LimitNOFILE={needed} in the unit, or `ulimit -Hn {needed}`"
            );
            Finding::warn(AREA, text)
        }
        Ok((_, hard)) => Finding::ok(AREA, format!("{hard} may be open, {needed} are wanted")),
        Err(error) => Finding::warn(AREA, format!("the limit is unknown ({error})")),
    }
}

fn time_zones() -> Finding {
    const AREA: &str = "time zones";
    if Path::new(ZONE).exists() {
        Finding::ok(AREA, "are installed")
    } else {
        Finding::warn(AREA, "are not installed; install the package tzdata, so that times can be told in a salon's own zone")
    }
}

fn secrets(config: &Config) -> Finding {
    const AREA: &str = "YClients app";
    let token = config.yclients.partner_token.is_none().then_some("YCLIENTS_PARTNER_TOKEN");
    let app = config.yclients.application_id.is_none().then_some("YCLIENTS_APP_ID");
    let missing: Vec<&str> = token.into_iter().chain(app).collect();
    match (missing.as_slice(), config.mode) {
        ([], _) => Finding::ok(AREA, "partner token and application id are set"),
        (missing, Mode::Production) => {
            Finding::fail(AREA, format!("{} missing: no salon can connect; they are in the developer's cabinet", missing.join(" and ")))
        }
        (missing, Mode::Development | Mode::Sandbox) => {
            Finding::warn(AREA, format!("{} missing: no salon can connect", missing.join(" and ")))
        }
    }
}

fn signatures(config: &Config) -> Finding {
    const AREA: &str = "owner data";
    if config.yclients.signature_required {
        return Finding::ok(AREA, "a salon connects only with data that YClients signed");
    }
    let text = "may come unsigned (yclients.signature_required = false): anybody can begin to connect any salon that added the app; tick \
                \"pass user data\" in the developer's cabinet and set it to true";
    Finding::warn(AREA, text)
}

fn backups(config: &Config) -> Vec<Finding> {
    const AREA: &str = "backups";
    let settings = &config.backup;
    if settings.keep == 0 {
        return vec![Finding::warn(AREA, "are turned off (backup.keep = 0)")];
    }
    let mut findings = Vec::new();
    if settings.folder.starts_with(&config.data_dir) {
        findings.push(Finding::warn(
            AREA,
            "are on the disk of the data folder; copy them to another machine, or name a folder there in backup.folder",
        ));
    }
    let Some(newest) = backups_in(&settings.folder).pop() else {
        findings.push(Finding::ok(
            AREA,
            format!("none yet; the running server makes one every {}", humantime::format_duration(settings.every)),
        ));
        return findings;
    };
    findings.push(newest_backup(config, &newest));
    findings
}

fn newest_backup(config: &Config, newest: &Path) -> Finding {
    const AREA: &str = "backups";
    let (Some(key), _) = key(config) else { return Finding::fail(AREA, "can't be read without the seal key") };
    let shown = newest.display();
    match backup::inspect(newest, &key) {
        Err(error) => Finding::fail(AREA, format!("{shown}: {}", chain(&error))),
        Ok(head) => {
            let age = (Utc::now() - head.made_at).to_std().unwrap_or_default();
            let text = format!("the newest, {shown}, is {} min old", age.as_secs() / 60);
            let late = age > 2 * config.backup.every;
            if late { Finding::warn(AREA, format!("{text}; look for backup.failed in the log")) } else { Finding::ok(AREA, text) }
        }
    }
}
