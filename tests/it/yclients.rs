//! Our client of YClients against the simulated one over real sockets: limits, faults, every call, and the reconciliation of a whole server.

mod calls;
mod limits;
mod reconcile;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use frontdesk::yclients::{SalonApi, Urgency, Yclients, YclientsSettings};
use frontdesk_actors::ids::{SalonId, Secret};
use frontdesk_actors::ports::{Callback, Marketplace as _};
use frontdesk_sandbox::yclients::{Fault, NewSalon, Target};
use frontdesk_sandbox::{Sandbox, SandboxConfig, TEST_APPLICATION_ID, TEST_PARTNER_TOKEN};
use serde_json::Value;

/// A simulated YClients with salons that have the app.
struct Desk {
    sandbox: Sandbox,
    settings: YclientsSettings,
    yclients: Arc<Yclients>,
}

fn salon(id: u64) -> SalonId {
    SalonId::try_from(id).expect("a salon id")
}

/// What YClients is told with an activation.
fn callback() -> Callback {
    Callback { api_key: Secret::new("key"), webhook_urls: vec![Secret::new("https://us.example/webhook/yclients/data/1/secret")] }
}

impl Desk {
    /// Salons `1..=count` with the app active; our client without limits.
    async fn open(count: u64) -> Self {
        Self::with(count, |_| {}).await
    }

    async fn with(count: u64, change: impl Fn(&mut YclientsSettings)) -> Self {
        frontdesk::app::install_crypto_provider();
        let any = "127.0.0.1:0".parse().expect("an address");
        let config = SandboxConfig { whatsapp: any, yclients: any, control: any, ..SandboxConfig::default() };
        let sandbox = Sandbox::start(config).await.expect("the services start");
        let base = sandbox.addresses().yclients;
        let mut settings = YclientsSettings {
            partner_token: Some(TEST_PARTNER_TOKEN.to_owned().into()),
            user_token: Some("the-app's-own-user".to_owned().into()),
            partner_id: Some(4_242),
            application_id: Some(TEST_APPLICATION_ID),
            marketplace_url: format!("{base}/marketplace").parse().expect("an address"),
            api_url: format!("{base}/api/v1").parse().expect("an address"),
            signature_required: true,
            calls_per_second: None,
            calls_per_minute: None,
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(2),
        };
        let setup = Yclients::new(settings.clone()).expect("a client");
        for id in 1..=count {
            sandbox.yclients().add_salon(NewSalon { salon_id: Some(id), ..NewSalon::default() }).expect("a salon");
            sandbox.yclients().connect(id).expect("pending");
            setup.activate(salon(id), &callback()).await.expect("active");
        }
        change(&mut settings);
        let yclients = Arc::new(Yclients::new(settings.clone()).expect("a client"));
        Self { sandbox, settings, yclients }
    }

    fn api(&self, id: u64) -> SalonApi {
        self.yclients.salon_api(salon(id), Urgency::Interactive)
    }

    /// Another client with the same settings, which has seen nothing yet.
    fn fresh(&self) -> Yclients {
        Yclients::new(self.settings.clone()).expect("a client")
    }

    /// A fault of YClients for everybody.
    fn fault(&self, fault: Value) {
        let fault: Fault = serde_json::from_value(fault).expect("a fault");
        self.sandbox.yclients().set_fault(Target::All, fault).expect("a fault in force");
    }

    fn calls_to(&self, path: &str) -> usize {
        self.sandbox.yclients().calls(None, 0).iter().filter(|call| call.path.contains(path)).count()
    }
}

/// YClients' own limits.
fn limited(settings: &mut YclientsSettings) {
    settings.calls_per_second = NonZeroU32::new(5);
    settings.calls_per_minute = NonZeroU32::new(200);
}
