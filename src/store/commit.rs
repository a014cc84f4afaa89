//! Makes a group of accepted changes durable. Whoever writes goes through here: the writer, and a restore.

use crate::store::backup::Copying;
use crate::store::counters::Counters;
use crate::store::disk::Disk;
use crate::store::draft::Group;
use crate::store::fault::Fault;
use crate::store::keys;
use crate::store::pieces::Entries as _;

/// Commits the group with its counters, whose sum and number are brought up to date. A copy in progress gets what is about to be replaced.
pub(super) fn commit(disk: &Disk, group: Group, counters: &mut Counters, copying: Option<&mut Copying>) -> Result<(), Fault> {
    counters.commits += 1;
    let mut copying = copying;
    for (key, after) in group.changes() {
        let before = disk.entry(key)?;
        if let Some(digest) = &mut counters.digest {
            digest.change(key, before.as_deref(), after.map(Vec::as_slice));
        }
        if let Some(copying) = &mut copying {
            copying.overtaken(key, before.as_deref());
        }
    }
    if let Some(copying) = &mut copying {
        copying.overtaken(keys::COUNTERS, disk.entry(keys::COUNTERS)?.as_deref());
    }
    disk.commit(group.into_batch(counters)?, counters.commits)
}
