//! A preset or mapping laid onto the columns of one file: which position feeds which fact column.

use std::collections::HashMap;
use std::sync::Arc;

use domain::diagnostic::nearest;
use domain::fact::FactTable;
use domain::{Cell, Currency, Diagnostic, Place};
use jiff::tz::TimeZone;

use crate::format::decode::Encoding;
use crate::preset::{
    CURRENT, DELETED, Dates, EachColumn, FAULT, FactRule, LOADER, Numbers, Preset, Read, Shape,
    Totals, VERSION, When, fold, table,
};
use crate::settings::{DayOrder, Rejected, Settings};
use crate::value::number::NumberStyle;

/// How numbers of a file are read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NumberRule {
    Style(NumberStyle),
    Decide,
}

/// How dates of a file are read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DateRule {
    Order(Option<DayOrder>),
    Decide,
}

/// Everything that is known about reading the rows of one file.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) shape: Shape,
    pub(crate) facts: Vec<BoundFact>,
    pub(crate) numbers: NumberRule,
    pub(crate) dates: DateRule,
    pub(crate) zone: TimeZone,
    pub(crate) epoch_milliseconds: bool,
    pub(crate) epoch_seconds: bool,
    pub(crate) compact: bool,
    pub(crate) spreadsheet: bool,
    pub(crate) empties: Vec<String>,
    pub(crate) totals: Totals,
    pub(crate) until: Option<usize>,
    pub(crate) deleted: Option<usize>,
    pub(crate) current: Option<usize>,
    /// What is wrong with a row by its own source, and with which property.
    pub(crate) fault: Option<(usize, Option<usize>)>,
    pub(crate) version: Vec<usize>,
    pub(crate) tidy_currency: bool,
    pub(crate) fallback: Option<Encoding>,
}

/// Where the columns of a table stand that every fact is looked at for; found once, not per row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Positions {
    pub(crate) currency: Option<usize>,
    pub(crate) amount: Option<usize>,
    pub(crate) won: Option<usize>,
    pub(crate) account_id: Option<usize>,
    pub(crate) account_name: Option<usize>,
    pub(crate) person_id: Option<usize>,
    pub(crate) program_id: Option<usize>,
    pub(crate) status: Option<usize>,
    pub(crate) responded: Option<usize>,
    pub(crate) invalid: Option<usize>,
    pub(crate) invalid_reason: Option<usize>,
    /// When the fact happened.
    pub(crate) effective: Option<usize>,
    /// Columns of money, with their names.
    pub(crate) money: [(&'static str, Option<usize>); 3],
}

impl Positions {
    pub(crate) fn of(table: &FactTable) -> Self {
        let at = |name: &str| table.position(name);
        Self {
            currency: at("currency"),
            amount: at("amount"),
            won: at("won"),
            account_id: at("account_id"),
            account_name: at("account_name"),
            person_id: at("person_id"),
            program_id: at("program_id"),
            status: at("status"),
            responded: at("responded"),
            invalid: at("invalid"),
            invalid_reason: at("invalid_reason"),
            effective: at(table.effective),
            money: ["amount", "budget", "actual_cost"].map(|name| (name, at(name))),
        }
    }
}

/// Returns the cell at a position; [`Cell::Null`] where there is none.
pub(crate) fn cell_at(cells: &[Cell], at: Option<usize>) -> &Cell {
    at.and_then(|at| cells.get(at)).unwrap_or(&Cell::Null)
}

/// One kind of fact with the positions of its columns.
#[derive(Clone, Debug)]
pub(crate) struct BoundFact {
    pub(crate) table: &'static FactTable,
    pub(crate) at: Positions,
    pub(crate) columns: Vec<BoundColumn>,
    pub(crate) carried: u64,
    pub(crate) split: Option<(usize, usize)>,
    pub(crate) needs: Vec<usize>,
    pub(crate) when: Option<BoundWhen>,
    pub(crate) withdraws: bool,
}

/// One column of a fact with the positions that feed it.
#[derive(Clone, Debug)]
pub(crate) struct BoundColumn {
    pub(crate) to: usize,
    pub(crate) sources: Vec<usize>,
    pub(crate) joined: bool,
    pub(crate) read: Read,
    pub(crate) constant: Option<Cell>,
    pub(crate) values: Option<HashMap<String, String>>,
    pub(crate) fallback: Option<Cell>,
    pub(crate) prefix: Option<String>,
    pub(crate) empties: Vec<String>,
    /// Keys of qualification answers, in step with the sources.
    pub(crate) keys: Vec<&'static str>,
}

impl BoundColumn {
    pub(crate) fn new(to: usize, read: Read) -> Self {
        Self {
            to,
            sources: Vec::new(),
            joined: false,
            read,
            constant: None,
            values: None,
            fallback: None,
            prefix: None,
            empties: Vec::new(),
            keys: Vec::new(),
        }
    }
}

/// When a row makes a fact, by position.
#[derive(Clone, Debug)]
pub(crate) enum BoundWhen {
    True(Vec<usize>),
    NotTrue(Vec<usize>),
    OneOf(usize, Vec<String>),
    NotOneOf(usize, Vec<String>),
}

/// The columns of a file, found by folded name.
pub(crate) struct Header<'a> {
    pub(crate) names: &'a [Arc<str>],
    folded: HashMap<String, Vec<usize>>,
}

/// What a lookup of a name in a header gives.
pub(crate) enum Found {
    At(usize),
    Repeated(usize, usize),
    Missing,
}

impl<'a> Header<'a> {
    pub(crate) fn new(names: &'a [Arc<str>]) -> Self {
        let mut folded: HashMap<String, Vec<usize>> = HashMap::with_capacity(names.len());
        for (at, name) in names.iter().enumerate() {
            folded.entry(fold(name)).or_default().push(at);
        }
        Self { names, folded }
    }

    /// True where a column folds to the same name; `x (*)` takes any currency in parentheses and a
    /// name with a loader's prefix must be there with that prefix.
    pub(crate) fn has(&self, name: &str) -> bool {
        if name.ends_with("(*)") {
            return self.with_currency(name).is_some();
        }
        if name.starts_with("property_") || name.starts_with("properties") {
            return self.names.iter().any(|n| n.eq_ignore_ascii_case(name));
        }
        self.folded.contains_key(&fold(name))
    }

    pub(crate) fn find(&self, name: &str) -> Found {
        let Some(positions) = self.folded.get(&fold(name)) else { return Found::Missing };
        match positions.as_slice() {
            [at] => Found::At(*at),
            [first, rest @ ..] => {
                let exact: Vec<usize> = positions
                    .iter()
                    .copied()
                    .filter(|&at| self.names.get(at).is_some_and(|n| &**n == name))
                    .collect();
                if let [at] = exact.as_slice() {
                    return Found::At(*at);
                }
                let same = rest.iter().find(|&&at| self.names.get(at) == self.names.get(*first));
                same.map_or(Found::At(*first), |&other| Found::Repeated(*first, other))
            }
            [] => Found::Missing,
        }
    }

    /// Finds `Amount spent (USD)` for `Amount spent (*)`.
    pub(crate) fn with_currency(&self, pattern: &str) -> Option<(usize, Currency)> {
        let wanted = fold(pattern.trim_end_matches("(*)"));
        self.names.iter().enumerate().find_map(|(at, name)| {
            let folded = fold(name);
            let rest = folded.strip_prefix(wanted.as_str())?;
            let code = rest.strip_prefix('(')?.strip_suffix(')')?;
            Some((at, code.to_uppercase().parse().ok()?))
        })
    }
}

/// What became of laying a preset onto a header.
pub(crate) struct Bound {
    pub(crate) recipe: Recipe,
    /// Positions that feed something, with what: `opportunity.amount`.
    pub(crate) matched: Vec<(usize, String)>,
    pub(crate) notes: Vec<String>,
}

/// Lays a preset onto the header of a file; refuses where a needed column is missing or repeated.
pub(crate) fn bind_preset(
    preset: &Preset,
    header: &Header<'_>,
    settings: &Settings,
    file: &Arc<str>,
    line: u64,
) -> Result<Bound, Rejected> {
    let place = || Place::line(Arc::clone(file), line);
    let dialect = preset.dialect;
    let mut used = Used::default();
    let mut facts = Vec::new();
    for (number, rule) in preset.facts.iter().enumerate() {
        let Some(table) = table(rule.table) else { continue };
        let bound = match bind_rule(rule, table, header, settings, &mut used) {
            Ok(bound) => bound,
            Err(Missing { from: _ }) if number > 0 => continue,
            Err(Missing { from }) => {
                return Err(missing(preset.id, &from, header, place()).into());
            }
        };
        facts.extend(bound);
    }
    if let Some((first, second, name)) = used.repeated.first() {
        return Err(Diagnostic::error(
            "csv.repeated-column",
            format!(
                "the column `{name}` stands twice, at positions {} and {}",
                first + 1,
                second + 1
            ),
        )
        .at(place())
        .hint("Rename or remove one of them, so that it is clear which one counts.")
        .into());
    }
    for guarded in preset.guarded {
        if header.has(guarded) || used.names.iter().any(|n| fold(n) == fold(guarded)) {
            continue;
        }
        // A column that is gone while one much like it is new was renamed: never load without it.
        let prefix = fold(guarded);
        let unused =
            header.names.iter().enumerate().filter(|(at, _)| !used.positions.contains_key(at));
        let alternatives: Vec<&str> = preset
            .facts
            .iter()
            .flat_map(|rule| rule.columns.iter())
            .find(|column| column.from.iter().any(|name| fold(name) == prefix))
            .map(|column| column.from.to_vec())
            .unwrap_or_default();
        if alternatives.iter().any(|name| header.has(name)) {
            continue;
        }
        if let Some((_, name)) = unused.clone().find(|(_, name)| {
            fold(name).starts_with(&prefix) || nearest(guarded, [&***name]).is_some()
        }) {
            return Err(Diagnostic::error(
                "intake.column-renamed",
                format!("the column `{guarded}` is missing and the column `{name}` is not known"),
            )
            .at(place())
            .hint(format!("Rename `{name}` to `{guarded}`, or write a mapping that names it."))
            .into());
        }
    }
    let mut find = |names: &[&str]| -> Option<usize> {
        names.iter().find_map(|name| match header.find(name) {
            Found::At(at) | Found::Repeated(at, _) => {
                used.positions.entry(at).or_insert_with(|| "control".to_owned());
                Some(at)
            }
            Found::Missing => None,
        })
    };
    let until = find(preset.until);
    let deleted = find(DELETED);
    let current = find(CURRENT);
    let [fault, property] = FAULT.map(|name| find(&[name]));
    let fault = fault.map(|at| (at, property));
    let version = VERSION.iter().filter_map(|name| find(&[name])).collect();
    for name in LOADER {
        find(&[name]);
    }
    let mut matched: Vec<(usize, String)> = used.positions.into_iter().collect();
    matched.sort();
    Ok(Bound {
        recipe: Recipe {
            shape: preset.shape,
            facts,
            numbers: match dialect.numbers {
                Numbers::Plain => NumberRule::Style(NumberStyle::PLAIN),
                Numbers::Decide => NumberRule::Decide,
            },
            dates: match dialect.dates {
                Dates::Iso => DateRule::Order(settings.day_order),
                Dates::MonthFirst => DateRule::Order(Some(DayOrder::MonthFirst)),
                Dates::Decide => DateRule::Decide,
            },
            zone: if dialect.utc { TimeZone::UTC } else { settings.zone.clone() },
            epoch_milliseconds: dialect.epoch,
            epoch_seconds: false,
            compact: dialect.compact,
            spreadsheet: false,
            empties: dialect.empties.iter().map(|&text| text.to_owned()).collect(),
            totals: dialect.totals,
            until,
            deleted,
            current,
            fault,
            version,
            tidy_currency: false,
            fallback: dialect.fallback,
        },
        matched,
        notes: used.notes,
    })
}

#[derive(Default)]
struct Used {
    positions: HashMap<usize, String>,
    names: Vec<String>,
    repeated: Vec<(usize, usize, String)>,
    notes: Vec<String>,
}

struct Missing {
    from: Vec<&'static str>,
}

fn bind_rule(
    rule: &FactRule,
    table: &'static FactTable,
    header: &Header<'_>,
    settings: &Settings,
    used: &mut Used,
) -> Result<Vec<BoundFact>, Missing> {
    let mut columns = Vec::new();
    let mut header_currency = None;
    for column in rule.columns {
        let Some(to) = table.position(column.to) else { continue };
        let mut bound = BoundColumn::new(to, column.read);
        if let Read::Always(text) = column.read {
            let text = if text == "{settings.currency}" { settings.currency.code() } else { text };
            bound.constant = Some(Cell::text(text));
            columns.push(bound);
            continue;
        }
        if column.read == Read::Qualification {
            qualification(header, &mut bound);
        }
        for &name in column.from {
            if name.ends_with("(*)") {
                if let Some((at, currency)) = header.with_currency(name) {
                    header_currency = Some(currency);
                    bound.sources.push(at);
                }
                continue;
            }
            let parts: Vec<&str> = name.split('+').collect();
            if parts.len() > 1 && parts.iter().all(|part| header.has(part)) {
                bound.joined = true;
                for part in parts {
                    if let Found::At(at) = header.find(part) {
                        bound.sources.push(at);
                    }
                }
                continue;
            }
            match header.find(name) {
                Found::At(at) if !bound.sources.contains(&at) => bound.sources.push(at),
                Found::Repeated(first, second) => {
                    // Two telephone numbers are no reason to refuse a file.
                    if table.name != "identity" {
                        used.repeated.push((first, second, name.to_owned()));
                    }
                    bound.sources.push(first);
                }
                _ => {}
            }
        }
        if bound.sources.is_empty() {
            continue;
        }
        for &at in &bound.sources {
            used.positions.entry(at).or_insert_with(|| format!("{}.{}", table.name, column.to));
        }
        used.names.extend(column.from.iter().map(|&n| n.to_owned()));
        columns.push(bound);
    }
    if let (Some(currency), Some(to)) = (header_currency, table.position("currency"))
        && !columns.iter().any(|column| column.to == to)
    {
        let mut bound = BoundColumn::new(to, Read::Text);
        bound.constant = Some(Cell::text(currency.code()));
        columns.push(bound);
    }
    // A file that says no more than who was merged into whom tells nothing of who they are.
    if table.name == "identity" && columns.len() < 2 {
        return Ok(Vec::new());
    }
    let split = match rule.split {
        None => None,
        Some((to, names)) => {
            let at = names.iter().find_map(|name| match header.find(name) {
                Found::At(at) => Some(at),
                _ => None,
            });
            let (Some(at), Some(to)) = (at, table.position(to)) else { return Ok(Vec::new()) };
            used.positions.entry(at).or_insert_with(|| table.name.to_owned());
            Some((to, at))
        }
    };
    let given_elsewhere: Vec<usize> = split
        .iter()
        .map(|&(to, _)| to)
        .chain(
            rule.each
                .iter()
                .flat_map(|e| [e.value_to, e.name_to])
                .filter_map(|n| table.position(n)),
        )
        .collect();
    for (to, column) in table.columns.iter().enumerate() {
        let given = columns.iter().any(|c| c.to == to) || given_elsewhere.contains(&to);
        // The currency of spend may be assumed.
        let assumed = table.name == "spend" && column.name == "currency";
        if column.required && !given && !assumed && !rule.withdraws {
            let from = rule.columns.iter().find(|c| c.to == column.name);
            return Err(Missing { from: from.map_or(vec![column.name], |c| c.from.to_vec()) });
        }
    }
    let when = rule.when.and_then(|when| {
        let all = |names: &[&str]| -> Vec<usize> {
            names
                .iter()
                .filter_map(|name| match header.find(name) {
                    Found::At(at) => Some(at),
                    _ => None,
                })
                .collect()
        };
        match when {
            When::True(names) => Some(BoundWhen::True(all(names))),
            When::NotTrue(names) => Some(BoundWhen::NotTrue(all(names))),
            When::Equals(name, text) => match header.find(name) {
                Found::At(at) => Some(BoundWhen::OneOf(at, vec![text.to_owned()])),
                _ => None,
            },
        }
    });
    let needs = rule.needs.iter().filter_map(|name| table.position(name)).collect();
    let mut bound = BoundFact {
        table,
        at: Positions::of(table),
        columns,
        carried: 0,
        split,
        needs,
        when,
        withdraws: rule.withdraws,
    };
    let mut out = Vec::new();
    match rule.each {
        None => out.push(bound),
        Some(each) => {
            for (at, name) in each_column(each, header) {
                let (Some(value_to), Some(name_to)) =
                    (table.position(each.value_to), table.position(each.name_to))
                else {
                    continue;
                };
                let mut value = BoundColumn::new(value_to, Read::Instant);
                value.sources.push(at);
                let mut named = BoundColumn::new(
                    name_to,
                    if table.name == "lifecycle_event" {
                        Read::Lifecycle
                    } else {
                        Read::StageLabel
                    },
                );
                named.constant = Some(Cell::text(name));
                let mut one = bound.clone();
                one.columns.push(value);
                one.columns.push(named);
                used.positions
                    .entry(at)
                    .or_insert_with(|| format!("{}.{}", table.name, each.value_to));
                out.push(one);
            }
            bound.columns.clear();
        }
    }
    for fact in &mut out {
        fact.carried = carried(fact);
    }
    Ok(out)
}

/// Computes the mask of the columns that a fact carries.
pub(crate) fn carried(fact: &BoundFact) -> u64 {
    let split = fact.split.map(|(to, _)| to);
    fact.columns
        .iter()
        .map(|column| column.to)
        .chain(split)
        .filter(|&to| to < 64)
        .fold(0, |mask, to| mask | (1_u64 << to))
}

/// Finds the columns that each make a fact, and the name in the middle of theirs; of two columns
/// with one name the earlier pattern wins.
fn each_column(each: EachColumn, header: &Header<'_>) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    for &(before, after) in each.around {
        for (at, original) in header.names.iter().enumerate() {
            let plain: String = original
                .trim()
                .chars()
                .map(|c| match c {
                    '“' | '”' | '„' | '‘' | '’' | '\'' => '"',
                    '\u{a0}' => ' ',
                    c => c,
                })
                .collect();
            let stripped = ["properties.", "properties_", "property_"]
                .iter()
                .find_map(|p| plain.strip_prefix(p))
                .unwrap_or(&plain);
            let starts =
                stripped.get(..before.len()).is_some_and(|s| s.eq_ignore_ascii_case(before));
            let Some(rest) = starts.then(|| stripped.get(before.len()..)).flatten() else {
                continue;
            };
            let Some(cut) = rest.len().checked_sub(after.len()) else { continue };
            if !rest.get(cut..).is_some_and(|s| s.eq_ignore_ascii_case(after)) {
                continue;
            }
            let middle = rest.get(..cut).unwrap_or("").trim();
            // `Contract Sent (Sales Pipeline)`: the pipeline is no part of the stage.
            let name = match middle.rfind(" (") {
                Some(open) if middle.ends_with(')') => middle.get(..open).unwrap_or(middle),
                _ => middle,
            };
            let known = |other: &str| fold(&lifecycle(other)) == fold(&lifecycle(name));
            if !name.is_empty() && !out.iter().any(|(_, other)| known(other)) {
                out.push((at, name.to_owned()));
            }
        }
    }
    out
}

/// Names a lifecycle stage as exports do: `marketingqualifiedlead` is `Marketing Qualified Lead`.
pub(crate) fn lifecycle(text: &str) -> String {
    const NAMES: [(&str, &str); 14] = [
        ("subscriber", "Subscriber"),
        ("lead", "Lead"),
        ("marketingqualifiedlead", "Marketing Qualified Lead"),
        ("salesqualifiedlead", "Sales Qualified Lead"),
        ("opportunity", "Opportunity"),
        ("customer", "Customer"),
        ("evangelist", "Evangelist"),
        ("other", "Other"),
        ("otherlifecycle", "Other"),
        ("suscriptor", "Subscriber"),
        ("cliente", "Customer"),
        ("oportunidad", "Opportunity"),
        ("leadcalificadoparamarketing", "Marketing Qualified Lead"),
        ("leadcalificadoparaventas", "Sales Qualified Lead"),
    ];
    let folded = fold(text);
    NAMES
        .iter()
        .find(|(id, _)| *id == folded)
        .map_or_else(|| text.to_owned(), |(_, name)| (*name).to_owned())
}

/// Gathers the columns that look like qualification answers (MEDDPICC, MEDDIC).
fn qualification(header: &Header<'_>, bound: &mut BoundColumn) {
    const PATTERNS: [(&str, &str); 10] = [
        ("economicbuyer", "economic_buyer"),
        ("decisioncriteria", "decision_criteria"),
        ("decisionprocess", "decision_process"),
        ("paperprocess", "paper_process"),
        ("identifypain", "identify_pain"),
        ("identifiedpain", "identify_pain"),
        ("champion", "champion"),
        ("competition", "competition"),
        ("metrics", "metrics"),
        ("score", "score"),
    ];
    for (at, name) in header.names.iter().enumerate() {
        let folded = fold(name);
        let custom = folded.ends_with("*c");
        let bare = folded.trim_end_matches("*c");
        let marked = bare.contains("meddpicc") || bare.contains("meddic");
        let core = bare.replace("meddpicc", "").replace("meddic", "");
        let status = core.trim_end_matches("status");
        let key = PATTERNS.iter().find(|(pattern, _)| status == *pattern).map(|(_, key)| *key);
        if let Some(key) = key.filter(|key| marked || (custom && *key != "score"))
            && !bound.keys.contains(&key)
        {
            bound.sources.push(at);
            bound.keys.push(key);
        }
    }
}

/// Says which column is missing, which were found and which may have been meant.
pub(crate) fn missing(
    layout: &str,
    from: &[&str],
    header: &Header<'_>,
    place: Place,
) -> Diagnostic {
    let wanted = from.first().copied().unwrap_or("");
    let found: Vec<&str> = header.names.iter().map(|n| &**n).take(40).collect();
    let near = nearest(wanted, found.iter().copied());
    let hint = match near {
        Some(near) => {
            format!("Is `{near}` the column that was meant? Rename it, or name it in a mapping.")
        }
        None if wanted.starts_with("Day") || from.contains(&"Day") => {
            "Add the day segment to the report (Segment, Time, Day), so that each row is one day."
                .into()
        }
        None => format!("Add the column `{wanted}` to the export."),
    };
    Diagnostic::error(
        "intake.missing-column",
        format!("`{layout}` needs the column `{wanted}`; found: {}", found.join(", ")),
    )
    .at(place)
    .hint(hint)
}
