//! Can WhatsApp be reached, by each way out? For `frontdesk check`: opens a connection as a link would, without speaking the protocol.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_websockets::Connector;
use whatsapp_rust::transport::default_tls_connector;

use super::proxy::Protocol;
use super::tunnel;
use super::{EgressSettings, Endpoint, Proxy};
use crate::whatsapp::{SettingsError, WhatsappSettings};

/// Longest wait for one way.
const WITHIN: Duration = Duration::from_secs(15);

/// Ways tried; a pool may be long.
const WAYS_TRIED: usize = 32;

/// One way out, and whether WhatsApp was reached by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// "directly", or the proxy's address without its login.
    pub way: String,
    /// What went wrong.
    pub result: Result<(), String>,
}

/// Tries every way out of these settings, all at once.
pub async fn reach(settings: &WhatsappSettings) -> Result<Vec<Reached>, SettingsError> {
    let endpoint = Arc::new(Endpoint::of(settings.endpoint.as_ref())?);
    endpoint.admit(&settings.egress)?;
    let tls = default_tls_connector();
    let tries = ways(&settings.egress).into_iter().map(async |proxy| {
        let tried = timeout(WITHIN, open(&endpoint, proxy.as_ref(), &tls)).await;
        let result = tried.unwrap_or_else(|_| Err(format!("no answer within {} s", WITHIN.as_secs())));
        Reached { way: proxy.as_ref().map_or_else(|| "directly".to_owned(), named), result }
    });
    Ok(futures_util::future::join_all(tries).await)
}

/// The different ways, direct first.
fn ways(settings: &EgressSettings) -> Vec<Option<Proxy>> {
    let direct_for_all = settings.default.is_none() && settings.pool.is_empty();
    let direct = (direct_for_all || settings.companies.values().any(Option::is_none)).then_some(None);
    let proxies = settings.default.iter().filter(|_| settings.pool.is_empty()).chain(&settings.pool);
    let proxies = proxies.chain(settings.companies.values().flatten()).cloned().map(Some);
    let mut seen = HashSet::new();
    direct.into_iter().chain(proxies).filter(|way| seen.insert(way.clone())).take(WAYS_TRIED).collect()
}

fn named(proxy: &Proxy) -> String {
    let protocol = match proxy.protocol() {
        Protocol::Socks5 => "socks5",
        Protocol::Http => "http",
    };
    format!("through {protocol}://{}:{}", proxy.bracketed_host(), proxy.port())
}

async fn open(endpoint: &Endpoint, proxy: Option<&Proxy>, tls: &Connector) -> Result<(), String> {
    let stream = match proxy {
        Some(proxy) => tunnel::open(proxy, endpoint.near(), &endpoint.host, endpoint.port).await.map_err(|error| error.to_string())?,
        None => connect(endpoint).await?,
    };
    let tls = if endpoint.tls { tls } else { &Connector::Plain };
    let wrapped = tls.wrap(&endpoint.host, stream).await;
    wrapped.map(|_| ()).map_err(|error| format!("TLS with {} fails ({error}); something in between may be listening", endpoint.host))
}

async fn connect(endpoint: &Endpoint) -> Result<TcpStream, String> {
    let found = lookup_host((endpoint.host.as_str(), endpoint.port)).await;
    let found = found.map_err(|error| format!("the name {} can't be resolved ({error}); check DNS", endpoint.host))?;
    let allowed: Vec<SocketAddr> = found.filter(|address| endpoint.allows(address.ip())).collect();
    let connected = TcpStream::connect(&allowed[..]).await;
    connected.map_err(|error| {
        format!("{}:{} can't be reached ({error}); check the firewall, or configure a proxy in [egress]", endpoint.host, endpoint.port)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use frontdesk_actors::ids::SalonId;

    use super::*;

    fn proxy(port: u16) -> Proxy {
        Proxy::parse(&format!("socks5://user:secret@127.0.0.1:{port}"), None).unwrap()
    }

    #[test]
    fn each_way_is_tried_once_and_only_ways_that_are_taken() {
        assert_eq!(ways(&EgressSettings::default()), [None]);
        let companies = BTreeMap::from([(SalonId::try_from(1).unwrap(), None), (SalonId::try_from(2).unwrap(), Some(proxy(2)))]);
        let settings = EgressSettings { default: Some(proxy(9)), pool: vec![proxy(1), proxy(2), proxy(1)], companies };
        assert_eq!(ways(&settings), [None, Some(proxy(1)), Some(proxy(2))], "a default beside a pool is never taken");
        assert_eq!(named(&proxy(1)), "through socks5://127.0.0.1:1", "without the login");
    }
}
