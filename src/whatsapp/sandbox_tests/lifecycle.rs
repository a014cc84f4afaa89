use frontdesk_actors::ports::{LinkCommand, LinkEnd, LinkFact};
use frontdesk_sandbox::whatsapp::WhatsappFault;

use super::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_stored_device_logs_in() {
    let mut rig = Rig::paired().await;
    for _ in 0..3 {
        let link = rig.online().await;
        link.wish(LinkCommand::Close).await;
        assert_eq!(link.end().await, LinkEnd::Closed);
        rig.restart();
    }
    assert!(rig.credentials().await.is_some());
    assert_eq!(rig.service.stats().refused, 0);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_online_loses_no_credentials() {
    let mut rig = Rig::paired().await;
    let link = rig.online().await;
    let before = rig.records.clone();
    rig.restart();
    link.run.abort();
    drop(before);
    rig.until("the old process is gone", |stats| stats.sockets == 0).await;
    drop(rig.online().await);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_link_closes_its_connection() {
    let rig = Rig::paired().await;
    let link = rig.online().await;
    assert_eq!(rig.service.stats().sockets, 1);
    link.run.abort();
    rig.until("the socket is closed", |stats| stats.sockets == 0 && stats.links == 0).await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_link_dials_only_after_the_first_has_let_go() {
    let rig = Rig::paired().await;
    let mut current = rig.online().await;
    for _ in 0..10 {
        let mut next = rig.link();
        assert_eq!(next.probe().await, LinkFact::ProbeUnanswered, "it waits for its turn");
        assert_eq!(rig.service.stats().sockets, 1);
        current.run.abort();
        next.online().await;
        assert_eq!(rig.service.stats().sockets, 1);
        current = next;
    }
    drop(current);
    assert_eq!(rig.service.stats().replaced, 0, "WhatsApp never saw two of us");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_waits_for_its_turn_can_be_closed() {
    let rig = Rig::paired().await;
    let first = rig.online().await;
    let second = rig.link();
    second.wish(LinkCommand::Close).await;
    assert_eq!(second.end().await, LinkEnd::Closed);
    assert_eq!(rig.service.stats().links, 1);
    drop(first);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_whose_owner_is_gone_closes() {
    let rig = Rig::paired().await;
    let link = rig.online().await;
    drop(link.commands);
    assert_eq!(link.run.await.unwrap(), LinkEnd::Closed);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_can_be_dropped_at_any_moment_of_its_opening() {
    let rig = Rig::paired().await;
    for polls in 0..40 {
        let link = rig.link();
        for _ in 0..polls * 5 {
            tokio::task::yield_now().await;
        }
        link.run.abort();
    }
    drop(rig.online().await);
    assert_eq!(rig.service.stats().replaced, 0);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_is_answered_and_a_silent_service_does_not_answer() {
    let rig = Rig::paired().await;
    let mut link = rig.online().await;
    assert_eq!(link.probe().await, LinkFact::ProbeAnswered);
    rig.fault(WhatsappFault::Silence { duration_ms: None });
    assert_eq!(link.probe().await, LinkFact::ProbeUnanswered);
    rig.service.clear_faults();
    assert_eq!(link.probe().await, LinkFact::ProbeAnswered);
    drop(link);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_connection_is_let_go_all_the_same() {
    let rig = Rig::paired().await;
    let mut link = rig.online().await;
    rig.fault(WhatsappFault::HalfOpen);
    // The service freezes the connection a little later.
    while link.probe().await != LinkFact::ProbeUnanswered {}
    link.wish(LinkCommand::Close).await;
    assert_eq!(link.end().await, LinkEnd::Closed);
    rig.service.clear_faults();
    drop(rig.online().await);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_removes_the_device_from_the_phone() {
    let rig = Rig::paired().await;
    let link = rig.online().await;
    assert!(rig.has_devices());
    link.wish(LinkCommand::LogOut).await;
    assert_eq!(link.end().await, LinkEnd::LoggedOut);
    assert!(!rig.has_devices());
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_of_a_known_device_costs_a_handful_of_writes() {
    let rig = Rig::paired().await;
    drop(rig.online().await);
    let before = rig.records.commits();
    let link = rig.online().await;
    link.wish(LinkCommand::Close).await;
    assert_eq!(link.end().await, LinkEnd::Closed);
    let writes = rig.records.commits() - before;
    // 5 to 10, by how many the library gathers into one; one write per pre-key would be hundreds.
    assert!(writes <= 20, "{writes} writes, which a thousand sessions do at every start");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn companies_pair_and_come_back_side_by_side() {
    let rig = Rig::start().await;
    let companies = 1..=30;
    let mut pairing = tokio::task::JoinSet::new();
    for id in companies.clone() {
        let number = format!("7916000{id:04}");
        rig.service.add_phone(&number).unwrap();
        let (mut link, service) = (rig.link_of(id), rig.service.clone());
        pairing.spawn(async move {
            service.scan(&number, &link.qr().await).await.unwrap();
            assert_eq!(link.end().await, LinkEnd::RestartRequired);
        });
    }
    pairing.join_all().await;
    for _ in 0..2 {
        let mut online = Vec::new();
        for mut link in companies.clone().map(|id| rig.link_of(id)).collect::<Vec<_>>() {
            link.online().await;
            online.push(link);
        }
        assert_eq!(rig.service.stats().links, online.len());
        // Dropped without a word, as by a supervisor.
        online.iter().for_each(|link| link.run.abort());
    }
    assert_eq!((rig.service.stats().replaced, rig.service.stats().refused), (0, 0));
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_nobody_waits_for_does_not_bring_back_what_was_erased() {
    let rig = Rig::paired().await;
    let link = rig.online().await;
    link.run.abort();
    assert!(link.run.await.is_err(), "the link is cut off");
    rig.erase().await;
    rig.closed().await;
    assert_eq!(rig.credentials().await, None);
    assert!(rig.is_forgotten(), "the closing link has written into the erased vault");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_cut_off_while_it_closes_does_not_bring_back_what_was_erased() {
    let rig = Rig::paired().await;
    let link = rig.online().await;
    link.wish(LinkCommand::Close).await;
    rig.until("the link closes", |stats| stats.sockets == 0).await;
    link.run.abort();
    let _ = link.run.await; // it may have ended by itself
    rig.erase().await;
    rig.closed().await;
    assert!(rig.is_forgotten(), "the closing link has written into the erased vault");
    rig.finish().await;
}
