//! The whole server in this process, where its parts can be reached.

use std::collections::BTreeMap;
use std::time::Duration;

use frontdesk_actors::ids::SalonId;
use futures_util::{StreamExt as _, stream};

use super::*;
use crate::config::LogFormat;

const COMPANIES: u64 = 10_000;
const SCRAPES: usize = 21;

/// A server on free ports with an empty folder. Its recorder and its log are the process's: one such test per process, as nextest runs them.
async fn app(folder: &std::path::Path) -> App {
    install_crypto_provider();
    let settings = [
        ("PORT", "0"),
        ("FRONTDESK_SERVER_OPS_LISTEN", "127.0.0.1:0"),
        ("FRONTDESK_SERVER_MODE", "sandbox"),
        ("FRONTDESK_WHATSAPP_ENDPOINT", "ws://127.0.0.1:1/ws/chat"),
        ("FRONTDESK_YCLIENTS_API_URL", "http://127.0.0.1:1/api/v1"),
        ("FRONTDESK_YCLIENTS_MARKETPLACE_URL", "http://127.0.0.1:1/marketplace"),
        ("FRONTDESK_DATA_DIR", folder.to_str().unwrap()),
    ];
    let environment: BTreeMap<String, String> = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let config = Config::load([], &environment).unwrap();
    let (levels, traces) = crate::telemetry::install("error", LogFormat::Json, None).unwrap();
    let recorder = crate::metrics::install().unwrap();
    App::start(config, Instruments { recorder, levels, traces }).await.unwrap()
}

/// As many series as a large server has: every route that there may be, every answer of YClients.
fn fill_the_registry() {
    for route in 0..80 {
        for (method, status) in [("GET", 200), ("GET", 404), ("POST", 200), ("POST", 401), ("POST", 503)] {
            let route = format!("/admin/api/v1/companies/{{company_id}}/a-part-of-it-{route}");
            crate::metrics::http_request(&route, method, status, Duration::from_millis(3));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_of_ten_thousand_companies_are_small_and_quickly_told() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path()).await;
    let enrolled = stream::iter(1..=COMPANIES).map(|salon| {
        let fleet = app.tree.fleet.clone();
        async move { fleet.enroll(SalonId::try_from(salon).unwrap(), None, None).await.unwrap() }
    });
    enrolled.buffer_unordered(256).collect::<Vec<_>>().await;
    fill_the_registry();
    let overview = app.tree.fleet.overview().await.unwrap();
    assert_eq!(overview.running as u64, COMPANIES);

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let (mut times, mut size) = (Vec::new(), 0);
    for _ in 0..SCRAPES {
        let began = tokio::time::Instant::now();
        let text = http.get(format!("http://{}/metrics", app.ops_address)).send().await.unwrap().text().await.unwrap();
        times.push(began.elapsed());
        size = text.len();
        assert!(text.contains(&format!("frontdesk_sessions{{state=\"Idle\"}} {COMPANIES}")), "{text}");
    }
    times.sort();
    // The quicker half: what the server needs, not what the other tests on this machine take from it.
    let quick = times[SCRAPES / 4];
    eprintln!(
        "/metrics with {COMPANIES} companies: {size} bytes, quartiles {quick:?} {:?} {:?}",
        times[SCRAPES / 2],
        times[SCRAPES * 3 / 4]
    );
    assert!(quick < Duration::from_millis(50), "{quick:?}");
    assert!(size < 200_000, "{size} bytes");
    app.stop(Duration::from_secs(20)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_ends_by_itself_ends_the_server_in_good_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = app(folder.path()).await;
    let store = app.store.clone();
    app.listeners[1].abort();
    let reason = app.run_until_signal().await;
    assert!(matches!(reason, Err(StartError::Serve(_))), "{reason:?}");
    app.stop(Duration::from_secs(20)).await;
    assert!(store.pulse().await.is_err(), "the store is closed");
}
