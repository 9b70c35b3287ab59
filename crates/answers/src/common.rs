//! What several answers share: the periods that are compared, targets, dimensions, caveats.

use domain::answer::{Entry, Mark, Series, Table, TableColumn, TableRow, Trend};
use domain::definition::Side;
use domain::{
    Answer, Ask, Caveat, Cell, Evidence, Figure, Filter, Given, Money, Period, Rows, Test, Value,
};

use crate::slice::Slice;
use crate::words;

/// The dimensions that tables can be broken down by: identifier, column of `opportunities`,
/// heading.
pub const DIMENSIONS: &[(&str, &str, &str)] = &[
    ("channel", "channel", "Channel"),
    ("program", "program_id", "Program"),
    ("segment", "segment", "Segment"),
    ("owner", "owner", "Owner"),
    ("source", "source", "Source"),
    ("kind", "kind", "Kind of deal"),
    ("country", "country", "Country"),
    ("industry", "industry", "Industry"),
    ("month", "month", "Month"),
    ("quarter", "quarter", "Quarter"),
    ("lead_source", "lead_source", "Lead source"),
];

/// How many periods a trend shows, with the one asked for.
const TRAIL: usize = 8;

/// The period that is asked for and the ones that it is compared with.
#[derive(Clone, Debug)]
pub(crate) struct Periods {
    /// The period asked for.
    pub(crate) now: Period,
    /// The period before.
    pub(crate) previous: Period,
    /// The same period a year ago.
    pub(crate) year_ago: Period,
    /// The periods of the same kind before the one asked for, oldest first.
    pub(crate) earlier: Vec<Period>,
}

impl Periods {
    /// Finds the periods to compare with, by the fiscal calendar.
    pub(crate) fn of(ask: &Ask) -> Self {
        let calendar = ask.definitions.calendar();
        let previous = calendar.previous(&ask.period);
        let back = |period: &Period| Some(calendar.previous(period));
        let mut earlier: Vec<Period> =
            std::iter::successors(Some(previous.clone()), back).take(TRAIL - 1).collect();
        earlier.reverse();
        let year_ago = calendar.year_ago(&ask.period);
        Self { now: ask.period.clone(), previous, year_ago, earlier }
    }

    /// True where a year ago is a comparison of its own: neither the period before once more (a
    /// whole year) nor partly the period itself (more than a year).
    pub(crate) fn apart(&self) -> bool {
        self.year_ago.from != self.previous.from && self.year_ago.to < self.now.from
    }

    /// Returns the days from the first of all these periods to the end of the one asked for.
    pub(crate) fn span(&self) -> Period {
        let first = self.earlier.first().map_or(self.now.from, |period| period.from);
        Period::days(first.min(self.year_ago.from).min(self.now.from), self.now.to)
    }
}

/// The figures of the periods up to and including the one asked for, oldest first.
pub(crate) type Trail = Vec<(Period, Vec<Figure>)>;

/// Returns a figure of a period by its identifier.
pub(crate) fn of_period<'a>(figures: &'a [Figure], id: &str) -> Option<&'a Figure> {
    figures.iter().find(|figure| figure.id == id)
}

/// Sets figures beside those of the periods before: the period before, a year ago, their targets
/// and their trend. `of` gives the figures of a period, none where its record does not reach it;
/// `begun` is false where nothing can be compared yet.
pub(crate) fn placed(
    ask: &Ask,
    periods: &Periods,
    begun: bool,
    now: Vec<Figure>,
    of: &dyn Fn(&Period) -> Option<Vec<Figure>>,
) -> (Vec<Figure>, Trail) {
    let mut trail: Trail = Vec::new();
    if begun {
        let known = |period: &Period| Some((period.clone(), of(period)?));
        trail.extend(periods.earlier.iter().filter_map(known));
    }
    let at = |trail: &Trail, wanted: &Period| {
        trail.iter().find(|(period, _)| period == wanted).map(|(_, figures)| figures.clone())
    };
    let previous = at(&trail, &periods.previous);
    let year_ago = (begun && periods.apart())
        .then(|| at(&trail, &periods.year_ago).or_else(|| of(&periods.year_ago)))
        .flatten();
    let mut figures = compare(ask, now, previous.as_deref(), year_ago.as_deref());
    if !trail.is_empty() {
        for figure in &mut figures {
            let before = trail.iter().map(|(_, figures)| of_period(figures, &figure.id));
            if before.clone().all(|before| before.is_none()) {
                continue;
            }
            let value = |figure: Option<&Figure>| figure.and_then(|figure| figure.value.number());
            let mut values: Vec<Option<f64>> = before.map(value).collect();
            values.push(figure.value.number());
            let mut points: Vec<String> =
                trail.iter().map(|(period, _)| period.label.clone()).collect();
            points.push(periods.now.label.clone());
            figure.trend = Some(Trend { points, values });
        }
    }
    trail.push((periods.now.clone(), figures.clone()));
    (figures, trail)
}

/// Marks the last of so many points, where the period asked for is not over.
pub(crate) fn marks(ask: &Ask, n: usize) -> Vec<Mark> {
    if !so_far(ask) {
        return Vec::new();
    }
    let mut marks = vec![Mark::Plain; n];
    if let Some(last) = marks.last_mut() {
        *last = Mark::Unfinished;
    }
    marks
}

/// A table of some figures, a row for each period: columns are (identifier of the column,
/// identifier of the figure, label).
pub(crate) fn by_period(
    id: &str,
    title: &str,
    columns: &[(&str, &str, &str)],
    trail: &Trail,
) -> Table {
    let headings: Vec<(&str, &str)> = columns.iter().map(|(id, _, label)| (*id, *label)).collect();
    let mut table = table(id, title, "Period", &headings);
    for (period, figures) in trail {
        let entry = |(_, id, _): &(&str, &str, &str)| {
            of_period(figures, id).map_or_else(
                || Entry::plain(Value::None("not known".to_owned())),
                |figure| Entry {
                    value: figure.value.clone(),
                    interval: figure.interval.clone(),
                    evidence: figure.evidence.clone(),
                },
            )
        };
        table.rows.push(row(&period.label, &period.label, columns.iter().map(entry).collect()));
    }
    table
}

/// A series of a column of a table: each value opens its entry.
pub(crate) fn series_of(table: &Table, column: &str, name: &str, rows: &[&TableRow]) -> Series {
    let place = table.columns.iter().position(|c| c.id == column);
    let entry = |row: &&TableRow| place.and_then(|place| row.entries.get(place).cloned());
    let entries: Vec<(Option<Entry>, &str)> =
        rows.iter().map(|row| (entry(row), row.id.as_str())).collect();
    let value = |(entry, _): &(Option<Entry>, &str)| entry.as_ref()?.value.number();
    let open = |(entry, row): &(Option<Entry>, &str)| {
        entry.as_ref()?.evidence.as_ref()?;
        Some(format!("{}.{row}.{column}", table.id))
    };
    let mut series = Series::new(name, entries.iter().map(value).collect())
        .opens(entries.iter().map(open).collect());
    let interval = |(entry, _): &(Option<Entry>, &str)| entry.as_ref()?.interval.clone();
    let ranges: Vec<_> = entries.iter().map(interval).collect();
    if let Some(level) = ranges.iter().flatten().map(|range| range.level).next() {
        let low = ranges.iter().map(|range| Some(range.as_ref()?.low)).collect();
        let high = ranges.iter().map(|range| Some(range.as_ref()?.high)).collect();
        series = series.range(level, low, high);
    }
    series
}

/// Says that there are no rows, and of what.
pub(crate) fn nothing(ask: &Ask) -> String {
    match &ask.segment {
        Some(segment) => {
            let name = label(ask, "segment", segment, &[]);
            format!("Nothing of segment {name} is on record for this period ({}).", ask.period)
        }
        None => format!("Nothing was loaded for this period ({}).", ask.period),
    }
}

/// True where there are no rows: none at all, or none of the segment asked for (what is not
/// recorded by segment does not count).
pub(crate) fn is_bare(ask: &Ask, given: &Given) -> bool {
    let whole = ["spend", "left_out", "touches"];
    let counts = |name: &str| ask.segment.is_none() || !whole.contains(&name);
    given.frames.iter().all(|(name, frame)| frame.n_rows() == 0 || !counts(name))
}

/// Takes away all that would be zeros of a period that nothing can be told of.
pub(crate) fn emptied(answer: &mut Answer) {
    answer.figures.clear();
    answer.charts.clear();
    answer.tables.clear();
    answer.caveats.clear();
}

/// Says that nothing is there to be told of a period: it has not begun, or nothing was loaded that
/// reaches into it.
pub(crate) fn not_begun(ask: &Ask, given: &Given, any: bool) -> Option<String> {
    if ahead(ask) {
        let label = words::sentence(&ask.period.label);
        return Some(format!("{label} has not begun by {}. Choose an earlier period.", ask.as_of));
    }
    let beyond = given.known_until.is_some_and(|day| day < ask.period.from);
    (beyond && !any).then(|| format!("Nothing of {} is known as of {}.", ask.period, ask.as_of))
}

/// True where the period begins after the day as of which it is asked.
pub(crate) fn ahead(ask: &Ask) -> bool {
    ask.as_of < ask.period.from
}

/// True where the period has begun and is not over.
pub(crate) fn so_far(ask: &Ask) -> bool {
    !ahead(ask) && ask.as_of < ask.period.to
}

/// Returns the days of the period that have passed and are loaded; none of them where it has not
/// begun.
pub(crate) fn elapsed(ask: &Ask, given: &Given) -> Period {
    let mut period = ask.period.clone();
    period.to = period.to.min(given.known_until.unwrap_or(ask.as_of)).min(ask.as_of);
    period
}

/// Returns the name of the period, with "so far" where it is not over.
pub(crate) fn period_said(ask: &Ask) -> String {
    if so_far(ask) { format!("{} so far", ask.period.label) } else { ask.period.label.clone() }
}

/// Names the segment before a headline about it.
pub(crate) fn of_segment(ask: &Ask, headline: String) -> String {
    match &ask.segment {
        Some(segment) => {
            format!("Segment {}: {headline}", label(ask, "segment", segment, &[]))
        }
        None => headline,
    }
}

/// Returns the deals that count, limited to the segment asked for.
pub(crate) fn counted(ask: &Ask, relation: &str) -> Rows {
    in_segment(ask, Rows::of(relation).only(Filter::flag("counted", true)))
}

/// Limits rows to the segment asked for.
pub(crate) fn in_segment(ask: &Ask, rows: Rows) -> Rows {
    match &ask.segment {
        Some(segment) => rows.only(Filter::is("segment", segment)),
        None => rows,
    }
}

/// The value of a whole-number column is at least this.
pub(crate) fn at_least(column: &str, least: i64) -> Filter {
    let test = Test::Between(Cell::Integer(least), Cell::Integer(i64::MAX));
    Filter { column: column.to_owned(), test }
}

/// Returns the parts of a period (months or quarters), cut off at its ends.
pub(crate) fn parts(ask: &Ask, period: &Period) -> Vec<Period> {
    ask.definitions.calendar().parts(period).into_iter().map(|part| cut(part, period)).collect()
}

fn cut(part: Period, within: &Period) -> Period {
    let mut days = Period::days(part.from.max(within.from), part.to.min(within.to));
    days.label = part.label;
    days
}

/// Returns the months or quarters of a period, cut off at its ends.
fn calendar_parts(ask: &Ask, period: &Period, dimension: &str) -> Vec<Period> {
    let calendar = ask.definitions.calendar();
    let mut found = Vec::new();
    let mut day = period.from;
    loop {
        let part =
            if dimension == "month" { calendar.month_of(day) } else { calendar.quarter_of(day) };
        let next = part.to.tomorrow();
        found.push(cut(part, period));
        match next {
            Ok(next) if next > day && next <= period.to => day = next,
            _ => return found,
        }
    }
}

/// One value of a dimension.
#[derive(Clone, Debug)]
pub(crate) struct Member<'a> {
    /// Identifier of the row.
    pub(crate) id: String,
    /// What people call it.
    pub(crate) label: String,
    /// Each of the slices that were broken down, limited to this value.
    pub(crate) slices: Vec<Slice<'a>>,
}

/// Slices of deals broken down by one dimension: each member with one slice of each.
///
/// `slices` come with the day column that places them in time (creation, close), so that months and
/// quarters mean the same day as the figure does.
pub(crate) fn broken_down<'a>(
    ask: &Ask,
    dimension: &str,
    column: &str,
    slices: &[(&Slice<'a>, &str)],
) -> Vec<Member<'a>> {
    if matches!(dimension, "month" | "quarter") {
        return calendar_parts(ask, &ask.period, dimension)
            .into_iter()
            .map(|part| {
                let cut =
                    |(slice, day): &(&Slice<'a>, &str)| slice.only(Filter::within(day, &part));
                let slices = slices.iter().map(cut).collect();
                Member { id: part.label.clone(), label: part.label.clone(), slices }
            })
            .collect();
    }
    let groups: Vec<_> = slices.iter().map(|(slice, _)| slice.split(column)).collect();
    let mut members: Vec<Option<std::sync::Arc<str>>> =
        groups.iter().flatten().map(|(value, _)| value.clone()).collect();
    members.sort_by(|a, b| (a.is_none(), a).cmp(&(b.is_none(), b)));
    members.dedup();
    members
        .into_iter()
        .map(|member| {
            let of = |((slice, _), groups): (&(&Slice<'a>, &str), &Vec<_>)| {
                slice.part(groups, column, member.as_deref())
            };
            let slices: Vec<_> = slices.iter().zip(&groups).map(of).collect();
            let label = member.as_deref().map_or_else(
                || format!("No {}", noun(dimension)),
                |value| label(ask, dimension, value, &slices),
            );
            Member { id: member.as_deref().unwrap_or(NONE).to_owned(), label, slices }
        })
        .collect()
}

/// The identifier of the row of those that have no value.
pub(crate) const NONE: &str = "(none)";

fn noun(dimension: &str) -> String {
    DIMENSIONS
        .iter()
        .find(|(id, ..)| *id == dimension)
        .map_or_else(|| dimension.to_owned(), |(_, _, heading)| heading.to_lowercase())
}

/// Returns what people call a value of a dimension.
pub(crate) fn label(ask: &Ask, dimension: &str, value: &str, slices: &[Slice<'_>]) -> String {
    let definitions = &ask.definitions;
    let named = match dimension {
        "channel" => definitions.channel(value).map(|channel| channel.name.clone()),
        "source" => Some(crate::words::sentence(value)),
        "segment" => definitions.segments.iter().find(|s| &*s.id == value).map(|s| s.name.clone()),
        // The smallest name, so that the order of the rows does not matter.
        "program" => slices
            .iter()
            .flat_map(|slice| slice.texts("program").flatten())
            .min()
            .map(|name| (**name).to_owned()),
        _ => return value.to_owned(),
    };
    match (named, value) {
        (Some(name), _) => name,
        (None, "unknown") => "Unknown".to_owned(),
        (None, "other") => "Other".to_owned(),
        (None, _) => value.to_owned(),
    }
}

/// Returns what people call a side.
pub(crate) fn side_name(side: Side) -> &'static str {
    match side {
        Side::Marketing => "Marketing",
        Side::Sales => "Sales",
        Side::Partner => "Partners",
        Side::Customer => "Customers",
        Side::Unknown => "Unknown",
    }
}

/// Makes a table from columns as (identifier, label).
pub(crate) fn table(id: &str, title: &str, of: &str, columns: &[(&str, &str)]) -> Table {
    let heading = |(id, label): &(&str, &str)| TableColumn {
        id: (*id).to_owned(),
        label: (*label).to_owned(),
    };
    Table {
        id: id.to_owned(),
        title: title.to_owned(),
        of: of.to_owned(),
        columns: columns.iter().map(heading).collect(),
        rows: Vec::new(),
        note: None,
    }
}

/// Makes a row.
pub(crate) fn row(id: &str, label: &str, entries: Vec<Entry>) -> TableRow {
    TableRow { id: id.to_owned(), label: label.to_owned(), entries }
}

/// Makes a figure from an entry.
pub(crate) fn figure(id: &str, label: &str, entry: Entry, meaning: &str) -> Figure {
    let figure = Figure::new(id, label, entry.value, meaning).interval(entry.interval);
    Figure { evidence: entry.evidence, ..figure }
}

/// Takes the range from figures that rest on few deals, and what they would be compared with:
/// chance alone moves them. `n` says on how many each rests now, in the period before and a year
/// ago.
pub(crate) fn few(figures: &mut [Figure], n: &dyn Fn(&str) -> [Option<i64>; 3]) {
    let few = |n: Option<i64>| n.is_some_and(|n| n < words::SMALL);
    let why = || Value::None(format!("fewer than {} deals", words::SMALL));
    for figure in figures {
        let [now, previous, year_ago] = n(&figure.id).map(few);
        if now {
            figure.interval = None;
        }
        for (before, then) in [(&mut figure.previous, previous), (&mut figure.year_ago, year_ago)] {
            if let Some(value) = before.as_mut().filter(|value| (now || then) && !value.is_none()) {
                *value = why();
            }
        }
    }
}

/// Sets some figures before all others, in this order.
pub(crate) fn leading(figures: &mut [Figure], first: &[&str]) {
    let place = |figure: &Figure| first.iter().position(|id| *id == figure.id);
    figures.sort_by_key(|figure| place(figure).unwrap_or(first.len()));
}

/// Sets the figures of now beside those of earlier periods, by identifier, and beside their
/// targets.
fn compare(
    ask: &Ask,
    now: Vec<Figure>,
    previous: Option<&[Figure]>,
    year_ago: Option<&[Figure]>,
) -> Vec<Figure> {
    let value_in = |figures: Option<&[Figure]>, id: &str| {
        figures?.iter().find(|figure| figure.id == id).map(|figure| figure.value.clone())
    };
    now.into_iter()
        .map(|figure| Figure {
            previous: value_in(previous, &figure.id),
            year_ago: value_in(year_ago, &figure.id),
            target: target(ask, &figure),
            ..figure
        })
        .collect()
}

/// Sets figures beside their targets.
pub(crate) fn targeted(ask: &Ask, figures: Vec<Figure>) -> Vec<Figure> {
    compare(ask, figures, None, None)
}

/// Returns the target of a figure, where a goal for exactly this period gives one. Goals are for
/// the whole company and in its own currency.
pub(crate) fn target(ask: &Ask, figure: &Figure) -> Option<Value> {
    if ask.segment.is_some() {
        return None;
    }
    let goal = ask.definitions.goal(&figure.id, &ask.period)?;
    match figure.value {
        Value::Money(_) if ask.currency == ask.definitions.currency => {
            Money::from_decimal(goal, ask.currency).ok().map(Value::Money)
        }
        Value::Money(_) => None,
        _ => i64::try_from(goal)
            .ok()
            .filter(|count| domain::Decimal::from(*count) == goal)
            .map_or(Some(Value::Decimal(goal)), |count| Some(Value::Count(count))),
    }
}

/// Takes the targets away: what has not begun, or is not known, misses none.
pub(crate) fn without_targets(figures: &mut [Figure]) {
    for figure in figures {
        figure.target = None;
    }
}

/// Says what holds of every answer: an unfinished period, targets in another currency, dimensions
/// that do not exist; then what is known about the facts themselves.
pub(crate) fn caveats(answer: &mut Answer, ask: &Ask, given: &Given) {
    if so_far(ask) {
        let text = {
            let compared = if answer.figures.iter().any(|figure| figure.previous.is_some()) {
                ", and it is compared with whole periods"
            } else {
                ""
            };
            let elapsed = Period::days(ask.period.from, ask.as_of).n_days();
            format!(
                "{} is not over: {elapsed} of its {} days had passed on {}{compared}.",
                words::sentence(&ask.period.label),
                ask.period.n_days(),
                ask.as_of
            )
        };
        answer.caveats.push(Caveat::new("period_not_over", text));
    }
    let has_goal = |figure: &Figure| ask.definitions.goal(&figure.id, &ask.period).is_some();
    let other = ask.segment.is_some() || ask.currency != ask.definitions.currency;
    if other && answer.figures.iter().any(|figure| figure.target.is_none() && has_goal(figure)) {
        let text = match &ask.segment {
            Some(_) => "Targets are set for the whole company and not for a segment.".to_owned(),
            None => format!(
                "Targets are set in {} and not shown in {}.",
                ask.definitions.currency, ask.currency
            ),
        };
        answer.caveats.push(Caveat::new("no_target", text));
    }
    for dimension in &ask.by {
        if !DIMENSIONS.iter().any(|(id, ..)| id == dimension) {
            let known: Vec<&str> = DIMENSIONS.iter().map(|(id, ..)| *id).collect();
            let text =
                format!("There is no dimension `{dimension}`; known are {}.", known.join(", "));
            answer.caveats.push(Caveat::new("dimension", text));
        }
    }
    answer.caveats.extend(given.caveats.iter().cloned());
}

/// Returns the query behind an entry, to be opened from a caveat.
pub(crate) fn opens(entry: &Entry) -> Option<Rows> {
    entry.evidence.as_ref().map(|Evidence { rows, .. }| rows.clone())
}

/// Returns a caveat about the rows of a slice.
pub(crate) fn caveat(code: &'static str, text: String, slice: &Slice<'_>) -> Caveat {
    let caveat = Caveat::new(code, text);
    match opens(&slice.count()) {
        Some(rows) => caveat.rows(rows),
        None => caveat,
    }
}

/// Orders rows by the values of some columns, largest first, then by label.
pub(crate) fn largest_first(table: &mut Table, columns: &[&str]) {
    let places: Vec<usize> = columns
        .iter()
        .filter_map(|id| table.columns.iter().position(|column| column.id == *id))
        .collect();
    let key = |row: &TableRow, place: usize| {
        row.entries.get(place).and_then(|entry| entry.value.number()).unwrap_or(f64::MIN)
    };
    table.rows.sort_by(|a, b| {
        places
            .iter()
            .map(|&place| key(b, place).total_cmp(&key(a, place)))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| (&a.label, &a.id).cmp(&(&b.label, &b.id)))
    });
}

/// Returns the count of an entry; 0 where it is none.
pub(crate) fn count(entry: &Entry) -> i64 {
    if let Value::Count(count) = entry.value { count } else { 0 }
}

/// Returns the amount of an entry; nothing where it is none.
pub(crate) fn money(entry: &Entry) -> Money {
    match &entry.value {
        Value::Money(money) => *money,
        _ => Money::zero(domain::Currency::USD),
    }
}
