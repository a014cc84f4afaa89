use std::time::Duration;

use frontdesk_actors::ports::{LinkCommand, LinkEnd, LinkFact};

use super::rig::{NUMBER, Rig};

#[tokio::test(flavor = "multi_thread")]
async fn a_scanned_code_pairs_and_the_next_link_is_online() {
    let rig = Rig::start().await;
    assert_eq!(rig.credentials().await, None);
    let mut link = rig.link();
    let LinkFact::Qr { text, valid_for, attempt } = link.fact().await else { panic!("a QR code comes first") };
    assert_eq!(attempt, 1);
    assert!(valid_for <= Duration::from_secs(60) && valid_for > Duration::from_secs(50), "{valid_for:?}");
    rig.service.scan(NUMBER, text.expose()).await.unwrap();
    let LinkFact::Paired(identity) = link.fact().await else { panic!("then it is paired") };
    assert_eq!(identity.phone.digits(), NUMBER);
    assert!(identity.lid.as_ref().is_some_and(|lid| lid.ends_with("@lid") && !lid.contains(':')), "{:?}", identity.lid);
    assert_eq!(rig.credentials().await.as_ref(), Some(&identity), "stored before it was said");
    assert_eq!(link.end().await, LinkEnd::RestartRequired);

    let mut link = rig.link();
    assert_eq!(link.fact().await, LinkFact::Online(identity));
    link.wish(LinkCommand::Close).await;
    assert_eq!(link.end().await, LinkEnd::Closed);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_code_pairs_too() {
    let rig = Rig::start().await;
    let mut link = rig.link();
    // Before the connection stands: the wish waits for it.
    link.wish(LinkCommand::RequestPairingCode(format!("+{NUMBER}").parse().unwrap())).await;
    let code = loop {
        match link.fact().await {
            LinkFact::PairingCode { code, phone, valid_for } => {
                assert_eq!(phone.digits(), NUMBER);
                assert!(valid_for > Duration::from_secs(120), "{valid_for:?}");
                break code;
            }
            LinkFact::Qr { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((code.expose().len(), code.expose().find('-')), (9, Some(4)));
    rig.service.enter_code(NUMBER, code.expose()).await.unwrap();
    assert!(matches!(link.fact().await, LinkFact::Paired(identity) if identity.phone.digits() == NUMBER));
    assert_eq!(link.end().await, LinkEnd::RestartRequired);
    drop(rig.online().await);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_code_replaces_the_old_one_and_qr_codes_work_beside_it() {
    let rig = Rig::start().await;
    let mut link = rig.link();
    let qr = link.qr().await;
    let mut codes = Vec::new();
    for _ in 0..2 {
        link.wish(LinkCommand::RequestPairingCode(format!("+{NUMBER}").parse().unwrap())).await;
        match link.fact().await {
            LinkFact::PairingCode { code, .. } => codes.push(code),
            other => panic!("{other:?}"),
        }
    }
    assert_ne!(codes[0], codes[1]);
    link.wish(LinkCommand::CancelPairing).await;
    rig.service.scan(NUMBER, &qr).await.unwrap();
    assert!(matches!(link.fact().await, LinkFact::Paired(_)));
    assert_eq!(link.end().await, LinkEnd::RestartRequired);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_called_paired_that_could_not_be_stored() {
    let rig = Rig::start().await;
    let mut link = rig.link();
    let qr = link.qr().await;
    rig.records.fail_next_commits(1000);
    // The phone may or may not see the new device complete.
    let _ = rig.service.scan(NUMBER, &qr).await;
    let (end, facts) = link.end_and_facts().await;
    assert_eq!(end, LinkEnd::StorageFailed);
    assert!(!facts.iter().any(|fact| matches!(fact, LinkFact::Paired(_))), "{facts:?}");
    assert_eq!(rig.credentials().await, None);
    rig.finish().await;
}
