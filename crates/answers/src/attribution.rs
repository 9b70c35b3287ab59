//! How does credit move between models, and how sure is it?
//!
#![doc = include_str!("attribution.md")]
//!
//! For: analysts, CMO. Grain: one row per deal, channel and program, for each model. Money: exact.
//! Method: Poisson bootstrap over deals for the ranges; everything else is adding.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::answer::{Chart, ChartForm, Entry, Series, Table, TableRow};
use domain::definition::check::{MODELS, model_name};
use domain::{Answer, Ask, Caveat, Cell, Filter, Given, Money, Need, Question, Rows, Test, Value};
use stats::bootstrap::CreditInterval;

use crate::chance::{self, BOOTSTRAP};
use crate::common::{self, caveat, count, figure, money, row, series_of, table};
use crate::slice::{Group, Slice, share_of};
use crate::words;

/// The question.
pub const QUESTION: Question = Question {
    id: "attribution",
    asks: "How does credit for pipeline move between attribution models, and how sure is it?",
    readers: &["CMO", "analyst"],
    help: include_str!("attribution.md"),
};

const UNKNOWN: &str = "unknown";
const LAST: &str = "last";
/// The model that credits every touch, so that its rows tell which deals have any.
const EVERY_TOUCH: &str = "linear";

/// The credits of the deals created in the period, under each model.
pub fn needs(ask: &Ask) -> Vec<Need> {
    let columns = ["opportunity_id", "channel", "n_touches", "credit", "credit_won", "state"];
    models(ask)
        .into_iter()
        .map(|model| Need { name: model, rows: credits(ask, model).columns(&columns) })
        .collect()
}

/// Returns the models, the one in force first; `custom` only where its shares are defined.
fn models(ask: &Ask) -> Vec<&'static str> {
    let in_force = in_force(ask);
    let others = MODELS.iter().copied().filter(|model| {
        *model != in_force && (*model != "custom" || ask.definitions.attribution.custom.is_some())
    });
    std::iter::once(in_force).chain(others).collect()
}

/// The model asked for; linear where there is no such model, which [`doubts`] says.
pub(crate) fn in_force(ask: &Ask) -> &'static str {
    MODELS.iter().find(|model| **model == ask.model).copied().unwrap_or(EVERY_TOUCH)
}

fn credits(ask: &Ask, model: &str) -> Rows {
    common::counted(ask, "credits").only(Filter::within("created_on", &ask.period)).model(model)
}

/// Answers the question.
pub fn answer(ask: &Ask, given: &Given) -> Answer {
    let lenses: Vec<Lens<'_>> =
        models(ask).into_iter().map(|model| Lens::of(ask, given, model)).collect();
    let mut answer = Answer::new(&QUESTION, ask);
    let (Some(lens), Some(every)) =
        (lenses.first(), lenses.iter().find(|lens| lens.model == EVERY_TOUCH))
    else {
        return answer;
    };
    let touched = every.all.only(common::at_least("n_touches", 1)).distinct("opportunity_id");
    let n_touched = count(&touched);
    let floor = i64::from(ask.definitions.attribution.sample_floor);
    let enough = n_touched >= floor.max(1);

    answer.figures = common::targeted(ask, figures(lens, touched));
    let channels = if enough { channels(ask, &lenses) } else { Vec::new() };
    let ranges = if enough { ranges(lens, &channels, ask.seed) } else { Vec::new() };
    let credit = credit_table(lens, &lenses, &channels, &ranges);
    if enough {
        answer.charts.push(in_force_chart(ask, lens, &channels, &ranges, &credit));
        answer.charts.push(range(ask, &lenses, &channels, &credit));
    }
    answer.tables.push(credit);
    answer.tables.push(won_table(&lenses, &channels));
    if enough {
        answer.tables.push(moves(lens, &lenses, &channels));
    }
    let n = count(&lens.all.distinct("opportunity_id"));
    let headline = if let Some(text) = common::not_begun(ask, given, n > 0) {
        text
    } else if n == 0 {
        format!("No deal was created in {}: there is nothing to credit.", said(ask))
    } else if enough {
        headline(ask, lens, &lenses, &channels, &ranges)
    } else {
        refusal(ask, n, n_touched, floor)
    };
    answer.headline = common::of_segment(ask, headline);
    answer.caveats = doubts(ask, lens);
    answer.caveats.extend(enough.then(|| few_milestones(&lenses)).flatten());
    if common::not_begun(ask, given, n > 0).is_some() {
        common::emptied(&mut answer);
    }
    common::caveats(&mut answer, ask, given);
    answer
}

/// The period, with "so far" where it is not over.
fn said(ask: &Ask) -> String {
    common::period_said(ask)
}

/// The credits under one model.
struct Lens<'a> {
    model: &'static str,
    all: Slice<'a>,
    channels: Vec<Group<'a>>,
    /// Minor units for each channel.
    credits: BTreeMap<Arc<str>, i64>,
}

impl<'a> Lens<'a> {
    fn of(ask: &Ask, given: &'a Given, model: &'static str) -> Self {
        let all = Slice::of(given, model, credits(ask, model), ask.currency);
        let channels = all.split("channel");
        let credits = channels
            .iter()
            .filter_map(|(id, part)| Some((id.clone()?, minor(&part.sum("credit")))))
            .collect();
        Self { model, all, channels, credits }
    }

    fn channel(&self, id: &str) -> Slice<'a> {
        self.all.part(&self.channels, "channel", Some(id))
    }

    fn credit(&self, id: &str) -> i64 {
        self.credits.get(id).copied().unwrap_or(0)
    }
}

/// A channel: identifier and name.
struct Channel {
    id: String,
    name: String,
}

/// All channels that any model credits, those with the most credit in force first, `unknown` last.
fn channels(ask: &Ask, lenses: &[Lens<'_>]) -> Vec<Channel> {
    let mut ids: Vec<&str> = lenses
        .iter()
        .flat_map(|lens| lens.channels.iter().filter_map(|(id, _)| id.as_deref()))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let credit = |id: &str| lenses.first().map_or(0, |lens| lens.credit(id));
    ids.sort_by_cached_key(|id| (*id == UNKNOWN, std::cmp::Reverse(credit(id)), *id));
    let name = |id: &str| common::label(ask, "channel", id, &[]);
    ids.into_iter().map(|id| Channel { id: id.to_owned(), name: name(id) }).collect()
}

/// How sure the credit of each channel is, in the order of the channels.
fn ranges(lens: &Lens<'_>, channels: &[Channel], seed: u64) -> Vec<CreditInterval> {
    let ids: Vec<&str> = channels.iter().map(|channel| channel.id.as_str()).collect();
    chance::credits(&lens.all, "channel", "credit", &ids, seed)
}

fn figures(lens: &Lens<'_>, touched: Entry) -> Vec<domain::Figure> {
    let known = lens
        .all
        .only(Filter { column: "channel".to_owned(), test: Test::IsNot(Cell::text(UNKNOWN)) });
    let unknown = lens.all.only(Filter::is("channel", UNKNOWN));
    let whole = lens.all.sum("credit");
    vec![
        figure(
            "pipeline_created",
            "Pipeline created",
            whole.clone(),
            "Amount of all deals created in the period; the credits of every model add up to it.",
        ),
        figure(
            "opportunities_created",
            "Deals created",
            lens.all.distinct("opportunity_id"),
            "Deals created in the period.",
        ),
        figure(
            "opportunities_with_touches",
            "Deals with touches",
            touched,
            "Deals created in the period with a valid touch on record before.",
        ),
        figure(
            "channels_credited",
            "Channels with credit",
            known.distinct("channel"),
            "Channels that the model in force gives credit to.",
        ),
        figure(
            "unknown_credit",
            "Pipeline of unknown channel",
            unknown.sum("credit"),
            "Pipeline that the model in force can give to no channel.",
        ),
        figure(
            "unknown_share",
            "Share of unknown channel",
            share_of(&unknown.sum("credit"), &whole, "no pipeline was created"),
            "The same as a part of the pipeline created.",
        ),
        figure(
            "won_so_far",
            "Won so far",
            lens.all.only(Filter::is("state", "won")).sum("credit_won"),
            "Amount of those deals that are won by now.",
        ),
    ]
}

/// Credit of the channels under every model; only the totals where there are too few deals.
fn credit_table(
    lens: &Lens<'_>,
    lenses: &[Lens<'_>],
    channels: &[Channel],
    ranges: &[CreditInterval],
) -> Table {
    let name = in_force_name(lens);
    let mut columns = vec![(lens.model, name.as_str()), ("share", "Share"), ("deals", "Deals")];
    columns.extend(lenses.iter().skip(1).map(|lens| (lens.model, model_name(lens.model))));
    columns.extend([("spread", "Spread over kinds"), ("against_last", "Against last touch")]);
    let kinds = kinds(lenses);
    let mut table = table("credit", "Credit for pipeline created, by model", "Channel", &columns);
    let whole = lens.all.sum("credit");
    for (at, channel) in channels.iter().enumerate() {
        let range = ranges.get(at);
        let digits = i32::try_from(money(&whole).currency.digits()).unwrap_or(2);
        let major = |minor: f64| minor / 10_f64.powi(digits);
        let part = lens.channel(&channel.id);
        let credit = part.sum("credit");
        let share = share_of(&credit, &whole, "no pipeline was created");
        let mut entries = vec![
            chance::around(
                credit,
                range.map(|range| (major(range.total.low), major(range.total.high))),
                BOOTSTRAP,
            ),
            chance::around(
                share,
                range.map(|range| (range.share.low, range.share.high)),
                BOOTSTRAP,
            ),
            part.distinct("opportunity_id"),
        ];
        entries.extend(lenses.iter().skip(1).map(|lens| lens.channel(&channel.id).sum("credit")));
        let spread = spread(&kinds, channel);
        let gap = last_credit(lenses, &channel.id).saturating_sub(lens.credit(&channel.id));
        let plain =
            |minor| Entry::plain(Value::Money(Money::from_minor(minor, money(&whole).currency)));
        entries.extend([plain(spread), plain(gap)]);
        table.rows.push(row(&channel.id, &channel.name, entries));
    }
    let nothing = || Entry::plain(Value::None("the same under every model".to_owned()));
    let mut entries = vec![
        whole.clone(),
        share_of(&whole, &whole, "no pipeline was created"),
        lens.all.distinct("opportunity_id"),
    ];
    entries.extend(lenses.iter().skip(1).map(|lens| lens.all.sum("credit")));
    entries.extend([nothing(), nothing()]);
    table.rows.push(row("all", "All", entries));
    table.note = Some(format!(
        "A deal with several channels counts in each of them; credit is never counted twice. \
             Spread is the largest less the smallest credit under the {} models of different kinds \
             that the chart shows. Credit is not cause.",
        kinds.len()
    ));
    table
}

/// The same for what is won by now.
fn won_table(lenses: &[Lens<'_>], channels: &[Channel]) -> Table {
    let columns: Vec<(&str, &str)> =
        lenses.iter().map(|lens| (lens.model, model_name(lens.model))).collect();
    let mut table = table("credit_won", "Credit for what is won so far", "Channel", &columns);
    for channel in channels {
        let won = |lens: &Lens<'_>| lens.channel(&channel.id).sum("credit_won");
        table.rows.push(row(&channel.id, &channel.name, lenses.iter().map(won).collect()));
    }
    let all = lenses.iter().map(|lens| lens.all.sum("credit_won")).collect();
    table.rows.push(row("all", "All", all));
    table.note = Some("Of the deals created in the period, those that are won by now.".to_owned());
    table
}

/// How much money changes channel when another model takes the place of the one in force.
fn moves(lens: &Lens<'_>, lenses: &[Lens<'_>], channels: &[Channel]) -> Table {
    let columns = [("moved", "Moved"), ("moved_share", "Share of pipeline")];
    let title =
        format!("Money that changes channel, from {}", model_name(lens.model).to_lowercase());
    let mut table = table("moves", &title, "To", &columns);
    let whole = money(&lens.all.sum("credit"));
    for other in lenses.iter().skip(1) {
        let moved = moved(lens, other, channels);
        let share = if whole.minor > 0 {
            Value::Share { of: moved, total: whole.minor }
        } else {
            Value::None("no pipeline was created".to_owned())
        };
        let money = Value::Money(Money::from_minor(moved, whole.currency));
        let entries = vec![Entry::plain(money), Entry::plain(share)];
        table.rows.push(row(other.model, model_name(other.model), entries));
    }
    common::largest_first(&mut table, &["moved"]);
    table.note = Some(
        "Half the sum of the differences over all channels, from the table of credits.".to_owned(),
    );
    table
}

/// Half the sum of absolute differences; whole, because both models have the same total.
fn moved(a: &Lens<'_>, b: &Lens<'_>, channels: &[Channel]) -> i64 {
    let differences = channels.iter().map(|c| a.credit(&c.id).saturating_sub(b.credit(&c.id)));
    differences.fold(0_i64, |sum, d| sum.saturating_add(d.saturating_abs())) / 2
}

/// The models of different kinds that the chart of ranges shows beside the one in force: more
/// than six cannot be told apart. The table has all of them.
const KINDS: [&str; 6] = ["first", LAST, EVERY_TOUCH, "markov", "shapley", "w_shaped"];

/// The model in force and those of other kinds, without the ones that find few milestones.
fn kinds<'a, 'b>(lenses: &'b [Lens<'a>]) -> Vec<&'b Lens<'a>> {
    let sparse = sparse(lenses);
    let told = |lens: &&Lens<'_>| !sparse.iter().any(|(model, _)| *model == lens.model);
    let kinds = KINDS.iter().filter_map(|kind| lenses.iter().skip(1).find(|l| l.model == *kind));
    lenses.iter().take(1).chain(kinds.filter(told)).take(KINDS.len()).collect()
}

/// The largest less the smallest credit of a channel.
fn spread(lenses: &[&Lens<'_>], channel: &Channel) -> i64 {
    let credits = || lenses.iter().map(|lens| lens.credit(&channel.id));
    credits().max().unwrap_or(0).saturating_sub(credits().min().unwrap_or(0))
}

/// The credit of each channel under models of different kinds.
fn range(ask: &Ask, lenses: &[Lens<'_>], channels: &[Channel], credit: &Table) -> Chart {
    let lenses = kinds(lenses);
    let spread = |channel: &&Channel| spread(&lenses, channel);
    // What is unknown is no channel that anybody decides about.
    let known = channels.iter().filter(|channel| channel.id != UNKNOWN);
    let widest = known.max_by_key(spread).filter(|channel| spread(channel) > 0);
    let title = widest.map_or_else(
        || "Credit over the models".to_owned(),
        |channel| format!("The credit of {} depends most on the model", channel.name),
    );
    let rows: Vec<&TableRow> = credit.rows.iter().filter(|row| row.id != "all").collect();
    let series = |lens: &&Lens<'_>| {
        let series = series_of(credit, lens.model, model_name(lens.model), &rows);
        Series { ranges: Vec::new(), ..series }
    };
    let mut chart = Chart::new("range", title, ChartForm::Dumbbell, ask.currency.code())
        .points(rows.iter().map(|row| row.label.clone()));
    chart.series = lenses.iter().map(series).collect();
    chart
}

/// The credit of each channel under the model in force, and how sure it is.
fn in_force_chart(
    ask: &Ask,
    lens: &Lens<'_>,
    channels: &[Channel],
    ranges: &[CreditInterval],
    credit: &Table,
) -> Chart {
    let model = model_name(lens.model);
    let known = || channels.iter().filter(|channel| channel.id != UNKNOWN);
    let as_high = known().next().map_or_else(Vec::new, |first| as_high(first, channels, ranges));
    let title = match (known().next(), as_high.as_slice()) {
        (Some(first), _) if lens.credit(&first.id) <= 0 => format!("{model} credit by channel"),
        (None, _) => format!("{model} credit by channel"),
        (Some(first), []) => format!("{} has the most {model} credit", first.name),
        (Some(first), [other]) => {
            format!("{} leads in {model} credit; {} may be as high", first.name, other.name)
        }
        (Some(first), others) => {
            let n = others.len();
            format!("{} leads in {model} credit; {n} others may be as high", first.name)
        }
    };
    let rows: Vec<&TableRow> = credit.rows.iter().filter(|row| row.id != "all").collect();
    Chart::new("credit", title, ChartForm::Bars, ask.currency.code())
        .points(rows.iter().map(|row| row.label.clone()))
        .with(series_of(credit, lens.model, model, &rows))
}

/// The channels whose range reaches into that of the first. Overlapping ranges are a cautious sign:
/// the lead may hold and yet not be shown.
fn as_high<'a>(
    first: &Channel,
    channels: &'a [Channel],
    ranges: &[CreditInterval],
) -> Vec<&'a Channel> {
    let of = || channels.iter().zip(ranges).filter(|(channel, _)| channel.id != UNKNOWN);
    let Some((_, sure)) = of().find(|(channel, _)| channel.id == first.id) else {
        return Vec::new();
    };
    of().filter(|(channel, range)| channel.id != first.id && range.share.high >= sure.share.low)
        .map(|(channel, _)| channel)
        .collect()
}

fn headline(
    ask: &Ask,
    lens: &Lens<'_>,
    lenses: &[Lens<'_>],
    channels: &[Channel],
    ranges: &[CreditInterval],
) -> String {
    let whole = money(&lens.all.sum("credit"));
    if whole.minor == 0 {
        return format!("The deals created in {} carry no amount to give credit for.", said(ask));
    }
    let model = model_name(lens.model);
    let mut credited = channels
        .iter()
        .zip(ranges)
        .filter(|(channel, _)| channel.id != UNKNOWN && lens.credit(&channel.id) > 0);
    let Some((leader, sure)) = credited.next() else {
        return format!(
            "{model} credit gives the {} pipeline created in {} to no channel.",
            words::money(whole),
            said(ask)
        );
    };
    let credit = Money::from_minor(lens.credit(&leader.id), whole.currency);
    let range = format!(
        "{}, 95% range {} to {}",
        words::percent(sure.share.point),
        words::percent(sure.share.low.min(sure.share.point)),
        words::percent(sure.share.high.max(sure.share.point))
    );
    let doubt = match as_high(leader, channels, ranges).as_slice() {
        [] => String::new(),
        [next] => format!("; the lead over {} may be chance", next.name),
        others => format!("; the lead over {} other channels may be chance", others.len()),
    };
    let first = format!(
        "Under {model} credit, {} leads with {} of the {} pipeline created in {} ({range}){doubt}.",
        leader.name,
        words::part_of(credit, whole).0,
        words::part_of(credit, whole).1,
        said(ask)
    );
    format!("{first} {}", replaced(lens, lenses, channels, whole))
}

/// What last touch (or first touch, where last is in force) would say instead.
fn replaced(lens: &Lens<'_>, lenses: &[Lens<'_>], channels: &[Channel], whole: Money) -> String {
    let instead = if lens.model == LAST { "first" } else { LAST };
    let Some(other) = lenses.iter().find(|lens| lens.model == instead) else {
        return String::new();
    };
    let name = model_name(instead);
    let moved = moved(lens, other, channels);
    if moved == 0 {
        return format!("{name} would say the same.");
    }
    let share = Value::Share { of: moved, total: whole.minor }
        .number()
        .map_or_else(String::new, |share| format!(" ({})", words::percent(share)));
    let gap =
        |channel: &&Channel| other.credit(&channel.id).saturating_sub(lens.credit(&channel.id));
    let up = channels.iter().max_by_key(gap);
    let down = channels.iter().min_by_key(gap);
    let told = |channel: &Channel| {
        let money = Money::from_minor(gap(&channel).saturating_abs(), whole.currency);
        (named(channel), words::money(money))
    };
    let (Some((up, more)), Some((down, less))) = (up.map(told), down.map(told)) else {
        return String::new();
    };
    let moved = words::money(Money::from_minor(moved, whole.currency));
    format!("{name} would move {moved} of it{share}: {more} more to {up}, {less} less to {down}.")
}

fn named(channel: &Channel) -> String {
    if channel.id == UNKNOWN { "no known channel".to_owned() } else { channel.name.clone() }
}

/// Says why no shares by channel are shown.
fn refusal(ask: &Ask, n: i64, touched: i64, floor: i64) -> String {
    let period = &said(ask);
    let of = match (touched, n) {
        (0, 1) => format!("The one deal created in {period} has no touch on record"),
        (0, n) => {
            format!("None of the {} created in {period} has a touch on record", words::deals(n))
        }
        (1, 1) => format!("The one deal created in {period} has touches on record"),
        (1, n) => format!("1 of the {} created in {period} has touches on record", words::deals(n)),
        (touched, n) if touched == n => {
            format!("{} with touches on record were created in {period}", words::deals(n))
        }
        (touched, n) => format!(
            "{} of the {} created in {period} have touches on record",
            words::grouped(touched),
            words::deals(n)
        ),
    };
    format!(
        "{of}; {} are needed before credit by channel says more than chance, so only the totals are \
         shown.",
        words::grouped(floor.max(1))
    )
}

fn doubts(ask: &Ask, lens: &Lens<'_>) -> Vec<Caveat> {
    let mut found = Vec::new();
    if lens.model != ask.model {
        let text = format!(
            "There is no model `{}`; {} is shown in its place.",
            ask.model,
            model_name(lens.model).to_lowercase()
        );
        found.push(Caveat::new("model", text));
    }
    let unknown = lens.all.only(Filter::is("channel", UNKNOWN));
    if unknown.n() > 0 {
        let (part, whole) = (unknown.sum("credit"), lens.all.sum("credit"));
        let n = count(&unknown.distinct("opportunity_id"));
        let share = share_of(&part, &whole, "").value.number();
        let of = share.map_or_else(String::new, |share| format!(", {}", words::percent(share)));
        let (stand, have) = if n == 1 { ("stands", "it has") } else { ("stand", "they have") };
        let text = format!(
            "{} ({}{of}) {stand} under unknown: {have} no touch that the model can credit.",
            words::sentence(&words::deals(n)),
            words::money(money(&part))
        );
        found.push(caveat("unknown_channel", text, &unknown));
    }
    let missing = lens.all.only(Filter::missing("credit"));
    let n = count(&missing.distinct("opportunity_id"));
    if n > 0 {
        let (are, add) = if n == 1 { ("is", "adds") } else { ("are", "add") };
        let text = format!(
            "{} created in the period without an amount {are} counted and {add} nothing.",
            words::deals(n)
        );
        found.push(caveat("amount_missing", text, &missing));
    }
    found
}

/// The models that find what they give credit to in few deals only: most of what they say is
/// unknown, though the deals have touches; with that part.
fn sparse(lenses: &[Lens<'_>]) -> Vec<(&'static str, f64)> {
    let share = |lens: &Lens<'_>| {
        let whole = minor(&lens.all.sum("credit"));
        (whole > 0).then(|| lens.credit(UNKNOWN) as f64 / whole as f64)
    };
    let every = lenses.iter().find(|lens| lens.model == EVERY_TOUCH);
    let Some(untouched) = every.and_then(share) else { return Vec::new() };
    lenses
        .iter()
        .filter_map(|lens| Some((lens.model, share(lens)?)))
        .filter(|(_, share)| *share > 0.5 && *share > untouched)
        .collect()
}

/// Names those models.
fn few_milestones(lenses: &[Lens<'_>]) -> Option<Caveat> {
    let few: Vec<String> = sparse(lenses)
        .into_iter()
        .map(|(model, share)| format!("{} ({})", model_name(model), words::percent(share)))
        .collect();
    let (last, rest) = few.split_last()?;
    let names =
        if rest.is_empty() { last.clone() } else { format!("{} and {last}", rest.join(", ")) };
    let (looks, finds) = if rest.is_empty() { ("looks", "finds") } else { ("look", "find") };
    let text = format!(
        "{names} {looks} for a touch at a milestone and {finds} it in few deals: so much of the \
         credit is unknown there, and the rest says little about the channels."
    );
    Some(Caveat::new("few_milestones", text))
}

fn last_credit(lenses: &[Lens<'_>], channel: &str) -> i64 {
    lenses.iter().find(|lens| lens.model == LAST).map_or(0, |lens| lens.credit(channel))
}

fn in_force_name(lens: &Lens<'_>) -> String {
    format!("{} (in force)", model_name(lens.model))
}

fn minor(entry: &Entry) -> i64 {
    money(entry).minor
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::*;

    const ENTRY: &crate::Entry = &crate::QUESTIONS[2];

    fn ask_from(floor: u32) -> Ask {
        let mut ask = ask("2026Q3");
        Arc::make_mut(&mut ask.definitions).attribution.sample_floor = floor;
        ask
    }

    /// Six deals: four with a webinar first and a call last, one with a call, one without a touch.
    fn small() -> Company {
        let mut deals = Vec::new();
        for n in 0_i8..6 {
            let created = date(2026, 8, 1 + n);
            let mut deal = Deal::new(&format!("deal{n}"), "marketing", created, 100_000);
            if n < 4 {
                deal = deal.first_touch(date(2026, 6, 1), "spring webinar");
                let (webinar, call) = (("webinar", Some("spring webinar")), ("outbound", None));
                for model in MODELS {
                    let part = match *model {
                        "first" | "lead_creation" => 100_000,
                        LAST | "last_non_direct" => 0,
                        _ => 60_000,
                    };
                    let split =
                        vec![(webinar.0, webinar.1, part), (call.0, call.1, 100_000 - part)];
                    deal.credits.insert(model, split);
                }
            } else if n == 4 {
                deal.touches = 1;
                deal.channel = "outbound";
            }
            deals.push(if n == 0 { deal.closed(date(2026, 9, 1), true) } else { deal });
        }
        Company { deals, ..Company::default() }
    }

    #[test]
    fn a_small_company_is_told_in_full() {
        let answer = answered_by(ENTRY, &ask_from(3), &small());
        assert_told(&answer, include_str!("../goldens/attribution.txt"));
    }

    #[test]
    fn unknown_is_no_channel_that_depends_and_models_with_few_milestones_are_named() {
        let mut company = small();
        for deal in &mut company.deals {
            deal.credits.insert("lead_creation", vec![("unknown", None, 100_000)]);
        }
        let answer = answered_by(ENTRY, &ask_from(3), &company);
        let range = &answer.charts[1];
        assert_eq!(range.title, "The credit of Webinar depends most on the model");
        assert!(!range.series.iter().any(|series| series.name == "Lead creation"));
        let note = answer.caveats.iter().find(|caveat| caveat.code == "few_milestones").unwrap();
        assert!(note.text.starts_with("Lead creation (100%) looks for a touch at a milestone"));
    }

    #[test]
    fn a_period_ahead_and_one_that_runs_say_so() {
        let told = |period| answered_by(ENTRY, &ask(period), &small()).headline;
        assert_eq!(told("2027Q1"), "2027Q1 has not begun by 2026-10-15. Choose an earlier period.");
        let runs = "No deal was created in 2026Q4 so far: there is nothing to credit.";
        assert_eq!(told("2026Q4"), runs);
        let small_business = Ask { segment: Some("small".to_owned()), ..ask("2026Q4") };
        let headline = answered_by(ENTRY, &small_business, &small()).headline;
        assert_eq!(headline, format!("Segment Small business: {runs}"));
    }

    #[test]
    fn below_the_floor_only_totals_are_shown_and_the_headline_says_what_is_missing() {
        let told = |deals: Vec<Deal>, floor| {
            let company = Company { deals, ..Company::default() };
            let answer = answered_by(ENTRY, &ask_from(floor), &company);
            assert!(answer.charts.is_empty());
            for table in &answer.tables {
                assert_eq!(table.rows.iter().map(|row| &*row.id).collect::<Vec<_>>(), ["all"]);
            }
            answer.headline
        };
        let touched = |n| small().deals.into_iter().take(n).collect::<Vec<_>>();
        let bare = |n: u32| Deal::new(&format!("b{n}"), "unknown", date(2026, 8, 1), 100);
        let rest =
            "needed before credit by channel says more than chance, so only the totals are shown.";
        let table = [
            (vec![bare(1)], 30, "The one deal created in 2026Q3 has no touch on record; 30 are"),
            (
                vec![bare(1), bare(2)],
                30,
                "None of the 2 deals created in 2026Q3 has a touch on record; 30 are",
            ),
            (touched(1), 30, "The one deal created in 2026Q3 has touches on record; 30 are"),
            (
                [touched(1), vec![bare(1)]].concat(),
                30,
                "1 of the 2 deals created in 2026Q3 has touches on record; 30 are",
            ),
            (touched(4), 5, "4 deals with touches on record were created in 2026Q3; 5 are"),
            (touched(6), 30, "5 of the 6 deals created in 2026Q3 have touches on record; 30 are"),
        ];
        for (deals, floor, expected) in table {
            assert_eq!(told(deals, floor), format!("{expected} {rest}"));
        }
    }

    #[test]
    fn without_rows_it_says_that_nothing_was_loaded() {
        let bare = super::answer(&ask("2026Q3"), &Given::default());
        assert_eq!(bare.headline, "No deal was created in 2026Q3: there is nothing to credit.");
        let answer = answered_by(ENTRY, &ask("2026Q3"), &Company::default());
        assert_eq!(bare.figures, answer.figures);
    }

    #[test]
    fn the_model_asked_for_stands_first_and_custom_only_where_it_is_defined() {
        let mut ask = ask("2026Q3");
        assert_eq!(models(&ask).len(), MODELS.len());
        ask.model = "markov".to_owned();
        Arc::make_mut(&mut ask.definitions).attribution.custom = None;
        let models = models(&ask);
        assert_eq!((models[0], models.len()), ("markov", MODELS.len() - 1));
        assert!(!models.contains(&"custom"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_figure_opens_and_each_model_gives_away_the_whole_pipeline(
            seed in any::<u64>(), n in 0_u64..100, model in prop::sample::select(MODELS),
        ) {
            let mut ask = ask_from(1);
            ask.model = model.to_owned();
            let company = Company::drawn(seed, n);
            let answer = answered_by(ENTRY, &ask, &company);
            let whole = value(&answer, "pipeline_created");
            for table in ["credit", "credit_won"] {
                let rows = &answer.tables.iter().find(|t| t.id == table).unwrap().rows;
                for model in models(&ask) {
                    let all = entry(&answer, table, "all", model);
                    let parts = rows.iter().filter(|row| row.id != "all");
                    let parts: i64 = parts
                        .map(|row| match entry(&answer, table, &row.id, model) {
                            Value::Money(money) => money.minor,
                            _ => 0,
                        })
                        .sum();
                    if rows.len() > 1 {
                        prop_assert_eq!(&usd_value(parts), all);
                    }
                    prop_assert!(table == "credit_won" || all == whole);
                }
            }
        }

        #[test]
        fn the_order_of_rows_changes_nothing_and_money_scales(
            seed in any::<u64>(), n in 0_u64..100, k in 2_i64..9,
        ) {
            let ask = ask_from(1);
            let company = Company::drawn(seed, n);
            let once = answered_by(ENTRY, &ask, &company);
            prop_assert_eq!(&once, &answered_by(ENTRY, &ask, &company.shuffled(seed)));
            assert_scales(&once, &answered_by(ENTRY, &ask, &company.scaled(k)), k);
        }
    }
}
