//! Whoever looks after a salon's data: bookings, clients, staff. The seam for salon care; until it comes, [`NoCare`] stands there.

use async_trait::async_trait;
use serde_json::Value;
use thiserror::Error;

use crate::ids::{CompanyId, SalonId};
use crate::records::{DataEvent, DataResource};

/// Takes the data events of a company, in their order, one at a time, each at least once.
#[async_trait]
pub trait DataCare: Send + Sync + 'static {
    /// Acts on one event. `body` is what came, without secrets; an `update` is a hint to read the thing itself.
    async fn handle(&self, company: CompanyId, salon: SalonId, event: &DataEvent, body: &Value) -> Result<(), CareError>;
}

/// Why an event was not acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CareError {
    /// Try again later.
    #[error("the event can't be acted on right now")]
    Passing,
    /// It does not say what it is about: trying again changes nothing.
    #[error("the event does not say what it is about")]
    Unreadable,
}

/// Acts on nothing yet, but tells what could never be acted on.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCare;

#[async_trait]
impl DataCare for NoCare {
    async fn handle(&self, _: CompanyId, _: SalonId, event: &DataEvent, _: &Value) -> Result<(), CareError> {
        let known = !matches!(event.resource, DataResource::Other(_));
        if known && event.resource_id.is_none() { Err(CareError::Unreadable) } else { Ok(()) }
    }
}
