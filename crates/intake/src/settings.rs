//! What a reader must be told, because files do not say it: currency, zone, order of day and month.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::person::PersonKey;
use domain::{Currency, Diagnostic};
use jiff::tz::TimeZone;

use crate::limits::Limits;
use crate::mapping::Mapping;

pub use domain::definition::DayOrder;

/// How files are read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The currency of money that names none.
    pub currency: Currency,
    /// The zone of times that name none and that their source does not hold in UTC.
    pub zone: TimeZone,
    /// The order of day and month where a file leaves it open; `None` refuses such a file.
    pub day_order: Option<DayOrder>,
    /// What a file may ask of the machine.
    pub limits: Limits,
    /// The user's own mappings; they are tried before the presets.
    pub mappings: Vec<Mapping>,
    /// What match keys are made with: the key of the lake that the facts go to.
    pub person_key: PersonKey,
    /// When the rows are learned: a later time in them is remarked on. `None` looks at no time.
    pub now: Option<jiff::Timestamp>,
    /// True where a file that may be cut off is refused rather than read with a warning.
    pub strict: bool,
    /// Decodes a file of a binary format in a process of its own, before this one does; none where
    /// the files come from ourselves.
    pub trial: Option<Trial>,
    /// Where archives are unpacked; without a place they are refused.
    pub unpack_into: Option<PathBuf>,
}

/// Refuses a file (path, name for messages) that breaks its decoder or asks too much of the
/// machine.
pub type Trial = fn(&Path, &Arc<str>, &Limits) -> Result<(), Rejected>;

impl Default for Settings {
    fn default() -> Self {
        Self {
            currency: Currency::USD,
            zone: TimeZone::UTC,
            day_order: None,
            limits: Limits::default(),
            mappings: Vec::new(),
            person_key: PersonKey::new([0; 32]),
            now: None,
            strict: false,
            trial: None,
            unpack_into: None,
        }
    }
}

impl Settings {
    /// Returns the name of the zone, for messages.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("the configured zone")
    }
}

/// A whole file that was refused: nothing that was read from it may be published.
#[derive(Clone, Debug)]
pub struct Rejected(pub Box<Diagnostic>);

impl From<Diagnostic> for Rejected {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(Box::new(diagnostic))
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Rejected {}
