//! Who may see and do what, as a server and a console would ask: with a clock that stands still
//! until it is moved, and hashes that protect nothing.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test that calls them"
)]

mod audit;
mod login;
mod people;
mod seal;
mod sessions;
mod start;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use access::{
    Access, Actor, Caller, HashCost, Login, ManualClock, NewAccount, NewSession, Role, Settings,
};
use tempfile::TempDir;

pub(crate) const OFFICE: &str = "192.0.2.7";
pub(crate) const ELSEWHERE: &str = "198.51.100.9";
pub(crate) const PASSWORD: &str = "violin ladder cactus";
pub(crate) const OTHER: &str = "meadow copper lantern";

/// A company's folder with one administrator.
pub(crate) struct Company {
    pub(crate) folder: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) access: Access,
}

pub(crate) fn settings() -> Settings {
    Settings { hash_cost: HashCost::FOR_TESTS, ..Settings::new(true) }
}

pub(crate) fn at(address: &str) -> IpAddr {
    address.parse().unwrap()
}

impl Company {
    /// A folder without accounts.
    pub(crate) fn empty(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at("2026-11-22T09:00:00Z".parse().unwrap()));
        let access = Access::open(folder.path(), settings, Arc::clone(&clock)).unwrap();
        Self { folder, clock, access }
    }

    /// A folder with the administrator `ada@acorn.com`.
    pub(crate) fn with(settings: Settings) -> Self {
        let company = Self::empty(settings);
        let token = company.access.first_token().unwrap().unwrap();
        company
            .access
            .redeem_first(&token.secret, "ada@acorn.com", "Ada", PASSWORD, at(OFFICE))
            .unwrap();
        company
    }

    pub(crate) fn new() -> Self {
        Self::with(settings())
    }

    /// Adds a person with a password; returns the identifier.
    pub(crate) fn add(&self, email: &str, role: Role, segment: Option<&str>) -> access::AccountId {
        let new = NewAccount {
            email: email.to_owned(),
            name: String::new(),
            role,
            segment: segment.map(str::to_owned),
            by_provider: false,
        };
        let (account, link) = self.access.invite(Actor::Console, &new, None).unwrap();
        self.access.redeem_link(&link.unwrap().secret, PASSWORD, at(OFFICE)).unwrap();
        account.id
    }

    pub(crate) fn sign_in(&self, email: &str) -> NewSession {
        match self.access.login(email, PASSWORD, at(OFFICE)).unwrap() {
            Login::Done(session) => *session,
            Login::SecondFactor(_) => panic!("no code was expected"),
        }
    }

    pub(crate) fn caller(&self, email: &str) -> Caller {
        self.sign_in(email).caller
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.pass(time);
    }

    /// The audit log, oldest first, as `actor action object outcome`.
    pub(crate) fn log(&self) -> Vec<String> {
        let mut rows = self.access.audit(Actor::Console, None, 1_000).unwrap();
        rows.reverse();
        rows.iter()
            .map(|row| format!("{} {} {} {}", row.actor, row.action, row.object, row.outcome))
            .collect()
    }

    /// A code of the authenticator app now.
    pub(crate) fn code(&self, secret: &str) -> String {
        let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
        let codes = totp_rs::Builder::new().with_secret(secret).build().unwrap();
        let now = access::Clock::now(&self.clock).as_second();
        codes.generate(u64::try_from(now).unwrap()).to_string()
    }
}
