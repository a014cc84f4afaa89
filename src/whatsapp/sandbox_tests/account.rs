use frontdesk_actors::ports::{LinkCommand, LinkEnd, LinkFact};
use frontdesk_actors::view::{CapLevel, LinkNumbers, NewChatCap, Timelock};
use frontdesk_sandbox::whatsapp::{Enforcement, WhatsappFault};

use super::rig::{Link, Rig};

async fn timelock(link: &mut Link) -> Option<Timelock> {
    link.fact_like(|fact| if let LinkFact::Timelock(lock) = fact { Some(lock) } else { None }).await
}

async fn cap(link: &mut Link) -> Option<NewChatCap> {
    link.fact_like(|fact| if let LinkFact::NewChatCap(cap) = fact { Some(cap) } else { None }).await
}

async fn measured(link: &mut Link) -> LinkNumbers {
    link.fact_like(|fact| if let LinkFact::Measured(numbers) = fact { Some(numbers) } else { None }).await
}

fn lock_for(seconds: u64) -> WhatsappFault {
    WhatsappFault::Timelock { seconds, enforcement: Enforcement::Default }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_asked_for_at_login_and_with_every_probe() {
    let rig = Rig::paired().await;
    let mut link = rig.online().await;
    assert_eq!((timelock(&mut link).await, cap(&mut link).await), (None, None));
    assert_eq!(link.probe().await, LinkFact::ProbeAnswered);
    assert_eq!((timelock(&mut link).await, cap(&mut link).await), (None, None));
    link.wish(LinkCommand::Close).await;
    assert_eq!(link.end().await, LinkEnd::Closed);

    // A lock from a time when nobody was there to be told.
    rig.fault(lock_for(3600));
    let mut link = rig.online().await;
    let lock = timelock(&mut link).await.expect("locked");
    let left = lock.ends_at.expect("an end") - chrono::Utc::now();
    assert!((3500..=3600).contains(&left.num_seconds()), "{left}");
    drop(link);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_and_its_end_are_heard_within_a_second() {
    let rig = Rig::paired().await;
    let mut link = rig.online().await;
    assert_eq!((timelock(&mut link).await, cap(&mut link).await), (None, None));
    let begun = tokio::time::Instant::now();
    rig.fault(lock_for(3600));
    assert!(timelock(&mut link).await.is_some());
    rig.service.clear_faults();
    assert_eq!(timelock(&mut link).await, None);
    assert!(begun.elapsed().as_secs() < 1, "{:?}", begun.elapsed());
    drop(link);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_of_new_chats_is_told_with_its_level() {
    let rig = Rig::paired().await;
    let mut link = rig.online().await;
    assert_eq!(cap(&mut link).await, None);
    for (used, level) in [(1, CapLevel::None), (5, CapLevel::FirstWarning), (8, CapLevel::SecondWarning), (10, CapLevel::Capped)] {
        rig.fault(WhatsappFault::NewChatCap { total_quota: 10, used_quota: Some(used) });
        let cap = cap(&mut link).await.expect("a quota");
        assert_eq!((cap.level, cap.used, cap.total), (level, Some(u64::from(used)), Some(10)));
        assert!(cap.renews_at.is_some());
    }
    rig.service.clear_faults();
    assert_eq!(cap(&mut link).await, None);
    drop(link);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_numbers_come_with_every_probe_and_at_the_end() {
    let rig = Rig::paired().await;
    let mut link = rig.online().await;
    assert_eq!(link.probe().await, LinkFact::ProbeAnswered);
    let first = measured(&mut link).await;
    assert!(first.bytes_sent > 0 && first.bytes_received > 0 && first.frames_sent > 0 && first.memory_bytes > 0, "{first:?}");
    link.wish(LinkCommand::Close).await;
    let (end, facts) = link.end_and_facts().await;
    assert_eq!(end, LinkEnd::Closed);
    let Some(LinkFact::Measured(last)) = facts.last() else { panic!("{facts:?}") };
    assert!(last.bytes_sent >= first.bytes_sent && last.frames_received >= first.frames_received, "{last:?}");
    rig.finish().await;
}
