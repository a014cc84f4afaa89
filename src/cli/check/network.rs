//! The outside: YClients, WhatsApp by every way out, and our own public address through the proxy in front. Every wait is bounded.

use std::time::Duration;

use reqwest::header::{CONNECTION, DATE, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use reqwest::{Client, StatusCode};
use url::Url;

use super::Finding;
use crate::app::chain;
use crate::config::Config;
use crate::whatsapp::{self, WhatsappSettings};

/// Longest wait for one answer.
const WITHIN: Duration = Duration::from_secs(10);

/// A clock that is further off than this breaks signatures, tokens and certificates.
const CLOCK_OFF_SECONDS: i64 = 60;

/// Any key does; the answer to this one is in RFC 6455.
const WEBSOCKET_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const WEBSOCKET_ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub(super) async fn all(config: &Config, public: Option<&Url>) -> Vec<Finding> {
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(WITHIN).http1_only().build();
    let client = match client {
        Ok(client) => client,
        Err(error) => return vec![Finding::fail("network", chain(&error))],
    };
    let (yclients, whatsapp) = tokio::join!(yclients(&client, config), whatsapp(config));
    let mut findings = yclients;
    findings.extend(whatsapp);
    if let Some(url) = public {
        findings.extend(public_address(&client, config, url).await);
    }
    findings
}

async fn yclients(client: &Client, config: &Config) -> Vec<Finding> {
    const AREA: &str = "YClients";
    let mut findings = Vec::new();
    for url in [&config.yclients.api_url, &config.yclients.marketplace_url] {
        let host = url.host_str().unwrap_or_default();
        match client.get(url.clone()).send().await {
            Ok(answer) => {
                findings.push(Finding::ok(AREA, format!("{host} answers")));
                findings.extend(clock(answer.headers()));
            }
            Err(error) => {
                findings.push(Finding::fail(AREA, format!("{host} does not answer ({}); check DNS and the firewall", chain(&error))))
            }
        }
    }
    findings.dedup();
    findings
}

/// Compares our clock with the answer's.
fn clock(headers: &HeaderMap) -> Option<Finding> {
    let theirs = chrono::DateTime::parse_from_rfc2822(headers.get(DATE)?.to_str().ok()?).ok()?;
    let off = (chrono::Utc::now() - theirs.to_utc()).num_seconds();
    (off.abs() > CLOCK_OFF_SECONDS)
        .then(|| Finding::fail("clock", format!("this machine's clock is {off} s off; turn on time synchronisation")))
}

async fn whatsapp(config: &Config) -> Vec<Finding> {
    const AREA: &str = "WhatsApp";
    let settings = WhatsappSettings {
        endpoint: config.whatsapp_endpoint.clone(),
        client_version: config.whatsapp_version,
        egress: config.egress.clone(),
        ..WhatsappSettings::default()
    };
    match whatsapp::reach(&settings).await {
        Err(error) => vec![Finding::fail(AREA, error.to_string())],
        Ok(ways) => ways
            .into_iter()
            .map(|reached| match reached.result {
                Ok(()) => Finding::ok(AREA, format!("is reached {}", reached.way)),
                Err(why) => Finding::fail(AREA, format!("is not reached {}: {why}", reached.way)),
            })
            .collect(),
    }
}

/// The way of a browser: page, polling handshake, WebSocket upgrade.
async fn public_address(client: &Client, config: &Config, url: &Url) -> Vec<Finding> {
    const AREA: &str = "public address";
    let mut findings = Vec::new();
    if url.origin() != config.base_url.origin() {
        let text = format!("{url} is not server.base_url ({}): links would lead elsewhere", config.base_url);
        findings.push(Finding::warn(AREA, text));
    }
    let health = address(url, "/health", "");
    match client.get(health).send().await {
        Err(error) => {
            findings.push(Finding::fail(
                AREA,
                format!("{url} does not answer ({}); is the proxy in front running, is its certificate good?", chain(&error)),
            ));
            return findings;
        }
        Ok(answer) => findings.push(match answer.status() {
            StatusCode::OK => Finding::ok(AREA, "/health answers through the proxy"),
            status => Finding::fail(AREA, format!("/health answers {status}; does the proxy lead to this server, and does it run?")),
        }),
    }
    findings.push(polling(client, url).await);
    findings.push(upgrade(client, url).await);
    findings
}

fn address(url: &Url, path: &str, query: &str) -> Url {
    let mut url = url.clone();
    url.set_path(path);
    url.set_query(Some(query).filter(|query| !query.is_empty()));
    url
}

async fn polling(client: &Client, url: &Url) -> Finding {
    const AREA: &str = "polling";
    let answer = client.get(address(url, "/socket.io/", "EIO=4&transport=polling")).send().await;
    let (status, body) = match answer {
        Ok(answer) => (answer.status(), answer.text().await.unwrap_or_default()),
        Err(error) => return Finding::fail(AREA, format!("/socket.io/ does not answer ({})", chain(&error))),
    };
    if status == StatusCode::OK && body.starts_with("0{") {
        return Finding::ok(AREA, "the Socket.IO handshake works through the proxy");
    }
    Finding::fail(AREA, format!("/socket.io/ answers {status}; the proxy must pass /socket.io/ to this server, unbuffered"))
}

async fn upgrade(client: &Client, url: &Url) -> Finding {
    const AREA: &str = "WebSocket";
    let request = client
        .get(address(url, "/socket.io/", "EIO=4&transport=websocket"))
        .header(CONNECTION, HeaderValue::from_static("Upgrade"))
        .header(UPGRADE, HeaderValue::from_static("websocket"))
        .header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
        .header(SEC_WEBSOCKET_KEY, HeaderValue::from_static(WEBSOCKET_KEY));
    match request.send().await {
        Ok(answer) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
            let accepted = answer.headers().get(SEC_WEBSOCKET_ACCEPT).is_some_and(|accept| accept == WEBSOCKET_ACCEPT);
            if accepted {
                Finding::ok(AREA, "the upgrade works through the proxy")
            } else {
                Finding::fail(
                    AREA,
                    "the proxy answers the upgrade itself, wrongly; pass Sec-WebSocket-Key and Sec-WebSocket-Accept unchanged",
                )
            }
        }
        Ok(answer) => {
            let status = answer.status();
            let text = format!(
                "the upgrade is answered {status}; the proxy must speak HTTP/1.1 upstream and pass Upgrade and Connection (config/nginx.conf); pages go on by polling"
            );
            Finding::warn(AREA, text)
        }
        Err(error) => Finding::fail(AREA, format!("no answer to the upgrade ({})", chain(&error))),
    }
}
