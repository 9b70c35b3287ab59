//! What is written down of the deals: late, moved, made up, tidied up afterwards.
//!
//! Each record is a list of changes with the day on which they were entered. What people write
//! follows from what happens and from their habits; it changes nothing of what happens.

use super::flow::{NEVER, Path, Prospect, Source};
use super::law::{Law, Owner, STAGES, of, topic};
use crate::clock;
use crate::random::{Random, whole};

/// The place of the stage `won` after the open ones.
pub(super) const WON: usize = STAGES + 1;
/// The place of the stage `lost`.
pub(super) const LOST: usize = STAGES + 2;

/// A deal as it is on record.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// The prospect behind it; none where it is made up.
    pub(super) who: Option<usize>,
    /// The account, by number.
    pub(super) account: usize,
    pub(super) segment: usize,
    pub(super) source: Source,
    pub(super) program: Option<usize>,
    pub(super) kind: &'static str,
    /// The creation as it is stated.
    pub(super) created: i64,
    /// The day on which it was entered.
    pub(super) known: i64,
    pub(super) stage: usize,
    pub(super) amount: Option<i64>,
    pub(super) close: i64,
    pub(super) owner: usize,
    /// In order of days.
    pub(super) changes: Vec<Change>,
    /// Days with an activity of people of the account.
    pub(super) active: Vec<i64>,
    /// Days on which people were put on the deal.
    pub(super) roles: Vec<i64>,
    /// Days on which the letters of MEDDPICC were answered.
    pub(super) letters: [i64; 8],
    /// What the deal is a second record of.
    pub(super) copy_of: Option<usize>,
}

/// A change that was entered on a day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) day: i64,
    pub(super) what: What,
}

/// A changed field with its new value.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Amount(Option<i64>),
    Close(i64),
    Owner(usize),
    Category(&'static str),
    Stage(usize),
}

impl Record {
    /// Drops what sets a field to what it is already.
    fn keep_changes(&mut self) {
        let (mut stage, mut amount, mut close, mut owner) =
            (self.stage, self.amount, self.close, self.owner);
        let mut category = "pipeline";
        self.changes.retain(|change| match change.what {
            What::Stage(to) => std::mem::replace(&mut stage, to) != to,
            What::Amount(to) => std::mem::replace(&mut amount, to) != to,
            What::Close(to) => std::mem::replace(&mut close, to) != to,
            What::Owner(to) => std::mem::replace(&mut owner, to) != to,
            What::Category(to) => std::mem::replace(&mut category, to) != to,
        });
    }

    /// True where nobody ever meant to buy.
    pub(super) fn fake(&self) -> bool {
        self.who.is_none()
    }
}

/// Writes the records of all deals, in order of the days on which they were entered.
pub(super) fn records(law: &Law, prospects: &[Prospect], paths: &[Path]) -> Vec<Record> {
    let mut found: Vec<Record> = Vec::new();
    for (who, (prospect, path)) in prospects.iter().zip(paths).enumerate() {
        if path.created < NEVER {
            found.push(real(law, who, prospect, path));
        }
    }
    let n_real = found.len();
    made_up(law, n_real, prospects.len(), &mut found);
    let mut r = law.random(topic::FAKE, &[u64::MAX]);
    for at in 0..n_real {
        let Some(record) = found.get(at).filter(|_| r.chance(law.habits.duplicates)) else {
            continue;
        };
        let known = record.known + r.between(2, 20);
        let gone = known + r.between(40, 160);
        let copy = Record {
            who: None,
            created: known,
            known,
            stage: 1,
            copy_of: Some(at),
            active: Vec::new(),
            roles: Vec::new(),
            letters: [NEVER; 8],
            changes: vec![Change { day: gone, what: What::Stage(LOST) }],
            ..record.clone()
        };
        found.push(copy);
    }
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by_key(|&at| found.get(at).map_or(NEVER, |record| record.known));
    let mut place = vec![0; found.len()];
    for (new, &old) in order.iter().enumerate() {
        if let Some(to) = place.get_mut(old) {
            *to = new;
        }
    }
    for record in &mut found {
        record.keep_changes();
        record.copy_of = record.copy_of.and_then(|at| place.get(at).copied());
    }
    let mut sorted: Vec<(usize, Record)> = place.into_iter().zip(found).collect();
    sorted.sort_by_key(|(at, _)| *at);
    sorted.into_iter().map(|(_, record)| record).collect()
}

fn real(law: &Law, who: usize, prospect: &Prospect, path: &Path) -> Record {
    let mut r = law.random(topic::DIARY, &[of(who)]);
    let owner = law.owner(prospect.owner);
    let (tardiness, lag) = owner.map_or((7.0, 20.0), |owner| (owner.tardiness, owner.lag));
    let died = path.closed;
    let recorded = match (died, path.won) {
        (NEVER, _) => NEVER,
        (day, true) => day,
        (day, false) => day + whole(exponential(&mut r, lag)),
    };
    let known = path.created;
    let backdated = r.chance(0.01);
    let created = if backdated { (known - r.between(5, 40)).max(law.from) } else { known };
    let late = r.chance(law.habits.late_amount);
    let first = (!late).then(|| hundreds(prospect.amount));
    let guess = |r: &mut Random, day: i64, stage: usize| {
        let left: f64 = law.stations.iter().skip(stage).map(|s| 1.2 * s.work).sum();
        day + whole(left * (-0.15 + 0.4 * r.normal()).exp()).max(3)
    };
    let close = guess(&mut r, known, 1);
    let mut diary = Diary { changes: Vec::new(), category: "pipeline" };
    let mut amount = first;
    let mut planned = close;
    let mut seller = prospect.owner;
    let lost_once = path.reopened;
    let mut checked = known;
    for (at, stay) in path.stays.iter().enumerate() {
        let day = stay.entered;
        if at > 0 {
            diary.overdue(&mut r, &mut planned, checked, day.min(recorded), tardiness, died);
            checked = day;
            if let Some((lost, back)) = lost_once.filter(|(_, back)| *back == day) {
                diary.note(lost, What::Stage(LOST));
                diary.note(back, What::Stage(stay.stage));
            } else {
                diary.note(day, What::Stage(stay.stage));
            }
            if r.chance(0.35) {
                planned = guess(&mut r, day, stay.stage);
                diary.note(day, What::Close(planned));
            }
            if r.chance(0.01) {
                seller += 1;
                diary.note(day, What::Owner(seller % law.owners.len().max(1)));
            }
        } else {
            r.bits();
        }
        if stay.stage >= 3 && amount.is_none() {
            amount = Some(hundreds(prospect.amount));
            diary.note(day, What::Amount(amount));
        }
        if stay.stage == 5 && r.chance(0.5) {
            amount = amount.map(|amount| hundreds(amount as f64 * slipped(&mut r, law, 0.2)));
            diary.note(day, What::Amount(amount));
        }
        let category = category(&mut r, law.owner(seller), stay.stage, prospect.odds);
        diary.categorize(day, category);
    }
    diary.overdue(&mut r, &mut planned, checked, recorded.min(law.end), tardiness, died);
    let mut cut = law.random(topic::DIARY, &[of(who), 1]);
    if recorded < NEVER {
        let mut closed = recorded;
        if path.won {
            if cut.chance(0.6) {
                let base = amount.unwrap_or_else(|| hundreds(prospect.amount));
                amount = Some(hundreds(base as f64 * slipped(&mut cut, law, 0.1)));
                diary.note(recorded, What::Amount(amount));
            }
            let begins = clock::month_start(super::law::quarter_of(recorded) * 3);
            if recorded - begins < 6 && cut.chance(law.habits.backdated) && begins > created {
                closed = begins - 1;
            }
        }
        if closed != planned {
            diary.note(recorded, What::Close(closed));
        }
        diary.categorize(recorded, if path.won { "closed" } else { "omitted" });
        diary.note(recorded, What::Stage(if path.won { WON } else { LOST }));
    }
    diary.changes.sort_by_key(|change| change.day);
    let alive = died.min(law.end);
    let mut active = Vec::new();
    let mut day = known;
    loop {
        day += 1 + whole(exponential(&mut r, 8.0));
        if day > alive {
            break;
        }
        active.push(day);
    }
    let mut roles = Vec::new();
    let mut letters = [NEVER; 8];
    for stay in &path.stays {
        let n = r.count((0.7 + 0.25 * prospect.odds).max(0.05)) + usize::from(stay.stage == 1);
        roles.extend((0..n).map(|_| stay.entered));
    }
    for letter in &mut letters {
        let (stage, known) = (1 + r.below(STAGES), r.unit());
        let answered = known < 1.0 / (1.0 + (-0.3 - 0.6 * prospect.odds).exp());
        let stay = path.stays.iter().find(|stay| stay.stage >= stage).filter(|_| answered);
        *letter = stay.map_or(NEVER, |stay| stay.entered);
    }
    let kind = match prospect.source {
        Source::Customer if r.chance(0.15) => "Renewal",
        Source::Customer if r.chance(0.6) => "Expansion",
        _ => "New Business",
    };
    Record {
        who: Some(who),
        account: who,
        segment: prospect.segment,
        source: prospect.source,
        program: prospect.program,
        kind,
        created,
        known,
        stage: path.stays.first().map_or(1, |stay| stay.stage),
        amount: first,
        close,
        owner: prospect.owner,
        changes: diary.changes,
        active,
        roles,
        letters,
        copy_of: None,
    }
}

/// Deals that are made up in the last days of quarters, and given up much later.
fn made_up(law: &Law, n_real: usize, n_prospects: usize, found: &mut Vec<Record>) {
    let first = super::law::quarter_of(law.from);
    let quarters = super::law::quarter_of(law.end) - first;
    let usual = n_real as f64 / (quarters.max(1) as f64) / law.owners.len().max(1) as f64;
    for (at, owner) in law.owners.iter().enumerate() {
        let mut r = law.random(topic::FAKE, &[of(at)]);
        for quarter in 0..quarters {
            let end = clock::month_start((first + quarter + 1) * 3) - 1;
            for _ in 0..r.count(owner.fakes * usual) {
                let known = end - r.between(0, 11);
                let segment = r.below(law.segments.len());
                let median = law.segments.get(segment).map_or(1e6, |s| s.amount);
                let amount = Some(hundreds(median * r.lognormal(1.2, 0.6)));
                let gone = known + r.between(50, 260);
                let mut planned = clock::quarter_end(end + 10);
                let close = planned;
                let mut diary = Diary { changes: Vec::new(), category: "pipeline" };
                let moved = known + r.between(1, 10);
                if r.chance(0.7) {
                    diary.note(moved, What::Stage(3 + r.below(3)));
                }
                if r.chance(0.3) {
                    diary.categorize(moved, "best case");
                }
                diary.overdue(&mut r, &mut planned, moved, gone, owner.tardiness, gone);
                diary.categorize(gone, "omitted");
                if planned != gone {
                    diary.note(gone, What::Close(gone));
                }
                diary.note(gone, What::Stage(LOST));
                diary.changes.sort_by_key(|change| change.day);
                found.push(Record {
                    who: None,
                    account: n_prospects + found.len(),
                    segment,
                    source: Source::Sales,
                    program: None,
                    kind: "New Business",
                    created: known,
                    known,
                    stage: 1,
                    amount,
                    close,
                    owner: at,
                    changes: diary.changes,
                    active: Vec::new(),
                    roles: if r.chance(0.3) { vec![known] } else { Vec::new() },
                    letters: [NEVER; 8],
                    copy_of: None,
                });
            }
        }
    }
}

struct Diary {
    changes: Vec<Change>,
    category: &'static str,
}

impl Diary {
    fn note(&mut self, day: i64, what: What) {
        self.changes.push(Change { day, what });
    }

    fn categorize(&mut self, day: i64, category: &'static str) {
        if self.category != category {
            self.category = category;
            self.note(day, What::Category(category));
        }
    }

    /// Moves the planned close day when it has passed, as late as the owner does; a dead deal is
    /// mostly left as it is.
    fn overdue(
        &mut self,
        r: &mut Random,
        planned: &mut i64,
        from: i64,
        to: i64,
        tardiness: f64,
        died: i64,
    ) {
        loop {
            let day = (*planned).max(from) + 1 + whole(exponential(r, tardiness));
            let (ahead, to_quarter, moved) = (r.lognormal(30.0, 0.6), r.chance(0.4), r.chance(0.4));
            if day >= to || (day > died && !moved) {
                return;
            }
            let next = day + whole(ahead).max(5);
            *planned = if to_quarter { clock::quarter_end(next) } else { next };
            self.note(day, What::Close(*planned));
        }
    }
}

fn category(r: &mut Random, owner: Option<&Owner>, stage: usize, odds: f64) -> &'static str {
    let optimism = owner.map_or(0.0, |owner| owner.optimism);
    let commit = match stage {
        6 => 0.8,
        5 => -1.2,
        4 => -3.0,
        _ => -5.0,
    } + optimism
        + 0.5 * odds;
    let best = if stage >= 4 { 0.8 } else { -2.0 } + 0.5 * optimism;
    let chance = |odds: f64| 1.0 / (1.0 + (-odds).exp());
    let (a, b) = (r.unit(), r.unit());
    if a < chance(commit) {
        "commit"
    } else if b < chance(best) {
        "best case"
    } else {
        "pipeline"
    }
}

fn slipped(r: &mut Random, law: &Law, sigma: f64) -> f64 {
    (law.habits.slip + sigma * r.normal()).exp()
}

/// Whole hundreds of major units, in minor units.
fn hundreds(minor: f64) -> i64 {
    whole(minor / 10_000.0).max(1) * 10_000
}

fn exponential(r: &mut Random, mean: f64) -> f64 {
    -mean * (1.0 - r.unit()).ln()
}
