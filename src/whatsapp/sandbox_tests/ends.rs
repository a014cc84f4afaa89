use std::time::Duration;

use frontdesk_actors::ports::{LinkEnd, LossKind};
use frontdesk_sandbox::whatsapp::WhatsappFault;

use super::rig::{NUMBER, Rig};

fn refusal(code: u16, expire_s: Option<u64>) -> WhatsappFault {
    WhatsappFault::LoginFailure { code, expire_s, count: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_ends_the_link_by_its_reason() {
    let rig = Rig::paired().await;
    let hour = Some(Duration::from_secs(3600));
    for (fault, end) in [
        (refusal(401, None), LinkEnd::LoggedOut),
        (refusal(402, Some(3600)), LinkEnd::Banned { expires_in: hour }),
        (refusal(403, None), LinkEnd::Locked),
        (refusal(405, None), LinkEnd::Outdated),
        (refusal(500, None), LinkEnd::Lost(LossKind::Service)),
        (refusal(503, None), LinkEnd::Lost(LossKind::Service)),
    ] {
        rig.fault(fault);
        assert_eq!(rig.link().end().await, end, "{fault:?}");
    }
    drop(rig.online().await);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_a_running_link_is_told_apart() {
    let rig = Rig::paired().await;
    let disconnected = LinkEnd::Lost(LossKind::Disconnected);
    for (fault, end) in [
        (WhatsappFault::Drop, disconnected),
        (WhatsappFault::StreamError { code: 515, keep_open: false }, LinkEnd::RestartRequired),
        (WhatsappFault::StreamError { code: 503, keep_open: false }, disconnected),
        (WhatsappFault::StreamError { code: 429, keep_open: false }, disconnected),
        (WhatsappFault::StreamError { code: 500, keep_open: false }, LinkEnd::Lost(LossKind::Service)),
        (WhatsappFault::Replaced, LinkEnd::Replaced),
    ] {
        let link = rig.online().await;
        rig.fault(fault);
        assert_eq!(link.end().await, end, "{fault:?}");
    }
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_device_is_logged_out_at_once_and_at_the_next_login() {
    let rig = Rig::paired().await;
    let link = rig.online().await;
    rig.service.unlink(NUMBER).await.unwrap();
    assert_eq!(link.end().await, LinkEnd::LoggedOut);
    assert_eq!(rig.link().end().await, LinkEnd::LoggedOut);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_never_stands_is_a_failed_dial() {
    let rig = Rig::paired().await;
    let dial = LinkEnd::Lost(LossKind::Dial);
    rig.fault(WhatsappFault::CloseMidHandshake { count: Some(1) });
    assert_eq!(rig.link().end().await, dial);
    rig.service.clear_faults();
    rig.fault(WhatsappFault::RefuseConnections { duration_ms: None });
    assert_eq!(rig.link().end().await, dial);
    rig.service.clear_faults();
    drop(rig.online().await);
    rig.until("the link is closed", |stats| stats.sockets == 0).await;
    rig.service.shutdown().await;
    assert_eq!(rig.link().end().await, dial);
    rig.finish().await;
}
