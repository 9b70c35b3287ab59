//! What to do with each program: the rows, and what `stats::decision` makes of them.
//!
//! Grain: one verdict per program that has a cost and leads. A lead is an account (a person where
//! its account is unknown): five people of one account are one. Money in minor units; what a deal
//! brings is divided evenly among the programs that its account entered before. Everything is as of
//! one day: [`Record::of`] leaves out what happened later, so that a replay sees what was known.

use std::collections::{BTreeMap, BTreeSet};

use domain::definition::VerdictBounds;
use domain::{Ask, Definitions, Given, Need, Rows};
use jiff::ToSpan;
use jiff::civil::Date;
use stats::cure::pool::{Belief, Coming, Future, Pool, Source, pooled};
use stats::decision::{
    Amounts, Chances, Change, Ends, Outlook, Outset, Rule, Verdict, Worth, amounts, change,
    decisive, needed,
};
use stats::multiple;

use crate::common;

/// The rows that verdicts rest on, whatever the period.
pub(crate) fn needs(ask: &Ask) -> Vec<Need> {
    let of = |name, rows: Rows, columns: &[&str]| Need { name, rows: rows.columns(columns) };
    vec![
        of(
            "program_leads",
            leads(),
            &[
                "program_id",
                "program",
                "channel",
                "id",
                "account_id",
                "entered_on",
                "converted_on",
                "opportunity_id",
            ],
        ),
        of(
            "program_deals",
            common::counted(ask, "opportunities"),
            &["id", "created_on", "closed_on", "won", "amount"],
        ),
        of(
            "program_costs",
            Rows::of("spend").only(super::until(ask.as_of)),
            &["program_id", "day", "amount"],
        ),
    ]
}

/// The rule of a company: the published one with the bounds that it defines.
pub(crate) fn rule(definitions: &Definitions) -> Rule {
    let VerdictBounds { hurdle, close, sure, stop, stop_next, .. } = definitions.verdict;
    let VerdictBounds { least_accounts, lucky_wins, horizon_days, .. } = definitions.verdict;
    let number = |value, otherwise: f64| {
        super::fraction(value).map_or(otherwise, |(up, down)| up as f64 / down as f64)
    };
    let published = Rule::default();
    Rule {
        hurdle: number(hurdle, published.hurdle),
        close: number(close, published.close),
        sure: number(sure, published.sure),
        stop: number(stop, published.stop),
        no_more: number(stop_next, published.no_more),
        least: f64::from(least_accounts),
        lucky: f64::from(lucky_wins),
        horizon: f64::from(horizon_days),
        ..published
    }
}

/// The query of leads by program.
pub(crate) fn leads() -> Rows {
    Rows::of("program_leads")
}

/// A lead of a program.
struct Lead {
    entered: i64,
    converted: Option<i64>,
}

/// A deal that a lead became.
#[derive(Clone, Copy)]
struct Deal {
    /// When the first of the leads that became it entered the program.
    entered: i64,
    created: i64,
    /// Day, and whether it was won.
    closed: Option<(i64, bool)>,
    amount: f64,
    /// Programs that it is divided among.
    n_programs: f64,
}

/// What is on record of a program as of a day.
struct Program<'a> {
    id: &'a str,
    name: &'a str,
    channel: &'a str,
    leads: Vec<Lead>,
    deals: Vec<Deal>,
    /// Day and amount.
    costs: Vec<(i64, f64)>,
}

/// What is on record of all programs as of a day.
pub(crate) struct Record<'a> {
    programs: Vec<Program<'a>>,
    today: i64,
    margin: f64,
    /// Programs with leads that nothing was spent on.
    pub(crate) n_free: usize,
}

fn day(date: Date) -> i64 {
    i64::from(Date::constant(1970, 1, 1).until(date).map_or(0, |span| span.get_days()))
}

impl<'a> Record<'a> {
    /// Gathers what was known on a day.
    pub(crate) fn of(given: &'a Given, as_of: Date, margin: f64) -> Self {
        Self::cohort(given, as_of, as_of, margin)
    }

    /// Gathers what was known on a day of the leads and the cost until an earlier one.
    pub(crate) fn cohort(given: &'a Given, as_of: Date, until: Date, margin: f64) -> Self {
        let (today, until) = (day(as_of), day(until));
        let mut fates: BTreeMap<&str, Deal> = BTreeMap::new();
        let frame = given.frame("program_deals");
        let ids = frame.texts("id").iter().zip(frame.days("created_on"));
        let ends = frame.days("closed_on").iter().zip(frame.booleans("won"));
        for (((id, created), (closed, won)), amount) in ids.zip(ends).zip(frame.moneys("amount")) {
            let (Some(id), Some(created)) = (id, created) else { continue };
            let created = day(*created);
            if created > today {
                continue;
            }
            let closed = closed.map(day).filter(|closed| *closed <= today).zip(*won);
            let amount = amount.map_or(0.0, |amount| amount.minor as f64);
            fates
                .insert(&**id, Deal { entered: created, created, closed, amount, n_programs: 0.0 });
        }
        // By program, then by account.
        let frame = given.frame("program_leads");
        let mut gathered: BTreeMap<&str, Gathered<'a>> = BTreeMap::new();
        let text = |column: &str| frame.texts(column).iter().map(Option::as_deref);
        let names = text("program_id").zip(text("program")).zip(text("channel"));
        let whose = text("account_id").zip(text("id")).zip(text("opportunity_id"));
        let days = frame.days("entered_on").iter().zip(frame.days("converted_on"));
        for ((((id, name), channel), ((account, lead), deal)), (entered, converted)) in
            names.zip(whose).zip(days)
        {
            let (Some(id), Some(lead), Some(entered)) = (id, account.or(lead), entered) else {
                continue;
            };
            let entered = day(*entered);
            if entered > until.min(today) {
                continue;
            }
            let own = gathered.entry(id).or_default();
            own.name = own.name.max(name);
            *own.channels.entry(channel.unwrap_or("unknown")).or_insert(0_u32) += 1;
            let converted = converted.map(day).filter(|converted| *converted <= today);
            let known = own.leads.entry(lead).or_insert(Lead { entered, converted: None });
            known.entered = known.entered.min(entered);
            known.converted = match (known.converted, converted) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            if let Some(deal) = deal.filter(|deal| converted.is_some() && fates.contains_key(deal))
            {
                let first = own.deals.entry(deal).or_insert(entered);
                *first = entered.min(*first);
            }
        }
        for deal in gathered.values().flat_map(|own| own.deals.keys()) {
            if let Some(fate) = fates.get_mut(deal) {
                fate.n_programs += 1.0;
            }
        }
        let mut costs: BTreeMap<&str, Vec<(i64, f64)>> = BTreeMap::new();
        let frame = given.frame("program_costs");
        let rows = frame.texts("program_id").iter().zip(frame.days("day"));
        for ((id, on), amount) in rows.zip(frame.moneys("amount")) {
            let (Some(id), Some(on), Some(amount)) = (id, on, amount) else { continue };
            let on = day(*on);
            if on <= until.min(today) {
                costs.entry(&**id).or_default().push((on, amount.minor as f64));
            }
        }
        let n_all = gathered.len();
        let programs: Vec<Program<'a>> = gathered
            .into_iter()
            .filter_map(|(id, own)| {
                let costs = costs.remove(id)?;
                if total(&costs, today) <= 0.0 {
                    return None;
                }
                let most =
                    own.channels.iter().max_by_key(|(name, n)| (**n, std::cmp::Reverse(**name)));
                Some(Program {
                    id,
                    name: own.name.unwrap_or(id),
                    channel: most.map_or("unknown", |(name, _)| name),
                    leads: own.leads.into_values().collect(),
                    deals: own
                        .deals
                        .iter()
                        .filter_map(|(deal, entered)| {
                            fates.get(deal).map(|fate| Deal { entered: *entered, ..*fate })
                        })
                        .collect(),
                    costs,
                })
            })
            .collect();
        let n_free = n_all - programs.len();
        Self { programs, today, margin, n_free }
    }
}

/// What was spent until a day.
fn total(costs: &[(i64, f64)], until: i64) -> f64 {
    costs.iter().filter(|(on, _)| *on <= until).map(|(_, amount)| amount).sum()
}

#[derive(Default)]
struct Gathered<'a> {
    name: Option<&'a str>,
    channels: BTreeMap<&'a str, u32>,
    leads: BTreeMap<&'a str, Lead>,
    /// With the day on which the first lead that became it entered.
    deals: BTreeMap<&'a str, i64>,
}

impl Program<'_> {
    /// Counts the leads that entered until a day.
    fn source(&self, today: i64, until: i64) -> Source {
        let (mut events, mut waiting) = (Vec::new(), Vec::new());
        for lead in self.leads.iter().filter(|lead| lead.entered <= until) {
            match lead.converted {
                Some(converted) => events.push((converted - lead.entered).max(0) as f64),
                None => waiting.push((today - lead.entered) as f64),
            }
        }
        Source::of(&events, &waiting)
    }

    /// Who still enters: as many a day as lately, where it goes on.
    fn coming(&self, today: i64) -> Coming {
        let first = self.leads.iter().map(|lead| lead.entered).min();
        let spent = self.costs.iter().filter(|cost| cost.1 > 0.0).map(|(on, _)| *on).max();
        let (Some(first), Some(spent)) = (first, spent) else { return Coming::default() };
        if spent + ENDED < today {
            return Coming::default();
        }
        let ran = (today - first + 1).max(1);
        let days = ran.min(LATELY);
        let n = self.leads.iter().filter(|lead| lead.entered > today - days).count();
        Coming { per_day: n as f64 / days as f64, ran: ran as f64, at_once: 0.0 }
    }

    /// Deals of the leads that entered until a day.
    fn deals(&self, until: i64) -> impl Iterator<Item = &Deal> {
        self.deals.iter().filter(move |deal| deal.entered <= until)
    }

    /// Deals won of the leads that entered until a day, and those expected by now if the chance
    /// were that of all.
    fn won_of(&self, ends: &Ends, today: i64, until: i64) -> (f64, f64) {
        let age = |deal: &Deal| (today - deal.created).max(0) as f64;
        let expected = self.deals(until).map(|deal| ends.won_by(age(deal))).sum();
        (self.wins(until).count() as f64, expected)
    }

    /// What those of them that were won brought.
    fn wins(&self, until: i64) -> impl Iterator<Item = f64> {
        let won = |deal: &&Deal| deal.closed.is_some_and(|(_, won)| won);
        self.deals(until).filter(won).map(|deal| deal.amount / deal.n_programs.max(1.0))
    }
}

impl Deal {
    fn age(&self, today: i64) -> f64 {
        (self.closed.map_or(today, |(closed, _)| closed) - self.created).max(0) as f64
    }

    fn cause(&self) -> u16 {
        self.closed.map_or(0, |(_, won)| if won { 1 } else { 2 })
    }
}

/// When the evidence is expected to decide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Decide {
    /// In so many days.
    In(f64),
    /// Not within the horizon: about so many more accounts are needed, where a number is known.
    More(Option<f64>),
}

/// The verdict on a program, with what it rests on. Money in minor units.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    pub(crate) outlook: Outlook,
    /// For each unit of cost: the expectation, and the range that holds four of five.
    pub(crate) gain: f64,
    pub(crate) range: (f64, f64),
    pub(crate) so_far: f64,
    /// What the next unit of cost is expected to return, and the range that holds four of five.
    pub(crate) next: (f64, f64, f64),
    pub(crate) cost: f64,
    pub(crate) n_leads: i64,
    pub(crate) n_converted: i64,
    pub(crate) n_won: i64,
    /// The share that ever converts, and the range that holds four of five.
    pub(crate) ever: (f64, f64, f64),
    pub(crate) median_days: f64,
    /// Where it is too early: when the evidence is expected to decide.
    pub(crate) decide: Option<Decide>,
    /// Where all leads together are too young: until which day those entered that decide.
    pub(crate) by_leads_until: Option<Date>,
    /// What being wrong is expected to cost: ending what pays, going on with what does not.
    pub(crate) losses: (f64, f64),
    /// The month from which on fewer convert, where that is beyond chance.
    pub(crate) faded: Option<(Date, Change)>,
    /// Ended before half of those who ever convert would have: days that it ran.
    pub(crate) ended_after: Option<i64>,
}

/// Days without spend and leads after which a program has ended.
const ENDED: i64 = 60;
/// Days whose leads say how many still come.
const LATELY: i64 = 120;
/// In how many futures the evidence must decide.
///
/// More than the four of five that are promised, as futures are drawn from the model itself.
const WANTED: f64 = 0.9;

/// Judges all programs; empty where no deal was won, as no lead has a value then.
pub(crate) fn judged(record: &Record<'_>, rule: &Rule, seed: u64, dates: bool) -> Vec<Judged> {
    let Record { programs, today, margin, .. } = record;
    let today = *today;
    let won: Vec<(usize, f64)> = programs
        .iter()
        .enumerate()
        .flat_map(|(at, program)| program.wins(today).map(move |amount| (at, amount)))
        .collect();
    let Some(values) = amounts(&won, programs.len()) else { return Vec::new() };
    let deals = || programs.iter().flat_map(|program| &program.deals);
    let ages: Vec<f64> = deals().map(|deal| deal.age(today)).collect();
    let causes: Vec<u16> = deals().map(Deal::cause).collect();
    let Ok(ends) = Ends::of(&ages, &causes) else { return Vec::new() };
    let channels: BTreeSet<&str> = programs.iter().map(|program| program.channel).collect();
    let channels: Vec<&str> = channels.into_iter().collect();
    let group: Vec<usize> = programs
        .iter()
        .map(|program| channels.binary_search(&program.channel).unwrap_or(0))
        .collect();
    let sources: Vec<Source> =
        programs.iter().map(|program| program.source(today, today)).collect();
    let prices: Vec<f64> = programs
        .iter()
        .zip(&sources)
        .map(|(program, source)| total(&program.costs, today) / source.n().max(1.0))
        .collect();
    let pool = pooled(&sources, &group, &prices);
    let seen: Vec<(f64, f64)> =
        programs.iter().map(|program| program.won_of(&ends, today, today)).collect();
    let chances = Chances::of(ends.chance(), &seen);
    let all = All {
        pool: &pool,
        ends: &ends,
        chances: &chances,
        values: &values,
        rule,
        today,
        margin: *margin,
    };
    let mut found: Vec<Judged> = programs
        .iter()
        .zip(&sources)
        .enumerate()
        .filter_map(|(at, (program, source))| all.judge(at, program, source, seed, dates))
        .collect();
    fade(&mut found, programs, &pool, today);
    found
}

/// What all programs share.
struct All<'a> {
    pool: &'a Pool,
    ends: &'a Ends,
    chances: &'a Chances,
    values: &'a Amounts,
    rule: &'a Rule,
    today: i64,
    margin: f64,
}

impl All<'_> {
    fn judge(
        &self,
        at: usize,
        program: &Program<'_>,
        source: &Source,
        seed: u64,
        dates: bool,
    ) -> Option<Judged> {
        let belief = self.pool.beliefs.get(at)?;
        let unsure = self.values.sources.get(at).copied()?;
        let (worth, open) = self.worth(program, self.today, unsure);
        let outlook = self.rule.look(&worth, belief, source.n_events());
        let mut verdict = self.rule.decide(&outlook, source.n());
        let undecided = verdict == Verdict::TooEarly && source.n() >= self.rule.least;
        let older = undecided.then(|| self.older(at, program, unsure, belief, &outlook)).flatten();
        if let Some((found, _)) = older {
            verdict = found;
        }
        let decide = (dates && verdict == Verdict::TooEarly)
            .then(|| self.decide(program, source, belief, (&worth, &open), seed));
        let share = |p| belief.quantile(p, |place| place.share);
        let median_days = belief.quantile(0.5, |place| place.median);
        let epoch = Date::constant(1970, 1, 1);
        Some(Judged {
            id: program.id.to_owned(),
            name: program.name.to_owned(),
            verdict,
            outlook,
            gain: worth.expected(belief),
            range: (worth.quantile(belief, 0.1), worth.quantile(belief, 0.9)),
            so_far: worth.won / worth.cost,
            next: (
                worth.next_quantile(belief, 0.5),
                worth.next_quantile(belief, 0.1),
                worth.next_quantile(belief, 0.9),
            ),
            cost: worth.cost,
            n_leads: whole(source.n()),
            n_converted: whole(source.n_events()),
            n_won: i64::try_from(program.wins(self.today).count()).unwrap_or(i64::MAX),
            ever: (belief.mean(|place| place.share), share(0.1), share(0.9)),
            median_days,
            decide,
            by_leads_until: older.map(|(_, until)| epoch.saturating_add(until.days())),
            losses: worth.losses(belief),
            faded: None,
            ended_after: self.ended(program, belief),
        })
    }

    /// When the evidence is expected to decide, or how many more accounts that takes.
    fn decide(
        &self,
        program: &Program<'_>,
        source: &Source,
        belief: &Belief,
        (worth, open): (&Worth, &[f64]),
        seed: u64,
    ) -> Decide {
        let future = Future::of(self.pool, source, belief, self.rule.horizon);
        let coming = program.coming(self.today);
        let n_events = source.n_events();
        let outset = Outset { worth, future: &future, n_events, ends: self.ends, open, coming };
        let seed = program
            .id
            .bytes()
            .fold(seed, |sum, byte| stats::random::mix(sum.rotate_left(5) ^ u64::from(byte)));
        let found = decisive(self.rule, &outset, WANTED, seed);
        if found.part >= WANTED {
            return Decide::In(found.days);
        }
        Decide::More(needed(self.rule, &outset, WANTED, seed))
    }

    /// What the leads that entered until a day cost, brought and may bring; and how long their open
    /// deals have been open.
    fn worth(
        &self,
        program: &Program<'_>,
        until: i64,
        (mean, unsure): (f64, f64),
    ) -> (Worth, Vec<f64>) {
        let open = program.deals(until).filter(|deal| deal.closed.is_none());
        let open: Vec<f64> = open.map(|deal| deal.age(self.today)).collect();
        let (wins, expected) = program.won_of(self.ends, self.today, until);
        let (chance, chance_unsure) = self.chances.of_one(wins, expected);
        let worth = Worth {
            cost: total(&program.costs, until),
            n: program.leads.iter().filter(|lead| lead.entered <= until).count() as f64,
            won: self.margin * program.wins(until).fold(0.0, |sum, amount| sum + amount),
            open: open.iter().map(|age| self.ends.left(*age)).sum(),
            chance,
            profit: self.margin * mean,
            unsure: unsure + chance_unsure,
            spread: self.values.spread,
        };
        (worth, open)
    }

    /// Judges a program by its older leads alone, where all of them together are too young: the
    /// verdict, and until which day the leads entered.
    ///
    /// Until as many days ago as the rule is asked again after, so that on an announced day the
    /// leads of the announcement are among those that are asked.
    fn older(
        &self,
        at: usize,
        program: &Program<'_>,
        unsure: (f64, f64),
        of_all: &Belief,
        all: &Outlook,
    ) -> Option<(Verdict, i64)> {
        self.rule.asked().into_iter().find_map(|days| {
            let until = self.today - whole(days);
            let source = program.source(self.today, until);
            let (worth, _) = self.worth(program, until, unsure);
            // A part of the money must speak for all of it.
            let enough = worth.cost >= 0.25 * total(&program.costs, self.today);
            if source.n() < self.rule.least || worth.cost <= 0.0 || !enough {
                return None;
            }
            let belief = self.pool.belief(&source, at, of_all);
            let outlook = self.rule.look(&worth, &belief, source.n_events());
            let verdict = self.rule.decide_by_part(all, &outlook, source.n());
            (verdict != Verdict::TooEarly).then_some((verdict, until))
        })
    }

    /// How long a program ran that was ended before half of those who ever convert would have.
    fn ended(&self, program: &Program<'_>, belief: &Belief) -> Option<i64> {
        let first = program.leads.iter().map(|lead| lead.entered).min()?;
        let spent = program.costs.iter().map(|(on, _)| *on).max();
        let last = program.leads.iter().map(|lead| lead.entered).max().max(spent)?;
        let ran = last - first + 1;
        let median = belief.quantile(0.5, |place| place.median);
        (last + ENDED < self.today && (ran as f64) < median).then_some(ran)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a count")]
pub(crate) fn whole(n: f64) -> i64 {
    n.round() as i64
}

/// How likely a program is called faded that is not, among all.
const CHANCE: f64 = 0.05;

/// Finds the programs that worked before and no longer do: conversions of the leads of each month
/// against those expected by now, controlled for the number of programs (Benjamini and Hochberg
/// 1995).
fn fade(found: &mut [Judged], programs: &[Program<'_>], pool: &Pool, today: i64) {
    let changes: Vec<Option<(i64, Change)>> = programs
        .iter()
        .zip(&pool.beliefs)
        .map(|(program, belief)| {
            let reached = pool.reached(belief);
            // Months of 30 days, counted back from today.
            let month = |lead: &Lead| (lead.entered - today) / 30;
            let first = program.leads.iter().map(month).min()?;
            let n = usize::try_from(1 - first).ok()?;
            let (mut events, mut expected) = (vec![0.0; n], vec![0.0; n]);
            for lead in &program.leads {
                let at = usize::try_from(month(lead) - first).ok()?;
                if let (Some(events), Some(expected)) = (events.get_mut(at), expected.get_mut(at)) {
                    *events += if lead.converted.is_some() { 1.0 } else { 0.0 };
                    *expected += reached.after((today - lead.entered) as f64);
                }
            }
            let change = change(&events, &expected)?;
            let from = today + 30 * (first + i64::try_from(change.at).ok()?) - 29;
            Some((from, change))
        })
        .collect();
    let values: Vec<f64> =
        changes.iter().map(|found| found.as_ref().map_or(1.0, |(_, change)| change.p)).collect();
    let method = multiple::Method::BenjaminiHochberg;
    let adjusted = multiple::adjusted(&values, method).unwrap_or(values);
    for ((judged, change), p) in found.iter_mut().zip(changes).zip(adjusted) {
        let Some((from, change)) = change else { continue };
        if p <= CHANCE && change.after < change.before {
            let from = Date::constant(1970, 1, 1).saturating_add(from.days());
            judged.faded = Some((from, change));
            // More money would go to what it is now, not to what it was.
            if judged.verdict == Verdict::Scale {
                judged.verdict = Verdict::Fix;
            }
        }
    }
}

#[cfg(test)]
mod tests;
