//! Rate limits and who they count.

use frontdesk_actors::ports::SignedOwner;

use super::*;

fn limited() -> HttpSettings {
    HttpSettings { trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()], ..HttpSettings::default() }
}

/// Asks until refused, at most `most` times.
async fn until_refused(desk: &Desk, most: usize, ask: impl Fn() -> Request<Body>) -> (usize, Option<Answer>) {
    for count in 0..most {
        let answer = desk.send(ask()).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            return (count, Some(answer));
        }
    }
    (most, None)
}

#[tokio::test]
async fn the_public_limit_answers_with_its_figures_and_spares_other_addresses() {
    let desk = Desk::with(limited()).await;
    let ask = || request(Method::GET, "/marketplace/test", Body::empty());
    let (count, refused) = until_refused(&desk, 200, ask).await;
    assert!((60..=100).contains(&count), "{count} passed");
    let refused = refused.unwrap();
    refused.is_error(429, "RATE_LIMITED", &["retry_after"]);
    assert_eq!(refused.header(header::RETRY_AFTER), "1");
    assert_eq!(refused.header("x-ratelimit-limit"), "60");
    assert_eq!(refused.header("x-ratelimit-remaining"), "0");
    assert_eq!(refused.header("x-ratelimit-reset"), "60");
    let elsewhere = request_from("192.0.2.9:4711", Method::GET, "/marketplace/test", Body::empty());
    assert_eq!(desk.send(elsewhere).await.status, 200);
}

#[tokio::test]
async fn a_page_over_the_limit_is_a_page() {
    let desk = Desk::with(limited()).await;
    let (_, refused) = until_refused(&desk, 200, || request(Method::GET, "/marketplace/", Body::empty())).await;
    let refused = refused.unwrap();
    refused.is_page(429);
    assert_eq!(refused.header("x-ratelimit-limit"), "60");
    assert!(!refused.header(header::RETRY_AFTER).is_empty());
}

#[tokio::test]
async fn a_strangers_forwarded_address_does_not_escape_the_limit() {
    let desk = Desk::with(limited()).await;
    let next = std::cell::Cell::new(0_u32);
    let spoofed = || {
        next.set(next.get() + 1);
        let address = std::net::Ipv4Addr::from(next.get() + 0x0a00_0000).to_string();
        with_header(request(Method::GET, "/marketplace/test", Body::empty()), "x-forwarded-for", &address)
    };
    let (count, refused) = until_refused(&desk, 200, spoofed).await;
    assert!(refused.is_some() && count <= 100, "{count} passed");
}

#[tokio::test]
async fn behind_our_proxy_each_visitor_has_an_own_limit_and_cannot_prepend_addresses() {
    let desk = Desk::with(limited()).await;
    let from = |forwarded: &str| {
        let request = request_from("127.0.0.1:4711", Method::GET, "/marketplace/test", Body::empty());
        with_header(request, "x-forwarded-for", forwarded)
    };
    let (_, refused) = until_refused(&desk, 200, || from("198.51.100.1")).await;
    assert!(refused.is_some());
    assert_eq!(desk.send(from("203.0.113.5, 198.51.100.1")).await.status, 429);
    assert_eq!(desk.send(from("198.51.100.2")).await.status, 200);
}

#[tokio::test]
async fn guessing_tokens_uses_up_the_address_and_not_a_company() {
    let desk = Desk::with(limited()).await;
    let company = desk.register(77).await;
    let status = || request(Method::GET, "/marketplace/api/status/company_77", Body::empty());
    let (count, refused) = until_refused(&desk, 200, || with_bearer(status(), "guess")).await;
    assert!((60..=100).contains(&count), "{count} passed");
    refused.unwrap().is_error(429, "RATE_LIMITED", &["retry_after"]);
    assert_eq!(desk.send(with_bearer(status(), &desk.token(&company))).await.status, 200);
}

#[tokio::test]
async fn a_holder_is_limited_per_company_wherever_it_comes_from() {
    let desk = Desk::with(HttpSettings { per_ip_limits: false, ..HttpSettings::default() }).await;
    let (flooding, quiet) = (desk.register(77).await, desk.register(78).await);
    let token = desk.token(&flooding);
    let ask = || with_bearer(request(Method::GET, "/marketplace/api/status/company_77", Body::empty()), &token);
    let (count, refused) = until_refused(&desk, 400, ask).await;
    assert!((120..=200).contains(&count), "{count} passed");
    assert_eq!(refused.unwrap().header("x-ratelimit-limit"), "120");
    assert_eq!(desk.get_as("/marketplace/api/status/company_78", &desk.token(&quiet)).await.status, 200);
}

#[tokio::test]
async fn health_and_assets_are_not_limited() {
    let desk = Desk::with(limited()).await;
    for path in ["/health", "/assets/app.css"] {
        let (_, refused) = until_refused(&desk, 150, || request(Method::GET, path, Body::empty())).await;
        assert!(refused.is_none(), "{path}");
    }
}

#[tokio::test]
async fn one_owner_cannot_use_up_what_yclients_allows_for_all() {
    let desk = Desk::with(HttpSettings { per_ip_limits: false, ..HttpSettings::default() }).await;
    let sign_as = |fingerprint| {
        let user = frontdesk_actors::records::MarketplaceUser::default();
        desk.world.marketplace.set_owner(Ok(SignedOwner { user, salon_title: None, fingerprint: Some([fingerprint; 32]) }));
    };
    let connect = || request(Method::GET, "/auth/yclients/redirect?salon_id=77&user_data=a&user_data_sign=b", Body::empty());
    sign_as(1);
    let (count, refused) = until_refused(&desk, 60, connect).await;
    assert!((10..=15).contains(&count), "{count} passed");
    refused.unwrap().is_page(429);
    sign_as(2);
    let other = request(Method::GET, "/auth/yclients/redirect?salon_id=78&user_data=a&user_data_sign=b", Body::empty());
    assert_eq!(desk.send(other).await.status, 302);
}
