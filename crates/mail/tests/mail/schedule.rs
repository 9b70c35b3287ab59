//! When digests are due, and what the ledger remembers.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use mail::{Ledger, Schedule, Slot, State};

use crate::sample::{answer, at, reader, settings};

#[test]
fn the_hour_is_the_company_s_on_both_sides_of_a_change_of_clocks() {
    // Clocks went forward in Berlin on Sunday 2026-03-29 at 2, and back on Sunday 2026-10-25 at 3.
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    #[rustfmt::skip]
    let table = [
        // day             hour  now                     last                    week        next
        (Weekday::Monday,   7, "2026-03-30T05:00:00Z", "2026-03-30T05:00:00Z", "2026-W14", "2026-04-06T05:00:00Z"),
        (Weekday::Monday,   7, "2026-03-30T04:59:59Z", "2026-03-23T06:00:00Z", "2026-W13", "2026-03-30T05:00:00Z"),
        (Weekday::Sunday,   2, "2026-03-29T12:00:00Z", "2026-03-29T01:00:00Z", "2026-W13", "2026-04-05T00:00:00Z"),
        (Weekday::Sunday,   2, "2026-10-25T12:00:00Z", "2026-10-25T00:00:00Z", "2026-W43", "2026-11-01T01:00:00Z"),
        (Weekday::Friday,   0, "2026-12-31T22:59:59Z", "2026-12-24T23:00:00Z", "2026-W52", "2026-12-31T23:00:00Z"),
        (Weekday::Friday,   0, "2026-12-31T23:00:00Z", "2026-12-31T23:00:00Z", "2026-W53", "2027-01-07T23:00:00Z"),
    ];
    for (day, hour, now, last, week, next) in table {
        let slot = Slot { day, hour, zone: zone.clone() };
        let now = at(now);
        assert_eq!(slot.last(now), Some((at(last), week.to_owned())), "{now}");
        assert_eq!(slot.next(now), Some(at(next)), "{now}");
    }
}

#[test]
fn a_digest_is_due_for_a_day_after_its_hour_and_never_for_weeks_before_it_was_switched_on() {
    let folder = tempfile::tempdir().unwrap();
    let open =
        |now: Timestamp| Schedule::open(folder.path(), settings(25), TimeZone::UTC, now).unwrap();
    let monday = at("2026-11-23T07:00:00Z");
    let first = open(monday + 5.minutes());
    assert_eq!(first.due(monday + 6.minutes()).unwrap(), None);
    let next = first.next(monday + 6.minutes()).unwrap();
    assert_eq!(next, at("2026-11-30T07:00:00Z"));
    let again = open(next);
    assert_eq!(again.due(next).unwrap().as_deref(), Some("2026-W49"));
    assert_eq!(again.due(next + 24.hours()).unwrap().as_deref(), Some("2026-W49"));
    assert_eq!(again.due(next + 25.hours()).unwrap(), None);
}

#[test]
fn what_was_being_sent_when_the_program_ended_is_never_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let now = at("2026-11-23T07:00:00Z");
    let ledger = Ledger::open(folder.path()).unwrap();
    let other = Ledger::open(folder.path()).unwrap();
    assert_eq!(ledger.claim("cfo", "2026-W48", now).unwrap(), Some(1));
    assert_eq!(other.claim("cfo", "2026-W48", now).unwrap(), None);
    for hours in [0, 1, 100, -100] {
        assert!(!other.open_for("cfo", "2026-W48", now + hours.hours()).unwrap());
    }
    let kept = other.of_week("2026-W48").unwrap();
    assert_eq!(kept, [("cfo".to_owned(), State::Unconfirmed, 1)]);
    assert!(other.open_for("cfo", "2026-W49", now).unwrap());
    assert!(other.open_for("ceo", "2026-W48", now).unwrap());
}

#[test]
fn two_programs_at_once_send_one_digest() {
    let folder = tempfile::tempdir().unwrap();
    let now = at("2026-11-23T07:00:00Z");
    let won: usize = std::thread::scope(|scope| {
        let claims: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let ledger = Ledger::open(folder.path()).unwrap();
                    usize::from(ledger.claim("cfo", "2026-W48", now).unwrap().is_some())
                })
            })
            .collect();
        claims.into_iter().map(|claim| claim.join().unwrap()).sum()
    });
    assert_eq!(won, 1);
}

#[test]
fn nothing_is_computed_for_readers_who_had_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let now = at("2026-11-23T07:00:00Z");
    let schedule = Schedule::open(folder.path(), settings(25), TimeZone::UTC, now).unwrap();
    schedule.ledger().claim("cfo", "2026-W48", now).unwrap();
    schedule.ledger().finish("cfo", "2026-W48", State::Sent, now, now).unwrap();
    let mut asked = 0;
    let events = schedule.run_due(now, &[reader("cfo")], &mut |_| {
        asked += 1;
        Ok(vec![answer("Acme")])
    });
    assert_eq!((events.unwrap().len(), asked), (0, 0));
}
