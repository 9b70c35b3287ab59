//! The files that the ad managers give, each in its own layout, with preamble and totals.

use crate::clock::{DAY, civil};
use crate::programs::{AdDay, ad_day};
use crate::rows::{grouped, money_text, put};
use crate::shared::Paper;
use crate::world::{Platform, Program, World, digits};

/// Writes the report of each ad platform up to an instant.
pub(crate) fn papers(world: &World, as_of: i64) -> Vec<Paper> {
    let last = as_of.div_euclid(DAY).min(world.to);
    Platform::ALL.iter().map(|&platform| paper(world, platform, last)).collect()
}

/// One day of one campaign with its campaign.
type Line<'a> = (&'a Program, AdDay);

fn paper(world: &World, platform: Platform, last: i64) -> Paper {
    let own: Vec<_> = world
        .programs
        .iter()
        .enumerate()
        .filter(|(_, program)| program.platform == Some(platform))
        .collect();
    let lines: Vec<Line<'_>> = (world.from..=last)
        .flat_map(|day| {
            own.iter().filter_map(move |&(place, program)| {
                ad_day(world, place, day).map(|ad| (program, ad))
            })
        })
        .collect();
    let rows = lines.len() as u64;
    let total = lines.iter().fold(
        AdDay { day: last, cost: 0, impressions: 0, clicks: 0, conversions: 0 },
        |sum, (_, ad)| AdDay {
            day: last,
            cost: sum.cost + ad.cost,
            impressions: sum.impressions + ad.impressions,
            clicks: sum.clicks + ad.clicks,
            conversions: sum.conversions + ad.conversions,
        },
    );
    let (name, bytes) = match platform {
        Platform::Google => ("google_ads_campaign_report.csv", google(world, last, &lines, total)),
        Platform::LinkedIn => {
            ("linkedin_campaign_performance.csv", linkedin(world, last, &lines, total))
        }
        Platform::Meta => ("meta_ads_campaigns_by_day.csv", meta(world, last, &lines, total)),
        Platform::Microsoft => {
            ("microsoft_ads_campaign_performance.csv", microsoft(world, last, &lines))
        }
    };
    Paper { name, bytes, rows }
}

fn long_date(day: i64) -> String {
    let (year, month, of_month) = civil(day);
    format!("{} {of_month}, {year}", domain::calendar::month(i8::try_from(month).unwrap_or(1)))
}

fn us_date(day: i64) -> String {
    let (year, month, of_month) = civil(day);
    format!("{month}/{of_month}/{year}")
}

fn iso(day: i64) -> String {
    crate::clock::day_text(day)
}

/// Appends to a text, which cannot fail.
fn lines_into(text: &mut String, more: std::fmt::Arguments<'_>) {
    std::fmt::Write::write_fmt(text, more).unwrap_or_default();
}

/// Google Ads, "Excel .csv": UTF-16 with a byte order mark, tabs, two totals.
fn google(world: &World, last: i64, lines: &[Line<'_>], total: AdDay) -> Vec<u8> {
    let digits = digits(Platform::Google.currency());
    let mut text = format!(
        "Campaign report\r\n\"{} - {}\"\r\nCampaign state\tCampaign\tCampaign ID\tDay\tCurrency code\t\
         Cost\tImpr.\tClicks\tConversions\r\n",
        long_date(world.from),
        long_date(last),
    );
    let numbers = |ad: &AdDay| {
        format!(
            "{}\t{}\t{}\t{}.00",
            grouped(ad.cost, digits),
            grouped(ad.impressions, 0),
            grouped(ad.clicks, 0),
            ad.conversions
        )
    };
    for (program, ad) in lines {
        let state = if program.end >= last { "Enabled" } else { "Paused" };
        lines_into(
            &mut text,
            format_args!(
                "{state}\t{}\t{}\t{}\t{}\t{}\r\n",
                program.name,
                program.platform_id,
                iso(ad.day),
                program.currency,
                numbers(ad),
            ),
        );
    }
    for label in ["Campaigns", "Account"] {
        let currency = Platform::Google.currency();
        let numbers = numbers(&total);
        lines_into(&mut text, format_args!("Total: {label}\t\t\t\t{currency}\t{numbers}\r\n"));
    }
    let mut bytes = vec![0xFF, 0xFE];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes
}

/// LinkedIn Campaign Manager: a preamble, dates as in the US, a total at the end.
fn linkedin(world: &World, last: i64, lines: &[Line<'_>], total: AdDay) -> Vec<u8> {
    let digits = digits(Platform::LinkedIn.currency());
    let mut out = Vec::new();
    put(
        &mut out,
        format_args!(
            "Campaign Performance Report (in UTC)\nReport Start: {}\nReport End: {}\n\
             Date Generated: {}\n\nStart Date (in UTC),Account Name,Campaign Group Name,Campaign Name,\
             Campaign ID,Currency,Total Spent,Impressions,Clicks,Leads\n",
            us_date(world.from),
            us_date(last),
            us_date(last + 1),
        ),
    );
    let cost = |minor: i64| {
        let text = grouped(minor, digits);
        if text.contains(',') { format!("\"{text}\"") } else { text }
    };
    for (program, ad) in lines {
        put(
            &mut out,
            format_args!(
                "{},{},Default Campaign Group,{},{},{},{},{},{},{}\n",
                us_date(ad.day),
                crate::COMPANY,
                program.name,
                program.platform_id,
                program.currency,
                cost(ad.cost),
                ad.impressions,
                ad.clicks,
                ad.conversions,
            ),
        );
    }
    put(
        &mut out,
        format_args!(
            "Total,,,,,{},{},{},{},\n",
            Platform::LinkedIn.currency(),
            cost(total.cost),
            total.impressions,
            total.clicks
        ),
    );
    out
}

/// Meta Ads Manager: the currency in the header, a total without a campaign name at the top.
fn meta(world: &World, last: i64, lines: &[Line<'_>], total: AdDay) -> Vec<u8> {
    let currency = Platform::Meta.currency();
    let digits = digits(currency);
    let mut out = Vec::new();
    put(
        &mut out,
        format_args!(
            "\u{FEFF}Reporting starts,Reporting ends,Campaign name,Campaign ID,Campaign delivery,\
             Amount spent ({currency}),Impressions,Reach,Link clicks,Results,Result indicator,\
             Attribution setting\n{},{},,,,{},{},,{},,,\n",
            iso(world.from),
            iso(last),
            money_text(total.cost, digits),
            total.impressions,
            total.clicks,
        ),
    );
    for (program, ad) in lines {
        let results = if ad.conversions > 0 { ad.conversions.to_string() } else { String::new() };
        put(
            &mut out,
            format_args!(
                "{day},{day},{},{},{},{},{},{},{},{results},\
                 actions:offsite_conversion.fb_pixel_lead,7-day click or 1-day view\n",
                program.name,
                program.platform_id,
                if program.end >= last { "active" } else { "inactive" },
                money_text(ad.cost, digits),
                ad.impressions,
                ad.impressions * 4 / 5,
                ad.clicks,
                day = iso(ad.day),
            ),
        );
    }
    out
}

/// Microsoft Advertising: a preamble of named lines, a copyright line at the end, no totals.
fn microsoft(world: &World, last: i64, lines: &[Line<'_>]) -> Vec<u8> {
    let digits = digits(Platform::Microsoft.currency());
    let mut out = Vec::new();
    put(
        &mut out,
        format_args!(
            "\"Report Name: Campaign performance\"\n\"Report Time: {} - {}\"\n\"Time Zone: (GMT) UTC\"\n\
             \"Last Completed Available Day: {}\"\n\"Report Aggregation: Daily\"\n\"Report Filter: \"\n\
             \"Rows: {}\"\n\n\
             TimePeriod,AccountName,CampaignName,CampaignId,CampaignStatus,CurrencyCode,Impressions,\
             Clicks,Spend,Conversions\n",
            us_date(world.from),
            us_date(last),
            us_date(last),
            lines.len(),
        ),
    );
    for (program, ad) in lines {
        put(
            &mut out,
            format_args!(
                "{},{},{},{},{},{},{},{},{},{}\n",
                iso(ad.day),
                crate::COMPANY,
                program.name,
                program.platform_id,
                if program.end >= last { "Active" } else { "Paused" },
                program.currency,
                ad.impressions,
                ad.clicks,
                money_text(ad.cost, digits),
                ad.conversions,
            ),
        );
    }
    let year = civil(last).0;
    put(&mut out, format_args!("\n\"(c) {year} Microsoft Corporation. All rights reserved.\"\n"));
    out
}
