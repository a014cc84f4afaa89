//! Client addresses: whom to believe about `X-Forwarded-For`.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::HeaderMap;
use thiserror::Error;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Hops looked at, from the right; a longer chain is somebody's invention.
const MAX_HOPS: usize = 32;

/// One address or a network like `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is no address range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be an IP address or a network like 10.0.0.0/8")]
pub struct ParseRangeError;

impl AddressRange {
    /// Is the address inside?
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                same_prefix(network.to_bits().into(), address.to_bits().into(), 32 - self.prefix)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => same_prefix(network.to_bits(), address.to_bits(), 128 - self.prefix),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn same_prefix(left: u128, right: u128, host_bits: u8) -> bool {
    let shift = u32::from(host_bits);
    left.checked_shr(shift).unwrap_or(0) == right.checked_shr(shift).unwrap_or(0)
}

impl FromStr for AddressRange {
    type Err = ParseRangeError;
    fn from_str(text: &str) -> Result<Self, ParseRangeError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let network: IpAddr = address.trim().parse().map_err(|_| ParseRangeError)?;
        let longest = if network.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.trim().parse().map_err(|_| ParseRangeError)?,
            None => longest,
        };
        if prefix > longest {
            return Err(ParseRangeError);
        }
        Ok(Self { network, prefix })
    }
}

/// Proxies of ours.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<AddressRange>);

impl TrustedProxies {
    /// These and no others.
    pub fn new(ranges: Vec<AddressRange>) -> Self {
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
        self.0.iter().any(|range| range.contains(address))
    }
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let address = hop.parse::<IpAddr>().ok().or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let ranges = trusted.iter().map(|range| range.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        TrustedProxies::new(ranges).client_ip(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_strangers_forwarded_header_is_ignored() {
        assert_eq!(client(&[], "203.0.113.9", &["192.0.2.1"]), "203.0.113.9");
        assert_eq!(client(&["127.0.0.1"], "203.0.113.9", &["192.0.2.1"]), "203.0.113.9");
    }

    #[test]
    fn behind_a_trusted_proxy_the_rightmost_untrusted_hop_counts() {
        assert_eq!(client(&["127.0.0.1"], "127.0.0.1", &["192.0.2.66, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(client(&["127.0.0.1", "10.0.0.0/8"], "127.0.0.1", &["192.0.2.66, 198.51.100.7, 10.1.2.3"]), "198.51.100.7");
        assert_eq!(client(&["127.0.0.1"], "127.0.0.1", &["192.0.2.66", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(client(&["127.0.0.1"], "::ffff:127.0.0.1", &["198.51.100.7:5123"]), "198.51.100.7");
        assert_eq!(client(&["::1"], "::1", &["[2001:db8::7]:5123"]), "2001:db8::7");
    }

    #[test]
    fn an_unreadable_hop_ends_the_belief() {
        assert_eq!(client(&["127.0.0.1"], "127.0.0.1", &["192.0.2.1, unknown"]), "127.0.0.1");
        assert_eq!(client(&["127.0.0.1"], "127.0.0.1", &[""]), "127.0.0.1");
        assert_eq!(client(&["127.0.0.1"], "127.0.0.1", &[]), "127.0.0.1");
    }

    #[test]
    fn ranges_are_read_and_checked() {
        for good in ["10.0.0.0/8", "192.0.2.1", "::1", "2001:db8::/32", "0.0.0.0/0", "::/0"] {
            assert!(good.parse::<AddressRange>().is_ok(), "{good}");
        }
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1", "localhost"] {
            assert_eq!(bad.parse::<AddressRange>(), Err(ParseRangeError), "{bad}");
        }
        let range: AddressRange = "10.16.0.0/12".parse().unwrap();
        assert!(range.contains("10.31.255.255".parse().unwrap()));
        assert!(!range.contains("10.32.0.0".parse().unwrap()));
        let everything: AddressRange = "0.0.0.0/0".parse().unwrap();
        assert!(everything.contains("203.0.113.9".parse().unwrap()));
    }
}
