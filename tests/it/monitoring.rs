//! What an operator sees: metrics, dashboards and alerts, judged by a real Prometheus.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::support::prometheus::{Prometheus, project, promtool};
use crate::support::stage::{Stage, eventually};

const SALON: u64 = 500_001;
const BOARDS: [&str; 4] = ["fleet", "onboarding", "http", "store"];

/// What `metrics-process` and Prometheus itself bring.
const OF_OTHERS: [&str; 5] =
    ["process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds", "process_max_fds", "process_start_time_seconds"];

fn text(file: &str) -> String {
    fs::read_to_string(project().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Title and expression of every query of a dashboard.
fn queries(board: &str) -> Vec<(String, String)> {
    let board: Value = serde_json::from_str(&text(&format!("dashboards/{board}.json"))).expect("a dashboard is JSON");
    let panels = board["panels"].as_array().expect("a dashboard has panels");
    let of_panel = |panel: &Value| {
        let title = panel["title"].as_str().unwrap_or_default().to_owned();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.into_iter().map(move |target| (title.clone(), target["expr"].as_str().expect("a query").to_owned()))
    };
    panels.iter().flat_map(of_panel).collect()
}

/// Names of metrics in a text, without what Prometheus adds to those of histograms.
fn names_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let ours = words.filter(|word| word.starts_with("frontdesk_") || word.starts_with("process_"));
    let bare = |name: &str| {
        let suffix = ["_bucket", "_sum", "_count"].into_iter().find_map(|suffix| name.strip_suffix(suffix));
        suffix.unwrap_or(name).to_owned()
    };
    ours.map(bare).collect()
}

fn alerts() -> BTreeSet<String> {
    let rules = text("dashboards/alerts.yml");
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).map(str::to_owned).collect()
}

#[test]
fn dashboards_and_alerts_name_only_metrics_that_exist() {
    let known: BTreeSet<&str> = frontdesk::metrics::names().chain(OF_OTHERS).collect();
    let boards =
        BOARDS.map(|board| (format!("{board}.json"), queries(board).into_iter().map(|(_, query)| query + "\n").collect::<String>()));
    let files = boards.into_iter().chain([("alerts.yml".to_owned(), text("dashboards/alerts.yml"))]);
    for (file, text) in files {
        let named = names_in(&text);
        assert!(!named.is_empty(), "{file} names no metric");
        let unknown: Vec<_> = named.iter().filter(|name| !known.contains(name.as_str())).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}");
    }
}

#[test]
fn every_alert_has_a_scenario_and_a_page_in_the_runbook() {
    let (scenarios, runbook, rules) = (text("dashboards/alerts_test.yml"), text("docs/troubleshooting.md"), text("dashboards/alerts.yml"));
    for alert in alerts() {
        assert!(scenarios.contains(&format!("alertname=\"{alert}\"")), "{alert} fires in no scenario");
        assert!(runbook.contains(&format!("\n### {alert}\n")), "docs/troubleshooting.md has no heading {alert}");
        let link = format!("runbook: docs/troubleshooting.md#{}\n", alert.to_lowercase());
        assert!(rules.contains(&link), "{alert} has no link to its page");
    }
}

#[tokio::test]
async fn every_alert_fires_in_its_scenario_and_is_silent_in_the_quiet_one() {
    for arguments in [
        ["check", "config", "config/prometheus.yml"],
        ["check", "rules", "dashboards/alerts.yml"],
        ["test", "rules", "dashboards/alerts_test.yml"],
    ] {
        let (content, words) = promtool(&arguments, "").await;
        assert!(content, "promtool {arguments:?}: {words}");
    }
}

/// A life with some trouble: two salons come online, one of them while Prometheus looks, and one is lost and comes back, twice.
async fn life() -> (Stage, Prometheus) {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_SESSIONS_BACKOFF_MIN", "100ms");
    stage.set("FRONTDESK_SESSIONS_BACKOFF_MAX", "400ms");
    stage.start().await;
    let token = stage.connect(SALON, "79001110001").await;
    let drop_link = json!({"service": "whatsapp", "target": "79001110001", "fault": "drop"});
    stage.control("POST", "/control/faults", drop_link.clone()).await;
    let prometheus = Prometheus::watching(stage.ops_port).await;
    stage.connect(SALON + 1, "79001110002").await;
    stage.status_when(SALON, &token, |status| status["connected"] == true).await;
    stage.control("POST", "/control/faults", drop_link).await;
    (stage, prometheus)
}

async fn fires(prometheus: &Prometheus, alert: &str) {
    eventually(&format!("{alert} fires"), async || prometheus.firing().await.contains(alert)).await;
}

#[tokio::test]
async fn monitoring_every_panel_has_data_and_alerts_fire_when_they_should_and_only_then() {
    let (mut stage, prometheus) = life().await;
    let scraped = stage.http.get(format!("http://127.0.0.1:{}/metrics", stage.ops_port)).send().await.expect("an answer");
    let (content, words) = promtool(&["check", "metrics"], &scraped.text().await.expect("text")).await;
    assert!(content && words.is_empty(), "promtool check metrics: {words}");

    for (title, query) in BOARDS.iter().flat_map(|board| queries(board)) {
        let query = query.replace("$__rate_interval", "30s").replace("$instance", ".*");
        eventually(&format!("data for {title}: {query}"), async || prometheus.has_data(&query).await).await;
    }
    eventually("all rules are evaluated", async || prometheus.healthy_rules().await == alerts()).await;
    let of_this_machine = |alert: &String| !alert.starts_with("FrontdeskDisk");
    let firing: BTreeSet<String> = prometheus.firing().await.into_iter().filter(of_this_machine).collect();
    assert_eq!(firing, BTreeSet::new(), "nothing is wrong yet");

    stage.salon(SALON + 2, "Салон").await;
    stage.phone("79001110003").await;
    let refused = json!({"service": "yclients", "target": (SALON + 2).to_string(), "fault": "status", "code": 422, "times": 1});
    stage.control("POST", "/control/faults", refused).await;
    let token = stage.onboard(SALON + 2).await;
    let qr = stage.qr(&token).await;
    stage.scan("79001110003", &qr).await;
    fires(&prometheus, "FrontdeskActivationFails").await;

    let banned = json!({"service": "whatsapp", "target": "79001110003", "fault": "ban", "seconds": 600});
    stage.control("POST", "/control/faults", banned).await;
    fires(&prometheus, "FrontdeskBanned").await;

    let outage = json!({"service": "whatsapp", "target": "*", "fault": "outage"});
    stage.control("POST", "/control/faults", outage).await;
    fires(&prometheus, "FrontdeskNoWayToWhatsapp").await;

    stage.kill().await;
    fires(&prometheus, "FrontdeskDown").await;
    stage.control("DELETE", "/control/faults", Value::Null).await;
    stage.start().await;
    eventually("it is up again", async || !prometheus.firing().await.contains("FrontdeskDown")).await;
}
