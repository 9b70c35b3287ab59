//! Checks that the names in the definitions agree with each other.
//!
//! One function for each thing that a person can get wrong; all faults are collected.

use super::parse::{Source, Sources};
use super::{Definitions, LeadStage, State};
use crate::diagnostic::{Diagnostic, nearest};

/// The models that credit can be given by; pinned to the numerics by a test of the program.
pub const MODELS: &[&str] = &[
    "first",
    "last",
    "last_non_direct",
    "lead_creation",
    "opportunity_creation",
    "linear",
    "time_decay",
    "u_shaped",
    "u_split",
    "w_shaped",
    "full_path",
    "j_shaped",
    "inverse_j",
    "custom",
    "markov",
    "shapley",
];

/// Returns the name of a model for people; an identifier that is not known is its own name.
pub fn model_name(model: &str) -> &str {
    match model {
        "first" => "First touch",
        "last" => "Last touch",
        "last_non_direct" => "Last non-direct",
        "lead_creation" => "Lead creation",
        "opportunity_creation" => "Opportunity creation",
        "linear" => "Linear",
        "time_decay" => "Time decay",
        "u_shaped" => "U-shaped",
        "u_split" => "U-split",
        "w_shaped" => "W-shaped",
        "full_path" => "Full-path",
        "j_shaped" => "J-shaped",
        "inverse_j" => "Inverse J",
        "custom" => "Custom",
        "markov" => "Markov",
        "shapley" => "Shapley",
        other => other,
    }
}

/// Figures that a goal may set a target for.
pub const GOAL_FIGURES: &[&str] = &[
    "pipeline_created",
    "marketing_sourced_pipeline",
    "marketing_sourced_opportunities",
    "marketing_influenced_pipeline",
    "won",
    "marketing_sourced_won",
];

/// Returns all faults.
pub(super) fn check(definitions: &Definitions, sources: &Sources) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    rules_name_channels(definitions, sources, &mut found);
    the_model_exists(definitions, sources, &mut found);
    stages_are_told_apart(definitions, sources, &mut found);
    lead_words_are_told_apart(definitions, sources, &mut found);
    roles_work_stages(definitions, sources, &mut found);
    goals_name_figures_and_periods(definitions, sources, &mut found);
    found
}

fn rules_name_channels(definitions: &Definitions, sources: &Sources, found: &mut Vec<Diagnostic>) {
    for (at, rule) in definitions.rules.iter().enumerate() {
        if definitions.channel(&rule.channel).is_none() {
            let known = definitions.channels.iter().map(|channel| &*channel.id);
            let message =
                format!("channel `{}` is used by a rule and declared nowhere", rule.channel);
            let hint = nearest(&rule.channel, known).map_or_else(
                || "Declare it in a [[channel]] block.".to_owned(),
                |name| format!("Declare it, or write `{name}`, which is declared."),
            );
            let fault = Diagnostic::error("definition.channel", message).hint(hint);
            found.push(place(fault, sources.get(&format!("rule/{at}/channel"))));
        }
    }
}

fn the_model_exists(definitions: &Definitions, sources: &Sources, found: &mut Vec<Diagnostic>) {
    let model = definitions.attribution.model.as_str();
    let source = sources.get("attribution/model");
    if !MODELS.contains(&model) {
        let message = format!("attribution model `{model}` is not one of {}", MODELS.join(", "));
        let hint = nearest(model, MODELS.iter().copied())
            .map_or_else(|| "Choose one of them.".to_owned(), |n| format!("Did you mean `{n}`?"));
        found.push(place(Diagnostic::error("definition.model", message).hint(hint), source));
    } else if model == "custom" && definitions.attribution.custom.is_none() {
        let message = "model `custom` is in force and has no shares";
        let fault = Diagnostic::error("definition.custom", message)
            .hint("Add a section [attribution.custom] with its shares.");
        found.push(place(fault, source));
    }
}

fn stages_are_told_apart(
    definitions: &Definitions,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) {
    let mut seen: Vec<(String, &str)> = Vec::new();
    for stage in &definitions.stages {
        let mut names = vec![stage.id.to_lowercase(), stage.name.to_lowercase()];
        names.extend(stage.also.iter().map(|also| also.to_lowercase()));
        names.sort();
        names.dedup();
        for name in names {
            if let Some((_, other)) = seen.iter().find(|(known, _)| *known == name) {
                let message =
                    format!("stages `{other}` and `{}` are both written `{name}`", stage.id);
                let fault = Diagnostic::error("definition.stage", message)
                    .hint("Remove the spelling from one of them.");
                found.push(place(fault, sources.get(&format!("stage/{}", stage.id))));
            }
            seen.push((name, &stage.id));
        }
    }
    for (state, word) in [(State::Won, "won"), (State::Lost, "lost")] {
        if !definitions.stages.is_empty()
            && !definitions.stages.iter().any(|stage| stage.state == state)
        {
            let message = format!("no stage has state = \"{word}\"");
            let fault = Diagnostic::error("definition.stage", message)
                .hint("Say which stage it is, so that deals can be closed.");
            found.push(fault);
        }
    }
}

/// The same pattern for two stages of a lead would leave one of them without leads.
fn lead_words_are_told_apart(
    definitions: &Definitions,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) {
    let leads = &definitions.leads;
    let stages = LeadStage::ALL.iter().map(|stage| stage.id()).zip(&leads.stages);
    let all = stages.chain([("disqualified", &leads.disqualified)]);
    let mut seen: Vec<(String, &str)> = Vec::new();
    for (stage, words) in all {
        for word in words {
            let word = word.trim().to_lowercase();
            match seen.iter().find(|(known, _)| *known == word) {
                Some((_, other)) if *other != stage => {
                    let message = format!("`{word}` means both `{other}` and `{stage}`");
                    let fault = Diagnostic::error("definition.leads", message)
                        .hint("Remove it from one of the two.");
                    let place_of = |stage: &str| sources.get(&format!("leads/{stage}"));
                    found.push(place(fault, place_of(stage).or(place_of(other))));
                }
                Some(_) => {}
                None => seen.push((word, stage)),
            }
        }
    }
}

fn roles_work_stages(definitions: &Definitions, sources: &Sources, found: &mut Vec<Diagnostic>) {
    let open = definitions.stages.iter().filter(|stage| stage.state == State::Open);
    let mut known: Vec<&str> = LeadStage::ALL.iter().take(4).map(|stage| stage.id()).collect();
    known.extend(open.map(|stage| &*stage.id));
    for (role, stage) in &definitions.roles {
        if !known.contains(&&**stage) {
            let message = format!("role `{role}` works `{stage}`, which is no stage");
            let hint = nearest(stage, known.iter().copied()).map_or_else(
                || format!("Write one of {}.", known.join(", ")),
                |name| format!("Did you mean `{name}`?"),
            );
            let fault = Diagnostic::error("definition.capacity", message).hint(hint);
            found.push(place(fault, sources.get(&format!("capacity/{role}"))));
        }
    }
}

fn goals_name_figures_and_periods(
    definitions: &Definitions,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) {
    let calendar = definitions.calendar();
    for (at, goal) in definitions.goals.iter().enumerate() {
        if !GOAL_FIGURES.contains(&goal.figure.as_str()) {
            let message = format!("figure `{}` takes no goal", goal.figure);
            let hint = nearest(&goal.figure, GOAL_FIGURES.iter().copied()).map_or_else(
                || format!("Goals are set for {}.", GOAL_FIGURES.join(", ")),
                |name| format!("Did you mean `{name}`?"),
            );
            let fault = Diagnostic::error("definition.goal", message).hint(hint);
            found.push(place(fault, sources.get(&format!("goal/{at}/figure"))));
        }
        if let Err(error) = calendar.period(&goal.period) {
            let fault = Diagnostic::error("definition.period", error.to_string())
                .hint("Write it like 2026Q4.");
            found.push(place(fault, sources.get(&format!("goal/{at}/period"))));
        }
        let days = |goal: &super::Goal| {
            calendar.period(&goal.period).ok().map(|period| (period.from, period.to))
        };
        let same = |other: &super::Goal| {
            other.figure == goal.figure && days(other).is_some() && days(other) == days(goal)
        };
        if definitions.goals.iter().take(at).any(same) {
            let message = format!("the goal for `{}` in {} is set twice", goal.figure, goal.period);
            let fault = Diagnostic::error("definition.goal", message).hint("Keep one of the two.");
            found.push(place(fault, sources.get(&format!("goal/{at}/figure"))));
        }
    }
}

fn place(diagnostic: Diagnostic, source: Option<&Source>) -> Diagnostic {
    match source {
        Some(source) => diagnostic.span(&source.file, &source.text, source.span.clone()),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::read;

    fn faults(text: &str) -> Vec<String> {
        let (_, diagnostics) = read(&[("definitions/x.toml", text)]);
        diagnostics
            .iter()
            .map(|d| {
                let place = d.place.as_ref().map_or_else(String::new, ToString::to_string);
                format!("{place} {} | {}", d.message, d.hint.as_deref().unwrap_or(""))
            })
            .collect()
    }

    #[test]
    fn each_fault_says_where_and_what_to_do() {
        //   text, what is said
        let table = [
            (
                "[compny]\n",
                "definitions/x.toml:1:2 `compny` is not a section | Did you mean `company`?",
            ),
            (
                "[[goal]]\nfigure = \"won\"\nperiod = \"2026Q4\"\nvalue = \"1\"\ntargte = 1\n",
                "definitions/x.toml:5:1 `targte` is not a key of a goal | Known are figure, period, value, owner.",
            ),
            (
                "[[channel]]\nid = \"paid-social\"\nside = \"marketing\"\n[[rule]]\nchannel = \"paid-socail\"\nmedium = [\"cpc\"]\n",
                "definitions/x.toml:5:11 channel `paid-socail` is used by a rule and declared nowhere | Declare it, or write `paid-social`, which is declared.",
            ),
            ("[attribution]\nmodel = \"w_shape\"\n", "Did you mean `w_shaped`?"),
            (
                "[company]\ncurrency = \"US$\"\n",
                "definitions/x.toml:2:12 `US$` is not a currency code",
            ),
            (
                "[company]\ntime_zone = \"Berlin\"\n",
                "time zone `Berlin` is not in the IANA database",
            ),
            ("[company]\nfiscal_year_starts = 13\n", "`fiscal_year_starts` names no month"),
            (
                "[attribution]\nlookback_days = \"90\"\n",
                "`lookback_days` is a text, expected a whole number from 1 to 3650",
            ),
            ("[company\n", "definitions/x.toml:1:9"),
            (
                "[[goal]]\nfigure = \"won\"\nperiod = \"2026Q9\"\nvalue = 1\n",
                "period `2026Q9` cannot be read",
            ),
            (
                "[[goal]]\nfigure = \"won\"\nperiod = \"2026Q4\"\nvalue = 1\n\
                 [[goal]]\nfigure = \"won\"\nperiod = \"FY2026-Q4\"\nvalue = 2\n",
                "x.toml:6:10 the goal for `won` in FY2026-Q4 is set twice | Keep one of the two.",
            ),
            ("[rates]\nEUR = \"0\"\n", "rate of EUR is 0, expected above 0"),
            (
                "[leads]\nmql = [\"Warm\"]\nsal = [\"warm \"]\n",
                "x.toml:3:7 `warm` means both `mql` and `sal` | Remove it from one of the two.",
            ),
            ("[leads]\nmlq = [\"Warm\"]\n", "Did you mean `mql`?"),
            (
                "[capacity]\nsdr = \"mlq\"\n",
                "x.toml:2:7 role `sdr` works `mlq`, which is no stage | Did you mean `mql`?",
            ),
            (
                "[demand_units]\nlapse_days = 0\n",
                "x.toml:2:14 `lapse_days` is a whole number, expected a whole number from 1 to 3650",
            ),
            (
                "[[stage]]\nid = \"a\"\nstate = \"win\"\n",
                "state `win` is not one of open, won, lost",
            ),
        ];
        for (text, expected) in table {
            let found = faults(text);
            assert!(found.iter().any(|fault| fault.contains(expected)), "{text}\n{found:#?}");
        }
    }

    #[test]
    fn all_faults_are_collected() {
        let text = "[company]\nnmae = \"A\"\ncurrency = \"usd\"\n[pipline]\n";
        assert_eq!(faults(text).len(), 3);
    }
}
