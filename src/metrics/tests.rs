//! The catalogue's own rules; what is rendered is tested on a whole server in `tests/it/monitoring.rs`.

use std::collections::HashSet;

use super::*;

#[test]
fn names_follow_one_scheme_and_say_their_kind() {
    let mut seen = HashSet::new();
    for metric in catalog() {
        let name = metric.name;
        assert!(seen.insert(name), "{name} is declared twice");
        assert!(name.starts_with("frontdesk_"), "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()), "{name}");
        assert_eq!(metric.kind == Kind::Counter, name.ends_with("_total"), "{name}: counters end in _total, nothing else does");
        assert!(!name.ends_with("_count") && !name.ends_with("_sum") && !name.ends_with("_bucket"), "{name}");
        assert!(metric.help.len() > 5 && !metric.help.ends_with('.'), "{name}: {}", metric.help);
        if let Kind::Histogram(buckets) = metric.kind {
            assert!(buckets.is_sorted(), "{name}");
        }
    }
}

#[test]
fn what_can_be_counted_is_shown_before_it_happens() {
    let recorder = builder().unwrap().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, begin);
    let text = handle.render();
    for series in [
        "frontdesk_sessions{state=\"Online\"} 0",
        "frontdesk_links_ended_total{reason=\"replaced\"} 0",
        "frontdesk_onboarding_steps_total{step=\"active\"} 0",
        "frontdesk_store_commit_failures_total 0",
        "frontdesk_sockets_refused_total{code=\"RATE_LIMITED\"} 0",
        "frontdesk_build_info{version=",
    ] {
        assert!(text.contains(series), "no {series} in\n{text}");
    }
    for metric in catalog().filter(|metric| text.contains(&format!("# TYPE {} ", metric.name))) {
        assert!(text.contains(&format!("# HELP {} {}", metric.name, metric.help)), "{} has no help", metric.name);
    }
}
