//! HTTP for the client's version and for media; one client per way out. With a simulated service every request goes there, else
//! only to WhatsApp.

use std::time::Duration;

use anyhow::{Result, bail};
use async_trait::async_trait;
use ureq::{Agent, ProxyProtocol};
use url::Url;
use wacore::net::{HttpClient, HttpRequest, HttpResponse, StreamingHttpResponse, UploadBody};
use whatsapp_rust::http::UreqHttpClient;

use super::Endpoint;
use super::proxy::{Protocol, Proxy};
use super::tunnel::TUNNEL_LIMIT;

/// As the library's own client has them: its requests are small, and media are streamed.
const BUFFER_BYTES: usize = 16 * 1024;

/// Connections kept open for the next request. The companies of one way share them.
const IDLE_CONNECTIONS: usize = 3;

/// A host that takes the connection and then says nothing has failed.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Where the real service keeps its version and its media. The names of media hosts come from the service itself, so they are
/// judged before we go there.
const HOSTS: [&str; 2] = ["whatsapp.com", "whatsapp.net"];

/// The HTTP client of one way out. Cloning it shares its connections.
#[derive(Clone)]
pub(in crate::whatsapp) struct Http {
    client: UreqHttpClient,
    /// `http://127.0.0.1:7700`, when the service is a simulated one.
    instead: Option<String>,
}

impl Http {
    pub(super) fn new(endpoint: &Endpoint, proxy: Option<&Proxy>) -> Self {
        let instead = endpoint.http_origin();
        let config = Agent::config_builder()
            .input_buffer_size(BUFFER_BYTES)
            .output_buffer_size(BUFFER_BYTES)
            .max_idle_connections(IDLE_CONNECTIONS)
            .timeout_connect(Some(TUNNEL_LIMIT))
            .timeout_recv_response(Some(ANSWER_LIMIT))
            .https_only(instead.is_none())
            // `None` too: by itself it would take one from the environment.
            .proxy(proxy.map(agents_proxy));
        Self { client: UreqHttpClient::with_agent(config.build().into()), instead }
    }

    fn admitted(&self, mut request: HttpRequest) -> Result<HttpRequest> {
        let url = Url::parse(&request.url)?;
        match &self.instead {
            Some(origin) => {
                let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
                request.url = format!("{origin}{}{query}", url.path());
            }
            None if is_whatsapps(&url) => {}
            None => bail!("a request to a host that isn't WhatsApp's is refused"),
        }
        Ok(request)
    }
}

fn is_whatsapps(url: &Url) -> bool {
    let Some(host) = url.domain() else { return false };
    let below = |name: &str| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    url.scheme() == "https" && url.port().is_none() && HOSTS.into_iter().any(below)
}

/// Names are resolved by the proxy.
fn agents_proxy(proxy: &Proxy) -> ureq::Proxy {
    let protocol = match proxy.protocol() {
        Protocol::Socks5 => ProxyProtocol::Socks5h,
        Protocol::Http => ProxyProtocol::Http,
    };
    let builder = ureq::Proxy::builder(protocol).host(&proxy.bracketed_host()).port(proxy.port());
    let builder = match proxy.login() {
        Some(login) => builder.username(login.user()).password(login.password()),
        None => builder,
    };
    builder.build().expect("a proxy's parts were checked when it was parsed")
}

#[async_trait]
impl HttpClient for Http {
    async fn execute(&self, request: HttpRequest) -> Result<HttpResponse> {
        self.client.execute(self.admitted(request)?).await
    }

    fn supports_streaming(&self) -> bool {
        self.client.supports_streaming()
    }

    fn execute_streaming(&self, request: HttpRequest) -> Result<StreamingHttpResponse> {
        self.client.execute_streaming(self.admitted(request)?)
    }

    fn supports_upload_streaming(&self) -> bool {
        self.client.supports_upload_streaming()
    }

    fn execute_upload(&self, request: HttpRequest, body: UploadBody, content_length: u64) -> Result<HttpResponse> {
        self.client.execute_upload(self.admitted(request)?, body, content_length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Login;
    use super::*;

    fn http(endpoint: Option<&str>) -> Http {
        let url = endpoint.map(|text| Url::parse(text).unwrap());
        Http::new(&Endpoint::check(url.as_ref(), endpoint.is_some()).unwrap(), None)
    }

    fn goes_to(http: &Http, url: &str) -> Option<String> {
        http.admitted(HttpRequest::get(url)).ok().map(|request| request.url)
    }

    #[test]
    fn with_a_simulated_service_no_request_leaves_the_machine() {
        let url = goes_to(&http(Some("ws://127.0.0.1:7700/ws/chat")), "https://media.example.net:8443/mms/image/token?auth=1&token=2");
        assert_eq!(url.as_deref(), Some("http://127.0.0.1:7700/mms/image/token?auth=1&token=2"));
    }

    #[test]
    fn with_the_real_service_requests_go_to_whatsapp_only() {
        let http = http(None);
        for url in ["https://web.whatsapp.com/sw.js", "https://media-fra3-1.cdn.whatsapp.net/v/t62?x=1", "https://mmg.whatsapp.net/d/f"] {
            assert_eq!(goes_to(&http, url).as_deref(), Some(url));
        }
        for url in [
            "http://web.whatsapp.com/sw.js",
            "https://web.whatsapp.com:8443/sw.js",
            "https://evilwhatsapp.com/",
            "https://whatsapp.com.example.org/",
            "https://web.whatsapp.com@example.org/",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/",
        ] {
            assert_eq!(goes_to(&http, url), None, "{url}");
        }
    }

    proptest! {
        #[test]
        fn every_proxy_that_parses_suits_the_http_client(host in "[a-zA-Z0-9_.~-]{1,30}", user in "\\PC{1,20}", password in "\\PC{1,20}", port in 1_u16..) {
            let login = Login::new(&user, &password).ok();
            for text in [format!("socks5://{host}:{port}"), format!("http://{host}:{port}")] {
                if let Ok(proxy) = Proxy::parse(&text, login.as_ref()) {
                    let built = agents_proxy(&proxy);
                    prop_assert_eq!((built.port(), built.username()), (proxy.port(), proxy.login().map(Login::user)));
                    prop_assert!(!built.resolve_target());
                }
            }
        }
    }
}
