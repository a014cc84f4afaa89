//! A sum over every entry of the tree, kept up to date by each commit. It finds what the engine hides.
//!
//! The engine checks each page it reads, yet after some damage it opens with an older version of a page, or without it, and says nothing. The
//! sum does not depend on the order, so a commit changes it by its own entries only; at start it is made anew from everything that can be
//! read, and must be the same. It guards against accidents, not against people: those are the seal's business.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Number of entries, and the sum of their hashes modulo 2^128. The counters, which hold this, are left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TreeDigest {
    pub(super) entries: u64,
    high: u64,
    low: u64,
}

impl TreeDigest {
    /// An entry is there.
    pub(super) fn add(&mut self, key: &[u8], entry: &[u8]) {
        self.entries = self.entries.wrapping_add(1);
        self.set(self.sum().wrapping_add(hash(key, entry)));
    }

    /// An entry is there no more.
    pub(super) fn remove(&mut self, key: &[u8], entry: &[u8]) {
        self.entries = self.entries.wrapping_sub(1);
        self.set(self.sum().wrapping_sub(hash(key, entry)));
    }

    /// What a key held, and what it holds now.
    pub(super) fn change(&mut self, key: &[u8], before: Option<&[u8]>, after: Option<&[u8]>) {
        if let Some(entry) = before {
            self.remove(key, entry);
        }
        if let Some(entry) = after {
            self.add(key, entry);
        }
    }

    fn sum(self) -> u128 {
        (u128::from(self.high) << 64) | u128::from(self.low)
    }

    fn set(&mut self, sum: u128) {
        (self.high, self.low) = ((sum >> 64) as u64, sum as u64);
    }
}

fn hash(key: &[u8], entry: &[u8]) -> u128 {
    let mut hasher = Sha256::new();
    hasher.update((key.len() as u64).to_be_bytes());
    hasher.update(key);
    hasher.update(entry);
    let digest: [u8; 32] = hasher.finalize().into();
    let (half, _) = digest.split_first_chunk::<16>().expect("16 of 32 bytes");
    u128::from_be_bytes(*half)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_order_of_changes_does_not_matter_and_what_went_leaves_no_trace(
            entries in proptest::collection::btree_map(any::<u16>(), any::<Vec<u8>>(), 0..20),
            gone in proptest::collection::vec((any::<u32>(), any::<Vec<u8>>()), 0..10),
        ) {
            let mut forwards = TreeDigest::default();
            let mut backwards = TreeDigest::default();
            for (key, entry) in &entries {
                forwards.add(&key.to_be_bytes(), entry);
            }
            for (key, entry) in &gone {
                backwards.change(&key.to_be_bytes(), None, Some(entry));
            }
            for (key, entry) in entries.iter().rev() {
                backwards.change(&key.to_be_bytes(), None, Some(b"before"));
                backwards.change(&key.to_be_bytes(), Some(b"before"), Some(entry));
            }
            for (key, entry) in &gone {
                backwards.change(&key.to_be_bytes(), Some(entry), None);
            }
            prop_assert_eq!(forwards, backwards);
        }
    }

    #[test]
    fn a_changed_a_missing_and_a_moved_entry_are_all_noticed() {
        let mut whole = TreeDigest::default();
        whole.add(b"a", b"1");
        whole.add(b"b", b"2");
        for other in [vec![(b"a", b"1")], vec![(b"a", b"1"), (b"b", b"3")], vec![(b"a", b"2"), (b"b", b"1")]] {
            let mut sum = TreeDigest::default();
            other.iter().for_each(|(key, entry)| sum.add(*key, *entry));
            assert_ne!(sum, whole);
        }
    }
}
