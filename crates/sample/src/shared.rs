//! The files that belong to the whole company: users, campaigns, rates, budgets, capacity.

use crate::clock::{DAY, fiscal, month_of, month_start};
use crate::ident::{Id, MEMBER_STATUS, RATE};
use crate::market::COUNTRIES;
use crate::people_rows::user_id;
use crate::random::key;
use crate::rows::Row;
use crate::world::{Program, World, bought, digits, rates};

/// A whole file in memory: its name, its bytes, its rows.
pub(crate) struct Paper {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: u64,
}

impl Paper {
    fn new(name: &'static str, header: &[&str]) -> Self {
        let mut paper = Self { name, bytes: Vec::new(), rows: 0 };
        let mut row = Row::new(&mut paper.bytes);
        for column in header {
            row.text(column);
        }
        row.end();
        paper
    }

    fn row(&mut self) -> Row<'_> {
        self.rows += 1;
        Row::new(&mut self.bytes)
    }
}

/// Writes all shared files of the CRM and the plans as they were at an instant.
pub(crate) fn papers(world: &World, as_of: i64) -> Vec<Paper> {
    vec![
        users(world, as_of),
        campaigns(world, as_of),
        statuses(world, as_of),
        dated_rates(world, as_of),
        budget(world, as_of),
        capacity(world, as_of),
    ]
}

/// Returns the currencies that occur, US dollars first.
pub(crate) fn currencies(world: &World) -> Vec<&'static str> {
    let mut found = vec!["USD"];
    let deals = COUNTRIES.iter().map(|country| world.currency(country.2));
    // The ad platforms bill in their own currencies, whatever the deals are in.
    for currency in deals.chain(["EUR"]) {
        if !found.contains(&currency) {
            found.push(currency);
        }
    }
    found
}

/// Returns the cost of a program as somebody had typed it in at an instant, ten days after its end.
pub(crate) fn entered_cost(program: &Program, as_of: i64) -> Option<i64> {
    program.cost.filter(|_| (program.end + 10) * DAY <= as_of)
}

fn users(world: &World, as_of: i64) -> Paper {
    let mut paper = Paper::new(
        "User.csv",
        &[
            "Id",
            "Username",
            "Name",
            "Email",
            "Title",
            "IsActive",
            "UserRoleId",
            "ManagerId",
            "TimeZoneSidKey",
            "DefaultCurrencyIsoCode",
            "CreatedDate",
            "SystemModstamp",
        ],
    );
    for (place, user) in world.users.iter().enumerate().filter(|(_, user)| user.hired_at <= as_of) {
        let left = user.left_at.filter(|&at| at <= as_of);
        let plain: String = user.name.to_lowercase().replace('\'', "").replace(' ', ".");
        let email = format!("{plain}.{}@fennmark.example", user.number);
        paper
            .row()
            .id(user_id(place))
            .text(&format!("{email}.prod"))
            .text(&user.name)
            .text(&email)
            .text(user.role)
            .flag(left.is_none())
            .text("")
            .maybe_id(user.manager.map(user_id))
            .text("UTC")
            .text("USD")
            .stamp(user.hired_at)
            .stamp(left.unwrap_or(user.hired_at))
            .end();
    }
    paper
}

fn campaigns(world: &World, as_of: i64) -> Paper {
    let mut paper = Paper::new(
        "Campaign.csv",
        &[
            "Id",
            "IsDeleted",
            "Name",
            "ParentId",
            "Type",
            "Status",
            "StartDate",
            "EndDate",
            "BudgetedCost",
            "ActualCost",
            "ExpectedRevenue",
            "NumberSent",
            "IsActive",
            "CurrencyIsoCode",
            "OwnerId",
            "CreatedDate",
            "SystemModstamp",
        ],
    );
    let today = as_of.div_euclid(DAY);
    for program in world.programs.iter().filter(|program| program.created_at <= as_of) {
        let digits = digits(program.currency);
        let (status, since) = match today {
            day if day < program.start => ("Planned", program.created_at),
            day if day <= program.end => ("In Progress", program.start * DAY),
            _ => ("Completed", (program.end + 1) * DAY),
        };
        let cost = entered_cost(program, as_of);
        let changed = if cost.is_some() { (program.end + 10) * DAY } else { since };
        paper
            .row()
            .id(program.id)
            .flag(false)
            .text(&program.name)
            .maybe_id(program.parent.map(|place| world.program(place).id))
            .text(program.kind)
            .text(status)
            .day(program.start)
            .day(program.end)
            .money(Some(program.budget).filter(|&minor| minor > 0), digits)
            .money(cost, digits)
            .text("")
            .text("")
            .flag(status == "In Progress")
            .text(program.currency)
            .id(user_id(program.owner))
            .stamp(program.created_at)
            .stamp(changed.max(program.created_at))
            .end();
    }
    paper
}

fn statuses(world: &World, as_of: i64) -> Paper {
    let mut paper = Paper::new(
        "CampaignMemberStatus.csv",
        &["Id", "CampaignId", "Label", "SortOrder", "IsDefault", "HasResponded", "IsDeleted"],
    );
    for (place, program) in world.programs.iter().enumerate() {
        if program.created_at > as_of {
            continue;
        }
        for (order, &(label, responded)) in (1_i64..).zip(program.statuses) {
            paper
                .row()
                .id(Id::new(MEMBER_STATUS, 512 + (key(place) << 3) + order.unsigned_abs()))
                .id(program.id)
                .text(label)
                .whole(order)
                .flag(order == 1)
                .flag(responded)
                .flag(false)
                .end();
        }
    }
    paper
}

fn dated_rates(world: &World, as_of: i64) -> Paper {
    let mut paper = Paper::new(
        "DatedConversionRate.csv",
        &["Id", "IsoCode", "StartDate", "NextStartDate", "ConversionRate"],
    );
    for (which, currency) in (0_u64..).zip(currencies(world)) {
        let all = rates(world, currency);
        let known: Vec<_> = all.into_iter().filter(|rate| rate.0 * DAY <= as_of).collect();
        for (place, &(day, rate)) in known.iter().enumerate() {
            let next = known.get(place + 1).map(|next| next.0);
            let mut row = paper.row();
            row.id(Id::new(RATE, 700 + (which << 12) + key(place))).text(currency).day(day);
            match next {
                Some(next) => row.day(next),
                None => row.text("9999-12-31"),
            };
            row.money(Some(rate), 6).end();
        }
    }
    paper
}

/// Writes what was planned for each month, channel and currency, in the years begun by an instant.
fn budget(world: &World, as_of: i64) -> Paper {
    let mut paper = Paper::new("budget.csv", &["month", "owner", "channel", "amount", "currency"]);
    for (year, start, end) in world.fiscal_years() {
        if start * DAY > as_of {
            continue;
        }
        let months: Vec<i64> = (month_of(start)..=month_of(end)).collect();
        let count = i64::try_from(months.len()).unwrap_or(1).max(1);
        for channel in crate::Channel::all() {
            for currency in currencies(world) {
                let own = |program: &&Program| {
                    program.channel == channel
                        && program.currency == currency
                        && fiscal(program.start).0 == year
                };
                let total: i64 = world.programs.iter().filter(own).map(|p| p.budget).sum();
                let owner = if bought(channel) { "Digital Marketing" } else { "Field Marketing" };
                for (place, &month) in (0..).zip(&months) {
                    // Every month gets an equal part; the last one the odd cents.
                    let rest = if place + 1 == count { total % count } else { 0 };
                    if total > 0 {
                        paper
                            .row()
                            .day(month_start(month))
                            .text(owner)
                            .text(channel.key())
                            .money(Some(total / count + rest), digits(currency))
                            .text(currency)
                            .end();
                    }
                }
            }
        }
    }
    paper
}

fn capacity(world: &World, as_of: i64) -> Paper {
    let mut paper = Paper::new("capacity.csv", &["month", "role", "headcount", "units_per_head"]);
    for month in &world.capacity {
        let start = month_start(month.month);
        if start * DAY > as_of {
            continue;
        }
        for (role, heads, units) in
            [("sdr", month.sdrs, 45), ("account_executive", month.executives, 9)]
        {
            paper.row().day(start).text(role).whole(heads).whole(units).end();
        }
    }
    paper
}
