//! Tables of a build and what further touches changed in them, merged when they are read.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::interleave;
use arrow::datatypes::{Int64Type, UInt32Type};
use domain::{Column, Frame};

use crate::build::hop;
use crate::build::more::{BEFORE, ROW, befores, shifted};
use crate::error::LakeError;

macro_rules! per_kind {
    ($base:expr, $new:expr, $function:ident, $rows:expr) => {
        match ($base, $new) {
            (Column::Text(base), Column::Text(new)) => Column::Text($function(base, new, $rows)),
            (Column::Integer(base), Column::Integer(new)) => {
                Column::Integer($function(base, new, $rows))
            }
            (Column::Number(base), Column::Number(new)) => {
                Column::Number($function(base, new, $rows))
            }
            (Column::Boolean(base), Column::Boolean(new)) => {
                Column::Boolean($function(base, new, $rows))
            }
            (Column::Day(base), Column::Day(new)) => Column::Day($function(base, new, $rows)),
            (Column::Instant(base), Column::Instant(new)) => {
                Column::Instant($function(base, new, $rows))
            }
            (Column::Decimal(base), Column::Decimal(new)) => {
                Column::Decimal($function(base, new, $rows))
            }
            (Column::Money(base), Column::Money(new)) => Column::Money($function(base, new, $rows)),
            (base, _) => base.clone(),
        }
    };
}

fn replace<T: Clone>(base: &[Option<T>], new: &[Option<T>], rows: &[usize]) -> Vec<Option<T>> {
    let mut all = base.to_vec();
    for (value, row) in new.iter().zip(rows) {
        if let Some(place) = all.get_mut(*row) {
            place.clone_from(value);
        }
    }
    all
}

fn insert<T: Clone>(base: &[Option<T>], new: &[Option<T>], befores: &[usize]) -> Vec<Option<T>> {
    let mut all = Vec::with_capacity(base.len() + new.len());
    let mut done = 0;
    for (value, before) in new.iter().zip(befores) {
        all.extend_from_slice(base.get(done..*before).unwrap_or(&[]));
        done = *before;
        all.push(value.clone());
    }
    all.extend_from_slice(base.get(done..).unwrap_or(&[]));
    all
}

/// Replaces the cells that changed.
pub(super) fn changed(base: &Frame, changes: &Frame) -> Result<Frame, LakeError> {
    let rows = changes.integers(ROW).iter().flatten();
    let rows: Vec<usize> = rows.filter_map(|row| usize::try_from(*row).ok()).collect();
    let merged = base.names().iter().zip(base.columns()).map(|(name, column)| {
        let column = match changes.column(name) {
            Some(new) => per_kind!(column, new, replace, &rows),
            None => column.clone(),
        };
        (&**name, column)
    });
    Ok(Frame::new(merged.collect())?)
}

/// Puts new rows between those that are there.
pub(super) fn with_new(base: &Frame, new: &Frame) -> Result<Frame, LakeError> {
    let befores = befores(new);
    let merged = base.names().iter().zip(base.columns()).map(|(name, column)| {
        let column = match new.column(name) {
            Some(new) => per_kind!(column, new, insert, &befores),
            None => column.clone(),
        };
        (&**name, column)
    });
    Ok(Frame::new(merged.collect())?)
}

/// Makes the starts of journeys follow their lengths.
pub(super) fn restarted(deals: &Frame) -> Result<Frame, LakeError> {
    let mut next = 0;
    let starts = deals.integers("_n").iter().map(|n| {
        let start = next;
        next += n.unwrap_or(0);
        Some(start)
    });
    let mut starts = Some(Column::Integer(starts.collect()));
    let columns = deals.names().iter().zip(deals.columns()).map(|(name, column)| {
        let made = if &**name == "_start" { starts.take() } else { None };
        (&**name, made.unwrap_or_else(|| column.clone()))
    });
    Ok(Frame::new(columns.collect())?)
}

/// Adds up the counts of two tables of touches by program, channel and day.
pub(super) fn added(base: &Frame, more: &Frame) -> Result<Frame, LakeError> {
    let key = |frame: &'_ Frame, row: usize| {
        let text = |column: &str| frame.texts(column).get(row).and_then(Clone::clone);
        (text("program_id"), text("channel"), frame.days("day").get(row).copied().flatten())
    };
    let order = |base_row: usize, row: usize| {
        let (known, new) = (key(base, base_row), key(more, row));
        // No program comes last.
        known.0.is_none().cmp(&new.0.is_none()).then_with(|| known.cmp(&new))
    };
    let (mut same, mut rows, mut new, mut befores) = (vec![], vec![], vec![], vec![]);
    let mut from = 0;
    for row in 0..more.n_rows() {
        let mut to = base.n_rows();
        while from < to {
            let middle = from.midpoint(to);
            if order(middle, row) == Ordering::Less { from = middle + 1 } else { to = middle }
        }
        if from < base.n_rows() && order(from, row) == Ordering::Equal {
            same.push(row);
            rows.push(from);
        } else {
            new.push(row);
            befores.push(from);
        }
    }
    let (same, new) = (more.take(&same), more.take(&new));
    let merged = base.names().iter().zip(base.columns()).map(|(name, column)| {
        let mut column = column.clone();
        if let (Column::Integer(all), Some(Column::Integer(more))) =
            (&mut column, same.column(name))
        {
            for (more, row) in more.iter().zip(&rows) {
                if let Some(n) = all.get_mut(*row) {
                    *n = n.zip(*more).map(|(n, more)| n + more);
                }
            }
        }
        let column = match new.column(name) {
            Some(new) => per_kind!(&column, new, insert, &befores),
            None => column,
        };
        (&**name, column)
    });
    Ok(Frame::new(merged.collect())?)
}

/// Puts new touches into journeys; `new_programs` are the rows before which programs came.
pub(super) fn hops(
    base: &RecordBatch,
    more: &RecordBatch,
    new_programs: &[usize],
) -> Result<RecordBatch, LakeError> {
    let before = more.columns().last().and_then(|column| column.as_primitive_opt::<Int64Type>());
    let mut rows: Vec<(usize, usize)> = Vec::with_capacity(base.num_rows() + more.num_rows());
    let mut done = 0;
    let befores = before.map_or(&[][..], |before| before.values());
    for (row, before) in befores.iter().enumerate() {
        let before = usize::try_from(*before).unwrap_or(0).min(base.num_rows());
        rows.extend((done..before).map(|row| (0, row)));
        done = before.max(done);
        rows.push((1, row));
    }
    rows.extend((done..base.num_rows()).map(|row| (0, row)));
    let mut columns = Vec::new();
    for (at, (known, new)) in base.columns().iter().zip(more.columns()).enumerate() {
        let mut known = Arc::clone(known);
        if let (hop::PROGRAM, Some(codes)) = (at, known.as_primitive_opt::<UInt32Type>())
            && !new_programs.is_empty()
        {
            let codes = codes.values().iter().map(|code| shifted(new_programs, *code));
            known = Arc::new(UInt32Array::from_iter_values(codes)) as ArrayRef;
        }
        columns.push(interleave(&[&*known, &**new], &rows)?);
    }
    debug_assert!(more.schema().fields().last().is_some_and(|field| field.name() == BEFORE));
    Ok(RecordBatch::try_new(base.schema(), columns)?)
}
