//! How right answers were, replayed as of past days: one file for each question that is tested.

pub mod forecast;
pub mod hygiene;
pub mod programs;
