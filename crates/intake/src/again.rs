//! Refused rows are read again, through another mapping or after what was wrong has been mended.
//!
//! A row is read alone here, so only layouts whose rows say what they say by themselves are: where
//! rows are summed up, or where decimal mark and order of dates are concluded from the whole file,
//! the file must be loaded again.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use domain::fact::SourceRow;

use crate::format::decode::Encoding;
use crate::format::{Cells, Each, Format, Item, Row, RowFault, Tail};
use crate::kept::{self, Broken, KeptValue};
use crate::lookups::Lookups;
use crate::preset::Shape;
use crate::recipe::{DateRule, NumberRule};
use crate::recognize::{recognize, unknown};
use crate::settings::{Rejected, Settings};
use crate::survey::Planned;

/// A refused row of a file.
#[derive(Clone, Copy, Debug)]
pub struct Refused<'a> {
    /// Where it stands.
    pub line: u64,
    /// The row as it was kept.
    pub raw: &'a str,
}

/// What became of a refused row.
#[derive(Clone, Debug)]
pub enum Again {
    /// It was read anew: it now says something, or is refused again.
    Read(SourceRow),
    /// It cannot be read alone: why, and what to do.
    Untried {
        /// Why; lower case, no full stop.
        why: String,
        /// What to do: a sentence.
        hint: String,
    },
    /// The mapping that was asked for does not speak of it.
    NotMeant,
}

/// A kept row whose columns are known.
#[derive(Clone, Debug)]
pub(crate) struct KeptRow {
    line: u64,
    values: Vec<KeptValue>,
}

/// Reads refused rows of one file again, each for itself, in their order; the mappings of the
/// settings are tried first. With `mapped_only` rows that none of them speaks of are left alone.
pub fn again(
    file: &Arc<str>,
    rows: &[Refused<'_>],
    settings: &Settings,
    lookups: &Lookups,
    mapped_only: bool,
) -> Vec<Again> {
    let mut out: Vec<Option<Again>> = Vec::new();
    // Rows with the same columns are read together.
    let mut groups: BTreeMap<Vec<Arc<str>>, Vec<(usize, KeptRow)>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        out.push(None);
        if let Some((header, values)) = kept::parse(row.raw) {
            let kept = KeptRow { line: row.line, values };
            groups.entry(header).or_default().push((at, kept));
        } else if let Some(slot) = out.last_mut() {
            *slot = Some(Again::Untried {
                why: "the line was not split into its columns, or is longer than is kept".into(),
                hint: "Mend the row in the file and load the file again.".into(),
            });
        }
    }
    // Here one row tells nothing about the others.
    let mut settings = settings.clone();
    settings.limits.refused_floor = u64::MAX;
    for (header, rows) in groups {
        let (places, rows): (Vec<usize>, Vec<KeptRow>) = rows.into_iter().unzip();
        let read = match plan(file, &header, &settings, mapped_only) {
            Ok(Plan::NotMeant) => rows.iter().map(|_| Again::NotMeant).collect(),
            Ok(Plan::Untried(why)) => rows
                .iter()
                .map(|_| Again::Untried { why: why.0.to_owned(), hint: why.1.to_owned() })
                .collect(),
            Ok(Plan::Read(planned)) => {
                rows.iter().map(|row| one(&planned, row, &settings, lookups)).collect()
            }
            Err(rejected) => rows.iter().map(|_| untried(&rejected)).collect::<Vec<_>>(),
        };
        for (at, again) in places.into_iter().zip(read) {
            if let Some(slot) = out.get_mut(at) {
                *slot = Some(again);
            }
        }
    }
    out.into_iter().flatten().collect()
}

fn untried(rejected: &Rejected) -> Again {
    Again::Untried {
        why: rejected.0.message.clone(),
        hint: rejected.0.hint.clone().unwrap_or_default(),
    }
}

enum Plan {
    Read(Box<Planned>),
    Untried((&'static str, &'static str)),
    NotMeant,
}

fn plan(
    file: &Arc<str>,
    header: &[Arc<str>],
    settings: &Settings,
    mapped_only: bool,
) -> Result<Plan, Rejected> {
    let Some(recognized) = recognize(header, file, settings, 1)? else {
        return if mapped_only { Ok(Plan::NotMeant) } else { Err(unknown(file, header).into()) };
    };
    if mapped_only && !recognized.mapped {
        return Ok(Plan::NotMeant);
    }
    let recipe = &recognized.recipe;
    if !matches!(recipe.shape, Shape::Rows | Shape::Changes) {
        return Ok(Plan::Untried((
            "facts of this layout are made of several rows",
            "Mend the file, or write a mapping for it, and load the whole file again.",
        )));
    }
    if matches!(recipe.numbers, NumberRule::Decide) || matches!(recipe.dates, DateRule::Decide) {
        return Ok(Plan::Untried((
            "decimal mark and order of dates of this layout are concluded from the whole file",
            "Say them in a mapping with `decimal` and `date_order`, and try it with --fix.",
        )));
    }
    let encoding = recipe.fallback.unwrap_or(Encoding::Utf8);
    Ok(Plan::Read(Box::new(Planned::of_kept(file, header, encoding, recognized))))
}

fn one(planned: &Planned, row: &KeptRow, settings: &Settings, lookups: &Lookups) -> Again {
    let planned = Planned { kept: Some(row.clone()), ..planned.clone() };
    let mut read = None;
    let outcome = planned.read(settings, lookups, &mut |row| {
        read.get_or_insert(row);
        ControlFlow::Continue(())
    });
    match (outcome, read) {
        (Err(rejected), _) => untried(&rejected),
        (Ok(_), Some(row)) => Again::Read(row),
        (Ok(_), None) => Again::Untried {
            why: "the layout reads nothing from this row".into(),
            hint: "Look at `match` and `when` of the mapping.".into(),
        },
    }
}

impl KeptRow {
    /// Hands the row out as a format would.
    pub(crate) fn item(&self, encoding: Encoding, each: &mut Each<'_>) -> Result<Tail, Rejected> {
        let mut values = Vec::with_capacity(self.values.len());
        for (at, value) in self.values.iter().enumerate() {
            match value.decoded(encoding) {
                Some(value) => values.push(value),
                None => {
                    each(Item::Fault(RowFault {
                        line: self.line,
                        cell: Some(at),
                        column: None,
                        rule: "csv.encoding",
                        message: "the value is not UTF-8".into(),
                        hint: Some("Declare `encoding = \"windows-1252\"` in a mapping.".into()),
                        excerpt: String::new(),
                        broken: Broken::Fields(Vec::new()),
                    }))?;
                    return Ok(Tail::default());
                }
            }
        }
        let raws: Vec<_> = values.iter().map(KeptValue::raw).collect();
        each(Item::Row(Row { line: self.line, cells: Cells::Typed(&raws) }))?;
        Ok(Tail::default())
    }
}

impl Planned {
    /// Plans rows that are not in a file any more.
    fn of_kept(
        file: &Arc<str>,
        header: &[Arc<str>],
        encoding: Encoding,
        recognized: crate::recognize::Recognized,
    ) -> Self {
        Self {
            path: std::path::PathBuf::new(),
            name: Arc::clone(file),
            // Typed values: nothing is split any more.
            format: Format::Ndjson,
            packed: false,
            encoding,
            preset: recognized.id,
            about: recognized.about,
            tables: Vec::new(),
            matched: Vec::new(),
            unmatched: Vec::new(),
            header: header.to_vec(),
            header_line: 0,
            notes: recognized.notes,
            content_hash: String::new(),
            bytes: 0,
            lines: None,
            recipe: recognized.recipe,
            kept: None,
        }
    }
}
