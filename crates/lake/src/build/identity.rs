//! Who is who: records of people and accounts, resolved to one person and one account each.
//!
//! A record that was merged into another one is the other one; a converted lead is the contact that
//! it became; a chain of such steps counts to its end. A circle of merges says nothing, so that its
//! members stay apart and are counted. A record that is named and not exported is known by its
//! identifier alone. A record that was merged away is mostly deleted too: it still says when and
//! how its person became known, and its web domain. A lead and a contact of the same account with
//! the same match key are one person; other suspected duplicates stay apart.
//!
//! A person belongs to the account that the record names, else the one that the lead became, else
//! the one whose web domain is that of the e-mail address. An account without a domain learns one
//! from its people, where no other account has people or a claim there. Free mail is nobody's.

#![expect(clippy::indexing_slicing, reason = "dense codes index arrays of their own number")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::{Definitions, Frame};

use super::days::Micros;
use super::facts::{Batch, Facts};
use super::names::{NONE, Names};
use crate::error::LakeError;

/// A company after merges.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: Arc<str>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) industry: Option<Arc<str>>,
    pub(crate) country: Option<Arc<str>>,
    pub(crate) segment: Arc<str>,
    /// True for a target account.
    pub(crate) targeted: bool,
    pub(crate) created: Option<Micros>,
    /// False where it is only named by other records.
    pub(crate) found: bool,
}

/// A person after merges and conversions.
#[derive(Clone, Default, Debug)]
pub(crate) struct Person {
    pub(crate) id: Arc<str>,
    /// Code of the account, [`NONE`] without.
    pub(crate) account: u32,
    /// Earliest creation of its records.
    pub(crate) created: Option<Micros>,
    pub(crate) status: Option<Arc<str>>,
    pub(crate) lead_source: Option<Arc<str>>,
    pub(crate) utm: [Option<Arc<str>>; 3],
    pub(crate) converted: bool,
    /// Earliest conversion of its records.
    pub(crate) converted_at: Option<Micros>,
    /// The deals that its records were converted into, that of the earliest record first.
    pub(crate) opportunities: Vec<Arc<str>>,
}

/// All accounts and people, and what their identifiers mean.
#[derive(Clone, Default, Debug)]
pub(crate) struct Identity {
    pub(crate) accounts: Vec<Account>,
    /// Every identifier of an account, merged ones too, to its code.
    pub(crate) account_codes: HashMap<Arc<str>, u32>,
    /// People in order of their identifiers.
    pub(crate) people: Vec<Person>,
    /// Every identifier of a person to its code.
    pub(crate) person_codes: HashMap<Arc<str>, u32>,
    pub(crate) n_account_cycles: u64,
    pub(crate) n_person_cycles: u64,
    pub(crate) n_future: u64,
    /// True where a conversion lies after the as-of day.
    pub(crate) converts_later: bool,
}

impl Identity {
    /// Returns the code of an account by any of its identifiers; makes one where it is not known.
    pub(crate) fn account(&mut self, id: &str) -> u32 {
        if let Some(&code) = self.account_codes.get(id) {
            return code;
        }
        let code = u32::try_from(self.accounts.len()).unwrap_or(NONE);
        let id: Arc<str> = id.into();
        self.accounts.push(Account {
            id: Arc::clone(&id),
            name: None,
            industry: None,
            country: None,
            segment: "unknown".into(),
            targeted: false,
            created: None,
            found: false,
        });
        self.account_codes.insert(id, code);
        code
    }

    /// Returns, for each account by its code, its place in the order of the identifiers.
    pub(crate) fn account_places(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.accounts.len()).collect();
        order.sort_by(|a, b| self.accounts[*a].id.cmp(&self.accounts[*b].id));
        let mut places = vec![0; order.len()];
        for (place, code) in order.into_iter().enumerate() {
            places[code] = place;
        }
        places
    }
}

/// Follows each node to the end of its chain. Members of a circle, and only these, end at
/// themselves; the second value counts them.
fn ends(next: &[u32]) -> (Vec<u32>, u64) {
    let mut end = vec![NONE; next.len()];
    let mut n_in_cycles = 0;
    // 0: not seen, otherwise the walk on which it was seen.
    let mut seen = vec![0_u32; next.len()];
    let mut path: Vec<u32> = Vec::new();
    for (start, walk) in (0..next.len()).zip(1_u32..) {
        path.clear();
        let mut at = u32::try_from(start).unwrap_or(NONE);
        let found = loop {
            let node = at as usize;
            if end[node] != NONE {
                break end[node];
            }
            if seen[node] == walk {
                // A circle closes here: everything from the first visit of this node on is in it.
                while let Some(member) = path.pop() {
                    end[member as usize] = member;
                    n_in_cycles += 1;
                    if member == at {
                        break;
                    }
                }
                // What led into the circle belongs to the member that it reached first.
                break at;
            }
            seen[node] = walk;
            path.push(at);
            match next[node] {
                NONE => break at,
                after => at = after,
            }
        };
        for node in path.drain(..) {
            end[node as usize] = found;
        }
    }
    (end, n_in_cycles)
}

/// Groups nodes by the end of their chain: the end itself where it has a record, else the member
/// with the least identifier that has one, else the end.
fn representatives(names: &Names, end: &[u32], found: &[bool]) -> Vec<u32> {
    let mut best: HashMap<u32, u32> = HashMap::new();
    for (node, &end) in (0..).zip(end) {
        if found[node as usize] && !found[end as usize] {
            let least = best.entry(end).or_insert(node);
            if names.text(node) < names.text(*least) {
                *least = node;
            }
        }
    }
    end.iter().map(|end| best.get(end).copied().unwrap_or(*end)).collect()
}

/// Reads and resolves accounts and people as of an instant.
pub(crate) fn read(
    facts: &dyn Facts,
    definitions: &Definitions,
    end: Micros,
) -> Result<Identity, LakeError> {
    let mut identity = Identity::default();
    let domains = accounts(facts, definitions, end, &mut identity)?;
    let records = person_records(facts, end, &mut identity.n_future)?;
    identity.converts_later = records.converts_later;
    people(definitions, records, &domains, &mut identity);
    Ok(identity)
}

/// A record of an account that is not withdrawn, or was merged into another.
#[derive(Default)]
struct AccountRecord {
    /// True where it is withdrawn: its domain is left, no more.
    gone: bool,
    name: Option<Arc<str>>,
    domain: Option<Arc<str>>,
    industry: Option<Arc<str>>,
    country: Option<Arc<str>>,
    employees: Option<i64>,
    targeted: bool,
    created: Option<Micros>,
}

/// Fills in the accounts; returns which domains accounts claim, by code.
fn accounts(
    facts: &dyn Facts,
    definitions: &Definitions,
    end: Micros,
    identity: &mut Identity,
) -> Result<BTreeMap<Arc<str>, Vec<u32>>, LakeError> {
    let columns = [
        "id",
        "name",
        "domain",
        "industry",
        "employees",
        "country",
        "targeted",
        "merged_into",
        "created_at",
        "withdrawn",
    ];
    let frame: Frame = super::facts::frame(facts, "account", &columns)?;
    let text = |column: &str, row: usize| frame.texts(column).get(row).cloned().flatten();
    let mut names = Names::default();
    let mut records: Vec<Option<AccountRecord>> = Vec::new();
    let mut next: Vec<u32> = Vec::new();
    let mut code = |id: &str, records: &mut Vec<Option<AccountRecord>>, next: &mut Vec<u32>| {
        let code = names.code(id);
        if records.len() <= code as usize {
            records.push(None);
            next.push(NONE);
        }
        code
    };
    for row in 0..frame.n_rows() {
        let Some(id) = text("id", row) else { continue };
        let created = frame.instants("created_at").get(row).copied().flatten();
        if created.is_some_and(|at| at.as_microsecond() > end) {
            identity.n_future += 1;
            continue;
        }
        let withdrawn = frame.booleans("withdrawn").get(row) == Some(&Some(true));
        let merged = text("merged_into", row).filter(|into| *into != id && !into.is_empty());
        if withdrawn && merged.is_none() {
            continue;
        }
        let at = code(&id, &mut records, &mut next) as usize;
        if let Some(into) = merged {
            next[at] = code(&into, &mut records, &mut next);
        }
        records[at] = Some(AccountRecord {
            gone: withdrawn,
            name: text("name", row),
            domain: text("domain", row),
            industry: text("industry", row),
            country: text("country", row),
            employees: frame.integers("employees").get(row).copied().flatten(),
            targeted: frame.booleans("targeted").get(row) == Some(&Some(true)),
            created: created.map(jiff::Timestamp::as_microsecond),
        });
    }
    let (chain_end, n_cycles) = ends(&next);
    identity.n_account_cycles = n_cycles;
    let is_found = |record: &Option<AccountRecord>| record.as_ref().is_some_and(|r| !r.gone);
    let found: Vec<bool> = records.iter().map(is_found).collect();
    let canonical = representatives(&names, &chain_end, &found);
    // Codes follow the order of the identifiers, so that the order of the rows changes nothing.
    let mut roots: Vec<u32> = canonical.clone();
    roots.sort_unstable();
    roots.dedup();
    roots.sort_unstable_by(|a, b| names.text(*a).cmp(&names.text(*b)));
    let mut domains: BTreeMap<Arc<str>, Vec<u32>> = BTreeMap::new();
    for &root in &roots {
        let Some(id) = names.text(root) else { continue };
        let code = identity.account(id);
        let Some(record) = records[root as usize].as_ref().filter(|record| !record.gone) else {
            continue;
        };
        let segment = definitions.segment_of(
            record.industry.as_deref().unwrap_or(""),
            record.country.as_deref().unwrap_or(""),
            record.employees,
            record.targeted,
        );
        if let Some(domain) = &record.domain {
            let domain = domain.trim().to_lowercase();
            let domain: Arc<str> = domain.strip_prefix("www.").unwrap_or(&domain).into();
            domains.entry(domain).or_default().push(code);
        }
        identity.accounts[code as usize] = Account {
            id: Arc::clone(id),
            name: record.name.clone(),
            industry: record.industry.clone(),
            country: record.country.clone(),
            segment: segment.map_or_else(|| "other".into(), |segment| Arc::clone(&segment.id)),
            targeted: record.targeted,
            created: record.created,
            found: true,
        };
    }
    for (id, root) in names.texts().iter().zip(&canonical) {
        if let Some(root) = names.text(*root) {
            let code = identity.account(root);
            identity.account_codes.insert(Arc::clone(id), code);
        }
    }
    // A domain that a merged record had is its account's too.
    for (record, root) in records.iter().zip(&canonical).filter(|(_, root)| found[**root as usize])
    {
        if let (Some(domain), Some(root)) =
            (record.as_ref().and_then(|r| r.domain.as_deref()), names.text(*root))
        {
            let domain = domain.trim().to_lowercase();
            let domain: Arc<str> = domain.strip_prefix("www.").unwrap_or(&domain).into();
            let code = identity.account(root);
            let claims = domains.entry(domain).or_default();
            if !claims.contains(&code) {
                claims.push(code);
            }
        }
    }
    Ok(domains)
}

/// A record of a person that is not withdrawn, or was merged into another.
#[derive(Default)]
struct PersonRecord {
    /// True where it is withdrawn: it says how its person became known, and is nobody itself.
    gone: bool,
    lead: bool,
    account: Option<Arc<str>>,
    converted_account: Option<Arc<str>>,
    match_key: Option<Arc<str>>,
    email_domain: Option<Arc<str>>,
    created: Option<Micros>,
    status: Option<Arc<str>>,
    lead_source: Option<Arc<str>>,
    utm: [Option<Arc<str>>; 3],
    converted: bool,
    converted_at: Option<Micros>,
    opportunity: Option<Arc<str>>,
}

/// Records of people, by code of their identifier, and into which other one each went.
#[derive(Default)]
struct PersonRecords {
    names: Names,
    records: Vec<Option<PersonRecord>>,
    next: Vec<u32>,
    converts_later: bool,
}

impl PersonRecords {
    fn code(&mut self, id: &str) -> u32 {
        let code = self.names.code(id);
        if self.records.len() <= code as usize {
            self.records.push(None);
            self.next.push(NONE);
        }
        code
    }
}

fn person_records(
    facts: &dyn Facts,
    end: Micros,
    n_future: &mut u64,
) -> Result<PersonRecords, LakeError> {
    let columns = [
        "id",
        "kind",
        "account_id",
        "match_key",
        "email_domain",
        "lead_source",
        "status",
        "utm_source",
        "utm_medium",
        "utm_campaign",
        "converted_account_id",
        "converted_person_id",
        "converted_opportunity_id",
        "merged_into",
        "converted_at",
        "created_at",
        "withdrawn",
    ];
    let mut out = PersonRecords::default();
    // Texts that repeat are kept once; the others cost one allocation each.
    let mut shared = Names::default();
    facts.scan("person", &columns, &mut |batch| {
        let view = Batch(&batch);
        let texts: Vec<_> = (0..14).map(|column| view.texts(column)).collect();
        let (converted, created) = (view.instants(14), view.instants(15));
        let withdrawn = view.booleans(16);
        for row in 0..batch.num_rows() {
            let text = |column: usize| Batch::text(texts[column], row);
            let Some(id) = text(0) else { continue };
            let created = Batch::instant(created, row);
            if created.is_some_and(|at| at > end) {
                *n_future += 1;
                continue;
            }
            let withdrawn = Batch::flag(withdrawn, row) == Some(true);
            let merged = text(13).filter(|into| *into != id);
            if withdrawn && merged.is_none() {
                continue;
            }
            // What happens after the as-of day has not happened.
            let converted_at = Batch::instant(converted, row);
            let in_time = converted_at.is_none_or(|at| at <= end);
            out.converts_later |= !in_time;
            let became = text(11).filter(|into| in_time && *into != id);
            let at = out.code(id) as usize;
            if let Some(into) = merged.or(became) {
                let into = out.code(into);
                out.next[at] = into;
            }
            // A visitor only says who it turned out to be.
            let visitor = text(1).is_some_and(|kind| kind.eq_ignore_ascii_case("visitor"));
            if visitor {
                continue;
            }
            let mut share = |text: Option<&str>| {
                let code = shared.code(text?);
                shared.text(code).cloned()
            };
            let happened = |column: usize| text(column).filter(|_| in_time);
            let converted = in_time
                && (converted_at.is_some()
                    || text(10).is_some()
                    || became.is_some()
                    || text(12).is_some());
            out.records[at] = Some(PersonRecord {
                gone: withdrawn,
                lead: text(1).is_some_and(|kind| kind.eq_ignore_ascii_case("lead")),
                account: share(text(2)),
                converted_account: share(happened(10)),
                match_key: text(3).map(Arc::from),
                email_domain: share(text(4)),
                created,
                status: share(text(6)),
                lead_source: share(text(5)),
                utm: [share(text(7)), share(text(8)), share(text(9))],
                converted,
                converted_at: converted_at.filter(|_| in_time),
                opportunity: happened(12).map(Arc::from),
            });
        }
        Ok(())
    })?;
    Ok(out)
}

/// Resolves the records to people.
fn people(
    definitions: &Definitions,
    records: PersonRecords,
    claims: &BTreeMap<Arc<str>, Vec<u32>>,
    identity: &mut Identity,
) {
    let PersonRecords { names, mut records, next, .. } = records;
    let (chain_end, n_cycles) = ends(&next);
    identity.n_person_cycles = n_cycles;
    let is_found = |record: &Option<PersonRecord>| record.as_ref().is_some_and(|r| !r.gone);
    let found: Vec<bool> = records.iter().map(is_found).collect();
    let mut canonical = representatives(&names, &chain_end, &found);
    // What was merged into nobody that is left says nothing.
    for (record, root) in records.iter_mut().zip(&canonical) {
        *record = record.take().filter(|_| found[*root as usize]);
    }
    let (names, records) = (&names, records.as_slice());
    let mut account = vec![NONE; records.len()];
    let mut order: Vec<u32> = (0..).take(records.len()).collect();
    order.sort_unstable_by(|a, b| names.text(*a).cmp(&names.text(*b)));

    // The account that records name: that of the person's own record first, then of the others.
    for own in [true, false] {
        for &node in &order {
            let root = canonical[node as usize] as usize;
            let Some(record) = &records[node as usize] else { continue };
            if (node as usize == root) != own || account[root] != NONE {
                continue;
            }
            if let Some(id) = record.account.as_ref().or(record.converted_account.as_ref()) {
                account[root] = identity.account(id);
            }
        }
    }
    let domains = learned_domains(definitions, records, &canonical, &account, claims);
    for own in [true, false] {
        for &node in &order {
            let root = canonical[node as usize] as usize;
            let domain = records[node as usize].as_ref().and_then(|r| r.email_domain.as_ref());
            if let (NONE, Some(domain)) = (account[root], domain)
                && (node as usize == root) == own
                && let Some(&code) = domains.get(domain)
            {
                account[root] = code;
            }
        }
    }
    one_by_mail(names, records, &order, &account, &mut canonical);

    for &node in &order {
        if records[node as usize].is_none() || canonical[node as usize] != node {
            continue;
        }
        let code = u32::try_from(identity.people.len()).unwrap_or(NONE);
        let Some(id) = names.text(node) else { continue };
        identity.person_codes.insert(Arc::clone(id), code);
        identity.people.push(Person {
            id: Arc::clone(id),
            account: account[node as usize],
            ..Person::default()
        });
    }
    gather(names, records, &order, &canonical, identity);
}

/// Gives each person what its records say, the earliest first.
fn gather(
    names: &Names,
    records: &[Option<PersonRecord>],
    order: &[u32],
    canonical: &[u32],
    identity: &mut Identity,
) {
    let mut by_age: Vec<u32> = order.to_vec();
    by_age.sort_by_key(|&node| {
        records[node as usize].as_ref().and_then(|r| r.created).unwrap_or(Micros::MAX)
    });
    for &node in &by_age {
        let root = canonical[node as usize];
        let code = names.text(root).and_then(|id| identity.person_codes.get(id)).copied();
        let (Some(code), Some(id)) = (code, names.text(node)) else { continue };
        identity.person_codes.insert(Arc::clone(id), code);
        let (Some(record), Some(person)) =
            (&records[node as usize], identity.people.get_mut(code as usize))
        else {
            continue;
        };
        person.created = person.created.or(record.created);
        person.lead_source = person.lead_source.take().or_else(|| record.lead_source.clone());
        if person.utm.iter().all(Option::is_none) {
            person.utm.clone_from(&record.utm);
        }
        person.converted |= record.converted;
        let (known, other) = (person.converted_at, record.converted_at);
        person.converted_at = known.into_iter().chain(other).min();
        person.opportunities.extend(record.opportunity.clone());
        let speaks = node == root && record.status.is_some() || person.status.is_none();
        // Why a duplicate was put away says nothing of the person.
        if speaks && !record.gone {
            person.status.clone_from(&record.status);
        }
    }
}

/// Which account a domain of e-mail addresses means.
fn learned_domains(
    definitions: &Definitions,
    records: &[Option<PersonRecord>],
    canonical: &[u32],
    account: &[u32],
    claims: &BTreeMap<Arc<str>, Vec<u32>>,
) -> HashMap<Arc<str>, u32> {
    let mut domains: HashMap<Arc<str>, u32> = HashMap::new();
    let mut has_domain: Vec<u32> = Vec::new();
    for (domain, codes) in claims {
        has_domain.extend(codes);
        if let ([code], false) = (codes.as_slice(), definitions.is_free_mail(domain)) {
            domains.insert(Arc::clone(domain), *code);
        }
    }
    has_domain.sort_unstable();
    let mut seen: BTreeMap<&Arc<str>, Option<u32>> = BTreeMap::new();
    for (record, root) in records.iter().zip(canonical) {
        let code = account[*root as usize];
        let Some(domain) = record.as_ref().and_then(|r| r.email_domain.as_ref()) else { continue };
        if code == NONE || claims.contains_key(domain) || definitions.is_free_mail(domain) {
            continue;
        }
        let only = seen.entry(domain).or_insert(Some(code));
        if *only != Some(code) {
            *only = None;
        }
    }
    for (domain, only) in seen {
        if let Some(code) = only
            && has_domain.binary_search(&code).is_err()
        {
            domains.insert(Arc::clone(domain), code);
        }
    }
    domains
}

/// Makes a lead and a contact of the same account with the same match key one person.
fn one_by_mail(
    names: &Names,
    records: &[Option<PersonRecord>],
    order: &[u32],
    account: &[u32],
    canonical: &mut [u32],
) {
    let mut contacts: HashMap<(&Arc<str>, u32), u32> = HashMap::new();
    for &node in order {
        let root = canonical[node as usize];
        if let (Some(record), code) = (&records[node as usize], account[root as usize])
            && let (Some(hash), false, true) = (&record.match_key, record.lead, code != NONE)
        {
            contacts.entry((hash, code)).or_insert(root);
        }
    }
    let mut became: HashMap<u32, u32> = HashMap::new();
    for &node in order {
        let root = canonical[node as usize];
        let is_lead = |node: u32| records[node as usize].as_ref().is_some_and(|r| r.lead);
        if let (Some(record), true) = (&records[node as usize], is_lead(root))
            && let Some(hash) = &record.match_key
            && let Some(&contact) = contacts.get(&(hash, account[root as usize]))
            && contact != root
            && !is_lead(contact)
        {
            became.entry(root).or_insert(contact);
        }
    }
    debug_assert!(names.len() == canonical.len(), "one entry for each identifier");
    for root in canonical {
        if let Some(&contact) = became.get(root) {
            *root = contact;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_count_to_their_end_and_circles_stay_apart() {
        //   into which each goes                 where each ends       in circles
        let table: [(&[u32], &[u32], u64); 5] = [
            (&[1, 2, NONE], &[2, 2, 2], 0),
            (&[NONE, 0, 1], &[0, 0, 0], 0),
            (&[1, 0], &[0, 1], 2),
            (&[1, 2, 1, NONE], &[1, 1, 2, 3], 2),
            (&[0, 0], &[0, 0], 1),
        ];
        for (next, expected, n) in table {
            assert_eq!(ends(next), (expected.to_vec(), n), "{next:?}");
        }
    }
}
