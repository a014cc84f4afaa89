//! The port: WebSocket for links, plain HTTP for the version and for media.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use axum::serve::Listener;
use axum::{Router, serve};
use tokio::net::{TcpListener, TcpStream};

use super::link;
use super::world::World;

/// The client revision the service announces.
pub(crate) const CLIENT_REVISION: u32 = 1_029_000_000;
/// Largest frame of the protocol, and a bit.
const MAX_MESSAGE: usize = (1 << 24) + 1024;
/// Largest media upload.
const MAX_UPLOAD: usize = 16 * 1024 * 1024;
/// Small buffers keep a thousand idle links cheap; larger stanzas grow them.
const SOCKET_BUFFER: usize = 4096;

/// Serves until the world stops.
pub(crate) async fn run(listener: TcpListener, world: Arc<World>) {
    let router = Router::new()
        .route("/ws/chat", get(open_link))
        .route("/sw.js", get(version))
        .route("/mms/{kind}/{token}", post(upload))
        .route("/blob/{name}", get(download))
        .layer(DefaultBodyLimit::max(MAX_UPLOAD))
        .with_state(world.clone());
    let gate = Gate { listener, world: world.clone() };
    let stop = world.stop.clone();
    let served = serve(gate, router).with_graceful_shutdown(async move { stop.cancelled().await }).await;
    if let Err(error) = served {
        tracing::error!(error = %error, "the simulated WhatsApp port failed");
    }
}

async fn open_link(State(world): State<Arc<World>>, upgrade: WebSocketUpgrade) -> Response {
    if let Some(code) = world.faults.refuses_upgrade() {
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        return (status, [(header::RETRY_AFTER, "60")]).into_response();
    }
    upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE).read_buffer_size(SOCKET_BUFFER).write_buffer_size(0).on_upgrade(
        move |socket| {
            let tasks = world.tasks.clone();
            tasks.track_future(link::serve(world, socket))
        },
    )
}

async fn version() -> impl IntoResponse {
    let script = format!("self.__sandbox = {{\"client_revision\":{CLIENT_REVISION}}};\n");
    ([(header::CONTENT_TYPE, "text/javascript")], script)
}

/// Takes an encrypted blob. A question about an interrupted upload is answered with "nothing there yet".
async fn upload(
    State(world): State<Arc<World>>,
    Path((_, token)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    blob: Bytes,
) -> Response {
    if query.contains_key("resume") && blob.is_empty() {
        return Json(serde_json::json!({ "resume": "0" })).into_response();
    }
    let name = path_name(&token);
    if name.is_empty() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let path = format!("/blob/{name}");
    world.media.put(name, blob);
    Json(serde_json::json!({
        "url": format!("https://mmg.whatsapp.net{path}"),
        "direct_path": path,
    }))
    .into_response()
}

async fn download(State(world): State<Arc<World>>, Path(name): Path<String>) -> Response {
    match world.media.get(&name) {
        Some(blob) => ([(header::CONTENT_TYPE, "application/octet-stream")], blob).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Tokens are base64 of a hash; as a path only their plain characters count.
fn path_name(token: &str) -> String {
    token.chars().filter(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '_')).take(128).collect()
}

/// Accepts connections, without delay on small packets, and plays the fault `refuse_connections`.
struct Gate {
    listener: TcpListener,
    world: Arc<World>,
}

impl Listener for Gate {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let (stream, peer) = Listener::accept(&mut self.listener).await;
            if self.world.faults.refuses(None) {
                continue;
            }
            // Without it every small stanza may wait 40 ms for the peer's delayed acknowledgement.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(error = %error, "a new connection was gone at once");
            }
            return (stream, peer);
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
