//! What a company may set about access, with defaults that hold where nothing is said.

use std::time::Duration;

/// How access is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Whether figures are shown only to accounts with a second factor.
    pub second_factor_required: bool,
    /// The name shown in an authenticator app.
    pub issuer: String,
    /// Words that no password may be made of: the company's name, its domain.
    pub company_words: Vec<String>,
    /// What a password hash costs.
    pub hash_cost: HashCost,
    /// How many hashes are computed at once.
    pub hashes_at_once: usize,
    /// How many logins may wait for a hash.
    pub hashes_waiting: usize,
    /// How long a login waits for a hash before it is told to come again.
    pub hash_patience: Duration,
    /// A session without a request ends after this.
    pub session_idle: Duration,
    /// A session ends after this.
    pub session_life: Duration,
}

/// What a password hash costs (Argon2id).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl HashCost {
    /// The cost in service.
    pub const STRONG: Self = Self { memory_kib: 47_104, passes: 3, lanes: 1 };
    /// The least that is accepted in service.
    pub const LEAST: Self = Self { memory_kib: 19_456, passes: 2, lanes: 1 };
    /// Protects nothing. For tests.
    pub const FOR_TESTS: Self = Self { memory_kib: 32, passes: 1, lanes: 1 };
}

impl Settings {
    /// Returns the defaults; a second factor is required where the server can be reached from other
    /// machines.
    pub fn new(loopback_only: bool) -> Self {
        Self {
            second_factor_required: !loopback_only,
            issuer: "Throughline".to_owned(),
            company_words: Vec::new(),
            hash_cost: HashCost::STRONG,
            hashes_at_once: 2,
            hashes_waiting: 32,
            hash_patience: Duration::from_secs(10),
            session_idle: Duration::from_mins(30),
            session_life: Duration::from_hours(12),
        }
    }
}
