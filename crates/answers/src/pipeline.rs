//! What pipeline and revenue did marketing source and influence, and is it good?
//!
#![doc = include_str!("pipeline.md")]
//!
//! For: CEO, CMO. Grain: one row per deal. Money: the currency asked for, exact.
//! Method: intervals as in `chance`; everything else is counting and adding.

use domain::answer::{Entry, Table};
use domain::definition::{Side, SourcedBy, State};
use domain::{
    Answer, Ask, Caveat, Cell, Figure, Filter, Given, Money, Need, Period, Question, Test, Value,
};

use crate::chance::{self, Difference};
use crate::common::{self, Periods, Trail, caveat, figure, money, row, side_name, table};
use crate::slice::{Group, Slice, share_of};
use crate::words;

mod charts;

/// The question.
pub const QUESTION: Question = Question {
    id: "pipeline",
    asks: "What pipeline and revenue did marketing source and influence, and is it good?",
    readers: &["CEO", "CMO"],
    help: include_str!("pipeline.md"),
};

const NO_PIPELINE: &str = "no pipeline was created";

/// Deals created and deals closed in any of the periods compared, and the deals open now.
pub fn needs(ask: &Ask) -> Vec<Need> {
    let span = Periods::of(ask).span();
    let deals = || common::counted(ask, "opportunities").columns(&columns(ask));
    vec![
        Need { name: "created", rows: deals().only(Filter::within("created_on", &span)) },
        Need { name: "closed", rows: deals().only(Filter::within("closed_on", &span)) },
        Need { name: "open", rows: deals().only(Filter::is("state", State::Open.id())) },
    ]
}

fn columns(ask: &Ask) -> Vec<&'static str> {
    let mut columns = vec![
        "id",
        "name",
        "source",
        "source_first_touch",
        "source_lead_source",
        "source_pre_sales",
        "influenced",
        "amount",
        "expected",
        "created_on",
        "closed_on",
        "state",
        "won",
        "cycle_days",
        "stage_reached",
        "program",
    ];
    // Months and quarters follow from the days.
    let asked = |id: &str| !matches!(id, "month" | "quarter") && ask.by.iter().any(|by| by == id);
    let dimensions = common::DIMENSIONS.iter().filter(|(id, ..)| asked(id)).map(|(_, c, _)| *c);
    let more: Vec<&str> = dimensions.filter(|column| !columns.contains(column)).collect();
    columns.extend(more);
    columns
}

/// Answers the question.
pub fn answer(ask: &Ask, given: &Given) -> Answer {
    let Found { deals, now, before, begun, figures, trail } = Found::of(ask, given);
    let periods = Periods::of(ask);
    let mut answer = Answer::new(&QUESTION, ask);
    answer.figures = figures;
    answer.figures.extend(expected(&deals.open));
    answer.headline = if let Some(text) = common::not_begun(ask, given, now.any()) {
        common::of_segment(ask, text)
    } else if common::is_bare(ask, given) {
        common::nothing(ask)
    } else {
        common::of_segment(ask, headline(ask, &answer, &now, before.as_ref(), &periods))
    };
    answer.tables.push(sources(&now, &deals.open, ask.seed));
    answer.tables.push(rules(&now, ask));
    answer.tables.push(stages(&now, ask));
    answer.tables.extend(breakdowns(&now, ask));
    let history = charts::history(ask, &deals, trail);
    answer.charts.push(charts::by_source(ask, &history));
    answer.charts.extend(charts::stages(answer.tables.iter().find(|table| table.id == "stages")));
    answer.tables.push(history);
    answer.caveats = doubts(&now, &deals, before.is_some() || !begun, &periods);
    answer.caveats.extend(still_touched(&now));
    if common::not_begun(ask, given, now.any()).is_some() {
        common::emptied(&mut answer);
    }
    common::caveats(&mut answer, ask, given);
    answer
}

/// What was found in the rows, for this answer and for those that rest on it.
pub(crate) struct Found<'a> {
    deals: Deals<'a>,
    now: View<'a>,
    before: Option<View<'a>>,
    begun: bool,
    /// The figures of the period, beside those of other periods.
    pub(crate) figures: Vec<Figure>,
    /// The same for the periods up to and including this one.
    pub(crate) trail: Trail,
}

impl<'a> Found<'a> {
    /// Finds the figures.
    pub(crate) fn of(ask: &Ask, given: &'a Given) -> Self {
        let periods = Periods::of(ask);
        let deals = Deals::of(ask, given);
        let now = View::of(&deals, &periods.now);
        let begun = common::not_begun(ask, given, now.any()).is_none();
        let of = |period: &Period| {
            deals.known_until(period).then(|| figures(&View::of(&deals, period), ask, None))
        };
        let (mut figures, trail) =
            common::placed(ask, &periods, begun, figures(&now, ask, Some(ask.seed)), &of);
        if !begun {
            common::without_targets(&mut figures);
        }
        let [then, year] =
            [&periods.previous, &periods.year_ago].map(|period| View::of(&deals, period));
        common::few(&mut figures, &|id| [&now, &then, &year].map(|view| view.rests_on(id)));
        let before = (begun && deals.known_until(&periods.previous))
            .then(|| View::of(&deals, &periods.previous));
        Self { deals, now, before, begun, figures, trail }
    }

    /// True where any deal was created or closed in the period.
    pub(crate) fn any(&self) -> bool {
        self.now.any()
    }

    /// What a reader should know before believing the figures.
    pub(crate) fn doubts(&self, periods: &Periods) -> Vec<Caveat> {
        doubts(&self.now, &self.deals, self.before.is_some() || !self.begun, periods)
    }
}

/// The deals that were handed in.
struct Deals<'a> {
    created: Slice<'a>,
    closed: Slice<'a>,
    open: Cut<'a>,
}

impl<'a> Deals<'a> {
    fn of(ask: &Ask, given: &'a Given) -> Self {
        let rows = common::counted(ask, "opportunities");
        let open = rows.clone().only(Filter::is("state", State::Open.id()));
        Self {
            created: Slice::of(given, "created", rows.clone(), ask.currency),
            closed: Slice::of(given, "closed", rows, ask.currency),
            open: Cut::of(Slice::of(given, "open", open, ask.currency)),
        }
    }

    /// True where some deal is on record at or before the end of a period: otherwise the record
    /// begins later, and a comparison with it would compare with nothing.
    fn known_until(&self, period: &Period) -> bool {
        let until = |mut days: Box<dyn Iterator<Item = Option<&jiff::civil::Date>> + '_>| {
            days.any(|day| day.is_some_and(|day| *day <= period.to))
        };
        until(Box::new(self.created.days("created_on")))
            || until(Box::new(self.closed.days("closed_on")))
    }
}

/// Some deals and their parts by source.
struct Cut<'a> {
    all: Slice<'a>,
    sides: Vec<Group<'a>>,
}

impl<'a> Cut<'a> {
    fn of(all: Slice<'a>) -> Self {
        Self { sides: all.split("source"), all }
    }

    fn side(&self, side: Side) -> Slice<'a> {
        self.all.part(&self.sides, "source", Some(side.id()))
    }

    /// One side, or all.
    fn some(&self, side: Option<Side>) -> Slice<'a> {
        side.map_or_else(|| self.all.clone(), |side| self.side(side))
    }
}

/// The deals of one period.
struct View<'a> {
    created: Cut<'a>,
    closed: Cut<'a>,
    won: Cut<'a>,
}

impl<'a> View<'a> {
    /// True where any deal was created or closed.
    fn any(&self) -> bool {
        self.created.all.n() + self.closed.all.n() > 0
    }

    /// How many deals a quotient rests on; none for what is no quotient.
    fn rests_on(&self, id: &str) -> Option<i64> {
        let side = match id.split_once("_sourced_") {
            Some(("marketing", _)) => Some(Side::Marketing),
            Some(("sales", _)) => Some(Side::Sales),
            _ => None,
        };
        let of = id.split_once("_sourced_").map_or(id, |(_, of)| of);
        match of {
            "share" => Some(self.created.all.size()),
            "win_rate" | "cycle_days_median" => Some(self.closed.some(side).size()),
            "won_average" => Some(self.won.some(side).size()),
            _ => None,
        }
    }

    fn of(deals: &Deals<'a>, period: &Period) -> Self {
        let closed = deals.closed.only(Filter::within("closed_on", period));
        Self {
            created: Cut::of(deals.created.only(Filter::within("created_on", period))),
            won: Cut::of(closed.only(Filter::flag("won", true))),
            closed: Cut::of(closed),
        }
    }
}

/// The figures that tell most: they stand before the others.
const FIRST: &[&str] =
    &["marketing_sourced_pipeline", "marketing_sourced_share", "won", "win_rate"];

/// The figures of a period; with a seed, also how sure they are.
fn figures(view: &View<'_>, ask: &Ask, seed: Option<u64>) -> Vec<Figure> {
    let without = without(ask);
    let View { created, closed, won } = view;
    let ours = created.side(Side::Marketing);
    let pipeline = created.all.sum("amount");
    let touched = created.all.only(Filter::flag("influenced", true));
    let won_touched = won.all.only(Filter::flag("influenced", true));
    let mut figures = vec![
        figure(
            "pipeline_created",
            "Pipeline created",
            pipeline.clone(),
            &format!("Amount of all deals created in the period{without}."),
        ),
        figure(
            "opportunities_created",
            "Deals created",
            created.all.count(),
            &format!("Deals created in the period, with or without an amount{without}."),
        ),
        figure(
            "marketing_sourced_pipeline",
            "Marketing-sourced pipeline",
            ours.sum("amount"),
            "Amount of the deals created in the period whose one source is marketing.",
        ),
        figure(
            "marketing_sourced_opportunities",
            "Marketing-sourced deals",
            ours.count(),
            "Deals created in the period whose one source is marketing.",
        ),
        figure(
            "marketing_sourced_share",
            "Marketing-sourced share of pipeline",
            share_of(&ours.sum("amount"), &pipeline, NO_PIPELINE),
            "Marketing-sourced pipeline as a part of the pipeline created.",
        ),
        figure(
            "marketing_influenced_pipeline",
            "Marketing-influenced pipeline",
            touched.sum("amount"),
            "Amount of the deals created with a marketing touch before they closed; overlaps with \
             sourced and is never added to it.",
        ),
        figure(
            "marketing_influenced_opportunities",
            "Marketing-influenced deals",
            touched.count(),
            "Deals created with a marketing touch before they closed.",
        ),
        figure(
            "won",
            "Won",
            won.all.sum("amount"),
            &format!("Amount of the deals closed won in the period{without}."),
        ),
        figure(
            "won_opportunities",
            "Deals won",
            won.all.count(),
            &format!("Deals closed won in the period{without}."),
        ),
        figure(
            "marketing_sourced_won",
            "Marketing-sourced won",
            won.side(Side::Marketing).sum("amount"),
            "Amount of the deals won whose one source is marketing.",
        ),
        figure(
            "marketing_influenced_won",
            "Marketing-influenced won",
            won_touched.sum("amount"),
            "Amount of the deals won with a marketing touch before they closed; overlaps with \
             sourced and is never added to it.",
        ),
    ];
    for side in Side::ALL.into_iter().filter(|side| *side != Side::Marketing) {
        figures.push(figure(
            &format!("{side}_sourced_pipeline"),
            &sourced(side, "pipeline"),
            created.side(side).sum("amount"),
            &format!("Amount of the deals created in the period {}.", whose(side)),
        ));
    }
    for of in [None, Some(Side::Marketing), Some(Side::Sales)] {
        let prefix = of.map_or_else(String::new, |side| format!("{side}_sourced_"));
        let label =
            |text: &str| of.map_or_else(|| words::sentence(text), |side| sourced(side, text));
        let (closed, won) = (closed.some(of), won.some(of));
        let those = of.map_or_else(String::new, |side| format!(" {}", whose(side)));
        figures.push(figure(
            &format!("{prefix}win_rate"),
            &label("win rate"),
            seed.map_or_else(|| closed.share("won"), |_| chance::with_rate(closed.share("won"))),
            &format!("Deals won as a part of the deals closed in the period{those}."),
        ));
        figures.push(figure(
            &format!("{prefix}won_average"),
            &label("average won deal"),
            seed.map_or_else(|| won.mean("amount"), |seed| chance::mean(&won, "amount", seed)),
            &format!("Mean amount of the deals won in the period{those}."),
        ));
        figures.push(figure(
            &format!("{prefix}cycle_days_median"),
            &label("median cycle"),
            seed.map_or_else(
                || closed.median("cycle_days"),
                |_| chance::median(&closed, "cycle_days"),
            ),
            &format!(
                "Median days from creation to close of the deals closed in the period{those}."
            ),
        ));
    }
    common::leading(&mut figures, FIRST);
    figures
}

/// Says which kinds of deals count nowhere.
fn without(ask: &Ask) -> String {
    let kinds: Vec<&str> = ask.definitions.excluded_kinds.iter().map(AsRef::as_ref).collect();
    if kinds.is_empty() {
        return String::new();
    }
    format!("; deals of the kind {} are left out", kinds.join(", "))
}

/// Says what one source a deal has.
fn whose(side: Side) -> &'static str {
    match side {
        Side::Marketing => "whose one source is marketing",
        Side::Sales => "whose one source is sales",
        Side::Partner => "whose one source is a partner",
        Side::Customer => "whose one source is a customer",
        Side::Unknown => "whose source is unknown",
    }
}

/// What the deals that are open now are worth: no figure of a period, so compared with none.
fn expected(open: &Cut<'_>) -> Vec<Figure> {
    let figure = |of: Option<Side>, id: &str, label: &str| {
        let those = of.map_or_else(String::new, |side| format!(" {}", whose(side)));
        let meaning = format!(
            "Amount × probability of the deals{those} that are open now, whenever they were \
             created."
        );
        figure(id, label, open.some(of).sum("expected"), &meaning)
    };
    let (ours, theirs) = (Some(Side::Marketing), Some(Side::Sales));
    vec![
        figure(None, "open_expected", "Expected value of open pipeline"),
        figure(ours, "marketing_sourced_open_expected", "Marketing-sourced expected value"),
        figure(theirs, "sales_sourced_open_expected", "Sales-sourced expected value"),
    ]
}

fn sourced(side: Side, what: &str) -> String {
    match side {
        Side::Partner => format!("Partner-sourced {what}"),
        Side::Customer => format!("Customer-sourced {what}"),
        Side::Unknown => words::sentence(&format!("{what} of unknown source")),
        side => format!("{}-sourced {what}", side_name(side)),
    }
}

fn headline(
    ask: &Ask,
    answer: &Answer,
    now: &View<'_>,
    before: Option<&View<'_>>,
    periods: &Periods,
) -> String {
    let created = Created::of(now);
    let mut text = if created.n == 0 {
        format!("No pipeline was created in {}", common::period_said(ask))
    } else {
        created.said(&common::period_said(ask))
    };
    if created.n > 0 {
        // A part of a period says nothing beside a whole one.
        let before = before.filter(|_| !common::so_far(ask));
        text.push_str(&change(&created, before.map(Created::of), &periods.previous.label));
        text.push_str(&quality(now));
    }
    text.push_str(". ");
    text.push_str(&won(now));
    text.push_str(&against_target(ask, answer));
    text
}

/// What was created, and what of it marketing sourced.
struct Created {
    n: i64,
    n_ours: i64,
    all: Money,
    ours: Money,
    share: Option<f64>,
}

impl Created {
    fn of(view: &View<'_>) -> Self {
        let ours = view.created.side(Side::Marketing);
        let (part, whole) = (ours.sum("amount"), view.created.all.sum("amount"));
        Self {
            n: view.created.all.size(),
            n_ours: ours.size(),
            share: share_of(&part, &whole, NO_PIPELINE).value.number(),
            all: money(&whole),
            ours: money(&part),
        }
    }

    fn said(&self, period: &str) -> String {
        let Self { n, n_ours, all, ours, share } = self;
        let (ours, all) = words::part_of(*ours, *all);
        match share {
            Some(share) if *n >= words::SMALL => format!(
                "Marketing sourced {ours} of the {all} pipeline created in {period} ({})",
                words::percent(*share)
            ),
            _ => {
                let part = match (n_ours, n) {
                    (0, 1) => format!("Marketing did not source the one deal created in {period}"),
                    (_, 1) => format!("Marketing sourced the one deal created in {period}"),
                    (0, n) => {
                        format!("Marketing sourced none of the {n} deals created in {period}")
                    }
                    (ours, n) if ours == n => {
                        format!("Marketing sourced all {n} deals created in {period}")
                    }
                    (ours, n) => {
                        let n = words::grouped(*n);
                        format!("Marketing sourced {ours} of the {n} deals created in {period}")
                    }
                };
                match share {
                    Some(_) => format!("{part} ({ours} of {all})"),
                    None if *n == 1 => format!("{part} (it carries no amount)"),
                    None => format!("{part} (they carry no amount)"),
                }
            }
        }
    }
}

fn change(now: &Created, before: Option<Created>, label: &str) -> String {
    let Some(before) = before else {
        return String::new();
    };
    match (now.share, before.share) {
        (Some(share), Some(earlier)) if now.n.min(before.n) >= words::SMALL => {
            let (new, old) = (words::percent(share), words::percent(earlier));
            if new == old {
                format!(", the same share as in {label}")
            } else if share > earlier {
                format!(", up from {old} in {label}")
            } else {
                format!(", down from {old} in {label}")
            }
        }
        _ if before.n == 0 => format!("; no deal was created in {label}"),
        // A share of money is not set beside a count: both as counts.
        (Some(_), _) if now.n >= words::SMALL => format!(
            ", by count {} of {} against {} of {} in {label}",
            words::grouped(now.n_ours),
            words::deals(now.n),
            words::grouped(before.n_ours),
            words::grouped(before.n)
        ),
        _ => {
            let (part, n) = (words::grouped(before.n_ours), words::deals(before.n));
            format!(", against {part} of {n} in {label}")
        }
    }
}

/// How often marketing's deals win beside sales' own.
fn quality(view: &View<'_>) -> String {
    let rate = |side| view.closed.side(side).share("won").value;
    let (ours, theirs) = (rate(Side::Marketing), rate(Side::Sales));
    let (Value::Share { of, total }, Value::Share { total: of_sales, .. }) = (&ours, &theirs)
    else {
        return String::new();
    };
    let (a, b) = (ours.number().unwrap_or(0.0), theirs.number().unwrap_or(0.0));
    let (said, other) = (words::percent(a), words::percent(b));
    match (*total, *of_sales) {
        (0, _) => ", and none of its deals closed in the period".to_owned(),
        (1, _) => {
            let won = if *of == 1 { "won" } else { "lost" };
            format!(", and the one deal of its own that closed was {won}")
        }
        (n, _) if n < words::SMALL => {
            let won = match of {
                0 => format!("none of its {n} closed deals was won"),
                1 => format!("1 of its {n} closed deals was won"),
                of => format!("{of} of its {n} closed deals were won"),
            };
            format!(", and {won}, too few to judge")
        }
        (_, n) if n < words::SMALL => {
            let few = if n == 0 { "none" } else { "too few" };
            format!(
                ", and {said} of its closed deals were won ({few} of sales' own closed to compare)"
            )
        }
        _ => match chance::difference(&ours, &theirs) {
            Some(Difference::Higher) => {
                format!(", and its deals win more often than sales' own ({said} against {other})")
            }
            Some(Difference::Lower) => {
                format!(", and its deals win less often than sales' own ({said} against {other})")
            }
            _ if (a - b).abs() < 0.05 => format!(
                ", and its deals win as often as sales' own ({said} against {other}, difference \
                 within chance)"
            ),
            _ => format!(
                ", and {said} of its closed deals were won against {other} of sales' own, a \
                 difference within chance"
            ),
        },
    }
}

fn won(view: &View<'_>) -> String {
    let n = view.won.all.size();
    let ours = view.won.side(Side::Marketing);
    let (all, part) = (money(&view.won.all.sum("amount")), money(&ours.sum("amount")));
    match (n, ours.size()) {
        (0, _) => "No deal was won.".to_owned(),
        (n, k) if all.minor <= 0 => {
            let was = if n == 1 { "was" } else { "were" };
            format!("{} {was} won, {k} sourced by marketing, without amounts.", words::deals(n))
        }
        (1, 0) => format!("One deal was won ({}), not sourced by marketing.", words::money(all)),
        (1, _) => format!("One deal was won ({}), sourced by marketing.", words::money(all)),
        (_, 0) => format!("Of the {} won, marketing sourced nothing.", words::money(all)),
        (n, k) if n < words::SMALL => format!(
            "Of the {} won, marketing sourced {} ({k} of {n} deals).",
            words::part_of(part, all).1,
            words::part_of(part, all).0
        ),
        _ => {
            let share = Value::Share { of: part.minor, total: all.minor }.number().unwrap_or(0.0);
            let (part, all) = words::part_of(part, all);
            format!("Of the {all} won, marketing sourced {part} ({}).", words::percent(share))
        }
    }
}

fn against_target(ask: &Ask, answer: &Answer) -> String {
    let of = |id: &str| answer.figures.iter().find(|f| f.id == id && f.target.is_some());
    let Some(figure) = of("marketing_sourced_pipeline")
        .or_else(|| of("pipeline_created"))
        .or_else(|| of("marketing_sourced_won"))
        .or_else(|| of("won"))
    else {
        return String::new();
    };
    let (Value::Money(value), Some(Value::Money(target))) = (&figure.value, &figure.target) else {
        return String::new();
    };
    let name = &figure.label;
    let goal = words::money(*target);
    let is = if common::so_far(ask) { "is so far" } else { "is" };
    match value.checked_sub(*target) {
        Ok(gap) if gap.minor < 0 => {
            let short = Money::from_minor(gap.minor.saturating_neg(), gap.currency);
            format!(" {name} {is} {} short of its target of {goal}.", words::money(short))
        }
        Ok(gap) if gap.minor == 0 => format!(" {name} {is} on its target of {goal}."),
        Ok(gap) => format!(" {name} {is} {} above its target of {goal}.", words::money(gap)),
        Err(_) => String::new(),
    }
}

/// The deals by source: the rows add up to the last one, in deals and in money.
fn sources(view: &View<'_>, open: &Cut<'_>, seed: u64) -> Table {
    let columns = [
        ("opportunities", "Deals created"),
        ("pipeline", "Pipeline"),
        ("share", "Share"),
        ("influenced", "Influenced by marketing"),
        ("won_opportunities", "Deals won"),
        ("won", "Won"),
        ("win_rate", "Win rate"),
        ("won_average", "Average won"),
        ("cycle_days_median", "Median cycle"),
        ("open_expected", "Expected, open now"),
    ];
    let mut table = table("sources", "Who sourced it, and how good it is", "Source", &columns);
    let whole = view.created.all.sum("amount");
    let mut add = |id: &str, label: &str, parts: [Slice<'_>; 4]| {
        let [created, closed, won, open] = parts;
        let pipeline = created.sum("amount");
        table.rows.push(row(
            id,
            label,
            vec![
                created.count(),
                pipeline.clone(),
                share_of(&pipeline, &whole, NO_PIPELINE),
                created.only(Filter::flag("influenced", true)).sum("amount"),
                won.count(),
                won.sum("amount"),
                chance::sure(chance::with_rate(closed.share("won")), closed.size()),
                chance::sure(chance::mean(&won, "amount", seed), won.size()),
                chance::sure(chance::median(&closed, "cycle_days"), closed.size()),
                open.sum("expected"),
            ],
        ));
    };
    for side in Side::ALL {
        let parts = [&view.created, &view.closed, &view.won, open].map(|cut| cut.side(side));
        add(side.id(), side_name(side), parts);
    }
    let all = [&view.created, &view.closed, &view.won, open].map(|cut| cut.all.clone());
    add("all", "All", all);
    table.note = Some(
        "Deals, pipeline, won and expected value of the sources add up to the last row. Influenced \
         overlaps with sourced."
            .to_owned(),
    );
    table
}

/// The same deals under each rule for the one source.
fn rules(view: &View<'_>, ask: &Ask) -> Table {
    let mut columns: Vec<(&str, &str)> =
        Side::ALL.into_iter().map(|side| (side.id(), side_name(side))).collect();
    columns.extend([
        ("all", "All"),
        ("marketing_opportunities", "Marketing's deals"),
        ("marketing_share", "Marketing's share"),
    ]);
    let mut table = table("rules", "Pipeline by source under each rule", "Rule", &columns);
    let created = &view.created.all;
    for rule in SourcedBy::ALL {
        let column = format!("source_{}", rule.id());
        let groups = created.split(&column);
        let side = |side: Side| created.part(&groups, &column, Some(side.id()));
        let mut entries: Vec<Entry> =
            Side::ALL.into_iter().map(|of| side(of).sum("amount")).collect();
        let ours = side(Side::Marketing);
        let whole = created.sum("amount");
        let share = share_of(&ours.sum("amount"), &whole, NO_PIPELINE);
        entries.extend([whole, ours.count(), share]);
        let name = match rule {
            SourcedBy::FirstTouch => "First touch",
            SourcedBy::LeadSource => "Recorded lead source",
            SourcedBy::PreSales => "Marketing before sales",
        };
        let in_force = ask.definitions.attribution.sourced_by == rule;
        let label = if in_force { format!("{name} (in force)") } else { name.to_owned() };
        table.rows.push(row(rule.id(), &label, entries));
    }
    table
}

/// How far the deals created in the period have come.
fn stages(view: &View<'_>, ask: &Ask) -> Table {
    let columns = [
        ("all", "All deals"),
        ("all_share", "Share"),
        ("marketing", "Marketing-sourced"),
        ("marketing_share", "Share"),
        ("sales", "Sales-sourced"),
        ("sales_share", "Share"),
        ("lost", "Lost there"),
        ("open", "Still there"),
    ];
    let title = "How far the deals created have come";
    let mut table = table("stages", title, "Reached", &columns);
    let cuts = [
        view.created.all.clone(),
        view.created.side(Side::Marketing),
        view.created.side(Side::Sales),
    ];
    let open = ask.definitions.stages.iter().filter(|stage| stage.state == State::Open);
    let reached = |filter: &Filter| {
        let entries = cuts.iter().flat_map(|cut| {
            let reached = cut.only(filter.clone()).count();
            let share = share_of(&reached, &cut.count(), "no deals were created");
            [reached, chance::sure(chance::with_rate(share), cut.size())]
        });
        entries.collect::<Vec<Entry>>()
    };
    for (stage, place) in open.zip(1_i64..) {
        let mut entries = reached(&common::at_least("stage_reached", place));
        let test = Test::Is(Cell::Integer(place));
        let here = view.created.all.only(Filter { column: "stage_reached".to_owned(), test });
        let of = |state: State| here.only(Filter::is("state", state.id())).count();
        entries.extend([of(State::Lost), of(State::Open)]);
        table.rows.push(row(&stage.id, &stage.name, entries));
    }
    let mut entries = reached(&Filter::flag("won", true));
    entries.extend([(); 2].map(|()| Entry::plain(Value::None("the last step".to_owned()))));
    table.rows.push(row("won", "Won", entries));
    table.note = Some(
        "A deal counts at every stage up to the highest one that it ever reached; it is lost or \
         still there at the highest one. Deals created lately have had less time."
            .to_owned(),
    );
    table
}

/// One table for each dimension asked for.
fn breakdowns(view: &View<'_>, ask: &Ask) -> Vec<Table> {
    let columns = [
        ("opportunities", "Deals created"),
        ("pipeline", "Pipeline"),
        ("marketing_sourced", "Marketing-sourced"),
        ("marketing_influenced", "Marketing-influenced"),
        ("won_opportunities", "Deals won"),
        ("won", "Won"),
    ];
    let (created, won) = (&view.created.all, &view.won.all);
    let asked = common::DIMENSIONS.iter().filter(|(id, ..)| ask.by.iter().any(|by| by == id));
    asked
        .map(|(id, column, heading)| {
            let title = format!("By {}", heading.to_lowercase());
            let mut table = table(&format!("by_{id}"), &title, heading, &columns);
            let cuts = [(created, "created_on"), (won, "closed_on")];
            for member in common::broken_down(ask, id, column, &cuts) {
                let [created, won] = member.slices.as_slice() else { continue };
                let ours = created.only(Filter::is("source", Side::Marketing.id()));
                let touched = created.only(Filter::flag("influenced", true));
                table.rows.push(row(
                    &member.id,
                    &member.label,
                    vec![
                        created.count(),
                        created.sum("amount"),
                        ours.sum("amount"),
                        touched.sum("amount"),
                        won.count(),
                        won.sum("amount"),
                    ],
                ));
            }
            if !matches!(*id, "month" | "quarter") {
                common::largest_first(&mut table, &["pipeline", "won", "opportunities"]);
            }
            table
        })
        .collect()
}

/// What a reader should know before believing the figures.
fn doubts(view: &View<'_>, deals: &Deals<'_>, compared: bool, periods: &Periods) -> Vec<Caveat> {
    let mut found = Vec::new();
    let (created, n) = (&view.created.all, view.created.all.size());
    let unknown = view.created.side(Side::Unknown);
    if unknown.n() > 0 {
        let (part, whole) = (unknown.sum("amount"), created.sum("amount"));
        let share = share_of(&part, &whole, NO_PIPELINE).value.number();
        let of = share.filter(|_| n >= words::SMALL).map_or_else(String::new, |share| {
            format!(", {} of the pipeline", words::percent(share))
        });
        let text = format!(
            "The source of {} of the {} created is unknown ({}{of}): no touch or lead source says it.",
            words::grouped(unknown.size()),
            words::deals(n),
            words::money(money(&part))
        );
        found.push(caveat("unknown_source", text, &unknown));
    }
    for (slice, column, code, what) in [
        (created, "amount", "amount_missing", "created in the period"),
        (&view.won.all, "amount", "amount_missing", "won in the period"),
    ] {
        let missing = slice.only(Filter::missing(column));
        if let n @ 1.. = missing.size() {
            let (are, add) = if n == 1 { ("is", "adds") } else { ("are", "add") };
            let text = format!(
                "{} {what} without an amount {are} counted and {add} nothing.",
                words::deals(n)
            );
            found.push(caveat(code, text, &missing));
        }
    }
    found.extend(large(created, "the pipeline created"));
    found.extend(large(&view.won.all, "what was won"));
    let open = deals.open.all.only(Filter::missing("expected"));
    if let n @ 1.. = open.size() {
        let (have, add) = if n == 1 { ("has", "adds") } else { ("have", "add") };
        let text = format!(
            "{} open now {have} no amount or no probability and {add} nothing to the expected value.",
            words::deals(n)
        );
        found.push(caveat("expected_missing", text, &open));
    }
    if (1..words::SMALL).contains(&n) {
        let were = if n == 1 { "was" } else { "were" };
        let text = format!("Only {} {were} created: shares of so few say little.", words::deals(n));
        found.push(caveat("small_sample", text, created));
    }
    if n > 0 && !compared {
        let text = format!(
            "No deal of {} or before is loaded, so there is nothing to compare with.",
            periods.previous
        );
        found.push(Caveat::new("no_comparison", text));
    }
    found
}

/// Names a deal that is more than a fifth of an amount of many: whether it is real decides.
fn large(deals: &Slice<'_>, what: &str) -> Option<Caveat> {
    if deals.size() < words::SMALL {
        return None;
    }
    let rows = deals.texts("id").zip(deals.texts("name")).zip(deals.moneys("amount"));
    let named = rows.filter_map(|((id, name), amount)| Some((*amount?, id?, name)));
    // The smallest identifier of equal amounts, so that the order of the rows does not matter.
    let (amount, id, name) =
        named.max_by_key(|(amount, id, _)| (amount.minor, std::cmp::Reverse(*id)))?;
    let whole = money(&deals.sum("amount"));
    let share = Value::Share { of: amount.minor, total: whole.minor }.number()?;
    if whole.minor <= 0 || share <= 0.2 {
        return None;
    }
    let name = name.unwrap_or(id);
    let text = format!(
        "One deal, {name}, is {} of {what} ({}).",
        words::percent(share),
        words::money(amount)
    );
    Some(caveat("large_deal", text, &deals.only(Filter::is("id", id))))
}

/// Open deals may still be touched by marketing, and those of earlier periods had longer for it.
fn still_touched(view: &View<'_>) -> Option<Caveat> {
    let open = view.created.all.only(Filter::is("state", State::Open.id()));
    let n = open.size();
    if n == 0 {
        return None;
    }
    let is = if n == 1 { "is still open and collects" } else { "are still open and collect" };
    let text = format!(
        "Of the {} created, {} {is} touches: what marketing influenced may grow, and deals of earlier \
         periods have had longer for it.",
        words::deals(view.created.all.size()),
        words::grouped(n)
    );
    Some(caveat("influence_open", text, &open))
}

#[cfg(test)]
mod tests;
