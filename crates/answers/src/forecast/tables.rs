//! The figures, tables and charts of the forecast.

use domain::answer::{Chart, ChartForm, Entry, Figure, Interval, Mark, Role, Series, Table};
use domain::{Filter, Value};

use super::gap::Gap;
use super::model::{Method, Prospect};
use super::record::{day, number};
use super::track::{Replay, scored};
use super::{Found, goal, owner};
use crate::common::{self, figure, row, side_name, table};
use crate::words;

/// Open deals that the table shows.
const SHOWN: usize = 40;

/// How wide a range from P10 to P90 is.
const LEVEL: f64 = 0.8;

fn plain(value: Value) -> Entry {
    Entry::plain(value)
}

fn none(why: &str) -> Entry {
    plain(Value::None(why.to_owned()))
}

/// A probability, to a tenth of a percent.
fn chance(p: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1000")]
    let of = (p.clamp(0.0, 1.0) * 1000.0).round() as i64;
    Value::Share { of, total: 1000 }
}

impl Found<'_> {
    fn ranged(&self, [low, middle, high]: [f64; 3]) -> Entry {
        let major = |minor: f64| Value::Money(self.money(minor)).number().unwrap_or(0.0);
        let method = match self.forecast.method {
            Method::Hazard => "P10 to P90, competing-risks simulation",
            Method::Stages => "P10 to P90, beta-binomial stage rates",
            Method::Counting => "none",
        };
        let interval = Interval { low: major(low), high: major(high), level: LEVEL, method };
        Entry { value: self.value(middle), interval: Some(interval), evidence: None }
    }

    fn spread(&self, of: &stats::simulate::Distribution) -> Entry {
        if self.forecast.method == Method::Counting {
            return none("too little to forecast from");
        }
        self.ranged([0.1, 0.5, 0.9].map(|p| of.quantile(p)))
    }

    fn ahead(&self) -> bool {
        self.forecast.span.to > self.forecast.span.on
    }
}

/// The figures.
pub(super) fn figures(found: &Found<'_>) -> Vec<Figure> {
    let Found { ask, forecast, plain: ways, .. } = found;
    let booked = figure(
        "booked",
        "Booked so far",
        found.won().sum("amount"),
        "Amount of the deals closed won in the period by the day asked as of.",
    );
    if !found.ahead() {
        return common::targeted(ask, vec![booked]);
    }
    let seen = forecast.method != Method::Counting;
    let quantile = |p: f64| {
        if seen {
            plain(found.value(forecast.total.quantile(p)))
        } else {
            none("too little to forecast from")
        }
    };
    let rests = "Simulated from the open deals, the deals of the past with their changes, and those \
                 created by month.";
    let mut figures = vec![
        figure(
            "forecast",
            "Forecast (P50)",
            found.spread(&forecast.total),
            &format!("Bookings of the period that are reached in five of ten simulations. {rests}"),
        ),
        figure(
            "forecast_p10",
            "P10",
            quantile(0.1),
            &format!("Bookings that are exceeded in nine of ten simulations. {rests}"),
        ),
        figure(
            "forecast_p90",
            "P90",
            quantile(0.9),
            &format!("Bookings that are exceeded in one of ten simulations. {rests}"),
        ),
        booked,
        figure(
            "from_open",
            "From open deals",
            found.spread(&forecast.open),
            "Bookings of the period from deals that are open now. Rests on the open deals.",
        ),
    ];
    if forecast.method == Method::Hazard {
        figures.push(figure(
            "from_new",
            "From deals still to be created",
            found.spread(&forecast.new),
            "Bookings of the period from deals that do not exist yet. Rests on the deals created by \
             month and source, and what became of them.",
        ));
    }
    figures.push(figure(
        "open_pipeline",
        "Open pipeline",
        found.open().sum("amount"),
        "Amount of all deals open now, whenever they are planned to close.",
    ));
    let target = goal(ask, "won");
    if let Some(target) = target.filter(|_| seen) {
        let target = target.minor as f64;
        let reached = forecast.total.reaches(target);
        figures.push(figure(
            "chance_of_target",
            "Chance of the target",
            plain(chance(reached)),
            "Share of simulations in which bookings reach the goal for won.",
        ));
        figures.push(figure(
            "gap",
            "Expected gap to the target",
            plain(found.value(forecast.total.mean() - target)),
            "Mean of the simulated bookings less the goal for won; below zero it is missing.",
        ));
        let open: f64 = forecast.prospects.iter().map(|prospect| prospect.amount).sum();
        let sure = forecast.total.quantile(0.2) - forecast.so_far;
        let rest = target - forecast.so_far;
        if rest > 0.0 {
            figures.push(figure(
                "coverage",
                "Pipeline coverage",
                plain(Value::Number(open / rest)),
                "Open pipeline for each unit that is still missing to the goal.",
            ));
            let needed = if sure > 0.0 {
                plain(Value::Number(open / sure))
            } else {
                none("nothing more is sure to be booked")
            };
            figures.push(figure(
                "coverage_needed",
                "Coverage needed",
                needed,
                "Open pipeline for each unit that is booked from now on with 80% probability.",
            ));
        }
    }
    figures.push(figure(
        "stage_weighted",
        "Stage-weighted",
        plain(found.value(ways.stage_weighted)),
        "Booked so far, and the open deals planned to close by the end of the period, each times the \
         chance of its stage by definition.",
    ));
    if ways.committed {
        figures.push(figure(
            "commit",
            "Committed by sales",
            plain(found.value(ways.commit)),
            "Booked so far, and the open deals planned to close by the end of the period that their \
             owners put into the category commit.",
        ));
    }
    let created = found.deals.only(Filter::within("created_on", &ask.period));
    figures.push(figure(
        "pipeline_created",
        "Pipeline created so far",
        created.sum("amount"),
        "Amount of the deals created in the period by the day asked as of; its goal is marketing's \
         and sales' creation plan.",
    ));
    let mut figures = common::targeted(ask, figures);
    for figure in &mut figures {
        if matches!(figure.id.as_str(), "forecast" | "booked") {
            figure.target = target.map(Value::Money);
        }
    }
    figures
}

/// Where the bookings come from.
pub(super) fn parts(found: &Found<'_>) -> Table {
    let Found { forecast, .. } = found;
    let columns = [("deals", "Deals"), ("wins", "Wins expected"), ("amount", "Bookings (P50)")];
    let mut parts = table("parts", "What the bookings are made of", "Part", &columns);
    let won = found.won();
    parts.rows.push(row(
        "booked",
        "Booked so far",
        vec![won.count(), won.count(), won.sum("amount")],
    ));
    if !found.ahead() {
        return parts;
    }
    let open = found.open();
    let wins: f64 = forecast.prospects.iter().map(|prospect| prospect.p_won).sum();
    let known = forecast.method != Method::Counting;
    let expected = |wins: f64| {
        if known { plain(Value::Number(wins)) } else { none("too little to forecast from") }
    };
    parts.rows.push(row(
        "open",
        "Open deals",
        vec![open.count(), expected(wins), found.spread(&forecast.open)],
    ));
    if forecast.method == Method::Hazard {
        let created: f64 = forecast.arrivals.iter().map(|arriving| arriving.created).sum();
        parts.rows.push(row(
            "new",
            "Deals still to be created",
            vec![
                plain(Value::Number(created)),
                expected(forecast.new_won),
                found.spread(&forecast.new),
            ],
        ));
        let mut sources: Vec<_> = forecast.arrivals.iter().collect();
        sources.retain(|arriving| arriving.created >= 0.05);
        sources.sort_by(|a, b| b.created.total_cmp(&a.created));
        for arriving in sources {
            let source = arriving.source.as_deref().unwrap_or("unknown");
            let side = domain::definition::Side::ALL.into_iter().find(|side| side.id() == source);
            let name = side.map_or("Unknown", side_name);
            let id = format!("new_{source}");
            let label = format!("Still to be created: {}", name.to_lowercase());
            let why = "part of the row above";
            let created = plain(Value::Number(arriving.created));
            parts.rows.push(row(&id, &label, vec![created, none(why), none(why)]));
        }
    }
    parts.note = Some(
        "Medians of parts do not add up to the median of the whole; their means do.".to_owned(),
    );
    parts
}

/// The forecast beside the plain ways.
pub(super) fn ways(found: &Found<'_>) -> Table {
    let Found { ask, forecast, plain: said, replays, .. } = found;
    let columns = [
        ("amount", "Bookings"),
        ("bias", "Bias so far"),
        ("error", "Error so far"),
        ("score", "CRPS against stage-weighted"),
        ("n", "Past forecasts"),
    ];
    let mut ways = table("ways", "The forecast, and what others say", "Way", &columns);
    let judged: Vec<&Replay> = replays.iter().filter(|r| r.method == Method::Hazard).collect();
    let off: f64 = judged.iter().map(|r| (r.plain.stage_weighted - r.actual).abs()).sum();
    let mut push = |id: &str, label: &str, amount: Entry, past: Vec<(f64, f64)>, crps: f64| {
        let score = scored(&past);
        let number = |value: Option<f64>| match value {
            Some(value) if score.n >= 3 => plain(Value::Number(value)),
            _ => none("too few past periods"),
        };
        let ratio = (off > 0.0 && past.len() == judged.len()).then(|| crps / off);
        let n = i64::try_from(score.n).unwrap_or(i64::MAX);
        let entries = vec![
            amount,
            number(score.bias),
            number(score.error),
            number(ratio),
            plain(Value::Count(n)),
        ];
        ways.rows.push(row(id, label, entries));
    };
    let pairs = |of: &dyn Fn(&Replay) -> Option<f64>| -> Vec<(f64, f64)> {
        judged.iter().filter_map(|replay| Some((of(replay)?, replay.actual))).collect()
    };
    let distance = |pairs: &[(f64, f64)]| pairs.iter().map(|(a, b)| (a - b).abs()).sum::<f64>();
    let model = pairs(&|replay| Some(replay.said[1]));
    let crps = judged.iter().map(|replay| replay.crps).sum();
    let total = if found.ahead() { found.spread(&forecast.total) } else { none("it is over") };
    push("model", "This forecast", total, model, crps);
    let plainly = |minor: Option<f64>| {
        minor.map_or_else(|| none("not known"), |minor| plain(found.value(minor)))
    };
    let stage = pairs(&|replay| Some(replay.plain.stage_weighted));
    let d = distance(&stage);
    push("stage_weighted", "Stage-weighted", plainly(Some(said.stage_weighted)), stage, d);
    if said.committed {
        let commit = pairs(&|replay| Some(replay.plain.commit));
        let d = distance(&commit);
        push("commit", "Committed by sales", plainly(Some(said.commit)), commit, d);
    }
    let year = pairs(&|replay| replay.plain.year_ago);
    let d = distance(&year);
    push("year_ago", "As a year ago", plainly(said.year_ago), year, d);
    let ratio = pairs(&|replay| replay.plain.year_ratio);
    let d = distance(&ratio);
    push("year_ratio", "A year ago times recent growth", plainly(said.year_ratio), ratio, d);
    let n = ask.period.n_days();
    ways.note = Some(format!(
        "Bias is the sum of forecasts over the sum of what came, less 1; error the mean distance as a \
         part of what came. Past forecasts stand {n}, {} and {} days before the end of a period. \
         CRPS below 1 is better than stage-weighted.",
        n - n / 3,
        n - 2 * n / 3
    ));
    ways
}

/// The parts of the gap: identifier, name, and the figure whose owner answers for it.
const GAPS: [(&str, &str, &str); 4] = [
    ("created", "Too little created", "pipeline_created"),
    ("conversion", "Too low conversion", "won"),
    ("speed", "Too slow", "won"),
    ("size", "Too small", "won"),
];

/// Says which part of the gap is the largest.
pub(super) fn largest(found: &Found<'_>, gap: &Gap) -> Option<String> {
    let missing = gap.target - gap.expected;
    if missing <= 0.0 {
        return None;
    }
    let parts = GAPS.iter().zip(gap.parts);
    let ((_, name, figure), part) = parts.min_by(|a, b| a.1.total_cmp(&b.1))?;
    (part < 0.0).then(|| {
        format!(
            "Of the {} that are expected to be missing, {} {} ({}).",
            found.said(missing),
            found.said(-part),
            match *name {
                "Too little created" => "is too little created",
                "Too low conversion" => "is too low conversion",
                "Too slow" => "is deals that close too slowly",
                _ => "is deals that are too small",
            },
            owner(found.ask, figure)
        )
    })
}

/// The gap to the target, divided.
pub(super) fn gap(found: &Found<'_>) -> Option<Table> {
    let gap = found.gap.as_ref()?;
    let columns = [
        ("part", "Part of the gap"),
        ("now", "Expected"),
        ("asked", "What the target asks for"),
        ("usual", "Last four periods"),
    ];
    let mut table =
        table("gap", "The gap to the target, and who owns it", "Cause (owner)", &columns);
    let [now, asked, usual] = [gap.now, gap.asked, gap.usual].map(|factors| {
        [
            Value::Number(factors.in_play),
            chance(factors.winning),
            chance(factors.closing),
            found.value(factors.amount),
        ]
    });
    // Rounded parts add up to the rounded gap: the largest takes what is left.
    let whole = found.money(gap.expected - gap.target).minor;
    let mut parts = gap.parts.map(|part| found.money(part).minor);
    let rest = whole - parts.iter().sum::<i64>();
    if let Some(largest) = parts.iter_mut().max_by_key(|part| part.abs()) {
        *largest += rest;
    }
    let factors = now.into_iter().zip(asked).zip(usual).zip(parts);
    for ((id, name, figure), (((now, asked), usual), part)) in GAPS.iter().zip(factors) {
        let label = format!("{name} ({})", owner(found.ask, figure));
        let part = domain::Money::from_minor(part, found.ask.currency);
        let entries = vec![plain(Value::Money(part)), plain(now), plain(asked), plain(usual)];
        table.rows.push(row(id, &label, entries));
    }
    let gap_whole = domain::Money::from_minor(whole, found.ask.currency);
    let entries = vec![
        plain(Value::Money(gap_whole)),
        plain(found.value(gap.expected)),
        plain(found.value(gap.target)),
        none("see the periods below"),
    ];
    table.rows.push(row("all", "The gap", entries));
    table.note = Some(
        "Deals in play, share of closed deals that is won, share that closes in the period, mean \
         amount. Below zero is missing; the parts add up to the gap. What the target asks for is the \
         usual performance with as many deals as it takes."
            .to_owned(),
    );
    Some(table)
}

/// The gap as steps from the target to what is expected.
pub(super) fn waterfall(found: &Found<'_>) -> Option<Chart> {
    let gap = found.gap.as_ref()?;
    let major = |minor: f64| Value::Money(found.money(minor)).number();
    let names = GAPS.iter().map(|(_, name, _)| *name);
    let points: Vec<&str> =
        std::iter::once("Target").chain(names).chain(std::iter::once("Expected")).collect();
    let steps = std::iter::once(gap.target).chain(gap.parts).chain(std::iter::once(gap.expected));
    let mut marks = vec![Mark::Plain; points.len()];
    for at in [0, points.len() - 1] {
        if let Some(mark) = marks.get_mut(at) {
            *mark = Mark::Total;
        }
    }
    let title = if gap.expected < gap.target {
        let short = found.said(gap.target - gap.expected);
        format!("{short} short of the target, by cause")
    } else {
        format!("{} above the target, by cause", found.said(gap.expected - gap.target))
    };
    let series = Series::new("Bookings", steps.map(major).collect()).marks(marks);
    let chart = Chart::new("gap", title, ChartForm::Waterfall, found.ask.currency.code());
    Some(chart.points(points).with(series))
}

/// Bookings up to each day of the period: what is booked, then the range of what will be.
pub(super) fn fan(found: &Found<'_>) -> Option<Chart> {
    let Found { ask, forecast, record, .. } = found;
    if forecast.path.is_empty() {
        return None;
    }
    let (from, on) = (forecast.span.from, forecast.span.on);
    let major = |minor: f64| Value::Money(found.money(minor)).number();
    let mut past = Vec::new();
    let mut at = from + 6;
    while at < on {
        past.push(at);
        at += 7;
    }
    if on >= from {
        past.push(on);
    }
    let booked: Vec<f64> = past.iter().map(|to| record.booked(from, *to, on)).collect();
    let days = past.iter().copied().chain(forecast.path.iter().map(|(day, _)| *day));
    let points: Vec<String> = days.map(|at| day(at).to_string()).collect();
    let n = points.len();
    let ahead = |of: usize| -> Vec<Option<f64>> {
        let before = past.len().saturating_sub(1);
        // The range begins at what is booked, so that the lines meet.
        let begin = (!past.is_empty()).then_some(forecast.so_far);
        let quantiles = forecast.path.iter().map(|(_, q)| q.get(of).copied());
        let known = begin.into_iter().map(Some).chain(quantiles).map(|x| major(x?));
        std::iter::repeat_n(None, before).chain(known).collect()
    };
    let mut measured: Vec<Option<f64>> = booked.into_iter().map(major).collect();
    measured.resize(n, None);
    let middle = forecast.total.quantile(0.5);
    let title = format!("{} by the end of {}, give or take", found.said(middle), ask.period.label);
    let mut chart = Chart::new("fan", title, ChartForm::Line, ask.currency.code())
        .points(points)
        .with(Series::new("Booked", measured))
        .with(Series::new("Forecast (P50)", ahead(1)).role(Role::Projected).range(
            LEVEL,
            ahead(0),
            ahead(2),
        ));
    if let Some(target) = goal(ask, "won") {
        let value = Value::Money(target).number();
        chart = chart.with(Series::new("Target: booked", vec![value; n]).role(Role::Target));
    }
    Some(chart)
}

/// Commit and record of each owner.
pub(super) fn owners(found: &Found<'_>) -> Option<Table> {
    let Found { plain: said, replays, .. } = found;
    if said.owners.is_empty() || !found.ahead() {
        return None;
    }
    let columns = [
        ("booked", "Booked so far"),
        ("commit", "Commit"),
        ("stage_weighted", "Stage-weighted"),
        ("expected", "Expected"),
        ("bias", "Bias of commit"),
        ("error", "Error of commit"),
    ];
    let mut table =
        table("owners", "What each owner says, and how right that was", "Owner", &columns);
    for (name, ways) in &said.owners {
        let rows = found.won();
        let own = match name {
            Some(name) => rows.only(Filter::is("owner", name)),
            None => rows.only(Filter::missing("owner")),
        };
        let mine = |prospect: &&Prospect| prospect.seen.at.owner == *name;
        let more: f64 = found
            .forecast
            .prospects
            .iter()
            .filter(mine)
            .map(|prospect| prospect.p_won * prospect.amount)
            .sum();
        let past: Vec<(f64, f64)> = replays
            .iter()
            .filter(|replay| replay.plain.committed)
            .filter_map(|replay| {
                let said = replay.plain.owners.get(name)?.commit;
                let came = replay.owners.get(name).map_or(0.0, |owner| owner.so_far);
                Some((said, came)).filter(|(said, came)| *said > 0.0 || *came > 0.0)
            })
            .collect();
        let score = scored(&past);
        let number = |value: Option<f64>| match value {
            Some(value) if score.n >= 6 => plain(Value::Number(value)),
            _ => none("too few past forecasts"),
        };
        let commit = if said.committed {
            plain(found.value(ways.commit))
        } else {
            none("no forecast category is recorded")
        };
        let entries = vec![
            own.sum("amount"),
            commit,
            plain(found.value(ways.stage_weighted)),
            if found.forecast.method == Method::Counting {
                none("too little to forecast from")
            } else {
                plain(found.value(ways.so_far + more))
            },
            number(score.bias),
            number(score.error),
        ];
        let label = name.as_deref().unwrap_or("No owner");
        table.rows.push(row(name.as_deref().unwrap_or(common::NONE), label, entries));
    }
    common::largest_first(&mut table, &["expected"]);
    table.note = Some(
        "Expected: booked, and each open deal's chance within the period times its amount. A bias of \
         0.2 means that commits were a fifth too high; at least six past forecasts are asked for."
            .to_owned(),
    );
    Some(table)
}

/// How right it was, by days before the end.
pub(super) fn track(found: &Found<'_>) -> Option<Table> {
    let judged: Vec<&Replay> =
        found.replays.iter().filter(|replay| replay.method == Method::Hazard).collect();
    if judged.is_empty() {
        return None;
    }
    let columns = [
        ("inside", "Within P10 to P90"),
        ("bias", "Bias"),
        ("error", "Error"),
        ("crps", "Mean CRPS"),
        ("stage", "Mean error of stage-weighted"),
    ];
    let mut table = table(
        "track",
        "How right it was, by how early it was said",
        "Days before the end",
        &columns,
    );
    let mut push = |id: &str, label: &str, of: &[&&Replay]| {
        if of.is_empty() {
            return;
        }
        let n = i64::try_from(of.len()).unwrap_or(i64::MAX);
        let inside = of.iter().filter(|replay| replay.inside()).count();
        let inside = i64::try_from(inside).unwrap_or(0);
        let pairs: Vec<(f64, f64)> = of.iter().map(|r| (r.said[1], r.actual)).collect();
        let score = scored(&pairs);
        let number = |value: Option<f64>| {
            value.map_or_else(|| none("nothing was booked"), |value| plain(Value::Number(value)))
        };
        let mean = |of_one: &dyn Fn(&Replay) -> f64| {
            let sum: f64 = of.iter().map(|replay| of_one(replay)).sum();
            plain(found.value(sum / of.len() as f64))
        };
        let entries = vec![
            crate::chance::with_rate(plain(Value::Share { of: inside, total: n })),
            number(score.bias),
            number(score.error),
            mean(&|replay| replay.crps),
            mean(&|replay| (replay.plain.stage_weighted - replay.actual).abs()),
        ];
        table.rows.push(row(id, label, entries));
    };
    for origin in 0..3 {
        let of: Vec<&&Replay> = judged.iter().filter(|replay| replay.origin == origin).collect();
        let days = of.iter().map(|replay| replay.days_left).max().unwrap_or(0);
        push(&format!("d{origin}"), &format!("About {days}"), &of);
    }
    push("all", "All", &judged.iter().collect::<Vec<_>>());
    table.note = Some(
        "Past periods forecast again from what was known then, before any widening of the range."
            .to_owned(),
    );
    Some(table)
}

/// Each past period as it was forecast.
pub(super) fn replayed(found: &Found<'_>) -> Option<Table> {
    if found.replays.is_empty() {
        return None;
    }
    let columns = [
        ("actual", "What came"),
        ("p50", "Forecast (P50)"),
        ("stage_weighted", "Stage-weighted"),
        ("commit", "Commit"),
    ];
    let mut table =
        table("replayed", "Past periods, forecast from what was known then", "Period", &columns);
    for replay in &found.replays {
        let [low, middle, high] = replay.said;
        let said = if replay.method == Method::Counting {
            none("too little to forecast from")
        } else {
            found.ranged([low, middle, high])
        };
        let commit = if replay.plain.committed {
            plain(found.value(replay.plain.commit))
        } else {
            none("no forecast category is recorded")
        };
        let came = found
            .deals
            .only(Filter::flag("won", true))
            .only(Filter::within("closed_on", &replay.period));
        let entries =
            vec![came.sum("amount"), said, plain(found.value(replay.plain.stage_weighted)), commit];
        let id = format!("{}-{}", replay.period.label, replay.origin);
        let label = format!("{}, {} days before its end", replay.period.label, replay.days_left);
        table.rows.push(row(&id, &label, entries));
    }
    Some(table)
}

/// Error of past forecasts by period and by how early they were said.
pub(super) fn past(found: &Found<'_>) -> Option<Chart> {
    let mut periods: Vec<(i64, String)> = found
        .replays
        .iter()
        .map(|replay| (number(replay.period.from), replay.period.label.clone()))
        .collect();
    periods.sort();
    periods.dedup();
    if periods.len() < 2 {
        return None;
    }
    let points: Vec<&str> = periods.iter().map(|(_, label)| label.as_str()).collect();
    let error = |origin: usize, label: &str| {
        let replay = found
            .replays
            .iter()
            .find(|replay| replay.origin == origin && replay.period.label == label)?;
        (replay.actual > 0.0).then(|| replay.said[1] / replay.actual - 1.0)
    };
    let mut chart = Chart::new(
        "past",
        "Past forecasts against what came: above zero was too high",
        ChartForm::HeatMap,
        "share",
    )
    .points(points.clone());
    for origin in 0..3 {
        let of = found.replays.iter().filter(|replay| replay.origin == origin);
        let days = of.map(|replay| replay.days_left).max()?;
        let values = points.iter().map(|label| error(origin, label)).collect();
        chart = chart.with(Series::new(format!("{days} days before the end"), values));
    }
    Some(chart)
}

/// The open deals that matter most, with their chance and why.
pub(super) fn deals(found: &Found<'_>) -> Option<Table> {
    if !found.ahead() || found.forecast.prospects.is_empty() {
        return None;
    }
    let columns =
        [("chance", "Chance in the period"), ("amount", "Amount"), ("expected", "Expected")];
    let title = "Open deals, by what they are expected to bring";
    let mut table = table("deals", title, "Deal (why)", &columns);
    let mut prospects: Vec<&Prospect> = found.forecast.prospects.iter().collect();
    let id = |prospect: &Prospect| {
        found.record.deals.get(prospect.seen.deal).map(|deal| std::sync::Arc::clone(&deal.id))
    };
    prospects.sort_by(|a, b| {
        let key = |prospect: &Prospect| (prospect.p_won * prospect.amount, prospect.amount);
        let (a_key, b_key) = (key(a), key(b));
        let by = b_key.0.total_cmp(&a_key.0).then(b_key.1.total_cmp(&a_key.1));
        by.then_with(|| id(a).cmp(&id(b)))
    });
    let n = prospects.len();
    for prospect in prospects.into_iter().take(SHOWN) {
        let Some(deal) = found.record.deals.get(prospect.seen.deal) else { continue };
        let rows = found.open().only(Filter::is("id", &deal.id));
        let known = found.forecast.method != Method::Counting;
        let (p, expected) = if known {
            let expected = found.value(prospect.p_won * prospect.amount);
            (plain(chance(prospect.p_won)), plain(expected))
        } else {
            (none("too little to forecast from"), none("too little to forecast from"))
        };
        table.rows.push(row(
            &deal.id,
            &told(found, prospect),
            vec![p, rows.sum("amount"), expected],
        ));
    }
    let shown = SHOWN.min(n);
    table.note = Some(format!(
        "{shown} of {n} open deals. The chance is that of a win with a close day in the period; why says \
         what sets a deal apart from the mean of all open deals most."
    ));
    Some(table)
}

/// Names a deal and what moves its chance.
fn told(found: &Found<'_>, prospect: &Prospect) -> String {
    let deal = found.record.deals.get(prospect.seen.deal);
    let name = deal.and_then(|deal| deal.name.as_deref().or(Some(&deal.id))).unwrap_or("?");
    let mut facts: Vec<String> = Vec::new();
    let on = found.forecast.span.on;
    match prospect.seen.close {
        Some(close) if close < on => facts.push(format!("overdue by {} days", on - close)),
        Some(close) if close > found.forecast.span.to => {
            facts.push(format!("planned for {}", day(close)));
        }
        _ => {}
    }
    if prospect.seen.at.n_pushes > 0 {
        let n = i64::from(prospect.seen.at.n_pushes);
        facts.push(format!("pushed {}", words::count(n, "time", "times")));
    }
    for (block, effect) in &prospect.why {
        facts.push(format!("{} {block}", if *effect > 0.0 { "raised by" } else { "lowered by" }));
    }
    if facts.is_empty() {
        return name.to_owned();
    }
    format!("{name}: {}", facts.join(", "))
}
