//! What a line looks like, what stays out of it, how the level changes.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;
use tracing::subscriber::with_default;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// What was written, piece by piece.
#[derive(Clone)]
struct Pieces(mpsc::Sender<Vec<u8>>);

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Pieces {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn text(pieces: &mpsc::Receiver<Vec<u8>>) -> String {
    pieces.try_iter().map(|piece| String::from_utf8(piece).unwrap()).collect()
}

/// The lines of what `work` logs, as JSON.
fn logged(level: &str, work: impl FnOnce(&LogLevels)) -> Vec<Value> {
    let (sender, pieces) = mpsc::channel();
    let (filter, levels) = LogLevels::new(level).unwrap();
    let subscriber = tracing_subscriber::registry().with(filter).with(filter_fn(harmless)).with(json_lines(Pieces(sender)));
    with_default(subscriber, || work(&levels));
    text(&pieces).lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn a_line_has_the_fields_of_all_spans_around_it_and_the_innermost_wins() {
    let lines = logged("info", |_| {
        let request =
            tracing::info_span!("http.request", request.id = "r1", http.route = "/x", who = "outer", http.status = tracing::field::Empty);
        let _request = request.enter();
        request.record("http.status", 200);
        let company = tracing::info_span!("company", company.id = 7, who = "middle");
        let _company = company.enter();
        tracing::info!(who = "inner", ok = true, "done\nwith it");
    });
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(line["message"], "done\nwith it");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["span"], "company");
    assert_eq!(line["target"], "frontdesk::telemetry::tests");
    for (field, value) in [("request.id", "r1"), ("http.route", "/x"), ("who", "inner")] {
        assert_eq!(line[field], value, "{line}");
    }
    assert_eq!((&line["company.id"], &line["ok"], &line["http.status"]), (&7.into(), &true.into(), &200.into()));
    assert!(chrono::DateTime::parse_from_rfc3339(line["timestamp"].as_str().unwrap()).is_ok());
}

#[test]
fn what_libraries_say_at_debug_stays_out_whatever_is_asked_for() {
    let lines = logged("trace", |_| {
        tracing::debug!(target: "whatsapp_rust::send", "to 79001110001");
        tracing::warn!(target: "whatsapp_rust::send", "to 79001110001");
        tracing::debug!(target: "sled::pagecache", "noise");
        tracing::warn!(target: "sled::pagecache", "helpful");
        tracing::error!(target: "whatsapp_rust::send", "broken");
        tracing::trace!("ours");
    });
    let messages: Vec<&str> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
    assert_eq!(messages, ["helpful", "broken", "ours"]);
}

#[tokio::test(start_paused = true)]
async fn a_changed_level_applies_at_once_and_falls_back_by_itself() {
    let (sender, pieces) = mpsc::channel();
    let (filter, levels) = LogLevels::new("info").unwrap();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(filter).with(json_lines(Pieces(sender))));
    tracing::debug!("before");
    levels.change("info,frontdesk=debug", Duration::from_secs(60)).unwrap();
    tracing::debug!("during");
    tokio::time::advance(Duration::from_secs(59)).await;
    levels.tick();
    tracing::debug!("still");
    assert!(levels.present().until.is_some());
    tokio::time::advance(Duration::from_secs(1)).await;
    levels.tick();
    tracing::debug!("after");
    assert_eq!(levels.present(), PresentLevel { filter: "info".to_owned(), until: None });
    let text = text(&pieces);
    assert!(text.contains("during") && text.contains("still"), "{text}");
    assert!(!text.contains("before") && !text.contains("after"), "{text}");
    for bad in ["", "loud,,=", "a=b=c", &"x".repeat(300)] {
        assert_eq!(levels.change(bad, Duration::from_secs(1)), Err(BadLevel::Unknown), "{bad}");
    }
    assert_eq!(levels.change("info", Duration::from_secs(90_000)), Err(BadLevel::TooLong));
}

proptest! {
    #[test]
    fn an_event_stays_on_one_line_whatever_is_in_it(field in any::<String>()) {
        let (sender, pieces) = mpsc::channel();
        let people = fmt::layer().with_ansi(false).with_writer(OneLine(Pieces(sender.clone())));
        with_default(tracing_subscriber::registry().with(people), || tracing::info!(field, %field, "said"));
        let lines = logged("info", |_| tracing::info!(field, "said"));
        prop_assert_eq!(lines[0]["field"].as_str(), Some(field.as_str()));
        let text = text(&pieces);
        prop_assert_eq!(text.matches('\n').count(), 1, "{}", text);
        prop_assert!(text.ends_with('\n'));
    }
}
