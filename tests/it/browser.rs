//! A real Chromium on the onboarding page: `tests/browser`. Screenshots are kept in the target folder, under `screenshots/`.

use crate::support::node::{JWT_SECRET, run};
use crate::support::stage::Stage;

async fn journey(kind: &str) {
    run(&mut Stage::open().await, "journey.mjs", &[kind]).await;
}

async fn scenario(name: &str) {
    scenario_with(name, &[]).await;
}

async fn scenario_with(name: &str, settings: &[(&str, &str)]) {
    let mut stage = Stage::without_server().await;
    stage.set("JWT_SECRET", JWT_SECRET);
    for (key, value) in settings {
        stage.set(key, value);
    }
    stage.start().await;
    run(&mut stage, "scenarios.mjs", &[name]).await;
}

#[tokio::test]
async fn browser_an_owner_with_a_phone_gets_the_salon_online_in_russian() {
    journey("phone").await;
}

#[tokio::test]
async fn browser_an_owner_with_a_desktop_gets_the_salon_online_in_english() {
    journey("desktop").await;
}

#[tokio::test]
async fn browser_a_reload_keeps_the_state() {
    scenario("aReloadKeepsTheState").await;
}

#[tokio::test]
async fn browser_two_tabs_see_the_same_session() {
    scenario("twoTabsSeeTheSameSession").await;
}

#[tokio::test]
async fn browser_a_closed_tab_can_be_opened_again() {
    scenario_with("aClosedTabCanBeOpenedAgain", &[("FRONTDESK_SESSIONS_UNPAIRED_LINGER", "1s")]).await;
}

#[tokio::test]
async fn browser_a_page_without_a_socket_goes_on_by_asking() {
    scenario("aPageWithoutASocketGoesOnByAsking").await;
}

#[tokio::test]
async fn browser_a_pairing_code_links_the_phone() {
    scenario("aPairingCodeLinksThePhone").await;
}

#[tokio::test]
async fn browser_from_the_pairing_code_back_to_the_qr() {
    scenario("fromThePairingCodeBackToTheQr").await;
}

#[tokio::test]
async fn browser_a_wrong_number_gets_words() {
    scenario("aWrongNumberGetsWords").await;
}

#[tokio::test]
async fn browser_an_unlinked_phone_is_offered_a_new_code() {
    scenario("anUnlinkedPhoneIsOfferedANewCode").await;
}

#[tokio::test]
async fn browser_error_pages_have_words_and_a_way_back() {
    scenario("errorPagesHaveWordsAndAWayBack").await;
}

#[tokio::test]
async fn browser_a_token_that_expires_on_an_open_page_has_words() {
    scenario("aTokenThatExpiresOnAnOpenPage").await;
}

#[tokio::test]
async fn browser_a_done_page_outlives_its_token() {
    scenario("aDonePageOutlivesItsToken").await;
}

#[tokio::test]
async fn browser_hostile_names_are_shown_as_text() {
    scenario("hostileNamesAreShownAsText").await;
}

#[tokio::test]
async fn browser_a_restarted_server_is_found_again_while_waiting() {
    scenario("aRestartedServerIsFoundAgainWhileWaiting").await;
}

#[tokio::test]
async fn browser_a_restarted_server_is_found_again_when_connected() {
    scenario("aRestartedServerIsFoundAgainWhenConnected").await;
}

#[tokio::test]
async fn browser_an_uninstall_on_an_open_page_has_words() {
    scenario("anUninstallOnAnOpenPageHasWords").await;
}

#[tokio::test]
async fn browser_a_failed_activation_can_be_pushed() {
    scenario_with("aFailedActivationCanBePushed", &[("FRONTDESK_ACTIVATION_BACKOFF_MIN", "1m")]).await;
}

#[tokio::test]
async fn browser_a_refused_activation_has_words_and_a_way_back() {
    scenario("aRefusedActivationHasWordsAndAWayBack").await;
}

#[tokio::test]
async fn browser_a_replaced_link_can_be_taken_back() {
    scenario("aReplacedLinkCanBeTakenBack").await;
}

#[tokio::test]
async fn browser_a_lost_link_is_told_and_comes_back() {
    scenario_with("aLostLinkIsToldAndComesBack", &[("FRONTDESK_SESSIONS_FLAP_GRACE", "5s")]).await;
}

#[tokio::test]
async fn browser_a_banned_number_and_an_old_client_have_their_words() {
    scenario("aBannedNumberAndAnOldClientHaveTheirWords").await;
}

#[tokio::test]
async fn browser_a_passkey_is_handed_in_by_hand() {
    scenario("aPasskeyIsHandedInByHand").await;
}

#[tokio::test]
async fn browser_an_extension_answers_the_passkey() {
    scenario("anExtensionAnswersThePasskey").await;
}

#[tokio::test]
async fn browser_a_refused_passkey_has_words_and_cancel_leads_back() {
    scenario("aRefusedPasskeyHasWordsAndCancelLeadsBack").await;
}

#[tokio::test]
async fn browser_limits_of_whatsapp_are_told() {
    scenario("limitsOfWhatsappAreTold").await;
}

#[tokio::test]
async fn browser_without_scripts_the_page_still_says_what_to_do() {
    scenario("withoutScriptsThePageStillSaysWhatToDo").await;
}

#[tokio::test]
async fn browser_a_newcomer_gets_a_salon_online_by_clicking() {
    scenario("aNewcomerGetsASalonOnlineByClicking").await;
}

#[tokio::test]
async fn browser_an_operator_sees_the_fleet_and_helps_a_salon() {
    scenario("anOperatorSeesTheFleetAndHelpsASalon").await;
}

#[tokio::test]
async fn browser_what_whatsapp_tells_of_a_salon_is_on_its_page() {
    scenario("whatWhatsappTellsOfASalonIsOnItsPage").await;
}

#[tokio::test]
async fn browser_news_come_to_an_open_console_by_themselves() {
    scenario("newsComeToAnOpenConsoleByThemselves").await;
}

#[tokio::test]
async fn browser_a_salon_is_helped_on_the_phone_with_a_code_from_the_console() {
    scenario("aSalonIsHelpedOnThePhoneWithACodeFromTheConsole").await;
}

#[tokio::test]
async fn browser_a_viewer_sees_no_buttons_and_a_revoked_key_is_logged_out() {
    scenario("aViewerSeesNoButtonsAndARevokedKeyIsLoggedOut").await;
}

#[tokio::test]
async fn browser_an_admin_makes_a_key_by_keyboard_and_revokes_it() {
    scenario("anAdminMakesAKeyByKeyboardAndRevokesIt").await;
}

#[tokio::test]
async fn browser_the_description_of_the_api_is_shown_without_asking_anybody() {
    scenario("theDescriptionOfTheApiIsShownWithoutAskingAnybody").await;
}

#[tokio::test]
async fn browser_both_languages_of_the_console_have_the_same_texts() {
    scenario("bothLanguagesHaveTheSameTexts").await;
}
