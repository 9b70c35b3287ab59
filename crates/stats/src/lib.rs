//! The numerics: slices in, structs out.
//!
//! This crate knows a path and its credit and no other word of marketing. It reads no file and no
//! clock and starts no thread; randomness comes from a seed that is an argument, so that the same
//! input gives the same output, bit for bit, on one thread or many. Each module names its paper.

pub mod arrival;
pub mod bookings;
pub mod bootstrap;
pub mod calibration;
mod cholesky;
pub mod credit;
pub mod cure;
pub mod decision;
pub mod funnel;
pub mod hazard;
pub mod heuristic;
pub mod interval;
pub mod linear;
pub mod logistic;
pub mod multiple;
mod near;
pub mod order;
pub mod path;
pub mod queue;
pub mod random;
pub mod removal;
pub mod rule;
pub mod score;
pub mod series;
pub mod shapley;
pub mod shrinkage;
pub mod simulate;
pub mod special;
pub mod survival;
mod table;
pub mod two_rates;
pub mod velocity;
