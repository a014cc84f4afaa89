//! Data webhooks: the address is the credential; what comes there is stored, once, and nothing that comes there breaks anything.

use frontdesk_actors::ports::Installation;
use frontdesk_actors::records::{InboxQuery, InboxShelf, IntegrationStatus};
use frontdesk_actors::testing::{until, wait_until};
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The path of the salon's newest address.
async fn address(company: &CompanyHandle) -> String {
    until(company, |view| view.integration == IntegrationStatus::Active).await;
    let url = company.rotate_webhook_secret().await.unwrap().unwrap();
    url.expose().strip_prefix("https://desk.example.com").unwrap().to_owned()
}

fn record(company: u64, id: u64) -> Value {
    json!({"company_id": company, "resource": "record", "resource_id": id, "status": "update",
           "data": {"id": id, "last_change_date": "2026-11-25T10:00:05+0300", "client": {"name": "Мария", "api_token": "geheim"}}})
}

#[tokio::test]
async fn a_2xx_means_stored_once_without_secrets() {
    let desk = Desk::open().await;
    let company = desk.online(77).await;
    let path = address(&company).await;
    for repeated in [0, 1] {
        let answer = desk.post_json(&path, &record(77, 5)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!((answer.json()["events"].clone(), answer.json()["repeated"].clone()), (json!(1), json!(repeated)));
    }
    let several = json!([record(77, 5), record(77, 6), {"company_id": "77", "resource": "something new"}]);
    assert_eq!(desk.post_json(&path, &several).await.json()["repeated"], 1);
    wait_until("all are done", || desk.world.records.done_inbox().len() == 3).await;
    assert_eq!(desk.world.care.handled(company.company_id()), [5, 6, 0]);
    let text = format!("{:?}", desk.world.records.done_inbox());
    assert!(text.contains("Мария") && !text.contains("geheim"), "{text}");
}

#[tokio::test]
async fn whatever_is_not_an_address_of_ours_gets_one_and_the_same_answer() {
    let desk = Desk::open().await;
    let company = desk.online(77).await;
    desk.online(78).await;
    let path = address(&company).await;
    let secret = path.rsplit('/').next().unwrap().to_owned();
    let wrong = [
        format!("/webhook/yclients/data/77/{}", "0".repeat(64)),
        format!("/webhook/yclients/data/78/{secret}"),
        format!("/webhook/yclients/data/79/{secret}"),
        format!("/webhook/yclients/data/x/{secret}"),
        format!("/webhook/yclients/data/77/{}", secret.to_uppercase()),
        format!("/webhook/yclients/data/77/{}", &secret[..63]),
        format!("/webhook/yclients/data/77/{}", "x".repeat(9000)),
        "/webhook/yclients/data/77/%FF%FE".to_owned(),
        "/webhook/yclients/data/77/%20".to_owned(),
    ];
    let mut texts = std::collections::BTreeSet::new();
    for path in wrong {
        let answer = desk.post_json(&path, &record(77, 5)).await;
        answer.is_error(401, "AUTH_INVALID", &[]);
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        texts.insert(body.to_string());
        assert!(!answer.text.contains(&secret));
    }
    assert_eq!(texts.len(), 1);
    assert!(desk.world.records.waiting_inbox().is_empty() && desk.world.records.done_inbox().is_empty());
}

#[tokio::test]
async fn a_body_about_another_salon_stores_nothing() {
    let desk = Desk::open().await;
    let path = address(&desk.online(77).await).await;
    for body in [record(78, 5), json!([record(77, 6), record(78, 5)]), json!({"resource": "record"})] {
        desk.post_json(&path, &body).await.is_error(403, "COMPANY_MISMATCH", &[]);
    }
    desk.send(json_request(&path, "{")).await.is_error(400, "MALFORMED_JSON", &[]);
    desk.post_json(&path, &json!([])).await.is_error(400, "INVALID_BODY", &[]);
    let large = format!("{{\"company_id\":77,\"x\":\"{}\"}}", "x".repeat(MAX_WEBHOOK));
    desk.send(json_request(&path, large)).await.is_error(413, "BODY_TOO_LARGE", &[]);
    assert!(desk.world.records.waiting_inbox().is_empty() && desk.world.records.done_inbox().is_empty());
    desk.world.records.fail_next_commits(1);
    desk.post_json(&path, &record(77, 5)).await.is_error(503, "STORE_UNAVAILABLE", &["retry_after"]);
}

#[tokio::test]
async fn an_old_address_is_good_until_the_new_one_is_used_and_none_after_a_removal() {
    let desk = Desk::open().await;
    let company = desk.online(77).await;
    let (old, new) = (address(&company).await, address(&company).await);
    // The one told with the activation is the proven one; the first rotation was never used and gives its place up.
    desk.post_json(&old, &record(77, 1)).await.is_error(401, "AUTH_INVALID", &[]);
    assert_eq!(desk.post_json(&new, &record(77, 2)).await.status, 200);
    wait_until("it is done", || desk.world.records.done_inbox().len() == 1).await;
    let newest = address(&company).await;
    assert_eq!(desk.post_json(&new, &record(77, 3)).await.status, 200, "the one before stays good");
    assert_eq!(desk.post_json(&newest, &record(77, 4)).await.status, 200);
    wait_until("both are done", || desk.world.records.done_inbox().len() == 3).await;
    desk.post_json(&new, &record(77, 5)).await.is_error(401, "AUTH_INVALID", &[]);
    desk.world.marketplace.set_installation(company.salon_id(), Installation::NotInstalled);
    let uninstall = json!({"salon_id": 77, "event": "uninstall", "partner_token": PARTNER_TOKEN});
    assert_eq!(desk.post_json("/webhook/yclients", &uninstall).await.status, 200);
    until(&company, |view| view.integration == IntegrationStatus::Uninstalled).await;
    desk.post_json(&newest, &record(77, 6)).await.is_error(401, "AUTH_INVALID", &[]);
}

#[tokio::test]
async fn guessing_is_counted_and_sending_for_a_busy_salon_is_limited_for_it_alone() {
    let desk = Desk::with(HttpSettings::default()).await;
    let (busy, quiet) = (address(&desk.online(77).await).await, address(&desk.online(78).await).await);
    let mut refused = 0;
    for id in 0..260 {
        refused += usize::from(desk.post_json(&busy, &record(77, id)).await.status == 429);
    }
    assert!((30..=60).contains(&refused), "{refused} of 260 were refused");
    assert_eq!(desk.post_json(&quiet, &record(78, 1)).await.status, 200);
    let mut guesses = 0;
    while desk.post_json("/webhook/yclients/data/77/x", &record(77, 1)).await.status != 429 {
        guesses += 1;
        assert!(guesses < 200);
    }
    assert_eq!(desk.post_json(&quiet, &record(78, 2)).await.status, 200, "the right address is not locked out by guessers");
}

#[tokio::test]
async fn dead_letters_are_visible_and_replayed() {
    let desk = Desk::open().await;
    let company = desk.online(77).await;
    let path = address(&company).await;
    assert_eq!(desk.post_json(&path, &json!({"company_id": 77, "resource": "record", "status": "update"})).await.status, 200);
    wait_until("it is dead", || !desk.world.records.dead_inbox().is_empty()).await;
    let query = InboxQuery { shelf: InboxShelf::Dead, company: None, after: None, limit: 10 };
    let rows = desk.state.fleet.inbox(query).await.unwrap().rows;
    assert_eq!(rows[0].company_id, Some(company.company_id()));
    assert!(desk.state.fleet.replay(company.company_id(), rows[0].id).await.unwrap());
    wait_until("it died again", || desk.world.records.dead_inbox().len() == 1 && desk.world.records.waiting_inbox().is_empty()).await;
}

fn wild() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        Just("record".to_owned()),
        Just("uninstall".to_owned()),
        Just(PARTNER_TOKEN.to_owned()),
        Just("77".to_owned()),
        ".{0,20}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(77)),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("company_id".to_owned()),
        Just("salon_id".to_owned()),
        Just("resource".to_owned()),
        Just("resource_id".to_owned()),
        Just("status".to_owned()),
        Just("event".to_owned()),
        Just("partner_token".to_owned()),
        Just("data".to_owned()),
        Just("last_change_date".to_owned()),
        Just("services".to_owned()),
        Just("client".to_owned()),
        ".{0,8}",
    ];
    leaf.prop_recursive(4, 40, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(name.clone(), inner, 0..8).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

#[test]
fn no_body_whatever_makes_a_5xx() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (desk, path, company) = runtime.block_on(async {
        let desk = Desk::with(HttpSettings { per_ip_limits: false, per_company_limits: false, ..HttpSettings::default() }).await;
        let company = desk.online(77).await;
        let path = address(&company).await;
        (desk, path, company)
    });
    let legacy = format!("/marketplace/webhook/{}", company.company_id());
    proptest!(ProptestConfig { cases: 300, ..ProptestConfig::default() }, |(body in wild(), cut in 0..400_usize)| {
        let mut bytes = body.to_string().into_bytes();
        if cut < 40 {
            bytes.truncate(cut);
        }
        runtime.block_on(async {
            for path in [path.as_str(), "/webhook/yclients", &legacy, "/marketplace/callback", "/marketplace/activate"] {
                let answer = desk.send(json_request(path, bytes.clone())).await;
                prop_assert!(answer.status.as_u16() < 500, "{path}: {} {}", answer.status, answer.text);
            }
            Ok(())
        })?;
    });
    assert!(company.view().connected(), "and nothing happened to the session");
}
