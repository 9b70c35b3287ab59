//! Campaigns, what the ad platforms billed by day, and costs typed in at campaigns of the CRM.

use std::collections::BTreeMap;
use std::path::Path;

use domain::definition::Side;
use domain::{Currency, Decimal, Money};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Company;
use super::credit::split;
use super::files::{Exports, Row, report, sheet};
use super::money::Rates;

/// A campaign of the CRM, of an ad platform, or of both under one name.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Its ids in the sources.
    pub ids: Vec<String>,
    /// Its name.
    pub name: String,
    /// Type as the CRM says; empty for one that only a platform knows.
    pub kind: String,
    /// Ad platform that bills it; empty where none does.
    pub platform: String,
    /// First and last day.
    pub days: Option<(Date, Date)>,
    /// Cost typed in, with its currency.
    pub cost: Option<(Decimal, Currency)>,
}

/// Money of a day, or of a month for a cost that was typed in.
#[derive(Clone, Debug)]
pub struct Spend {
    /// `google_ads`, `linkedin_ads`, `meta_ads`, `microsoft_ads`; `crm` for typed-in costs.
    pub platform: &'static str,
    /// The day; for a typed-in cost the first of its days in the month.
    pub day: Date,
    /// Name of the program.
    pub program: String,
    /// The channel; `unknown` where no rule fits.
    pub channel: String,
    /// Whose channel it is.
    pub side: Side,
    /// Minor units of the reporting currency; missing without a rate.
    pub amount: Option<i64>,
    /// As the source says.
    pub amount_native: (Decimal, Currency),
    /// Clicks.
    pub clicks: i64,
}

/// A row of a report of an ad platform.
pub(super) struct Ad {
    platform: &'static str,
    day: Date,
    id: String,
    name: String,
    cost: Decimal,
    currency: Currency,
    clicks: i64,
}

impl Ad {
    fn key(&self) -> (&'static str, &str, Date, Currency) {
        (self.platform, &self.id, self.day, self.currency)
    }
}

/// Reads the reports of the ad platforms; totals, which name no campaign, are left out.
/// What a later extract says of a campaign and day stands for what was said before.
pub(super) fn ads(exports: Exports<'_>, as_of: Date) -> Vec<Ad> {
    let mut ads: Vec<Ad> = Vec::new();
    for folder in exports.0 {
        let stated = stated(folder);
        let again = |ad: &Ad| stated.iter().any(|new| new.key() == ad.key());
        ads.retain(|ad| !again(ad));
        ads.extend(stated);
    }
    ads.retain(|ad| ad.day <= as_of);
    ads
}

/// Reads the reports of one extract.
fn stated(folder: &Path) -> Vec<Ad> {
    let file =
        |name: &str, separator, columns: &[&str]| report(&folder.join(name), separator, columns);
    let google = file("google_ads_campaign_report.csv", b'\t', &["Campaign", "Cost"]);
    let linkedin =
        file("linkedin_campaign_performance.csv", b',', &["Campaign Name", "Total Spent"]);
    let meta = file("meta_ads_campaigns_by_day.csv", b',', &["Reporting starts", "Campaign name"]);
    let microsoft =
        file("microsoft_ads_campaign_performance.csv", b',', &["CampaignName", "Spend"]);
    let mut ads: Vec<Ad> = Vec::new();
    ads.extend(google.iter().filter_map(|row| {
        ad("google_ads", row, ["Day", "Campaign ID", "Campaign", "Cost", "Currency code", "Clicks"])
    }));
    ads.extend(linkedin.iter().filter_map(|row| {
        let day = "Start Date (in UTC)";
        ad(
            "linkedin_ads",
            row,
            [day, "Campaign ID", "Campaign Name", "Total Spent", "Currency", "Clicks"],
        )
    }));
    ads.extend(meta.iter().filter_map(|row| {
        let spent = row.column_like("Amount spent (");
        let day = "Reporting starts";
        ad("meta_ads", row, [day, "Campaign ID", "Campaign name", &spent, &spent, "Link clicks"])
    }));
    ads.extend(microsoft.iter().filter_map(|row| {
        let columns =
            ["TimePeriod", "CampaignId", "CampaignName", "Spend", "CurrencyCode", "Clicks"];
        ad("microsoft_ads", row, columns)
    }));
    ads
}

fn ad(platform: &'static str, row: &Row, columns: [&str; 6]) -> Option<Ad> {
    let [day, id, name, cost, currency, clicks] = columns;
    let number = |column: &str| row.text(column).replace(',', "");
    // Meta states the currency in the header: `Amount spent (EUR)`.
    let in_header = currency.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    let currency = in_header.map_or_else(|| row.text(currency).to_owned(), str::to_owned);
    let id = row.maybe(id)?;
    Some(Ad {
        platform,
        day: row.day(day)?,
        id,
        name: row.text(name).to_owned(),
        cost: number(cost).parse().expect("a cost"),
        currency: currency.parse().expect("a currency"),
        clicks: number(clicks).parse().unwrap_or(0),
    })
}

/// Reads the campaigns of the CRM; one of an ad platform with the same name is the same program.
pub(super) fn campaigns(exports: Exports<'_>, ads: &[Ad], company: &Company) -> Vec<Campaign> {
    let zone = TimeZone::UTC;
    let mut campaigns: Vec<Campaign> = sheet(exports, "Campaign")
        .iter()
        .filter(|row| row.instant("CreatedDate", &zone).is_none_or(|at| at <= company.end))
        .map(|row| {
            let created = row.instant("CreatedDate", &zone).map(|at| company.calendar.day(at));
            let start = row.day("StartDate").or(created);
            let cost = row.maybe("ActualCost").map(|cost| cost.parse().expect("a cost"));
            let currency =
                row.text("CurrencyIsoCode").parse().unwrap_or(company.definitions.currency);
            Campaign {
                ids: row.id("Id").into_iter().collect(),
                name: row.text("Name").to_owned(),
                kind: row.text("Type").to_owned(),
                platform: String::new(),
                days: start.map(|start| (start, row.day("EndDate").unwrap_or(start).max(start))),
                cost: cost.map(|cost| (cost, currency)),
            }
        })
        .collect();
    for ad in ads {
        let same = |campaign: &&mut Campaign| {
            campaign.ids.contains(&ad.id)
                || campaign.name.trim().to_lowercase() == ad.name.trim().to_lowercase()
        };
        if let Some(campaign) = campaigns.iter_mut().find(same) {
            if !campaign.ids.contains(&ad.id) {
                campaign.ids.push(ad.id.clone());
            }
            ad.platform.clone_into(&mut campaign.platform);
        } else {
            campaigns.push(Campaign {
                ids: vec![ad.id.clone()],
                name: ad.name.clone(),
                kind: String::new(),
                platform: ad.platform.to_owned(),
                days: None,
                cost: None,
            });
        }
    }
    campaigns
}

/// Returns the spend, and the typed-in costs that a platform delivers as well.
pub(super) fn spend(ads: &[Ad], company: &Company, rates: &Rates) -> (Vec<Spend>, Vec<Spend>) {
    let mut days: BTreeMap<(&'static str, &str, Date, Currency), (Decimal, i64)> = BTreeMap::new();
    for ad in ads {
        let sum = days.entry((ad.platform, &ad.id, ad.day, ad.currency)).or_default();
        *sum = (sum.0 + ad.cost, sum.1 + ad.clicks);
    }
    let mut spend: Vec<Spend> = days
        .into_iter()
        .map(|((platform, id, day, currency), (cost, clicks))| {
            let campaign = company.campaign(id).expect("a campaign that was billed is known");
            let channel = company.channel_of_campaign(campaign, platform);
            Spend {
                platform,
                day,
                program: campaign.name.clone(),
                side: company.side(&channel),
                channel,
                amount: rates.convert(cost, currency, day),
                amount_native: (cost, currency),
                clicks,
            }
        })
        .collect();
    let mut left_out = Vec::new();
    // The same money would count twice: in the months between the first and the last in which a
    // platform delivers the channel, and wherever a platform delivers the campaign itself.
    let month = |day: Date| day.first_of_month();
    for row in typed_in(company, rates) {
        let billed = || spend.iter().filter(|billed| billed.platform != "crm");
        let months = || billed().filter(|b| b.channel == row.channel).map(|b| month(b.day));
        let between =
            months().min() <= Some(month(row.day)) && Some(month(row.day)) <= months().max();
        let itself = billed().any(|billed| billed.program == row.program);
        if months().next().is_some() && between || itself {
            left_out.push(row);
        } else {
            spend.push(row);
        }
    }
    (spend, left_out)
}

/// Spreads typed-in costs over their days, one row a month, of the month of the as-of day the days
/// up to it: by largest remainder in the currency of the cost, then converted on the first day.
fn typed_in(company: &Company, rates: &Rates) -> Vec<Spend> {
    let mut rows = Vec::new();
    for campaign in &company.campaigns {
        let (Some((cost, currency)), Some((start, end))) = (campaign.cost, campaign.days) else {
            continue;
        };
        let whole = Money::from_decimal(cost, currency).expect("a cost fits");
        let mut months: Vec<(Date, i128)> = Vec::new();
        let mut day = start;
        while day <= end {
            match months.last_mut() {
                Some((first, n))
                    if first.first_of_month() == day.first_of_month()
                        && (*first > company.as_of) == (day > company.as_of) =>
                {
                    *n += 1;
                }
                _ => months.push((day, 1)),
            }
            day = day.saturating_add(1.day());
        }
        let weights: Vec<i128> = months.iter().map(|month| month.1).collect();
        let channel = company.channel_of_campaign(campaign, "");
        for ((day, _), minor) in months.iter().zip(split(whole.minor, &weights)) {
            let native = Money::from_minor(minor, currency).to_decimal();
            rows.push(Spend {
                platform: "crm",
                day: *day,
                program: campaign.name.clone(),
                channel: channel.clone(),
                side: company.side(&channel),
                amount: rates.convert(native, currency, *day),
                amount_native: (native, currency),
                clicks: 0,
            });
        }
    }
    rows.retain(|row| row.day <= company.as_of);
    rows
}

impl Company {
    fn channel_of_campaign(&self, campaign: &Campaign, platform: &str) -> String {
        let channel = self.channel(&[
            ("platform", platform),
            ("program_kind", &campaign.kind),
            ("program_name", &campaign.name),
            ("campaign", &campaign.name),
        ]);
        channel.unwrap_or_else(|| "unknown".to_owned())
    }
}
