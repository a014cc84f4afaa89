//! Every kind of error has the one envelope, and every answer its headers.

use serde_json::json;

use super::*;

#[tokio::test]
async fn unknown_paths_and_methods_have_the_envelope() {
    let desk = Desk::open().await;
    let unknown = ["/nothing", "/marketplace/nothing", "/admin", "/assets/", "/assets/nothing.js", "/marketplace/api/status/"];
    for path in unknown {
        desk.get(path).await.is_error(404, "NOT_FOUND", &[]);
    }
    for (method, path, allowed) in [
        (Method::GET, "/marketplace/register", "POST"),
        (Method::POST, "/marketplace/test", "GET,HEAD"),
        (Method::DELETE, "/", "GET,HEAD"),
        (Method::GET, "/marketplace/api/qr", "POST"),
        (Method::PUT, "/webhook/yclients", "POST"),
        (Method::from_bytes(b"BREW").unwrap(), "/health", "GET,HEAD"),
    ] {
        let answer = desk.send(request(method, path, Body::empty())).await;
        answer.is_error(405, "METHOD_NOT_ALLOWED", &[]);
        assert_eq!(answer.header(header::ALLOW), allowed, "{path}");
    }
}

#[tokio::test]
async fn a_browser_gets_a_page_for_an_unknown_path() {
    let desk = Desk::open().await;
    let mut wish = request(Method::GET, "/nothing", Body::empty());
    wish.headers_mut().insert(header::ACCEPT, "text/html,application/xhtml+xml".parse().unwrap());
    wish.headers_mut().insert(header::ACCEPT_LANGUAGE, "en".parse().unwrap());
    let answer = desk.send(wish).await;
    assert_eq!(answer.status, 404);
    assert!(answer.header(header::CONTENT_TYPE).starts_with("text/html"));
    assert!(answer.text.contains("There is no such page") && answer.text.contains(answer.header("x-request-id")));
}

#[tokio::test]
async fn bad_bodies_have_the_envelope() {
    let desk = Desk::open().await;
    let path = "/marketplace/activate";
    for body in ["{", "{\"token\":}", "\u{feff}{}", "token=x", "{\"token\":\"\\ud800\"}"] {
        desk.send(json_request(path, body.to_owned())).await.is_error(400, "MALFORMED_JSON", &[]);
    }
    desk.send(json_request(path, vec![b'"', 0xff, b'"'])).await.is_error(400, "MALFORMED_JSON", &[]);
    desk.send(json_request(path, "[".repeat(5000))).await.is_error(400, "MALFORMED_JSON", &[]);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let body = Body::from(json!({"token": "x"}).to_string());
        let request = with_header(request(Method::POST, path, body), "content-type", kind);
        desk.send(request).await.is_error(415, "UNSUPPORTED_MEDIA_TYPE", &[]);
    }
    let charset = with_header(request(Method::POST, path, Body::from("{}")), "content-type", "Application/JSON; charset=utf-8");
    desk.send(charset).await.is_error(400, "TOKEN_REQUIRED", &[]);
}

#[tokio::test]
async fn too_large_bodies_have_the_envelope_and_webhooks_may_be_larger() {
    let desk = Desk::open().await;
    let body = |bytes: usize| json!({"token": "x".repeat(bytes)}).to_string();
    desk.send(json_request("/marketplace/activate", body(60_000))).await.is_error(401, "AUTH_INVALID", &[]);
    desk.send(json_request("/marketplace/activate", body(66_000))).await.is_error(413, "BODY_TOO_LARGE", &[]);
    for path in ["/webhook/yclients", "/callback/yclients"] {
        desk.send(json_request(path, body(1_000_000))).await.is_error(401, "AUTH_REQUIRED", &[]);
        desk.send(json_request(path, body(1_048_600))).await.is_error(413, "BODY_TOO_LARGE", &[]);
    }
}

#[tokio::test]
async fn a_sane_request_id_is_kept_and_a_wild_one_replaced() {
    let desk = Desk::open().await;
    let ask = async |id: &str| {
        let request = with_header(request(Method::GET, "/nothing", Body::empty()), "x-request-id", id);
        let answer = desk.send(request).await;
        answer.is_error(404, "NOT_FOUND", &[]);
        answer.header("x-request-id").to_owned()
    };
    assert_eq!(ask("Trace_1-a").await, "Trace_1-a");
    for wild in ["", " ", "a b", "<script>", "a\"b", &"x".repeat(65), "a;b"] {
        let id = ask(wild).await;
        assert!(id.len() == 32 && id != wild, "{wild:?} became {id}");
    }
    assert_ne!(ask("").await, ask("").await);
}

#[tokio::test]
async fn pages_carry_their_hardening_and_so_does_json() {
    let settings = HttpSettings {
        base_url: "https://desk.example.com".parse().unwrap(),
        production: true,
        per_ip_limits: false,
        ..HttpSettings::default()
    };
    let desk = Desk::with(settings).await;
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                  connect-src 'self' wss://desk.example.com; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
    for path in ["/", "/marketplace/", "/marketplace/onboarding", "/auth/yclients/redirect", "/nothing", "/health"] {
        let answer = desk.get(path).await;
        assert_eq!(answer.header(header::CONTENT_SECURITY_POLICY), policy, "{path}");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
        assert_eq!(answer.header(header::REFERRER_POLICY), "no-referrer", "{path}");
        assert_eq!(answer.header(header::X_FRAME_OPTIONS), "DENY", "{path}");
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store", "{path}");
        assert!(answer.header(header::STRICT_TRANSPORT_SECURITY).starts_with("max-age="), "{path}");
    }
}

#[tokio::test]
async fn cors_names_our_origins_and_no_others() {
    let settings = HttpSettings { base_url: "https://desk.example.com".parse().unwrap(), production: true, ..HttpSettings::default() };
    let desk = Desk::with(settings).await;
    let ask = async |origin: &str| {
        let preflight = with_header(request(Method::OPTIONS, "/marketplace/api/qr", Body::empty()), "origin", origin);
        let preflight = with_header(preflight, "access-control-request-method", "POST");
        desk.send(preflight).await.header(header::ACCESS_CONTROL_ALLOW_ORIGIN).to_owned()
    };
    for ours in ["https://desk.example.com", "https://yclients.com", "https://n77.yclients.com"] {
        assert_eq!(ask(ours).await, ours);
    }
    for other in ["https://evil.tld", "https://yclients.com.evil.tld", "https://n.yclients.com", "http://127.0.0.1:3000", "null"] {
        assert_eq!(ask(other).await, "", "{other}");
    }
}

#[tokio::test]
async fn a_panic_and_an_endless_wait_become_answers() {
    let desk = Desk::open().await;
    let panicking = Router::new()
        .route("/panics", get(async || -> &'static str { panic!("on purpose") }))
        .route("/waits", get(async || std::future::pending::<()>().await))
        .layer(from_fn_with_state(Duration::from_millis(50), layers::guard))
        .layer(from_fn_with_state(desk.state.clone(), layers::observe));
    let desk = Desk { router: panicking, ..desk };
    desk.get("/panics").await.is_error(500, "INTERNAL", &[]);
    desk.get("/waits").await.is_error(503, "TIMEOUT", &["retry_after"]);
    desk.get("/panics").await.is_error(500, "INTERNAL", &[]);
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let desk = Desk::open().await;
    for path in ["/", "/health", "/marketplace/test", "/assets/app.css", "/robots.txt"] {
        let answer = desk.send(request(Method::HEAD, path, Body::empty())).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""), "{path}");
    }
    let answer = desk.send(request(Method::HEAD, "/nothing", Body::empty())).await;
    assert_eq!(answer.status, 404);
}
