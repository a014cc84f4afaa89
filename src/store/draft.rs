//! A commit in the making: what the requests of one group change, each as a whole or not at all.
//!
//! ```text
//! Draft (one request) ──accepted──▶ Group (all requests of one commit) ──▶ sled::Batch ──▶ Disk
//!   reads: its own changes, then the group's, then the disk
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use chrono::{DateTime, Utc};
use frontdesk_actors::ports::CompanyRow;

use crate::store::counters::Counters;
use crate::store::disk::{Disk, Walk};
use crate::store::fault::Fault;
use crate::store::keys::{self, Key};
use crate::store::pieces::{self, Entries, Pieces};
use crate::store::records::{Stored, decode, encode};
use crate::store::seal::Seal;

/// New entries by key; `None` removes.
type Changes = BTreeMap<Key, Option<Vec<u8>>>;

/// Accepted changes of one commit.
#[derive(Default)]
pub(super) struct Group {
    changes: Changes,
    bytes: usize,
    companies: Vec<CompanyRow>,
}

impl Group {
    /// Bytes of keys and entries so far.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of keys.
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Every key with its new entry; `None` removes.
    pub(super) fn changes(&self) -> impl Iterator<Item = (&Key, Option<&Vec<u8>>)> {
        self.changes.iter().map(|(key, entry)| (key, entry.as_ref()))
    }

    /// Companies in it, as they will be, in the order of their writes.
    pub(super) fn take_companies(&mut self) -> Vec<CompanyRow> {
        std::mem::take(&mut self.companies)
    }

    /// Everything, and the counters with it, as one batch of the engine.
    pub(super) fn into_batch(self, counters: &Counters) -> Result<sled::Batch, Fault> {
        let mut batch = sled::Batch::default();
        for (key, entry) in self.changes {
            match entry {
                Some(entry) => batch.insert(key, entry),
                None => batch.remove(key),
            }
        }
        batch.insert(keys::COUNTERS, encode(counters)?);
        Ok(batch)
    }
}

/// Changes of one request, on top of a group.
pub(super) struct Draft<'a> {
    disk: &'a Disk,
    group: &'a Group,
    pub(super) seal: &'a Seal,
    /// The store's clock.
    pub(super) now: DateTime<Utc>,
    /// Next ids and counts, as this request leaves them.
    pub(super) counters: Counters,
    /// Companies it puts, for the list in memory.
    pub(super) companies: Vec<CompanyRow>,
    changes: Changes,
}

/// What a request changed, when it is accepted.
pub(super) struct Accepted {
    changes: Changes,
    companies: Vec<CompanyRow>,
    pub(super) counters: Counters,
}

impl Accepted {
    /// Adds it to the group.
    pub(super) fn join(mut self, group: &mut Group) -> Counters {
        let bytes = |(key, entry): (&Key, &Option<Vec<u8>>)| key.len() + entry.as_ref().map_or(0, Vec::len);
        group.bytes += self.changes.iter().map(bytes).sum::<usize>();
        group.changes.append(&mut self.changes);
        group.companies.append(&mut self.companies);
        self.counters
    }
}

impl<'a> Draft<'a> {
    pub(super) fn new(disk: &'a Disk, seal: &'a Seal, group: &'a Group, counters: &Counters, now: DateTime<Utc>) -> Self {
        Self { disk, group, seal, now, counters: counters.clone(), companies: Vec::new(), changes: Changes::new() }
    }

    pub(super) fn accept(self) -> Accepted {
        Accepted { changes: self.changes, companies: self.companies, counters: self.counters }
    }

    /// The opened value at `key`.
    pub(super) fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        pieces::value(self, self.seal, key, "reading before a write")
    }

    /// The record at `key`.
    pub(super) fn record<T: Stored>(&self, key: &[u8]) -> Result<Option<T>, Fault> {
        self.value(key)?.map(|json| decode(&json)).transpose()
    }

    /// Puts a record.
    pub(super) fn put_record<T: Stored>(&mut self, key: Key, record: &T) -> Result<(), Fault> {
        let json = encode(record)?;
        self.put(key, &json, T::WHAT)
    }

    /// Seals and puts a value.
    pub(super) fn put(&mut self, key: Key, plain: &[u8], what: &'static str) -> Result<(), Fault> {
        let pieces = Pieces::of(self.seal, &key, plain, what)?;
        self.put_pieces(key, pieces)
    }

    /// Puts a value that is sealed already; further parts of an older, longer value go.
    pub(super) fn put_pieces(&mut self, key: Key, pieces: Pieces) -> Result<(), Fault> {
        self.remove_parts(&key)?;
        for (index, part) in (1..).zip(pieces.tail) {
            self.changes.insert(keys::part(&key, index), Some(part));
        }
        self.changes.insert(key, Some(pieces.head));
        Ok(())
    }

    /// Puts a bare marker, if it is not there: the key says it all.
    pub(super) fn put_marker(&mut self, key: Key) -> Result<(), Fault> {
        if self.entry(&key)?.is_none() {
            self.changes.insert(key, Some(Vec::new()));
        }
        Ok(())
    }

    /// Removes a value with all its parts, or a marker; harmless when absent.
    pub(super) fn remove(&mut self, key: Key) -> Result<(), Fault> {
        self.remove_parts(&key)?;
        if self.entry(&key)?.is_some() {
            self.changes.insert(key, None);
        }
        Ok(())
    }

    fn remove_parts(&mut self, key: &[u8]) -> Result<(), Fault> {
        if let Some(head) = self.entry(key)? {
            let gone: Vec<Key> = pieces::part_keys(key, &head).collect();
            self.changes.extend(gone.into_iter().map(|part| (part, None)));
        }
        Ok(())
    }

    /// Removes every value whose key starts with `prefix`.
    pub(super) fn remove_under(&mut self, prefix: &[u8]) -> Result<(), Fault> {
        for prefix in [prefix.to_vec(), keys::parts_under(prefix)] {
            let mut gone = self.disk.keys(&prefix)?;
            gone.extend(keys_under(&self.group.changes, &prefix));
            gone.extend(keys_under(&self.changes, &prefix));
            self.changes.extend(gone.into_iter().map(|key| (key, None)));
        }
        Ok(())
    }

    /// The first `limit` stored keys under `prefix` that no change of this commit touches.
    pub(super) fn first_keys(&self, prefix: &[u8], limit: usize) -> Result<Vec<Key>, Fault> {
        let mut found = Vec::new();
        self.disk.each(prefix, |key, _| {
            if self.changed(key).is_none() {
                found.push(key.to_vec());
            }
            Ok(if found.len() < limit { Walk::On } else { Walk::Stop })
        })?;
        Ok(found)
    }

    /// Every key under `prefix` as this commit would leave it, in order.
    pub(super) fn keys_under(&self, prefix: &[u8]) -> Result<Vec<Key>, Fault> {
        let mut found: BTreeSet<Key> = self.disk.keys(prefix)?.into_iter().collect();
        found.extend(keys_under(&self.group.changes, prefix));
        found.extend(keys_under(&self.changes, prefix));
        found.retain(|key| self.changed(key).is_none_or(Option::is_some));
        Ok(found.into_iter().collect())
    }

    fn changed(&self, key: &[u8]) -> Option<&Option<Vec<u8>>> {
        self.changes.get(key).or_else(|| self.group.changes.get(key))
    }
}

fn keys_under(changes: &Changes, prefix: &[u8]) -> Vec<Key> {
    let from = (Bound::Included(prefix.to_vec()), Bound::Unbounded);
    changes.range(from).map(|(key, _)| key).take_while(|key| key.starts_with(prefix)).cloned().collect()
}

impl Entries for Draft<'_> {
    fn entry(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        match self.changed(key) {
            Some(entry) => Ok(entry.clone()),
            None => self.disk.entry(key),
        }
    }
}
