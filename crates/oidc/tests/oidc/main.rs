//! Logins at a real provider, and at one that lies.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "helpers of tests fail the test that calls them, and say what they skip"
)]

use std::net::{IpAddr, Ipv4Addr};

mod liar;
mod lies;
mod provider;
mod real;
mod settings;

/// Where the browsers of these tests are.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
