//! kill -9 in the middle of the intake: every webhook that was answered 2xx is acted on, once, in its salon's order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use frontdesk::store::{SealKey, Store, StoreOptions};
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::ports::InboxRecords as _;
use frontdesk_actors::records::{Contents, InboxEvent, InboxQuery, InboxRow, InboxShelf};
use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::stage::{Stage, eventually};

const SALONS: [(u64, &str); 2] = [(720_001, "79002220101"), (720_002, "79002220102")];
const ROUNDS: u64 = 4;
/// Senders per salon, all at once.
const SENDERS: u64 = 4;

/// The address the server told YClients for this salon.
fn address(stage: &Stage, salon: u64) -> String {
    stage.sandbox.yclients().webhook_urls(salon).into_iter().next().expect("the activation told an address")
}

/// Sends one event after the other until the server is gone; the numbers of those that were answered 2xx.
async fn send_until_killed(http: reqwest::Client, address: String, salon: u64, first: u64) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    for number in first.. {
        let data = json!({"id": number, "last_change_date": "2026-11-25T10:00:05+0300", "client": {"name": "Мария"}});
        let body = json!({"company_id": salon, "resource": "record", "resource_id": number, "status": "update", "data": data});
        match http.post(&address).json(&body).send().await {
            Ok(answer) if answer.status().is_success() => acknowledged.push(number),
            Ok(answer) => panic!("webhook {number} was answered {}", answer.status()),
            Err(_) => break,
        }
    }
    acknowledged
}

async fn rows(store: &Store, shelf: InboxShelf) -> Vec<InboxRow> {
    let mut query = InboxQuery { shelf, company: None, after: None, limit: 200 };
    let mut rows = Vec::new();
    loop {
        let page = store.list_inbox(query).await.expect("a page");
        rows.extend(page.rows);
        query.after = page.next;
        if page.next.is_none() {
            return rows;
        }
    }
}

/// What each company's rows are about, in their order.
fn things(rows: &[InboxRow]) -> BTreeMap<CompanyId, Vec<u64>> {
    let mut things: BTreeMap<CompanyId, Vec<u64>> = BTreeMap::new();
    for row in rows {
        if let (Some(company), Contents::Known { event: InboxEvent::Data(event), .. }) = (row.company_id, &row.contents) {
            things.entry(company).or_default().push(event.resource_id.expect("each has one"));
        }
    }
    things
}

/// All that was answered 2xx, by salon.
type Acknowledged = BTreeMap<u64, BTreeSet<u64>>;

async fn one_round(stage: &mut Stage, round: u64, acknowledged: &mut Acknowledged) {
    let mut senders = JoinSet::new();
    for (salon, _) in SALONS {
        for sender in 0..SENDERS {
            let (http, address) = (stage.http.clone(), address(stage, salon));
            let first = (round * SENDERS + sender + 1) * 1_000_000;
            senders.spawn(async move { (salon, send_until_killed(http, address, salon, first).await) });
        }
    }
    tokio::time::sleep(Duration::from_millis(rand::rng().random_range(200..700))).await;
    stage.kill().await;
    while let Some(sent) = senders.join_next().await {
        let (salon, numbers) = sent.expect("a sender");
        acknowledged.entry(salon).or_default().extend(numbers);
    }
    stage.start().await;
}

#[tokio::test]
async fn kill_in_the_middle_of_the_intake_loses_and_doubles_nothing_that_was_acknowledged() {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_RETENTION_WEBHOOKS_PER_SALON", "100000");
    stage.start().await;
    for (salon, phone) in SALONS {
        stage.connect(salon, phone).await;
    }
    let mut acknowledged = Acknowledged::new();
    for round in 0..ROUNDS {
        one_round(&mut stage, round, &mut acknowledged).await;
    }
    // The last one answered tells that all before it are done: each salon's are acted on in order.
    for (salon, _) in SALONS {
        let last = json!({"company_id": salon, "resource": "record", "resource_id": 1, "status": "create"});
        let answer = stage.http.post(address(&stage, salon)).json(&last).send().await.expect("an answer");
        assert!(answer.status().is_success());
    }
    eventually("all webhooks are acted on", async || handled(&stage).await >= 2.0).await;
    let total: usize = acknowledged.values().map(BTreeSet::len).sum();
    println!("{total} webhooks were acknowledged in {ROUNDS} rounds");
    assert!(total > 50, "the senders had time to send");
    settle(&stage).await;
    assert_eq!(stage.stop().await, Some(0));
    let key = SealKey::in_folder(&stage.data_dir).expect("the seal key");
    let store = Store::open(StoreOptions::new(&stage.data_dir, key)).expect("the store opens");
    assert!(rows(&store, InboxShelf::Pending).await.is_empty() && rows(&store, InboxShelf::Dead).await.is_empty());
    let done = things(&rows(&store, InboxShelf::Done).await);
    for (salon, _) in SALONS {
        let door = store.webhook_door(SalonId::try_from(salon).expect("an id")).await.expect("an answer").expect("it is known");
        let done = done.get(&door.company_id).cloned().unwrap_or_default();
        let once: BTreeSet<u64> = done.iter().copied().collect();
        assert_eq!(once.len(), done.len(), "none twice");
        let lost: Vec<_> = acknowledged[&salon].difference(&once).collect();
        assert!(lost.is_empty(), "acknowledged and not acted on: {lost:?}");
    }
}

/// Data events acted on in this life of the server.
async fn handled(stage: &Stage) -> f64 {
    let text = metrics(stage).await;
    let values = text.lines().filter(|line| line.starts_with("frontdesk_webhooks_data_handled_total{"));
    values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

async fn metrics(stage: &Stage) -> String {
    let answer = stage.http.get(format!("http://127.0.0.1:{}/metrics", stage.ops_port)).send().await.expect("an answer");
    answer.text().await.expect("a text")
}

/// Waits until nothing more is acted on.
async fn settle(stage: &Stage) {
    let mut before = -1.0;
    eventually("the inbox is quiet", async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = handled(stage).await;
        std::mem::replace(&mut before, now) == now
    })
    .await;
}

#[tokio::test]
async fn journey_of_a_salons_data_from_yclients_to_its_erasure() {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_RETENTION_ERASE_REMOVED_AFTER", "1s");
    stage.set("FRONTDESK_RETENTION_SWEEP_EVERY", "200ms");
    stage.start().await;
    let (salon, phone) = SALONS[0];
    stage.connect(salon, phone).await;
    let delivered = stage.control("POST", &format!("/control/salons/{salon}/record"), json!({"attendance": 0})).await;
    assert!(delivered.to_string().contains("\"delivered\":true"), "{delivered}");
    // One that says nothing of what it is about: kept, and out of the way.
    let poison = json!({"company_id": salon, "resource": "record", "status": "update", "data": {"client": "Мария"}});
    assert!(stage.http.post(address(&stage, salon)).json(&poison).send().await.expect("an answer").status().is_success());
    eventually("one is acted on and one is dead", async || {
        let text = metrics(&stage).await;
        text.contains("frontdesk_webhooks_data_handled_total{resource=\"record\"} 1")
            && text.contains("frontdesk_webhooks_dead_total{reason=\"unreadable\"} 1")
    })
    .await;
    let secret = address(&stage, salon).rsplit('/').next().expect("a secret").to_owned();
    stage.control("POST", &format!("/control/salons/{salon}/uninstall"), json!({})).await;
    eventually("the salon is erased", async || stage.log().contains("what the removed salon left behind is erased")).await;
    assert!(!stage.log().contains(&secret), "the secret of an address is in the log");
    assert_eq!(stage.stop().await, Some(0));
    let key = SealKey::in_folder(&stage.data_dir).expect("the seal key");
    let store = Store::open(StoreOptions::new(&stage.data_dir, key)).expect("the store opens");
    for shelf in [InboxShelf::Pending, InboxShelf::Done, InboxShelf::Dead, InboxShelf::Unverified] {
        assert!(rows(&store, shelf).await.is_empty(), "{shelf:?}");
    }
    nothing_is_left(&store, salon).await;
}

async fn nothing_is_left(store: &Store, salon: u64) {
    use frontdesk_actors::ports::Records as _;
    let stored = store.company_by_salon(SalonId::try_from(salon).expect("an id")).await.expect("an answer").expect("its number stays");
    assert_eq!((stored.session, stored.activation), (None, None));
    let company = stored.company;
    let record = serde_json::to_value(&company).expect("a record");
    for field in
        ["title", "phone", "email", "address", "whatsapp_phone", "api_key_hash", "client_key_hash", "webhook_secret_hash", "raw_salon"]
    {
        assert_eq!(record[field], Value::Null, "{field}");
    }
    assert_eq!(company.marketplace_user, Default::default());
    let events = store.events(company.company_id, 1000).await.expect("the timeline");
    assert!(!events.is_empty() && events.iter().all(|event| event.data.is_null()), "{events:?}");
}
