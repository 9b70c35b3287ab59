//! Roles, invitations, and what administrators alone do.

use std::time::Duration;

use access::{Actor, LinkKind, NewAccount, Permission, Refusal, Role, permissions};

use crate::{Company, OFFICE, OTHER, PASSWORD, at};

fn new(email: &str, role: Role) -> NewAccount {
    let segment = None;
    NewAccount { email: email.to_owned(), name: String::new(), role, segment, by_provider: false }
}

#[test]
fn the_table_of_rights_is_the_one_in_the_documentation() {
    let mut table = String::from("| role |");
    for permission in Permission::ALL {
        table.push_str(&format!(" {} |", permission.id()));
    }
    table.push('\n');
    for role in Role::ALL {
        table.push_str(&format!("| {} |", role.id()));
        for permission in Permission::ALL {
            let mark = if permissions(role).contains(&permission) { "yes" } else { "" };
            table.push_str(&format!(" {mark} |"));
        }
        table.push('\n');
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec/access.md");
    let text = std::fs::read_to_string(path).unwrap();
    for line in table.lines() {
        assert!(text.lines().any(|known| known == line), "docs/spec/access.md lacks\n{table}");
    }
}

#[test]
fn administrators_alone_manage_people_and_read_the_log_and_everybody_reads_answers() {
    for role in Role::ALL {
        let has = |permission| permissions(role).contains(&permission);
        let administers = role == Role::Administrator;
        assert_eq!(has(Permission::ManagePeople), administers, "{role}");
        assert_eq!(has(Permission::ReadAudit), administers, "{role}");
        assert!(has(Permission::ReadAnswers) && has(Permission::ManageOwn), "{role}");
        assert_eq!(has(Permission::OpenRows), role != Role::Viewer, "{role}");
        assert_eq!(Role::parse(role.id()), Some(role));
    }
    let company = Company::new();
    let access = &company.access;
    let ada = access.account_by_email(Actor::Console, "ada@acorn.com").unwrap().id;
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Administrator) {
        let email = format!("{role}@acorn.com");
        company.add(&email, role, None);
        let caller = company.caller(&email);
        let actor = Actor::Caller(&caller);
        let refused = [
            access.accounts(actor).map(drop),
            access.account_by_email(actor, "ada@acorn.com").map(drop),
            access.invite(actor, &new("x@acorn.com", role), None).map(drop),
            access.set_rights(actor, &ada, role, None, None).map(drop),
            access.set_disabled(actor, &ada, true, None).map(drop),
            access.reset(actor, &ada, None).map(drop),
            access.remove(actor, &ada, None),
            access.audit(actor, None, 10).map(drop),
        ];
        for result in refused {
            assert_eq!(result, Err(Refusal::NotAllowed), "{role}");
        }
    }
    let caller = company.caller("ada@acorn.com");
    assert_eq!(access.accounts(Actor::Caller(&caller)).unwrap().len(), 7);
}

#[test]
fn the_first_administrator_is_made_once_by_a_token_of_half_an_hour() {
    let company = Company::empty(crate::settings());
    let access = &company.access;
    let redeem = |token: &access::OneTime, password: &str| {
        access.redeem_first(&token.secret, "ada@acorn.com", "Ada", password, at(OFFICE))
    };
    assert!(access.set_up_open().unwrap());
    let replaced = access.first_token().unwrap().unwrap();
    let late = access.first_token().unwrap().unwrap();
    assert_eq!(redeem(&replaced, PASSWORD).unwrap_err(), Refusal::LinkEnded);
    company.pass(Duration::from_mins(30));
    assert_eq!(redeem(&late, PASSWORD).unwrap_err(), Refusal::LinkEnded);
    let token = access.first_token().unwrap().unwrap();
    assert_eq!(redeem(&token, "password1234").unwrap_err().code(), "weak-password");
    let session = redeem(&token, PASSWORD).unwrap();
    assert_eq!(session.caller.role, Role::Administrator);
    assert!(!access.set_up_open().unwrap());
    assert!(access.first_token().unwrap().is_none());
    assert_eq!(redeem(&token, PASSWORD).unwrap_err(), Refusal::NotFound, "it is gone");
}

#[test]
fn an_invitation_is_used_once_within_a_day_and_a_reset_within_half_an_hour() {
    let company = Company::new();
    let access = &company.access;
    let invite = |email: &str| access.invite(Actor::Console, &new(email, Role::Cmo), None);
    let (account, link) = invite("cmo@acorn.com").unwrap();
    let link = link.unwrap();
    assert_eq!(account.state.id(), "invited");
    let about = access.link(&link.secret).unwrap();
    assert_eq!((about.kind, about.name.as_str()), (LinkKind::Invitation, "cmo"));
    assert_eq!(invite("CMO@acorn.com").unwrap_err().code(), "conflict");
    for email in ["", "cmo", "@acorn.com", "a b@acorn.com", "a@b@c", "a\u{202e}@acorn.com"] {
        assert_eq!(invite(email).unwrap_err().code(), "field", "{email}");
    }
    let redeem = |link: &access::OneTime, password: &str| {
        access.redeem_link(&link.secret, password, at(OFFICE))
    };
    assert_eq!(redeem(&link, "cmo@acorn.com!").unwrap_err().code(), "weak-password");
    redeem(&link, PASSWORD).unwrap();
    assert_eq!(redeem(&link, OTHER), Err(Refusal::LinkEnded), "once");
    company.sign_in("cmo@acorn.com");

    let late = invite("cro@acorn.com").unwrap().1.unwrap();
    company.pass(Duration::from_hours(24));
    assert_eq!(redeem(&late, PASSWORD), Err(Refusal::LinkEnded));
    assert_eq!(access.link(&late.secret), Err(Refusal::LinkEnded));

    let session = company.sign_in("cmo@acorn.com");
    let (token, _) =
        access.create_token(&session.caller, "sheet", Role::Cmo, None, at(OFFICE)).unwrap();
    let replaced = access.reset(Actor::Console, &account.id, None).unwrap();
    let reset = access.reset(Actor::Console, &account.id, None).unwrap();
    assert_eq!(access.by_session(&session.secret), Err(Refusal::NotSignedIn));
    assert_eq!(access.by_token(&token), Err(Refusal::NotSignedIn));
    let old = access.login("cmo@acorn.com", PASSWORD, at(OFFICE)).unwrap_err();
    assert_eq!(old, Refusal::LoginRefused);
    assert_eq!(redeem(&replaced, OTHER), Err(Refusal::LinkEnded), "the newest is the only one");
    company.pass(Duration::from_mins(30));
    assert_eq!(redeem(&reset, OTHER), Err(Refusal::LinkEnded));
}

#[test]
fn somebody_can_always_manage_people() {
    let company = Company::new();
    let access = &company.access;
    let ada = access.account_by_email(Actor::Console, "ada@acorn.com").unwrap().id;
    let only = |result: Result<(), Refusal>| assert_eq!(result.unwrap_err().code(), "conflict");
    only(access.set_rights(Actor::Console, &ada, Role::Ceo, None, None).map(drop));
    only(access.set_disabled(Actor::Console, &ada, true, None).map(drop));
    only(access.remove(Actor::Console, &ada, None));
    company.add("bea@acorn.com", Role::Administrator, None);
    access.remove(Actor::Console, &ada, None).unwrap();
    assert_eq!(access.remove(Actor::Console, &ada, None), Err(Refusal::NotFound));
    let limited =
        NewAccount { segment: Some("west".into()), ..new("c@x.com", Role::Administrator) };
    assert_eq!(access.invite(Actor::Console, &limited, None).unwrap_err().code(), "field");
}

#[test]
fn nothing_of_a_person_who_was_removed_is_left_in_the_files() {
    let company = Company::new();
    let id = company.add("leaver@rival-freight.com", Role::Cro, None);
    let session = company.sign_in("leaver@rival-freight.com");
    let (token, _) = company
        .access
        .create_token(&session.caller, "sheet of the leaver", Role::Cro, None, at(OFFICE))
        .unwrap();
    company.access.remove(Actor::Console, &id, None).unwrap();
    assert_eq!(company.access.by_session(&session.secret), Err(Refusal::NotSignedIn));
    assert_eq!(company.access.by_token(&token), Err(Refusal::NotSignedIn));
    for file in std::fs::read_dir(company.folder.path().join(".throughline")).unwrap() {
        let path = file.unwrap().path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        for left in ["rival-freight", "sheet of the leaver"] {
            assert!(!text.contains(left), "{left} in {}", path.display());
        }
    }
    assert!(company.log().iter().any(|row| row.contains(&format!("remove {id} done"))));
}
