//! A salon's settings of data webhooks. YClients replaces all of them at once, other vendors' addresses included: read, merge, write.

use serde_json::{Map, Value, json};

use super::loose;

/// YClients takes at most this many addresses.
const MOST_URLS: usize = 10;

/// The settings as read, to be changed and written back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HookSettings {
    urls: Vec<String>,
    /// Everything else, as read.
    rest: Map<String, Value>,
}

/// No room for another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the salon has 10 webhook addresses already")]
pub struct NoRoom;

impl HookSettings {
    /// `None` when this is no object. Old answers have one `url`.
    pub(crate) fn read(data: Value) -> Option<Self> {
        let Value::Object(mut rest) = data else { return None };
        let listed = rest.remove("urls");
        let mut urls: Vec<String> = listed.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(loose::text_of).collect();
        if let Some(single) = rest.remove("url").as_ref().and_then(loose::text_of)
            && !urls.contains(&single)
        {
            urls.push(single);
        }
        Some(Self { urls, rest })
    }

    /// The addresses.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Adds our address for these resources, replacing an older one of ours (recognised by `ours`). Everybody else's stays.
    pub fn add(&mut self, url: &str, ours: impl Fn(&str) -> bool, resources: &[&str]) -> Result<(), NoRoom> {
        self.urls.retain(|known| !ours(known));
        if self.urls.len() >= MOST_URLS {
            return Err(NoRoom);
        }
        self.urls.push(url.to_owned());
        self.rest.insert("active".into(), json!(1));
        for resource in resources {
            self.rest.insert((*resource).to_owned(), json!(1));
        }
        Ok(())
    }

    /// The body to write.
    pub(crate) fn body(&self) -> Value {
        let mut body = self.rest.clone();
        body.insert("urls".into(), json!(self.urls));
        Value::Object(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_vendors_settings_survive_ours() {
        let mut settings = HookSettings::read(json!({"urls": ["https://other.example/hook", "https://us.example/data/7/old"], "active": 0,
            "client": 0, "good": 1, "self_sending": 0}))
        .expect("settings");
        settings.add("https://us.example/data/7/new", |url| url.starts_with("https://us.example/"), &["record", "client"]).expect("room");
        assert_eq!(
            settings.body(),
            json!({"urls": ["https://other.example/hook", "https://us.example/data/7/new"], "active": 1, "client": 1,
            "record": 1, "good": 1, "self_sending": 0})
        );
    }

    #[test]
    fn the_old_form_has_one_address_and_ten_are_the_most() {
        let mut settings = HookSettings::read(json!({"url": "https://other.example/hook"})).expect("settings");
        assert_eq!(settings.urls(), ["https://other.example/hook"]);
        settings.urls = (0..10).map(|number| format!("https://other.example/{number}")).collect();
        assert_eq!(settings.add("https://us.example", |_| false, &[]), Err(NoRoom));
        assert_eq!(HookSettings::read(json!([])), None);
    }
}
