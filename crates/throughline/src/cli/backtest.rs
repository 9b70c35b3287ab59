//! `throughline backtest`: how right an answer was, replayed as of past days.

use std::collections::HashMap;

use clap::Args;
use domain::{Column, Figure, Frame, Value};
use sample::small;
use serde_json::json;

use super::Common;
use super::ask::{self, Scope};
use crate::error::{EXIT_OK, Failure, Outcome};
use crate::output::Output;
use crate::progress::Progress;

/// Replay an answer as of past days, and compare it with what came and with the naive ways
///
/// Examples:
///   throughline backtest forecast
///   throughline backtest programs --period all --json
///   throughline backtest forecast --simulated 200
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Backtest {
    /// The question whose answers are tested; none lists them
    name: Option<String>,
    #[command(flatten)]
    scope: Scope,
    /// Test it on so many simulated companies instead: seeds from `--seed` on
    #[arg(
        long,
        value_name = "COMPANIES",
        value_parser = clap::value_parser!(u32).range(1..=10_000),
        conflicts_with_all = ["period", "quarter", "from", "to", "by", "segment", "as_of", "model", "currency"]
    )]
    simulated: Option<u32>,
}

/// Runs the backtest.
pub(crate) fn run(backtest: &Backtest, common: &Common, output: &Output) -> Outcome {
    let Some(name) = &backtest.name else {
        ask::list(answers::BACKTESTS, output);
        return Ok(EXIT_OK);
    };
    let entry = project::backtest(name)?;
    match backtest.simulated {
        Some(n) => simulated(entry, u64::from(n), backtest.scope.limits().seed, output),
        None => ask::answer(entry, &backtest.scope, common, output),
    }
}

/// A figure over all companies that have it.
struct Gathered {
    id: String,
    label: String,
    /// Sums of parts and wholes of a share.
    share: Option<(i64, i64)>,
    values: Vec<f64>,
}

impl Gathered {
    fn add(&mut self, figure: &Figure) {
        if let Value::Share { of, total } = figure.value {
            let (all_of, all_total) = self.share.unwrap_or_default();
            self.share = Some((all_of + of, all_total + total));
        }
        self.values.extend(figure.value.number().filter(|value| value.is_finite()));
    }

    /// The share of all cases together, else the median of the companies.
    fn middle(&self) -> Option<f64> {
        match self.share {
            Some((of, total)) => (total > 0).then(|| of as f64 / total as f64),
            None => self.quantile(0.5),
        }
    }

    fn quantile(&self, p: f64) -> Option<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        stats::interval::quantile_sorted(&sorted, p)
    }
}

/// Runs the backtest on simulated companies and tells each figure over all of them.
fn simulated(entry: &answers::Entry, n: u64, first: u64, output: &Output) -> Outcome {
    let mut found: Vec<Gathered> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut progress = Progress::new(output);
    for (done, seed) in (first..first.saturating_add(n)).enumerate() {
        progress.step("companies", done as u64, n);
        let company = small::company(seed);
        let known = company.as_of(company.today());
        let quarter = small::Company::definitions().calendar().last_complete_quarter(known.day());
        let ask = known.ask(&quarter.label, seed);
        let mut given = known.given(&(entry.needs)(&ask));
        // What is true is known here, so verdicts are held against it as well.
        given.frames.insert("program_truth".to_owned(), company.program_truth(known.day()));
        for figure in &(entry.answer)(&ask, &given).figures {
            let place = *places.entry(figure.id.clone()).or_insert_with(|| {
                let (id, label) = (figure.id.clone(), figure.label.clone());
                found.push(Gathered { id, label, share: None, values: Vec::new() });
                found.len() - 1
            });
            if let Some(gathered) = found.get_mut(place) {
                gathered.add(figure);
            }
        }
    }
    progress.finish();
    if output.json() {
        let figures: Vec<_> = found
            .iter()
            .map(|one| {
                let (of, total) = one.share.unzip();
                json!({
                    "id": one.id,
                    "label": one.label,
                    "companies": one.values.len(),
                    "value": one.middle(),
                    "of": of,
                    "total": total,
                    "p10": one.quantile(0.1),
                    "p90": one.quantile(0.9),
                })
            })
            .collect();
        let data = json!({
            "question": entry.question.id,
            "companies": n,
            "first_seed": first,
            "figures": figures,
        });
        output.data(data, &[]);
        return Ok(EXIT_OK);
    }
    let table = frame(&found)?;
    let text = show::text::frame(&table, output.style(), None);
    let remark = format!(
        "{} {n} simulated companies, seeds from {first}. A share is that of all cases together, \
         another figure the median of the companies; p10 and p90 are of the companies.",
        entry.question.asks
    );
    let remark = show::table::wrap(&remark, output.style().width).join("\n");
    output.result(&format!("{text}\n{remark}\n"));
    Ok(EXIT_OK)
}

fn frame(found: &[Gathered]) -> Result<Frame, Failure> {
    let numbers =
        |of: &dyn Fn(&Gathered) -> Option<f64>| Column::Number(found.iter().map(of).collect());
    let counts = found.iter().map(|one| i64::try_from(one.values.len()).ok()).collect();
    Frame::new(vec![
        ("figure", Column::Text(found.iter().map(|one| Some(one.label.as_str().into())).collect())),
        ("companies", Column::Integer(counts)),
        ("value", numbers(&Gathered::middle)),
        ("p10", numbers(&|one| one.quantile(0.1))),
        ("p90", numbers(&|one| one.quantile(0.9))),
    ])
    .map_err(Failure::bug)
}
