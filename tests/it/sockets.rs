//! The namespace `/marketplace` with the official client of Node.js, over both transports: `tests/browser/sockets`.

use crate::support::node::{JWT_SECRET, run};
use crate::support::stage::Stage;

async fn part(arguments: &[&str], settings: &[(&str, &str)]) {
    let mut stage = Stage::without_server().await;
    stage.set("JWT_SECRET", JWT_SECRET);
    for (key, value) in settings {
        stage.set(key, value);
    }
    stage.start().await;
    run(&mut stage, "sockets.mjs", arguments).await;
}

#[tokio::test]
async fn a_token_is_taken_from_all_four_places() {
    part(&["aTokenIsTakenFromAllFourPlaces"], &[]).await;
}

#[tokio::test]
async fn refusals_are_codes() {
    part(&["refusalsAreCodes"], &[]).await;
}

#[tokio::test]
async fn foreign_pages_open_no_socket() {
    part(&["foreignPagesOpenNoSocket"], &[]).await;
}

#[tokio::test]
async fn too_many_sockets_are_refused() {
    part(&["tooManySocketsAreRefused"], &[("FRONTDESK_SERVER_RATE_LIMITS", "true")]).await;
}

#[tokio::test]
async fn a_token_that_expires_ends_its_socket() {
    part(&["aTokenThatExpiresEndsItsSocket"], &[]).await;
}

#[tokio::test]
async fn a_socket_is_its_tokens_whatever_it_asks() {
    part(&["aSocketIsItsTokensWhateverItAsks"], &[]).await;
}

#[tokio::test]
async fn the_journey_is_told_in_order_over_websocket() {
    part(&["theJourneyIsToldInOrder", "websocket"], &[]).await;
}

#[tokio::test]
async fn the_journey_is_told_in_order_over_polling() {
    part(&["theJourneyIsToldInOrder", "polling"], &[]).await;
}

#[tokio::test]
async fn the_journey_is_told_in_order_through_an_upgrade() {
    part(&["theJourneyIsToldInOrder", "upgrade"], &[]).await;
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    part(&["aRestartedServerIsFoundAgain"], &[]).await;
}

#[tokio::test]
async fn commands_are_acked() {
    part(&["commandsAreAcked"], &[]).await;
}

#[tokio::test]
async fn a_closed_tab_stops_the_link_and_coming_back_resumes() {
    part(&["aClosedTabStopsTheLinkAndComingBackResumes"], &[("FRONTDESK_SESSIONS_UNPAIRED_LINGER", "1s")]).await;
}

#[tokio::test]
async fn a_passkey_is_carried_through() {
    part(&["aPasskeyIsCarriedThrough"], &[]).await;
}

async fn failing_passkey(behaviour: &str, code: &str, reason: &str) {
    part(&["aPasskeyThatFailsIsToldAndANewCodeLeadsOn", behaviour, code, reason], &[]).await;
}

#[tokio::test]
async fn a_refused_passkey_is_told_and_a_new_code_leads_on() {
    failing_passkey("refuse", "PASSKEY_REFUSED", "passkey_refused").await;
}

#[tokio::test]
async fn a_passkey_code_the_phone_does_not_agree_to_is_told_and_a_new_code_leads_on() {
    failing_passkey("decline", "PASSKEY_REFUSED", "passkey_refused").await;
}

#[tokio::test]
async fn a_passkey_request_nobody_can_read_is_told_and_a_new_code_leads_on() {
    failing_passkey("bad_options", "PASSKEY_BROKEN", "passkey_broken").await;
}

#[tokio::test]
async fn a_passkey_step_that_breaks_off_is_told_and_a_new_code_leads_on() {
    failing_passkey("bad_continuation", "PASSKEY_BROKEN", "passkey_broken").await;
}

#[tokio::test]
async fn a_silent_passkey_step_can_be_left() {
    part(&["aSilentPasskeyStepCanBeLeft"], &[]).await;
}

#[tokio::test]
async fn two_tabs_with_different_wishes_see_one_truth() {
    part(&["twoTabsWithDifferentWishesSeeOneTruth"], &[]).await;
}

#[tokio::test]
async fn a_code_for_another_phone_begins_anew() {
    part(&["aCodeForAnotherPhoneBeginsAnew"], &[]).await;
}

#[tokio::test]
async fn codes_asked_for_too_often_are_refused_with_the_cause() {
    part(&["codesAskedForTooOftenAreRefusedWithTheCause"], &[]).await;
}

#[tokio::test]
async fn a_phone_without_a_free_place_changes_nothing() {
    part(&["aPhoneWithoutAFreePlaceChangesNothing"], &[]).await;
}

#[tokio::test]
async fn limits_are_told_within_a_second_and_their_end_too() {
    part(&["limitsAreToldWithinASecondAndTheirEndToo"], &[]).await;
}

#[tokio::test]
async fn a_lock_ends_by_itself_and_one_from_meanwhile_is_found() {
    part(&["aLockEndsByItselfAndOneFromMeanwhileIsFound"], &[]).await;
}

#[tokio::test]
async fn the_clients_numbers_are_in_the_status_and_in_the_metrics() {
    part(&["theClientsNumbersAreInTheStatusAndInTheMetrics"], &[("FRONTDESK_SESSIONS_PROBE_EVERY", "1s")]).await;
}

#[tokio::test]
async fn two_salons_never_hear_of_each_other() {
    part(&["twoSalonsNeverHearOfEachOther"], &[]).await;
}

#[tokio::test]
async fn a_message_that_is_too_large_closes_its_socket() {
    part(&["aMessageThatIsTooLargeClosesItsSocket"], &[]).await;
}

#[tokio::test]
async fn waits_for_a_code_that_is_followed_by_the_next() {
    part(&["aCodeIsFollowedByTheNext"], &[]).await;
}

#[tokio::test]
async fn waits_until_a_client_that_stops_reading_is_dropped() {
    part(&["aClientThatStopsReadingIsDropped"], &[]).await;
}
