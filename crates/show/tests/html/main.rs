//! Pages: what holds for every page, and what a stranger's text can do to it (nothing).

#[path = "../show/sample.rs"]
#[expect(dead_code, reason = "shared with the tests of text, which use all of it")]
mod sample;

use std::collections::BTreeSet;

use domain::answer::Answer;
use domain::{Column, Frame, Theme};
use roxmltree::{Document, Node, ParsingOptions};
use show::html::*;

/// Texts that a stranger may write into a form, a campaign or a company.
const HOSTILE: [&str; 6] = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "\u{202e}gnp.exe\u{200b}",
    "\" onmouseover=\"alert(1)\" x=\"",
    "javascript:alert(1)",
    "{{7*7}}${7*7}<svg/onload=alert(1)>",
];

fn shell() -> Shell {
    let may =
        May { open_rows: true, export: true, analyze: true, manage_people: true, read_audit: true };
    Shell {
        company: "Acme".to_owned(),
        sample: true,
        here: "/pipeline".to_owned(),
        reader: Some(Reader {
            name: "Ines".to_owned(),
            role: "CFO".to_owned(),
            may,
            shortcuts: true,
            segment: None,
        }),
        questions: vec![Choice::new("pipeline", "Pipeline"), Choice::new("programs", "Programs")],
        scope: Scope {
            period: Some("2026Q3".to_owned()),
            segment: Some("mid market".to_owned()),
            ..Scope::default()
        },
        facts: Some(Facts { fiscal_year_starts: "October".to_owned(), ..Facts::default() }),
        notices: vec![Notice {
            kind: NoticeKind::Progress,
            text: "Newer data are being prepared: 3 of 5 stages.".to_owned(),
            link: None,
        }],
        theme: Theme::Dark,
    }
}

fn controls() -> Controls {
    Controls {
        periods: vec![Choice::new("2026Q3", "2026Q3"), Choice::new("2026Q2", "2026Q2")],
        segments: vec![Choice::new("mid market", "Mid-market")],
        models: vec![Choice::new("linear", "Linear")],
        currencies: vec![Choice::new("USD", "USD")],
        by: vec![Choice::new("segment", "Segment")],
        ..Controls::default()
    }
}

/// Every page, with a text of a stranger wherever a text can stand.
fn pages(answer: &Answer, text: &str) -> Vec<(&'static str, String)> {
    let shell = shell();
    let own = |text: &str| text.to_owned();
    let controls = controls();
    let problem = Problem {
        code: own("some.code"),
        what: own(text),
        place: Some(own(text)),
        next: own("try again"),
    };
    let page =
        QuestionPage { answer, controls: &controls, help: "Asks?\n\n**Bold** and <b>raw</b>." };
    let frame = Frame::new(vec![
        ("id", Column::Text(vec![Some(text.into())])),
        ("amount", Column::Integer(vec![Some(-1_234)])),
    ])
    .unwrap();
    let figure = answer.figures.first().unwrap();
    let rows = RowsPage {
        question: "pipeline",
        figure: &figure.id,
        label: text,
        value: &figure.value,
        meaning: text,
        asked: &answer.asked,
        rows: &frame,
        n_rows: 250,
        page: 2,
        page_size: 100,
        closing: text,
        has_per: true,
        per: false,
        sort: Some("-amount"),
    };
    let refused = vec![QuarantineReason {
        rule: own(text),
        reason: own(text),
        n_rows: 3,
        example: Some(own(text)),
        ..QuarantineReason::default()
    }];
    let loads = [LoadRow { n_read: 3, n_loaded: 2, by: Some(own(text)), ..LoadRow::default() }];
    let builds = [BuildRow::default()];
    let word = Word { id: own(text), name: own(text), meaning: own(text), ..Word::default() };
    let definitions = Definitions {
        identity: own("2c95e5349082"),
        groups: vec![WordGroup { name: own(text), words: vec![word] }],
    };
    let questions = [Choice::new("pipeline", text)];
    let check = [own(text)];
    let analyst = Analyst {
        questions: &questions,
        question: "pipeline",
        answer: Some(answer),
        problem: Some(&problem),
        controls: &controls,
        command: text,
        check: &check,
        quarantine: &refused,
        loads: &loads,
        builds: &builds,
    };
    let answers = [answer.clone()];
    let words = [(own(text), own(text))];
    let board = Board { answers: &answers, controls: &controls, words: &words };
    let door = Shell { company: own(text), ..Shell::default() };
    let login = Login {
        problem: Some(problem.clone()),
        email: own(text),
        next: own(text),
        provider: Some(own(text)),
        passwords: true,
        pending: None,
    };
    let second = Login { pending: Some(own(text)), ..login.clone() };
    let setup = Setup { token: own(text), name: own(text), ..Setup::default() };
    let settings = Settings {
        email: own(text),
        local_password: true,
        factor: Factor::Enrolling {
            qr_svg: own("<svg viewBox=\"0 0 1 1\"/>"),
            secret: own("JBSWY3DP"),
        },
        recovery_codes: vec![own("a1-b2")],
        tokens: vec![TokenRow { id: own(text), name: own(text), ..TokenRow::default() }],
        new_token: Some(own(text)),
        token_roles: vec![Choice::new("viewer", "Viewer")],
        sessions: vec![SessionRow { id: own(text), address: own(text), ..SessionRow::default() }],
        digest: Some(true),
        problem: Some(problem.clone()),
        done: Some(own(text)),
        ..Settings::default()
    };
    let person = Person { id: own(text), name: own(text), email: own(text), ..Person::default() };
    let people = People {
        people: vec![person],
        roles: vec![Choice::new(text, text)],
        invitation: Some(own(text)),
        ..People::default()
    };
    let audit = Audit {
        rows: vec![AuditRow { actor: own(text), object: own(text), ..AuditRow::default() }],
        page: 1,
        pages: 2,
        chain: Some(Err(3)),
    };
    let error = ErrorPage {
        status: 404,
        problem: problem.clone(),
        request_id: own(text),
        ways_out: vec![(own(text), own(text)), (own("/"), own("Scorecard"))],
    };
    let empty = EmptyPage { missing: own(text), commands: vec![(own(text), own(text))] };
    let building = BuildingPage {
        stages: vec![Stage { name: own(text), done: 1, of: Some(3), over: false }],
        began_at: None,
    };
    vec![
        ("question", question_page(&shell, &page)),
        ("scorecard", scorecard_page(&shell, &page)),
        ("rows", rows_page(&shell, &rows)),
        ("definitions", definitions_page(&shell, &definitions)),
        ("analyst", analyst_page(&shell, &analyst)),
        ("board", board_page(&shell, &board)),
        ("board file", board_file(&shell, &board, Some("https://example.com/"))),
        ("login", login_page(&door, &login)),
        ("second factor", login_page(&door, &second)),
        ("setup", setup_page(&door, &setup)),
        ("settings", settings_page(&shell, &settings)),
        ("people", people_page(&shell, &people)),
        ("audit", audit_page(&shell, &audit)),
        ("error", error_page(&shell, &error)),
        ("empty", empty_page(&shell, &empty)),
        ("building", building_page(&shell, &building)),
    ]
}

/// An answer in which every text is a stranger's.
fn hostile_answer(text: &str) -> Answer {
    let mut answer = sample::pipeline();
    answer.headline = format!("{text} was first. {text} came second.");
    answer.asked.company = text.to_owned();
    answer.asked.segment = Some(text.to_owned());
    for figure in &mut answer.figures {
        figure.label = text.to_owned();
        figure.meaning = text.to_owned();
    }
    for chart in &mut answer.charts {
        chart.title = text.to_owned();
        chart.points.iter_mut().for_each(|point| *point = text.to_owned());
        chart.series.iter_mut().for_each(|series| series.name = text.to_owned());
    }
    for table in &mut answer.tables {
        table.title = text.to_owned();
        table.note = Some(text.to_owned());
        table.columns.iter_mut().for_each(|column| column.label = text.to_owned());
        for row in &mut table.rows {
            row.label = text.to_owned();
            row.id = text.to_owned();
        }
    }
    answer.caveats.iter_mut().for_each(|caveat| caveat.text = text.to_owned());
    answer
}

/// Reads a page as XML, which it is too: a tag that is left open is an error here.
fn read<'a>(name: &str, page: &'a str) -> Document<'a> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(page, options).unwrap_or_else(|error| {
        let line = page.lines().nth(error.pos().row as usize - 1).unwrap_or_default();
        panic!("{name} is not well-formed: {error}\n{line}")
    })
}

fn named<'a>(page: &'a Document<'a>, tag: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
    page.descendants().filter(move |node| node.has_tag_name(tag))
}

fn text_of(node: Node<'_, '_>) -> String {
    node.descendants().filter_map(|node| node.text().filter(|_| node.is_text())).collect()
}

#[test]
fn every_page_is_well_formed_and_has_one_head_and_landmarks() {
    for (name, page) in pages(&sample::pipeline(), "plain text") {
        let page = read(name, &page);
        assert_eq!(named(&page, "h1").count(), 1, "{name}");
        assert_eq!(named(&page, "main").count(), 1, "{name}");
        let title = named(&page, "title")
            .find(|node| node.parent().is_some_and(|p| p.has_tag_name("head")));
        assert!(!text_of(title.unwrap()).trim().is_empty(), "{name}");
        assert_eq!(named(&page, "html").next().unwrap().attribute("lang"), Some("en"));
        let skip = named(&page, "a").next().unwrap();
        assert_eq!(skip.attribute("href"), Some("#content"), "{name}: the first link skips");
        let ids: Vec<_> = page.descendants().filter_map(|node| node.attribute("id")).collect();
        let different: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), different.len(), "{name}: {ids:?}");
        for node in page.descendants().filter(|node| node.is_element()) {
            for attribute in ["aria-labelledby", "aria-describedby", "for"] {
                for id in node.attribute(attribute).unwrap_or_default().split_whitespace() {
                    assert!(ids.contains(&id), "{name}: {attribute}={id} leads nowhere");
                }
            }
        }
    }
}

#[test]
fn tables_have_captions_and_scopes_and_fields_have_labels() {
    for (name, page) in pages(&sample::pipeline(), "plain text") {
        let page = read(name, &page);
        for table in named(&page, "table") {
            let caption = table.children().find(|node| node.has_tag_name("caption"));
            assert!(caption.is_some_and(|caption| !text_of(caption).is_empty()), "{name}");
            for head in table.descendants().filter(|node| node.has_tag_name("th")) {
                assert!(head.attribute("scope").is_some(), "{name}");
                assert!(!text_of(head).trim().is_empty(), "{name}: an empty heading");
            }
        }
        let labels: BTreeSet<_> =
            named(&page, "label").filter_map(|label| label.attribute("for")).collect();
        for field in page
            .descendants()
            .filter(|node| node.has_tag_name("input") || node.has_tag_name("select"))
        {
            let inside = field.ancestors().any(|node| node.has_tag_name("label"));
            let hidden = field.attribute("type") == Some("hidden");
            let labelled = field.attribute("id").is_some_and(|id| labels.contains(id));
            assert!(hidden || inside || labelled, "{name}: {field:?}");
        }
        for link in named(&page, "a").chain(named(&page, "button")) {
            let spoken = text_of(link) + link.attribute("aria-label").unwrap_or_default();
            assert!(!spoken.trim().is_empty(), "{name}: {link:?} says nothing");
        }
    }
}

#[test]
fn no_text_of_a_stranger_becomes_markup_script_style_or_address() {
    for text in HOSTILE {
        for (name, page) in pages(&hostile_answer(text), text) {
            assert!(!page.contains('\u{202e}') && !page.contains('\u{200b}'), "{name}: {text}");
            let page = read(name, &page);
            for node in page.descendants().filter(|node| node.is_element()) {
                let tag = node.tag_name().name();
                assert!(!["iframe", "object", "embed", "foreignObject", "img"].contains(&tag));
                assert!(tag != "style" || name == "board file", "{name}");
                if tag == "script" {
                    let source = node.attribute("src").unwrap_or_default();
                    assert!(source.starts_with("/static/") && text_of(node).is_empty(), "{name}");
                }
                for attribute in node.attributes() {
                    let (key, value) = (attribute.name(), attribute.value().trim());
                    assert!(key != "style" && !key.starts_with("on"), "{name}: {key}={value}");
                    if matches!(key, "href" | "src" | "action" | "formaction") {
                        let ours = value.starts_with('#')
                            || (value.starts_with('/') && !value.starts_with("//"))
                            || value.starts_with("https://example.com/");
                        assert!(ours, "{name}: {key}={value}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_figure_that_can_be_opened_is_a_link_to_its_rows_that_keeps_the_scope() {
    let answer = sample::pipeline();
    for (name, page) in pages(&answer, "plain text") {
        if !["question", "scorecard", "analyst", "board"].contains(&name) {
            continue;
        }
        let page = read(name, &page);
        let links: BTreeSet<_> = named(&page, "a").filter_map(|a| a.attribute("href")).collect();
        for (id, value, _) in answer.openable() {
            // Where there is no value, there is nothing to open.
            if show::number::missing(value).is_some() {
                continue;
            }
            let path = format!("/{}/rows/{}?", answer.question, segment(&id));
            let link = links.iter().find(|link| link.starts_with(&path));
            let link = link.unwrap_or_else(|| panic!("{name}: {id} has no link"));
            assert!(link.ends_with("?period=2026Q3&segment=mid+market"), "{link}");
        }
        for link in named(&page, "a").filter_map(|a| a.attribute("href")) {
            let page_of_answers = link.starts_with('/') && !link.starts_with("/static");
            assert!(!page_of_answers || link.contains("period=2026Q3"), "{name}: {link}");
        }
    }
}

#[test]
fn a_reader_without_rights_is_offered_neither_rows_nor_files_nor_pages() {
    let mut shell = shell();
    if let Some(reader) = &mut shell.reader {
        reader.may = May::default();
    }
    let answer = sample::pipeline();
    let controls = controls();
    let page = QuestionPage { answer: &answer, controls: &controls, help: "" };
    let page = question_page(&shell, &page);
    for never in ["/rows/", ".csv", ".xlsx", "/analyst", "/people", "/audit"] {
        assert!(!page.contains(never), "{never}");
    }
    assert!(page.contains("/definitions") && page.contains("/settings"));
}

#[test]
fn comparisons_are_those_that_were_asked_for() {
    let answer = sample::pipeline();
    let controls = controls();
    let seen = |compare: &[&str]| {
        let mut shell = shell();
        shell.scope.compare = compare.iter().map(|&word| word.to_owned()).collect();
        let page =
            question_page(&shell, &QuestionPage { answer: &answer, controls: &controls, help: "" });
        let page = read("question", &page);
        let leads = page.descendants().find(|node| node.attribute("class") == Some("figure"));
        let text = text_of(leads.unwrap());
        [text.contains("in 2026Q2"), text.contains("a year ago"), text.contains("below target")]
    };
    assert_eq!(seen(&[]), [true, true, true]);
    assert_eq!(seen(&["previous"]), [true, false, false]);
    assert_eq!(seen(&["year", "target"]), [false, true, true]);
    assert_eq!(seen(&["none"]), [false, false, false]);
}

#[test]
fn the_link_that_is_copied_leaves_nothing_to_a_default() {
    let answer = sample::pipeline();
    let controls = controls();
    let mut shell = shell();
    shell.scope = Scope::default();
    let page = QuestionPage { answer: &answer, controls: &controls, help: "" };
    let text = question_page(&shell, &page);
    let page = read("question", &text);
    let link = page.descendants().find_map(|node| node.attribute("data-link")).unwrap();
    for part in ["/pipeline?period=2026Q3", "&model=", "&currency=USD", "&as_of=2026-"] {
        assert!(link.contains(part), "{part} in {link}");
    }
}

#[test]
fn a_figure_says_value_unit_range_target_and_what_is_short_of_it() {
    let answer = sample::pipeline();
    let controls = controls();
    let page =
        question_page(&shell(), &QuestionPage { answer: &answer, controls: &controls, help: "" });
    let page = read("question", &page);
    let figure = |id: &str| {
        let node = page.descendants().find(|node| node.attribute("id") == Some(id)).unwrap();
        text_of(node).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let figures = ["marketing_sourced_pipeline", "win_rate", "payback"].map(figure);
    let figures = figures.join("\n").replace(". ", ".\n").replace(" short ", " short\n");
    insta::assert_snapshot!(figures, @r#"
Marketing-sourced pipelineA sentence that says what the word means here.
USD 1.24M (USD 1,240,300.49) ▼ below target 83% of 1.5M, 260K short
+13% up from 1.1M in 2026Q2 +27% up from 980K a year ago
Win rate of marketing-sourced dealsA sentence that says what the word means here.
Its range holds the true value with 95% probability (Wilson).
3 of 5 range 23–88% +30 pts up from 30% in 2026Q2
Payback of the spendA sentence that says what the word means here.
–1 no margin is set
"#);
    let exact = page.descendants().find(|node| node.attribute("value") == Some("1240300.49"));
    assert!(exact.is_some(), "the exact amount stands behind the short one");
}

#[test]
fn the_file_of_the_board_needs_nothing_else_and_forbids_it() {
    let answers = [sample::pipeline()];
    let controls = controls();
    let board = Board { answers: &answers, controls: &controls, words: &[] };
    let file = board_file(&shell(), &board, None);
    assert!(!file.contains("/rows/") && !file.contains("<script") && !file.contains("/static/"));
    assert!(file.contains("data:font/woff2;base64,") && file.contains("default-src 'none'"));
    assert!(file.len() < 400_000, "{} bytes", file.len());
    assert_eq!(file, board_file(&shell(), &board, None), "the same file twice");
    let odd = board_file(&shell(), &board, Some("javascript:alert(1)//"));
    assert!(!odd.contains("javascript:"));
}

#[test]
fn assets_are_named_by_their_content_and_ask_for_nothing_else() {
    let assets = assets();
    let named = |name: &str| assets.iter().find(|asset| asset.name == name).unwrap();
    let styles = String::from_utf8(named("app.css").bytes.to_vec()).unwrap();
    for address in styles.split("url(").skip(1) {
        let address = address.split(')').next().unwrap().trim_matches('"');
        assert!(assets.iter().any(|asset| asset.url() == address), "{address}");
    }
    assert!(!styles.contains("@import"));
    let script = String::from_utf8(named("app.js").bytes.to_vec()).unwrap();
    assert!(script.len() < 16_000, "{} bytes of script", script.len());
    for never in
        ["innerHTML", "eval(", "document.write", "http://", "https://", "insertAdjacentHTML"]
    {
        assert!(!script.contains(never), "{never}");
    }
    let first: usize = [
        "app.css",
        "app.js",
        "inter-regular.woff2",
        "inter-semibold.woff2",
        "serif-headline.woff2",
    ]
    .into_iter()
    .map(|name| named(name).bytes.len())
    .sum();
    assert!(first < 200_000, "{first} bytes before the page itself");
}

#[test]
fn links_hold_the_scope_and_nothing_in_a_name_leaves_its_place() {
    let scope = Scope {
        period: Some("2026Q3".to_owned()),
        compare: vec!["previous".to_owned(), "target".to_owned()],
        segment: Some("R&D #1".to_owned()),
        ..Scope::default()
    };
    assert_eq!(
        scope.link("/pipeline"),
        "/pipeline?period=2026Q3&compare=previous%2Ctarget&segment=R%26D+%231"
    );
    assert_eq!(
        scope.link_with("/x", &[("period", ""), ("page", "2")]),
        "/x?compare=previous%2Ctarget&segment=R%26D+%231&page=2"
    );
    assert_eq!(Scope::default().link("/"), "/");
    assert_eq!(segment("a/../b c?#%"), "a%2F..%2Fb%20c%3F%23%25");
}

/// The controls and what was asked, for a period of own days in a currency that is not listed.
fn of_own_days(compare: &[&str]) -> String {
    let mut answer = sample::pipeline();
    let day = |text: &str| text.parse().unwrap();
    answer.asked.period = domain::Period::days(day("2026-07-15"), day("2026-08-20"));
    answer.asked.previous = domain::Period::days(day("2026-07-14"), day("2026-07-14"));
    answer.asked.currency = "EUR".parse().unwrap();
    let controls = Controls {
        periods: vec![Choice::new("2026Q3", "2026Q3")],
        currencies: vec![Choice::new("USD", "USD")],
        ..Controls::default()
    };
    let scope = Scope {
        compare: compare.iter().map(|&word| word.to_owned()).collect(),
        ..Scope::default()
    };
    let shell = Shell { scope, here: "/pipeline".to_owned(), ..Shell::default() };
    question_page(&shell, &QuestionPage { answer: &answer, controls: &controls, help: "" })
}

#[test]
fn the_form_sends_again_what_is_shown_and_the_page_says_what_it_is_compared_with() {
    let page = of_own_days(&["year"]);
    let chosen = "<option value=\"2026-07-15..2026-08-20\" selected=\"selected\">";
    assert!(page.contains(chosen), "own days");
    assert!(page.contains("<option value=\"EUR\" selected=\"selected\">"), "own currency");
    assert!(page.contains("<dt>Compared with</dt> <dd>a year ago</dd>"));
    assert!(of_own_days(&["none"]).contains("<dt>Compared with</dt> <dd>nothing</dd>"));
    let all = of_own_days(&[]);
    assert!(all.contains("<dt>Compared with</dt> <dd>2026-07-14, a year ago, target</dd>"), "once");
}
