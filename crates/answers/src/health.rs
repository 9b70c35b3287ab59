//! Can these figures be believed, and what is missing from them?
//!
#![doc = include_str!("health.md")]
//!
//! For: CEO, CMO, CFO, CRO and the analyst. Grain: one row per table of facts, source, rule and
//! month of loading. Money: what refused rows state, exact. Method: counting.

use domain::answer::{Chart, ChartForm, Entry, Table};
use domain::fact::TABLES;
use domain::{Answer, Ask, Caveat, Cell, Filter, Frame, Given, Need, Question, Rows, Test, Value};

use crate::common::{self, count, figure, money, row, series_of, table};
use crate::slice::{Slice, share_of};
use crate::words;

#[cfg(test)]
mod tests;

/// The question.
pub const QUESTION: Question = Question {
    id: "health",
    asks: "Can these figures be believed, and what is missing from them?",
    readers: &["CEO", "CMO", "CFO", "CRO"],
    help: include_str!("health.md"),
};

/// Days after which a source counts as old.
const OLD_AFTER: i64 = 14;

/// The most months that a chart shows.
const MONTHS: usize = 24;

const ALL: &[&str] =
    &["scorecard", "pipeline", "attribution", "programs", "waterfall", "forecast", "constraint"];

/// Answers that look at touches.
const TOUCHED: &[&str] =
    &["scorecard", "pipeline", "attribution", "programs", "waterfall", "forecast"];

/// Rules that set lines apart which are no records: no answer misses them.
const NO_RECORDS: &[&str] = &["totals-row", "footer"];

/// Which answers rest on which tables of facts; on tables that are not named here rests none.
const RESTS_ON: &[(&str, &[&str])] = &[
    ("account", ALL),
    ("person", ALL),
    ("program", TOUCHED),
    ("touch", TOUCHED),
    ("lifecycle_event", &["waterfall", "constraint"]),
    ("spend", &["scorecard", "programs"]),
    ("opportunity", ALL),
    ("opportunity_event", &["pipeline", "waterfall", "forecast", "constraint"]),
    ("opportunity_role", ALL),
    ("fx_rate", ALL),
    ("capacity", &["constraint"]),
];

/// What was loaded, what is stored, what was refused. For one segment nothing: loads have none.
pub fn needs(ask: &Ask) -> Vec<Need> {
    if ask.segment.is_some() {
        return Vec::new();
    }
    let of = |name| Need { name, rows: Rows::of(name) };
    vec![of("loads"), of("sources"), of("stored"), of("quarantined")]
}

/// Returns the answers that rest on a table of facts; on a table that is not known, all may.
fn rests_on(table: Option<&str>) -> &'static [&'static str] {
    let Some(table) = table else { return ALL };
    RESTS_ON.iter().find(|(name, _)| *name == table).map_or(&[], |(_, answers)| answers)
}

/// Keeps the rows that are records.
fn records<'a>(refused: &Slice<'a>) -> Slice<'a> {
    NO_RECORDS.iter().fold(refused.clone(), |kept, rule| {
        let test = Test::IsNot(Cell::text(*rule));
        kept.only(Filter { column: "rule".to_owned(), test })
    })
}

/// Says to the readers of another answer which rows that it rests on are in quarantine; `refused`
/// are the rows of the relation `quarantined`.
pub fn doubts(question: &str, ask: &Ask, refused: Frame) -> Vec<Caveat> {
    let given = Given { frames: [("quarantined".to_owned(), refused)].into(), ..Given::default() };
    let all = Slice::of(&given, "quarantined", Rows::of("quarantined"), ask.currency);
    let mut touched = records(&all).split("table");
    touched.retain(|(table, _)| rests_on(table.as_deref()).contains(&question));
    if ask.segment.is_some() && !touched.is_empty() {
        let text = "Rows are in quarantine and in no figure; whether they are of this segment is \
                    not known.";
        return vec![Caveat::new("quarantined", text)];
    }
    touched
        .into_iter()
        .map(|(table, slice)| {
            let n = slice.size();
            let (rows, are) = (words::count(n, "row", "rows"), if n == 1 { "is" } else { "are" });
            let meant = match &table {
                Some(table) => format!(" of {}", name_of(table)),
                None => String::new(),
            };
            let text =
                format!("{rows}{meant} {are} in quarantine and in no figure{}.", worth(&slice));
            common::caveat("quarantined", text, &slice)
        })
        .collect()
}

/// The money that refused rows state, in words: ` (they state $44K)`.
fn worth(slice: &Slice<'_>) -> String {
    let total = money(&slice.sum("amount"));
    match (total.minor, slice.n()) {
        (0, _) => String::new(),
        (_, 1) => format!(" (it states {})", words::money(total)),
        _ => format!(" (they state {})", words::money(total)),
    }
}

/// What people call a table of facts: `opportunity event` is told as `changes of deals`.
fn name_of(table: &str) -> String {
    match table {
        "account" => "accounts".to_owned(),
        "person" => "people".to_owned(),
        "program" => "programs".to_owned(),
        "touch" => "touches".to_owned(),
        "spend" => "spend".to_owned(),
        "opportunity" => "deals".to_owned(),
        "opportunity_event" => "changes of deals".to_owned(),
        "opportunity_role" => "roles on deals".to_owned(),
        "fx_rate" => "exchange rates".to_owned(),
        "lifecycle_event" => "stages of people".to_owned(),
        other => other.replace('_', " "),
    }
}

/// Answers the question.
pub fn answer(ask: &Ask, given: &Given) -> Answer {
    let mut answer = Answer::new(&QUESTION, ask);
    if ask.segment.is_some() {
        answer.headline = common::of_segment(
            ask,
            "Data health is told for the whole company only; loads have no segment.".to_owned(),
        );
        return answer;
    }
    let of = |name: &str| Slice::of(given, name, Rows::of(name), ask.currency);
    let found = Found {
        loads: of("loads"),
        sources: of("sources"),
        stored: of("stored"),
        quarantined: of("quarantined"),
    };
    answer.figures = found.figures();
    answer.headline = found.headline(ask);
    let months = found.months();
    answer.charts.extend(loading(&months));
    answer.tables.push(found.tables());
    answer.tables.push(found.by_source());
    if found.quarantined.n() > 0 {
        answer.tables.push(found.rules());
    }
    answer.tables.push(months);
    answer.tables.retain(|table| !table.rows.is_empty());
    // What is known about the facts; what holds of periods and targets is no matter here.
    answer.caveats.extend(given.caveats.iter().cloned());
    answer
}

struct Found<'a> {
    loads: Slice<'a>,
    sources: Slice<'a>,
    stored: Slice<'a>,
    quarantined: Slice<'a>,
}

impl<'a> Found<'a> {
    fn old(&self) -> Slice<'a> {
        self.sources.only(common::at_least("age_days", OLD_AFTER + 1))
    }

    fn figures(&self) -> Vec<domain::Figure> {
        let (read, refused) = (self.loads.total("n_read"), self.quarantined.count());
        let share = share_of(&refused, &read, "nothing was read");
        vec![
            figure(
                "rows_quarantined",
                "Rows in quarantine",
                refused,
                "Rows that were refused and that no later load has brought in: in no figure.",
            ),
            figure(
                "quarantined_amount",
                "Money in quarantine",
                self.quarantined.sum("amount"),
                "What those rows state themselves, where an amount and a currency can be read.",
            ),
            figure(
                "quarantined_share",
                "Share in quarantine",
                share,
                "Rows in quarantine, of all rows ever read.",
            ),
            figure(
                "old_sources",
                "Old sources",
                self.old().count(),
                "Sources that were not loaded for more than 14 days up to the as-of day.",
            ),
            figure(
                "facts",
                "Facts",
                self.stored.total("n_rows"),
                "Facts that are stored and not withdrawn, over all tables.",
            ),
            figure(
                "rows_read",
                "Rows read",
                read,
                "Rows of all loads: with something new, with nothing new, or refused.",
            ),
            figure("loads", "Loads", self.loads.count(), "Loads that changed something."),
        ]
    }

    fn headline(&self, ask: &Ask) -> String {
        if self.loads.n() == 0 {
            return format!("Nothing had been loaded on {}.", ask.as_of);
        }
        let (refused, read) = (self.quarantined.size(), count(&self.loads.total("n_read")));
        let mut text = match refused {
            0 => format!("All {} read are in the figures", words::count(read, "row", "rows")),
            n => {
                let are = if n == 1 { "is" } else { "are" };
                format!(
                    "{} of {} rows {are} in quarantine and in no figure{}",
                    words::grouped(n),
                    words::grouped(read),
                    worth(&self.quarantined)
                )
            }
        };
        let touched: Vec<&str> = ALL
            .iter()
            .copied()
            .filter(|question| {
                let groups = records(&self.quarantined).split("table");
                groups.iter().any(|(table, _)| rests_on(table.as_deref()).contains(question))
            })
            .collect();
        if refused > 0 {
            text.push_str(&match touched.as_slice() {
                [] => "; no answer rests on them".to_owned(),
                all if all.len() == ALL.len() => "; every answer rests on such rows".to_owned(),
                some => format!("; {} rest on such rows", listed(some)),
            });
        }
        text.push_str(". ");
        let old = self.old();
        text.push_str(&match (old.n(), self.sources.n()) {
            (0, _) => {
                let oldest = self.sources.integers("age_days").flatten().max().copied();
                match oldest.unwrap_or_default() {
                    0 => "Every source was loaded on the day itself.".to_owned(),
                    1 => "Every source was loaded within a day.".to_owned(),
                    days => format!("Every source was loaded within {days} days."),
                }
            }
            (n, all) if n == all => {
                let newest = self.sources.integers("age_days").flatten().min().copied();
                format!(
                    "Nothing was loaded for {}.",
                    words::days(newest.unwrap_or_default() as f64)
                )
            }
            (n, all) => {
                let were = if n == 1 { "was" } else { "were" };
                format!("{n} of {all} sources {were} not loaded for more than {OLD_AFTER} days.")
            }
        });
        text
    }

    /// One row per table of facts.
    fn tables(&self) -> Table {
        let columns = [
            ("facts", "Facts"),
            ("withdrawn", "Withdrawn"),
            ("since_changed", "Days since changed"),
            ("since_newest", "Days since the newest fact"),
            ("quarantined", "Rows in quarantine"),
            ("amount", "Money in quarantine"),
        ];
        let mut made = table("stored", "What is stored", "Facts", &columns);
        let refused = self.quarantined.split("table");
        let groups = self.stored.split("table");
        for fact in TABLES {
            let stored = self.stored.part(&groups, "table", Some(fact.name));
            let refused = self.quarantined.part(&refused, "table", Some(fact.name));
            if stored.n() + refused.n() == 0 {
                continue;
            }
            let entries = vec![
                stored.total("n_rows"),
                stored.total("n_withdrawn"),
                days(&stored, "age_days"),
                days(&stored, "newest_age_days"),
                refused.count(),
                refused.sum("amount"),
            ];
            made.rows.push(row(fact.name, &words::sentence(&name_of(fact.name)), entries));
        }
        let unknown = self.quarantined.part(&refused, "table", None);
        if unknown.n() > 0 {
            let nothing = || Entry::plain(Value::None("no table".to_owned()));
            let mut entries: Vec<Entry> = (0..4).map(|_| nothing()).collect();
            entries.extend([unknown.count(), unknown.sum("amount")]);
            made.rows.push(row(common::NONE, "Not known for which", entries));
        }
        made.note = Some(
            "Rows that were refused before their table was known stand in a row of their own."
                .to_owned(),
        )
        .filter(|_| unknown.n() > 0);
        made
    }

    /// One row per source.
    fn by_source(&self) -> Table {
        let columns = [
            ("since_loaded", "Days since loaded"),
            ("read", "Rows read"),
            ("loaded", "With something new"),
            ("known", "With nothing new"),
            ("quarantined", "Refused"),
            ("files", "Files"),
            ("loads", "Loads"),
        ];
        let mut made = table("sources", "Where it comes from", "Source", &columns);
        for (source, slice) in self.sources.split("source") {
            let entries = vec![
                days(&slice, "age_days"),
                slice.total("n_read"),
                slice.total("n_loaded"),
                slice.total("n_known"),
                slice.total("n_quarantined"),
                slice.total("n_files"),
                slice.total("n_loads"),
            ];
            let id = source.as_deref().unwrap_or(common::NONE);
            made.rows.push(row(id, id, entries));
        }
        common::largest_first(&mut made, &["since_loaded"]);
        made.note = Some(
            "Refused counts every refusal; a row that a later load brought in is not in \
             quarantine any more."
                .to_owned(),
        );
        made
    }

    /// One row per rule that refused rows break, most rows first.
    fn rules(&self) -> Table {
        let columns =
            [("rows", "Rows in quarantine"), ("amount", "Money in quarantine"), ("files", "Files")];
        let mut made = table("rules", "Why rows were refused", "Rule", &columns);
        for (rule, slice) in self.quarantined.split("rule") {
            let entries = vec![slice.count(), slice.sum("amount"), slice.distinct("file")];
            let id = rule.as_deref().unwrap_or(common::NONE);
            made.rows.push(row(id, id, entries));
        }
        common::largest_first(&mut made, &["rows"]);
        made
    }

    /// One row per month of loading, oldest first.
    fn months(&self) -> Table {
        let columns = [
            ("loaded", "With something new"),
            ("known", "With nothing new"),
            ("quarantined", "Refused"),
            ("read", "Rows read"),
        ];
        let mut made = table("months", "What each month brought", "Month", &columns);
        let months = self.loads.split("month");
        for (month, slice) in months.iter().skip(months.len().saturating_sub(MONTHS)) {
            let entries = vec![
                slice.total("n_loaded"),
                slice.total("n_known"),
                slice.total("n_quarantined"),
                slice.total("n_read"),
            ];
            let id = month.as_deref().unwrap_or(common::NONE);
            made.rows.push(row(id, id, entries));
        }
        made
    }
}

/// Days of the one row of a slice; no value where there is none.
fn days(slice: &Slice<'_>, column: &str) -> Entry {
    let known = slice.only(Filter::present(column));
    if known.n() == 0 {
        return Entry::plain(Value::None("no such day".to_owned()));
    }
    known.median(column)
}

fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

/// Rows of each month, by what became of them; none where there is only one month.
fn loading(months: &Table) -> Option<Chart> {
    let rows: Vec<&domain::answer::TableRow> = months.rows.iter().collect();
    if rows.len() < 2 {
        return None;
    }
    let points: Vec<String> = rows.iter().map(|row| row.label.clone()).collect();
    let series = |column, name: &str| series_of(months, column, name, &rows);
    let refused: f64 = series("quarantined", "").values.iter().flatten().sum();
    let title = if refused > 0.0 {
        "Rows by month of loading, and what became of them"
    } else {
        "Rows by month of loading; none was refused"
    };
    Some(
        Chart::new("loading", title, ChartForm::Stacked, "count")
            .points(points)
            .with(series("loaded", "With something new"))
            .with(series("known", "With nothing new"))
            .with(series("quarantined", "Refused")),
    )
}
