//! The same router on a real loopback socket, byte by byte.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use super::*;

struct Wire {
    address: SocketAddr,
    _server: AbortOnDropHandle<()>,
}

impl Wire {
    async fn open(settings: HttpSettings) -> Self {
        let desk = Desk::with(settings).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = desk.router.clone().into_make_service_with_connect_info::<SocketAddr>();
        let serve = async move {
            let _world = desk;
            axum::serve(listener, service).await.unwrap();
        };
        Self { address, _server: AbortOnDropHandle::new(tokio::spawn(serve)) }
    }

    /// Sends these bytes and reads until the server closes.
    async fn talk(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        // A server that has heard enough may close before everything is written.
        let write = async {
            let _ = writer.write_all(bytes).await;
        };
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), reader.read_to_end(&mut answer));
        let (_, read) = tokio::join!(write, read);
        let _ = read.expect("the server closes the connection");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn post(path: &str, framing: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n{framing}\r\n\r\n{body}")
        .into_bytes()
}

#[tokio::test]
async fn large_bodies_are_refused_however_they_are_framed() {
    let wire = Wire::open(HttpSettings::default()).await;
    let body = "x".repeat(70_000);
    let plain = wire.talk(&post("/marketplace/activate", "Content-Length: 70000", &body)).await;
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let chunked = wire.talk(&post("/marketplace/activate", "Transfer-Encoding: chunked", &chunked)).await;
    for answer in [plain, chunked] {
        assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("\"code\":\"BODY_TOO_LARGE\""), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_ends_early_disturbs_nobody() {
    let wire = Wire::open(HttpSettings::default()).await;
    let mut stream = TcpStream::connect(wire.address).await.unwrap();
    stream.write_all(&post("/webhook/yclients", "Content-Length: 100", "{\"salon_id\":")).await.unwrap();
    drop(stream);
    let answer = wire.talk(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn head_sends_headers_only_and_odd_targets_get_the_envelope() {
    let wire = Wire::open(HttpSettings::default()).await;
    for path in ["/health", "/nothing"] {
        let answer = wire.talk(format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await;
        assert!(answer.ends_with("\r\n\r\n") && answer.contains("content-length: "), "{answer}");
    }
    for target in ["/../../etc/passwd", "/assets/../../Cargo.toml", "//evil.tld/marketplace/test", "http://evil.tld/nothing"] {
        let answer = wire.talk(format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("\"code\":\"NOT_FOUND\""), "{target}: {answer}");
    }
}

#[tokio::test]
async fn the_peer_of_the_connection_is_the_client() {
    let wire = Wire::open(HttpSettings::default()).await;
    let ask = |forwarded: u32| {
        let text =
            format!("GET /marketplace/test HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.{forwarded}\r\nConnection: close\r\n\r\n");
        text.into_bytes()
    };
    let mut statuses = Vec::new();
    for forwarded in 1..=250 {
        let answer = wire.talk(&ask(forwarded)).await;
        statuses.push(answer[9..12].to_owned());
        if statuses.last().is_some_and(|status| status == "429") {
            return;
        }
    }
    panic!("250 requests of one peer passed: {statuses:?}");
}
