//! The files that grow with the accounts: their names, headers and rows.

use crate::truth::Tally;

/// A file of the export that every account may add rows to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sheet {
    Account,
    Contact,
    Lead,
    LeadHistory,
    Opportunity,
    OpportunityHistory,
    OpportunityFieldHistory,
    OpportunityContactRole,
    CampaignMember,
    Task,
    Event,
    WebEvents,
    Report,
}

pub(crate) const SHEETS: [Sheet; 13] = [
    Sheet::Account,
    Sheet::Contact,
    Sheet::Lead,
    Sheet::LeadHistory,
    Sheet::Opportunity,
    Sheet::OpportunityHistory,
    Sheet::OpportunityFieldHistory,
    Sheet::OpportunityContactRole,
    Sheet::CampaignMember,
    Sheet::Task,
    Sheet::Event,
    Sheet::WebEvents,
    Sheet::Report,
];

impl Sheet {
    /// Returns the file name without its ending.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Account => "Account",
            Self::Contact => "Contact",
            Self::Lead => "Lead",
            Self::LeadHistory => "LeadHistory",
            Self::Opportunity => "Opportunity",
            Self::OpportunityHistory => "OpportunityHistory",
            Self::OpportunityFieldHistory => "OpportunityFieldHistory",
            Self::OpportunityContactRole => "OpportunityContactRole",
            Self::CampaignMember => "CampaignMember",
            Self::Task => "Task",
            Self::Event => "Event",
            Self::WebEvents => "ga4_events",
            Self::Report => "report_open_opportunities",
        }
    }

    /// Returns the column names.
    pub(crate) fn header(self) -> &'static [&'static str] {
        match self {
            Self::Account => &[
                "Id",
                "IsDeleted",
                "MasterRecordId",
                "Name",
                "Type",
                "ParentId",
                "Industry",
                "NumberOfEmployees",
                "BillingCountry",
                "Website",
                "OwnerId",
                "Target_Account__c",
                "CreatedDate",
                "SystemModstamp",
            ],
            Self::Contact => &[
                "Id",
                "IsDeleted",
                "MasterRecordId",
                "AccountId",
                "FirstName",
                "LastName",
                "Title",
                "Email",
                "LeadSource",
                "OwnerId",
                "CreatedDate",
                "SystemModstamp",
            ],
            Self::Lead => &[
                "Id",
                "IsDeleted",
                "MasterRecordId",
                "FirstName",
                "LastName",
                "Company",
                "Title",
                "Email",
                "LeadSource",
                "Status",
                "OwnerId",
                "IsConverted",
                "ConvertedDate",
                "ConvertedAccountId",
                "ConvertedContactId",
                "ConvertedOpportunityId",
                "Country",
                "CreatedDate",
                "SystemModstamp",
                "UTM_Source__c",
                "UTM_Medium__c",
                "UTM_Campaign__c",
            ],
            Self::LeadHistory => &[
                "Id",
                "IsDeleted",
                "LeadId",
                "CreatedById",
                "CreatedDate",
                "Field",
                "DataType",
                "OldValue",
                "NewValue",
            ],
            Self::Opportunity => &[
                "Id",
                "IsDeleted",
                "AccountId",
                "Name",
                "StageName",
                "Amount",
                "Probability",
                "ExpectedRevenue",
                "CloseDate",
                "Type",
                "NextStep",
                "LeadSource",
                "IsClosed",
                "IsWon",
                "ForecastCategory",
                "ForecastCategoryName",
                "CurrencyIsoCode",
                "CampaignId",
                "OwnerId",
                "CreatedDate",
                "LastModifiedDate",
                "SystemModstamp",
                "LastStageChangeDate",
                "FiscalYear",
                "FiscalQuarter",
                "Loss_Reason__c",
                "Main_Competitor__c",
                "Discount__c",
                "MEDDPICC_Economic_Buyer__c",
                "MEDDPICC_Champion__c",
                "MEDDPICC_Identify_Pain__c",
            ],
            Self::OpportunityHistory => &[
                "Id",
                "OpportunityId",
                "CreatedById",
                "CreatedDate",
                "StageName",
                "Amount",
                "ExpectedRevenue",
                "CloseDate",
                "Probability",
                "ForecastCategory",
                "CurrencyIsoCode",
                "SystemModstamp",
                "IsDeleted",
            ],
            Self::OpportunityFieldHistory => &[
                "Id",
                "IsDeleted",
                "OpportunityId",
                "CreatedById",
                "CreatedDate",
                "Field",
                "DataType",
                "OldValue",
                "NewValue",
            ],
            Self::OpportunityContactRole => &[
                "Id",
                "OpportunityId",
                "ContactId",
                "Role",
                "IsPrimary",
                "IsDeleted",
                "CreatedDate",
            ],
            Self::CampaignMember => &[
                "Id",
                "IsDeleted",
                "CampaignId",
                "LeadId",
                "ContactId",
                "Status",
                "HasResponded",
                "CreatedDate",
                "FirstRespondedDate",
                "SystemModstamp",
            ],
            Self::Task => &[
                "Id",
                "IsDeleted",
                "WhoId",
                "WhatId",
                "AccountId",
                "OwnerId",
                "Subject",
                "Type",
                "TaskSubtype",
                "Status",
                "IsClosed",
                "ActivityDate",
                "CompletedDateTime",
                "CallType",
                "CallDisposition",
                "CallDurationInSeconds",
                "CreatedDate",
                "SystemModstamp",
            ],
            Self::Event => &[
                "Id",
                "IsDeleted",
                "WhoId",
                "WhatId",
                "AccountId",
                "OwnerId",
                "Subject",
                "Type",
                "EventSubtype",
                "StartDateTime",
                "EndDateTime",
                "ActivityDate",
                "DurationInMinutes",
                "IsChild",
                "CreatedDate",
                "SystemModstamp",
            ],
            Self::WebEvents => &[
                "_fivetran_id",
                "_fivetran_synced",
                "date",
                "timestamp",
                "name",
                "user_pseudo_id",
                "user_id",
                "device_category",
                "geo_country",
                "event_dimensions_hostname",
                "param_page_location",
                "param_ga_session_id",
                "param_ga_session_number",
                "param_source",
                "param_medium",
                "param_campaign",
                "param_engagement_time_msec",
                "param_session_engaged",
                "collected_traffic_source_manual_source",
                "collected_traffic_source_manual_medium",
            ],
            Self::Report => &[
                "Opportunity ID",
                "Opportunity Name",
                "Account Name",
                "Opportunity Owner",
                "Stage",
                "Amount Currency",
                "Amount",
                "Probability (%)",
                "Close Date",
                "Created Date",
                "Type",
                "Lead Source",
                "Closed",
                "Won",
            ],
        }
    }

    /// True for the files that hold nearly all rows and may be split.
    pub(crate) fn bulky(self) -> bool {
        matches!(self, Self::CampaignMember | Self::Task | Self::WebEvents)
    }
}

/// The rows of some accounts, in order, and what they add to the truth.
#[derive(Default)]
pub(crate) struct Batch {
    sheets: [Vec<u8>; SHEETS.len()],
    rows: [u64; SHEETS.len()],
    /// JSON lines of the deals' true causes.
    pub(crate) causes: Vec<u8>,
    pub(crate) tally: Tally,
}

impl Batch {
    /// Counts a row of a file and returns where to write it.
    pub(crate) fn row(&mut self, sheet: Sheet) -> crate::rows::Row<'_> {
        if let Some(rows) = self.rows.get_mut(sheet as usize) {
            *rows += 1;
        }
        crate::rows::Row::new(crate::sheets::slot(&mut self.sheets, sheet))
    }

    /// Returns the bytes and the number of rows of a file.
    pub(crate) fn sheet(&self, sheet: Sheet) -> (&[u8], u64) {
        let bytes = self.sheets.get(sheet as usize).map_or(&[][..], Vec::as_slice);
        (bytes, self.rows.get(sheet as usize).copied().unwrap_or(0))
    }
}

/// Returns the bytes of a file to append to.
#[expect(clippy::indexing_slicing, reason = "the array has one place for each file")]
fn slot(sheets: &mut [Vec<u8>; SHEETS.len()], sheet: Sheet) -> &mut Vec<u8> {
    &mut sheets[sheet as usize]
}
