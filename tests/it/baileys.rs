//! The simulated WhatsApp isn't made for our client only: Baileys, which shares no code with it, links, logs in, writes and is refused as at the
//! real one. The scripts are in `tests/baileys`; no server of ours takes part.

use crate::support::node::run_from;
use crate::support::stage::Stage;

async fn scenario(name: &str) {
    run_from("baileys", &mut Stage::without_server().await, "scenarios.mjs", &[name]).await;
}

#[tokio::test]
async fn an_independent_client_links_by_qr_and_exchanges_texts() {
    scenario("linksByQr").await;
}

#[tokio::test]
async fn an_independent_client_links_by_pairing_code_and_exchanges_texts() {
    scenario("linksByPairingCode").await;
}

#[tokio::test]
async fn an_independent_client_logs_in_again_and_exchanges_texts() {
    scenario("logsInAgain").await;
}

#[tokio::test]
async fn an_independent_client_learns_who_has_an_account() {
    scenario("asksWhoHasAnAccount").await;
}

#[tokio::test]
async fn an_independent_client_is_refused_after_its_owner_removed_it() {
    scenario("isRefusedAfterTheOwnerRemovedTheDevice").await;
}

#[tokio::test]
async fn an_independent_client_loses_its_place_to_a_second_login() {
    scenario("losesItsPlaceToASecondLogin").await;
}
