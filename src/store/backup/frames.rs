//! The file format: a plain opening, then sealed frames that can't be changed, moved, left out or added to unnoticed.
//!
//! ```text
//! "frontdesk-backup" · format u8 · fingerprint of the seal key [8] · random id of the file [16]
//! frame: kind u8 · length u32 · sealed          kinds: H head (JSON), P pairs, E end (number of pairs)
//! ```
//!
//! Each frame is sealed for its place: the file's id, its kind and its number. The end is a frame too, so that a cut is noticed.

use std::io::{self, Read, Write};

use super::error::BackupError;
use crate::store::seal::{KEY_ID_BYTES, Seal};

const MAGIC: &[u8; 16] = b"frontdesk-backup";
const FORMAT: u8 = 1;
const FILE_ID_BYTES: usize = 16;

/// Longest frame read: a portion, one overtaking commit's old entries, and room. More is damage, not a reason to allocate.
const LONGEST_FRAME: u32 = 64 * 1024 * 1024;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Head,
    Pairs,
    End,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Self::Head => b'H',
            Self::Pairs => b'P',
            Self::End => b'E',
        }
    }

    fn parse(byte: u8) -> Option<Self> {
        [Self::Head, Self::Pairs, Self::End].into_iter().find(|kind| kind.byte() == byte)
    }
}

/// The place a frame is sealed for.
struct Place {
    file: [u8; FILE_ID_BYTES],
    next: u64,
}

impl Place {
    fn next(&mut self, kind: Kind) -> Vec<u8> {
        let mut place = b"backup".to_vec();
        place.extend_from_slice(&self.file);
        place.push(kind.byte());
        place.extend_from_slice(&self.next.to_be_bytes());
        self.next += 1;
        place
    }
}

/// Writes frames.
pub(super) struct FrameWriter<'a, W> {
    to: W,
    seal: &'a Seal,
    place: Place,
}

impl<'a, W: Write> FrameWriter<'a, W> {
    /// Writes the opening.
    pub(super) fn new(mut to: W, seal: &'a Seal) -> io::Result<Self> {
        let file: [u8; FILE_ID_BYTES] = rand::random();
        to.write_all(MAGIC)?;
        to.write_all(&[FORMAT])?;
        to.write_all(&seal.id())?;
        to.write_all(&file)?;
        Ok(Self { to, seal, place: Place { file, next: 0 } })
    }

    /// Writes one frame.
    pub(super) fn frame(&mut self, kind: Kind, plain: &[u8]) -> io::Result<()> {
        let sealed = self.seal.seal(&self.place.next(kind), plain);
        let length = u32::try_from(sealed.len()).map_err(|_| io::Error::other("a frame is too long"))?;
        self.to.write_all(&[kind.byte()])?;
        self.to.write_all(&length.to_be_bytes())?;
        self.to.write_all(&sealed)
    }

    /// What was written to.
    pub(super) fn into_inner(self) -> W {
        self.to
    }
}

/// Reads frames.
pub(super) struct FrameReader<'a, R> {
    from: R,
    seal: &'a Seal,
    place: Place,
}

impl<'a, R: Read> FrameReader<'a, R> {
    /// Reads the opening, and says when it is not for us.
    pub(super) fn new(mut from: R, seal: &'a Seal) -> Result<Self, BackupError> {
        let magic: [u8; MAGIC.len()] = take(&mut from).map_err(|_| BackupError::Foreign)?;
        if magic != *MAGIC {
            return Err(BackupError::Foreign);
        }
        let [found] = take(&mut from)?;
        if found > FORMAT {
            return Err(BackupError::Newer { found, supported: FORMAT });
        }
        let key: [u8; KEY_ID_BYTES] = take(&mut from)?;
        if key != seal.id() {
            return Err(BackupError::OtherKey { needed: hex::encode(key), given: hex::encode(seal.id()) });
        }
        let file = take(&mut from)?;
        Ok(Self { from, seal, place: Place { file, next: 0 } })
    }

    /// The next frame. After the last there must be nothing.
    pub(super) fn next(&mut self) -> Result<(Kind, Vec<u8>), BackupError> {
        let [kind] = take(&mut self.from)?;
        let kind = Kind::parse(kind).ok_or(BackupError::Damaged { what: "an unknown kind of frame" })?;
        let length = u32::from_be_bytes(take(&mut self.from)?);
        if length > LONGEST_FRAME {
            return Err(BackupError::Damaged { what: "an impossible length" });
        }
        let mut sealed = Vec::new();
        let read = Read::take(&mut self.from, length.into()).read_to_end(&mut sealed);
        if read.map_err(|_| CUT)? < length as usize {
            return Err(CUT);
        }
        let plain = self.seal.open(&self.place.next(kind), &sealed);
        let plain = plain.map_err(|_| BackupError::Damaged { what: "a frame was changed" })?;
        if kind == Kind::End && self.from.read(&mut [0]).map_err(|_| CUT)? > 0 {
            return Err(BackupError::Damaged { what: "something follows its end" });
        }
        Ok((kind, plain))
    }
}

const CUT: BackupError = BackupError::Damaged { what: "its end is missing" };

fn take<const N: usize>(from: &mut impl Read) -> Result<[u8; N], BackupError> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(|_| CUT)?;
    Ok(bytes)
}
