//! How much a file may ask of the machine before it is refused.
//!
//! A file is a stranger: it may lie about its size, nest without end or hold one field of a
//! gigabyte. Each limit is a plain number that a deployment may raise; the defaults are those that
//! the manual states.

/// One mebibyte.
const MIB: u64 = 1024 * 1024;

/// The limits that every file is read under.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest field in bytes.
    pub field_bytes: usize,
    /// Longest line of an NDJSON file, or longest record of a delimited one, in bytes.
    pub line_bytes: usize,
    /// Most columns.
    pub columns: usize,
    /// Most bytes after unpacking.
    pub unpacked_bytes: u64,
    /// Most bytes after unpacking for one byte before; looked at once a mebibyte is unpacked.
    pub unpacked_ratio: u64,
    /// Most entries of an archive.
    pub archive_entries: usize,
    /// Memory in bytes that decoding a file of a binary format may take in its trial.
    pub trial_bytes: u64,
    /// Seconds that it may take.
    pub trial_seconds: u64,
    /// Deepest nesting of JSON.
    pub json_depth: usize,
    /// Longest metadata of a Parquet file in bytes: a million row groups do not fit.
    pub parquet_metadata_bytes: u64,
    /// Largest file read whole into memory (workbooks), in bytes.
    pub workbook_bytes: u64,
    /// Share of refused rows above which the whole file is refused.
    pub refused_share: f64,
    /// Number of refused rows up to which the share is not looked at, so that a short file with one
    /// fault still loads.
    pub refused_floor: u64,
    /// Lines from the top in which the header is looked for.
    pub header_lines: usize,
    /// Most bytes that are brought from a database or an object store for one load.
    pub source_bytes: u64,
    /// Most objects that are brought from an object store for one load.
    pub source_files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            field_bytes: 1024 * 1024,
            line_bytes: 16 * 1024 * 1024,
            columns: 2_000,
            unpacked_bytes: 4 * 1024 * MIB,
            unpacked_ratio: 200,
            archive_entries: 10_000,
            trial_bytes: 512 * MIB,
            trial_seconds: 120,
            json_depth: 64,
            parquet_metadata_bytes: 16 * MIB,
            workbook_bytes: 256 * MIB,
            refused_share: 0.01,
            refused_floor: 100,
            header_lines: 30,
            source_bytes: 64 * 1024 * MIB,
            source_files: 10_000,
        }
    }
}
