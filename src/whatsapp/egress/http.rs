//! HTTP for the client's version and for media; one client for the process. With a simulated service every request goes there.

use anyhow::Result;
use async_trait::async_trait;
use url::Url;
use wacore::net::{HttpClient, HttpRequest, HttpResponse, StreamingHttpResponse, UploadBody};
use whatsapp_rust::http::UreqHttpClient;

use super::Endpoint;

/// The shared HTTP client. Cloning it shares its connections.
#[derive(Clone)]
pub(in crate::whatsapp) struct Http {
    client: UreqHttpClient,
    /// `http://127.0.0.1:7700`, when the service is a simulated one.
    instead: Option<String>,
}

impl Http {
    pub(in crate::whatsapp) fn new(endpoint: &Endpoint) -> Self {
        Self { client: UreqHttpClient::new(), instead: endpoint.http_origin() }
    }

    fn redirected(&self, mut request: HttpRequest) -> Result<HttpRequest> {
        if let Some(origin) = &self.instead {
            let url = Url::parse(&request.url)?;
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            request.url = format!("{origin}{}{query}", url.path());
        }
        Ok(request)
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn execute(&self, request: HttpRequest) -> Result<HttpResponse> {
        self.client.execute(self.redirected(request)?).await
    }

    fn supports_streaming(&self) -> bool {
        self.client.supports_streaming()
    }

    fn execute_streaming(&self, request: HttpRequest) -> Result<StreamingHttpResponse> {
        self.client.execute_streaming(self.redirected(request)?)
    }

    fn supports_upload_streaming(&self) -> bool {
        self.client.supports_upload_streaming()
    }

    fn execute_upload(&self, request: HttpRequest, body: UploadBody, content_length: u64) -> Result<HttpResponse> {
        self.client.execute_upload(self.redirected(request)?, body, content_length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_a_simulated_service_no_request_leaves_the_machine() {
        let endpoint = Endpoint::check(Some(&Url::parse("ws://127.0.0.1:7700/ws/chat").unwrap()), true).unwrap();
        let request = HttpRequest::get("https://media.example.net:8443/mms/image/token?auth=1&token=2");
        let url = Http::new(&endpoint).redirected(request).unwrap().url;
        assert_eq!(url, "http://127.0.0.1:7700/mms/image/token?auth=1&token=2");
    }
}
