//! Who is who: merged records stand for their master, and a mail domain for its account.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::files::sheet;

/// A company that buys; merged records lead to the one that is left.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) id: String,
    /// The account that this one was merged into, at the end of the chain; itself otherwise.
    pub(super) master: String,
    pub(super) domain: Option<String>,
    pub(super) industry: String,
    pub(super) country: String,
    pub(super) employees: Option<i64>,
    pub(super) targeted: bool,
    pub(super) created_at: Option<Timestamp>,
}

/// Reads the accounts that existed by an instant.
pub(super) fn accounts(folder: &Path, end: Timestamp) -> Vec<Account> {
    let rows: Vec<_> = sheet(folder, "Account")
        .into_iter()
        .filter(|row| row.instant("CreatedDate", &TimeZone::UTC).is_none_or(|at| at <= end))
        .collect();
    let next: BTreeMap<String, String> =
        rows.iter().filter_map(|row| Some((row.id("Id")?, row.id("MasterRecordId")?))).collect();
    let known: BTreeSet<String> = rows.iter().filter_map(|row| row.id("Id")).collect();
    let mut accounts: Vec<Account> = rows
        .iter()
        .filter_map(|row| {
            let id = row.id("Id")?;
            Some(Account {
                master: end_of_chain(&id, &next, &known),
                id,
                domain: row.maybe("Website").map(|site| domain(&site)),
                industry: row.text("Industry").to_owned(),
                country: row.text("BillingCountry").to_owned(),
                employees: row.text("NumberOfEmployees").parse().ok(),
                targeted: row.truth("Target_Account__c") == Some(true),
                created_at: row.instant("CreatedDate", &TimeZone::UTC),
            })
        })
        .collect();
    accounts.sort_by(|a, b| a.id.cmp(&b.id));
    accounts
}

/// Follows pointers from a record to the last one that is known. A cycle is cut at its smallest id.
pub(super) fn end_of_chain(
    id: &str,
    next: &BTreeMap<String, String>,
    known: &BTreeSet<String>,
) -> String {
    let mut seen = vec![id.to_owned()];
    while let Some(after) = next.get(&seen[seen.len() - 1]) {
        if let Some(start) = seen.iter().position(|one| one == after) {
            return seen[start..].iter().min().cloned().unwrap_or_default();
        }
        if !known.contains(after) {
            break;
        }
        seen.push(after.clone());
    }
    seen.pop().unwrap_or_default()
}

/// Returns the domain of a web site: lower case, without scheme, `www.` and path.
fn domain(site: &str) -> String {
    let site = site.to_lowercase();
    let rest = site.split_once("://").map_or(site.as_str(), |(_, rest)| rest);
    let host = rest.split(['/', '?', ':']).next().unwrap_or(rest);
    host.strip_prefix("www.").unwrap_or(host).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_followed_and_cycles_cut() {
        let pairs = [("a", "b"), ("b", "c"), ("x", "z"), ("z", "y"), ("y", "x"), ("q", "gone")];
        let next = pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        let known = ["a", "b", "c", "x", "y", "z", "q"].map(str::to_owned).into();
        let table = [("a", "c"), ("c", "c"), ("x", "x"), ("y", "x"), ("z", "x"), ("q", "q")];
        for (from, to) in table {
            assert_eq!(end_of_chain(from, &next, &known), to, "{from}");
        }
    }

    #[test]
    fn a_site_is_its_domain() {
        for site in ["https://www.Acme.example", "acme.example/shop", "http://acme.example:80"] {
            assert_eq!(domain(site), "acme.example");
        }
    }
}
