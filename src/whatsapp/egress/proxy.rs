//! A proxy as an operator writes it: `socks5://user:password@host:port` or `http://user:password@host:port`.

use std::fmt;
use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::{Host, Url};

/// RFC 1929 has one byte for each length; the same bound does for HTTP.
const LONGEST_LOGIN: usize = 255;

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::whatsapp) enum Protocol {
    /// SOCKS5, names resolved by the proxy.
    Socks5,
    /// HTTP CONNECT.
    Http,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::Socks5 => "socks5",
            Self::Http => "http",
        }
    }
}

/// A checked proxy. `Debug` shows neither its address nor its login.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    protocol: Protocol,
    host: String,
    port: u16,
    login: Option<Login>,
}

/// User name and password for proxies.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Login {
    user: String,
    password: String,
}

/// Why a text is no proxy. Never shows the text: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProxyError {
    /// Not an address at all, or without a host.
    #[error("must look like socks5://host:port or http://host:port")]
    NotAnAddress,
    /// Another protocol.
    #[error("must start with socks5:// or http:// (a proxy that is itself reached by TLS is not supported)")]
    Scheme,
    /// Port 0.
    #[error("needs a port from 1 to 65535")]
    Port,
    /// A path, a query or a fragment.
    #[error("must end after the port")]
    Tail,
    /// A login that no proxy takes.
    #[error(
        "has a login that can't be sent: user name and password have 1 to 255 bytes each, the user name no colon, neither \
         control characters; write special characters as %XX"
    )]
    Login,
}

impl Login {
    /// Checks that proxies of both kinds can take it.
    pub fn new(user: &str, password: &str) -> Result<Self, ProxyError> {
        let sendable = |text: &str| (1..=LONGEST_LOGIN).contains(&text.len()) && !text.chars().any(char::is_control);
        if sendable(user) && sendable(password) && !user.contains(':') {
            return Ok(Self { user: user.to_owned(), password: password.to_owned() });
        }
        Err(ProxyError::Login)
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }
}

impl Proxy {
    /// Reads an address; `otherwise` is the login of a proxy whose address has none.
    pub fn parse(text: &str, otherwise: Option<&Login>) -> Result<Self, ProxyError> {
        let url = Url::parse(text.trim()).map_err(|_| ProxyError::NotAnAddress)?;
        let (protocol, default_port) = match url.scheme() {
            "socks5" | "socks5h" => (Protocol::Socks5, 1080),
            "http" => (Protocol::Http, 80),
            _ => return Err(ProxyError::Scheme),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(ProxyError::NotAnAddress)?;
        let host = host.trim_matches(['[', ']']).to_owned();
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyError::Tail);
        }
        let port = Some(url.port().unwrap_or(default_port)).filter(|port| *port > 0).ok_or(ProxyError::Port)?;
        let login = login_of(&url)?.or_else(|| otherwise.cloned());
        Ok(Self { protocol, host, port, login })
    }

    /// Does its address say that it is on this machine?
    pub fn is_local(&self) -> bool {
        match Host::parse(&self.bracketed_host()) {
            Ok(Host::Domain(name)) => name == "localhost",
            Ok(Host::Ipv4(ip)) => ip.is_loopback(),
            Ok(Host::Ipv6(ip)) => ip.is_loopback(),
            Err(_) => false,
        }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    pub(super) fn bracketed_host(&self) -> String {
        bracketed(&self.host)
    }

    /// What tells it from the others of a pool. Without the password: a new one doesn't move companies. With the user name: some
    /// vendors choose the way out by it.
    pub(super) fn identity(&self) -> String {
        let user = self.login.as_ref().map_or("", Login::user);
        format!("{} {user} {} {}", self.protocol.name(), self.host, self.port)
    }

    /// `socks5://host:port`, without the login: for operators, never for a log.
    pub(super) fn address(&self) -> String {
        format!("{}://{}:{}", self.protocol.name(), self.bracketed_host(), self.port)
    }
}

/// As a host stands before a port: IPv6 addresses in brackets.
pub(super) fn bracketed(host: &str) -> String {
    if matches!(host.parse(), Ok(IpAddr::V6(_))) { format!("[{host}]") } else { host.to_owned() }
}

fn login_of(url: &Url) -> Result<Option<Login>, ProxyError> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decode = |text: &str| percent_decode_str(text).decode_utf8().map(|text| text.into_owned()).map_err(|_| ProxyError::Login);
    Login::new(&decode(url.username())?, &decode(url.password().unwrap_or_default())?).map(Some)
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = if self.login.is_some() { "with a login" } else { "without a login" };
        write!(f, "Proxy({:?}, {login})", self.protocol)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Proxy, ProxyError> {
        Proxy::parse(text, None)
    }

    #[test]
    fn both_kinds_are_read_with_their_default_ports_and_logins() {
        let proxy = parse("socks5://anna:p%40ss%3A%25@proxy.example.org:1081").unwrap();
        assert_eq!((proxy.protocol(), proxy.host(), proxy.port()), (Protocol::Socks5, "proxy.example.org", 1081));
        assert_eq!(proxy.login().map(|login| (login.user(), login.password())), Some(("anna", "p@ss:%")));
        let proxy = parse(" http://[2001:db8::1]:3128/ ").unwrap();
        assert_eq!((proxy.protocol(), proxy.host(), proxy.port()), (Protocol::Http, "2001:db8::1", 3128));
        assert_eq!(proxy.address(), "http://[2001:db8::1]:3128");
        assert_eq!(parse("socks5h://127.0.0.1").unwrap().port(), 1080);
        assert_eq!(parse("http://127.0.0.1").unwrap().port(), 80);
    }

    #[test]
    fn a_common_login_is_for_proxies_without_one() {
        let common = Login::new("all", "of them").unwrap();
        let bare = Proxy::parse("socks5://127.0.0.1", Some(&common)).unwrap();
        assert_eq!(bare.login(), Some(&common));
        let own = Proxy::parse("socks5://anna:secret@127.0.0.1", Some(&common)).unwrap();
        assert_eq!(own.login().map(Login::user), Some("anna"));
    }

    #[test]
    fn what_is_no_proxy_is_refused_in_words() {
        for (text, error) in [
            ("", ProxyError::NotAnAddress),
            ("proxy.example.org", ProxyError::NotAnAddress),
            ("socks5://", ProxyError::NotAnAddress),
            ("socks5:host", ProxyError::NotAnAddress),
            ("socks5://host:99999", ProxyError::NotAnAddress),
            ("proxy.example.org:1080", ProxyError::Scheme),
            ("https://host:443", ProxyError::Scheme),
            ("socks4://host", ProxyError::Scheme),
            ("socks5://host:0", ProxyError::Port),
            ("http://host:3128/path", ProxyError::Tail),
            ("http://host:3128?a=b", ProxyError::Tail),
            ("http://anna@host", ProxyError::Login),
            ("http://:secret@host", ProxyError::Login),
            ("http://an%3Ana:secret@host", ProxyError::Login),
            ("http://anna:sec%0D%0Aret@host", ProxyError::Login),
            ("http://anna:%FF@host", ProxyError::Login),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_local() {
        for (text, local) in [
            ("socks5://127.0.0.1:1080", true),
            ("socks5://localhost", true),
            ("http://[::1]:3128", true),
            ("socks5://10.0.0.1", false),
            ("http://localhost.example.org", false),
        ] {
            assert_eq!(parse(text).unwrap().is_local(), local, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_of_a_proxy_is_shown(host in "[a-z]{8,20}", user in "[a-z0-9]{8,20}", password in "[a-z0-9]{8,20}", port in 10_000_u16..) {
            let text = format!("socks5://{user}:{password}@{host}:{port}");
            let shown = format!("{:?} {:?}", parse(&text), parse(&format!("{text}/x")));
            for secret in [host, user, password, port.to_string()] {
                prop_assert!(!shown.contains(&secret));
            }
        }
    }
}
