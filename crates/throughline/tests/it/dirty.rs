//! Simulated companies whose records went wrong in every way that is known: the program and the
//! reference model find the same money to the cent, in whatever order the rows come.
//!
//! `THROUGHLINE_SEEDS=2000` tries so many companies instead of 200; `THROUGHLINE_SEED=17` only that
//! one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::{Definitions, Frame, Rows};
use intake::{Lookups, Settings};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lake::{Lake, LoadReport, LoadRequest, RELATIONS, SourceFile};
use project::{Project, Scope, View};
use serde_json::Value;
use tempfile::TempDir;
use testkit::dirty::{self, Extract, LAST};
use testkit::reference;

use crate::agree::{Check, compare, figure, table};

/// Relations that tell of loads rather than of facts.
const OF_LOADS: [&str; 4] = ["loads", "sources", "stored", "quarantined"];

#[test]
fn dirty_companies_agree_with_the_reference_model_in_any_order() {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let (first, n_seeds) = match number("THROUGHLINE_SEED") {
        Some(seed) => (seed, 1),
        None => (1, number("THROUGHLINE_SEEDS").unwrap_or(200)),
    };
    let begun = Instant::now();
    let next = AtomicU64::new(first);
    let outcome = Mutex::new(Outcome::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + n_seeds {
                        break;
                    }
                    let found = std::panic::catch_unwind(|| try_seed(seed));
                    let mut outcome = outcome.lock().unwrap();
                    match found {
                        Ok(found) => outcome.add(found),
                        Err(_) => outcome.differences.push((seed, "it panicked".to_owned())),
                    }
                }
            });
        }
    });
    let outcome = outcome.into_inner().unwrap();
    let n = outcome.differences.len();
    eprintln!(
        "{n_seeds} dirty companies: {} rows, {} figures compared, {n} differences, {:.1?}",
        outcome.n_rows,
        outcome.n_compared,
        begun.elapsed(),
    );
    for (step, spent) in &outcome.spent {
        eprintln!("  {step}: {:.1?} a company", *spent / u32::try_from(n_seeds).unwrap());
    }
    let kinds: Vec<String> = outcome.dirt.iter().map(|(name, n)| format!("{name} {n}")).collect();
    eprintln!("  companies with {}", kinds.join(", "));
    // The first of a company say where it begins; the others follow from them.
    let per_seed = if n_seeds == 1 { usize::MAX } else { 6 };
    let mut by_seed: BTreeMap<u64, Vec<&String>> = BTreeMap::new();
    for (seed, text) in &outcome.differences {
        by_seed.entry(*seed).or_default().push(text);
    }
    let shown = by_seed.iter().flat_map(|(seed, texts)| {
        texts.iter().take(per_seed).map(move |text| format!("THROUGHLINE_SEED={seed}: {text}"))
    });
    let shown: Vec<String> = shown.take(400).collect();
    assert!(n == 0, "{n} differences\n{}", shown.join("\n"));
}

/// What was found.
#[derive(Default)]
struct Outcome {
    n_rows: u64,
    n_compared: usize,
    differences: Vec<(u64, String)>,
    dirt: BTreeMap<&'static str, u64>,
    spent: BTreeMap<&'static str, Duration>,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.n_rows += other.n_rows;
        self.n_compared += other.n_compared;
        self.differences.extend(other.differences);
        for (name, n) in other.dirt {
            *self.dirt.entry(name).or_default() += n;
        }
        for (name, spent) in other.spent {
            *self.spent.entry(name).or_default() += spent;
        }
    }

    /// Notes how long a step takes.
    fn timed<T>(&mut self, step: &'static str, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let made = work();
        *self.spent.entry(step).or_default() += begun.elapsed();
        made
    }

    fn take(&mut self, seed: u64, check: Check) {
        self.n_compared += check.n_compared;
        let what = check.what;
        let told = check.differences.into_iter().map(|one| (seed, format!("{what}: {one}")));
        self.differences.extend(told);
    }
}

/// Loads a company extract by extract, and once more in another order; compares all figures.
fn try_seed(seed: u64) -> Outcome {
    let mut found = Outcome::default();
    let company = found.timed("make", || dirty::company(seed));
    for name in &company.dirt {
        found.dirt.insert(name, 1);
    }
    let house = House::new();
    let lake = house.lake();
    let mut folders: Vec<PathBuf> = Vec::new();
    // As of the first extract, as it was answered on that day.
    let mut early = Vec::new();
    for (place, extract) in company.extracts.iter().enumerate() {
        let folder = house.folder.path().join(format!("extract-{place}"));
        found.timed("make", || extract.write(&folder));
        let report = found.timed("load", || house.load(&lake, &folder, extract.day));
        folders.push(folder);
        found.n_rows += report.rows.read;
        let mut check = Check::new(format!("load {place}"));
        counts(&mut check, &report, extract);
        found.take(seed, check);
        if place == 0 {
            early = found.timed("answer", || house.answers(&house.view(extract.day), "2025"));
        }
    }
    // As of each extract, and once between two of them.
    let days: Vec<Date> = company.extracts.iter().map(|extract| extract.day).collect();
    let between = days[1].saturating_add(40.days()).min(LAST.saturating_sub(1.day()));
    for (n_known, day) in [(1, days[0]), (2, between), (3, LAST)] {
        let known = &folders[..n_known];
        let model = || reference::Company::read_all(known, &house.definitions, day);
        let reference = found.timed("model", model);
        if n_known == 1 {
            // What was answered must come out again of the snapshot, not of the kept build.
            std::fs::remove_dir_all(house.project.derived()).unwrap();
        }
        let view = found.timed("build", || house.view(day));
        let mut check = Check::new(format!("rows as of {day}"));
        found.timed("compare rows", || rows(&mut check, &view, &reference));
        found.take(seed, check);
        let periods: &[&str] =
            if day == LAST { &["2026", "2024-07-01..2026-09-30"] } else { &["2025Q4"] };
        for period in periods {
            let mut check = Check::new(format!("as of {day}"));
            let mut ask = |question: &str| house.ask(&view, question, period, None);
            found.timed("compare", || {
                compare(&mut check, &mut ask, &house.definitions, &reference, period);
            });
            found.take(seed, check);
        }
        if n_known == 1 {
            let now = found.timed("answer", || house.answers(&view, "2025"));
            if now != early {
                let text = "as of the first extract other answers than on that day".to_owned();
                found.differences.push((seed, text));
            }
        }
        if day == LAST {
            let mut check = Check::new("invariants".to_owned());
            found.timed("invariants", || invariants(&mut check, &house, &view));
            found.take(seed, check);
            if seed.is_multiple_of(3) {
                let other = found.timed("load shuffled", || House::shuffled(&company));
                let shuffled = found.timed("build", || other.view(LAST));
                let mut check = Check::new("in another order".to_owned());
                found.timed("compare lakes", || same(&mut check, &view, &shuffled));
                found.take(seed, check);
            }
        }
    }
    found
}

/// Every row read is loaded, known or refused; those that must be refused are, and no other.
fn counts(check: &mut Check, report: &LoadReport, extract: &Extract) {
    let whole = |n: usize| i64::try_from(n).unwrap();
    let rows = report.rows;
    let signed = |n: u64| i64::try_from(n).ok();
    check.same("rows read", signed(rows.read), whole(extract.n_rows()));
    check.same("rows quarantined", signed(rows.quarantined), whole(extract.n_refused));
    let told = rows.loaded + rows.known + rows.quarantined;
    check.same("loaded + known + quarantined", signed(told), whole(extract.n_rows()));
}

/// Credits sum to amounts, sources and owners to the whole.
fn invariants(check: &mut Check, house: &House, view: &View) {
    let currency = house.definitions.currency;
    let minor = |frame: &Frame, column: &str, row: usize| match frame.cell(column, row) {
        domain::Cell::Money(money) => money.minor,
        _ => 0,
    };
    let deals = view.built().fetch(&Rows::of("opportunities"), currency).unwrap();
    for model in ["w_shaped", "full_path", "markov", "shapley", "time_decay"] {
        let credits = view.built().fetch(&Rows::of("credits").model(model), currency).unwrap();
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for row in 0..credits.n_rows() {
            let deal = credits.cell("opportunity_id", row).to_string();
            *sums.entry(deal).or_default() += minor(&credits, "credit", row);
        }
        for row in 0..deals.n_rows() {
            let id = deals.cell("id", row).to_string();
            let name = format!("{model} credit of {id}");
            check.same(&name, sums.get(&id).copied(), minor(&deals, "amount", row));
        }
    }
    let period = "2024-07-01..2026-09-30";
    let by_owner = house.ask(view, "pipeline", period, Some("owner"));
    for (id, key) in [("sources", "sources"), ("by_owner", "owners")] {
        let rows = table(&by_owner, id);
        for (column, figures) in [("pipeline", "pipeline_created"), ("won", "won")] {
            let parts = rows.iter().filter(|(row, _)| *row != "all");
            let sum = parts.filter_map(|(_, row)| row.get(column)).sum();
            let name = format!("sum of {column} over {key}");
            check.same(&name, figure(&by_owner, figures), sum);
        }
    }
}

/// Compares deals, touches, people and spend row by row, so that a difference says where it begins.
fn rows(check: &mut Check, view: &View, reference: &reference::Company) {
    let built = |relation: &str| {
        view.built().fetch(&Rows::of(relation), view.definitions().currency).unwrap()
    };
    let currency = view.definitions().currency;
    let shown = |cell: domain::Cell| match cell {
        domain::Cell::Money(money) => money.minor.to_string(),
        domain::Cell::Decimal(number) => number.normalize().to_string(),
        other => other.to_string(),
    };
    fn text<T: ToString>(value: &Option<T>) -> String {
        value.as_ref().map(ToString::to_string).unwrap_or_default()
    }
    let mut alike = |relation: &str, key: &str, expected: BTreeMap<String, Vec<(&str, String)>>| {
        let frame = built(relation);
        let place: BTreeMap<String, usize> =
            (0..frame.n_rows()).map(|row| (shown(frame.cell(key, row)), row)).collect();
        let left: Vec<&String> = place.keys().filter(|key| !expected.contains_key(*key)).collect();
        check.n_compared += 1;
        if !left.is_empty() {
            check.differences.push(format!("{relation}: the program alone has {left:?}"));
        }
        for (id, columns) in expected {
            let Some(&row) = place.get(&id) else {
                check.differences.push(format!("{relation}: the reference alone has {id}"));
                continue;
            };
            for (column, expected) in columns {
                check.n_compared += 1;
                let mut found = shown(frame.cell(column, row));
                if column == "program" && found.is_empty() {
                    // One that is not known is named by its identifier.
                    found = shown(frame.cell("program_id", row));
                }
                if found != expected {
                    check.differences.push(format!(
                        "{relation}.{column} of {id}: program `{found}`, reference `{expected}`"
                    ));
                }
            }
        }
    };
    let leads = reference.leads().iter().map(|lead| {
        let columns = vec![
            ("created_on", lead.created_on.to_string()),
            ("account_id", text(&lead.account)),
            ("channel", lead.channel.clone()),
            ("side", lead.side.to_string()),
            ("program", text(&lead.program)),
            ("converted", lead.converted.to_string()),
        ];
        (lead.person.clone(), columns)
    });
    alike("leads", "id", leads.collect());
    let touches = reference.touches().iter().map(|touch| {
        let columns = vec![
            ("at", touch.at.to_string()),
            ("day", touch.day.to_string()),
            ("account_id", text(&touch.account)),
            ("channel", touch.channel.clone()),
            ("side", touch.side.to_string()),
            ("program", text(&touch.program)),
            ("counted", touch.counted.to_string()),
        ];
        (touch.id.clone(), columns)
    });
    alike("touches", "touch_id", touches.collect());
    let deals = reference.opportunities().iter().map(|deal| {
        let columns = vec![
            ("account_id", text(&deal.account)),
            ("segment", deal.segment.clone()),
            ("counted", deal.counted.to_string()),
            ("stage", deal.stage.clone()),
            ("state", deal.state.id().to_owned()),
            ("stage_reached", text(&deal.stage_reached)),
            ("amount", text(&deal.amount)),
            ("expected", text(&deal.expected)),
            ("created_at", deal.created_at.to_string()),
            ("created_on", deal.created_on.to_string()),
            ("close_on", text(&deal.close_on)),
            ("closed_on", text(&deal.closed_on)),
            ("cycle_days", text(&deal.cycle_days)),
            ("source_first_touch", deal.sources[0].to_string()),
            ("source_lead_source", deal.sources[1].to_string()),
            ("source_pre_sales", deal.sources[2].to_string()),
            ("channel", deal.channel.clone()),
            ("program", text(&deal.program)),
            ("influenced", deal.influenced.to_string()),
            ("n_touches", deal.journey.len().to_string()),
            ("first_touch_on", text(&deal.first_touch_on)),
            ("days_from_first_touch", text(&deal.days_from_first_touch)),
        ];
        (deal.id.clone(), columns)
    });
    alike("opportunities", "id", deals.collect());
    for model in ["lead_creation", "full_path"] {
        let sums = |credits: &mut dyn Iterator<Item = (String, i64)>| {
            let mut sums: BTreeMap<String, i64> = BTreeMap::new();
            credits.for_each(|(key, minor)| *sums.entry(key).or_default() += minor);
            sums.retain(|_, minor| *minor != 0);
            sums
        };
        let frame = view.built().fetch(&Rows::of("credits").model(model), currency).unwrap();
        let of_row = |row: usize| {
            let deal = shown(frame.cell("opportunity_id", row));
            let key = format!("{model} {deal} {}", shown(frame.cell("channel", row)));
            (key, shown(frame.cell("credit", row)).parse().unwrap_or_default())
        };
        let found = sums(&mut (0..frame.n_rows()).map(of_row));
        let expected = sums(&mut reference.credits(model).into_iter().map(|credit| {
            let key = format!("{model} {} {}", credit.opportunity, credit.channel);
            (key, credit.credit.unwrap_or_default())
        }));
        for key in found.keys().chain(expected.keys()).collect::<std::collections::BTreeSet<_>>() {
            let part = |of: &BTreeMap<String, i64>| of.get(key).copied().unwrap_or_default();
            check.same(key, Some(part(&found)), part(&expected));
        }
    }
}

/// Compares all rows of two lakes that were loaded in different order.
fn same(check: &mut Check, one: &View, other: &View) {
    let currency = one.definitions().currency;
    for relation in RELATIONS.iter().filter(|relation| !OF_LOADS.contains(&relation.name)) {
        // A user may have had another name when a row came.
        let columns: Vec<&str> =
            relation.columns.iter().copied().filter(|c| !["owner", "actor"].contains(c)).collect();
        let rows = Rows::of(relation.name).columns(&columns).model("w_shaped");
        let frames = [one, other].map(|view| view.built().fetch(&rows, currency).unwrap());
        let [one, other] = &frames;
        let counted = |frame: &Frame| i64::try_from(frame.n_rows()).unwrap();
        check.same(relation.name, Some(counted(other)), counted(one));
        if one == other || one.n_rows() != other.n_rows() {
            continue;
        }
        for row in 0..one.n_rows() {
            for column in &columns {
                let (left, right) = (one.cell(column, row), other.cell(column, row));
                if left != right {
                    check.n_compared += 1;
                    let key = one.cell(columns[0], row);
                    check.differences.push(format!(
                        "{}.{column} of {key}: in order {left:?}, in another order {right:?}",
                        relation.name
                    ));
                }
            }
        }
    }
}

/// A company's folder in memory, where the machine has such a place.
struct House {
    folder: TempDir,
    project: Project,
    definitions: Arc<Definitions>,
}

impl House {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        let folder = folder.unwrap();
        let root = folder.path().join("house");
        for (name, text) in sample::DEFINITIONS {
            if !name.starts_with("mappings/") {
                let path = root.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                let text = text.replace("sample_floor = 30", "sample_floor = 1");
                std::fs::write(path, text).unwrap();
            }
        }
        let project = Project::find(Some(&root)).unwrap();
        let definitions = project.definitions().unwrap();
        Self { folder, project, definitions }
    }

    /// The same company, loaded in another order.
    fn shuffled(company: &dirty::Company) -> Self {
        let house = Self::new();
        let lake = house.lake();
        for (place, extract) in company.shuffled(1).iter().enumerate() {
            let folder = house.folder.path().join(format!("extract-{place}"));
            extract.write(&folder);
            house.load(&lake, &folder, extract.day);
        }
        house
    }

    fn lake(&self) -> Lake {
        std::fs::create_dir_all(self.project.lake().dir.parent().unwrap()).unwrap();
        Lake::create(self.project.lake()).unwrap()
    }

    fn load(&self, lake: &Lake, folder: &Path, day: Date) -> LoadReport {
        let settings = Settings {
            currency: self.definitions.currency,
            zone: TimeZone::get(&self.definitions.source_time_zone).unwrap(),
            day_order: self.definitions.source_day_order,
            person_key: *lake.person_key(),
            ..Settings::default()
        };
        let (planned, faults) = intake::survey(&[PathBuf::from(folder)], &settings);
        assert!(faults.is_empty(), "{faults:?}");
        let (lookups, faults) = Lookups::gather(&planned, &settings);
        assert!(faults.is_empty(), "{faults:?}");
        let files = planned.iter().map(|file| {
            let hash = blake3::Hash::from_hex(&file.content_hash).unwrap();
            SourceFile::new(Arc::clone(&file.name), *hash.as_bytes(), file.preset.clone())
        });
        let recorded_at = self.definitions.calendar().end_of_day(day);
        let mut loading = lake.begin(LoadRequest::new(recorded_at, files.collect())).unwrap();
        for (at, file) in planned.iter().enumerate() {
            let read = file.read(&settings, &lookups, &mut |row| {
                loading.push(at, row).unwrap();
                std::ops::ControlFlow::Continue(())
            });
            read.unwrap();
        }
        loading.prepare().unwrap().commit().unwrap()
    }

    fn view(&self, day: Date) -> View {
        View::open(&self.project, Some(day), &mut |_, _, _| ()).unwrap()
    }

    fn ask(&self, view: &View, question: &str, period: &str, by: Option<&str>) -> Value {
        let entry = project::question(question).unwrap();
        let by = by.map(str::to_owned).into_iter().collect();
        let scope = Scope { by, ..Scope::of_period(Some(period.to_owned())) };
        show::json::answer(&view.ask(entry, &scope).unwrap().answer(entry).unwrap())
    }

    fn answers(&self, view: &View, period: &str) -> Vec<Value> {
        ["pipeline", "programs"]
            .iter()
            .map(|question| self.ask(view, question, period, None))
            .collect()
    }
}
