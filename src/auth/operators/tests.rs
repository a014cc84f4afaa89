use frontdesk_actors::testing::MemoryOperators;

use super::*;
use crate::auth::testing::audit;

const CONFIGURED_KEY: &str = "0123456789abcdef0123456789abcdef";

fn wish(role: OperatorRole) -> KeyWish {
    KeyWish { name: "Анна".to_owned(), role, expires_at: None }
}

async fn opened(records: &Arc<MemoryOperators>) -> Operators {
    Operators::open(records.clone(), Some(&SecretString::from(CONFIGURED_KEY))).await.unwrap()
}

#[tokio::test]
async fn a_key_opens_its_role_until_it_is_revoked_and_after_a_restart_too() {
    let records = Arc::new(MemoryOperators::new());
    let operators = opened(&records).await;
    let (key, text) = operators.create(wish(OperatorRole::Operator), audit("key.create")).await.unwrap();
    let text = text.expose_secret();
    assert!(text.starts_with("sk_") && text.len() == 46, "32 bytes in base64");
    for operators in [operators.clone(), opened(&records).await] {
        let operator = operators.principal(text).await.unwrap();
        assert_eq!((operator.key, operator.role), (Some(key.id), OperatorRole::Operator));
        assert!(operators.still_good(&operator));
    }
    let operator = operators.principal(text).await.unwrap();
    operators.revoke(key.id, audit("key.revoke")).await.unwrap();
    assert_eq!(operators.principal(text).await, None);
    assert!(!operators.still_good(&operator));
    assert_eq!(opened(&records).await.principal(text).await, None);
}

#[tokio::test]
async fn nothing_but_the_exact_key_opens_anything() {
    let records = Arc::new(MemoryOperators::new());
    let operators = opened(&records).await;
    let (key, text) = operators.create(wish(OperatorRole::Viewer), audit("key.create")).await.unwrap();
    let text = text.expose_secret();
    let near = [&text[..text.len() - 1], &format!("{text} "), &text.to_uppercase(), "", "sk_", &key.hash, &key.hint, &"x".repeat(600)];
    for wrong in near {
        assert_eq!(operators.principal(wrong).await, None, "{wrong}");
    }
    let configured = operators.principal(CONFIGURED_KEY).await.unwrap();
    assert_eq!((configured.key, configured.role), (None, OperatorRole::Admin));
    let without = Operators::open(records.clone(), None).await.unwrap();
    assert_eq!(without.principal(CONFIGURED_KEY).await, None);
}

#[tokio::test]
async fn an_expired_key_opens_nothing() {
    let operators = opened(&Arc::new(MemoryOperators::new())).await;
    let end = Utc::now() + TimeDelta::hours(1);
    let wish = KeyWish { expires_at: Some(end), ..wish(OperatorRole::Admin) };
    let (_, text) = operators.create(wish, audit("key.create")).await.unwrap();
    assert!(operators.principal_at(text.expose_secret(), end - TimeDelta::seconds(1)).is_some());
    assert!(operators.principal_at(text.expose_secret(), end).is_none());
}

#[tokio::test]
async fn the_last_use_is_shown_at_once_and_stored_now_and_then() {
    let records = Arc::new(MemoryOperators::new());
    let operators = opened(&records).await;
    let (_, text) = operators.create(wish(OperatorRole::Viewer), audit("key.create")).await.unwrap();
    let now = Utc::now();
    operators.principal_at(text.expose_secret(), now).unwrap();
    assert_eq!(operators.list().await.unwrap()[0].last_used_at, Some(now));
    assert_eq!(records.operator_keys().await.unwrap()[0].last_used_at, None, "not worth a write yet");
    operators.note_uses().await;
    assert_eq!(records.operator_keys().await.unwrap()[0].last_used_at, Some(now));
    operators.principal_at(text.expose_secret(), now + TimeDelta::seconds(30)).unwrap();
    assert_eq!(operators.list().await.unwrap()[0].last_used_at, Some(now), "within the same minute nothing is noted");
    let later = now + TimeDelta::seconds(90);
    operators.principal_at(text.expose_secret(), later).unwrap();
    records.fail_writes(true);
    operators.note_uses().await;
    records.fail_writes(false);
    operators.note_uses().await;
    assert_eq!(records.operator_keys().await.unwrap()[0].last_used_at, Some(later), "a failed write is made up for");
}

#[tokio::test]
async fn a_key_that_could_not_be_stored_opens_nothing_and_one_that_could_not_be_revoked_still_does() {
    let records = Arc::new(MemoryOperators::new());
    let operators = opened(&records).await;
    let (key, text) = operators.create(wish(OperatorRole::Viewer), audit("key.create")).await.unwrap();
    records.fail_writes(true);
    assert!(operators.create(wish(OperatorRole::Viewer), audit("key.create")).await.is_err());
    assert!(operators.revoke(key.id, audit("key.revoke")).await.is_err());
    assert!(operators.principal(text.expose_secret()).await.is_some(), "memory says what the store says");
    assert_eq!(operators.list().await.unwrap().len(), 1);
}
