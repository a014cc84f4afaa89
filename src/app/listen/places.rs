//! Who may hold a connection: one place per open socket, counted in all and per address.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::admission::Source;

/// Between two looks for addresses that hold nothing any more, at least this many places are given.
const TIDY_EVERY: usize = 1024;

/// Connections for each socket that may be open, beside it: page loads, status polls, webhooks.
const BESIDE_SOCKETS: usize = 2_000;

/// Places, given by one accept loop.
pub(super) struct Places {
    all: Arc<()>,
    at_most: usize,
    per_address: Option<usize>,
    /// How many hold each handle is how many places the address has, plus this map's own.
    held: HashMap<Source, Arc<()>>,
    given_since_tidy: usize,
}

/// A place; free again when dropped.
pub(super) struct Place {
    _all: Arc<()>,
    _address: Option<Arc<()>>,
}

impl Places {
    pub(super) fn new(at_most: usize, per_address: Option<usize>) -> Self {
        Self { all: Arc::new(()), at_most, per_address, held: HashMap::new(), given_since_tidy: 0 }
    }

    /// How many are held.
    pub(super) fn taken(&self) -> usize {
        Arc::strong_count(&self.all) - 1
    }

    /// A place for a connection from this address, if there is one.
    pub(super) fn take(&mut self, address: IpAddr) -> Option<Place> {
        if Arc::strong_count(&self.all) > self.at_most {
            return None;
        }
        let mine = match self.per_address {
            Some(at_most) => Some(self.of_address(Source::of(address), at_most)?),
            None => None,
        };
        Some(Place { _all: Arc::clone(&self.all), _address: mine })
    }

    fn of_address(&mut self, source: Source, at_most: usize) -> Option<Arc<()>> {
        self.given_since_tidy += 1;
        if self.given_since_tidy >= TIDY_EVERY.max(self.at_most) {
            self.given_since_tidy = 0;
            self.held.retain(|_, handle| Arc::strong_count(handle) > 1);
        }
        let handle = self.held.entry(source).or_default();
        (Arc::strong_count(handle) <= at_most).then(|| Arc::clone(handle))
    }
}

/// A socket in its place, whoever holds it: hyper, or the engine after an upgrade.
pub(super) struct Placed {
    socket: TcpStream,
    _place: Place,
}

impl Placed {
    pub(super) fn new(socket: TcpStream, place: Place) -> Self {
        Self { socket, _place: place }
    }
}

impl AsyncRead for Placed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// How many connections a server with this many sockets takes: never more than half of the file descriptors the process may have, because
/// the links to WhatsApp and the store need theirs.
pub(in crate::app) fn places_for(max_sockets: usize) -> usize {
    let wanted = max_sockets.saturating_add(BESIDE_SOCKETS);
    let Some(descriptors) = std::fs::read_to_string("/proc/self/limits").ok().and_then(|text| open_files(&text)) else {
        return wanted;
    };
    let affordable = descriptors / 2;
    if affordable < max_sockets {
        tracing::warn!(
            connections.max = affordable,
            descriptors,
            "fewer connections than configured: raise the limit of open files (ulimit -n)"
        );
    }
    wanted.min(affordable)
}

/// The soft limit of open files; `None` when it is unlimited or not told.
fn open_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_come_back_and_one_address_cannot_take_them_all() {
        let mut places = Places::new(5, Some(3));
        let flood: Vec<_> = (0..9).filter_map(|_| places.take(address("192.0.2.1"))).collect();
        assert_eq!(flood.len(), 3);
        let others = [places.take(address("192.0.2.2")), places.take(address("192.0.2.3"))];
        assert!(others.iter().all(Option::is_some));
        assert!(places.take(address("192.0.2.4")).is_none(), "all are taken");
        drop(flood);
        assert!(places.take(address("192.0.2.1")).is_some());
    }

    #[test]
    fn addresses_that_hold_nothing_are_forgotten() {
        let mut places = Places::new(100, Some(3));
        for number in 0..10_000_u32 {
            let _ = places.take(IpAddr::from(number.to_be_bytes()));
        }
        assert!(places.held.len() <= 2 * TIDY_EVERY, "{} are remembered", places.held.len());
    }

    #[test]
    fn the_limit_of_open_files_is_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 524288               files     \n";
        assert_eq!(open_files(text), Some(1024));
        assert_eq!(open_files("Max open files            unlimited            unlimited            files"), None);
        assert_eq!(open_files(""), None);
    }
}
