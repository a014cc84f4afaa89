//! Trying a key: what the right one opens, and what a wrong one costs. The same for HTTP and for the sockets.

use std::net::IpAddr;

use thiserror::Error;

use super::{Operator, Operators};
use crate::admission::{Admission, Limited};

/// Why a key opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyRefused {
    /// It is wrong, expired or revoked.
    #[error("the key opens nothing")]
    Wrong,
    /// Too many wrong ones came from there.
    #[error("too many wrong keys")]
    LockedOut(#[from] Limited),
}

impl Operators {
    /// Who holds this key, which somebody at this address presents.
    pub async fn try_key(&self, key: &str, client: IpAddr, admission: &Admission) -> Result<Operator, KeyRefused> {
        admission.may_try_key(client)?;
        match self.principal(key).await {
            Some(operator) => Ok(operator),
            None => {
                admission.guessed_key(client)?;
                Err(KeyRefused::Wrong)
            }
        }
    }
}
