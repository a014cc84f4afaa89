//! Client addresses: whom to believe about `X-Forwarded-For`.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Hops looked at, from the right; a longer chain is somebody's invention.
const MAX_HOPS: usize = 32;

/// Proxies of ours.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// These and no others.
    pub fn new(ranges: Vec<IpNet>) -> Self {
        Self(ranges)
    }

    /// The peer, unless it is a trusted proxy: then the rightmost forwarded address that is not one. What stands left of
    /// that was written by the client and proves nothing.
    pub fn client_ip(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or("")).collect();
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')).take(MAX_HOPS) {
            if !self.trusts(client) {
                break;
            }
            match parse_hop(hop.trim()) {
                Some(address) => client = address,
                None => break,
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let address = hop.parse::<IpAddr>().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let ranges = trusted.iter().map(|range| range.parse::<IpNet>().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        TrustedProxies::new(ranges).client_ip(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_strangers_forwarded_header_is_ignored() {
        assert_eq!(client(&[], "203.0.113.9", &["192.0.2.1"]), "203.0.113.9");
        assert_eq!(client(&["127.0.0.1/32"], "203.0.113.9", &["192.0.2.1"]), "203.0.113.9");
    }

    #[test]
    fn behind_a_trusted_proxy_the_rightmost_untrusted_hop_counts() {
        assert_eq!(client(&["127.0.0.1/32"], "127.0.0.1", &["192.0.2.66, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(client(&["127.0.0.1/32", "10.0.0.0/8"], "127.0.0.1", &["192.0.2.66, 198.51.100.7, 10.1.2.3"]), "198.51.100.7");
        assert_eq!(client(&["127.0.0.1/32"], "127.0.0.1", &["192.0.2.66", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(client(&["127.0.0.1/32"], "::ffff:127.0.0.1", &["198.51.100.7:5123"]), "198.51.100.7");
        assert_eq!(client(&["::1/128"], "::1", &["[2001:db8::7]:5123"]), "2001:db8::7");
    }

    #[test]
    fn an_unreadable_hop_ends_the_belief() {
        assert_eq!(client(&["127.0.0.1/32"], "127.0.0.1", &["192.0.2.1, unknown"]), "127.0.0.1");
        assert_eq!(client(&["127.0.0.1/32"], "127.0.0.1", &[""]), "127.0.0.1");
        assert_eq!(client(&["127.0.0.1/32"], "127.0.0.1", &[]), "127.0.0.1");
    }
}
