//! Times loads of touches: new, again, corrected. Usage: `load_bench [ROWS]`, a million unless
//! said.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::sync::Arc;
use std::time::Instant;

use domain::fact::{Fact, FactTable, SourceRow};
use domain::{Cell, Place};
use jiff::{SignedDuration, Timestamp};
use lake::{Lake, LakeError, LoadRequest, SourceFile};

const CHANNELS: [&str; 6] = ["paid_search", "organic", "email", "event", "webinar", "direct"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let n: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let lake = Lake::create(dir.path())?;
    timed("made only", || {
        let columns = rows(n, 1).map(|row| match row.1 {
            SourceRow::Accepted { facts, .. } => facts.len(),
            SourceRow::Refused(_) => 0,
        });
        Ok(format!("{}", columns.sum::<usize>()))
    })?;
    timed("all new", || load(&lake, "a", rows(n, 1)))?;
    timed("again, from another file", || load(&lake, "b", rows(n, 1)))?;
    timed("one in a hundred corrected", || load(&lake, "c", rows(n, 100)))?;
    timed("a hundredth more", || {
        load(&lake, "d", rows(n + n / 100, 1).skip(usize::try_from(n).unwrap_or(0)))
    })?;
    let newest = lake.newest()?.ok_or("nothing was loaded")?;
    timed("scan of three columns", || {
        let mut n = 0;
        lake.scan(newest, "touch", &["account_id", "at", "channel"], &mut |batch| {
            n += batch.num_rows();
            Ok(())
        })?;
        Ok(format!("{n} rows"))
    })?;
    let files = lake.files(newest, "touch")?;
    println!("{} files, {} bytes", files.len(), files.iter().map(|file| file.bytes).sum::<u64>());
    let peak = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", peak.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    Ok(())
}

fn timed(what: &str, run: impl FnOnce() -> Result<String, LakeError>) -> Result<(), LakeError> {
    let start = Instant::now();
    let outcome = run()?;
    println!("{what}: {:.2} s, {outcome}", start.elapsed().as_secs_f64());
    Ok(())
}

fn load(
    lake: &Lake,
    name: &str,
    rows: impl Iterator<Item = (usize, SourceRow)>,
) -> Result<String, LakeError> {
    let request = LoadRequest {
        recorded_at: Timestamp::UNIX_EPOCH,
        author: None,
        message: None,
        files: vec![SourceFile {
            name: name.into(),
            hash: *blake3::hash(name.as_bytes()).as_bytes(),
            preset: "bench".to_owned(),
        }],
    };
    let rows = lake.load(request, rows)?.rows;
    Ok(format!("{} loaded, {} known", rows.loaded, rows.known))
}

/// Makes touches; each `every`th (from the second on) differs from what `every` = 1 makes.
fn rows(n: u64, every: u64) -> impl Iterator<Item = (usize, SourceRow)> {
    let table = FactTable::named("touch");
    let file: Arc<str> = "touches.csv".into();
    let texts: Vec<Cell> = CHANNELS.iter().map(|channel| Cell::text(*channel)).collect();
    (0..n).filter_map(move |number| {
        let table = table?;
        let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        let pick = |at: u64| {
            texts.get(usize::try_from(at % 6).unwrap_or(0)).cloned().unwrap_or(Cell::Null)
        };
        let seconds = i64::try_from(number * 31 % 63_072_000).unwrap_or(0);
        let corrected = every > 1 && number % every == 0;
        let cells = table.columns.iter().map(|column| match column.name {
            "id" => Cell::text(format!("00v{mixed:012}{number:06}")),
            "person_id" => Cell::text(format!("p{}", mixed % 200_000)),
            "account_id" => Cell::text(format!("a{}", mixed % 20_000)),
            "at" => Timestamp::UNIX_EPOCH
                .checked_add(SignedDuration::from_secs(1_700_000_000 + seconds))
                .map_or(Cell::Null, Cell::Instant),
            "kind" | "channel" | "source" | "medium" => pick(mixed),
            "program_id" => Cell::text(format!("c{}", mixed % 300)),
            "status" if corrected => Cell::text("corrected"),
            "responded" => Cell::Boolean(mixed % 3 > 0),
            _ => Cell::Null,
        });
        let place = Place::line(Arc::clone(&file), number + 2);
        let fact = Fact {
            table,
            cells: cells.collect(),
            carried: u64::MAX,
            place: place.clone(),
            version: None,
            deleted: false,
        };
        Some((0, SourceRow::Accepted { place, facts: vec![fact] }))
    })
}
