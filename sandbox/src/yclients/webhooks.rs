//! What YClients sends to the server: lifecycle webhooks and data webhooks. Each is sent once.

use chrono::Utc;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Service, YclientsError, calls::hide_in_url};
use crate::wire;

/// What became of one webhook.
#[derive(Clone, Debug, Serialize)]
pub struct Delivery {
    /// Where to; the secret in it is hidden.
    pub url: String,
    /// Whether the server answered 2xx.
    pub delivered: bool,
    /// Its status, when it answered.
    pub status: Option<u16>,
    /// What went wrong on the way.
    pub error: Option<String>,
    /// How long it took.
    pub took_ms: u64,
}

impl Service {
    /// Tells the server's lifecycle URL about an `uninstall` or a `freeze`.
    pub async fn send_lifecycle(&self, salon_id: u64, event: &str) -> Delivery {
        let options = &self.shared.options;
        let base = self.server_url();
        let url = format!("{}{}", base.trim_end_matches('/'), options.webhook_path);
        let body = json!({
            "salon_id": salon_id,
            "application_id": options.application_id,
            "event": event,
            "partner_token": options.partner_token,
        });
        self.post(&url, url.clone(), &body).await
    }

    /// Sends an uninstall webhook in the background, as after the partner's own uninstall call.
    pub(super) fn announce_uninstall(&self, salon_id: u64) {
        let service = self.clone();
        self.shared.tasks.spawn(async move { service.send_lifecycle(salon_id, "uninstall").await });
    }

    /// Where a salon's data webhooks go, as the callback registered it; for tests that send them themselves. Holds the server's secret.
    pub fn webhook_urls(&self, salon_id: u64) -> Vec<String> {
        let mut state = self.lock();
        let salon = state.world.salon(salon_id);
        salon.map(|(salon, _)| salon.installation.registration().webhook_urls.clone()).unwrap_or_default()
    }

    /// Sends a data webhook to every URL the callback registered.
    pub async fn send_record(&self, salon_id: u64, wish: Value) -> Result<(Value, Vec<Delivery>), YclientsError> {
        let urls = {
            let mut state = self.lock();
            let (salon, _) = state.world.salon(salon_id).ok_or(YclientsError::UnknownSalon(salon_id))?;
            salon.installation.registration().webhook_urls.clone()
        };
        if urls.is_empty() {
            return Err(YclientsError::NoWebhooks(salon_id));
        }
        let event = event(salon_id, wish)?;
        let mut deliveries = Vec::with_capacity(urls.len());
        for url in urls {
            deliveries.push(self.post(&url, hide_in_url(&url), &event).await);
        }
        Ok((event, deliveries))
    }

    async fn post(&self, url: &str, shown: String, body: &Value) -> Delivery {
        let started = Instant::now();
        let answer = match wire::loopback_url(url) {
            Ok(url) => {
                let answer = self.shared.client.post(url).json(body).send().await;
                answer.map(|answer| answer.status()).map_err(|error| error.without_url().to_string())
            }
            Err(_) => Err("the sandbox sends to loopback addresses only".into()),
        };
        let status = answer.as_ref().ok().map(|status| status.as_u16());
        let delivered = answer.as_ref().is_ok_and(|status| status.is_success());
        let tallies = &mut self.lock().tallies;
        let tally = if delivered { &mut tallies.webhooks_delivered } else { &mut tallies.webhooks_failed };
        *tally += 1;
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Delivery { url: shown, delivered, status, error: answer.err(), took_ms }
    }
}

/// A whole event when the wish has `data` or `resource`, else the wish is laid over a made-up record.
fn event(salon_id: u64, wish: Value) -> Result<Value, YclientsError> {
    let Value::Object(mut wish) = wish else {
        return Err(YclientsError::BadRecord);
    };
    let whole = wish.contains_key("data") || wish.contains_key("resource");
    let resource = wish.remove("resource").unwrap_or_else(|| json!("record"));
    let number = Utc::now().timestamp_micros() % 1_000_000_000;
    let resource_id = wish.remove("resource_id").unwrap_or_else(|| json!(number));
    let status = wish.remove("status").unwrap_or_else(|| json!("create"));
    let mut data = record(salon_id, &resource_id);
    let changes = if whole { wish.remove("data").unwrap_or_else(|| json!({})) } else { Value::Object(wish) };
    match (&mut data, changes) {
        (Value::Object(data), Value::Object(changes)) if resource == "record" => data.extend(changes),
        (data, changes) => *data = changes,
    }
    Ok(json!({"company_id": salon_id, "resource": resource, "resource_id": resource_id, "status": status, "data": data}))
}

fn record(salon_id: u64, id: &Value) -> Value {
    let visit = (Utc::now() + chrono::TimeDelta::days(1)).format("%Y-%m-%d");
    let now = Utc::now().format("%Y-%m-%dT%H:%M:%S+0000").to_string();
    json!({
        "id": id, "company_id": salon_id, "staff_id": 501,
        "services": [{"id": 9001, "title": "Мужская стрижка", "cost": 1500, "cost_to_pay": 1500, "manual_cost": 1500,
                      "cost_per_unit": 1500, "discount": 0, "first_cost": 1500, "amount": 1}],
        "goods_transactions": [],
        "staff": {"id": 501, "name": "Сергей", "specialization": "Барбер", "position": [], "rating": 4.9, "votes_count": 0},
        "client": {"id": 8001, "name": "Иван", "surname": "", "patronymic": "", "display_name": "Иван",
                   "phone": "79000000001", "email": "", "success_visits_count": 3, "fail_visits_count": 0,
                   "discount": 0, "custom_fields": []},
        "comer": null, "clients_count": 1, "date": format!("{visit} 14:00:00"),
        "datetime": format!("{visit}T14:00:00+03:00"), "create_date": now, "last_change_date": now,
        "comment": "", "online": true, "visit_attendance": 0, "attendance": 0, "confirmed": 1,
        "seance_length": 3600, "length": 3600, "master_request": 1, "api_id": "", "visit_id": "600001",
        "created_user_id": 42, "deleted": false, "paid_full": 0, "prepaid": false, "activity_id": 0,
        "record_labels": [], "custom_fields": [], "documents": [],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_laid_over_a_whole_record() {
        let made = event(7, json!({"attendance": 2, "status": "update", "resource_id": 5})).unwrap();
        assert_eq!((&made["data"]["attendance"], &made["data"]["id"]), (&json!(2), &json!(5)));
        assert_eq!((&made["status"], &made["resource"]), (&json!("update"), &json!("record")));
        let given = event(7, json!({"resource": "client", "data": {"id": 1}})).unwrap();
        assert_eq!(given["data"], json!({"id": 1}));
        assert!(event(7, json!([])).is_err());
    }
}
