//! The facts: Parquet files and a DuckLake catalog, journeys and credit over them.
//!
//! The only code that knows Arrow and the table format. A load is stored as a whole or not at all;
//! a snapshot never changes; what was refused stands in the quarantine with its reason.

pub mod backup;
pub mod build;
pub mod catalog;
pub mod compact;
pub mod derived;
pub mod error;
pub mod held;
pub mod journey;
pub mod load;
pub mod person;
pub mod place;
pub mod record;
pub mod relation;
pub mod schema;
pub mod scratch;
pub mod store;
pub mod verify;

mod anchor;
mod cells;
mod chain;
mod key_index;
mod lock;
mod parquet_file;
mod room;
mod sql;

pub use backup::Repaired;
pub use build::{BuildRequest, BuildSummary, Facts, LakeFacts, MemoryFacts, build};
pub use catalog::{DataFile, Snapshot, SnapshotId};
pub use compact::Compacted;
pub use error::LakeError;
pub use held::HeldLoad;
pub use load::guard::{Expected, Guard, Hold};
pub use load::{
    LoadReport, LoadRequest, Loading, Prepared, RefusedKey, RefusedRow, SourceColumn, SourceFile,
    Try,
};
pub use place::Place;
pub use relation::{Built, RELATIONS, RequestError};
pub use store::{Lake, Show};
pub use verify::{Fault, Verified, verify};
