//! Campaigns of the CRM and the reports of the ad platforms, whose last days are stated anew.

use super::ids::id;
use super::people::{delete_some, edit};
use super::{DAY, DAYS, File, N_EXTRACTS, World, day, stamp};

/// The campaigns of the CRM.
pub(super) struct Programs {
    pub(super) ids: Vec<String>,
    pub(super) names: Vec<String>,
}

const PROGRAMS: [(&str, &str); 8] = [
    ("SEM_Brand", "Advertisement"),
    ("LI_Decision makers", "Advertisement"),
    ("GDN_Banner", "Banner Ads"),
    ("Spring webinar", "Webinar"),
    ("Trade fair", "Trade Show"),
    ("Letter", "Email"),
    ("Partner days", "Partner"),
    ("Nothing in particular", ""),
];

pub(super) fn programs(world: &mut World) -> Programs {
    let mut programs = Programs { ids: Vec::new(), names: Vec::new() };
    for (number, (name, kind)) in PROGRAMS.into_iter().enumerate() {
        let start = world.random.between(-30, 500);
        let at = (start - 10) * DAY;
        let end = match world.goes_wrong(10, "program-without-end") {
            true => String::new(),
            false => day((start + world.random.between(0, 200)) * DAY).to_string(),
        };
        let currency = *world.random.pick(&["USD", "EUR", "JPY", "SEK"]);
        let cells = [
            ("Id", id("701", number)),
            ("IsDeleted", "false".to_owned()),
            ("Name", name.to_owned()),
            ("Type", kind.to_owned()),
            ("Status", "Planned".to_owned()),
            ("StartDate", day(start * DAY).to_string()),
            ("EndDate", end),
            ("BudgetedCost", "1000".to_owned()),
            ("CurrencyIsoCode", currency.to_owned()),
            ("CreatedDate", stamp(at)),
            ("SystemModstamp", stamp(at)),
        ];
        let place = world.add("Campaign", at, &cells);
        if world.random.chance(70) {
            let later = at + world.random.between(1, 200) * DAY;
            let cost = world.random.between(100, 900_000);
            let cost = match currency {
                "JPY" => format!("{cost}"),
                _ => format!("{}.{:02}", cost / 100, cost % 100),
            };
            edit(world, place, later, &[("ActualCost", &cost)]);
        }
        if number >= 4 && world.goes_wrong(15, "program-renamed") {
            let later = world.newest(place).at + world.random.between(1, 200) * DAY;
            edit(world, place, later, &[("Name", &format!("{name} (new)"))]);
        }
        if number >= 4 {
            delete_some(world, place, 6);
        }
        programs.ids.push(id("701", number));
        programs.names.push(name.to_owned());
    }
    programs
}

/// A day of a campaign at a platform.
struct Bill {
    day: i64,
    campaign: usize,
    cents: i64,
    clicks: i64,
}

/// Campaigns of the platforms; the first of each is one of the CRM by its name.
const GOOGLE: [(&str, &str); 2] = [("SEM_Brand", "9001"), ("SEM_Generic", "9002")];
const LINKEDIN: [(&str, &str); 2] =
    [("li_decision makers", "555001"), ("LI_Retargeting", "555002")];

/// Returns the reports of each extract, and how many of their rows are totals.
pub(super) fn reports(world: &mut World, _programs: &Programs) -> Vec<(Vec<File>, usize)> {
    let (first, last) = (world.random.between(0, 200), DAYS - 1);
    let mut bills: [Vec<Bill>; 2] = [Vec::new(), Vec::new()];
    for platform in &mut bills {
        for _ in 0..40 {
            let day = world.random.between(first, last);
            let campaign = world.random.below(2);
            if !platform.iter().any(|bill| (bill.day, bill.campaign) == (day, campaign)) {
                let cents = world.random.between(0, 90_000);
                let clicks = world.random.between(0, 90);
                platform.push(Bill { day, campaign, cents, clicks });
            }
        }
        platform.sort_by_key(|bill| (bill.day, bill.campaign));
    }
    let mut reports = Vec::new();
    let mut since = i64::MIN;
    for place in 0..N_EXTRACTS {
        let until = world.ends[place].div_euclid(DAY);
        let (mut files, mut n_totals) = (Vec::new(), 0);
        for (which, platform) in bills.iter_mut().enumerate() {
            // The last month is stated anew, as platforms do.
            let from = since.saturating_sub(30);
            for bill in platform.iter_mut().filter(|b| from <= b.day && b.day <= since) {
                if world.goes_wrong(50, "spend-restated") {
                    bill.cents += 7;
                }
            }
            let own: Vec<&Bill> =
                platform.iter().filter(|b| from <= b.day && b.day <= until).collect();
            if own.is_empty() {
                continue;
            }
            let (name, bytes, totals) = match which {
                0 => ("google_ads_campaign_report.csv", google(&own), 2),
                _ => ("linkedin_campaign_performance.csv", linkedin(&own), 1),
            };
            // Google's rows are two for each day, one a device.
            let n_rows = if which == 0 { own.len() * 2 } else { own.len() } + totals;
            n_totals += totals;
            files.push(File::Report(name, bytes, n_rows));
        }
        since = until;
        reports.push((files, n_totals));
    }
    reports
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// Tabs in UTF-16; each day in two rows, one for each device.
fn google(bills: &[&Bill]) -> Vec<u8> {
    let mut text = String::from(
        "Campaign report\r\n\"October 1, 2024 - September 30, 2026\"\r\n\
         Campaign state\tCampaign\tCampaign ID\tDay\tDevice\tCurrency code\tCost\tImpr.\tClicks\r\n",
    );
    for bill in bills {
        let (name, id) = GOOGLE[bill.campaign];
        let phone = bill.cents / 3;
        for (device, cents, clicks) in
            [("Mobile phones", phone, bill.clicks), ("Computers", bill.cents - phone, 0)]
        {
            let (on, cost) = (day(bill.day * DAY), money(cents));
            text +=
                &format!("Enabled\t{name}\t{id}\t{on}\t{device}\tUSD\t{cost}\t10\t{clicks}\r\n");
        }
    }
    let total = money(bills.iter().map(|bill| bill.cents).sum());
    for label in ["Campaigns", "Account"] {
        text += &format!("Total: {label}\t\t\t\t\tUSD\t{total}\t10\t0\r\n");
    }
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [0xFF, 0xFE].into_iter().chain(units).collect()
}

/// A preamble, days as in the United States, a total; euros.
fn linkedin(bills: &[&Bill]) -> Vec<u8> {
    let mut text = String::from(
        "Campaign Performance Report (in UTC)\nReport Start: 10/1/2024\nReport End: 9/30/2026\n\
         Date Generated: 10/1/2026\n\nStart Date (in UTC),Account Name,Campaign Group Name,\
         Campaign Name,Campaign ID,Currency,Total Spent,Impressions,Clicks\n",
    );
    for bill in bills {
        let (name, id) = LINKEDIN[bill.campaign];
        let on = day(bill.day * DAY);
        let on = format!("{}/{}/{}", on.month(), on.day(), on.year());
        let cost = money(bill.cents);
        text +=
            &format!("{on},Us,Default Campaign Group,{name},{id},EUR,{cost},10,{}\n", bill.clicks);
    }
    let total = money(bills.iter().map(|bill| bill.cents).sum());
    text += &format!("Total,,,,,EUR,{total},10,0\n");
    text.into_bytes()
}
