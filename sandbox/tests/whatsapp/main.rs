//! The unmodified protocol client against the simulated WhatsApp service.

mod client;
mod damage;
mod faults;
mod limits;
mod linking;
mod messages;
mod outages;
mod passkeys;

use client::{Salon, new_device, service, until};
use frontdesk_sandbox::whatsapp::PhoneError;
use whatsapp_rust::types::events::Event;

const SALON: &str = "79001000001";
const GUEST: &str = "79002000002";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scanned_qr_code_pairs_and_connects() {
    let service = service().await;
    service.add_phone(SALON).unwrap();
    let mut salon = Salon::start(&service, &new_device()).await;
    let qr = salon.qr().await;
    let linked = service.scan(&format!("+{SALON}"), &qr).await.unwrap();
    assert_eq!(linked.device, 1);
    salon.connected().await;
    assert!(service.phones()[0].linked[0].online);
    assert_eq!(salon.client().push_name(), "Phone 0001");
    let stats = service.stats();
    assert_eq!((stats.pairings, stats.logins, stats.links), (1, 1, 1));
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typed_pairing_code_pairs_and_connects() {
    let service = service().await;
    service.add_phone(SALON).unwrap();
    let mut salon = Salon::start(&service, &new_device()).await;
    let code = salon.pairing_code(SALON).await;
    let wrong = if code.starts_with('A') { "BBBB-BBBB" } else { "AAAA-AAAA" };
    let refused = service.enter_code(SALON, wrong).await;
    assert_eq!(refused, Err(PhoneError::WrongCode));
    let (head, tail) = code.split_at(4);
    service.enter_code(SALON, &format!("{head}-{tail}")).await.unwrap();
    salon.connected().await;
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_qr_code_works_once_and_only_for_a_known_phone() {
    let service = service().await;
    service.add_phone(SALON).unwrap();
    let mut salon = Salon::start(&service, &new_device()).await;
    let qr = salon.qr().await;
    assert_eq!(service.scan(GUEST, &qr).await, Err(PhoneError::UnknownPhone));
    assert_eq!(service.scan(SALON, "hello").await, Err(PhoneError::InvalidQr));
    let mut foreign: Vec<&str> = qr.split(',').collect();
    foreign[1] = foreign[2];
    assert_eq!(service.scan(SALON, &foreign.join(",")).await, Err(PhoneError::ForeignQr));
    let link = format!("https://wa.me/settings/linked_devices#{qr}");
    service.scan(SALON, &link).await.unwrap();
    assert_eq!(service.scan(SALON, &qr).await, Err(PhoneError::NoSuchQr));
    salon.connected().await;
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_known_device_comes_back_without_the_phone() {
    let service = service().await;
    let (salon, device) = Salon::paired(&service, SALON).await;
    salon.stop().await;
    until("offline", || (service.stats().links == 0).then_some(())).await;
    let mut again = Salon::start(&service, &device).await;
    again.connected().await;
    assert_eq!(service.stats().logins, 2);
    again.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_link_of_a_device_replaces_the_first() {
    let service = service().await;
    let (mut first, device) = Salon::paired(&service, SALON).await;
    let mut second = Salon::start(&service, &device).await;
    first.wait_for("replacement", |event| matches!(event, Event::StreamReplaced(_)).then_some(())).await;
    second.connected().await;
    let stats = service.stats();
    assert_eq!((stats.replaced, stats.links), (1, 1));
    first.stop().await;
    second.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unlinked_device_is_logged_out_for_good() {
    let service = service().await;
    let (mut salon, device) = Salon::paired(&service, SALON).await;
    service.unlink(SALON).await.unwrap();
    salon.wait_for("logout", |event| matches!(event, Event::LoggedOut(_)).then_some(())).await;
    salon.stop().await;
    let mut again = Salon::start(&service, &device).await;
    let on_connect = again
        .wait_for("refusal", |event| match event {
            Event::LoggedOut(logout) => Some(logout.on_connect),
            _ => None,
        })
        .await;
    assert!(on_connect);
    assert_eq!(service.unlink(SALON).await, Err(PhoneError::NotLinked));
    assert_eq!(service.stats().refused, 1);
    again.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_of_another_world_is_refused() {
    let home = service().await;
    let (salon, device) = Salon::paired(&home, SALON).await;
    salon.stop().await;
    let elsewhere = service().await;
    let mut stranger = Salon::start(&elsewhere, &device).await;
    stranger.wait_for("refusal", |event| matches!(event, Event::LoggedOut(_)).then_some(())).await;
    // The same number, linked there with other keys: the wrong key is as good as none.
    let (rightful, _) = Salon::paired(&elsewhere, SALON).await;
    let mut impostor = Salon::start(&elsewhere, &device).await;
    impostor.wait_for("refusal", |event| matches!(event, Event::LoggedOut(_)).then_some(())).await;
    assert_eq!(elsewhere.stats().links, 1);
    for salon in [stranger, rightful, impostor] {
        salon.stop().await;
    }
    home.shutdown().await;
    elsewhere.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_logged_out_client_leaves_the_phone_without_a_device() {
    let service = service().await;
    let (salon, _) = Salon::paired(&service, SALON).await;
    salon.client().logout().await;
    until("unlinked", || service.phones()[0].linked.is_empty().then_some(())).await;
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_salons_pair_at_the_same_time() {
    let service = service().await;
    let mut pairing = tokio::task::JoinSet::new();
    for index in 0..20 {
        let service = service.clone();
        let number = format!("7900300{index:04}");
        pairing.spawn(async move { Salon::paired(&service, &number).await });
    }
    let salons = pairing.join_all().await;
    let stats = service.stats();
    assert_eq!((stats.links, stats.pairings, stats.refused), (20, 20, 0));
    for (salon, _) in salons {
        salon.stop().await;
    }
    service.shutdown().await;
}
