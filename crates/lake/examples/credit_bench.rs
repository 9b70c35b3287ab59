//! Measures credit over Parquet files: five models at once, exact to the cent.
//!
//! `credit_bench generate DIR N_TOUCHES` writes `touches.parquet` (in order of time) and
//! `opportunities.parquet` with everything scaled together; the seed is fixed. `credit_bench run
//! DIR [--threads N] [--limit-mib N] [--out FILE]` credits them and prints a line of JSON with
//! sums, CPU seconds, wall seconds and the peak of memory (Linux only: from `/proc`).
//!
//! Apart from the tests because it measures; `bench/credit/run.py` compares it with `DuckDB`.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the generator makes whole numbers of random ones, within ranges that it knows"
)]

use std::error::Error;
use std::f64::consts::TAU;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{
    Array, ArrayRef, Int16Array, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use lake::journey::credit::{Credit, Deal, credit};
use lake::journey::{AccountSet, TouchStore, Window};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use rayon::prelude::*;
use serde_json::json;
use stats::credit::Model;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
const LOOKBACK: i64 = 90 * DAY;
/// 2024-01-01 and two years from there.
const START: i64 = 1_704_067_200 * SECOND;
const SPAN: i64 = 731 * DAY;

const MODELS: [Model; 5] = [
    Model::First,
    Model::Last,
    Model::Linear,
    Model::TimeDecay { half_life_seconds: 7 * 86_400 },
    Model::WShaped,
];

const USAGE: &str = "credit_bench generate DIR N_TOUCHES
credit_bench run DIR [--threads N] [--limit-mib N] [--out FILE]";

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["generate", dir, n_touches] => generate(Path::new(dir), n_touches.parse()?),
        ["run", dir, options @ ..] => {
            let (mut n_threads, mut limit_mib, mut out) = (2, 1024_usize, None);
            for option in options.chunks(2) {
                match option {
                    ["--threads", value] => n_threads = value.parse()?,
                    ["--limit-mib", value] => limit_mib = value.parse()?,
                    ["--out", value] => out = Some(PathBuf::from(value)),
                    _ => return Err(USAGE.into()),
                }
            }
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build()?;
            pool.install(|| run(Path::new(dir), limit_mib << 20, out.as_deref()))
        }
        _ => Err(USAGE.into()),
    }
}

// ---------------------------------------------------------------------------------------------
// Our run.

fn run(dir: &Path, limit_bytes: usize, out: Option<&Path>) -> Fallible<()> {
    let start = Instant::now();
    let deals = deals(&dir.join("opportunities.parquet"))?;
    let windows: Vec<Window> = deals.iter().map(|deal| deal.window).collect();
    let n_accounts = windows.iter().map(|window| window.account + 1).max().unwrap_or(0);
    let wanted = AccountSet::from_windows(n_accounts, &windows);
    drop(windows);
    let (cpu_deals, wall_deals) = (cpu_seconds()?, start.elapsed().as_secs_f64());

    let touches = dir.join("touches.parquet");
    let n_threads = rayon::current_num_threads();
    let stores: Vec<TouchStore> = (0..n_threads)
        .into_par_iter()
        .map(|thread| {
            let mut store =
                TouchStore::new(n_accounts, Some(&wanted), limit_bytes / n_threads, Some(dir));
            read_touches(&touches, thread, n_threads, &mut store)?;
            Ok(store)
        })
        .collect::<Fallible<_>>()?;
    let mut stores = stores.into_iter();
    let mut store = stores.next().ok_or("no thread")?;
    stores.for_each(|other| store.append(other));
    let journeys = store.finish()?;
    let (cpu_touches, wall_touches) = (cpu_seconds()?, start.elapsed().as_secs_f64());

    let credit = credit(&journeys, &deals, &MODELS, |payload| payload, |_| false)?;
    let (cpu, wall) = (cpu_seconds()?, start.elapsed().as_secs_f64());

    if let Some(out) = out {
        write_credit(out, &credit)?;
    }
    let amounts: i128 = deals.iter().map(|deal| i128::from(deal.amount_minor)).sum();
    let exact = credit.totals_minor().iter().all(|total| *total == amounts);
    let round = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
    let line = json!({
        "engine": "throughline",
        "threads": n_threads,
        "deals": credit.n_deals,
        "deals_without_touches": credit.n_deals_without_touches,
        "touches_kept": journeys.n_touches(),
        "pairs": credit.n_pairs,
        "rows": credit.rows.len(),
        "amount_minor": amounts.to_string(),
        "every_model_sums_to_it": exact,
        "cpu_s": round(cpu),
        "cpu_s_deals_touches_credit":
            [round(cpu_deals), round(cpu_touches - cpu_deals), round(cpu - cpu_touches)],
        "wall_s": round(wall),
        "wall_s_deals_touches_credit":
            [round(wall_deals), round(wall_touches - wall_deals), round(wall - wall_touches)],
        "peak_mib": peak_mib()?,
        "spilled_mib": journeys.bytes_spilled() >> 20,
    });
    writeln!(std::io::stdout(), "{line}")?;
    if exact { Ok(()) } else { Err("the credit is not the amounts".into()) }
}

fn deals(path: &Path) -> Fallible<Vec<Deal>> {
    let mut deals = Vec::new();
    let columns = ["account", "created_at", "amount_minor", "lead_created_at"];
    for batch in reader(path, &columns)?.build()? {
        let batch = batch?;
        let accounts = column::<Int32Array>(&batch, "account")?.values();
        let created = column::<TimestampMicrosecondArray>(&batch, "created_at")?.values();
        let amounts = column::<Int64Array>(&batch, "amount_minor")?.values();
        let leads = column::<TimestampMicrosecondArray>(&batch, "lead_created_at")?.values();
        for (((account, created_at), amount), lead) in
            accounts.iter().zip(created).zip(amounts).zip(leads)
        {
            deals.push(Deal {
                window: Window {
                    account: u32::try_from(*account)?,
                    from: created_at - LOOKBACK,
                    to: *created_at,
                },
                amount_minor: *amount,
                lead_at: Some(*lead),
                opportunity_at: Some(*created_at),
                close_at: None,
            });
        }
    }
    Ok(deals)
}

/// Reads one of `n_threads` parts of the row groups into the store.
fn read_touches(
    path: &Path,
    thread: usize,
    n_threads: usize,
    store: &mut TouchStore,
) -> Fallible<()> {
    let reader = reader(path, &["account", "campaign", "channel", "at"])?;
    // Neighbours to the same thread: then the touches of an account stay in order of time.
    let n_groups = reader.metadata().num_row_groups();
    let groups = (n_groups * thread / n_threads..n_groups * (thread + 1) / n_threads).collect();
    let (mut unsigned, mut payloads) = (Vec::new(), Vec::new());
    for batch in reader.with_row_groups(groups).with_batch_size(8192).build()? {
        let batch = batch?;
        let accounts = column::<Int32Array>(&batch, "account")?.values();
        let campaigns = column::<Int32Array>(&batch, "campaign")?.values();
        let channels = column::<Int16Array>(&batch, "channel")?.values();
        let at = column::<TimestampMicrosecondArray>(&batch, "at")?.values();
        unsigned.clear();
        unsigned.extend(accounts.iter().map(|account| account.cast_unsigned()));
        payloads.clear();
        let pairs = channels.iter().zip(campaigns);
        payloads.extend(pairs.map(|(channel, campaign)| payload(*channel, *campaign)));
        store.push_columns(&unsigned, at, &payloads)?;
    }
    Ok(())
}

/// Channel above campaign: the order in which ties in time are broken.
fn payload(channel: i16, campaign: i32) -> u64 {
    u64::from(channel.cast_unsigned()) << 20 | u64::from(campaign.cast_unsigned())
}

fn write_credit(path: &Path, credit: &Credit) -> Fallible<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "channel,campaign,first,last,linear,time_decay,w_shaped")?;
    let mut line = |channel: i64, campaign: i64, minor: &[i128]| {
        write!(file, "{channel},{campaign}")?;
        minor.iter().try_for_each(|minor| write!(file, ",{minor}"))?;
        writeln!(file)
    };
    line(-1, -1, &credit.unknown_minor)?;
    for row in &credit.rows {
        line((row.key >> 20) as i64, (row.key & 0xF_FFFF) as i64, &row.minor)?;
    }
    Ok(file.flush()?)
}

fn reader(path: &Path, columns: &[&str]) -> Fallible<ParquetRecordBatchReaderBuilder<File>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    Ok(builder.with_projection(mask))
}

fn column<'a, T: Array + 'static>(batch: &'a RecordBatch, name: &str) -> Fallible<&'a T> {
    let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref());
    column.ok_or_else(|| format!("column `{name}` is not what the generator writes").into())
}

/// User and system time of this process, in steps of 10 ms.
fn cpu_seconds() -> Fallible<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name of the program, in parentheses, may hold spaces; user time is the 12th field after
    // it.
    let (_, fields) = stat.rsplit_once(')').ok_or("/proc/self/stat is not readable")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(ticks.sum::<Result<u64, _>>()? as f64 / 100.0)
}

fn peak_mib() -> Fallible<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmHWM")?;
    Ok(kib.parse::<u64>()? >> 10)
}

// ---------------------------------------------------------------------------------------------
// The generator.

/// `SplitMix64` (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// In `0.0..1.0`.
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Logarithm of standard deviation one (Box and Muller 1958).
    fn log_normal(&mut self, median: f64) -> f64 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        median * ((-2.0 * u.ln()).sqrt() * (TAU * v).cos()).exp()
    }
}

fn generate(dir: &Path, n_touches: u64) -> Fallible<()> {
    std::fs::create_dir_all(dir)?;
    let mut random = Random(20_240_101);
    let n_accounts = (n_touches / 50).max(1);
    let n_contacts = (n_touches / 10).max(1);
    let n_opportunities = n_touches * 3 / 200;

    // Accounts of log-normal size: a contact belongs to one in proportion.
    let mut ends = Vec::new();
    let mut end = 0.0;
    for _ in 0..n_accounts {
        end += random.log_normal(1.0);
        ends.push(end);
    }
    let account_of: Vec<i32> = (0..n_contacts)
        .map(|_| {
            let place = random.uniform() * end;
            ends.partition_point(|end| *end <= place).min(ends.len() - 1) as i32
        })
        .collect();
    drop(ends);
    let any_contact = |random: &mut Random| random.below(n_contacts) as usize;
    let account = |contact: usize| account_of.get(contact).copied().unwrap_or(0);

    // Large accounts have more opportunities.
    let mut rows: [Vec<i64>; 5] = Default::default();
    for id in 0..n_opportunities as i64 {
        let at = START + (random.uniform() * SPAN as f64) as i64 / SECOND * SECOND;
        let lead_at = at - random.below(60 * 86_400) as i64 * SECOND;
        let amount = random.log_normal(2_000_000.0).round() as i64;
        let account = i64::from(account(any_contact(&mut random)));
        for (column, value) in rows.iter_mut().zip([id, account, at, amount, lead_at]) {
            column.push(value);
        }
    }
    let [ids, accounts, created, amounts, leads] = rows;
    let accounts = Int32Array::from_iter_values(accounts.into_iter().map(|account| account as i32));
    let batch = RecordBatch::try_from_iter([
        ("opportunity_id", Arc::new(Int64Array::from(ids)) as ArrayRef),
        ("account", Arc::new(accounts)),
        ("created_at", Arc::new(TimestampMicrosecondArray::from(created))),
        ("amount_minor", Arc::new(Int64Array::from(amounts))),
        ("lead_created_at", Arc::new(TimestampMicrosecondArray::from(leads))),
    ])?;
    let file = File::create(dir.join("opportunities.parquet"))?;
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties()))?;
    writer.write(&batch)?;
    writer.close()?;

    let mut writer = None;
    for first in (0..n_touches).step_by(1 << 16) {
        let ids = first..n_touches.min(first + (1 << 16));
        let n_rows = (ids.end - ids.start) as usize;
        let (mut contacts, mut accounts) = (Vec::with_capacity(n_rows), Vec::with_capacity(n_rows));
        let (mut campaigns, mut channels) =
            (Vec::with_capacity(n_rows), Vec::with_capacity(n_rows));
        let mut at = Vec::with_capacity(n_rows);
        for id in ids.clone() {
            let contact = any_contact(&mut random);
            contacts.push(contact as i32);
            accounts.push(account(contact));
            // Early campaigns are larger; each has one of twelve channels.
            let campaign = (600.0 * random.uniform().powi(2)) as i32;
            campaigns.push(campaign);
            channels.push((campaign % 12) as i16);
            // In order of time, to the second, hence with ties.
            let place = (id as f64 + random.uniform()) / n_touches as f64;
            at.push(START + (place * SPAN as f64) as i64 / SECOND * SECOND);
        }
        let ids = Int64Array::from_iter_values(ids.map(|id| id as i64));
        let batch = RecordBatch::try_from_iter([
            ("touch_id", Arc::new(ids) as ArrayRef),
            ("contact", Arc::new(Int32Array::from(contacts))),
            ("account", Arc::new(Int32Array::from(accounts))),
            ("campaign", Arc::new(Int32Array::from(campaigns))),
            ("channel", Arc::new(Int16Array::from(channels))),
            ("at", Arc::new(TimestampMicrosecondArray::from(at))),
        ])?;
        let writer = match &mut writer {
            Some(writer) => writer,
            none => {
                let file = File::create(dir.join("touches.parquet"))?;
                none.insert(ArrowWriter::try_new(file, batch.schema(), Some(properties()))?)
            }
        };
        writer.write(&batch)?;
    }
    if let Some(writer) = writer {
        writer.close()?;
    }
    Ok(())
}

/// As the lake writes: zstd, delta encodings for numbers and times, dictionaries for the few codes.
fn properties() -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(1 << 20));
    for column in ["touch_id", "contact", "account", "at", "created_at", "amount_minor"] {
        properties = properties.set_column_dictionary_enabled(column.into(), false);
    }
    properties.build()
}
