//! The words of a company's own definitions, for the last pages of a pack.

use domain::Definitions;
use domain::definition::check::model_name;
use domain::definition::{SourcedBy, State};

/// Returns the words that decide the figures, with what they mean in this company.
pub fn words(definitions: &Definitions) -> Vec<(String, String)> {
    let rules = &definitions.attribution;
    let sourced = match rules.sourced_by {
        SourcedBy::FirstTouch => format!(
            "The side of the first valid touch within {} days before the deal was created.",
            rules.lookback_days
        ),
        SourcedBy::LeadSource => "The side of the lead source that the deal records.".to_owned(),
        SourcedBy::PreSales => {
            "Marketing, where a marketing touch precedes the first one of sales; otherwise the \
             side of the first touch."
                .to_owned()
        }
    };
    let influenced = format!(
        "A marketing touch within {} days before the deal was created, or from then until it closed.",
        rules.influence_days
    );
    let stages = |state: State| {
        let named = definitions.stages.iter().filter(|stage| stage.state == state);
        named.map(|stage| stage.name.clone()).collect::<Vec<_>>().join(", ")
    };
    let mut all = vec![
        ("Sourced", sourced),
        ("Influenced", influenced),
        ("Attribution model in force", model_name(&rules.model).to_owned()),
        ("Won", format!("A deal in stage {}.", stages(State::Won))),
        ("Open", format!("A deal in stage {}.", stages(State::Open))),
        (
            "Fiscal year",
            format!("Begins in {}.", domain::calendar::month(definitions.fiscal_year_starts)),
        ),
    ];
    if let Some(margin) = definitions.gross_margin {
        let months = definitions.contract_months;
        let text = format!("{margin} of the amount, which is earned over {months} months.");
        all.push(("Gross margin", text));
    }
    all.into_iter().map(|(word, meaning)| (word.to_owned(), meaning)).collect()
}
