//! What every page has around it: who reads, where they are, and the scope that links keep.

use domain::Theme;
use jiff::civil::Date;

/// What stands around the content of a page.
#[derive(Clone, Default, Debug)]
pub struct Shell {
    /// Name of the company.
    pub company: String,
    /// True where the company is simulated; a banner says so on every page.
    pub sample: bool,
    /// Who reads; `None` before the login.
    pub reader: Option<Reader>,
    /// The path of this page without its query, for example `/pipeline`.
    pub here: String,
    /// What the reader limited the page to; kept by every link between pages.
    pub scope: Scope,
    /// The questions, in the order of the navigation, without the scorecard.
    pub questions: Vec<Choice>,
    /// What the footer says; `None` before the login and where nothing is loaded.
    pub facts: Option<Facts>,
    /// What is to be known now, for example that newer data are being prepared.
    pub notices: Vec<Notice>,
    /// Light, dark or as the system says.
    pub theme: Theme,
}

/// Who reads a page.
#[derive(Clone, Default, Debug)]
pub struct Reader {
    /// Name, as the account has it.
    pub name: String,
    /// The role in words, for example `CFO`.
    pub role: String,
    /// What is offered; the server checks again.
    pub may: May,
    /// Whether single letters are shortcuts.
    pub shortcuts: bool,
    /// The name of the segment that the account is limited to.
    pub segment: Option<String>,
}

/// What is offered to a reader.
#[derive(Clone, Copy, Default, Debug)]
pub struct May {
    /// Figures are links to their rows.
    pub open_rows: bool,
    /// Tables have links to CSV and XLSX.
    pub export: bool,
    /// The page of the analyst is in the navigation.
    pub analyze: bool,
    /// The page of people is in the navigation.
    pub manage_people: bool,
    /// The audit log is in the navigation.
    pub read_audit: bool,
}

/// What the footer says about all figures of the page.
#[derive(Clone, Default, Debug)]
pub struct Facts {
    /// As of which day.
    pub as_of: Option<Date>,
    /// IANA name of the zone in which days begin.
    pub time_zone: String,
    /// Code of the currency.
    pub currency: String,
    /// The first month of the fiscal year in words, for example `October`.
    pub fiscal_year_starts: String,
    /// Identity of the definitions.
    pub definitions: String,
    /// Version of the program.
    pub version: String,
}

/// A remark above the content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// How it is meant.
    pub kind: NoticeKind,
    /// One or two sentences.
    pub text: String,
    /// A path and the words of its link.
    pub link: Option<(String, String)>,
}

/// How a remark is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoticeKind {
    /// For information.
    Info,
    /// A build is under way; a script follows it at `/progress`.
    Progress,
    /// Something went well.
    Done,
    /// Something asks for attention.
    Warning,
}

/// A choice of a list: the value in an address or form, and the words for it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Choice {
    /// The value.
    pub value: String,
    /// The words.
    pub label: String,
}

impl Choice {
    /// Makes a choice.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into() }
    }
}

/// What a page is limited to, as the address says it; empty where the reader left the default.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Scope {
    /// Period, for example `2026Q3`.
    pub period: Option<String>,
    /// First day, in place of a period.
    pub from: Option<String>,
    /// Last day.
    pub to: Option<String>,
    /// `previous`, `year`, `target`, or `none`; empty for all.
    pub compare: Vec<String>,
    /// Segment.
    pub segment: Option<String>,
    /// Attribution model.
    pub model: Option<String>,
    /// Currency.
    pub currency: Option<String>,
    /// As of which day.
    pub as_of: Option<String>,
    /// Dimensions of the tables.
    pub by: Vec<String>,
}

impl Scope {
    /// The parameters that are set, by name, in the order of the documentation.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let list = |list: &Vec<String>| (!list.is_empty()).then(|| list.join(","));
        [
            ("period", self.period.clone()),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("compare", list(&self.compare)),
            ("segment", self.segment.clone()),
            ("model", self.model.clone()),
            ("currency", self.currency.clone()),
            ("as_of", self.as_of.clone()),
            ("by", list(&self.by)),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.filter(|value| !value.is_empty()).map(|v| (name, v)))
        .collect()
    }

    /// A path with these parameters: the link that shows the same to a colleague.
    pub fn link(&self, path: &str) -> String {
        self.link_with(path, &[])
    }

    /// A path with these parameters and some more; of a parameter that is given twice, the later
    /// one counts, and an empty one leaves it out.
    pub fn link_with(&self, path: &str, more: &[(&str, &str)]) -> String {
        let own = self.pairs();
        let own = own.iter().map(|(name, value)| (*name, value.as_str()));
        let kept = own.filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
        let all = kept.chain(more.iter().copied()).filter(|(_, value)| !value.is_empty());
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(all);
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    /// Whether a comparison (`previous`, `year`, `target`) is shown.
    pub fn compares(&self, with: &str) -> bool {
        self.compare.is_empty() || self.compare.iter().any(|word| word == with)
    }
}

/// Writes a part of a path so that nothing in it is read as more than a name.
pub fn segment(name: &str) -> String {
    // A blank is `+` in a query and `%20` in a path.
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}
