//! Programs: campaigns of the CRM and of ad platforms, found by identifier or by name.
//!
//! A campaign that is known from its spend alone, or named by a touch and not exported, is a
//! program with the little that is known. A name that several programs share means the one of an ad
//! platform, since such a name comes from the tag of an ad, else the one with the least identifier.
//! Where exactly one campaign of the CRM has the name of campaigns of ad platforms, they are one.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Decimal, Frame};
use jiff::civil::Date;

use super::channels::{Channel, Channels, Look};
use super::days::{self, Day, Micros};
use super::facts::{self, Facts};
use super::names::NONE;
use crate::error::LakeError;

/// What stands between identifiers in one text.
pub(crate) const ALSO: &str = "\u{1f}";

/// A program.
#[derive(Clone, Default, Debug)]
pub(crate) struct Program {
    pub(crate) id: Arc<str>,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) kind: Option<Arc<str>>,
    pub(crate) channel_text: Option<Arc<str>>,
    pub(crate) platform: Option<Arc<str>>,
    pub(crate) owner: Option<Arc<str>>,
    pub(crate) status: Option<Arc<str>>,
    pub(crate) start: Option<Date>,
    pub(crate) end: Option<Date>,
    pub(crate) budget: Option<Decimal>,
    pub(crate) actual_cost: Option<Decimal>,
    pub(crate) currency: Option<Arc<str>>,
    pub(crate) created: Option<Micros>,
    pub(crate) channel: Channel,
    /// False where it is only named by other records.
    pub(crate) found: bool,
    /// Campaigns of ad platforms that are the same program.
    pub(crate) also: Vec<Arc<str>>,
}

impl Program {
    /// The values that the channel rules look at.
    pub(crate) fn look(&self) -> Look<'_> {
        Look {
            program_kind: self.kind.as_deref(),
            program_name: self.name.as_deref(),
            platform: self.platform.as_deref(),
            channel_text: self.channel_text.as_deref(),
            ..Look::default()
        }
    }
}

/// All programs.
#[derive(Clone, Default, Debug)]
pub(crate) struct Programs {
    /// In order of their identifiers, until touches name further ones.
    pub(crate) rows: Vec<Program>,
    by_id: HashMap<Arc<str>, u32>,
    by_name: HashMap<String, u32>,
    pub(crate) n_future: u64,
}

/// How names are compared.
fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

impl Programs {
    /// Reads the programs, and those that only spend names.
    pub(crate) fn read(
        source: &dyn Facts,
        channels: &mut Channels,
        end: Micros,
        as_of: Day,
    ) -> Result<Self, LakeError> {
        let columns = [
            "id",
            "name",
            "kind",
            "channel",
            "platform",
            "owner",
            "status",
            "start_on",
            "end_on",
            "budget",
            "actual_cost",
            "currency",
            "created_at",
        ];
        let frame = facts::frame(source, "program", &columns)?;
        let mut programs = Self::default();
        let mut rows: Vec<Program> = Vec::new();
        let text = |column: &str, row: usize| frame.texts(column).get(row).cloned().flatten();
        for row in 0..frame.n_rows() {
            let created = frame.instants("created_at").get(row).copied().flatten();
            let created = created.map(jiff::Timestamp::as_microsecond);
            let (Some(id), true) = (text("id", row), created.is_none_or(|at| at <= end)) else {
                programs.n_future += 1;
                continue;
            };
            rows.push(Program {
                id,
                name: text("name", row),
                kind: text("kind", row),
                channel_text: text("channel", row),
                platform: text("platform", row),
                owner: text("owner", row),
                status: text("status", row),
                start: frame.days("start_on").get(row).copied().flatten(),
                end: frame.days("end_on").get(row).copied().flatten(),
                budget: frame.decimals("budget").get(row).copied().flatten(),
                actual_cost: frame.decimals("actual_cost").get(row).copied().flatten(),
                currency: text("currency", row),
                created,
                channel: 0,
                found: true,
                also: Vec::new(),
            });
        }
        rows.extend(of_spend(source, &rows, as_of)?);
        let mut rows = one_by_name(rows);
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        for program in &mut rows {
            program.channel = channels.of(&program.look());
        }
        programs.rows = rows;
        programs.index();
        Ok(programs)
    }

    /// Takes the programs of a table of a build.
    pub(crate) fn from_frame(frame: &Frame, channels: &mut Channels) -> Self {
        let text = |column: &str, row: usize| frame.texts(column).get(row).cloned().flatten();
        let rows = (0..frame.n_rows()).filter_map(|row| {
            let mut program = Program {
                id: text("id", row)?,
                name: text("name", row),
                kind: text("kind", row),
                platform: text("platform", row),
                channel_text: text("_channel_text", row),
                also: text("_also", row)
                    .map(|also| also.split(ALSO).map(Arc::from).collect())
                    .unwrap_or_default(),
                found: frame.booleans("_found").get(row) == Some(&Some(true)),
                ..Program::default()
            };
            program.channel = channels.of(&program.look());
            Some(program)
        });
        let mut programs = Self { rows: rows.collect(), ..Self::default() };
        programs.index();
        programs
    }

    fn index(&mut self) {
        self.by_id = self.rows.iter().zip(0..).map(|(p, at)| (Arc::clone(&p.id), at)).collect();
        for (program, at) in self.rows.iter().zip(0..) {
            for id in &program.also {
                self.by_id.entry(Arc::clone(id)).or_insert(at);
            }
        }
        let mut order: Vec<(bool, &Program, u32)> = Vec::new();
        for (program, at) in self.rows.iter().zip(0..) {
            order.push((program.platform.is_none(), program, at));
        }
        order.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.id.cmp(&b.1.id)));
        for (_, program, at) in order {
            if let Some(name) = &program.name {
                self.by_name.entry(folded(name)).or_insert(at);
            }
        }
    }

    /// Finds the program of a touch: by its identifier, made where it is not known, else by the
    /// name or identifier that the visit carries as its campaign. [`NONE`] without either.
    pub(crate) fn of_touch(
        &mut self,
        id: Option<&str>,
        campaign: Option<&str>,
        channels: &mut Channels,
    ) -> u32 {
        if let Some(id) = id {
            return self.named(id, channels);
        }
        campaign.and_then(|text| self.find(text)).unwrap_or(NONE)
    }

    /// Finds a program by its identifier; makes one where it is not known.
    pub(crate) fn named(&mut self, id: &str, channels: &mut Channels) -> u32 {
        if let Some(&code) = self.by_id.get(id) {
            return code;
        }
        let code = u32::try_from(self.rows.len()).unwrap_or(NONE);
        let mut program = Program { id: id.into(), ..Program::default() };
        program.channel = channels.of(&program.look());
        self.by_id.insert(Arc::clone(&program.id), code);
        self.rows.push(program);
        code
    }

    /// Finds a program by its name or identifier. Those that only touches name are not found, since
    /// what is found must not depend on the touches seen before.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        let by_id = self.by_id.get(text.trim()).copied();
        let by_id = by_id.filter(|code| self.get(*code).is_some_and(|program| program.found));
        by_id.or_else(|| self.by_name.get(&folded(text)).copied())
    }

    pub(crate) fn get(&self, code: u32) -> Option<&Program> {
        self.rows.get(code as usize)
    }

    pub(crate) fn id(&self, code: u32) -> Option<Arc<str>> {
        self.get(code).map(|program| Arc::clone(&program.id))
    }

    pub(crate) fn name(&self, code: u32) -> Option<Arc<str>> {
        self.get(code)?.name.clone()
    }

    /// Puts the programs in order of their identifiers; returns the new code of each old one.
    pub(crate) fn sort(&mut self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..).take(self.rows.len()).collect();
        order.sort_by(|a, b| self.get(*a).map(|p| &p.id).cmp(&self.get(*b).map(|p| &p.id)));
        let mut places = vec![NONE; order.len()];
        for (old, new) in order.iter().zip(0..) {
            if let Some(place) = places.get_mut(*old as usize) {
                *place = new;
            }
        }
        self.rows.sort_by(|a, b| a.id.cmp(&b.id));
        self.by_name.clear();
        self.index();
        places
    }
}

/// Joins campaigns of ad platforms to the campaign of the CRM that alone has their name: the plan,
/// the members and the owner stand in one, the spend in the others.
fn one_by_name(rows: Vec<Program>) -> Vec<Program> {
    let mut homes: HashMap<String, Option<usize>> = HashMap::new();
    for (at, program) in rows.iter().enumerate().filter(|(_, program)| program.platform.is_none()) {
        if let Some(name) = &program.name {
            homes.entry(folded(name)).and_modify(|home| *home = None).or_insert(Some(at));
        }
    }
    let home_of = |program: &Program| {
        program.platform.as_ref()?;
        homes.get(&folded(program.name.as_ref()?)).copied().flatten()
    };
    let homes: Vec<Option<usize>> = rows.iter().map(home_of).collect();
    let mut joined: Vec<Option<Program>> = rows.into_iter().map(Some).collect();
    for (at, home) in homes.into_iter().enumerate() {
        let Some(home) = home else { continue };
        let Some(campaign) = joined.get_mut(at).and_then(Option::take) else { continue };
        if let Some(Some(program)) = joined.get_mut(home) {
            // Of several platforms the first by name stands for the program.
            let platform = campaign.platform.into_iter().chain(program.platform.take()).min();
            program.platform = platform;
            program.also.push(campaign.id);
            program.also.sort();
        }
    }
    joined.into_iter().flatten().collect()
}

/// Lists campaigns that appear in spend and in no record of their own. Where the rows of one
/// differ, the greatest values count, so that the order of the rows changes nothing.
fn of_spend(source: &dyn Facts, known: &[Program], as_of: Day) -> Result<Vec<Program>, LakeError> {
    let columns = ["program_id", "program_name", "platform", "channel", "day"];
    let frame = facts::frame(source, "spend", &columns)?;
    let known: std::collections::HashSet<&Arc<str>> = known.iter().map(|p| &p.id).collect();
    let mut found: std::collections::BTreeMap<Arc<str>, Program> =
        std::collections::BTreeMap::new();
    let (ids, days) = (frame.texts("program_id"), frame.days("day"));
    for (row, (id, day)) in ids.iter().zip(days).enumerate() {
        let (Some(id), Some(day)) = (id, day) else { continue };
        if known.contains(id) || days::number(*day) > as_of {
            continue;
        }
        let text = |column: &str| frame.texts(column).get(row).cloned().flatten();
        let program = found.entry(Arc::clone(id)).or_default();
        program.id = Arc::clone(id);
        program.name = program.name.take().max(text("program_name"));
        program.platform = program.platform.take().max(text("platform"));
        program.channel_text = program.channel_text.take().max(text("channel"));
        program.found = true;
    }
    Ok(found.into_values().collect())
}
