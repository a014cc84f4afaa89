//! The operators' calls. Until their adapter is here they answer as an unconfigured server does.

use std::sync::Arc;

use async_trait::async_trait;
use frontdesk_actors::ids::{PaymentId, SalonId};
use frontdesk_actors::ports::{Channel, InstallationDetail, NewPayment, PartnerApi, PartnerError, Percent, SalonsPage, Tariff};

use super::Yclients;

#[async_trait]
impl PartnerApi for Yclients {
    async fn installed_salons(&self, _page: u32, _count: u32) -> Result<SalonsPage, PartnerError> {
        Err(PartnerError::NotConfigured)
    }

    async fn installation_detail(&self, _salon: SalonId) -> Result<Option<InstallationDetail>, PartnerError> {
        Err(PartnerError::NotConfigured)
    }

    async fn uninstall(&self, _salon: SalonId) -> Result<(), PartnerError> {
        Err(PartnerError::NotConfigured)
    }

    async fn payment_link(&self, _salon: SalonId, _discount: Option<Percent>) -> Result<String, PartnerError> {
        Err(PartnerError::NotConfigured)
    }

    async fn report_payment(&self, _payment: &NewPayment) -> Result<PaymentId, PartnerError> {
        Err(PartnerError::NotConfigured)
    }

    async fn refund(&self, _payment: PaymentId) -> Result<(), PartnerError> {
        Err(PartnerError::NotConfigured)
    }

    async fn tariffs(&self) -> Result<Vec<Tariff>, PartnerError> {
        Err(PartnerError::NotConfigured)
    }

    async fn add_discount(&self, _salons: &[SalonId], _discount: Percent) -> Result<(), PartnerError> {
        Err(PartnerError::NotConfigured)
    }

    async fn set_channel(&self, _salon: SalonId, _channel: Channel, _available: bool) -> Result<(), PartnerError> {
        Err(PartnerError::NotConfigured)
    }

    async fn set_short_names(&self, _salon: SalonId, _names: &[String]) -> Result<(), PartnerError> {
        Err(PartnerError::NotConfigured)
    }

    fn unhurried(self: Arc<Self>) -> Arc<dyn PartnerApi> {
        self
    }
}
