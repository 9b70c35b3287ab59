//! The layouts that are known: which columns name a file, and what each column becomes.
//!
//! Presets are data. A column is written once, under its API name or its label, and found through
//! the folding rule that covers the spellings of all loaders (see [`fold`]). A preset never
//! guesses: a file that no preset recognizes is left to a mapping of the user.

use domain::fact::{FactColumn, FactTable, Kind, Personal};

use crate::format::decode::Encoding;

mod ads;
mod hubspot;
mod salesforce;
mod singer;
mod web;

/// How a value is read. The unit is that of the fact column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    /// Text, trimmed.
    Text,
    /// Text, with UTM placeholders and templates emptied.
    Utm,
    /// An identifier; what a spreadsheet has mangled is refused.
    Id,
    /// A Salesforce identifier, widened to 18 characters.
    SalesforceId,
    /// A Salesforce identifier of a lead or contact; others are empty.
    SalesforcePerson,
    /// An exact amount in major units.
    Amount,
    /// An exact amount in millionths.
    Micros,
    /// A count that a source may split, to ten digits.
    Count,
    /// A whole number.
    Integer,
    /// 0 to 100, becomes 0 to 1.
    Percent,
    /// 0 to 1.
    Fraction,
    /// A rate above zero.
    Rate,
    /// True or false.
    Boolean,
    /// True becomes false and false true.
    Not,
    /// A day.
    Day,
    /// The first day of the month of a day.
    Month,
    /// An instant.
    Instant,
    /// The match key of an e-mail address: a hash with the key of the lake.
    MatchKey,
    /// The domain of an e-mail address.
    EmailDomain,
    /// The domain of a web address.
    WebDomain,
    /// A currency code of ISO 4217.
    Currency,
    /// The name of a user by its id; the id itself where the name is not known.
    User,
    /// A forecast category in our words.
    ForecastCategory,
    /// The label of a stage by its id.
    StageLabel,
    /// Whether a stage is closed, by its id.
    StageClosed,
    /// Whether a stage is won, by its id.
    StageWon,
    /// The kind of an activity: call, email or meeting.
    ActivityKind,
    /// A field name of a history, in our words; others are empty.
    FieldName,
    /// A lifecycle stage by its internal name or label.
    Lifecycle,
    /// Whether a visit was looked at: `no engagement` for a time of 0, otherwise nothing.
    Engagement,
    /// The campaign of an ad by the ad's id.
    AdCampaign,
    /// The currency of an ad account by the account's id, on a platform.
    AdCurrency(&'static str),
    /// The company of a HubSpot deal by the deal's id.
    DealCompany,
    /// The contact of a HubSpot engagement by the engagement's id.
    EngagementContact,
    /// The company of a HubSpot engagement by the engagement's id.
    EngagementCompany,
    /// Always this text.
    Always(&'static str),
    /// Answers to qualification questions, gathered from all columns that look like them.
    Qualification,
}

/// One column of a fact and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct ColumnRule {
    /// Column of the fact.
    pub to: &'static str,
    /// Names in the source; of several that are there the first with a value wins. A name that ends
    /// with `(*)` takes a currency in parentheses, as in `Amount spent (USD)`.
    pub from: &'static [&'static str],
    /// How it is read.
    pub read: Read,
}

/// Columns of which each makes a fact of its own, such as `Date entered "Contract Sent (…)"`.
#[derive(Clone, Copy, Debug)]
pub struct EachColumn {
    /// What the folded name starts with, and ends with.
    pub around: &'static [(&'static str, &'static str)],
    /// Column of the fact that takes the value.
    pub value_to: &'static str,
    /// Column of the fact that takes the name in the middle.
    pub name_to: &'static str,
}

/// When a row makes a fact.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// Where any of these columns is true.
    True(&'static [&'static str]),
    /// Where none of these columns is true.
    NotTrue(&'static [&'static str]),
    /// Where a column holds this text.
    Equals(&'static str, &'static str),
}

/// One kind of fact that a row makes.
#[derive(Clone, Copy, Debug)]
pub struct FactRule {
    /// The table.
    pub table: &'static str,
    /// Its columns.
    pub columns: &'static [ColumnRule],
    /// Columns of the source that each make a fact.
    pub each: Option<EachColumn>,
    /// A fact for each part of this column, which is a list with `;`: fact column, source names.
    pub split: Option<(&'static str, &'static [&'static str])>,
    /// No fact is made where one of these fact columns is empty.
    pub needs: &'static [&'static str],
    /// No fact is made where this does not hold.
    pub when: Option<When>,
    /// True where the fact is a withdrawal.
    pub withdraws: bool,
}

/// True for the id of a preset whose files help to read others and make no facts.
pub fn is_lookup(id: &str) -> bool {
    presets().any(|preset| preset.id == id && matches!(preset.shape, Shape::Lookup(_)))
}

/// What a file is read for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Each row makes its own facts.
    Rows,
    /// Rows are whole snapshots; facts are what they say of each field at their time.
    Snapshots,
    /// Rows are changes of one field.
    Changes,
    /// Rows are parts of the spend of a day; facts are their sums.
    Spend,
    /// Of the facts with one key the earliest stands.
    Earliest,
    /// The file makes no facts but helps to read others.
    Lookup(LookupKind),
    /// The file is known and makes no facts: why.
    Skip(&'static str),
}

/// What a lookup file says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookupKind {
    /// Users by id.
    User,
    /// HubSpot stages by id.
    Stage,
    /// Ad accounts of a platform by id: their currency.
    AdAccount(&'static str),
    /// Ads by id: their campaign.
    Ad,
    /// Companies by deal.
    DealCompany,
    /// Contacts by engagement.
    EngagementContact,
    /// Companies by engagement.
    EngagementCompany,
    /// Member statuses that count as a response.
    MemberStatus,
}

/// How numbers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Numbers {
    /// As programs write them.
    Plain,
    /// As people write them; the file decides on the decimal mark.
    Decide,
}

/// How dates are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dates {
    /// ISO 8601.
    Iso,
    /// As people write them; the file decides on the order of day and month.
    Decide,
    /// With the month first.
    MonthFirst,
}

/// Rows at the ends of a file that are no data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Totals {
    /// None.
    None,
    /// Lines of one field behind a Salesforce report.
    Report,
    /// Rows of an ad manager without a day or campaign.
    Ads,
}

/// How the texts of a file are to be understood.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// Numbers.
    pub numbers: Numbers,
    /// Dates.
    pub dates: Dates,
    /// True where times without zone are UTC; otherwise they are in the account's zone.
    pub utc: bool,
    /// Texts that stand for no value, besides the empty one.
    pub empties: &'static [&'static str],
    /// The encoding of a file that is not UTF-8.
    pub fallback: Option<Encoding>,
    /// Rows that are no data.
    pub totals: Totals,
    /// True where a run of digits is a time: milliseconds since 1970.
    pub epoch: bool,
    /// True where eight digits are a day.
    pub compact: bool,
}

/// A layout.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Stable name.
    pub id: &'static str,
    /// The system that writes it.
    pub system: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    /// Sets of columns, of which one must be there whole.
    pub any: &'static [&'static [&'static str]],
    /// Columns of which none may be there.
    pub none: &'static [&'static str],
    /// How its texts are understood.
    pub dialect: Dialect,
    /// What it is read for.
    pub shape: Shape,
    /// What a row makes.
    pub facts: &'static [FactRule],
    /// The column of the last day of a row of spend, which must be the first.
    pub until: &'static [&'static str],
    /// Columns that must not vanish behind a new name.
    pub guarded: &'static [&'static str],
}

/// How programs write: ISO dates in UTC, plain numbers.
pub(crate) const API: Dialect = Dialect {
    numbers: Numbers::Plain,
    dates: Dates::Iso,
    utc: true,
    empties: &[],
    fallback: None,
    totals: Totals::None,
    epoch: false,
    compact: false,
};

pub(crate) const fn col(to: &'static str, from: &'static [&'static str], read: Read) -> ColumnRule {
    ColumnRule { to, from, read }
}

pub(crate) const fn always(to: &'static str, text: &'static str) -> ColumnRule {
    ColumnRule { to, from: &[], read: Read::Always(text) }
}

pub(crate) const fn fact(table: &'static str, columns: &'static [ColumnRule]) -> FactRule {
    FactRule { table, columns, each: None, split: None, needs: &[], when: None, withdraws: false }
}

/// All presets; of two that fit, the one that reads more columns is taken, then the earlier one.
pub fn presets() -> impl Iterator<Item = &'static Preset> {
    [salesforce::PRESETS, hubspot::PRESETS, ads::PRESETS, web::PRESETS, singer::PRESETS]
        .into_iter()
        .flatten()
}

/// Columns that say that a record was deleted.
pub(crate) const DELETED: &[&str] =
    &["IsDeleted", "_fivetran_deleted", "archived", "_sdc_deleted_at", "_ab_cdc_deleted_at"];
/// Columns that are false in versions that are no longer current.
pub(crate) const CURRENT: &[&str] = &["_fivetran_active"];
/// Columns that say when the source last changed the record, the surest first.
pub(crate) const VERSION: &[&str] = &[
    "SystemModstamp",
    "LastModifiedDate",
    "hs_lastmodifieddate",
    "Last Modified Date",
    "updated_at",
    "updated_time",
    "last_modified_time",
    "modified_time",
    "updatedAt",
    "Fecha de última modificación",
];
/// Columns of loaders, known and not used.
pub(crate) const LOADER: &[&str] = &[
    "_fivetran_synced",
    "_fivetran_id",
    "_fivetran_start",
    "_fivetran_end",
    "_airbyte_raw_id",
    "_airbyte_extracted_at",
    "_airbyte_meta",
    "_airbyte_generation_id",
    "_airbyte_ab_id",
    "_airbyte_emitted_at",
    "_airbyte_normalized_at",
    "_sdc_extracted_at",
    "_sdc_received_at",
    "_sdc_batched_at",
    "_sdc_sequence",
    "_sdc_table_version",
    "_sdc_sync_started_at",
    "_dlt_load_id",
    "_dlt_id",
    "_singer.key",
    "_singer.run",
];
/// Columns of staged records that break the schema of their stream: what is wrong, and with which
/// property.
pub(crate) const FAULT: [&str; 2] = ["_singer.fault", "_singer.property"];

const fn column(name: &'static str, kind: Kind) -> FactColumn {
    FactColumn { name, kind, required: false, personal: Personal::Stray, about: "" }
}

const fn needed(name: &'static str, kind: Kind) -> FactColumn {
    FactColumn { required: true, ..column(name, kind) }
}

const fn text(name: &'static str) -> FactColumn {
    column(name, Kind::Text)
}

/// The state of a deal at a time, from which changes are computed.
pub(crate) static SNAPSHOT: FactTable = FactTable {
    name: "snapshot",
    about: "the state of a deal from a time on",
    key: &["opportunity_id", "at", "sequence"],
    effective: "at",
    columns: &[
        needed("opportunity_id", Kind::Text),
        needed("at", Kind::Instant),
        text("sequence"),
        text("actor"),
        text("stage"),
        column("amount", Kind::Decimal),
        column("close_on", Kind::Day),
        text("forecast_category"),
        text("owner"),
    ],
};

/// What a lookup file says of one key.
pub(crate) static LOOKUP: FactTable = FactTable {
    name: "lookup",
    about: "a value by its key",
    key: &["key"],
    effective: "at",
    columns: &[
        needed("key", Kind::Text),
        text("value"),
        text("first"),
        text("last"),
        column("closed", Kind::Boolean),
        column("won", Kind::Boolean),
        column("at", Kind::Instant),
    ],
};

/// Finds a table by name, the two that only intake knows included.
pub(crate) fn table(name: &str) -> Option<&'static FactTable> {
    match name {
        "snapshot" => Some(&SNAPSHOT),
        "lookup" => Some(&LOOKUP),
        _ => FactTable::named(name),
    }
}

/// Folds a column name so that the spellings of all loaders meet: lower case, without prefixes of
/// loaders, blanks, underscores and dashes, with plain quotes, custom fields marked.
pub fn fold(name: &str) -> String {
    let mut text: String = name
        .trim()
        .trim_start_matches('\u{feff}')
        .chars()
        .map(|c| match c {
            '“' | '”' | '„' | '‘' | '’' | '\'' | '«' | '»' => '"',
            '\u{a0}' | '\u{202f}' => ' ',
            c => c,
        })
        .collect::<String>()
        .to_lowercase();
    for prefix in ["properties.", "properties_", "property_"] {
        if let Some(rest) = text.strip_prefix(prefix) {
            text = rest.to_owned();
            break;
        }
    }
    let custom = text.strip_suffix("__c").or_else(|| text.strip_suffix("_c")).map(str::to_owned);
    let mut out: String = custom
        .as_deref()
        .unwrap_or(&text)
        .chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .collect();
    if custom.is_some() {
        out.push_str("*c");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_field_folds_alike_behind_every_loader() {
        for (names, expected) in [
            (&["StageName", "STAGENAME", "stage_name", "Stage Name"][..], "stagename"),
            (&["UTM_Source__c", "utm_source_c", "utm_source__c", "UTM_SOURCE__C"], "utmsource*c"),
            (&["Pricebook2Id", "pricebook_2_id", "pricebook2_id"], "pricebook2id"),
            (
                &[
                    "property_dealname",
                    "properties_dealname",
                    "properties.dealname",
                    "Deal Name",
                    "dealname",
                ],
                "dealname",
            ),
            (
                &["Date entered “X (P)”", "date entered 'X (P)'", "Date\u{a0}entered \"X (P)\""],
                "dateentered\"x(p)\"",
            ),
            (&["Opportunity-ID", "Opportunity ID", "OpportunityId"], "opportunityid"),
        ] {
            for name in names {
                assert_eq!(fold(name), expected, "{name}");
            }
        }
    }

    #[test]
    fn presets_name_only_tables_and_columns_that_exist() {
        let mut ids = std::collections::HashSet::new();
        for preset in presets() {
            assert!(ids.insert(preset.id), "{} twice", preset.id);
            assert!(!preset.any.is_empty(), "{}", preset.id);
            for rule in preset.facts {
                let table =
                    table(rule.table).unwrap_or_else(|| panic!("{}: {}", preset.id, rule.table));
                let each = rule.each.map(|e| [e.value_to, e.name_to]).into_iter().flatten();
                let split = rule.split.map(|(to, _)| to);
                let given: Vec<&str> =
                    rule.columns.iter().map(|c| c.to).chain(each).chain(split).collect();
                for to in &given {
                    assert!(table.position(to).is_some(), "{}: {}.{to}", preset.id, rule.table);
                }
                for column in table.columns.iter().filter(|c| c.required) {
                    let found = given.contains(&column.name);
                    assert!(
                        found || rule.withdraws,
                        "{}: {}.{} is required",
                        preset.id,
                        rule.table,
                        column.name
                    );
                }
            }
        }
    }
}
