//! What becomes of a letter when the mail server behaves as mail servers do.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use mail::{Event, Schedule, State};

use crate::sample::{answer, at, reader, settings};
use crate::server::{Manner, Server};

const MONDAY: &str = "2026-11-23T06:00:00Z";

/// Sends to one reader until nothing more is tried, from a ledger of its own.
fn send_until_done(manners: &[Manner], patience: Duration) -> (Vec<Event>, Vec<String>) {
    let server = Server::start(manners);
    let folder = tempfile::tempdir().unwrap();
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let mut now = at(MONDAY);
    let open = |now: Timestamp| {
        let settings = settings(server.port);
        Schedule::open(folder.path(), settings, zone.clone(), now).unwrap().patience(patience)
    };
    drop(open(now - 1.hour()));
    let mut events = Vec::new();
    for _ in 0..600 {
        // Opened again each time, as if the program had been restarted.
        let sent = open(now).run_due(now, &[reader("cfo")], &mut |_| Ok(vec![answer("Acme")]));
        events.extend(sent.unwrap());
        now += 1.minute();
    }
    (events, server.end())
}

#[track_caller]
fn check(manners: &[Manner], states: &[State], kept: usize) -> Vec<Event> {
    let (events, messages) = send_until_done(manners, Duration::from_millis(400));
    let found: Vec<State> = events.iter().map(|event| event.state).collect();
    assert_eq!(found, states, "{events:?}");
    assert_eq!(messages.len(), kept);
    for event in &events {
        assert!(!event.why.contains("hunter2") && !event.why.contains('@'), "{}", event.why);
    }
    events
}

#[test]
fn a_digest_is_sent_once_a_week_however_often_it_is_asked_for() {
    let events = check(&[Manner::Kind], &[State::Sent], 1);
    assert_eq!(events[0].week, "2026-W48");
    assert_eq!(events[0].attempt, 1);
}

#[test]
fn a_server_that_fails_for_a_while_gets_the_digest_later_and_once() {
    let manners = [
        Manner::Closed,
        Manner::Silent,
        Manner::Busy,
        Manner::DropsHalfWay,
        Manner::Full,
        Manner::Babbles,
        Manner::Kind,
    ];
    let states = [State::Again; 6].into_iter().chain([State::Sent]);
    check(&manners, &states.collect::<Vec<_>>(), 1);
}

#[test]
fn a_digest_that_the_server_may_have_kept_is_never_sent_again() {
    let events = check(&[Manner::KeepsAndDrops], &[State::Unconfirmed], 1);
    assert!(events[0].why.contains("before the mail server answered"));
}

#[test]
fn a_reader_who_is_refused_is_not_tried_again() {
    let events = check(&[Manner::UnknownReader], &[State::GivenUp], 0);
    assert_eq!(events[0].why, "the mail server did not accept the digest (it answered 550)");
}

#[test]
fn attempts_end() {
    let mut states = vec![State::Again; 7];
    states.push(State::GivenUp);
    check(&[Manner::Closed; 8], &states, 0);
}

#[test]
fn a_reader_who_cannot_be_served_does_not_keep_the_digest_from_the_others() {
    let server = Server::start(&[Manner::Kind]);
    let folder = tempfile::tempdir().unwrap();
    let now = at(MONDAY);
    let schedule = Schedule::open(folder.path(), settings(server.port), TimeZone::UTC, now);
    let schedule = schedule.unwrap();
    let mut outsider = reader("outsider");
    outsider.email = "board@elsewhere.example".to_owned();
    let mut mailer = reader("mailer");
    mailer.email = "a@acme.example\r\nRCPT TO:<b@elsewhere.example>".to_owned();
    let readers = [outsider, mailer, reader("slow"), reader("cfo")];
    let events = schedule
        .send_week("2026-W48", now, &readers, &mut |reader| match reader.account.as_str() {
            "slow" => Err("the build is not ready".to_owned()),
            _ => Ok(vec![answer("Acme")]),
        })
        .unwrap();
    let states: Vec<State> = events.iter().map(|event| event.state).collect();
    assert_eq!(states, [State::GivenUp, State::GivenUp, State::Again, State::Sent]);
    assert!(events[0].why.contains("recipient_domains"), "{}", events[0].why);
    assert!(events.iter().all(|event| !event.why.contains('@')));
    let kept = server.end();
    assert_eq!(kept.len(), 1);
    assert!(!kept[0].contains("elsewhere.example"));
}
