//! Linking with phones that ask for their passkey.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use frontdesk_sandbox::whatsapp::{LinkedDevice, PasskeyBehaviour, PasskeySettings, PasskeyStage, PhoneError, Service};
use tokio::task::JoinHandle;
use whatsapp_rust::passkey::{Assertion, CallbackAuthenticator};
use whatsapp_rust::types::events::Event;

use crate::client::{Salon, new_device, service};
use crate::{GUEST, SALON};

type Scan = JoinHandle<Result<LinkedDevice, PhoneError>>;

/// A client whose QR code was scanned by a phone that asks for its passkey.
async fn scanned(service: &Service, behaviour: PasskeyBehaviour) -> (Salon, Scan) {
    service.add_phone(SALON).expect("a valid number");
    service.set_passkey(SALON, PasskeySettings { required: true, behaviour }).expect("a phone");
    let mut salon = Salon::start(service, &new_device()).await;
    let qr = salon.qr().await;
    let phone = service.clone();
    (salon, tokio::spawn(async move { phone.scan(SALON, &qr).await }))
}

async fn options(salon: &mut Salon) -> String {
    salon
        .wait_for("passkey request", |event| match event {
            Event::PairPasskeyRequest(request) => Some(request.request_options_json.clone()),
            _ => None,
        })
        .await
}

async fn code(salon: &mut Salon) -> String {
    salon
        .wait_for("code to compare", |event| match event {
            Event::PairPasskeyConfirmation(confirmation) => Some(confirmation.code.clone()),
            _ => None,
        })
        .await
}

/// Waits for a failure; tells whether it came after the assertion.
async fn failed_late(salon: &mut Salon) -> bool {
    salon
        .wait_for("passkey error", |event| match event {
            Event::PairPasskeyError(error) => Some(error.continuation),
            _ => None,
        })
        .await
}

/// What the authenticator of a phone's owner answers.
fn assertion(service: &Service, number: &str, options: &str) -> Assertion {
    let answer = service.assert_passkey(number, options).expect("readable options");
    Assertion {
        assertion_json: answer.assertion.to_string().into_bytes(),
        credential_id: URL_SAFE_NO_PAD.decode(answer.credential_id).expect("base64url"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_passkey_and_the_same_code_the_device_is_linked() {
    for behaviour in [PasskeyBehaviour::Accept, PasskeyBehaviour::FetchOptions] {
        let service = service().await;
        let (mut salon, scan) = scanned(&service, behaviour).await;
        let options = options(&mut salon).await;
        assert_eq!(service.passkey(SALON).unwrap().stage, PasskeyStage::Requested { options: options.clone() });
        let client = salon.client();
        client.send_passkey_response(assertion(&service, SALON, &options)).await.unwrap();
        let shown = code(&mut salon).await;
        assert_eq!(service.passkey(SALON).unwrap().stage, PasskeyStage::Comparing { code: shown });
        client.send_passkey_confirmation().await.unwrap();
        assert_eq!(scan.await.unwrap().unwrap().device, 1);
        salon.connected().await;
        salon.stop().await;
        service.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typed_code_asks_for_the_passkey_too() {
    let service = service().await;
    service.add_phone(SALON).unwrap();
    service.set_passkey(SALON, PasskeySettings { required: true, ..Default::default() }).unwrap();
    let mut salon = Salon::start(&service, &new_device()).await;
    let typed = salon.pairing_code(SALON).await;
    let phone = service.clone();
    let typing = tokio::spawn(async move { phone.enter_code(SALON, &typed).await });
    let options = options(&mut salon).await;
    let client = salon.client();
    client.send_passkey_response(assertion(&service, SALON, &options)).await.unwrap();
    code(&mut salon).await;
    client.send_passkey_confirmation().await.unwrap();
    typing.await.unwrap().unwrap();
    salon.connected().await;
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authenticator_of_the_host_drives_the_first_step() {
    let service = service().await;
    let (mut salon, scan) = scanned(&service, PasskeyBehaviour::Accept).await;
    let phone = service.clone();
    let authenticator = CallbackAuthenticator::new(move |request| {
        let answer = assertion(&phone, SALON, &request.raw_options_json);
        Box::pin(async move { Ok(answer) })
    });
    // The request may have come before the authenticator: then the host answers it.
    salon.client().set_passkey_authenticator(Arc::new(authenticator)).await;
    let options = options(&mut salon).await;
    drop(salon.client().send_passkey_response(assertion(&service, SALON, &options)).await);
    code(&mut salon).await;
    salon.client().send_passkey_confirmation().await.unwrap();
    scan.await.unwrap().unwrap();
    salon.connected().await;
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_passkey_ends_the_link_for_device_and_phone() {
    let service = service().await;
    let (mut salon, scan) = scanned(&service, PasskeyBehaviour::Refuse).await;
    let asked = options(&mut salon).await;
    let refused = salon.client().send_passkey_response(assertion(&service, SALON, &asked)).await;
    assert!(refused.unwrap_err().to_string().contains("403"));
    assert!(matches!(scan.await.unwrap(), Err(PhoneError::Refused(_))));
    assert!(matches!(service.passkey(SALON).unwrap().stage, PasskeyStage::Failed { .. }));
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_passkey_is_no_use_and_the_right_one_works_afterwards() {
    let service = service().await;
    service.add_phone(GUEST).unwrap();
    let (mut salon, scan) = scanned(&service, PasskeyBehaviour::Accept).await;
    let asked = options(&mut salon).await;
    let client = salon.client();
    assert!(client.send_passkey_response(assertion(&service, GUEST, &asked)).await.is_err());
    assert!(matches!(scan.await.unwrap(), Err(PhoneError::Refused(_))));
    // The owner scans once more: a new code, a new challenge.
    let qr = salon.qr_now();
    let phone = service.clone();
    let scan = tokio::spawn(async move { phone.scan(SALON, &qr).await });
    let asked = options(&mut salon).await;
    client.send_passkey_response(assertion(&service, SALON, &asked)).await.unwrap();
    code(&mut salon).await;
    client.send_passkey_confirmation().await.unwrap();
    scan.await.unwrap().unwrap();
    salon.connected().await;
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_answer_to_the_passkey_is_told_as_an_error() {
    let service = service().await;
    let (mut salon, scan) = scanned(&service, PasskeyBehaviour::BadContinuation).await;
    let asked = options(&mut salon).await;
    salon.client().send_passkey_response(assertion(&service, SALON, &asked)).await.unwrap();
    assert!(failed_late(&mut salon).await);
    scan.abort();
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_sees_another_code_links_nothing() {
    let service = service().await;
    let (mut salon, scan) = scanned(&service, PasskeyBehaviour::Decline).await;
    let asked = options(&mut salon).await;
    let client = salon.client();
    client.send_passkey_response(assertion(&service, SALON, &asked)).await.unwrap();
    code(&mut salon).await;
    assert!(client.send_passkey_confirmation().await.is_err());
    assert!(matches!(scan.await.unwrap(), Err(PhoneError::Refused(_))));
    assert!(service.phones()[0].linked.is_empty());
    salon.stop().await;
    service.shutdown().await;
}
