//! An answer, settings and a reader to send it to.

use std::path::Path;
use std::sync::Arc;

use domain::answer::Interval;
use domain::{Answer, Ask, Caveat, Currency, Definitions, Figure, Money, Question, Value};
use jiff::Timestamp;
use jiff::civil::date;
use mail::{Reader, Settings};

const PIPELINE: Question = Question {
    id: "pipeline",
    asks: "What pipeline and revenue did marketing source and influence, and is it good?",
    readers: &["CEO", "CMO"],
    help: "",
};

/// Names that strangers type into forms, each with something up its sleeve.
pub(crate) const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "Acme\r\nBcc: everybody@example.org",
    "Acme\n\n<html>a second body</html>",
    "\u{202e}gpj.exe\u{2066}",
    "{{ settings }}{% include \"x\" %}",
    "=?utf-8?q?=0d=0aBcc:_x@example.org?=",
    ".\r\n.\r\nRCPT TO:<x@example.org>",
    "https://phish.example.org/ 'quoted' `ticked` & \"so on\"",
    "\0\u{1b}[2J\u{7f}",
];

fn usd(minor: i64) -> Value {
    Value::Money(Money::from_minor(minor, Currency::USD))
}

/// The answer of a company of this name.
pub(crate) fn answer(company: &str) -> Answer {
    let definitions = Definitions { company: company.to_owned(), ..Definitions::starter().0 };
    let ask = Ask {
        as_of: date(2026, 10, 2),
        period: definitions.calendar().period("2026Q3").unwrap(),
        by: Vec::new(),
        segment: Some("mid market & more".to_owned()),
        model: "w_shaped".to_owned(),
        currency: Currency::USD,
        definitions: Arc::new(definitions),
        seed: 1,
    };
    let mut answer = Answer::new(&PIPELINE, &ask);
    "3f2a91c0d4e5".clone_into(&mut answer.asked.definitions);
    answer.headline = format!("Marketing sourced $2.69M of the pipeline of {company}.");
    let mut pipeline = Figure::new(
        "marketing_sourced_pipeline",
        "Marketing-sourced pipeline",
        usd(269_412_001),
        "",
    );
    pipeline.previous = Some(usd(306_500_000));
    pipeline.target = Some(usd(400_000_000));
    let rate = Figure::new("win_rate", "Win rate", Value::Share { of: 31, total: 100 }, "");
    let range = Interval { low: 0.21, high: 0.43, level: 0.95, method: "Wilson" };
    let missing = Figure::new("payback", company, Value::None("no deal was won".to_owned()), "");
    answer.figures = vec![pipeline, rate.interval(Some(range)), missing];
    answer.caveats = vec![Caveat::new("x", "One deal has no amount.")];
    answer
}

/// Settings for a server on this machine, without its port.
pub(crate) fn settings(port: u16) -> Settings {
    let text = format!(
        "[digest]\nenabled = true\nhost = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\n\
         from = \"Throughline <throughline@acme.example>\"\nday = \"monday\"\nhour = 7\n\
         base_url = \"https://throughline.acme.example/pages\"\n\
         recipient_domains = [\"acme.example\"]\n"
    );
    let read = Settings::read("server.toml", &text, Path::new("/"));
    read.expect("the settings are in order").expect("the digest is on")
}

/// A reader.
pub(crate) fn reader(account: &str) -> Reader {
    Reader {
        account: account.to_owned(),
        name: "Carla Fo".to_owned(),
        email: format!("{account}@acme.example"),
    }
}

/// Reads a time.
#[track_caller]
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
