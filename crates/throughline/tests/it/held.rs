//! Loads that a guard holds, from the command line: held, shown, accepted, dropped.

use serde_json::Value;

use crate::program::Company;

const HEADER: &str =
    "Id,Name,StageName,Amount,CloseDate,CreatedDate,IsClosed,IsWon,CurrencyIsoCode\n";

/// An identifier of 18 characters whose suffix holds.
fn id(n: usize) -> String {
    format!("00600000000{n:04}AAA")
}

fn deals(numbers: impl IntoIterator<Item = usize>) -> String {
    let row = |n| {
        format!(
            "{},Deal {n},Negotiation,10.50,2026-09-30,2026-01-05T10:00:00Z,false,false,EUR\n",
            id(n)
        )
    };
    numbers.into_iter().fold(HEADER.to_owned(), |text, n| text + &row(n))
}

fn manifest(rows: usize, sum: &str) -> String {
    format!(
        "connection = \"crm\"\n[[file]]\nname = \"deals.csv\"\ncomplete = true\nrows = {rows}\n\
         sums = {{ Amount = {sum} }}\nids = \"deals.ids\"\n"
    )
}

fn write(company: &Company, listed: usize, rows: impl IntoIterator<Item = usize>) {
    company.write("in/deals.csv", deals(rows));
    company.write("in/deals.ids", (0..listed).map(|n| id(n) + "\n").collect::<String>());
    let cents = listed * 1050;
    company.write(
        "in/manifest.toml",
        manifest(listed, &format!("{}.{:02}", cents / 100, cents % 100)),
    );
}

fn live(company: &Company) -> u64 {
    let snapshot = lake::Lake::open(company.path().join(".throughline/lake")).unwrap();
    snapshot.n_rows(snapshot.newest().unwrap().unwrap(), "opportunity").unwrap()
}

/// All files of a folder with their times.
fn state(folder: &std::path::Path) -> Vec<(std::path::PathBuf, std::time::SystemTime, u64)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                folders.push(entry.path());
            } else {
                files.push((entry.path(), meta.modified().unwrap(), meta.len()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_shrunken_extract_is_held_shown_and_accepted_on_record() {
    let company = Company::new();
    write(&company, 10, 0..10);
    company.run(&["load", "in", "--by", "ann"]).content();
    assert_eq!(live(&company), 10);

    write(&company, 6, 0..6);
    let before = state(&company.path().join(".throughline"));
    let dry = company.run(&["load", "in", "--dry-run"]);
    dry.fails(1, "the load would be held");
    assert_eq!(state(&company.path().join(".throughline")), before);

    let held = company.run(&["load", "in", "--by", "ann", "--width", "400"]);
    held.fails(1, "more than 20 percent fewer");
    for said in ["complete extract has 6 records of `opportunity`, 10 are stored", "held as h1"] {
        assert!(format!("{}{}", held.stdout, held.stderr).contains(said), "{}", held.stderr);
    }
    assert_eq!(live(&company), 10);
    let again = company.run(&["load", "in", "--json"]);
    assert_eq!(again.code, 1);
    let envelope: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(envelope["data"]["held"], "h1", "held twice is one held load");

    let listed = company.run(&["loads"]);
    listed.fails(1, "h1  ");
    let data = company.run(&["loads", "--json"]).data();
    assert_eq!(data["held"][0]["state"], "waiting");
    assert_eq!(data["held"][0]["holds"][0]["code"], "hold.shrink");
    assert_eq!(data["loads"][0]["author"], "ann");
    assert_eq!(data["loads"][0]["sources"][0]["connection"], "crm");
    assert_eq!(data["loads"][0]["sources"][0]["totals"]["opportunity.amount EUR"], "105.00");
    let whole = company.run(&["loads", "h1"]).content();
    assert!(whole.stdout.contains("deals.csv"), "{}", whole.stdout);

    // The files that were given may be gone by now.
    std::fs::remove_dir_all(company.path().join("in")).unwrap();
    let accepted = company.run(&["accept", "h1", "--because", "archived", "--by", "cfo"]).content();
    assert!(
        accepted.stdout.contains("4 withdrawn (4 not in the complete extract)"),
        "{}",
        accepted.stdout
    );
    assert_eq!(live(&company), 6);
    let data = company.run(&["loads", "--json"]).content().data();
    let decided = &data["held"][0];
    assert_eq!((&decided["state"], &decided["load"]), (&"accepted".into(), &2.into()));
    assert_eq!((&decided["decided_by"], &decided["because"]), (&"cfo".into(), &"archived".into()));
    assert_eq!(data["loads"][1]["passed"][0]["guard"], "shrink");
    assert!(!company.path().join(".throughline/held/1").exists());
    company.run(&["accept", "h1"]).fails(1, "no held load 1 waits");
    // The old figures are those of before.
    let one = company.run(&["loads", "2"]).content();
    assert!(one.stdout.contains("let pass, hold.shrink"), "{}", one.stdout);
}

#[test]
fn what_a_manifest_misses_is_named_and_the_load_can_be_dropped() {
    let company = Company::new();
    write(&company, 10, 0..8);
    let held = company.run(&["load", "in", "--width", "400"]);
    held.fails(1, "10 rows in the manifest, 8 read (-2)");
    held.fails(1, &format!("missing: {}, {}", id(8), id(9)));
    held.fails(1, "105.00 of `opportunity.amount` in the manifest, 84.00 read (-21.00)");
    company.write(
        "in/manifest.toml",
        "connection = \"crm\"\n[[file]]\nname = \"deals.csv\"\n[[file]]\nname = \"accounts.csv\"\n",
    );
    company.run(&["load", "in", "--json"]).fails(1, "hold.half-set");
    company.run(&["loads", "--drop", "h1", "--because", "cut off"]).content();
    company.run(&["accept", "h1"]).fails(1, "no held load 1 waits");
    let state: Vec<Value> = company.run(&["loads", "--json"]).data()["held"]
        .as_array()
        .unwrap()
        .iter()
        .map(|held| held["state"].clone())
        .collect();
    assert_eq!(state, ["dropped", "waiting"]);
    company.run(&["load", "in", "--allow", "half-set"]).content();
    assert_eq!(live(&company), 8);
    company.write("in/manifest.toml", "connection = \"crm\"\n[[file]]\nnam = \"deals.csv\"\n");
    company.run(&["load", "in"]).fails(2, "Did you mean `name`?");
    company.run(&["load", "in", "--allow", "everything"]).fails(2, "is none of empty, shrink");
    company.run(&["load", "in", "--complete"]).fails(2, "--connection");
}
