//! The words of Throughline: money, calendar, facts, definitions and answers.
//!
//! Values only: no I/O, no clock, no randomness, no async. Every other crate speaks in these types,
//! so a word has one meaning and one type (`GLOSSARY.md` lists them).

pub mod answer;
pub mod calendar;
pub mod chart;
pub mod definition;
pub mod diagnostic;
pub mod fact;
pub mod frame;
pub mod money;
pub mod person;
mod theme;

pub use answer::{
    Answer, Ask, Caveat, Evidence, Figure, Given, Measure, Need, Question, Rows, Value,
};
pub use calendar::{FiscalCalendar, Period};
pub use definition::Definitions;
pub use diagnostic::{Diagnostic, Level, Place};
pub use frame::{Cell, Column, Filter, Frame, Test};
pub use money::{Currency, MixedMoney, Money, MoneyError, Rate};
pub use rust_decimal::Decimal;
pub use theme::Theme;
