//! What a question is limited to: the same for asking, opening, exporting and linking.

use std::sync::Arc;

use domain::{Currency, Definitions, Period};
use jiff::civil::Date;

use crate::error::Failure;

/// What a question is limited to; what is not given has a default.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Scope {
    /// A fiscal period: 2026, 2026Q3, 2026-09, a day, DAY..DAY or `all`; without one the last
    /// complete quarter.
    pub period: Option<String>,
    /// First and last day, instead of a period.
    pub days: Option<(Date, Date)>,
    /// The dimensions by which tables are broken down.
    pub by: Vec<String>,
    /// The segment that it is limited to.
    pub segment: Option<String>,
    /// Nothing learned after this day is used; without one the day of the newest load.
    pub as_of: Option<Date>,
    /// The attribution model; without one the model in force.
    pub model: Option<String>,
    /// The currency in which money is shown; without one the reporting currency.
    pub currency: Option<Currency>,
    /// The seed of everything that is drawn at random.
    pub seed: u64,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            period: None,
            days: None,
            by: Vec::new(),
            segment: None,
            as_of: None,
            model: None,
            currency: None,
            seed: 1,
        }
    }
}

impl Scope {
    /// Scope for a period without further limits.
    pub fn of_period(period: Option<String>) -> Self {
        Self { period, ..Self::default() }
    }

    /// True where everything up to the as-of day is asked for.
    pub fn is_all(&self) -> bool {
        self.period.as_deref() == Some("all")
    }

    /// Turns the limits into what an answer is asked for; `facts` is the span of days of the
    /// facts.
    pub fn resolve(
        &self,
        definitions: &Arc<Definitions>,
        as_of: Date,
        facts: Option<(Date, Date)>,
    ) -> Result<domain::Ask, Failure> {
        let period = self.resolve_period(definitions, as_of, facts)?;
        if let Some(segment) = &self.segment {
            let mut known: Vec<&str> = definitions.segments.iter().map(|s| &*s.id).collect();
            known.extend(["other", "unknown"]);
            if !known.contains(&segment.as_str()) {
                return Err(not_one_of("segment", segment, &known));
            }
        }
        let model = match &self.model {
            Some(model) => known_model(model, definitions)?,
            None => definitions.attribution.model.clone(),
        };
        Ok(domain::Ask {
            as_of,
            period,
            by: self.by.clone(),
            segment: self.segment.clone(),
            model,
            currency: self.currency.unwrap_or(definitions.currency),
            definitions: Arc::clone(definitions),
            seed: self.seed,
        })
    }

    fn resolve_period(
        &self,
        definitions: &Definitions,
        as_of: Date,
        facts: Option<(Date, Date)>,
    ) -> Result<Period, Failure> {
        let calendar = definitions.calendar();
        if let Some((from, to)) = self.days {
            if from > to {
                let message = format!("the first day {from} lies after the last day {to}");
                return Err(Failure::usage(message, "Swap them."));
            }
            return Ok(Period::days(from, to));
        }
        match self.period.as_deref() {
            None => Ok(calendar.last_complete_quarter(as_of)),
            Some("all") => {
                let (from, to) = facts.unwrap_or((as_of, as_of));
                Ok(Period::days(from.min(as_of), to.min(as_of)))
            }
            Some(text) => calendar
                .period(text)
                .map_err(|error| Failure::usage(error.to_string(), "For example 2026Q3.")),
        }
    }
}

fn known_model(model: &str, definitions: &Definitions) -> Result<String, Failure> {
    let known = domain::definition::check::MODELS;
    if !known.contains(&model) {
        return Err(not_one_of("model", model, known));
    }
    if model == "custom" && definitions.attribution.custom.is_none() {
        return Err(Failure::usage(
            "model `custom` has no shares",
            "Add a section [attribution.custom] to the definitions.",
        ));
    }
    Ok(model.to_owned())
}

/// A name that is not one of those known.
pub fn not_one_of(kind: &str, name: &str, known: &[&str]) -> Failure {
    let message = format!("{kind} `{name}` is not one of {}", known.join(", "));
    let hint = domain::diagnostic::nearest(name, known.iter().copied())
        .map_or_else(|| "Choose one of them.".to_owned(), |near| format!("Did you mean `{near}`?"));
    Failure::usage(message, hint)
}
