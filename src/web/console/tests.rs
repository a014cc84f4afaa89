//! What is written by hand once per language stays the same in both.

use std::collections::BTreeSet;
use std::mem::take;

use frontdesk_actors::view::{SessionState, StateReason};

use super::*;

const WORDS: [&str; 2] = [include_str!("words_ru.js"), include_str!("words_en.js")];

/// The names of all texts, such as `company.buttons.stop`. Reads as much JavaScript as stands in these files: one object of objects and strings.
fn names(script: &str) -> BTreeSet<String> {
    let (_, texts) = script.split_once("export default {").expect("the texts are one object");
    let (mut path, mut word, mut names) = (Vec::new(), String::new(), BTreeSet::new());
    let mut chars = texts.chars();
    while let Some(sign) = chars.next() {
        match sign {
            '"' => while !matches!(chars.next(), Some('"') | None) {},
            '{' => path.push(take(&mut word)),
            '}' => {
                path.pop();
                word.clear();
            }
            ',' => word.clear(),
            ':' => {
                let name = path.iter().chain([&word]).map(String::as_str).collect::<Vec<_>>().join(".");
                assert!(names.insert(name), "{word} stands twice in {path:?}");
            }
            sign if sign.is_alphanumeric() || sign == '_' => word.push(sign),
            _ => {}
        }
    }
    names
}

#[test]
fn both_languages_have_the_same_texts() {
    let [ru, en] = WORDS.map(names);
    assert!(ru.contains("company.buttons.stop") && ru.len() > 200, "{ru:?}");
    let missing: Vec<_> = ru.symmetric_difference(&en).collect();
    assert!(missing.is_empty(), "in one language only: {missing:?}");
    assert!(WORDS.iter().all(|script| !script.contains("\\\"") && !script.contains('`')), "names() knows plain strings only");
}

#[test]
fn the_page_names_every_script_that_another_one_imports() {
    for language in [Language::Ru, Language::En] {
        let page = console(language);
        for asset in ASSETS.iter().filter(|asset| asset.name.starts_with("console/") && asset.name.ends_with(".js")) {
            assert_eq!(page.matches(&format!("{}/{}", versioned_root(), asset.name)).count(), 1, "{}", asset.name);
            let script = std::str::from_utf8(asset.bytes).unwrap();
            assert!(!script.contains("from \"/"), "{}: an import by a whole address leaves the version", asset.name);
        }
        assert!(page.contains("/live.js"));
    }
}

#[test]
fn every_state_and_every_reason_has_words() {
    let names = names(WORDS[0]);
    let reason = |reason: StateReason| serde_json::to_value(reason).unwrap().as_str().unwrap().to_owned();
    let states = SessionState::ALL.iter().map(|state| format!("states.{}", state.name()));
    let missing: Vec<_> =
        states.chain(StateReason::ALL.map(|one| format!("reasons.{}", reason(one)))).filter(|name| !names.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
