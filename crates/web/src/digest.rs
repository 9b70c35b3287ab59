//! Sends the weekly mail while the server runs: each reader's figures under their own rights.

use std::sync::Arc;
use std::time::{Duration, Instant};

use access::{AccountState, Action, Actor, Event};
use domain::Answer;
use jiff::Timestamp;
use mail::{Reader, Schedule};

use crate::desk::caught;
use crate::site::Site;

/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_mins(1);

/// Looks every minute, on a thread of its own, until the server stops.
pub(crate) fn watch(site: &Arc<Site>, schedule: Arc<Schedule>) {
    let site = Arc::clone(site);
    std::thread::spawn(move || {
        let mut looked: Option<Instant> = None;
        while !site.desk.stopped() {
            std::thread::sleep(Duration::from_millis(500));
            if looked.is_some_and(|at| at.elapsed() < LOOK) || site.desk.standing().ground.is_none()
            {
                continue;
            }
            looked = Some(Instant::now());
            if caught(|| run(&site, &schedule)).is_err() {
                (site.settings.remark)("digest: a panic; it is looked again in a minute");
            }
        }
    });
}

fn run(site: &Site, schedule: &Schedule) {
    let Ok(accounts) = site.access.accounts(Actor::Console) else { return };
    let wanted =
        |account: &&access::Account| account.digest && account.state == AccountState::Active;
    let accounts: Vec<access::Account> = accounts.iter().filter(wanted).cloned().collect();
    let readers: Vec<Reader> = accounts
        .iter()
        .map(|account| Reader {
            account: account.id.to_string(),
            name: account.name.clone(),
            email: account.email.clone(),
        })
        .collect();
    let sent = schedule.run_due(Timestamp::now(), &readers, &mut |reader| {
        let account = accounts.iter().find(|account| account.id.as_str() == reader.account);
        account
            .map_or_else(|| Err("no such account".to_owned()), |one| answers(site, schedule, one))
    });
    match sent {
        Ok(events) => {
            for event in events {
                // Figures have left the house, or were to: the audit log says to whom.
                let object = format!("digest {} {}", event.week, event.account);
                let left = Event::ended(Action::Export, object, event.state.id());
                if let Err(refusal) = site.access.record_console(&left) {
                    (site.settings.remark)(&format!("digest: not written down: {refusal}"));
                }
                (site.settings.remark)(&format!(
                    "digest of {} to {}: {:?}, attempt {} {}",
                    event.week, event.account, event.state, event.attempt, event.why
                ));
            }
        }
        Err(error) => (site.settings.remark)(&format!("digest: {error}")),
    }
}

/// The answers of a reader: limited to the segment that the account is limited to.
fn answers(
    site: &Site,
    schedule: &Schedule,
    account: &access::Account,
) -> Result<Vec<Answer>, String> {
    let scope = project::Scope { segment: account.segment.clone(), ..project::Scope::default() };
    let wanted = &schedule.settings().questions;
    ::answers::QUESTIONS
        .iter()
        .filter(|entry| wanted.is_empty() || wanted.iter().any(|id| id == entry.question.id))
        .map(|entry| {
            let answered = site.desk.answer(entry, &scope, account.segment.as_deref());
            answered.map(|one| (*one.answer).clone()).map_err(|problem| problem.what)
        })
        .collect()
}
