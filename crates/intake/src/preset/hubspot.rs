//! HubSpot: view exports by label (English, and Spanish contacts) and the tables of loaders by
//! internal name.
//!
//! The labels and the internal names of deals fold alike, so one list of columns serves both; what
//! differs is the zone: exports are written in the account's, loaders write UTC.

use super::Read::{
    Amount, Boolean, Currency, Day, DealCompany, EmailDomain, EngagementCompany, EngagementContact,
    FieldName, ForecastCategory, Fraction, Id, Instant, Integer, Lifecycle, MatchKey, StageClosed,
    StageLabel, StageWon, Text, User, Utm, WebDomain,
};
use super::{
    API, Dialect, EachColumn, FactRule, LookupKind, Preset, Shape, When, always, col, fact,
};

const EXPORT: Dialect = Dialect { utc: false, empties: &["(No value)"], epoch: true, ..API };
const LOADER: Dialect = Dialect { epoch: true, ..API };

const fn preset(
    id: &'static str,
    about: &'static str,
    any: &'static [&'static [&'static str]],
    none: &'static [&'static str],
    facts: &'static [FactRule],
) -> Preset {
    Preset {
        id,
        system: "hubspot",
        about,
        any,
        none,
        dialect: LOADER,
        shape: Shape::Rows,
        facts,
        until: &[],
        guarded: &[],
    }
}

const DEAL: FactRule = fact(
    "opportunity",
    &[
        col("id", &["Record ID", "Deal ID", "deal_id", "hs_object_id", "id"], Id),
        col("account_id", &["Associated Company IDs (Primary)", "Associated Company IDs"], Id),
        col(
            "account_name",
            &[
                "Associated Company (Primary)",
                "Associated Company Names (Primary)",
                "Associated Company",
            ],
            Text,
        ),
        col("name", &["Deal Name"], Text),
        col("stage", &["Deal Stage", "dealstage"], StageLabel),
        col("amount", &["Amount"], Amount),
        col("currency", &["Currency", "deal_currency_code"], Currency),
        col("probability", &["Deal probability", "hs_deal_stage_probability"], Fraction),
        col(
            "forecast_category",
            &["Forecast category", "hs_manual_forecast_category"],
            ForecastCategory,
        ),
        col("created_at", &["Create Date", "createdAt"], Instant),
        col("close_on", &["Close Date"], Day),
        col("closed", &["Is Deal Closed?", "Is Closed", "hs_is_closed"], Boolean),
        col("won", &["Is Closed Won", "hs_is_closed_won"], Boolean),
        col("kind", &["Deal Type"], Text),
        col(
            "lead_source",
            &[
                "Original Traffic Source",
                "Original Source Type",
                "Original Source",
                "hs_analytics_source",
            ],
            Text,
        ),
        col(
            "lead_source_detail",
            &[
                "Original Traffic Source Drill-Down 1",
                "Original Source Drill-Down 1",
                "hs_analytics_source_data_1",
            ],
            Text,
        ),
        col("program_name", &["hs_campaign"], Text),
        col("owner", &["Deal owner", "hubspot_owner_id"], User),
        col("competitor", &["Competitor", "Competitors"], Text),
        col("loss_reason", &["Closed lost reason", "closed_lost_reason"], Text),
        col("next_step", &["Next step", "hs_next_step"], Text),
        col("qualification", &[], super::Read::Qualification),
        col("modified_at", &["Last Modified Date", "hs_lastmodifieddate", "updatedAt"], Instant),
    ],
);

const DEAL_ROLES: FactRule = FactRule {
    split: Some(("person_id", &["Associated Contact IDs"])),
    needs: &["person_id"],
    ..fact(
        "opportunity_role",
        &[col("opportunity_id", &["Record ID", "Deal ID", "hs_object_id", "id"], Id)],
    )
};

const STAGES_ENTERED: FactRule = FactRule {
    each: Some(EachColumn {
        around: &[("date entered \"", "\""), ("hs_v2_date_entered_", ""), ("hs_date_entered_", "")],
        value_to: "at",
        name_to: "new",
    }),
    needs: &["at"],
    ..fact(
        "opportunity_event",
        &[
            col("opportunity_id", &["Record ID", "Deal ID", "deal_id", "hs_object_id", "id"], Id),
            always("field", "stage"),
        ],
    )
};

const CONTACT: FactRule = fact(
    "person",
    &[
        col("id", &["Record ID", "Contact ID", "ID de registro", "hs_object_id", "id", "vid"], Id),
        always("kind", "contact"),
        col(
            "account_id",
            &[
                "Associated Company IDs (Primary)",
                "Associated Company IDs",
                "Associated Company ID",
                "associatedcompanyid",
            ],
            Id,
        ),
        col("match_key", &["Email", "Correo"], MatchKey),
        col("email_domain", &["Email", "Correo"], EmailDomain),
        col("company", &["Company Name", "Nombre de la empresa", "company"], Text),
        col("buying_role", &["Buying Role", "hs_buying_role"], Text),
        col(
            "lead_source",
            &[
                "Original Traffic Source",
                "Original Source Type",
                "Original Source",
                "hs_analytics_source",
            ],
            Text,
        ),
        col("status", &["Lifecycle Stage", "Etapa del ciclo de vida"], Lifecycle),
        col("utm_source", &["UTM Source", "hs_utm_source"], Utm),
        col("utm_medium", &["UTM Medium", "hs_utm_medium"], Utm),
        col("utm_campaign", &["UTM Campaign", "hs_utm_campaign"], Utm),
        col("owner", &["Contact owner", "Propietario del contacto", "hubspot_owner_id"], User),
        col(
            "created_at",
            &["Create Date", "Fecha de creación", "createdAt", "created_at"],
            Instant,
        ),
    ],
);

const IDENTITY: FactRule = fact(
    "identity",
    &[
        col(
            "person_id",
            &["Record ID", "Contact ID", "ID de registro", "hs_object_id", "id", "vid"],
            Id,
        ),
        col("first_name", &["First Name", "Nombre"], Text),
        col("last_name", &["Last Name", "Apellidos"], Text),
        col("email", &["Email", "Correo"], Text),
        col("phone", &["Phone Number", "Número de teléfono", "phone"], Text),
        col("mobile", &["Mobile Phone Number", "mobilephone"], Text),
        col("title", &["Job Title", "Cargo"], Text),
    ],
);

const STAGES_REACHED: FactRule = FactRule {
    each: Some(EachColumn {
        around: &[
            ("date entered \"", "\""),
            ("became a ", " date"),
            ("became an ", " date"),
            ("hs_lifecyclestage_", "_date"),
            ("hs_v2_date_entered_", ""),
        ],
        value_to: "at",
        name_to: "stage",
    }),
    needs: &["at"],
    ..fact(
        "lifecycle_event",
        &[col(
            "person_id",
            &["Record ID", "Contact ID", "ID de registro", "hs_object_id", "id", "vid"],
            Id,
        )],
    )
};

const MERGED_CONTACTS: FactRule = FactRule {
    split: Some((
        "id",
        &["Merged object IDs", "hs_merged_object_ids", "hs_calculated_merged_vids"],
    )),
    needs: &["id"],
    ..fact(
        "person",
        &[col("merged_into", &["Record ID", "Contact ID", "hs_object_id", "id", "vid"], Id)],
    )
};

const COMPANY: FactRule = fact(
    "account",
    &[
        col("id", &["Record ID", "Company ID", "hs_object_id", "id"], Id),
        col("name", &["Company name", "property_name", "name"], Text),
        col("domain", &["Company Domain Name", "property_domain", "domain"], WebDomain),
        col("industry", &["Industry"], Text),
        col("employees", &["Number of Employees", "numberofemployees"], Integer),
        col("country", &["Country/Region", "property_country", "country"], Text),
        col("parent_id", &["Parent Company ID", "hs_parent_company_id"], Id),
        col("targeted", &["Target Account", "hs_is_target_account"], Boolean),
        col("owner", &["Company owner", "hubspot_owner_id"], User),
        col("created_at", &["Create Date", "createdAt"], Instant),
    ],
);

const fn engagement(kind: &'static str) -> [super::ColumnRule; 7] {
    [
        col("id", &["engagement_id"], Id),
        col("person_id", &["engagement_id"], EngagementContact),
        col("account_id", &["engagement_id"], EngagementCompany),
        col(
            "at",
            &["property_hs_timestamp", "start_time", "hs_createdate", "property_hs_createdate"],
            Instant,
        ),
        always("kind", kind),
        col(
            "content",
            &[
                "title",
                "property_hs_meeting_title",
                "property_hs_email_subject",
                "property_hs_call_title",
            ],
            Text,
        ),
        col(
            "status",
            &["meeting_outcome", "property_hs_meeting_outcome", "property_hs_call_disposition"],
            Text,
        ),
    ]
}

const MEETINGS: &[super::ColumnRule] = &engagement("meeting");
const EMAILS: &[super::ColumnRule] = &engagement("email");
const CALLS: &[super::ColumnRule] = &engagement("call");

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        dialect: EXPORT,
        guarded: &["Amount", "Close Date", "Deal Stage"],
        ..preset(
            "hubspot.deals_export",
            "deals view export, by labels or internal names",
            &[
                &["Record ID", "Deal Stage", "Deal Name"],
                &["Deal ID", "Deal Stage", "Deal Name", "Pipeline"],
            ],
            &["_fivetran_synced", "deal_pipeline_stage_id", "_airbyte_extracted_at"],
            &[DEAL, STAGES_ENTERED, DEAL_ROLES],
        )
    },
    preset(
        "hubspot.deals",
        "deals as loaders and the API write them",
        &[
            &["hs_object_id", "dealname"],
            &["id", "dealname", "dealstage"],
            &["dealname", "dealstage", "pipeline"],
        ],
        &["deal_pipeline_stage_id", "Record ID"],
        &[DEAL, STAGES_ENTERED],
    ),
    preset(
        "hubspot.deal_table",
        "deal table of a warehouse loader",
        &[&["deal_id", "deal_pipeline_stage_id", "property_dealname"]],
        &[],
        &[
            fact(
                "opportunity",
                &[
                    col("id", &["deal_id"], Id),
                    col("account_id", &["deal_id"], DealCompany),
                    col("name", &["property_dealname"], Text),
                    col("stage", &["deal_pipeline_stage_id", "property_dealstage"], StageLabel),
                    col("amount", &["property_amount"], Amount),
                    col("currency", &["property_deal_currency_code"], Currency),
                    col("probability", &["property_hs_deal_stage_probability"], Fraction),
                    col(
                        "forecast_category",
                        &["property_hs_manual_forecast_category"],
                        ForecastCategory,
                    ),
                    col("created_at", &["property_createdate"], Instant),
                    col("close_on", &["property_closedate"], Day),
                    col("closed", &["deal_pipeline_stage_id", "property_dealstage"], StageClosed),
                    col("won", &["deal_pipeline_stage_id", "property_dealstage"], StageWon),
                    col("kind", &["property_dealtype"], Text),
                    col("lead_source", &["property_hs_analytics_source"], Text),
                    col("lead_source_detail", &["property_hs_analytics_source_data_1"], Text),
                    col("owner", &["owner_id", "property_hubspot_owner_id"], User),
                    col("loss_reason", &["property_closed_lost_reason"], Text),
                    col("next_step", &["property_hs_next_step"], Text),
                    col("modified_at", &["property_hs_lastmodifieddate"], Instant),
                ],
            ),
            STAGES_ENTERED,
        ],
    ),
    preset(
        "hubspot.deal_stage_table",
        "stage visits of deals, table of a warehouse loader",
        &[&["deal_id", "value", "date_entered"]],
        &[],
        &[fact(
            "opportunity_event",
            &[
                col("opportunity_id", &["deal_id"], Id),
                always("field", "stage"),
                col("new", &["value"], StageLabel),
                col("at", &["date_entered"], Instant),
                col("sequence", &["_fivetran_start"], Text),
            ],
        )],
    ),
    Preset {
        shape: Shape::Changes,
        ..preset(
            "hubspot.deal_property_history_table",
            "property history of deals, table of a warehouse loader",
            &[&["deal_id", "name", "value", "timestamp"]],
            &[],
            &[FactRule {
                needs: &["field"],
                ..fact(
                    "opportunity_event",
                    &[
                        col("opportunity_id", &["deal_id"], Id),
                        col("field", &["name"], FieldName),
                        col("new", &["value"], Text),
                        col("at", &["timestamp"], Instant),
                        col("actor", &["source"], Text),
                    ],
                )
            }],
        )
    },
    preset(
        "hubspot.contact_property_history_table",
        "property history of contacts, table of a warehouse loader",
        &[&["contact_id", "name", "value", "timestamp"]],
        &[],
        &[FactRule {
            needs: &["stage"],
            when: Some(When::Equals("name", "lifecyclestage")),
            ..fact(
                "lifecycle_event",
                &[
                    col("person_id", &["contact_id"], Id),
                    col("stage", &["value"], Lifecycle),
                    col("at", &["timestamp"], Instant),
                    col("actor", &["source"], Text),
                ],
            )
        }],
    ),
    preset(
        "hubspot.deal_contact_table",
        "contacts on deals, table of a warehouse loader",
        &[&["deal_id", "contact_id"]],
        &["dealname", "timestamp"],
        &[fact(
            "opportunity_role",
            &[
                col("opportunity_id", &["deal_id"], Id),
                col("person_id", &["contact_id"], Id),
                col("role", &["label"], Text),
            ],
        )],
    ),
    Preset {
        shape: Shape::Lookup(LookupKind::DealCompany),
        ..preset(
            "hubspot.deal_company_table",
            "companies of deals, table of a warehouse loader",
            &[&["deal_id", "company_id"]],
            &["dealname", "contact_id"],
            &[fact(
                "lookup",
                &[
                    col("key", &["deal_id"], Id),
                    col("value", &["company_id"], Id),
                    col("first", &["type_id"], Text),
                ],
            )],
        )
    },
    preset(
        "hubspot.merged_deal_table",
        "deals merged into others, table of a warehouse loader",
        &[&["deal_id", "merged_deal_id"]],
        &[],
        &[FactRule {
            withdraws: true,
            ..fact("opportunity", &[col("id", &["merged_deal_id"], Id)])
        }],
    ),
    Preset {
        shape: Shape::Lookup(LookupKind::Stage),
        ..preset(
            "hubspot.deal_pipeline_stage_table",
            "stages of pipelines, table of a warehouse loader",
            &[&["stage_id", "pipeline_id", "label"]],
            &[],
            &[fact(
                "lookup",
                &[
                    col("key", &["stage_id"], Id),
                    col("value", &["label"], Text),
                    col("closed", &["is_closed"], Boolean),
                    col("won", &["closed_won"], Boolean),
                    col("first", &["probability"], Text),
                ],
            )],
        )
    },
    Preset {
        shape: Shape::Lookup(LookupKind::User),
        ..preset(
            "hubspot.owner_table",
            "owners, table of a warehouse loader",
            &[&["owner_id", "first_name", "last_name"], &["owner_id", "active_user_id"]],
            &["deal_id"],
            &[fact(
                "lookup",
                &[
                    col("key", &["owner_id"], Id),
                    col("first", &["first_name"], Text),
                    col("last", &["last_name"], Text),
                ],
            )],
        )
    },
    Preset {
        dialect: EXPORT,
        ..preset(
            "hubspot.contacts_export",
            "contacts view export, by labels in English or Spanish",
            &[
                &["Record ID", "Email", "First Name"],
                &["Record ID", "Email", "Lifecycle Stage"],
                &["Contact ID", "Email", "Lifecycle Stage"],
                &["ID de registro", "Correo"],
            ],
            &["_fivetran_synced", "Deal Name"],
            &[CONTACT, IDENTITY, STAGES_REACHED, MERGED_CONTACTS],
        )
    },
    preset(
        "hubspot.contacts",
        "contacts as loaders and the API write them",
        &[
            &["hs_object_id", "email", "lifecyclestage"],
            &["id", "property_email"],
            &["id", "email", "lifecyclestage"],
            &["vid", "email"],
            &["id", "properties.email"],
        ],
        &["Record ID", "dealname", "IsConverted"],
        &[CONTACT, IDENTITY, STAGES_REACHED, MERGED_CONTACTS],
    ),
    preset(
        "hubspot.contact_merge_audit_table",
        "contacts merged into others, table of a warehouse loader",
        &[&["canonical_vid", "vid_to_merge"]],
        &[],
        &[fact(
            "person",
            &[col("id", &["vid_to_merge"], Id), col("merged_into", &["canonical_vid"], Id)],
        )],
    ),
    preset(
        "hubspot.contact_form_submission_table",
        "form fills, table of a warehouse loader",
        &[&["contact_id", "form_id", "timestamp"]],
        &[],
        &[fact(
            "touch",
            &[
                col("id", &["conversion_id"], Id),
                col("person_id", &["contact_id"], Id),
                col("at", &["timestamp"], Instant),
                always("kind", "form"),
                col("content", &["title", "page_url"], Text),
            ],
        )],
    ),
    Preset {
        dialect: EXPORT,
        ..preset(
            "hubspot.companies_export",
            "companies view export, by labels",
            &[
                &["Record ID", "Company name", "Company Domain Name"],
                &["Record ID", "Company name", "Industry"],
                &["Company ID", "Company name"],
            ],
            &["Email", "Deal Name"],
            &[COMPANY],
        )
    },
    preset(
        "hubspot.companies",
        "companies as loaders and the API write them",
        &[
            &["id", "property_name", "property_industry"],
            &["hs_object_id", "name", "domain"],
            &["id", "properties_name", "properties_domain"],
        ],
        &["Record ID", "email", "dealname", "StageName", "ParentId", "IsDeleted2"],
        &[COMPANY],
    ),
    preset(
        "hubspot.engagement_meeting_table",
        "meetings, table of a warehouse loader",
        &[
            &["engagement_id", "meeting_outcome"],
            &["engagement_id", "start_time", "end_time"],
            &["engagement_id", "property_hs_meeting_title"],
        ],
        &[],
        &[fact("touch", MEETINGS)],
    ),
    preset(
        "hubspot.engagement_email_table",
        "e-mails, table of a warehouse loader",
        &[&["engagement_id", "property_hs_email_subject"]],
        &[],
        &[fact("touch", EMAILS)],
    ),
    preset(
        "hubspot.engagement_call_table",
        "calls, table of a warehouse loader",
        &[&["engagement_id", "property_hs_timestamp", "property_hs_createdate", "type"]],
        &[
            "property_hs_email_subject",
            "property_hs_note_body",
            "property_hs_task_type",
            "meeting_outcome",
            "contact_id",
        ],
        &[FactRule { when: Some(When::NotTrue(&["_fivetran_deleted"])), ..fact("touch", CALLS) }],
    ),
    Preset {
        shape: Shape::Lookup(LookupKind::EngagementContact),
        ..preset(
            "hubspot.engagement_contact_table",
            "contacts of engagements, table of a warehouse loader",
            &[&["engagement_id", "contact_id"]],
            &[],
            &[fact(
                "lookup",
                &[col("key", &["engagement_id"], Id), col("value", &["contact_id"], Id)],
            )],
        )
    },
    Preset {
        shape: Shape::Lookup(LookupKind::EngagementCompany),
        ..preset(
            "hubspot.engagement_company_table",
            "companies of engagements, table of a warehouse loader",
            &[&["engagement_id", "company_id"]],
            &[],
            &[fact(
                "lookup",
                &[col("key", &["engagement_id"], Id), col("value", &["company_id"], Id)],
            )],
        )
    },
    Preset {
        shape: Shape::Skip("notes, tasks, property lists and pipeline names make no facts"),
        ..preset(
            "hubspot.other",
            "tables that make no facts",
            &[
                &["engagement_id", "property_hs_note_body"],
                &["engagement_id", "property_hs_task_type"],
                &["engagement_id", "deal_id"],
                &["id", "type", "portal_id"],
                &["pipeline_id", "label", "display_order"],
                &["property_id", "label", "value"],
                &["field_type", "group_name", "hubspot_object"],
            ],
            &["stage_id", "dealname"],
            &[],
        )
    },
];
