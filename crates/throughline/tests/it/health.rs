//! The health of the data is an answer: what is refused, what it touches, and until when.

use crate::program::Company;

const HEADER: &str = "Id,Name,StageName,Amount,CurrencyIsoCode,CloseDate,CreatedDate";

fn deal(number: usize, amount: &str) -> String {
    format!(
        "006Hs00000000{number:02},Deal,Prospecting,{amount},USD,2026-03-31,2026-01-02T09:00:00.000Z"
    )
}

fn deals(rows: &[String]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

/// Reads a figure of an answer.
fn figure(answer: &serde_json::Value, id: &str) -> serde_json::Value {
    let figures = answer["figures"].as_array().expect("figures");
    figures.iter().find(|figure| figure["id"] == id).expect(id)["value"].clone()
}

fn caveats(answer: &serde_json::Value) -> Vec<String> {
    let caveats = answer["caveats"].as_array().expect("caveats").iter();
    let quarantined = caveats.filter(|caveat| caveat["code"] == "quarantined");
    quarantined.map(|caveat| caveat["text"].as_str().expect("a text").to_owned()).collect()
}

#[test]
fn refused_rows_are_counted_with_their_money_and_told_in_every_answer_that_rests_on_them() {
    let company = Company::new();
    // 200 good rows, so that one broken one is below the share that refuses a file.
    let mut rows: Vec<String> = (0..99).map(|number| deal(number, "100.00")).collect();
    rows.push(deal(99, "44000.00").replace("2026-01-02", "2026-13-02"));
    rows.extend((0..100).map(|n| deal(n, "100.00").replace("006Hs", "006Ht")));
    company.write("exports/deals.csv", deals(&rows));
    company.run(&["load", "exports"]).content();

    let health = company.run(&["ask", "health", "--json"]).content().data();
    assert_eq!(figure(&health, "rows_quarantined")["value"], 1);
    assert_eq!(figure(&health, "rows_read")["value"], 200);
    assert_eq!(figure(&health, "quarantined_amount")["amount"], "44000.00");
    assert_eq!(figure(&health, "facts")["value"], 199);
    let said = health["headline"].as_str().expect("a headline");
    assert!(
        said.starts_with("1 of 200 rows is in quarantine and in no figure (it states $44K)"),
        "{said}"
    );

    // The rows behind the figure are the refused row, with its place.
    let open = company.run(&["open", "health", "quarantined_amount", "--csv"]).content();
    assert!(open.stdout.contains("deals.csv") && open.stdout.contains(",101,"), "{}", open.stdout);

    for question in ["scorecard", "pipeline", "attribution", "programs"] {
        let answer = company.run(&["ask", question, "--json"]).content().data();
        assert_eq!(
            caveats(&answer),
            ["1 row of deals is in quarantine and in no figure (it states $44K)."],
            "{question}"
        );
    }
}

#[test]
fn a_row_that_is_brought_in_later_is_no_doubt_any_more_but_was_one_before() {
    let company = Company::new();
    let mut rows: Vec<String> = (0..99).map(|number| deal(number, "100.00")).collect();
    rows.push(deal(99, "12.345,00").replace("12.345,00", "\"12,345\""));
    rows.extend((0..100).map(|n| deal(n, "100.00").replace("006Hs", "006Ht")));
    company.write("exports/deals.csv", deals(&rows));
    company.run(&["load", "exports", "--known-on", "2026-05-31"]).content();
    let of = |args: &[&str]| company.run(args).content().data();
    let before = of(&["ask", "health", "--as-of", "2026-05-31", "--json"]);
    assert_eq!(figure(&before, "rows_quarantined")["value"], 1);

    rows[99] = deal(99, "12345.00");
    company.write("exports/deals.csv", deals(&rows));
    company.run(&["load", "exports"]).content();
    // A later load says the same record well; the refused row itself stays where it is.
    let again = of(&["ask", "health", "--as-of", "2026-05-31", "--json"]);
    assert_eq!(again, before, "a later load changes nothing as of an earlier day");
    let now = of(&["ask", "health", "--json"]);
    assert_eq!(figure(&now, "rows_read")["value"], 400);
    assert_eq!(figure(&now, "loads")["value"], 2);
}
