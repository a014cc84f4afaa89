//! Clients of a salon.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::MAX_ENTRIES;
use crate::yclients::{envelope::Answer, world::Salon};

/// A client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Client {
    /// Number.
    pub id: u64,
    /// Name.
    pub name: String,
    /// Digits.
    pub phone: String,
    /// E-mail.
    pub email: String,
    /// Remark.
    pub comment: String,
}

impl Client {
    /// All of it, `0` and `[]` where nothing is.
    pub fn describe(&self) -> Value {
        json!({"id": self.id, "name": self.name, "surname": "", "patronymic": "", "phone": self.phone, "email": self.email, "categories": [],
               "sex_id": 0, "discount": "0", "card": "", "birth_date": 0, "comment": if self.comment.is_empty() { json!(0) } else { json!(self.comment) },
               "sms_check": 0, "sms_not": "0", "spent": 0, "balance": 0, "visits": "0", "custom_fields": []})
    }
}

/// `POST company/{c}/clients/search`: fuzzy, and only the fields asked for.
pub fn search(salon: &Salon, body: &Value) -> Answer {
    let size = body["page_size"].as_u64().unwrap_or(25);
    if !(1..=200).contains(&size) {
        return Answer::invalid(json!({"page_size": ["От 1 до 200"]}));
    }
    let wanted = body["filters"].as_array().into_iter().flatten().find(|filter| filter["type"] == "quick_search");
    let wanted = wanted.and_then(|filter| filter["state"]["value"].as_str()).unwrap_or_default();
    // The end of a number, as people type it.
    let tail = &wanted[wanted.len().saturating_sub(10).min(wanted.len())..];
    let fields: Vec<&str> = body["fields"].as_array().map_or(vec!["id"], |fields| fields.iter().filter_map(Value::as_str).collect());
    let found: Vec<&Client> =
        salon.data.clients.iter().filter(|client| client.phone.contains(tail) || client.name.contains(wanted)).collect();
    let page = usize::try_from(body["page"].as_u64().unwrap_or(1).max(1) - 1).unwrap_or(0);
    let size = usize::try_from(size).unwrap_or(25);
    let shown = found.iter().skip(page * size).take(size).map(|client| {
        let Value::Object(all) = client.describe() else { return json!({}) };
        Value::Object(all.into_iter().filter(|(name, _)| fields.contains(&name.as_str())).collect::<Map<_, _>>())
    });
    Answer::success(StatusCode::OK, shown.collect(), json!({"total_count": found.len()}))
}

/// What a body says of a client, or what is wrong with it.
fn read(body: &Value) -> Result<(String, String), Answer> {
    let name = body["name"].as_str().map(str::trim).filter(|name| !name.is_empty());
    let phone: Option<String> = body["phone"].as_str().map(|phone| phone.chars().filter(char::is_ascii_digit).collect());
    match (name, phone.filter(|phone| (9..=15).contains(&phone.len()))) {
        (Some(name), Some(phone)) => Ok((name.to_owned(), phone)),
        (None, _) => Err(Answer::invalid(json!({"name": ["Обязательное поле"]}))),
        (_, None) => Err(Answer::invalid(json!({"phone": ["Телефон должен содержать от 9 до 15 цифр"]}))),
    }
}

/// `POST clients/{c}`.
pub fn add(salon: &mut Salon, body: &Value) -> Answer {
    let (name, phone) = match read(body) {
        Ok(read) => read,
        Err(refused) => return refused,
    };
    if salon.data.clients.iter().any(|client| client.phone == phone) {
        return Answer::invalid(json!({"phone": [format!("Клиент с телефоном +{phone} уже существует")]}));
    }
    Answer::success(StatusCode::CREATED, put(salon, &name, &phone, body).describe(), json!([]))
}

/// The client with this phone, made if there is none.
pub fn put(salon: &mut Salon, name: &str, phone: &str, body: &Value) -> Client {
    if let Some(known) = salon.data.clients.iter().find(|client| client.phone == phone) {
        return known.clone();
    }
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    let id = salon.data.next_id();
    let client = Client { id, name: name.to_owned(), phone: phone.to_owned(), email: text("email"), comment: text("comment") };
    if salon.data.clients.len() >= MAX_ENTRIES {
        salon.data.clients.remove(0);
    }
    salon.data.clients.push(client.clone());
    client
}

/// `GET client/{c}/{id}`.
pub fn one(salon: &Salon, id: u64) -> Answer {
    match salon.data.clients.iter().find(|client| client.id == id) {
        Some(client) => Answer::ok(client.describe()),
        None => Answer::failure(StatusCode::NOT_FOUND, "Клиент не найден"),
    }
}

/// `PUT client/{c}/{id}`: name and phone are needed.
pub fn change(salon: &mut Salon, id: u64, body: &Value) -> Answer {
    let (name, phone) = match read(body) {
        Ok(read) => read,
        Err(refused) => return refused,
    };
    let Some(client) = salon.data.clients.iter_mut().find(|client| client.id == id) else {
        return Answer::failure(StatusCode::NOT_FOUND, "Клиент не найден");
    };
    (client.name, client.phone) = (name, phone);
    for (field, place) in [("email", &mut client.email), ("comment", &mut client.comment)] {
        if let Some(text) = body[field].as_str() {
            text.clone_into(place);
        }
    }
    Answer::ok(client.describe())
}
