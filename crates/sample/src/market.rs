//! The market: who the companies and people are, and how well each segment truly fits.
//!
//! What marketing believes (target accounts) differs from the truth in places, so that a strategy
//! can be contradicted by evidence: Automotive and Energy are targeted and fit badly.

use crate::random::{Random, key, mix, pick, whole};

/// Industries: name, weight, true fit, whether marketing targets it.
pub(crate) const INDUSTRIES: [(&str, f64, f64, bool); 6] = [
    ("Food & Beverage", 8.0 / 41.0, 1.50, false),
    ("Pharmaceuticals", 6.0 / 41.0, 1.45, true),
    ("Machinery", 9.0 / 41.0, 1.00, true),
    ("Chemicals", 7.0 / 41.0, 0.95, false),
    ("Automotive", 6.0 / 41.0, 0.50, true),
    ("Energy", 5.0 / 41.0, 0.40, true),
];

/// Sizes: name, weight, true fit, fewest and most employees, people known, median deal in US
/// dollars, factor on the length of a deal.
pub(crate) const SIZES: [Size; 4] = [
    Size {
        name: "small",
        weight: 0.34,
        fit: 0.75,
        employees: (50, 199),
        people: 1.8,
        deal: 17_000.0,
        pace: 0.7,
    },
    Size {
        name: "mid",
        weight: 0.36,
        fit: 1.35,
        employees: (200, 999),
        people: 2.8,
        deal: 46_000.0,
        pace: 1.0,
    },
    Size {
        name: "large",
        weight: 0.20,
        fit: 1.0,
        employees: (1000, 4999),
        people: 4.2,
        deal: 98_000.0,
        pace: 1.3,
    },
    Size {
        name: "enterprise",
        weight: 0.10,
        fit: 0.55,
        employees: (5000, 42_000),
        people: 6.5,
        deal: 190_000.0,
        pace: 1.7,
    },
];

/// Countries: name, weight, currency, region of the ad campaigns.
pub(crate) const COUNTRIES: [(&str, f64, &str, Region); 8] = [
    ("United States", 0.46, "USD", Region::Americas),
    ("Canada", 0.06, "USD", Region::Americas),
    ("Germany", 0.13, "EUR", Region::Elsewhere),
    ("United Kingdom", 0.11, "GBP", Region::Elsewhere),
    ("France", 0.07, "EUR", Region::Elsewhere),
    ("Netherlands", 0.04, "EUR", Region::Elsewhere),
    ("Italy", 0.05, "EUR", Region::Elsewhere),
    ("Japan", 0.08, "JPY", Region::Elsewhere),
];

/// A band of company sizes.
#[derive(Clone, Debug)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    pub(crate) weight: f64,
    pub(crate) fit: f64,
    pub(crate) employees: (i64, i64),
    pub(crate) people: f64,
    pub(crate) deal: f64,
    pub(crate) pace: f64,
}

/// Where an ad campaign runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Region {
    Americas,
    Elsewhere,
}

/// How an account behaves toward us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manner {
    /// Meets marketing and sales.
    Open,
    /// Leaves no trace before it asks for an offer.
    Dark,
    /// Meets only sales.
    SalesOnly,
}

/// A company in the market.
#[derive(Clone, Debug)]
pub(crate) struct Firm {
    pub(crate) index: u64,
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) industry: usize,
    pub(crate) size: usize,
    pub(crate) country: usize,
    pub(crate) employees: i64,
    /// True fit of the segment, 1 on average.
    pub(crate) fit: f64,
    /// How much it meets us, 1 on average.
    pub(crate) reach: f64,
    pub(crate) manner: Manner,
    pub(crate) targeted: bool,
}

/// Returns the true fit of a segment; 1 on average over the market.
pub(crate) fn fit(industry: usize, size: usize) -> f64 {
    let mean_industry: f64 = INDUSTRIES.iter().map(|i| i.1 * i.2).sum();
    let mean_size: f64 = SIZES.iter().map(|s| s.weight * s.fit).sum();
    pick(&INDUSTRIES, industry).2 / mean_industry * pick(&SIZES, size).fit / mean_size
}

/// Makes the company with a number.
pub(crate) fn firm(seed: u64, index: u64) -> Firm {
    let mut random = Random::keyed(seed, &[index, 1]);
    let (name, domain, industry) = name(index);
    let size = random.weighted(SIZES.iter().map(|s| s.weight));
    let country = random.weighted(COUNTRIES.iter().map(|c| c.1));
    let (fewest, most) = pick(&SIZES, size).employees;
    let span = (most as f64 / fewest as f64).ln();
    let employees = whole(fewest as f64 * (random.unit() * span).exp()).clamp(fewest, most);
    let fit = fit(industry, size);
    let manner = match random.unit() {
        u if u < 0.10 => Manner::Dark,
        u if u < 0.19 => Manner::SalesOnly,
        _ => Manner::Open,
    };
    // The better an account fits, the more it is courted: what a naive comparison mistakes for
    // effect.
    let spread: f64 = 0.75;
    let reach = random.lognormal((-spread * spread / 2.0).exp(), spread) * (0.7 + 0.3 * fit);
    let believed = pick(&INDUSTRIES, industry).3 && size > 0;
    let targeted = random.chance(if believed { 0.6 } else { 0.08 });
    Firm {
        index,
        name,
        domain,
        industry,
        size,
        country,
        employees,
        fit,
        reach: reach.min(8.0),
        manner,
        targeted,
    }
}

/// Returns a name and a web domain, both unique in the number, and the industry that they tell.
fn name(index: u64) -> (String, String, usize) {
    let (heads, tails, trades) = (key(HEADS.len()), key(TAILS.len()), key(TRADES.len()));
    let total = heads * tails * trades;
    // A step that shares no factor with the total visits every combination once.
    let spot = (index % total).wrapping_mul(7_919) % total;
    let at = |list: &'static [&'static str], place: u64| {
        *pick(list, usize::try_from(place % key(list.len())).unwrap_or(0))
    };
    let head = at(&HEADS, spot);
    let tail = at(&TAILS, spot / heads);
    let place = usize::try_from(spot / (heads * tails)).unwrap_or(0);
    let &(trade, industry) = pick(&TRADES, place);
    let round = index / total;
    let number = if round > 0 { format!(" {}", round + 1) } else { String::new() };
    let serial = if round > 0 { (round + 1).to_string() } else { String::new() };
    let name = format!("{head}{tail} {trade}{number}");
    let slug = trade.to_lowercase();
    (name, format!("{}{tail}-{slug}{serial}.example", head.to_lowercase()), industry)
}

/// Returns first name, family name and job title of the person with a number at an account.
pub(crate) fn person(
    seed: u64,
    index: u64,
    number: usize,
) -> (&'static str, &'static str, &'static str) {
    let bits = mix(seed ^ mix(index ^ (key(number) << 40)));
    let part = |shift: u32| usize::try_from((bits >> shift) & 0xFFFF).unwrap_or(0);
    (*pick(&FIRST, part(0)), *pick(&FAMILY, part(16)), *pick(&TITLES, part(32)))
}

pub(crate) const TITLES: [&str; 10] = [
    "Plant Manager",
    "Maintenance Manager",
    "Head of Operations",
    "Process Engineer",
    "Reliability Engineer",
    "VP Manufacturing",
    "IT Director",
    "Procurement Manager",
    "CFO",
    "Quality Manager",
];

const HEADS: [&str; 59] = [
    "Alder", "Amber", "Arden", "Ash", "Birch", "Black", "Brack", "Bright", "Cal", "Cedar", "Clay",
    "Cold", "Copper", "Crow", "Dale", "Dun", "East", "Elm", "Fair", "Fen", "Fern", "Flint", "Fox",
    "Glen", "Gold", "Gran", "Green", "Grey", "Hart", "Haven", "Hazel", "High", "Holm", "Iron",
    "Kel", "Kings", "Lang", "Lark", "Lin", "Long", "Mar", "Mill", "Moor", "North", "Oak", "Pine",
    "Raven", "Red", "Rook", "Rye", "Salt", "Silver", "South", "Stone", "Thorn", "West", "White",
    "Wild", "Wind",
];
const TAILS: [&str; 31] = [
    "berg", "bourne", "bridge", "brook", "burn", "bury", "cliff", "croft", "dale", "dorf", "fell",
    "field", "ford", "gate", "grove", "ham", "haven", "hurst", "land", "ley", "mere", "mont",
    "mouth", "ridge", "shaw", "stead", "ton", "vale", "water", "wick", "worth",
];
/// What companies make, and the place of their industry.
const TRADES: [(&str, usize); 41] = [
    ("Foods", 0),
    ("Pharma", 1),
    ("Machinery", 2),
    ("Chemicals", 3),
    ("Automotive", 4),
    ("Energy", 5),
    ("Dairies", 0),
    ("Biologics", 1),
    ("Tooling", 2),
    ("Polymers", 3),
    ("Motors", 4),
    ("Power", 5),
    ("Bakeries", 0),
    ("Labs", 1),
    ("Castings", 2),
    ("Coatings", 3),
    ("Axles", 4),
    ("Turbines", 5),
    ("Beverages", 0),
    ("Therapeutics", 1),
    ("Pumps", 2),
    ("Resins", 3),
    ("Brakes", 4),
    ("Grid", 5),
    ("Breweries", 0),
    ("Vaccines", 1),
    ("Valves", 2),
    ("Adhesives", 3),
    ("Seating", 4),
    ("Solar", 5),
    ("Mills", 0),
    ("Remedies", 1),
    ("Presses", 2),
    ("Pigments", 3),
    ("Gearboxes", 4),
    ("Drives", 2),
    ("Provisions", 0),
    ("Bearings", 2),
    ("Solvents", 3),
    ("Juices", 0),
    ("Robotics", 2),
];
const FIRST: [&str; 48] = [
    "Ada", "Aiko", "Alan", "Amelie", "Anders", "Anna", "Anton", "Beatriz", "Bram", "Carla",
    "Chiara", "Clara", "Daan", "David", "Elena", "Elias", "Emma", "Erik", "Eva", "Felix", "Fiona",
    "George", "Grace", "Hana", "Hannah", "Haruto", "Hugo", "Ines", "Ivan", "Jack", "Jonas",
    "Kenji", "Laura", "Leon", "Lucas", "Maria", "Marta", "Mia", "Noah", "Nora", "Oscar", "Paula",
    "Rosa", "Ruth", "Simon", "Sofia", "Tom", "Zoe",
];
const FAMILY: [&str; 53] = [
    "Abel", "Adler", "Albrecht", "Arnaud", "Bakker", "Barnes", "Becker", "Bell", "Bianchi",
    "Brandt", "Carter", "Conti", "Cooper", "Dekker", "Dietz", "Dubois", "Ellis", "Faber",
    "Fischer", "Foster", "Frost", "Fujita", "Garnier", "Gray", "Hale", "Hayes", "Hoshino", "Ito",
    "Jansen", "Keller", "Kimura", "Lambert", "Lang", "Marino", "Mercer", "Mori", "Morel", "Nolan",
    "O'Brien", "Okada", "Olsen", "Price", "Ricci", "Rossi", "Sato", "Schmid", "Stone", "Tanaka",
    "Vogel", "Walker", "Weber", "Wolf", "Young",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_domains_are_unique() {
        let many = 200_000;
        let made: BTreeSet<_> = (0..many).map(name).collect();
        let domains: BTreeSet<_> = made.iter().map(|pair| pair.1.clone()).collect();
        assert_eq!((made.len() as u64, domains.len() as u64), (many, many));
    }

    #[test]
    fn industries_have_their_shares() {
        for (place, industry) in INDUSTRIES.iter().enumerate() {
            let n = TRADES.iter().filter(|trade| trade.1 == place).count();
            assert!((n as f64 / TRADES.len() as f64 - industry.1).abs() < 1e-9, "{}", industry.0);
        }
    }

    #[test]
    fn fit_is_one_on_average() {
        let mean: f64 = INDUSTRIES
            .iter()
            .enumerate()
            .flat_map(|(i, a)| {
                SIZES.iter().enumerate().map(move |(s, b)| a.1 * b.weight * fit(i, s))
            })
            .sum();
        assert!((mean - 1.0).abs() < 1e-9);
    }
}
