//! Workbooks, and tables as CSV, read back: numbers are the same numbers, text is text, nothing is
//! cut in silence.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "helpers of tests fail the test that calls them"
)]

#[path = "show/sample.rs"]
mod sample;

use std::io::Cursor;

use calamine::{Data, Range, Reader, Xlsx};
use domain::answer::{Entry, Interval, TableColumn, TableRow};
use domain::{Column, Currency, Frame, Money, Value};
use show::xlsx::{self, XlsxError};

fn open(bytes: &[u8]) -> Xlsx<Cursor<Vec<u8>>> {
    Xlsx::new(Cursor::new(bytes.to_vec())).unwrap()
}

fn sheet(bytes: &[u8], name: &str) -> Range<Data> {
    open(bytes).worksheet_range(name).unwrap()
}

/// Returns the texts of a sheet that stand beside a word of its first column.
fn beside(range: &Range<Data>, word: &str) -> Vec<String> {
    let rows = range.rows().filter(|row| row[0].to_string() == word);
    rows.map(|row| row[1].to_string()).collect()
}

/// Beginnings that a spreadsheet could take for a formula, each before several bodies.
fn payloads() -> Vec<String> {
    let bodies = ["1+1", "cmd|' /C calc'!A0", "HYPERLINK(\"http://x.y\",\"z\")", "SUM(A1:A9)*cmd"];
    let beginnings = [
        "=",
        "+",
        "-",
        "@",
        "\t=",
        "\r=",
        "\n=",
        " =",
        "\u{200b}=",
        "'=",
        "＝",
        "＋",
        "－",
        "＠",
        "\u{feff}=",
    ];
    beginnings.iter().flat_map(|start| bodies.map(|body| format!("{start}{body}"))).collect()
}

#[test]
fn sixty_payloads_stay_text_in_rows_in_tables_and_about_them() {
    let texts = payloads();
    assert_eq!(texts.len(), 60);
    let values = texts.iter().map(|text| Some(text.as_str().into())).collect();
    let frame = Frame::new(vec![("=name", Column::Text(values))]).unwrap();
    let about: Vec<(String, String)> = texts.iter().map(|t| (t.clone(), t.clone())).collect();
    let bytes = xlsx::frame(&frame, &about).unwrap();
    let mut book = open(&bytes);
    for name in book.sheet_names() {
        let formulas = book.worksheet_formula(&name).unwrap();
        assert!(formulas.used_cells().all(|(.., formula)| formula.is_empty()), "{name}");
    }
    let rows = sheet(&bytes, "rows");
    assert_eq!(rows.get_value((0, 0)), Some(&Data::String("=name".to_owned())));
    for (text, at) in texts.iter().zip(1..) {
        // Line ends are normalized by whoever reads XML; everything else is as it was.
        let shown = rows.get_value((at, 0)).unwrap().to_string();
        assert_eq!(shown.replace("\r\n", "\n").replace('\r', "\n"), text.replace('\r', "\n"));
    }
    let mut answer = sample::small();
    for (at, text) in texts.iter().enumerate() {
        let row = TableRow {
            id: format!("r{at}"),
            label: text.clone(),
            entries: vec![Entry::plain(Value::None(text.clone()))],
        };
        answer.tables[0].rows.push(row);
    }
    answer.tables[0].title = "=1+1".to_owned();
    answer.tables[0].columns[0] = TableColumn { id: "=x".to_owned(), label: "=1+1".to_owned() };
    answer.headline = "=1+1".to_owned();
    let bytes = xlsx::answer(&answer).unwrap();
    let mut book = open(&bytes);
    for name in book.sheet_names() {
        let formulas = book.worksheet_formula(&name).unwrap();
        assert!(formulas.used_cells().all(|(.., formula)| formula.is_empty()), "{name}");
    }
}

#[test]
fn numbers_of_rows_are_the_same_numbers_and_their_sum_is_a_formula_over_them() {
    let frame = sample::deals();
    let bytes = xlsx::frame(&frame, &[("Figure".to_owned(), "won".to_owned())]).unwrap();
    let rows = sheet(&bytes, "rows");
    let heads: Vec<String> = rows.rows().next().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        heads,
        [
            "id",
            "name",
            "account",
            "amount",
            "amount_currency",
            "amount_native",
            "amount_native_currency",
            "created_on",
            "won",
            "probability",
            "cycle_days"
        ]
    );
    assert_eq!(rows.height(), frame.n_rows() + 1);
    for (at, exact) in [1_230_300.49, 10_000.0, -0.07, 0.0, 1.0].into_iter().enumerate() {
        assert_eq!(rows.get_value((at as u32 + 1, 3)), Some(&Data::Float(exact)));
    }
    assert_eq!(rows.get_value((1, 4)), Some(&Data::String("USD".to_owned())));
    assert_eq!(rows.get_value((3, 6)), Some(&Data::String("JPY".to_owned())));
    assert_eq!(rows.get_value((1, 8)), Some(&Data::Bool(true)));
    // Days since the end of 1899: 1 July 2026.
    let Some(Data::DateTime(day)) = rows.get_value((1, 7)) else { unreachable!("a day") };
    assert!((day.as_f64() - 46_204.0).abs() < 1e-9, "{day:?}");
    let mut book = open(&bytes);
    let about = book.worksheet_range("About").unwrap();
    assert_eq!(beside(&about, "Figure"), ["won"]);
    assert_eq!(beside(&about, "Rows"), ["5"]);
    assert_eq!(beside(&about, "Sum of amount (USD)"), ["1240301.42"]);
    // Amounts in several currencies have no sum.
    assert!(beside(&about, "Sum of amount_native (EUR)").is_empty());
    let formulas = book.worksheet_formula("About").unwrap();
    let said: Vec<&String> = formulas.used_cells().map(|(.., formula)| formula).collect();
    assert_eq!(
        said.into_iter().filter(|f| !f.is_empty()).collect::<Vec<_>>(),
        ["SUM('rows'!D2:D6)"]
    );
    assert_eq!(bytes, xlsx::frame(&frame, &[("Figure".to_owned(), "won".to_owned())]).unwrap());
}

#[test]
fn a_number_of_more_than_fifteen_digits_is_text_and_said_so() {
    let money = |minor| Some(Money::from_minor(minor, Currency::USD));
    let exact = [
        999_999_999_999_999,
        1_000_000_000_000_001,
        9_007_199_254_740_993,
        -100_000_000_000_000_000,
    ];
    let column = Column::Money(exact.map(money).to_vec());
    let counts = Column::Integer(vec![Some(i64::MAX), Some(1), Some(-999_999_999_999_999), None]);
    let frame = Frame::new(vec![("amount", column), ("count", counts)]).unwrap();
    let bytes = xlsx::frame(&frame, &[]).unwrap();
    let rows = sheet(&bytes, "rows");
    assert_eq!(rows.get_value((1, 0)), Some(&Data::Float(9_999_999_999_999.99)));
    assert_eq!(rows.get_value((2, 0)), Some(&Data::String("10000000000000.01".to_owned())));
    assert_eq!(rows.get_value((3, 0)), Some(&Data::String("90071992547409.93".to_owned())));
    assert_eq!(rows.get_value((4, 0)), Some(&Data::Float(-1e15)));
    assert_eq!(rows.get_value((1, 2)), Some(&Data::String(i64::MAX.to_string())));
    assert_eq!(rows.get_value((3, 2)), Some(&Data::Float(-999_999_999_999_999.0)));
    let note = beside(&sheet(&bytes, "About"), "Note");
    assert!(note[0].contains("more than 15 digits"), "{note:?}");
}

#[test]
fn a_pack_has_a_sheet_for_each_table_and_everything_that_was_asked() {
    let (one, two) = (sample::pipeline(), sample::small());
    let bytes = xlsx::pack(&[one.clone(), two.clone()]).unwrap();
    assert_eq!(bytes, xlsx::pack(&[one.clone(), two]).unwrap());
    let names = open(&bytes).sheet_names();
    assert_eq!(
        names,
        [
            "About",
            "pipeline figures",
            "pipeline channels",
            "pipeline figures 2",
            "pipeline channels 2"
        ]
    );
    let about = sheet(&bytes, "About");
    assert_eq!(beside(&about, "Answer")[0], one.headline);
    assert_eq!(beside(&about, "As of"), ["2026-10-02", "2026-10-02"]);
    assert_eq!(beside(&about, "Definitions")[0], "3f2a91c0d4e5");
    assert_eq!(beside(&about, "Caveat").len(), one.caveats.len() + 1);
    let figures = sheet(&bytes, "pipeline figures");
    assert_eq!(figures.get_value((1, 1)), Some(&Data::Float(1_240_300.49)));
    assert_eq!(figures.get_value((2, 1)), Some(&Data::Float(0.43)));
    // What is missing is empty, and a note below says why.
    let notes: Vec<String> = figures.rows().map(|row| row[0].to_string()).collect();
    assert!(notes.contains(&"Payback of the spend: no margin is set".to_owned()), "{notes:?}");
    let table = sheet(&bytes, "pipeline channels");
    assert_eq!(table.get_value((0, 1)), Some(&Data::String("Sourced pipeline (USD)".to_owned())));
    assert_eq!(table.get_value((2, 1)), Some(&Data::Float(310_300.49)));
    assert_eq!(table.get_value((4, 0)), Some(&Data::String("東京 展示会".to_owned())));
    let single = xlsx::table(&one.tables[0], &one).unwrap();
    assert_eq!(open(&single).sheet_names(), ["About", "channels"]);
}

#[test]
fn odd_names_of_sheets_and_long_and_strange_texts_are_kept_readable() {
    let mut answer = sample::small();
    let table = answer.tables[0].clone();
    let long = ["x".repeat(60), "X".repeat(60), "東".repeat(40)];
    let mut ids = vec!["a/b:c*d?[e]\\f'", "", "History", "about"];
    ids.extend(long.iter().map(String::as_str));
    answer.tables = ids
        .iter()
        .map(|id| {
            let mut table = table.clone();
            table.id = (*id).to_owned();
            table.rows[0].label =
                "\u{0}\u{1b}[2J _x0041_ \u{202e}gnp \u{fffe}".to_owned() + &"é".repeat(40_000);
            table
        })
        .collect();
    let bytes = xlsx::answer(&answer).unwrap();
    let names = open(&bytes).sheet_names();
    assert_eq!(names.len(), 2 + ids.len());
    assert!(names.iter().all(|name| name.encode_utf16().count() <= 31), "{names:?}");
    let shown = sheet(&bytes, &names[2]).get_value((1, 0)).unwrap().to_string();
    assert!(shown.contains("more characters; CSV holds all of them"), "{}", shown.len());
}

#[test]
fn no_rows_are_a_head_alone_and_too_many_are_refused_with_what_to_do() {
    let none = Frame::new(vec![("id", Column::Text(Vec::new()))]).unwrap();
    let bytes = xlsx::frame(&none, &[]).unwrap();
    assert_eq!(sheet(&bytes, "rows").height(), 1);
    let many = Frame::new(vec![("n", Column::Integer(vec![Some(1); 1_048_576]))]).unwrap();
    let error = xlsx::frame(&many, &[]).unwrap_err();
    assert_eq!(error, XlsxError::Rows(1_048_576));
    assert!(error.to_string().contains("take CSV"), "{error}");
}

#[test]
fn a_table_as_csv_holds_raw_numbers_and_what_was_asked_in_every_row() {
    let mut answer = sample::pipeline();
    answer.asked.segment = Some("=1+1".to_owned());
    answer.tables[0].rows[1].label = "=cmd|' /C calc'!A0".to_owned();
    answer.tables[0].rows[1].entries[4].interval =
        Some(Interval { low: 0.2, high: 0.5, level: 0.95, method: "Wilson" });
    let text = show::csv::table(&answer.tables[0], &answer);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let heads: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(
        heads.join(" "),
        "row label sourced influenced won deals win_rate win_rate_low win_rate_high cycle period \
         from to as_of segment model sourced_by currency time_zone definitions"
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), answer.tables[0].rows.len());
    assert_eq!(&rows[0][2], "640000.00");
    assert_eq!(&rows[1][1], "'=cmd|' /C calc'!A0");
    assert_eq!((&rows[1][7], &rows[1][8], &rows[0][7]), ("0.2", "0.5", ""));
    assert_eq!((&rows[4][2], &rows[3][6]), ("-4500.00", ""));
    for row in &rows {
        assert_eq!((&row[10], &row[13], &row[17]), ("2026Q3", "2026-10-02", "USD"));
        assert_eq!(show::csv::original(&row[14]), "=1+1");
    }
}
