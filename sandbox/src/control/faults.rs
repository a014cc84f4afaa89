//! Faults of both services, and the counts of what happened.

use std::sync::atomic::Ordering;

use axum::{Json, extract::State};
use serde_json::{Map, Value, json};

use super::{
    World,
    error::{ControlError, Input},
    phones::digits,
    salons::Answer,
};
use crate::{
    whatsapp::{FaultTarget, WhatsappFault},
    yclients::{Fault, Target, as_number},
};

/// Fields a fault of YClients may have; a typing mistake must not make a fault that lasts for ever.
const YCLIENTS_FIELDS: [&str; 8] = ["fault", "endpoint", "times", "code", "body", "retry_after", "ms", "processed"];
const WHATSAPP_FIELDS: [&str; 16] = [
    "fault",
    "code",
    "expire_s",
    "count",
    "ms",
    "duration_ms",
    "after_ms",
    "keep_open",
    "seconds",
    "reason",
    "announced_bytes",
    "bytes",
    "quiet",
    "enforcement",
    "total_quota",
    "used_quota",
];

/// `POST /control/faults {service, target, fault, …}`.
pub async fn set(State(world): State<World>, Input(mut wish): Input<Map<String, Value>>) -> Answer {
    let service = wish.remove("service").unwrap_or_default();
    let target = wish.remove("target").unwrap_or_else(|| json!("*"));
    let shown = json!({"service": service, "target": target, "fault": wish.get("fault")});
    match service.as_str() {
        Some("yclients") => {
            let fault: Fault = read(wish, &YCLIENTS_FIELDS)?;
            world.yclients.set_fault(salon_target(&target)?, fault)?;
        }
        Some("whatsapp") => {
            let fault: WhatsappFault = read(wish, &WHATSAPP_FIELDS)?;
            let target = phone_target(&target)?;
            world.whatsapp.set_fault(target, fault).map_err(ControlError::bad_request)?;
        }
        _ => {
            return Err(ControlError::bad_request("service must be \"whatsapp\" or \"yclients\""));
        }
    }
    world.count_fault();
    Ok(Json(shown))
}

fn read<T: serde::de::DeserializeOwned>(wish: Map<String, Value>, fields: &[&str]) -> Result<T, ControlError> {
    if let Some(unknown) = wish.keys().find(|field| !fields.contains(&field.as_str())) {
        return Err(ControlError::bad_request(format!("unknown field `{unknown}`; docs/sandbox.md lists the faults")));
    }
    serde_json::from_value(Value::Object(wish)).map_err(|error| ControlError::bad_request(format!("no such fault: {error}")))
}

fn salon_target(target: &Value) -> Result<Target, ControlError> {
    if target == "*" {
        return Ok(Target::All);
    }
    let salon = as_number(target).map(Target::Salon);
    salon.ok_or_else(|| ControlError::bad_request("target must be a salon_id or \"*\""))
}

fn phone_target(target: &Value) -> Result<FaultTarget, ControlError> {
    match target {
        Value::String(all) if all == "*" => Ok(FaultTarget::All),
        Value::String(number) => Ok(FaultTarget::Number(digits(number))),
        Value::Number(number) => Ok(FaultTarget::Number(number.to_string())),
        _ => Err(ControlError::bad_request("target must be a phone number or \"*\"")),
    }
}

/// `GET /control/faults`: those in force, of both services.
pub async fn list(State(world): State<World>) -> Json<Vec<Value>> {
    let yclients = world.yclients.faults().into_iter().map(|(target, fault)| {
        let target = match target {
            Target::All => json!("*"),
            Target::Salon(id) => json!(id.to_string()),
        };
        shown("yclients", target, json!(fault))
    });
    let whatsapp = world.whatsapp.faults().into_iter().map(|(target, fault)| {
        let target = match target {
            FaultTarget::All => json!("*"),
            FaultTarget::Number(number) => json!(number),
        };
        shown("whatsapp", target, json!(fault))
    });
    Json(yclients.chain(whatsapp).collect())
}

/// A fault as it could be wished for again.
fn shown(service: &str, target: Value, fault: Value) -> Value {
    let mut shown = Map::from_iter([("service".to_owned(), json!(service)), ("target".to_owned(), target)]);
    if let Value::Object(fault) = fault {
        shown.extend(fault.into_iter().filter(|(_, value)| !value.is_null()));
    }
    Value::Object(shown)
}

/// `DELETE /control/faults`: everything works again.
pub async fn clear(State(world): State<World>) -> Json<Value> {
    world.yclients.clear_faults();
    world.whatsapp.clear_faults();
    Json(json!({"cleared": true}))
}

/// `GET /control/stats`: the counts of WhatsApp at the top, those of YClients under `yclients`.
pub async fn stats(State(world): State<World>) -> Json<Value> {
    let mut stats = json!(world.whatsapp.stats());
    let yclients = world.yclients.stats();
    let by_yclients: u64 = yclients.faults_injected.values().sum();
    let by_whatsapp = stats["faults"].as_u64().unwrap_or(0);
    stats["faults_injected"] = json!(by_whatsapp + by_yclients);
    stats["faults_set"] = json!(world.faults_set.load(Ordering::Relaxed));
    stats["yclients"] = json!(yclients);
    Json(stats)
}
