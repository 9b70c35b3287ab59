//! A build that takes in further touches equals one that reads everything again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use jiff::ToSpan;
use jiff::civil::Date;
use proptest::prelude::*;

use super::properties::{AS_OF, Company, acorn, company, everything};
use crate::build::{BuildRequest, Facts, MemoryFacts, build};
use crate::catalog::DataFile;
use crate::derived;
use crate::error::LakeError;
use crate::relation::Built;

/// Facts whose touches come in several files.
#[derive(Clone)]
struct Files {
    others: MemoryFacts,
    touches: Vec<(i64, MemoryFacts)>,
}

impl Facts for Files {
    fn scan(
        &self,
        table: &str,
        columns: &[&str],
        each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        if table != "touch" {
            return self.others.scan(table, columns, each);
        }
        self.touches.iter().try_for_each(|(_, facts)| facts.scan(table, columns, each))
    }

    fn identity(&self) -> Result<String, LakeError> {
        let mut text = self.others.identity()?;
        for (id, facts) in &self.touches {
            text.push_str(&format!(" {id} {}", facts.identity()?));
        }
        Ok(text)
    }

    fn files(&self, table: &str) -> Result<Option<Vec<DataFile>>, LakeError> {
        let file = |id: i64, n_rows: u64| DataFile {
            id,
            path: PathBuf::from(format!("{table}-{id}.parquet")),
            n_rows,
            n_withdrawn: 0,
            n_stored: n_rows,
            deletes: None,
            bytes: n_rows,
            load_id: id,
            hash: None,
        };
        if table != "touch" {
            return Ok(Some(vec![file(0, 1)]));
        }
        let files = self.touches.iter().map(|(id, facts)| {
            let n_rows = facts.clone().rows_mut("touch").len();
            file(*id, u64::try_from(n_rows).unwrap())
        });
        Ok(Some(files.collect()))
    }

    fn scan_file(
        &self,
        table: &str,
        file: &DataFile,
        columns: &[&str],
        each: &mut dyn FnMut(RecordBatch) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        let part = self.touches.iter().find(|(id, _)| table == "touch" && *id == file.id);
        part.map_or(Ok(()), |(_, facts)| facts.scan(table, columns, each))
    }
}

/// The facts of a company with its touches in three files, by turns of `loads`.
fn files(company: &Company, loads: &[i64]) -> Files {
    let mut others = company.facts();
    let rows = std::mem::take(others.rows_mut("touch"));
    let mut touches: Vec<(i64, MemoryFacts)> =
        (0..3).map(|id| (id, MemoryFacts::default())).collect();
    for (at, row) in rows.into_iter().enumerate() {
        let load = usize::try_from(loads[at % loads.len()]).unwrap();
        touches[load].1.rows_mut("touch").push(row);
    }
    Files { others, touches }
}

fn first(files: &Files, n: usize) -> Arc<dyn Facts> {
    let touches = files.touches.iter().take(n).cloned().collect();
    Arc::new(Files { others: files.others.clone(), touches })
}

fn full(facts: &Arc<dyn Facts>, as_of: Date) -> Built {
    let (definitions, progress) = (&acorn(), &mut |_: &str, _, _| ());
    build(Arc::clone(facts), BuildRequest { as_of, definitions, progress }).unwrap()
}

/// Takes in what a kept build lacks; none where there is no such build.
fn extended(facts: &Arc<dyn Facts>, dir: &Path) -> Option<Built> {
    let (definitions, progress) = (&acorn(), &mut |_: &str, _, _| ());
    let key = derived::key(&**facts, definitions, AS_OF).unwrap();
    let request = BuildRequest { as_of: AS_OF, definitions, progress };
    derived::extend(facts, &request, dir, &key, &|_, _| true)
        .unwrap()
        .then(|| derived::open(Arc::clone(facts), definitions, AS_OF, dir, &key).unwrap())
}

fn keep(facts: &Arc<dyn Facts>, as_of: Date, dir: &Path) {
    let key = derived::key(&**facts, &acorn(), as_of).unwrap();
    derived::save(&full(facts, as_of), dir, &key).unwrap();
}

#[track_caller]
fn same(a: &Built, b: &Built) {
    assert_eq!(a.summary(), b.summary());
    assert_eq!(a.caveats(), b.caveats());
    for (a, b) in everything(a).into_iter().zip(everything(b)) {
        assert_eq!(a, b);
    }
    for name in crate::build::FRAMES {
        let (a, b) = (a.table(name).unwrap(), b.table(name).unwrap());
        let shown = |name: &&str| !matches!(*name, "_first_at" | "_first_id");
        let names: Vec<&str> = a.names().iter().map(|name| &**name).filter(shown).collect();
        assert_eq!(a.select(&names), b.select(&names), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn further_touches_give_what_a_full_build_gives(
        company in company(),
        loads in prop::collection::vec(0_i64..3, 1..40),
        coarse in 1_i32..60,
    ) {
        let mut company = company;
        // Coarse days make many touches of one time.
        for touch in &mut company.touches {
            touch.2 -= touch.2.rem_euclid(coarse);
        }
        let files = files(&company, &loads);
        let dir = tempfile::tempdir().unwrap();
        keep(&first(&files, 1), AS_OF, dir.path());
        for n in 2..=3 {
            let facts = first(&files, n);
            let (a, b) = (extended(&facts, dir.path()).unwrap(), full(&facts, AS_OF));
            same(&a, &b);
        }
    }

    #[test]
    fn a_later_day_gives_what_a_full_build_gives_or_is_refused(
        company in company(),
        loads in prop::collection::vec(0_i64..3, 1..40),
        earlier in 1_i32..60,
        quiet in 0_i32..2,
    ) {
        let mut company = company;
        let mut files = files(&company, &loads);
        if quiet > 0 {
            // Nothing but new touches lies in the days between.
            company.people.iter_mut().for_each(|person| person.4 = person.4.max(62));
            company.deals.iter_mut().for_each(|deal| deal.4 = deal.4.max(62));
            for (at, touch) in company.touches.iter_mut().enumerate() {
                if loads[at % loads.len()] == 0 {
                    touch.2 = touch.2.max(62);
                }
            }
            files = super::more::files(&company, &loads);
        }
        let dir = tempfile::tempdir().unwrap();
        keep(&first(&files, 1), AS_OF.saturating_sub(earlier.days()), dir.path());
        let facts = first(&files, 3);
        if let Some(extended) = extended(&facts, dir.path()) {
            same(&extended, &full(&facts, AS_OF));
        } else {
            prop_assert!(!(quiet > 0 && company.deals.is_empty()), "a quiet time is taken in");
        }
    }
}

#[test]
fn a_file_that_was_written_anew_needs_a_full_build() {
    let company = Company {
        people: vec![(1, 0, 0, 0, 10)],
        deals: Vec::new(),
        touches: vec![(1, 0, 5, 8, 0, 1), (1, 0, 6, 8, 0, 1), (1, 0, 7, 8, 0, 1)],
        merged: Vec::new(),
        turn: 0,
        past_only: false,
    };
    let files = files(&company, &[0, 1, 2]);
    let dir = tempfile::tempdir().unwrap();
    keep(&first(&files, 2), AS_OF, dir.path());
    assert!(extended(&first(&files, 3), dir.path()).is_some());
    let mut anew = files.clone();
    anew.touches[0].0 = 7;
    assert!(extended(&first(&anew, 3), dir.path()).is_none());
    let mut other = files;
    other.others.rows_mut("account").pop();
    // A table that is not kept in other files is the same one.
    assert!(extended(&first(&other, 3), dir.path()).is_some());
}
