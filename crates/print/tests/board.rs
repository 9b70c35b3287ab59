//! The pack, read back: the same bytes, every figure in it, strange names as text, no row cut.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test that calls them")]

#[path = "../../show/tests/show/sample.rs"]
#[expect(
    dead_code,
    clippy::assigning_clones,
    reason = "shared with other tests, which use all of it"
)]
mod sample;

use domain::answer::{Entry, Table, TableColumn, TableRow};
use domain::{Answer, Currency, Money, Value};
use lopdf::{Document, Object};
use print::{Pack, Paper, board};
use show::html::{headline, minus};
use show::number::{self, Form, Scale};

/// The pages of a file as text, blanks as one blank.
fn pages(bytes: &[u8]) -> Vec<String> {
    let document = Document::load_mem(bytes).unwrap();
    let pages = document.get_pages();
    let text = |page: &u32| document.extract_text(&[*page]).unwrap();
    pages.keys().map(text).map(|t| t.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn usd(minor: i64) -> Value {
    Value::Money(Money::from_minor(minor, Currency::USD))
}

fn made(answers: &[Answer]) -> Vec<u8> {
    board(&Pack::of(answers)).unwrap()
}

/// A table of many rows and columns with one kind of value.
fn table(n_rows: usize, n_columns: usize, value: &Value) -> Table {
    let row = |at: usize| TableRow {
        id: format!("row{at}"),
        label: format!("Row number {at}"),
        entries: vec![Entry::plain(value.clone()); n_columns],
    };
    Table {
        id: "many".to_owned(),
        title: "Many rows".to_owned(),
        of: "Row".to_owned(),
        columns: (0..n_columns)
            .map(|at| TableColumn { id: format!("c{at}"), label: format!("Column {at}") })
            .collect(),
        rows: (1..=n_rows).map(row).collect(),
        note: None,
    }
}

#[test]
fn the_same_answers_give_the_same_bytes_dated_by_the_day_of_the_data() {
    let answers = [sample::pipeline(), sample::small()];
    let bytes = made(&answers);
    assert_eq!(bytes, made(&answers));
    let document = Document::load_mem(&bytes).unwrap();
    let info = document.trailer.get(b"Info").unwrap().as_reference().unwrap();
    let info = document.get_dictionary(info).unwrap();
    let date = info.get(b"CreationDate").unwrap().as_str().unwrap();
    assert_eq!(String::from_utf8_lossy(date), "D:20261002000000Z");
    assert_eq!(info.get(b"Title").unwrap().as_str().unwrap(), b"Board pack: Acorn, 2026Q3");
    let catalog = document.catalog().unwrap();
    assert_eq!(catalog.get(b"Lang").unwrap().as_str().unwrap(), b"en-US");
    for key in [&b"StructTreeRoot"[..], b"Outlines", b"MarkInfo"] {
        assert!(catalog.has(key), "{}", String::from_utf8_lossy(key));
    }
    // Every font is in the file.
    for object in document.objects.values() {
        if let Object::Dictionary(one) = object
            && one
                .get(b"Type")
                .and_then(Object::as_name)
                .is_ok_and(|name| name == b"FontDescriptor")
        {
            assert!(one.has(b"FontFile2") || one.has(b"FontFile3"), "{one:?}");
        }
    }
}

#[test]
fn every_figure_entry_caveat_and_meaning_is_in_the_pack_and_each_foot_says_what_it_is() {
    let answers = [sample::pipeline()];
    let pages = pages(&made(&answers));
    let all = pages.join(" ");
    let answer = &answers[0];
    let (first, second) = headline(answer);
    assert!(pages[0].contains(&first), "{}", pages[0]);
    assert!(pages[1].contains(format!("{first} {second}").trim_end()), "{}", pages[1]);
    for figure in &answer.figures {
        let beside = [&figure.previous, &figure.year_ago, &figure.target];
        let scale = Scale::of(beside.into_iter().flatten().chain([&figure.value]));
        let forms = [Form::Long, Form::Short].map(|form| number::value(&figure.value, scale, form));
        let shown = forms.iter().flatten().any(|text| all.contains(&minus(text)));
        assert!(shown || forms[0].is_none(), "{} {forms:?}", figure.id);
        assert!(all.contains(&figure.meaning), "{}", figure.id);
    }
    for table in &answer.tables {
        for (at, _) in table.columns.iter().enumerate() {
            let column = table.rows.iter().map(|row| &row.entries[at].value);
            let scale = Scale::of(column.clone());
            for value in column {
                let forms = [Form::Long, Form::Short].map(|form| number::value(value, scale, form));
                let shown = forms.iter().flatten().any(|text| all.contains(&minus(text)));
                assert!(shown || forms[0].is_none(), "{} {forms:?}", table.id);
            }
        }
    }
    for caveat in &answer.caveats {
        assert!(all.contains(caveat.text.as_str()), "{}", caveat.text);
    }
    assert!(all.contains("No margin is set."), "why a value is missing");
    for (page, at) in pages.iter().zip(1..) {
        let foot = "Acorn · 2026Q3 · as of 2026-10-02 · definitions 3f2a91c0d4e5";
        assert!(page.contains(foot), "{page}");
        assert!(page.ends_with(&format!("page {at} of {}", pages.len())), "{page}");
    }
    for said in
        ["Segment all", "Compared with 2026Q2", "Currency USD", "Attribution model W-shaped"]
    {
        assert!(pages[0].contains(said), "{said}: {}", pages[0]);
    }
}

#[test]
fn each_question_has_one_page_and_the_outline_leads_to_it_and_to_its_tables() {
    let mut long = sample::pipeline();
    long.headline = format!("{} ends here. {}", "Longer ".repeat(150), "And on ".repeat(300));
    long.tables.insert(0, table(80, 30, &usd(987_654_321)));
    let answers = [sample::pipeline(), long, sample::small(), sample::empty()];
    for paper in [Paper::A4, Paper::Letter] {
        let bytes = board(&Pack { paper, ..Pack::of(&answers) }).unwrap();
        let pages = pages(&bytes);
        for (answer, page) in answers.iter().zip(&pages[1..]) {
            let name = answer.question.get(1..).unwrap();
            assert!(page.get(1..).unwrap().starts_with(name), "{page}");
        }
        assert!(pages[5].starts_with("Tables in full"), "{}", pages[5]);
        assert!(pages[2].contains("… 2026Q3") && pages.join(" ").contains("Longer ends here."));
        let left = pages[2].contains("more rows, ") && pages[2].contains("more columns");
        assert!(left && !pages[0].contains("And on"), "{}", pages[2]);
        let document = Document::load_mem(&bytes).unwrap();
        let outline = document.get_toc().unwrap().toc;
        let entries: Vec<_> =
            outline.iter().map(|one| (one.level, one.title.as_str(), one.page)).collect();
        let at = |title: &str| pages.iter().position(|page| page.contains(title)).unwrap() + 1;
        let wanted = [(1, "Board pack", 1), (1, "Pipeline", 2), (1, "Pipeline", 3)];
        assert_eq!(entries[..3], wanted);
        assert_eq!(entries[5], (1, "Tables in full", 6));
        assert_eq!(entries[6], (2, "Pipeline", 6));
        let last = "What the words mean here";
        assert_eq!(entries.last(), Some(&(1, last, at(last))));
    }
}

#[test]
fn strange_names_are_text_and_what_no_font_has_is_a_box_that_is_reported() {
    let mut answer = sample::pipeline();
    let long = "Very long name ".repeat(20);
    let names = [
        "<img src=x onerror=alert(1)>",
        "#read(\"/etc/passwd\") #import \"@preview/x:1.0.0\" \\input{/etc/passwd}",
        "/JS (app.alert(1)) /URI (javascript:x) endobj stream",
        "\u{202e}gnp.exe\u{0}\u{feff}\u{fffe}",
        "W".repeat(300).as_str(),
        long.trim_end(),
        "東京 展示会 שלום العربية 🦩👩‍👩‍👧",
        "=cmd|' /C calc'!A0",
        "e\u{301}\u{302}\u{303}\u{304}\u{305}",
        "",
        " ",
    ]
    .map(str::to_owned);
    for (row, name) in names.iter().enumerate() {
        let mut one = answer.tables[0].rows[0].clone();
        (one.id, one.label) = (format!("odd{row}"), name.clone());
        answer.tables[0].rows.push(one);
    }
    for name in &names {
        answer.figures[1].label = name.clone();
        answer.asked.company = name.clone();
        answer.charts[1].points[0].clone_from(name);
        answer.tables[0].columns[0].label = name.clone();
        answer.headline = format!("Led by {name}.");
        let bytes = made(std::slice::from_ref(&answer));
        let pages = pages(&bytes);
        assert!(pages[1].starts_with("Pipeline") && pages[2].starts_with("Tables in full"));
        let all = pages.join(" ");
        for said in ["<img src=x onerror=alert(1)>", "#read(\"/etc/passwd\")", "<U+202E>gnp.exe"] {
            assert!(all.contains(said), "{said} in\n{all}");
        }
        assert!(!all.contains('\u{202e}'));
        let dense = |text: &str| text.split_whitespace().collect::<String>();
        for said in ["W".repeat(300), dense(&long), "U+05D5,".to_owned()] {
            assert!(dense(&all).contains(&said), "{said}");
        }
        assert!(all.contains("not in the fonts of this file"), "{all}");
        let document = Document::load_mem(&bytes).unwrap();
        for object in document.objects.values() {
            let Object::Dictionary(one) = object else { continue };
            assert!(!one.has(b"JS") && !one.has(b"AA") && !one.has(b"OpenAction"), "{one:?}");
        }
    }
}

#[test]
fn three_hundred_rows_stand_on_as_many_pages_as_they_need_and_none_is_lost() {
    let mut answer = sample::small();
    answer.tables = vec![table(300, 3, &usd(123_456_789_012_345_678))];
    let mut total = answer.tables[0].rows[0].clone();
    (total.id, total.label) = ("total".to_owned(), "The sum of all".to_owned());
    answer.tables[0].rows.push(total);
    let pages = pages(&made(std::slice::from_ref(&answer)));
    let all = pages.join(" ");
    for at in 1..=300 {
        assert!(all.contains(&format!("Row number {at} 1,234,567,890,123,457")), "{at}");
    }
    // The page of the question holds the first rows and the sum, and says where the others are.
    let first = &pages[1];
    let shown = (1..=300).take_while(|at| first.contains(&format!("Row number {at} "))).count();
    assert!((10..60).contains(&shown) && first.contains("The sum of all"), "{shown}: {first}");
    assert!(first.contains(&format!("{} more rows on page 3", 300 - shown)), "{first}");
    let pages = &pages[2..];
    let with_head = pages.iter().filter(|page| page.contains("Row number 1")).count();
    let heads = pages.iter().filter(|page| page.contains("Column 0")).count();
    assert!(heads >= with_head && heads >= 4, "{heads} heads on {} pages", pages.len());
    assert!(pages.len() < 12, "{}", pages.len());
}

#[test]
fn a_table_of_forty_columns_is_cut_into_panels_with_every_value() {
    let mut answer = sample::small();
    answer.tables = vec![table(3, 40, &usd(-987_654_321))];
    let all = pages(&made(std::slice::from_ref(&answer))).join(" ");
    for at in 0..40 {
        assert!(all.contains(&format!("Column {at}")), "{at}");
    }
    assert!(all.matches("−9.88M").count() >= 120, "{}", all.matches("−9.88M").count());
    assert!(all.matches("Row number 3").count() >= 3);
}

#[test]
fn nothing_at_all_is_said_so_and_a_pack_without_answers_is_refused() {
    let empty = sample::empty();
    let pages = pages(&made(std::slice::from_ref(&empty)));
    assert_eq!(pages.len(), 3, "cover, question, end");
    assert!(pages[1].contains("There is nothing to show for this question."), "{}", pages[1]);
    assert!(pages[2].contains("Nothing stands against the figures"), "{}", pages[2]);
    let mut bare = sample::small();
    bare.tables[0].rows.clear();
    bare.charts[0].points.clear();
    bare.charts[0].series.clear();
    let pages = self::pages(&made(std::slice::from_ref(&bare)));
    assert!(pages[1].contains("By channel: no rows."), "{}", pages[1]);
    assert!(board(&Pack::of(&[])).is_err());
}

#[test]
fn figures_link_to_the_page_where_its_address_is_known_and_pages_have_the_size_asked_for() {
    let answers = [sample::pipeline()];
    let link = |answer: &Answer, figure: &str| {
        Some(format!("https://revenue.example/{}/rows/{figure}", answer.question))
    };
    let pack = Pack { link: Some(&link), paper: Paper::Letter, ..Pack::of(&answers) };
    let document = Document::load_mem(&board(&pack).unwrap()).unwrap();
    let mut addresses = Vec::new();
    for object in document.objects.values() {
        if let Object::Dictionary(one) = object {
            let action = one.get(b"A").and_then(Object::as_dict);
            if let Ok(address) =
                action.and_then(|action| action.get(b"URI")).and_then(Object::as_str)
            {
                addresses.push(String::from_utf8_lossy(address).into_owned());
            }
        }
    }
    let wanted = "https://revenue.example/pipeline/rows/marketing_sourced_pipeline";
    assert!(addresses.iter().any(|address| address == wanted), "{addresses:?}");
    assert!(addresses.iter().any(|address| address.ends_with("/channels.paid_search.won")));
    let page = document.get_pages()[&1];
    let size = document.get_dictionary(page).unwrap().get(b"MediaBox").unwrap().as_array().unwrap();
    let size: Vec<f32> = size.iter().map(|x| x.as_float().unwrap()).collect();
    assert_eq!(size, [0.0, 0.0, 612.0, 792.0]);
}
