use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use frontdesk_actors::ids::Secret;
use frontdesk_actors::ports::{LinkCommand, LinkEnd, LinkFact, PasskeyAssertion, PasskeyFailure};
use frontdesk_sandbox::whatsapp::{LinkedDevice, PasskeyBehaviour, PasskeySettings, PhoneError};
use tokio::task::JoinHandle;

use super::rig::{Link, NUMBER, Rig};

type Scan = JoinHandle<Result<LinkedDevice, PhoneError>>;

/// A link whose code was scanned by a phone that asks for its passkey.
async fn scanned(rig: &Rig, behaviour: PasskeyBehaviour) -> (Link, Scan) {
    rig.service.set_passkey(NUMBER, PasskeySettings { required: true, behaviour }).unwrap();
    let mut link = rig.link();
    let qr = link.qr().await;
    let service = rig.service.clone();
    (link, tokio::spawn(async move { service.scan(NUMBER, &qr).await }))
}

async fn options(link: &mut Link) -> String {
    link.fact_like(|fact| match fact {
        LinkFact::PasskeyRequested { options, .. } => Some(options.expose().to_owned()),
        _ => None,
    })
    .await
}

async fn code(link: &mut Link) -> String {
    link.fact_like(|fact| match fact {
        LinkFact::PasskeyCode(code) => Some(code.expose().to_owned()),
        _ => None,
    })
    .await
}

async fn failure(link: &mut Link) -> PasskeyFailure {
    link.fact_like(|fact| match fact {
        LinkFact::PasskeyFailed(failure) => Some(failure),
        _ => None,
    })
    .await
}

async fn answer(rig: &Rig, link: &Link, options: &str) {
    let answer = rig.service.assert_passkey(NUMBER, options).unwrap();
    let assertion = PasskeyAssertion {
        credential_id: URL_SAFE_NO_PAD.decode(answer.credential_id).unwrap(),
        json: Secret::new(answer.assertion.to_string()),
    };
    link.wish(LinkCommand::PasskeyResponse(assertion)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_owners_passkey_and_the_same_code_the_device_is_linked() {
    for behaviour in [PasskeyBehaviour::Accept, PasskeyBehaviour::FetchOptions] {
        let rig = Rig::start().await;
        let (mut link, scan) = scanned(&rig, behaviour).await;
        let asked = link
            .fact_like(|fact| match fact {
                LinkFact::PasskeyRequested { options, valid_for } => Some((options, valid_for)),
                _ => None,
            })
            .await;
        assert!((100..=160).contains(&asked.1.as_secs()), "as long as the codes last: {:?}", asked.1);
        answer(&rig, &link, asked.0.expose()).await;
        let shown = code(&mut link).await;
        assert_eq!((shown.len(), shown.find('-')), (9, Some(4)));
        link.wish(LinkCommand::PasskeyConfirm).await;
        scan.await.unwrap().unwrap();
        assert!(matches!(link.fact().await, LinkFact::Paired(identity) if identity.phone.digits() == NUMBER));
        assert_eq!(link.end().await, LinkEnd::RestartRequired);
        drop(rig.online().await);
        rig.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_passkey_is_told_and_a_fresh_link_may_try_again() {
    let rig = Rig::start().await;
    let (mut link, scan) = scanned(&rig, PasskeyBehaviour::Refuse).await;
    let asked = options(&mut link).await;
    answer(&rig, &link, &asked).await;
    assert_eq!(failure(&mut link).await, PasskeyFailure::Refused);
    assert!(scan.await.unwrap().is_err());
    link.wish(LinkCommand::Close).await;
    assert_eq!(link.end().await, LinkEnd::Closed);

    let (mut link, scan) = scanned(&rig, PasskeyBehaviour::Accept).await;
    let asked = options(&mut link).await;
    answer(&rig, &link, &asked).await;
    code(&mut link).await;
    link.wish(LinkCommand::PasskeyConfirm).await;
    scan.await.unwrap().unwrap();
    assert_eq!(link.end().await, LinkEnd::RestartRequired);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_does_not_agree_to_the_code_is_a_refusal() {
    let rig = Rig::start().await;
    let (mut link, scan) = scanned(&rig, PasskeyBehaviour::Decline).await;
    let asked = options(&mut link).await;
    answer(&rig, &link, &asked).await;
    code(&mut link).await;
    link.wish(LinkCommand::PasskeyConfirm).await;
    assert_eq!(failure(&mut link).await, PasskeyFailure::Refused);
    assert!(scan.await.unwrap().is_err());
    assert!(!rig.has_devices());
    drop(link);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_read_is_told_as_broken_before_and_after_the_answer() {
    let rig = Rig::start().await;
    let (mut link, scan) = scanned(&rig, PasskeyBehaviour::BadOptions).await;
    assert_eq!(failure(&mut link).await, PasskeyFailure::Broken);
    scan.abort();
    link.wish(LinkCommand::Close).await;
    assert_eq!(link.end().await, LinkEnd::Closed);

    let (mut link, scan) = scanned(&rig, PasskeyBehaviour::BadContinuation).await;
    let asked = options(&mut link).await;
    answer(&rig, &link, &asked).await;
    assert_eq!(failure(&mut link).await, PasskeyFailure::Broken);
    scan.abort();
    drop(link);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typed_code_asks_for_the_passkey_too_and_leaves_the_whole_time_for_it() {
    let rig = Rig::start().await;
    rig.service.set_passkey(NUMBER, PasskeySettings { required: true, ..Default::default() }).unwrap();
    let mut link = rig.link();
    link.wish(LinkCommand::RequestPairingCode(format!("+{NUMBER}").parse().unwrap())).await;
    let typed = link
        .fact_like(|fact| match fact {
            LinkFact::PairingCode { code, .. } => Some(code.expose().to_owned()),
            _ => None,
        })
        .await;
    let service = rig.service.clone();
    let typing = tokio::spawn(async move { service.enter_code(NUMBER, &typed).await });
    let (asked, valid_for) = link
        .fact_like(|fact| match fact {
            LinkFact::PasskeyRequested { options, valid_for } => Some((options, valid_for)),
            _ => None,
        })
        .await;
    assert_eq!(valid_for.as_secs(), 180);
    answer(&rig, &link, asked.expose()).await;
    code(&mut link).await;
    link.wish(LinkCommand::PasskeyConfirm).await;
    typing.await.unwrap().unwrap();
    assert_eq!(link.end().await, LinkEnd::RestartRequired);
    rig.finish().await;
}
