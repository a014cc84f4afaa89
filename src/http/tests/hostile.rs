//! Inputs nobody sends by accident.

use frontdesk_actors::ids::SalonId;
use frontdesk_actors::ports::{SignatureError, SignedOwner};
use frontdesk_actors::records::MarketplaceUser;

use futures_util::StreamExt as _;

use super::*;

const REDIRECT: &str = "/auth/yclients/redirect";

#[tokio::test]
async fn wild_salon_ids_get_a_page_and_leave_nothing() {
    let desk = Desk::open().await;
    let long = format!("salon_id={}", "9".repeat(10_000));
    let listed = format!("salon_ids[]=0&{}", "salon_ids[]=x&".repeat(60));
    let wild = [
        "",
        "salon_id=",
        "salon_id=0",
        "salon_id=-5",
        "salon_id=abc",
        "salon_id=1.5",
        "salon_id=1e9",
        "salon_id=0x4d",
        "salon_id=77;DROP",
        "salon_id=%FF%FE",
        "salon_id=77%00",
        "salon_id=%F0%9F%98%80",
        "salon_id=77&salon_id=78",
        "salon_id=77&salon_id=77",
        "salon_id=<script>alert(1)</script>",
        "salon_id=18446744073709551617",
        "salon_id[]=77",
        "salon_id[$gt]=0",
        "SALON_ID=77",
        "salon_ids[]=x&salon_ids[]=-1",
        &long,
        &listed,
    ];
    for query in wild {
        let answer = desk.get(&format!("{REDIRECT}?{}", query.replace('<', "%3C").replace('>', "%3E"))).await;
        answer.is_page(400);
        assert!(!answer.text.contains("alert(1)"));
    }
    assert_eq!(desk.world.records.commits(), 0);
    assert!(desk.world.marketplace.calls().is_empty(), "a bad request reached YClients");
}

#[tokio::test]
async fn bad_signatures_are_refused_before_anything_is_asked_or_stored() {
    let desk = Desk::open().await;
    for error in [SignatureError::Missing, SignatureError::Unreadable, SignatureError::Mismatch] {
        desk.world.marketplace.set_owner(Err(error));
        desk.get(&format!("{REDIRECT}?salon_id=77&user_data=eyJ9&user_data_sign=00")).await.is_page(403);
    }
    desk.world.marketplace.set_owner(Ok(owner("Анна", [1; 32])));
    let twice = "salon_id=77&user_data=a&user_data=b&user_data_sign=00";
    desk.get(&format!("{REDIRECT}?{twice}")).await.is_page(403);
    let signed_twice = "salon_id=77&user_data=a&user_data_sign=00&user_data_sign=01";
    desk.get(&format!("{REDIRECT}?{signed_twice}")).await.is_page(403);
    assert_eq!(desk.world.records.commits(), 0);
}

#[tokio::test]
async fn signed_data_opens_one_salon_and_reloads_are_fine() {
    let desk = Desk::open().await;
    desk.world.marketplace.set_owner(Ok(owner("Анна", [7; 32])));
    let signed = |salon: u64| format!("{REDIRECT}?salon_id={salon}&user_data=eyJ9&user_data_sign=00");
    assert_eq!(desk.get(&signed(77)).await.status, 302);
    assert_eq!(desk.get(&signed(77)).await.status, 302);
    desk.get(&signed(78)).await.is_page(403);
    assert!(desk.world.records.stored(SalonId::try_from(78).unwrap()).is_none());
}

#[tokio::test]
async fn hostile_names_are_text_on_the_page() {
    let desk = Desk::open().await;
    let names = [
        "<script>alert(1)</script>".to_owned(),
        "\"><img src=x onerror=alert(1)>".to_owned(),
        "'; alert(1); //".to_owned(),
        "{{7*7}}${7*7}<%=7*7%>".to_owned(),
        "💇‍♀️ Салон «Ёлка» \u{202e}evil".to_owned(),
        "x".repeat(10_240),
        "<script>".repeat(1280),
    ];
    for (name, number) in names.iter().zip(1_u8..) {
        let mut signed = owner(name, [number; 32]);
        signed.salon_title = Some(name.clone());
        desk.world.marketplace.set_owner(Ok(signed));
        let answer = desk.get(&format!("{REDIRECT}?salon_id={number}&user_data=eyJ9&user_data_sign=00")).await;
        assert_eq!(answer.status, 302, "{name}");
        let page = desk.get(answer.header(header::LOCATION)).await;
        page.is_page(200);
        assert!(!page.text.contains("<script>") && !page.text.contains("<img src=x"), "{name}");
        assert!(page.text.len() < 200_000);
    }
}

#[tokio::test]
async fn path_tricks_lead_nowhere() {
    let desk = Desk::open().await;
    let tricks = [
        "/assets/../Cargo.toml",
        "/assets/..%2f..%2fCargo.toml",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets//etc/passwd",
        "/assets/app.css%00.js",
        "/assets/.env",
        "/assets/%FF",
        "/assets/app.css/",
        "/assets/\u{5c}..",
        "//marketplace/test",
        "/marketplace/test/",
        "/MARKETPLACE/test",
        "/marketplace/./test",
        "/marketplace/%74est%2f",
    ];
    for path in tricks {
        desk.get(&path.replace('\u{5c}', "%5C")).await.is_error(404, "NOT_FOUND", &[]);
    }
}

#[tokio::test]
async fn wild_session_ids_are_refused() {
    let desk = Desk::open().await;
    let company = desk.register(77).await;
    let token = desk.token(&company);
    for id in [
        "77",
        "company_",
        "company_0",
        "company_-77",
        "company_77x",
        "COMPANY_77",
        "company_%3177%00",
        "%FF",
        "company_77%2f..",
        "company_99999999999999999999",
    ] {
        desk.get_as(&format!("/marketplace/api/status/{id}"), &token).await.is_error(400, "INVALID_SESSION_ID", &[]);
    }
}

#[tokio::test]
async fn hostile_headers_harm_nothing() {
    let desk = Desk::open().await;
    let mut odd = request(Method::GET, "/marketplace/", Body::empty());
    for (name, value) in [
        ("accept-language", &b"\xff\xfe"[..]),
        ("cookie", &b"lang=<script>; lang=\xff; ;;=;"[..]),
        ("x-forwarded-for", &b"\xff, ,,999.1.1.1"[..]),
        ("origin", &b"\xff"[..]),
    ] {
        odd.headers_mut().insert(name, axum::http::HeaderValue::from_bytes(value).unwrap());
    }
    desk.send(odd).await.is_page(200);
    let mut odd = request(Method::GET, "/marketplace/api/status/company_77", Body::empty());
    odd.headers_mut().insert("authorization", axum::http::HeaderValue::from_bytes(b"Bearer \xff\xff").unwrap());
    desk.send(odd).await.is_error(401, "AUTH_INVALID", &[]);
}

fn owner(name: &str, fingerprint: [u8; 32]) -> SignedOwner {
    let user = MarketplaceUser { name: Some(name.to_owned()), ..MarketplaceUser::default() };
    SignedOwner { user, salon_title: None, fingerprint: Some(fingerprint) }
}

/// A piece of a body as a connection makes it: a byte, and the read buffer that it holds.
struct Piece(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        b" "
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_body_that_comes_in_single_bytes_does_not_pin_the_buffers_it_came_in() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let desk = Desk::open().await;
    for path in ["/webhook/yclients", "/marketplace/activate"] {
        let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, peak) = (alive.clone(), most.clone());
        let pieces = futures_util::stream::iter(0..10_000).map(move |_| {
            peak.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(bytes::Bytes::from_owner(Piece(counted.clone())))
        });
        desk.send(json_request(path, Body::from_stream(pieces))).await.is_error(400, "MALFORMED_JSON", &[]);
        assert!(most.load(Ordering::SeqCst) <= 2, "{path}: {} buffers were held at once", most.load(Ordering::SeqCst));
    }
}
