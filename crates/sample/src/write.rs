//! Writes the exports of a company into a folder: the only place that touches files.
//!
//! Accounts are made in parallel, a round at a time, and written in their order: the bytes are the
//! same on any number of threads, and memory holds one round.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::civil::Date;
use rayon::prelude::*;
use serde_json::Value;

use crate::clock::{DAY, day_of};
use crate::rows::Row;
use crate::sheets::{Batch, SHEETS, Sheet};
use crate::story::story;
use crate::truth::Tally;
use crate::world::World;
use crate::{Channel, Company};

/// Accounts that one task makes, and tasks of a round.
const TASK: u64 = 16;
const ROUND: u64 = 64 * TASK;

/// For so many accounts the truth also says what each channel's absence would have changed: with
/// fewer the differences are noise, with more the replays take too long.
const REPLAYED: std::ops::RangeInclusive<u64> = 600..=2000;

/// Where an export could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{path}`")]
pub struct WriteError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why not.
    pub source: std::io::Error,
}

/// How the files are laid out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// True to compress the files of the CRM and of the web site (`.csv.gz`).
    pub gzip: bool,
    /// Starts a new file (`CampaignMember-2.csv`) after so many rows, for the files with most rows.
    pub rows_per_file: Option<u64>,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows below the header, by file.
    pub files: BTreeMap<String, u64>,
    /// Touches: campaign members, web sessions, calls, e-mails and meetings that are not deleted.
    pub touches: u64,
    /// Opportunities that are not deleted.
    pub opportunities: u64,
    /// Those of them that are won.
    pub won: u64,
}

/// Writes the exports as of a day; `progress` hears the accounts done and the accounts in all.
pub(crate) fn write(
    world: &World,
    dir: &Path,
    day: i64,
    layout: &Layout,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Written, WriteError> {
    let as_of = (day + 1) * DAY - 1;
    make_dir(dir)?;
    let mut files = BTreeMap::new();
    for paper in
        crate::shared::papers(world, as_of).into_iter().chain(crate::ads::papers(world, as_of))
    {
        let path = dir.join(paper.name);
        let mut file = create(&path)?;
        finish(&path, file.write_all(&paper.bytes).and_then(|()| file.flush()))?;
        files.insert(paper.name.to_owned(), paper.rows);
    }
    let wanted = SHEETS.iter().filter(|&&s| s != Sheet::Report || world.plan.dirt.short_ids);
    let mut outs: Vec<Out> =
        wanted.map(|&sheet| Out::new(dir, sheet, layout)).collect::<Result<_, _>>()?;
    let truth_path = dir.join("truth.json");
    let mut truth = create(&truth_path)?;
    finish(&truth_path, truth.write_all(b"{\"opportunities\":["))?;
    let mut tally = Tally::default();
    let mut separator = "\n";
    let mut start = 0;
    while start < world.n_accounts {
        let end = (start + ROUND).min(world.n_accounts);
        for batch in round(world, start, end, as_of) {
            for out in &mut outs {
                let (bytes, rows) = batch.sheet(out.sheet);
                out.append(bytes, rows)?;
            }
            for line in batch.causes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                let written =
                    truth.write_all(separator.as_bytes()).and_then(|()| truth.write_all(line));
                finish(&truth_path, written)?;
                separator = ",\n";
            }
            tally.merge(&batch.tally);
        }
        start = end;
        progress(start, world.n_accounts);
    }
    for out in outs {
        out.close(&mut files)?;
    }
    let without = (world.plan.without.is_none() && REPLAYED.contains(&world.n_accounts))
        .then(|| replays(world, as_of, &tally));
    let rest = crate::truth::truth(world, &tally, as_of, &files, without);
    let rest = serde_json::to_string_pretty(&rest).unwrap_or_default();
    let rest = rest.strip_prefix('{').unwrap_or_default();
    let written = truth
        .write_all(b"\n],")
        .and_then(|()| truth.write_all(rest.as_bytes()))
        .and_then(|()| truth.write_all(b"\n"))
        .and_then(|()| truth.flush());
    finish(&truth_path, written)?;
    let (opportunities, won) = tally.outcome();
    Ok(Written { files, touches: tally.touches(), opportunities, won })
}

/// Writes one folder for each day, named after it.
pub(crate) fn write_drops(company: &Company, dir: &Path, days: &[Date]) -> Result<(), WriteError> {
    for day in days {
        let folder = dir.join(day.to_string());
        write(&company.world, &folder, day_of(*day), &Layout::default(), &mut |_, _| {})?;
    }
    Ok(())
}

/// Makes the rows of a run of accounts, in order.
fn round(world: &World, start: u64, end: u64, as_of: i64) -> Vec<Batch> {
    let tasks = (end - start).div_ceil(TASK);
    (0..tasks)
        .into_par_iter()
        .map(|task| {
            let first = start + task * TASK;
            let mut batch = Batch::default();
            for index in first..(first + TASK).min(end) {
                let story = story(world, index);
                crate::people_rows::rows(world, &story, as_of, &mut batch);
                crate::deal_rows::rows(world, &story, as_of, &mut batch);
                crate::touch_rows::rows(world, &story, as_of, &mut batch);
            }
            batch
        })
        .collect()
}

/// Plays the same world without each channel in turn: what would truly be missing.
fn replays(world: &World, as_of: i64, whole: &Tally) -> Value {
    let lost = Channel::all().map(|channel| {
        let mut plan = world.plan.clone();
        plan.without = Some(channel);
        let other = World::new(&plan);
        let mut tally = Tally::default();
        for batch in round(&other, 0, other.n_accounts, as_of) {
            tally.merge(&batch.tally);
        }
        let value = whole.lost_without(&tally);
        (channel.key().to_owned(), value)
    });
    Value::Object(lost.collect())
}

/// An open file, plain or compressed.
enum Sink {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl Sink {
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Gzip(file) => file.write_all(bytes),
        }
    }

    fn close(self) -> std::io::Result<()> {
        match self {
            Self::Plain(mut file) => file.flush(),
            Self::Gzip(file) => file.finish()?.flush(),
        }
    }
}

/// One growing file of the export, or a series of them.
struct Out {
    sheet: Sheet,
    dir: PathBuf,
    gzip: bool,
    limit: Option<u64>,
    path: PathBuf,
    name: String,
    sink: Sink,
    rows: u64,
    full: BTreeMap<String, u64>,
}

impl Out {
    fn new(dir: &Path, sheet: Sheet, layout: &Layout) -> Result<Self, WriteError> {
        let limit = layout.rows_per_file.filter(|_| sheet.bulky());
        let full = BTreeMap::new();
        let (name, path, sink) = Self::open(dir, sheet, layout.gzip, limit.map(|_| 1))?;
        let dir = dir.to_owned();
        Ok(Self { sheet, dir, gzip: layout.gzip, limit, path, name, sink, rows: 0, full })
    }

    /// Opens a file with its header; `part` numbers the files of a series.
    fn open(
        dir: &Path,
        sheet: Sheet,
        gzip: bool,
        part: Option<usize>,
    ) -> Result<(String, PathBuf, Sink), WriteError> {
        let part = part.map_or(String::new(), |part| format!("-{part}"));
        let name = format!("{}{part}.csv{}", sheet.name(), if gzip { ".gz" } else { "" });
        let path = dir.join(&name);
        let file = create(&path)?;
        let mut sink = if gzip {
            Sink::Gzip(Box::new(GzEncoder::new(file, Compression::fast())))
        } else {
            Sink::Plain(file)
        };
        let mut header = Vec::new();
        let mut row = Row::new(&mut header);
        for column in sheet.header() {
            row.text(column);
        }
        row.end();
        finish(&path, sink.write_all(&header))?;
        Ok((name, path, sink))
    }

    /// Appends the rows of some accounts; a file of a series ends after the accounts that fill it.
    fn append(&mut self, bytes: &[u8], rows: u64) -> Result<(), WriteError> {
        if self.limit.is_some_and(|limit| self.rows >= limit) {
            let part = self.full.len() + 2;
            let next = Self::open(&self.dir, self.sheet, self.gzip, Some(part))?;
            let before = std::mem::replace(&mut self.sink, next.2);
            finish(&self.path, before.close())?;
            self.full.insert(std::mem::replace(&mut self.name, next.0), self.rows);
            (self.path, self.rows) = (next.1, 0);
        }
        self.rows += rows;
        finish(&self.path, self.sink.write_all(bytes))
    }

    fn close(self, files: &mut BTreeMap<String, u64>) -> Result<(), WriteError> {
        finish(&self.path, self.sink.close())?;
        files.extend(self.full);
        files.insert(self.name, self.rows);
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the demo writes where its caller says")]
fn make_dir(dir: &Path) -> Result<(), WriteError> {
    finish(dir, std::fs::create_dir_all(dir))
}

#[expect(clippy::disallowed_methods, reason = "the demo writes where its caller says")]
fn create(path: &Path) -> Result<BufWriter<File>, WriteError> {
    match File::create(path) {
        Ok(file) => Ok(BufWriter::with_capacity(1 << 18, file)),
        Err(source) => Err(WriteError { path: path.to_owned(), source }),
    }
}

fn finish(path: &Path, written: std::io::Result<()>) -> Result<(), WriteError> {
    written.map_err(|source| WriteError { path: path.to_owned(), source })
}
