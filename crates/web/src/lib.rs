//! The server: pages, files and the JSON API over the same answers.
//!
//! `edge` is the accept loop, `site` the order in which a request is answered, `routes` the one
//! table of who may do what, `desk` the build that is answered from. `pages` and `api` take from
//! the desk and hand to `show`; nothing is computed here.

#![expect(clippy::result_large_err, reason = "a problem is rare, and is told once")]
#![expect(clippy::unnecessary_wraps, reason = "all handlers have one signature")]
#![expect(clippy::needless_pass_by_value, reason = "a refusal becomes the problem that is told")]

mod api;
mod cache;
mod desk;
mod digest;
mod edge;
mod guard;
mod once;
mod pages;
mod problem;
mod qr;
mod query;
mod reply;
mod routes;
mod server;
mod settings;
mod site;
mod strangers;
mod tally;
mod twice;
mod visit;
mod wire;

pub use routes::table as routes_table;
pub use server::{Server, interrupted};
pub use settings::{LISTEN, Limits, Line, Log, ServerFile, Settings};
