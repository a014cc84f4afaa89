//! YClients as a script.

#![expect(clippy::disallowed_types, reason = "a fake is shared with the test that scripts it; the lock is never held across an await")]

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::ids::SalonId;
use crate::ports::{
    ActivateError, Callback, Installation, Marketplace, MarketplaceError, PartnerError, SalonInfo, SignatureError, SignedOwner,
};
use crate::records::MarketplaceUser;

/// What the tree asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// How is the installation?
    Installation(SalonId),
    /// What is the salon?
    Salon(SalonId),
    /// The integration is ready.
    Activate(SalonId, Callback),
    /// A call for an operator, by the method's name.
    Partner(&'static str, Option<SalonId>),
}

#[derive(Default)]
pub(super) struct Script {
    missing: Vec<&'static str>,
    owner: Option<Result<SignedOwner, SignatureError>>,
    /// How each salon stands at YClients; `Pending` when not set.
    pub(super) installed: HashMap<SalonId, Installation>,
    installation_answers: VecDeque<Result<Installation, MarketplaceError>>,
    activate_answers: VecDeque<ActivateAnswer>,
    salons: HashMap<SalonId, Result<Option<SalonInfo>, MarketplaceError>>,
    latency: Duration,
    calls: Vec<Call>,
    pub(super) partner_errors: VecDeque<PartnerError>,
    /// Calls for operators that succeed before the next error.
    pub(super) partner_good: usize,
    /// Entries of the list of installed salons that could not be read.
    pub(super) unreadable_salons: u32,
}

/// One scripted answer to an activation.
enum ActivateAnswer {
    /// This error and nothing happened at YClients.
    Refused(ActivateError),
    /// It happened at YClients, but the answer was this error.
    Lost(ActivateError),
    /// The call panics.
    Panic,
}

/// Scripted answers; without a script every salon is `Pending` and an activation succeeds and makes it `Active`.
/// An activation of an active salon is refused with 403, as YClients does.
#[derive(Default)]
pub struct FakeMarketplace {
    script: Mutex<Script>,
}

impl FakeMarketplace {
    /// Everything succeeds.
    pub fn new() -> Self {
        Self::default()
    }

    /// How the salon stands at YClients from now on.
    pub fn set_installation(&self, salon: SalonId, installation: Installation) {
        self.lock().installed.insert(salon, installation);
    }

    /// How the salon stands at YClients.
    pub fn installed(&self, salon: SalonId) -> Installation {
        self.lock().installed.get(&salon).copied().unwrap_or(Installation::Pending)
    }

    /// The next question about any installation gets this answer instead of the truth. May be called several times.
    pub fn next_installation(&self, answer: Result<Installation, MarketplaceError>) {
        self.lock().installation_answers.push_back(answer);
    }

    /// The next activation gets this error and does not happen. May be called several times.
    pub fn next_activation_fails(&self, error: ActivateError) {
        self.lock().activate_answers.push_back(ActivateAnswer::Refused(error));
    }

    /// The next activation happens at YClients, but its answer is this error.
    pub fn next_activation_loses_its_answer(&self, error: ActivateError) {
        self.lock().activate_answers.push_back(ActivateAnswer::Lost(error));
    }

    /// The next activation call panics on our side before it does anything.
    pub fn next_activation_panics(&self) {
        self.lock().activate_answers.push_back(ActivateAnswer::Panic);
    }

    /// What YClients tells about a salon.
    pub fn set_salon(&self, salon: SalonId, answer: Result<Option<SalonInfo>, MarketplaceError>) {
        self.lock().salons.insert(salon, answer);
    }

    /// What the signature check says from now on; without it any pair is accepted and nothing was signed.
    pub fn set_owner(&self, owner: Result<SignedOwner, SignatureError>) {
        self.lock().owner = Some(owner);
    }

    /// Names of settings that are missing from now on.
    pub fn set_missing(&self, missing: Vec<&'static str>) {
        self.lock().missing = missing;
    }

    /// Every answer takes this long.
    pub fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// All calls so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// How many activation calls the salon got.
    pub fn activations(&self, salon: SalonId) -> usize {
        self.lock().calls.iter().filter(|call| matches!(call, Call::Activate(whose, _) if *whose == salon)).count()
    }

    pub(super) async fn note(&self, call: Call) {
        let latency = {
            let mut script = self.lock();
            script.calls.push(call);
            script.latency
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Marketplace for FakeMarketplace {
    fn missing_settings(&self) -> Vec<&'static str> {
        self.lock().missing.clone()
    }

    fn verify_owner(&self, _user_data: Option<&str>, _sign: Option<&str>) -> Result<SignedOwner, SignatureError> {
        let unsigned = SignedOwner { user: MarketplaceUser::default(), salon_title: None, fingerprint: None };
        self.lock().owner.clone().unwrap_or(Ok(unsigned))
    }

    fn is_partner_token(&self, token: &str) -> bool {
        token == "test_partner_token"
    }

    async fn installation(&self, salon: SalonId) -> Result<Installation, MarketplaceError> {
        self.note(Call::Installation(salon)).await;
        let scripted = self.lock().installation_answers.pop_front();
        scripted.unwrap_or_else(|| Ok(self.installed(salon)))
    }

    async fn salon(&self, salon: SalonId) -> Result<Option<SalonInfo>, MarketplaceError> {
        self.note(Call::Salon(salon)).await;
        self.lock().salons.get(&salon).cloned().unwrap_or(Ok(None))
    }

    async fn activate(&self, salon: SalonId, callback: &Callback) -> Result<(), ActivateError> {
        self.note(Call::Activate(salon, callback.clone())).await;
        let scripted = self.lock().activate_answers.pop_front();
        match scripted {
            Some(ActivateAnswer::Panic) => panic!("scripted panic in the marketplace"),
            Some(ActivateAnswer::Refused(error)) => return Err(error),
            Some(ActivateAnswer::Lost(error)) => {
                self.set_installation(salon, Installation::Active);
                return Err(error);
            }
            None => {}
        }
        if self.installed(salon) == Installation::Active {
            return Err(ActivateError::AskStatus { status: Some(403) });
        }
        self.set_installation(salon, Installation::Active);
        Ok(())
    }
}
