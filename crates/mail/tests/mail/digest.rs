//! What stands in a digest, and what can never stand there.

use mail::{Digest, Letter, Links, Reader, digest};

use crate::sample::{HOSTILE, answer, at, reader, settings};

fn links() -> Links {
    Links::new("https://throughline.acme.example/pages").unwrap()
}

fn made(company: &str) -> Digest {
    digest(&[answer(company)], &links())
}

#[test]
fn text_and_html_say_the_same() {
    let digest = made("Acme");
    insta::assert_snapshot!("digest_txt", digest.text);
    insta::assert_snapshot!("digest_html", digest.html);
    assert_eq!(digest.subject, "Acme: 2026Q3");
    for part in [
        "Marketing sourced $2.69M of the pipeline of Acme.",
        "USD 2.69M",
        "-12% against 2026Q2 · below target (67% of USD 4M)",
        "95% range 21–43%",
        "no deal was won",
    ] {
        assert!(digest.text.contains(part), "{part}\n{}", digest.text);
        assert!(digest.html.contains(part), "{part}\n{}", digest.html);
    }
}

#[test]
fn a_period_that_is_not_over_has_no_verdict() {
    let mut answer = answer("Acme");
    answer.asked.as_of = answer.asked.period.from;
    let text = digest(&[answer], &links()).text;
    assert!(text.contains("so far (67% of USD 4M)") && !text.contains("below target"), "{text}");
}

#[test]
fn beside_the_scorecard_other_answers_are_a_sentence_and_a_link() {
    let scorecard = domain::Answer { question: "scorecard", ..answer("Acme") };
    let alone = digest(&[answer("Acme")], &links()).text.matches("against 2026Q2").count();
    let both = digest(&[scorecard, answer("Acme")], &links()).text;
    assert_eq!(both.matches("against 2026Q2").count(), alone, "{both}");
    assert!(both.contains("/scorecard?") && both.contains("/pipeline?"), "{both}");
}

#[test]
fn the_link_shows_the_same_page_later() {
    let page = "https://throughline.acme.example/pages/pipeline?period=2026Q3\
                &segment=mid+market+%26+more&model=w_shaped&currency=USD&as_of=2026-10-02";
    let digest = made("Acme");
    assert!(digest.text.contains(page), "{}", digest.text);
    assert!(digest.html.contains(&page.replace('&', "&#38;")), "{}", digest.html);
}

#[test]
fn nothing_is_fetched_and_nothing_runs() {
    let html = made("Acme").html.to_lowercase();
    for word in ["<script", "src=", "url(", "@import", "<link", "<form", "<iframe", "javascript:"] {
        assert!(!html.contains(word), "{word}");
    }
}

#[test]
fn names_from_strangers_are_text_in_every_part() {
    let plain = made("Acme");
    let count = |text: &str, what: &str| text.matches(what).count();
    for name in HOSTILE {
        let digest = made(name);
        for tag in ["<script", "<img", "<html", "<a "] {
            assert_eq!(count(&digest.html, tag), count(&plain.html, tag), "{name:?} {tag}");
        }
        for part in [&digest.html, &digest.text, &digest.subject] {
            let hidden = |c: char| c != '\n' && show::visible::hidden(c);
            assert!(!part.contains(hidden), "{name:?} {part}");
        }
        let who = Reader { name: (*name).to_owned(), ..reader("cfo") };
        let now = at("2026-11-23T07:00:00Z");
        let letter = Letter::write(&digest, &who, &settings(25), "2026-W48", now).unwrap();
        let bytes = letter.bytes();
        let text = std::str::from_utf8(&bytes).expect("the message is text");
        assert!(bytes.is_ascii(), "{name:?}");
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        let fields: Vec<&str> = head
            .lines()
            .filter(|line| !line.starts_with([' ', '\t']))
            .filter_map(|line| line.split_once(':').map(|(field, _)| field))
            .collect();
        assert_eq!(
            fields,
            [
                "From",
                "To",
                "Subject",
                "Date",
                "Message-ID",
                "List-Unsubscribe",
                "Auto-Submitted",
                "MIME-Version",
                "Content-Type"
            ],
            "{head}"
        );
        assert!(text.lines().all(|line| line.len() <= 998), "{name:?}");
    }
}

#[test]
fn an_empty_digest_is_still_a_letter() {
    let digest = digest(&[], &links());
    assert_eq!(digest.subject, "Throughline");
    assert!(digest.html.contains("/pages/settings"));
}
