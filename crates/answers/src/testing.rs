//! Small companies as frames, and the check that every figure opens to itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::answer::figure;
use domain::definition::check::MODELS;
use domain::definition::parse;
use domain::{
    Answer, Ask, Column, Currency, Definitions, Frame, Given, Measure, Money, Need, Rows, Value,
};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use stats::random::SplitMix64;

/// The day as of which the companies are asked.
pub(crate) const AS_OF: Date = date(2026, 10, 15);

/// Channel, program, minor units.
pub(crate) type Credit = (&'static str, Option<&'static str>, i64);

/// Day, program, channel, minor units, invalid clicks.
pub(crate) type Spend = (Date, Option<&'static str>, &'static str, Option<i64>, i64);

/// A deal, as far as answers look at it.
#[derive(Clone, Debug)]
pub(crate) struct Deal {
    pub id: String,
    pub account: Option<&'static str>,
    pub segment: &'static str,
    pub source: &'static str,
    pub lead_source: &'static str,
    pub channel: &'static str,
    pub program: Option<&'static str>,
    pub counted: bool,
    pub amount: Option<i64>,
    pub created: Date,
    pub closed: Option<Date>,
    pub won: bool,
    pub stage: i64,
    pub touches: i64,
    pub first_touch: Option<Date>,
    pub influenced: bool,
    /// For each model.
    pub credits: BTreeMap<&'static str, Vec<Credit>>,
}

impl Deal {
    /// An open deal without a touch, to be varied.
    pub(crate) fn new(id: &str, source: &'static str, created: Date, amount: i64) -> Self {
        Self {
            id: id.to_owned(),
            account: Some("acorn"),
            segment: "enterprise",
            source,
            lead_source: source,
            channel: match source {
                "marketing" => "webinar",
                "sales" => "outbound",
                "partner" => "partner",
                _ => "unknown",
            },
            program: None,
            counted: true,
            amount: Some(amount),
            created,
            closed: None,
            won: false,
            stage: 1,
            touches: 0,
            first_touch: None,
            influenced: source == "marketing",
            credits: BTreeMap::new(),
        }
    }

    pub(crate) fn closed(self, day: Date, won: bool) -> Self {
        Self { closed: Some(day), won, stage: if won { 6 } else { 2 }, ..self }
    }

    pub(crate) fn first_touch(self, day: Date, program: &'static str) -> Self {
        Self { first_touch: Some(day), touches: 1, program: Some(program), ..self }
    }

    fn state(&self) -> &'static str {
        match (self.closed, self.won) {
            (None, _) => "open",
            (Some(_), true) => "won",
            (Some(_), false) => "lost",
        }
    }

    /// What a model credits; the whole amount to the channel of the deal where nothing else is
    /// said.
    fn credited(&self, model: &str) -> Vec<(&'static str, Option<&'static str>, i64)> {
        let whole = || {
            let (channel, program) =
                if self.touches > 0 { (self.channel, self.program) } else { ("unknown", None) };
            vec![(channel, program, self.amount.unwrap_or(0))]
        };
        self.credits.get(model).cloned().unwrap_or_else(whole)
    }
}

/// Everything else that a company has on record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Company {
    pub deals: Vec<Deal>,
    pub spend: Vec<Spend>,
    /// The same, left out because it would count twice.
    pub left_out: Vec<Spend>,
    /// Day, program, channel, touches, invalid ones.
    pub touches: Vec<(Date, Option<&'static str>, &'static str, i64, i64)>,
    /// Day, program, channel, segment.
    pub leads: Vec<(Date, Option<&'static str>, &'static str, &'static str)>,
}

impl Company {
    /// Draws a company of any shape from a seed.
    pub(crate) fn drawn(seed: u64, n: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let mut company = Self::default();
        for id in 0..n {
            company.deals.push(drawn_deal(&mut random, id));
        }
        for _ in 0..n * 2 {
            let (program, channel) = pick(&mut random, PROGRAMS);
            let day = date(2025, 1, 1) + below(&mut random, 650).days();
            let amount = (below(&mut random, 9) > 0).then(|| below(&mut random, 900_000));
            company.spend.push((day, program, channel, amount, below(&mut random, 9)));
            let (program, channel) = pick(&mut random, PROGRAMS);
            let (n, bad) = (below(&mut random, 50), below(&mut random, 5));
            company.touches.push((day, program, channel, n, bad));
            let segment = pick(&mut random, SEGMENTS);
            company.leads.push((day, program, channel, segment));
        }
        company
    }

    /// The same rows in another order.
    pub(crate) fn shuffled(&self, seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let mut company = self.clone();
        random.shuffle(&mut company.deals);
        random.shuffle(&mut company.spend);
        random.shuffle(&mut company.touches);
        random.shuffle(&mut company.leads);
        company
    }

    /// The same company with all money multiplied.
    pub(crate) fn scaled(&self, k: i64) -> Self {
        let mut company = self.clone();
        for deal in &mut company.deals {
            deal.amount = deal.amount.map(|amount| amount * k);
            deal.credits.values_mut().flatten().for_each(|credit| credit.2 *= k);
        }
        company.spend.iter_mut().for_each(|row| row.3 = row.3.map(|amount| amount * k));
        company
    }

    /// The relations, as the lake would hand them out.
    pub(crate) fn relation(&self, rows: &Rows) -> Frame {
        let frame = match rows.relation.as_str() {
            "opportunities" => self.opportunities(),
            "credits" => self.credits(rows.model.as_deref().expect("credits take a model")),
            "spend" => self.spend_frame(),
            "spend_left_out" => {
                Self { spend: self.left_out.clone(), ..Self::default() }.spend_frame()
            }
            "touch_days" => self.touch_frame(),
            "leads" => self.lead_frame(),
            "program_leads" => self.program_lead_frame(),
            other => panic!("no relation `{other}`"),
        };
        assert_columns(&frame, rows);
        frame
    }

    pub(crate) fn given(&self, needs: &[Need]) -> Given {
        let frames = needs
            .iter()
            .map(|need| (need.name.to_owned(), answered(&self.relation(&need.rows), &need.rows)));
        Given { frames: frames.collect(), ..Given::default() }
    }

    fn opportunities(&self) -> Frame {
        let deals = &self.deals;
        let program = |deal: &Deal| deal.program;
        frame(vec![
            ("id", text(deals, |d| Some(&d.id))),
            ("name", text(deals, |d| Some(&d.id))),
            ("account_id", text(deals, |d| d.account)),
            ("account", text(deals, |d| d.account)),
            ("segment", text(deals, |d| Some(d.segment))),
            ("industry", text(deals, |_| Some("Software"))),
            ("country", text(deals, |d| Some(if d.account.is_some() { "DE" } else { "US" }))),
            ("owner", text(deals, |d| (d.stage > 1).then_some("Ada"))),
            ("kind", text(deals, |d| d.counted.then_some("New"))),
            ("lead_source", text(deals, |d| Some(d.lead_source))),
            ("counted", Column::Boolean(deals.iter().map(|d| Some(d.counted)).collect())),
            ("stage", text(deals, |d| Some(d.state()))),
            ("state", text(deals, |d| Some(d.state()))),
            ("stage_reached", Column::Integer(deals.iter().map(|d| Some(d.stage)).collect())),
            ("amount", usd(deals, |d| d.amount)),
            (
                "expected",
                usd(deals, |d| match d.state() {
                    "open" => d.amount.map(|amount| amount / 5),
                    "won" => d.amount,
                    _ => d.amount.map(|_| 0),
                }),
            ),
            ("created_on", Column::Day(deals.iter().map(|d| Some(d.created)).collect())),
            ("closed_on", Column::Day(deals.iter().map(|d| d.closed).collect())),
            ("won", Column::Boolean(deals.iter().map(|d| d.closed.map(|_| d.won)).collect())),
            ("cycle_days", integers(deals, |d| days(Some(d.created), d.closed))),
            ("source_first_touch", text(deals, |d| Some(d.source))),
            ("source_lead_source", text(deals, |d| Some(d.lead_source))),
            ("source_pre_sales", text(deals, |d| Some(d.source))),
            ("source", text(deals, |d| Some(d.source))),
            ("channel", text(deals, |d| Some(d.channel))),
            ("program_id", text(deals, program)),
            ("program", text(deals, program)),
            ("influenced", Column::Boolean(deals.iter().map(|d| Some(d.influenced)).collect())),
            ("n_touches", integers(deals, |d| Some(d.touches))),
            ("first_touch_on", Column::Day(deals.iter().map(|d| d.first_touch).collect())),
            (
                "days_from_first_touch",
                integers(deals, |d| if d.won { days(d.first_touch, d.closed) } else { None }),
            ),
        ])
    }

    fn credits(&self, model: &str) -> Frame {
        let rows: Vec<_> = self
            .deals
            .iter()
            .flat_map(|deal| deal.credited(model).into_iter().map(move |credit| (deal, credit)))
            .collect();
        let credit = |(d, c): &(&Deal, (_, _, i64))| d.amount.map(|_| c.2);
        frame(vec![
            ("opportunity_id", text(&rows, |(d, _)| Some(&d.id))),
            ("opportunity", text(&rows, |(d, _)| Some(&d.id))),
            ("account", text(&rows, |(d, _)| d.account)),
            ("segment", text(&rows, |(d, _)| Some(d.segment))),
            ("counted", Column::Boolean(rows.iter().map(|(d, _)| Some(d.counted)).collect())),
            ("state", text(&rows, |(d, _)| Some(d.state()))),
            ("created_on", Column::Day(rows.iter().map(|(d, _)| Some(d.created)).collect())),
            ("closed_on", Column::Day(rows.iter().map(|(d, _)| d.closed).collect())),
            ("channel", text(&rows, |(_, (channel, ..))| Some(*channel))),
            ("side", text(&rows, |(_, (channel, ..))| Some(side(channel)))),
            ("program_id", text(&rows, |(_, (_, program, _))| *program)),
            ("program", text(&rows, |(_, (_, program, _))| *program)),
            ("n_touches", integers(&rows, |(d, _)| Some(d.touches))),
            ("share", Column::Number(rows.iter().map(|_| Some(0.5)).collect())),
            ("credit", usd(&rows, credit)),
            ("credit_won", usd(&rows, |row| if row.0.won { credit(row) } else { None })),
        ])
    }

    fn spend_frame(&self) -> Frame {
        let rows = &self.spend;
        frame(vec![
            ("day", Column::Day(rows.iter().map(|row| Some(row.0)).collect())),
            ("platform", text(rows, |_| Some("crm"))),
            ("program_id", text(rows, |row| row.1)),
            ("program", text(rows, |row| row.1)),
            ("channel", text(rows, |row| Some(row.2))),
            ("amount", usd(rows, |row| row.3)),
            ("amount_native", usd(rows, |row| row.3.or(Some(1)))),
            ("impressions", integers(rows, |_| Some(100))),
            ("clicks", integers(rows, |_| Some(10))),
            ("invalid_clicks", integers(rows, |row| Some(row.4))),
        ])
    }

    fn touch_frame(&self) -> Frame {
        let rows = &self.touches;
        frame(vec![
            ("day", Column::Day(rows.iter().map(|row| Some(row.0)).collect())),
            ("program_id", text(rows, |row| row.1)),
            ("program", text(rows, |row| row.1)),
            ("channel", text(rows, |row| Some(row.2))),
            ("n_touches", integers(rows, |row| Some(row.3))),
            ("n_invalid", integers(rows, |row| Some(row.4))),
            ("n_sends", integers(rows, |_| Some(0))),
        ])
    }

    /// Leads by program that became nothing yet, and the accounts that deals came from.
    fn program_lead_frame(&self) -> Frame {
        type Row<'a> =
            (Option<&'static str>, &'static str, &'static str, String, Option<&'a Deal>, Date);
        fn won<'a>(row: &Row<'a>) -> Option<&'a Deal> {
            row.4.filter(|deal| deal.won)
        }
        let young = self.leads.iter().enumerate().filter(|(_, lead)| lead.1.is_some());
        let young =
            young.map(|(at, lead)| (lead.1, lead.2, lead.3, format!("lead {at}"), None, lead.0));
        let become_deals = self.deals.iter().filter(|deal| deal.program.is_some());
        let become_deals = become_deals.filter_map(|deal| {
            let entered = deal.first_touch?;
            let program = deal.program;
            Some((program, deal.channel, deal.segment, deal.id.clone(), Some(deal), entered))
        });
        let rows: Vec<Row<'_>> = young.chain(become_deals).collect();
        frame(vec![
            ("program_id", text(&rows, |row| row.0)),
            ("program", text(&rows, |row| row.0)),
            ("channel", text(&rows, |row| Some(row.1))),
            ("segment", text(&rows, |row| Some(row.2))),
            ("id", text(&rows, |row| Some(&row.3))),
            ("account_id", text(&rows, |_| None::<&str>)),
            ("entered_on", Column::Day(rows.iter().map(|row| Some(row.5)).collect())),
            ("converted_on", Column::Day(rows.iter().map(|row| Some(row.4?.created)).collect())),
            ("opportunity_id", text(&rows, |row| row.4.map(|deal| &deal.id))),
            ("won_on", Column::Day(rows.iter().map(|row| won(row)?.closed).collect())),
            ("amount", usd(&rows, |row| won(row)?.amount)),
        ])
    }

    fn lead_frame(&self) -> Frame {
        let rows = &self.leads;
        let ids: Vec<String> = (0..rows.len()).map(|id| id.to_string()).collect();
        frame(vec![
            ("id", text(&ids, Some)),
            ("created_on", Column::Day(rows.iter().map(|row| Some(row.0)).collect())),
            ("account_id", text(rows, |_| Some("acorn"))),
            ("program_id", text(rows, |row| row.1)),
            ("program", text(rows, |row| row.1)),
            ("channel", text(rows, |row| Some(row.2))),
            ("lead_source", text(rows, |_| Some("Web"))),
            ("status", text(rows, |_| Some("Open"))),
            ("segment", text(rows, |row| Some(row.3))),
        ])
    }
}

const SEGMENTS: &[&str] = &["enterprise", "small", "unknown"];
const PROGRAMS: &[(Option<&str>, &str)] = &[
    (Some("spring webinar"), "webinar"),
    (Some("autumn webinar"), "webinar"),
    (Some("brand search"), "paid-search"),
    (Some("trade fair"), "event"),
    (Some("cold calls"), "outbound"),
    (None, "direct"),
    (None, "unknown"),
];

fn drawn_deal(random: &mut SplitMix64, id: u64) -> Deal {
    let created = date(2025, 1, 1) + below(random, 650).days();
    let source =
        pick(random, &["marketing", "marketing", "sales", "partner", "customer", "unknown"]);
    let (program, channel) = pick(random, PROGRAMS);
    let amount = below(random, 5_000_000);
    let mut deal = Deal::new(&format!("d{id:05}"), source, created, amount);
    let day = created + below(random, 300).days();
    if day <= AS_OF && below(random, 3) > 0 {
        let won = below(random, 3) == 0;
        deal = deal.closed(day, won);
    } else {
        deal.stage = 1 + below(random, 6);
    }
    deal.account = pick(random, &[Some("acorn"), Some("birch"), Some("cedar"), None]);
    deal.segment = pick(random, SEGMENTS);
    deal.lead_source = pick(random, &["marketing", "sales", "unknown"]);
    deal.counted = below(random, 10) > 0;
    deal.influenced = below(random, 2) > 0;
    (deal.program, deal.channel) = (program, channel);
    if below(random, 20) == 0 {
        deal.amount = None;
    }
    if below(random, 6) > 0 {
        deal.touches = 1 + below(random, 8);
        deal.first_touch = Some(created - below(random, 180).days());
        for model in MODELS {
            let (a, b) = (pick(random, PROGRAMS), pick(random, PROGRAMS));
            let part = below(random, amount + 1);
            let split = if a == b {
                vec![(a.1, a.0, amount)]
            } else {
                vec![(a.1, a.0, part), (b.1, b.0, amount - part)]
            };
            deal.credits.insert(model, split);
        }
    }
    deal
}

fn side(channel: &str) -> &'static str {
    match channel {
        "webinar" | "paid-search" | "event" | "display" => "marketing",
        "outbound" => "sales",
        "partner" => "partner",
        _ => "unknown",
    }
}

fn below(random: &mut SplitMix64, n: i64) -> i64 {
    i64::try_from(random.below(n.unsigned_abs().max(1))).unwrap()
}

fn pick<T: Copy>(random: &mut SplitMix64, of: &[T]) -> T {
    of[usize::try_from(random.below(of.len() as u64)).unwrap()]
}

fn days(from: Option<Date>, to: Option<Date>) -> Option<i64> {
    let days = from?.until(to?).ok()?.get_days();
    (days >= 0).then_some(days.into())
}

fn frame(columns: Vec<(&str, Column)>) -> Frame {
    Frame::new(columns).unwrap()
}

fn text<'r, T, S: AsRef<str>>(rows: &'r [T], of: impl Fn(&'r T) -> Option<S>) -> Column {
    Column::Text(rows.iter().map(|row| of(row).map(|text| Arc::from(text.as_ref()))).collect())
}

fn integers<T>(rows: &[T], of: impl Fn(&T) -> Option<i64>) -> Column {
    Column::Integer(rows.iter().map(of).collect())
}

fn usd<T>(rows: &[T], of: impl Fn(&T) -> Option<i64>) -> Column {
    let money = |minor| Money::from_minor(minor, Currency::USD);
    Column::Money(rows.iter().map(|row| of(row).map(money)).collect())
}

/// A query may only name columns that the relation has.
#[track_caller]
fn assert_columns(frame: &Frame, rows: &Rows) {
    for column in rows.filters.iter().map(|filter| &filter.column).chain(&rows.columns) {
        assert!(frame.column(column).is_some(), "{}.{column}", rows.relation);
    }
}

/// What the lake does with a query: filters, then columns.
fn answered(frame: &Frame, rows: &Rows) -> Frame {
    let found = frame.filter(&rows.filters);
    let columns: Vec<&str> = rows.columns.iter().map(String::as_str).collect();
    if columns.is_empty() { found } else { found.select(&columns) }
}

/// Asks for a period with the starter definitions and some more text.
pub(crate) fn ask_with(period: &str, more: &str) -> Ask {
    let mut files: Vec<(&str, &str)> = domain::definition::STARTER.to_vec();
    files.push(("definitions/more.toml", more));
    let (definitions, diagnostics) = parse::read(&files);
    assert_eq!(diagnostics, []);
    ask_of(period, definitions)
}

pub(crate) fn ask(period: &str) -> Ask {
    ask_with(period, "")
}

fn ask_of(period: &str, definitions: Definitions) -> Ask {
    Ask {
        as_of: AS_OF,
        period: definitions.calendar().period(period).unwrap(),
        by: Vec::new(),
        segment: None,
        model: definitions.attribution.model.clone(),
        currency: definitions.currency,
        definitions: Arc::new(definitions),
        seed: 7,
    }
}

/// Asks a question of a company, and checks that every value opens to itself.
#[track_caller]
pub(crate) fn answered_by(question: &crate::Entry, ask: &Ask, company: &Company) -> Answer {
    let answer = (question.answer)(ask, &company.given(&(question.needs)(ask)));
    assert_opens(&answer, ask, company);
    answer
}

#[track_caller]
pub(crate) fn assert_opens(answer: &Answer, ask: &Ask, company: &Company) {
    let mut frames: BTreeMap<String, Frame> = BTreeMap::new();
    let mut fetch = |rows: &Rows| {
        let key = format!("{}/{:?}", rows.relation, rows.model);
        let frame = frames.entry(key).or_insert_with(|| company.relation(rows));
        assert_columns(frame, rows);
        answered(frame, rows)
    };
    assert_opens_by(answer, ask, &mut fetch);
}

/// Checks that every value opens to itself, from rows that are fetched.
#[track_caller]
pub(crate) fn assert_opens_by(answer: &Answer, ask: &Ask, fetch: &mut dyn FnMut(&Rows) -> Frame) {
    for (id, value, evidence) in answer.openable() {
        let again = figure(evidence, fetch, ask.currency);
        assert_eq!(again.as_ref(), Ok(value), "{id} of {}", answer.question);
    }
    let openable = answer.openable();
    for chart in &answer.charts {
        for series in &chart.series {
            assert_eq!(series.values.len(), chart.points.len(), "{}: {}", chart.id, series.name);
            for (open, value) in series.opens.iter().zip(&series.values) {
                let Some(open) = open else { continue };
                let found = openable.iter().find(|(id, ..)| id == open);
                let (_, opened, _) = found.unwrap_or_else(|| panic!("{}: {open}", chart.id));
                assert_eq!(opened.number(), *value, "{}: {open}", chart.id);
            }
        }
    }
    for caveat in &answer.caveats {
        if let Some(rows) = &caveat.rows {
            assert!(fetch(rows).n_rows() > 0, "{}: {}", caveat.code, caveat.text);
        }
    }
    assert_intervals_contain(answer);
    assert_reads_well(&answer.headline);
    for caveat in &answer.caveats {
        assert_reads_well(&caveat.text);
    }
}

pub(crate) fn assert_intervals_contain(answer: &Answer) {
    let figures = answer.figures.iter().map(|f| (&f.id, &f.value, &f.interval));
    let entries = answer.tables.iter().flat_map(|table| {
        table.rows.iter().flat_map(|row| {
            row.entries.iter().map(move |entry| (&row.id, &entry.value, &entry.interval))
        })
    });
    for (id, value, interval) in figures.chain(entries) {
        if let (Some(point), Some(interval)) = (value.number(), interval) {
            assert!(interval.low <= point && point <= interval.high, "{id}: {point} {interval:?}");
        }
    }
}

/// A sentence has no doubled blanks or stops, begins large and ends.
#[track_caller]
pub(crate) fn assert_reads_well(text: &str) {
    for fault in ["  ", "..", " .", " ,", "NaN", "inf%", " 1 deals", "(1 deals", "-$0", "( "] {
        assert!(!text.contains(fault), "{text}");
    }
    let first = text.chars().next().unwrap_or(' ');
    assert!(!first.is_lowercase() && !first.is_whitespace(), "{text}");
    assert!(text.ends_with(['.', '?', '!']), "{text}");
}

/// Returns a figure's value.
#[track_caller]
pub(crate) fn value<'a>(answer: &'a Answer, id: &str) -> &'a Value {
    &answer.figures.iter().find(|figure| figure.id == id).expect(id).value
}

/// Returns a table's entry.
#[track_caller]
pub(crate) fn entry<'a>(answer: &'a Answer, table: &str, row: &str, column: &str) -> &'a Value {
    let table = answer.tables.iter().find(|t| t.id == table).expect(table);
    let place = table.columns.iter().position(|c| c.id == column).expect(column);
    &table.rows.iter().find(|r| r.id == row).expect(row).entries[place].value
}

pub(crate) fn usd_value(minor: i64) -> Value {
    Value::Money(Money::from_minor(minor, Currency::USD))
}

/// Money is `k` times as much, to the rounding of means; everything else is the same.
#[track_caller]
pub(crate) fn assert_scales(once: &Answer, scaled: &Answer, k: i64) {
    let (a, b) = (once.openable(), scaled.openable());
    assert_eq!(a.len(), b.len());
    for ((id, before, evidence), (_, after, _)) in a.into_iter().zip(b) {
        let exact = evidence.per.is_none() && !matches!(evidence.measure, Measure::Mean(_));
        match (before, after) {
            (Value::Money(before), Value::Money(after)) => {
                let off = (before.minor * k - after.minor).abs();
                assert!(off <= if exact { 0 } else { k }, "{id}: {before} {after}");
            }
            (Value::Share { .. } | Value::Number(_) | Value::Months(_), _) => {
                let (before, after) = (before.number(), after.number());
                let near = |(a, b): (f64, f64)| (a - b).abs() < 1e-9 * (1.0 + a.abs());
                assert!(before == after || before.zip(after).is_some_and(near), "{id}");
            }
            _ => assert_eq!(before, after, "{id}"),
        }
    }
}

/// Compares with a golden; its text is printed where it differs.
#[track_caller]
pub(crate) fn assert_told(answer: &Answer, golden: &str) {
    let told = told(answer);
    assert!(told == golden, "{}:\n<<<\n{told}>>>", answer.question);
}

/// Writes what a person reads: headline, figures, tables, caveats.
pub(crate) fn told(answer: &Answer) -> String {
    use std::fmt::Write;
    fn said(value: &Value) -> String {
        match value {
            Value::Money(money) => money.amount_text(),
            Value::Count(count) => count.to_string(),
            Value::Decimal(count) => count.to_string(),
            Value::Share { of, total } => format!("{of}/{total}"),
            Value::Days(days) => format!("{days}d"),
            Value::Number(number) => format!("{number:.3}"),
            Value::Months(months) => format!("{months:.2}m"),
            Value::None(reason) => format!("({reason})"),
        }
    }
    let mut text = format!("{}\n", answer.headline);
    for figure in &answer.figures {
        write!(text, "{} = {}", figure.id, said(&figure.value)).unwrap();
        for (name, value) in
            [("was", &figure.previous), ("year ago", &figure.year_ago), ("target", &figure.target)]
        {
            if let Some(value) = value {
                write!(text, " | {name} {}", said(value)).unwrap();
            }
        }
        if let Some(trend) = &figure.trend {
            let value = |value: &Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.3}"));
            let values: Vec<String> = trend.values.iter().map(value).collect();
            let from = trend.points.first().map_or("", String::as_str);
            write!(text, " | since {from} {}", values.join(" ")).unwrap();
        }
        text.push('\n');
    }
    for table in &answer.tables {
        let columns: Vec<&str> = table.columns.iter().map(|c| c.id.as_str()).collect();
        writeln!(text, "[{}] {}", table.id, columns.join(" | ")).unwrap();
        for row in &table.rows {
            let entries: Vec<String> = row.entries.iter().map(|e| said(&e.value)).collect();
            writeln!(text, "  {}: {}", row.label, entries.join(" | ")).unwrap();
        }
    }
    for chart in &answer.charts {
        writeln!(text, "chart {}: {} {:?}", chart.id, chart.title, chart.points).unwrap();
        for series in &chart.series {
            let values: Vec<String> = series
                .values
                .iter()
                .map(|v| v.map_or("-".to_owned(), |v| format!("{v:.3}")))
                .collect();
            writeln!(text, "  {:?} {}: {}", series.role, series.name, values.join(" | ")).unwrap();
        }
    }
    for caveat in &answer.caveats {
        writeln!(text, "! {}: {}", caveat.code, caveat.text).unwrap();
    }
    text
}
