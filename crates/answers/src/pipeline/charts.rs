//! The charts of the answer `pipeline`, and the table that they open.

use domain::answer::{Chart, ChartForm, Role, Series, Table, TableRow};
use domain::definition::Side;
use domain::{Ask, Value};

use super::{Deals, View, figures};
use crate::common::{self, Trail, series_of, side_name};
use crate::words;

/// Pipeline by source and what was won, period by period: up to this one, or the parts of a long
/// one and of one that nothing on record comes before.
pub(super) fn history(ask: &Ask, deals: &Deals<'_>, trail: Trail) -> Table {
    let long = ask.period.n_days() > 100;
    let steps = if long || trail.len() < 2 {
        let parts = common::parts(ask, &ask.period).into_iter();
        parts.map(|part| (part.clone(), figures(&View::of(deals, &part), ask, None))).collect()
    } else {
        trail
    };
    let columns = [
        ("marketing", "marketing_sourced_pipeline", side_name(Side::Marketing)),
        ("sales", "sales_sourced_pipeline", side_name(Side::Sales)),
        ("partner", "partner_sourced_pipeline", side_name(Side::Partner)),
        ("customer", "customer_sourced_pipeline", side_name(Side::Customer)),
        ("unknown", "unknown_sourced_pipeline", side_name(Side::Unknown)),
        ("all", "pipeline_created", "All"),
        ("share", "marketing_sourced_share", "Marketing's share"),
        ("won", "won", "Won"),
        ("win_rate", "win_rate", "Win rate"),
    ];
    let mut table = common::by_period("history", "Pipeline by source, over time", &columns, &steps);
    // Beside earlier periods without them, one interval would look like a difference.
    let entries = table.rows.iter_mut().flat_map(|row| &mut row.entries);
    entries.for_each(|entry| entry.interval = None);
    table
}

/// Pipeline created over time, by source.
pub(super) fn by_source(ask: &Ask, history: &Table) -> Chart {
    let rows: Vec<&TableRow> = history.rows.iter().collect();
    let share = series_of(history, "share", "", &rows).values;
    let ends = (share.first().copied().flatten(), share.last().copied().flatten());
    let title = match (ends, rows.first(), rows.last()) {
        ((Some(first), Some(last)), Some(from), Some(to)) if rows.len() > 1 => {
            let (from, to) = (&from.label, &to.label);
            let (a, b) = (words::percent(first), words::percent(last));
            if a == b {
                format!("Marketing sourced {a} of new pipeline in {from} and in {to}")
            } else {
                format!("Marketing sourced {a} of new pipeline in {from} and {b} in {to}")
            }
        }
        _ => "Pipeline created, by source".to_owned(),
    };
    let marks = common::marks(ask, rows.len());
    let series =
        |side: Side| series_of(history, side.id(), side_name(side), &rows).marks(marks.clone());
    let points = rows.iter().map(|row| row.label.clone());
    let mut chart =
        Chart::new("trend", title, ChartForm::Stacked, ask.currency.code()).points(points);
    chart.series = Side::ALL.into_iter().map(series).collect();
    chart
}

/// How many of the deals created reached each stage, and how many of those that have left one went
/// on; none where there is no deal.
pub(super) fn stages(stages: Option<&Table>) -> Option<Chart> {
    let stages = stages?;
    let rows: Vec<&TableRow> = stages.rows.iter().collect();
    let reached = series_of(stages, "all", "Deals", &rows);
    let of = |column: &str| -> Vec<f64> {
        let values = series_of(stages, column, "", &rows).values;
        values.iter().map(|value| value.unwrap_or(0.0)).collect()
    };
    let (counts, lost, open) = (of("all"), of("lost"), of("open"));
    let created = counts.first().copied().filter(|first| *first > 0.0 && counts.len() > 1)?;
    // A deal that is still there has not failed to go on.
    let steps: Vec<(f64, f64)> =
        counts.iter().skip(1).zip(&lost).map(|(on, lost)| (*on, on + lost)).collect();
    let part = |(on, left): &(f64, f64)| (*left > 0.0).then(|| on / left);
    let enough = words::SMALL as f64;
    let narrowest = steps
        .iter()
        .zip(rows.windows(2))
        .filter(|((on, left), _)| *left >= enough && on < left)
        .min_by(|a, b| part(a.0).unwrap_or(1.0).total_cmp(&part(b.0).unwrap_or(1.0)));
    let title = match narrowest {
        Some(((on, left), [before, after])) => format!(
            "Fewest go on from {} to {}: {on:.0} of the {left:.0} that have left it",
            before.label, after.label
        ),
        _ => {
            let still: f64 = open.iter().sum();
            let is = if still == 1.0 { "is" } else { "are" };
            let created = words::grouped(whole(created));
            format!("Of the {created} that began, {} {is} still open", words::grouped(whole(still)))
        }
    };
    let conversion = std::iter::once(None).chain(steps.iter().map(part)).collect();
    let points = rows.iter().map(|row| row.label.clone());
    Some(
        Chart::new("stages", title, ChartForm::Funnel, Value::Count(0).unit())
            .points(points)
            .with(Series { ranges: Vec::new(), ..reached })
            .with(
                Series::new("Went on, of those that have left", conversion).role(Role::Conversion),
            ),
    )
}

#[expect(clippy::cast_possible_truncation, reason = "a number of deals")]
fn whole(count: f64) -> i64 {
    count.round() as i64
}
