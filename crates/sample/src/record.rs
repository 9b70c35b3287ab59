//! What the systems of the company write down: leads, contacts, memberships, visits, activities.
//!
//! Every record knows when it came to be and when it changed, so that it can be shown as it was on
//! any day.

use std::collections::BTreeSet;

use crate::channel::{Channel, Shape};
use crate::clock::{DAY, work_instant, workday};
use crate::deal::{Deal, Kind, Role};
use crate::market::Manner;
use crate::random::{Random, key, pick, whole};
use crate::story::{Exposure, Story};
use crate::world::World;

/// When somebody is known as a lead and as a contact.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Known {
    pub(crate) lead_at: Option<i64>,
    /// Where there was a lead, this is also when it was converted.
    pub(crate) contact_at: Option<i64>,
}

impl Known {
    /// True where somebody is known at an instant.
    pub(crate) fn by(self, at: i64) -> bool {
        [self.lead_at, self.contact_at].into_iter().flatten().any(|since| since <= at)
    }

    /// True where there is a contact at an instant.
    pub(crate) fn contact_by(self, at: i64) -> bool {
        self.contact_at.is_some_and(|since| since <= at)
    }
}

/// Somebody who works at an account.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) number: u64,
    pub(crate) first: &'static str,
    pub(crate) last: &'static str,
    pub(crate) title: &'static str,
    pub(crate) email: String,
    pub(crate) cookie: u64,
    pub(crate) known: Known,
    pub(crate) lead_source: &'static str,
    /// Channel and program of the touch that made the lead.
    pub(crate) origin: Option<(Channel, Option<usize>)>,
    pub(crate) converted_deal: Option<u64>,
    /// Lead statuses after the first, with the instant from which they hold.
    pub(crate) statuses: Vec<(i64, &'static str)>,
    /// A second lead with the same address.
    pub(crate) duplicate_at: Option<i64>,
    /// A second contact, and when it was merged into this one.
    pub(crate) double: Option<(i64, i64)>,
    /// True where the contact belonged to the account's twin until the merge.
    pub(crate) at_twin: bool,
}

impl Person {
    pub(crate) fn new(
        number: usize,
        first: &'static str,
        last: &'static str,
        title: &'static str,
        email: String,
        cookie: u64,
    ) -> Self {
        Self {
            number: key(number),
            first,
            last,
            title,
            email,
            cookie,
            known: Known::default(),
            lead_source: "",
            origin: None,
            converted_deal: None,
            statuses: Vec::new(),
            duplicate_at: None,
            double: None,
            at_twin: false,
        }
    }
}

/// A second record of an account, later merged away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Twin {
    pub(crate) created_at: i64,
    pub(crate) merged_at: i64,
}

/// A person in a campaign.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) channel: Channel,
    pub(crate) program: usize,
    pub(crate) person: usize,
    pub(crate) created_at: i64,
    /// Places in the campaign's list of statuses, with the instant from which each holds.
    pub(crate) statuses: Vec<(i64, usize)>,
    pub(crate) machine: bool,
    pub(crate) deleted_at: Option<i64>,
}

/// A visit to the web site.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) channel: Channel,
    pub(crate) program: Option<usize>,
    pub(crate) person: usize,
    pub(crate) at: i64,
    pub(crate) machine: bool,
    pub(crate) form: bool,
    pub(crate) detail: u64,
}

/// How sales spoke to somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Talk {
    Call,
    Mail,
    Meeting,
}

/// A call, e-mail or meeting of sales.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    pub(crate) at: i64,
    pub(crate) person: Option<usize>,
    pub(crate) deal: Option<usize>,
    pub(crate) talk: Talk,
    pub(crate) owner: usize,
    /// True for the development team's own outreach.
    pub(crate) outbound: bool,
    pub(crate) detail: u64,
    pub(crate) deleted_at: Option<i64>,
}

/// Sets when exposures reach the systems: registrations come before webinars, lists after trade
/// shows.
pub(crate) fn noted(world: &World, exposures: &mut [Exposure]) {
    for exposure in exposures {
        let days = i64::try_from(exposure.detail % 26).unwrap_or(0);
        match exposure.channel {
            Channel::Webinar if exposure.response => {
                exposure.known_at = exposure.at - (1 + days / 2) * DAY;
            }
            Channel::Event if world.plan.dirt.late_rows && (exposure.detail >> 20) % 10 < 3 => {
                exposure.known_at = exposure.at + (20 + days) * DAY;
            }
            _ => {}
        }
    }
}

/// Writes down the exposures and deals of a story.
pub(crate) fn record(world: &World, story: &mut Story, exposures: &[Exposure]) {
    let mut random = Random::keyed(world.plan.seed, &[story.firm.index, 80]);
    identify(&mut random, story, exposures);
    for place in 0..story.deals.len() {
        cast(world, story, place);
    }
    qualify(world, story);
    sessions(story, exposures);
    members(story, exposures);
    activities(world, story, exposures);
    name_campaigns(story);
}

/// Makes people known: imported with the account, by what they leave behind, or by outreach.
fn identify(random: &mut Random, story: &mut Story, exposures: &[Exposure]) {
    let account_at = story.account_at;
    for person in &mut story.people {
        let imported = random.chance(0.3);
        if let (Some(at), true) = (account_at, imported) {
            person.known.contact_at = Some(at + 600);
        }
    }
    for exposure in exposures {
        let shape = exposure.channel.truth().shape;
        let named = match shape {
            Shape::Ads | Shape::Web => exposure.form,
            Shape::Member => exposure.response,
            Shape::Sequence => true,
        };
        let Some(person) = story.people.get_mut(exposure.person) else { continue };
        if !named || exposure.machine || person.known != Known::default() {
            continue;
        }
        let by_hand = shape == Shape::Sequence && account_at.is_some_and(|at| at <= exposure.at);
        if by_hand {
            person.known.contact_at = Some(exposure.known_at);
        } else {
            person.known.lead_at = Some(exposure.known_at);
            person.origin = Some((exposure.channel, exposure.program));
        }
        person.lead_source = exposure.channel.truth().lead_source;
    }
}

/// Puts people on a deal, converting their leads where they have one.
fn cast(world: &World, story: &mut Story, place: usize) {
    const LABELS: [&str; 6] =
        ["Decision Maker", "Economic Buyer", "Evaluator", "Champion", "Influencer", ""];
    let Some(deal) = story.deals.get_mut(place) else { return };
    let (created, closed) = (deal.created_at(), deal.closed_at());
    let mut random =
        Random::keyed(world.plan.seed, &[story.firm.index, 81, created.unsigned_abs()]);
    let named = random.chance(0.91);
    let n_extra = random.count(1.5);
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    let primary = deal.person.unwrap_or(0);
    for number in 0..=n_extra {
        let who = if number == 0 { primary } else { random.below(story.people.len()) };
        let days = random.between(1, 45) * DAY;
        let label = random.weighted([0.2, 0.15, 0.25, 0.15, 0.1, 0.15].iter().copied());
        let at = if number == 0 { created + 60 } else { (created + days).min(closed) };
        if !named && number > 0 || !seen.insert(who) {
            continue;
        }
        let Some(person) = story.people.get_mut(who) else { continue };
        if person.known.lead_at.is_some_and(|lead_at| lead_at > at) {
            // Sales knew the person before a form did.
            person.known.lead_at = None;
            person.origin = None;
            person.lead_source = "";
        }
        if person.known.contact_at.is_none_or(|since| since > at) {
            person.known.contact_at = Some(at);
            let linked = person.known.lead_at.is_some() && random.chance(0.85);
            person.converted_deal = (number == 0 && linked).then_some(deal.number);
        }
        if number == 0 {
            let others = ["Web", "Other", ""];
            deal.lead_source = match (deal.kind, deal.cause) {
                (Kind::Renewal, _) => "Existing Customer",
                _ if !person.lead_source.is_empty() => person.lead_source,
                (_, Some(Channel::SdrOutbound)) => "Outbound Prospecting",
                (Kind::Existing, _) => "Existing Customer",
                _ => *pick(&others, random.below(3)),
            };
        }
        if named {
            let role =
                Role { person: who, label: pick::<&str>(&LABELS, label), primary: number == 0, at };
            deal.roles.push(role);
        }
    }
    if story.account_at.is_none_or(|since| since > created) {
        story.account_at = Some(created - 120);
    }
}

/// Moves leads through their statuses.
fn qualify(world: &World, story: &mut Story) {
    let mut accounts_at = story.account_at;
    for person in &mut story.people {
        let Some(lead_at) = person.known.lead_at else { continue };
        let mut random = Random::keyed(world.plan.seed, &[story.firm.index, 82, person.number]);
        let wait = world.queue_days(lead_at.div_euclid(DAY).clamp(world.from, world.to));
        let mql = lead_at + whole(random.lognormal(2.5, 1.0) * DAY as f64);
        let sal = mql + whole(random.lognormal(wait, 0.4) * DAY as f64);
        let out = sal + random.between(8, 45) * DAY;
        let chance = person.origin.map_or(0.2, |(channel, _)| channel.truth().mql);
        let (ripe, accepted, kept) =
            (random.chance(chance), random.chance(0.62), random.chance(0.22));
        person.statuses = match person.known.contact_at {
            Some(at) if at > lead_at => {
                let step = |part: i64| lead_at + (at - lead_at) * part / 10;
                vec![
                    (step(4).min(mql), "Marketing Qualified"),
                    (step(8).min(sal), "Sales Accepted"),
                    (at, "Converted"),
                ]
            }
            _ if ripe && accepted && kept => {
                // Worth a contact, not yet a deal.
                person.known.contact_at = Some(out);
                accounts_at = Some(accounts_at.map_or(out - 60, |since| since.min(out - 60)));
                vec![(mql, "Marketing Qualified"), (sal, "Sales Accepted"), (out, "Converted")]
            }
            _ if ripe && accepted => {
                vec![(mql, "Marketing Qualified"), (sal, "Sales Accepted"), (out, "Disqualified")]
            }
            _ if ripe => vec![(mql, "Marketing Qualified"), (sal, "Disqualified")],
            _ => Vec::new(),
        };
    }
    story.account_at = accounts_at;
}

fn sessions(story: &mut Story, exposures: &[Exposure]) {
    for exposure in exposures {
        let visit = match exposure.channel.truth().shape {
            Shape::Ads | Shape::Web => true,
            // Clicks in e-mails lead to the site, and so does half of the registrations.
            Shape::Member => {
                exposure.response
                    && !exposure.machine
                    && (exposure.channel == Channel::Email
                        || exposure.channel == Channel::Webinar
                            && exposure.detail.is_multiple_of(2))
            }
            Shape::Sequence => false,
        };
        if visit {
            story.sessions.push(Session {
                channel: exposure.channel,
                program: exposure.program,
                person: exposure.person,
                at: exposure.known_at,
                machine: exposure.machine,
                form: exposure.form && !exposure.machine && exposure.channel != Channel::Email,
                detail: exposure.detail,
            });
        }
    }
}

fn members(story: &mut Story, exposures: &[Exposure]) {
    let mut seen = BTreeSet::new();
    for exposure in exposures {
        let Some(program) = exposure.program else { continue };
        let Some(person) = story.people.get(exposure.person) else { continue };
        let (created_at, statuses) = membership(exposure);
        let shown = match exposure.channel.truth().shape {
            Shape::Ads => exposure.form && !exposure.machine,
            _ => true,
        };
        // Only known people can be invited; whoever responds became known by that.
        if !shown || !person.known.by(created_at) || !seen.insert((exposure.person, program)) {
            continue;
        }
        let machine = exposure.machine && exposure.channel == Channel::Email;
        story.members.push(Member {
            channel: exposure.channel,
            program,
            person: exposure.person,
            created_at,
            statuses,
            machine,
            deleted_at: None,
        });
    }
}

/// Returns when a membership is made and which statuses it goes through.
fn membership(exposure: &Exposure) -> (i64, Vec<(i64, usize)>) {
    let Exposure { at, known_at, detail, .. } = *exposure;
    let share = |shift: u32| ((detail >> shift) % 100) as f64 / 100.0;
    let asked = at - 21 * DAY;
    let later = at + 3600 + i64::try_from(detail % 20_000).unwrap_or(0);
    match exposure.channel {
        Channel::Webinar if exposure.response => (known_at, vec![(known_at, 1), (at + 3600, 2)]),
        Channel::Webinar if share(8) < 0.4 => {
            (asked, vec![(asked, 0), (at - 5 * DAY, 1), (at + 3600, 3)])
        }
        Channel::Webinar => (asked, vec![(asked, 0)]),
        // Places 1 and 2 mean booth and meeting at a trade show, attended and declined at a
        // roundtable.
        Channel::Event if exposure.response => (known_at, vec![(at, 1)]),
        Channel::Event => (asked, vec![(asked, 0)]),
        Channel::Email if exposure.machine => (at, vec![(at, 0), (at + 3, 3)]),
        Channel::Email if exposure.response => (at, vec![(at, 0), (later, 2)]),
        Channel::Email if share(8) < 0.35 => (at, vec![(at, 0), (later, 1)]),
        Channel::Email => (at, vec![(at, 0)]),
        _ => (known_at, vec![(at, 1)]),
    }
}

fn activities(world: &World, story: &mut Story, exposures: &[Exposure]) {
    let end = (world.to + 1) * DAY - 1;
    let index = story.firm.index;
    let sdr = World::owner(index, &world.sdrs);
    let mut made = Vec::new();
    for exposure in exposures.iter().filter(|e| e.channel == Channel::SdrOutbound) {
        for (step, talk) in
            [(0, Talk::Mail), (3, Talk::Call), (6, Talk::Mail), (11, Talk::Call), (17, Talk::Mail)]
        {
            made.push((
                work_instant(exposure.at + step * DAY),
                Some(exposure.person),
                None,
                talk,
                sdr,
                true,
            ));
        }
        if exposure.response {
            let at = work_instant(exposure.at + 20 * DAY);
            made.push((at, Some(exposure.person), None, Talk::Meeting, sdr, true));
        }
    }
    for (who, person) in story.people.iter().enumerate() {
        let ripe = person.statuses.iter().find(|status| status.1 == "Sales Accepted");
        if let Some(&(at, _)) = ripe {
            made.push((work_instant(at + 1800), Some(who), None, Talk::Call, sdr, false));
            made.push((work_instant(at + 3 * DAY), Some(who), None, Talk::Mail, sdr, false));
        }
    }
    for (place, deal) in story.deals.iter().enumerate() {
        spoken(world, index, deal, place, &mut made);
    }
    made.sort_by_key(|row| row.0);
    let mut random = Random::keyed(world.plan.seed, &[index, 84]);
    for (at, person, deal, talk, owner, outbound) in made {
        let detail = random.bits();
        let known = person.is_none_or(|who| story.people.get(who).is_some_and(|p| p.known.by(at)));
        if at <= end && known {
            let activity =
                Activity { at, person, deal, talk, owner, outbound, detail, deleted_at: None };
            story.activities.push(activity);
        }
    }
}

type Row = (i64, Option<usize>, Option<usize>, Talk, usize, bool);

/// Adds what the account executive does while a deal is open.
fn spoken(world: &World, index: u64, deal: &Deal, place: usize, made: &mut Vec<Row>) {
    let (created, closed) = (deal.created_at(), deal.closed_at());
    let mut random = Random::keyed(world.plan.seed, &[index, 83, created.unsigned_abs()]);
    let weeks = ((closed - created) / (7 * DAY)) as f64;
    for number in 0..random.count((0.45 * weeks + 1.5).min(16.0)) {
        // Reps lose interest: activity thins out toward the end of a long deal.
        let part = random.unit().powf(1.4);
        let at = created + 4000 + whole(part * (closed - created - 4000).max(1) as f64);
        let day = workday(at.div_euclid(DAY));
        let at = (day * DAY + random.between(8 * 3600, 17 * 3600)).max(created + 4000);
        let talk = match random.unit() {
            u if u < 0.38 => Talk::Meeting,
            u if u < 0.7 => Talk::Call,
            _ => Talk::Mail,
        };
        let on: Vec<_> = deal.roles.iter().filter(|role| role.at <= at).collect();
        let person = on.get(number % on.len().max(1)).map(|role| role.person);
        made.push((at, person, Some(place), talk, deal.owner, false));
    }
}

/// Fills the primary campaign of deals: the latest response of the primary contact before creation.
fn name_campaigns(story: &mut Story) {
    if story.firm.manner == Manner::Dark {
        return;
    }
    for deal in &mut story.deals {
        let created = deal.created_at();
        let Some(primary) = deal.roles.iter().find(|role| role.primary) else { continue };
        let responded = |member: &&Member| {
            member.person == primary.person
                && member.created_at < created
                && member.statuses.last().is_some_and(|status| status.0 < created)
        };
        let latest = story.members.iter().filter(responded).max_by_key(|member| member.created_at);
        deal.program = latest.map(|member| member.program);
    }
}
