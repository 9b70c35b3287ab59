//! Properties that hold for every company: of random small ones, where everything that can be
//! missing, late, tied or merged is.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::definition::check::MODELS;
use domain::{Cell, Currency, Definitions, Filter, Frame, Rows};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::company::{add, built, definitions, folder};
use crate::build::MemoryFacts;
use crate::relation::Built;

pub(super) const AS_OF: Date = date(2026, 9, 30);
/// Days before the as-of day in which things happen; some of them after it.
const DAYS: std::ops::Range<i32> = -20..400;

fn day(before: i32) -> Date {
    AS_OF.saturating_sub(before.days())
}

fn at(before: i32, hour: i32) -> String {
    format!("{}T{hour:02}:00:00Z", day(before))
}

/// A number from a small range as an identifier; 0 is none.
fn id(prefix: &str, number: u8) -> String {
    if number == 0 { String::new() } else { format!("{prefix}{number}") }
}

#[derive(Clone, Debug)]
pub(super) struct Company {
    pub(super) people: Vec<(u8, u8, u8, u8, i32)>,
    pub(super) deals: Vec<(u8, u8, i64, u8, i32, i32)>,
    pub(super) touches: Vec<(u8, u8, i32, u8, u8, u8)>,
    pub(super) merged: Vec<(u8, u8)>,
    /// Turned by this much, so that the order of the rows differs.
    pub(super) turn: usize,
    /// Leaves out what happens after the as-of day.
    pub(super) past_only: bool,
}

pub(super) fn company() -> impl Strategy<Value = Company> {
    let people = prop::collection::vec((0_u8..6, 0_u8..5, 0_u8..9, 0_u8..4, DAYS), 0..9);
    let deals =
        prop::collection::vec((0_u8..6, 0_u8..6, -5_i64..1_000_003, 0_u8..4, DAYS, DAYS), 0..9);
    let touches =
        prop::collection::vec((0_u8..10, 0_u8..8, DAYS, 8_u8..10, 0_u8..9, 0_u8..9), 0..40);
    let merged = prop::collection::vec((1_u8..6, 1_u8..6), 0..4);
    (people, deals, touches, merged).prop_map(|(people, deals, touches, merged)| Company {
        people,
        deals,
        touches,
        merged,
        turn: 0,
        past_only: false,
    })
}

const STAGES: [&str; 6] =
    ["Prospecting", "Proposal", "Closed Won", "Closed Lost", "Verbal yes", "negotiation"];

impl Company {
    pub(super) fn facts(&self) -> MemoryFacts {
        let mut facts = MemoryFacts::default();
        for account in 1..6_u8 {
            let into = self.merged.iter().find(|(from, _)| *from == account).map_or(0, |m| m.1);
            let domain = if account < 4 { format!("d{account}.com") } else { String::new() };
            add(
                &mut facts,
                "account",
                &[
                    ("id", &id("a", account)),
                    ("name", &format!("Account {account}")),
                    ("domain", &domain),
                    ("employees", &(u32::from(account) * 300).to_string()),
                    ("merged_into", &id("a", into)),
                ],
            );
        }
        for (number, person) in (1_u8..).zip(&self.people) {
            let (account, domain, next, what, created) = *person;
            if self.past_only && created < 0 {
                continue;
            }
            let became = if what == 1 { id("p", next) } else { String::new() };
            let merged = if what == 2 { id("p", next) } else { String::new() };
            add(
                &mut facts,
                "person",
                &[
                    ("id", &id("p", number)),
                    ("kind", if what % 2 == 1 { "lead" } else { "contact" }),
                    ("account_id", &id("a", account)),
                    ("match_key", &id("h", next)),
                    (
                        "email_domain",
                        &if domain == 0 { String::new() } else { format!("d{domain}.com") },
                    ),
                    ("converted_person_id", &became),
                    (
                        "converted_opportunity_id",
                        &if what == 1 { id("o", next) } else { String::new() },
                    ),
                    ("merged_into", &merged),
                    ("lead_source", ["", "Partner", "Webinar", "Fair"][usize::from(what)]),
                    ("created_at", &at(created, 9)),
                ],
            );
        }
        for (program, kind) in [("p1", "Webinar"), ("p2", "Email"), ("p3", "Outbound")] {
            add(&mut facts, "program", &[("id", program), ("name", program), ("kind", kind)]);
        }
        for (number, deal) in (1_u8..).zip(&self.deals) {
            let (account, stage, minor, currency, created, length) = *deal;
            if self.past_only && created < 0 {
                continue;
            }
            let amount = format!("{}.{:02}", minor / 100, minor.unsigned_abs() % 100);
            add(
                &mut facts,
                "opportunity",
                &[
                    ("id", &id("o", number)),
                    ("account_id", &id("a", account)),
                    ("name", &format!("Deal {number}")),
                    ("stage", STAGES[usize::from(stage)]),
                    ("amount", if minor < 0 { "" } else { &amount }),
                    ("currency", ["", "USD", "EUR", "SEK"][usize::from(currency)]),
                    ("lead_source", ["", "Partner", "Webinar", "Fair"][usize::from(currency)]),
                    ("created_at", &at(created, 9)),
                    ("close_on", &day(created - length / 4).to_string()),
                ],
            );
        }
        add(
            &mut facts,
            "fx_rate",
            &[("from", "EUR"), ("to", "USD"), ("day", "2026-01-01"), ("rate", "1.07")],
        );
        for (number, touch) in self.touches.iter().enumerate() {
            let (person, account, before, hour, what, flags) = *touch;
            if self.past_only && before < 0 {
                continue;
            }
            add(
                &mut facts,
                "touch",
                &[
                    ("id", &format!("t{number}")),
                    ("person_id", &id("p", person)),
                    ("account_id", &id("a", account)),
                    ("at", &at(before, i32::from(hour))),
                    (
                        "program_id",
                        ["p1", "p2", "p3", "", "", "", "", "p9", "p1"][usize::from(what)],
                    ),
                    ("campaign", ["", "", "", "P2 ", "", "", "p9", "", ""][usize::from(what)]),
                    ("medium", if what == 4 { "cpc" } else { "" }),
                    ("source", if what == 5 { "direct" } else { "" }),
                    (
                        "responded",
                        ["", "true", "true", "false"].get(usize::from(flags)).unwrap_or(&""),
                    ),
                    ("invalid", if flags == 8 { "true" } else { "" }),
                ],
            );
        }
        for table in ["account", "person", "opportunity", "touch", "program"] {
            let rows = facts.rows_mut(table);
            if !rows.is_empty() {
                let n = self.turn % rows.len();
                rows.rotate_left(n);
                if self.turn > 0 {
                    rows.reverse();
                }
            }
        }
        facts
    }

    fn build(&self, definitions: &Arc<Definitions>) -> Built {
        built(self.facts(), definitions, AS_OF)
    }
}

pub(super) fn acorn() -> Arc<Definitions> {
    definitions(&folder("acorn"))
}

fn all(built: &Built, rows: &Rows) -> Frame {
    built.fetch(rows, Currency::USD).unwrap()
}

pub(super) fn everything(built: &Built) -> Vec<(String, Frame)> {
    let mut found = Vec::new();
    for relation in crate::RELATIONS {
        found.push((relation.name.to_owned(), all(built, &Rows::of(relation.name))));
    }
    for model in MODELS {
        let rows = Rows::of("credits").model(model);
        found.push(((*model).to_owned(), all(built, &rows)));
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_credits_of_a_deal_sum_to_its_amount_for_every_model(company in company()) {
        let built = company.build(&acorn());
        let deals = all(&built, &Rows::of("opportunities"));
        for model in MODELS {
            let credits = all(&built, &Rows::of("credits").model(model));
            let mut sums: BTreeMap<Arc<str>, (i64, f64)> = BTreeMap::new();
            for row in 0..credits.n_rows() {
                let deal = credits.texts("opportunity_id")[row].clone().unwrap();
                let sum = sums.entry(deal).or_default();
                sum.0 += credits.moneys("credit")[row].map_or(0, |money| money.minor);
                sum.1 += credits.numbers("share")[row].unwrap();
            }
            prop_assert_eq!(sums.len(), deals.n_rows());
            for (deal, amount) in deals.texts("id").iter().zip(deals.moneys("amount")) {
                let (minor, share) = sums[deal.as_ref().unwrap()];
                prop_assert_eq!(minor, amount.map_or(0, |money| money.minor));
                prop_assert!((share - 1.0).abs() < 1e-9, "{} {}", model, share);
            }
        }
    }

    #[test]
    fn sources_partition_the_deals(company in company()) {
        let built = company.build(&acorn());
        let n = all(&built, &Rows::of("opportunities")).n_rows();
        for rule in ["source", "source_first_touch", "source_lead_source", "source_pre_sales"] {
            let parts = domain::definition::Side::ALL.map(|side| {
                all(&built, &Rows::of("opportunities").only(Filter::is(rule, side.id()))).n_rows()
            });
            prop_assert_eq!(parts.iter().sum::<usize>(), n);
        }
    }

    #[test]
    fn the_order_of_the_facts_changes_nothing(company in company(), turn in 1_usize..40) {
        let definitions = acorn();
        let turned = Company { turn, ..company.clone() };
        let (a, b) = (company.build(&definitions), turned.build(&definitions));
        prop_assert_eq!(everything(&a), everything(&b));
    }

    #[test]
    fn facts_after_the_day_change_nothing(company in company()) {
        let definitions = acorn();
        let past = Company { past_only: true, ..company.clone() };
        let (a, b) = (company.build(&definitions), past.build(&definitions));
        prop_assert_eq!(everything(&a), everything(&b));
    }

    #[test]
    fn another_name_of_a_channel_only_renames_it(company in company()) {
        let definitions = acorn();
        let mut renamed = (*definitions).clone();
        for channel in &mut renamed.channels {
            if &*channel.id == "email" {
                channel.id = "post".into();
            }
        }
        for rule in &mut renamed.rules {
            if &*rule.channel == "email" {
                rule.channel = "post".into();
            }
        }
        let (a, b) = (company.build(&definitions), company.build(&Arc::new(renamed)));
        for model in MODELS {
            let rows = Rows::of("credits").model(model);
            let (a, b) = (all(&a, &rows), all(&b, &rows));
            let lines = |frame: &Frame, from: &str| {
                let mut lines: Vec<String> = super::company::words(frame)
                    .into_iter()
                    .map(|words| words.join(" ").replace(from, "CHANNEL"))
                    .collect();
                lines.sort();
                lines
            };
            prop_assert_eq!(lines(&a, " email "), lines(&b, " post "), "{}", model);
        }
    }

    #[test]
    fn every_touch_is_used_or_set_apart(company in company()) {
        let built = company.build(&acorn());
        let touches = built.summary().touches;
        prop_assert_eq!(touches.read, company.touches.len() as u64);
        let parts = [
            touches.used, touches.unknown_person, touches.nobody, touches.sends, touches.invalid,
            touches.future,
        ];
        prop_assert_eq!(parts.iter().sum::<u64>(), touches.read);
        let rows = all(&built, &Rows::of("touches"));
        prop_assert_eq!(rows.n_rows() as u64, touches.read - touches.future);
        let days = all(&built, &Rows::of("touch_days"));
        let sum = |name: &str| days.integers(name).iter().flatten().sum::<i64>();
        let counted = all(&built, &Rows::of("touches").only(Filter::flag("counted", true)));
        prop_assert_eq!(sum("n_touches"), i64::try_from(counted.n_rows()).unwrap());
        prop_assert_eq!(sum("n_invalid"), i64::try_from(touches.invalid).unwrap());
    }

    #[test]
    fn filters_give_the_rows_that_pass_them(company in company()) {
        let built = company.build(&acorn());
        for (relation, filter) in [
            ("journeys", Filter::is("opportunity_id", "o2")),
            ("journeys", Filter::is("stage", "after")),
            ("touches", Filter::is("channel", "email")),
            ("opportunities", Filter::flag("influenced", true)),
        ] {
            let whole = all(&built, &Rows::of(relation));
            let some = all(&built, &Rows::of(relation).only(filter.clone()).columns(&["channel"]));
            prop_assert_eq!(whole.filter(&[filter]).select(&["channel"]), some);
        }
    }
}

#[test]
fn a_missing_company_has_empty_relations() {
    let built = built(MemoryFacts::default(), &acorn(), AS_OF);
    for (name, frame) in everything(&built) {
        assert_eq!(frame.n_rows(), 0, "{name}");
        assert!(!frame.names().is_empty(), "{name}");
        assert_eq!(frame.cell("id", 0), Cell::Null);
    }
    assert_eq!(built.caveats(), []);
}
