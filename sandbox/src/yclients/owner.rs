//! What the owner of a salon does in YClients.

use chrono::Utc;
use serde::Serialize;

use super::{
    NewSalon, Service, State, YclientsError,
    installation::{Source, Status},
    signing,
    world::Salon,
};
use crate::wire;

/// Where YClients sends the owner's browser.
const REDIRECT_PATH: &str = "/auth/yclients/redirect";

/// A salon, as scripts and the page see it.
#[derive(Clone, Debug, Serialize)]
pub struct SalonView {
    /// YClients' number.
    pub salon_id: u64,
    /// Shown to people.
    pub title: String,
    /// IANA name.
    pub timezone: String,
    /// State of our application there.
    pub status: Status,
    /// How many data webhooks the callback registered.
    pub webhooks: usize,
    /// Fingerprint of the key the callback brought.
    pub api_key_sha256: Option<String>,
}

impl SalonView {
    fn of(salon: &Salon, status: Status) -> Self {
        let registration = salon.installation.registration();
        Self {
            salon_id: salon.id,
            title: salon.title.clone(),
            timezone: salon.timezone.clone(),
            status,
            webhooks: registration.webhook_urls.len(),
            api_key_sha256: registration.api_key.clone(),
        }
    }
}

impl Service {
    /// Adds a salon, or renames the one with that number.
    pub fn add_salon(&self, wish: NewSalon) -> Result<SalonView, YclientsError> {
        let id = self.lock().world.add(wish)?.id;
        self.salon(id)
    }

    /// All salons.
    pub fn salons(&self) -> Vec<SalonView> {
        self.lock().world.salons().map(|(salon, status)| SalonView::of(salon, status)).collect()
    }

    /// One salon.
    pub fn salon(&self, id: u64) -> Result<SalonView, YclientsError> {
        self.with(id, |salon, status| SalonView::of(salon, status))
    }

    /// The owner presses *Connect*: pending unless installed, and a freshly signed redirect to the server.
    pub fn connect(&self, id: u64) -> Result<String, YclientsError> {
        self.with(id, |salon, _| salon.installation.connect(Utc::now()))?;
        self.lock().tallies.connects += 1;
        self.redirect(id)
    }

    /// The redirect of an owner who pressed *Connect* already; changes nothing.
    pub fn redirect_again(&self, id: u64) -> Result<String, YclientsError> {
        match self.salon(id)?.status {
            Status::Pending | Status::Active => self.redirect(id),
            Status::Uninstalled | Status::Freezed => Err(YclientsError::NotConnected(id)),
        }
    }

    /// The owner disconnects; tells whether anything changed. The webhook is the caller's to send.
    pub fn uninstall(&self, id: u64) -> Result<bool, YclientsError> {
        self.with(id, |salon, _| salon.installation.uninstall(Utc::now(), Source::Marketplace))
    }

    /// The paid period ends; tells whether anything changed. The webhook is the caller's to send.
    pub fn freeze(&self, id: u64) -> Result<bool, YclientsError> {
        self.with(id, |salon, _| salon.installation.freeze(Utc::now()))
    }

    /// The owner pays; YClients sends no webhook for that.
    pub fn unfreeze(&self, id: u64) -> Result<bool, YclientsError> {
        self.with(id, |salon, _| salon.installation.unfreeze(Utc::now(), Source::Marketplace))
    }

    /// Lets a pending installation run out at once, as after an hour without a callback.
    pub fn expire(&self, id: u64) -> Result<bool, YclientsError> {
        self.with(id, |salon, status| status == Status::Pending && salon.installation.uninstall(Utc::now(), Source::Marketplace))
    }

    fn redirect(&self, id: u64) -> Result<String, YclientsError> {
        let mut state = self.lock();
        state.nonces += 1;
        let nonce = format!("{}-{:016x}", state.nonces, rand::random::<u64>());
        let State { world, server_url, .. } = &mut *state;
        let (salon, _) = world.salon(id).ok_or(YclientsError::UnknownSalon(id))?;
        let signed = signing::user_data(&self.shared.options.partner_token, salon, &nonce);
        let mut url = wire::loopback_url(server_url)?;
        url.set_path(&format!("{}{REDIRECT_PATH}", url.path().trim_end_matches('/')));
        url.query_pairs_mut()
            .append_pair("salon_id", &id.to_string())
            .append_pair("user_data", &signed.user_data)
            .append_pair("user_data_sign", &signed.sign);
        Ok(url.into())
    }

    fn with<T>(&self, id: u64, act: impl FnOnce(&mut Salon, Status) -> T) -> Result<T, YclientsError> {
        let mut state = self.lock();
        let (salon, status) = state.world.salon(id).ok_or(YclientsError::UnknownSalon(id))?;
        Ok(act(salon, status))
    }
}
