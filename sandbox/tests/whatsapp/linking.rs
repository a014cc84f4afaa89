//! Linking that goes wrong on the phone's side.

use frontdesk_sandbox::whatsapp::{FaultTarget, PhoneError, WhatsappFault};
use whatsapp_rust::pair_code::{PairCodeOptions, PairCodeRejection};
use whatsapp_rust::types::events::Event;

use crate::client::{Salon, new_device, service, until};
use crate::{GUEST, SALON};

fn salon_only() -> FaultTarget {
    FaultTarget::Number(SALON.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_with_four_devices_links_no_fifth() {
    let service = service().await;
    service.add_phone(SALON).unwrap();
    assert_eq!(service.link_idle_devices(SALON, 4), Ok(vec![1, 2, 3, 4]));
    let mut salon = Salon::start(&service, &new_device()).await;
    let qr = salon.qr().await;
    assert_eq!(service.scan(SALON, &qr).await, Err(PhoneError::TooManyDevices));
    // The client hears nothing of it, and the same code works once there is room.
    service.unlink(SALON).await.unwrap();
    assert_eq!(service.scan(SALON, &qr).await.unwrap().device, 5);
    salon.connected().await;
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgotten_devices_of_the_account_dont_disturb_messages() {
    let service = service().await;
    for number in [SALON, GUEST] {
        service.add_phone(number).unwrap();
        service.link_idle_devices(number, 2).unwrap();
    }
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    service.send(GUEST, SALON, "hello").await.unwrap();
    assert_eq!(salon.text().await, "hello");
    salon.send(GUEST, "good day").await;
    until("delivered", || service.messages(GUEST).iter().any(|message| message.text == "good day").then_some(())).await;
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_removed_before_its_first_login_is_logged_out() {
    let service = service().await;
    service.add_phone(SALON).unwrap();
    service.set_fault(salon_only(), WhatsappFault::UnlinkWhilePairing { count: None }).unwrap();
    let device = new_device();
    let mut salon = Salon::start(&service, &device).await;
    let qr = salon.qr().await;
    service.scan(SALON, &qr).await.unwrap();
    salon.wait_for("pairing", |event| matches!(event, Event::PairSuccess(_)).then_some(())).await;
    let on_connect = salon
        .wait_for("logout", |event| match event {
            Event::LoggedOut(logout) => Some(logout.on_connect),
            _ => None,
        })
        .await;
    assert!(on_connect);
    assert!(service.phones()[0].linked.is_empty());
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_typed_on_the_wrong_phone_links_that_phone_or_none() {
    let service = service().await;
    service.add_phone(SALON).unwrap();
    service.add_phone(GUEST).unwrap();
    let mut salon = Salon::start(&service, &new_device()).await;
    let code = salon.pairing_code(SALON).await;
    assert_eq!(service.enter_code(GUEST, &code).await, Err(PhoneError::NoSuchCode));
    service.enter_code_shown_for(GUEST, &code, SALON).await.unwrap();
    let number = salon
        .wait_for("pairing", |event| match event {
            Event::PairSuccess(paired) => Some(paired.id.user.to_string()),
            _ => None,
        })
        .await;
    assert_eq!(number, GUEST, "the client takes whatever account comes: whoever runs it must compare");
    salon.connected().await;
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_pairing_codes_are_told_as_such() {
    let service = service().await;
    service.add_phone(SALON).unwrap();
    service.set_fault(salon_only(), WhatsappFault::RefuseCode { code: None, count: None }).unwrap();
    let mut salon = Salon::start(&service, &new_device()).await;
    salon.qr().await;
    let client = salon.client();
    let ask = || client.pair_with_code(PairCodeOptions { phone_number: SALON.to_owned(), ..Default::default() });
    let refused = ask().await.unwrap_err();
    assert!(refused.rejection().is_some_and(PairCodeRejection::is_throttled), "{refused}");
    ask().await.unwrap();
    salon.stop().await;
    service.shutdown().await;
}
