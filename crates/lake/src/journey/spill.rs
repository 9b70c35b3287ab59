//! The temporary file of a store: append, then read by place.
//!
//! One file for all partitions, because a file for each would need a thousand handles. It has no
//! name where the system allows that (elsewhere it is deleted when closed), so nothing is left
//! behind, not even by a crash.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::LakeError;

const BUFFER_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Spill {
    file: BufWriter<File>,
    /// For messages.
    dir: PathBuf,
    len: u64,
}

impl Spill {
    pub(super) fn new(dir: &Path) -> Result<Self, LakeError> {
        let file = tempfile::tempfile_in(dir)
            .map_err(LakeError::disk("cannot make a temporary file in", dir))?;
        Ok(Self { file: BufWriter::with_capacity(BUFFER_BYTES, file), dir: dir.to_owned(), len: 0 })
    }

    /// Returns the bytes written so far.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), LakeError> {
        // The closure keeps the path from being copied for every record.
        self.file.write_all(bytes).map_err(|cause| {
            LakeError::disk("cannot write a temporary file in", &self.dir)(cause)
        })?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Appends `len` bytes from `start` on to `out`. Nothing is written after the first read.
    pub(super) fn read(
        &mut self,
        start: u64,
        len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), LakeError> {
        let end = out.len();
        out.resize(end + len, 0);
        // Seeking a buffered writer flushes it first.
        self.file
            .seek(SeekFrom::Start(start))
            .and_then(|_| self.file.get_mut().read_exact(out.get_mut(end..).unwrap_or_default()))
            .map_err(LakeError::disk("cannot read a temporary file in", &self.dir))
    }
}
