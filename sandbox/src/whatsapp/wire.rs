//! One client's socket: frames, the handshake on it, and encrypted nodes afterwards.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use bytes::BytesMut;
use wacore_binary::consts::WA_CONN_HEADER;
use wacore_binary::{Node, OwnedNodeRef};
use wacore_noise::framing::{FrameDecoder, encode_frame};

use super::noise::{Ciphers, NoiseFailure};

/// A peer that doesn't take our bytes for this long is gone.
const WRITE_LIMIT: Duration = Duration::from_secs(20);
/// Edge routing data in front of the header is opaque and short; more than this is not a client.
const MAX_PREFIX: usize = 4096;

/// Why the connection can't go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("the peer closed the connection")]
    Closed,
    #[error("the connection broke")]
    Broken(#[from] axum::Error),
    #[error("the peer took too long to read")]
    Stalled,
    #[error("the connection doesn't start with the protocol's header")]
    Header,
    #[error("a frame doesn't decrypt")]
    Cipher(#[from] wacore_noise::NoiseError),
    #[error("a stanza can't be read")]
    Stanza(#[from] wacore_binary::BinaryError),
    #[error("a frame is too large")]
    Oversized,
    #[error("the handshake failed")]
    Noise(#[from] NoiseFailure),
}

/// A socket before the handshake is done: raw frames.
pub(crate) struct RawWire {
    socket: WebSocket,
    decoder: FrameDecoder,
    header_seen: bool,
    start: BytesMut,
}

impl RawWire {
    pub(crate) fn new(socket: WebSocket) -> Self {
        Self { socket, decoder: FrameDecoder::new(), header_seen: false, start: BytesMut::new() }
    }

    pub(crate) async fn read(&mut self) -> Result<BytesMut, WireError> {
        loop {
            if let Some(frame) = self.decoder.decode_frame() {
                return Ok(frame);
            }
            let data = read_binary(&mut self.socket).await?;
            if self.header_seen {
                self.decoder.feed(&data);
                continue;
            }
            self.start.extend_from_slice(&data);
            if let Some(header) = header_length(&self.start)? {
                self.decoder.feed(&self.start[header..]);
                self.start = BytesMut::new();
                self.header_seen = true;
            }
        }
    }

    pub(crate) async fn write(&mut self, payload: &[u8]) -> Result<(), WireError> {
        write_frame(&mut self.socket, payload).await
    }

    pub(crate) fn secured(self, ciphers: Ciphers) -> Wire {
        Wire { socket: self.socket, decoder: self.decoder, ciphers, sent: 0, received: 0 }
    }
}

/// A socket after the handshake: nodes.
pub(crate) struct Wire {
    socket: WebSocket,
    decoder: FrameDecoder,
    ciphers: Ciphers,
    sent: u32,
    received: u32,
}

impl Wire {
    /// Waits for the next node. Cancel-safe: everything received stays in `self`.
    pub(crate) async fn read(&mut self) -> Result<Node, WireError> {
        loop {
            if let Some(mut frame) = self.decoder.decode_frame() {
                self.ciphers.read.decrypt_in_place_with_counter(self.received, &mut frame)?;
                self.received = self.received.wrapping_add(1);
                let stanza = wacore_binary::util::unpack_bytes(frame)?;
                return Ok(OwnedNodeRef::new(stanza)?.to_owned_node());
            }
            let data = read_binary(&mut self.socket).await?;
            self.decoder.feed(&data);
        }
    }

    pub(crate) async fn write(&mut self, node: &Node) -> Result<(), WireError> {
        self.write_plain(wacore_binary::marshal(node)?).await
    }

    /// Encrypts and sends bytes that needn't be a stanza.
    pub(crate) async fn write_plain(&mut self, mut frame: Vec<u8>) -> Result<(), WireError> {
        self.ciphers.write.encrypt_in_place_with_counter(self.sent, &mut frame)?;
        self.sent = self.sent.wrapping_add(1);
        write_frame(&mut self.socket, &frame).await
    }

    /// Sends a frame that can't be decrypted, as a damaged connection would.
    pub(crate) async fn write_garbage(&mut self) -> Result<(), WireError> {
        write_frame(&mut self.socket, &[0xA5; 64]).await
    }

    /// Announces a frame and sends only its beginning.
    pub(crate) async fn write_half_frame(&mut self, announced: u32) -> Result<(), WireError> {
        let [_, high, middle, low] = announced.to_be_bytes();
        let start = usize::try_from(announced / 2).unwrap_or(usize::MAX).min(64);
        let mut bytes = vec![high, middle, low];
        bytes.resize(3 + start, 0xA5);
        send_bytes(&mut self.socket, bytes).await
    }
}

async fn read_binary(socket: &mut WebSocket) -> Result<bytes::Bytes, WireError> {
    loop {
        match socket.recv().await {
            Some(Ok(Message::Binary(data))) => return Ok(data),
            Some(Ok(Message::Close(_))) | None => return Err(WireError::Closed),
            Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_))) => {}
            Some(Err(error)) => return Err(error.into()),
        }
    }
}

async fn write_frame(socket: &mut WebSocket, payload: &[u8]) -> Result<(), WireError> {
    let frame = encode_frame(payload, None).map_err(|_| WireError::Oversized)?;
    send_bytes(socket, frame).await
}

async fn send_bytes(socket: &mut WebSocket, bytes: Vec<u8>) -> Result<(), WireError> {
    let sending = socket.send(Message::Binary(bytes.into()));
    match tokio::time::timeout(WRITE_LIMIT, sending).await {
        Ok(sent) => Ok(sent?),
        Err(_) => Err(WireError::Stalled),
    }
}

/// Length of the connection header (with optional edge routing data), `None` while it is incomplete.
fn header_length(start: &[u8]) -> Result<Option<usize>, WireError> {
    let routing = if start.starts_with(b"ED") {
        let Some(length) = start.get(4..7) else {
            return Ok(None);
        };
        7 + (usize::from(length[0]) << 16 | usize::from(length[1]) << 8 | usize::from(length[2]))
    } else {
        0
    };
    if routing > MAX_PREFIX {
        return Err(WireError::Header);
    }
    let Some(header) = start.get(routing..routing + WA_CONN_HEADER.len()) else {
        return Ok(None);
    };
    if header != WA_CONN_HEADER {
        return Err(WireError::Header);
    }
    Ok(Some(routing + WA_CONN_HEADER.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_found_with_and_without_routing_data() {
        assert!(matches!(header_length(&WA_CONN_HEADER), Ok(Some(4))));
        let mut routed = b"ED\x00\x01\x00\x00\x02\xAA\xBB".to_vec();
        assert!(matches!(header_length(&routed), Ok(None)));
        routed.extend_from_slice(&WA_CONN_HEADER);
        assert!(matches!(header_length(&routed), Ok(Some(13))));
    }

    #[test]
    fn another_protocol_is_refused() {
        assert!(matches!(header_length(b"GET / HTTP/1.1"), Err(WireError::Header)));
        assert!(matches!(header_length(b"ED\x00\x01\xff\xff\xff"), Err(WireError::Header)));
    }
}
