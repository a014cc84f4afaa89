//! Records of the journal. Whatever changes one is never repeated blindly: when its answer is lost, the record is read again and decides.

use chrono::{DateTime, FixedOffset, NaiveDate};
use reqwest::Method;
use serde_json::{Value, json};

use super::SalonApi;
use crate::yclients::failure::CallError;
use crate::yclients::types::loose::Listed;
use crate::yclients::types::records::{Attendance, Record};

/// Records per page; up to 300 were seen to work.
const PAGE: u64 = 200;

/// Pages read at most: a filter that brings more is a mistake.
const PAGES_AT_MOST: u64 = 50;

/// Which records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecordFilter {
    /// Visits on this day or later.
    pub from: Option<NaiveDate>,
    /// Visits on this day or earlier.
    pub to: Option<NaiveDate>,
    /// Of this master.
    pub staff: Option<u64>,
    /// Of this client. There is no filter by phone.
    pub client: Option<u64>,
    /// Changed at this moment or later.
    pub changed_after: Option<DateTime<FixedOffset>>,
    /// Removed ones too.
    pub with_deleted: bool,
}

impl SalonApi {
    /// All records of the filter, page by page. The end is a page that isn't full; `total_count` is not to be trusted.
    pub async fn records(&self, filter: &RecordFilter) -> Result<Listed<Record>, CallError> {
        let mut all = Listed { items: Vec::new(), unreadable: 0, total: None };
        for page in 1..=PAGES_AT_MOST {
            let listed = self.records_page(filter, page).await?;
            let full = listed.items.len() + listed.unreadable >= usize::try_from(PAGE).unwrap_or(usize::MAX);
            all.unreadable += listed.unreadable;
            all.total = listed.total;
            all.items.extend(listed.items);
            if !full {
                return Ok(all);
            }
        }
        Err(CallError::Unreadable { what: "so many records" })
    }

    async fn records_page(&self, filter: &RecordFilter, page: u64) -> Result<Listed<Record>, CallError> {
        let call = self.ask("records", format!("records/{}", self.salon)).with("page", page).with("count", PAGE);
        let call = call.with_some("start_date", filter.from).with_some("end_date", filter.to);
        let call = call.with_some("staff_id", filter.staff).with_some("client_id", filter.client);
        let call = call.with_some("changed_after", filter.changed_after.map(|at| at.to_rfc3339()));
        self.send(call.with_some("with_deleted", filter.with_deleted.then_some(1))).await?.list("the records")
    }

    /// One record. `Ok(None)` when YClients says that there is none.
    pub async fn record(&self, id: u64) -> Result<Option<Record>, CallError> {
        let answer = self.send(self.ask("record", format!("record/{}/{id}", self.salon))).await?;
        if answer.status == 404 && answer.is_envelope() {
            return Ok(None);
        }
        answer.one("the record").map(Some)
    }

    /// The record we made under this number of ours, among the visits of `day`: what to ask after a booking whose answer was lost.
    pub async fn record_by_api_id(&self, api_id: &str, day: NaiveDate) -> Result<Option<Record>, CallError> {
        let filter = RecordFilter { from: Some(day), to: Some(day), ..RecordFilter::default() };
        let listed = self.records(&filter).await?;
        let found = listed.items.into_iter().find(|record| record.fields.api_id.as_deref() == Some(api_id));
        if found.is_none() && listed.unreadable > 0 {
            return Err(CallError::Unreadable { what: "the records" });
        }
        Ok(found)
    }

    /// Adds a record to the journal. Never repeated: see [`Self::record_by_api_id`]. `save_if_busy` is always off.
    pub async fn add_record(&self, body: Value) -> Result<Record, CallError> {
        let mut body = body;
        body["save_if_busy"] = json!(false);
        self.send(self.tell("add_record", Method::POST, format!("records/{}", self.salon), Some(body)))
            .await?
            .one("the record")
            .map_err(made)
    }

    /// Changes fields of a record that was just read: the whole of it goes back, as YClients wants it. A lost answer is settled by reading again:
    /// changed as we wanted = done; untouched = sent once more; changed by somebody else = [`CallError::Unclear`].
    pub async fn change_record(&self, record: &Record, changes: &[(&str, Value)]) -> Result<(), CallError> {
        let id = record.fields.id.ok_or(CallError::Unreadable { what: "the record" })?;
        let mut body = record.raw.clone();
        for (name, value) in changes {
            body[*name] = value.clone();
        }
        let put = || self.tell("change_record", Method::PUT, format!("record/{}/{id}", self.salon), Some(body.clone()));
        let lost = match self.send(put()).await.and_then(super::Answer::done) {
            Err(lost @ CallError::Unclear { .. }) => lost,
            settled => return settled,
        };
        let now = self.record(id).await?.ok_or(CallError::Unreadable { what: "the record" })?;
        if changes.iter().all(|(name, value)| now.raw.get(*name) == Some(value)) {
            return Ok(());
        }
        if now.fields.last_change_date != record.fields.last_change_date {
            return Err(lost);
        }
        self.send(put()).await?.done()
    }

    /// Says that the client confirmed, came or did not come.
    pub async fn set_attendance(&self, visit: u64, record: u64, attendance: Attendance, comment: &str) -> Result<(), CallError> {
        let body = json!({"attendance": attendance.number(), "comment": comment});
        let put = || self.tell("set_attendance", Method::PUT, format!("visits/{visit}/{record}"), Some(body.clone()));
        match self.send(put()).await.and_then(super::Answer::done) {
            Err(CallError::Unclear { .. }) => {}
            settled => return settled,
        }
        let now = self.record(record).await?.ok_or(CallError::Unreadable { what: "the record" })?;
        if now.fields.attendance() == Some(attendance) { Ok(()) } else { self.send(put()).await?.done() }
    }

    /// Removes a record from the journal; harmless when it is gone already.
    pub async fn remove_record(&self, id: u64) -> Result<(), CallError> {
        let delete = || self.tell("remove_record", Method::DELETE, format!("record/{}/{id}", self.salon), None);
        match self.send(delete()).await.and_then(super::Answer::done) {
            Err(CallError::Unclear { .. }) => {}
            Err(CallError::Refused(refusal)) if refusal.status == 404 => return Ok(()),
            settled => return settled,
        }
        match self.record(id).await? {
            None => Ok(()),
            Some(record) if record.fields.deleted == Some(true) => Ok(()),
            Some(_) => self.send(delete()).await?.done(),
        }
    }
}

/// It was made, but what came back can't be read: it must not be made again before somebody looked.
pub(super) fn made(error: CallError) -> CallError {
    match error {
        CallError::Unreadable { .. } => CallError::Unclear { status: None },
        CallError::NotConfigured | CallError::Retryable { .. } | CallError::Unclear { .. } | CallError::Refused(_) => error,
    }
}
