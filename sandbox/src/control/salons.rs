//! Salons, and what their owners and YClients do.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    World,
    error::{ControlError, Input},
};
use crate::yclients::{Call, NewSalon, SalonView};

/// Answers of this API.
pub type Answer = Result<Json<Value>, ControlError>;

/// `POST /control/salons`.
pub async fn add(State(world): State<World>, Input(wish): Input<NewSalon>) -> Result<Json<SalonView>, ControlError> {
    Ok(Json(world.yclients.add_salon(wish)?))
}

/// `GET /control/salons`.
pub async fn list(State(world): State<World>) -> Json<Vec<SalonView>> {
    Json(world.yclients.salons())
}

/// `GET /control/salons/{salon_id}`.
pub async fn one(State(world): State<World>, Path(id): Path<String>) -> Result<Json<SalonView>, ControlError> {
    Ok(Json(world.yclients.salon(salon_id(&id)?)?))
}

/// `POST /control/salons/{salon_id}/{connect|uninstall|freeze|unfreeze|expire|record}`.
pub async fn act(State(world): State<World>, Path((id, action)): Path<(String, String)>, Input(body): Input<Value>) -> Answer {
    let (id, yclients) = (salon_id(&id)?, &world.yclients);
    match action.as_str() {
        "connect" => {
            let redirect_url = yclients.connect(id)?;
            Ok(Json(json!({"redirect_url": redirect_url, "salon_id": id, "status": yclients.salon(id)?.status})))
        }
        "uninstall" => lifecycle(&world, id, yclients.uninstall(id)?, "uninstall").await,
        "freeze" => lifecycle(&world, id, yclients.freeze(id)?, "freeze").await,
        "unfreeze" => changed(&world, id, yclients.unfreeze(id)?),
        "expire" => changed(&world, id, yclients.expire(id)?),
        "record" => {
            let (event, webhooks) = yclients.send_record(id, body).await?;
            Ok(Json(json!({"salon_id": id, "event": event, "webhooks": webhooks})))
        }
        _ => Err(super::error::unknown_path().await),
    }
}

/// The webhook is sent even when nothing changed: YClients was seen to repeat itself.
async fn lifecycle(world: &World, id: u64, changed: bool, event: &str) -> Answer {
    let webhook = world.yclients.send_lifecycle(id, event).await;
    let status = world.yclients.salon(id)?.status;
    Ok(Json(json!({"salon_id": id, "status": status, "changed": changed, "webhook": webhook})))
}

fn changed(world: &World, id: u64, changed: bool) -> Answer {
    Ok(Json(json!({"salon_id": id, "status": world.yclients.salon(id)?.status, "changed": changed})))
}

/// `GET /control/yclients/calls?salon_id=&after=`.
pub async fn calls(State(world): State<World>, Query(query): Query<HashMap<String, String>>) -> Result<Json<Vec<Call>>, ControlError> {
    let number = |name: &str| match query.get(name).map(String::as_str) {
        None | Some("") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| ControlError::bad_request(format!("{name} is not a number"))),
    };
    Ok(Json(world.yclients.calls(number("salon_id")?, number("after")?.unwrap_or(0))))
}

/// `POST /control/yclients/limits {enabled}`.
pub async fn limits(State(world): State<World>, Input(switch): Input<Switch>) -> Json<Value> {
    world.yclients.limit_rates(switch.enabled);
    Json(json!({"enabled": switch.enabled}))
}

/// Body of a switch.
#[derive(Deserialize)]
pub struct Switch {
    enabled: bool,
}

/// `GET /control/server`.
pub async fn server(State(world): State<World>) -> Json<Value> {
    Json(json!({"url": world.yclients.server_url()}))
}

/// `POST /control/server {url}`: redirects and webhooks go there from now on.
pub async fn set_server(State(world): State<World>, Input(server): Input<Server>) -> Answer {
    world.yclients.set_server_url(&server.url)?;
    Ok(Json(json!({"url": server.url})))
}

/// Body that names a server.
#[derive(Deserialize)]
pub struct Server {
    url: String,
}

/// Reads the number of a salon from a path.
pub fn salon_id(text: &str) -> Result<u64, ControlError> {
    text.parse().map_err(|_| ControlError::bad_request("salon_id must be a whole number"))
}
