//! Payments, refunds, payment links, tariffs and discounts, in the simple form a partner sees.

use axum::http::StatusCode;
use chrono::{NaiveDateTime, Utc};
use serde_json::{Value, json};

use super::{
    answers::{Terms, not_installed, salon_of},
    envelope::Answer,
    installation::{Payment, Source, Status},
    routes::Asked,
    signing::fingerprint,
    world::World,
};

/// The partner took money on its side; a frozen installation becomes active again.
pub fn report(world: &mut World, terms: &Terms, body: &Value) -> Answer {
    let checked = salon_of(terms, body).and_then(|salon| Ok((salon, payment(body)?)));
    let (id, mut payment) = match checked {
        Ok(checked) => checked,
        Err(refused) => return refused,
    };
    payment.id = world.next_payment();
    match world.salon(id) {
        Some((salon, Status::Active | Status::Freezed)) => {
            let number = payment.id;
            salon.installation.pay(payment);
            salon.installation.unfreeze(Utc::now(), Source::PartnerApi);
            Answer::ok(json!({"id": number}))
        }
        _ => Answer::failure(StatusCode::FORBIDDEN, "Приложение не подключено"),
    }
}

fn payment(body: &Value) -> Result<Payment, Answer> {
    let refuse = |field: &str| Answer::invalid(json!({field: ["Неверное значение"]}));
    let sum = body["payment_sum"].as_f64().filter(|sum| *sum > 0.0).ok_or_else(|| refuse("payment_sum"))?;
    let currency = body["currency_iso"].as_str().filter(|iso| iso.len() == 3).ok_or_else(|| refuse("currency_iso"))?;
    let time = |field: &str| {
        let text = body[field].as_str().unwrap_or_default();
        let valid = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").is_ok();
        if valid { Ok(text.to_owned()) } else { Err(refuse(field)) }
    };
    Ok(Payment {
        id: 0,
        payment_sum: sum,
        currency_iso: currency.into(),
        payment_date: time("payment_date")?,
        is_refunded: false,
        period_from: time("period_from")?,
        period_to: time("period_to")?,
    })
}

/// The partner gives money back.
pub fn refund(world: &mut World, payment: u64) -> Answer {
    let found = world.salons().any(|(salon, _)| salon.installation.refund(payment));
    if found { Answer::ok(Value::Null) } else { Answer::invalid(json!({"payment_id": ["Платёж не найден"]})) }
}

/// A link that leads nowhere but looks right.
pub fn link(world: &mut World, terms: &Terms, asked: &Asked) -> Answer {
    let (salon, app) = (asked.number("salon_id"), asked.number("application_id"));
    let (Some(id), Some(app)) = (salon, app.filter(|app| *app == terms.application_id)) else {
        return Answer::invalid(json!({"salon_id": ["Обязательное поле"], "application_id": ["Обязательное поле"]}));
    };
    match world.salon(id) {
        Some((_, Status::Active | Status::Freezed)) => {
            let discount = asked.query.get("discount").and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
            let bare = format!("salon_id={id}&application_id={app}&discount={discount}&source=api");
            let sign = fingerprint(&bare).repeat(4);
            Answer::ok(json!({"url": format!("https://yclients.com/appstore/payment/?{bare}&sign={sign}")}))
        }
        _ => not_installed(),
    }
}

/// One tariff with two options.
pub fn tariffs() -> Answer {
    let option = |id: u64, months: u64, price: u64| {
        json!({"id": id, "title": format!("{months} мес."), "overall_price": price, "duration_in_months": months,
               "staff_amount": null, "free_period_in_months": 0, "currency_iso": "RUB"})
    };
    Answer::ok(json!([{"id": 1, "title": "Основной", "options": [option(1, 1, 990), option(2, 12, 9_900)]}]))
}

/// A discount for several salons at once.
pub fn discount(world: &mut World, terms: &Terms, body: &Value) -> Answer {
    let percent = body["discount"].as_f64().filter(|percent| *percent > 0.0 && *percent <= 100.0);
    let salons: Option<Vec<u64>> = body["salon_ids"].as_array().and_then(|ids| ids.iter().map(Value::as_u64).collect());
    let (Some(_), Some(salons)) = (percent, salons.filter(|salons| !salons.is_empty())) else {
        return Answer::invalid(json!({"discount": ["Больше 0 и не больше 100"], "salon_ids": ["Массив чисел"]}));
    };
    if body["application_id"].as_u64() != Some(terms.application_id) {
        return Answer::failure(StatusCode::FORBIDDEN, "Нет доступа к приложению");
    }
    if salons.iter().all(|id| world.salon(*id).is_some()) { Answer::ok(Value::Null) } else { not_installed() }
}
