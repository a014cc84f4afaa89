//! The service goes away, turns callers away, or bans one, and takes them back.

use std::time::Duration;

use frontdesk_sandbox::whatsapp::{FaultTarget, WhatsappFault};
use whatsapp_rust::types::events::{Event, TempBanReason};

use crate::client::{Salon, new_device, service, until};
use crate::{GUEST, SALON};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_outage_everyone_comes_back() {
    let service = service().await;
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    let (mut other, _) = Salon::paired(&service, GUEST).await;
    service.set_fault(FaultTarget::All, WhatsappFault::Outage { duration_ms: Some(1500) }).unwrap();
    until("offline", || (service.stats().sockets == 0).then_some(())).await;
    salon.connected().await;
    other.connected().await;
    assert_eq!(service.stats().links, 2);
    salon.stop().await;
    other.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_opening_is_tried_again() {
    let service = service().await;
    let refuse = |code| WhatsappFault::RefuseUpgrade { code, count: None };
    assert!(service.set_fault(FaultTarget::Number(SALON.into()), refuse(429)).is_err());
    service.set_fault(FaultTarget::All, refuse(429)).unwrap();
    let mut salon = Salon::start(&service, &new_device()).await;
    assert!(salon.client().wait_for_socket(Duration::from_millis(1500)).await.is_err());
    assert_eq!(service.stats().sockets, 0);
    service.clear_faults();
    salon.qr().await;
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ban_ends_the_link_and_tells_how_long_it_lasts() {
    let service = service().await;
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    let ban = WhatsappFault::Ban { seconds: 3600, reason: Some(104) };
    service.set_fault(FaultTarget::Number(SALON.into()), ban).unwrap();
    salon.wait_for("disconnect", |event| matches!(event, Event::Disconnected(_)).then_some(())).await;
    let (seconds, reason) = salon
        .wait_for("ban", |event| match event {
            Event::TemporaryBan(ban) => Some((ban.expire.num_seconds(), ban.code.clone())),
            _ => None,
        })
        .await;
    assert!((3500..=3600).contains(&seconds), "{seconds}");
    assert!(matches!(reason, TempBanReason::SentTooManySameMessage));
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_client_takes_the_device_back() {
    let service = service().await;
    let (mut salon, device) = Salon::paired(&service, SALON).await;
    let rival = WhatsappFault::SecondClient { after_ms: Some(300), count: Some(1) };
    service.set_fault(FaultTarget::Number(SALON.into()), rival).unwrap();
    let replaced = |event: &Event| matches!(event, Event::StreamReplaced(_)).then_some(());
    salon.wait_for("conflict", replaced).await;
    salon.stop().await;
    let mut again = Salon::start(&service, &device).await;
    again.wait_for("conflict again", replaced).await;
    again.stop().await;
    let mut last = Salon::start(&service, &device).await;
    last.connected().await;
    let stats = service.stats();
    assert_eq!((stats.replaced, stats.links), (1, 1));
    last.stop().await;
    service.shutdown().await;
}
