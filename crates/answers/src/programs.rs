//! Which programs cost and bring what, and do they pay back?
//!
#![doc = include_str!("programs.md")]
//!
//! For: CMO, CFO. Grain: one row per program, then per channel. Money: exact; quotients of money
//! and counts are rounded once, half to even. Method: spend moved by median lags; everything else
//! is counting and adding.

use std::collections::BTreeMap;

use domain::answer::{Entry, QuotientUnit, Table, TableRow};
use domain::definition::Side;
use domain::{
    Answer, Ask, Caveat, Cell, Decimal, Evidence, Figure, Filter, Given, Need, Period, Question,
    Rows, Test, Value,
};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use stats::bootstrap::CreditInterval;

use crate::attribution;
use crate::chance;
use crate::common::{self, Periods, Trail, caveat, count, figure, money, row, table};
use crate::slice::{Slice, per};
use crate::words;

mod charts;
mod headline;
mod told;
pub(crate) mod verdict;

/// The question.
pub const QUESTION: Question = Question {
    id: "programs",
    asks: "What do programs cost, what do they bring, and do they pay back?",
    readers: &["CMO", "CFO"],
    help: include_str!("programs.md"),
};

/// The row of the programs that are not told one by one.
const IDLE: &str = "(idle)";

/// The day from which spend is asked for: before all that anybody has on record.
const EVER: Date = date(1970, 1, 1);

const COLUMNS: &[(&str, &str)] = &[
    ("spend", "Spend"),
    ("roi", "ROI"),
    ("cac", "CAC"),
    ("payback_months", "Payback"),
    ("won_credit", "Won credit"),
    ("spend_behind", "Spend behind it"),
    ("leads", "Leads"),
    ("opportunities", "Deals created"),
    ("pipeline", "Pipeline"),
    ("won_opportunities", "Deals won"),
    ("won", "Won"),
    ("cost_per_lead", "Cost per lead"),
    ("cost_per_opportunity", "Cost per deal"),
    ("touches", "Touches"),
    ("invalid_touches", "Invalid touches"),
    ("invalid_clicks", "Invalid clicks"),
];

const MEANINGS: &[&str] = &[
    "Money of the days in the period.",
    "Won credit of marketing's channels alone × gross margin / spend moved back by the median days \
     to won, minus 1; credit of sales, partners, customers and unknown is not in it, that of \
     marketing's channels without recorded spend is.",
    "Spend, moved back by the median days from first touch to won, for each customer won; blended: \
     all customers, whoever sourced them.",
    "Months until the gross margin of a customer won has paid for its CAC; blended: all customers, \
     whoever sourced them.",
    "What was won in the period, as the model in force credits it.",
    "Spend of the period moved back by the median days from first touch to won: what CAC and ROI \
     set against what was won.",
    "People who became known in the period.",
    "Deals created in the period.",
    "Amount of the deals created in the period.",
    "Deals closed won in the period.",
    "Amount of the deals closed won in the period.",
    "Spend of the period for each lead of the period; blended: all leads, whoever sourced them.",
    "Spend, moved back by the median days from first touch to creation, for each deal created; \
     blended: all deals, whoever sourced them.",
    "Contacts in the period that count.",
    "Contacts in the period that were found invalid; not among the touches.",
    "Clicks that the ad platforms called invalid.",
];

/// Spend, touches, leads, deals and credits by program; all deals with a first touch for the lags;
/// what verdicts rest on.
pub fn needs(ask: &Ask) -> Vec<Need> {
    let mut needs = needs_of_figures(ask);
    needs.extend(verdict::needs(ask));
    needs
}

/// The rows of the figures alone.
pub(crate) fn needs_of_figures(ask: &Ask) -> Vec<Need> {
    let span = Periods::of(ask).span();
    let by = ["program_id", "program", "channel"];
    let of = |name, rows: Rows, columns: &[&str]| Need {
        name,
        rows: rows.columns(&[&by[..], columns].concat()),
    };
    vec![
        of(
            "spend",
            Rows::of("spend").only(until(ask.period.to)),
            &["day", "amount", "amount_native", "invalid_clicks"],
        ),
        of(
            "left_out",
            Rows::of("spend_left_out").only(Filter::within("day", &ask.period)),
            &["day", "amount"],
        ),
        of(
            "touches",
            Rows::of("touch_days").only(Filter::within("day", &span)),
            &["day", "n_touches", "n_invalid"],
        ),
        of("leads", leads(ask).only(Filter::within("created_on", &span)), &["created_on"]),
        of(
            "deals_created",
            deals(ask).only(Filter::within("created_on", &span)),
            &["created_on", "amount"],
        ),
        of(
            "deals_won",
            won(ask).only(Filter::within("closed_on", &span)),
            &["closed_on", "amount", "account_id"],
        ),
        of(
            "credits",
            credits(ask).only(Filter::within("closed_on", &span)),
            &["closed_on", "opportunity_id", "credit_won", "side"],
        ),
        Need {
            name: "history",
            rows: history(ask).columns(&["created_on", "first_touch_on", "days_from_first_touch"]),
        },
    ]
}

fn one_of(column: &str, texts: &[String]) -> Filter {
    let test = Test::In(texts.iter().map(|text| Cell::text(text.as_str())).collect());
    Filter { column: column.to_owned(), test }
}

fn until(day: Date) -> Filter {
    let test = Test::Between(Cell::Day(EVER), Cell::Day(day));
    Filter { column: "day".to_owned(), test }
}

fn leads(ask: &Ask) -> Rows {
    common::in_segment(ask, Rows::of("leads"))
}

fn deals(ask: &Ask) -> Rows {
    common::counted(ask, "opportunities")
}

fn won(ask: &Ask) -> Rows {
    deals(ask).only(Filter::flag("won", true))
}

fn credits(ask: &Ask) -> Rows {
    let model = attribution::in_force(ask);
    common::counted(ask, "credits").model(model).only(Filter::is("state", "won"))
}

fn history(ask: &Ask) -> Rows {
    deals(ask).only(Filter::present("first_touch_on"))
}

/// Answers the question.
pub fn answer(ask: &Ask, given: &Given) -> Answer {
    let Found { facts, lags, elapsed, now, figures, .. } = Found::of(ask, given);
    let periods = Periods::of(ask);
    let mut answer = Answer::new(&QUESTION, ask);
    answer.figures = figures;
    answer.figures.push(days_to_won(ask, &facts));
    let programs = breakdown(ask, &now, "program", "program_id", "programs");
    let mut channels = breakdown(ask, &now, "channel", "channel", "channels");
    ranges(&mut channels, &now, ask.seed);
    answer.charts.extend(charts::returns(&channels));
    answer.charts.extend(charts::programs(ask, &programs));
    let told = told::told(ask, given);
    answer.tables.extend(told.table);
    answer.tables.extend([programs, channels]);
    answer.headline = if let Some(text) = common::not_begun(ask, given, now.active()) {
        common::of_segment(ask, text)
    } else if given.frames.values().all(|frame| frame.n_rows() == 0) {
        common::nothing(ask)
    } else {
        let text = headline::headline(ask, &answer, &now, &periods);
        told.sentence.map_or(text.clone(), |sentence| format!("{text} {sentence}"))
    };
    answer.caveats = doubts(ask, &facts, &now, &lags, &elapsed);
    answer.caveats.extend(told.caveats);
    if common::not_begun(ask, given, now.active()).is_some() {
        common::emptied(&mut answer);
    }
    common::caveats(&mut answer, ask, given);
    answer
}

/// What was found in the rows, for this answer and for those that rest on it.
pub(crate) struct Found<'a> {
    facts: Facts<'a>,
    lags: Lags,
    /// The days of the period that have passed and are loaded.
    elapsed: Period,
    now: View<'a>,
    /// The figures of the period, beside those of other periods.
    pub(crate) figures: Vec<Figure>,
    /// The same for the periods up to and including this one.
    pub(crate) trail: Trail,
}

impl<'a> Found<'a> {
    /// Finds the figures.
    pub(crate) fn of(ask: &Ask, given: &'a Given) -> Self {
        let periods = Periods::of(ask);
        let facts = Facts::of(ask, given);
        let lags = Lags::of(&facts.history);
        // Deals of the days that have passed are set against the spend behind those days.
        let elapsed = common::elapsed(ask, given);
        let now = View::of(&facts, &elapsed, &lags);
        let begun = common::not_begun(ask, given, now.active()).is_none();
        let of = |period: &Period| {
            let known = facts.known_until(period);
            known.then(|| before(ask, &facts, period, &lags))
        };
        let mut own = totals(ask, &now);
        let sure = credit_range(&now, "side", ask.seed);
        for figure in own.iter_mut().filter(|figure| figure.id == "roi") {
            let entry = Entry::plain(figure.value.clone());
            figure.interval = around(entry, sure.get(Side::Marketing.id())).interval;
        }
        let (mut figures, trail) = common::placed(ask, &periods, begun, own, &of);
        if !begun {
            common::without_targets(&mut figures);
        }
        let [before, year] =
            [&periods.previous, &periods.year_ago].map(|period| View::of(&facts, period, &lags));
        common::few(&mut figures, &|id| [&now, &before, &year].map(|view| view.rests_on(id)));
        Self { facts, lags, elapsed, now, figures, trail }
    }

    /// True where anything happened in the period.
    pub(crate) fn any(&self) -> bool {
        self.now.active()
    }

    /// What a reader should know before believing the figures.
    pub(crate) fn doubts(&self, ask: &Ask) -> Vec<Caveat> {
        doubts(ask, &self.facts, &self.now, &self.lags, &self.elapsed)
    }
}

/// How far the won credit of each value of a column may lie from what it is, as parts of it: from
/// drawing the deals anew. Of few deals none: their range would say more than is known.
fn credit_range(view: &View<'_>, column: &str, seed: u64) -> BTreeMap<String, (f64, f64)> {
    let groups = view.credits.split(column);
    let ids: Vec<&str> = groups.iter().filter_map(|(id, _)| id.as_deref()).collect();
    let ranges = chance::credits(&view.credits, column, "credit_won", &ids, seed);
    let part = |(id, range): (&&str, &CreditInterval)| {
        let CreditInterval { total, .. } = range;
        let parts = (total.low / total.point, total.high / total.point);
        let deals = view.credits.part(&groups, column, Some(id)).distinct("opportunity_id");
        let enough = total.point > 0.0 && count(&deals) >= words::SMALL;
        enough.then(|| ((*id).to_owned(), parts))
    };
    ids.iter().zip(&ranges).filter_map(part).collect()
}

/// Adds to a return how sure it is, as far as that depends on which deals were won.
fn around(entry: Entry, parts: Option<&(f64, f64)>) -> Entry {
    let found = entry.value.number().zip(parts);
    let found = found.map(|(roi, (low, high))| ((roi + 1.0) * low - 1.0, (roi + 1.0) * high - 1.0));
    chance::around(entry, found, chance::BOOTSTRAP)
}

/// Adds to the returns of the channels, and of all, how sure they are.
fn ranges(channels: &mut Table, view: &View<'_>, seed: u64) {
    let Some(place) = channels.columns.iter().position(|column| column.id == "roi") else { return };
    let by_channel = credit_range(view, "channel", seed);
    let by_side = credit_range(view, "side", seed);
    for row in &mut channels.rows {
        let parts = match row.id.as_str() {
            "all" => by_side.get(Side::Marketing.id()),
            id => by_channel.get(id),
        };
        if let Some(entry) = row.entries.get_mut(place) {
            *entry = around(entry.clone(), parts);
        }
    }
}

fn days_to_won(ask: &Ask, facts: &Facts<'_>) -> Figure {
    let days = ask.definitions.attribution.lookback_days;
    figure(
        "days_to_won_median",
        "Days from first touch to won",
        chance::median(
            &facts.history.only(Filter::present("days_from_first_touch")),
            "days_from_first_touch",
        ),
        &format!(
            "The median over all deals won on record, from the first touch within the lookback of {days} days \
             before creation; by so much the spend behind CAC, ROI and payback is earlier."
        ),
    )
}

/// The rows that were handed in.
struct Facts<'a> {
    spend: Slice<'a>,
    left_out: Slice<'a>,
    touches: Slice<'a>,
    leads: Slice<'a>,
    created: Slice<'a>,
    won: Slice<'a>,
    credits: Slice<'a>,
    history: Slice<'a>,
}

impl<'a> Facts<'a> {
    fn of(ask: &Ask, given: &'a Given) -> Self {
        let of = |need, rows| Slice::of(given, need, rows, ask.currency);
        Self {
            spend: of("spend", Rows::of("spend")),
            left_out: of(
                "left_out",
                Rows::of("spend_left_out").only(Filter::within("day", &ask.period)),
            ),
            touches: of("touches", Rows::of("touch_days")),
            leads: of("leads", leads(ask)),
            created: of("deals_created", deals(ask)),
            won: of("deals_won", won(ask)),
            credits: of("credits", credits(ask)),
            history: of("history", history(ask)),
        }
    }

    fn spend_begins(&self) -> Option<Date> {
        self.spend.days("day").flatten().min().copied()
    }

    /// True where anything is on record at or before the end of a period.
    fn known_until(&self, period: &Period) -> bool {
        [
            (&self.spend, "day"),
            (&self.touches, "day"),
            (&self.leads, "created_on"),
            (&self.created, "created_on"),
            (&self.won, "closed_on"),
        ]
        .into_iter()
        .any(|(slice, column)| Self::reaches(slice, column, period))
    }

    /// True where one of them is on record at or before the end of a period.
    fn reaches(slice: &Slice<'_>, column: &str, period: &Period) -> bool {
        slice.days(column).flatten().any(|day| *day <= period.to)
    }
}

/// How long it takes, in whole days: the median over all deals with a first touch.
struct Lags {
    to_creation: Option<i64>,
    to_won: Option<i64>,
}

impl Lags {
    fn of(history: &Slice<'_>) -> Self {
        let created = history.days("created_on");
        let mut waits: Vec<i64> = created
            .zip(history.days("first_touch_on"))
            .filter_map(|(created, first)| first?.until(*created?).ok())
            .map(|span| i64::from(span.get_days()))
            .collect();
        waits.sort_unstable();
        let middle = waits.len() / 2;
        let upper = waits.get(middle).copied();
        let lower = if waits.len().is_multiple_of(2) {
            middle.checked_sub(1).and_then(|at| waits.get(at)).copied()
        } else {
            upper
        };
        Self {
            // The mean of the middle two, rounded up as for the median below.
            to_creation: lower.zip(upper).map(|(low, high)| (low + high + 1).div_euclid(2)),
            to_won: history.median("days_from_first_touch").value.number().map(whole_days),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a number of days")]
fn whole_days(days: f64) -> i64 {
    (days + 0.5).floor() as i64
}

fn earlier(period: &Period, days: i64) -> Period {
    let back = days.clamp(0, 36_500).days();
    Period::days(period.from.saturating_sub(back), period.to.saturating_sub(back))
}

/// The first days of the spend that a period is set against.
#[derive(Clone, Copy)]
struct Starts {
    period: Date,
    creation: Date,
    won: Date,
}

/// What happened in one period, and the spend behind it.
#[derive(Clone)]
struct View<'a> {
    starts: Starts,
    /// The first day of all spend on record.
    begins: Option<Date>,
    spend: Slice<'a>,
    spend_before_creation: Slice<'a>,
    spend_before_won: Slice<'a>,
    touches: Slice<'a>,
    leads: Slice<'a>,
    created: Slice<'a>,
    won: Slice<'a>,
    credits: Slice<'a>,
}

impl<'a> View<'a> {
    fn of(facts: &Facts<'a>, period: &Period, lags: &Lags) -> Self {
        let before = |days: Option<i64>| earlier(period, days.unwrap_or(0));
        let (creation, won) = (before(lags.to_creation), before(lags.to_won));
        let spend = |days: &Period| facts.spend.only(Filter::within("day", days));
        Self {
            starts: Starts { period: period.from, creation: creation.from, won: won.from },
            begins: facts.spend_begins(),
            spend: spend(period),
            spend_before_creation: spend(&creation),
            spend_before_won: spend(&won),
            touches: facts.touches.only(Filter::within("day", period)),
            leads: facts.leads.only(Filter::within("created_on", period)),
            created: facts.created.only(Filter::within("created_on", period)),
            won: facts.won.only(Filter::within("closed_on", period)),
            credits: facts.credits.only(Filter::within("closed_on", period)),
        }
    }

    /// Says why nothing can be set against spend from a day on, where spend was not yet recorded
    /// then: a part of the money would look like all of it.
    fn unrecorded(&self, from: Date) -> Option<String> {
        let begins = self.begins.filter(|begins| *begins > from)?;
        Some(format!("spend is recorded only from {begins}"))
    }

    /// The slices in the order of [`View::with`].
    fn slices(&self) -> [(&Slice<'a>, &'static str); 8] {
        // The days do not matter: programs and channels are not periods.
        [
            &self.spend,
            &self.spend_before_creation,
            &self.spend_before_won,
            &self.touches,
            &self.leads,
            &self.created,
            &self.won,
            &self.credits,
        ]
        .map(|slice| (slice, ""))
    }

    /// The same period with these parts of its slices.
    fn with(&self, slices: Vec<Slice<'a>>) -> Option<Self> {
        let [spend, spend_before_creation, spend_before_won, touches, leads, created, won, credits] =
            <[Slice<'a>; 8]>::try_from(slices).ok()?;
        Some(Self {
            starts: self.starts,
            begins: self.begins,
            spend,
            spend_before_creation,
            spend_before_won,
            touches,
            leads,
            created,
            won,
            credits,
        })
    }

    /// The channels that spend behind what was won is recorded for.
    fn channels_paid(&self) -> Vec<String> {
        let paid = |(id, part): (Option<std::sync::Arc<str>>, Slice<'_>)| {
            (money(&part.sum("amount")).minor > 0).then(|| id.map(|id| (*id).to_owned()))?
        };
        self.spend_before_won.split("channel").into_iter().filter_map(paid).collect()
    }

    /// The same with the credit and the spend of those channels alone.
    fn paid(&self) -> Self {
        let paid = self.channels_paid();
        let only = |slice: &Slice<'a>| slice.only(one_of("channel", &paid));
        Self {
            spend_before_won: only(&self.spend_before_won),
            credits: only(&self.credits),
            ..self.clone()
        }
    }

    /// How many deals a quotient rests on; none for what is no quotient of deals.
    fn rests_on(&self, id: &str) -> Option<i64> {
        match id {
            "cost_per_opportunity" => Some(self.created.size()),
            "cac" | "payback_months" => Some(self.won.size()),
            "roi" => {
                let ours = self.credits.only(Filter::is("side", Side::Marketing.id()));
                Some(count(&ours.distinct("opportunity_id")))
            }
            "roi_of_channels_with_spend" => self.paid().rests_on("roi"),
            _ => None,
        }
    }

    /// True where nothing was spent, credited or done with deals, whoever was touched.
    fn idle(&self) -> bool {
        [&self.spend, &self.spend_before_won, &self.created, &self.won, &self.credits]
            .into_iter()
            .all(|slice| slice.n() == 0)
    }

    /// True where anything happened in the period itself.
    fn active(&self) -> bool {
        [&self.spend, &self.touches, &self.leads, &self.created, &self.won, &self.credits]
            .into_iter()
            .any(|slice| slice.n() > 0)
    }
}

/// One entry for each of [`COLUMNS`]; the return is that of all credit, or of marketing's alone.
fn entries(ask: &Ask, view: &View<'_>, credit: Credit) -> Vec<Entry> {
    let View { spend, touches, leads, created, won, credits, .. } = view;
    let by_segment = |entry: Entry| {
        if ask.segment.is_none() { entry } else { missing("not recorded by segment") }
    };
    let [lead, deal, cac, roi, payback] = costs(ask, view, credit).map(by_segment);
    vec![
        by_segment(spend.sum("amount")),
        roi,
        cac,
        payback,
        credits.sum("credit_won"),
        by_segment(behind(view)),
        leads.count(),
        created.count(),
        created.sum("amount"),
        won.count(),
        won.sum("amount"),
        lead,
        deal,
        by_segment(touches.total("n_touches")),
        by_segment(touches.total("n_invalid")),
        by_segment(spend.total("invalid_clicks")),
    ]
}

/// The spend behind what was won.
fn behind(view: &View<'_>) -> Entry {
    let spend = view.spend_before_won.sum("amount");
    view.unrecorded(view.starts.won).map_or(spend, |no| missing(&no))
}

/// Whose credit stands against the spend.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Credit {
    /// All that a program or channel is credited with.
    Own,
    /// That of marketing's channels: what sales, partners and customers brought, and what nobody
    /// knows, was not paid for by programs.
    Marketing,
}

/// Cost per lead, per deal and per customer, return, payback.
fn costs(ask: &Ask, view: &View<'_>, credit: Credit) -> [Entry; 5] {
    let spend = view.spend.sum("amount");
    let before_creation = view.spend_before_creation.sum("amount");
    let before_won = view.spend_before_won.sum("amount");
    let same = |evidence: Evidence| evidence;
    let over = |spend: &Entry, by: &Entry, none: &str| match money(spend).minor {
        0 => missing("no spend"),
        _ => per(spend, by, same, none),
    };
    let margin = ask.definitions.gross_margin.and_then(fraction);
    let (roi, payback) = match margin {
        None => (missing("no gross margin is defined"), missing("no gross margin is defined")),
        Some(_) if money(&before_won).minor <= 0 => (missing("no spend"), missing("no spend")),
        Some((up, down)) => {
            let gain = |evidence| Evidence { factor: Some((up, down)), plus: Some(-1), ..evidence };
            let months = i64::from(ask.definitions.contract_months).saturating_mul(down);
            let paid = |evidence: Evidence| Evidence {
                factor: Some((months, up)),
                ..evidence.unit(QuotientUnit::Months)
            };
            let won = view.won.sum("amount");
            let payback = if money(&won).minor > 0 && up > 0 {
                per(&before_won, &won, paid, "nothing was won")
            } else {
                missing("nothing was won")
            };
            let credits = match credit {
                Credit::Own => view.credits.sum("credit_won"),
                Credit::Marketing => {
                    let ours = Filter::is("side", Side::Marketing.id());
                    view.credits.only(ours).sum("credit_won")
                }
            };
            (per(&credits, &before_won, gain, "no spend"), payback)
        }
    };
    let Starts { period, creation, won } = view.starts;
    let recorded =
        |from: Date, entry: Entry| view.unrecorded(from).map_or(entry, |no| missing(&no));
    [
        recorded(period, over(&spend, &view.leads.count(), "no leads")),
        recorded(creation, over(&before_creation, &view.created.count(), "no deals were created")),
        recorded(won, over(&before_won, &view.won.distinct("account_id"), "no customer was won")),
        recorded(won, roi),
        recorded(won, payback),
    ]
}

fn missing(reason: &str) -> Entry {
    Entry::plain(Value::None(reason.to_owned()))
}

/// Returns a decimal as numerator and denominator.
pub(crate) fn fraction(value: Decimal) -> Option<(i64, i64)> {
    let value = value.normalize();
    let numerator = i64::try_from(value.mantissa()).ok()?;
    Some((numerator, 10_i64.checked_pow(value.scale())?))
}

fn totals(ask: &Ask, view: &View<'_>) -> Vec<Figure> {
    let mut figures: Vec<Figure> = COLUMNS
        .iter()
        .zip(MEANINGS)
        .zip(entries(ask, view, Credit::Marketing))
        .map(|(((id, label), meaning), entry)| figure(id, label, entry, meaning))
        .collect();
    let paid = view.paid();
    let [.., roi, _] = costs(ask, &paid, Credit::Marketing);
    let roi = if ask.segment.is_none() { roi } else { missing("not recorded by segment") };
    figures.push(figure(
        "roi_of_channels_with_spend",
        "ROI of channels with spend",
        roi,
        "The same as ROI for marketing's channels that spend is recorded for, behind what was won; \
         the credit of channels without recorded spend is not in it.",
    ));
    figures
}

/// The figures of a period to compare with: what is on record only from a later day is no
/// comparison, and a part of the spend is none either.
fn before(ask: &Ask, facts: &Facts<'_>, period: &Period, lags: &Lags) -> Vec<Figure> {
    let view = View::of(facts, period, lags);
    let mut figures = totals(ask, &view);
    let later = |what: &str| Some(format!("{what} are recorded only from a later day"));
    let known = |slice, column| Facts::reaches(slice, column, period);
    let touches = later("touches").filter(|_| !known(&facts.touches, "day"));
    let leads = later("leads").filter(|_| !known(&facts.leads, "created_on"));
    let any_deal = known(&facts.created, "created_on") || known(&facts.won, "closed_on");
    let deals = later("deals").filter(|_| !any_deal);
    let spend = view.unrecorded(view.starts.period);
    for figure in figures.iter_mut().filter(|figure| !figure.value.is_none()) {
        let why = match figure.id.as_str() {
            "spend" | "invalid_clicks" => &spend,
            "touches" | "invalid_touches" => &touches,
            "leads" => &leads,
            "opportunities" | "pipeline" | "won_opportunities" | "won" | "won_credit" => &deals,
            _ => &None,
        };
        if let Some(why) = why {
            (figure.value, figure.evidence) = (Value::None(why.clone()), None);
        }
    }
    figures
}

/// A row for each program or channel with any activity in the period, or spend behind it.
fn breakdown(ask: &Ask, view: &View<'_>, dimension: &str, column: &str, id: &str) -> Table {
    let heading = words::sentence(dimension);
    let mut table = table(id, &format!("By {dimension}"), &heading, COLUMNS);
    let mut none = None;
    let mut idle: Vec<(String, TableRow)> = Vec::new();
    for member in common::broken_down(ask, dimension, column, &view.slices()) {
        let shown = |part: &View<'_>| part.active() || part.spend_before_won.n() > 0;
        let Some(part) = view.with(member.slices).filter(shown) else { continue };
        // What belongs to no program has sales' own credit in it, and marketing's spend.
        let credit = if member.id == common::NONE { Credit::Marketing } else { Credit::Own };
        let row = row(&member.id, &member.label, entries(ask, &part, credit));
        if member.id == common::NONE {
            none = Some(row);
        } else if id == "programs" && part.idle() {
            idle.push((member.id, row));
        } else {
            table.rows.push(row);
        }
    }
    let mut left_out = None;
    if let [(_, row)] = idle.as_slice() {
        table.rows.push(row.clone());
    } else if !idle.is_empty() {
        let n = idle.len();
        let ids: Vec<String> = idle.into_iter().map(|(id, ..)| id).collect();
        let slices = view.slices().map(|(slice, _)| slice.only(one_of(column, &ids)));
        let label = format!("{n} programs without spend, credit or deals");
        left_out = view
            .with(slices.into())
            .map(|part| row(IDLE, &label, entries(ask, &part, Credit::Own)));
    }
    common::largest_first(&mut table, &["spend", "won", "pipeline", "leads", "touches"]);
    table.rows.extend(left_out);
    table.rows.extend(none);
    table.rows.push(row("all", "All", entries(ask, view, Credit::Marketing)));
    table.note = Some(
        "Counts and amounts add up to the last row; costs do not, since each is computed from its \
         own sums: in the last row from all leads, deals and customers, whoever sourced them, and its \
         ROI from marketing's credit alone. Credit is not cause."
            .to_owned(),
    );
    table
}

fn doubts(
    ask: &Ask,
    facts: &Facts<'_>,
    now: &View<'_>,
    lags: &Lags,
    elapsed: &Period,
) -> Vec<Caveat> {
    let mut found = Vec::new();
    let unknown = now.won.only(Filter::missing("account_id"));
    if let n @ 1.. = unknown.size() {
        let (has, counts) = if n == 1 { ("has", "counts") } else { ("have", "count") };
        let text = format!(
            "{} won in the period {has} no account and {counts} as no customer.",
            words::deals(n)
        );
        found.push(caveat("account_missing", words::sentence(&text), &unknown));
    }
    for (slice, what) in [(&now.created, "created in the period"), (&now.won, "won in the period")]
    {
        let missing = slice.only(Filter::missing("amount"));
        if let n @ 1.. = missing.size() {
            let (are, add) = if n == 1 { ("is", "adds") } else { ("are", "add") };
            let text = format!(
                "{} {what} without an amount {are} counted and {add} nothing.",
                words::deals(n)
            );
            found.push(caveat("amount_missing", text, &missing));
        }
    }
    if ask.segment.is_some() {
        return found;
    }
    let window = Lags::window(lags, elapsed);
    let behind = facts.spend.only(Filter::within("day", &window));
    let unconverted = behind.only(Filter::missing("amount"));
    if let n @ 1.. = unconverted.size() {
        let rows = words::count(n, "row", "rows");
        let (has, is) = if n == 1 { ("has", "is") } else { ("have", "are") };
        let text = format!(
            "{rows} of spend {has} no amount in {}, for want of a rate, and {is} missing from the costs.",
            ask.currency
        );
        found.push(caveat("spend_missing", text, &unconverted));
    }
    found.extend(unpaid(ask, now));
    if facts.left_out.n() > 0 {
        let amount = words::money(money(&facts.left_out.sum("amount")));
        let text = format!(
            "Costs of {amount} typed in at campaigns are left out, because an ad platform delivers \
             the same money."
        );
        found.push(caveat("spend_left_out", text, &facts.left_out));
    }
    if let Some(begins) = facts.spend_begins().filter(|begins| *begins > window.from) {
        let text = format!(
            "Spend is recorded only from {begins} and asked for from {}: what would be set against \
             the spend before is left out, since it would look too cheap.",
            window.from
        );
        found.push(Caveat::new("spend_begins_late", text));
    }
    found.push(lags.told(ask, facts));
    found
}

/// Credit of marketing's channels that no spend is recorded for: it makes the return of the whole
/// better than that of its parts.
fn unpaid(ask: &Ask, now: &View<'_>) -> Option<Caveat> {
    let paid = now.channels_paid();
    let ours = now.credits.only(Filter::is("side", Side::Marketing.id()));
    let parts = ours.split("channel").into_iter();
    let mut free: Vec<(i64, String)> = parts
        .filter_map(|(id, part)| Some((money(&part.sum("credit_won")).minor, id?.to_string())))
        .filter(|(credit, id)| *credit > 0 && !paid.contains(id))
        .collect();
    if paid.is_empty() || free.is_empty() {
        return None;
    }
    free.sort_by(|a, b| b.cmp(a));
    let ids: Vec<String> = free.into_iter().map(|(_, id)| id).collect();
    let names: Vec<String> = ids.iter().map(|id| common::label(ask, "channel", id, &[])).collect();
    let rows = ours.only(one_of("channel", &ids));
    let text = format!(
        "{} of marketing's won credit went to channels without recorded spend ({}). ROI counts it; \
         ROI of channels with spend does not.",
        words::money(money(&rows.sum("credit_won"))),
        names.join(", ")
    );
    Some(caveat("credit_without_spend", text, &rows))
}

impl Lags {
    /// All days whose spend is used for a period.
    fn window(&self, period: &Period) -> Period {
        let days = self.to_creation.max(self.to_won).unwrap_or(0);
        Period::days(earlier(period, days).from, period.to)
    }

    fn told(&self, ask: &Ask, facts: &Facts<'_>) -> Caveat {
        let said = |days: i64| words::days(days as f64);
        let lookback = ask.definitions.attribution.lookback_days;
        let text = match (self.to_creation, self.to_won) {
            (Some(creation), Some(won)) => format!(
                "Spend is taken {} earlier for deals created and {} earlier for deals won, the median \
                 time from the first touch within the lookback of {lookback} days before creation.",
                said(creation),
                said(won)
            ),
            (Some(creation), None) => format!(
                "Spend is taken {} earlier for deals created, the median time from the first touch \
                 within the lookback of {lookback} days before creation; no deal with a first \
                 touch is won yet, so for deals won it is taken from the period \
                 itself.",
                said(creation)
            ),
            _ => {
                let text = "No deal has a first touch on record, so spend is taken from the period \
                            itself.";
                return Caveat::new("spend_lag", text);
            }
        };
        caveat("spend_lag", text, &facts.history)
    }
}

#[cfg(test)]
mod tests;
