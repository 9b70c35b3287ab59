//! Signing in, and everything that stands against those who guess.

use std::collections::HashSet;
use std::time::Duration;

use access::{Access, Actor, Identity, Login, NewAccount, Refusal, Role, Settings, WeakPassword};

use crate::{Company, ELSEWHERE, OFFICE, OTHER, PASSWORD, at, settings};

fn fails(company: &Company, email: &str, password: &str, address: &str) -> Refusal {
    company.access.login(email, password, at(address)).unwrap_err()
}

#[test]
fn an_address_is_matched_composed_and_in_small_letters() {
    let company = Company::new();
    company.add("Zoë@Acorn.com", Role::Viewer, None);
    for email in ["zoë@acorn.com", " ZOE\u{308}@ACORN.COM "] {
        assert!(company.access.login(email, PASSWORD, at(OFFICE)).is_ok(), "{email}");
    }
    assert_eq!(company.sign_in("zoë@acorn.com").caller.email, "Zoë@Acorn.com");
}

#[test]
fn a_stranger_cannot_tell_a_wrong_password_from_an_account_that_is_not_there() {
    let company = Company::new();
    let id = company.add("off@acorn.com", Role::Viewer, None);
    company.access.set_disabled(Actor::Console, &id, true, None).unwrap();
    let invited = NewAccount {
        email: "new@acorn.com".to_owned(),
        name: String::new(),
        role: Role::Ceo,
        segment: None,
        by_provider: true,
    };
    company.access.invite(Actor::Console, &invited, None).unwrap();
    let before = company.access.password_checks();
    for email in ["nobody@acorn.com", "ada@acorn.com", "off@acorn.com", "new@acorn.com", ""] {
        let refusal = fails(&company, email, "not the password", OFFICE);
        assert_eq!(refusal, Refusal::LoginRefused, "{email}");
    }
    assert_eq!(company.access.password_checks() - before, 5, "each costs one hash");
    assert_eq!(fails(&company, "off@acorn.com", PASSWORD, OFFICE), Refusal::LoginRefused);
}

#[test]
fn a_wrong_password_takes_as_long_as_an_account_that_is_not_there() {
    let cost = access::HashCost { memory_kib: 8_192, passes: 3, lanes: 1 };
    let company = Company::with(Settings { hash_cost: cost, ..settings() });
    let timed = |email: &str, address: &str| {
        let start = std::time::Instant::now();
        assert_eq!(fails(&company, email, "not the password", address), Refusal::LoginRefused);
        let taken = start.elapsed();
        company.pass(Duration::from_mins(20));
        taken
    };
    // The machine may be busy with something else: one quiet round in five is enough, as a
    // difference that is there would show in each.
    let quiet = (0..5).any(|round| {
        let (mut wrong, mut unknown): (Vec<Duration>, Vec<Duration>) = (0..11)
            .map(|n| {
                let address = format!("10.{round}.{n}.1");
                let nobody = format!("nobody{n}@acorn.com");
                (timed("ada@acorn.com", &address), timed(&nobody, &address))
            })
            .unzip();
        wrong.sort_unstable();
        unknown.sort_unstable();
        let (wrong, unknown) = (wrong[5].as_secs_f64(), unknown[5].as_secs_f64());
        (wrong / unknown - 1.0).abs() < 0.1
    });
    assert!(quiet, "the medians differ by more than a tenth");
}

#[test]
fn a_thousand_wrong_passwords_in_a_minute_reach_the_hash_thirty_times_at_most() {
    let company = Company::new();
    let live = company.sign_in("ada@acorn.com");
    let before = company.access.password_checks();
    let (mut waits, mut refused) = (Vec::new(), 0);
    for n in 0..1_000 {
        match fails(&company, "ada@acorn.com", &format!("guess {n}"), ELSEWHERE) {
            Refusal::TooManyAttempts { retry_after } => {
                refused += 1;
                waits.push(retry_after.as_secs());
            }
            other => assert_eq!(other, Refusal::LoginRefused),
        }
        company.pass(Duration::from_millis(60));
    }
    let checks = company.access.password_checks() - before;
    assert!((10..=30).contains(&checks), "{checks} checks");
    assert_eq!(checks + refused, 1_000);
    assert!(waits.last() > waits.first(), "the delay rises: {waits:?}");

    assert!(company.access.by_session(&live.secret).is_ok(), "the right user is not locked out");
    company.sign_in("ada@acorn.com");
    company.pass(Duration::from_mins(1));
    let rows = company.access.audit(Actor::Console, None, 1_000).unwrap();
    let from_there: Vec<_> = rows.iter().filter(|row| row.address == ELSEWHERE).collect();
    let left_out = |row: &str| row.strip_prefix("refused:left-out n=").map(str::to_owned);
    let told = from_there
        .iter()
        .map(|row| left_out(&row.outcome).map_or(1, |count| count.parse::<u64>().unwrap()));
    assert_eq!(told.sum::<u64>(), 1_000, "every attempt is written down or counted");
    assert!(from_there.len() < 60, "{} rows", from_there.len());
}

#[test]
fn strangers_at_the_same_address_do_not_stop_whoever_is_known_there() {
    let company = Company::new();
    company.sign_in("ada@acorn.com");
    for n in 0..60 {
        fails(&company, &format!("nobody{n}@acorn.com"), "wrong wrong wrong", OFFICE);
    }
    assert_eq!(fails(&company, "else@acorn.com", PASSWORD, OFFICE).code(), "too-many-attempts");
    company.sign_in("ada@acorn.com");
    for _ in 0..20 {
        fails(&company, "ada@acorn.com", "wrong wrong wrong", OFFICE);
    }
    let slowed = fails(&company, "ada@acorn.com", PASSWORD, OFFICE);
    assert_eq!(slowed.code(), "too-many-attempts", "guessing one person is slowed there too");
}

#[test]
fn one_password_tried_on_many_accounts_from_one_address_is_stopped_and_named() {
    let company = Company::new();
    let mut codes = HashSet::new();
    for n in 0..500 {
        let refusal = fails(&company, &format!("user{n}@acorn.com"), "Summer2026!!", ELSEWHERE);
        codes.insert(refusal.code());
        company.pass(Duration::from_millis(20));
    }
    assert_eq!(codes, HashSet::from(["login-refused", "too-many-attempts"]));
    assert!(company.access.password_checks() < 30);
    let named = company.log().into_iter().filter(|row| row.contains("password-spraying"));
    assert_eq!(named.count(), 1);
    // A network of IPv6 is one address, however many of its addresses are used.
    for n in 0..40 {
        let email = format!("six{n}@acorn.com");
        company.access.login(&email, "Summer2026!!", at(&format!("2001:db8::{n:x}"))).unwrap_err();
    }
    let refusal = fails(&company, "six@acorn.com", "Summer2026!!", "2001:db8::ffff");
    assert_eq!(refusal.code(), "too-many-attempts");
    company.sign_in("ada@acorn.com");
}

#[test]
fn strangers_cannot_lock_a_person_out_where_that_person_has_signed_in_before() {
    let company = Company::new();
    for n in 0..150 {
        let address = format!("203.0.113.{}", n % 100);
        let refusal = fails(&company, "ada@acorn.com", "wrong wrong wrong", &address);
        assert_eq!(refusal, Refusal::LoginRefused);
        company.pass(Duration::from_mins(6));
    }
    company.sign_in("ada@acorn.com");
    for _ in 0..100 {
        company
            .access
            .login("ada@acorn.com", "wrong wrong wrong", at("203.0.113.200"))
            .unwrap_err();
        company.pass(Duration::from_mins(6));
    }
    let refusal = fails(&company, "ada@acorn.com", PASSWORD, ELSEWHERE);
    assert_eq!(refusal, Refusal::LoginRefused, "elsewhere a hundred in a row are enough");
    let account = company.access.account_by_email(Actor::Console, "ada@acorn.com").unwrap();
    assert_eq!(account.state.id(), "locked");
    company.sign_in("ada@acorn.com");
    company.pass(Duration::from_mins(6));
    assert!(company.access.login("ada@acorn.com", PASSWORD, at(ELSEWHERE)).is_ok());
}

#[test]
fn after_a_hundred_failures_in_a_row_also_at_a_known_address_only_a_reset_helps() {
    let company = Company::new();
    let id = company.add("cfo@acorn.com", Role::Cfo, None);
    company.sign_in("cfo@acorn.com");
    for _ in 0..100 {
        assert_eq!(
            fails(&company, "cfo@acorn.com", "wrong wrong wrong", OFFICE),
            Refusal::LoginRefused
        );
        company.pass(Duration::from_mins(6));
    }
    assert_eq!(fails(&company, "cfo@acorn.com", PASSWORD, OFFICE), Refusal::LoginRefused);
    let link = company.access.reset(Actor::Console, &id, None).unwrap();
    company.access.redeem_link(&link.secret, OTHER, at(OFFICE)).unwrap();
    company.pass(Duration::from_mins(6));
    assert!(company.access.login("cfo@acorn.com", OTHER, at(OFFICE)).is_ok());
}

#[test]
fn what_no_password_can_be_is_refused_before_it_is_hashed() {
    let company = Company::new();
    let before = company.access.password_checks();
    let refusal = fails(&company, "ada@acorn.com", &"x".repeat(1 << 20), OFFICE);
    assert_eq!(refusal, Refusal::WeakPassword(WeakPassword::Long));
    assert_eq!((refusal.status(), company.access.password_checks() - before), (422, 0));
    for n in 0..30 {
        let email = format!("nobody{n}@acorn.com");
        company.access.login(&email, &"x".repeat(600), at(ELSEWHERE)).unwrap_err();
    }
    let counted = fails(&company, "another@acorn.com", "not the password", ELSEWHERE);
    assert_eq!(counted.code(), "too-many-attempts", "such attempts count too");

    let id = company.add("cmo@acorn.com", Role::Cmo, None);
    let odd = format!("{} 🦊 café  Ω", "violin ladder ".repeat(4));
    company.access.set_password(&id, &odd).unwrap();
    assert!(company.access.login("cmo@acorn.com", &odd, at(OFFICE)).is_ok());
    assert!(company.access.login("cmo@acorn.com", &odd.to_lowercase(), at(OFFICE)).is_err());
}

#[test]
fn a_hash_of_another_cost_is_renewed_at_the_next_login() {
    let company = Company::new();
    let mut dearer = settings();
    dearer.hash_cost.passes = 2;
    let access =
        Access::open(company.folder.path(), dearer, std::sync::Arc::clone(&company.clock)).unwrap();
    let stored = || {
        let path = company.folder.path().join(".throughline/state.sqlite");
        let file = rusqlite::Connection::open(path).unwrap();
        file.query_row("SELECT password FROM account", [], |row| row.get::<_, String>(0)).unwrap()
    };
    assert!(stored().contains("t=1,"));
    access.login("ada@acorn.com", PASSWORD, at(OFFICE)).unwrap();
    assert!(stored().contains("t=2,"));
    access.login("ada@acorn.com", PASSWORD, at(OFFICE)).unwrap();
}

/// Signs in up to the code.
fn pending(company: &Company, email: &str) -> access::Secret {
    match company.access.login(email, PASSWORD, at(OFFICE)).unwrap() {
        Login::SecondFactor(pending) => pending,
        Login::Done(_) => panic!("a code was expected"),
    }
}

#[test]
fn where_a_second_factor_is_required_nothing_is_shown_before_it_is_set_up() {
    let company = Company::with(Settings { second_factor_required: true, ..settings() });
    let access = &company.access;
    company.add("ceo@acorn.com", Role::Ceo, None);
    let session = company.sign_in("ceo@acorn.com");
    assert!(session.caller.must_enroll);
    let refused = session.caller.need(access::Permission::ReadAnswers);
    assert_eq!(refused, Err(Refusal::SecondFactorNeeded));
    let token = access.create_token(&session.caller, "x", Role::Viewer, None, at(OFFICE));
    assert_eq!(token.unwrap_err(), Refusal::SecondFactorNeeded);

    let enrollment = access.enroll(&session.caller).unwrap();
    let uri = enrollment.uri.reveal();
    assert!(uri.starts_with("otpauth://totp/Throughline:ceo%40acorn.com?secret="), "{uri}");
    let wrong = access.confirm_enrollment(&session.caller, "000000", at(OFFICE));
    assert_eq!(wrong.unwrap_err(), Refusal::LoginRefused);
    let code = company.code(enrollment.secret.reveal());
    let (recovery, fresh) = access.confirm_enrollment(&session.caller, &code, at(OFFICE)).unwrap();
    assert_eq!(access.by_session(&session.secret), Err(Refusal::NotSignedIn), "a new id");
    assert!(fresh.caller.may(access::Permission::ReadAnswers) && !fresh.caller.must_enroll);
    assert_eq!(access.second_factor(&fresh.caller).unwrap(), Some(10));
    assert_eq!(access.enroll(&fresh.caller).unwrap_err().code(), "conflict");

    let replayed = access.login_code(&pending(&company, "ceo@acorn.com"), &code, at(OFFICE));
    assert_eq!(replayed.unwrap_err(), Refusal::LoginRefused, "a code is used once");
    company.pass(Duration::from_secs(30));
    let code = company.code(enrollment.secret.reveal());
    let waiting = pending(&company, "ceo@acorn.com");
    assert_eq!(access.by_session(&waiting), Err(Refusal::NotSignedIn), "half a login is none");
    access.login_code(&waiting, &code, at(OFFICE)).unwrap();
    let again = access.login_code(&waiting, &code, at(OFFICE));
    assert_eq!(again.unwrap_err(), Refusal::NotSignedIn, "the first half too");

    let spare = recovery[3].reveal().to_uppercase().replace('-', " ");
    let session =
        access.login_code(&pending(&company, "ceo@acorn.com"), &spare, at(OFFICE)).unwrap();
    assert_eq!(access.second_factor(&session.caller).unwrap(), Some(9));
    let again = access.login_code(&pending(&company, "ceo@acorn.com"), &spare, at(OFFICE));
    assert_eq!(again.unwrap_err(), Refusal::LoginRefused);

    let remove = |password: &str, code: &str| {
        access.remove_second_factor(&session.caller, password, code, at(OFFICE))
    };
    assert_eq!(remove(PASSWORD, "000000").unwrap_err(), Refusal::LoginRefused);
    assert_eq!(remove(OTHER, recovery[4].reveal()).unwrap_err(), Refusal::LoginRefused);
    let session = remove(PASSWORD, recovery[4].reveal()).unwrap();
    assert!(session.caller.must_enroll);
}

#[test]
fn a_session_that_was_left_open_neither_sets_up_a_second_factor_nor_takes_it_away() {
    let company = Company::new();
    let access = &company.access;
    let session = company.sign_in("ada@acorn.com");
    company.pass(Duration::from_mins(16));
    assert_eq!(access.enroll(&session.caller).unwrap_err().code(), "conflict");
    let session = company.sign_in("ada@acorn.com");
    let enrollment = access.enroll(&session.caller).unwrap();
    let code = company.code(enrollment.secret.reveal());
    let (_, session) = access.confirm_enrollment(&session.caller, &code, at(OFFICE)).unwrap();
    company.pass(Duration::from_mins(16));
    let by_code =
        |code: &str| access.remove_second_factor(&session.caller, PASSWORD, code, at(OFFICE));
    for _ in 0..15 {
        by_code("000000").unwrap_err();
    }
    let right = company.code(enrollment.secret.reveal());
    assert_eq!(by_code(&right).unwrap_err().code(), "too-many-attempts", "codes are not guessed");
    company.pass(Duration::from_mins(6));
    by_code(&company.code(enrollment.secret.reveal())).unwrap();
}

#[test]
fn codes_are_guessed_five_times_at_most_before_the_password_is_asked_again() {
    let company = Company::new();
    let session = company.sign_in("ada@acorn.com");
    let enrollment = company.access.enroll(&session.caller).unwrap();
    let code = company.code(enrollment.secret.reveal());
    company.access.confirm_enrollment(&session.caller, &code, at(OFFICE)).unwrap();
    company.pass(Duration::from_mins(1));
    let right = company.code(enrollment.secret.reveal());
    let wrong = if right == "123456" { "654321" } else { "123456" };
    let waiting = pending(&company, "ada@acorn.com");
    for _ in 0..5 {
        let refusal = company.access.login_code(&waiting, wrong, at(OFFICE)).unwrap_err();
        assert_eq!(refusal, Refusal::LoginRefused);
    }
    let ended = company.access.login_code(&waiting, &right, at(OFFICE)).unwrap_err();
    assert_eq!(ended, Refusal::NotSignedIn);
    let waiting = pending(&company, "ada@acorn.com");
    for _ in 0..5 {
        company.access.login_code(&waiting, wrong, at(OFFICE)).unwrap_err();
    }
    let waiting = pending(&company, "ada@acorn.com");
    let slowed = company.access.login_code(&waiting, &right, at(OFFICE)).unwrap_err();
    assert_eq!(slowed.code(), "too-many-attempts", "across logins too");
    company.pass(Duration::from_mins(5));
    let late = company.access.login_code(&waiting, &right, at(OFFICE)).unwrap_err();
    assert_eq!(late, Refusal::NotSignedIn, "five minutes are over");
}

#[test]
fn whoever_the_provider_names_is_bound_to_issuer_and_subject_and_never_to_the_address_alone() {
    let company = Company::new();
    let access = &company.access;
    let new = NewAccount {
        email: "ceo@acorn.com".to_owned(),
        name: "Cleo".to_owned(),
        role: Role::Ceo,
        segment: None,
        by_provider: true,
    };
    let (account, link) = access.invite(Actor::Console, &new, None).unwrap();
    assert!(link.is_none());
    let named = |issuer: &str, subject: &str, email: Option<&str>| Identity {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        email: email.map(str::to_owned),
        name: None,
    };
    let login = |identity: Identity| access.login_oidc(&identity, at(OFFICE));
    let acorn = "https://id.acorn.com";
    for (identity, reason) in [
        (named(acorn, "1", Some("else@acorn.com")), "not-invited"),
        (named(acorn, "1", None), "not-invited"),
        (named(acorn, "1", Some("ada@acorn.com")), "account-has-a-password"),
    ] {
        assert_eq!(login(identity).unwrap_err(), Refusal::LoginRefused);
        assert!(company.log().last().unwrap().ends_with(&format!("refused:{reason}")));
    }
    let session = login(named(acorn, "1", Some("CEO@acorn.com"))).unwrap();
    assert_eq!((session.caller.account, session.caller.role), (account.id.clone(), Role::Ceo));
    assert!(!session.caller.must_enroll);
    for stranger in [
        named(acorn, "2", Some("ceo@acorn.com")),
        named("https://id.evil.example", "1", Some("ceo@acorn.com")),
    ] {
        assert_eq!(login(stranger).unwrap_err(), Refusal::LoginRefused);
        assert!(company.log().last().unwrap().ends_with("refused:another-subject"));
    }
    login(named(acorn, "1", Some("moved@acorn.com"))).unwrap();

    assert_eq!(fails(&company, "ceo@acorn.com", PASSWORD, OFFICE), Refusal::LoginRefused);
    let reset = access.reset(Actor::Console, &account.id, None).unwrap_err();
    assert_eq!(reset.code(), "conflict", "no local password beside the provider's");
    access.set_disabled(Actor::Console, &account.id, true, None).unwrap();
    assert_eq!(login(named(acorn, "1", None)).unwrap_err(), Refusal::LoginRefused);
}

#[test]
fn many_logins_at_once_wait_or_are_told_to_come_again() {
    let settings = Settings {
        hashes_waiting: 3,
        hash_cost: access::HashCost { memory_kib: 16_384, passes: 2, lanes: 1 },
        ..settings()
    };
    let company = Company::with(settings);
    let together = std::sync::Barrier::new(40);
    let results: Vec<&'static str> = std::thread::scope(|scope| {
        let (company, together) = (&company, &together);
        let logins: Vec<_> = (0..40)
            .map(|n| {
                scope.spawn(move || {
                    let address = at(&format!("10.0.0.{n}"));
                    together.wait();
                    match company.access.login(&format!("u{n}@acorn.com"), PASSWORD, address) {
                        Ok(_) => "done",
                        Err(refusal) => refusal.code(),
                    }
                })
            })
            .collect();
        logins.into_iter().map(|login| login.join().unwrap()).collect()
    });
    let count = |code: &str| results.iter().filter(|result| **result == code).count();
    assert_eq!(count("busy") + count("login-refused"), 40, "{results:?}");
    assert!(count("busy") > 0 && count("login-refused") >= 5, "{results:?}");
    company.sign_in("ada@acorn.com");
}
