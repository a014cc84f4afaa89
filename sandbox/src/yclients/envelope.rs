//! The shapes of YClients' answers.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use serde_json::{Value, json};

/// The page somebody ends up on who follows a redirect or meets a gateway.
const PAGE: &str = "<!doctype html><html lang=\"ru\"><meta charset=\"utf-8\"><title>YClients</title><h1>YClients</h1>";

/// What YClients decided to answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    content: Content,
    location: Option<String>,
    retry_after: Option<u64>,
}

#[derive(Debug)]
enum Content {
    Json(Value),
    Html,
    Text(String),
}

impl Answer {
    /// `{"success":true,"data":…,"meta":…}`.
    pub fn success(status: StatusCode, data: Value, meta: Value) -> Self {
        Self::json(status, json!({"success": true, "data": data, "meta": meta}))
    }

    /// 200 with data and the empty `meta` that is an array.
    pub fn ok(data: Value) -> Self {
        Self::success(StatusCode::OK, data, json!([]))
    }

    /// `{"success":false,"data":null,"meta":{"message":…}}`.
    pub fn failure(status: StatusCode, message: &str) -> Self {
        Self::json(status, json!({"success": false, "data": null, "meta": {"message": message}}))
    }

    /// 422 naming the fields.
    pub fn invalid(errors: Value) -> Self {
        let meta = json!({"message": "Произошла ошибка валидации", "errors": errors});
        Self::json(StatusCode::UNPROCESSABLE_ENTITY, json!({"success": false, "data": null, "meta": meta}))
    }

    /// Any JSON.
    pub fn json(status: StatusCode, body: Value) -> Self {
        Self { status, content: Content::Json(body), location: None, retry_after: None }
    }

    /// 204: not a byte of body.
    pub fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, content: Content::Text(String::new()), location: None, retry_after: None }
    }

    /// The body, where it is JSON.
    #[cfg(test)]
    pub fn shown(&self) -> Option<Value> {
        match &self.content {
            Content::Json(value) => Some(value.clone()),
            Content::Html | Content::Text(_) => None,
        }
    }

    /// A page, whatever was expected.
    pub fn html(status: StatusCode) -> Self {
        Self { status, content: Content::Html, location: None, retry_after: None }
    }

    /// 301 to `location`.
    pub fn moved(location: String) -> Self {
        Self { location: Some(location), ..Self::html(StatusCode::MOVED_PERMANENTLY) }
    }

    /// A status on demand: text is sent as it is, JSON as JSON, nothing as the usual failure.
    pub fn on_demand(status: StatusCode, body: Option<&Value>, retry_after: Option<u64>) -> Self {
        let answer = match body {
            Some(Value::String(text)) => Self { content: Content::Text(text.clone()), ..Self::html(status) },
            Some(body) => Self::json(status, body.clone()),
            None => Self::failure(status, usual_message(status)),
        };
        Self { retry_after, ..answer }
    }

    /// The format of callers that don't ask for version 2: the data alone, errors without `success`.
    #[must_use]
    pub fn in_old_format(mut self) -> Self {
        if let Content::Json(Value::Object(fields)) = &mut self.content {
            let old = match fields.remove("data") {
                Some(data) if self.status.is_success() => data,
                _ => json!({"errors": fields.remove("meta").unwrap_or(Value::Null)}),
            };
            self.content = Content::Json(old);
        }
        self
    }

    /// The response on the wire.
    pub fn into_response(self) -> Response<Body> {
        let (kind, body) = match self.content {
            Content::Json(value) => ("application/json; charset=utf-8", value.to_string()),
            Content::Html => ("text/html; charset=utf-8", PAGE.to_owned()),
            Content::Text(text) => ("text/plain; charset=utf-8", text),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(location) = self.location.and_then(|location| HeaderValue::try_from(location).ok()) {
            headers.insert(header::LOCATION, location);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn usual_message(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "Агрегатор не найден",
        401 => "Необходима авторизация",
        402 => "Функция не оплачена",
        403 => "Недостаточно прав",
        404 => "Не найдено",
        422 => "Произошла ошибка валидации",
        429 => "Превышен лимит запросов",
        _ => "Внутренняя ошибка сервера",
    }
}
