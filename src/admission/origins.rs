//! Origins a browser may talk to us from. Exact matches only: a prefix test lets `https://yclients.com.evil.tld` pass.

use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use thiserror::Error;
use url::{Host, Url};

const DIGITS: char = '*';

/// What a browser says about the page that made a request.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

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

    /// Does nothing in these headers say that a page of another origin made the request? For what a browser sends by itself, a cookie: allowed
    /// origins are not enough. What sends no such headers is no browser, and has no cookies to steal.
    pub fn is_own(&self, headers: &HeaderMap) -> bool {
        let (origins, sites) = (headers.get_all(header::ORIGIN), headers.get_all(FETCH_SITE));
        let same_origin = |site: &HeaderValue| site == "same-origin";
        // Behind a proxy that changes the host, the browser's own word about the site is the better witness.
        let trusted = sites.iter().next().is_some() && sites.iter().all(same_origin);
        let own_site = sites.iter().all(|site| same_origin(site) || site == "none");
        own_site && (trusted || origins.iter().all(|origin| self.is_own_origin(origin)))
    }

    /// In development, `localhost` and the loopback addresses are one host.
    fn is_own_origin(&self, origin: &HeaderValue) -> bool {
        let port = |origin: &str| Url::parse(origin).ok().map(|url| (url.scheme().to_owned(), url.port_or_known_default()));
        let alias = |origin: &str| self.loopback && is_loopback(&self.own) && is_loopback(origin) && port(origin) == port(&self.own);
        origin.to_str().is_ok_and(|origin| origin == self.own || alias(origin))
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
    fn a_request_is_our_own_pages_when_no_header_says_otherwise() {
        let is_own = |lines: &[(&'static str, &str)]| {
            let headers = lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
            policy(true).is_own(&headers)
        };
        let (ours, theirs) = (("origin", "https://desk.example.com"), ("origin", "https://yclients.com"));
        let site = |site| ("sec-fetch-site", site);
        for own in [&[][..], &[ours], &[ours, site("same-origin")], &[site("none")], &[("origin", "https://inside"), site("same-origin")]] {
            assert!(is_own(own), "{own:?}");
        }
        let foreign = [
            &[theirs][..],
            &[ours, theirs],
            &[theirs, site("none")],
            &[ours, site("same-site")],
            &[ours, site("cross-site")],
            &[theirs, site("same-origin"), site("cross-site")],
            &[("origin", "null")],
            &[("origin", "http://localhost:3000")],
        ];
        for foreign in foreign {
            assert!(!is_own(foreign), "{foreign:?}");
        }
    }

    #[test]
    fn in_development_loopback_has_many_names_and_one_port() {
        let at = |base: &str, production| OriginPolicy::new(&base.parse().unwrap(), Vec::new(), production);
        let own = |policy: &OriginPolicy, origin: &str| policy.is_own(&HeaderMap::from_iter([(header::ORIGIN, origin.parse().unwrap())]));
        let development = at("http://127.0.0.1:3000", false);
        assert!(own(&development, "http://localhost:3000") && own(&development, "http://[::1]:3000"));
        assert!(!own(&development, "http://localhost:3001") && !own(&development, "https://localhost:3000"));
        assert!(!own(&at("http://127.0.0.1:3000", true), "http://localhost:3000"));
        assert!(!own(&at("https://desk.example.com", false), "https://localhost"));
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
