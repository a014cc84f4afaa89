//! Every route that needs a credential, with none, a foreign, an expired, a tampered and the right one.

use serde_json::json;

use super::*;

const HOUR: chrono::TimeDelta = chrono::TimeDelta::hours(1);

/// Tokens that open nothing, with the code they get.
fn useless(desk: &Desk, company: &CompanyHandle) -> Vec<(String, &'static str)> {
    let good = desk.token(company);
    let mut tampered = good.clone();
    let at = tampered.find('.').unwrap() + 5;
    tampered.replace_range(at..=at, if &good[at..=at] == "A" { "B" } else { "A" });
    let (id, salon) = (company.company_id(), company.salon_id());
    let unknown = frontdesk_actors::ids::CompanyId::try_from(4_000_000).unwrap();
    let other_salon = frontdesk_actors::ids::SalonId::try_from(999).unwrap();
    vec![
        (tampered, "AUTH_INVALID"),
        (good[..good.rfind('.').unwrap()].to_owned() + ".", "AUTH_INVALID"),
        ("x".repeat(9000), "AUTH_INVALID"),
        (tokens("f").mint(Audience::Onboarding, id, salon, Utc::now()), "AUTH_INVALID"),
        (desk.state.tokens.mint(Audience::Onboarding, unknown, salon, Utc::now()), "AUTH_INVALID"),
        (desk.state.tokens.mint(Audience::Onboarding, id, other_salon, Utc::now()), "AUTH_INVALID"),
        (desk.token_from(company, Utc::now() - HOUR - chrono::TimeDelta::seconds(2)), "AUTH_EXPIRED"),
        (desk.token_from(company, Utc::now() - HOUR - chrono::TimeDelta::seconds(59)), "AUTH_EXPIRED"),
    ]
}

#[tokio::test]
async fn api_routes_open_to_the_right_bearer_only() {
    let desk = Desk::open().await;
    let company = desk.register(77).await;
    let routes = [(Method::POST, "/marketplace/api/qr"), (Method::GET, "/marketplace/api/status/company_77")];
    for (method, path) in routes {
        let bare = || request(method.clone(), path, Body::empty());
        desk.send(bare()).await.is_error(401, "AUTH_REQUIRED", &[]);
        for other in ["Basic eDp5", "Bearer", "Bearer ", "bearer  ", "Token x"] {
            desk.send(with_header(bare(), "authorization", other)).await.is_error(401, "AUTH_REQUIRED", &[]);
        }
        let twice = with_bearer(with_bearer(bare(), &desk.token(&company)), &desk.token(&company));
        desk.send(twice).await.is_error(401, "AUTH_INVALID", &[]);
        for (token, code) in useless(&desk, &company) {
            let answer = desk.send(with_bearer(bare(), &token)).await;
            answer.is_error(401, code, &[]);
            assert_eq!(answer.header(header::WWW_AUTHENTICATE), "Bearer");
        }
        let lower = with_header(bare(), "authorization", &format!("bearer {}", desk.token(&company)));
        assert_eq!(desk.send(lower).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_token_of_one_salon_reads_nothing_of_another() {
    let desk = Desk::open().await;
    let (ours, theirs) = (desk.register(77).await, desk.register(78).await);
    let (our_token, their_token) = (desk.token(&ours), desk.token(&theirs));

    desk.get_as("/marketplace/api/status/company_78", &our_token).await.is_error(403, "FORBIDDEN", &[]);
    desk.get_as("/marketplace/api/status/company_9007199254740991", &our_token).await.is_error(403, "FORBIDDEN", &[]);
    assert_eq!(desk.get_as("/marketplace/api/status/company_78", &their_token).await.status, 200);

    let answer = desk.post_as("/marketplace/api/qr", &our_token).await;
    assert_eq!(answer.json()["session_id"], "company_77");
    assert!(!desk.world.connector.running(theirs.company_id()), "asking for our code dialled for another salon");
}

#[tokio::test]
async fn the_page_opens_to_a_good_token_only() {
    let desk = Desk::open().await;
    let company = desk.register(77).await;
    for path in ["/marketplace/onboarding", "/marketplace/onboarding?token=", "/marketplace/onboarding?tok=x"] {
        desk.get(path).await.is_page(400);
    }
    for (token, _) in useless(&desk, &company) {
        desk.get(&format!("/marketplace/onboarding?token={token}")).await.is_page(401);
    }
    let token = desk.token(&company);
    desk.get(&format!("/marketplace/onboarding?token={token}&token={token}")).await.is_page(401);
    desk.get(&format!("/marketplace/onboarding?token={token}")).await.is_page(200);
}

#[tokio::test]
async fn activation_takes_the_right_token_only_and_touches_its_company_only() {
    let desk = Desk::open().await;
    let (ours, theirs) = (desk.online(77).await, desk.register(78).await);
    for body in
        [json!({}), json!({"token": ""}), json!({"token": "  "}), json!({"token": null}), json!({"token": 7}), json!([]), json!("x")]
    {
        desk.post_json("/marketplace/activate", &body).await.is_error(400, "TOKEN_REQUIRED", &[]);
    }
    desk.send(request(Method::POST, "/marketplace/activate", Body::empty())).await.is_error(400, "TOKEN_REQUIRED", &[]);
    for (token, code) in useless(&desk, &ours) {
        desk.post_json("/marketplace/activate", &json!({"token": token})).await.is_error(401, code, &[]);
    }
    let foreign = json!({"token": desk.token(&theirs), "company_id": 1, "salon_id": 77});
    desk.post_json("/marketplace/activate", &foreign).await.is_error(409, "NOT_CONNECTED", &[]);
    let answer = desk.post_json("/marketplace/activate", &json!({"token": desk.token(&ours)})).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(desk.world.marketplace.activations(theirs.salon_id()), 0);
}

#[tokio::test]
async fn a_token_never_comes_back_in_an_error() {
    let desk = Desk::open().await;
    let company = desk.register(77).await;
    for (token, _) in useless(&desk, &company) {
        let page = desk.get(&format!("/marketplace/onboarding?token={token}")).await;
        let api = desk.post_json("/marketplace/activate", &json!({"token": token})).await;
        assert!(!page.text.contains(&token) && !api.text.contains(&token));
    }
}
