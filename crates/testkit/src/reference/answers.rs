//! The figures of the answers, by plain sums over the deals, touches, people and spend.

use std::collections::{BTreeMap, BTreeSet};

use domain::definition::{Side, SourcedBy, State};
use domain::{Money, Period, Value};
use jiff::ToSpan;

use super::Company;
use super::deals::Opportunity;

/// A program in the answer `programs`; money in minor units of the reporting currency.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ProgramRow {
    /// Money of the days in the period.
    pub spend: i64,
    /// Touches that count.
    pub touches: i64,
    /// Touches that machines made.
    pub invalid_touches: i64,
    /// People who became known under it.
    pub leads: i64,
    /// Deals created that originate from it, and their amount.
    pub opportunities: i64,
    /// Their amount.
    pub pipeline: i64,
    /// Deals won in the period that originate from it.
    pub won_opportunities: i64,
    /// Their amount.
    pub won: i64,
    /// What the model in force gives it of all that was won in the period.
    pub won_credit: i64,
}

impl Company {
    fn created_in<'a>(&'a self, period: &'a Period) -> impl Iterator<Item = &'a Opportunity> {
        let fits = |deal: &&Opportunity| deal.counted && period.contains(deal.created_on);
        self.opportunities.iter().filter(fits)
    }

    fn closed_in<'a>(&'a self, period: &'a Period) -> impl Iterator<Item = &'a Opportunity> {
        let fits = |deal: &&Opportunity| {
            deal.counted && deal.closed_on.is_some_and(|day| period.contains(day))
        };
        self.opportunities.iter().filter(fits)
    }

    fn money(&self, minor: i64) -> Value {
        Value::Money(Money::from_minor(minor, self.definitions.currency))
    }

    /// Returns a pair of figures: how many deals, and their amount.
    fn pair<'a>(
        &self,
        found: &mut BTreeMap<String, Value>,
        (count, amount): (&str, &str),
        deals: impl Iterator<Item = &'a Opportunity>,
    ) {
        let deals: Vec<_> = deals.collect();
        found.insert(count.to_owned(), Value::Count(deals.len().try_into().expect("a count")));
        let sum = deals.iter().filter_map(|deal| deal.amount).sum();
        found.insert(amount.to_owned(), self.money(sum));
    }

    /// Returns the money and count figures of the answer `pipeline`, by id.
    pub fn pipeline(&self, period: &Period) -> BTreeMap<String, Value> {
        let mut found = BTreeMap::new();
        let marketing = |deal: &&Opportunity| deal.source == Side::Marketing;
        let created = ("opportunities_created", "pipeline_created");
        self.pair(&mut found, created, self.created_in(period));
        let sourced = ("marketing_sourced_opportunities", "marketing_sourced_pipeline");
        self.pair(&mut found, sourced, self.created_in(period).filter(marketing));
        let influenced = ("marketing_influenced_opportunities", "marketing_influenced_pipeline");
        self.pair(&mut found, influenced, self.created_in(period).filter(|deal| deal.influenced));
        let won = || self.closed_in(period).filter(|deal| deal.won());
        self.pair(&mut found, ("won_opportunities", "won"), won());
        let sourced = ("marketing_sourced_won_opportunities", "marketing_sourced_won");
        self.pair(&mut found, sourced, won().filter(marketing));
        let influenced = ("marketing_influenced_won_opportunities", "marketing_influenced_won");
        self.pair(&mut found, influenced, won().filter(|deal| deal.influenced));
        found
    }

    /// Returns the figures of the answer `scorecard`, by id; no value where the answer has none.
    pub fn scorecard(&self, period: &Period) -> BTreeMap<String, Value> {
        let pipeline = self.pipeline(period);
        let minor = |id: &str| match &pipeline[id] {
            Value::Money(money) => money.minor,
            other => panic!("{id} is {other:?}"),
        };
        let none = || Value::None(String::new());
        let mut found = BTreeMap::new();
        for id in ["pipeline_created", "marketing_sourced_pipeline", "won", "marketing_sourced_won"]
        {
            found.insert(id.to_owned(), pipeline[id].clone());
        }
        let (of, total) = (minor("marketing_sourced_pipeline"), minor("pipeline_created"));
        let share = if total > 0 { Value::Share { of, total } } else { none() };
        found.insert("marketing_sourced_share".to_owned(), share);
        let closed: Vec<&Opportunity> = self.closed_in(period).collect();
        let won: Vec<&&Opportunity> = closed.iter().filter(|deal| deal.won()).collect();
        let count = |n: usize| i64::try_from(n).expect("a count");
        let rate = Value::Share { of: count(won.len()), total: count(closed.len()) };
        found.insert("win_rate".to_owned(), rate);

        let days = Period::days(period.from, period.to.min(self.as_of));
        found.insert("spend".to_owned(), self.money(self.spent(&days)));
        let (mut cac, mut roi) = (none(), none());
        let back = self.days_to_won();
        let behind = Period::days(
            days.from.checked_sub(back.days()).expect("a day"),
            days.to.checked_sub(back.days()).expect("a day"),
        );
        let recorded = self.spend.iter().map(|spend| spend.day).min();
        if recorded.is_none_or(|first| first <= behind.from) {
            let spent = self.spent(&behind);
            let in_days = |deal: &&Opportunity| {
                deal.won() && deal.closed_on.is_some_and(|day| days.contains(day))
            };
            let won: Vec<&Opportunity> = self.closed_in(&days).filter(in_days).collect();
            let customers: BTreeSet<&String> =
                won.iter().filter_map(|deal| deal.account.as_ref()).collect();
            if spent != 0 && !customers.is_empty() {
                let exact = Money::from_minor(spent, self.definitions.currency).to_decimal()
                    / domain::Decimal::from(customers.len());
                let money = Money::from_decimal(exact, self.definitions.currency);
                cac = Value::Money(money.expect("a cost"));
            }
            let ids: BTreeSet<&str> = won.iter().map(|deal| deal.id.as_str()).collect();
            let credit: i64 = self
                .credits(&self.definitions.attribution.model)
                .iter()
                .filter(|credit| ids.contains(credit.opportunity.as_str()))
                .filter(|credit| self.side(&credit.channel) == Side::Marketing)
                .filter_map(|credit| credit.credit)
                .sum();
            if let Some(margin) = self.definitions.gross_margin.filter(|_| spent > 0) {
                let margin: f64 = margin.to_string().parse().expect("a margin");
                roi = Value::Number(credit as f64 * margin / spent as f64 - 1.0);
            }
        }
        found.extend([("cac".to_owned(), cac), ("roi".to_owned(), roi)]);
        found
    }

    fn spent(&self, days: &Period) -> i64 {
        let within = self.spend.iter().filter(|spend| days.contains(spend.day));
        within.filter_map(|spend| spend.amount).sum()
    }

    /// Returns the median days from the first touch of a deal to its win, the mean of the middle
    /// two rounded up; 0 where no deal tells.
    fn days_to_won(&self) -> i64 {
        let counted = self.opportunities.iter().filter(|deal| deal.counted);
        let mut days: Vec<i64> = counted.filter_map(|deal| deal.days_from_first_touch).collect();
        days.sort_unstable();
        let (low, high) = (days.len().saturating_sub(1) / 2, days.len() / 2);
        if days.is_empty() { 0 } else { (days[low] + days[high] + 1).div_euclid(2) }
    }

    /// Returns deals created and won in the period by side under a rule: counts and amounts in the
    /// order created, amount created, won, amount won. Every side is there, so that they add up to
    /// the whole.
    pub fn sides(&self, period: &Period, rule: SourcedBy) -> BTreeMap<Side, [i64; 4]> {
        let mut found: BTreeMap<Side, [i64; 4]> =
            Side::ALL.into_iter().map(|side| (side, [0; 4])).collect();
        for deal in self.created_in(period) {
            let sum = found.entry(deal.side_under(rule)).or_default();
            sum[0] += 1;
            sum[1] += deal.amount.unwrap_or(0);
        }
        for deal in self.closed_in(period).filter(|deal| deal.won()) {
            let sum = found.entry(deal.side_under(rule)).or_default();
            sum[2] += 1;
            sum[3] += deal.amount.unwrap_or(0);
        }
        found
    }

    /// Returns the expected value of all deals that are open now, by side of their source.
    pub fn expected(&self) -> BTreeMap<Side, i64> {
        let mut found: BTreeMap<Side, i64> = Side::ALL.into_iter().map(|side| (side, 0)).collect();
        for deal in
            self.opportunities.iter().filter(|deal| deal.counted && deal.closed_on.is_none())
        {
            if deal.state == State::Open {
                *found.entry(deal.source).or_default() += deal.expected.unwrap_or(0);
            }
        }
        found
    }

    /// Returns how many of the deals created in the period have reached each open stage so far.
    pub fn stages(&self, period: &Period) -> BTreeMap<String, i64> {
        let open = self.definitions.stages.iter().filter(|stage| stage.state == State::Open);
        let reached = |place: usize| {
            let fits =
                |deal: &&Opportunity| deal.stage_reached.is_some_and(|reached| reached > place);
            self.created_in(period).filter(fits).count().try_into().expect("a count")
        };
        open.enumerate().map(|(place, stage)| (stage.id.to_string(), reached(place))).collect()
    }

    /// Returns the amount of deals created in the period with a touch of marketing, by side.
    pub fn influenced(&self, period: &Period) -> BTreeMap<Side, i64> {
        let mut found: BTreeMap<Side, i64> = Side::ALL.into_iter().map(|side| (side, 0)).collect();
        for deal in self.created_in(period).filter(|deal| deal.influenced) {
            *found.entry(deal.source).or_default() += deal.amount.unwrap_or(0);
        }
        found
    }

    /// Returns the credit of each channel under a model for the deals created in the period, and
    /// the part of it that is won by now.
    pub fn attribution(&self, period: &Period, model: &str) -> BTreeMap<String, (i64, i64)> {
        let mut found: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        let deals: BTreeMap<&str, &Opportunity> =
            self.created_in(period).map(|deal| (deal.id.as_str(), deal)).collect();
        for credit in self.credits(model) {
            let Some(deal) = deals.get(credit.opportunity.as_str()) else { continue };
            let sum = found.entry(credit.channel).or_default();
            let amount = credit.credit.unwrap_or(0);
            *sum = (sum.0 + amount, sum.1 + if deal.won() { amount } else { 0 });
        }
        found
    }

    /// Returns the programs by name; what belongs to none stands under the empty name.
    pub fn programs(&self, period: &Period) -> BTreeMap<String, ProgramRow> {
        self.grouped(period, &|program, _| program.cloned().unwrap_or_default())
    }

    /// Returns the same by channel.
    pub fn programs_by_channel(&self, period: &Period) -> BTreeMap<String, ProgramRow> {
        self.grouped(period, &|_, channel| channel.to_owned())
    }

    fn grouped(
        &self,
        period: &Period,
        key: &dyn Fn(Option<&String>, &str) -> String,
    ) -> BTreeMap<String, ProgramRow> {
        let mut rows: BTreeMap<String, ProgramRow> = BTreeMap::new();
        for spend in self.spend.iter().filter(|spend| period.contains(spend.day)) {
            rows.entry(key(Some(&spend.program), &spend.channel)).or_default().spend +=
                spend.amount.unwrap_or(0);
        }
        for touch in self.touches.iter().filter(|touch| period.contains(touch.day)) {
            let row = rows.entry(key(touch.program.as_ref(), &touch.channel)).or_default();
            row.touches += i64::from(touch.counted);
            row.invalid_touches += i64::from(!touch.valid);
        }
        for lead in self.leads.iter().filter(|lead| period.contains(lead.created_on)) {
            rows.entry(key(lead.program.as_ref(), &lead.channel)).or_default().leads += 1;
        }
        for deal in self.created_in(period) {
            let row = rows.entry(key(deal.program.as_ref(), &deal.channel)).or_default();
            row.opportunities += 1;
            row.pipeline += deal.amount.unwrap_or(0);
        }
        let won: BTreeMap<&str, &Opportunity> = self
            .closed_in(period)
            .filter(|deal| deal.won())
            .map(|deal| (deal.id.as_str(), deal))
            .collect();
        for deal in won.values() {
            let row = rows.entry(key(deal.program.as_ref(), &deal.channel)).or_default();
            row.won_opportunities += 1;
            row.won += deal.amount.unwrap_or(0);
        }
        for credit in self.credits(&self.definitions.attribution.model) {
            if won.contains_key(credit.opportunity.as_str()) {
                let row = rows.entry(key(credit.program.as_ref(), &credit.channel)).or_default();
                row.won_credit += credit.credit.unwrap_or(0);
            }
        }
        rows.retain(|_, row| *row != ProgramRow::default());
        rows
    }

    /// Returns the spend of a period by platform, program and month (`2026-09`).
    pub fn spend_by_month(&self, period: &Period) -> BTreeMap<(String, String, String), i64> {
        let mut found: BTreeMap<(String, String, String), i64> = BTreeMap::new();
        for spend in self.spend.iter().filter(|spend| period.contains(spend.day)) {
            let month = self.calendar.month_of(spend.day).label;
            let key = (spend.platform.to_owned(), spend.program.clone(), month);
            *found.entry(key).or_default() += spend.amount.unwrap_or(0);
        }
        found
    }
}
