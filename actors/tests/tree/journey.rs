//! From redirect to active, and the detours owners take.

use std::time::Duration;

use frontdesk_actors::company::{ActivateRequestError, PairingError, QrError};
use frontdesk_actors::events::{Fact, FunnelStep};
use frontdesk_actors::fleet::RegisterError;
use frontdesk_actors::ports::{Installation, LinkCommand, LinkEnd, LinkFact, MarketplaceError, SignatureError};
use frontdesk_actors::records::{EventKind, IntegrationStatus};
use frontdesk_actors::testing::{LinkScript, PAIRING_CODE, Step, World, account, qr_fact, salon, until, until_state};
use frontdesk_actors::view::{ActivationView, NextStep, SessionState, StateReason};

#[tokio::test(start_paused = true)]
async fn an_owner_scans_and_the_salon_becomes_active_by_itself() {
    let world = World::new();
    let fleet = world.start().await;
    let company = world.register(&fleet, 10).await;
    let _viewer = company.attach().await.unwrap();
    let view = until_state(&company, SessionState::AwaitingScan).await;
    assert_eq!(view.session.qr.unwrap().text.expose(), "qr-1");
    assert_eq!(view.session.action, Some(NextStep::ScanQr));
    assert_eq!(view.integration, IntegrationStatus::PendingWhatsapp);

    world.connector.link(company.company_id()).await.scan(account(1));
    let view = until(&company, |view| view.activation == ActivationView::Active).await;
    assert_eq!(view.session.state, SessionState::Online);
    assert_eq!(view.integration, IntegrationStatus::Active);
    assert_eq!(view.session.own, Some(account(1)));
    assert_eq!(world.marketplace.activations(salon(10)), 1);

    let stored = world.records.stored(salon(10)).unwrap();
    assert_eq!(stored.company.integration_status, IntegrationStatus::Active);
    assert!(stored.company.whatsapp_connected);
    assert_eq!(stored.company.api_key_hash.unwrap().len(), 64);
    assert_eq!(stored.activation, None, "the sealed key is forgotten");
    let timeline = world.records.timeline(company.company_id());
    let expected = [
        EventKind::RegistrationStarted,
        EventKind::PageOpened,
        EventKind::QrShown,
        EventKind::WhatsappPaired,
        EventKind::WhatsappConnected,
        EventKind::IntegrationActivated,
    ];
    assert_eq!(timeline, expected);
    let funnel: Vec<FunnelStep> = world.sink.facts().iter().filter_map(funnel_step).collect();
    use FunnelStep::{Active, Online, PageOpened, Paired, QrShown, Redirected};
    assert_eq!(funnel, [Redirected, PageOpened, QrShown, Paired, Online, Active]);
    fleet.drain(Duration::from_secs(5)).await;
}

fn funnel_step(fact: &Fact) -> Option<FunnelStep> {
    match fact {
        Fact::FunnelStep { step, .. } => Some(*step),
        _ => None,
    }
}
