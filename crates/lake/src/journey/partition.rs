//! One partition: its touches in chunks of 4 KiB, and their sort by account.
//!
//! A touch takes 16 bytes: time, account within the partition, low half of the payload. High halves
//! stand beside a chunk only where one of them is not zero. Chunks instead of one growing vector,
//! because doubling would need three times the memory at its worst moment.

#![expect(
    clippy::indexing_slicing,
    reason = "accounts are below the number that sizes the starts, and the starts sum to the touches"
)]

use std::sync::{Mutex, PoisonError};

use super::Touch;
use super::spill::Spill;
use crate::error::LakeError;

pub(super) const RECORD_BYTES: usize = 16;
pub(super) const RECORDS_A_CHUNK: usize = 256;
const HIGH_BYTES: usize = 4;

/// A touch in store. The number of its account within the partition is the account without its low
/// bits.
#[derive(Debug, Clone, Copy)]
struct Record {
    at: i64,
    local: u32,
    low: u32,
}

#[derive(Debug, Default)]
pub(super) struct Chunk {
    records: Vec<Record>,
    /// Upper halves of the payloads: none, or one for each record.
    highs: Vec<u32>,
}

impl Chunk {
    pub(super) fn with_room() -> Self {
        Self { records: Vec::with_capacity(RECORDS_A_CHUNK), highs: Vec::new() }
    }
}

/// A run of records in a file: the records, then the high halves where they are `wide`.
#[derive(Debug, Clone, Copy)]
struct Segment {
    /// Number of the file; `None` is the store's own, which has no number until the end.
    spill: Option<usize>,
    start: u64,
    n_records: usize,
    wide: bool,
}

impl Segment {
    fn len(&self) -> usize {
        self.n_records * if self.wide { RECORD_BYTES + HIGH_BYTES } else { RECORD_BYTES }
    }
}

#[derive(Debug, Default)]
pub(super) struct Partition {
    /// The chunk that is being filled; without capacity before the first touch and after a spill.
    tail: Chunk,
    full: Vec<Chunk>,
    segments: Vec<Segment>,
}

impl Partition {
    /// Returns whether [`Partition::push`] may be called: there is room, and the payload is as
    /// narrow as the others.
    #[inline]
    pub(super) fn has_room(&self, payload: u64) -> bool {
        self.tail.records.len() < self.tail.records.capacity()
            && high(payload) == 0
            && self.tail.highs.is_empty()
    }

    #[inline]
    pub(super) fn push(&mut self, local: u32, at: i64, payload: u64) {
        self.tail.records.push(Record { at, local, low: low(payload) });
    }

    /// Takes a touch of any payload into a chunk that has room; returns the bytes that it added
    /// beyond the chunk.
    pub(super) fn push_wide(&mut self, local: u32, at: i64, payload: u64) -> usize {
        let mut bytes = 0;
        let Chunk { records, highs } = &mut self.tail;
        if highs.is_empty() && payload > u64::from(u32::MAX) {
            highs.reserve_exact(RECORDS_A_CHUNK);
            highs.resize(records.len(), 0);
            bytes = RECORDS_A_CHUNK * HIGH_BYTES;
        }
        // The first record of a chunk decides by itself; later ones follow the chunk.
        if bytes > 0 || !highs.is_empty() {
            highs.push(high(payload));
        }
        self.push(local, at, payload);
        bytes
    }

    pub(super) fn needs_chunk(&self) -> bool {
        self.tail.records.len() == self.tail.records.capacity()
    }

    pub(super) fn open(&mut self, chunk: Chunk) {
        let full = std::mem::replace(&mut self.tail, chunk);
        if !full.records.is_empty() {
            self.full.push(full);
        }
    }

    pub(super) fn append(&mut self, other: Self, spills_before: usize, own_spill: usize) {
        let Self { tail, full, segments } = other;
        self.full.extend(full);
        if !tail.records.is_empty() {
            self.full.push(tail);
        }
        self.segments.extend(segments.into_iter().map(|segment| Segment {
            spill: Some(segment.spill.map_or(own_spill, |spill| spill + spills_before)),
            ..segment
        }));
    }

    pub(super) fn own_spill_is(&mut self, number: usize) {
        for segment in &mut self.segments {
            segment.spill.get_or_insert(number);
        }
    }

    pub(super) fn n_touches(&self) -> u64 {
        let in_memory: usize = self.chunks().map(|chunk| chunk.records.len()).sum();
        let on_disk: usize = self.segments.iter().map(|segment| segment.n_records).sum();
        (in_memory + on_disk) as u64
    }

    /// Appends the touches in memory to the file as one run and gives the chunks away.
    pub(super) fn spill(
        &mut self,
        spill: &mut Spill,
        free: &mut Vec<Chunk>,
    ) -> Result<(), LakeError> {
        let wide = self.chunks().any(|chunk| !chunk.highs.is_empty());
        let n_records = self.chunks().map(|chunk| chunk.records.len()).sum();
        if n_records == 0 {
            return Ok(());
        }
        let start = spill.len();
        for record in self.chunks().flat_map(|chunk| &chunk.records) {
            spill.write(&record.at.to_le_bytes())?;
            spill.write(&record.local.to_le_bytes())?;
            spill.write(&record.low.to_le_bytes())?;
        }
        if wide {
            for chunk in self.chunks() {
                for index in 0..chunk.records.len() {
                    let high = chunk.highs.get(index).copied().unwrap_or(0);
                    spill.write(&high.to_le_bytes())?;
                }
            }
        }
        self.segments.push(Segment { spill: None, start, n_records, wide });
        self.full.push(std::mem::take(&mut self.tail));
        free.extend(self.full.drain(..).filter(|chunk| chunk.records.capacity() > 0).map(
            |mut chunk| {
                chunk.records.clear();
                chunk.highs = Vec::new();
                chunk
            },
        ));
        Ok(())
    }

    /// The chunks in the order in which they were filled.
    fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.full.iter().chain([&self.tail])
    }
}

/// A partition sorted by account, in buffers that are used again for the next one.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Touches of account `local` are `touches[starts[local]..starts[local + 1]]`.
    starts: Vec<usize>,
    touches: Vec<Touch>,
    bytes: Vec<u8>,
}

impl Scratch {
    /// Reads a partition and sorts it by account, in the order of pushes within an account.
    pub(super) fn load(
        &mut self,
        partition: &Partition,
        n_locals: usize,
        spills: &[Mutex<Spill>],
    ) -> Result<(), LakeError> {
        let Self { starts, touches, bytes } = self;
        bytes.clear();
        for segment in &partition.segments {
            let Some(spill) = segment.spill.and_then(|spill| spills.get(spill)) else { continue };
            let mut spill = spill.lock().unwrap_or_else(PoisonError::into_inner);
            spill.read(segment.start, segment.len(), bytes)?;
        }

        // Counts stand two places further, so that after the sums each account's place to write is
        // one further, and after the writes its start is where it belongs.
        starts.clear();
        starts.resize(n_locals + 2, 0);
        each(partition, bytes, |local, _| starts[local + 2] += 1);
        let mut sum = 0;
        for start in &mut *starts {
            sum += *start;
            *start = sum;
        }
        if touches.len() < sum {
            touches.resize(sum, Touch::default());
        }
        each(partition, bytes, |local, touch| {
            let next = &mut starts[local + 1];
            touches[*next] = touch;
            *next += 1;
        });
        Ok(())
    }

    /// Returns the touches of an account; none where its number is beyond all.
    pub(super) fn account_mut(&mut self, local: usize) -> &mut [Touch] {
        // The last of `starts` is no account's.
        match self.starts.get(local..local + 2) {
            Some([start, end]) if local + 2 < self.starts.len() => &mut self.touches[*start..*end],
            _ => &mut [],
        }
    }
}

/// Calls `take` for each touch of a partition: first those on disk, then those in memory.
fn each(partition: &Partition, bytes: &[u8], mut take: impl FnMut(usize, Touch)) {
    let mut rest = bytes;
    for segment in &partition.segments {
        let (records, after) = rest.split_at(segment.n_records * RECORD_BYTES);
        let (highs, after) = after.split_at(segment.len() - records.len());
        rest = after;
        let (words, _) = records.as_chunks::<8>();
        let (records, _) = words.as_chunks::<2>();
        let (highs, _) = highs.as_chunks::<HIGH_BYTES>();
        for (index, [at, rest]) in records.iter().enumerate() {
            // Account and low half of the payload, as one little-endian number.
            let rest = u64::from_le_bytes(*rest);
            let high = highs.get(index).map_or(0, |high| u32::from_le_bytes(*high));
            let payload = u64::from(high) << 32 | rest >> 32;
            take(low(rest) as usize, Touch { at: i64::from_le_bytes(*at), payload });
        }
    }
    for chunk in partition.chunks() {
        if chunk.highs.is_empty() {
            for Record { at, local, low } in chunk.records.iter().copied() {
                take(local as usize, Touch { at, payload: u64::from(low) });
            }
        } else {
            for (record, high) in chunk.records.iter().zip(&chunk.highs) {
                let payload = u64::from(*high) << 32 | u64::from(record.low);
                take(record.local as usize, Touch { at: record.at, payload });
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
fn low(value: u64) -> u32 {
    value as u32
}

fn high(value: u64) -> u32 {
    low(value >> 32)
}
