//! One value of a row becomes one cell of a fact.

use std::borrow::Cow;
use std::sync::Arc;

use domain::fact::{Fact, Kind};
use domain::person::address;
use domain::{Cell, Currency, Decimal, Place};
use jiff::Timestamp;

use super::Interner;
use crate::format::Row;
use crate::lookups::Lookups;
use crate::preset::Read;
use crate::recipe::{BoundColumn, BoundFact, Positions, Recipe, cell_at, lifecycle};
use crate::settings::Settings;
use crate::value::date::{
    DateStyle, day_of, instant_of, moment, plausible_instant, plausible_year,
};
use crate::value::number::{NumberStyle, decimal, typed};
use crate::value::{
    Fault, Raw, boolean, identifier, instant_in, plausible_amount, salesforce_id, shown, utm,
    web_domain,
};

/// Remarks of a row, handed on once the row is accepted.
pub(crate) type Remarks = Vec<(&'static str, String)>;

/// What is needed to read cells.
pub(crate) struct Cells<'r> {
    recipe: &'r Recipe,
    settings: &'r Settings,
    lookups: &'r Lookups,
    numbers: NumberStyle,
    dates: DateStyle,
    interners: Vec<Interner>,
    currencies: Vec<Arc<str>>,
    /// Forecast categories by their names in the source.
    forecasts: Interner,
    /// The rules of which a remark was made: only the first of each is worded.
    pub(crate) remarked: Vec<&'static str>,
}

/// Reads of text whose values repeat.
fn repeats(read: Read) -> bool {
    !matches!(read, Read::Id | Read::SalesforceId | Read::MatchKey)
}

impl<'r> Cells<'r> {
    pub(crate) fn new(
        recipe: &'r Recipe,
        settings: &'r Settings,
        lookups: &'r Lookups,
        numbers: NumberStyle,
        dates: DateStyle,
    ) -> Self {
        Self {
            recipe,
            settings,
            lookups,
            numbers,
            dates,
            interners: Vec::new(),
            currencies: Vec::new(),
            forecasts: Interner::default(),
            remarked: Vec::new(),
        }
    }

    /// Remarks on something; words are found for the first remark of a rule only.
    fn remark(&self, remarks: &mut Remarks, rule: &'static str, message: impl FnOnce() -> String) {
        let known = self.remarked.contains(&rule);
        remarks.push((rule, if known { String::new() } else { message() }));
    }

    /// True where a value stands for none.
    pub(crate) fn empty(&self, raw: Raw<'_>, more: &[String]) -> bool {
        match raw {
            Raw::Missing => true,
            Raw::Text(text) | Raw::Number(text) => {
                let trimmed = text.trim();
                trimmed.is_empty()
                    || self.recipe.empties.iter().chain(more).any(|e| e.trim() == trimmed)
            }
            _ => false,
        }
    }

    /// Makes a fact with the cells that stand in the row.
    pub(crate) fn fact(
        &mut self,
        rule: &BoundFact,
        row: &Row<'_>,
        place: &Place,
        remarks: &mut Remarks,
    ) -> Result<Fact, (Fault, Option<usize>)> {
        let mut cells = vec![Cell::Null; rule.table.columns.len()];
        for column in &rule.columns {
            let cell = self
                .value(column, row, remarks)
                .map_err(|fault| (fault, self.source(column, row)))?;
            if let Some(slot) = cells.get_mut(column.to) {
                *slot = cell;
            }
        }
        Ok(Fact {
            table: rule.table,
            cells,
            carried: rule.carried,
            place: place.clone(),
            version: None,
            deleted: false,
        })
    }

    /// Finds the position whose value is read for a column.
    fn source(&self, column: &BoundColumn, row: &Row<'_>) -> Option<usize> {
        column
            .sources
            .iter()
            .copied()
            .find(|&at| !self.empty(row.get(at), &column.empties))
            .or_else(|| column.sources.first().copied())
    }

    /// Checks what must be there, fills in what is assumed, and remarks on what looks odd.
    pub(crate) fn complete(
        &mut self,
        rule: &BoundFact,
        fact: &mut Fact,
        row: &Row<'_>,
        remarks: &mut Remarks,
    ) -> Result<(), (Fault, Option<usize>)> {
        let at = rule.at;
        let money = !cell_at(&fact.cells, at.amount).is_null();
        if let Some(at) = at.currency
            && money
            && fact.cells.get(at).is_none_or(Cell::is_null)
        {
            let assumed = self.settings.currency;
            self.remark(remarks, "value.currency-assumed", || {
                format!("an amount names no currency: {assumed} is assumed")
            });
            if rule.table.name == "spend"
                && let Some(slot) = fact.cells.get_mut(at)
            {
                *slot = Cell::text(assumed.code());
            }
        }
        for (at, column) in rule.table.columns.iter().enumerate().filter(|(_, c)| c.required) {
            let needed = if fact.deleted { rule.table.key.contains(&column.name) } else { true };
            if needed && fact.cells.get(at).is_none_or(Cell::is_null) {
                let bound = rule.columns.iter().find(|c| c.to == at);
                let source = bound.and_then(|c| self.source(c, row));
                return Err((
                    Fault::new(
                        "value.missing",
                        format!("`{}` is empty and {} needs it", column.name, rule.table.name),
                    ),
                    source,
                ));
            }
        }
        if rule.table.name == "opportunity" && !fact.deleted {
            if let Cell::Decimal(amount) = cell_at(&fact.cells, at.amount) {
                if amount.is_sign_negative() && !amount.is_zero() {
                    self.remark(remarks, "value.negative-amount", || {
                        format!("the deal has a negative amount: {amount}")
                    });
                }
            } else if *cell_at(&fact.cells, at.won) == Cell::Boolean(true) {
                self.remark(remarks, "value.won-without-amount", || {
                    "a won deal has no amount".into()
                });
            }
            if cell_at(&fact.cells, at.account_id).is_null()
                && cell_at(&fact.cells, at.account_name).is_null()
            {
                self.remark(remarks, "value.no-account", || "a deal has no account".into());
            }
        }
        if rule.table.name == "touch" {
            self.complete_touch(at, fact);
            if cell_at(&fact.cells, at.person_id).is_null()
                && cell_at(&fact.cells, at.account_id).is_null()
            {
                self.remark(remarks, "value.no-person", || {
                    "a touch names no person and no account".into()
                });
            }
        }
        Ok(())
    }

    /// Says why an open task does not count, and whether a member status is a response.
    fn complete_touch(&self, at: Positions, fact: &mut Fact) {
        let cell = |at: Option<usize>| cell_at(&fact.cells, at);
        let open = *cell(at.invalid) == Cell::Boolean(true) && cell(at.invalid_reason).is_null();
        let response = match (cell(at.program_id), cell(at.status)) {
            (Cell::Text(program), Cell::Text(status)) if cell(at.responded).is_null() => {
                self.lookups.counts_as_response(program, status)
            }
            _ => None,
        };
        for (at, cell) in [
            (at.invalid_reason, open.then(|| Cell::text("not completed"))),
            (at.responded, response.map(Cell::Boolean)),
        ] {
            let (Some(at), Some(cell)) = (at, cell) else { continue };
            if let Some(slot) = fact.cells.get_mut(at) {
                *slot = cell;
                fact.carried |= 1 << at;
            }
        }
    }

    /// Refuses a file whose rows of spend cover more than a day.
    pub(crate) fn one_day(
        &self,
        row: &Row<'_>,
        until: usize,
        facts: &[Fact],
    ) -> Result<(), (Fault, Option<usize>)> {
        let raw = row.get(until);
        if self.empty(raw, &[]) {
            return Ok(());
        }
        let last = self.day(raw).map_err(|fault| (fault, Some(until)))?;
        let first = facts.iter().find_map(|fact| match fact.cell("day") {
            Cell::Day(day) => Some(*day),
            _ => None,
        });
        match first {
            Some(first) if first != last => Err((
                Fault::new(
                    "spend.not-per-day",
                    format!("a row covers {first} to {last}, not one day"),
                )
                .hint("Add the breakdown by day to the report, so that each row is one day.")
                .fatal(),
                Some(until),
            )),
            _ => Ok(()),
        }
    }

    /// Reads the value of a column.
    pub(crate) fn value(
        &mut self,
        column: &BoundColumn,
        row: &Row<'_>,
        remarks: &mut Remarks,
    ) -> Result<Cell, Fault> {
        if let Some(constant) = &column.constant {
            return Ok(match (column.read, constant.as_text()) {
                (Read::Lifecycle, Some(text)) => Cell::text(lifecycle(text)),
                (Read::StageLabel, Some(text)) => self.stage_label(text),
                _ => constant.clone(),
            });
        }
        if column.read == Read::Qualification {
            return Ok(qualification(column, row));
        }
        if column.joined {
            return self.joined(column, row);
        }
        for &at in &column.sources {
            let raw = row.get(at);
            if self.empty(raw, &column.empties) {
                continue;
            }
            let mapped = column
                .values
                .as_ref()
                .and_then(|values| values.get(raw.as_text().unwrap_or("").trim()))
                .map(String::as_str);
            let raw = match mapped {
                Some("") => continue,
                Some(text) => Raw::Text(text),
                None => raw,
            };
            if let Raw::Nested(kind) = raw {
                return Err(nested(kind, column.read));
            }
            let cell = self.convert(raw, column, remarks)?;
            // A value that this column cannot take, such as an account in a person's place.
            if cell.is_null() && column.sources.len() > 1 {
                continue;
            }
            return Ok(match (&column.prefix, &cell) {
                (Some(prefix), Cell::Text(text)) => Cell::text(format!("{prefix}{text}")),
                _ => cell,
            });
        }
        Ok(column.fallback.clone().unwrap_or(Cell::Null))
    }

    fn joined(&self, column: &BoundColumn, row: &Row<'_>) -> Result<Cell, Fault> {
        let mut out = column.prefix.clone().unwrap_or_default();
        for (number, &at) in column.sources.iter().enumerate() {
            let raw = row.get(at);
            if self.empty(raw, &column.empties) {
                return Ok(Cell::Null);
            }
            if number > 0 {
                out.push('/');
            }
            out.push_str(&self.identifier(&raw.to_plain())?);
        }
        Ok(Cell::text(out))
    }

    /// Reads an identifier; an e-mail address that serves as one becomes its match key.
    fn identifier<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, Fault> {
        let text = identifier(text)?;
        let key = text.contains('@').then(|| self.settings.person_key.match_key(text)).flatten();
        Ok(key.map_or(Cow::Borrowed(text), Cow::Owned))
    }

    fn intern(&mut self, column: &BoundColumn, text: &str) -> Cell {
        if text.is_empty() {
            return Cell::Null;
        }
        if !repeats(column.read) {
            return Cell::Text(text.into());
        }
        let at = column.sources.first().copied().unwrap_or(0);
        if self.interners.len() <= at {
            self.interners.resize_with(at + 1, Interner::default);
        }
        match self.interners.get_mut(at) {
            Some(interner) => Cell::Text(interner.get(text)),
            None => Cell::Text(text.into()),
        }
    }

    fn stage_label(&self, id: &str) -> Cell {
        match self.lookups.stage(id.trim()) {
            Some(stage) => stage
                .label
                .as_ref()
                .map_or_else(|| Cell::text(id), |label| Cell::Text(Arc::clone(label))),
            None => Cell::text(id),
        }
    }

    fn convert(
        &mut self,
        raw: Raw<'_>,
        column: &BoundColumn,
        remarks: &mut Remarks,
    ) -> Result<Cell, Fault> {
        let plain: Cow<'_, str> = match raw {
            Raw::Text(text) | Raw::Number(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.to_plain()),
        };
        let text = plain.as_ref();
        Ok(match column.read {
            Read::Text => self.intern(column, text),
            Read::Engagement if text == "0" => self.intern(column, "no engagement"),
            Read::Engagement => Cell::Null,
            Read::Utm => utm(text).map_or(Cell::Null, |text| self.intern(column, &text)),
            Read::Id => {
                let text = &self.identifier(text)?;
                // A whole number of a workbook may come as `123.0`.
                self.intern(
                    column,
                    text.strip_suffix(".0")
                        .filter(|_| matches!(raw, Raw::Number(_)))
                        .unwrap_or(text),
                )
            }
            Read::SalesforceId => self.intern(column, &salesforce_id(text)?),
            Read::SalesforcePerson => {
                let id = salesforce_id(text)?;
                if id.starts_with("003") || id.starts_with("00Q") {
                    self.intern(column, &id)
                } else {
                    Cell::Null
                }
            }
            Read::Amount => Cell::Decimal(scaled(plausible_amount(self.number(raw)?)?)?),
            Read::Micros => {
                let millionths = self.number(raw)?;
                let amount = millionths.checked_mul(Decimal::new(1, 6)).ok_or_else(|| {
                    Fault::new(
                        "value.amount-limit",
                        format!("`{}` is beyond 28 digits", shown(text)),
                    )
                })?;
                Cell::Decimal(scaled(plausible_amount(amount)?)?.normalize())
            }
            Read::Count => Cell::Decimal(plausible_amount(self.number(raw)?)?.round_dp(10)),
            Read::Integer => self.integer(raw)?,
            Read::Percent => {
                let percent = self.number(raw)?;
                if percent < Decimal::ZERO || percent > Decimal::ONE_HUNDRED {
                    return Err(Fault::new(
                        "value.percent",
                        format!("expected a percentage from 0 to 100, found `{}`", shown(text)),
                    ));
                }
                if percent > Decimal::ZERO && percent < Decimal::ONE {
                    self.remark(remarks, "value.percent-scale", || {
                        format!("scale looks wrong: `{}` where 0 to 100 is expected", shown(text))
                    });
                }
                Cell::Decimal((percent * Decimal::new(1, 2)).round_dp(10).normalize())
            }
            Read::Fraction => {
                let fraction = self.number(raw)?;
                if fraction < Decimal::ZERO || fraction > Decimal::ONE {
                    return Err(Fault::new(
                        "value.fraction",
                        format!("expected a share from 0 to 1, found `{}`", shown(text)),
                    ));
                }
                Cell::Decimal(fraction.round_dp(10).normalize())
            }
            Read::Rate => {
                let rate = self.number(raw)?;
                if rate <= Decimal::ZERO {
                    return Err(Fault::new(
                        "value.rate",
                        format!("expected a rate above zero, found `{}`", shown(text)),
                    ));
                }
                Cell::Decimal(rate.round_dp(10).normalize())
            }
            Read::Boolean | Read::Not => {
                let value = if let Raw::Boolean(value) = raw { value } else { boolean(text)? };
                Cell::Boolean(value != (column.read == Read::Not))
            }
            Read::Day => Cell::Day(self.day(raw)?),
            Read::Month => Cell::Day(self.day(raw)?.first_of_month()),
            Read::Instant => {
                let (at, flag) = self.flagged_instant(raw)?;
                if let Some(flag) = flag {
                    self.remark(remarks, flag, || remark_on_time(flag, text));
                }
                Cell::Instant(at)
            }
            Read::MatchKey => {
                if let Some(key) = self.settings.person_key.match_key(text) {
                    Cell::Text(key.into())
                } else {
                    remarks.push((
                        "value.email",
                        "an e-mail field holds no single address: it is not used to match people"
                            .into(),
                    ));
                    Cell::Null
                }
            }
            Read::EmailDomain => address(text)
                .and_then(|address| address.split_once('@').map(|(_, domain)| domain.to_owned()))
                .map_or(Cell::Null, |domain| self.intern(column, &domain)),
            Read::WebDomain => web_domain(text).map_or(Cell::Null, Cell::text),
            Read::Currency => {
                // The list of currencies is long and a file knows few: those seen are looked at
                // first.
                if let Some(known) = self.currencies.iter().find(|known| &***known == text) {
                    return Ok(Cell::Text(Arc::clone(known)));
                }
                let code = if self.recipe.tidy_currency {
                    text.trim().to_uppercase()
                } else {
                    text.to_owned()
                };
                let currency: Currency = code.parse().map_err(|error: domain::MoneyError| {
                    Fault::new("value.currency", error.to_string())
                })?;
                let shared: Arc<str> = currency.code().into();
                self.currencies.push(Arc::clone(&shared));
                Cell::Text(shared)
            }
            Read::User => {
                let id = salesforce_id(text)?;
                if let Some(name) = self.lookups.user(&id) {
                    Cell::Text(Arc::clone(name))
                } else {
                    if opaque_user(&id) {
                        self.remark(remarks, "value.unknown-user", || {
                            format!("user `{}` is in no user file: its id is shown", shown(&id))
                        });
                    }
                    self.intern(column, &id)
                }
            }
            Read::ForecastCategory => match self.forecasts.get_or(text, forecast_category) {
                category if category.is_empty() => Cell::Null,
                category => Cell::Text(category),
            },
            Read::StageLabel => match self.stage_label(text) {
                Cell::Text(label) if &*label == text => self.intern(column, text),
                label => label,
            },
            Read::StageClosed => self
                .lookups
                .stage(text.trim())
                .and_then(|stage| stage.closed)
                .map_or(Cell::Null, Cell::Boolean),
            Read::StageWon => self
                .lookups
                .stage(text.trim())
                .and_then(|stage| stage.won)
                .map_or(Cell::Null, Cell::Boolean),
            Read::ActivityKind => Cell::text(activity_kind(text)),
            Read::FieldName => field_name(text).map_or(Cell::Null, Cell::text),
            Read::Lifecycle => {
                let name = lifecycle(text);
                self.intern(column, &name)
            }
            Read::AdCampaign => {
                let id = identifier(text)?;
                match self.lookups.ad_campaign(id) {
                    Some(campaign) => Cell::Text(Arc::clone(campaign)),
                    None => self.intern(column, id),
                }
            }
            Read::AdCurrency(platform) => self
                .lookups
                .ad_currency(platform, identifier(text)?)
                .map_or(Cell::Null, |currency| Cell::Text(Arc::clone(currency))),
            Read::DealCompany => looked_up(self.lookups.deal_company(text.trim())),
            Read::EngagementContact => looked_up(self.lookups.engagement_contact(text.trim())),
            Read::EngagementCompany => looked_up(self.lookups.engagement_company(text.trim())),
            Read::Always(text) => Cell::text(text),
            Read::Qualification => Cell::Null,
        })
    }

    fn number(&self, raw: Raw<'_>) -> Result<Decimal, Fault> {
        match raw {
            Raw::Text(text) => decimal(text.trim(), self.numbers),
            Raw::Number(text) => typed(text),
            other => Err(Fault::new(
                "value.type",
                format!("expected a number, found `{}`", shown(&other.to_plain())),
            )),
        }
    }

    fn integer(&self, raw: Raw<'_>) -> Result<Cell, Fault> {
        let number = self.number(raw)?;
        let whole = number.normalize();
        i64::try_from(whole).ok().filter(|_| whole.scale() == 0).map(Cell::Integer).ok_or_else(
            || Fault::new("value.integer", format!("expected a whole number, found `{number}`")),
        )
    }

    fn day(&self, raw: Raw<'_>) -> Result<jiff::civil::Date, Fault> {
        let day = match raw {
            Raw::Day(day) => day,
            Raw::Civil(at) => at.date(),
            Raw::Instant(at) => day_of(crate::value::date::Moment::Instant(at), &self.dates),
            Raw::Text(text) => day_of(moment(text, &self.dates)?.0, &self.dates),
            other => day_of(moment(&other.to_plain(), &self.dates)?.0, &self.dates),
        };
        plausible_year(day.year(), || raw.to_plain())?;
        Ok(day)
    }

    fn flagged_instant(&self, raw: Raw<'_>) -> Result<(Timestamp, Option<&'static str>), Fault> {
        let (at, flag) = match raw {
            Raw::Instant(at) => (at, None),
            Raw::Civil(at) => instant_in(at, &self.dates.zone)?,
            Raw::Day(day) => instant_of(crate::value::date::Moment::Day(day), &self.dates)?,
            other => {
                let text = other.as_text().unwrap_or("");
                let (found, leap) = moment(text, &self.dates)?;
                let (at, fold) = instant_of(found, &self.dates)?;
                (at, leap.or(fold))
            }
        };
        plausible_instant(at, || raw.to_plain())?;
        Ok((at, flag))
    }

    /// Reads an instant where there is one.
    pub(crate) fn instant(&self, raw: Raw<'_>) -> Result<Option<Timestamp>, Fault> {
        if self.empty(raw, &[]) {
            Ok(None)
        } else {
            self.flagged_instant(raw).map(|(at, _)| Some(at))
        }
    }

    /// Rewrites the values of a change in the form of its field: plain decimals, ISO days, names.
    pub(crate) fn change(&self, field: &str, text: &str) -> Result<Option<Cell>, Fault> {
        Ok(Some(match field {
            "amount" => Cell::text(decimal(text.trim(), self.numbers)?.normalize().to_string()),
            "close_on" => Cell::text(self.day(Raw::Text(text))?.to_string()),
            "forecast_category" => Cell::text(forecast_category(text)),
            "stage" => self.stage_label(text),
            "owner" => {
                let id = salesforce_id(text)?;
                let salesforce = id.len() == 18 && opaque_user(&id);
                match self.lookups.user(&id) {
                    // A lookup writes two rows: the one with the ids says nothing new.
                    _ if salesforce => return Ok(None),
                    Some(name) => Cell::Text(Arc::clone(name)),
                    None => Cell::text(text),
                }
            }
            _ => Cell::text(text),
        }))
    }
}

/// True for the id of a user or queue, rather than a name.
fn opaque_user(id: &str) -> bool {
    (id.len() == 18 && (id.starts_with("005") || id.starts_with("00G")))
        || id.bytes().all(|b| b.is_ascii_digit())
}

fn looked_up(found: Option<&Arc<str>>) -> Cell {
    found.map_or(Cell::Null, |text| Cell::Text(Arc::clone(text)))
}

fn remark_on_time(flag: &str, text: &str) -> String {
    if flag == "value.leap-second" {
        format!("the leap second `{}` was moved to the microsecond before", shown(text))
    } else {
        format!("local time `{}` occurs twice: the earlier instant was taken", shown(text))
    }
}

fn nested(kind: &str, read: Read) -> Fault {
    let expected = match read {
        Read::Amount
        | Read::Micros
        | Read::Count
        | Read::Percent
        | Read::Fraction
        | Read::Rate
        | Read::Integer => "a number",
        Read::Boolean | Read::Not => "a boolean",
        Read::Day | Read::Instant | Read::Month => "a date",
        _ => "a text",
    };
    let fault = Fault::new(
        "value.type",
        format!("type mismatch: expected {expected}, found `{}`", shown(kind)),
    )
    .hint("Flatten the column before the export.");
    // In a typed format the whole column is of the wrong type; in JSON it is this value.
    if kind.starts_with(['{', '[']) { fault } else { fault.fatal() }
}

/// Refuses decimals beyond the ten digits that are stored; nothing is rounded in silence.
fn scaled(amount: Decimal) -> Result<Decimal, Fault> {
    if amount.scale() > 10 && amount.normalize().scale() > 10 {
        return Err(Fault::new(
            "value.number-digits",
            format!("`{}` has more than ten digits after the decimal mark", amount.normalize()),
        ));
    }
    Ok(if amount.scale() > 10 { amount.normalize() } else { amount })
}

/// Names a forecast category in our words; one that is not known stays as it is.
fn forecast_category(text: &str) -> String {
    let folded: String =
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    match folded.as_str() {
        "pipeline" => "pipeline",
        "bestcase" => "best_case",
        "mostlikely" => "most_likely",
        "forecast" | "commit" => "commit",
        "closed" | "closedwon" => "closed",
        "omitted" | "omit" | "notforecasted" => "omitted",
        _ => return text.to_owned(),
    }
    .to_owned()
}

fn activity_kind(text: &str) -> &'static str {
    let lower = text.to_lowercase();
    if lower.contains("call") {
        "call"
    } else if lower.contains("mail") {
        "email"
    } else if lower.contains("meeting") || lower.contains("demo") || lower.contains("event") {
        "meeting"
    } else {
        "task"
    }
}

/// Names a tracked field in our words; one that the model does not keep is `None`.
fn field_name(text: &str) -> Option<&'static str> {
    let folded: String =
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    Some(match folded.as_str() {
        "stagename" | "stage" | "dealstage" => "stage",
        "amount" => "amount",
        "closedate" => "close_on",
        "forecastcategoryname" | "forecastcategory" | "hsmanualforecastcategory" => {
            "forecast_category"
        }
        "owner" | "ownerid" | "hubspotownerid" | "opportunityowner" => "owner",
        "created" | "createdate" => "created",
        _ => return None,
    })
}

/// Gathers the answers that are not empty as a JSON object.
fn qualification(column: &BoundColumn, row: &Row<'_>) -> Cell {
    let mut answers = serde_json::Map::new();
    for (key, &at) in column.keys.iter().zip(&column.sources) {
        let text = row.get(at).to_plain();
        let text = text.trim();
        if !text.is_empty() {
            answers.insert((*key).to_owned(), text.into());
        }
    }
    if answers.is_empty() {
        Cell::Null
    } else {
        Cell::text(serde_json::Value::Object(answers).to_string())
    }
}

/// Makes a constant cell of a kind from a text of a mapping.
pub(crate) fn constant(kind: Kind, text: &str) -> Option<Cell> {
    Some(match kind {
        Kind::Text => Cell::text(text),
        Kind::Integer => Cell::Integer(text.parse().ok()?),
        Kind::Boolean => Cell::Boolean(boolean(text).ok()?),
        Kind::Day => Cell::Day(text.parse().ok()?),
        Kind::Instant => {
            if let Ok(at) = text.parse::<Timestamp>() {
                Cell::Instant(at)
            } else {
                let day: jiff::civil::Date = text.parse().ok()?;
                Cell::Instant(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
            }
        }
        Kind::Decimal => Cell::Decimal(decimal(text, NumberStyle::PLAIN).ok()?),
    })
}
