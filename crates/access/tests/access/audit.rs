//! The audit log: what is in it, and that nobody changes it unseen.

use access::{Access, Action, Actor, Event, Role, Verified};
use rusqlite::Connection;

use crate::{Company, ELSEWHERE, OFFICE, at, settings};

/// Another program opens the file and takes away what guards it.
fn tampering(company: &Company) -> Connection {
    let file = Connection::open(company.folder.path().join(".throughline/state.sqlite")).unwrap();
    file.execute_batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted;")
        .unwrap();
    file
}

fn busy() -> Company {
    let company = Company::new();
    for n in 0..20 {
        let event = Event::export(format!("pipeline.{n}"), "period=2026Q3&segment=west", n);
        company.access.record(None, Some(at(ELSEWHERE)), &event).unwrap();
    }
    company
}

fn broken(company: &Company) -> u64 {
    match company.access.verify_audit().unwrap() {
        Verified::Broken { sequence, .. } => sequence,
        Verified::Whole { rows } => panic!("{rows} rows seem whole"),
    }
}

#[test]
fn rows_stand_in_the_order_of_writing_whatever_the_clock_says() {
    let company = Company::new();
    company.clock.set("2020-01-01T00:00:00Z".parse().unwrap());
    company.add("cfo@acorn.com", Role::Cfo, None);
    company.clock.set("2030-01-01T00:00:00Z".parse().unwrap());
    company.sign_in("cfo@acorn.com");
    let rows = company.access.audit(Actor::Console, None, 10).unwrap();
    let numbers: Vec<u64> = rows.iter().map(|row| row.sequence).collect();
    assert_eq!(numbers, [4, 3, 2, 1]);
    let actions: Vec<&str> = rows.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["login", "redeem-link", "invite", "set-up"]);
    assert_eq!((rows[0].address.as_str(), rows[2].actor.as_str()), (OFFICE, "console"));
    let page = company.access.audit(Actor::Console, Some(3), 1).unwrap();
    assert_eq!(page[0].sequence, 2);
    assert_eq!(company.access.verify_audit().unwrap(), Verified::Whole { rows: 4 });
}

#[test]
fn no_row_holds_an_address_a_name_or_a_filter_of_a_person() {
    let company = busy();
    company.access.login("secret.person@rival.com", "wrong wrong wrong", at(OFFICE)).unwrap_err();
    let event = Event::done(Action::Change, "line one\nline two\u{1b}[2J".repeat(30));
    company.access.record(None, None, &event).unwrap();
    let log = company.log().join("\n");
    for person in ["ada", "Ada", "secret.person", "rival", "west", "\u{1b}"] {
        assert!(!log.contains(person), "{person}");
    }
    assert!(log.contains("login unknown:") && log.contains("export pipeline.7 done filter="));
    assert!(log.lines().all(|line| line.len() < 400) && !log.contains("one\nline"));
}

#[test]
fn the_database_refuses_to_change_or_delete_a_row() {
    let company = busy();
    let file = Connection::open(company.folder.path().join(".throughline/state.sqlite")).unwrap();
    assert!(file.execute("UPDATE audit SET actor = 'x' WHERE sequence = 3", []).is_err());
    assert!(file.execute("DELETE FROM audit WHERE sequence = 3", []).is_err());
}

#[test]
fn an_edited_row_is_named_by_its_number() {
    let company = busy();
    tampering(&company)
        .execute("UPDATE audit SET outcome = 'done filter=x rows=1' WHERE sequence = 9", [])
        .unwrap();
    assert_eq!(broken(&company), 9);
}

#[test]
fn a_deleted_row_and_two_swapped_ones_are_named_by_their_numbers() {
    let company = busy();
    tampering(&company).execute("DELETE FROM audit WHERE sequence = 12", []).unwrap();
    assert_eq!(broken(&company), 12);
    let company = busy();
    tampering(&company)
        .execute_batch(
            "UPDATE audit SET sequence = 99 WHERE sequence = 5;
             UPDATE audit SET sequence = 5 WHERE sequence = 6;
             UPDATE audit SET sequence = 6 WHERE sequence = 99;",
        )
        .unwrap();
    assert_eq!(broken(&company), 5);
}

#[test]
fn a_cut_end_is_found_through_the_anchor_outside_the_database() {
    let company = busy();
    let (sequence, _) = company.access.anchor_audit().unwrap().unwrap();
    assert_eq!(sequence, 21);
    tampering(&company).execute("DELETE FROM audit WHERE sequence > 15", []).unwrap();
    assert_eq!(broken(&company), 16);
    // The log goes on after the cut, and the anchor still knows.
    for _ in 0..10 {
        company.access.record(None, None, &Event::done(Action::Change, "x")).unwrap();
    }
    assert_eq!(broken(&company), 21);
}

#[test]
fn the_head_is_anchored_every_day_and_every_few_hundred_rows_without_being_asked() {
    let company = Company::new();
    let anchors = || {
        let path = company.folder.path().join(".throughline/audit-anchor.log");
        std::fs::read_to_string(path).unwrap().lines().count()
    };
    let write = || company.access.record_console(&Event::done(Action::Load, "load")).unwrap();
    assert_eq!(anchors(), 1);
    write();
    assert_eq!(anchors(), 1);
    company.pass(std::time::Duration::from_hours(24));
    write();
    assert_eq!(anchors(), 2);
    for _ in 0..256 {
        write();
    }
    assert_eq!(anchors(), 3);
    let clock = std::sync::Arc::clone(&company.clock);
    let again = Access::open(company.folder.path(), settings(), clock).unwrap();
    assert_eq!(again.verify_audit().unwrap(), Verified::Whole { rows: 259 });
}

#[test]
fn two_processes_write_one_chain() {
    let company = Company::new();
    let clock = std::sync::Arc::clone(&company.clock);
    let other = Access::open(company.folder.path(), settings(), clock).unwrap();
    std::thread::scope(|scope| {
        for access in [&company.access, &other] {
            scope.spawn(move || {
                for _ in 0..50 {
                    access.record_console(&Event::done(Action::Load, "load")).unwrap();
                }
            });
        }
    });
    assert_eq!(company.access.verify_audit().unwrap(), Verified::Whole { rows: 101 });
}

#[test]
fn strangers_cannot_make_the_log_grow_without_end_and_what_is_left_out_is_counted() {
    let company = Company::new();
    let refused = |address: &str| {
        let event = Event::refused(Action::Refuse, "POST /login", "another-site");
        company.access.record(None, Some(at(address)), &event).unwrap();
    };
    for _ in 0..900 {
        refused(ELSEWHERE);
    }
    for n in 0..900 {
        refused(&format!("2001:db8:{n:x}::1"));
    }
    let rows = company.log().len();
    assert!(rows < 320, "{rows} rows in one minute");
    let event = Event::done(Action::Load, "load");
    company.access.record_console(&event).unwrap();
    assert_eq!(company.log().len(), rows + 1, "what others do is written down all the same");
    company.pass(std::time::Duration::from_mins(1));
    let log = company.access.audit(Actor::Console, None, 1_000).unwrap();
    let left_out = log.iter().find(|row| row.address == ELSEWHERE).unwrap();
    assert_eq!(left_out.outcome, "refused:left-out n=880");
    refused(ELSEWHERE);
    assert!(company.log().last().unwrap().ends_with("refused:another-site"), "a new minute");
    assert!(matches!(company.access.verify_audit().unwrap(), Verified::Whole { .. }));
}

#[cfg(unix)]
#[test]
fn a_change_stands_where_the_anchor_cannot_be_written_and_whoever_asks_is_told() {
    let company = Company::new();
    let anchors = company.folder.path().join(".throughline/audit-anchor.log");
    let kept = std::fs::read(&anchors).unwrap();
    std::fs::remove_file(&anchors).unwrap();
    std::fs::create_dir(&anchors).unwrap();
    company.pass(std::time::Duration::from_hours(24));
    let event = Event::done(Action::Load, "load");
    company.access.record_console(&event).unwrap();
    company.sign_in("ada@acorn.com");
    assert!(company.access.anchor_trouble().is_some());
    std::fs::remove_dir(&anchors).unwrap();
    std::fs::write(&anchors, kept).unwrap();
    company.access.record_console(&event).unwrap();
    assert!(company.access.anchor_trouble().is_none(), "the next row is anchored");
    assert_eq!(company.access.verify_audit().unwrap(), Verified::Whole { rows: 4 });
}
