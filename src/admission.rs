//! Who may come in: the client's address behind trusted proxies, origins, and rate limits. Shared by `http` and `realtime`.

mod addresses;
mod bodies;
mod limits;
mod lockout;
mod origins;

use std::net::IpAddr;
use std::num::NonZeroU32;

use axum::http::HeaderMap;
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::operators::KeyId;
use ipnet::IpNet;

pub use addresses::TrustedProxies;
pub use bodies::BodyRoom;
pub use limits::Limited;
pub use origins::{OriginPolicy, OriginRule, ParseOriginError};

use bodies::Bodies;
pub(crate) use limits::Source;
use limits::{Bucket, Rate};
use lockout::Lockout;

/// Requests per minute and address on routes that need no credential.
const PUBLIC_PER_MINUTE: Rate = Rate::per_minute(60);
/// Requests per minute and company on routes that need a token or key.
const KEYED_PER_MINUTE: Rate = Rate::per_minute(120);
/// New sockets per minute and address.
const SOCKETS_PER_MINUTE: Rate = Rate::per_minute(5);
/// Registrations per minute with the same signed owner data. Each asks YClients twice, and its limit is shared by all salons.
const REGISTRATIONS_PER_OWNER: Rate = Rate::per_minute(10);
/// Webhooks per minute and address before authentication: YClients sends for all salons from a few addresses.
const WEBHOOKS_PER_MINUTE: Rate = Rate::per_minute(1200);
/// Authenticated webhooks per minute and salon.
const WEBHOOKS_PER_SALON: Rate = Rate::per_minute(200);

/// Unauthenticated webhooks per minute at a company's old address.
const UNVERIFIED_PER_COMPANY: Rate = Rate::per_minute(10);
/// Requests per minute and operator's key.
const OPERATORS_PER_MINUTE: Rate = Rate::per_minute(100);

/// Names signed owner data without holding it.
type Fingerprint = [u8; 32];

/// What decides who may come in; part of the configuration.
#[derive(Debug, Clone)]
pub struct AdmissionSettings {
    /// Limits per address apply.
    pub per_ip_limits: bool,
    /// Limits per company and salon apply.
    pub per_company_limits: bool,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for AdmissionSettings {
    fn default() -> Self {
        Self { per_ip_limits: true, per_company_limits: true, trusted_proxies: Vec::new() }
    }
}

/// All limits of the process. Bounded in memory; [`Admission::sweep`] forgets who has been quiet.
#[derive(Debug)]
pub struct Admission {
    proxies: TrustedProxies,
    per_ip_limits: bool,
    per_company_limits: bool,
    public: Bucket<Source>,
    keyed: Bucket<CompanyId>,
    registrations: Bucket<Fingerprint>,
    webhooks: Bucket<Source>,
    webhooks_per_salon: Bucket<SalonId>,
    unverified: Bucket<CompanyId>,
    sockets: Bucket<Source>,
    operators: Bucket<Option<KeyId>>,
    lockout: Lockout,
    bodies: Bodies,
}

impl Admission {
    /// Empty buckets.
    pub fn new(settings: AdmissionSettings) -> Self {
        Self {
            proxies: TrustedProxies::new(settings.trusted_proxies),
            per_ip_limits: settings.per_ip_limits,
            per_company_limits: settings.per_company_limits,
            public: Bucket::new(PUBLIC_PER_MINUTE),
            keyed: Bucket::new(KEYED_PER_MINUTE),
            registrations: Bucket::new(REGISTRATIONS_PER_OWNER),
            webhooks: Bucket::new(WEBHOOKS_PER_MINUTE),
            webhooks_per_salon: Bucket::new(WEBHOOKS_PER_SALON),
            unverified: Bucket::new(UNVERIFIED_PER_COMPANY),
            sockets: Bucket::new(SOCKETS_PER_MINUTE),
            operators: Bucket::new(OPERATORS_PER_MINUTE),
            lockout: Lockout::default(),
            bodies: Bodies::default(),
        }
    }

    /// The client's address: the peer's, or the forwarded one when the peer is a trusted proxy.
    pub fn client_ip(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.proxies.client_ip(peer, headers)
    }

    /// One request without a valid credential.
    pub fn public(&self, client: IpAddr) -> Result<(), Limited> {
        self.per_address(&self.public, client)
    }

    /// One request with a credential of this company.
    pub fn keyed(&self, company: CompanyId) -> Result<(), Limited> {
        if self.per_company_limits { self.keyed.take(company) } else { Ok(()) }
    }

    /// One registration with this owner's signed data, after its signature was checked.
    pub fn registration(&self, owner: Fingerprint) -> Result<(), Limited> {
        if self.per_company_limits { self.registrations.take(owner) } else { Ok(()) }
    }

    /// One webhook before it is authenticated.
    pub fn webhook(&self, client: IpAddr) -> Result<(), Limited> {
        self.per_address(&self.webhooks, client)
    }

    /// So many authenticated webhooks of this salon, in one request.
    pub fn salon_webhooks(&self, salon: SalonId, count: usize) -> Result<(), Limited> {
        let Some(count) = u32::try_from(count).ok().and_then(NonZeroU32::new) else { return Ok(()) };
        if self.per_company_limits { self.webhooks_per_salon.take_all(salon, count) } else { Ok(()) }
    }

    /// One unauthenticated webhook that wants to be kept for this company. Applies always: anybody can send them.
    pub fn unverified(&self, company: CompanyId) -> Result<(), Limited> {
        self.unverified.take(company)
    }

    /// One new socket, counted at the Engine.IO handshake of either transport.
    pub fn socket(&self, client: IpAddr) -> Result<(), Limited> {
        self.per_address(&self.sockets, client)
    }

    /// One request with this operator's key; `None` is the key from the configuration.
    pub fn operator(&self, key: Option<KeyId>) -> Result<(), Limited> {
        if self.per_company_limits { self.operators.take(key) } else { Ok(()) }
    }

    /// May this address try an operator's key, or did it guess too often?
    pub fn may_try_key(&self, client: IpAddr) -> Result<(), Limited> {
        if self.per_ip_limits { self.lockout.check(Source::of(client)) } else { Ok(()) }
    }

    /// A wrong operator's key came from this address. `Err`: it was one of a flood from everywhere.
    pub fn guessed_key(&self, client: IpAddr) -> Result<(), Limited> {
        if self.per_ip_limits { self.lockout.guessed(Source::of(client)) } else { Ok(()) }
    }

    /// Room for the body of one request, which is being read.
    pub fn body_room(&self) -> BodyRoom {
        self.bodies.room()
    }

    /// Forgets every key whose bucket is full again. The app calls it every 5 min.
    pub fn sweep(&self) {
        self.public.sweep();
        self.keyed.sweep();
        self.registrations.sweep();
        self.webhooks.sweep();
        self.webhooks_per_salon.sweep();
        self.unverified.sweep();
        self.sockets.sweep();
        self.operators.sweep();
        self.lockout.sweep();
    }

    fn per_address(&self, bucket: &Bucket<Source>, client: IpAddr) -> Result<(), Limited> {
        if self.per_ip_limits { bucket.take(Source::of(client)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(per_ip_limits: bool) -> Admission {
        Admission::new(AdmissionSettings { per_ip_limits, ..AdmissionSettings::default() })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_sixth_socket_of_a_minute_is_refused_and_another_address_is_not() {
        let admission = admission(true);
        for _ in 0..5 {
            admission.socket(address("192.0.2.1")).unwrap();
        }
        let limited = admission.socket(address("192.0.2.1")).unwrap_err();
        assert_eq!(limited.limit, 5);
        assert!((1..=12).contains(&limited.retry_after.as_secs()), "{limited:?}");
        admission.socket(address("192.0.2.2")).unwrap();
    }

    #[test]
    fn limits_per_address_can_be_off_while_limits_per_company_stay() {
        let admission = admission(false);
        for _ in 0..500 {
            admission.socket(address("192.0.2.1")).unwrap();
            admission.public(address("192.0.2.1")).unwrap();
        }
        let company = CompanyId::try_from(1).unwrap();
        let refused = (0..500).filter(|_| admission.keyed(company).is_err()).count();
        assert!(refused >= 370, "only {refused} of 500 were refused");
    }

    #[test]
    fn a_flooding_company_does_not_use_up_its_neighbours_share() {
        let admission = admission(true);
        let (flooding, quiet) = (CompanyId::try_from(1).unwrap(), CompanyId::try_from(2).unwrap());
        while admission.keyed(flooding).is_ok() {}
        admission.keyed(quiet).unwrap();
    }
}
