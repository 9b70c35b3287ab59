//! Tests of reading and gathering paths.

use super::*;
use proptest::prelude::*;

const TINY: &str = "path,total_conversions,total_conversion_value,total_null
A > B > C,3,300.0,2
A,1,50.0,4
B > C,2,120.0,1
C > A > A,0,0.0,3
B,0,0.0,5
";

fn read(text: &str) -> Result<Paths, Vec<PathFault>> {
    Paths::read_csv(text.as_bytes(), ReadOptions::default())
}

#[track_caller]
fn faults(text: &[u8], expected: &[(u64, u64, &str)]) {
    let faults = Paths::read_csv(text, ReadOptions::default()).unwrap_err();
    let found: Vec<(u64, u64, &str)> =
        faults.iter().map(|fault| (fault.line, fault.column, fault.message.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn rows_come_in_the_order_of_their_channels() {
    let paths = read(TINY).unwrap();
    assert_eq!(paths.channels(), ["A", "B", "C"]);
    assert_eq!(paths.totals(), Totals { conversions: 6.0, value: 470.0, nulls: 15.0 });
    assert_eq!(paths.n_read(), 5);
    let rows: Vec<Row<'_>> = paths.rows().collect();
    let order: Vec<&[u16]> = rows.iter().map(|row| row.path).collect();
    assert_eq!(order, [&[0][..], &[0, 1, 2], &[1], &[1, 2], &[2, 0, 0]]);
    assert_eq!(rows[1], Row { path: &[0, 1, 2], conversions: 3.0, value: 300.0, nulls: 2.0 });
    assert_eq!(paths.longest(), 3);
}

#[test]
fn dialects_of_csv_read_alike() {
    let plain = read(TINY).unwrap();
    let crlf = TINY.replace('\n', "\r\n");
    let tabs = TINY.replace(',', "\t");
    let semicolons = TINY.replace(',', ";");
    let marked = format!("\u{feff}{TINY}");
    let quoted = TINY.replace("A > B > C", "\"A > B > C\"").replace("path", "\"path\"");
    let spaced = TINY.replace("A > B > C", "  A  >  B >   C ");
    let open = TINY.trim_end().to_owned();
    let blank = TINY.replace("A,1", "\nA,1") + "\r\n\n";
    let upper = TINY.replace("total_conversions", "Total Conversions");
    for text in [crlf, tabs, semicolons, marked, quoted, spaced, open, blank, upper] {
        assert_eq!(read(&text).as_ref(), Ok(&plain), "{text}");
    }
    let split: Paths = read(&TINY.replace("A,1,50.0,4", "A,1,20,1\nA,0,30.0,3")).unwrap();
    assert_eq!(split.rows().collect::<Vec<_>>(), plain.rows().collect::<Vec<_>>());
}

#[test]
fn columns_may_stand_in_any_order_and_strangers_are_passed_over() {
    let text = "note,total_null,total_conversions,path\nx,2,1,\"a, b > c\"\"d\"\n";
    let paths = read(text).unwrap();
    assert_eq!(paths.channels(), ["a, b", "c\"d"]);
    assert_eq!(paths.totals(), Totals { conversions: 1.0, value: 0.0, nulls: 2.0 });
}

#[test]
fn single_journeys_count_as_converted_or_not() {
    let text = "conversion;path;value\n1;a > b;10\n0;a > b;\n0;c;\n";
    let paths = read(text).unwrap();
    assert_eq!(paths.totals(), Totals { conversions: 1.0, value: 10.0, nulls: 2.0 });
    assert_eq!(paths.n_rows(), 2);
}

#[test]
fn another_separator_cuts_where_it_stands() {
    let text = "path,conversions\na>b - c>a,1\n";
    let options = ReadOptions { separator: ">" };
    let paths = Paths::read_csv(text.as_bytes(), options).unwrap();
    assert_eq!(paths.channels(), ["a", "b - c"]);
    let paths = read(text).unwrap();
    assert_eq!(paths.channels(), ["a>b - c>a"]);
    let options = ReadOptions { separator: "" };
    assert_eq!(Paths::read_csv(text.as_bytes(), options).unwrap().channels().len(), 1);
    assert_eq!(cuts("→→a→", "→").collect::<Vec<_>>(), ["", "", "a", ""]);
}

#[test]
fn faults_name_the_place_and_what_was_expected() {
    faults(b"", &[(1, 1, "expected a header, found an empty line")]);
    faults(
        b"pfad,total_conversion\na,1\n",
        &[(1, 1, "column `path` is missing"), (1, 1, "column `total_conversions` is missing")],
    );
    faults(
        b"path,conversions,total_conversions\na,1,1\n",
        &[(1, 1, "columns `conversions` and `total_conversions` mean the same")],
    );
    faults(b"path,conversions\n", &[(2, 1, "expected journeys, found none below the header")]);
    faults(
        "path,conversions\n\u{e4}\u{e4},x\na,-1\nb,NaN\nc,inf\nd,\ne,1e16\nf,\"1,5\"\ng,-0\n"
            .as_bytes(),
        &[
            (2, 4, "expected a number, found `x`, which is none"),
            (3, 3, "expected a number, found `-1`, which is negative"),
            (4, 3, "expected a number, found `NaN`, which is not finite"),
            (5, 3, "expected a number, found `inf`, which is not finite"),
            (6, 3, "expected a number, found nothing"),
            (7, 3, "expected a number, found `1e16`, which is larger than 10^15"),
            (8, 3, "expected a number, found `\"1,5\"`, which has a comma"),
        ],
    );
    faults(
        b"path,conversions\na\nb,1,2\n",
        &[(2, 1, "expected 2 cells, found 1"), (3, 1, "expected 2 cells, found 3")],
    );
    faults(
        b"path,conversions\n,1\n\"\",1\na >  > b,1\na > ,2\n > b,1\n",
        &[
            (2, 1, "expected a path, found an empty cell"),
            (3, 1, "expected a path, found an empty cell"),
            (4, 1, "expected a channel on both sides of `>`, found nothing"),
            (5, 1, "expected a channel on both sides of `>`, found nothing"),
            (6, 1, "expected a channel on both sides of `>`, found nothing"),
        ],
    );
    faults(
        b"path,conversions\n\"a,1\n",
        &[(2, 1, "expected a closing quote, found the end of the file")],
    );
    faults(
        b"path,conversions\n\"a\"b,1\n",
        &[(2, 4, "expected the end of the cell after its closing quote")],
    );
    faults(
        b"path,conversions\n\xFF\xFF,1\n",
        &[(2, 1, "expected UTF-8, found other bytes in a path")],
    );
    faults(b"\xFF\xFEp\0", &[(1, 1, "expected UTF-8, found a file in UTF-16")]);
    let many = format!("path,conversions\n{}", "a,x\n".repeat(250));
    let found = read(&many).unwrap_err();
    assert_eq!(found.len(), FAULTS_MAX);
    assert_eq!(found.last().unwrap().message, "151 more faults follow");
}

#[test]
fn there_may_be_no_more_channels_than_codes() {
    use std::fmt::Write as _;
    let mut text = String::from("path,conversions\n");
    for i in 0..CHANNELS_MAX {
        writeln!(text, "c{i},1").unwrap();
    }
    assert_eq!(read(&text).unwrap().channels().len(), CHANNELS_MAX);
    text.push_str("one more,1\nand one,1\n");
    let found = read(&text).unwrap_err();
    assert_eq!(found[0].message, "there are more than 65,535 channels");
    assert_eq!(found[0].line, 65_537);
}

#[test]
fn a_builder_refuses_what_a_file_may_not_hold() {
    let mut builder = PathsBuilder::new();
    assert!(builder.add([], 1.0, 0.0, 0.0).is_err());
    assert!(builder.add(["a"], -1.0, 0.0, 0.0).is_err());
    assert!(builder.add(["a"], f64::NAN, 0.0, 0.0).is_err());
    assert!(builder.add(["b", "a"], 1.0, 2.5, 0.0).is_ok());
    let paths = builder.build();
    assert_eq!(paths.totals(), Totals { conversions: 1.0, value: 2.5, nulls: 0.0 });
    assert_eq!(paths.rows().next().unwrap().path, [1, 0]);
    assert_eq!(PathsBuilder::new().build().n_rows(), 0);
}

#[test]
fn decimals_are_read_to_the_last_bit() {
    for text in ["0.1", "1234.56", "999999999999.999", "1e-3", "0.30000000000000004", "5."] {
        let fixed = fixed_from_text(text.as_bytes()).unwrap().unwrap();
        assert_eq!(float_from_fixed(fixed).to_bits(), text.parse::<f64>().unwrap().to_bits());
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        cells in "[a-c> ,;\"\r\n0-9.\\-\u{e4}]{0,80}",
    ) {
        // The outcome is not the point; that there is one is.
        let mut text = b"path,conversions,value\n".to_vec();
        text.extend_from_slice(cells.as_bytes());
        text.extend_from_slice(&bytes);
        for text in [&bytes[..], cells.as_bytes(), &text] {
            let outcome = Paths::read_csv(text, ReadOptions::default());
            prop_assert!(outcome.map_or_else(|faults| !faults.is_empty(), |paths| paths.n_rows() > 0));
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter_in_any_bit(
        rows in prop::collection::vec(
            (prop::collection::vec(0_usize..4, 1..5), 0_u32..5, 0.0_f64..1e6, 0_u32..5), 1..40),
        seed in any::<u64>(),
    ) {
        let names = ["mail", "search", "event", "partner"];
        let build = |rows: &[(Vec<usize>, u32, f64, u32)]| {
            let mut builder = PathsBuilder::new();
            for (path, conversions, value, nulls) in rows {
                let path = path.iter().map(|code| names[*code]);
                builder.add(path, f64::from(*conversions), *value, f64::from(*nulls)).unwrap();
            }
            builder.build()
        };
        let mut shuffled = rows.clone();
        crate::random::SplitMix64::new(seed).shuffle(&mut shuffled);
        prop_assert_eq!(build(&rows), build(&shuffled));
    }
}
