//! Uploaded media: encrypted blobs, kept in memory by their hash.

use bytes::Bytes;
use std::collections::{HashMap, VecDeque};

use super::lock::Lock;

/// All blobs together; the oldest go first.
const MAX_TOTAL_BYTES: usize = 64 * 1024 * 1024;

/// Blobs by their path.
#[derive(Default)]
pub(crate) struct MediaStore {
    inner: Lock<Inner>,
}

#[derive(Default)]
struct Inner {
    blobs: HashMap<String, Bytes>,
    order: VecDeque<String>,
    total: usize,
}

impl MediaStore {
    /// Keeps a blob under a name made from the client's token.
    pub(crate) fn put(&self, name: String, blob: Bytes) {
        let mut inner = self.inner.hold();
        if inner.blobs.contains_key(&name) {
            return;
        }
        inner.total += blob.len();
        inner.order.push_back(name.clone());
        inner.blobs.insert(name, blob);
        while inner.total > MAX_TOTAL_BYTES {
            let Some(oldest) = inner.order.pop_front() else {
                return;
            };
            if let Some(blob) = inner.blobs.remove(&oldest) {
                inner.total -= blob.len();
            }
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Bytes> {
        self.inner.hold().blobs.get(name).cloned()
    }
}
