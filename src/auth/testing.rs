//! Operators' keys for tests, here and of the doors that take them.

use frontdesk_actors::operators::{Actor, NewAuditEntry, OperatorRole};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::{KeyWish, Operator, Operators};

/// What the configured key did.
pub fn audit(action: &str) -> NewAuditEntry {
    NewAuditEntry {
        actor: Actor { key: None, name: "configuration".to_owned(), role: OperatorRole::Admin },
        address: "192.0.2.1".to_owned(),
        request_id: "r".to_owned(),
        action: action.to_owned(),
        company: None,
        target: None,
        before: Value::Null,
    }
}

/// A viewer's new key, and who holds it.
pub async fn key(operators: &Operators) -> (SecretString, Operator) {
    let wish = KeyWish { name: "t".to_owned(), role: OperatorRole::Viewer, expires_at: None };
    let (_, key) = operators.create(wish, audit("key.create")).await.unwrap();
    let operator = operators.principal(key.expose_secret()).await.unwrap();
    (key, operator)
}
