//! What the address of a page or of the API asks for: strict, so that a slip is never a wrong
//! figure.

use domain::diagnostic::nearest;
use jiff::civil::Date;
use project::Scope;

use crate::problem::Problem;

/// The parameters of a question, in the order of the documentation.
pub(crate) const SCOPE: &[&str] = &[
    "period", "from", "to", "compare", "segment", "model", "currency", "as_of", "by", "page",
    "sort",
];

/// What a reader can compare with.
pub(crate) const COMPARISONS: &[&str] = &["previous", "year", "target", "none"];

/// Names that links from mails and ads carry along: of no meaning here, and no reason to refuse.
const FOREIGN: &[&str] = &["gclid", "fbclid", "msclkid", "li_fat_id", "mc_cid", "mc_eid", "_ga"];

/// What an address asks for.
#[derive(Clone, Default, Debug)]
pub(crate) struct Query {
    /// What the question is limited to.
    pub(crate) scope: Scope,
    /// The same as the address says it, for links.
    pub(crate) said: show::html::Scope,
    /// Page of a list, from 1.
    pub(crate) page: usize,
    /// Column by which rows are sorted; `-` before it for descending.
    pub(crate) sort: Option<String>,
    /// Parameters of the route's own.
    own: Vec<(String, String)>,
}

impl Query {
    /// Reads the parameters that a route takes; names besides those of [`SCOPE`] in `own`.
    pub(crate) fn read(
        pairs: &[(String, String)],
        scoped: bool,
        own: &[&str],
    ) -> Result<Self, Problem> {
        let mut query = Self { page: 1, ..Self::default() };
        let mut seen: Vec<&str> = Vec::new();
        let (mut from, mut to) = (None, None);
        for (name, value) in pairs {
            if name.starts_with("utm_") || FOREIGN.contains(&name.as_str()) {
                continue;
            }
            let known = own.contains(&name.as_str());
            if !(known || scoped && SCOPE.contains(&name.as_str())) {
                let scope = if scoped { SCOPE } else { &[] };
                return Err(unknown(name, own.iter().chain(scope).copied()));
            }
            if seen.contains(&name.as_str()) {
                return Err(refused(name, "is given twice", "Give it once."));
            }
            seen.push(name);
            if value.len() > 500 || value.chars().any(char::is_control) {
                return Err(refused(name, "is not a name or a day", "Shorten it."));
            }
            if value.is_empty() {
                // A form sends its empty fields too.
                continue;
            }
            if known {
                query.own.push((name.clone(), value.clone()));
                continue;
            }
            match name.as_str() {
                "from" => from = Some(day(name, value)?),
                "to" => to = Some(day(name, value)?),
                "page" => query.page = number(name, value)?,
                _ => query.take(name, value)?,
            }
        }
        query.scope.days = match (from, to) {
            (None, None) => None,
            (Some(from), Some(to)) if query.scope.period.is_none() => Some((from, to)),
            (Some(_), Some(_)) => {
                let hint = "Leave out either `period` or `from` and `to`.";
                return Err(refused("period", "is given together with `from` and `to`", hint));
            }
            (Some(_), None) => return Err(refused("from", "is given without `to`", "Add `to`.")),
            (None, Some(_)) => return Err(refused("to", "is given without `from`", "Add `from`.")),
        };
        query.said.from = from.map(|day| day.to_string());
        query.said.to = to.map(|day| day.to_string());
        Ok(query)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let text = Some(value.to_owned());
        match name {
            "period" => (self.scope.period, self.said.period) = (text.clone(), text),
            "segment" => (self.scope.segment, self.said.segment) = (text.clone(), text),
            "model" => (self.scope.model, self.said.model) = (text.clone(), text),
            "sort" => self.sort = text,
            "currency" => {
                let currency = value.to_uppercase().parse().map_err(|_| {
                    refused(name, &format!("`{value}` is not a currency"), "For example USD.")
                })?;
                (self.scope.currency, self.said.currency) = (Some(currency), text);
            }
            "as_of" => {
                self.scope.as_of = Some(day(name, value)?);
                self.said.as_of = text;
            }
            "by" => {
                self.scope.by = list(value);
                self.said.by.clone_from(&self.scope.by);
            }
            "compare" => {
                let words = list(value);
                if let Some(other) = words.iter().find(|w| !COMPARISONS.contains(&w.as_str())) {
                    return Err(not_one_of(name, other, COMPARISONS));
                }
                self.said.compare = words;
            }
            _ => return Err(unknown(name, SCOPE.iter().copied())),
        }
        Ok(())
    }

    /// A parameter of the route's own.
    pub(crate) fn own(&self, name: &str) -> Option<&str> {
        self.own.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter of the route's own that is a number from 1.
    pub(crate) fn own_number(&self, name: &str) -> Result<Option<usize>, Problem> {
        self.own(name).map(|value| number(name, value)).transpose()
    }
}

fn list(value: &str) -> Vec<String> {
    let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
    let mut words: Vec<String> = Vec::new();
    for part in parts {
        if !words.iter().any(|word| word == part) {
            words.push(part.to_owned());
        }
    }
    words
}

fn day(name: &str, value: &str) -> Result<Date, Problem> {
    let fault = || refused(name, &format!("`{value}` is not a day"), "For example 2026-09-30.");
    let day: Date = value.parse().map_err(|_| fault())?;
    // The parser takes other ways to write a day too; an address has one.
    if day.to_string() == value { Ok(day) } else { Err(fault()) }
}

fn number(name: &str, value: &str) -> Result<usize, Problem> {
    let plain = value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse::<usize>() {
        Ok(number @ 1..=1_000_000_000) if plain => Ok(number),
        _ => Err(refused(name, &format!("`{value}` is not a number from 1"), "For example 1.")),
    }
}

fn refused(name: &str, what: &str, hint: &str) -> Problem {
    Problem::bad("parameter", format!("parameter `{name}` {what}")).hint(hint).place(name)
}

/// A value that is not one of those known.
pub(crate) fn not_one_of(name: &str, value: &str, known: &[&str]) -> Problem {
    let value: String = value.chars().take(80).collect();
    let hint = nearest(&value, known.iter().copied())
        .map_or_else(|| "Choose one of them.".to_owned(), |near| format!("Did you mean `{near}`?"));
    let what = format!("parameter `{name}`: `{value}` is not one of {}", known.join(", "));
    Problem::bad("parameter", what).hint(hint).place(name)
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Problem {
    let name: String = name.chars().take(80).collect();
    let known: Vec<&str> = known.collect();
    let hint = match nearest(&name, known.iter().copied()) {
        Some(near) => format!("Did you mean `{near}`?"),
        None if known.is_empty() => "This address takes no parameters.".to_owned(),
        None => format!("Known are {}.", known.join(", ")),
    };
    Problem::bad("parameter-unknown", format!("parameter `{name}` is not known here"))
        .hint(hint)
        .place(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Query, Problem> {
        Query::read(&crate::guard::pairs(text).unwrap(), true, &["part"])
    }

    #[test]
    fn an_address_is_read_whole_and_links_say_the_same() {
        let query = read(
            "period=2026Q3&segment=&compare=previous,year&by=channel&as_of=2026-10-01\
             &currency=eur&utm_source=mail&gclid=1&part=per&page=2",
        )
        .unwrap();
        assert_eq!(query.scope.period.as_deref(), Some("2026Q3"));
        assert_eq!(query.scope.segment, None);
        assert_eq!(query.own("part"), Some("per"));
        assert_eq!(query.page, 2);
        assert_eq!(
            query.said.link("/pipeline"),
            "/pipeline?period=2026Q3&compare=previous%2Cyear&currency=eur&as_of=2026-10-01&by=channel"
        );
    }

    #[test]
    fn a_slip_is_named_with_the_nearest_that_is_known() {
        let told = |text: &str| {
            let problem = read(text).unwrap_err();
            assert_eq!(problem.status.as_u16(), 400);
            format!("{}. {}", problem.what, problem.hint.unwrap_or_default())
        };
        assert_eq!(
            told("peroid=1"),
            "parameter `peroid` is not known here. Did you mean `period`?"
        );
        assert_eq!(
            told("as_of=2026-13-01"),
            "parameter `as_of` `2026-13-01` is not a day. For example 2026-09-30."
        );
        assert_eq!(
            told("compare=yaer"),
            "parameter `compare`: `yaer` is not one of previous, year, target, none. \
             Did you mean `year`?"
        );
        for text in ["page=0", "page=-1", "from=2026-01-01", "period=a&period=b", "sort=%00"] {
            told(text);
        }
    }
}
