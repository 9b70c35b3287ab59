//! Rows that nobody can take: each extract gets some, and says how many.

use super::ids::{id, spoiled};
use super::random::Random;
use super::{DAY, Extract, File, N_EXTRACTS, Row, World, columns, stamp};

/// Adds rows that must be refused.
pub(super) fn add(world: &mut World, extracts: &mut [Extract]) {
    for (place, extract) in extracts.iter_mut().enumerate() {
        let end = world.ends[place];
        let serial = 800 + place * 10;
        let at = stamp(end - 5 * DAY);
        let deal = |number: usize| {
            vec![
                ("Id", id("006", number)),
                ("IsDeleted", "false".to_owned()),
                ("AccountId", id("001", 1)),
                ("Name", "Not to be taken".to_owned()),
                ("StageName", "Closed Won".to_owned()),
                ("Amount", "1000000.00".to_owned()),
                ("Probability", "100".to_owned()),
                ("CloseDate", "2025-02-03".to_owned()),
                ("IsClosed", "true".to_owned()),
                ("IsWon", "true".to_owned()),
                ("CurrencyIsoCode", "USD".to_owned()),
                ("CreatedDate", at.clone()),
                ("SystemModstamp", at.clone()),
            ]
        };
        let with = |number: usize, changes: &[(&'static str, String)]| {
            let mut cells = deal(number);
            cells.retain(|cell| changes.iter().all(|change| change.0 != cell.0));
            cells.extend(changes.iter().cloned());
            cells
        };
        let mut refused: Vec<(&'static str, Cells)> = Vec::new();
        if world.goes_wrong(40, "id-with-wrong-check") {
            let wrong = spoiled(&id("006", serial));
            refused.push(("Opportunity", with(serial, &[("Id", wrong)])));
        }
        if world.goes_wrong(40, "unknown-currency") {
            let wrong = ("CurrencyIsoCode", "BTC".to_owned());
            refused.push(("Opportunity", with(serial + 1, &[wrong])));
        }
        if world.goes_wrong(40, "amount-is-no-number") {
            refused.push(("Opportunity", with(serial + 2, &[("Amount", "12k".to_owned())])));
        }
        if world.goes_wrong(40, "two-contents-of-one-version") {
            // At the end also of a deal that is there already: what was known of it stays.
            let number = if place + 1 < N_EXTRACTS { serial + 3 } else { 7 };
            for amount in ["5.00", "6.00"] {
                let (amount, at) = (("Amount", amount.to_owned()), ("SystemModstamp", stamp(end)));
                refused.push(("Opportunity", with(number, &[amount, at])));
            }
        }
        if world.goes_wrong(40, "before-1990") {
            let cells = vec![
                ("Id", id("00T", serial)),
                ("IsDeleted", "false".to_owned()),
                ("WhoId", id("003", 1)),
                ("TaskSubtype", "Call".to_owned()),
                ("Status", "Completed".to_owned()),
                ("ActivityDate", "1899-12-30".to_owned()),
                ("CreatedDate", at.clone()),
                ("SystemModstamp", at.clone()),
            ];
            refused.push(("Task", cells));
        }
        if world.goes_wrong(30, "rate-of-zero") {
            let cells = vec![
                ("Id", id("04w", serial)),
                ("IsoCode", "SEK".to_owned()),
                ("StartDate", "2025-01-01".to_owned()),
                ("ConversionRate", "0".to_owned()),
            ];
            refused.push(("DatedConversionRate", cells));
        }
        extract.n_refused += refused.len();
        for (table, cells) in refused {
            put(&mut world.random, extract, table, &cells);
        }
    }
}

type Cells = Vec<(&'static str, String)>;

fn put(random: &mut Random, extract: &mut Extract, table: &'static str, cells: &Cells) {
    let columns = columns(table);
    let cell = |column: &&str| {
        let found = cells.iter().find(|(name, _)| name == column);
        found.map(|(_, text)| text.clone()).unwrap_or_default()
    };
    let row = Row { cells: columns.iter().map(cell).collect(), bound: true };
    let own = |file: &&mut File| matches!(file, File::Table(name, ..) if *name == table);
    match extract.files.iter_mut().find(own) {
        Some(File::Table(_, _, rows)) => rows.insert(random.below(rows.len() + 1), row),
        _ => extract.files.push(File::Table(table, columns, vec![row])),
    }
}
