//! A Socket.IO client of a few lines, so that the tests see the frames themselves.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::super::NAMESPACE;

/// Longest wait for anything; reached only by failures.
const WAIT: Duration = Duration::from_secs(15);

/// How a client introduces itself.
#[derive(Default, Clone)]
pub struct Hello {
    pub headers: Vec<(&'static str, String)>,
    pub query: String,
    pub auth: Value,
}

impl Hello {
    pub fn auth(token: &str) -> Self {
        Self { auth: serde_json::json!({ "token": token }), ..Self::default() }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A client that joined the namespace.
pub struct Client {
    socket: WebSocketStream<TcpStream>,
    namespace: &'static str,
    next_ack: u32,
    /// Events heard while waiting for something else.
    heard: std::collections::VecDeque<(String, Value)>,
}

/// One packet of the namespace.
#[derive(Debug)]
enum Packet {
    Joined,
    Refused(String),
    Left,
    Event(String, Value),
    Ack(u32, Value),
}

impl Client {
    /// Joins the owners' namespace, or tells the message of the `connect_error`.
    pub async fn join(address: SocketAddr, hello: Hello) -> Result<Self, String> {
        Self::join_in(NAMESPACE, address, hello).await
    }

    /// Joins a namespace, or tells the message of the `connect_error`.
    pub async fn join_in(namespace: &'static str, address: SocketAddr, hello: Hello) -> Result<Self, String> {
        let uri = format!("ws://{address}/socket.io/?EIO=4&transport=websocket{}", hello.query);
        let mut request = uri.into_client_request().unwrap();
        for (name, value) in hello.headers {
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        let (socket, _) = client_async(request, stream).await.unwrap();
        let mut client = Self { socket, namespace, next_ack: 0, heard: Default::default() };
        let auth = if hello.auth.is_null() { String::new() } else { hello.auth.to_string() };
        client.write(format!("40{namespace},{auth}")).await;
        match client.packet().await {
            Some(Packet::Joined) => Ok(client),
            Some(Packet::Refused(message)) => Err(message),
            other => panic!("neither joined nor refused: {other:?}"),
        }
    }

    /// The next event of any name; `None` when the server disconnected or closed.
    pub async fn event(&mut self) -> Option<(String, Value)> {
        if let Some(event) = self.heard.pop_front() {
            return Some(event);
        }
        match self.packet().await {
            Some(Packet::Event(name, payload)) => Some((name, payload)),
            Some(Packet::Left) | None => None,
            other => panic!("unexpected: {other:?}"),
        }
    }

    /// Waits for an event of this name that fulfils `wanted`; earlier ones are dropped.
    pub async fn hear(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (heard, payload) = self.event().await.unwrap_or_else(|| panic!("closed before {name}"));
            if heard == name && wanted(&payload) {
                return payload;
            }
        }
    }

    /// Sends an event and waits for its ack.
    pub async fn ask(&mut self, name: &str, payload: Value) -> Value {
        let id = self.next_ack;
        self.next_ack += 1;
        let event = if payload.is_null() { serde_json::json!([name]) } else { serde_json::json!([name, payload]) };
        self.write(format!("42{},{id}{event}", self.namespace)).await;
        loop {
            match self.packet().await {
                Some(Packet::Ack(acked, answer)) if acked == id => return answer,
                Some(Packet::Event(name, payload)) => self.heard.push_back((name, payload)),
                other => panic!("no ack for {name}: {other:?}"),
            }
        }
    }

    /// Sends an event without waiting for an ack.
    pub async fn say(&mut self, name: &str, payload: Value) {
        let event = serde_json::json!([name, payload]);
        self.write(format!("42{},{event}", self.namespace)).await;
    }

    /// Sends a text as it is.
    pub async fn write(&mut self, text: String) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Waits until the server closes the connection.
    pub async fn until_closed(&mut self) {
        while self.packet().await.is_some() {}
    }

    /// The next packet of the namespace; pings are answered. `None` when the connection is closed.
    async fn packet(&mut self) -> Option<Packet> {
        loop {
            let message = tokio::time::timeout(WAIT, self.socket.next()).await.expect("the server said nothing");
            let text = match message {
                Some(Ok(Message::Text(text))) => text.to_string(),
                Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::Protocol(_) | Error::Io(_))) | None => return None,
                other => panic!("unexpected: {other:?}"),
            };
            match text.split_at(1) {
                ("2", _) => self.write("3".to_owned()).await,
                ("4", packet) => return Some(Packet::parse(packet, self.namespace)),
                ("1", _) => return None,
                _ => {}
            }
        }
    }
}

impl Packet {
    fn parse(text: &str, namespace: &str) -> Self {
        let (kind, rest) = text.split_at(1);
        let rest = rest.strip_prefix(namespace).and_then(|rest| rest.strip_prefix(',')).unwrap_or(rest);
        let body = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let id = rest[..rest.len() - body.len()].parse().ok();
        let value: Value = if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() };
        match (kind, id) {
            ("0", _) => Self::Joined,
            ("1", _) => Self::Left,
            ("2", _) => Self::Event(value[0].as_str().unwrap().to_owned(), value[1].clone()),
            ("3", Some(id)) => Self::Ack(id, value[0].clone()),
            ("4", _) => Self::Refused(value["message"].as_str().unwrap().to_owned()),
            _ => panic!("unknown packet {text}"),
        }
    }
}
