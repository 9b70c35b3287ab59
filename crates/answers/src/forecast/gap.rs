//! The gap to the target, divided: too little created, too low conversion, too slow, too small.
//!
//! Bookings of a period are deals in play × share of them that closes in it × share of these that
//! is won × mean amount of a won deal, exactly. The reference are the last periods of the same
//! kind; deals in play are those that the target takes at their rates and amounts. So the parts say
//! what is short of *what the target asks for at the usual performance*, and add up to the gap to
//! the cent.

use domain::Period;

use super::model::Forecast;
use super::record::{Record, number};

/// The four factors of bookings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Factors {
    /// Deals that were open at the begin or were created in the period.
    pub(crate) in_play: f64,
    /// Share of them that closes in the period.
    pub(crate) closing: f64,
    /// Share of those that is won.
    pub(crate) winning: f64,
    /// Mean amount of a won deal.
    pub(crate) amount: f64,
}

impl Factors {
    fn of(in_play: f64, closed: f64, won: f64, booked: f64) -> Option<Self> {
        let fine = in_play > 0.0 && closed > 0.0 && won > 0.0 && booked > 0.0;
        fine.then(|| Self {
            in_play,
            closing: closed / in_play,
            winning: won / closed,
            amount: booked / won,
        })
    }

    fn all(self) -> [f64; 4] {
        [self.in_play, self.winning, self.closing, self.amount]
    }
}

/// The gap and its parts, in minor units; a part below zero is missing, one above is won back.
#[derive(Clone, Debug)]
pub(crate) struct Gap {
    pub(crate) target: f64,
    pub(crate) expected: f64,
    pub(crate) usual: Factors,
    pub(crate) asked: Factors,
    pub(crate) now: Factors,
    /// Created, conversion, speed, size.
    pub(crate) parts: [f64; 4],
}

/// Counts of a past period: in play, closed, won, booked.
fn counts(record: &Record, period: &Period, on: i64) -> [f64; 4] {
    let (from, to) = (number(period.from), number(period.to));
    let mut sums = [0.0; 4];
    for seen in record.all(on) {
        let Some(deal) = record.deals.get(seen.deal) else { continue };
        let close = seen.close.filter(|_| !seen.open());
        if deal.created > to || close.is_some_and(|close| close < from) {
            continue;
        }
        let ended = close.is_some_and(|close| close <= to);
        let won = ended && seen.won();
        let amount = if won { seen.amount.unwrap_or(0.0) } else { 0.0 };
        let one = |yes: bool| f64::from(u8::from(yes));
        for (sum, value) in sums.iter_mut().zip([1.0, one(ended), one(won), amount]) {
            *sum += value;
        }
    }
    sums
}

/// Divides the gap between a target and what is expected; none where past or future periods have
/// nothing that was won.
pub(crate) fn divide(
    record: &Record,
    forecast: &Forecast,
    period: &Period,
    before: &[Period],
    target: f64,
) -> Option<Gap> {
    let on = forecast.span.on;
    let begin = record.begin()?;
    let mut sums = [0.0; 4];
    let mut n = 0.0;
    for past in before.iter().filter(|past| number(past.from) >= begin).take(4) {
        n += 1.0;
        for (sum, value) in sums.iter_mut().zip(counts(record, past, on)) {
            *sum += value;
        }
    }
    let [in_play, closed, won, booked] = sums;
    let usual = Factors::of(
        in_play / f64::max(n, 1.0),
        closed / f64::max(n, 1.0),
        won / f64::max(n, 1.0),
        booked / f64::max(n, 1.0),
    )?;
    let [in_play, closed, won, _] = counts(record, period, on);
    let more: f64 = forecast.arrivals.iter().map(|arriving| arriving.created).sum();
    let wins: f64 = forecast.prospects.iter().map(|prospect| prospect.p_won).sum();
    let losses: f64 = forecast.prospects.iter().map(|prospect| prospect.p_lost).sum();
    let expected = forecast.total.mean();
    // Deals still to be created lose as usual.
    let now = Factors::of(
        in_play + more,
        (closed + wins + losses + forecast.new_won / usual.winning).min(in_play + more),
        won + wins + forecast.new_won,
        expected,
    )?;
    let asked =
        Factors { in_play: target / (usual.closing * usual.winning * usual.amount), ..usual };
    let explained = stats::velocity::explain(&asked.all(), &now.all())?;
    let parts: [f64; 4] = explained.parts.try_into().ok()?;
    Some(Gap { target, expected, usual, asked, now, parts })
}
