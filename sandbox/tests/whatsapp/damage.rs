//! What the client makes of things no sound service sends.

use std::time::Duration;

use frontdesk_sandbox::whatsapp::{FaultTarget, WhatsappFault};
use whatsapp_rust::types::events::Event;

use crate::client::{Salon, deaf, hears, new_device, service, until};
use crate::{GUEST, SALON};

/// Long enough for a client to give up a first attempt, short enough for a test.
const A_WHILE: Duration = Duration::from_millis(1500);

fn salon_only() -> FaultTarget {
    FaultTarget::Number(SALON.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_half_a_frame_the_client_is_deaf_and_believes_itself_online() {
    let service = service().await;
    let (salon, _) = Salon::paired(&service, SALON).await;
    let (quiet, _) = Salon::paired(&service, GUEST).await;
    service.set_fault(salon_only(), WhatsappFault::HalfFrame { announced_bytes: None, quiet: false }).unwrap();
    let guest = FaultTarget::Number(GUEST.to_owned());
    service.set_fault(guest, WhatsappFault::HalfFrame { announced_bytes: Some(5000), quiet: true }).unwrap();
    for salon in [&salon, &quiet] {
        let client = salon.client();
        deaf(&client).await;
        assert!(client.is_connected() && client.is_logged_in());
    }
    assert_eq!(service.stats().links, 2);
    salon.stop().await;
    quiet.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_without_a_stanza_in_it_or_with_far_too_much_is_survived() {
    let service = service().await;
    service.add_phone(GUEST).unwrap();
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    for fault in [WhatsappFault::BadNode, WhatsappFault::BadZlib, WhatsappFault::BigFrame { bytes: Some(1_000_000) }] {
        service.set_fault(salon_only(), fault).unwrap();
        assert!(hears(&salon.client()).await);
    }
    service.send(GUEST, SALON, "still there?").await.unwrap();
    assert_eq!(salon.text().await, "still there?");
    assert_eq!(service.stats().logins, 1);
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_unavailable_service_that_stays_the_client_is_half_logged_out() {
    let service = service().await;
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    service.set_fault(salon_only(), WhatsappFault::StreamError { code: 503, keep_open: true }).unwrap();
    let client = salon.client();
    until("logged out", || (!client.is_logged_in()).then_some(())).await;
    assert!(client.is_connected());
    // The service hasn't closed, so nothing cures it until somebody looks.
    assert!(hears(&client).await);
    assert_eq!(service.stats().links, 1);
    client.reconnect_immediately().await;
    salon.connected().await;
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_another_key_is_never_accepted() {
    let service = service().await;
    let (salon, device) = Salon::paired(&service, SALON).await;
    salon.stop().await;
    until("offline", || (service.stats().links == 0).then_some(())).await;
    service.set_fault(FaultTarget::All, WhatsappFault::BadCertificate { count: None }).unwrap();
    service.add_phone(GUEST).unwrap();
    let mut fresh = Salon::start(&service, &new_device()).await;
    assert!(fresh.client().wait_for_socket(A_WHILE).await.is_err());
    service.clear_faults();
    fresh.qr().await;
    // A known device doesn't look at certificates when it resumes; it has to be asked for the full handshake.
    service.set_fault(salon_only(), WhatsappFault::BadCertificate { count: None }).unwrap();
    let mut again = Salon::start(&service, &device).await;
    assert!(again.client().wait_for_socket(A_WHILE).await.is_err());
    service.clear_faults();
    again.connected().await;
    fresh.stop().await;
    again.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_requests_end_the_link_and_the_client_waits_longer() {
    let service = service().await;
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    service.set_fault(salon_only(), WhatsappFault::StreamError { code: 429, keep_open: false }).unwrap();
    salon.wait_for("disconnect", |event| matches!(event, Event::Disconnected(_)).then_some(())).await;
    assert!(salon.client().wait_for_connected(Duration::from_secs(3)).await.is_err());
    salon.stop().await;
    service.shutdown().await;
}
