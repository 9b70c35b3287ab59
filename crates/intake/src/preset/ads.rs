//! Ad platforms: reports from the ad managers and the daily tables of warehouse loaders.
//!
//! All make spend by platform, campaign, day and currency, and the campaigns as programs. Segments
//! (network, device, ad) are summed; a row that covers more than a day refuses the file.

use super::Read::{
    AdCampaign, AdCurrency, Amount, Count, Currency, Day, Id, Instant, Integer, Micros, Text,
};
use super::{
    API, ColumnRule, Dates, Dialect, FactRule, LookupKind, Numbers, Preset, Shape, Totals, always,
    col, fact,
};

/// How ad managers write: numbers for people, nothing as dashes, totals at either end.
const MANAGER: Dialect = Dialect {
    numbers: Numbers::Decide,
    dates: Dates::Decide,
    utc: false,
    empties: &["--", " --", "-"],
    totals: Totals::Ads,
    ..API
};

const fn preset(
    id: &'static str,
    system: &'static str,
    about: &'static str,
    any: &'static [&'static [&'static str]],
    facts: &'static [FactRule],
) -> Preset {
    Preset {
        id,
        system,
        about,
        any,
        none: &[],
        dialect: API,
        shape: Shape::Spend,
        facts,
        until: &[],
        guarded: &[],
    }
}

/// The campaigns of a platform as programs.
const fn campaigns(columns: &'static [ColumnRule]) -> FactRule {
    fact("program", columns)
}

const GOOGLE: &str = "google_ads";
const LINKEDIN: &str = "linkedin_ads";
const META: &str = "meta_ads";
const MICROSOFT: &str = "microsoft_ads";

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        dialect: MANAGER,
        guarded: &["Day", "Cost"],
        ..preset(
            "google_ads.report",
            "google_ads",
            "campaign report of Google Ads, by day",
            &[&["Campaign", "Cost", "Impr."], &["Campaign", "Cost", "Clicks", "Campaign ID"]],
            &[fact(
                "spend",
                &[
                    col("day", &["Day", "Date"], Day),
                    always("platform", GOOGLE),
                    col("program_id", &["Campaign ID", "Campaign"], Id),
                    col("program_name", &["Campaign"], Text),
                    col("ad_account", &["Customer ID", "Account", "Account name"], Text),
                    always("vendor", "Google"),
                    col("amount", &["Cost", "Cost (*)"], Amount),
                    col("currency", &["Currency code", "Currency"], Currency),
                    col("impressions", &["Impr.", "Impressions"], Integer),
                    col("clicks", &["Clicks"], Integer),
                    col("invalid_clicks", &["Invalid clicks"], Integer),
                    col("conversions", &["Conversions"], Count),
                ],
            )],
        )
    },
    preset(
        "google_ads.campaign_stats_table",
        "google_ads",
        "daily stats of Google Ads campaigns, table of a warehouse loader",
        &[
            &["customer_id", "date", "cost_micros", "id", "device"],
            &["customer_id", "date", "cost_micros", "campaign_id"],
            &["customer_id", "date", "cost_micros", "id"],
            &["metrics.cost_micros", "segments.date", "campaign.id"],
        ],
        &[fact(
            "spend",
            &[
                col("day", &["date", "segments.date"], Day),
                always("platform", GOOGLE),
                col("program_id", &["campaign_id", "campaign.id", "id"], Id),
                col("program_name", &["campaign_name", "campaign.name"], Text),
                col("ad_account", &["customer_id", "customer.id"], Id),
                always("vendor", "Google"),
                col("amount", &["cost_micros", "metrics.cost_micros"], Micros),
                col("currency", &["customer_id", "customer.id"], AdCurrency(GOOGLE)),
                col("impressions", &["impressions", "metrics.impressions"], Integer),
                col("clicks", &["clicks", "metrics.clicks"], Integer),
                col("conversions", &["conversions", "metrics.conversions"], Count),
            ],
        )],
    ),
    Preset {
        shape: Shape::Rows,
        ..preset(
            "google_ads.campaign_history_table",
            "google_ads",
            "campaigns of Google Ads, table of a warehouse loader",
            &[
                &["id", "customer_id", "name", "updated_at"],
                &["id", "customer_id", "advertising_channel_type"],
            ],
            &[campaigns(&[
                col("id", &["id"], Id),
                col("name", &["name"], Text),
                col("kind", &["advertising_channel_type"], Text),
                always("platform", GOOGLE),
                always("vendor", "Google"),
                col("status", &["status"], Text),
                col("start_on", &["start_date"], Day),
                col("end_on", &["end_date"], Day),
            ])],
        )
    },
    Preset {
        shape: Shape::Lookup(LookupKind::AdAccount(GOOGLE)),
        ..preset(
            "google_ads.account_history_table",
            "google_ads",
            "accounts of Google Ads, table of a warehouse loader",
            &[
                &["id", "currency_code", "auto_tagging_enabled"],
                &["id", "currency_code", "descriptive_name"],
            ],
            &[fact(
                "lookup",
                &[
                    col("key", &["id"], Id),
                    col("value", &["currency_code"], Currency),
                    col("at", &["updated_at"], Instant),
                ],
            )],
        )
    },
    Preset {
        dialect: Dialect { dates: Dates::MonthFirst, ..MANAGER },
        until: &["End Date (in UTC)", "End Date"],
        guarded: &["Total Spent"],
        ..preset(
            "linkedin_ads.report",
            "linkedin_ads",
            "campaign performance report of LinkedIn Campaign Manager, by day",
            &[
                &["Start Date (in UTC)", "Total Spent"],
                &["Start Date", "Campaign Name", "Total Spent"],
            ],
            &[fact(
                "spend",
                &[
                    col("day", &["Start Date (in UTC)", "Start Date"], Day),
                    always("platform", LINKEDIN),
                    col("program_id", &["Campaign ID", "Campaign Name"], Id),
                    col("program_name", &["Campaign Name"], Text),
                    col("ad_account", &["Account Name"], Text),
                    always("vendor", "LinkedIn"),
                    col("amount", &["Total Spent", "Total Spent (*)"], Amount),
                    col("currency", &["Currency"], Currency),
                    col("impressions", &["Impressions"], Integer),
                    col("clicks", &["Clicks"], Integer),
                    col("conversions", &["Conversions", "Leads"], Count),
                ],
            )],
        )
    },
    preset(
        "linkedin_ads.analytics_table",
        "linkedin_ads",
        "daily analytics of LinkedIn campaigns, table of a warehouse loader",
        &[
            &["campaign_id", "day", "cost_in_local_currency"],
            &["costInLocalCurrency", "campaign_id", "start_date"],
        ],
        &[fact(
            "spend",
            &[
                col("day", &["day", "start_date"], Day),
                always("platform", LINKEDIN),
                col("program_id", &["campaign_id"], Id),
                always("vendor", "LinkedIn"),
                col("amount", &["cost_in_local_currency", "costInLocalCurrency"], Amount),
                col("currency", &["account_id", "campaign_id"], AdCurrency(LINKEDIN)),
                col("impressions", &["impressions"], Integer),
                col("clicks", &["clicks"], Integer),
                col("conversions", &["external_website_conversions"], Count),
            ],
        )],
    ),
    Preset {
        shape: Shape::Rows,
        none: &["currency"],
        ..preset(
            "linkedin_ads.campaign_history_table",
            "linkedin_ads",
            "campaigns of LinkedIn, table of a warehouse loader",
            &[&["id", "last_modified_time", "campaign_group_id", "name"]],
            &[campaigns(&[
                col("id", &["id"], Id),
                col("parent_id", &["campaign_group_id"], Id),
                col("name", &["name"], Text),
                col("kind", &["type", "format"], Text),
                always("platform", LINKEDIN),
                always("vendor", "LinkedIn"),
                col("status", &["status"], Text),
                col("created_at", &["created_time"], Instant),
            ])],
        )
    },
    Preset {
        shape: Shape::Rows,
        none: &["currency", "campaign_group_id"],
        ..preset(
            "linkedin_ads.campaign_group_history_table",
            "linkedin_ads",
            "campaign groups of LinkedIn, table of a warehouse loader",
            &[&["id", "last_modified_time", "account_id", "name"]],
            &[campaigns(&[
                col("id", &["id"], Id),
                col("name", &["name"], Text),
                always("kind", "campaign group"),
                always("platform", LINKEDIN),
                always("vendor", "LinkedIn"),
                col("status", &["status"], Text),
                col("created_at", &["created_time"], Instant),
            ])],
        )
    },
    Preset {
        shape: Shape::Lookup(LookupKind::AdAccount(LINKEDIN)),
        ..preset(
            "linkedin_ads.account_history_table",
            "linkedin_ads",
            "accounts of LinkedIn, table of a warehouse loader",
            &[&["id", "currency", "last_modified_time"]],
            &[fact(
                "lookup",
                &[
                    col("key", &["id"], Id),
                    col("value", &["currency"], Currency),
                    col("at", &["last_modified_time"], Instant),
                ],
            )],
        )
    },
    Preset {
        dialect: MANAGER,
        until: &["Reporting ends", "Fin del informe"],
        ..preset(
            "meta_ads.report",
            "meta_ads",
            "campaign report of Meta Ads Manager, by day",
            &[
                &["Reporting starts", "Amount spent (*)"],
                &["Day", "Campaign name", "Amount spent (*)"],
                &["Fecha", "Nombre de la campaña", "Importe gastado (*)"],
            ],
            &[fact(
                "spend",
                &[
                    col("day", &["Day", "Reporting starts", "Fecha", "Inicio del informe"], Day),
                    always("platform", META),
                    col(
                        "program_id",
                        &[
                            "Campaign ID",
                            "Identificador de la campaña",
                            "Campaign name",
                            "Nombre de la campaña",
                        ],
                        Id,
                    ),
                    col("program_name", &["Campaign name", "Nombre de la campaña"], Text),
                    col("ad_account", &["Account ID", "Account name"], Text),
                    always("vendor", "Meta"),
                    col("amount", &["Amount spent (*)", "Importe gastado (*)"], Amount),
                    col("currency", &["Currency", "Divisa"], Currency),
                    col("impressions", &["Impressions", "Impresiones"], Integer),
                    col("clicks", &["Link clicks", "Clicks (all)", "Clics en el enlace"], Integer),
                    col("conversions", &["Results", "Resultados"], Count),
                ],
            )],
        )
    },
    preset(
        "meta_ads.basic_ad_table",
        "meta_ads",
        "daily stats of Meta ads, table of a warehouse loader",
        &[&["ad_id", "date", "inline_link_clicks", "spend"], &["ad_id", "date_start", "spend"]],
        &[fact(
            "spend",
            &[
                col("day", &["date", "date_start"], Day),
                always("platform", META),
                col("program_id", &["campaign_id", "ad_id"], AdCampaign),
                col("program_name", &["campaign_name"], Text),
                col("ad_account", &["account_id"], Id),
                always("vendor", "Meta"),
                col("amount", &["spend"], Amount),
                col("currency", &["account_id"], AdCurrency(META)),
                col("impressions", &["impressions"], Integer),
                col("clicks", &["inline_link_clicks"], Integer),
            ],
        )],
    ),
    Preset {
        shape: Shape::Rows,
        none: &["customer_id", "last_modified_time", "ad_set_id", "campaign_id"],
        ..preset(
            "meta_ads.campaign_history_table",
            "meta_ads",
            "campaigns of Meta, table of a warehouse loader",
            &[&["id", "account_id", "name", "updated_time"]],
            &[campaigns(&[
                col("id", &["id"], Id),
                col("name", &["name"], Text),
                col("objective", &["objective"], Text),
                always("platform", META),
                always("vendor", "Meta"),
                col("status", &["status"], Text),
                col("created_at", &["created_time"], Instant),
            ])],
        )
    },
    Preset {
        shape: Shape::Lookup(LookupKind::Ad),
        ..preset(
            "meta_ads.ad_history_table",
            "meta_ads",
            "ads and their campaigns, table of a warehouse loader",
            &[&["id", "campaign_id", "ad_set_id"], &["id", "campaign_id", "creative_id"]],
            &[fact(
                "lookup",
                &[
                    col("key", &["id"], Id),
                    col("value", &["campaign_id"], Id),
                    col("at", &["updated_time"], Instant),
                ],
            )],
        )
    },
    Preset {
        dialect: MANAGER,
        none: &["account_id"],
        ..preset(
            "microsoft_ads.report",
            "microsoft_ads",
            "campaign performance report of Microsoft Advertising, by day",
            &[
                &["TimePeriod", "CampaignName", "Spend"],
                &["Gregorian date", "Campaign name", "Spend"],
                &["TimePeriod", "CampaignId", "Spend"],
                &["Day", "Campaign name", "Spend", "Currency code"],
            ],
            &[fact(
                "spend",
                &[
                    col("day", &["TimePeriod", "Gregorian date", "Day"], Day),
                    always("platform", MICROSOFT),
                    col("program_id", &["CampaignId", "CampaignName", "Campaign name"], Id),
                    col("program_name", &["CampaignName", "Campaign name"], Text),
                    col("ad_account", &["AccountName", "AccountId"], Text),
                    always("vendor", "Microsoft"),
                    col("amount", &["Spend"], Amount),
                    col("currency", &["CurrencyCode"], Currency),
                    col("impressions", &["Impressions"], Integer),
                    col("clicks", &["Clicks"], Integer),
                    col("conversions", &["Conversions"], Count),
                ],
            )],
        )
    },
    preset(
        "microsoft_ads.daily_table",
        "microsoft_ads",
        "daily performance of Microsoft campaigns, table of a warehouse loader",
        &[
            &["date", "account_id", "campaign_id", "spend", "currency_code"],
            &["date", "account_id", "campaign_id", "spend", "device_os"],
        ],
        &[fact(
            "spend",
            &[
                col("day", &["date"], Day),
                always("platform", MICROSOFT),
                col("program_id", &["campaign_id"], Id),
                col("program_name", &["campaign_name"], Text),
                col("ad_account", &["account_id"], Id),
                always("vendor", "Microsoft"),
                col("amount", &["spend"], Amount),
                col("currency", &["currency_code"], Currency),
                col("impressions", &["impressions"], Integer),
                col("clicks", &["clicks"], Integer),
                col("conversions", &["conversions"], Count),
            ],
        )],
    ),
    Preset {
        shape: Shape::Skip("actions, ad groups and account names make no facts"),
        none: &[
            "account_id",
            "is_deleted",
            "property_name",
            "updated_time",
            "manager_id",
            "StageName",
        ],
        ..preset(
            "ads.other",
            "ads",
            "tables of ad platforms that make no facts",
            &[
                &["ad_id", "action_type", "value"],
                &["id", "campaign_id", "campaign_name", "updated_at"],
                &["id", "name", "_fivetran_synced"],
            ],
            &[],
        )
    },
];
