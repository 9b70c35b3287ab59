//! Compares the answers of the program with those of the reference model, figure by figure.

use std::collections::BTreeMap;

use domain::definition::{Side, SourcedBy};
use domain::{Definitions, Money};
use serde_json::Value;
use testkit::reference::{self, ProgramRow};

/// What differs between the program and the reference model.
pub(crate) struct Check {
    pub(crate) what: String,
    pub(crate) n_compared: usize,
    pub(crate) differences: Vec<String>,
}

impl Check {
    pub(crate) fn new(what: String) -> Self {
        Self { what, n_compared: 0, differences: Vec::new() }
    }

    /// Compares a value of the program with one of the reference model.
    pub(crate) fn same(&mut self, name: &str, found: Option<i64>, expected: i64) {
        self.near(name, found, expected, 0);
    }

    pub(crate) fn near(&mut self, name: &str, found: Option<i64>, expected: i64, tolerance: i64) {
        self.n_compared += 1;
        if found.is_none_or(|found| found.abs_diff(expected) > tolerance.unsigned_abs()) {
            self.differences.push(format!("{name}: program {found:?}, reference {expected}"));
        }
    }

    #[track_caller]
    pub(crate) fn finish(self) {
        assert!(self.n_compared > 300, "{}: {} figures compared", self.what, self.n_compared);
        let n = self.differences.len();
        let shown = self.differences.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
        assert_eq!(n, 0, "{}: {n} of {} figures differ\n{shown}", self.what, self.n_compared);
    }
}

/// Compares all answers of a period; `ask` answers a question.
pub(crate) fn compare(
    check: &mut Check,
    ask: &mut dyn FnMut(&str) -> Value,
    definitions: &Definitions,
    reference: &reference::Company,
    period: &str,
) {
    let named = definitions.calendar().period(period).unwrap();
    let before = check.differences.len();
    scorecard(check, &ask("scorecard"), definitions, reference, &named);
    pipeline(check, &ask("pipeline"), reference, &named);
    attribution(check, &ask("attribution"), reference, &named);
    programs(check, &ask("programs"), reference, &named);
    for difference in check.differences.iter_mut().skip(before) {
        *difference = format!("{period}: {difference}");
    }
}

fn scorecard(
    check: &mut Check,
    answer: &Value,
    definitions: &Definitions,
    reference: &reference::Company,
    period: &domain::Period,
) {
    let figures = answer["figures"].as_array().unwrap();
    let expected = reference.scorecard(period);
    check.same("figures", i64::try_from(figures.len()).ok(), 9);
    for figure in figures {
        let id = figure["id"].as_str().unwrap();
        equal(check, id, &figure["value"], &expected[id]);
    }
    let periods =
        answer["tables"].as_array().unwrap().iter().find(|table| table["id"] == "periods");
    for row in periods.into_iter().flat_map(|table| table["rows"].as_array().unwrap()) {
        let label = row["label"].as_str().unwrap();
        let Ok(period) = definitions.calendar().period(label) else { continue };
        let expected = reference.scorecard(&period);
        let columns = periods.unwrap()["columns"].as_array().unwrap();
        for (column, entry) in columns.iter().zip(row["entries"].as_array().unwrap()) {
            let id = column["id"].as_str().unwrap();
            // Spend that is recorded only from a later day is no comparison.
            if id != "spend" || entry["value"]["unit"] != "none" {
                equal(check, &format!("{label} {id}"), &entry["value"], &expected[id]);
            }
        }
    }
}

/// Compares a value of any unit; numbers to the ninth digit.
fn equal(check: &mut Check, name: &str, found: &Value, expected: &domain::Value) {
    let expected = serde_json::to_value(expected).unwrap();
    let kinds = (found["unit"].as_str().unwrap(), expected["unit"].as_str().unwrap());
    match kinds {
        ("none", "none") => check.same(name, Some(0), 0),
        ("share", "share") => {
            for part in ["of", "total"] {
                check.same(name, found[part].as_i64(), expected[part].as_i64().unwrap());
            }
        }
        ("number", "number") => {
            let nano = |value: &Value| (value["value"].as_f64().unwrap() * 1e9).round() as i64;
            check.near(name, Some(nano(found)), nano(&expected), 1);
        }
        _ => check.same(name, number(found), number(&expected).unwrap_or(i64::MIN)),
    }
}

pub(crate) fn pipeline(
    check: &mut Check,
    answer: &Value,
    reference: &reference::Company,
    period: &domain::Period,
) {
    for (id, value) in reference.pipeline(period) {
        let expected = number(&serde_json::to_value(value).unwrap()).unwrap();
        if let Some(found) = figure(answer, &id) {
            check.same(&id, Some(found), expected);
        }
    }
    let sides = reference.sides(period, SourcedBy::FirstTouch);
    let sources = table(answer, "sources");
    let (influenced, open) = (reference.influenced(period), reference.expected());
    for side in Side::ALL {
        let [created, pipeline, won, amount] = sides[&side];
        let cell = |column: &str| sources.get(side.id()).and_then(|row| row.get(column)).copied();
        let mut same = |column: &str, expected| {
            check.same(&format!("sources.{side}.{column}"), cell(column), expected);
        };
        same("opportunities", created);
        same("pipeline", pipeline);
        same("won_opportunities", won);
        same("won", amount);
        same("influenced", influenced[&side]);
        same("open_expected", open[&side]);
        let id = format!("{side}_sourced_pipeline");
        check.same(&id, figure(answer, &id), pipeline);
    }
    check.same("open_expected", figure(answer, "open_expected"), open.values().sum());
    let rules = table(answer, "rules");
    for rule in SourcedBy::ALL {
        let sides = reference.sides(period, rule);
        for side in Side::ALL {
            let found = rules.get(rule.id()).and_then(|row| row.get(side.id())).copied();
            check.same(&format!("rules.{}.{side}", rule.id()), found, sides[&side][1]);
        }
        let found =
            rules.get(rule.id()).and_then(|row| row.get("marketing_opportunities")).copied();
        check.same(&format!("rules.{}.n", rule.id()), found, sides[&Side::Marketing][0]);
    }
    let stages = table(answer, "stages");
    if sides.values().any(|side| side[0] > 0) {
        for (stage, n) in reference.stages(period) {
            let found = stages.get(&stage).and_then(|row| row.get("all")).copied();
            check.same(&format!("stages.{stage}"), found, n);
        }
    }
}

fn attribution(
    check: &mut Check,
    answer: &Value,
    reference: &reference::Company,
    period: &domain::Period,
) {
    let n_deals = figure(answer, "opportunities_with_touches").unwrap_or(0);
    let (credit, won) = (table(answer, "credit"), table(answer, "credit_won"));
    let divided = credit.keys().any(|channel| channel != "all");
    if !divided {
        // Where no deal has a touch there is nothing to divide; the totals stand.
        let with_touches = reference.credits("linear").iter().any(|credit| {
            let created = reference.opportunities().iter().find(|d| d.id == credit.opportunity);
            let counts =
                |deal: &reference::Opportunity| deal.counted && period.contains(deal.created_on);
            credit.n_touches > 0 && created.is_some_and(counts)
        });
        check.same("deals with touches", Some(0), i64::from(with_touches));
    }
    for model in reference.models() {
        let expected = reference.attribution(period, model);
        // Powers of two and removal effects are no fractions: the last cent of a deal may move.
        let tolerance = if matches!(model, "time_decay" | "markov") { n_deals } else { 0 };
        let channels = credit.keys().chain(expected.keys());
        let channels = channels.filter(|channel| divided && *channel != "all");
        for channel in channels.collect::<std::collections::BTreeSet<_>>() {
            let (all, so_far) = expected.get(channel).copied().unwrap_or_default();
            // A channel without credit under any model has no row.
            let cell = |rows: &Table| match rows.get(channel) {
                Some(row) => row.get(model).copied(),
                None => Some(0),
            };
            check.near(&format!("credit.{channel}.{model}"), cell(&credit), all, tolerance);
            check.near(&format!("credit_won.{channel}.{model}"), cell(&won), so_far, tolerance);
        }
        let total = expected.values().map(|credit| credit.0).sum();
        if let Some(all) = credit.get("all") {
            check.same(&format!("credit.all.{model}"), all.get(model).copied(), total);
        }
    }
}

fn programs(
    check: &mut Check,
    answer: &Value,
    reference: &reference::Company,
    period: &domain::Period,
) {
    // A campaign of the CRM and the one of its ad platform are one program: one row for each name.
    let labels: Vec<&str> = answer["tables"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|table| table["id"] == "programs")
        .flat_map(|table| table["rows"].as_array().unwrap())
        .map(|row| row["label"].as_str().unwrap())
        .collect();
    let names: std::collections::BTreeSet<&str> = labels.iter().copied().collect();
    let counted = |n: usize| i64::try_from(n).unwrap();
    let (n_rows, n_names) = (counted(labels.len()), counted(names.len()));
    check.same("programs of one name", Some(n_rows), n_names);
    let found = labelled(answer, "programs");
    rows(check, "programs", &found, reference.programs(period), "No program");
    let found = table(answer, "channels");
    rows(check, "channels", &found, reference.programs_by_channel(period), "");
    let totals = reference.programs_by_channel(period);
    let sum = |part: fn(&ProgramRow) -> i64| totals.values().map(part).sum::<i64>();
    check.same("spend", figure(answer, "spend"), sum(|row| row.spend));
    check.same("touches", figure(answer, "touches"), sum(|row| row.touches));
    check.same("leads", figure(answer, "leads"), sum(|row| row.leads));
    check.same("won_credit", figure(answer, "won_credit"), sum(|row| row.won_credit));
}

fn rows(
    check: &mut Check,
    name: &str,
    found: &Table,
    expected: BTreeMap<String, ProgramRow>,
    none: &str,
) {
    let mut expected: BTreeMap<String, ProgramRow> = expected
        .into_iter()
        .map(|(id, row)| (if id.is_empty() { none.to_owned() } else { id }, row))
        .collect();
    // Programs that did nothing but touch people share one row.
    if let Some(label) =
        found.keys().find(|id| id.ends_with(" programs without spend, credit or deals"))
    {
        let (idle, rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
            expected.into_iter().partition(|(id, _)| !found.contains_key(id));
        expected = rest;
        let mut all = ProgramRow::default();
        for row in idle.into_values() {
            check.same(name, Some(row.spend + row.pipeline + row.won + row.won_credit), 0);
            check.same(name, Some(row.opportunities + row.won_opportunities), 0);
            all.touches += row.touches;
            all.invalid_touches += row.invalid_touches;
            all.leads += row.leads;
        }
        expected.insert(label.clone(), all);
    }
    for id in found.keys().filter(|id| !id.eq_ignore_ascii_case("all")) {
        expected.entry(id.clone()).or_default();
    }
    for (id, row) in expected {
        let columns = [
            ("spend", row.spend),
            ("touches", row.touches),
            ("invalid_touches", row.invalid_touches),
            ("leads", row.leads),
            ("opportunities", row.opportunities),
            ("pipeline", row.pipeline),
            ("won_opportunities", row.won_opportunities),
            ("won", row.won),
            ("won_credit", row.won_credit),
        ];
        for (column, expected) in columns {
            let cell = found.get(&id).and_then(|row| row.get(column)).copied();
            check.same(&format!("{name}.{id}.{column}"), cell, expected);
        }
    }
}

/// Rows of a table: by row and column, money in minor units.
pub(crate) type Table = BTreeMap<String, BTreeMap<String, i64>>;

pub(crate) fn table(answer: &Value, id: &str) -> Table {
    read_table(answer, id, "id")
}

/// A table by the labels of its rows; rows with one label are added up.
fn labelled(answer: &Value, id: &str) -> Table {
    read_table(answer, id, "label")
}

fn read_table(answer: &Value, id: &str, key: &str) -> Table {
    let mut rows = Table::new();
    let tables = answer["tables"].as_array().unwrap();
    let Some(table) = tables.iter().find(|table| table["id"] == id) else { return rows };
    let columns = table["columns"].as_array().unwrap();
    for row in table["rows"].as_array().unwrap() {
        let cells = rows.entry(row[key].as_str().unwrap().to_owned()).or_default();
        for (column, entry) in columns.iter().zip(row["entries"].as_array().unwrap()) {
            if let Some(value) = number(&entry["value"]) {
                *cells.entry(column["id"].as_str().unwrap().to_owned()).or_default() += value;
            }
        }
    }
    rows
}

pub(crate) fn figure(answer: &Value, id: &str) -> Option<i64> {
    let figures = answer["figures"].as_array()?;
    number(&figures.iter().find(|figure| figure["id"] == id)?["value"])
}

/// Returns a count, or money in minor units.
pub(crate) fn number(value: &Value) -> Option<i64> {
    match value["unit"].as_str()? {
        "count" => value["value"].as_i64(),
        "money" => {
            let amount = value["amount"].as_str()?.parse().ok()?;
            let currency = value["currency"].as_str()?.parse().ok()?;
            Money::from_decimal(amount, currency).ok().map(|money| money.minor)
        }
        _ => None,
    }
}
