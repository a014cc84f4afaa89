//! Makes the calls: through the gate, once or (questions only) again after a wait. Redirects are never followed: 301 is how YClients says "done".

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::time::Instant;
use url::Url;

use super::YclientsSettings;
use super::answer::Answer;
use super::call::{Call, Repeat, Who, again_in};
use super::failure::CallError;
use super::gate::{Base, Gate, Limits, Outcome, Pass, Turned};
use crate::metrics;

/// Without this the answers have an older shape.
const ACCEPT_V2: &str = "application/vnd.yclients.v2+json";

/// A page of a thousand salons or records is about this long; a longer answer is not read further.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// The longest pause we take from `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);

/// After a 429 nobody asks for this long, when YClients says nothing else.
const HOLD: Duration = Duration::from_secs(1);

/// YClients' limits are over after a minute, whatever it says.
const LONGEST_HOLD: Duration = Duration::from_secs(60);

/// The HTTP client could not be built from the settings.
#[derive(Debug, Error)]
pub enum BuildError {
    /// TLS set-up failed.
    #[error("the HTTP client for YClients could not be built")]
    Http(#[source] reqwest::Error),
}

/// The one client of the process.
pub(super) struct Client {
    http: reqwest::Client,
    gate: Gate,
    marketplace_url: Url,
    api_url: Url,
    partner_token: Option<SecretString>,
    user_token: Option<SecretString>,
    partner_id: Option<u64>,
    request_timeout: Duration,
}

impl Client {
    /// Must be called inside a runtime.
    pub(super) fn new(settings: &YclientsSettings) -> Result<Self, BuildError> {
        // Done by the app already, but not where this room is used alone.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // One pass of the gate is one request on the wire.
            .retry(reqwest::retry::never())
            .connect_timeout(settings.connect_timeout)
            .user_agent(concat!("frontdesk/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .build()
            .map_err(BuildError::Http)?;
        Ok(Self {
            http,
            gate: Gate::open(Limits { per_second: settings.calls_per_second, per_minute: settings.calls_per_minute }),
            marketplace_url: settings.marketplace_url.clone(),
            api_url: settings.api_url.clone(),
            partner_token: settings.partner_token.clone(),
            user_token: settings.user_token.clone(),
            partner_id: settings.partner_id,
            request_timeout: settings.request_timeout,
        })
    }

    /// Makes the call; a question is repeated while that may help and there is time.
    pub(super) async fn call(&self, call: &Call) -> Result<Answer, CallError> {
        let deadline = Instant::now() + call.urgency.patience();
        let mut tries = 0;
        loop {
            tries += 1;
            let left = deadline.saturating_duration_since(Instant::now());
            let result = self.once(call, left).await;
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = worth_repeating(&result).and_then(|after| again_in(call, tries, after, left, rand::random()));
            let Some(wait) = wait else {
                return result.map_err(|failed| failed.told(call));
            };
            metrics::yclients_repeated(call.endpoint);
            tokio::time::sleep(wait).await;
        }
    }

    /// One request, or none when the gate does not let it through within `within`.
    async fn once(&self, call: &Call, within: Duration) -> Result<Answer, Failed> {
        let request = self.request(call).ok_or(Failed::NotConfigured)?;
        let mut pass = self.gate.enter(call.base, call.urgency, call.salon, within).await.map_err(Failed::Turned)?;
        let began = Instant::now();
        pass.sends();
        let timeout = match call.repeat {
            Repeat::Safe => self.request_timeout.min(within.max(Duration::from_secs(1))),
            // A deed is not cut short: its answer is worth the wait.
            Repeat::Never => self.request_timeout,
        };
        let answered = tokio::time::timeout(timeout, exchange(request, call.repeat)).await.unwrap_or(Err(Lost { connected: true }));
        let status = answered.as_ref().map_or(0, |answer| answer.status);
        metrics::yclients_call(call.endpoint, status, began.elapsed());
        tracing::debug!(yclients.endpoint = call.endpoint, yclients.status = status, "YClients was asked");
        self.end(call, pass, &answered);
        answered.map_err(|lost| if lost.connected { Failed::Lost } else { Failed::Unreached })
    }

    fn end(&self, call: &Call, pass: Pass, answered: &Result<Answer, Lost>) {
        match answered {
            Ok(answer) if answer.status >= 500 => pass.end(Outcome::Failed),
            Ok(answer) => {
                if answer.status == 429 {
                    tracing::warn!(yclients.endpoint = call.endpoint, "YClients says that there are too many calls from this address");
                    self.gate.hold(answer.after.unwrap_or(HOLD).min(LONGEST_HOLD));
                }
                pass.end(Outcome::Answered);
            }
            Err(lost) => {
                tracing::warn!(yclients.endpoint = call.endpoint, connected = lost.connected, "YClients did not answer");
                pass.end(Outcome::Failed);
            }
        }
    }

    fn request(&self, call: &Call) -> Option<RequestBuilder> {
        let base = match call.base {
            Base::Marketplace => &self.marketplace_url,
            Base::Api => &self.api_url,
        };
        let mut url = base.clone();
        url.set_path(&format!("{}/{}", base.path().trim_end_matches('/'), call.path));
        let mut request =
            self.http.request(call.method.clone(), url).header(ACCEPT, ACCEPT_V2).header(AUTHORIZATION, self.bearer(call.who)?);
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        if let Some(partner) = self.partner_id {
            request = request.header("X-Partner-Id", partner);
        }
        Some(match &call.body {
            Some(body) => request.json(body),
            None => request,
        })
    }

    fn bearer(&self, who: Who) -> Option<HeaderValue> {
        let partner = self.partner_token.as_ref()?.expose_secret();
        let text = match (who, &self.user_token) {
            (Who::User, Some(user)) => format!("Bearer {partner}, User {}", user.expose_secret()),
            (Who::User, None) | (Who::Partner, _) => format!("Bearer {partner}"),
        };
        let mut value = HeaderValue::try_from(text).expect("the configuration accepts visible ASCII tokens only");
        value.set_sensitive(true);
        Some(value)
    }
}

/// May the same question bring more the next time? Then with the pause that was asked for, if one was.
#[expect(clippy::option_option, reason = "whether, and if so, how long at least")]
fn worth_repeating(result: &Result<Answer, Failed>) -> Option<Option<Duration>> {
    match result {
        Ok(answer) => matches!(answer.status, 408 | 429 | 500..).then_some(answer.after),
        Err(Failed::Lost | Failed::Unreached) => Some(None),
        // Whoever finds no place waited for it, and a base that is left alone is not asked again at once.
        Err(Failed::Turned(_) | Failed::NotConfigured) => None,
    }
}

/// How a call failed before an answer could be judged.
enum Failed {
    NotConfigured,
    /// Nothing was sent.
    Turned(Turned),
    /// There was no connection to send it on.
    Unreached,
    /// It was sent, and anything may have happened.
    Lost,
}

impl Failed {
    fn told(self, call: &Call) -> CallError {
        match self {
            Self::NotConfigured => CallError::NotConfigured,
            Self::Turned(Turned::Broken { again_in }) => CallError::Retryable { after: Some(again_in) },
            Self::Turned(Turned::Full | Turned::TooLate) | Self::Unreached => CallError::Retryable { after: None },
            Self::Lost => match call.repeat {
                Repeat::Safe => CallError::Retryable { after: None },
                Repeat::Never => CallError::Unclear { status: None },
            },
        }
    }
}

/// No answer.
#[derive(Debug, Clone, Copy)]
struct Lost {
    /// Were we connected? If not, nothing can have had an effect.
    connected: bool,
}

async fn exchange(request: RequestBuilder, repeat: Repeat) -> Result<Answer, Lost> {
    let mut response = request.send().await.map_err(|error| Lost { connected: !(error.is_connect() || error.is_builder()) })?;
    let (status, after) = (response.status().as_u16(), retry_after(response.headers()));
    let body = read(&mut response).await;
    Ok(Answer { status, after, body, repeat })
}

/// `None` when it breaks off or does not end.
async fn read(response: &mut Response) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return None;
        }
        bytes.extend_from_slice(&chunk);
    }
    Some(bytes)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_asked_for_is_taken_but_not_without_end() {
        let header = |value: &str| HeaderMap::from_iter([(RETRY_AFTER, value.parse().expect("a header"))]);
        assert_eq!(retry_after(&header("7")), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&header("99999999")), Some(MAX_RETRY_AFTER));
        assert_eq!(retry_after(&header("soon")), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
