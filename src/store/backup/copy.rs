//! A copy of one moment, made by the writer in portions between its commits.
//!
//! The engine has no snapshots, and stopping all commits for a gigabyte would be felt. So the writer walks through the tree a little at a time,
//! and before a commit replaces an entry the walk has not reached yet, the old one is copied first: it is *overtaken*. The order of a copy
//! therefore means nothing; each key is in it once, as it was when the copy began.
//!
//! The writer never waits for the file: while that takes nothing, the walk rests, and what is overtaken meanwhile is held in memory, up to a limit.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc::{self, OwnedPermit};

use super::BackupHead;
use crate::store::counters::Counters;
use crate::store::disk::{Disk, Walk};
use crate::store::fault::Fault;
use crate::store::keys::Key;
use crate::store::migrations;

/// Bytes copied between two commits: some hundreds of microseconds.
const PORTION_BYTES: usize = 128 * 1024;

/// Words that may wait for the file: eight portions, the first word, and the place that is kept for the last.
pub(in crate::store) const WORDS_WAITING: usize = 8 + 2;

/// Bytes held for a file that takes nothing; beyond, the copy is given up. Half of the longest frame of a file.
const HELD_BYTES: usize = if cfg!(test) { 256 * 1024 } else { 32 * 1024 * 1024 };

/// What a copy tells whoever writes it down.
pub(in crate::store) enum CopyWord {
    /// It begins; the moment it shows.
    Begun(BackupHead),
    /// Some entries, encoded by [`encode`].
    Portion { pairs: u64, bytes: Vec<u8> },
    /// That was all.
    Complete,
    /// It can't be made.
    Failed(String),
    /// The file takes it too slowly.
    TooSlow,
}

/// What became of the writer's turn at a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Turn {
    /// A portion was copied, and there is more.
    Copied,
    /// Nothing was done: the file takes nothing now.
    Waits,
    /// It is over, well or not.
    Over,
}

/// The wish for a copy.
pub(in crate::store) struct CopyOrder {
    pub(in crate::store) out: mpsc::Sender<CopyWord>,
}

/// A copy in progress; lives with the writer.
pub(in crate::store) struct Copying {
    out: mpsc::Sender<CopyWord>,
    /// The place of the last word. `None`: whoever asked had given up already.
    last: Option<OwnedPermit<CopyWord>>,
    /// The last key the walk has reached.
    reached: Option<Key>,
    /// Keys beyond it that are in the copy already, or were absent when it began.
    overtaken: BTreeSet<Key>,
    /// Bytes of those.
    overtaken_bytes: usize,
    pairs: u64,
    portion: Vec<u8>,
}

impl Copying {
    /// Begins at this moment.
    pub(in crate::store) fn begin(order: CopyOrder, disk: &Disk, counters: &Counters, now: DateTime<Utc>) -> Result<Self, Fault> {
        let schema = migrations::version(disk)?.ok_or(Fault::Incomplete { what: "schema version" })?;
        let head = BackupHead { made_at: now, program: env!("CARGO_PKG_VERSION").to_owned(), schema, companies: counters.last_company };
        let last = order.out.clone().try_reserve_owned().ok();
        let _ = order.out.try_send(CopyWord::Begun(head)); // whoever gave up is noticed at the first portion
        let overtaken = BTreeSet::new();
        Ok(Self { out: order.out, last, reached: None, overtaken, overtaken_bytes: 0, pairs: 0, portion: Vec::new() })
    }

    /// A commit is about to replace what `key` holds.
    pub(in crate::store) fn overtaken(&mut self, key: &[u8], before: Option<&[u8]>) {
        let copied = self.reached.as_deref().is_some_and(|reached| key <= reached) || self.overtaken.contains(key);
        if copied {
            return;
        }
        self.overtaken.insert(key.to_vec());
        self.overtaken_bytes += key.len();
        if let Some(entry) = before {
            encode(&mut self.portion, key, entry);
            self.pairs += 1;
        }
    }

    /// Copies one portion, if the file takes one.
    pub(in crate::store) fn go_on(&mut self, disk: &Disk) -> Turn {
        if self.out.is_closed() {
            return Turn::Over;
        }
        if self.out.capacity() == 0 {
            let held = self.portion.len() + self.overtaken_bytes;
            return if held <= HELD_BYTES { Turn::Waits } else { self.end(CopyWord::TooSlow) };
        }
        match self.portion(disk) {
            Ok(more) => match (self.hand_over(), more) {
                (true, true) => Turn::Copied,
                (true, false) => self.end(CopyWord::Complete),
                (false, _) => Turn::Over,
            },
            Err(fault) => self.end(CopyWord::Failed(fault.describe())),
        }
    }

    fn end(&mut self, word: CopyWord) -> Turn {
        if let Some(last) = self.last.take() {
            last.send(word);
        }
        Turn::Over
    }

    /// Walks on for one portion; is there more?
    fn portion(&mut self, disk: &Disk) -> Result<bool, Fault> {
        let from = self.reached.clone();
        let full = self.portion.len() + PORTION_BYTES;
        let mut more = false;
        disk.each_after(b"", from, |key, entry| {
            if self.portion.len() >= full {
                more = true;
                return Ok(Walk::Stop);
            }
            if self.overtaken.remove(key) {
                self.overtaken_bytes -= key.len();
            } else {
                encode(&mut self.portion, key, entry);
                self.pairs += 1;
            }
            self.reached = Some(key.to_vec());
            Ok(Walk::On)
        })?;
        Ok(more)
    }

    /// Is anybody still there to take it?
    fn hand_over(&mut self) -> bool {
        let bytes = std::mem::take(&mut self.portion);
        let pairs = std::mem::take(&mut self.pairs);
        self.out.try_send(CopyWord::Portion { pairs, bytes }).is_ok()
    }
}

/// Appends one entry: lengths, key, entry.
pub(super) fn encode(to: &mut Vec<u8>, key: &[u8], entry: &[u8]) {
    let lengths = (u32::try_from(key.len()), u32::try_from(entry.len()));
    let (Ok(key_bytes), Ok(entry_bytes)) = lengths else {
        unreachable!("keys and entries are bounded to some kilobytes when they are written");
    };
    to.extend_from_slice(&key_bytes.to_be_bytes());
    to.extend_from_slice(&entry_bytes.to_be_bytes());
    to.extend_from_slice(key);
    to.extend_from_slice(entry);
}

/// Takes apart what [`encode`] made; `None` when it is none.
pub(super) fn decode(mut bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut pairs = Vec::new();
    while !bytes.is_empty() {
        let (key_bytes, rest) = bytes.split_first_chunk::<4>()?;
        let (entry_bytes, rest) = rest.split_first_chunk::<4>()?;
        let (key, rest) = rest.split_at_checked(u32::from_be_bytes(*key_bytes) as usize)?;
        let (entry, rest) = rest.split_at_checked(u32::from_be_bytes(*entry_bytes) as usize)?;
        pairs.push((key, entry));
        bytes = rest;
    }
    Some(pairs)
}
