//! Clients of the salon.

use frontdesk_actors::ids::Phone;
use reqwest::Method;
use serde_json::{Value, json};

use super::SalonApi;
use crate::yclients::failure::CallError;
use crate::yclients::types::clients::{Client, NewClient};

/// The search is fuzzy: more than this with one number is not meant.
const FOUND_AT_MOST: u64 = 25;

impl SalonApi {
    /// The client with exactly this phone. The search of YClients also brings similar ones.
    pub async fn client_by_phone(&self, phone: &Phone) -> Result<Option<Client>, CallError> {
        let body = json!({
            "page": 1,
            "page_size": FOUND_AT_MOST,
            "fields": ["id", "name", "phone", "email", "discount", "sms_not", "visits", "categories", "comment", "birth_date"],
            "order_by": "id",
            "order_by_direction": "ASC",
            "operation": "AND",
            "filters": [{"type": "quick_search", "state": {"value": phone.digits()}}],
        });
        // A question, though it is a POST.
        let call = self.tell("clients_search", Method::POST, format!("company/{}/clients/search", self.salon), Some(body)).only_asks();
        let listed = self.send(call).await?.list::<Client>("the clients")?;
        if listed.unreadable > 0 && listed.items.is_empty() {
            return Err(CallError::Unreadable { what: "the clients" });
        }
        Ok(listed.items.into_iter().find(|client| client.phone.as_ref() == Some(phone)))
    }

    /// One client.
    pub async fn client(&self, id: u64) -> Result<Client, CallError> {
        self.send(self.ask("client", format!("client/{}/{id}", self.salon))).await?.one("the client")
    }

    /// Adds a client. Look for the phone first: a second one with it is refused.
    pub async fn add_client(&self, client: &NewClient) -> Result<Client, CallError> {
        let body = self.send(self.tell("add_client", Method::POST, format!("clients/{}", self.salon), Some(client_body(client))));
        body.await?.one("the client")
    }

    /// Changes name, phone, e-mail or remark.
    pub async fn change_client(&self, id: u64, client: &NewClient) -> Result<(), CallError> {
        self.send(self.tell("change_client", Method::PUT, format!("client/{}/{id}", self.salon), Some(client_body(client)))).await?.done()
    }
}

fn client_body(client: &NewClient) -> Value {
    let mut body = json!({"name": client.name, "phone": client.phone.digits()});
    if let Some(email) = &client.email {
        body["email"] = json!(email);
    }
    if let Some(comment) = &client.comment {
        body["comment"] = json!(comment);
    }
    body
}
