//! Does the range of a forecast hold what comes, and is it nearer than the stage-weighted way?
//!
//! Each company is asked in two quarters, early and late in each; what came is what is on record at
//! the end of the simulation. The distribution between P10, P50 and P90 is taken to be normal on
//! each side for the CRPS, and for the place of what came in it: places of a fair forecast are as
//! often in each tenth.
//!
//! Beside the stage-weighted way of the answer (open deals planned to close by the end of the
//! quarter, those overdue among them) stand three that are harder to beat: only deals planned to
//! close within the quarter; the same with the share of deals of each stage that was won in the
//! past in place of the chance by definition; and the mean of the last four quarters.

use std::collections::BTreeMap;
use std::ops::Range;

use domain::FiscalCalendar;
use jiff::ToSpan;
use jiff::civil::Date;
use sample::small::{Company, Known, company};

use crate::{asked, figure, percent, shown};

/// Compares forecasts with what came.
pub(crate) fn judge(seeds: Range<u64>) {
    let calendar = Company::definitions().calendar();
    let (mut n, mut inside, mut floor, mut below) = (0, 0, 0, 0);
    // In money, and each company with the same weight, whatever its size.
    let (mut crps, mut crps_part) = (0.0, 0.0);
    let mut others = [(0.0, 0.0); WAYS.len()];
    let mut places = [0_u32; 10];
    for seed in seeds {
        let company = company(seed);
        for back in [40, 220] {
            let quarter = calendar.quarter_of(company.today() - back.days());
            for after in [10, 60] {
                let known = company.as_of(quarter.from + after.days());
                let Some((answer, _)) = asked("forecast", &known, &quarter.label) else { return };
                let money = company.booked(quarter.from, quarter.to);
                let actual = domain::Value::Money(money).number().unwrap_or(0.0);
                let said = ["forecast_p10", "forecast", "forecast_p90", "stage_weighted"]
                    .map(|id| figure(&answer, id));
                let [Some(low), Some(middle), Some(high), Some(weighted)] = said else {
                    floor += 1;
                    continue;
                };
                if answer.caveats.iter().any(|caveat| caveat.code == "forecast_floor") {
                    floor += 1;
                    continue;
                }
                n += 1;
                let holds = low <= actual && actual <= high;
                inside += u32::from(holds);
                below += u32::from(actual < low);
                let own = score(low, middle, high, actual);
                let size = middle.abs() + actual.abs() + 1.0;
                crps += own;
                crps_part += own / size;
                let plain = plain(&known, &calendar, quarter.from, quarter.to);
                let said = [weighted, plain[0], plain[1], plain[2]];
                for (sums, said) in others.iter_mut().zip(said) {
                    sums.0 += (said - actual).abs();
                    sums.1 += (said - actual).abs() / size;
                }
                let place = place(low, middle, high, actual);
                places[((place * 10.0) as usize).min(9)] += 1;
                if shown() {
                    println!(
                        "seed {seed} {} day {after}: {low:.0} {middle:.0} {high:.0} came {actual:.0}, \
                         stage-weighted {weighted:.0}",
                        quarter.label
                    );
                }
            }
        }
    }
    println!("forecast: {n} forecasts; {floor} say that there is too little to go on");
    println!(
        "  within P10 to P90: {inside} ({:.0}%; 75 to 85 is asked); below P10 {below}, above P90 {}",
        percent(inside, n),
        n - inside - below
    );
    println!("  places by tenths: {places:?}");
    for (name, (money, part)) in WAYS.iter().zip(others) {
        println!(
            "  CRPS of {name}: {:.2} in money, {:.2} with each company alike (at most 0.80 is asked)",
            crps / money,
            crps_part / part
        );
    }
}

/// The plain ways.
const WAYS: [&str; 4] = [
    "stage-weighted, overdue deals with it",
    "stage-weighted, planned within the quarter",
    "the same with the rates of the past",
    "the mean of the last four quarters",
];

/// What the harder plain ways say, in major units.
fn plain(known: &Known<'_>, calendar: &FiscalCalendar, from: Date, to: Date) -> [f64; 3] {
    let deals = known.relation("opportunities").unwrap_or_default();
    let visits = known.relation("stage_visits").unwrap_or_default();
    let mut back = calendar.quarter_of(from);
    for _ in 0..4 {
        back = calendar.previous(&back);
    }
    let (mut so_far, mut usual) = (0.0, 0.0);
    let mut open: Vec<(usize, f64, f64)> = Vec::new();
    let mut ended: BTreeMap<&str, bool> = BTreeMap::new();
    for at in 0..deals.n_rows() {
        if deals.booleans("counted")[at] != Some(true) {
            continue;
        }
        let amount = deals.moneys("amount")[at].map_or(0.0, |money| money.minor as f64 / 100.0);
        if let (Some(won), Some(id)) = (deals.booleans("won")[at], deals.texts("id")[at].as_deref())
        {
            ended.insert(id, won);
        }
        match (deals.days("closed_on")[at], deals.booleans("won")[at]) {
            (Some(day), Some(true)) => {
                so_far += if from <= day && day <= to { amount } else { 0.0 };
                usual += if back.from <= day && day < from { amount } else { 0.0 };
            }
            (Some(_), _) => {}
            (None, _) => {
                if deals.days("close_on")[at].is_some_and(|day| from <= day && day <= to) {
                    let chance = deals.numbers("probability")[at].unwrap_or(0.0);
                    open.push((at, amount, chance));
                }
            }
        }
    }
    let mut rates: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for at in 0..visits.n_rows() {
        let (stage, id) = (&visits.texts("stage")[at], &visits.texts("opportunity_id")[at]);
        let (Some(stage), Some(id)) = (stage.as_deref(), id.as_deref()) else { continue };
        if let Some(won) = ended.get(id) {
            let rate = rates.entry(stage).or_insert((0.0, 0.0));
            rate.0 += f64::from(u8::from(*won));
            rate.1 += 1.0;
        }
    }
    let weighted: f64 = open.iter().map(|(_, amount, chance)| amount * chance).sum();
    let by_rate = open.iter().map(|(at, amount, _)| {
        let stage = deals.texts("stage")[*at].as_deref().unwrap_or_default();
        let (won, n) = rates.get(stage).copied().unwrap_or((0.0, 0.0));
        amount * won / f64::max(n, 1.0)
    });
    [so_far + weighted, so_far + by_rate.sum::<f64>(), usual / 4.0]
}

/// Where what came lies in the same distribution.
fn place(low: f64, middle: f64, high: f64, actual: f64) -> f64 {
    let side = if actual < middle { middle - low } else { high - middle };
    stats::special::normal_cdf((actual - middle) / (side / 1.2816).max(1e-6))
}

/// The CRPS of a distribution that is normal with one spread below its middle and another above.
fn score(low: f64, middle: f64, high: f64, actual: f64) -> f64 {
    let (down, up) = (((middle - low) / 1.2816).max(1e-6), ((high - middle) / 1.2816).max(1e-6));
    let from = (low - 4.0 * down).min(actual);
    let to = (high + 4.0 * up).max(actual);
    let steps = 4000_u32;
    let width = (to - from) / f64::from(steps);
    let mut sum = 0.0;
    for step in 0..steps {
        let x = from + (f64::from(step) + 0.5) * width;
        let z = if x < middle { (x - middle) / down } else { (x - middle) / up };
        let below = stats::special::normal_cdf(z);
        let above = if x >= actual { 1.0 } else { 0.0 };
        sum += (below - above) * (below - above) * width;
    }
    sum
}
