//! Reads typed values by dotted key and collects every problem on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use toml::{Table, Value};
use url::{Host, Url};

/// Environment names of the field, beside `FRONTDESK_SECTION_KEY`.
const ALIASES: [(&str, &str); 9] = [
    ("PORT", "server.port"),
    ("BASE_URL", "server.base_url"),
    ("JWT_SECRET", "auth.jwt_secret"),
    ("ADMIN_API_KEY", "auth.admin_key"),
    ("YCLIENTS_PARTNER_TOKEN", "yclients.partner_token"),
    ("YCLIENTS_USER_TOKEN", "yclients.user_token"),
    ("YCLIENTS_APP_ID", "yclients.application_id"),
    ("LOG_LEVEL", "log.level"),
    ("FRONTDESK_DATA_DIR", "store.data_dir"),
];

/// Names with our prefix that are no settings: the command line's own, and a switch for tests.
const FOREIGN: [&str; 2] = ["FRONTDESK_CONFIG", "FRONTDESK_STORE_UNSAFE_NO_SYNC"];

/// Texts people leave in a copied file; they count as missing.
const PLACEHOLDERS: [&str; 5] = ["changeme", "change-me", "your_token_here", "your-partner-token", "xxx"];

pub(super) struct Reader {
    values: BTreeMap<String, Value>,
    problems: BTreeSet<String>,
}

impl Reader {
    pub(super) fn new(defaults: &str) -> Self {
        let table = defaults.parse::<Table>().expect("the embedded defaults are valid TOML (tested)");
        Self { values: flatten(table), problems: BTreeSet::new() }
    }

    /// Defaults, then `files` in their order (path for messages, text), then `environment`.
    pub(super) fn over<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>, environment: &BTreeMap<String, String>) -> Self {
        let mut reader = Self::new(super::DEFAULTS);
        for (path, text) in files {
            reader.overlay_file(path, text);
        }
        reader.overlay_environment(environment);
        reader
    }

    pub(super) fn overlay_file(&mut self, path: &str, text: &str) {
        let table = match text.parse::<Table>() {
            Ok(table) => table,
            Err(error) => {
                self.problems.insert(format!("{path}: not valid TOML: {}", error.message()));
                return;
            }
        };
        for (key, value) in flatten(table) {
            if let Some(known) = self.values.get_mut(&key) {
                *known = value;
            } else {
                let hint = self.nearest(&key);
                self.problems.insert(format!("{path}: unknown key `{key}`{hint}"));
            }
        }
    }

    pub(super) fn overlay_environment(&mut self, environment: &BTreeMap<String, String>) {
        let names: BTreeMap<String, String> =
            self.values.keys().map(|key| (format!("FRONTDESK_{}", key.replace('.', "_").to_uppercase()), key.clone())).collect();
        for (alias, key) in ALIASES {
            if let Some(text) = environment.get(alias) {
                self.overlay_text(key, text);
            }
        }
        for (name, text) in environment.iter().filter(|(name, _)| name.starts_with("FRONTDESK_")) {
            match names.get(name) {
                Some(key) => self.overlay_text(key, text),
                None if is_foreign(name) || ALIASES.iter().any(|(alias, _)| alias == name) => {}
                None => {
                    self.problems.insert(format!("environment: unknown setting `{name}`; `frontdesk config` lists every key"));
                }
            }
        }
    }

    /// The default's type decides how the text is read.
    fn overlay_text(&mut self, key: &str, text: &str) {
        let value = match self.values.get(key) {
            Some(Value::Integer(_)) => text.trim().parse().ok().map(Value::Integer),
            Some(Value::Boolean(_)) => text.trim().parse().ok().map(Value::Boolean),
            Some(Value::Array(_)) => Some(Value::Array(
                text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| Value::String(part.to_owned())).collect(),
            )),
            _ => Some(Value::String(text.to_owned())),
        };
        match value {
            Some(value) => {
                self.values.insert(key.to_owned(), value);
            }
            None => self.problem(key, "the environment gives a value of the wrong kind"),
        }
    }

    pub(super) fn problem(&mut self, key: &str, what: &str) {
        self.problems.insert(format!("{key}: {what}"));
    }

    pub(super) fn text(&mut self, key: &str) -> String {
        match self.values.get(key) {
            Some(Value::String(text)) => text.clone(),
            _ => {
                self.problem(key, "must be a text in quotes");
                String::new()
            }
        }
    }

    /// `None` when empty or still a placeholder.
    pub(super) fn secret(&mut self, key: &str) -> Option<SecretString> {
        let text = self.text(key);
        let text = text.trim();
        let missing = text.is_empty() || PLACEHOLDERS.contains(&text.to_lowercase().as_str());
        (!missing).then(|| SecretString::from(text.to_owned()))
    }

    pub(super) fn boolean(&mut self, key: &str) -> bool {
        match self.values.get(key) {
            Some(Value::Boolean(value)) => *value,
            _ => {
                self.problem(key, "must be true or false");
                false
            }
        }
    }

    pub(super) fn integer(&mut self, key: &str, min: u64, max: u64) -> u64 {
        match self.values.get(key) {
            Some(Value::Integer(value)) if u64::try_from(*value).is_ok_and(|value| (min..=max).contains(&value)) => value.unsigned_abs(),
            _ => {
                self.problem(key, &format!("must be a whole number from {min} to {max}"));
                min
            }
        }
    }

    pub(super) fn port(&mut self, key: &str) -> u16 {
        u16::try_from(self.integer(key, 0, u16::MAX.into())).expect("the limits are those of the type")
    }

    pub(super) fn duration(&mut self, key: &str) -> Duration {
        let text = self.text(key);
        match humantime::parse_duration(&text) {
            Ok(duration) if !duration.is_zero() => duration,
            _ => {
                self.problem(key, "must be a duration above zero like 500ms, 20s, 5m or 1h");
                Duration::from_secs(1)
            }
        }
    }

    pub(super) fn parsed<T: FromStr>(&mut self, key: &str, expected: &str, otherwise: T) -> T {
        match self.text(key).parse() {
            Ok(value) => value,
            Err(_) => {
                self.problem(key, &format!("must be {expected}"));
                otherwise
            }
        }
    }

    pub(super) fn url(&mut self, key: &str, schemes: &[&str]) -> Url {
        let text = self.text(key);
        match Url::parse(&text) {
            Ok(url) if schemes.contains(&url.scheme()) && url.host().is_some() && url.username().is_empty() => url,
            _ => {
                self.problem(key, &format!("must be an address starting with {}://", schemes.join(":// or ")));
                Url::parse("http://127.0.0.1/").expect("a literal address parses")
            }
        }
    }

    pub(super) fn list(&mut self, key: &str) -> Vec<String> {
        let items = match self.values.get(key) {
            Some(Value::Array(items)) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>(),
            _ => None,
        };
        items.unwrap_or_else(|| {
            self.problem(key, "must be a list of texts");
            Vec::new()
        })
    }

    /// All problems, in order.
    pub(super) fn finish(&mut self) -> Vec<String> {
        std::mem::take(&mut self.problems).into_iter().collect()
    }

    fn nearest(&self, unknown: &str) -> String {
        let last = unknown.rsplit('.').next().unwrap_or(unknown);
        let same_name = self.values.keys().find(|key| key.rsplit('.').next() == Some(last));
        same_name.map_or_else(|| "; `frontdesk config` lists every key".to_owned(), |key| format!(" (did you mean `{key}`?)"))
    }
}

fn is_foreign(name: &str) -> bool {
    FOREIGN.contains(&name)
}

fn flatten(table: Table) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    for (section, value) in table {
        match value {
            Value::Table(inner) => flat.extend(inner.into_iter().map(|(key, value)| (format!("{section}.{key}"), value))),
            other => {
                flat.insert(section, other);
            }
        }
    }
    flat
}

/// Is the host of this address on this machine?
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
