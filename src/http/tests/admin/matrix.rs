//! Every described route with every kind of credential: only the right one gets in. The list of routes comes from the description, so that a new
//! route can't be forgotten.

use frontdesk_actors::operators::{Actor, KeyId, NewAuditEntry, OperatorRole};
use secrecy::ExposeSecret as _;

use super::*;
use crate::auth::KeyWish;

/// A described operation.
pub struct Operation {
    pub method: Method,
    pub path: String,
    /// As it is described, with `{…}`.
    pub pattern: String,
    /// The weakest role that gets in; `None`: open to everyone, or opened by something else than an operator's key.
    pub role: Option<OperatorRole>,
}

pub fn operations() -> Vec<Operation> {
    let api: Value = serde_json::from_str(&openapi()).unwrap();
    let paths = api["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().filter(|(method, _)| *method != "parameters").map(move |(method, operation)| Operation {
            method: method.to_uppercase().parse().unwrap(),
            path: concrete(path),
            pattern: path.clone(),
            role: role(&operation["security"]),
        })
    });
    all.collect()
}

/// `None` as well where an operator's key is one way of several: `doors` tries those.
fn role(security: &Value) -> Option<OperatorRole> {
    let [only] = security.as_array()?.as_slice() else { return None };
    let word = only.get("operator_key")?;
    let word = word[0].as_str();
    Some(OperatorRole::ALL.into_iter().find(|role| Some(role.name()) == word).unwrap_or(OperatorRole::Viewer))
}

/// Numbers that are there, or well-formed ones that are not.
fn concrete(path: &str) -> String {
    let filled = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
    filled.collect::<Vec<_>>().join("/")
}

impl Desk {
    async fn ask(&self, operation: &Operation, credential: Option<&str>) -> Answer {
        let request = request(operation.method.clone(), &operation.path, Body::from("{}"));
        let request = with_header(request, "content-type", "application/json");
        let request = with_header(request, "idempotency-key", "one");
        let request = match credential {
            Some(key) => with_bearer(request, key),
            None => request,
        };
        self.send(request).await
    }

    /// A key that was good until an hour ago.
    async fn expired(&self) -> String {
        let wish =
            KeyWish { name: "old".to_owned(), role: OperatorRole::Admin, expires_at: Some(Utc::now() - chrono::TimeDelta::hours(1)) };
        let (_, key) = self.state.operators.create(wish, nobody()).await.unwrap();
        key.expose_secret().to_owned()
    }

    async fn revoked(&self) -> String {
        let wish = KeyWish { name: "gone".to_owned(), role: OperatorRole::Admin, expires_at: None };
        let (stored, key) = self.state.operators.create(wish, nobody()).await.unwrap();
        self.state.operators.revoke(stored.id, nobody()).await.unwrap();
        key.expose_secret().to_owned()
    }
}

fn nobody() -> NewAuditEntry {
    NewAuditEntry {
        actor: Actor { key: Some(KeyId(1)), name: "test".to_owned(), role: OperatorRole::Admin },
        address: String::new(),
        request_id: String::new(),
        action: "test".to_owned(),
        company: None,
        target: None,
        before: Value::Null,
    }
}

/// The desk, with limits off: hundreds of requests come from one address and with few keys.
async fn unlimited() -> Desk {
    let settings =
        HttpSettings { per_ip_limits: false, per_company_limits: false, qr_wait: Duration::from_millis(50), ..HttpSettings::default() };
    Desk::with(settings).await
}

#[tokio::test]
async fn only_the_right_credential_gets_in_anywhere() {
    let desk = unlimited().await;
    let company = desk.register(77).await;
    let page_token = desk.token(&company);
    let (expired, revoked) = (desk.expired().await, desk.revoked().await);
    let keys = [desk.key("viewer").await, desk.key("operator").await, desk.key("admin").await];
    let operations = operations();
    let guarded: Vec<_> = operations.iter().filter_map(|operation| Some((operation, operation.role?))).collect();
    assert!(guarded.len() >= 25, "only {} guarded routes are described", guarded.len());
    for (operation, needed) in guarded {
        let what = format!("{} {}", operation.method, operation.path);
        desk.ask(operation, None).await.is_error(401, "AUTH_REQUIRED", &[]);
        for useless in ["sk_wrong", "", &page_token, &expired, &revoked, &keys[0][..20]] {
            let answer = desk.ask(operation, Some(useless)).await;
            assert_eq!(answer.status, 401, "{what} with a useless key: {}", answer.text);
        }
        for (role, key) in OperatorRole::ALL.into_iter().zip(&keys) {
            let answer = desk.ask(operation, Some(key)).await;
            let refused = answer.status == 401 || answer.status == 403;
            assert_eq!(refused, role < needed, "{what} as {}: {}", role.name(), answer.text);
            assert!(answer.status != 500 && !answer.text.contains("\"NOT_FOUND\""), "{what} is not served: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn every_operators_route_is_described_with_its_role() {
    for operation in operations() {
        let at_old_address = ["/marketplace/register", "/marketplace/companies"].contains(&operation.path.as_str());
        let guarded = at_old_address || operation.path.starts_with(crate::http::admin::PREFIX);
        assert_eq!(operation.role.is_some(), guarded, "{} {}", operation.method, operation.path);
    }
}

#[tokio::test]
async fn every_described_route_is_served_and_every_reference_leads_somewhere() {
    let desk = unlimited().await;
    for operation in operations() {
        let answer = desk.ask(&operation, None).await;
        let nobody = answer.status == 405 || answer.text.contains("\"NOT_FOUND\"");
        assert!(!nobody, "{} {}: {}", operation.method, operation.path, answer.text);
    }
    let api: Value = serde_json::from_str(&openapi()).unwrap();
    for name in openapi().split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(api["components"]["schemas"].get(name).is_some(), "{name} is not described");
    }
}

#[tokio::test]
async fn the_kept_description_is_the_served_one() {
    let kept = include_str!("../../../../docs/openapi.json");
    let present = openapi();
    if present != kept {
        let file = std::env::temp_dir().join("frontdesk-openapi.json");
        std::fs::write(&file, &present).unwrap();
        panic!("docs/openapi.json is old: look at what changed, then copy {} there", file.display());
    }
    let desk = Desk::open().await;
    let served = desk.get("/docs/openapi.json").await;
    assert_eq!(served.text, kept);
    desk.get("/docs/").await.is_page(200);
}
