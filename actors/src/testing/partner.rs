//! The partner's calls of [`FakeMarketplace`]: the same salons, seen by an operator.

use std::sync::Arc;

use async_trait::async_trait;

use super::FakeMarketplace;
use super::marketplace::Call;
use crate::ids::{PaymentId, SalonId};
use crate::ports::{
    Channel, Installation, InstallationDetail, ListedSalon, NewPayment, PartnerApi, PartnerError, Percent, SalonsPage, Tariff,
};

/// The one payment id this fake gives.
const PAYMENT: u64 = 4711;

impl FakeMarketplace {
    /// The next call for an operator, whichever, ends like this. May be called several times.
    pub fn next_partner_call_fails(&self, error: PartnerError) {
        self.lock().partner_errors.push_back(error);
    }

    /// The call for an operator after `good` more ends like this.
    pub fn next_partner_call_fails_after(&self, good: usize, error: PartnerError) {
        let mut script = self.lock();
        script.partner_good = good;
        script.partner_errors.push_back(error);
    }

    /// So many entries of the list of installed salons can't be read from now on.
    pub fn set_unreadable_salons(&self, count: u32) {
        self.lock().unreadable_salons = count;
    }

    /// What an operator asked for, with the salon where one was named.
    async fn asked(&self, what: &'static str, salon: Option<SalonId>) -> Result<(), PartnerError> {
        self.note(Call::Partner(what, salon)).await;
        let mut script = self.lock();
        if script.partner_good > 0 {
            script.partner_good -= 1;
            return Ok(());
        }
        script.partner_errors.pop_front().map_or(Ok(()), Err)
    }

    fn detail(&self, salon: SalonId) -> Option<InstallationDetail> {
        let status = self.lock().installed.get(&salon).copied().unwrap_or(Installation::NotInstalled);
        let detail = InstallationDetail { status, status_word: None, since: None, logs: Vec::new(), payments: Vec::new() };
        (status != Installation::NotInstalled).then_some(detail)
    }

    fn only_installed(&self, salon: SalonId) -> Result<(), PartnerError> {
        self.detail(salon).map(|_| ()).ok_or(PartnerError::NotInstalled)
    }
}

/// Salons that were never set stand at `NotInstalled` here, and only active and frozen ones are listed.
#[async_trait]
impl PartnerApi for FakeMarketplace {
    async fn installed_salons(&self, page: u32, count: u32) -> Result<SalonsPage, PartnerError> {
        self.asked("installed_salons", None).await?;
        let script = self.lock();
        let listed = |installation: &Installation| matches!(installation, Installation::Active | Installation::Frozen);
        let mut ids: Vec<SalonId> = script.installed.iter().filter(|(_, state)| listed(state)).map(|(salon, _)| *salon).collect();
        ids.sort_unstable();
        let (page, count) = (page as usize, count as usize);
        let rest = ids.get((page - 1) * count..).unwrap_or_default();
        let bare =
            |salon_id: &SalonId| ListedSalon { salon_id: *salon_id, title: None, phone: None, city: None, address: None, timezone: None };
        let salons = rest.iter().take(count).map(bare).collect();
        Ok(SalonsPage { salons, unreadable: script.unreadable_salons, is_last: rest.len() < count })
    }

    async fn installation_detail(&self, salon: SalonId) -> Result<Option<InstallationDetail>, PartnerError> {
        self.asked("installation_detail", Some(salon)).await?;
        Ok(self.detail(salon))
    }

    async fn uninstall(&self, salon: SalonId) -> Result<(), PartnerError> {
        self.asked("uninstall", Some(salon)).await?;
        self.only_installed(salon)?;
        self.set_installation(salon, Installation::NotInstalled);
        Ok(())
    }

    async fn payment_link(&self, salon: SalonId, _discount: Option<Percent>) -> Result<String, PartnerError> {
        self.asked("payment_link", Some(salon)).await?;
        self.only_installed(salon)?;
        Ok(format!("https://yclients.example/appstore/payment/?salon_id={salon}"))
    }

    async fn report_payment(&self, payment: &NewPayment) -> Result<PaymentId, PartnerError> {
        self.asked("report_payment", Some(payment.salon)).await?;
        self.only_installed(payment.salon)?;
        self.set_installation(payment.salon, Installation::Active);
        Ok(PaymentId::try_from(PAYMENT).expect("a valid id"))
    }

    async fn refund(&self, _payment: PaymentId) -> Result<(), PartnerError> {
        self.asked("refund", None).await
    }

    async fn tariffs(&self) -> Result<Vec<Tariff>, PartnerError> {
        self.asked("tariffs", None).await?;
        Ok(Vec::new())
    }

    async fn add_discount(&self, salons: &[SalonId], _discount: Percent) -> Result<(), PartnerError> {
        self.asked("add_discount", salons.first().copied()).await
    }

    async fn set_channel(&self, salon: SalonId, _channel: Channel, _available: bool) -> Result<(), PartnerError> {
        self.asked("set_channel", Some(salon)).await
    }

    async fn set_short_names(&self, salon: SalonId, _names: &[String]) -> Result<(), PartnerError> {
        self.asked("set_short_names", Some(salon)).await
    }

    fn unhurried(self: Arc<Self>) -> Arc<dyn PartnerApi> {
        self
    }
}
