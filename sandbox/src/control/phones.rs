//! Phones: what their owners do with them.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    World,
    error::{ControlError, Input},
    salons::Answer,
};
use crate::whatsapp::{PasskeySettings, PhoneMessage, PhoneView};

/// `POST /control/phones {number}`. A phone that exists already is fine.
pub async fn add(State(world): State<World>, Input(phone): Input<NewPhone>) -> Answer {
    let number = match &phone.number {
        Value::String(number) => digits(number),
        Value::Number(number) => number.to_string(),
        _ => {
            return Err(ControlError::bad_request("number must be digits, for example \"79000000001\""));
        }
    };
    world.whatsapp.add_phone(&number)?;
    Ok(Json(json!({"number": number})))
}

/// Body of a new phone.
#[derive(Deserialize)]
pub struct NewPhone {
    #[serde(default)]
    number: Value,
}

/// `GET /control/phones`.
pub async fn list(State(world): State<World>) -> Json<Vec<PhoneView>> {
    Json(world.whatsapp.phones())
}

/// `POST /control/phones/{number}/scan {qr}`.
pub async fn scan(State(world): State<World>, Path(number): Path<String>, Input(scan): Input<Scan>) -> Answer {
    let device = world.whatsapp.scan(&digits(&number), scan.qr.trim()).await?;
    Ok(Json(linked(&number, json!(device))))
}

/// Body of a scan.
#[derive(Deserialize)]
pub struct Scan {
    qr: String,
}

/// `POST /control/phones/{number}/enter-code {code}`.
pub async fn enter_code(State(world): State<World>, Path(number): Path<String>, Input(typed): Input<Typed>) -> Answer {
    let shown_for = typed.shown_for.as_deref().map_or_else(|| digits(&number), digits);
    let device = world.whatsapp.enter_code_shown_for(&digits(&number), typed.code.trim(), &shown_for).await?;
    Ok(Json(linked(&number, json!(device))))
}

/// Body of a typed code.
#[derive(Deserialize)]
pub struct Typed {
    code: String,
    #[serde(default)]
    shown_for: Option<String>,
}

/// `POST /control/phones/{number}/devices {count}`: devices nobody sits at fill slots of the phone.
pub async fn add_devices(State(world): State<World>, Path(number): Path<String>, Input(wish): Input<Devices>) -> Answer {
    let added = world.whatsapp.link_idle_devices(&digits(&number), wish.count)?;
    Ok(Json(json!({"number": digits(&number), "added": added})))
}

/// Body of devices nobody sits at.
#[derive(Deserialize)]
pub struct Devices {
    count: usize,
}

/// `POST /control/phones/{number}/passkey {required, behaviour?}`.
pub async fn set_passkey(State(world): State<World>, Path(number): Path<String>, Input(wish): Input<PasskeySettings>) -> Answer {
    world.whatsapp.set_passkey(&digits(&number), wish)?;
    Ok(Json(json!(world.whatsapp.passkey(&digits(&number))?)))
}

/// `GET /control/phones/{number}/passkey`.
pub async fn passkey(State(world): State<World>, Path(number): Path<String>) -> Answer {
    Ok(Json(json!(world.whatsapp.passkey(&digits(&number))?)))
}

/// `POST /control/phones/{number}/passkey/assert {options}`: what the owner's authenticator answers.
pub async fn assert_passkey(State(world): State<World>, Path(number): Path<String>, Input(asked): Input<Asked>) -> Answer {
    let options = match asked.options {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(Json(json!(world.whatsapp.assert_passkey(&digits(&number), &options)?)))
}

/// Body of a question to the authenticator: the options as text or as JSON.
#[derive(Deserialize)]
pub struct Asked {
    options: Value,
}

/// `POST /control/phones/{number}/unlink`.
pub async fn unlink(State(world): State<World>, Path(number): Path<String>) -> Answer {
    let number = digits(&number);
    world.whatsapp.unlink(&number).await?;
    Ok(Json(json!({"number": number})))
}

/// `POST /control/phones/{number}/send {to, text}`.
pub async fn send(State(world): State<World>, Path(number): Path<String>, Input(letter): Input<Letter>) -> Answer {
    let id = world.whatsapp.send(&digits(&number), &digits(&letter.to), &letter.text).await?;
    Ok(Json(json!({"id": id})))
}

/// Body of a message.
#[derive(Deserialize)]
pub struct Letter {
    to: String,
    text: String,
}

/// `GET /control/phones/{number}/messages`.
pub async fn messages(State(world): State<World>, Path(number): Path<String>) -> Result<Json<Vec<PhoneMessage>>, ControlError> {
    let number = digits(&number);
    if !world.whatsapp.phones().iter().any(|phone| phone.number == number) {
        return Err(crate::whatsapp::PhoneError::UnknownPhone.into());
    }
    Ok(Json(world.whatsapp.messages(&number)))
}

/// A number as people write it, without the plus, blanks, dashes and brackets.
pub fn digits(number: &str) -> String {
    number.chars().filter(|c| !matches!(c, '+' | ' ' | '-' | '(' | ')')).collect()
}

/// What a phone shows after linking.
pub fn linked(number: &str, device: Value) -> Value {
    let mut answer = json!({"number": digits(number)});
    if let (Value::Object(answer), Value::Object(device)) = (&mut answer, device) {
        answer.extend(device);
    }
    answer
}
