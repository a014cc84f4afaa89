//! The layout has a version, kept in the tree itself. A newer one than ours is refused; older ones are brought up step by step.
//!
//! Each step is one commit that also raises the version: after a crash it either happened or is tried again. A step that must touch more than
//! fits into one commit does so in idempotent portions and raises the version last.

mod m001_initial;

use crate::store::counters::Counters;
use crate::store::disk::Disk;
use crate::store::fault::Fault;
use crate::store::keys;
use crate::store::pieces::Entries;
use crate::store::records::{decode, encode};
use crate::store::seal::Seal;

/// What a step may use.
pub(super) struct Context<'a> {
    pub(super) disk: &'a Disk,
    pub(super) seal: &'a Seal,
}

/// One step from the version before it to its own.
pub(super) struct Migration {
    /// The version that holds when it is done.
    pub(super) to: u32,
    /// For the log.
    pub(super) name: &'static str,
    /// Adds its changes to the batch.
    pub(super) run: fn(&Context<'_>, &mut sled::Batch) -> Result<(), Fault>,
}

/// All steps in order.
pub(super) const MIGRATIONS: &[Migration] = &[Migration { to: 1, name: "001_initial", run: m001_initial::run }];

/// Why the layout can't be used.
#[derive(Debug)]
pub(super) enum SchemaError {
    Newer { found: u32, supported: u32 },
    Missing,
    Fault(Fault),
}

impl From<Fault> for SchemaError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Brings the database to the last of `migrations`. Was there anything to do?
pub(super) fn migrate(context: &Context<'_>, migrations: &[Migration]) -> Result<bool, SchemaError> {
    let found = version(context.disk)?;
    let supported = migrations.last().map_or(0, |migration| migration.to);
    let found = match found {
        Some(found) if found > supported => return Err(SchemaError::Newer { found, supported }),
        Some(found) => found,
        None if context.disk.is_empty()? && context.disk.marked_commits() == 0 => 0,
        None => return Err(SchemaError::Missing),
    };
    for migration in migrations.iter().filter(|migration| migration.to > found) {
        let mut batch = sled::Batch::default();
        forget_digest(context, &mut batch)?;
        (migration.run)(context, &mut batch)?;
        batch.insert(keys::SCHEMA, &migration.to.to_be_bytes());
        context.disk.commit(batch, context.disk.marked_commits())?;
        tracing::info!(name = migration.name, version = migration.to, "store.migrated");
    }
    Ok(found < supported)
}

/// A step changes entries past the sum over them, so the sum is made anew after it.
fn forget_digest(context: &Context<'_>, batch: &mut sled::Batch) -> Result<(), Fault> {
    if let Some(bytes) = context.disk.entry(keys::COUNTERS)? {
        let counters = Counters { digest: None, ..decode(&bytes)? };
        batch.insert(keys::COUNTERS, encode(&counters)?);
    }
    Ok(())
}

/// The version found, if any.
pub(super) fn version(disk: &Disk) -> Result<Option<u32>, Fault> {
    let Some(bytes) = disk.entry(keys::SCHEMA)? else {
        return Ok(None);
    };
    let bytes = bytes.as_slice().try_into().map_err(|_| Fault::Incomplete { what: "schema version" })?;
    Ok(Some(u32::from_be_bytes(bytes)))
}
