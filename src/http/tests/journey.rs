//! The owner's way: redirect, page, code, status, activation; and what the pages and probes say on the way.

use frontdesk_actors::ports::{Installation, MarketplaceError};
use frontdesk_actors::testing::{LinkScript, until};
use frontdesk_actors::view::ActivationView;
use serde_json::json;

use super::*;

const REDIRECT: &str = "/auth/yclients/redirect?salon_id=77";

#[tokio::test]
async fn the_redirect_leads_to_the_page_with_a_token_of_one_hour() {
    let desk = Desk::open().await;
    let answer = desk.get(REDIRECT).await;
    assert_eq!(answer.status, 302, "{}", answer.text);
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(answer.header(header::REFERRER_POLICY), "no-referrer");
    let location = answer.header(header::LOCATION);
    let token = location.strip_prefix("/marketplace/onboarding?token=").unwrap();
    let principal = desk.state.tokens.verify(token).unwrap();
    assert_eq!((principal.salon.get(), principal.audience), (77, Audience::Onboarding));
    let left = (principal.expires_at - Utc::now()).num_seconds();
    assert!((3590..=3600).contains(&left), "{left} s left");
    desk.get(location).await.is_page(200);
}

#[tokio::test]
async fn a_base_url_with_a_path_is_kept_in_the_redirect() {
    let base_url = "https://example.com/desk/".parse().unwrap();
    let desk = Desk::with(HttpSettings { base_url, per_ip_limits: false, ..HttpSettings::default() }).await;
    let answer = desk.get(REDIRECT).await;
    assert!(answer.header(header::LOCATION).starts_with("/desk/marketplace/onboarding?token="));
}

#[tokio::test]
async fn each_reason_against_a_registration_is_its_own_page() {
    let desk = Desk::open().await;
    let marketplace = &desk.world.marketplace;
    marketplace.next_installation(Ok(Installation::NotInstalled));
    desk.get(REDIRECT).await.is_page(403);
    marketplace.next_installation(Err(MarketplaceError::Retryable { after: Some(Duration::from_secs(7)) }));
    let down = desk.get(REDIRECT).await;
    down.is_page(502);
    assert_eq!(down.header(header::RETRY_AFTER), "7");
    desk.world.records.fail_next_commits(3);
    desk.get(REDIRECT).await.is_page(503);
    marketplace.set_missing(vec!["partner_token"]);
    desk.get(REDIRECT).await.is_page(503);
    desk.get("/auth/yclients/redirect").await.is_page(503);
}

#[tokio::test]
async fn pages_speak_the_visitors_language_also_in_errors() {
    let desk = Desk::open().await;
    let ask = async |path: &str, header: &'static str, value: &str| {
        desk.send(with_header(request(Method::GET, path, Body::empty()), header, value)).await
    };
    for path in ["/", "/auth/yclients/redirect", "/marketplace/onboarding"] {
        assert!(ask(path, "accept-language", "en-GB,en;q=0.9").await.text.contains("lang=\"en\""), "{path}");
        assert!(ask(path, "accept-language", "ru-RU").await.text.contains("<html lang=\"ru\""), "{path}");
        assert!(ask(path, "cookie", "a=b; lang=en").await.text.contains("<html lang=\"en\""), "{path}");
    }
    let chosen = desk.get("/?lang=en").await;
    assert!(chosen.text.contains("<html lang=\"en\""));
    assert!(chosen.header(header::SET_COOKIE).starts_with("lang=en; Path=/;"));
    assert_eq!(desk.get("/?lang=%3Cscript%3E").await.header(header::SET_COOKIE), "");
}

#[tokio::test]
async fn a_qr_code_comes_with_its_picture_and_time() {
    let desk = Desk::open().await;
    let company = desk.register(77).await;
    let answer = desk.post_as("/marketplace/api/qr", &desk.token(&company)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    assert_eq!((body["success"].clone(), body["session_id"].clone()), (json!(true), json!("company_77")));
    assert_eq!(body["qr"], "qr-1");
    assert!(body["image"].as_str().unwrap().starts_with("data:image/svg+xml"));
    let left = body["expires_in"].as_i64().unwrap();
    assert!((1..=60).contains(&left), "{left}");
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
}

#[tokio::test]
async fn without_a_code_in_time_the_answer_says_when_to_ask_again() {
    let desk = Desk::with(HttpSettings { qr_wait: Duration::from_millis(50), ..HttpSettings::default() }).await;
    let company = desk.register(77).await;
    desk.world.connector.script_all(LinkScript::silent());
    let answer = desk.post_as("/marketplace/api/qr", &desk.token(&company)).await;
    answer.is_error(503, "QR_NOT_READY", &["retry_after"]);
    assert_eq!(answer.header(header::RETRY_AFTER), "5");
}

#[tokio::test]
async fn a_connected_salon_gets_no_code_and_a_true_status() {
    let desk = Desk::open().await;
    let company = desk.online(77).await;
    let token = desk.token(&company);
    desk.post_as("/marketplace/api/qr", &token).await.is_error(409, "ALREADY_CONNECTED", &[]);
    let body = desk.get_as("/marketplace/api/status/company_77", &token).await.json();
    assert_eq!(body["success"], true);
    assert_eq!(body["status"], "connected");
    assert_eq!(body["connected"], true);
    assert_eq!(body["state"], "Online");
    assert_eq!(body["session_id"], "company_77");
    assert_eq!(body["phoneNumber"], account(1).phone.e164());
    assert_eq!((body["hasQR"].clone(), body["hasPairingCode"].clone()), (json!(false), json!(false)));
    let since = body["since"].as_str().unwrap();
    assert!(chrono::DateTime::parse_from_rfc3339(since).is_ok(), "{since}");
}

#[tokio::test]
async fn the_status_tells_of_a_code_and_never_shows_it() {
    let desk = Desk::open().await;
    let company = desk.register(77).await;
    let token = desk.token(&company);
    let before = desk.get_as("/marketplace/api/status/company_77", &token).await.json();
    assert_eq!(before["status"], "not_initialized");
    assert_eq!(desk.post_as("/marketplace/api/qr", &token).await.status, 200);
    let answer = desk.get_as("/marketplace/api/status/company_77", &token).await;
    let body = answer.json();
    assert_eq!(
        (body["status"].clone(), body["hasQR"].clone(), body["state"].clone()),
        (json!("disconnected"), json!(true), json!("AwaitingScan"))
    );
    assert!(!answer.text.contains("qr-1"));
}

#[tokio::test]
async fn activation_before_the_scan_is_refused_and_afterwards_told() {
    let desk = Desk::open().await;
    let pending = desk.register(78).await;
    let activate = async |company| desk.post_json("/marketplace/activate", &json!({"token": desk.token(company)})).await;
    activate(&pending).await.is_error(409, "NOT_CONNECTED", &[]);

    let company = desk.online(77).await;
    assert_eq!(activate(&company).await.status, 200);
    until(&company, |view| view.activation == ActivationView::Active).await;
    let answer = activate(&company).await;
    let body = answer.json();
    assert_eq!(body["success"], true);
    assert_eq!(body["salon_id"], 77);
    assert_eq!(body["company_id"], company.company_id().get());
    assert_eq!(body["yclients_response"], "active");
    assert_eq!(body["activation"]["status"], "active");
    assert_eq!(desk.world.marketplace.activations(company.salon_id()), 1);
}

#[tokio::test]
async fn the_test_route_names_what_is_missing() {
    let desk = Desk::open().await;
    let body = desk.get("/marketplace/test").await.json();
    assert_eq!((body["ready"].clone(), body["missing"].clone()), (json!(true), json!([])));
    desk.world.marketplace.set_missing(vec!["partner_token", "application_id"]);
    let body = desk.get("/marketplace/test").await.json();
    assert_eq!(body["ready"], false);
    assert_eq!(body["missing"], json!(["partner_token", "application_id"]));
}

/// A log level that nobody changes.
struct FixedLevel;

impl LogLevel for FixedLevel {
    fn present(&self) -> (String, Option<Duration>) {
        ("info".to_owned(), None)
    }

    fn change(&self, _: &str, _: Duration) -> Result<(), String> {
        Err("fixed".to_owned())
    }

    fn reset(&self) -> Result<(), String> {
        Ok(())
    }
}

#[tokio::test]
async fn health_follows_the_phase() {
    let desk = Desk::open().await;
    let metrics: Arc<dyn Fn() -> String + Send + Sync> = Arc::new(|| "frontdesk_up 1\n".to_owned());
    let liveness = Liveness::new(Duration::from_secs(30));
    let (_, control) = tokio::sync::watch::channel(None);
    let levels = Arc::new(FixedLevel);
    let ops = ops_router(OpsState { metrics, readiness: desk.state.readiness.clone(), liveness, levels, control });
    let ops = Desk {
        router: ops,
        world: desk.world.clone(),
        state: desk.state.clone(),
        records: desk.records.clone(),
        reconciler: desk.reconciler.clone(),
    };
    assert_eq!(ops.get("/metrics").await.text, "frontdesk_up 1\n");
    for path in ["/health", "/marketplace/health"] {
        assert_eq!(desk.get(path).await.json()["status"], "ok");
    }
    for (phase, code) in [(Phase::StoreFailed, "STORE_UNAVAILABLE"), (Phase::Draining, "DRAINING")] {
        desk.state.readiness.enter(phase);
        desk.get("/health").await.is_error(503, code, &["status", "retry_after"]);
        assert_eq!(ops.get("/readyz").await.status, 503);
        assert_eq!(ops.get("/livez").await.status, 200);
    }
}

#[tokio::test]
async fn assets_are_cached_by_content() {
    let desk = Desk::open().await;
    let answer = desk.get("/assets/app.css").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header(header::CONTENT_TYPE).starts_with("text/css"));
    let tag = answer.header(header::ETAG).to_owned();
    assert_eq!(answer.header(header::CACHE_CONTROL), "public, no-cache");
    let again = with_header(request(Method::GET, "/assets/app.css", Body::empty()), "if-none-match", &tag);
    let again = desk.send(again).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    let console = desk.get("/console/").await.text;
    let root = console.split("\"/assets/").nth(1).unwrap().split('/').next().unwrap();
    let kept = desk.get(&format!("/assets/{root}/app.css")).await;
    assert!(kept.header(header::CACHE_CONTROL).contains("immutable"), "{:?}", kept.headers);
    let older = desk.get("/assets/v-0123456789abcdef/app.css").await;
    assert_eq!((older.status.as_u16(), older.header(header::CACHE_CONTROL)), (200, "public, no-cache"), "an older page goes on");
    assert_eq!(desk.get("/robots.txt").await.text, "User-agent: *\nDisallow: /\n");
    assert_eq!(desk.get("/favicon.ico").await.status, 204);
}
