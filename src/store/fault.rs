//! What can go wrong between a request and the disk, in words an operator can use and without any data.

use std::panic::{AssertUnwindSafe, catch_unwind};

use frontdesk_actors::ports::RecordsError;
use thiserror::Error;

use crate::store::seal::UnsealError;

/// One failed step.
#[derive(Debug, Error)]
pub(super) enum Fault {
    #[error("{step}: the database engine reported an error")]
    Engine {
        step: &'static str,
        #[source]
        source: Box<sled::Error>,
    },
    #[error("{step}: the database engine panicked")]
    Panicked { step: &'static str },
    #[error("{step}: the file system reported an error")]
    File {
        step: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("{step}: a stored value can't be opened")]
    Sealed {
        step: &'static str,
        #[source]
        source: UnsealError,
    },
    #[error("a stored {what} can't be read")]
    Unreadable {
        what: &'static str,
        #[source]
        source: serde_json::Error,
    },
    #[error("a stored {what} has version {version}, which this program does not know")]
    NewerRecord { what: &'static str, version: u32 },
    #[error("a stored {what} is incomplete")]
    Incomplete { what: &'static str },
    #[error("{what} is larger than {limit_bytes} bytes")]
    TooLarge { what: &'static str, limit_bytes: usize },
    #[error("{rule}")]
    Refused { rule: &'static str },
}

impl Fault {
    /// Marks an engine error with the step it broke.
    pub(super) fn engine(step: &'static str) -> impl FnOnce(sled::Error) -> Self {
        move |source| Self::Engine { step, source: Box::new(source) }
    }

    /// Marks a file error with the step it broke.
    pub(super) fn file(step: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { step, source }
    }

    /// Is it about what one record holds? Then the others can still be read. Otherwise it is the database, the disk, or the request.
    pub(super) fn is_of_one_record(&self) -> bool {
        match self {
            Self::Sealed { .. } | Self::Unreadable { .. } | Self::NewerRecord { .. } | Self::Incomplete { .. } => true,
            Self::Engine { .. } | Self::Panicked { .. } | Self::File { .. } | Self::TooLarge { .. } | Self::Refused { .. } => false,
        }
    }

    /// The answer to the one request it broke. Asked again, that would meet the same, unless engine or disk had a bad moment.
    pub(super) fn refusal(self) -> RecordsError {
        match self {
            Self::Engine { .. } | Self::Panicked { .. } | Self::File { .. } => self.into(),
            Self::Sealed { .. }
            | Self::Unreadable { .. }
            | Self::NewerRecord { .. }
            | Self::Incomplete { .. }
            | Self::TooLarge { .. }
            | Self::Refused { .. } => RecordsError::Refused(self.describe()),
        }
    }

    /// The text for [`RecordsError`] and the log: the step and its causes, never data.
    pub(super) fn describe(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl From<Fault> for RecordsError {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.describe())
    }
}

/// Runs engine code that may panic on a damaged database: the panic becomes a named fault.
pub(super) fn guarded<T>(step: &'static str, work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Fault::Panicked { step }))
}
