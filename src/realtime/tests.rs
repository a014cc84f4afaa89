//! Over real sockets, frame by frame: what any Socket.IO client relies on.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use chrono::{TimeDelta, Utc};
use frontdesk_actors::CompanyHandle;
use frontdesk_actors::ports::SystemClock;
use frontdesk_actors::settings::FleetSettings;
use frontdesk_actors::testing::{LinkScript, PAIRING_CODE, World, account, qr_fact, wait_until};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::admission::AdmissionSettings;
use crate::auth::Audience;

mod client;
mod console;
mod endings;

use client::{Client, Hello};

#[derive(Default)]
struct Counts {
    opened: AtomicUsize,
    closed: AtomicUsize,
    refused: AtomicUsize,
    ended: AtomicUsize,
}

impl RealtimeObserver for Counts {
    fn opened(&self) {
        self.opened.fetch_add(1, Ordering::SeqCst);
    }
    fn closed(&self) {
        self.closed.fetch_add(1, Ordering::SeqCst);
    }
    fn refused(&self, _: RefusalCode) {
        self.refused.fetch_add(1, Ordering::SeqCst);
    }
    fn ended(&self, _: &'static str) {
        self.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// A server on a port of its own, with fakes behind it. Companies show a QR code as soon as somebody looks.
struct House {
    address: SocketAddr,
    world: World,
    fleet: FleetHandle,
    tokens: Tokens,
    counts: Arc<Counts>,
    io: SocketIo,
    _server: AbortOnDropHandle<()>,
}

impl House {
    async fn open() -> Self {
        Self::with(RealtimeSettings::default(), false).await
    }

    async fn with(settings: RealtimeSettings, per_ip_limits: bool) -> Self {
        let world = World::new();
        world.connector.script_all(LinkScript::qr());
        let mut ports = world.ports();
        ports.clock = Arc::new(SystemClock);
        let fleet = FleetHandle::start(ports, FleetSettings::default()).await.unwrap();
        let tokens = Tokens::new(&SecretString::from("a secret of at least thirty-two bytes"));
        let counts = Arc::new(Counts::default());
        let admission = Admission::new(AdmissionSettings { per_ip_limits, ..AdmissionSettings::default() });
        let origins = OriginPolicy::new(&"https://frontdesk.example".parse().unwrap(), OriginPolicy::yclients(), true);
        let (layer, io) = layer(RealtimeState {
            fleet: fleet.clone(),
            tokens: tokens.clone(),
            admission: Arc::new(admission),
            origins,
            settings,
            observer: counts.clone(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = Router::new().layer(layer).into_make_service_with_connect_info::<SocketAddr>();
        let listener = listener.tap_io(|stream| tune_socket(stream).unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self { address, world, fleet, tokens, counts, io, _server: AbortOnDropHandle::new(server) }
    }

    /// A registered salon and a token for it.
    async fn salon(&self, id: u64) -> (CompanyHandle, String) {
        let company = self.world.register(&self.fleet, id).await;
        let token = self.token(&company, TimeDelta::zero());
        (company, token)
    }

    /// An onboarding token minted `ago`; it lives for an hour.
    fn token(&self, company: &CompanyHandle, ago: TimeDelta) -> String {
        self.tokens.mint(Audience::Onboarding, company.company_id(), company.salon_id(), Utc::now() - ago)
    }

    async fn join(&self, hello: Hello) -> Result<Client, String> {
        Client::join(self.address, hello).await
    }

    async fn refusal(&self, hello: Hello) -> String {
        self.join(hello).await.err().expect("refused")
    }

    async fn until_closed(&self, sockets: usize) {
        wait_until("sockets are gone", || self.counts.closed.load(Ordering::SeqCst) == sockets).await;
    }
}

/// One HTTP exchange; returns status line, headers and body as text.
async fn http(address: SocketAddr, method: &str, query: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head = format!(
        "{method} /socket.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses early may have closed already.
    let _ = stream.write_all(body.as_bytes()).await;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

fn sid_in(opened: &str) -> String {
    opened.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a session id").to_owned()
}

/// Joins over polling; the answer of the namespace.
async fn join_polling(address: SocketAddr, headers: &str, auth: &Value) -> String {
    let opened = http(address, "GET", "", headers, "").await;
    let sid = sid_in(&opened);
    let posted = http(address, "POST", &format!("&sid={sid}"), headers, &format!("40/marketplace,{auth}")).await;
    assert!(posted.starts_with("HTTP/1.1 200"), "{posted}");
    http(address, "GET", &format!("&sid={sid}"), headers, "").await
}

#[tokio::test]
async fn each_of_the_four_token_places_opens_the_namespace() {
    let house = House::open().await;
    let (_, token) = house.salon(101).await;
    let places = [
        Hello::default().header("authorization", format!("Bearer {token}")),
        Hello::default().header("x-auth-token", token.clone()),
        Hello::auth(&token),
        Hello { query: format!("&token={token}"), ..Hello::default() },
    ];
    for hello in places {
        let mut client = house.join(hello).await.expect("joined");
        client.hear("session-state", |_| true).await;
    }
    house.until_closed(4).await;
    assert_eq!(house.counts.opened.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn refusals_tell_their_code_on_both_transports() {
    let house = House::open().await;
    let (company, token) = house.salon(102).await;
    let expired = house.token(&company, TimeDelta::hours(2));
    let other = Tokens::new(&SecretString::from("another secret of thirty-two bytes or so"));
    let forged = other.mint(Audience::Onboarding, company.company_id(), company.salon_id(), Utc::now());
    let nobody = house.tokens.mint(Audience::Onboarding, 999.try_into().unwrap(), 999.try_into().unwrap(), Utc::now());
    let mismatch = house.tokens.mint(Audience::Onboarding, company.company_id(), 999.try_into().unwrap(), Utc::now());
    let table = [
        (Hello::default(), "AUTH_REQUIRED"),
        (Hello::auth("garbage"), "AUTH_INVALID"),
        (Hello::auth(&forged), "AUTH_INVALID"),
        (Hello::auth(&nobody), "AUTH_INVALID"),
        (Hello::auth(&mismatch), "AUTH_INVALID"),
        (Hello::auth(&expired), "AUTH_EXPIRED"),
        (Hello::auth(&token).header("origin", "https://yclients.com.evil.example"), "ORIGIN_REFUSED"),
        (Hello::auth(&token).header("origin", "null"), "ORIGIN_REFUSED"),
    ];
    for (hello, code) in table {
        let headers: String = hello.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let auth = if hello.auth.is_null() { json!({}) } else { hello.auth.clone() };
        let polled = join_polling(house.address, &headers, &auth).await;
        assert!(polled.contains(&format!("44/marketplace,{{\"message\":\"{code}\"}}")), "{code}: {polled}");
        assert_eq!(house.refusal(hello).await, code);
    }
    assert_eq!((house.counts.refused.load(Ordering::SeqCst), house.counts.opened.load(Ordering::SeqCst)), (16, 0));
    let welcome = Hello::auth(&token).header("origin", "https://n12.yclients.com");
    assert!(house.join(welcome).await.is_ok());
}

#[tokio::test]
async fn the_sixth_socket_of_an_address_within_a_minute_is_refused() {
    let house = House::with(RealtimeSettings::default(), true).await;
    let (_, token) = house.salon(103).await;
    for _ in 0..5 {
        assert!(house.join(Hello::auth(&token)).await.is_ok());
    }
    assert_eq!(house.refusal(Hello::auth(&token)).await, "RATE_LIMITED");
}

#[tokio::test]
async fn a_company_has_only_so_many_seats_and_a_seat_is_given_back() {
    let house = House::with(RealtimeSettings { max_sockets_per_company: 2, max_sockets: 3, ..RealtimeSettings::default() }, false).await;
    let (_, token) = house.salon(104).await;
    let (_, other) = house.salon(105).await;
    let first = house.join(Hello::auth(&token)).await;
    let second = house.join(Hello::auth(&token)).await;
    assert_eq!(house.refusal(Hello::auth(&token)).await, "RATE_LIMITED");
    let neighbour = house.join(Hello::auth(&other)).await;
    assert_eq!(house.refusal(Hello::auth(&other)).await, "RATE_LIMITED", "all seats are taken");
    assert!(first.is_ok() && second.is_ok() && neighbour.is_ok());
    drop(first);
    house.until_closed(1).await;
    wait_until("the room is left", || house.io.of(NAMESPACE).is_some_and(|all| all.sockets().len() == 2)).await;
    assert!(house.join(Hello::auth(&token)).await.is_ok());
}

#[tokio::test]
async fn two_companies_never_hear_each_other() {
    let house = House::open().await;
    let (one, one_token) = house.salon(106).await;
    let (two, two_token) = house.salon(107).await;
    let mut first = house.join(Hello::auth(&one_token)).await.unwrap();
    let mut second = house.join(Hello::auth(&two_token)).await.unwrap();
    first.hear("qr-update", |_| true).await;
    second.hear("qr-update", |_| true).await;
    house.world.connector.link(one.company_id()).await.say(qr_fact(2));
    first.hear("qr-update", |qr| qr["attempt"] == 2).await;
    house.world.connector.link(two.company_id()).await.say(qr_fact(3));
    let next = second.event().await;
    assert!(matches!(&next, Some((name, qr)) if name == "qr-update" && qr["attempt"] == 3), "{next:?}");
}

#[tokio::test]
async fn a_late_joiner_gets_the_present_state_at_once_and_in_order() {
    let house = House::open().await;
    let (company, token) = house.salon(108).await;
    let mut early = house.join(Hello::auth(&token)).await.unwrap();
    let shown = early.hear("qr-update", |_| true).await;
    let mut late = house.join(Hello::auth(&token)).await.unwrap();
    let (name, state) = late.event().await.unwrap();
    assert_eq!((name.as_str(), &state["state"]), ("session-state", &json!("AwaitingScan")));
    let (name, qr) = late.event().await.unwrap();
    assert_eq!((name.as_str(), &qr["qr"]), ("qr-update", &shown["qr"]));
    assert!(qr["expiresIn"].as_u64().is_some_and(|left| (1..=60).contains(&left)));
    assert!(qr["image"].as_str().is_some_and(|image| image.starts_with("data:image/svg+xml")));

    house.world.connector.script(company.company_id(), LinkScript::online(account(1)));
    house.world.connector.link(company.company_id()).await.scan(account(1));
    let connected = early.hear("whatsapp-connected", |_| true).await;
    assert_eq!(connected["phone"], json!("+79160000001"));
    assert_eq!((&connected["success"], &connected["sessionId"]), (&json!(true), &json!("company_108")));
    let mut after = house.join(Hello::auth(&token)).await.unwrap();
    let (_, state) = after.event().await.unwrap();
    let (name, again) = after.event().await.unwrap();
    assert_eq!((&state["state"], name.as_str(), again), (&json!("Online"), "whatsapp-connected", connected));
}

#[tokio::test]
async fn every_command_is_acked_and_failures_come_as_events_too() {
    let house = House::open().await;
    let (_, token) = house.salon(109).await;
    let mut client = house.join(Hello::auth(&token)).await.unwrap();
    for name in ["request-qr", "getQR", "cancel-pairing", "reconnect"] {
        assert_eq!(client.ask(name, Value::Null).await, json!({"success": true}), "{name}");
    }
    client.hear("qr-update", |_| true).await;
    for (payload, code) in [
        (Value::Null, "PHONE_REQUIRED"),
        (json!("text"), "PHONE_REQUIRED"),
        (json!({"phoneNumber": ["7"]}), "INVALID_PHONE_FORMAT"),
        (json!({"phoneNumber": "123"}), "INVALID_PHONE_FORMAT"),
    ] {
        let answer = client.ask("request-pairing-code", payload).await;
        assert_eq!((&answer["success"], &answer["code"]), (&json!(false), &json!(code)));
        client.hear("pairing-code-error", |error| error["code"] == code && error["message"].is_string()).await;
    }
    assert_eq!(client.ask("passkey-confirm", Value::Null).await["code"], "PASSKEY_NOT_EXPECTED");
    let answer = client.ask("request-pairing-code", json!({"phoneNumber": "8 (916) 123-45-67"})).await;
    assert_eq!(answer, json!({"success": true}));
    let code = client.hear("pairing-code", |_| true).await;
    assert_eq!((&code["code"], &code["phoneNumber"]), (&json!(PAIRING_CODE), &json!("+79161234567")));
}

#[tokio::test]
async fn a_message_over_the_limit_closes_the_socket_on_both_transports() {
    let house = House::open().await;
    let (_, token) = house.salon(111).await;
    let mut client = house.join(Hello::auth(&token)).await.unwrap();
    client.write(format!("42/marketplace,[\"request-qr\",\"{}\"]", "x".repeat(100_000))).await;
    client.until_closed().await;
    house.until_closed(1).await;

    let opened = http(house.address, "GET", "", "", "").await;
    assert!(opened.contains("\"maxPayload\":100000"), "{opened}");
    let sid = sid_in(&opened);
    let posted = http(house.address, "POST", &format!("&sid={sid}"), "", &"4".repeat(100_001)).await;
    assert!(!posted.starts_with("HTTP/1.1 200"), "{posted}");
}

#[tokio::test]
async fn a_hostile_client_breaks_only_its_own_socket() {
    let house = House::open().await;
    let (_, token) = house.salon(112).await;
    let mut honest = house.join(Hello::auth(&token)).await.unwrap();
    for garbage in [
        "4",
        "9",
        "42/marketplace,",
        "42/marketplace,{}",
        "45/marketplace,1-[\"request-qr\",{\"_placeholder\":true,\"num\":0}]",
        "4\u{0}\u{ffff}",
    ] {
        let mut hostile = house.join(Hello::auth(&token)).await.unwrap();
        hostile.write(garbage.to_owned()).await;
    }
    honest.hear("qr-update", |_| true).await;
    assert_eq!(honest.ask("request-qr", Value::Null).await["success"], true);
}

#[tokio::test]
async fn accepted_sockets_are_dropped_by_the_kernel_when_the_peer_stops_reading() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    tune_socket(&accepted).unwrap();
    let limit = socket2::SockRef::from(&accepted).tcp_user_timeout().unwrap();
    assert_eq!(limit, Some(UNACKNOWLEDGED_FOR));
    assert!(UNACKNOWLEDGED_FOR < Duration::from_secs(30), "the specification's limit");
    assert!(accepted.nodelay().unwrap());
}

/// An engine behind the guard that the app puts there.
async fn guarded(within: Duration) -> (SocketAddr, AbortOnDropHandle<()>) {
    let settings = AdmissionSettings { per_ip_limits: true, ..AdmissionSettings::default() };
    let admission = Arc::new(Admission::new(settings));
    let guard = axum::middleware::from_fn(move |request, next| guard_handshakes(Arc::clone(&admission), within, request, next));
    let (engine, _io) = SocketIo::builder().req_path(PATH).build_layer();
    let app = Router::new().layer(engine).layer(guard);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    (address, AbortOnDropHandle::new(tokio::spawn(async move { axum::serve(listener, service).await.unwrap() })))
}

#[tokio::test]
async fn whoever_only_opens_engine_connections_is_told_to_wait() {
    let (address, _server) = guarded(EXCHANGE_WITHIN).await;
    let sid = sid_in(&http(address, "GET", "", "", "").await);
    for _ in 0..59 {
        assert!(http(address, "GET", "", "", "").await.starts_with("HTTP/1.1 200"));
    }
    let refused = http(address, "GET", "", "", "").await;
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("retry-after: "), "{refused}");
    let carried_on = http(address, "POST", &format!("&sid={sid}"), "", "40/unknown,").await;
    assert!(carried_on.starts_with("HTTP/1.1 200"), "an open session is not a handshake: {carried_on}");
}

#[tokio::test]
async fn a_body_that_drips_into_the_engine_is_ended() {
    let (address, _server) = guarded(Duration::from_millis(300)).await;
    let sid = sid_in(&http(address, "GET", "", "", "").await);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n4");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    let answered = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut answer)).await;
    answered.expect("nobody waits for the rest of the body for ever").unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 408");
}
