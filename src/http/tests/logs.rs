//! What the log says about requests, and what it never says.

use std::io;
use std::sync::mpsc;

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// Lines of the log, in order.
#[derive(Clone)]
struct Lines(mpsc::Sender<Vec<u8>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything this thread logs while the guard lives.
fn listen() -> (tracing::subscriber::DefaultGuard, mpsc::Receiver<Vec<u8>>) {
    let (sender, lines) = mpsc::channel();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(Lines(sender)).finish();
    (tracing::subscriber::set_default(subscriber), lines)
}

#[tokio::test]
async fn tokens_paths_and_queries_stay_out_of_the_log_and_the_route_is_in_it() {
    let (_guard, lines) = listen();
    let desk = Desk::open().await;
    let (query, path, bearer, body) = ("S3cretQuery", "S3cretPath", "S3cretBearer", "S3cretBody");
    desk.get(&format!("/marketplace/onboarding?token={query}")).await.is_page(401);
    desk.get(&format!("/unknown/{path}")).await.is_error(404, "NOT_FOUND", &[]);
    desk.get_as(&format!("/marketplace/api/status/{path}"), bearer).await.is_error(401, "AUTH_INVALID", &[]);
    desk.post_json("/marketplace/activate", &json!({"token": body})).await.is_error(401, "AUTH_INVALID", &[]);
    desk.post_json("/webhook/yclients", &json!({"partner_token": body})).await.is_error(401, "AUTH_INVALID", &[]);
    desk.send(request(Method::from_bytes(path.as_bytes()).unwrap(), "/health", Body::empty())).await;

    let log = lines.try_iter().map(|line| String::from_utf8(line).unwrap()).collect::<String>();
    for secret in [query, path, bearer, body] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    for field in [
        "http.request",
        "request.id=",
        "http.route=\"/marketplace/onboarding\"",
        "http.route=\"unmatched\"",
        "http.status=401",
        "latency_ms=",
    ] {
        assert!(log.contains(field), "no {field} in {log}");
    }
}

#[tokio::test]
async fn a_failure_of_ours_is_logged_once_with_its_cause_and_told_without_it() {
    let (_guard, lines) = listen();
    let desk = Desk::open().await;
    desk.world.records.fail_next_commits(1);
    let body = json!({"salon_id": 501, "event": "freeze", "partner_token": PARTNER_TOKEN});
    let answer = desk.post_json("/webhook/yclients", &body).await;
    answer.is_error(503, "STORE_UNAVAILABLE", &["retry_after"]);
    assert!(!answer.text.contains("scripted failure"));

    let log = lines.try_iter().map(|line| String::from_utf8(line).unwrap()).collect::<String>();
    assert_eq!(log.matches("request could not be served").count(), 1, "{log}");
    assert!(log.contains("scripted failure") && log.contains(answer.header("x-request-id")), "{log}");
}
