//! How an answer looks: an Answer in, bytes out.
//!
//! Pure: no clock, no environment, no file, no terminal; whoever calls says how wide the output is
//! and whether it may be coloured. Nothing is computed here but how a value is written (rounding, a
//! change against the period before, a part of a target). Text that came from data is always shown
//! by way of [`visible::visible`], so that it can neither steer a terminal nor hide.

pub mod chart;
pub mod closing;
pub mod csv;
pub mod diagnostic;
pub mod html;
pub mod json;
pub mod number;
pub mod svg;
pub mod table;
pub mod text;
pub mod visible;
pub mod xlsx;

pub use text::Style;
