//! Times builds over a lake. Usage: `build_bench [TOUCHES]`, a million unless said.
//!
//! For each hundred touches there are ten people, two accounts and one deal; the touches lie in two
//! years, and the last hundredth of them comes in a second load.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::sync::Arc;
use std::time::Instant;

use domain::fact::{Fact, FactTable, SourceRow};
use domain::{Cell, Definitions, Filter, Place, Rows};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use lake::{BuildRequest, Facts, Lake, LakeError, LakeFacts, LoadRequest, SourceFile, derived};

const AS_OF: Date = date(2026, 9, 30);
const SECONDS: u64 = 63_072_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let n: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let lake = Arc::new(Lake::create(dir.path().join("lake"))?);
    let (definitions, _) = Definitions::starter();
    let definitions = Arc::new(definitions);
    let first = n - n / 100;
    load(&lake, "records", records(n))?;
    load(&lake, "touches", touches(0, first))?;
    println!("{n} touches, {} accounts, {} people, {} deals", n / 50, n / 10, n / 100);
    let store = dir.path().join("derived");

    let full = run("full build", &lake, &definitions, &store)?;
    let again = run("the same again", &lake, &definitions, &store)?;
    load(&lake, "more", touches(first, n))?;
    let more = run("a hundredth more", &lake, &definitions, &store)?;
    println!("again / full = {:.4}, more / full = {:.4}", again / full, more / full);
    let peak = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", peak.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    Ok(())
}

fn run(
    what: &str,
    lake: &Arc<Lake>,
    definitions: &Arc<Definitions>,
    store: &std::path::Path,
) -> Result<f64, Box<dyn std::error::Error>> {
    let snapshot = lake.newest()?.ok_or("nothing was loaded")?;
    let facts: Arc<dyn Facts> = Arc::new(LakeFacts { lake: Arc::clone(lake), snapshot });
    let start = Instant::now();
    let mut stage = String::new();
    let mut since = Instant::now();
    let progress = &mut |now: &str, _, _| {
        if now != stage {
            if !stage.is_empty() {
                println!("    {stage}: {:.3} s", since.elapsed().as_secs_f64());
            }
            now.clone_into(&mut stage);
            since = Instant::now();
        }
    };
    let request = BuildRequest { as_of: AS_OF, definitions, progress };
    let built = derived::open_or_build(facts, request, store)?;
    println!("    {stage} and after: {:.3} s", since.elapsed().as_secs_f64());
    let seconds = start.elapsed().as_secs_f64();
    println!("{what}: {seconds:.3} s, {:?}", built.summary());
    let currency = definitions.currency;
    for (name, rows) in [
        ("opportunities", Rows::of("opportunities")),
        ("opportunities again", Rows::of("opportunities")),
        ("credits", Rows::of("credits").model("w_shaped")),
        ("credits markov", Rows::of("credits").model("markov")),
        ("journey of a deal", Rows::of("journeys").only(Filter::is("opportunity_id", "o77"))),
        ("leads", Rows::of("leads")),
        ("touches of an account", Rows::of("touches").only(Filter::is("account_id", "a77"))),
    ] {
        let start = Instant::now();
        let n = built.fetch(&rows, currency)?.n_rows();
        println!("    fetch {name}: {:.1} ms, {n} rows", start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(seconds)
}

fn load(
    lake: &Lake,
    name: &str,
    rows: impl Iterator<Item = (usize, SourceRow)>,
) -> Result<(), LakeError> {
    let file = SourceFile::new(name, *blake3::hash(name.as_bytes()).as_bytes(), "bench");
    let request = LoadRequest::new(Timestamp::UNIX_EPOCH, vec![file]);
    lake.load(request, rows)?;
    Ok(())
}

/// Spreads a number over all 64 bits (SplitMix64).
fn mixed(number: u64) -> u64 {
    let a = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    c ^ (c >> 31)
}

fn at(seconds: u64) -> Cell {
    let seconds = i64::try_from(seconds).unwrap_or(0);
    Timestamp::UNIX_EPOCH
        .checked_add(SignedDuration::from_secs(1_727_740_800 + seconds))
        .map_or(Cell::Null, Cell::Instant)
}

fn row(table: &'static str, number: u64, cell: impl Fn(&str) -> Cell) -> (usize, SourceRow) {
    let place = Place::line("bench.csv", number);
    let facts = FactTable::named(table).map(|table| Fact {
        table,
        cells: table.columns.iter().map(|column| cell(column.name)).collect(),
        carried: u64::MAX,
        place: place.clone(),
        version: None,
        deleted: false,
    });
    (0, SourceRow::Accepted { place, facts: facts.into_iter().collect() })
}

fn records(n: u64) -> impl Iterator<Item = (usize, SourceRow)> {
    let accounts = (0..n / 50).map(|number| {
        row("account", number, move |column| match column {
            "id" => Cell::text(format!("a{number}")),
            "name" => Cell::text(format!("Account {number}")),
            "domain" => Cell::text(format!("account{number}.com")),
            "employees" => Cell::Integer((number * 37 % 5000).cast_signed()),
            _ => Cell::Null,
        })
    });
    let people = (0..n / 10).map(move |number| {
        row("person", number, move |column| match column {
            "id" => Cell::text(format!("p{number}")),
            "kind" => Cell::text("contact"),
            "account_id" => Cell::text(format!("a{}", number % (n / 50))),
            "match_key" => Cell::text(format!("h{number}")),
            "email_domain" => Cell::text(format!("account{}.com", number % (n / 50))),
            "created_at" => at(mixed(number) % SECONDS),
            _ => Cell::Null,
        })
    });
    let programs = (0..300).map(|number| {
        row("program", number, move |column| match column {
            "id" => Cell::text(format!("c{number}")),
            "name" => Cell::text(format!("Program {number}")),
            "kind" => Cell::text(
                ["Webinar", "Conference", "Email", "Partner", "Content"]
                    .get(usize::try_from(number % 5).unwrap_or(0))
                    .copied()
                    .unwrap_or(""),
            ),
            _ => Cell::Null,
        })
    });
    let deals = (0..n / 100).map(move |number| {
        let created = mixed(number + 5) % SECONDS;
        row("opportunity", number, move |column| match column {
            "id" => Cell::text(format!("o{number}")),
            "account_id" => Cell::text(format!("a{}", mixed(number) % (n / 50))),
            "name" => Cell::text(format!("Deal {number}")),
            "stage" => Cell::text(if number.is_multiple_of(3) {
                "Closed Won"
            } else {
                "Proposal/Price Quote"
            }),
            "amount" => Cell::Decimal((1000 + number * 17 % 90_000).into()),
            "currency" => Cell::text("USD"),
            "created_at" => at(created),
            "close_on" => {
                let day =
                    Timestamp::from_second(1_727_740_800 + (created + 60 * 86_400).cast_signed());
                day.map_or(Cell::Null, |at| {
                    Cell::Day(at.to_zoned(jiff::tz::TimeZone::UTC).date().min(AS_OF))
                })
            }
            _ => Cell::Null,
        })
    });
    accounts.chain(people).chain(programs).chain(deals)
}

fn touches(from: u64, to: u64) -> impl Iterator<Item = (usize, SourceRow)> {
    (from..to).map(move |number| {
        let random = mixed(number);
        row("touch", number, move |column| match column {
            "id" => Cell::text(format!("00v{:08}{number:08}", random % 100_000_000)),
            "person_id" => Cell::text(format!("p{}", (random >> 20) % (to.max(100) / 10))),
            "at" => at(mixed(number + 9) % SECONDS),
            "kind" => {
                Cell::text(if random.is_multiple_of(2) { "web_session" } else { "campaign_member" })
            }
            "program_id" if !random.is_multiple_of(2) => {
                Cell::text(format!("c{}", (random >> 9) % 300))
            }
            "source" if random.is_multiple_of(2) => Cell::text("google"),
            "medium" if random.is_multiple_of(2) => {
                Cell::text(if random.is_multiple_of(4) { "cpc" } else { "organic" })
            }
            "campaign" if random.is_multiple_of(4) => {
                Cell::text(format!("campaign {}", (random >> 9) % 500))
            }
            "responded" => Cell::Boolean(!random.is_multiple_of(7)),
            _ => Cell::Null,
        })
    })
}
