//! The numerics.
