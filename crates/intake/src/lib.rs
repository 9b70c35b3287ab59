//! Reads what people export: files in, canonical facts or quarantined rows out.
//!
//! Three steps. [`survey`] names the files and says how each would be read, before anything is.
//! [`Lookups::gather`] reads the small files that others need (names of users, stages, currencies).
//! [`Planned::read`] then streams the rows of one file as facts or refusals.
//!
//! This crate knows neither lake nor catalog and keeps no state: what a file says twice, or says
//! against an earlier load, is settled where facts are stored. An e-mail address leaves it in
//! `identity` and in refused rows only, which are handed on as they were read. No bytes make it
//! panic; a file counts as a whole or not at all.

mod again;
mod archive;
mod draft;
pub mod format;
mod gather;
mod kept;
pub mod limits;
pub mod lookups;
pub mod manifest;
pub mod mapping;
pub mod preset;
pub mod read;
mod recipe;
mod recognize;
pub mod settings;
pub mod singer;
pub mod source;
mod survey;
pub mod trial;
pub mod value;

pub use again::{Again, Refused, again};
pub use archive::holds_archive;
pub use draft::draft;
pub use kept::Broken;
pub use limits::Limits;
pub use lookups::Lookups;
pub use manifest::{Manifest, manifest_of, manifests};
pub use mapping::Mapping;
pub use preset::{Preset, is_lookup, presets};
pub use read::{Control, FileSummary};
pub use settings::{DayOrder, Rejected, Settings};
pub use survey::{Matched, Planned, survey, survey_as};
