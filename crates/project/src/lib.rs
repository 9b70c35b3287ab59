//! A company's folder, and what is asked of it.
//!
//! The one place where facts, definitions and questions meet, for the command line and the web
//! page alike: [`Project`] is the folder, [`Scope`] what a question is limited to, [`View`] the
//! lake as of a day with its build, [`Session`] a question being answered and opened. It decides
//! nothing: what rows mean is said by `answers`, which rows there are by `lake`.

mod error;
mod folder;
mod scope;
mod view;

pub use error::{Failure, Kind};
pub use folder::Project;
pub use scope::{Scope, not_one_of};
pub use view::{Moment, Session, View, backtest, question};

/// Is told how far long work is: the stage, steps done, steps in all.
pub type Progress<'a> = &'a mut dyn FnMut(&str, u64, u64);
