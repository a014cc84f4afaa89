//! Which call a request is, and which salon it is about.

use std::collections::HashMap;

use axum::{
    extract::Query,
    http::{Method, StatusCode, Uri},
};
use serde_json::Value;

use super::{
    faults::Endpoint,
    rest::{self, Resource},
    world::as_number,
};

/// The calls YClients knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Installation status of an application in a salon.
    Status { salon: u64, app: u64 },
    /// The activation callback; `browser` is the variant that answers 301.
    Callback { browser: bool },
    /// Salons that installed the application.
    Salons { app: u64 },
    /// The partner disconnects a salon.
    Uninstall { salon: u64, app: u64 },
    /// One company.
    Company { id: u64 },
    /// A list of companies.
    Companies,
    /// The partner reports a payment.
    Payment,
    /// The partner takes a payment back.
    Refund { id: u64 },
    /// Link to the payment page.
    PaymentLink,
    /// Tariffs of the application.
    Tariffs { app: u64 },
    /// A discount for salons.
    AddDiscount,
    /// Switches a notification channel.
    UpdateChannel,
    /// Sender names.
    ShortNames,
    /// A salon's data; the salon is `None` where the path does not say.
    Rest { resource: Resource, salon: Option<u64>, method: Method },
    /// The page behind the 301.
    InstalledPage,
}

impl Route {
    /// Finds the call of a method and a path; a trailing slash makes no difference.
    pub fn find(method: &Method, path: &str) -> Result<Self, StatusCode> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let (route, wanted) = match segments.as_slice() {
            ["marketplace", rest @ ..] => Self::marketplace(rest)?,
            ["api", "v1", "company", id] => (Self::Company { id: number(id)? }, Method::GET),
            ["api", "v1", "companies"] => (Self::Companies, Method::GET),
            ["api", "v1", rest @ ..] => return Self::rest(method, rest),
            ["appstore", "installed"] => (Self::InstalledPage, Method::GET),
            _ => return Err(StatusCode::NOT_FOUND),
        };
        if *method == wanted { Ok(route) } else { Err(StatusCode::METHOD_NOT_ALLOWED) }
    }

    fn rest(method: &Method, segments: &[&str]) -> Result<Self, StatusCode> {
        let (resource, salon, methods) = rest::find(segments).ok_or(StatusCode::NOT_FOUND)?;
        let route = Self::Rest { resource, salon, method: method.clone() };
        if methods.contains(method) { Ok(route) } else { Err(StatusCode::METHOD_NOT_ALLOWED) }
    }

    fn marketplace(segments: &[&str]) -> Result<(Self, Method), StatusCode> {
        Ok(match segments {
            ["salon", salon, "application", app] => (Self::Status { salon: number(salon)?, app: number(app)? }, Method::GET),
            ["salon", salon, "application", app, "uninstall"] => {
                (Self::Uninstall { salon: number(salon)?, app: number(app)? }, Method::POST)
            }
            ["partner", "callback"] => (Self::Callback { browser: false }, Method::POST),
            ["partner", "callback", "redirect"] => (Self::Callback { browser: true }, Method::POST),
            ["partner", "payment"] => (Self::Payment, Method::POST),
            ["partner", "payment", "refund", id] => (Self::Refund { id: number(id)? }, Method::POST),
            ["partner", "short_names"] => (Self::ShortNames, Method::POST),
            ["application", "payment_link"] => (Self::PaymentLink, Method::GET),
            ["application", "add_discount"] => (Self::AddDiscount, Method::POST),
            ["application", "update_channel"] => (Self::UpdateChannel, Method::POST),
            ["application", app, "salons"] => (Self::Salons { app: number(app)? }, Method::GET),
            ["application", app, "tariffs"] => (Self::Tariffs { app: number(app)? }, Method::GET),
            _ => return Err(StatusCode::NOT_FOUND),
        })
    }

    /// The group faults are aimed at.
    pub fn endpoint(&self) -> Endpoint {
        match self {
            Self::Callback { .. } => Endpoint::Callback,
            Self::Status { .. } => Endpoint::Status,
            Self::Salons { .. } => Endpoint::Salons,
            Self::Company { .. } | Self::Companies => Endpoint::Company,
            Self::Payment | Self::Refund { .. } | Self::PaymentLink | Self::Tariffs { .. } | Self::AddDiscount => Endpoint::Payment,
            Self::Rest { .. } => Endpoint::Rest,
            Self::Uninstall { .. } | Self::UpdateChannel | Self::ShortNames | Self::InstalledPage => Endpoint::Other,
        }
    }

    /// The salon a call is about: in the path, the query or the body.
    pub fn salon(&self, asked: &Asked) -> Option<u64> {
        match self {
            Self::Status { salon, .. } | Self::Uninstall { salon, .. } => Some(*salon),
            Self::Company { id } => Some(*id),
            Self::Rest { salon, .. } => *salon,
            Self::Companies => asked.number("id"),
            Self::PaymentLink => asked.number("salon_id"),
            Self::Callback { .. } | Self::Payment | Self::UpdateChannel | Self::ShortNames => as_number(&asked.body["salon_id"]),
            Self::Salons { .. } | Self::Refund { .. } | Self::Tariffs { .. } | Self::AddDiscount | Self::InstalledPage => None,
        }
    }
}

/// Query and body of a request.
#[derive(Debug, Default)]
pub struct Asked {
    /// Decoded query parameters, the last of a name wins.
    pub query: HashMap<String, String>,
    /// All of them, in order: arrays repeat their name.
    pub pairs: Vec<(String, String)>,
    /// Parsed body, `null` when there is none or it isn't JSON.
    pub body: Value,
}

impl Asked {
    /// Reads what can be read; the rest is as if it weren't there.
    pub fn read(uri: &Uri, body: &[u8]) -> Self {
        Self {
            query: Query::try_from_uri(uri).map(|Query(query)| query).unwrap_or_default(),
            pairs: Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default(),
            body: serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    /// The values of an array.
    pub fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The values of an array of numbers.
    pub fn numbers(&self, name: &str) -> Vec<u64> {
        self.texts(name).filter_map(|text| text.parse().ok()).collect()
    }

    /// A query parameter that is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.query.get(name)?.parse().ok()
    }
}

fn number(text: &str) -> Result<u64, StatusCode> {
    text.parse().map_err(|_| StatusCode::NOT_FOUND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        let find = |method: Method, path| Route::find(&method, path);
        assert_eq!(find(Method::GET, "/marketplace/salon/7/application/9"), Ok(Route::Status { salon: 7, app: 9 }));
        assert_eq!(find(Method::POST, "/marketplace/partner/callback/"), Ok(Route::Callback { browser: false }));
        assert_eq!(find(Method::POST, "/marketplace/partner/callback/redirect"), Ok(Route::Callback { browser: true }));
        assert_eq!(find(Method::GET, "/api/v1/company/7/"), Ok(Route::Company { id: 7 }));
        assert_eq!(find(Method::GET, "/marketplace/application/payment_link"), Ok(Route::PaymentLink));
        assert_eq!(find(Method::GET, "/api/v1/marketplace/partner/callback"), Err(StatusCode::NOT_FOUND));
        assert_eq!(find(Method::GET, "/marketplace/partner/callback"), Err(StatusCode::METHOD_NOT_ALLOWED));
        assert_eq!(find(Method::GET, "/api/v1/company/undefined/"), Err(StatusCode::NOT_FOUND));
        let rest = |resource, salon, method| Ok(Route::Rest { resource, salon, method });
        assert_eq!(find(Method::PUT, "/api/v1/record/7/9"), rest(Resource::Record(9), Some(7), Method::PUT));
        assert_eq!(find(Method::PUT, "/api/v1/visits/3/9"), rest(Resource::Visit { visit: 3, record: 9 }, None, Method::PUT));
        assert_eq!(find(Method::PATCH, "/api/v1/record/7/9"), Err(StatusCode::METHOD_NOT_ALLOWED));
    }
}
