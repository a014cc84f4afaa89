//! The reconciliation of a whole server: what lost webhooks did not tell.

use serde_json::{Value, json};

use crate::support::stage::{Stage, eventually, free_port};

const SALON: u64 = 510_001;
const PHONE: &str = "79001170001";

async fn integration(stage: &Stage, token: &str) -> Value {
    stage.status(SALON, token).await["integration_status"].clone()
}

#[tokio::test]
async fn journey_the_reconciliation_finds_what_lost_webhooks_did_not_tell() {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_RECONCILE_FIRST_AFTER", "1s");
    stage.set("FRONTDESK_RECONCILE_EVERY", "1s");
    stage.set("FRONTDESK_RECONCILE_FROZEN_EVERY", "1s");
    stage.start().await;
    let token = stage.connect(SALON, PHONE).await;
    // From now on YClients' webhooks go nowhere.
    stage.control("POST", "/control/server", json!({"url": format!("http://127.0.0.1:{}", free_port())})).await;

    stage.control("POST", &format!("/control/salons/{SALON}/freeze"), json!({})).await;
    eventually("the freeze is found", async || integration(&stage, &token).await == "frozen").await;
    eventually("the session is stopped", async || !stage.phone_online(PHONE)).await;
    stage.control("POST", &format!("/control/salons/{SALON}/unfreeze"), json!({})).await;
    stage.active(SALON, &token).await;
    eventually("the session is back", async || stage.phone_online(PHONE)).await;
    assert_eq!(stage.accepted_callbacks(SALON).await, 1, "without another callback");

    stage.control("POST", &format!("/control/salons/{SALON}/uninstall"), json!({})).await;
    eventually("the uninstall is found", async || integration(&stage, &token).await == "uninstalled").await;
    eventually("the session is gone", async || !stage.phone_online(PHONE)).await;
}
