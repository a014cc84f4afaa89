use std::collections::HashSet;

use serde_json::Value;

use super::*;

/// A hole the compiler can't see: a reason missing in the list the script gets.
fn is_listed(reason: StateReason) -> bool {
    match reason {
        StateReason::NetworkLost
        | StateReason::ServiceUnavailable
        | StateReason::RestartRequired
        | StateReason::ConnectTimeout
        | StateReason::QrExhausted
        | StateReason::OwnerLeft
        | StateReason::StreamReplaced
        | StateReason::DeviceRemoved
        | StateReason::TemporaryBan
        | StateReason::AccountLocked
        | StateReason::ClientOutdated
        | StateReason::NotAnswering
        | StateReason::StoreFailed
        | StateReason::CrashedTooOften
        | StateReason::Frozen
        | StateReason::Uninstalled
        | StateReason::Stopped
        | StateReason::ProxyFailed
        | StateReason::PairingRefused
        | StateReason::PasskeyRefused
        | StateReason::PasskeyBroken
        | StateReason::PasskeyTimedOut => StateReason::ALL.contains(&reason),
    }
}

/// Every text of a JSON value, with the path to it.
fn texts(path: &str, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => into.push((path.to_owned(), text.clone())),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| texts(&format!("{path}.{name}"), value, into)),
        Value::Array(items) => items.iter().for_each(|value| texts(path, value, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn dictionary(language: Language) -> Vec<(String, String)> {
    let json: Value = serde_json::from_str(&for_script(of(language))).unwrap();
    let mut found = Vec::new();
    texts("", &json, &mut found);
    found
}

#[test]
fn every_state_reason_and_action_has_its_own_words_in_both_languages() {
    assert!(StateReason::ALL.into_iter().all(is_listed));
    for language in Language::ALL {
        let words = of(language);
        let titles: HashSet<_> = SessionState::ALL.into_iter().map(|state| (words.state)(state).title).collect();
        let reasons: HashSet<_> = StateReason::ALL.into_iter().map(words.reason).collect();
        let actions: HashSet<_> = ACTIONS.into_iter().map(words.action).collect();
        assert_eq!((titles.len(), reasons.len(), actions.len()), (14, 22, 10), "{language:?}");
    }
}

#[test]
fn both_languages_have_the_same_texts_none_is_empty_and_none_is_left_in_the_other() {
    let (russian, english) = (dictionary(Language::Ru), dictionary(Language::En));
    let names = |texts: &[(String, String)]| texts.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&russian), names(&english));
    for (name, text) in russian {
        let cyrillic = text.chars().any(|c| ('а'..='я').contains(&c.to_ascii_lowercase()) || ('А'..='я').contains(&c));
        assert!(cyrillic, "{name}: {text}");
    }
    for (name, text) in english {
        assert!(!text.trim().is_empty() && text.chars().all(|c| !('А'..='я').contains(&c)), "{name}: {text}");
    }
}

#[test]
fn both_languages_have_the_same_placeholders() {
    for ((name, russian), (_, english)) in dictionary(Language::Ru).into_iter().zip(dictionary(Language::En)) {
        for placeholder in ["{time}", "{n}", "{used}", "{total}"] {
            assert_eq!(russian.contains(placeholder), english.contains(placeholder), "{name}");
        }
    }
}

#[test]
fn the_script_finds_its_words_by_the_names_on_the_wire() {
    let json: Value = serde_json::from_str(&for_script(of(Language::En))).unwrap();
    for pointer in [
        "/states/AwaitingScan/title",
        "/reasons/qr_exhausted",
        "/actions/use_pairing_code",
        "/activation/retrying",
        "/failures/INVALID_PHONE_FORMAT",
        "/live/codeLeft",
        "/live/tokenOver/text",
    ] {
        assert!(json.pointer(pointer).is_some_and(Value::is_string), "{pointer}");
    }
}
