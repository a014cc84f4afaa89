//! What the client sees when the service plays a fault.

use std::time::Duration;

use frontdesk_sandbox::whatsapp::{FaultTarget, WhatsappFault};
use whatsapp_rust::types::events::Event;

use crate::client::{Salon, service, until};
use crate::{GUEST, SALON};

fn salon_only() -> FaultTarget {
    FaultTarget::Number(SALON.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_error_hits_only_its_target_and_is_survived() {
    let service = service().await;
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    let (bystander, _) = Salon::paired(&service, GUEST).await;
    service.set_fault(salon_only(), WhatsappFault::StreamError { code: 503, keep_open: false }).unwrap();
    salon.wait_for("disconnect", |event| matches!(event, Event::Disconnected(_)).then_some(())).await;
    salon.connected().await;
    assert!(bystander.client().is_logged_in());
    let stats = service.stats();
    assert_eq!((stats.faults, stats.logins, stats.links), (1, 3, 2));
    salon.stop().await;
    bystander.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_connection_comes_back() {
    let service = service().await;
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    service.set_fault(FaultTarget::All, WhatsappFault::Drop).unwrap();
    salon.wait_for("disconnect", |event| matches!(event, Event::Disconnected(_)).then_some(())).await;
    salon.connected().await;
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_device_and_a_conflict_are_told() {
    let service = service().await;
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    let (mut guest, _) = Salon::paired(&service, GUEST).await;
    service.set_fault(salon_only(), WhatsappFault::LoggedOut).unwrap();
    service.set_fault(FaultTarget::Number(GUEST.to_owned()), WhatsappFault::Replaced).unwrap();
    salon.wait_for("logout", |event| matches!(event, Event::LoggedOut(_)).then_some(())).await;
    guest.wait_for("conflict", |event| matches!(event, Event::StreamReplaced(_)).then_some(())).await;
    let linked: Vec<usize> = service.phones().iter().map(|phone| phone.linked.len()).collect();
    assert_eq!(linked, [0, 1]);
    salon.stop().await;
    guest.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_temporary_ban_is_told_at_login() {
    let service = service().await;
    let (salon, device) = Salon::paired(&service, SALON).await;
    salon.stop().await;
    let ban = WhatsappFault::LoginFailure { code: 402, expire_s: Some(600), count: None };
    service.set_fault(salon_only(), ban).unwrap();
    let mut again = Salon::start(&service, &device).await;
    let expire = again
        .wait_for("ban", |event| match event {
            Event::TemporaryBan(ban) => Some(ban.expire.num_seconds()),
            _ => None,
        })
        .await;
    assert_eq!(expire, 600);
    again.stop().await;
    let mut later = Salon::start(&service, &device).await;
    later.connected().await;
    later.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_connections_and_broken_handshakes_end_with_the_fault() {
    let service = service().await;
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    let refuse = WhatsappFault::RefuseConnections { duration_ms: None };
    service.set_fault(FaultTarget::All, refuse).unwrap();
    service.set_fault(salon_only(), WhatsappFault::CloseMidHandshake { count: Some(1) }).unwrap();
    service.set_fault(FaultTarget::All, WhatsappFault::Drop).unwrap();
    until("offline", || (service.stats().sockets == 0).then_some(())).await;
    service.clear_faults();
    salon.connected().await;
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_link_answers_nothing_and_loses_nothing() {
    let service = service().await;
    service.add_phone(GUEST).unwrap();
    let (mut salon, _) = Salon::paired(&service, SALON).await;
    service.set_fault(salon_only(), WhatsappFault::HalfOpen).unwrap();
    let ping = || whatsapp_rust::wacore::iq::keepalive::KeepaliveSpec::with_timeout(Duration::from_millis(300));
    let client = salon.client();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while client.execute(ping()).await.is_ok() {
        assert!(tokio::time::Instant::now() < deadline, "the link still answers");
    }
    service.send(GUEST, SALON, "into the ice").await.unwrap();
    service.clear_faults();
    assert_eq!(salon.text().await, "into the ice");
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_and_slowness_last_until_cleared() {
    let service = service().await;
    let (salon, _) = Salon::paired(&service, SALON).await;
    let client = salon.client();
    let ping = |ms| whatsapp_rust::wacore::iq::keepalive::KeepaliveSpec::with_timeout(Duration::from_millis(ms));
    service.set_fault(salon_only(), WhatsappFault::Silence { duration_ms: None }).unwrap();
    assert!(client.execute(ping(300)).await.is_err());
    service.clear_faults();
    let slow = WhatsappFault::Slow { ms: 400, duration_ms: None };
    service.set_fault(salon_only(), slow).unwrap();
    let asked = tokio::time::Instant::now();
    client.execute(ping(20_000)).await.unwrap();
    assert!(asked.elapsed() >= Duration::from_millis(400));
    service.clear_faults();
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_bad_frame_the_client_is_deaf() {
    let service = service().await;
    let (salon, _) = Salon::paired(&service, SALON).await;
    let client = salon.client();
    service.set_fault(salon_only(), WhatsappFault::BadFrame).unwrap();
    let ping = || whatsapp_rust::wacore::iq::keepalive::KeepaliveSpec::with_timeout(Duration::from_millis(300));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while client.execute(ping()).await.is_ok() {
        assert!(tokio::time::Instant::now() < deadline, "the client still hears");
    }
    salon.stop().await;
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn impossible_faults_are_refused() {
    let service = service().await;
    assert!(service.set_fault(salon_only(), WhatsappFault::Drop).is_err());
    assert!(service.set_fault(FaultTarget::All, WhatsappFault::StreamError { code: 7, keep_open: false }).is_err());
    service.shutdown().await;
}
