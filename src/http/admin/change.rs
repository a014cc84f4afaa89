//! Changes by operators: written to the audit log before they are made, with how they ended before they are answered. A change goes on when its
//! caller hangs up.

use std::future::Future;

use frontdesk_actors::fleet::CallError;
use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::operators::{AuditOutcome, NewAuditEntry};
use frontdesk_actors::ports::RecordsError;
use serde_json::Value;

use super::AdminState;
use super::caller::Caller;
use crate::http::error::ApiError;

/// What is about to be changed.
#[derive(Debug, Clone)]
pub struct Change {
    action: &'static str,
    company: Option<CompanyId>,
    target: Option<String>,
    before: Value,
}

impl Change {
    /// `session.restart`, `key.create`.
    pub fn of(action: &'static str) -> Self {
        Self { action, company: None, target: None, before: Value::Null }
    }

    /// Its name.
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// Whose.
    #[must_use]
    pub fn company(mut self, company: CompanyId) -> Self {
        self.company = Some(company);
        self
    }

    /// What else it is about.
    #[must_use]
    pub fn target(mut self, target: impl ToString) -> Self {
        self.target = Some(target.to_string());
        self
    }

    /// How it is now; without secrets, phones and texts.
    #[must_use]
    pub fn before(mut self, before: Value) -> Self {
        self.before = before;
        self
    }

    /// The audit entry of this change by this caller.
    pub fn by(self, caller: &Caller) -> NewAuditEntry {
        NewAuditEntry {
            actor: caller.operator.actor(),
            address: caller.address.to_string(),
            request_id: caller.request_id.clone(),
            action: self.action.to_owned(),
            company: self.company,
            target: self.target,
            before: self.before,
        }
    }
}

impl AdminState {
    /// Makes a change. `work` gives the answer and what the audit log says of how it is now.
    pub async fn change<T: Send + 'static>(
        &self,
        caller: &Caller,
        change: Change,
        work: impl Future<Output = Result<(T, Value), ApiError>> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (records, entry) = (self.records.clone(), change.by(caller));
        self.to_the_end(async move {
            let id = records.begin_audit(entry).await.map_err(stored)?;
            let (result, outcome, after) = match work.await {
                Ok((answer, after)) => (Ok(answer), AuditOutcome::Done, after),
                Err(error) => {
                    let outcome = AuditOutcome::Failed(error.code().to_owned());
                    (Err(error), outcome, Value::Null)
                }
            };
            if let Err(error) = records.finish_audit(id, outcome, after).await {
                tracing::error!(%error, audit.id = id.0, "how a change ended could not be written to the audit log: its entry stays pending");
            }
            result
        })
        .await
    }

    /// Carries `work` to its end, whoever still waits for it.
    pub async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.changes.spawn(work).await.unwrap_or_else(|panicked| Err(ApiError::internal(panicked)))
    }
}

/// A store that could not do it.
pub fn stored(error: RecordsError) -> ApiError {
    CallError::from(error).into()
}
