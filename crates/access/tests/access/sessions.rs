//! Sessions, tokens and what ends them.

use std::time::Duration;

use access::{
    Access, Actor, Begun, Permission, Preferences, Refusal, Role, Secret, SessionId, Stored,
    TokenId, WeakPassword,
};
use domain::Theme;

use crate::{Company, ELSEWHERE, OFFICE, OTHER, PASSWORD, at, settings};

const ENDED: Refusal = Refusal::NotSignedIn;

#[test]
fn a_session_ends_after_thirty_minutes_without_use_and_after_twelve_hours_with() {
    let company = Company::new();
    let session = company.sign_in("ada@acorn.com");
    let look = || company.access.by_session(&session.secret).map(|caller| caller.email);
    for _ in 0..24 {
        company.pass(Duration::from_mins(29));
        assert_eq!(look().unwrap(), "ada@acorn.com");
    }
    company.pass(Duration::from_mins(24));
    assert_eq!(look(), Err(ENDED), "twelve hours are over");

    let session = company.sign_in("ada@acorn.com");
    company.pass(Duration::from_mins(30));
    assert_eq!(company.access.by_session(&session.secret), Err(ENDED));
}

#[test]
fn a_clock_that_is_set_back_lengthens_no_life_here_or_after_a_restart() {
    let company = Company::new();
    let session = company.sign_in("ada@acorn.com");
    company.pass(Duration::from_mins(20));
    company.access.by_session(&session.secret).unwrap();
    company.clock.set("2026-11-22T08:00:00Z".parse().unwrap());
    company.pass(Duration::from_mins(29));
    company.access.by_session(&session.secret).unwrap();
    company.pass(Duration::from_mins(30));
    assert_eq!(company.access.by_session(&session.secret), Err(ENDED));

    let session = company.sign_in("ada@acorn.com");
    company.clock.set("2026-11-22T07:00:00Z".parse().unwrap());
    let again =
        Access::open(company.folder.path(), settings(), std::sync::Arc::clone(&company.clock));
    let again = again.unwrap();
    company.pass(Duration::from_mins(30));
    assert_eq!(again.by_session(&session.secret), Err(ENDED));
}

#[test]
fn what_changes_a_right_ends_every_session_at_the_next_request_also_from_another_process() {
    let company = Company::new();
    let id = company.add("cfo@acorn.com", Role::Cfo, None);
    let console =
        Access::open(company.folder.path(), settings(), std::sync::Arc::clone(&company.clock));
    let console = console.unwrap();
    let live = |secret: &Secret| company.access.by_session(secret);

    let session = company.sign_in("cfo@acorn.com");
    console.set_rights(Actor::Console, &id, Role::Viewer, None, None).unwrap();
    assert_eq!(live(&session.secret), Err(ENDED));

    let session = company.sign_in("cfo@acorn.com");
    assert!(!session.caller.may(Permission::OpenRows));
    console.set_disabled(Actor::Console, &id, true, None).unwrap();
    assert_eq!(live(&session.secret), Err(ENDED));
    let refused = company.access.login("cfo@acorn.com", PASSWORD, at(OFFICE));
    assert_eq!(refused.unwrap_err(), Refusal::LoginRefused);
    console.set_disabled(Actor::Console, &id, false, None).unwrap();

    let (first, second) = (company.sign_in("cfo@acorn.com"), company.sign_in("cfo@acorn.com"));
    assert_ne!(first.secret, second.secret);
    let changed =
        company.access.change_password(&first.caller, PASSWORD, OTHER, at(OFFICE)).unwrap();
    assert_eq!(live(&first.secret), Err(ENDED));
    assert_eq!(live(&second.secret), Err(ENDED), "the other tab too");
    assert_eq!(live(&changed.secret).unwrap().email, "cfo@acorn.com");

    company.access.logout(&changed.caller, at(OFFICE)).unwrap();
    assert_eq!(live(&changed.secret), Err(ENDED));
    assert!(company.access.login("cfo@acorn.com", PASSWORD, at(OFFICE)).is_err());
    assert!(company.access.login("cfo@acorn.com", OTHER, at(OFFICE)).is_ok());
}

#[test]
fn a_secret_is_stored_as_a_hash_and_one_made_by_an_attacker_is_worth_nothing() {
    let company = Company::new();
    let planted = Secret::new("A".repeat(43));
    assert_eq!(company.access.by_session(&planted), Err(ENDED));
    let session = company.sign_in("ada@acorn.com");
    let (token, _) = company
        .access
        .create_token(&session.caller, "sheet", Role::Analyst, None, at(OFFICE))
        .unwrap();
    assert_eq!(company.access.by_session(&planted), Err(ENDED));
    for file in ["state.sqlite", "state.sqlite-wal"] {
        let bytes = std::fs::read(company.folder.path().join(".throughline").join(file)).unwrap();
        for secret in [session.secret.reveal(), token.reveal(), PASSWORD] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{file} holds a secret");
        }
    }
}

#[test]
fn people_see_and_end_their_own_sessions_and_nobody_elses() {
    let company = Company::new();
    company.add("cro@acorn.com", Role::Cro, None);
    let ada = company.caller("ada@acorn.com");
    let first = company.sign_in("cro@acorn.com");
    company.pass(Duration::from_mins(1));
    let second = company.sign_in("cro@acorn.com");
    let listed = company.access.sessions(&second.caller).unwrap();
    let current: Vec<bool> = listed.iter().map(|session| session.current).collect();
    assert_eq!(current, [true, false]);
    assert_eq!(listed[1].address, OFFICE);

    let other = listed[1].id.clone();
    let access = &company.access;
    assert_eq!(access.end_session(&ada, &other, at(OFFICE)), Err(Refusal::NotFound));
    let nowhere = SessionId::new("s_nowhere");
    assert_eq!(access.end_session(&ada, &nowhere, at(OFFICE)), Err(Refusal::NotFound));
    access.end_session(&second.caller, &other, at(OFFICE)).unwrap();
    assert_eq!(access.by_session(&first.secret), Err(ENDED));
    assert!(access.by_session(&second.secret).is_ok());
}

#[test]
fn a_token_has_no_more_rights_than_its_role_and_its_owner_and_manages_no_secrets() {
    let company = Company::new();
    let access = &company.access;
    let id = company.add("ann@acorn.com", Role::Analyst, None);
    let ann = company.caller("ann@acorn.com");
    let above = access.create_token(&ann, "x", Role::Administrator, None, at(OFFICE));
    assert_eq!(above.unwrap_err().code(), "field");
    for days in [0, 366] {
        assert!(access.create_token(&ann, "x", Role::Viewer, Some(days), at(OFFICE)).is_err());
    }
    let (secret, token) = access.create_token(&ann, "sheet", Role::Cfo, None, at(OFFICE)).unwrap();
    assert_eq!(token.expires_at.duration_since(token.created_at).as_hours(), 90 * 24);
    let caller = access.by_token(&secret).unwrap();
    assert!(caller.may(Permission::Export) && !caller.may(Permission::Analyze));

    let refused = access.create_token(&caller, "more", Role::Viewer, None, at(OFFICE));
    assert_eq!(refused.unwrap_err(), Refusal::SessionNeeded);
    let refused = access.change_password(&caller, PASSWORD, OTHER, at(OFFICE));
    assert_eq!(refused.unwrap_err(), Refusal::SessionNeeded);

    access.set_rights(Actor::Console, &id, Role::Viewer, None, None).unwrap();
    let caller = access.by_token(&secret).unwrap();
    assert!(!caller.may(Permission::Export), "the owner's right went, the token's with it");
    assert!(access.tokens(&caller).unwrap()[0].used_at.is_some());
    access.set_disabled(Actor::Console, &id, true, None).unwrap();
    assert_eq!(access.by_token(&secret), Err(ENDED));
    access.set_disabled(Actor::Console, &id, false, None).unwrap();

    company.pass(Duration::from_hours(90 * 24));
    assert_eq!(access.by_token(&secret), Err(ENDED), "it has ended");
}

#[test]
fn another_persons_token_is_not_found_and_an_own_one_is_revoked_at_once() {
    let company = Company::new();
    let access = &company.access;
    company.add("cmo@acorn.com", Role::Cmo, None);
    let (ada, cmo) = (company.caller("ada@acorn.com"), company.caller("cmo@acorn.com"));
    let (secret, token) =
        access.create_token(&cmo, "sheet", Role::Cmo, Some(30), at(OFFICE)).unwrap();
    assert_eq!(access.revoke_token(&ada, &token.id, at(OFFICE)), Err(Refusal::NotFound));
    let nowhere = TokenId::new("t_nowhere");
    assert_eq!(access.revoke_token(&ada, &nowhere, at(OFFICE)), Err(Refusal::NotFound));
    let program = access.by_token(&secret).unwrap();
    let by_token = access.revoke_token(&program, &token.id, at(OFFICE));
    assert_eq!(by_token, Err(Refusal::SessionNeeded), "a token ends no tokens and no sessions");
    let own = access.sessions(&cmo).unwrap();
    let ended = access.end_session(&program, &own[0].id, at(OFFICE));
    assert_eq!(ended, Err(Refusal::SessionNeeded));
    access.revoke_token(&cmo, &token.id, at(OFFICE)).unwrap();
    assert_eq!(access.by_token(&secret), Err(ENDED));
}

#[test]
fn a_segment_limit_takes_the_analysts_rights_over_everything_and_shows_in_the_cache_key() {
    let company = Company::new();
    company.add("west@acorn.com", Role::Analyst, Some("west"));
    company.add("east@acorn.com", Role::Analyst, Some("east"));
    let (west, east) = (company.caller("west@acorn.com"), company.caller("east@acorn.com"));
    assert_eq!(west.segment.as_deref(), Some("west"));
    assert!(!west.may(Permission::Analyze) && west.may(Permission::OpenRows));
    assert_ne!(west.sees(), east.sees());
    let (secret, _) =
        company.access.create_token(&west, "sheet", Role::Viewer, None, at(OFFICE)).unwrap();
    let token = company.access.by_token(&secret).unwrap();
    assert_eq!(token.segment.as_deref(), Some("west"));
    assert_ne!(token.sees(), west.sees());
}

#[test]
fn another_program_that_holds_the_file_delays_nobody_who_reads() {
    let company = Company::new();
    let session = company.sign_in("ada@acorn.com");
    company.pass(Duration::from_mins(1));
    let path = company.folder.path().join(".throughline/state.sqlite");
    let other = rusqlite::Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = std::time::Instant::now();
    company.access.by_session(&session.secret).unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| company.access.logout(&session.caller, at(OFFICE))))
            .collect();
        for writer in writers {
            assert_eq!(writer.join().unwrap().unwrap_err().code(), "busy");
        }
    });
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    other.execute_batch("ROLLBACK").unwrap();
    company.access.logout(&session.caller, at(OFFICE)).unwrap();
}

#[test]
fn the_profile_is_changed_by_its_owner_in_known_values_only() {
    let company = Company::new();
    let session = company.sign_in("ada@acorn.com");
    let dark = Preferences {
        theme: Theme::Dark,
        shortcuts: false,
        digest: true,
        locale: Some("de-CH".to_owned()),
    };
    let change = |name: &str, preferences: &Preferences| {
        company.access.change_profile(&session.caller, name, preferences, at(OFFICE))
    };
    change("Ada Lovelace", &dark).unwrap();
    let caller = company.access.by_session(&session.secret).unwrap();
    assert_eq!((caller.name.as_str(), &caller.preferences), ("Ada Lovelace", &dark));
    for name in ["a\u{202e}b", "a\nb", "a\u{200b}b"] {
        assert_eq!(change(name, &dark).unwrap_err().code(), "field");
    }
    let odd = Preferences { locale: Some("../etc".to_owned()), ..dark };
    assert_eq!(change("Ada", &odd).unwrap_err().code(), "field");
}

#[test]
fn guessing_the_password_through_an_open_session_is_slowed_down() {
    let company = Company::new();
    let ada = company.caller("ada@acorn.com");
    let guess = |old: &str| company.access.change_password(&ada, old, OTHER, at(OFFICE));
    for n in 0..10 {
        assert_eq!(guess(&format!("guess {n}")).unwrap_err(), Refusal::LoginRefused);
    }
    assert_eq!(guess(PASSWORD).unwrap_err().code(), "too-many-attempts");
    company.sign_in("ada@acorn.com");
    company.pass(Duration::from_mins(1));
    let weak = company.access.change_password(&ada, PASSWORD, PASSWORD, at(ELSEWHERE));
    assert_eq!(weak.unwrap_err(), Refusal::WeakPassword(WeakPassword::Same));
    let weak = company.access.change_password(&ada, PASSWORD, "ada@acorn.com 2026", at(ELSEWHERE));
    assert_eq!(weak.unwrap_err(), Refusal::WeakPassword(WeakPassword::Context));
}

#[test]
fn a_change_that_is_asked_for_twice_is_made_once() {
    let company = Company::new();
    let access = &company.access;
    let ada = company.caller("ada@acorn.com");
    let route = "POST /api/v1/tokens";
    let begin = |key: &str, body: &[u8]| access.begin(&ada, key, route, body).unwrap();
    assert_eq!(begin("k1", b"one"), Begun::New);
    assert_eq!(begin("k1", b"one"), Begun::Running);
    let answer = Stored { status: 201, body: b"tl_the-secret-of-a-token".to_vec() };
    access.finish(&ada, "k1", route, Some(&answer)).unwrap();
    assert_eq!(begin("k1", b"one"), Begun::Done(answer));
    assert_eq!(begin("k1", b"two"), Begun::Conflict);
    let path = company.folder.path().join(".throughline/state.sqlite-wal");
    let stored = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    assert!(!stored.contains("the-secret-of-a-token"), "kept answers are encrypted");

    assert_eq!(begin("k2", b"one"), Begun::New);
    access.finish(&ada, "k2", route, None).unwrap();
    assert_eq!(begin("k2", b"one"), Begun::New, "what failed may be tried again");
    company.pass(Duration::from_mins(3));
    assert_eq!(begin("k2", b"one"), Begun::New, "so may what was cut short");
    company.add("cmo@acorn.com", Role::Cmo, None);
    let cmo = company.caller("cmo@acorn.com");
    assert_eq!(access.begin(&cmo, "k1", route, b"two").unwrap(), Begun::New);
    company.pass(Duration::from_hours(24));
    assert_eq!(begin("k1", b"two"), Begun::New, "keys are kept for a day");
    assert_eq!(access.begin(&ada, "", route, b"").unwrap_err().status(), 422);
}
