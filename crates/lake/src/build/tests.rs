//! Builds of companies in memory: one worked out by hand, and properties of random ones.

mod acorn;
mod company;
mod more;
mod properties;
