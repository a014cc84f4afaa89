//! The envelope of YClients' answers, which has many forms (facts: `success`, `data`, `meta`; or none of them; or no body at all).

use std::time::Duration;

use serde_json::Value;

use super::call::Repeat;
use super::failure::{CallError, Refusal};
use super::types::loose::{Known, Listed, integer_of, object_of};

/// One answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    /// `Retry-After`.
    pub after: Option<Duration>,
    /// `None` when it broke off or was too long.
    pub body: Option<Vec<u8>>,
    /// May the call be repeated without harm?
    pub repeat: Repeat,
}

/// What a good answer carries.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Content {
    pub data: Value,
    pub meta: Value,
}

impl Answer {
    /// A deed was done: 2xx or 3xx whose envelope, if there is one, does not say no. The body is not needed.
    pub(super) fn done(self) -> Result<(), CallError> {
        self.refuse_status()?;
        match self.json() {
            Some(body) if says_no(&body) => Err(CallError::Refused(Refusal::of(self.status, &body))),
            Some(_) | None => Ok(()),
        }
    }

    /// 2xx and 3xx alone decide; the body may be a page for people.
    pub(super) fn done_by_status(&self) -> Result<(), CallError> {
        self.refuse_status()
    }

    /// Is it YClients that speaks, and not something on the way to it?
    pub(super) fn is_envelope(&self) -> bool {
        self.json().is_some_and(|body| body.is_object())
    }

    /// What a question brought. No body, no JSON, a redirect or a page is an upstream error.
    pub(super) fn content(self, what: &'static str) -> Result<Content, CallError> {
        self.refuse_status()?;
        if self.body.is_none() {
            return Err(self.lost());
        }
        let body = self.json().filter(|_| self.status < 300).ok_or(CallError::Unreadable { what })?;
        if says_no(&body) {
            return Err(CallError::Refused(Refusal::of(self.status, &body)));
        }
        Ok(open(body))
    }

    /// A list of things.
    pub(super) fn list<T: serde::de::DeserializeOwned + Known>(self, what: &'static str) -> Result<Listed<T>, CallError> {
        let Content { data, meta } = self.content(what)?;
        let total = integer_of(&meta["total_count"]).or_else(|| integer_of(&meta["count"])).and_then(|total| u64::try_from(total).ok());
        Listed::of(data, total).ok_or(CallError::Unreadable { what })
    }

    /// One thing; where YClients wraps it into a list, the first of it.
    pub(super) fn one<T: serde::de::DeserializeOwned + Known>(self, what: &'static str) -> Result<T, CallError> {
        let data = match self.content(what)?.data {
            Value::Array(items) => items.into_iter().next().unwrap_or_default(),
            other => other,
        };
        object_of(data).filter(T::is_known).ok_or(CallError::Unreadable { what })
    }

    fn refuse_status(&self) -> Result<(), CallError> {
        match self.status {
            200..=399 => Ok(()),
            429 => Err(CallError::Retryable { after: self.after }),
            408 | 500..=599 => Err(self.lost()),
            _ => Err(CallError::Refused(Refusal::of(self.status, &self.json().unwrap_or_default()))),
        }
    }

    /// A broken answer after which a question may be asked again and a deed may have been done.
    fn lost(&self) -> CallError {
        match self.repeat {
            Repeat::Safe => CallError::Retryable { after: self.after },
            Repeat::Never => CallError::Unclear { status: Some(self.status) },
        }
    }

    fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.body.as_deref()?).ok()
    }
}

/// `success: false`, or errors where data should be.
fn says_no(body: &Value) -> bool {
    let Value::Object(fields) = body else { return false };
    match fields.get("success") {
        Some(success) => super::types::loose::flag_of(success) == Some(false),
        None => !fields.contains_key("data") && (fields.contains_key("errors") || fields.contains_key("error")),
    }
}

/// The envelope's parts; without an envelope (the old format) the body is the data.
fn open(body: Value) -> Content {
    match body {
        Value::Object(mut fields) if fields.contains_key("data") || fields.contains_key("success") => {
            let mut part = |name: &str| fields.remove(name).unwrap_or_default();
            Content { data: part("data"), meta: part("meta") }
        }
        other => Content { data: other, meta: Value::Null },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::yclients::types::loose;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Thing {
        #[serde(deserialize_with = "loose::id")]
        id: Option<u64>,
    }

    impl Known for Thing {
        fn is_known(&self) -> bool {
            self.id.is_some()
        }
    }

    fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status, after: None, body: Some(body.into()), repeat: Repeat::Safe }
    }

    fn json_answer(status: u16, body: &Value) -> Answer {
        answer(status, body.to_string())
    }

    #[test]
    fn every_form_of_the_envelope_is_opened() {
        for (body, ids) in [
            (json!({"success": true, "data": [{"id": "1"}, {"id": 2}], "meta": {"total_count": 2}}), vec![1, 2]),
            (json!({"success": true, "data": [{"id": 1}], "meta": []}), vec![1]),
            (json!({"success": 1, "data": [{"id": 1}]}), vec![1]),
            (json!({"data": [{"id": 1}]}), vec![1]),
            (json!([{"id": 1}]), vec![1]),
            (json!({"success": true, "data": [], "meta": {}}), vec![]),
        ] {
            let listed: Listed<Thing> = json_answer(200, &body).list("things").unwrap_or_else(|error| panic!("{body}: {error}"));
            assert_eq!(listed.items.iter().filter_map(|thing| thing.id).collect::<Vec<_>>(), ids, "{body}");
        }
    }

    #[test]
    fn a_created_thing_comes_as_an_object_or_as_a_list_of_one() {
        for body in [json!({"success": true, "data": {"id": 5}}), json!({"success": true, "data": [{"id": "5"}]}), json!({"id": 5})] {
            assert_eq!(json_answer(201, &body).one::<Thing>("thing"), Ok(Thing { id: Some(5) }), "{body}");
        }
    }

    #[test]
    fn deeds_need_no_body_and_redirects_are_success() {
        for status in [200, 201, 202, 204, 301, 302, 303, 307, 308] {
            assert_eq!(answer(status, "").done(), Ok(()), "{status}");
            assert_eq!(answer(status, "<!doctype html>").done(), Ok(()), "{status}");
        }
        for body in [
            json!({"success": true, "meta": {"message": "Created"}}),
            json!({"success": true, "data": null, "meta": []}),
            json!("Accepted"),
        ] {
            assert_eq!(json_answer(201, &body).done(), Ok(()), "{body}");
        }
        let no = json_answer(200, &json!({"success": false, "data": null, "meta": {"message": "нет"}})).done();
        assert!(matches!(no, Err(CallError::Refused(Refusal { status: 200, .. }))), "{no:?}");
    }

    #[test]
    fn statuses_mean_what_they_mean() {
        let (lost, later) = (|status| CallError::Unclear { status: Some(status) }, || CallError::Retryable { after: None });
        for status in [500, 502, 503, 504, 408] {
            assert_eq!(answer(status, "<html>").done(), Err(later()), "a question may be repeated");
            let deed = Answer { repeat: Repeat::Never, ..answer(status, "<html>") };
            assert_eq!(deed.done(), Err(lost(status)), "a deed may have happened");
        }
        let slow = Answer { after: Some(Duration::from_secs(7)), ..answer(429, "") };
        assert_eq!(slow.done(), Err(CallError::Retryable { after: Some(Duration::from_secs(7)) }));
        for status in [400, 401, 402, 403, 404, 422] {
            let Err(CallError::Refused(refusal)) = json_answer(status, &json!({"errors": {}, "meta": {"message": "нет"}})).done() else {
                panic!("{status} is a refusal");
            };
            assert_eq!((refusal.status, refusal.message.as_deref()), (status, Some("нет")));
        }
    }

    #[test]
    fn an_upstream_error_never_is_an_empty_list() {
        let cases = [
            answer(200, ""),
            answer(204, ""),
            answer(200, "null"),
            answer(200, "{}"),
            answer(200, "<!doctype html><h1>nginx</h1>"),
            answer(301, "<html>"),
            answer(200, r#"{"success":true,"data":[{"id":1},"#),
            json_answer(200, &json!({"success": false, "data": [], "meta": {"message": "нет"}})),
            json_answer(200, &json!({"success": true, "data": null, "meta": []})),
            json_answer(200, &json!({"success": true})),
            json_answer(200, &json!({"errors": [], "meta": {"message": "нет"}})),
            json_answer(200, &json!({"error": "Too many requests"})),
            json_answer(200, &json!({"success": true, "data": {"message": "нет"}})),
            json_answer(429, &json!([])),
            json_answer(502, &json!({"success": true, "data": []})),
            json_answer(404, &json!({"success": true, "data": []})),
            Answer { body: None, ..answer(200, "") },
        ];
        for case in cases {
            let shown = format!("{case:?}");
            assert!(case.list::<Thing>("things").is_err(), "{shown}");
        }
    }

    proptest! {
        /// Whatever the status and the body: an empty list is read only from a 2xx whose data is an empty list.
        #[test]
        fn nothing_but_an_empty_list_is_empty(status in 100..600_u16, bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            loose::tests::any_json().prop_map(|value| value.to_string().into_bytes()),
            loose::tests::any_json().prop_map(|value| json!({"success": true, "data": value}).to_string().into_bytes()),
        ]) {
            let parsed: Option<Value> = serde_json::from_slice(&bytes).ok();
            let empty = |value: &Value| *value == json!([]);
            let truly = parsed.as_ref().is_some_and(|body| empty(body) || empty(&body["data"])) && (200..300).contains(&status);
            let read = answer(status, bytes.clone()).list::<Thing>("things");
            if read.as_ref().is_ok_and(|listed| listed.items.is_empty()) {
                prop_assert!(truly, "{:?}", read);
            }
            let _ = (answer(status, bytes.clone()).done(), answer(status, bytes).one::<Thing>("thing"));
        }
    }
}
