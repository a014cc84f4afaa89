//! Registration (spec §2.1): who may register is decided here, in the caller's own task, before anything is stored.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{CallError, Enrolled, FleetHandle, RegisterError, Registered, Registration};
use crate::company::{Enrolment, Visit};
use crate::ids::SalonId;
use crate::ports::{Installation, MarketplaceError, SalonInfo, SignatureClaim, SignatureError, SignedOwner};
use crate::records::{MarketplaceUser, NewCompany, StoredCompany};

/// Signed data opens only the salon it was first used for, this long. The signature does not cover the salon.
const CLAIM: TimeDelta = TimeDelta::hours(24);
/// The salon's name and zone are nice to have: nobody waits longer for them.
const SALON_WITHIN: Duration = Duration::from_secs(3);

impl FleetHandle {
    pub(super) async fn checked_registration(&self, registration: &Registration) -> Result<Registered, RegisterError> {
        let ports = &self.inner.ports;
        if !ports.marketplace.missing_settings().is_empty() {
            return Err(RegisterError::NotConfigured);
        }
        let (data, sign) = (registration.user_data.as_deref(), registration.user_data_sign.as_deref());
        let owner = ports.marketplace.verify_owner(data, sign).map_err(refused)?;
        let now = ports.clock.now();
        self.claim(&owner, registration.salon_id, now).await?;
        let installation = self.installed(registration.salon_id).await?;
        if installation == Installation::Active {
            self.same_owner(registration.salon_id, &owner).await?;
        }
        let salon = self.salon(registration.salon_id).await;
        let visit = Visit { registered_at: now, installation, user: owner.user, title: owner.salon_title, salon };
        let registered = self.store_registration(registration.salon_id, visit).await?;
        tracing::info!(company.id = %registered.company_id, salon.id = %registered.salon_id, "a salon registered");
        Ok(registered)
    }

    async fn claim(&self, owner: &SignedOwner, salon: SalonId, now: DateTime<Utc>) -> Result<(), RegisterError> {
        let Some(fingerprint) = owner.fingerprint else { return Ok(()) };
        let claim = self.inner.ports.records.claim_signature(fingerprint, salon, now + CLAIM).await;
        match claim.map_err(CallError::from)? {
            SignatureClaim::Granted => Ok(()),
            SignatureClaim::UsedForAnotherSalon => Err(RegisterError::Replayed),
        }
    }

    async fn installed(&self, salon: SalonId) -> Result<Installation, RegisterError> {
        let installation = self.inner.ports.marketplace.installation(salon).await;
        match installation.map_err(unasked)? {
            installation @ (Installation::Pending | Installation::Active) => Ok(installation),
            Installation::NotInstalled | Installation::Frozen | Installation::Unknown => Err(RegisterError::NotInstalled),
        }
    }

    /// The signature does not cover the salon, so anybody's link could name one that is installed already. Its page, with the salon's number and the
    /// power to link another phone, opens only for the owner who connected it.
    async fn same_owner(&self, salon: SalonId, owner: &SignedOwner) -> Result<(), RegisterError> {
        let stored = self.inner.ports.records.company_by_salon(salon).await.map_err(CallError::from)?;
        let known = stored.and_then(|stored| stored.company.marketplace_user.id);
        if known.is_some() && known != owner.user.id { Err(RegisterError::OtherOwner) } else { Ok(()) }
    }

    async fn salon(&self, salon: SalonId) -> Option<SalonInfo> {
        let info = self.inner.ports.marketplace.salon(salon);
        match tokio::time::timeout(SALON_WITHIN, info).await {
            Ok(Ok(info)) => info,
            Ok(Err(error)) => {
                tracing::warn!(salon.id = %salon, error = %error, "YClients does not describe the salon");
                None
            }
            Err(_) => {
                tracing::warn!(salon.id = %salon, "YClients takes too long to describe the salon");
                None
            }
        }
    }

    async fn store_registration(&self, salon: SalonId, visit: Visit) -> Result<Registered, CallError> {
        let registered_at = visit.registered_at;
        let existing = self.company_by_salon(salon).await?;
        let company = match existing {
            Some(company) => {
                company.register(visit).await?;
                company
            }
            None => self.first_registration(salon, visit).await?,
        };
        Ok(Registered { company_id: company.company_id(), salon_id: salon, registered_at })
    }

    async fn first_registration(&self, salon: SalonId, visit: Visit) -> Result<crate::CompanyHandle, CallError> {
        let new = new_company(salon, &visit);
        let record = self.inner.ports.records.create_company(new).await?;
        let created = record.registered_at == visit.registered_at;
        let company = self.ensure(StoredCompany { company: record, session: None, activation: None }).await?;
        if created {
            company.describe(visit);
        } else {
            company.register(visit).await?; // another tab was faster
        }
        Ok(company)
    }

    pub(super) async fn enrolled(&self, salon: SalonId, enrolment: Enrolment) -> Result<Enrolled, CallError> {
        let registered_at = enrolment.registered_at;
        let company = match self.company_by_salon(salon).await? {
            Some(company) => company,
            None => self.first_enrolment(salon, registered_at).await?,
        };
        let api_key = company.enroll(enrolment).await?;
        Ok(Enrolled { company_id: company.company_id(), salon_id: salon, api_key, registered_at })
    }

    async fn first_enrolment(&self, salon: SalonId, registered_at: DateTime<Utc>) -> Result<crate::CompanyHandle, CallError> {
        let user = MarketplaceUser::default();
        let new = NewCompany { salon_id: salon, title: None, timezone: None, marketplace_user: user, registered_at };
        let company = self.inner.ports.records.create_company(new).await?;
        self.ensure(StoredCompany { company, session: None, activation: None }).await
    }
}

fn new_company(salon: SalonId, visit: &Visit) -> NewCompany {
    let info = visit.salon.as_ref();
    NewCompany {
        salon_id: salon,
        title: info.and_then(|info| info.title.clone()).or_else(|| visit.title.clone()),
        timezone: info.and_then(|info| info.timezone.clone()),
        marketplace_user: visit.user.clone(),
        registered_at: visit.registered_at,
    }
}

fn refused(error: SignatureError) -> RegisterError {
    match error {
        SignatureError::NotConfigured => RegisterError::NotConfigured,
        SignatureError::Missing | SignatureError::Unreadable | SignatureError::Mismatch => RegisterError::Signature(error),
    }
}

fn unasked(error: MarketplaceError) -> RegisterError {
    match error {
        MarketplaceError::NotConfigured => RegisterError::NotConfigured,
        MarketplaceError::Retryable { .. } | MarketplaceError::Final { .. } => RegisterError::Marketplace(error),
    }
}
