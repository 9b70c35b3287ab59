//! Key indexes: what a load must know of the rows of a stored file, without reading its columns.
//!
//! Beside each file of facts stands `NAME.keys`: for each row, in the order of the file, the hash
//! of its key, the hash of its content, its version, whether it is withdrawn and whose it is. So
//! the keys of a load are found, and what is stored already is known again, in one pass over some
//! thirty bytes a row. An index says nothing that the file does not say: where it is missing or
//! damaged, it is made anew from the file.
//!
//! A block has up to [`BATCH_ROWS`] rows in two parts, the first halves of the keys and the rest,
//! so that the rest is read only where a key may be in the block. Each part carries its checksum.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use domain::Cell;
use domain::fact::Kind;

use crate::cells::{Hash, Hasher, View, filled};
use crate::error::LakeError;
use crate::parquet_file::{BATCH_ROWS, Scratch, hash_file};
use crate::schema::StoredTable;

/// The version of a fact whose source gives none: before all others.
pub(crate) const NO_VERSION: i64 = i64::MIN;

const MAGIC: &[u8; 8] = b"TLKEYS02";
/// Bytes of the head of a file: the magic and the number of rows.
const FILE_HEAD: usize = 16;
/// Bytes of the head of a block: rows, flags, filled columns, checksum of the first part, checksum
/// of the rest.
const BLOCK_HEAD: usize = 48;
const CHECKSUM: usize = 16;
/// Some row of the block has a version.
const VERSIONS: u32 = 1;
/// Some row of the block is withdrawn.
const WITHDRAWN: u32 = 2;
/// Some row of the block has an origin.
const ORIGINS: u32 = 4;

/// What the index says of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Hash,
    /// Over all columns of the fact that hold something.
    pub(crate) content: Hash,
    /// Microseconds since the epoch, or [`NO_VERSION`].
    pub(crate) version: i64,
    pub(crate) withdrawn: bool,
    /// What [`origin_of`] makes of its origin.
    pub(crate) origin: u32,
}

/// Makes a number of the name of an origin; 0 where there is none.
pub(crate) fn origin_of(name: Option<&str>) -> u32 {
    name.map_or(0, |name| {
        let hash = blake3::hash(name.as_bytes());
        let first = hash.as_bytes().first_chunk::<4>();
        first.map_or(1, |bytes| u32::from_le_bytes(*bytes).max(1))
    })
}

/// A finished index.
#[derive(Clone, Debug)]
pub(crate) struct WrittenIndex {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    /// BLAKE3 of its content, in hexadecimal: its own checksums do not tell it from another one.
    pub(crate) hash: String,
}

/// Names the index of a file of facts.
pub(crate) fn path_of(file: &Path) -> PathBuf {
    file.with_extension("keys")
}

/// Writes an index, block after block.
pub(crate) struct IndexWriter {
    path: PathBuf,
    file: BufWriter<File>,
    pending: Vec<Entry>,
    filled: u64,
    n_rows: u64,
}

impl IndexWriter {
    pub(crate) fn create(path: PathBuf, scratch: &Scratch) -> Result<Self, LakeError> {
        let made = File::create(&path).map_err(LakeError::disk("cannot create", &path))?;
        scratch.add(&path);
        let mut file = BufWriter::with_capacity(1 << 20, made);
        let head = [MAGIC.as_slice(), &0_u64.to_le_bytes()].concat();
        file.write_all(&head).map_err(LakeError::disk("cannot write", &path))?;
        Ok(Self { path, file, pending: Vec::with_capacity(BATCH_ROWS), filled: 0, n_rows: 0 })
    }

    /// Adds rows of which no column but the `filled` ones holds anything.
    pub(crate) fn add(
        &mut self,
        filled: u64,
        entries: impl IntoIterator<Item = Entry>,
    ) -> Result<(), LakeError> {
        self.filled |= filled;
        for entry in entries {
            self.pending.push(entry);
            if self.pending.len() == BATCH_ROWS {
                self.flush()?;
                self.filled = filled;
            }
        }
        Ok(())
    }

    /// Adds the rows of a batch of all columns of a table.
    pub(crate) fn add_batch(
        &mut self,
        table: &StoredTable,
        batch: &RecordBatch,
    ) -> Result<(), LakeError> {
        self.add(filled(table, batch), entries(table, batch)?)
    }

    fn flush(&mut self) -> Result<(), LakeError> {
        let block = encode(&self.pending, self.filled);
        self.n_rows += self.pending.len() as u64;
        self.pending.clear();
        self.file.write_all(&block).map_err(LakeError::disk("cannot write", &self.path))
    }

    /// Ends the index and flushes it to disk.
    pub(crate) fn finish(mut self) -> Result<WrittenIndex, LakeError> {
        if !self.pending.is_empty() {
            self.flush()?;
        }
        let Self { path, file, n_rows, .. } = self;
        let finish = || {
            let mut file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            file.seek(SeekFrom::Start(MAGIC.len() as u64))?;
            file.write_all(&n_rows.to_le_bytes())?;
            file.sync_all()?;
            Ok(file.metadata()?.len())
        };
        let bytes = finish().map_err(LakeError::disk("cannot write", &path))?;
        let hash = hash_file(&path)?;
        Ok(WrittenIndex { path, bytes, hash })
    }
}

/// Makes the entries of a batch of all columns of a table.
pub(crate) fn entries(table: &StoredTable, batch: &RecordBatch) -> Result<Vec<Entry>, LakeError> {
    let Some(fact) = table.fact else { return Ok(Vec::new()) };
    let key: Vec<usize> = fact.key.iter().filter_map(|name| fact.position(name)).collect();
    let hasher = Hasher::new(table, batch)?;
    let view = |name: &str, kind| {
        let array = table.position(name).and_then(|at| batch.columns().get(at));
        array.map(|array| View::of(kind, array)).transpose()
    };
    let versions = view("version_at", Kind::Instant)?;
    let withdrawn = view("withdrawn", Kind::Boolean)?;
    let origins = view("origin", Kind::Text)?;
    let mut known = (Cell::Null, 0);
    let mut origin = |row| {
        let name = origins.as_ref().map_or(Cell::Null, |view| view.cell(row));
        if name != known.0 {
            known = (name.clone(), origin_of(name.as_text()));
        }
        known.1
    };
    let mut bytes = Vec::new();
    let entry = |row| Entry {
        key: hasher.key(row, &key, &mut bytes),
        content: hasher.content(row, u64::MAX, &mut bytes),
        version: match versions.as_ref().map(|view| view.cell(row)) {
            Some(Cell::Instant(at)) => at.as_microsecond(),
            _ => NO_VERSION,
        },
        withdrawn: withdrawn.as_ref().map(|view| view.cell(row)) == Some(Cell::Boolean(true)),
        origin: origin(row),
    };
    Ok((0..batch.num_rows()).map(entry).collect())
}

fn encode(entries: &[Entry], filled: u64) -> Vec<u8> {
    let mut flags = 0;
    if entries.iter().any(|entry| entry.version != NO_VERSION) {
        flags |= VERSIONS;
    }
    if entries.iter().any(|entry| entry.withdrawn) {
        flags |= WITHDRAWN;
    }
    if entries.iter().any(|entry| entry.origin != 0) {
        flags |= ORIGINS;
    }
    let mut rest: Vec<u8> = Vec::with_capacity(entries.len() * 37);
    let mut column = |number: &dyn Fn(&Entry) -> u64| {
        for entry in entries {
            rest.extend_from_slice(&number(entry).to_le_bytes());
        }
    };
    column(&|entry| entry.key.halves().1);
    column(&|entry| entry.content.halves().0);
    column(&|entry| entry.content.halves().1);
    if flags & VERSIONS != 0 {
        column(&|entry| entry.version.cast_unsigned());
    }
    if flags & WITHDRAWN != 0 {
        rest.extend(entries.iter().map(|entry| u8::from(entry.withdrawn)));
    }
    if flags & ORIGINS != 0 {
        for entry in entries {
            rest.extend_from_slice(&entry.origin.to_le_bytes());
        }
    }
    let mut first: Vec<u8> = Vec::with_capacity(BLOCK_HEAD + entries.len() * 8);
    first.extend_from_slice(&u32::try_from(entries.len()).unwrap_or(u32::MAX).to_le_bytes());
    first.extend_from_slice(&flags.to_le_bytes());
    first.extend_from_slice(&filled.to_le_bytes());
    first.extend_from_slice(&checksum(&[&rest]));
    let mut keys: Vec<u8> = Vec::with_capacity(entries.len() * 8);
    for entry in entries {
        keys.extend_from_slice(&entry.key.halves().0.to_le_bytes());
    }
    let sum = checksum(&[&first, &keys]);
    first.extend_from_slice(&sum);
    first.extend_from_slice(&keys);
    first.extend_from_slice(&rest);
    first
}

fn checksum(parts: &[&[u8]]) -> [u8; CHECKSUM] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut sum = [0; CHECKSUM];
    hasher.finalize_xof().fill(&mut sum);
    sum
}

/// Hands over each row whose key may be wanted by the first half of its hash, with the filled
/// columns of its block; [`None`] where the index cannot be believed, and then what was handed over
/// means nothing.
pub(crate) fn search(
    path: &Path,
    bytes: u64,
    n_rows: u64,
    wanted: impl Fn(u64) -> bool,
    mut each: impl FnMut(u32, Entry, u64),
) -> Option<()> {
    let file = File::open(path).ok()?;
    if file.metadata().ok()?.len() != bytes {
        return None;
    }
    let mut file = BufReader::with_capacity(1 << 16, file);
    let mut head = [0; FILE_HEAD];
    file.read_exact(&mut head).ok()?;
    let (magic, rows) = head.split_at_checked(MAGIC.len())?;
    if magic != MAGIC || u64::from_le_bytes(rows.try_into().ok()?) != n_rows {
        return None;
    }
    let mut first_row = 0_u32;
    let (mut keys, mut rest, mut hits) = (Vec::new(), Vec::new(), Vec::new());
    while u64::from(first_row) < n_rows {
        let mut head = [0; BLOCK_HEAD];
        file.read_exact(&mut head).ok()?;
        let (sums, of_keys) = head.split_at_checked(BLOCK_HEAD - CHECKSUM)?;
        let (numbers, of_rest) = sums.split_at_checked(CHECKSUM)?;
        let (counts, filled) = numbers.split_at_checked(8)?;
        let (n, flags) = counts.split_at_checked(4)?;
        let n = u32::from_le_bytes(n.try_into().ok()?);
        let flags = u32::from_le_bytes(flags.try_into().ok()?);
        let filled = u64::from_le_bytes(filled.try_into().ok()?);
        let len = usize::try_from(n).ok().filter(|n| (1..=BATCH_ROWS).contains(n))?;
        keys.resize(len * 8, 0);
        file.read_exact(&mut keys).ok()?;
        if checksum(&[sums, &keys]) != of_keys {
            return None;
        }
        hits.clear();
        for (row, key) in (0_u32..).zip(keys.as_chunks::<8>().0) {
            let key = u64::from_le_bytes(*key);
            if wanted(key) {
                hits.push((row, key));
            }
        }
        let with = |flag: u32, width: usize| if flags & flag == 0 { 0 } else { len * width };
        let rest_bytes = len * 24 + with(VERSIONS, 8) + with(WITHDRAWN, 1) + with(ORIGINS, 4);
        if hits.is_empty() {
            file.seek_relative(i64::try_from(rest_bytes).ok()?).ok()?;
        } else {
            rest.resize(rest_bytes, 0);
            file.read_exact(&mut rest).ok()?;
            if checksum(&[&rest]) != of_rest {
                return None;
            }
            let (seconds, tail) = rest.split_at_checked(len * 8)?;
            let (contents, tail) = tail.split_at_checked(len * 8)?;
            let (others, tail) = tail.split_at_checked(len * 8)?;
            let (versions, tail) = tail.split_at_checked(with(VERSIONS, 8))?;
            let (withdrawn, origins) = tail.split_at_checked(with(WITHDRAWN, 1))?;
            let origin = |row: usize| origins.as_chunks::<4>().0.get(row).copied();
            let number = |column: &[u8], row: usize| {
                column.as_chunks::<8>().0.get(row).map(|bytes| u64::from_le_bytes(*bytes))
            };
            for &(row, first) in &hits {
                let at = row as usize;
                let entry = Entry {
                    key: Hash::from_halves(first, number(seconds, at)?),
                    content: Hash::from_halves(number(contents, at)?, number(others, at)?),
                    version: number(versions, at).map_or(NO_VERSION, u64::cast_signed),
                    withdrawn: withdrawn.get(at).is_some_and(|&flag| flag != 0),
                    origin: origin(at).map_or(0, u32::from_le_bytes),
                };
                each(first_row.checked_add(row)?, entry, filled);
            }
        }
        first_row = first_row.checked_add(n)?;
    }
    (u64::from(first_row) == n_rows).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: u64) -> Entry {
        let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Entry {
            key: Hash::from_halves(mixed, n),
            content: Hash::from_halves(n, mixed),
            version: if n % 3 == 0 { NO_VERSION } else { n.cast_signed() },
            withdrawn: n % 7 == 0,
            origin: u32::try_from(n % 11).unwrap(),
        }
    }

    fn written(n: u64) -> (tempfile::TempDir, WrittenIndex) {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Scratch::default();
        let mut writer = IndexWriter::create(dir.path().join("a.keys"), &scratch).unwrap();
        writer.add(5, (0..n).map(entry)).unwrap();
        let written = writer.finish().unwrap();
        scratch.keep();
        (dir, written)
    }

    #[test]
    fn every_entry_is_found_with_its_row() {
        for n in [1, BATCH_ROWS as u64, 20_000] {
            let (_dir, index) = written(n);
            let mut found = Vec::new();
            let all = search(
                &index.path,
                index.bytes,
                n,
                |_| true,
                |row, entry, filled| {
                    assert_eq!(filled, 5);
                    found.push((u64::from(row), entry));
                },
            );
            assert_eq!(all, Some(()));
            assert_eq!(found, (0..n).map(|row| (row, entry(row))).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_changed_or_cut_index_is_not_believed() {
        let (_dir, index) = written(9_000);
        let content = std::fs::read(&index.path).unwrap();
        for at in (0..content.len()).step_by(1_013) {
            let mut damaged = content.clone();
            damaged[at] ^= 1;
            std::fs::write(&index.path, &damaged).unwrap();
            let found = search(&index.path, index.bytes, 9_000, |_| true, |_, _, _| {});
            assert_eq!(found, None, "byte {at}");
        }
        std::fs::write(&index.path, &content[..content.len() - 1]).unwrap();
        assert_eq!(search(&index.path, index.bytes, 9_000, |_| true, |_, _, _| {}), None);
        let cut = index.bytes - 1;
        assert_eq!(search(&index.path, cut, 9_000, |_| true, |_, _, _| {}), None);
    }
}
