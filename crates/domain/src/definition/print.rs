//! The canonical form of definitions: TOML that reads back as the same meaning.
//!
//! Its hash is their identity, so values are written in one way only: decimals without trailing
//! zeros, sets in order, lists whose order matters as they are.

use std::fmt::Write as _;

use super::{DayOrder, Definitions, LeadStage, Side, State, VerdictBounds, verdict};

impl Definitions {
    /// Writes the canonical form.
    pub fn print(&self) -> String {
        let mut out = String::new();
        self.print_company(&mut out);
        self.print_attribution(&mut out);
        self.print_channels(&mut out);
        self.print_stages(&mut out);
        self.print_demand(&mut out);
        self.print_market(&mut out);
        out
    }

    fn print_company(&self, out: &mut String) {
        line(out, "[company]");
        entry(out, "name", &text(&self.company));
        entry(out, "currency", &text(self.currency.code()));
        entry(out, "time_zone", &text(&self.time_zone));
        entry(out, "fiscal_year_starts", &self.fiscal_year_starts.to_string());
        line(out, "[sources]");
        entry(out, "time_zone", &text(&self.source_time_zone));
        if let Some(order) = self.source_day_order {
            let word = match order {
                DayOrder::MonthFirst => "month-first",
                DayOrder::DayFirst => "day-first",
            };
            entry(out, "day_order", &text(word));
        }
        line(out, "[rates]");
        for (currency, rate) in &self.rates {
            entry(out, currency.code(), &text(&rate.normalize().to_string()));
        }
    }

    fn print_attribution(&self, out: &mut String) {
        let attribution = &self.attribution;
        line(out, "[attribution]");
        entry(out, "model", &text(&attribution.model));
        entry(out, "sourced_by", &text(attribution.sourced_by.id()));
        for (name, value) in [
            ("lookback_days", attribution.lookback_days),
            ("influence_days", attribution.influence_days),
            ("half_life_days", attribution.half_life_days),
            ("markov_order", attribution.markov_order),
            ("sample_floor", attribution.sample_floor),
        ] {
            entry(out, name, &value.to_string());
        }
        entry(out, "responses_only", &attribution.responses_only.to_string());
        if let Some(custom) = attribution.custom {
            line(out, "[attribution.custom]");
            for (name, value) in super::parse::CUSTOM_KEYS.iter().zip(custom) {
                entry(out, name, &value.to_string());
            }
        }
        line(out, "[touches]");
        entry(out, "invalid_status", &list(self.invalid_statuses.iter()));
        line(out, "[pipeline]");
        entry(out, "exclude_kinds", &list(self.excluded_kinds.iter()));
        line(out, "[economics]");
        if let Some(margin) = self.gross_margin {
            entry(out, "gross_margin", &text(&margin.normalize().to_string()));
        }
        entry(out, "contract_months", &self.contract_months.to_string());
        let mut bounds = self.verdict;
        if bounds != VerdictBounds::default() {
            line(out, "[verdict]");
            for ((name, ..), value) in verdict::DECIMALS.iter().zip(bounds.decimals()) {
                entry(out, name, &text(&value.normalize().to_string()));
            }
            for ((name, ..), value) in verdict::NUMBERS.iter().zip(bounds.numbers()) {
                entry(out, name, &value.to_string());
            }
        }
        line(out, "[identity]");
        entry(out, "free_mail", &list(self.free_mail.iter()));
    }

    fn print_channels(&self, out: &mut String) {
        for channel in &self.channels {
            line(out, "[[channel]]");
            entry(out, "id", &text(&channel.id));
            entry(out, "name", &text(&channel.name));
            entry(out, "side", &text(channel.side.id()));
            debug_assert!(channel.side != Side::Unknown, "a channel always has a side");
            entry(out, "direct", &channel.direct.to_string());
        }
        for rule in &self.rules {
            line(out, "[[rule]]");
            entry(out, "channel", &text(&rule.channel));
            for (field, patterns) in &rule.when {
                entry(out, field, &list(patterns.iter()));
            }
        }
    }

    fn print_stages(&self, out: &mut String) {
        for stage in &self.stages {
            line(out, "[[stage]]");
            entry(out, "id", &text(&stage.id));
            entry(out, "name", &text(&stage.name));
            entry(out, "also", &list(stage.also.iter()));
            if stage.state != State::Open {
                entry(out, "state", &text(stage.state.id()));
            }
            if let Some(probability) = stage.probability {
                entry(out, "probability", &text(&probability.normalize().to_string()));
            }
        }
    }

    fn print_demand(&self, out: &mut String) {
        line(out, "[leads]");
        for (stage, words) in LeadStage::ALL.iter().zip(&self.leads.stages) {
            entry(out, stage.id(), &list(words.iter()));
        }
        entry(out, "disqualified", &list(self.leads.disqualified.iter()));
        line(out, "[demand_units]");
        let units = self.demand_units;
        for (name, value) in [
            ("window_days", units.window_days),
            ("lapse_days", units.lapse_days),
            ("engaged_touches", units.engaged_touches),
            ("engaged_people", units.engaged_people),
            ("engaged_days", units.engaged_days),
        ] {
            entry(out, name, &value.to_string());
        }
        line(out, "[capacity]");
        for (role, stage) in &self.roles {
            entry(out, &text(role), &text(stage));
        }
    }

    fn print_market(&self, out: &mut String) {
        for segment in &self.segments {
            line(out, "[[segment]]");
            entry(out, "id", &text(&segment.id));
            entry(out, "name", &text(&segment.name));
            entry(out, "industry", &list(segment.industry.iter()));
            entry(out, "country", &list(segment.country.iter()));
            if let Some(from) = segment.employees_from {
                entry(out, "employees_from", &from.to_string());
            }
            if let Some(to) = segment.employees_to {
                entry(out, "employees_to", &to.to_string());
            }
            if let Some(targeted) = segment.targeted {
                entry(out, "targeted", &targeted.to_string());
            }
        }
        for goal in &self.goals {
            line(out, "[[goal]]");
            entry(out, "figure", &text(&goal.figure));
            entry(out, "period", &text(&goal.period));
            entry(out, "value", &text(&goal.value.normalize().to_string()));
            if let Some(owner) = &goal.owner {
                entry(out, "owner", &text(owner));
            }
        }
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn entry(out: &mut String, key: &str, value: &str) {
    // Writing to a String cannot fail.
    let _: std::fmt::Result = writeln!(out, "{key} = {value}");
}

fn text(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

fn list<'a>(values: impl Iterator<Item = &'a String>) -> String {
    let values: Vec<String> = values.map(|value| text(value)).collect();
    format!("[{}]", values.join(", "))
}
