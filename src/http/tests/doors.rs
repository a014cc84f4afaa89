//! Every described route that something else than an operator's key opens, with every kind of credential: only the right one gets in. The list of
//! routes comes from the description: a new one without a line here fails a test. `admin/matrix.rs` does the same for operators' routes.

use frontdesk_actors::testing::{until, wait_until};
use frontdesk_actors::view::ActivationView;
use serde_json::json;

use super::admin::matrix::operations;
use super::*;

/// Credentials of one kind for salon 77, which is company 1.
struct Credentials {
    /// Those of salon 78.
    foreign: String,
    /// Good ones, made for something else.
    wrong: Vec<String>,
    /// Good until a moment ago.
    expired: Option<String>,
    right: Vec<String>,
}

/// A way into a route.
struct Door {
    method: Method,
    pattern: &'static str,
    ask: fn(&str) -> Request<Body>,
    /// The answer without a credential; `None` where there is no request without one.
    bare: Option<u16>,
    opened_by: Kind,
}

/// What opens a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    PageToken,
    CompanyKey,
    /// The secret in a data webhook's address.
    Secret,
    PartnerToken,
    /// A page token, a company's key, or any operator's.
    AnyOfThem,
}

const OPEN: [(Method, &str); 7] = [
    (Method::GET, "/health"),
    (Method::GET, "/marketplace/health"),
    (Method::GET, "/marketplace/test"),
    // Give the key or the cookie to be checked; see admin/console.rs.
    (Method::POST, "/console/login"),
    (Method::POST, "/console/logout"),
    (Method::GET, "/console/session"),
    // Always 200; counts only with the company's key: see legacy.rs.
    (Method::POST, "/marketplace/webhook/{company_id}"),
];

fn bearer(method: Method, path: &str, token: &str) -> Request<Body> {
    let bare = request(method, path, Body::empty());
    if token.is_empty() { bare } else { with_bearer(bare, token) }
}

fn lifecycle(path: &str, token: &str) -> Request<Body> {
    json_request(path, json!({"salon_id": 77, "application_id": 9, "event": "freeze", "partner_token": token}).to_string())
}

fn doors() -> Vec<Door> {
    let door = |method, pattern, opened_by, bare, ask| Door { method, pattern, ask, bare, opened_by };
    vec![
        door(Method::POST, "/marketplace/api/qr", Kind::PageToken, Some(401), |token| bearer(Method::POST, "/marketplace/api/qr", token)),
        door(Method::GET, "/marketplace/api/status/{session_id}", Kind::PageToken, Some(401), |token| {
            bearer(Method::GET, "/marketplace/api/status/company_77", token)
        }),
        door(Method::POST, "/marketplace/activate", Kind::PageToken, Some(400), |token| {
            json_request("/marketplace/activate", json!({"token": token}).to_string())
        }),
        door(Method::GET, "/marketplace/qr/{token}", Kind::PageToken, None, |token| {
            bearer(Method::GET, &format!("/marketplace/qr/{token}"), "")
        }),
        door(Method::GET, "/marketplace/status/{company_id}", Kind::AnyOfThem, Some(401), |key| {
            bearer(Method::GET, "/marketplace/status/1", key)
        }),
        door(Method::POST, "/marketplace/callback", Kind::CompanyKey, Some(401), |key| {
            json_request("/marketplace/callback", json!({"salon_id": 77, "company_id": 1, "api_key": key}).to_string())
        }),
        door(Method::POST, "/webhook/yclients/data/{salon_id}/{secret}", Kind::Secret, None, |secret| {
            let event = json!({"company_id": 77, "resource": "record", "resource_id": 5, "status": "update", "data": {"id": 5}});
            json_request(&format!("/webhook/yclients/data/77/{secret}"), event.to_string())
        }),
        door(Method::POST, "/webhook/yclients", Kind::PartnerToken, Some(401), |token| lifecycle("/webhook/yclients", token)),
        door(Method::POST, "/callback/yclients", Kind::PartnerToken, Some(401), |token| lifecycle("/callback/yclients", token)),
    ]
}

/// Everything that opens something, of salon 77 and its neighbour 78.
struct Ring {
    token: String,
    ended_token: String,
    foreign_token: String,
    key: String,
    old_key: String,
    foreign_key: String,
    secret: String,
    dead_secret: String,
    foreign_secret: String,
    viewer: String,
    admin: String,
}

impl Ring {
    async fn of(desk: &Desk) -> Self {
        let (ours, theirs) = (desk.online(77).await, desk.online(78).await);
        Self {
            token: desk.token(&ours),
            ended_token: desk.token_from(&ours, Utc::now() - chrono::TimeDelta::hours(2)),
            foreign_token: desk.token(&theirs),
            old_key: client_key(desk, 77).await,
            key: client_key(desk, 77).await,
            foreign_key: client_key(desk, 78).await,
            dead_secret: secret(&ours).await,
            secret: secret(&ours).await,
            foreign_secret: secret(&theirs).await,
            viewer: desk.key("viewer").await,
            admin: desk.key("admin").await,
        }
    }

    fn credentials(&self, kind: Kind) -> Credentials {
        let partner = PARTNER_TOKEN.to_owned();
        let several = |texts: &[&String]| texts.iter().map(|text| (*text).clone()).collect();
        let (foreign, wrong, expired, right) = match kind {
            Kind::PageToken => {
                (&self.foreign_token, several(&[&self.admin, &self.key, &partner]), Some(&self.ended_token), several(&[&self.token]))
            }
            Kind::CompanyKey => {
                (&self.foreign_key, several(&[&self.admin, &self.token, &partner]), Some(&self.old_key), several(&[&self.key]))
            }
            Kind::Secret => {
                (&self.foreign_secret, several(&[&self.key, &self.admin, &self.token]), Some(&self.dead_secret), several(&[&self.secret]))
            }
            Kind::PartnerToken => {
                (&self.foreign_key, several(&[&self.key, &self.admin, &self.token, &self.secret]), None, several(&[&partner]))
            }
            Kind::AnyOfThem => (
                &self.foreign_token,
                several(&[&self.foreign_key, &self.old_key, &partner, &self.secret]),
                Some(&self.ended_token),
                several(&[&self.token, &self.key, &self.viewer, &self.admin]),
            ),
        };
        Credentials { foreign: foreign.clone(), wrong, expired: expired.cloned(), right }
    }
}

/// A desk without limits: hundreds of requests come from one address.
async fn unlimited() -> Desk {
    let settings =
        HttpSettings { per_ip_limits: false, per_company_limits: false, qr_wait: Duration::from_millis(50), ..HttpSettings::default() };
    Desk::with(settings).await
}

async fn client_key(desk: &Desk, salon: u64) -> String {
    desk.state.fleet.enroll(frontdesk_actors::testing::salon(salon), None, None).await.unwrap().api_key.expose().to_owned()
}

async fn secret(company: &CompanyHandle) -> String {
    until(company, |view| view.activation == ActivationView::Active).await;
    company.rotate_webhook_secret().await.unwrap().unwrap().expose().rsplit('/').next().unwrap().to_owned()
}

fn in_door(answer: &Answer) -> bool {
    answer.status != 400 && answer.status != 401 && answer.status != 403
}

#[tokio::test]
async fn a_route_without_an_operators_key_opens_to_its_own_credential_only() {
    let desk = unlimited().await;
    let ring = Ring::of(&desk).await;
    for door in doors() {
        let (what, kinds) = (format!("{} {}", door.method, door.pattern), ring.credentials(door.opened_by));
        if let Some(status) = door.bare {
            assert_eq!(desk.send((door.ask)("")).await.status, status, "{what} without a credential");
        }
        let refused = [&kinds.foreign].into_iter().chain(&kinds.wrong).chain(&kinds.expired);
        for (at, credential) in refused.enumerate() {
            // A foreign page token is good for its own company: there it may look, not here.
            let elsewhere = door.opened_by == Kind::PageToken && at == 0 && !door.pattern.contains("session_id");
            let answer = desk.send((door.ask)(credential)).await;
            assert!(elsewhere || !in_door(&answer), "{what}, credential {at}: {} {}", answer.status, answer.text);
        }
    }
    assert!(desk.world.records.waiting_inbox().is_empty() && desk.world.records.done_inbox().is_empty(), "nobody stored anything");
    for door in doors() {
        for credential in ring.credentials(door.opened_by).right {
            let answer = desk.send((door.ask)(&credential)).await;
            assert!(in_door(&answer), "{} {}: {} {}", door.method, door.pattern, answer.status, answer.text);
        }
    }
    wait_until("what came in is dispatched", || desk.world.records.done_inbox().len() >= 2).await;
}

#[test]
fn every_described_route_has_a_line_in_a_matrix() {
    let doors = doors();
    for operation in operations().into_iter().filter(|operation| operation.role.is_none()) {
        let open = OPEN.iter().any(|(method, pattern)| *method == operation.method && *pattern == operation.pattern);
        let door = doors.iter().any(|door| door.method == operation.method && door.pattern == operation.pattern);
        assert!(open != door, "{} {} stands in no matrix, or in two", operation.method, operation.pattern);
    }
}
