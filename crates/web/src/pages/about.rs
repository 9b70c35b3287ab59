//! How good the data are, and what the words mean.

use std::collections::BTreeMap;

use access::Caller;
use domain::Definitions;
use domain::answer::Caveat;
use domain::definition::LeadStage;
use lake::store::LoadEntry;
use show::html::{self, BuildRow, Choice, LoadRow, QuarantineReason, Word, WordGroup};

use super::{name_of, shell};
use crate::desk::Ground;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::routes::Outcome;
use crate::site::Site;
use crate::visit::Visit;

/// How many loads are listed.
const LISTED: usize = 50;

/// The builds that are held or under way.
pub(crate) fn builds(site: &Site, ground: &Ground) -> Vec<BuildRow> {
    let mut builds = vec![BuildRow {
        as_of: Some(ground.view.as_of()),
        snapshot: ground.snapshot.0,
        definitions: ground.view.definitions().identity(),
        state: "ready".to_owned(),
    }];
    if let Some(work) = &site.desk.standing().work {
        let state = work.stages.last().map_or_else(
            || "beginning".to_owned(),
            |(name, done, of)| format!("{name}: {done} of {of}"),
        );
        builds.push(BuildRow {
            as_of: None,
            snapshot: ground.snapshot.0,
            definitions: String::new(),
            state,
        });
    }
    builds
}

/// The newest loads as rows, newest first.
pub(crate) fn load_rows(site: &Site, ground: &Ground) -> Result<Vec<LoadRow>, Problem> {
    Ok(loads(site, ground)?.iter().rev().take(LISTED).map(load_row).collect())
}

/// The ledger of loads, oldest first.
pub(crate) fn loads(_site: &Site, ground: &Ground) -> Result<Vec<LoadEntry>, Problem> {
    let mut loads = ground.lake.loads().map_err(|error| Problem::fault(error.to_string()))?;
    loads.sort_by_key(|load| load.load_id);
    Ok(loads)
}

/// What is known about the facts, as a caller may see it.
pub(crate) fn shown_caveats(ground: &Ground, caller: &Caller) -> Vec<Caveat> {
    let mut caveats = ground.view.built().caveats();
    if caller.segment.is_some() {
        caveats.iter_mut().for_each(uncounted);
    }
    caveats
}

/// Leaves the numbers of the whole company out of a caveat.
pub(crate) fn uncounted(caveat: &mut Caveat) {
    let what = name_of(&caveat.code.replace('-', " "));
    caveat.text = format!("{what}: noticed in the record of the whole company.");
    caveat.rows = None;
}

/// A text without the folders of the paths in it: they are of the server, and nobody else's.
pub(crate) fn without_folders(text: &str) -> String {
    let last = |word: &str| {
        let word = word.trim_end_matches(['/', '\\']);
        word.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
    };
    text.split(' ').map(last).collect::<Vec<_>>().join(" ")
}

fn load_row(load: &LoadEntry) -> LoadRow {
    LoadRow {
        id: load.load_id,
        at: load.recorded_at,
        by: load.author.clone(),
        message: load.message.as_deref().map(without_folders),
        n_files: u64::try_from(load.files.len()).unwrap_or_default(),
        n_read: load.n_read,
        n_loaded: load.n_loaded,
        n_known: load.n_known,
        n_quarantined: load.n_quarantined,
    }
}

/// Refused rows by reason as a caller may see them: the words of a reason can hold a value of a
/// row, so those who may not read refused rows are told the rule only.
pub(crate) fn shown_reasons(
    site: &Site,
    ground: &Ground,
    caller: &Caller,
) -> Result<Vec<QuarantineReason>, Problem> {
    if caller.segment.is_some() {
        return Ok(Vec::new());
    }
    let mut reasons = reasons(site, ground)?;
    if !super::may_analyze(caller) {
        for reason in &mut reasons {
            reason.reason = name_of(&reason.rule.replace(['.', '-'], " "));
            reason.example = None;
        }
    }
    Ok(reasons)
}

/// Refused rows by reason, most first.
pub(crate) fn reasons(site: &Site, ground: &Ground) -> Result<Vec<QuarantineReason>, Problem> {
    let key = format!("reasons|{}", ground.number);
    let found = site.desk.cache.get(
        &key,
        |found: &Vec<QuarantineReason>| found.len() * 400,
        || {
            let rows =
                ground.lake.quarantine(None).map_err(|error| Problem::fault(error.to_string()))?;
            let texts = |name: &str, row: usize| {
                rows.texts(name).get(row).cloned().flatten().map(|text| text.to_string())
            };
            let mut reasons: BTreeMap<String, QuarantineReason> = BTreeMap::new();
            for row in 0..rows.n_rows() {
                let rule = texts("rule", row).unwrap_or_default();
                let reason = reasons.entry(rule.clone()).or_insert_with(|| {
                    let file = texts("file", row).unwrap_or_default();
                    let file = file.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
                    let line = rows.integers("line").get(row).copied().flatten();
                    QuarantineReason {
                        rule,
                        reason: texts("message", row).unwrap_or_default(),
                        n_rows: 0,
                        money: None,
                        example: Some(line.map_or(file.clone(), |line| format!("{file}:{line}"))),
                        hint: texts("hint", row),
                    }
                });
                reason.n_rows += 1;
            }
            let mut reasons: Vec<QuarantineReason> = reasons.into_values().collect();
            reasons.sort_by_key(|reason| std::cmp::Reverse(reason.n_rows));
            Ok::<_, Problem>(reasons)
        },
    )?;
    Ok((*found).clone())
}

/// What the words mean.
pub(crate) fn definitions(site: &Site, visit: &Visit, caller: &Caller) -> Outcome {
    let page = words(site, visit, caller)?;
    Ok(Reply::page(html::definitions_page(&shell(site, visit, caller), &page)))
}

/// The words in groups: figures as the answers say them, then what the company has defined.
pub(crate) fn words(
    site: &Site,
    visit: &Visit,
    caller: &Caller,
) -> Result<html::Definitions, Problem> {
    let standing = site.desk.standing();
    let Some(ground) = &standing.ground else { return Err(site.desk.why_not()) };
    let definitions = ground.view.definitions();
    let mut figures: Vec<Word> = Vec::new();
    let mut query = visit.query.clone();
    query.scope.by.clear();
    for entry in ::answers::QUESTIONS {
        let answered = super::answers::answer(site, entry, &query, caller)?;
        let used = Choice::new(entry.question.id, name_of(entry.question.id));
        for figure in &answered.answer.figures {
            if let Some(word) = figures.iter_mut().find(|word| word.id == figure.id) {
                word.used_in.push(used.clone());
                continue;
            }
            // Goals are for the whole company.
            let goals = definitions
                .goals
                .iter()
                .filter(|goal| caller.segment.is_none() && goal.figure == figure.id);
            figures.push(Word {
                id: figure.id.clone(),
                name: figure.label.clone(),
                meaning: figure.meaning.clone(),
                rule: figure.evidence.as_ref().map(rule),
                here: goals
                    .map(|goal| format!("Goal for {}: {}", goal.period, goal.value))
                    .collect(),
                used_in: vec![used.clone()],
            });
        }
    }
    let mut groups = vec![WordGroup { name: "Figures".to_owned(), words: figures }];
    groups.extend(company(definitions));
    Ok(html::Definitions { identity: definitions.identity(), groups })
}

/// How a figure follows from rows, in words: which rows, what is divided, factor and constant.
fn rule(evidence: &domain::answer::Evidence) -> String {
    let mut text = part(evidence);
    if let Some((up, down)) = evidence.factor {
        text.push_str(&show::closing::factor(up, down));
    }
    if let Some(per) = &evidence.per {
        text = format!("({text}) ÷ ({})", part(per));
    }
    match evidence.plus.unwrap_or_default() {
        0 => text,
        less @ ..0 => format!("{text} − {}", less.unsigned_abs()),
        more => format!("{text} + {more}"),
    }
}

/// A measure over rows, with the conditions that they meet.
fn part(evidence: &domain::answer::Evidence) -> String {
    use domain::answer::Measure;
    let relation = evidence.rows.relation.replace('_', " ");
    let mut text = match &evidence.measure {
        Measure::Count => format!("number of {relation}"),
        Measure::CountDistinct(column) => {
            format!("number of different {} in {relation}", column.replace('_', " "))
        }
        Measure::Sum(column) => format!("sum of {} over {relation}", column.replace('_', " ")),
        Measure::Share(column) => {
            format!("share of {relation} where {} is true", column.replace('_', " "))
        }
        Measure::Mean(column) => format!("mean of {} over {relation}", column.replace('_', " ")),
        Measure::Median(column) => {
            format!("median of {} over {relation}", column.replace('_', " "))
        }
        Measure::Stated(_) => format!("sum of what {relation} were on that day"),
    };
    let conditions: Vec<String> = evidence.rows.filters.iter().map(condition).collect();
    if !conditions.is_empty() {
        text.push_str(" where ");
        text.push_str(&conditions.join(" and "));
    }
    text
}

/// A condition in words.
fn condition(filter: &domain::Filter) -> String {
    use domain::{Cell, Test};
    let column = filter.column.replace('_', " ");
    let said = |cell: &Cell| match cell {
        Cell::Boolean(yes) => (if *yes { "yes" } else { "no" }).to_owned(),
        cell => cell.to_string(),
    };
    match &filter.test {
        Test::Is(cell) => format!("{column} is {}", said(cell)),
        Test::IsNot(cell) => format!("{column} is not {}", said(cell)),
        Test::In(cells) => {
            format!("{column} is {}", cells.iter().map(said).collect::<Vec<_>>().join(" or "))
        }
        Test::Between(low, high) => format!("{column} from {} to {}", said(low), said(high)),
        Test::Present => format!("{column} is known"),
        Test::Missing => format!("{column} is missing"),
    }
}

/// What the company has defined.
fn company(definitions: &Definitions) -> Vec<WordGroup> {
    let word = |id: String, name: &str, meaning: String, here: Vec<String>| Word {
        id,
        name: name.to_owned(),
        meaning,
        rule: None,
        here,
        used_in: Vec::new(),
    };
    let attribution = &definitions.attribution;
    let rules = vec![
        word(
            "model".to_owned(),
            "Attribution model",
            "The rule that divides the amount of a deal among its touches.".to_owned(),
            vec![domain::definition::check::model_name(&attribution.model).to_owned()],
        ),
        word(
            "sourced_by".to_owned(),
            "Source of a deal",
            "The rule that gives each deal its one source.".to_owned(),
            vec![name_of(attribution.sourced_by.id())],
        ),
        word(
            "lookback".to_owned(),
            "Lookback",
            "How long before the creation of a deal a touch counts.".to_owned(),
            vec![format!("{} days", attribution.lookback_days)],
        ),
        word(
            "influence".to_owned(),
            "Influence",
            "How long before the creation of a deal a marketing touch influences it; the window goes \
             on until the deal closes."
                .to_owned(),
            vec![format!("{} days", attribution.influence_days)],
        ),
        word(
            "sample_floor".to_owned(),
            "Sample floor",
            "The fewest deals on which credit by channel is shown at all.".to_owned(),
            vec![format!("{} deals", attribution.sample_floor)],
        ),
        word(
            "excluded_kinds".to_owned(),
            "Deals that are left out",
            "The kinds of deals that count in no figure of pipeline.".to_owned(),
            if definitions.excluded_kinds.is_empty() {
                vec!["None".to_owned()]
            } else {
                definitions.excluded_kinds.iter().map(ToString::to_string).collect()
            },
        ),
        word(
            "calendar".to_owned(),
            "Fiscal calendar",
            "When years and quarters begin, and in which zone days do.".to_owned(),
            vec![
                format!("The fiscal year starts in {}", domain::calendar::month(definitions.fiscal_year_starts)),
                format!("Days begin in {}", definitions.time_zone),
            ],
        ),
    ];
    let stages = definitions.stages.iter().map(|stage| {
        let mut here: Vec<String> = Vec::new();
        here.extend(stage.probability.map(|chance| format!("Chance of winning: {chance}")));
        if !stage.also.is_empty() {
            here.push(format!("Also written: {}", stage.also.join(", ")));
        }
        let state = stage.state.id();
        word(
            format!("stage-{}", stage.id),
            &stage.name,
            format!("A stage of a deal that is {state}."),
            here,
        )
    });
    let channels = definitions.channels.iter().map(|channel| {
        let rules = definitions.rules.iter().filter(|rule| rule.channel == channel.id);
        let here = rules.map(|rule| {
            let when = rule.when.iter().map(|(field, patterns)| {
                format!("{} is {}", field.replace('_', " "), patterns.join(" or "))
            });
            when.collect::<Vec<_>>().join(" and ")
        });
        word(
            format!("channel-{}", channel.id),
            &channel.name,
            format!("A channel of {}.", channel.side.id()),
            here.collect(),
        )
    });
    let segments = definitions.segments.iter().map(|segment| {
        let mut here = Vec::new();
        if !segment.industry.is_empty() {
            here.push(format!("Industry is {}", segment.industry.join(" or ")));
        }
        if !segment.country.is_empty() {
            here.push(format!("Country is {}", segment.country.join(" or ")));
        }
        here.extend(segment.employees_from.map(|n| format!("From {n} employees")));
        here.extend(segment.employees_to.map(|n| format!("Up to {n} employees")));
        here.extend(segment.targeted.map(|yes| {
            (if yes { "Target accounts only" } else { "Without target accounts" }).to_owned()
        }));
        let meaning = "A part of the market; an account belongs to the first segment that fits.";
        word(format!("segment-{}", segment.id), &segment.name, meaning.to_owned(), here)
    });
    let leads = LeadStage::ALL.iter().zip(&definitions.leads.stages).map(|(stage, words)| {
        word(
            format!("lead-{}", stage.id()),
            &name_of(stage.id()),
            "A stage of a lead, by the words of its source.".to_owned(),
            words.iter().map(|text| format!("Written: {text}")).collect(),
        )
    });
    let units = definitions.demand_units;
    let unit = word(
        "demand_unit".to_owned(),
        "Demand unit",
        "The people of one account in one purchase.".to_owned(),
        vec![
            format!("Touches count from {} days before its deal", units.window_days),
            format!("Lapses after {} days without a touch or a deal", units.lapse_days),
            format!(
                "Engaged with {} touches or {} people within {} days",
                units.engaged_touches, units.engaged_people, units.engaged_days
            ),
        ],
    );
    let roles = definitions.roles.iter().map(|(role, stage)| {
        let meaning = "A role of the capacity facts, and the stage that it works.".to_owned();
        word(format!("role-{role}"), &name_of(role), meaning, vec![format!("Works {stage}")])
    });
    let group = |name: &str, words: Vec<Word>| WordGroup { name: name.to_owned(), words };
    vec![
        group("Rules in force", rules),
        group("Stages", stages.collect()),
        group("Leads and demand units", leads.chain([unit]).chain(roles).collect()),
        group("Channels", channels.collect()),
        group("Segments", segments.collect()),
    ]
}
