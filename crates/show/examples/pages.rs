//! Writes pages to look at: `cargo run -p show --example pages -- FOLDER`, then open them with a
//! server of files in that folder.

#![expect(clippy::disallowed_methods, reason = "it writes files to look at")]

#[path = "../tests/show/sample.rs"]
mod sample;

use std::fs;
use std::path::Path;

use show::html::{
    Board, Choice, Controls, EmptyPage, ErrorPage, Login, May, Problem, QuestionPage, Reader,
    RowsPage, Scope, Shell, assets, board_file, board_page, empty_page, error_page, login_page,
    question_page, rows_page, scorecard_page,
};

fn main() -> std::io::Result<()> {
    let out = std::env::args().nth(1).unwrap_or_else(|| "target/pages".to_owned());
    let out = Path::new(&out);
    for asset in assets() {
        let path = out.join(asset.url().trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap_or(out))?;
        fs::write(path, &asset.bytes)?;
    }
    let answer = sample::pipeline();
    let may =
        May { open_rows: true, export: true, analyze: true, manage_people: true, read_audit: true };
    let reader = Reader {
        name: "Ines Okafor".to_owned(),
        role: "CFO".to_owned(),
        may,
        shortcuts: true,
        segment: None,
    };
    let door = Shell { company: answer.asked.company.clone(), sample: true, ..Shell::default() };
    let shell = Shell {
        here: "/pipeline".to_owned(),
        reader: Some(reader),
        questions: vec![Choice::new("pipeline", "Pipeline")],
        scope: Scope { period: Some("2026Q3".to_owned()), ..Scope::default() },
        ..door.clone()
    };
    let controls = Controls {
        periods: vec![Choice::new("2026Q3", "2026Q3"), Choice::new("2026Q2", "2026Q2")],
        ..Controls::default()
    };
    let page = QuestionPage { answer: &answer, controls: &controls, help: "" };
    let answers = [answer.clone()];
    let board = Board { answers: &answers, controls: &controls, words: &[] };
    let deals = sample::deals();
    let rows = answer.figures.first().map(|figure| RowsPage {
        question: answer.question,
        figure: &figure.id,
        label: &figure.label,
        value: &figure.value,
        meaning: &figure.meaning,
        asked: &answer.asked,
        rows: &deals,
        n_rows: deals.n_rows(),
        page: 1,
        page_size: 100,
        closing: "The rows add up to it.",
        has_per: false,
        per: false,
        sort: None,
    });
    let problem = Problem {
        code: "not-found".to_owned(),
        what: "there is no such page".to_owned(),
        place: None,
        next: "start from the scorecard".to_owned(),
    };
    let error = ErrorPage {
        status: 404,
        problem,
        request_id: "sample".to_owned(),
        ways_out: vec![("/".to_owned(), "Scorecard".to_owned())],
    };
    let empty = EmptyPage {
        missing: "nothing is loaded yet".to_owned(),
        commands: vec![("throughline load exports".to_owned(), "loads a folder".to_owned())],
    };
    let login = Login { passwords: true, ..Login::default() };
    for (name, text) in [
        ("question", question_page(&shell, &page)),
        ("scorecard", scorecard_page(&shell, &page)),
        ("rows", rows.map(|rows| rows_page(&shell, &rows)).unwrap_or_default()),
        ("board", board_page(&shell, &board)),
        ("board-file", board_file(&shell, &board, None)),
        ("error", error_page(&shell, &error)),
        ("empty", empty_page(&shell, &empty)),
        ("login", login_page(&door, &login)),
    ] {
        fs::write(out.join(format!("{name}.html")), text)?;
    }
    Ok(())
}
