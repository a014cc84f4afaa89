//! *Scan* in one click: takes the QR code the onboarding page shows and holds a phone in front of it.
//!
//! The page is open in the owner's browser, where this service can't look. So it does what the owner does: it
//! follows a signed redirect of its own (the session and the code are the same for every tab of a salon), gets the
//! token, and asks the server for the code.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    World,
    error::{ControlError, Input},
    phones::{digits, linked},
    salons::Answer,
};
use crate::{wire, yclients::as_number};

/// How long the first code may take.
const CODE_PATIENCE: Duration = Duration::from_secs(15);
const ASK_AGAIN: Duration = Duration::from_millis(400);
const QR_PATH: &str = "/marketplace/api/qr";

/// `POST /control/phones/{number}/scan-page {salon_id}`. The phone is created when it doesn't exist.
pub async fn scan(State(world): State<World>, Path(number): Path<String>, Input(body): Input<ScanPage>) -> Answer {
    let number = digits(&number);
    let salon = as_number(&body.salon_id).ok_or_else(|| ControlError::bad_request("salon_id must be a whole number"))?;
    if !world.whatsapp.phones().iter().any(|phone| phone.number == number) {
        world.whatsapp.add_phone(&number)?;
    }
    let token = token(&world, salon).await?;
    let qr = code(&world, &token).await?;
    let device = world.whatsapp.scan(&number, &qr).await?;
    let mut answer = linked(&number, json!(device));
    answer["salon_id"] = json!(salon);
    Ok(Json(answer))
}

/// Body: whose page.
#[derive(Deserialize)]
pub struct ScanPage {
    #[serde(default)]
    salon_id: Value,
}

/// Follows the redirect of an owner who pressed *Connect* before; the answer's `Location` carries the token.
async fn token(world: &World, salon: u64) -> Result<String, ControlError> {
    let url = world.yclients.redirect_again(salon)?;
    let answer = world.client.get(url).header(header::ACCEPT, "text/html").send().await.map_err(|error| unreachable(world, &error))?;
    let status = answer.status();
    let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let base = wire::loopback_url(&world.yclients.server_url()).map_err(ControlError::bad_request)?;
    let target = location.filter(|_| status.is_redirection()).and_then(|location| base.join(location).ok());
    let token = target.and_then(|url| url.query_pairs().find(|(name, _)| name == "token").map(|(_, token)| token.into_owned()));
    token.ok_or_else(|| ControlError::conflict(format!("the server did not open the onboarding page: it answered {status}")))
}

/// Asks for the code until there is one.
async fn code(world: &World, token: &str) -> Result<String, ControlError> {
    let base = world.yclients.server_url();
    let url = format!("{}{QR_PATH}", base.trim_end_matches('/'));
    let give_up = Instant::now() + CODE_PATIENCE;
    loop {
        let request = world.client.post(&url).bearer_auth(token).json(&json!({}));
        let answer = request.send().await.map_err(|error| unreachable(world, &error))?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        match (status, body["qr"].as_str()) {
            (status, Some(qr)) if status.is_success() => return Ok(qr.to_owned()),
            (StatusCode::SERVICE_UNAVAILABLE, _) if Instant::now() < give_up => sleep(ASK_AGAIN).await,
            (StatusCode::SERVICE_UNAVAILABLE, _) => {
                let waited = CODE_PATIENCE.as_secs();
                return Err(ControlError::conflict(format!("the server had no QR code within {waited} s")));
            }
            _ => {
                let said = body["error"].as_str().unwrap_or("no explanation");
                return Err(ControlError::conflict(format!("the server gave no QR code: {} {said}", status.as_u16())));
            }
        }
    }
}

fn unreachable(world: &World, error: &reqwest::Error) -> ControlError {
    let server = world.yclients.server_url();
    let what = if error.is_timeout() { "did not answer in time" } else { "can't be reached" };
    ControlError::conflict(format!("the server at {server} {what}; is it running?"))
}
