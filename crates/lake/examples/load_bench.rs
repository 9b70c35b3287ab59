//! Times loads of touches: all new, then a hundredth changed or new, then the same again, each
//! beside the first. Usage: `load_bench [ROWS] [GOAL]`, a million unless said; with a goal, such as
//! `0.05`, it fails where the load of a hundredth costs that part of the first one's CPU time or
//! more.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::sync::Arc;
use std::time::Instant;

use domain::fact::{Fact, FactTable, SourceRow};
use domain::{Cell, Place};
use jiff::{SignedDuration, Timestamp};
use lake::{Lake, LakeError, LoadRequest, SourceFile};

const CHANNELS: [&str; 6] = ["paid_search", "organic", "email", "event", "webinar", "direct"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut given = std::env::args().skip(1);
    let n: u64 = given.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let goal: Option<f64> = given.next().map(|text| text.parse()).transpose()?;
    let dir = tempfile::tempdir()?;
    let lake = Lake::create(dir.path())?;
    let hundredth = n / 100;
    // One of each hundred, not always the same.
    let spread = (0..hundredth).map(move |at| at * 100 + at * 37 % 100);
    let first = timed(&lake, "all new", None, || load(&lake, "a", 0..n, Says::First))?;
    let beside = Some(first);
    let parts = [
        timed(&lake, "1 % changed, spread", beside, || {
            load(&lake, "b", spread.clone(), Says::Corrected)
        })?,
        timed(&lake, "1 % changed, the newest", beside, || {
            load(&lake, "c", n - hundredth..n, Says::Corrected)
        })?,
        timed(&lake, "1 % new", beside, || load(&lake, "d", n..n + hundredth, Says::First))?,
    ];
    timed(&lake, "1 % changed in one column, spread", beside, || {
        load(&lake, "e", spread, Says::Status)
    })?;
    timed(&lake, "1 % that is stored already", beside, || {
        load(&lake, "f", n..n + hundredth, Says::First)
    })?;
    timed(&lake, "all again, those changed back", beside, || load(&lake, "g", 0..n, Says::First))?;
    let newest = lake.newest()?.ok_or("nothing was loaded")?;
    timed(&lake, "scan of three columns", beside, || {
        let mut n = 0;
        lake.scan(newest, "touch", &["account_id", "at", "channel"], &mut |batch| {
            n += batch.num_rows();
            Ok(())
        })?;
        Ok(format!("{n} rows"))
    })?;
    let peak = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", peak.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    if goal.is_some_and(|goal| parts.iter().any(|part| *part >= goal * first)) {
        return Err("the load of a hundredth costs too much beside the first".into());
    }
    Ok(())
}

/// CPU time of this process so far, in seconds; Linux only.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let times = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Bytes of all files of the table.
fn stored(lake: &Lake) -> u64 {
    let files = std::fs::read_dir(lake.dir().join("main/touch"));
    let sizes = files.into_iter().flatten().filter_map(|file| file.ok()?.metadata().ok());
    sizes.map(|file| file.len()).sum()
}

/// Prints what a step took and returns its CPU time.
fn timed(
    lake: &Lake,
    what: &str,
    beside: Option<f64>,
    run: impl FnOnce() -> Result<String, LakeError>,
) -> Result<f64, LakeError> {
    let (start, used, before) = (Instant::now(), cpu(), stored(lake));
    let outcome = run()?;
    let (wall, used) = (start.elapsed().as_secs_f64(), cpu() - used);
    let written = (stored(lake) as f64 - before as f64) / f64::from(1 << 20);
    let part = beside.map_or(100.0, |first| used / first * 100.0);
    println!("{what}: {outcome}; {used:.2} CPU s ({part:.1} %), {wall:.2} s, {written:+.1} MiB");
    Ok(used)
}

fn load(
    lake: &Lake,
    name: &str,
    numbers: impl Iterator<Item = u64>,
    says: Says,
) -> Result<String, LakeError> {
    let file = SourceFile::new(name, *blake3::hash(name.as_bytes()).as_bytes(), "bench");
    let request = LoadRequest::new(Timestamp::UNIX_EPOCH, vec![file]);
    let rows = lake.load(request, rows(numbers, says))?.rows;
    Ok(format!("{} loaded, {} known", rows.loaded, rows.known))
}

/// What a load says of its touches.
#[derive(Clone, Copy)]
enum Says {
    /// All columns as they were first.
    First,
    /// All columns, one of them otherwise.
    Corrected,
    /// One column only, otherwise.
    Status,
}

/// Makes the touches with these numbers.
fn rows(
    numbers: impl Iterator<Item = u64>,
    says: Says,
) -> impl Iterator<Item = (usize, SourceRow)> {
    let table = FactTable::named("touch");
    let file: Arc<str> = "touches.csv".into();
    let own = |name: &str| Some(1_u64 << table?.position(name)?);
    let carried = match says {
        Says::Status => own("id").zip(own("status")).map_or(0, |(id, status)| id | status),
        _ => u64::MAX,
    };
    let texts: Vec<Cell> = CHANNELS.iter().map(|channel| Cell::text(*channel)).collect();
    numbers.filter_map(move |number| {
        let table = table?;
        let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        let pick = |at: u64| {
            texts.get(usize::try_from(at % 6).unwrap_or(0)).cloned().unwrap_or(Cell::Null)
        };
        let seconds = i64::try_from(number * 31 % 63_072_000).unwrap_or(0);
        let cells = table.columns.iter().map(|column| match column.name {
            "id" => Cell::text(format!("00v{mixed:012}{number:06}")),
            "person_id" => Cell::text(format!("p{}", mixed % 200_000)),
            "account_id" => Cell::text(format!("a{}", mixed % 20_000)),
            "at" => Timestamp::UNIX_EPOCH
                .checked_add(SignedDuration::from_secs(1_700_000_000 + seconds))
                .map_or(Cell::Null, Cell::Instant),
            "kind" | "channel" | "source" | "medium" => pick(mixed),
            "program_id" => Cell::text(format!("c{}", mixed % 300)),
            "status" => match says {
                Says::First => Cell::Null,
                Says::Corrected => Cell::text("corrected"),
                Says::Status => Cell::text("said by another export"),
            },
            "responded" => Cell::Boolean(mixed % 3 > 0),
            _ => Cell::Null,
        });
        let place = Place::line(Arc::clone(&file), number + 2);
        let fact = Fact {
            table,
            cells: cells.collect(),
            carried,
            place: place.clone(),
            version: None,
            deleted: false,
        };
        Some((0, SourceRow::Accepted { place, facts: vec![fact] }))
    })
}
