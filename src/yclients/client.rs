//! Sends the calls. Redirects are never followed: 301 is how YClients says "done".

use std::time::Duration;

use frontdesk_actors::ids::{SalonId, Secret};
use frontdesk_actors::ports::{ActivateError, Callback, Installation, MarketplaceError, SalonInfo};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use thiserror::Error;
use url::Url;

use super::limiter::Limiter;
use super::{YclientsSettings, types};

/// Without this the answers have an older shape.
const ACCEPT_V2: &str = "application/vnd.yclients.v2+json";

/// Answers we read are a few kilobytes; a longer one is not read further.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The longest pause we take from `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

/// The HTTP client could not be built from the settings.
#[derive(Debug, Error)]
pub enum BuildError {
    /// TLS set-up failed.
    #[error("the HTTP client for YClients could not be built")]
    Http(#[source] reqwest::Error),
}

pub(super) struct Client {
    http: reqwest::Client,
    limiter: Limiter,
    marketplace_url: Url,
    api_url: Url,
}

/// How a call failed before an answer could be judged.
enum SendError {
    /// No bytes of the request can have had an effect.
    NotSent,
    /// Anything may have happened.
    Lost,
}

impl Client {
    pub(super) fn new(settings: &YclientsSettings) -> Result<Self, BuildError> {
        // Done by the app already, but not where this room is used alone.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.request_timeout)
            .user_agent(concat!("frontdesk/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .build()
            .map_err(BuildError::Http)?;
        Ok(Self {
            http,
            limiter: Limiter::new(settings.calls_per_second, settings.calls_per_minute),
            marketplace_url: settings.marketplace_url.clone(),
            api_url: settings.api_url.clone(),
        })
    }

    pub(super) async fn installation(
        &self,
        token: &SecretString,
        application: u64,
        salon: SalonId,
    ) -> Result<Installation, MarketplaceError> {
        let path = format!("salon/{salon}/application/{application}");
        let request = self.request(Method::GET, &self.marketplace_url, &path, token);
        let response = self.send("installation", request).await.map_err(retryable)?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(Installation::NotInstalled);
        }
        let body = read_json(judge(response)?).await?;
        Ok(types::installation(&body))
    }

    pub(super) async fn salon(&self, token: &SecretString, salon: SalonId) -> Result<Option<SalonInfo>, MarketplaceError> {
        let request = self.request(Method::GET, &self.api_url, "companies", token).query(&[("id", salon.get())]);
        let response = self.send("salon", request).await.map_err(retryable)?;
        match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Ok(None),
            _ => Ok(types::salon(read_json(judge(response)?).await?)),
        }
    }

    pub(super) async fn activate(
        &self,
        token: &SecretString,
        application: u64,
        salon: SalonId,
        callback: &Callback,
    ) -> Result<(), ActivateError> {
        let webhook_urls: Vec<&str> = callback.webhook_urls.iter().map(Secret::expose).collect();
        let body = json!({
            "salon_id": salon.get(),
            "application_id": application,
            "api_key": callback.api_key.expose(),
            "webhook_urls": webhook_urls,
        });
        let request = self.request(Method::POST, &self.marketplace_url, "partner/callback", token).json(&body);
        match self.send("activate", request).await {
            Ok(response) => judge_activation(response.status(), retry_after(response.headers())),
            Err(SendError::NotSent) => Err(ActivateError::Retryable { after: None }),
            Err(SendError::Lost) => Err(ActivateError::AskStatus { status: None }),
        }
    }

    fn request(&self, method: Method, base: &Url, path: &str, token: &SecretString) -> RequestBuilder {
        let mut url = base.clone();
        let joined = format!("{}/{path}", base.path().trim_end_matches('/'));
        url.set_path(&joined);
        let mut bearer = reqwest::header::HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .expect("the configuration accepts visible ASCII tokens only");
        bearer.set_sensitive(true);
        self.http.request(method, url).header(ACCEPT, ACCEPT_V2).header(AUTHORIZATION, bearer)
    }

    async fn send(&self, endpoint: &'static str, request: RequestBuilder) -> Result<Response, SendError> {
        self.limiter.admit().await.map_err(|_| SendError::NotSent)?;
        let started = tokio::time::Instant::now();
        let result = request.send().await;
        let status = result.as_ref().map_or(0, |response| response.status().as_u16());
        crate::metrics::yclients_call(endpoint, status, started.elapsed());
        tracing::debug!(yclients.endpoint = endpoint, yclients.status = status, "YClients was asked");
        result.map_err(|error| {
            tracing::warn!(
                yclients.endpoint = endpoint,
                timeout = error.is_timeout(),
                connect = error.is_connect(),
                "YClients did not answer"
            );
            if error.is_connect() || error.is_builder() { SendError::NotSent } else { SendError::Lost }
        })
    }
}

fn retryable(_: SendError) -> MarketplaceError {
    MarketplaceError::Retryable { after: None }
}

/// 2xx goes on; 429 and 5xx may be repeated; the rest stands.
fn judge(response: Response) -> Result<Response, MarketplaceError> {
    let status = response.status();
    if status.is_success() {
        Ok(response)
    } else if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        Err(MarketplaceError::Retryable { after: retry_after(response.headers()) })
    } else {
        Err(MarketplaceError::Final { status: status.as_u16() })
    }
}

/// 2xx and 3xx are success; 403 is what an installed app gets, and 5xx may come after the fact: the status endpoint decides both.
fn judge_activation(status: StatusCode, after: Option<Duration>) -> Result<(), ActivateError> {
    match status.as_u16() {
        200..=399 => Ok(()),
        403 | 408 | 409 | 500..=599 => Err(ActivateError::AskStatus { status: Some(status.as_u16()) }),
        429 => Err(ActivateError::Retryable { after }),
        other => Err(ActivateError::Final { status: other }),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// A body that is no JSON, or too long, is an upstream error: it never becomes an empty answer.
async fn read_json(mut response: Response) -> Result<Value, MarketplaceError> {
    let unreadable = MarketplaceError::Retryable { after: None };
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| unreadable.clone())? {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(unreadable);
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&bytes).map_err(|_| unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_an_activation_decides_between_done_ask_retry_and_refused() {
        let judge = |status| judge_activation(StatusCode::from_u16(status).expect("a status"), None);
        for success in [200, 201, 202, 204, 301, 302, 307] {
            assert_eq!(judge(success), Ok(()));
        }
        for unclear in [403, 500, 502, 504] {
            assert_eq!(judge(unclear), Err(ActivateError::AskStatus { status: Some(unclear) }));
        }
        assert_eq!(judge(429), Err(ActivateError::Retryable { after: None }));
        for refused in [400, 401, 404, 422] {
            assert_eq!(judge(refused), Err(ActivateError::Final { status: refused }));
        }
    }

    #[test]
    fn a_pause_asked_for_is_taken_but_not_without_end() {
        let header = |value: &str| HeaderMap::from_iter([(RETRY_AFTER, value.parse().expect("a header"))]);
        assert_eq!(retry_after(&header("7")), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&header("99999999")), Some(MAX_RETRY_AFTER));
        assert_eq!(retry_after(&header("soon")), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
