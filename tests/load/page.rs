//! What a browser does on the onboarding page, as far as the server notices: one socket in the namespace `/marketplace`.

use anyhow::{Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// An open page. Its socket answers pings until the page is dropped.
pub struct Page {
    reading: JoinHandle<()>,
}

impl Page {
    /// Opens the socket and waits for the first code.
    pub async fn with_qr(port: u16, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let url = format!("ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket");
        let (mut socket, _) = client_async(url, stream).await?;
        loop {
            match next_packet(&mut socket).await?.as_str() {
                packet if packet.starts_with('0') => {
                    let connect = format!("40/marketplace,{}", json!({"token": token}));
                    socket.send(Message::text(connect)).await?;
                }
                packet if packet.starts_with("44/") => bail!("the namespace refuses the token: {packet}"),
                packet if event_name(packet).as_deref() == Some("qr-update") => break,
                _ => {}
            }
        }
        let reading = tokio::spawn(async move { while next_packet(&mut socket).await.is_ok() {} });
        Ok(Self { reading })
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// The next packet; pings are answered on the way.
async fn next_packet(socket: &mut WebSocketStream<TcpStream>) -> Result<String> {
    loop {
        let Some(message) = socket.next().await else { bail!("the server closed the socket") };
        match message? {
            Message::Text(text) if text.as_str() == "2" => socket.send(Message::text("3")).await?,
            Message::Text(text) => return Ok(text.as_str().to_owned()),
            Message::Close(_) => bail!("the server closed the socket"),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

/// `42/marketplace,["name",…]`
fn event_name(packet: &str) -> Option<String> {
    let event: Value = serde_json::from_str(packet.strip_prefix("42/marketplace,")?).ok()?;
    event[0].as_str().map(str::to_owned)
}
