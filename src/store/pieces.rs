//! How a sealed value lies in the tree: whole, or in parts.
//!
//! The engine puts pages of more than 128 KiB into files of their own that it never syncs (measured: a page holds up to 17 neighbours, so
//! that even values of 30 KiB end there when they are adjacent). Entries therefore stay below [`PART_BYTES`], and a longer value continues
//! under [`keys::part`]. The seal covers the joined value, so parts can't be lost or swapped unnoticed.

use crate::store::disk::{Disk, Walk};
use crate::store::fault::Fault;
use crate::store::keys::{self, Key};
use crate::store::seal::Seal;

/// Longest value of the product and of the protocol library (the port says 60 KiB).
pub(super) const VALUE_BYTES: usize = 60 * 1024;

/// Longest entry in the tree. 31 neighbours fit into a page of 128 KiB; the engine splits pages of 17.
const PART_BYTES: usize = 4 * 1024;

/// First byte of an entry: the sealed value follows.
const WHOLE: u8 = 1;
/// First byte of an entry: the number of further parts (u16) and the first part follow.
const PARTED: u8 = 2;

/// Whatever can look up an entry: the disk, or a batch in the making over it.
pub(super) trait Entries {
    fn entry(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault>;
}

/// A value ready to be put: sealed and cut.
#[derive(Debug)]
pub(super) struct Pieces {
    /// The entry at the value's own key.
    pub(super) head: Vec<u8>,
    /// Entries at [`keys::part`] 1, 2, 3…
    pub(super) tail: Vec<Vec<u8>>,
}

impl Pieces {
    /// Seals and cuts `plain` for `key`.
    pub(super) fn of(seal: &Seal, key: &[u8], plain: &[u8], what: &'static str) -> Result<Self, Fault> {
        if plain.len() > VALUE_BYTES {
            return Err(Fault::TooLarge { what, limit_bytes: VALUE_BYTES });
        }
        let sealed = seal.seal(key, plain);
        let mut parts = sealed.chunks(PART_BYTES);
        let first = parts.next().unwrap_or_default();
        let tail: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).collect();
        let mut head = Vec::with_capacity(first.len() + 3);
        if tail.is_empty() {
            head.push(WHOLE);
        } else {
            head.push(PARTED);
            let count = u16::try_from(tail.len()).expect("60 KiB are 16 parts");
            head.extend_from_slice(&count.to_be_bytes());
        }
        head.extend_from_slice(first);
        Ok(Self { head, tail })
    }

    /// Bytes it takes in the tree, without keys.
    pub(super) fn len(&self) -> usize {
        self.head.len() + self.tail.iter().map(Vec::len).sum::<usize>()
    }
}

/// What lies at a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout<'a> {
    /// Not sealed: a meta value, or a marker whose key says it all.
    Plain,
    /// A value in one piece.
    Whole(&'a [u8]),
    /// A value with this many further parts.
    Parted(u16),
    /// A further part of a value.
    Part,
    /// None of these.
    Unknown,
}

/// Tells what lies at `key`.
pub(super) fn layout<'a>(key: &[u8], entry: &'a [u8]) -> Layout<'a> {
    match (key.first(), entry) {
        (Some(b'm'), _) | (_, []) => Layout::Plain,
        (Some(b'z'), _) => Layout::Part,
        (_, [WHOLE, sealed @ ..]) => Layout::Whole(sealed),
        (_, [PARTED, ..]) => Layout::Parted(further_parts(entry)),
        _ => Layout::Unknown,
    }
}

/// Is it a value, or the beginning of one?
pub(super) fn holds_value(key: &[u8], entry: &[u8]) -> bool {
    !matches!(layout(key, entry), Layout::Plain | Layout::Part)
}

/// How many further parts the entry announces.
pub(super) fn further_parts(head: &[u8]) -> u16 {
    match head {
        [PARTED, high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

/// Keys of the further parts of the value at `key` whose entry is `head`.
pub(super) fn part_keys(key: &[u8], head: &[u8]) -> impl Iterator<Item = Key> {
    (1..=further_parts(head)).map(move |index| keys::part(key, index))
}

/// Opens every value of the database once; returns the number of entries.
pub(super) fn verify(disk: &Disk, seal: &Seal) -> Result<u64, Fault> {
    let mut entries = 0;
    disk.each(b"", |key, head| {
        entries += 1;
        if holds_value(key, head) {
            join(disk, seal, key, head, "verifying")?;
        }
        Ok(Walk::On)
    })?;
    Ok(entries)
}

/// Joins and opens the value at `key` whose entry is `head`.
pub(super) fn join(entries: &impl Entries, seal: &Seal, key: &[u8], head: &[u8], step: &'static str) -> Result<Vec<u8>, Fault> {
    let open = |sealed: &[u8]| seal.open(key, sealed).map_err(|source| Fault::Sealed { step, source });
    match head {
        [WHOLE, sealed @ ..] => open(sealed),
        [PARTED, _, _, first @ ..] => {
            let mut sealed = first.to_vec();
            for part in part_keys(key, head) {
                sealed.extend(entries.entry(&part)?.ok_or(Fault::Incomplete { what: "value" })?);
            }
            open(&sealed)
        }
        _ => Err(Fault::Incomplete { what: "value" }),
    }
}

/// The value at `key`, joined and opened.
pub(super) fn value(entries: &impl Entries, seal: &Seal, key: &[u8], step: &'static str) -> Result<Option<Vec<u8>>, Fault> {
    match entries.entry(key)? {
        None => Ok(None),
        Some(head) => join(entries, seal, key, &head, step).map(Some),
    }
}
