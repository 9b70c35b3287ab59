//! Salesforce: objects by API name (Data Loader, weekly export, warehouse loaders) and reports by
//! label, in English and German.

use super::Read::{
    ActivityKind, Amount, Boolean, Currency, Day, EmailDomain, FieldName, ForecastCategory,
    Instant, Integer, MatchKey, Not, Percent, Qualification, Rate, SalesforceId, SalesforcePerson,
    Text, User, Utm, WebDomain,
};
use super::{
    API, Dates, Dialect, FactRule, LookupKind, Numbers, Preset, Shape, Totals, When, always, col,
    fact,
};
use crate::format::decode::Encoding;

/// How a report writes: the user's language and zone.
const REPORT: Dialect = Dialect {
    numbers: Numbers::Decide,
    dates: Dates::Decide,
    utc: false,
    empties: &["-"],
    fallback: Some(Encoding::Windows1252),
    totals: Totals::Report,
    epoch: false,
    compact: false,
};

const fn object(
    id: &'static str,
    about: &'static str,
    any: &'static [&'static [&'static str]],
    none: &'static [&'static str],
    facts: &'static [FactRule],
) -> Preset {
    Preset {
        id,
        system: "salesforce",
        about,
        any,
        none,
        dialect: API,
        shape: Shape::Rows,
        facts,
        until: &[],
        guarded: &[],
    }
}

const OPPORTUNITY: FactRule = fact(
    "opportunity",
    &[
        col("id", &["Id"], SalesforceId),
        col("account_id", &["AccountId"], SalesforceId),
        col("account_name", &["Account.Name"], Text),
        col("name", &["Name"], Text),
        col("stage", &["StageName"], Text),
        col("amount", &["Amount"], Amount),
        col("currency", &["CurrencyIsoCode"], Currency),
        col("probability", &["Probability"], Percent),
        col("forecast_category", &["ForecastCategory", "ForecastCategoryName"], ForecastCategory),
        col("created_at", &["CreatedDate"], Instant),
        col("close_on", &["CloseDate"], Day),
        col("closed", &["IsClosed"], Boolean),
        col("won", &["IsWon"], Boolean),
        col("kind", &["Type"], Text),
        col("lead_source", &["LeadSource"], Text),
        col("lead_source_detail", &["Lead_Source_Detail__c", "Source_Detail__c"], Text),
        col("program_id", &["CampaignId"], SalesforceId),
        col("program_name", &["Campaign.Name"], Text),
        col("owner", &["OwnerId", "Owner.Name"], User),
        col("competitor", &["Primary_Competitor__c", "Competitor__c", "Main_Competitor__c"], Text),
        col(
            "loss_reason",
            &["Loss_Reason__c", "Lost_Reason__c", "Closed_Lost_Reason__c", "Reason_Lost__c"],
            Text,
        ),
        col("discount", &["Discount__c", "Discount_Percent__c"], Percent),
        col("next_step", &["NextStep"], Text),
        col("qualification", &[], Qualification),
        col("modified_at", &["SystemModstamp", "LastModifiedDate"], Instant),
    ],
);

const IDENTITY: FactRule = fact(
    "identity",
    &[
        col("person_id", &["Id"], SalesforceId),
        col("name", &["Name"], Text),
        col("first_name", &["FirstName"], Text),
        col("last_name", &["LastName"], Text),
        col("email", &["Email"], Text),
        col("phone", &["Phone"], Text),
        col("mobile", &["MobilePhone"], Text),
        col("title", &["Title"], Text),
    ],
);

const SNAPSHOTS: FactRule = fact(
    "snapshot",
    &[
        col("opportunity_id", &["OpportunityId"], SalesforceId),
        col("at", &["CreatedDate"], Instant),
        col("sequence", &["Id"], SalesforceId),
        col("actor", &["CreatedById"], User),
        col("stage", &["StageName"], Text),
        col("amount", &["Amount"], Amount),
        col("close_on", &["CloseDate"], Day),
        col("forecast_category", &["ForecastCategory"], ForecastCategory),
    ],
);

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        guarded: &["Amount", "CloseDate", "StageName", "CreatedDate"],
        ..object(
            "salesforce.opportunity",
            "Opportunity by API names: Data Loader, weekly export, warehouse tables",
            &[
                &["Id", "StageName", "CloseDate", "Name"],
                &["Id", "StageName", "IsWon"],
                &["Id", "StageName", "Amount", "CreatedDate", "Name"],
            ],
            &["OpportunityId", "_fivetran_start"],
            &[OPPORTUNITY],
        )
    },
    Preset {
        shape: Shape::Snapshots,
        ..object(
            "salesforce.opportunity_versions",
            "Opportunity with every version kept (history mode of a warehouse loader)",
            &[&["Id", "StageName", "_fivetran_start", "_fivetran_end"]],
            &["OpportunityId"],
            &[
                fact(
                    "snapshot",
                    &[
                        col("opportunity_id", &["Id"], SalesforceId),
                        col("at", &["_fivetran_start"], Instant),
                        col("stage", &["StageName"], Text),
                        col("amount", &["Amount"], Amount),
                        col("close_on", &["CloseDate"], Day),
                        col(
                            "forecast_category",
                            &["ForecastCategory", "ForecastCategoryName"],
                            ForecastCategory,
                        ),
                        col("owner", &["OwnerId"], User),
                    ],
                ),
                FactRule { when: Some(When::True(&["_fivetran_active"])), ..OPPORTUNITY },
            ],
        )
    },
    Preset {
        shape: Shape::Snapshots,
        ..object(
            "salesforce.opportunity_history",
            "OpportunityHistory: stage, amount, close date and forecast category over time",
            &[
                &["OpportunityId", "StageName", "ForecastCategory", "CreatedDate"],
                &["OpportunityId", "StageName", "CloseDate", "Probability"],
            ],
            &["Name"],
            &[SNAPSHOTS],
        )
    },
    Preset {
        shape: Shape::Changes,
        ..object(
            "salesforce.opportunity_field_history",
            "OpportunityFieldHistory: changes of tracked fields",
            &[&["OpportunityId", "Field", "OldValue", "NewValue"]],
            &[],
            &[FactRule {
                needs: &["field"],
                ..fact(
                    "opportunity_event",
                    &[
                        col("opportunity_id", &["OpportunityId"], SalesforceId),
                        col("field", &["Field"], FieldName),
                        col("old", &["OldValue"], Text),
                        col("new", &["NewValue"], Text),
                        col("at", &["CreatedDate"], Instant),
                        col("actor", &["CreatedById"], User),
                        col("sequence", &["Id"], SalesforceId),
                    ],
                )
            }],
        )
    },
    object(
        "salesforce.account",
        "Account by API names",
        &[
            &["Id", "Name", "ParentId", "Industry"],
            &["Id", "Name", "Industry", "NumberOfEmployees"],
            &["Id", "Name", "BillingCountry"],
            &["Id", "Name", "Website", "OwnerId"],
        ],
        &["StageName", "Company", "AccountId", "Email", "BudgetedCost", "IsConverted"],
        &[fact(
            "account",
            &[
                col("id", &["Id"], SalesforceId),
                col("name", &["Name"], Text),
                col("domain", &["Website", "Domain__c"], WebDomain),
                col("industry", &["Industry"], Text),
                col("employees", &["NumberOfEmployees"], Integer),
                col("country", &["BillingCountry", "BillingCountryCode"], Text),
                col("parent_id", &["ParentId"], SalesforceId),
                col("targeted", &["Target_Account__c", "Is_Target_Account__c"], Boolean),
                col("merged_into", &["MasterRecordId"], SalesforceId),
                col("owner", &["OwnerId"], User),
                col("created_at", &["CreatedDate"], Instant),
            ],
        )],
    ),
    object(
        "salesforce.lead",
        "Lead by API names",
        &[
            &["Id", "ConvertedOpportunityId"],
            &["Id", "IsConverted", "Company"],
            &["Id", "Company", "LeadSource", "Status"],
        ],
        &[],
        &[
            fact(
                "person",
                &[
                    col("id", &["Id"], SalesforceId),
                    always("kind", "lead"),
                    col("match_key", &["Email"], MatchKey),
                    col("email_domain", &["Email"], EmailDomain),
                    col("company", &["Company"], Text),
                    col("lead_source", &["LeadSource"], Text),
                    col("status", &["Status"], Text),
                    col("utm_source", &["UTM_Source__c", "pi__utm_source__c"], Utm),
                    col("utm_medium", &["UTM_Medium__c", "pi__utm_medium__c"], Utm),
                    col("utm_campaign", &["UTM_Campaign__c", "pi__utm_campaign__c"], Utm),
                    col("converted_at", &["ConvertedDate"], Instant),
                    col("converted_account_id", &["ConvertedAccountId"], SalesforceId),
                    col("converted_person_id", &["ConvertedContactId"], SalesforceId),
                    col("converted_opportunity_id", &["ConvertedOpportunityId"], SalesforceId),
                    col("merged_into", &["MasterRecordId"], SalesforceId),
                    col("owner", &["OwnerId"], User),
                    col("created_at", &["CreatedDate"], Instant),
                ],
            ),
            IDENTITY,
        ],
    ),
    object(
        "salesforce.contact",
        "Contact by API names",
        &[
            &["Id", "AccountId", "Email", "LastName"],
            &["Id", "AccountId", "Email", "ReportsToId"],
            &["Id", "AccountId", "LeadSource", "Email"],
        ],
        &["StageName", "IsConverted", "Company"],
        &[
            fact(
                "person",
                &[
                    col("id", &["Id"], SalesforceId),
                    always("kind", "contact"),
                    col("account_id", &["AccountId"], SalesforceId),
                    col("match_key", &["Email"], MatchKey),
                    col("email_domain", &["Email"], EmailDomain),
                    col("buying_role", &["Buying_Role__c"], Text),
                    col("lead_source", &["LeadSource"], Text),
                    col("status", &["Contact_Status__c", "Contact_Stage__c"], Text),
                    col("utm_source", &["UTM_Source__c", "pi__utm_source__c"], Utm),
                    col("utm_medium", &["UTM_Medium__c", "pi__utm_medium__c"], Utm),
                    col("utm_campaign", &["UTM_Campaign__c", "pi__utm_campaign__c"], Utm),
                    col("merged_into", &["MasterRecordId"], SalesforceId),
                    col("owner", &["OwnerId"], User),
                    col("created_at", &["CreatedDate"], Instant),
                ],
            ),
            IDENTITY,
        ],
    ),
    object(
        "salesforce.opportunity_contact_role",
        "OpportunityContactRole: people on deals",
        &[&["OpportunityId", "ContactId", "Role"], &["OpportunityId", "ContactId", "IsPrimary"]],
        &["StageName"],
        &[fact(
            "opportunity_role",
            &[
                col("opportunity_id", &["OpportunityId"], SalesforceId),
                col("person_id", &["ContactId"], SalesforceId),
                col("role", &["Role"], Text),
                col("primary", &["IsPrimary"], Boolean),
                col("created_at", &["CreatedDate"], Instant),
            ],
        )],
    ),
    object(
        "salesforce.campaign",
        "Campaign by API names",
        &[
            &["Id", "Name", "BudgetedCost"],
            &["Id", "Name", "ActualCost"],
            &["Id", "Name", "NumberSent", "StartDate"],
            &["Id", "Name", "Type", "Status", "StartDate", "EndDate"],
        ],
        &["CampaignId", "StageName", "customer_id"],
        &[fact(
            "program",
            &[
                col("id", &["Id"], SalesforceId),
                col("parent_id", &["ParentId"], SalesforceId),
                col("name", &["Name"], Text),
                col("kind", &["Type"], Text),
                col("channel", &["Channel__c"], Text),
                col("owner", &["OwnerId"], User),
                col("vendor", &["Vendor__c"], Text),
                col("status", &["Status"], Text),
                col("objective", &["Objective__c"], Text),
                col("segment", &["Segment__c"], Text),
                col("persona", &["Persona__c"], Text),
                col("message", &["Message__c"], Text),
                col("hypothesis", &["Hypothesis__c"], Text),
                col("start_on", &["StartDate"], Day),
                col("end_on", &["EndDate"], Day),
                col("budget", &["BudgetedCost"], Amount),
                col("actual_cost", &["ActualCost"], Amount),
                col("currency", &["CurrencyIsoCode"], Currency),
                col("created_at", &["CreatedDate"], Instant),
            ],
        )],
    ),
    object(
        "salesforce.campaign_member",
        "CampaignMember: people in campaigns",
        &[
            &["CampaignId", "HasResponded", "LeadId"],
            &["CampaignId", "HasResponded", "ContactId"],
            &["CampaignId", "HasResponded", "LeadOrContactId"],
        ],
        &["SortOrder"],
        &[fact(
            "touch",
            &[
                col("id", &["Id"], SalesforceId),
                // A converted lead carries both ids: one person, the contact.
                col("person_id", &["ContactId", "LeadId", "LeadOrContactId"], SalesforceId),
                col("at", &["FirstRespondedDate", "CreatedDate"], Instant),
                always("kind", "campaign_member"),
                col("program_id", &["CampaignId"], SalesforceId),
                col("source", &["UTM_Source__c"], Utm),
                col("medium", &["UTM_Medium__c"], Utm),
                col("campaign", &["UTM_Campaign__c"], Utm),
                col("content", &["UTM_Content__c"], Utm),
                col("status", &["Status"], Text),
                col("responded", &["HasResponded"], Boolean),
            ],
        )],
    ),
    object(
        "salesforce.task",
        "Task: calls, e-mails and other activities",
        &[&["Id", "WhoId", "ActivityDate", "Status"], &["Id", "WhoId", "TaskSubtype"]],
        &["StartDateTime"],
        &[FactRule {
            when: Some(When::NotTrue(&["IsRecurrence"])),
            ..fact(
                "touch",
                &[
                    col("id", &["Id"], SalesforceId),
                    col("person_id", &["WhoId"], SalesforcePerson),
                    col("account_id", &["AccountId"], SalesforceId),
                    col("at", &["CompletedDateTime", "ActivityDate", "CreatedDate"], Instant),
                    col("kind", &["TaskSubtype", "Type"], ActivityKind),
                    col("content", &["Subject"], Text),
                    col("status", &["Status"], Text),
                    // An open task is a plan, no contact yet.
                    col("invalid", &["IsClosed"], Not),
                ],
            )
        }],
    ),
    object(
        "salesforce.event",
        "Event: meetings",
        &[
            &["Id", "WhoId", "StartDateTime"],
            &["Id", "WhoId", "ActivityDateTime", "DurationInMinutes"],
        ],
        &[],
        &[FactRule {
            // Copies for invited people: the parent alone counts.
            when: Some(When::NotTrue(&["IsChild"])),
            ..fact(
                "touch",
                &[
                    col("id", &["Id"], SalesforceId),
                    col("person_id", &["WhoId"], SalesforcePerson),
                    col("account_id", &["AccountId"], SalesforceId),
                    col(
                        "at",
                        &["StartDateTime", "ActivityDateTime", "ActivityDate", "CreatedDate"],
                        Instant,
                    ),
                    always("kind", "meeting"),
                    col("content", &["Subject"], Text),
                ],
            )
        }],
    ),
    Preset {
        shape: Shape::Lookup(LookupKind::User),
        ..object(
            "salesforce.user",
            "User: names of owners",
            &[
                &["Id", "Username", "Name"],
                &["Id", "Name", "UserRoleId", "ManagerId"],
                &["Id", "Username", "IsActive"],
            ],
            &[],
            &[fact(
                "lookup",
                &[
                    col("key", &["Id"], SalesforceId),
                    col("value", &["Name"], Text),
                    col("first", &["FirstName"], Text),
                    col("last", &["LastName"], Text),
                ],
            )],
        )
    },
    Preset {
        shape: Shape::Lookup(LookupKind::MemberStatus),
        ..object(
            "salesforce.campaign_member_status",
            "CampaignMemberStatus: which statuses count as a response",
            &[&["CampaignId", "Label", "HasResponded"]],
            &["LeadId", "ContactId"],
            &[fact(
                "lookup",
                &[
                    col("key", &["CampaignId"], SalesforceId),
                    col("value", &["Label"], Text),
                    col("won", &["HasResponded"], Boolean),
                ],
            )],
        )
    },
    object(
        "salesforce.dated_conversion_rate",
        "DatedConversionRate: exchange rates by day",
        &[&["IsoCode", "ConversionRate", "StartDate"]],
        &[],
        &[fact(
            "fx_rate",
            &[
                // The rate is units of the currency for one of the corporate currency.
                always("from", "{settings.currency}"),
                col("to", &["IsoCode"], Currency),
                col("day", &["StartDate"], Day),
                col("rate", &["ConversionRate"], Rate),
            ],
        )],
    ),
    object(
        "salesforce.currency_type",
        "CurrencyType: current exchange rates",
        &[&["IsoCode", "ConversionRate", "IsCorporate"]],
        &["StartDate"],
        &[fact(
            "fx_rate",
            &[
                always("from", "{settings.currency}"),
                col("to", &["IsoCode"], Currency),
                col("day", &["LastModifiedDate", "SystemModstamp", "CreatedDate"], Day),
                col("rate", &["ConversionRate"], Rate),
            ],
        )],
    ),
    Preset {
        shape: Shape::Skip("products, roles and line items make no facts yet"),
        ..object(
            "salesforce.other",
            "objects that make no facts: line items, products, roles",
            &[
                &["Id", "OpportunityId", "PricebookEntryId"],
                &["Id", "ProductCode", "Family"],
                &["Id", "ParentRoleId", "DeveloperName"],
                &["Id", "name", "parent_role_id"],
            ],
            &["StageName"],
            &[],
        )
    },
    Preset {
        dialect: REPORT,
        guarded: &["Amount", "Close Date"],
        ..object(
            "salesforce.report_opportunities",
            "report of opportunities, details only, by labels",
            &[
                &["Opportunity ID", "Stage", "Amount"],
                &["Opportunity ID", "Stage", "Close Date"],
                &["Opportunity ID", "Phase", "Schlusstermin"],
                &["Opportunity ID", "Phase", "Betrag"],
            ],
            &["From Stage", "To Stage", "StageName", "OldValue", "Field / Event"],
            &[fact(
                "opportunity",
                &[
                    col("id", &["Opportunity ID"], SalesforceId),
                    col("account_id", &["Account ID", "Account-ID"], SalesforceId),
                    col("account_name", &["Account Name", "Accountname"], Text),
                    col("name", &["Opportunity Name"], Text),
                    col("stage", &["Stage", "Phase"], Text),
                    col("amount", &["Amount", "Betrag"], Amount),
                    col(
                        "currency",
                        &["Amount Currency", "Betrag Währung", "Currency", "Opportunity Currency"],
                        Currency,
                    ),
                    col("probability", &["Probability (%)", "Wahrscheinlichkeit (%)"], Percent),
                    col(
                        "forecast_category",
                        &["Forecast Category", "Prognosekategorie"],
                        ForecastCategory,
                    ),
                    col("created_at", &["Created Date", "Erstelldatum"], Instant),
                    col("close_on", &["Close Date", "Schlusstermin"], Day),
                    col("closed", &["Closed", "Geschlossen"], Boolean),
                    col("won", &["Won", "Gewonnen"], Boolean),
                    col("kind", &["Type", "Typ"], Text),
                    col("lead_source", &["Lead Source", "Leadquelle"], Text),
                    col("lead_source_detail", &["Lead Source Detail"], Text),
                    col("program_id", &["Primary Campaign Source: Campaign ID"], SalesforceId),
                    col(
                        "program_name",
                        &["Primary Campaign Source: Campaign Name", "Primary Campaign Source"],
                        Text,
                    ),
                    col("owner", &["Opportunity Owner", "Opportunity-Inhaber"], Text),
                    col("competitor", &["Primary Competitor", "Main Competitor(s)"], Text),
                    col("loss_reason", &["Loss Reason", "Closed Lost Reason"], Text),
                    col("next_step", &["Next Step", "Nächster Schritt"], Text),
                    col("modified_at", &["Last Modified Date", "Letztes Änderungsdatum"], Instant),
                ],
            )],
        )
    },
    Preset {
        dialect: REPORT,
        shape: Shape::Changes,
        ..object(
            "salesforce.report_opportunity_history",
            "report of stage moves, by labels",
            &[&["Opportunity ID", "From Stage", "To Stage"]],
            &[],
            &[FactRule {
                needs: &["field"],
                ..fact(
                    "opportunity_event",
                    &[
                        col("opportunity_id", &["Opportunity ID"], SalesforceId),
                        always("field", "stage"),
                        col("old", &["From Stage"], Text),
                        col("new", &["To Stage"], Text),
                        col("at", &["Last Modified", "Edit Date", "Last Modified Date"], Instant),
                        col("actor", &["Last Modified By"], Text),
                    ],
                )
            }],
        )
    },
    Preset {
        dialect: REPORT,
        shape: Shape::Changes,
        ..object(
            "salesforce.report_opportunity_field_history",
            "report of field changes, by labels",
            &[&["Opportunity ID", "Field / Event", "Old Value", "New Value"]],
            &[],
            &[FactRule {
                needs: &["field"],
                ..fact(
                    "opportunity_event",
                    &[
                        col("opportunity_id", &["Opportunity ID"], SalesforceId),
                        col("field", &["Field / Event"], FieldName),
                        col("old", &["Old Value"], Text),
                        col("new", &["New Value"], Text),
                        col("at", &["Edit Date"], Instant),
                        col("actor", &["Edited By"], Text),
                    ],
                )
            }],
        )
    },
    Preset {
        dialect: REPORT,
        ..object(
            "salesforce.report_leads",
            "report of leads, by labels",
            &[&["Lead ID", "Lead Status"], &["Lead ID", "Lead Source", "Company / Account"]],
            &[],
            &[
                fact(
                    "person",
                    &[
                        col("id", &["Lead ID"], SalesforceId),
                        always("kind", "lead"),
                        col("match_key", &["Email"], MatchKey),
                        col("email_domain", &["Email"], EmailDomain),
                        col("company", &["Company / Account", "Company"], Text),
                        col("lead_source", &["Lead Source"], Text),
                        col("status", &["Lead Status"], Text),
                        col("converted_at", &["Converted Date"], Instant),
                        col("converted_opportunity_id", &["Opportunity ID"], SalesforceId),
                        col("converted_account_id", &["Account ID"], SalesforceId),
                        col("converted_person_id", &["Contact ID"], SalesforceId),
                        col("owner", &["Lead Owner"], Text),
                        col("created_at", &["Create Date", "Created Date"], Instant),
                    ],
                ),
                fact(
                    "identity",
                    &[
                        col("person_id", &["Lead ID"], SalesforceId),
                        col("name", &["Name", "Lead Name"], Text),
                        col("first_name", &["First Name"], Text),
                        col("last_name", &["Last Name"], Text),
                        col("email", &["Email"], Text),
                        col("phone", &["Phone"], Text),
                        col("mobile", &["Mobile", "Mobile Phone"], Text),
                        col("title", &["Title"], Text),
                    ],
                ),
            ],
        )
    },
    Preset {
        dialect: REPORT,
        ..object(
            "salesforce.report_campaign_members",
            "report of campaigns with members, by labels",
            &[&["Campaign ID", "Member Status"], &["Campaign ID", "Member First Responded Date"]],
            &[],
            &[fact(
                "touch",
                &[
                    col(
                        "id",
                        &[
                            "Campaign Member ID",
                            "Member ID",
                            "Related Record ID",
                            "Contact ID",
                            "Lead ID",
                        ],
                        SalesforceId,
                    ),
                    col("person_id", &["Contact ID", "Related Record ID", "Lead ID"], SalesforceId),
                    col(
                        "at",
                        &[
                            "Member First Responded Date",
                            "Member First Associated Date",
                            "Member Status Update Date",
                        ],
                        Instant,
                    ),
                    always("kind", "campaign_member"),
                    col("program_id", &["Campaign ID"], SalesforceId),
                    col("status", &["Member Status"], Text),
                    col("responded", &["Responded"], Boolean),
                ],
            )],
        )
    },
];
