//! Strangers on real sockets.

use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(20);

struct Served {
    address: SocketAddr,
    stopping: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

async fn served(router: Router, limits: ListenLimits) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stopping = CancellationToken::new();
    let task = tokio::spawn(serve(listener, router, limits, stopping.clone()));
    Served { address, stopping, task }
}

fn limits() -> ListenLimits {
    ListenLimits { head_within: Duration::from_millis(300), head_bytes: 16 * 1024, connections: 100, per_address: None, name: "test" }
}

fn echo() -> Router {
    Router::new()
        .route("/who", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string()))
        .route("/size", post(async |body: Bytes| body.len().to_string()))
}

/// Everything until the server closes the connection.
async fn rest(socket: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is a close too: the server does not read on what it refused.
    let _ = timeout(SOON, socket.read_to_end(&mut text)).await.expect("the server closes the connection");
    String::from_utf8_lossy(&text).into_owned()
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    rest(&mut socket).await
}

#[tokio::test]
async fn requests_are_answered_and_the_peer_is_known() {
    let served = served(echo(), limits()).await;
    let answer = ask(served.address, "GET /who HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
    let answer = ask(served.address, "POST /size HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 4\r\n\r\nabcd").await;
    assert!(answer.ends_with("\r\n\r\n4"), "{answer}");
}

#[tokio::test]
async fn who_says_nothing_or_drips_a_head_is_closed() {
    let served = served(echo(), limits()).await;
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    rest(&mut silent).await;
    let (mut reader, mut writer) = TcpStream::connect(served.address).await.unwrap().into_split();
    let dripping = tokio::spawn(async move {
        for byte in b"GET /who HTTP/1.1\r\nx-long: ".iter().chain(std::iter::repeat(&b'a')) {
            if writer.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut text = Vec::new();
    let _ = timeout(SOON, reader.read_to_end(&mut text)).await.expect("dripping does not keep a connection");
    dripping.abort();
}

#[tokio::test]
async fn a_connection_that_idles_between_requests_is_closed() {
    let served = served(echo(), limits()).await;
    let answer = ask(served.address, "GET /who HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_head_beyond_the_limit_is_refused() {
    let served = served(echo(), limits()).await;
    let answer = ask(served.address, &format!("GET /who HTTP/1.1\r\nhost: x\r\nx-big: {}\r\n\r\n", "a".repeat(64 * 1024))).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_a_free_place_is_taken_again() {
    let patient = ListenLimits { head_within: SOON, connections: 2, ..limits() };
    let served = served(echo(), patient).await;
    let first = TcpStream::connect(served.address).await.unwrap();
    let _second = TcpStream::connect(served.address).await.unwrap();
    let mut third = TcpStream::connect(served.address).await.unwrap();
    assert_eq!(rest(&mut third).await, "");
    drop(first);
    let request = "GET /who HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answered = async { while !ask(served.address, request).await.starts_with("HTTP/1.1 200") {} };
    timeout(SOON, answered).await.expect("the place of the closed connection is free again");
}

#[tokio::test]
async fn stopping_lets_a_running_request_finish_and_closes_idle_connections() {
    let (entered, go_on) = (std::sync::Arc::new(Notify::new()), std::sync::Arc::new(Notify::new()));
    let (enter, go) = (entered.clone(), go_on.clone());
    let slow = async move || {
        enter.notify_one();
        go.notified().await;
        "finished"
    };
    let served = served(Router::new().route("/slow", get(slow)), ListenLimits { head_within: SOON, ..limits() }).await;
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    let mut busy = TcpStream::connect(served.address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    timeout(SOON, entered.notified()).await.unwrap();
    served.stopping.cancel();
    assert_eq!(rest(&mut idle).await, "");
    go_on.notify_one();
    assert!(rest(&mut busy).await.ends_with("finished"));
    timeout(SOON, served.task).await.unwrap().unwrap().unwrap();
}
