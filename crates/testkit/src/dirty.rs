//! A small company whose records went wrong in every way that is known, told in a series of
//! extracts.
//!
//! Two years of some twenty accounts, seventy people, sixty deals and three hundred touches. Each
//! record is a list of versions with the second of the change; an extract holds what changed since
//! the one before, with repeats, late rows and rows that nobody can take. Everything follows from
//! the seed. What the records mean is not known here: that is what the program and the reference
//! model find, each on its own.

mod ads;
mod deals;
mod ids;
mod people;
mod random;
mod refused;
mod touches;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp, ToSpan};

use self::random::Random;

/// The first day of the two years.
const FIRST: Date = date(2024, 10, 1);
/// The last day, that of the last extract.
pub const LAST: Date = date(2026, 9, 30);
/// Days in all.
const DAYS: i64 = 730;
const DAY: i64 = 86_400;
/// How many extracts there are.
pub const N_EXTRACTS: usize = 3;

/// A company as its sources tell it.
#[derive(Clone, Debug)]
pub struct Company {
    /// The seed that all of it follows from.
    pub seed: u64,
    /// The extracts, oldest first.
    pub extracts: Vec<Extract>,
    /// What went wrong here, by name.
    pub dirt: Vec<&'static str>,
}

/// The files of one day.
#[derive(Clone, Debug)]
pub struct Extract {
    /// The day by whose end it was made.
    pub day: Date,
    /// The files.
    pub files: Vec<File>,
    /// How many rows must be refused.
    pub n_refused: usize,
}

/// A file: a table of the CRM, or a report as the ad platform wrote it.
#[derive(Clone, Debug)]
pub enum File {
    /// A table: name without ending, columns, rows.
    Table(&'static str, &'static [&'static str], Vec<Row>),
    /// A report: name, bytes, rows below its header.
    Report(&'static str, Vec<u8>, usize),
}

/// A row of a table.
#[derive(Clone, Debug)]
pub struct Row {
    cells: Vec<String>,
    /// True where it matters with which other rows it comes.
    bound: bool,
}

/// One record with its versions, oldest first.
struct Record {
    table: &'static str,
    versions: Vec<Version>,
}

/// What a record said from a second on.
#[derive(Clone)]
struct Version {
    at: i64,
    cells: BTreeMap<&'static str, String>,
    /// The first extract that has it: later than the others where the row came late.
    from: usize,
}

/// What is being made.
struct World {
    random: Random,
    /// The last second of each extract.
    ends: [i64; N_EXTRACTS],
    records: Vec<Record>,
    dirt: Vec<&'static str>,
}

/// The columns of each table, as the source exports them.
const TABLES: &[(&str, &[&str])] = &[
    ("User", &["Id", "Username", "Name", "Email", "IsActive", "CreatedDate", "SystemModstamp"]),
    (
        "Account",
        &[
            "Id",
            "IsDeleted",
            "MasterRecordId",
            "Name",
            "ParentId",
            "Industry",
            "NumberOfEmployees",
            "BillingCountry",
            "Website",
            "OwnerId",
            "CreatedDate",
            "SystemModstamp",
        ],
    ),
    (
        "Contact",
        &[
            "Id",
            "IsDeleted",
            "MasterRecordId",
            "AccountId",
            "LastName",
            "Email",
            "LeadSource",
            "OwnerId",
            "CreatedDate",
            "SystemModstamp",
        ],
    ),
    (
        "Lead",
        &[
            "Id",
            "IsDeleted",
            "MasterRecordId",
            "LastName",
            "Company",
            "Email",
            "LeadSource",
            "Status",
            "OwnerId",
            "IsConverted",
            "ConvertedDate",
            "ConvertedAccountId",
            "ConvertedContactId",
            "ConvertedOpportunityId",
            "CreatedDate",
            "SystemModstamp",
            "UTM_Source__c",
            "UTM_Medium__c",
            "UTM_Campaign__c",
        ],
    ),
    (
        "Opportunity",
        &[
            "Id",
            "IsDeleted",
            "AccountId",
            "Name",
            "StageName",
            "Amount",
            "Probability",
            "CloseDate",
            "Type",
            "LeadSource",
            "IsClosed",
            "IsWon",
            "CurrencyIsoCode",
            "CampaignId",
            "OwnerId",
            "CreatedDate",
            "SystemModstamp",
        ],
    ),
    (
        "OpportunityHistory",
        &[
            "Id",
            "OpportunityId",
            "CreatedById",
            "CreatedDate",
            "StageName",
            "Amount",
            "CloseDate",
            "Probability",
            "ForecastCategory",
            "SystemModstamp",
            "IsDeleted",
        ],
    ),
    (
        "OpportunityFieldHistory",
        &[
            "Id",
            "IsDeleted",
            "OpportunityId",
            "CreatedById",
            "CreatedDate",
            "Field",
            "DataType",
            "OldValue",
            "NewValue",
        ],
    ),
    (
        "OpportunityContactRole",
        &["Id", "OpportunityId", "ContactId", "Role", "IsPrimary", "IsDeleted", "CreatedDate"],
    ),
    (
        "Campaign",
        &[
            "Id",
            "IsDeleted",
            "Name",
            "ParentId",
            "Type",
            "Status",
            "StartDate",
            "EndDate",
            "BudgetedCost",
            "ActualCost",
            "CurrencyIsoCode",
            "OwnerId",
            "CreatedDate",
            "SystemModstamp",
        ],
    ),
    (
        "CampaignMember",
        &[
            "Id",
            "IsDeleted",
            "CampaignId",
            "LeadId",
            "ContactId",
            "Status",
            "HasResponded",
            "CreatedDate",
            "FirstRespondedDate",
            "SystemModstamp",
        ],
    ),
    (
        "Task",
        &[
            "Id",
            "IsDeleted",
            "WhoId",
            "WhatId",
            "AccountId",
            "OwnerId",
            "Subject",
            "Type",
            "TaskSubtype",
            "Status",
            "ActivityDate",
            "CompletedDateTime",
            "CreatedDate",
            "SystemModstamp",
        ],
    ),
    (
        "Event",
        &[
            "Id",
            "IsDeleted",
            "WhoId",
            "WhatId",
            "AccountId",
            "OwnerId",
            "Subject",
            "StartDateTime",
            "EndDateTime",
            "ActivityDate",
            "IsChild",
            "CreatedDate",
            "SystemModstamp",
        ],
    ),
    (
        "ga4_events",
        &[
            "_fivetran_id",
            "_fivetran_synced",
            "date",
            "timestamp",
            "name",
            "user_pseudo_id",
            "user_id",
            "param_page_location",
            "param_ga_session_id",
            "param_source",
            "param_medium",
            "param_campaign",
            "param_engagement_time_msec",
            "param_session_engaged",
        ],
    ),
    ("DatedConversionRate", &["Id", "IsoCode", "StartDate", "NextStartDate", "ConversionRate"]),
];

/// The tables whose rows have no version: what comes later counts, so that nothing is repeated.
/// Events of a visit come together, since the visit is what they are a part of.
const UNVERSIONED: [&str; 3] = ["DatedConversionRate", "User", "ga4_events"];
/// Tables whose rows mean something beside the other rows of their file only.
const TOGETHER: [&str; 2] = ["OpportunityHistory", "OpportunityFieldHistory"];

fn columns(table: &str) -> &'static [&'static str] {
    TABLES.iter().find(|(name, _)| *name == table).expect("a table of the list").1
}

/// Makes the company of a seed.
pub fn company(seed: u64) -> Company {
    let mut random = Random::new(seed);
    let ends =
        [random.between(330, 480) * DAY - 1, random.between(520, 690) * DAY - 1, DAYS * DAY - 1];
    let mut world = World { random, ends, records: Vec::new(), dirt: Vec::new() };
    let who = people::people(&mut world);
    let programs = ads::programs(&mut world);
    let deals = deals::deals(&mut world, &who, &programs);
    people::convert(&mut world, &who, &deals);
    touches::touches(&mut world, &who, &programs);
    let mut extracts: Vec<Extract> = (0..N_EXTRACTS).map(|place| world.extract(place)).collect();
    let reports = ads::reports(&mut world, &programs);
    for (extract, (files, n_totals)) in extracts.iter_mut().zip(reports) {
        extract.files.extend(files);
        extract.n_refused += n_totals;
    }
    refused::add(&mut world, &mut extracts);
    world.dirt.sort_unstable();
    world.dirt.dedup();
    Company { seed, extracts, dirt: world.dirt }
}

impl World {
    /// Notes that something goes wrong, with a chance in a hundred.
    fn goes_wrong(&mut self, percent: u64, name: &'static str) -> bool {
        let wrong = self.random.chance(percent);
        if wrong {
            self.dirt.push(name);
        }
        wrong
    }

    /// Adds a record with its first version and returns its place.
    fn add(&mut self, table: &'static str, at: i64, cells: &[(&'static str, String)]) -> usize {
        let cells: BTreeMap<_, _> = cells.iter().cloned().collect();
        self.records.push(Record { table, versions: vec![Version { at, cells, from: 0 }] });
        self.records.len() - 1
    }

    /// Changes a record: what is not named stays. Of two changes in a second the later is left.
    fn change(&mut self, place: usize, at: i64, cells: &[(&'static str, String)]) {
        let versions = &mut self.records[place].versions;
        let last = versions.last().expect("a record has a version");
        let mut next = Version { at: at.max(last.at), ..last.clone() };
        next.cells.extend(cells.iter().cloned());
        if last.at == next.at {
            versions.pop();
        }
        versions.push(next);
    }

    /// Returns what a record says in the end.
    fn newest(&self, place: usize) -> &Version {
        self.records[place].versions.last().expect("a record has a version")
    }

    /// Lets a record come with a later extract than its time says.
    fn delay(&mut self, place: usize) {
        for version in &mut self.records[place].versions {
            version.from = usize::try_from(self.random.between(1, 2)).expect("small");
        }
    }

    /// Makes the tables of an extract: what changed since the one before, and repeats.
    fn extract(&mut self, place: usize) -> Extract {
        let (begin, end) =
            (if place == 0 { i64::MIN } else { self.ends[place - 1] }, self.ends[place]);
        let mut files = Vec::new();
        for &(table, columns) in TABLES {
            let versioned = !UNVERSIONED.contains(&table);
            let mut rows: Vec<Row> = Vec::new();
            for record in self.records.iter().filter(|record| record.table == table) {
                let new = |version: &&Version| {
                    let since = version.at > begin || version.from == place;
                    version.at <= end && version.from <= place && since
                };
                let known: Vec<&Version> =
                    record.versions.iter().filter(|v| v.at <= end && v.from <= place).collect();
                let fresh: Vec<&Version> = known.iter().copied().filter(new).collect();
                let mut given: Vec<&Version> = fresh.last().copied().into_iter().collect();
                if versioned {
                    // Versions that were replaced already, and repeats of what was delivered.
                    let (_, rest) =
                        fresh.split_last().map_or((None, &[][..]), |(a, b)| (Some(a), b));
                    given.extend(rest.iter().filter(|_| self.random.chance(40)));
                    given.extend(known.iter().filter(|_| self.random.chance(5)));
                }
                for version in given {
                    rows.push(row(&mut self.random, columns, &version.cells));
                }
            }
            self.random.shuffle(&mut rows);
            if !rows.is_empty() {
                files.push(File::Table(table, columns, rows));
            }
        }
        Extract { day: day(end), files, n_refused: 0 }
    }
}

/// Writes out a row; ids of 18 characters stand in 15 now and then.
fn row(random: &mut Random, columns: &[&str], cells: &BTreeMap<&str, String>) -> Row {
    let cell = |column: &&str| {
        let text = cells.get(column).cloned().unwrap_or_default();
        let is_id = column.ends_with("Id") && text.len() == 18;
        if is_id && random.chance(15) { text[..15].to_owned() } else { text }
    };
    Row { cells: columns.iter().map(cell).collect(), bound: false }
}

impl Company {
    /// Returns the same company with its rows in another order, in other files and extracts, all
    /// known on the last day: nothing of that may matter.
    pub fn shuffled(&self, seed: u64) -> Vec<Extract> {
        let mut random = Random::new(self.seed ^ (seed << 32));
        let mut tables: Vec<BTreeMap<&'static str, Vec<Vec<Row>>>> =
            vec![BTreeMap::new(); N_EXTRACTS];
        let mut extracts: Vec<Extract> = Vec::new();
        for (place, extract) in self.extracts.iter().enumerate() {
            let mut files = Vec::new();
            for file in &extract.files {
                let File::Table(name, _, rows) = file else {
                    files.push(file.clone());
                    continue;
                };
                let stays = UNVERSIONED.contains(name) || TOGETHER.contains(name);
                for row in rows {
                    let to = if stays || row.bound { place } else { random.below(N_EXTRACTS) };
                    let part = if stays { 0 } else { random.below(3) };
                    let parts = tables[to].entry(*name).or_insert_with(|| vec![Vec::new(); 3]);
                    parts[part].push(row.clone());
                }
            }
            extracts.push(Extract { day: LAST, files, n_refused: extract.n_refused });
        }
        for (extract, tables) in extracts.iter_mut().zip(tables) {
            for (name, parts) in tables {
                for mut rows in parts.into_iter().filter(|rows| !rows.is_empty()) {
                    random.shuffle(&mut rows);
                    extract.files.push(File::Table(name, columns(name), rows));
                }
            }
            random.shuffle(&mut extract.files);
        }
        extracts
    }
}

impl Extract {
    /// Writes the files into a folder.
    ///
    /// # Panics
    ///
    /// Where they cannot be written.
    pub fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder).expect("a folder can be made");
        let mut used: BTreeMap<&str, usize> = BTreeMap::new();
        for file in &self.files {
            let (name, bytes) = match file {
                File::Report(name, bytes, _) => ((*name).to_owned(), bytes.clone()),
                File::Table(name, columns, rows) => {
                    let part = used.entry(name).or_default();
                    let ending = if *part == 0 { String::new() } else { format!("-{part}") };
                    *part += 1;
                    let mut writer = csv::Writer::from_writer(Vec::new());
                    writer.write_record(*columns).expect("a row is written");
                    for row in rows {
                        writer.write_record(&row.cells).expect("a row is written");
                    }
                    (format!("{name}{ending}.csv"), writer.into_inner().expect("a file"))
                }
            };
            std::fs::write(folder.join(name), bytes).expect("a file can be written");
        }
    }

    /// Returns how many rows there are below the headers.
    pub fn n_rows(&self) -> usize {
        let rows = |file: &File| match file {
            File::Table(_, _, rows) => rows.len(),
            File::Report(_, _, rows) => *rows,
        };
        self.files.iter().map(rows).sum()
    }
}

/// Returns the day of a second since the first day.
fn day(at: i64) -> Date {
    FIRST.saturating_add(at.div_euclid(DAY).days())
}

/// Writes an instant as the CRM does.
fn stamp(at: i64) -> String {
    let first: Timestamp = "2024-10-01T00:00:00Z".parse().expect("an instant");
    let at = first + SignedDuration::from_secs(at);
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}
