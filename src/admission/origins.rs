//! Origins a browser may talk to us from. Exact matches only: a prefix test lets `https://yclients.com.evil.tld` pass.

use std::str::FromStr;

use axum::http::{HeaderMap, HeaderValue, header};
use thiserror::Error;
use url::{Host, Url};

const DIGITS: char = '*';

/// One allowed origin: `https://yclients.com`, or with a run of digits for `*`: `https://n*.yclients.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginRule {
    before: String,
    after: Option<String>,
}

/// Why a text is no origin rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be an origin like https://example.com or https://n*.example.com, without a path")]
pub struct ParseOriginError;

impl FromStr for OriginRule {
    type Err = ParseOriginError;
    fn from_str(text: &str) -> Result<Self, ParseOriginError> {
        if text.matches(DIGITS).count() > 1 {
            return Err(ParseOriginError);
        }
        let sample = text.replace(DIGITS, "1");
        let url = Url::parse(&sample).map_err(|_| ParseOriginError)?;
        if !matches!(url.scheme(), "http" | "https") || url.origin().ascii_serialization() != sample {
            return Err(ParseOriginError);
        }
        Ok(match text.split_once(DIGITS) {
            Some((before, after)) => Self { before: before.to_owned(), after: Some(after.to_owned()) },
            None => Self { before: text.to_owned(), after: None },
        })
    }
}

impl OriginRule {
    fn matches(&self, origin: &str) -> bool {
        let Some(after) = &self.after else {
            return origin == self.before;
        };
        let digits = origin.strip_prefix(&self.before).and_then(|rest| rest.strip_suffix(after.as_str()));
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

/// Decides about the `Origin` of a request.
#[derive(Debug, Clone)]
pub struct OriginPolicy {
    own: String,
    rules: Vec<OriginRule>,
    loopback: bool,
}

impl OriginPolicy {
    /// The own origin and `rules`; outside production any loopback origin too.
    pub fn new(base_url: &Url, rules: Vec<OriginRule>, production: bool) -> Self {
        Self { own: base_url.origin().ascii_serialization(), rules, loopback: !production }
    }

    /// YClients' own pages.
    pub fn yclients() -> Vec<OriginRule> {
        ["https://yclients.com", "https://n*.yclients.com"].map(|rule| rule.parse().expect("both are origins")).to_vec()
    }

    /// May a request with these headers proceed? Absent is fine (no browser, or same-origin); present must match, and there may be only one.
    pub fn allows(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => true,
            (Some(origin), None) => self.allows_origin(origin),
            (Some(_), Some(_)) => false,
        }
    }

    /// Is this one of ours?
    pub fn allows_origin(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| {
            origin == self.own || self.rules.iter().any(|rule| rule.matches(origin)) || (self.loopback && is_loopback(origin))
        })
    }
}

fn is_loopback(origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else { return false };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    loopback && url.origin().ascii_serialization() == origin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(production: bool) -> OriginPolicy {
        OriginPolicy::new(&"https://desk.example.com/app".parse().unwrap(), OriginPolicy::yclients(), production)
    }

    fn allows(policy: &OriginPolicy, origin: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        policy.allows(&headers)
    }

    #[test]
    fn own_and_yclients_origins_pass_exactly() {
        let policy = policy(true);
        for good in ["https://desk.example.com", "https://yclients.com", "https://n1.yclients.com", "https://n123456.yclients.com"] {
            assert!(allows(&policy, good), "{good}");
        }
        let bad = [
            "https://yclients.com.evil.tld",
            "https://n.yclients.com",
            "https://nx.yclients.com",
            "https://n1x.yclients.com",
            "https://n1.yclients.com.evil.tld",
            "https://evil.tld/?https://yclients.com",
            "https://n1.evil.tld#.yclients.com",
            "http://yclients.com",
            "https://yclients.com:8443",
            "https://desk.example.com.evil.tld",
            "https://desk.example.com/",
            "http://localhost:3000",
            "null",
            "",
        ];
        for bad in bad {
            assert!(!allows(&policy, bad), "{bad}");
        }
    }

    #[test]
    fn an_absent_origin_passes_and_two_do_not() {
        let policy = policy(true);
        let mut headers = HeaderMap::new();
        assert!(policy.allows(&headers));
        headers.append(header::ORIGIN, "https://yclients.com".parse().unwrap());
        headers.append(header::ORIGIN, "https://evil.tld".parse().unwrap());
        assert!(!policy.allows(&headers));
    }

    #[test]
    fn loopback_passes_in_development_only() {
        for origin in ["http://localhost:3000", "http://127.0.0.1:4711", "http://[::1]:4711"] {
            assert!(allows(&policy(false), origin), "{origin}");
            assert!(!allows(&policy(true), origin), "{origin}");
        }
        for origin in ["http://localhost.evil.tld", "http://127.0.0.1.evil.tld", "http://localhost:3000/x", "http://user@localhost"] {
            assert!(!allows(&policy(false), origin), "{origin}");
        }
    }

    #[test]
    fn rules_with_a_path_or_without_a_scheme_are_refused() {
        for bad in ["yclients.com", "https://yclients.com/", "https://yclients.com/x", "ftp://yclients.com", "*", "", "https://n*.n*.com"] {
            assert_eq!(bad.parse::<OriginRule>(), Err(ParseOriginError), "{bad}");
        }
    }
}
