//! YClients' calls for operators, and that money moves once.

use frontdesk_actors::ids::SalonId;
use frontdesk_actors::ports::{Installation, PartnerError};
use frontdesk_actors::testing::Call;

use super::*;

const PAYMENTS: &str = "/admin/api/v1/yclients/payments";

fn payment() -> Value {
    json!({"salon_id": 77, "sum": 990.99, "currency": "RUB", "paid_at": "2026-01-01T00:00:00Z",
        "period_from": "2026-01-01T00:00:00Z", "period_to": "2026-02-01T00:00:00Z"})
}

impl Desk {
    async fn once(&self, path: &str, name: &str, body: &Value) -> Answer {
        let request = with_header(json_request(path, body.to_string()), "idempotency-key", name);
        self.send(with_bearer(request, ADMIN_KEY)).await
    }

    fn installed(&self) {
        self.world.marketplace.set_installation(SalonId::try_from(77).unwrap(), Installation::Active);
    }

    /// How often YClients was told this.
    fn asked(&self, what: &str) -> usize {
        self.world.marketplace.calls().iter().filter(|call| matches!(call, Call::Partner(known, _) if *known == what)).count()
    }
}

#[tokio::test]
async fn the_same_payment_is_reported_once_however_often_it_is_sent() {
    let desk = Desk::open().await;
    desk.installed();
    let first = desk.once(PAYMENTS, "p-1", &payment()).await;
    assert_eq!((first.status.as_u16(), first.json()["payment_id"].as_u64()), (200, Some(4711)), "{}", first.text);
    let again = desk.once(PAYMENTS, "p-1", &payment()).await;
    assert_eq!((again.status, again.json()), (first.status, first.json()));
    assert_eq!(desk.asked("report_payment"), 1);
    let mut other = payment();
    other["sum"] = json!(1);
    desk.once(PAYMENTS, "p-1", &other).await.is_error(422, "IDEMPOTENCY_MISMATCH", &[]);
    assert_eq!(desk.once(PAYMENTS, "p-2", &payment()).await.status, 200, "a new name is a new wish");
    assert_eq!(desk.asked("report_payment"), 2);
}

#[tokio::test]
async fn what_certainly_did_not_happen_may_be_repeated_and_what_is_unclear_may_not() {
    let desk = Desk::open().await;
    desk.installed();
    desk.world.marketplace.next_partner_call_fails(PartnerError::Retryable { after: None });
    desk.once(PAYMENTS, "p", &payment()).await.is_error(503, "YCLIENTS_UNAVAILABLE", &["retry_after"]);
    assert_eq!(desk.once(PAYMENTS, "p", &payment()).await.status, 200);
    let refund = "/admin/api/v1/yclients/payments/4711/refund";
    desk.world.marketplace.next_partner_call_fails(PartnerError::Unclear);
    desk.once(refund, "r", &Value::Null).await.is_error(502, "YCLIENTS_UNCLEAR", &[]);
    let calls = desk.asked("refund");
    let again = desk.once(refund, "r", &Value::Null).await;
    assert_eq!((again.status.as_u16(), again.json()["code"].as_str()), (502, Some("YCLIENTS_UNCLEAR")));
    assert_eq!(desk.asked("refund"), calls, "nobody knows whether the first one happened");
}

#[tokio::test]
async fn without_a_name_nothing_that_costs_happens() {
    let desk = Desk::open().await;
    desk.installed();
    for path in ["/admin/api/v1/yclients/salons/77/uninstall", "/admin/api/v1/yclients/payments/1/refund", PAYMENTS] {
        desk.post_json_as(path, ADMIN_KEY, &payment()).await.is_error(400, "IDEMPOTENCY_KEY_REQUIRED", &[]);
        desk.once(path, &"x".repeat(129), &payment()).await.is_error(400, "IDEMPOTENCY_KEY_REQUIRED", &[]);
    }
    assert_eq!(desk.world.marketplace.calls().iter().filter(|call| matches!(call, Call::Partner(..))).count(), 0);
}

#[tokio::test]
async fn a_removal_is_asked_for_once_and_stands_in_the_audit_log() {
    let desk = Desk::open().await;
    desk.installed();
    let path = "/admin/api/v1/yclients/salons/77/uninstall";
    assert_eq!(desk.once(path, "u", &Value::Null).await.status, 200);
    assert_eq!(desk.once(path, "u", &Value::Null).await.status, 200);
    assert_eq!(desk.asked("uninstall"), 1);
    desk.once(path, "v", &Value::Null).await.is_error(404, "NOT_INSTALLED", &[]);
    let entries = desk.get_as("/admin/api/v1/audit", ADMIN_KEY).await.json()["entries"].clone();
    let shown = |n: usize| (entries[n]["action"].as_str().unwrap().to_owned(), entries[n]["result"].as_str().unwrap().to_owned());
    assert_eq!(shown(1), ("yclients.uninstall".to_owned(), "done".to_owned()));
    assert_eq!(shown(0), ("yclients.uninstall".to_owned(), "failed".to_owned()));
    assert_eq!(entries[0]["code"], "NOT_INSTALLED");
}

#[tokio::test]
async fn yclients_answers_are_passed_on_and_wrong_numbers_are_not() {
    let desk = Desk::open().await;
    desk.installed();
    let salons = desk.get_as("/admin/api/v1/yclients/salons", ADMIN_KEY).await.json();
    assert_eq!((salons["salons"][0]["salon_id"].as_u64(), salons["is_last"].as_bool()), (Some(77), Some(true)));
    assert_eq!(desk.get_as("/admin/api/v1/yclients/salons/77", ADMIN_KEY).await.json()["status"], "active");
    desk.get_as("/admin/api/v1/yclients/salons/78", ADMIN_KEY).await.is_error(404, "NOT_INSTALLED", &[]);
    desk.get_as("/admin/api/v1/yclients/salons/0", ADMIN_KEY).await.is_error(400, "INVALID_SALON_ID", &[]);
    assert_eq!(desk.get_as("/admin/api/v1/yclients/tariffs", ADMIN_KEY).await.status, 200);
    let link = desk.post_json_as("/admin/api/v1/yclients/salons/77/payment-link", ADMIN_KEY, &json!({"discount": 10.5})).await;
    assert!(link.json()["url"].as_str().unwrap().starts_with("https://"), "{}", link.text);
    for (path, body, code) in [
        ("salons/77/payment-link", json!({"discount": 0}), "INVALID_AMOUNT"),
        ("discounts", json!({"salon_ids": [77], "discount": 100.5}), "INVALID_AMOUNT"),
        ("discounts", json!({"salon_ids": [], "discount": 5}), "INVALID_SALON_ID"),
        ("discounts", json!({"salon_ids": [0], "discount": 5}), "INVALID_SALON_ID"),
    ] {
        desk.post_json_as(&format!("/admin/api/v1/yclients/{path}"), ADMIN_KEY, &body).await.is_error(400, code, &[]);
    }
    for (field, value, code) in [
        ("sum", json!(-1), "INVALID_AMOUNT"),
        ("currency", json!("rub"), "INVALID_AMOUNT"),
        ("period_to", json!("2025-01-01T00:00:00Z"), "INVALID_PERIOD"),
        ("salon_id", json!(0), "INVALID_SALON_ID"),
    ] {
        let mut wrong = payment();
        wrong[field] = value;
        desk.once(PAYMENTS, "w", &wrong).await.is_error(400, code, &[]);
    }
    desk.world.marketplace.next_partner_call_fails(PartnerError::Refused { status: 422, message: Some("Нет".to_owned()) });
    let refused = desk.get_as("/admin/api/v1/yclients/tariffs", ADMIN_KEY).await;
    refused.is_error(422, "YCLIENTS_REFUSED", &["yclients_status", "yclients_message"]);
}

#[tokio::test]
async fn an_operator_has_installations_compared_and_reads_what_came_out() {
    let desk = Desk::open().await;
    desk.installed();
    let before = desk.get_as("/admin/api/v1/reconcile", ADMIN_KEY).await.json();
    assert_eq!((&before["last"], &before["running_since"]), (&Value::Null, &Value::Null));
    assert_eq!(desk.post_as("/admin/api/v1/reconcile", ADMIN_KEY).await.status, 202);
    let mut rounds = desk.reconciler.watch();
    rounds.wait_for(|status| status.last.is_some()).await.unwrap();
    let last = desk.get_as("/admin/api/v1/reconcile", ADMIN_KEY).await.json()["last"].clone();
    assert_eq!((last["result"].as_str(), last["listed"].as_u64()), (Some("done"), Some(1)), "{last}");
    assert_eq!(last["differences"][0]["salon_id"], 77, "installed there, unknown here");
}
