//! An event as one flat JSON object: when, how bad, what, then every field of the event and of the spans around it under its own name, the
//! innermost first served. So `request.id` is in every line that a request brought about, wherever it was written.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{SecondsFormat, Utc};
use serde::ser::{SerializeMap as _, Serializer as _};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// The format.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line;

impl<S> FormatEvent<S, JsonFields> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(&self, context: &FmtContext<'_, S, JsonFields>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            fields.take(span.extensions().get::<FormattedFields<JsonFields>>());
        }
        let span = context.lookup_current().map(|span| span.name());
        event.record(&mut fields);
        let text = written(event, span, &fields).map_err(|_| fmt::Error)?;
        writeln!(writer, "{text}")
    }
}

fn written(event: &Event<'_>, span: Option<&str>, fields: &Fields) -> Result<String, serde_json::Error> {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut text);
    let mut line = serializer.serialize_map(None)?;
    line.serialize_entry("timestamp", &Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true))?;
    line.serialize_entry("level", event.metadata().level().as_str())?;
    line.serialize_entry("message", &fields.message)?;
    for (name, value) in &fields.others {
        line.serialize_entry(name, value)?;
    }
    line.serialize_entry("span", &span)?;
    line.serialize_entry("target", event.metadata().target())?;
    line.end()?;
    Ok(String::from_utf8(text).expect("JSON is UTF-8"))
}

/// Fields by name; a later one replaces an earlier one.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: BTreeMap<String, Value>,
}

impl Fields {
    /// A span's fields, as the span's formatter keeps them.
    fn take(&mut self, formatted: Option<&FormattedFields<JsonFields>>) {
        let kept = formatted.map(|formatted| formatted.fields.as_str()).unwrap_or_default();
        if let Ok(fields) = serde_json::from_str::<Map<String, Value>>(kept) {
            self.others.extend(fields);
        }
    }

    fn put(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            _ => self.put(field, Value::String(format!("{value:?}"))),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            _ => self.put(field, Value::from(value)),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, Value::String(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }
}
