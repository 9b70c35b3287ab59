//! The canonical model: which facts exist, with their columns, keys and meanings.
//!
//! The model is data, so that storage, mappings, checks and documents all follow from one table.
//! Besides the columns listed here every stored fact carries its provenance: `recorded_at` (when it
//! was learned), `load_id`, `source_file` and `source_line`. A fact is identified by its key; a
//! later version of the same key replaces it from its recording on, never before.

use std::sync::Arc;

use crate::diagnostic::{Place, one_line};
use crate::frame::Cell;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// UTF-8 text, kept as written.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// True or false.
    Boolean,
    /// A calendar day without zone; never shifted.
    Day,
    /// An instant to the microsecond, UTC.
    Instant,
    /// An exact decimal with up to ten digits after the mark: amounts in major units, rates, counts
    /// that a source splits.
    Decimal,
}

/// What a column may say of a person, and so what an erasure does to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Personal {
    /// Nothing; an e-mail address that strays into a text of it is taken out.
    Stray,
    /// Who the person of the row is: emptied.
    Identity,
    /// Text that people write: names, addresses and numbers are taken out.
    Free,
    /// A whole row or record as a source wrote it: emptied where it is of the person.
    Record,
}

/// A column of a fact table.
#[derive(Clone, Copy, Debug)]
pub struct FactColumn {
    /// Name, singular, snake case.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// True where a row without it is quarantined.
    pub required: bool,
    /// What it may say of a person.
    pub personal: Personal,
    /// What it means, for documents and `load --explain`.
    pub about: &'static str,
}

/// A fact table.
#[derive(Clone, Copy, Debug)]
pub struct FactTable {
    /// Name, singular.
    pub name: &'static str,
    /// What a row is.
    pub about: &'static str,
    /// The columns that identify a row.
    pub key: &'static [&'static str],
    /// The column that says when the fact happened; empty where a row has no time of its own.
    pub effective: &'static str,
    /// All columns, in order.
    pub columns: &'static [FactColumn],
}

impl FactTable {
    /// Finds a table by name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// Finds the position of a column by name.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == column)
    }
}

impl PartialEq for FactTable {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// One fact as it comes from a source: cells in the order of the table's columns.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The table that it belongs to.
    pub table: &'static FactTable,
    /// One cell for each column of the table.
    pub cells: Vec<Cell>,
    /// Which columns the source carries, bit `i` for column `i`: an empty cell of a carried column
    /// empties the stored value, a column that the source does not carry keeps it.
    pub carried: u64,
    /// Where it was read.
    pub place: Place,
    /// When the source last changed it, where the source says so: of two versions the later wins.
    pub version: Option<jiff::Timestamp>,
    /// True where the source says that the record was deleted: the fact is withdrawn.
    pub deleted: bool,
}

impl Fact {
    /// Returns the cell of a column; [`Cell::Null`] where the table has no such column.
    pub fn cell(&self, column: &str) -> &Cell {
        self.table.position(column).and_then(|at| self.cells.get(at)).unwrap_or(&Cell::Null)
    }

    /// Returns the key as one text, its parts joined by U+001F.
    pub fn key(&self) -> Arc<str> {
        let parts: Vec<String> =
            self.table.key.iter().map(|column| self.cell(column).to_string()).collect();
        parts.join("\u{1f}").into()
    }
}

/// A row of a source after reading: what it says, or why it says nothing.
#[derive(Clone, Debug)]
pub enum SourceRow {
    /// The row was read; it may speak of several facts, in several tables.
    Accepted {
        /// Where it stands.
        place: Place,
        /// What it says.
        facts: Vec<Fact>,
    },
    /// The row goes to quarantine.
    Refused(Refusal),
}

/// Why a row of a source was not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Where the row stands.
    pub place: Place,
    /// The column of the source that is at fault, where it is one.
    pub column: Option<Arc<str>>,
    /// The rule that it breaks: a stable code such as `csv.field-count`; part of the interface.
    pub rule: &'static str,
    /// What was expected and what was found; lower case, no full stop.
    pub message: String,
    /// What to do: a sentence with an action.
    pub hint: Option<String>,
    /// The row as it was read, or the part at fault, shortened.
    pub excerpt: Option<String>,
    /// The row as a whole, so that it can be tried again; boxed, as few rows are refused.
    pub kept: Option<Box<Kept>>,
}

/// A refused row as it was read, and what it was about.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Kept {
    /// The row in one of the forms of `docs/spec/quarantine.md`.
    pub raw: String,
    /// The fact table that it was for, where the layout says so.
    pub table: Option<&'static str>,
    /// The money that it states, in major units, where that can be read.
    pub amount: Option<rust_decimal::Decimal>,
    /// The currency that it states.
    pub currency: Option<Arc<str>>,
}

impl Kept {
    /// The longest row that is kept whole, in bytes.
    pub const LIMIT: usize = 64 * 1024;
}

impl Refusal {
    /// The longest excerpt that is kept, in characters.
    pub const EXCERPT_LENGTH: usize = 200;

    /// Refuses the row at a place.
    pub fn new(place: Place, rule: &'static str, message: impl Into<String>) -> Self {
        let message = one_line(message.into());
        Self { place, column: None, rule, message, hint: None, excerpt: None, kept: None }
    }

    /// Names the column at fault.
    #[must_use]
    pub fn column(mut self, column: impl Into<Arc<str>>) -> Self {
        self.column = Some(column.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(one_line(hint.into()));
        self
    }

    /// Keeps the row; one of more than [`Kept::LIMIT`] bytes is cut there, its last character `…`.
    #[must_use]
    pub fn kept(mut self, mut kept: Kept) -> Self {
        if kept.raw.len() > Kept::LIMIT {
            let end = kept.raw.floor_char_boundary(Kept::LIMIT - '…'.len_utf8());
            kept.raw.truncate(end);
            kept.raw.push('…');
        }
        self.kept = Some(Box::new(kept));
        self
    }

    /// Shows the text at fault, cut to [`Self::EXCERPT_LENGTH`] characters, the last one `…` then.
    #[must_use]
    pub fn excerpt(mut self, text: &str) -> Self {
        let excerpt = match text.char_indices().nth(Self::EXCERPT_LENGTH) {
            None => text.to_owned(),
            Some(_) => text.chars().take(Self::EXCERPT_LENGTH - 1).chain(['…']).collect(),
        };
        self.excerpt = Some(excerpt);
        self
    }
}

const fn required(name: &'static str, kind: Kind, about: &'static str) -> FactColumn {
    FactColumn { name, kind, required: true, personal: Personal::Stray, about }
}

const fn column(name: &'static str, kind: Kind, about: &'static str) -> FactColumn {
    FactColumn { name, kind, required: false, personal: Personal::Stray, about }
}

const fn identity(name: &'static str, about: &'static str) -> FactColumn {
    FactColumn { personal: Personal::Identity, ..column(name, Text, about) }
}

const fn free(name: &'static str, about: &'static str) -> FactColumn {
    FactColumn { personal: Personal::Free, ..column(name, Text, about) }
}

use Kind::{Boolean, Day, Decimal, Instant, Integer, Text};

/// All fact tables, in the order of the line from accounts to revenue.
pub const TABLES: &[FactTable] = &[
    FactTable {
        name: "account",
        about: "a company, the home of demand",
        key: &["id"],
        effective: "created_at",
        columns: &[
            required("id", Text, "identifier in the source"),
            column("name", Text, "name of the company"),
            column("domain", Text, "web domain, lower case, without www"),
            column("industry", Text, "industry as the source says"),
            column("employees", Integer, "number of employees"),
            column("country", Text, "country as the source says"),
            column("parent_id", Text, "account above this one"),
            column("targeted", Boolean, "true for a target account"),
            column("merged_into", Text, "account that this one was merged into"),
            column("owner", Text, "who owns it"),
            column("created_at", Instant, "when it was created in the source"),
        ],
    },
    FactTable {
        name: "person",
        about: "a lead or a contact; a converted lead names the contact that it became",
        key: &["id"],
        effective: "created_at",
        columns: &[
            required("id", Text, "identifier in the source"),
            column("kind", Text, "lead or contact"),
            column("account_id", Text, "account that the person belongs to"),
            column(
                "match_key",
                Text,
                "keyed hash of the trimmed, lower-case e-mail address: the same in one lake, \
                 another in every other",
            ),
            column("email_domain", Text, "domain of the e-mail address, lower case"),
            free("company", "company as the person wrote it"),
            column("buying_role", Text, "role in a purchase"),
            column("lead_source", Text, "source as the record says"),
            column("status", Text, "lead status or lifecycle stage"),
            column("utm_source", Text, "source of the visit that made the record"),
            column("utm_medium", Text, "medium of the visit that made the record"),
            column("utm_campaign", Text, "campaign of the visit that made the record"),
            column("converted_at", Instant, "when the lead was converted"),
            column("converted_account_id", Text, "account that the lead became"),
            column("converted_person_id", Text, "contact that the lead became"),
            column("converted_opportunity_id", Text, "opportunity that the lead became"),
            column("merged_into", Text, "person that this one was merged into"),
            column("owner", Text, "who owns it"),
            column("created_at", Instant, "when it was created in the source"),
        ],
    },
    FactTable {
        name: "identity",
        about: "who a person is: never read by an answer, emptied by an erasure",
        key: &["person_id"],
        effective: "",
        columns: &[
            required("person_id", Text, "the lead or contact"),
            identity("name", "whole name"),
            identity("first_name", "first name"),
            identity("last_name", "last name"),
            identity("email", "e-mail address as the source says"),
            identity("phone", "telephone number"),
            identity("mobile", "number of the mobile telephone"),
            identity("title", "job title"),
        ],
    },
    FactTable {
        name: "lifecycle_event",
        about: "a person or demand unit entering a stage",
        key: &["person_id", "stage", "at"],
        effective: "at",
        columns: &[
            required("person_id", Text, "who"),
            required("stage", Text, "which stage was entered"),
            required("at", Instant, "when"),
            column("actor", Text, "who or what moved it"),
        ],
    },
    FactTable {
        name: "program",
        about: "a campaign or program, or a campaign of an ad platform",
        key: &["id"],
        effective: "created_at",
        columns: &[
            required("id", Text, "identifier in the source"),
            column("parent_id", Text, "program above this one"),
            column("name", Text, "name"),
            column("kind", Text, "type as the source says: Webinar, Conference, Advertisement"),
            column("channel", Text, "channel, where the source or mapping says so"),
            column("platform", Text, "ad platform, where it is a campaign of one"),
            column("owner", Text, "who owns it"),
            column("vendor", Text, "who is paid"),
            column("status", Text, "status as the source says"),
            column("objective", Text, "what it is to achieve"),
            column("segment", Text, "segment that it points at"),
            column("persona", Text, "buyer that it points at"),
            column("message", Text, "message that it carries"),
            column("hypothesis", Text, "hypothesis that it rests on"),
            column("start_on", Day, "first day"),
            column("end_on", Day, "last day"),
            column("budget", Decimal, "planned cost in major units"),
            column("actual_cost", Decimal, "cost typed in by hand, in major units"),
            column("currency", Text, "currency of the costs"),
            column("created_at", Instant, "when it was created in the source"),
        ],
    },
    FactTable {
        name: "touch",
        about: "one contact between us and a person or account",
        key: &["id"],
        effective: "at",
        columns: &[
            required("id", Text, "identifier in the source, or made from the row"),
            column("person_id", Text, "who was touched"),
            column("account_id", Text, "account touched, where no person is known"),
            required("at", Instant, "when"),
            column("kind", Text, "campaign_member, call, meeting, email, web_session, form"),
            column("program_id", Text, "program that it belongs to"),
            column("channel", Text, "channel, where the source or mapping says so"),
            column("source", Text, "source of the visit"),
            column("medium", Text, "medium of the visit"),
            column("campaign", Text, "campaign name of the visit"),
            free("content", "content, landing page or subject"),
            column("status", Text, "member status or outcome"),
            column("responded", Boolean, "false for a mere send"),
            column(
                "invalid",
                Boolean,
                "true for machine clicks and other touches that do not count",
            ),
            column("invalid_reason", Text, "why it does not count"),
        ],
    },
    FactTable {
        name: "spend",
        about: "money by day and program",
        key: &["platform", "program_id", "day", "currency"],
        effective: "day",
        columns: &[
            required("day", Day, "day of the spend in the account's zone"),
            required(
                "platform",
                Text,
                "google_ads, linkedin_ads, meta_ads, microsoft_ads or another",
            ),
            required("program_id", Text, "campaign at the platform"),
            column("program_name", Text, "name of the campaign at the platform"),
            column("ad_account", Text, "account at the platform"),
            column("channel", Text, "channel, where the mapping says so"),
            column("vendor", Text, "who is paid"),
            required("amount", Decimal, "cost in major units, exact as the platform states it"),
            required("currency", Text, "currency of the amount"),
            column("impressions", Integer, "impressions"),
            column("clicks", Integer, "clicks"),
            column(
                "invalid_clicks",
                Integer,
                "clicks that the platform or we hold to be machine-made",
            ),
            column(
                "conversions",
                Decimal,
                "conversions as the platform counts them; never added up across platforms",
            ),
        ],
    },
    FactTable {
        name: "opportunity",
        about: "a deal, as now",
        key: &["id"],
        effective: "created_at",
        columns: &[
            required(
                "id",
                Text,
                "identifier in the source, Salesforce ids widened to 18 characters",
            ),
            column("account_id", Text, "account of the deal"),
            column("account_name", Text, "name of the account, where the source gives only that"),
            free("name", "name of the deal"),
            required("stage", Text, "stage as the source says"),
            column("amount", Decimal, "amount in major units; empty is unknown, not zero"),
            column(
                "currency",
                Text,
                "currency of the amount; empty is the reporting currency, assumed",
            ),
            column("probability", Decimal, "probability from 0 to 1, as the source says"),
            column(
                "forecast_category",
                Text,
                "pipeline, best_case, most_likely, commit, closed or omitted",
            ),
            required("created_at", Instant, "when it was created"),
            column("close_on", Day, "planned close day while open, actual when closed"),
            column("closed", Boolean, "true when closed, as the source says"),
            column("won", Boolean, "true when won, as the source says"),
            column("kind", Text, "new, expansion or renewal, as the source says"),
            column("lead_source", Text, "source as the record says"),
            column("lead_source_detail", Text, "detail of the source"),
            column("program_id", Text, "primary campaign"),
            column(
                "program_name",
                Text,
                "name of the primary campaign, where the source gives only that",
            ),
            column("owner", Text, "who owns it"),
            column("competitor", Text, "main competitor"),
            free("loss_reason", "why it was lost"),
            column("discount", Decimal, "discount from 0 to 1"),
            free("next_step", "next step"),
            free("qualification", "MEDDPICC answers as a JSON object"),
            column("modified_at", Instant, "when the source last changed it"),
        ],
    },
    FactTable {
        name: "opportunity_event",
        about: "one change of a field of a deal, or what a field was at that time",
        key: &["opportunity_id", "field", "at", "new", "snapshot"],
        effective: "at",
        columns: &[
            required("opportunity_id", Text, "which deal"),
            required("field", Text, "stage, amount, close_on, forecast_category, owner, created"),
            column("old", Text, "value before, where the source says so"),
            column("new", Text, "value after"),
            required("at", Instant, "when it was changed"),
            column("actor", Text, "who changed it"),
            column("sequence", Text, "identifier of the change in the source; breaks ties in time"),
            column(
                "snapshot",
                Text,
                "the row that says what the field was at that time; empty for a change",
            ),
        ],
    },
    FactTable {
        name: "opportunity_role",
        about: "a person on a deal",
        key: &["opportunity_id", "person_id"],
        effective: "created_at",
        columns: &[
            required("opportunity_id", Text, "which deal"),
            required("person_id", Text, "who"),
            column("role", Text, "role on the deal"),
            column("primary", Boolean, "true for the primary contact"),
            column("created_at", Instant, "when the role was given"),
        ],
    },
    FactTable {
        name: "revenue",
        about: "recognized or recurring money by account and day",
        key: &["account_id", "day", "kind", "opportunity_id"],
        effective: "day",
        columns: &[
            required("account_id", Text, "whose"),
            required("day", Day, "when"),
            required("amount", Decimal, "amount in major units"),
            column("currency", Text, "currency of the amount"),
            required("kind", Text, "new, expansion, contraction or churn"),
            column("opportunity_id", Text, "deal behind it"),
        ],
    },
    FactTable {
        name: "budget",
        about: "planned money",
        key: &["month", "owner", "channel", "program_id"],
        effective: "month",
        columns: &[
            required("month", Day, "first day of the month"),
            column("owner", Text, "who may spend it"),
            column("channel", Text, "for which channel"),
            column("program_id", Text, "for which program"),
            required("amount", Decimal, "amount in major units"),
            column("currency", Text, "currency of the amount"),
        ],
    },
    FactTable {
        name: "fx_rate",
        about: "a rate on a day",
        key: &["from", "to", "day"],
        effective: "day",
        columns: &[
            required("from", Text, "currency converted from"),
            required("to", Text, "currency converted to"),
            required("day", Day, "first day on which the rate holds"),
            required("rate", Decimal, "units of `to` for one unit of `from`"),
        ],
    },
    FactTable {
        name: "response",
        about: "a survey or win/loss answer",
        key: &["id"],
        effective: "at",
        columns: &[
            required("id", Text, "identifier in the source, or made from the row"),
            column("person_id", Text, "who answered"),
            column("role", Text, "role of who answered"),
            required("question", Text, "what was asked"),
            free("answer", "what was answered"),
            column("at", Instant, "when"),
            column("opportunity_id", Text, "deal that it speaks of"),
        ],
    },
    FactTable {
        name: "capacity",
        about: "people able to work a stage",
        key: &["month", "role"],
        effective: "month",
        columns: &[
            required("month", Day, "first day of the month"),
            required("role", Text, "role, for example sdr"),
            required("headcount", Decimal, "people"),
            column("units_per_head", Decimal, "units that one person can work in the month"),
        ],
    },
    FactTable {
        name: "unmapped_record",
        about: "a record of a connection as it came, which no preset and no mapping reads",
        key: &["stream", "key"],
        effective: "modified_at",
        columns: &[
            required("stream", Text, "connection and stream, such as `singer/invoices`"),
            required(
                "key",
                Text,
                "values of its key as a JSON list, or a hash of its content and a number",
            ),
            FactColumn {
                personal: Personal::Record,
                ..required("content", Text, "the record as JSON, word for word")
            },
            column("modified_at", Instant, "when the source last changed it, where it says so"),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_excerpt_is_cut_between_characters() {
        let refusal = Refusal::new(Place::line("a.csv", 2), "csv.field-count", "m");
        assert_eq!(refusal.clone().excerpt(&"é".repeat(200)).excerpt.unwrap(), "é".repeat(200));
        let cut = refusal.excerpt(&"é".repeat(201)).excerpt.unwrap();
        assert_eq!((cut.chars().count(), cut.chars().last()), (200, Some('…')));
    }

    #[test]
    fn keys_and_effective_columns_exist_and_names_are_unique() {
        for table in TABLES {
            for key in table.key {
                assert!(table.position(key).is_some(), "{}.{key}", table.name);
            }
            let timeless = table.effective.is_empty();
            assert!(timeless || table.position(table.effective).is_some(), "{}", table.name);
            let mut names: Vec<_> = table.columns.iter().map(|c| c.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), table.columns.len(), "{}", table.name);
        }
    }
}
