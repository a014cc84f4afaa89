//! The operators' calls: the partner's side of the marketplace.

use std::sync::Arc;

use async_trait::async_trait;
use frontdesk_actors::ids::{PaymentId, SalonId};
use frontdesk_actors::ports::{Channel, InstallationDetail, NewPayment, PartnerApi, PartnerError, Percent, SalonsPage, Tariff};
use serde_json::{Value, json};

use super::call::Call;
use super::failure::CallError;
use super::types::installation::{self, TariffData};
use super::types::loose::id_of;
use super::types::times::for_marketplace;
use super::{Urgency, Yclients};

impl Yclients {
    /// How the installation stands. `Ok(None)` only when YClients itself says that there is none: the 404 of a gateway proves nothing.
    pub(super) async fn detail(&self, salon: SalonId, urgency: Urgency) -> Result<Option<InstallationDetail>, CallError> {
        let path = format!("salon/{salon}/application/{}", self.application()?);
        let answer = self.client.call(&Call::ask("installation", path).about(salon).urgent(urgency)).await?;
        if answer.status == 404 {
            return if answer.is_envelope() { Ok(None) } else { Err(CallError::Unreadable { what: WHAT }) };
        }
        let detail = installation::detail(answer.content(WHAT)?.data).ok_or(CallError::Unreadable { what: WHAT })?;
        Ok(Some(detail))
    }

    async fn ask(&self, call: Call) -> Result<super::answer::Answer, CallError> {
        self.client.call(&call.urgent(self.partner_urgency)).await
    }

    /// A deed about one salon; `fields` go beside its number and ours.
    async fn tell(&self, endpoint: &'static str, path: &str, salon: SalonId, fields: Value) -> Result<super::answer::Answer, CallError> {
        let mut body = json!({"salon_id": salon.get(), "application_id": self.application()?});
        if let (Value::Object(body), Value::Object(fields)) = (&mut body, fields) {
            body.extend(fields);
        }
        self.ask(Call::tell(endpoint, path, Some(body)).about(salon)).await
    }
}

const WHAT: &str = "the installation";

#[async_trait]
impl PartnerApi for Yclients {
    async fn installed_salons(&self, page: u32, count: u32) -> Result<SalonsPage, PartnerError> {
        let path = format!("application/{}/salons", self.application()?);
        let answer = self.ask(Call::ask("installed_salons", path).with("page", page).with("count", count)).await?;
        // A page beyond the last one is an empty list; so is every page of an app nobody has.
        Ok(installation::page(answer.list("the installed salons")?, count))
    }

    async fn installation_detail(&self, salon: SalonId) -> Result<Option<InstallationDetail>, PartnerError> {
        Ok(self.detail(salon, self.partner_urgency).await?)
    }

    async fn uninstall(&self, salon: SalonId) -> Result<(), PartnerError> {
        let path = format!("salon/{salon}/application/{}/uninstall", self.application()?);
        Ok(self.ask(Call::tell("uninstall", path, None).about(salon)).await?.done()?)
    }

    async fn payment_link(&self, salon: SalonId, discount: Option<Percent>) -> Result<String, PartnerError> {
        let what = "the payment link";
        let call = Call::ask("payment_link", "application/payment_link".into()).about(salon);
        let call = call.with("salon_id", salon).with("application_id", self.application()?);
        let content = self.ask(call.with_some("discount", discount.map(Percent::value))).await?.content(what)?;
        let url = content.data["url"].as_str().filter(|url| url.starts_with("https://"));
        Ok(url.map(str::to_owned).ok_or(CallError::Unreadable { what })?)
    }

    async fn report_payment(&self, payment: &NewPayment) -> Result<PaymentId, PartnerError> {
        let fields = json!({
            "payment_sum": payment.sum.sum(),
            "currency_iso": payment.sum.currency(),
            "payment_date": for_marketplace(payment.paid_at),
            "period_from": for_marketplace(payment.period_from),
            "period_to": for_marketplace(payment.period_to),
        });
        let answer = self.tell("payment", "partner/payment", payment.salon, fields).await?;
        let content = answer.content("the payment").map_err(happened)?;
        let id = id_of(&content.data["id"]).and_then(|id| PaymentId::try_from(id).ok());
        id.ok_or(PartnerError::Unclear)
    }

    async fn refund(&self, payment: PaymentId) -> Result<(), PartnerError> {
        self.application()?;
        let path = format!("partner/payment/refund/{payment}");
        Ok(self.ask(Call::tell("refund", path, None)).await?.done()?)
    }

    async fn tariffs(&self) -> Result<Vec<Tariff>, PartnerError> {
        let path = format!("application/{}/tariffs", self.application()?);
        let listed = self.ask(Call::ask("tariffs", path)).await?.list::<TariffData>("the tariffs")?;
        Ok(listed.items.into_iter().map(TariffData::told).collect())
    }

    async fn add_discount(&self, salons: &[SalonId], discount: Percent) -> Result<(), PartnerError> {
        let salons: Vec<u64> = salons.iter().map(|salon| salon.get()).collect();
        let body = json!({"salon_ids": salons, "application_id": self.application()?, "discount": discount.value()});
        Ok(self.ask(Call::tell("discount", "application/add_discount", Some(body))).await?.done()?)
    }

    async fn set_channel(&self, salon: SalonId, channel: Channel, available: bool) -> Result<(), PartnerError> {
        let fields = json!({"channel_slug": channel, "is_available": available});
        Ok(self.tell("channel", "application/update_channel", salon, fields).await?.done()?)
    }

    async fn set_short_names(&self, salon: SalonId, names: &[String]) -> Result<(), PartnerError> {
        Ok(self.tell("short_names", "partner/short_names", salon, json!({"short_names": names})).await?.done()?)
    }

    fn unhurried(self: Arc<Self>) -> Arc<dyn PartnerApi> {
        Arc::new(Self { settings: self.settings.clone(), client: self.client.clone(), partner_urgency: Urgency::Background })
    }
}

/// The payment was taken, but its number can't be read: it must not be sent again before somebody looked.
fn happened(error: CallError) -> CallError {
    match error {
        CallError::Unreadable { .. } => CallError::Unclear { status: None },
        CallError::NotConfigured | CallError::Retryable { .. } | CallError::Unclear { .. } | CallError::Refused(_) => error,
    }
}
