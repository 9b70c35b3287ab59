//! Does the range of a forecast hold what comes, and is it nearer than the stage-weighted way?
//!
//! Each company is asked in two quarters, early and late in each; what came is what is on record at
//! the end of the simulation. The distribution between P10, P50 and P90 is taken to be normal on
//! each side for the CRPS.

use std::ops::Range;

use jiff::ToSpan;
use sample::small::{Company, company};

use crate::{asked, figure, percent, shown};

/// Compares forecasts with what came.
pub(crate) fn judge(seeds: Range<u64>) {
    let calendar = Company::definitions().calendar();
    let (mut n, mut inside, mut floor, mut below) = (0, 0, 0, 0);
    let (mut crps, mut stage) = (0.0, 0.0);
    // Each company with the same weight, whatever its size.
    let (mut crps_part, mut stage_part) = (0.0, 0.0);
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
                let others = (weighted - actual).abs();
                crps += own;
                stage += others;
                let size = middle.abs() + actual.abs() + 1.0;
                crps_part += own / size;
                stage_part += others / size;
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
    println!(
        "  CRPS of stage-weighted: {:.2} in money, {:.2} with each company alike (at most 0.80 is asked)",
        crps / stage,
        crps_part / stage_part
    );
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
