//! `journeys`: one row per deal and touch that counts.
//!
//! Rows are made some thousand deals at a time and filtered at once; a filter on the deal is looked
//! at first.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, UInt16Type, UInt32Type};
use domain::{Column, Filter, Frame};

use super::{Built, joined};
use crate::build::{Channels, Days, date, hop, instant, side_text};
use crate::error::LakeError;

pub(super) const COLUMNS: &[&str] = &[
    "opportunity_id",
    "position",
    "touch_id",
    "person_id",
    "at",
    "day",
    "channel",
    "side",
    "program_id",
    "program",
    "kind",
    "stage",
    "milestones",
];

const DEALS_AT_ONCE: usize = 2000;

/// Where the journey of a deal lies, and its milestones.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) n: usize,
    pub(super) n_before: usize,
    pub(super) lead: Option<usize>,
    pub(super) close: Option<usize>,
}

/// Reads the spans of all deals from the table of deals.
pub(super) fn spans(base: &Frame) -> Vec<Span> {
    let get = |name: &str, row: usize| {
        let value = base.integers(name).get(row).copied().flatten();
        value.and_then(|value| usize::try_from(value).ok())
    };
    (0..base.n_rows())
        .map(|row| Span {
            start: get("_start", row).unwrap_or(0),
            n: get("_n", row).unwrap_or(0),
            n_before: get("n_touches", row).unwrap_or(0),
            lead: get("_lead", row),
            close: get("_close", row),
        })
        .collect()
}

/// The touches of journeys as typed columns.
pub(super) struct Hops<'a> {
    pub(super) at: &'a [i64],
    pub(super) channel: &'a [u16],
    pub(super) program: &'a [u32],
    batch: &'a RecordBatch,
}

impl<'a> Hops<'a> {
    pub(super) fn of(batch: &'a RecordBatch) -> Self {
        let column = |at: usize| batch.columns().get(at);
        Self {
            at: column(hop::AT)
                .and_then(|c| c.as_primitive_opt::<Int64Type>())
                .map_or(&[], |c| c.values()),
            channel: column(hop::CHANNEL)
                .and_then(|c| c.as_primitive_opt::<UInt16Type>())
                .map_or(&[], |c| c.values()),
            program: column(hop::PROGRAM)
                .and_then(|c| c.as_primitive_opt::<UInt32Type>())
                .map_or(&[], |c| c.values()),
            batch,
        }
    }

    fn text(&self, column: usize, row: usize) -> Option<Arc<str>> {
        let array = self.batch.columns().get(column)?.as_string_opt::<i32>()?;
        (row < array.len() && array.is_valid(row)).then(|| array.value(row).into())
    }
}

pub(super) fn fetch(
    built: &Built,
    filters: &[Filter],
    columns: &[&str],
) -> Result<Frame, LakeError> {
    let base = built.table("opportunities")?;
    let programs = built.table("programs")?;
    let batch = built.hops()?;
    let hops = Hops::of(&batch);
    let channels = built.channels();
    let days = built.days();
    let spans = spans(&base);
    let ids = base.texts("id");
    let of_deal: Vec<Filter> = filters
        .iter()
        .filter(|filter| filter.column == "opportunity_id")
        .map(|filter| Filter { column: "id".to_owned(), test: filter.test.clone() })
        .collect();
    let wanted = base.matching(&of_deal);
    let mut parts = Vec::new();
    let mut chunks = wanted.chunks(DEALS_AT_ONCE);
    // An empty part gives the columns where there is no deal.
    let mut chunk = chunks.next().unwrap_or(&[]);
    loop {
        let rows =
            chunk.iter().filter_map(|&deal| Some((ids.get(deal)?.clone(), *spans.get(deal)?)));
        let frame = part(rows, &hops, &channels, days, &programs)?;
        parts.push(frame.select(columns).take(&frame.matching(filters)));
        match chunks.next() {
            Some(next) => chunk = next,
            None => break,
        }
    }
    joined(parts)
}

fn part(
    deals: impl Iterator<Item = (Option<Arc<str>>, Span)>,
    hops: &Hops<'_>,
    channels: &Channels,
    days: &Days,
    programs: &Frame,
) -> Result<Frame, LakeError> {
    let stages: [Arc<str>; 2] = ["before".into(), "after".into()];
    let mut texts: [Vec<Option<Arc<str>>>; 10] = Default::default();
    let (mut positions, mut instants, mut on) = (Vec::new(), Vec::new(), Vec::new());
    for (id, span) in deals {
        for position in 0..span.n {
            let row = span.start + position;
            let at = hops.at.get(row).copied().unwrap_or(0);
            let channel = hops.channel.get(row).copied().unwrap_or_else(|| channels.unknown());
            let program = hops.program.get(row).map_or(usize::MAX, |code| *code as usize);
            let [before, after] = &stages;
            let stage = if position < span.n_before { before } else { after };
            let row_texts = [
                id.clone(),
                hops.text(hop::TOUCH_ID, row),
                hops.text(hop::PERSON_ID, row),
                Some(channels.id(channel)),
                Some(side_text(channels.side(channel))),
                programs.texts("id").get(program).cloned().flatten(),
                programs.texts("name").get(program).cloned().flatten(),
                hops.text(hop::KIND, row),
                Some(Arc::clone(stage)),
                milestones(&span, position),
            ];
            for (column, text) in texts.iter_mut().zip(row_texts) {
                column.push(text);
            }
            positions.push(i64::try_from(position + 1).ok());
            instants.push(Some(instant(at)));
            on.push(Some(date(days.day(at))));
        }
    }
    let [ids, touches, persons, channel, side, program_ids, names, kinds, stage, milestones] =
        texts;
    Ok(Frame::new(vec![
        ("opportunity_id", Column::Text(ids)),
        ("position", Column::Integer(positions)),
        ("touch_id", Column::Text(touches)),
        ("person_id", Column::Text(persons)),
        ("at", Column::Instant(instants)),
        ("day", Column::Day(on)),
        ("channel", Column::Text(channel)),
        ("side", Column::Text(side)),
        ("program_id", Column::Text(program_ids)),
        ("program", Column::Text(names)),
        ("kind", Column::Text(kinds)),
        ("stage", Column::Text(stage)),
        ("milestones", Column::Text(milestones)),
    ])?)
}

fn milestones(span: &Span, position: usize) -> Option<Arc<str>> {
    let here = [
        ("first", position == 0),
        ("lead_creation", span.lead == Some(position)),
        ("opportunity_creation", span.n_before.checked_sub(1) == Some(position)),
        ("close", span.close == Some(position)),
    ];
    let names: Vec<&str> =
        here.into_iter().filter(|(_, here)| *here).map(|(name, _)| name).collect();
    (!names.is_empty()).then(|| names.join("+").into())
}
