//! Web analytics: the flattened event export, and aggregates that make no touches.

use super::Read::{Engagement, Id, Instant, Text, Utm};
use super::{API, Dialect, FactRule, Preset, Shape, always, col, fact};

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        id: "ga4.event_table",
        system: "ga4",
        about: "events of Google Analytics 4, table of a warehouse loader: one touch a session",
        any: &[&["user_pseudo_id", "timestamp", "name", "param_ga_session_id"]],
        none: &[],
        dialect: API,
        shape: Shape::Earliest,
        facts: &[
            fact(
                "touch",
                &[
                    // A session is a visitor and a session number; the two make the id together.
                    col("id", &["user_pseudo_id+param_ga_session_id"], Id),
                    col("person_id", &["user_pseudo_id"], Id),
                    col("at", &["timestamp"], Instant),
                    always("kind", "web_session"),
                    col(
                        "source",
                        &[
                            "collected_traffic_source_manual_source",
                            "param_source",
                            "traffic_source_source",
                        ],
                        Utm,
                    ),
                    col(
                        "medium",
                        &[
                            "collected_traffic_source_manual_medium",
                            "param_medium",
                            "traffic_source_medium",
                        ],
                        Utm,
                    ),
                    col(
                        "campaign",
                        &[
                            "collected_traffic_source_manual_campaign_name",
                            "param_campaign",
                            "traffic_source_name",
                        ],
                        Utm,
                    ),
                    col("content", &["param_page_location", "event_dimensions_hostname"], Text),
                    col("status", &["param_engagement_time_msec"], Engagement),
                ],
            ),
            // Who the visitor turned out to be; earlier visits of the browser are that person's.
            FactRule {
                needs: &["converted_person_id"],
                ..fact(
                    "person",
                    &[
                        col("id", &["user_pseudo_id"], Id),
                        always("kind", "visitor"),
                        col("converted_person_id", &["user_id"], Id),
                        col("created_at", &["timestamp"], Instant),
                    ],
                )
            },
        ],
        until: &[],
        guarded: &[],
    },
    Preset {
        id: "ga4.report",
        system: "ga4",
        about: "report of Google Analytics 4: sums of sessions",
        any: &[
            &["Session primary channel group (Default Channel Group)", "Sessions"],
            &["Session default channel group", "Sessions"],
            &["Session source / medium", "Sessions"],
            &["Session primary channel group (Default Channel Group)", "Users"],
        ],
        none: &[],
        dialect: Dialect { compact: true, ..API },
        shape: Shape::Skip(
            "an aggregate: it counts sessions by channel and names no visitor, so it makes no touches; load the event export instead",
        ),
        facts: &[],
        until: &[],
        guarded: &[],
    },
];
