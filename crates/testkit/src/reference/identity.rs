//! Who is who: merged records stand for their master, and a mail domain for its account.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::files::{Exports, Row, sheet};

/// A company that buys; merged records lead to the one that is left.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) id: String,
    /// True where the record is deleted: it was merged into another one.
    pub(super) gone: bool,
    pub(super) domain: Option<String>,
    pub(super) industry: String,
    pub(super) country: String,
    pub(super) employees: Option<i64>,
    pub(super) targeted: bool,
    pub(super) created_at: Option<Timestamp>,
}

/// Into which record each one was merged, and which ones are left.
#[derive(Clone, Default, Debug)]
pub(super) struct Chains {
    pub(super) next: BTreeMap<String, String>,
    pub(super) left: BTreeSet<String>,
}

impl Chains {
    /// Follows pointers to the record that is left. The members of a circle stay apart, and what
    /// leads into it belongs to the member that it reaches first. Records that were merged into
    /// one that is not there are one, under the least id of those that are left.
    pub(super) fn end(&self, id: &str) -> String {
        let end = self.last(id);
        if self.left.contains(&end) {
            return end;
        }
        let same = self.left.iter().find(|other| self.last(other) == end);
        same.cloned().unwrap_or(end)
    }

    /// Follows pointers to their end, or to the first member of a circle.
    fn last(&self, id: &str) -> String {
        let mut seen = vec![id.to_owned()];
        while let Some(after) = self.next.get(&seen[seen.len() - 1]) {
            if let Some(start) = seen.iter().position(|one| one == after) {
                return seen[start].clone();
            }
            seen.push(after.clone());
        }
        seen.pop().unwrap_or_default()
    }
}

/// Reads the accounts that existed by an instant.
pub(super) fn accounts(exports: Exports<'_>, end: Timestamp) -> (Vec<Account>, Chains) {
    let rows: Vec<_> = sheet(exports, "Account")
        .into_iter()
        .filter(|row| row.instant("CreatedDate", &TimeZone::UTC).is_none_or(|at| at <= end))
        .collect();
    let gone = |row: &Row| row.truth("IsDeleted") == Some(true);
    let left = rows.iter().filter(|row| !gone(row)).filter_map(|row| row.id("Id"));
    let merged = rows.iter().filter_map(|row| Some((row.id("Id")?, row.id("MasterRecordId")?)));
    let chains = Chains { next: merged.collect(), left: left.collect() };
    let accounts = rows.iter().filter_map(|row| {
        Some(Account {
            id: row.id("Id")?,
            gone: gone(row),
            domain: row.maybe("Website").map(|site| domain(&site)),
            industry: row.text("Industry").to_owned(),
            country: row.text("BillingCountry").to_owned(),
            employees: row.text("NumberOfEmployees").parse().ok(),
            targeted: row.truth("Target_Account__c") == Some(true),
            created_at: row.instant("CreatedDate", &TimeZone::UTC),
        })
    });
    let mut accounts: Vec<Account> = accounts.collect();
    accounts.sort_by(|a, b| a.id.cmp(&b.id));
    (accounts, chains)
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
    fn chains_are_followed_and_the_members_of_circles_stay_apart() {
        let pairs = [
            ("a", "b"),
            ("b", "c"),
            ("x", "z"),
            ("z", "y"),
            ("y", "x"),
            ("w", "z"),
            ("q", "gone"),
            ("p", "gone"),
            ("d", "lost"),
        ];
        let next = pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        let left = ["a", "b", "c", "x", "y", "z", "w", "q", "p"].map(str::to_owned).into();
        let chains = Chains { next, left };
        let table = [
            ("a", "c"),
            ("c", "c"),
            ("x", "x"),
            ("y", "y"),
            ("z", "z"),
            ("w", "z"),
            ("q", "p"),
            ("p", "p"),
            ("gone", "p"),
            ("d", "lost"),
        ];
        for (from, to) in table {
            assert_eq!(chains.end(from), to, "{from}");
        }
    }

    #[test]
    fn a_site_is_its_domain() {
        for site in ["https://www.Acme.example", "acme.example/shop", "http://acme.example:80"] {
            assert_eq!(domain(site), "acme.example");
        }
    }
}
