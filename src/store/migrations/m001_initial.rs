//! From nothing to version 1: the seal check and the counters.

use crate::store::counters::Counters;
use crate::store::fault::Fault;
use crate::store::keys;
use crate::store::migrations::Context;
use crate::store::open::SEAL_CHECK_TEXT;
use crate::store::records::encode;

/// See above.
pub(super) fn run(context: &Context<'_>, batch: &mut sled::Batch) -> Result<(), Fault> {
    batch.insert(keys::SEAL_CHECK, context.seal.seal(keys::SEAL_CHECK, SEAL_CHECK_TEXT));
    batch.insert(keys::COUNTERS, encode(&Counters::default())?);
    Ok(())
}
