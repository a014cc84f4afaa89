//! The way out to WhatsApp: which endpoint this build may talk to, and how a connection is opened.
//!
//! A build with the feature `sandbox` doesn't verify the service's certificate chain, so it refuses every endpoint that isn't
//! loopback. A default build takes the real service, a public `wss://` endpoint, or loopback, where the simulated service then
//! fails the chain (`docs/adr/0002-sandbox-feature.md`).
//!
//! ```text
//! plan     which way a company takes: own, pool, default, direct
//! way      what the companies of one way share: the proxy, HTTP through it
//! ├─ dial     TCP or a tunnel, then TLS and WebSocket with the service's own name
//! │  └─ tunnel   SOCKS5 and HTTP CONNECT through a proxy
//! └─ http     version look-up and media
//! ```
//!
//! A company with a proxy never goes out without it: a proxy that fails ends the dial (`docs/adr/0004-egress.md`).

mod dial;
mod http;
mod line;
mod plan;
mod proxy;
mod reach;
mod tunnel;
mod way;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ::http::Uri;
use thiserror::Error;
use url::{Host, Url};
use wacore::net::WHATSAPP_WEB_WS_URL;

pub(super) use self::dial::Dialer;
pub(super) use self::http::Http;
pub(super) use self::line::{Line, Progress};
pub use self::plan::{Egress, EgressPlan, EgressSettings};
pub use self::proxy::{Login, Proxy, ProxyError};
pub use self::reach::{Reached, reach};
use self::tunnel::Near;
pub(super) use self::tunnel::TunnelError;
pub(super) use self::way::{Way, Ways};

/// Why the settings of the WhatsApp connector are refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// Not `ws://` or `wss://`, or no host.
    #[error("the WhatsApp endpoint must look like wss://host/path")]
    NotAnEndpoint,
    /// This build skips the certificate chain, so it may only talk to this machine.
    #[error("a build with the feature `sandbox` talks to a loopback address only; set the WhatsApp endpoint to one")]
    SandboxBuild,
    /// Only the simulated service is spoken to without TLS.
    #[error("the WhatsApp endpoint must be wss:// unless it is a loopback address")]
    PlainText,
    /// A private, link-local or otherwise special address.
    #[error("the WhatsApp endpoint must be a public or a loopback address")]
    NotPublic,
    /// A simulated service is reached on this machine only, by whatever way.
    #[error("with a WhatsApp endpoint on this machine every proxy must be on this machine too")]
    ProxyNotLocal,
    /// The system gives no more threads.
    #[error("the threads for the links can't be started: {0}")]
    Threads(std::io::ErrorKind),
}

/// Which addresses a name may resolve to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// WhatsApp itself: TLS proves who answers, and some networks map its name to addresses of their own.
    Service,
    /// A configured endpoint: public addresses only.
    Public,
    /// The simulated service.
    Loopback,
}

/// A checked endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    uri: Uri,
    host: String,
    port: u16,
    tls: bool,
    reach: Reach,
}

impl Endpoint {
    /// The endpoint of these settings in this build.
    pub(super) fn of(configured: Option<&Url>) -> Result<Self, SettingsError> {
        Self::check(configured, cfg!(feature = "sandbox"))
    }

    fn check(configured: Option<&Url>, sandbox: bool) -> Result<Self, SettingsError> {
        let Some(url) = configured else {
            if sandbox {
                return Err(SettingsError::SandboxBuild);
            }
            let service = Url::parse(WHATSAPP_WEB_WS_URL).map_err(|_| SettingsError::NotAnEndpoint)?;
            return Self::parse(&service, Reach::Service);
        };
        let reach = match url.host().ok_or(SettingsError::NotAnEndpoint)? {
            host if is_loopback(&host) => Reach::Loopback,
            _ if sandbox => return Err(SettingsError::SandboxBuild),
            Host::Ipv4(ip) if !is_public(ip.into()) => return Err(SettingsError::NotPublic),
            Host::Ipv6(ip) if !is_public(ip.into()) => return Err(SettingsError::NotPublic),
            _ => Reach::Public,
        };
        let endpoint = Self::parse(url, reach)?;
        if !endpoint.tls && reach != Reach::Loopback {
            return Err(SettingsError::PlainText);
        }
        Ok(endpoint)
    }

    fn parse(url: &Url, reach: Reach) -> Result<Self, SettingsError> {
        let (tls, default_port) = match url.scheme() {
            "wss" => (true, 443),
            "ws" => (false, 80),
            _ => return Err(SettingsError::NotAnEndpoint),
        };
        let host = url.host_str().ok_or(SettingsError::NotAnEndpoint)?.trim_matches(['[', ']']).to_owned();
        let uri = url.as_str().parse().map_err(|_| SettingsError::NotAnEndpoint)?;
        Ok(Self { uri, host, port: url.port().unwrap_or(default_port), tls, reach })
    }

    /// May a connection go to this address?
    fn allows(&self, ip: IpAddr) -> bool {
        match self.reach {
            Reach::Service => true,
            Reach::Public => is_public(ip),
            Reach::Loopback => ip.is_loopback(),
        }
    }

    /// Takes the ways out that this endpoint may be reached by.
    pub(super) fn admit(&self, settings: &EgressSettings) -> Result<(), SettingsError> {
        let mut proxies = settings.default.iter().chain(&settings.pool).chain(settings.companies.values().flatten());
        if self.near() == Near::Loopback && !proxies.all(Proxy::is_local) {
            return Err(SettingsError::ProxyNotLocal);
        }
        Ok(())
    }

    /// Where the proxies to this endpoint may be.
    fn near(&self) -> Near {
        match self.reach {
            Reach::Loopback => Near::Loopback,
            Reach::Service | Reach::Public => Near::Anywhere,
        }
    }

    /// Where HTTP goes instead, when the service is a simulated one: same host and port, no TLS.
    fn http_origin(&self) -> Option<String> {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        (self.reach == Reach::Loopback).then(|| format!("http://{host}:{}", self.port))
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    let carrier_nat = a == 100 && (64..128).contains(&b);
    let benchmark = a == 198 && (b == 18 || b == 19);
    !(a == 0
        || a >= 240
        || carrier_nat
        || benchmark
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // 2000::/3 is all of the global unicast space; 2001:db8::/32 in it is for documentation.
    ip.segments()[0] & 0xe000 == 0x2000 && !(ip.segments()[0] == 0x2001 && ip.segments()[1] == 0xdb8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, sandbox: bool) -> Result<Reach, SettingsError> {
        let url = Url::parse(url).unwrap();
        Endpoint::check(Some(&url), sandbox).map(|endpoint| endpoint.reach)
    }

    #[test]
    fn a_default_build_takes_the_service_public_tls_and_loopback_only() {
        let service = Endpoint::check(None, false).unwrap();
        assert_eq!((service.host.as_str(), service.port, service.tls), ("web.whatsapp.com", 443, true));
        for (url, expected) in [
            ("wss://relay.example.org/ws/chat", Ok(Reach::Public)),
            ("wss://203.0.114.7:8443/ws", Ok(Reach::Public)),
            ("ws://127.0.0.1:7700/ws/chat", Ok(Reach::Loopback)),
            ("wss://[::1]:7700/ws/chat", Ok(Reach::Loopback)),
            ("ws://localhost:7700/ws/chat", Ok(Reach::Loopback)),
            ("ws://relay.example.org/ws/chat", Err(SettingsError::PlainText)),
            ("wss://10.0.0.8/ws", Err(SettingsError::NotPublic)),
            ("wss://169.254.169.254/ws", Err(SettingsError::NotPublic)),
            ("wss://100.64.1.1/ws", Err(SettingsError::NotPublic)),
            ("wss://[fd00::1]/ws", Err(SettingsError::NotPublic)),
            ("wss://[::ffff:192.168.0.1]/ws", Err(SettingsError::NotPublic)),
            ("https://relay.example.org/", Err(SettingsError::NotAnEndpoint)),
        ] {
            assert_eq!(check(url, false), expected, "{url}");
        }
    }

    #[test]
    fn a_sandbox_build_refuses_everything_but_loopback() {
        assert_eq!(Endpoint::check(None, true), Err(SettingsError::SandboxBuild));
        for url in ["wss://web.whatsapp.com/ws/chat", "wss://8.8.8.8/", "ws://10.0.0.8/", "wss://localhost.example.org/"] {
            assert_eq!(check(url, true), Err(SettingsError::SandboxBuild), "{url}");
        }
        for url in ["ws://127.0.0.1:7700/ws/chat", "ws://127.8.9.1/ws", "ws://[::1]/ws", "ws://localhost/ws"] {
            assert_eq!(check(url, true), Ok(Reach::Loopback), "{url}");
        }
    }

    #[test]
    fn a_name_may_not_lead_elsewhere_than_its_endpoint_says() {
        let private: IpAddr = "192.168.1.1".parse().unwrap();
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        let public: IpAddr = "2a03:2880::1".parse().unwrap();
        let loopback = Endpoint::check(Some(&Url::parse("ws://localhost/ws").unwrap()), true).unwrap();
        assert!(loopback.allows(local) && !loopback.allows(private) && !loopback.allows(public));
        let relay = Endpoint::check(Some(&Url::parse("wss://relay.example.org/").unwrap()), false).unwrap();
        assert!(relay.allows(public) && !relay.allows(local) && !relay.allows(private));
    }

    #[test]
    fn a_simulated_service_is_reached_through_local_proxies_only() {
        let simulated = Endpoint::check(Some(&Url::parse("ws://127.0.0.1:7700/ws/chat").unwrap()), false).unwrap();
        let service = Endpoint::check(None, false).unwrap();
        let proxy = |text| Proxy::parse(text, None).unwrap();
        let far = EgressSettings { pool: vec![proxy("socks5://127.0.0.1"), proxy("socks5://10.0.0.1")], ..EgressSettings::default() };
        let near = EgressSettings { default: Some(proxy("http://localhost:3128")), ..EgressSettings::default() };
        assert_eq!(simulated.admit(&far), Err(SettingsError::ProxyNotLocal));
        assert_eq!((simulated.admit(&near), service.admit(&far), service.admit(&near)), (Ok(()), Ok(()), Ok(())));
    }

    #[test]
    fn only_a_simulated_service_gets_the_http_requests_too() {
        let simulated = Endpoint::check(Some(&Url::parse("ws://[::1]:7700/ws/chat").unwrap()), true).unwrap();
        assert_eq!(simulated.http_origin().as_deref(), Some("http://[::1]:7700"));
        assert_eq!(Endpoint::check(None, false).unwrap().http_origin(), None);
    }
}
