//! Every figure opens, and what is taken away is what was seen.

use access::Role;
use calamine::{Data, Reader, Xlsx};

use crate::support::{loaded, shared, start};

#[test]
fn every_figure_of_every_question_opens_to_its_rows() {
    let server = shared();
    let mut silent = Vec::new();
    for entry in answers::QUESTIONS {
        let id = entry.question.id;
        // A session for each: other tests on this server may end one.
        let cookie = server.cookie(Role::Cfo, None);
        let told = server.get(&format!("/api/v1/questions/{id}"), &cookie).json();
        let figures = told["data"]["figures"].as_array().unwrap();
        if figures.is_empty() {
            silent.push((id, told["data"]["headline"].as_str().unwrap().to_owned()));
        }
        for figure in figures.iter().filter(|figure| figure["evidence"].is_object()) {
            let name = figure["id"].as_str().unwrap();
            let page = server.get(&format!("/{id}/rows/{name}"), &cookie);
            assert_eq!(page.status, 200, "{id} {name}: {}", page.text());
            let per = figure["evidence"]["per"].is_object();
            let page = server.get(&format!("/{id}/rows/{name}?part=per"), &cookie);
            assert_eq!(page.status, if per { 200 } else { 400 }, "{id} {name}");
        }
        assert_eq!(server.get(&format!("/{id}/rows/nothing"), &cookie).status, 404);
    }
    // The small company has nothing open, of which hygiene could speak; all others have figures.
    assert_eq!(silent, [("hygiene", "No deal is open on 2026-09-30.".to_owned())]);
    let cookie = server.cookie(Role::Cfo, None);
    assert_eq!(server.get("/nothing/rows/won", &cookie).status, 404);
}

#[test]
fn rows_are_paged_and_sorted_and_the_file_has_all_of_them_in_that_order() {
    let server = shared();
    let cookie = server.cookie(Role::Cfo, None);
    let path = "/api/v1/questions/pipeline/rows/deals_created";
    let figure = server.get("/api/v1/questions/pipeline?period=all", &cookie).json();
    let figures = figure["data"]["figures"].as_array().unwrap();
    let ids: Vec<&str> = figures.iter().map(|figure| figure["id"].as_str().unwrap()).collect();
    let path = if ids.contains(&"deals_created") {
        path
    } else {
        "/api/v1/questions/pipeline/rows/pipeline_created"
    };
    let name = path.rsplit('/').next().unwrap();
    let one = server.get(&format!("{path}?period=all&page_size=7&sort=-id"), &cookie);
    assert_eq!(one.status, 200, "{}", one.text());
    let one = one.json();
    let n_rows = usize::try_from(one["data"]["n_rows"].as_u64().unwrap()).unwrap();
    let pages = one["data"]["pages"].as_u64().unwrap();
    assert_eq!(pages, (n_rows as u64).div_ceil(7));
    let mut all = Vec::new();
    for page in 1..=pages {
        let told =
            server.get(&format!("{path}?period=all&page_size=7&sort=-id&page={page}"), &cookie);
        all.extend(told.json()["data"]["rows"]["rows"].as_array().unwrap().clone());
    }
    assert_eq!(all.len(), n_rows);
    let ids: Vec<&str> = all.iter().map(|row| row[0].as_str().unwrap()).collect();
    assert!(ids.windows(2).all(|two| two[0].to_lowercase() >= two[1].to_lowercase()));
    let past = server.get(&format!("{path}?period=all&page=999999"), &cookie);
    assert_eq!((past.status, &*past.code()), (404, "page"));
    // The file.
    let told = server.get(&format!("/pipeline/rows/{name}.csv?period=all&sort=-id"), &cookie);
    let named = told.header("content-disposition");
    assert!(
        named.starts_with("attachment; filename=\"Fennmark Industrial _sample_ pipeline"),
        "{named}"
    );
    assert!(named.contains("as of 2026-09-30.csv"), "{named}");
    let mut file = csv::Reader::from_reader(&*told.body);
    let records: Vec<csv::StringRecord> = file.records().map(Result::unwrap).collect();
    let in_file: Vec<String> =
        records.iter().map(|row| show::csv::original(&row[0]).to_owned()).collect();
    assert_eq!(in_file, ids);
    // The workbook.
    let told = server.get(&format!("/pipeline/rows/{name}.xlsx?period=all"), &cookie);
    let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(told.body)).unwrap();
    let sheets = book.sheet_names();
    let about = book.worksheet_range(&sheets[0]).unwrap();
    assert!(about.rows().flatten().any(|cell| *cell == Data::String("As of".to_owned())));
    let rows = book.worksheet_range(&sheets[1]).unwrap();
    assert!(rows.height() > n_rows, "{} {n_rows}", rows.height());
}

#[test]
fn every_table_is_taken_away_as_csv_and_as_workbook() {
    let server = shared();
    let cookie = server.cookie(Role::Cmo, None);
    for entry in answers::QUESTIONS {
        let id = entry.question.id;
        let told = server.get(&format!("/api/v1/questions/{id}"), &cookie).json();
        for table in told["data"]["tables"].as_array().unwrap() {
            let name = table["id"].as_str().unwrap();
            let text = server.get(&format!("/{id}/table/{name}.csv"), &cookie);
            assert_eq!(text.status, 200, "{id} {name}");
            let rows = csv::Reader::from_reader(&*text.body).records().count();
            assert_eq!(rows, table["rows"].as_array().unwrap().len(), "{id} {name}");
            let book = server.get(&format!("/{id}/table/{name}.xlsx"), &cookie);
            assert!(book.body.starts_with(b"PK"), "{id} {name}");
        }
    }
    assert_eq!(server.get("/pipeline/table/nothing.csv", &cookie).status, 404);
}

#[test]
fn the_board_pack_comes_in_every_form() {
    let server = shared();
    let cookie = server.cookie(Role::Ceo, None);
    for (ending, begins, kind) in [
        ("pdf", "%PDF", "application/pdf"),
        ("xlsx", "PK", "application/vnd.openxmlformats"),
        ("html", "<!", "text/html"),
        ("json", "{", "application/json"),
    ] {
        let told = server.get(&format!("/board.{ending}"), &cookie);
        assert_eq!(told.status, 200, "{ending}: {}", told.text());
        assert!(told.body.starts_with(begins.as_bytes()), "{ending}");
        assert!(told.header("content-type").starts_with(kind), "{ending}");
        let named = told.header("content-disposition");
        assert!(named.contains(&format!("board pack")) && named.contains(ending), "{named}");
        let again = server.get(&format!("/board.{ending}"), &cookie);
        if ending != "html" {
            assert!(again.body == told.body, "{ending}: the same twice");
        }
    }
}

#[test]
fn more_rows_than_a_role_may_take_away_are_refused_before_any_is_sent() {
    let server = start(loaded(), |settings| settings.export_rows = 2);
    server.ready();
    let path = "/pipeline/rows/pipeline_created.csv?period=all";
    let told = server.get(path, &server.cookie(Role::Cfo, None));
    assert_eq!(told.status, 403, "{}", told.text());
    assert!(told.text().contains("rows are more than the 2"));
}

#[test]
fn a_quotient_says_how_it_is_made_and_definitions_say_which_rows() {
    let server = shared();
    let cookie = server.cookie(Role::Cfo, None);
    let page = server.get("/pipeline/rows/marketing_sourced_share?period=all", &cookie);
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    assert!(text.contains(" ÷ ") && text.contains(" = "), "{text}");
    let words = server.get("/definitions", &cookie).text();
    assert!(words.contains("Deals that are left out") && words.contains("renewal"));
    assert!(words.contains(" ÷ ") && words.contains(" where "), "{words}");
    let wrong = server.get("/pipeline?as_of=nonsense&segment=enterprise", &cookie);
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("href=\"/pipeline?segment=enterprise\""), "{}", wrong.text());
}
