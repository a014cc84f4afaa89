//! The unmodified protocol client against the simulated WhatsApp service.

mod client;

use client::{Salon, new_device, service, until};
use frontdesk_sandbox::whatsapp::{Direction, FaultTarget, PhoneError, WhatsappFault};
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
