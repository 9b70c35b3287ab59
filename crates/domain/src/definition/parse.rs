//! Text in, definitions and diagnostics out.
//!
//! Reads every file to its end and collects all faults; a key that is not known is a fault with the
//! nearest known key as a hint. What is missing takes the value of an empty company: no channels,
//! no stages, UTC, dollars.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use rust_decimal::Decimal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{
    Attribution, Channel, ChannelRule, DayOrder, Definitions, DemandUnits, Goal, LeadStage,
    LeadWords, RULE_FIELDS, Roles, Segment, Side, SourcedBy, Stage, State, VerdictBounds, verdict,
};
use crate::diagnostic::{Diagnostic, nearest};
use crate::money::Currency;

/// The keys of `[attribution.custom]`, in the order of [`Attribution::custom`].
pub const CUSTOM_KEYS: [&str; 5] =
    ["first", "lead_creation", "opportunity_creation", "close", "others"];

const SECTIONS: &[&str] = &[
    "company",
    "sources",
    "rates",
    "attribution",
    "touches",
    "pipeline",
    "economics",
    "verdict",
    "identity",
    "channel",
    "rule",
    "stage",
    "leads",
    "demand_units",
    "capacity",
    "segment",
    "goal",
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Where each named thing was written, so that a check can point at it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) file: Arc<str>,
    pub(super) text: Arc<str>,
    pub(super) span: Range<usize>,
}

/// Places by a path such as `channel/paid-search` or `rule/3/channel`.
pub(super) type Sources = BTreeMap<String, Source>;

/// Reads definition files given as (name, text) and checks that the names in them agree.
pub fn read<N: AsRef<str>, T: AsRef<str>>(files: &[(N, T)]) -> (Definitions, Vec<Diagnostic>) {
    let mut reader = Reader {
        definitions: empty(),
        diagnostics: Vec::new(),
        sources: Sources::new(),
        file: "".into(),
        text: "".into(),
    };
    for (file, text) in files {
        reader.file = file.as_ref().into();
        reader.text = text.as_ref().into();
        reader.file();
    }
    let Reader { definitions, mut diagnostics, sources, .. } = reader;
    diagnostics.extend(super::check::check(&definitions, &sources));
    (definitions, diagnostics)
}

fn empty() -> Definitions {
    Definitions {
        company: "Our company".to_owned(),
        currency: Currency::USD,
        time_zone: "UTC".to_owned(),
        fiscal_year_starts: 1,
        source_time_zone: "UTC".to_owned(),
        source_day_order: None,
        rates: BTreeMap::new(),
        channels: Vec::new(),
        rules: Vec::new(),
        stages: Vec::new(),
        leads: LeadWords::default(),
        demand_units: DemandUnits::default(),
        roles: Roles::new(),
        attribution: Attribution {
            model: "linear".to_owned(),
            sourced_by: SourcedBy::FirstTouch,
            lookback_days: 180,
            influence_days: 365,
            half_life_days: 7,
            markov_order: 1,
            sample_floor: 30,
            custom: None,
            responses_only: true,
        },
        excluded_kinds: BTreeSet::new(),
        invalid_statuses: Vec::new(),
        free_mail: BTreeSet::new(),
        gross_margin: None,
        contract_months: 12,
        verdict: VerdictBounds::default(),
        segments: Vec::new(),
        goals: Vec::new(),
    }
}

struct Reader {
    definitions: Definitions,
    diagnostics: Vec<Diagnostic>,
    sources: Sources,
    file: Arc<str>,
    text: Arc<str>,
}

type Value<'a> = Spanned<DeValue<'a>>;

impl Reader {
    fn file(&mut self) {
        let text = Arc::clone(&self.text);
        let table = match DeTable::parse(&text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                let message = error.message().trim().to_lowercase();
                self.fault("definition.toml", message, &span, "Write it as TOML 1.0.");
                return;
            }
        };
        for (key, value) in &table {
            let (name, span) = (key.get_ref().as_ref(), key.span());
            match name {
                "company" => self.company(value),
                "sources" => self.source_defaults(value),
                "rates" => self.rates(value),
                "attribution" => self.attribution(value),
                "touches" => self.touches(value),
                "pipeline" => self.pipeline(value),
                "economics" => self.economics(value),
                "verdict" => self.verdict(value),
                "identity" => self.identity(value),
                "channel" => self.each(value, name, Self::channel),
                "rule" => self.each(value, name, Self::rule),
                "stage" => self.each(value, name, Self::stage),
                "leads" => self.leads(value),
                "demand_units" => self.demand_units(value),
                "capacity" => self.capacity(value),
                "segment" => self.each(value, name, Self::segment),
                "goal" => self.each(value, name, Self::goal),
                _ => self.unknown_key("section", name, &span, SECTIONS),
            }
        }
    }

    fn company(&mut self, value: &Value<'_>) {
        let keys = ["name", "currency", "time_zone", "fiscal_year_starts"];
        let Some(table) = self.table(value, "section `company`", &keys) else { return };
        if let Some(name) = self.text(table, "name") {
            self.definitions.company = name.0;
        }
        if let Some((code, span)) = self.text(table, "currency") {
            match code.parse() {
                Ok(currency) => self.definitions.currency = currency,
                Err(error) => self.fault(
                    "definition.currency",
                    error.to_string(),
                    &span,
                    "Write an ISO 4217 code in capitals.",
                ),
            }
        }
        if let Some((zone, span)) = self.text(table, "time_zone") {
            self.zone(&zone, &span);
            self.definitions.time_zone.clone_from(&zone);
            if self.definitions.source_time_zone == "UTC" {
                self.definitions.source_time_zone = zone;
            }
        }
        if let Some(month) = table.get("fiscal_year_starts") {
            self.month(month);
        }
    }

    fn month(&mut self, value: &Value<'_>) {
        let found = match value.get_ref() {
            DeValue::Integer(number) => number.to_string().parse().ok(),
            DeValue::String(name) => MONTHS
                .iter()
                .position(|month| *month == name.to_lowercase())
                .and_then(|at| i8::try_from(at + 1).ok()),
            _ => None,
        };
        match found.filter(|month| (1..=12).contains(month)) {
            Some(month) => self.definitions.fiscal_year_starts = month,
            None => self.fault(
                "definition.month",
                "`fiscal_year_starts` names no month",
                &value.span(),
                "Write the month's English name or its number from 1 to 12.",
            ),
        }
    }

    fn zone(&mut self, zone: &str, span: &Range<usize>) {
        if jiff::tz::TimeZone::get(zone).is_err() {
            let message = format!("time zone `{zone}` is not in the IANA database");
            self.fault("definition.time-zone", message, span, "Write it like `Europe/Berlin`.");
        }
    }

    fn source_defaults(&mut self, value: &Value<'_>) {
        let Some(table) = self.table(value, "section `sources`", &["time_zone", "day_order"])
        else {
            return;
        };
        if let Some((zone, span)) = self.text(table, "time_zone") {
            self.zone(&zone, &span);
            self.definitions.source_time_zone = zone;
        }
        if let Some((order, span)) = self.text(table, "day_order") {
            let orders = [("month-first", DayOrder::MonthFirst), ("day-first", DayOrder::DayFirst)];
            self.definitions.source_day_order = self.choose("day order", &order, &span, &orders);
        }
    }

    fn rates(&mut self, value: &Value<'_>) {
        let DeValue::Table(table) = value.get_ref() else {
            self.expected("section `rates`", "a table", value);
            return;
        };
        for (key, rate) in table {
            match key.get_ref().parse::<Currency>() {
                Ok(currency) => {
                    if let Some(rate) = self.decimal(rate, "rate") {
                        if rate > Decimal::ZERO {
                            self.definitions.rates.insert(currency, rate);
                        } else {
                            let message = format!("rate of {currency} is {rate}, expected above 0");
                            let hint = "Write the units of our currency for one unit of it.";
                            self.fault("definition.rate", message, &key.span(), hint);
                        }
                    }
                }
                Err(error) => {
                    let hint = "Write an ISO 4217 code in capitals.";
                    self.fault("definition.currency", error.to_string(), &key.span(), hint);
                }
            }
        }
    }

    fn attribution(&mut self, value: &Value<'_>) {
        let keys = [
            "model",
            "sourced_by",
            "lookback_days",
            "influence_days",
            "half_life_days",
            "markov_order",
            "sample_floor",
            "responses_only",
            "custom",
        ];
        let Some(table) = self.table(value, "section `attribution`", &keys) else { return };
        if let Some((model, span)) = self.text(table, "model") {
            self.note("attribution/model", &span);
            self.definitions.attribution.model = model;
        }
        if let Some((rule, span)) = self.text(table, "sourced_by") {
            let rules = SourcedBy::ALL.map(|rule| (rule.id(), rule));
            if let Some(rule) = self.choose("sourced rule", &rule, &span, &rules) {
                self.definitions.attribution.sourced_by = rule;
            }
        }
        if let Some(days) = self.whole(table, "lookback_days", 1, 3650) {
            self.definitions.attribution.lookback_days = days;
        }
        if let Some(days) = self.whole(table, "influence_days", 1, 3650) {
            self.definitions.attribution.influence_days = days;
        }
        if let Some(days) = self.whole(table, "half_life_days", 1, 3650) {
            self.definitions.attribution.half_life_days = days;
        }
        if let Some(order) = self.whole(table, "markov_order", 1, 4) {
            self.definitions.attribution.markov_order = order;
        }
        if let Some(floor) = self.whole(table, "sample_floor", 0, 1_000_000) {
            self.definitions.attribution.sample_floor = floor;
        }
        if let Some(only) = self.flag(table, "responses_only") {
            self.definitions.attribution.responses_only = only;
        }
        if let Some(custom) = table.get("custom") {
            self.custom(custom);
        }
    }

    fn custom(&mut self, value: &Value<'_>) {
        let Some(table) = self.table(value, "section `attribution.custom`", &CUSTOM_KEYS) else {
            return;
        };
        let shares =
            CUSTOM_KEYS.map(|key| self.whole(table, key, 0, 1_000_000).unwrap_or_default());
        if shares.iter().sum::<u32>() == 0 {
            let hint =
                "Give at least one of first, lead_creation, opportunity_creation, close, others.";
            self.fault(
                "definition.custom",
                "the shares of `custom` add up to 0",
                &value.span(),
                hint,
            );
        } else {
            self.definitions.attribution.custom = Some(shares);
        }
    }

    fn touches(&mut self, value: &Value<'_>) {
        let Some(table) = self.table(value, "section `touches`", &["invalid_status"]) else {
            return;
        };
        let statuses = self.list(table, "invalid_status");
        self.definitions.invalid_statuses.extend(statuses);
    }

    fn pipeline(&mut self, value: &Value<'_>) {
        let Some(table) = self.table(value, "section `pipeline`", &["exclude_kinds"]) else {
            return;
        };
        let kinds = self.list(table, "exclude_kinds");
        self.definitions.excluded_kinds.extend(kinds.iter().map(|kind| kind.trim().to_lowercase()));
    }

    fn economics(&mut self, value: &Value<'_>) {
        let keys = ["gross_margin", "contract_months"];
        let Some(table) = self.table(value, "section `economics`", &keys) else { return };
        if let Some(margin) = table.get("gross_margin") {
            let span = margin.span();
            match self.decimal(margin, "gross margin") {
                Some(m) if m > Decimal::ZERO && m <= Decimal::ONE => {
                    self.definitions.gross_margin = Some(m);
                }
                Some(m) => {
                    let message = format!("gross margin is {m}, expected above 0 and at most 1");
                    self.fault("definition.margin", message, &span, "Write 80% as \"0.80\".");
                }
                None => {}
            }
        }
        if let Some(months) = self.whole(table, "contract_months", 1, 240) {
            self.definitions.contract_months = months;
        }
    }

    fn verdict(&mut self, value: &Value<'_>) {
        let decimals = verdict::DECIMALS.iter().map(|bound| bound.0);
        let keys: Vec<&str> = decimals.chain(verdict::NUMBERS.iter().map(|n| n.0)).collect();
        let Some(table) = self.table(value, "section `verdict`", &keys) else { return };
        let mut bounds = self.definitions.verdict;
        for ((key, least, most), place) in verdict::DECIMALS.iter().zip(bounds.decimals()) {
            let Some(value) = table.get(*key) else { continue };
            match self.decimal(value, &format!("`{key}`")) {
                Some(found) if (least..=most).contains(&&found) => *place = found,
                Some(found) => {
                    let message = format!("`{key}` is {found}, expected from {least} to {most}");
                    let hint = "Write a return such as \"1.5\", and 90% as \"0.9\".";
                    self.fault("definition.verdict", message, &value.span(), hint);
                }
                None => {}
            }
        }
        for ((key, least, most), place) in verdict::NUMBERS.iter().zip(bounds.numbers()) {
            if let Some(found) = self.whole(table, key, *least, *most) {
                *place = found;
            }
        }
        self.definitions.verdict = bounds;
    }

    fn identity(&mut self, value: &Value<'_>) {
        let Some(table) = self.table(value, "section `identity`", &["free_mail"]) else { return };
        let domains = self.list(table, "free_mail");
        self.definitions.free_mail.extend(domains.iter().map(|d| d.trim().to_lowercase()));
    }

    fn channel(&mut self, value: &Value<'_>) {
        let keys = ["id", "name", "side", "direct"];
        let Some(table) = self.table(value, "a channel", &keys) else { return };
        let Some((id, span)) = self.id(table, value, "channel") else { return };
        if self.definitions.channels.iter().any(|channel| channel.id == id) {
            self.twice("channel", &id, &span);
            return;
        }
        let sides = Side::ALL.map(|side| (side.id(), side));
        let known = sides.get(..4).unwrap_or(&sides);
        let side = if let Some((side, span)) = self.text(table, "side") {
            self.choose("side", &side, &span, known)
        } else {
            let message = format!("channel `{id}` has no `side`");
            let hint = "Write side = \"marketing\", \"sales\", \"partner\" or \"customer\".";
            self.fault("definition.missing", message, &span, hint);
            None
        };
        let name = self.text(table, "name").map_or_else(|| id.to_string(), |name| name.0);
        let direct = self.flag(table, "direct").unwrap_or(false);
        let side = side.unwrap_or(Side::Marketing);
        self.definitions.channels.push(Channel { id, name, side, direct });
    }

    fn rule(&mut self, value: &Value<'_>) {
        let mut keys = vec!["channel"];
        keys.extend(RULE_FIELDS);
        let Some(table) = self.table(value, "a rule", &keys) else { return };
        let Some((channel, span)) = self.text(table, "channel") else {
            let hint = "Add channel = \"…\" with the id of a channel.";
            self.fault("definition.missing", "a rule names no `channel`", &value.span(), hint);
            return;
        };
        self.note(&format!("rule/{}/channel", self.definitions.rules.len()), &span);
        let mut when = BTreeMap::new();
        for field in RULE_FIELDS {
            let patterns = self.list(table, field);
            if !patterns.is_empty() {
                when.insert(*field, patterns);
            }
        }
        if when.is_empty() {
            let message =
                format!("a rule for channel `{channel}` has no condition and fits everything");
            let hint = format!("Name at least one of {}.", RULE_FIELDS.join(", "));
            self.fault("definition.rule", message, &value.span(), hint);
            return;
        }
        self.definitions.rules.push(ChannelRule { channel: channel.into(), when });
    }

    fn stage(&mut self, value: &Value<'_>) {
        let keys = ["id", "name", "also", "state", "probability"];
        let Some(table) = self.table(value, "a stage", &keys) else { return };
        let Some((id, span)) = self.id(table, value, "stage") else { return };
        if self.definitions.stages.iter().any(|stage| stage.id == id) {
            self.twice("stage", &id, &span);
            return;
        }
        self.note(&format!("stage/{id}"), &span);
        let states = [State::Open, State::Won, State::Lost].map(|state| (state.id(), state));
        let state = match self.text(table, "state") {
            Some((state, span)) => {
                self.choose("state", &state, &span, &states).unwrap_or(State::Open)
            }
            None => State::Open,
        };
        let probability = table.get("probability").and_then(|value| {
            let probability = self.decimal(value, "probability")?;
            if probability < Decimal::ZERO || probability > Decimal::ONE {
                let message = format!("probability is {probability}, expected from 0 to 1");
                self.fault(
                    "definition.probability",
                    message,
                    &value.span(),
                    "Write 65% as \"0.65\".",
                );
                return None;
            }
            Some(probability)
        });
        let name = self.text(table, "name").map_or_else(|| id.to_string(), |name| name.0);
        let also = self.list(table, "also");
        self.definitions.stages.push(Stage { id, name, also, state, probability });
    }

    fn leads(&mut self, value: &Value<'_>) {
        let mut keys: Vec<&str> = LeadStage::ALL.iter().map(|stage| stage.id()).collect();
        keys.push("disqualified");
        let Some(table) = self.table(value, "section `leads`", &keys) else { return };
        for (at, key) in keys.iter().enumerate() {
            if let Some(words) = table.get(*key) {
                self.note(&format!("leads/{key}"), &words.span());
                let words = self.list(table, key);
                let leads = &mut self.definitions.leads;
                *leads.stages.get_mut(at).unwrap_or(&mut leads.disqualified) = words;
            }
        }
    }

    fn demand_units(&mut self, value: &Value<'_>) {
        let mut units = self.definitions.demand_units;
        let places = [
            ("window_days", &mut units.window_days, 3650),
            ("lapse_days", &mut units.lapse_days, 3650),
            ("engaged_touches", &mut units.engaged_touches, 1000),
            ("engaged_people", &mut units.engaged_people, 1000),
            ("engaged_days", &mut units.engaged_days, 3650),
        ];
        let keys =
            ["window_days", "lapse_days", "engaged_touches", "engaged_people", "engaged_days"];
        let Some(table) = self.table(value, "section `demand_units`", &keys) else { return };
        for (key, place, most) in places {
            if let Some(number) = self.whole(table, key, 1, most) {
                *place = number;
            }
        }
        self.definitions.demand_units = units;
    }

    fn capacity(&mut self, value: &Value<'_>) {
        let DeValue::Table(table) = value.get_ref() else {
            self.expected("section `capacity`", "a table", value);
            return;
        };
        for role in table.keys() {
            if let Some((stage, span)) = self.text(table, role.get_ref()) {
                self.note(&format!("capacity/{}", role.get_ref()), &span);
                self.definitions.roles.insert(role.get_ref().to_string(), stage.into());
            }
        }
    }

    fn segment(&mut self, value: &Value<'_>) {
        let keys =
            ["id", "name", "industry", "country", "employees_from", "employees_to", "targeted"];
        let Some(table) = self.table(value, "a segment", &keys) else { return };
        let Some((id, span)) = self.id(table, value, "segment") else { return };
        if self.definitions.segments.iter().any(|segment| segment.id == id) || &*id == "other" {
            self.twice("segment", &id, &span);
            return;
        }
        let segment = Segment {
            name: self.text(table, "name").map_or_else(|| id.to_string(), |name| name.0),
            industry: self.list(table, "industry"),
            country: self.list(table, "country"),
            employees_from: self.whole(table, "employees_from", 0, u32::MAX).map(i64::from),
            employees_to: self.whole(table, "employees_to", 0, u32::MAX).map(i64::from),
            targeted: self.flag(table, "targeted"),
            id,
        };
        self.definitions.segments.push(segment);
    }

    fn goal(&mut self, value: &Value<'_>) {
        let Some(table) = self.table(value, "a goal", &["figure", "period", "value", "owner"])
        else {
            return;
        };
        let (Some((figure, figure_span)), Some((period, period_span)), Some(goal)) =
            (self.text(table, "figure"), self.text(table, "period"), table.get("value"))
        else {
            let hint = "Give it figure, period and value.";
            self.fault("definition.missing", "a goal is not complete", &value.span(), hint);
            return;
        };
        let Some(amount) = self.decimal(goal, "goal") else { return };
        let at = self.definitions.goals.len();
        self.note(&format!("goal/{at}/figure"), &figure_span);
        self.note(&format!("goal/{at}/period"), &period_span);
        let owner = self
            .text(table, "owner")
            .map(|(owner, _)| owner.trim().to_owned())
            .filter(|owner| !owner.is_empty() && owner != Goal::usual_owner(&figure));
        self.definitions.goals.push(Goal { figure, period, value: amount, owner });
    }

    fn each(&mut self, value: &Value<'_>, name: &str, read: fn(&mut Self, &Value<'_>)) {
        match value.get_ref() {
            DeValue::Array(items) => items.iter().for_each(|item| read(self, item)),
            _ => self.expected(&format!("`{name}`"), &format!("[[{name}]] blocks"), value),
        }
    }

    /// Returns the table behind a value and reports keys that are not known.
    fn table<'v, 't>(
        &mut self,
        value: &'v Value<'t>,
        what: &str,
        keys: &[&str],
    ) -> Option<&'v DeTable<'t>> {
        let DeValue::Table(table) = value.get_ref() else {
            self.expected(what, "a table", value);
            return None;
        };
        for key in table.keys() {
            if !keys.contains(&key.get_ref().as_ref()) {
                self.unknown_key(&format!("key of {what}"), key.get_ref(), &key.span(), keys);
            }
        }
        Some(table)
    }

    fn id(
        &mut self,
        table: &DeTable<'_>,
        value: &Value<'_>,
        kind: &str,
    ) -> Option<(Arc<str>, Range<usize>)> {
        let Some((id, span)) = self.text(table, "id") else {
            let message = format!("a {kind} has no `id`");
            self.fault("definition.missing", message, &value.span(), "Add id = \"…\".");
            return None;
        };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if id.is_empty() || !id.chars().all(plain) {
            let message =
                format!("id `{id}` of a {kind} has other characters than a-z, 0-9, - and _");
            self.fault("definition.id", message, &span, "Put the name for people into `name`.");
            return None;
        }
        Some((id.into(), span))
    }

    fn text(&mut self, table: &DeTable<'_>, key: &str) -> Option<(String, Range<usize>)> {
        let value = table.get(key)?;
        if let DeValue::String(text) = value.get_ref() {
            return Some((text.to_string(), value.span()));
        }
        self.expected(&format!("`{key}`"), "a text in quotes", value);
        None
    }

    fn list(&mut self, table: &DeTable<'_>, key: &str) -> Vec<String> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.expected(&format!("`{key}`"), "a list of texts such as [\"a\", \"b\"]", value);
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => texts.push(text.to_string()),
                _ => self.expected(&format!("an entry of `{key}`"), "a text in quotes", item),
            }
        }
        texts
    }

    fn flag(&mut self, table: &DeTable<'_>, key: &str) -> Option<bool> {
        let value = table.get(key)?;
        if let DeValue::Boolean(flag) = value.get_ref() {
            return Some(*flag);
        }
        self.expected(&format!("`{key}`"), "true or false", value);
        None
    }

    fn whole(&mut self, table: &DeTable<'_>, key: &str, from: u32, to: u32) -> Option<u32> {
        let value = table.get(key)?;
        if let DeValue::Integer(number) = value.get_ref()
            && let Ok(number) = number.to_string().parse::<u32>()
            && (from..=to).contains(&number)
        {
            return Some(number);
        }
        self.expected(&format!("`{key}`"), &format!("a whole number from {from} to {to}"), value);
        None
    }

    /// Reads a decimal from a text or a TOML number, by its written digits.
    fn decimal(&mut self, value: &Value<'_>, what: &str) -> Option<Decimal> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            _ => String::new(),
        };
        let found = Decimal::from_str_exact(text.trim()).ok();
        if found.is_none() {
            self.expected(what, "a number such as \"1500.00\"", value);
        }
        found
    }

    fn choose<T: Copy>(
        &mut self,
        what: &str,
        text: &str,
        span: &Range<usize>,
        known: &[(&str, T)],
    ) -> Option<T> {
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let message = format!("{what} `{text}` is not one of {}", names.join(", "));
            let hint = nearest(text, names.iter().copied()).map_or_else(
                || format!("Write one of {}.", names.join(", ")),
                |name| format!("Did you mean `{name}`?"),
            );
            self.fault("definition.choice", message, span, hint);
        }
        found
    }

    fn note(&mut self, path: &str, span: &Range<usize>) {
        let source = Source {
            file: Arc::clone(&self.file),
            text: Arc::clone(&self.text),
            span: span.clone(),
        };
        self.sources.insert(path.to_owned(), source);
    }

    fn unknown_key(&mut self, what: &str, key: &str, span: &Range<usize>, known: &[&str]) {
        let message = format!("`{key}` is not a {what}");
        let hint = nearest(key, known.iter().copied()).map_or_else(
            || format!("Known are {}.", known.join(", ")),
            |name| format!("Did you mean `{name}`?"),
        );
        self.fault("definition.unknown-key", message, span, hint);
    }

    fn twice(&mut self, kind: &str, id: &str, span: &Range<usize>) {
        let message = format!("{kind} `{id}` is declared twice or reserved");
        self.fault("definition.twice", message, span, "Keep one of them, or choose another id.");
    }

    fn expected(&mut self, what: &str, form: &str, value: &Value<'_>) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let message = format!("{what} is {found}, expected {form}");
        self.fault("definition.form", message, &value.span(), format!("Write {form}."));
    }

    fn fault(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        span: &Range<usize>,
        hint: impl Into<String>,
    ) {
        let diagnostic =
            Diagnostic::error(code, message).span(&self.file, &self.text, span.clone()).hint(hint);
        self.diagnostics.push(diagnostic);
    }
}
