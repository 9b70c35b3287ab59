//! A past answer never changes, and the machine around it does not matter.

use crate::program::Company;

/// A clean company small enough for tests, loaded extract by extract.
fn company() -> Company {
    let company = Company::empty();
    let folder = company.path().display().to_string();
    let demo =
        ["demo", "--dir", &folder, "--scale", "3000", "--seed", "7", "--no-serve", "--quiet"];
    crate::program::run_with(&demo, &[], company.outside()).content();
    company
}

#[test]
fn an_answer_as_of_a_past_day_is_the_one_that_was_given_on_that_day() {
    let whole = company();
    let first = whole.run(&["ask", "pipeline", "--as-of", "2026-03-31", "--json"]).content();
    // A company that has loaded nothing but the first extract.
    let young = Company::new();
    for name in ["throughline.toml", "definitions"] {
        let from = whole.path().join(name);
        if from.is_dir() {
            for entry in std::fs::read_dir(&from).unwrap() {
                let entry = entry.unwrap();
                let target = format!("{name}/{}", entry.file_name().to_string_lossy());
                young.write(&target, std::fs::read(entry.path()).unwrap());
            }
        } else {
            young.write(name, std::fs::read(from).unwrap());
        }
    }
    let extract = whole.path().join("exports/2026-03-31").display().to_string();
    young.run(&["load", &extract, "--known-on", "2026-03-31"]).content();
    let given = young.run(&["ask", "pipeline", "--json"]).content();
    assert_eq!(first.stdout, given.stdout, "what was answered on the day itself");
    let ask_between = ["ask", "pipeline", "--as-of", "2026-05-15", "--json"];
    let between = young.run(&ask_between).content();
    assert!(between.stdout.contains("Nothing was loaded after 2026-03-31"), "{}", between.stdout);
    // Later loads do not change it.
    let second = whole.path().join("exports/2026-06-30").display().to_string();
    young.run(&["load", &second, "--known-on", "2026-06-30"]).content();
    let later = young.run(&["ask", "pipeline", "--as-of", "2026-03-31", "--json"]).content();
    assert_eq!(given.stdout, later.stdout);
    assert_eq!(between.stdout, young.run(&ask_between).content().stdout, "between two loads");
    let now = young.run(&["ask", "pipeline", "--json"]).content();
    assert_ne!(now.stdout, given.stdout);
    young.run(&["ask", "pipeline", "--as-of", "2026-03-30"]).fails(1, "nothing was known");
    young.run(&["load", &extract, "--known-on", "2026-03-31"]).fails(2, "oldest first");
}

#[test]
fn the_same_bytes_under_any_zone_language_and_number_of_threads() {
    let company = company();
    let derived = company.path().join(".throughline/derived");
    let mut seen: Option<String> = None;
    for environment in [
        [("TZ", "UTC"), ("LANG", "C"), ("RAYON_NUM_THREADS", "1")],
        [("TZ", "Asia/Tokyo"), ("LANG", "de_DE.UTF-8"), ("RAYON_NUM_THREADS", "2")],
        [("TZ", "America/Los_Angeles"), ("LANG", "tr_TR.UTF-8"), ("RAYON_NUM_THREADS", "7")],
    ] {
        std::fs::remove_dir_all(&derived).unwrap();
        let mut answers = String::new();
        for question in answers::QUESTIONS.iter().map(|entry| entry.question.id) {
            let run = company.run_with(&["ask", question, "--json"], &environment).content();
            answers.push_str(&run.stdout);
        }
        if let Some(before) = &seen {
            assert_eq!(before, &answers, "{environment:?}");
        }
        seen = Some(answers);
    }
}

#[test]
fn a_build_where_nothing_changed_does_nothing() {
    let company = company();
    assert_eq!(company.run(&["build", "--json"]).content().data()["made"], false);
    company.write("definitions/remark.toml", "# only a remark\n");
    assert_eq!(company.run(&["build", "--json"]).content().data()["made"], false);
    let path = company.path().join("definitions/attribution.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    company.write(
        "definitions/attribution.toml",
        text.replace("lookback_days = 180", "lookback_days = 90"),
    );
    assert_eq!(company.run(&["build", "--json"]).content().data()["made"], true);
}
