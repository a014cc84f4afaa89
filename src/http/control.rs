//! What the command line asks of a running server, on the ops listener. The credential is a file that only the server's own user can read.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

/// Records in the backup that follows.
pub const RECORDS_HEADER: &str = "x-frontdesk-records";
/// Its SHA-256, in hexadecimal digits.
pub const SHA256_HEADER: &str = "x-frontdesk-sha256";

/// Bytes of a backup read at once.
const PIECE_BYTES: usize = 64 * 1024;

/// What the command line may ask for.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// Makes a verified backup. Its file is gone when it is closed.
    async fn back_up(&self) -> Result<MadeBackup, ControlError>;
}

/// A verified backup, to be sent.
pub struct MadeBackup {
    /// Open at its beginning.
    pub file: File,
    /// Length.
    pub bytes: u64,
    /// Records in it.
    pub records: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// Why not; the text says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlError {
    /// One at a time.
    Busy(String),
    /// Our side.
    Failed(String),
}

/// The door and what is behind it.
#[derive(Clone)]
pub struct ControlState {
    /// The credential of this run of the server.
    pub token: Arc<SecretString>,
    /// The server's inside.
    pub control: Arc<dyn Control>,
}

/// `POST /control/backup`: the file.
pub async fn back_up(State(state): State<super::OpsState>, headers: HeaderMap) -> Response {
    let Some(door) = state.control.borrow().clone() else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "the server is starting or stopping; try again in a few seconds");
    };
    if !opens(&door, &headers) {
        return refusal(StatusCode::UNAUTHORIZED, "the credential is in the file control.json of the data folder, anew at every start");
    }
    match door.control.back_up().await {
        Ok(made) => send(made),
        Err(ControlError::Busy(words)) => refusal(StatusCode::CONFLICT, &words),
        Err(ControlError::Failed(words)) => refusal(StatusCode::SERVICE_UNAVAILABLE, &words),
    }
}

fn opens(door: &ControlState, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    given.is_some_and(|given| bool::from(given.ct_eq(door.token.expose_secret().as_bytes())))
}

fn refusal(status: StatusCode, words: &str) -> Response {
    (status, format!("{words}\n")).into_response()
}

fn send(made: MadeBackup) -> Response {
    let headers = [
        (header::CONTENT_TYPE.as_str(), "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH.as_str(), made.bytes.to_string()),
        (RECORDS_HEADER, made.records.to_string()),
        (SHA256_HEADER, hex::encode(made.sha256)),
    ];
    let pieces = stream::try_unfold(made.file, |mut file| async move {
        let mut piece = vec![0; PIECE_BYTES];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(piece), file)))
    });
    (headers, Body::from_stream(pieces)).into_response()
}
