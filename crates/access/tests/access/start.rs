//! Starting: what is made, and what stops the start with what to do.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use access::{Access, SystemClock};

use crate::{Company, settings};

fn opens(company: &Company) -> Result<Access, (String, String)> {
    Access::open(company.folder.path(), settings(), SystemClock::start())
        .map_err(|error| (error.to_string(), error.hint().to_owned()))
}

fn file(company: &Company, name: &str) -> PathBuf {
    company.folder.path().join(".throughline").join(name)
}

#[track_caller]
fn stops(company: &Company, word: &str, to_do: &str) {
    let (message, hint) = opens(company).map(drop).unwrap_err();
    assert!(message.contains(word) && hint.contains(to_do), "{message} / {hint}");
}

#[test]
fn a_key_that_is_missing_empty_known_or_of_another_company_stops_the_start() {
    let company = Company::new();
    let key = file(&company, "secret");
    let text = fs::read_to_string(&key).unwrap();
    assert_eq!(text.trim_end().len(), 64);
    opens(&company).unwrap();
    for (wrong, word) in [
        (String::new(), "empty"),
        ("00".repeat(32), "not random"),
        ("not hexadecimal".to_owned(), "64 hexadecimal digits"),
        (fs::read_to_string(file(&Company::new(), "secret")).unwrap(), "not the one"),
    ] {
        fs::write(&key, wrong).unwrap();
        stops(&company, word, "estore");
    }
    fs::remove_file(&key).unwrap();
    stops(&company, "missing", "Restore it from the backup");
    fs::write(&key, &text).unwrap();
    #[cfg(unix)]
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    opens(&company).unwrap();
}

#[cfg(unix)]
#[test]
fn files_are_made_for_their_owner_only_and_a_key_that_others_may_read_stops_the_start() {
    use std::os::unix::fs::PermissionsExt as _;
    let company = Company::new();
    let mode = |name: &str| fs::metadata(file(&company, name)).unwrap().permissions().mode();
    for name in ["secret", "state.sqlite", "state.sqlite-wal", "audit-anchor.log"] {
        assert_eq!(mode(name) & 0o777, 0o600, "{name}");
    }
    fs::set_permissions(file(&company, "secret"), fs::Permissions::from_mode(0o644)).unwrap();
    stops(&company, "can be read by others (mode 644)", "chmod 600");
}

#[test]
fn a_file_of_a_newer_version_and_one_that_is_no_database_stop_the_start() {
    let company = Company::new();
    let state = rusqlite::Connection::open(file(&company, "state.sqlite")).unwrap();
    state.pragma_update(None, "user_version", 99).unwrap();
    stops(&company, "newer version", "newer");
    let company = Company::empty(settings());
    drop(company.access);
    let folder = company.folder.path().join(".throughline");
    fs::write(folder.join("state.sqlite"), "not a database, only a text of some length").unwrap();
    for more in ["state.sqlite-wal", "state.sqlite-shm"] {
        fs::remove_file(folder.join(more)).unwrap_or_default();
    }
    let error = Access::open(company.folder.path(), settings(), SystemClock::start()).unwrap_err();
    assert!(error.hint().contains("restore it from the backup"), "{error}");
}

#[test]
fn accounts_that_are_gone_stop_the_start_instead_of_opening_a_new_set_up() {
    let company = Company::new();
    let state = file(&company, "state.sqlite");
    let gone = || {
        for end in ["", "-wal", "-shm"] {
            let path = format!("{}{end}", state.display());
            fs::remove_file(path).unwrap_or_default();
        }
    };
    gone();
    stops(&company, "audit-anchor.log", "Restore it from the backup");
    fs::write(&state, "").unwrap();
    stops(&company, "audit-anchor.log", "Restore it from the backup");
    gone();
    drop(rusqlite::Connection::open(&state).unwrap());
    stops(&company, "audit-anchor.log", "Restore it from the backup");
    gone();
    fs::remove_file(file(&company, "audit-anchor.log")).unwrap();
    stops(&company, "`secret`", "move `secret`");
    fs::remove_file(file(&company, "secret")).unwrap();
    assert!(opens(&company).unwrap().set_up_open().unwrap(), "that is beginning anew");
}

#[cfg(unix)]
#[test]
fn accounts_that_are_taken_away_while_they_are_in_use_are_refused_and_not_remembered() {
    let company = Company::new();
    let session = company.sign_in("ada@acorn.com");
    let (state, aside) = (file(&company, "state.sqlite"), file(&company, "aside"));
    fs::rename(&state, &aside).unwrap();
    let soon = || std::thread::sleep(std::time::Duration::from_millis(1_100));
    let code = || company.access.by_session(&session.secret).map_err(|refusal| refusal.code());
    soon();
    assert_eq!(code().map(drop), Err("trouble"));
    fs::copy(&aside, &state).unwrap();
    assert_eq!(code().map(drop), Err("trouble"), "another file is not this one");
    assert!(company.access.verify_audit().is_err());
    assert!(company.access.logout(&session.caller, crate::at(crate::OFFICE)).is_err());
    fs::rename(&aside, &state).unwrap();
    assert!(code().is_ok(), "it is back");
}

#[test]
fn a_session_is_looked_up_in_less_than_a_millisecond() {
    let company = Company::new();
    let session = company.sign_in("ada@acorn.com");
    let start = Instant::now();
    for _ in 0..1_000 {
        company.access.by_session(&session.secret).unwrap();
    }
    let each = start.elapsed() / 1_000;
    assert!(each.as_micros() < 1_000, "{each:?}");
}
