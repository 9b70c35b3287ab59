//! Definitions: what the words mean in one company, kept as files in its own repository.
//!
//! `throughline.toml` and `definitions/*.toml` are read together: any section may stand in any of
//! the files. Text in, definitions and diagnostics out ([`parse::read`]); names that point at each
//! other are checked ([`check`]); [`Definitions::print`] writes the canonical form, whose hash is
//! the identity of their meaning: comments, order of files and spelling of equal values do not
//! matter.

pub mod check;
mod demand;
pub mod parse;
mod print;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use rust_decimal::Decimal;

pub use demand::{DemandUnits, LeadStage, LeadWords, Roles};
pub use verdict::VerdictBounds;

use crate::calendar::FiscalCalendar;
use crate::diagnostic::Diagnostic;
use crate::money::Currency;

/// The definition files that a new company starts with, as (path, text).
pub const STARTER: &[(&str, &str)] = &[
    ("throughline.toml", include_str!("starter/throughline.toml")),
    ("definitions/attribution.toml", include_str!("starter/attribution.toml")),
    ("definitions/channels.toml", include_str!("starter/channels.toml")),
    ("definitions/demand.toml", include_str!("starter/demand.toml")),
    ("definitions/goals.toml", include_str!("starter/goals.toml")),
    ("definitions/segments.toml", include_str!("starter/segments.toml")),
    ("definitions/stages.toml", include_str!("starter/stages.toml")),
];

/// Everything that a company has defined.
#[derive(Clone, PartialEq, Debug)]
pub struct Definitions {
    /// Name of the company.
    pub company: String,
    /// Currency in which figures are shown.
    pub currency: Currency,
    /// IANA name of the reporting time zone.
    pub time_zone: String,
    /// First month of the fiscal year, 1 to 12.
    pub fiscal_year_starts: i8,
    /// IANA name of the zone of exports that carry none.
    pub source_time_zone: String,
    /// Whether `3/4/2026` is 4 March (month first) or 3 April, where a file does not show it.
    pub source_day_order: Option<DayOrder>,
    /// Fixed rates: units of the reporting currency for one unit of the key.
    pub rates: BTreeMap<Currency, Decimal>,
    /// Channels, in the order of the files.
    pub channels: Vec<Channel>,
    /// Rules that give a touch, a program or a lead source its channel; the first that fits
    /// decides.
    pub rules: Vec<ChannelRule>,
    /// Stages of a deal, in the order in which a deal passes them.
    pub stages: Vec<Stage>,
    /// Which words of a source mean which stage of a lead.
    pub leads: LeadWords,
    /// What makes a demand unit.
    pub demand_units: DemandUnits,
    /// Which role of the capacity facts works which stage.
    pub roles: Roles,
    /// How credit is given.
    pub attribution: Attribution,
    /// Kinds of deal that do not count as pipeline, compared without case.
    pub excluded_kinds: BTreeSet<String>,
    /// Patterns of the status of touches that do not count: machine clicks and the like.
    pub invalid_statuses: Vec<String>,
    /// Mail domains that belong to nobody's company, besides the built-in list.
    pub free_mail: BTreeSet<String>,
    /// Gross margin from 0 to 1, for return and payback; none leaves them empty.
    pub gross_margin: Option<Decimal>,
    /// Months over which the amount of a deal is earned.
    pub contract_months: u32,
    /// When a program is scaled, kept, mended or stopped.
    pub verdict: VerdictBounds,
    /// Segments, in the order of the files; an account belongs to the first that fits.
    pub segments: Vec<Segment>,
    /// Goals.
    pub goals: Vec<Goal>,
}

/// The order of day and month in dates like `3/4/2026`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DayOrder {
    /// 3/4/2026 is 4 March.
    MonthFirst,
    /// 3/4/2026 is 3 April.
    DayFirst,
}

/// Who is credited with what a channel brings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    /// Marketing.
    Marketing,
    /// Sales.
    Sales,
    /// Partners.
    Partner,
    /// Customers: referrals and word of mouth.
    Customer,
    /// Nothing on record says who.
    Unknown,
}

impl Side {
    /// All sides, in the order in which they are shown.
    pub const ALL: [Self; 5] =
        [Self::Marketing, Self::Sales, Self::Partner, Self::Customer, Self::Unknown];

    /// Returns the word used in files and relations.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Marketing => "marketing",
            Self::Sales => "sales",
            Self::Partner => "partner",
            Self::Customer => "customer",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for Side {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|side| side.id() == text).ok_or(())
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Channel {
    /// Identifier used in rules and figures.
    pub id: Arc<str>,
    /// Name shown to people.
    pub name: String,
    /// Whose channel it is.
    pub side: Side,
    /// True for traffic without a known origin; skipped by the model `last_non_direct`.
    pub direct: bool,
}

/// The fields that a channel rule can look at.
pub const RULE_FIELDS: &[&str] = &[
    "kind",
    "source",
    "medium",
    "campaign",
    "program_kind",
    "program_name",
    "platform",
    "lead_source",
    "channel_text",
];

/// Gives a channel to what fits all of its conditions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChannelRule {
    /// The channel given.
    pub channel: Arc<str>,
    /// For each field of [`RULE_FIELDS`] that is named: patterns of which one must fit. Patterns
    /// compare without case and surrounding blanks; `*` stands for any text.
    pub when: BTreeMap<&'static str, Vec<String>>,
}

impl ChannelRule {
    /// True where every named field has a value that fits one of its patterns.
    pub fn fits(&self, value_of: &dyn Fn(&str) -> Option<Arc<str>>) -> bool {
        self.when.iter().all(|(field, patterns)| {
            value_of(field)
                .is_some_and(|value| patterns.iter().any(|pattern| pattern_fits(pattern, &value)))
        })
    }
}

/// True where a text fits a pattern: compared without case and surrounding blanks, `*` stands for
/// any text.
pub fn pattern_fits(pattern: &str, text: &str) -> bool {
    let pattern = pattern.trim().to_lowercase();
    let text = text.trim().to_lowercase();
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = pattern.rsplit_once('*').map(|(_, last)| last) else {
        return rest.is_empty();
    };
    let mut middle: Vec<&str> = parts.collect();
    middle.pop();
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or(""),
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether a deal in a stage is still open.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// Open.
    Open,
    /// Closed and won.
    Won,
    /// Closed and lost.
    Lost,
}

impl State {
    /// Returns the word used in files and relations.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

/// A stage of a deal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stage {
    /// Identifier used in figures.
    pub id: Arc<str>,
    /// Name as the source writes it.
    pub name: String,
    /// Other spellings: labels of other systems, internal ids, former names.
    pub also: Vec<String>,
    /// Open, won or lost.
    pub state: State,
    /// Chance of winning from here, from 0 to 1, for the stage-weighted value.
    pub probability: Option<Decimal>,
}

/// The rules under which a deal gets its one source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SourcedBy {
    /// The side of the first valid touch within the lookback before the deal was created.
    FirstTouch,
    /// The side of the deal's recorded lead source.
    LeadSource,
    /// Marketing where a marketing touch precedes the first sales touch, else the side of the
    /// first.
    PreSales,
}

impl SourcedBy {
    /// All rules, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::FirstTouch, Self::LeadSource, Self::PreSales];

    /// Returns the word used in files and relations.
    pub const fn id(self) -> &'static str {
        match self {
            Self::FirstTouch => "first_touch",
            Self::LeadSource => "lead_source",
            Self::PreSales => "pre_sales",
        }
    }
}

/// How credit is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribution {
    /// The model in force, by its identifier.
    pub model: String,
    /// The rule in force for the one source of a deal.
    pub sourced_by: SourcedBy,
    /// Days before the creation of a deal in which a touch counts.
    pub lookback_days: u32,
    /// Days before the creation of a deal in which a marketing touch influences it; the window goes
    /// on until the deal closes.
    pub influence_days: u32,
    /// Half-life of the model `time_decay`, in days.
    pub half_life_days: u32,
    /// Order of the Markov chain, 1 to 4.
    pub markov_order: u32,
    /// Fewest deals on which credit by channel is shown at all.
    pub sample_floor: u32,
    /// Shares of the model `custom`, in any unit: first, lead creation, opportunity creation,
    /// close, all others together.
    pub custom: Option<[u32; 5]>,
    /// True where touches without a response (mere sends) do not count.
    pub responses_only: bool,
}

/// A part of the market.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Identifier used in figures.
    pub id: Arc<str>,
    /// Name shown to people.
    pub name: String,
    /// Patterns for the industry; empty fits all.
    pub industry: Vec<String>,
    /// Patterns for the country; empty fits all.
    pub country: Vec<String>,
    /// Fewest employees.
    pub employees_from: Option<i64>,
    /// Most employees.
    pub employees_to: Option<i64>,
    /// True to take target accounts only.
    pub targeted: Option<bool>,
}

impl Segment {
    /// True where an account fits; an unknown value fits only a condition that is not set.
    pub fn fits(
        &self,
        industry: &str,
        country: &str,
        employees: Option<i64>,
        targeted: bool,
    ) -> bool {
        let any = |patterns: &[String], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern_fits(pattern, text))
        };
        any(&self.industry, industry)
            && any(&self.country, country)
            && self.employees_from.is_none_or(|from| employees.is_some_and(|n| n >= from))
            && self.employees_to.is_none_or(|to| employees.is_some_and(|n| n <= to))
            && self.targeted.is_none_or(|wanted| wanted == targeted)
    }
}

/// A target for one figure in one period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Goal {
    /// Identifier of the figure.
    pub figure: String,
    /// Period, as [`FiscalCalendar::period`] reads it.
    pub period: String,
    /// Value in major units of the reporting currency, or a count.
    pub value: Decimal,
    /// Who answers for it, where that is not whose figure it is.
    pub owner: Option<String>,
}

impl Goal {
    /// Returns who answers for it: a function, a role or a name.
    pub fn owner(&self) -> &str {
        self.owner.as_deref().unwrap_or_else(|| Self::usual_owner(&self.figure))
    }

    /// Returns whose figure it is.
    pub fn usual_owner(figure: &str) -> &'static str {
        match figure {
            "pipeline_created" => "marketing and sales",
            figure if figure.starts_with("marketing_") => "marketing",
            _ => "sales",
        }
    }
}

impl Definitions {
    /// Returns the definitions that a new company starts with.
    pub fn starter() -> (Self, Vec<Diagnostic>) {
        parse::read(STARTER)
    }

    /// Returns the identity of their meaning: 12 hexadecimal digits of the BLAKE3 of the canonical
    /// form.
    pub fn identity(&self) -> String {
        blake3::hash(self.print().as_bytes()).to_hex().chars().take(12).collect()
    }

    /// Returns the fiscal calendar; UTC where the zone does not exist (which [`check`] reports).
    pub fn calendar(&self) -> FiscalCalendar {
        FiscalCalendar {
            starts_in: self.fiscal_year_starts,
            zone: TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC),
        }
    }

    /// Returns the stage that a source's text means, compared without case and surrounding blanks.
    pub fn stage(&self, text: &str) -> Option<&Stage> {
        let wanted = text.trim().to_lowercase();
        self.stages.iter().find(|stage| {
            *stage.id == *wanted
                || stage.name.to_lowercase() == wanted
                || stage.also.iter().any(|also| also.to_lowercase() == wanted)
        })
    }

    /// True where deals of this kind count as pipeline.
    pub fn counts(&self, kind: Option<&str>) -> bool {
        kind.is_none_or(|kind| {
            let kind = kind.trim().to_lowercase();
            !self.excluded_kinds.iter().any(|out| out.trim().to_lowercase() == kind)
        })
    }

    /// Returns the stage that a role of the capacity facts works, compared without case.
    pub fn works(&self, role: &str) -> Option<&Arc<str>> {
        let role = role.trim().to_lowercase();
        self.roles.iter().find(|(known, _)| known.to_lowercase() == role).map(|(_, stage)| stage)
    }

    /// Returns a channel by its identifier.
    pub fn channel(&self, id: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| &*channel.id == id)
    }

    /// Returns the channel that the rules give, the first that fits.
    pub fn channel_of(&self, value_of: &dyn Fn(&str) -> Option<Arc<str>>) -> Option<&Channel> {
        let rule = self.rules.iter().find(|rule| rule.fits(value_of))?;
        self.channel(&rule.channel)
    }

    /// Returns the segment of an account: the first that fits.
    pub fn segment_of(
        &self,
        industry: &str,
        country: &str,
        employees: Option<i64>,
        targeted: bool,
    ) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.fits(industry, country, employees, targeted))
    }

    /// True where a touch with this status does not count.
    pub fn is_invalid_status(&self, status: &str) -> bool {
        self.invalid_statuses.iter().any(|pattern| pattern_fits(pattern, status))
    }

    /// True where a mail domain belongs to nobody's company.
    pub fn is_free_mail(&self, domain: &str) -> bool {
        FREE_MAIL.contains(&domain) || self.free_mail.contains(domain)
    }

    /// Returns the target of a figure in a period, where goals give one.
    pub fn goal(&self, figure: &str, period: &crate::Period) -> Option<Decimal> {
        self.goal_of(figure, period).map(|goal| goal.value)
    }

    /// Returns the goals of a period, each figure once, in the order of the files.
    pub fn goals_of(&self, period: &crate::Period) -> Vec<Goal> {
        let mut figures: Vec<&str> = Vec::new();
        for goal in &self.goals {
            if !figures.contains(&goal.figure.as_str()) {
                figures.push(&goal.figure);
            }
        }
        figures.into_iter().filter_map(|figure| self.goal_of(figure, period)).collect()
    }

    /// Returns the goal of a figure for a period: the one that is set for exactly these days, else
    /// the sum of those of its quarters or months where each of them has one. All figures that take
    /// a goal add up over time. The owner is the one that all of them have in common.
    fn goal_of(&self, figure: &str, period: &crate::Period) -> Option<Goal> {
        let calendar = self.calendar();
        let stated = self.goals.iter().filter(|goal| goal.figure == figure).find(|goal| {
            calendar.period(&goal.period).is_ok_and(|p| p.from == period.from && p.to == period.to)
        });
        if let Some(goal) = stated {
            return Some(goal.clone());
        }
        let parts = calendar.parts(period);
        let tiled = parts.first()?.from == period.from && parts.last()?.to == period.to;
        if !tiled || parts.len() < 2 {
            return None;
        }
        let parts: Option<Vec<Goal>> =
            parts.iter().map(|part| self.goal_of(figure, part)).collect();
        let parts = parts?;
        let owner = parts.first()?.owner.clone();
        let common = parts.iter().all(|goal| goal.owner == owner);
        let value =
            parts.iter().try_fold(Decimal::ZERO, |sum, goal| sum.checked_add(goal.value))?;
        Some(Goal {
            figure: figure.to_owned(),
            period: period.label.clone(),
            value,
            owner: owner.filter(|_| common),
        })
    }
}

/// Mail domains of providers whose addresses say nothing about the company.
pub const FREE_MAIL: &[&str] = &[
    "126.com",
    "163.com",
    "aol.com",
    "att.net",
    "bigpond.com",
    "bluewin.ch",
    "btinternet.com",
    "comcast.net",
    "fastmail.com",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hey.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.de",
    "hotmail.fr",
    "hotmail.it",
    "hushmail.com",
    "icloud.com",
    "inbox.com",
    "laposte.net",
    "libero.it",
    "live.com",
    "live.co.uk",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "mailinator.com",
    "msn.com",
    "naver.com",
    "orange.fr",
    "outlook.com",
    "outlook.de",
    "outlook.fr",
    "pm.me",
    "posteo.de",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "rediffmail.com",
    "rocketmail.com",
    "sbcglobal.net",
    "sfr.fr",
    "sina.com",
    "t-online.de",
    "tutanota.com",
    "uol.com.br",
    "verizon.net",
    "wanadoo.fr",
    "web.de",
    "yahoo.ca",
    "yahoo.co.in",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.com.br",
    "yahoo.de",
    "yahoo.es",
    "yahoo.fr",
    "yahoo.it",
    "yandex.com",
    "yandex.ru",
    "ymail.com",
    "zoho.com",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compare_without_case_and_star_stands_for_any_text() {
        //   pattern        text               fits
        let table = [
            ("web", "Web ", true),
            ("web", "Website", false),
            ("web*", "Website", true),
            ("*social*", "Paid Social Ads", true),
            ("paid*search", "paid brand search", true),
            ("paid*search", "paid search ads", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("", "", true),
            ("", "x", false),
        ];
        for (pattern, text, fits) in table {
            assert_eq!(pattern_fits(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn the_starter_definitions_have_no_faults_and_print_reads_back_the_same() {
        let (definitions, diagnostics) = Definitions::starter();
        assert_eq!(diagnostics, []);
        let printed = definitions.print();
        let (again, diagnostics) = parse::read(&[("printed.toml", &printed)]);
        assert_eq!(diagnostics, []);
        assert_eq!(again, definitions);
        assert_eq!(again.identity(), definitions.identity());
    }

    #[test]
    fn a_goal_has_the_owner_that_is_named_and_else_the_usual_one() {
        let goal = |more: &str| {
            let text =
                format!("[[goal]]\nfigure = \"won\"\nperiod = \"2026Q4\"\nvalue = \"1\"\n{more}");
            parse::read(&[("goals.toml", &text)]).0
        };
        let owner = |definitions: &Definitions| definitions.goals[0].owner().to_owned();
        let (none, same) = (goal(""), goal("owner = \" sales \"\n"));
        let (empty, named) = (goal("owner = \"\"\n"), goal("owner = \"Ada Lund\"\n"));
        assert_eq!([owner(&none), owner(&named)], ["sales", "Ada Lund"]);
        assert_eq!([none.identity(), none.identity()], [same.identity(), empty.identity()]);
        assert_ne!(none.identity(), named.identity());
        let (again, _) = parse::read(&[("printed.toml", &named.print())]);
        assert_eq!(again.goals, named.goals);
    }

    #[test]
    fn a_goal_of_a_longer_period_is_the_sum_of_its_parts_where_each_has_one() {
        let goal = |period: &str, value: u32| {
            format!("[[goal]]\nfigure = \"won\"\nperiod = \"{period}\"\nvalue = {value}\n")
        };
        let mut text = "[company]\nfiscal_year_starts = 10\n".to_owned();
        for (period, value) in [("2026Q1", 1), ("2026Q2", 2), ("2026Q3", 4), ("2026-07", 8)] {
            text.push_str(&goal(period, value));
        }
        let of = |text: &str, period: &str| {
            let (definitions, faults) = parse::read(&[("goals.toml", text)]);
            assert_eq!(faults, []);
            let period = definitions.calendar().period(period).unwrap();
            definitions.goal("won", &period).map(|goal| goal.to_string())
        };
        let some = |value: &str| Some(value.to_owned());
        assert_eq!(of(&text, "2026Q2"), some("2"));
        assert_eq!(of(&text, "2025-10-01..2026-06-30"), some("7"));
        assert_eq!(
            [of(&text, "2026Q4"), of(&text, "2026"), of(&text, "2026-08")],
            [None, None, None]
        );
        text.push_str(&(goal("2026-08", 16) + &goal("2026-09", 32)));
        assert_eq!([of(&text, "2026Q4"), of(&text, "2026")], [some("56"), some("63")]);
        // What is stated counts, not the sum.
        text.push_str(&goal("2026", 100));
        assert_eq!(of(&text, "2026"), some("100"));
        assert_eq!(of(&text, "2025-10-02..2026-06-30"), None);
    }

    #[test]
    fn comments_and_the_split_over_files_do_not_change_the_identity_but_a_value_does() {
        let (definitions, _) = Definitions::starter();
        let texts: Vec<&str> = STARTER.iter().map(|(_, text)| *text).collect();
        let joined = format!("# a remark\n{}", texts.join("\n# a remark\n"));
        let (again, diagnostics) = parse::read(&[("all.toml", &joined)]);
        assert_eq!(diagnostics, []);
        assert_eq!(again.identity(), definitions.identity());
        let (changed, _) = parse::read(&[(
            "all.toml",
            &joined.replace("lookback_days = 180", "lookback_days = 90"),
        )]);
        assert_ne!(changed.identity(), definitions.identity());
    }
}
