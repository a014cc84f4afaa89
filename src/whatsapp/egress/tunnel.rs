//! Opens a tunnel through a proxy. Whatever goes wrong here ends the dial: nothing falls back to the direct way.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_socks::tcp::Socks5Stream;

use super::proxy::{Login, Protocol, Proxy, bracketed};

/// Less than the library gives a whole connect (20 s), so that it is us who know why it failed.
pub(super) const TUNNEL_LIMIT: Duration = Duration::from_secs(15);

/// A proxy's answer to CONNECT is some lines; more is not meant for us.
const LONGEST_ANSWER: usize = 8 * 1024;

/// As many header lines as common clients take.
const MOST_HEADERS: usize = 64;

/// Why there is no tunnel. Says nothing of the proxy's address or login.
#[derive(Debug, Error)]
pub(in crate::whatsapp) enum TunnelError {
    #[error("the proxy's name could not be resolved")]
    Resolve(#[source] io::Error),
    #[error("the proxy is not on this machine, where the simulated service is")]
    NotLocal,
    #[error("the proxy could not be reached")]
    Connect(#[source] io::Error),
    #[error("the proxy did not open a connection in time")]
    Slow,
    #[error("the proxy refuses our login")]
    Login,
    #[error("the proxy does not let us connect to WhatsApp")]
    Forbidden,
    #[error("the connection to the proxy broke")]
    Broken(#[source] io::Error),
    #[error("what answers there is not a proxy of this kind")]
    NotAProxy,
    /// The proxy did its part.
    #[error("the proxy could not reach WhatsApp")]
    Destination,
}

impl TunnelError {
    /// Is it the proxy that fails, rather than what is behind it?
    pub(in crate::whatsapp) fn is_the_proxy(&self) -> bool {
        match self {
            Self::Destination => false,
            Self::Resolve(_)
            | Self::NotLocal
            | Self::Connect(_)
            | Self::Slow
            | Self::Login
            | Self::Forbidden
            | Self::Broken(_)
            | Self::NotAProxy => true,
        }
    }
}

/// Which proxies may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Near {
    /// On this machine, as the simulated service is.
    Loopback,
    /// Anywhere.
    Anywhere,
}

/// A connection to `host:port` through the proxy, which resolves the name.
pub(super) async fn open(proxy: &Proxy, near: Near, host: &str, port: u16) -> Result<TcpStream, TunnelError> {
    timeout(TUNNEL_LIMIT, open_unlimited(proxy, near, host, port)).await.unwrap_or(Err(TunnelError::Slow))
}

async fn open_unlimited(proxy: &Proxy, near: Near, host: &str, port: u16) -> Result<TcpStream, TunnelError> {
    let found = lookup_host((proxy.host(), proxy.port())).await.map_err(TunnelError::Resolve)?;
    let allowed: Vec<SocketAddr> = found.filter(|address| near == Near::Anywhere || address.ip().is_loopback()).collect();
    if allowed.is_empty() {
        return Err(TunnelError::NotLocal);
    }
    let stream = TcpStream::connect(&allowed[..]).await.map_err(TunnelError::Connect)?;
    stream.set_nodelay(true).map_err(TunnelError::Connect)?;
    match proxy.protocol() {
        Protocol::Socks5 => through_socks5(stream, proxy.login(), host, port).await,
        Protocol::Http => through_http(stream, proxy.login(), host, port).await,
    }
}

async fn through_socks5(stream: TcpStream, login: Option<&Login>, host: &str, port: u16) -> Result<TcpStream, TunnelError> {
    let target = (host, port);
    let opened = match login {
        Some(login) => Socks5Stream::connect_with_password_and_socket(stream, target, login.user(), login.password()).await,
        None => Socks5Stream::connect_with_socket(stream, target).await,
    };
    opened.map(Socks5Stream::into_inner).map_err(judge_socks5)
}

fn judge_socks5(error: tokio_socks::Error) -> TunnelError {
    use tokio_socks::Error;
    match error {
        Error::Io(cause) => TunnelError::Broken(cause),
        Error::NoAcceptableAuthMethods
        | Error::UnknownAuthMethod
        | Error::PasswordAuthFailure(_)
        | Error::AuthorizationRequired
        | Error::IdentdAuthFailure
        | Error::InvalidUserIdAuthFailure
        | Error::InvalidAuthValues(_) => TunnelError::Login,
        Error::ConnectionNotAllowedByRuleset => TunnelError::Forbidden,
        Error::GeneralSocksServerFailure
        | Error::NetworkUnreachable
        | Error::HostUnreachable
        | Error::ConnectionRefused
        | Error::TtlExpired => TunnelError::Destination,
        Error::ProxyServerUnreachable
        | Error::InvalidResponseVersion
        | Error::CommandNotSupported
        | Error::AddressTypeNotSupported
        | Error::UnknownError
        | Error::InvalidReservedByte
        | Error::UnknownAddressType
        | Error::ParseError(_)
        | Error::InvalidTargetAddress(_) => TunnelError::NotAProxy,
    }
}

async fn through_http(mut stream: TcpStream, login: Option<&Login>, host: &str, port: u16) -> Result<TcpStream, TunnelError> {
    stream.write_all(&connect_request(login, host, port)).await.map_err(TunnelError::Broken)?;
    match status(&mut stream).await? {
        200..=299 => Ok(stream),
        401 | 407 => Err(TunnelError::Login),
        500..=599 => Err(TunnelError::Destination),
        400..=499 => Err(TunnelError::Forbidden),
        _ => Err(TunnelError::NotAProxy),
    }
}

fn connect_request(login: Option<&Login>, host: &str, port: u16) -> Vec<u8> {
    let target = format!("{}:{port}", bracketed(host));
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(login) = login {
        let credentials = STANDARD.encode(format!("{}:{}", login.user(), login.password()));
        request.push_str(&format!("Proxy-Authorization: Basic {credentials}\r\n"));
    }
    request.push_str("\r\n");
    request.into_bytes()
}

/// Reads the head of the answer and not a byte more: what follows belongs to the tunnel. We speak first in there, so byte by byte
/// costs a handful of system calls once per dial.
async fn status(stream: &mut TcpStream) -> Result<u16, TunnelError> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LONGEST_ANSWER {
            return Err(TunnelError::NotAProxy);
        }
        head.push(stream.read_u8().await.map_err(TunnelError::Broken)?);
    }
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    answer.parse(&head).ok().and(answer.code).ok_or(TunnelError::NotAProxy)
}

#[cfg(test)]
#[path = "tunnel/tests.rs"]
mod tests;
