//! What YClients does and answers when nothing goes wrong on purpose.

use axum::http::StatusCode;
use chrono::Utc;
use serde_json::{Value, json};

use super::{
    State,
    envelope::Answer,
    installation::{Refusal, Registration, Source, Status},
    payments, rest,
    routes::{Asked, Route},
    signing::fingerprint,
    world::World,
};

const MAX_WEBHOOK_URLS: usize = 10;
/// Longest text of a field.
const MAX_FIELD: usize = 2_000;
/// Most salons on one page of a list.
const MAX_PAGE: u64 = 1_000;

/// What stays the same for all calls.
pub struct Terms {
    /// The application's number.
    pub application_id: u64,
    /// Where the 301 of the browser variant leads.
    pub installed_page: String,
}

/// Carries out one call.
pub fn answer(state: &mut State, terms: &Terms, route: &Route, asked: &Asked) -> Answer {
    let world = &mut state.world;
    match route {
        Route::Status { app, .. } | Route::Uninstall { app, .. } | Route::Salons { app } | Route::Tariffs { app }
            if *app != terms.application_id =>
        {
            Answer::failure(StatusCode::FORBIDDEN, "Нет доступа к приложению")
        }
        Route::Status { salon, .. } => status(world, *salon),
        Route::Callback { browser } => callback(world, terms, asked, *browser),
        Route::Salons { .. } => salons(world, asked),
        Route::Uninstall { salon, .. } => uninstall(world, *salon),
        Route::Company { id } => company(world, *id),
        Route::Companies => companies(world, asked),
        Route::Payment => payments::report(world, terms, &asked.body),
        Route::Refund { id } => payments::refund(world, *id),
        Route::PaymentLink => payments::link(world, terms, asked),
        Route::Tariffs { .. } => payments::tariffs(),
        Route::AddDiscount => payments::discount(world, terms, &asked.body),
        Route::UpdateChannel => update_channel(world, terms, &asked.body),
        Route::ShortNames => short_names(world, terms, &asked.body),
        Route::Rest { resource, salon, method } => rest::answer(world, *salon, resource, method, asked),
        Route::InstalledPage => Answer::html(StatusCode::OK),
    }
}

/// 404 unless the application is installed (or waiting) in that salon.
pub fn not_installed() -> Answer {
    Answer::failure(StatusCode::NOT_FOUND, "Приложение не установлено")
}

/// 422 when the body names another application or no salon; else the salon.
pub fn salon_of(terms: &Terms, body: &Value) -> Result<u64, Answer> {
    let required = "Обязательное поле, число";
    let Some(salon) = body["salon_id"].as_u64() else {
        return Err(Answer::invalid(json!({"salon_id": [required]})));
    };
    match body["application_id"].as_u64() {
        None => Err(Answer::invalid(json!({"application_id": [required]}))),
        Some(app) if app != terms.application_id => Err(Answer::failure(StatusCode::FORBIDDEN, "Нет доступа к приложению")),
        Some(_) => Ok(salon),
    }
}

fn status(world: &mut World, id: u64) -> Answer {
    match world.salon(id) {
        None | Some((_, Status::Uninstalled)) => not_installed(),
        Some((salon, _)) => Answer::ok(salon.installation.describe()),
    }
}

fn callback(world: &mut World, terms: &Terms, asked: &Asked, browser: bool) -> Answer {
    let checked = salon_of(terms, &asked.body).and_then(|id| Ok((id, registration(&asked.body)?)));
    let (id, registration) = match checked {
        Ok(checked) => checked,
        Err(refused) => return refused,
    };
    let Some((salon, _)) = world.salon(id) else {
        return Answer::failure(StatusCode::NOT_FOUND, "Филиал не найден");
    };
    match salon.installation.activate(registration, Utc::now()) {
        Ok(()) if browser => Answer::moved(terms.installed_page.clone()),
        Ok(()) => Answer::success(StatusCode::CREATED, Value::Null, json!([])),
        Err(refusal @ (Refusal::AlreadyInstalled | Refusal::NotPending)) => Answer::failure(StatusCode::FORBIDDEN, &refusal.to_string()),
    }
}

fn registration(body: &Value) -> Result<Registration, Answer> {
    let refuse = |field: &str, why: &str| Err(Answer::invalid(json!({field: [why]})));
    let api_key = match &body["api_key"] {
        Value::Null => None,
        Value::String(key) if key.len() <= MAX_FIELD => Some(fingerprint(key)),
        Value::Number(key) => Some(fingerprint(&key.to_string())),
        _ => return refuse("api_key", "Неверный формат"),
    };
    let Some(webhook_urls) = texts(&body["webhook_urls"], MAX_WEBHOOK_URLS) else {
        return refuse("webhook_urls", "Нужен массив из не более чем 10 адресов");
    };
    if !webhook_urls.iter().all(|url| reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))) {
        return refuse("webhook_urls", "Неверный адрес");
    }
    let Some(channels) = texts(&body["channels"], 2) else {
        return refuse("channels", "Нужен массив");
    };
    if !channels.iter().all(|channel| matches!(channel.as_str(), "sms" | "whatsapp")) {
        return refuse("channels", "Неизвестный канал");
    }
    Ok(Registration { api_key, webhook_urls, channels })
}

/// A list of texts; a missing one is empty, anything else is wrong.
fn texts(value: &Value, most: usize) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(items) if items.len() <= most => {
            let text = |item: &Value| item.as_str().filter(|text| text.len() <= MAX_FIELD).map(str::to_owned);
            items.iter().map(text).collect()
        }
        _ => None,
    }
}

fn salons(world: &mut World, asked: &Asked) -> Answer {
    let (Some(page), Some(count)) = (asked.number("page"), asked.number("count")) else {
        return Answer::invalid(json!({"page": ["Обязательное поле"], "count": ["Обязательное поле"]}));
    };
    if page == 0 || !(1..=MAX_PAGE).contains(&count) {
        return Answer::invalid(json!({"count": ["От 1 до 1000"], "page": ["От 1"]}));
    }
    let skip = usize::try_from((page - 1).saturating_mul(count)).unwrap_or(usize::MAX);
    let installed = world.salons().filter(|(_, status)| matches!(status, Status::Active | Status::Freezed));
    let items: Vec<Value> = installed.skip(skip).take(count as usize).map(|(salon, _)| salon.list_item()).collect();
    Answer::success(StatusCode::OK, json!(items), json!({}))
}

fn uninstall(world: &mut World, id: u64) -> Answer {
    let gone = world.salon(id).is_some_and(|(salon, _)| salon.installation.uninstall(Utc::now(), Source::PartnerApi));
    if gone { Answer::ok(Value::Null) } else { not_installed() }
}

fn company(world: &mut World, id: u64) -> Answer {
    match world.salon(id) {
        Some((salon, _)) => Answer::ok(salon.company()),
        // Errors of this call have no `success` and no `data`.
        None => Answer::json(StatusCode::NOT_FOUND, json!({"errors": {}, "meta": {"message": "Компания не найдена"}})),
    }
}

fn companies(world: &mut World, asked: &Asked) -> Answer {
    let wanted = asked.number("id");
    let items: Vec<Value> = match wanted {
        Some(id) => world.salon(id).map(|(salon, _)| salon.list_item()).into_iter().collect(),
        None => world.salons().take(MAX_PAGE as usize).map(|(salon, _)| salon.list_item()).collect(),
    };
    let meta = json!({"total_count": items.len()});
    Answer::success(StatusCode::OK, json!(items), meta)
}

fn update_channel(world: &mut World, terms: &Terms, body: &Value) -> Answer {
    if !matches!(body["channel_slug"].as_str(), Some("sms" | "whatsapp")) || !body["is_available"].is_boolean() {
        return Answer::invalid(json!({"channel_slug": ["sms или whatsapp"], "is_available": ["Нужно true или false"]}));
    }
    for_installed(world, terms, body, StatusCode::OK)
}

fn short_names(world: &mut World, terms: &Terms, body: &Value) -> Answer {
    if body["short_names"].is_null() || texts(&body["short_names"], 50).is_none() {
        return Answer::invalid(json!({"short_names": ["Нужен массив строк"]}));
    }
    for_installed(world, terms, body, StatusCode::CREATED)
}

fn for_installed(world: &mut World, terms: &Terms, body: &Value, success: StatusCode) -> Answer {
    let id = match salon_of(terms, body) {
        Ok(id) => id,
        Err(refused) => return refused,
    };
    match world.salon(id) {
        Some((_, Status::Active)) => Answer::success(success, Value::Null, json!([])),
        _ => Answer::failure(StatusCode::FORBIDDEN, "Приложение не подключено"),
    }
}
