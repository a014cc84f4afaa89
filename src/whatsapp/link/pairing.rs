//! The pairing code of a link: asked for, shown, void.

use std::sync::Arc;
use std::time::Duration;

use frontdesk_actors::ids::{Phone, Secret};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};
use wacore::pair_code::PairCodeUtils;
use whatsapp_rust::Client;
use whatsapp_rust::pair_code::PairCodeOptions;

/// WhatsApp answers a request for a code only on a connection on which it has offered QR codes; that takes a second.
const OFFER_LIMIT: Duration = Duration::from_secs(30);

/// A void code is replaced this often without asking the owner: as often as WhatsApp lets a phone try.
const MAX_RENEWALS: u32 = 3;

/// What a request for a code came to.
pub(super) enum Answer {
    /// A code to type.
    Code { code: Secret, phone: Phone, until: Instant },
    /// None, and the library doesn't say so.
    Failed,
    /// None, and the library has said so.
    Told,
}

/// The state of this link's pairing code.
#[derive(Default)]
pub(super) struct Pairing {
    phone: Option<Phone>,
    asking: Option<AbortHandle>,
    until: Option<Instant>,
    renewals: u32,
    qr_used_up: bool,
}

impl Pairing {
    /// A request for this phone is under way; an earlier one is forgotten.
    pub(super) fn asked(&mut self, phone: Phone, request: AbortHandle) {
        self.forget();
        self.phone = Some(phone);
        self.asking = Some(request);
    }

    /// The code is out until then.
    pub(super) fn shown(&mut self, until: Instant) {
        self.asking = None;
        self.until = Some(until);
    }

    /// There is no code any more.
    pub(super) fn forget(&mut self) {
        if let Some(request) = self.asking.take() {
            request.abort();
        }
        self.until = None;
        self.phone = None;
    }

    /// The phone to ask again for, if that is still allowed.
    pub(super) fn renewal(&mut self) -> Option<Phone> {
        if self.renewals == MAX_RENEWALS {
            return None;
        }
        self.renewals += 1;
        self.phone.clone()
    }

    /// WhatsApp has no more QR codes for this connection.
    pub(super) fn qr_used_up(&mut self) {
        self.qr_used_up = true;
    }

    /// A code is out that the phone's owner may have typed.
    pub(super) fn is_out(&self) -> bool {
        self.until.is_some()
    }

    /// Neither a QR code nor a pairing code can lead anywhere on this connection.
    pub(super) fn is_dead_end(&self) -> bool {
        self.qr_used_up && self.asking.is_none() && self.until.is_none()
    }

    /// Resolves when the code that is out is no longer accepted.
    pub(super) async fn expired(&self) {
        match self.until {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        }
    }
}

/// Asks for a code once QR codes were offered, in place of one that is out.
pub(super) async fn ask(client: Arc<Client>, phone: Phone, mut offered: watch::Receiver<bool>) -> Answer {
    if !matches!(timeout(OFFER_LIMIT, offered.wait_for(|offered| *offered)).await, Ok(Ok(_))) {
        return Answer::Failed;
    }
    client.cancel_pair_code().await;
    let until = Instant::now() + PairCodeUtils::code_validity();
    let options = PairCodeOptions { phone_number: phone.digits().to_owned(), ..Default::default() };
    match client.pair_with_code(options).await {
        Ok(code) => Answer::Code { code: dashed(&code), phone, until },
        Err(error) if error.lost_the_flow_to_another_request() => Answer::Failed,
        Err(_) => Answer::Told,
    }
}

/// As phones show it: `ABCD-1234`.
fn dashed(code: &str) -> Secret {
    match code.split_at_checked(4) {
        Some((left, right)) => Secret::new(format!("{left}-{right}")),
        None => Secret::new(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone() -> Phone {
        "+79161234567".parse().unwrap()
    }

    #[test]
    fn a_code_is_written_as_phones_show_it() {
        assert_eq!(dashed("ABCD1234").expose(), "ABCD-1234");
    }

    #[tokio::test]
    async fn a_void_code_is_renewed_a_few_times_only() {
        let mut pairing = Pairing::default();
        assert_eq!(pairing.renewal(), None, "nobody asked for a code yet");
        let mut pairing = Pairing { renewals: 0, ..pairing };
        for _ in 0..MAX_RENEWALS {
            pairing.asked(phone(), tokio::spawn(async {}).abort_handle());
            assert_eq!(pairing.renewal(), Some(phone()));
        }
        assert_eq!(pairing.renewal(), None);
    }

    #[tokio::test]
    async fn the_connection_is_a_dead_end_only_when_neither_code_can_work() {
        let mut pairing = Pairing::default();
        assert!(!pairing.is_dead_end());
        pairing.shown(Instant::now() + Duration::from_secs(60));
        pairing.qr_used_up();
        assert!(!pairing.is_dead_end(), "the pairing code is still out");
        pairing.forget();
        assert!(pairing.is_dead_end());
    }
}
