//! All touches that count, by account: whom they reached, through which program and channel, when.
//!
//! Accounts and people are named by their places in the tables `accounts` and `leads`, programs by
//! their places in `programs`; [`NONE`] where there is none. Rows are in order of all columns, so
//! that further touches are taken in by sorting.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, AsArray, Int64Array, PrimitiveArray, RecordBatch, UInt16Array,
    UInt32Array,
};
use arrow::datatypes::{Int64Type, UInt16Type, UInt32Type};

use super::channels::Channel;
use super::days::Micros;
use super::more::shifted;
use super::names::NONE;
use super::touches::Gathered;
use crate::error::LakeError;

/// A touch: account, time, program, channel, person.
pub(crate) type Touch = (u32, Micros, u32, Channel, u32);

/// Gives touches the places of what they name; `accounts` and `people` turn codes into places.
pub(crate) fn of(
    gathered: &Gathered,
    account: impl Fn(u32) -> u32,
    person: impl Fn(u32) -> u32,
) -> Result<RecordBatch, LakeError> {
    let store = &gathered.store;
    let mut touches: Vec<Touch> = Vec::with_capacity(store.at.len() + gathered.lone.len());
    let columns = store.account.iter().zip(&store.at).zip(&store.program);
    let columns = columns.zip(&store.channel).zip(&store.person);
    touches.extend(columns.map(|((((of, at), program), channel), who)| {
        (account(*of), *at, *program, *channel, person(*who))
    }));
    let lone = gathered.lone.iter();
    touches.extend(lone.map(|t| (NONE, t.at, t.program, t.channel, person(t.person))));
    batch(touches)
}

fn batch(mut touches: Vec<Touch>) -> Result<RecordBatch, LakeError> {
    touches.sort_unstable();
    let column = |of: fn(&Touch) -> u32| -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values(touches.iter().map(of)))
    };
    Ok(RecordBatch::try_from_iter(vec![
        ("account", column(|touch| touch.0)),
        ("at", Arc::new(Int64Array::from_iter_values(touches.iter().map(|touch| touch.1)))),
        ("program", column(|touch| touch.2)),
        ("channel", Arc::new(UInt16Array::from_iter_values(touches.iter().map(|t| t.3)))),
        ("person", column(|touch| touch.4)),
    ])?)
}

fn values<T: ArrowPrimitiveType>(
    batch: &RecordBatch,
    column: usize,
) -> Result<&PrimitiveArray<T>, LakeError> {
    batch.columns().get(column).and_then(|array| array.as_primitive_opt::<T>()).ok_or_else(|| {
        LakeError::Unreadable { what: "column of a build", found: format!("column {column}") }
    })
}

/// Reads the touches of a batch, in their order.
pub(crate) fn touches(batch: &RecordBatch) -> Result<Vec<Touch>, LakeError> {
    let account = values::<UInt32Type>(batch, 0)?.values().iter();
    let at = values::<Int64Type>(batch, 1)?.values().iter();
    let program = values::<UInt32Type>(batch, 2)?.values().iter();
    let channel = values::<UInt16Type>(batch, 3)?.values().iter();
    let person = values::<UInt32Type>(batch, 4)?.values().iter();
    let columns = account.zip(at).zip(program).zip(channel).zip(person);
    Ok(columns.map(|((((a, at), p), c), who)| (*a, *at, *p, *c, *who)).collect())
}

/// Puts further touches among those of a build; accounts and programs came before the rows named.
pub(crate) fn merged(
    base: &RecordBatch,
    more: &RecordBatch,
    new_accounts: &[usize],
    new_programs: &[usize],
) -> Result<RecordBatch, LakeError> {
    let mut all = touches(base)?;
    for touch in &mut all {
        touch.0 = shifted(new_accounts, touch.0);
        touch.2 = shifted(new_programs, touch.2);
    }
    all.extend(touches(more)?);
    batch(all)
}
