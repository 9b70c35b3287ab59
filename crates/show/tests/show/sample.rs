//! A company that one can hold in the head, and its answers.

use std::sync::Arc;

use domain::answer::{
    Annotation, Chart, ChartForm, Entry, Interval, Mark, Role, Series, Table, TableColumn,
    TableRow, Trend,
};
use domain::{
    Answer, Ask, Caveat, Column, Currency, Definitions, Evidence, Figure, Filter, Frame, Money,
    Question, Rows, Value,
};
use jiff::civil::date;

const PIPELINE: Question = Question {
    id: "pipeline",
    asks: "What pipeline and revenue did marketing source and influence, and is it good?",
    readers: &["CEO", "CMO"],
    help: "",
};

/// An amount in US dollars.
fn usd(minor: i64) -> Value {
    Value::Money(Money::from_minor(minor, Currency::USD))
}

fn range(low: f64, high: f64) -> Interval {
    Interval { low, high, level: 0.95, method: "Wilson" }
}

/// An answer without anything in it.
pub(crate) fn empty() -> Answer {
    let definitions = Definitions { company: "Acorn".to_owned(), ..Definitions::starter().0 };
    let ask = Ask {
        as_of: date(2026, 10, 2),
        period: definitions.calendar().period("2026Q3").unwrap(),
        by: vec!["channel".to_owned()],
        segment: None,
        model: "w_shaped".to_owned(),
        currency: Currency::USD,
        definitions: Arc::new(definitions),
        seed: 1,
    };
    let mut answer = Answer::new(&PIPELINE, &ask);
    // The version changes with the starter definitions, which are not the subject here.
    answer.asked.definitions = "3f2a91c0d4e5".to_owned();
    answer
}

fn evidence() -> Evidence {
    Evidence::sum(Rows::of("opportunities").only(Filter::is("source", "marketing")), "amount")
}

/// A figure, a chart and a table, for the formats of programs.
pub(crate) fn small() -> Answer {
    let mut answer = empty();
    answer.headline = "Marketing sourced USD 1.24M.".to_owned();
    let mut figure = Figure::new(
        "marketing_sourced_pipeline",
        "Marketing-sourced pipeline",
        usd(124_030_049),
        "Amount of the deals created in the period whose source is marketing.",
    )
    .interval(Some(range(1_101_000.5, f64::INFINITY)))
    .evidence(evidence());
    figure.previous = Some(usd(110_000_000));
    figure.target = Some(Value::None("no goal is set".to_owned()));
    figure.trend = Some(Trend {
        points: vec!["2026Q2".to_owned(), "2026Q3".to_owned()],
        values: vec![Some(1_100_000.0), Some(1_240_300.49)],
    });
    let rate = Figure::new(
        "win_rate",
        "Win rate",
        Value::Share { of: 3, total: 5 },
        "Won of closed deals.",
    );
    answer.figures = vec![figure, rate.interval(Some(range(0.23, 0.88)))];
    answer.charts = vec![Chart {
        id: "by_month".to_owned(),
        title: "July was slow".to_owned(),
        form: ChartForm::Stacked,
        points: vec!["2026-07".to_owned(), "2026-08".to_owned()],
        series: vec![
            Series::new("marketing", vec![Some(402_000.1), None])
                .range(0.8, vec![Some(1.005), None], vec![Some(2.0), None])
                .marks(vec![Mark::Plain, Mark::Unfinished])
                .opens(vec![Some("channels.paid_search.pipeline".to_owned()), None]),
            Series::new("share", vec![Some(0.25), None]).role(Role::Conversion),
        ],
        unit: "USD".to_owned(),
        annotations: vec![Annotation {
            point: "2026-08".to_owned(),
            text: "new prices".to_owned(),
        }],
    }];
    answer.tables = vec![Table {
        id: "channels".to_owned(),
        title: "By channel".to_owned(),
        of: "Channel".to_owned(),
        columns: vec![TableColumn { id: "pipeline".to_owned(), label: "Pipeline".to_owned() }],
        rows: vec![TableRow {
            id: "paid_search".to_owned(),
            label: "Paid search".to_owned(),
            entries: vec![Entry::new(usd(-7), evidence())],
        }],
        note: None,
    }];
    answer.caveats = vec![
        Caveat::new("rows-refused", "2 rows were refused.")
            .rows(Rows::of("refusals").columns(&["line"])),
    ];
    answer
}

/// An answer with every part that there is.
pub(crate) fn pipeline() -> Answer {
    let mut answer = small();
    answer.headline =
        "Marketing sourced 43% of the pipeline created in 2026Q3: USD 1.24M of 2.88M, 12.8% more \
                       than the quarter before and 17% below target."
            .to_owned();
    let figure = |id: &str, label: &str, value, previous, year_ago, target| Figure {
        previous,
        year_ago,
        target,
        ..Figure::new(id, label, value, "A sentence that says what the word means here.")
            .evidence(evidence())
    };
    let share = |of, total| Value::Share { of, total };
    answer.figures = vec![
        figure(
            "marketing_sourced_pipeline",
            "Marketing-sourced pipeline",
            usd(124_030_049),
            Some(usd(110_000_000)),
            Some(usd(98_000_000)),
            Some(usd(150_000_000)),
        ),
        figure(
            "share",
            "Marketing-sourced share",
            share(43, 100),
            Some(share(40, 99)),
            Some(share(31, 88)),
            None,
        )
        .interval(Some(range(0.38, 0.48))),
        figure(
            "win_rate",
            "Win rate of marketing-sourced deals",
            share(3, 5),
            Some(share(12, 40)),
            None,
            None,
        )
        .interval(Some(range(0.23, 0.88))),
        figure(
            "cycle",
            "Median days to close",
            Value::Days(61.5),
            Some(Value::Days(58.0)),
            None,
            None,
        ),
        figure(
            "deals",
            "Deals created",
            Value::Count(1_312),
            Some(Value::Count(1_290)),
            None,
            None,
        ),
        figure(
            "cost",
            "Cost per opportunity",
            usd(8_435),
            Some(usd(7_990)),
            Some(Value::None("no spend is loaded before 2026-01".to_owned())),
            Some(usd(8_000)),
        ),
        figure(
            "payback",
            "Payback of the spend",
            Value::None("no margin is set".to_owned()),
            None,
            None,
            None,
        ),
    ];
    let strings = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let series =
        |name: &str, values: &[f64]| Series::new(name, values.iter().map(|&x| Some(x)).collect());
    let chart = |id: &str, title: &str, form, points: &[&str], series, unit: &str| Chart {
        id: id.to_owned(),
        title: title.to_owned(),
        form,
        points: strings(points),
        series,
        unit: unit.to_owned(),
        annotations: Vec::new(),
    };
    answer.charts = vec![
        chart(
            "by_month",
            "Marketing's part grows month by month",
            ChartForm::Stacked,
            &["2026-04", "2026-05", "2026-06", "2026-07", "2026-08", "2026-09"],
            vec![
                series(
                    "marketing",
                    &[310_000.0, 352_000.0, 438_000.0, 402_000.0, 377_300.0, 461_000.0],
                ),
                series(
                    "sales",
                    &[620_000.0, 480_000.0, 512_000.0, 498_000.0, 530_100.0, 471_000.0],
                ),
                series("partner", &[0.0, 20_000.0, 0.0, 64_000.0, 12_000.0, 61_000.0]),
            ],
            "USD",
        ),
        chart(
            "by_channel",
            "Paid search brings the most",
            ChartForm::Bars,
            &["Paid search", "Webinars and events", "Email", "東京 展示会", "Corrections"],
            vec![series("pipeline", &[640_000.0, 310_300.0, 180_000.0, 12_000.0, -4_500.0])],
            "USD",
        ),
        chart(
            "models",
            "The model matters most for webinars",
            ChartForm::Dumbbell,
            &["Paid search", "Webinars and events", "Email"],
            vec![
                series("first touch", &[700_000.0, 120_000.0, 150_000.0]),
                series("position based", &[640_000.0, 310_300.0, 180_000.0]),
                series("last touch", &[420_000.0, 480_000.0, 210_000.0]),
            ],
            "USD",
        ),
    ];
    let columns = [
        ("sourced", "Sourced pipeline"),
        ("influenced", "Influenced pipeline"),
        ("won", "Won"),
        ("deals", "Deals"),
        ("win_rate", "Win rate"),
        ("cycle", "Median days"),
    ];
    let row = |label: &str, money: [i64; 3], deals, rate, days| TableRow {
        id: label.to_lowercase().replace(' ', "_"),
        label: label.to_owned(),
        entries: [usd(money[0]), usd(money[1]), usd(money[2]), Value::Count(deals), rate, days]
            .into_iter()
            .map(|value| Entry::new(value, evidence()))
            .collect(),
    };
    answer.tables = vec![Table {
        id: "channels".to_owned(),
        title: "By channel of the originating touch".to_owned(),
        of: "Channel".to_owned(),
        columns: columns
            .iter()
            .map(|&(id, label)| TableColumn { id: id.to_owned(), label: label.to_owned() })
            .collect(),
        rows: vec![
            row(
                "Paid search",
                [64_000_000, 98_000_000, 21_000_000],
                412,
                share(112, 300),
                Value::Days(58.5),
            ),
            row(
                "Webinars and events",
                [31_030_049, 77_050_000, 9_000_000],
                96,
                share(20, 61),
                Value::Days(71.0),
            ),
            row("Email", [18_000_000, 120_000_000, 4_000_000], 61, share(3, 8), Value::Days(40.5)),
            row(
                "東京 展示会",
                [1_200_000, 1_200_000, 0],
                2,
                share(0, 0),
                Value::None("no deal is closed".into()),
            ),
            row("Grün & Söhne", [-450_000, 30, 0], 1, share(1, 1), Value::Days(1.0)),
        ],
        note: Some(
            "Influenced pipeline overlaps and is never added to sourced pipeline.".to_owned(),
        ),
    }];
    answer.caveats.push(Caveat::new(
        "deals-without-touch",
        "118 deals (9% of the amount) have no touch in the lookback of 180 days and count as source unknown.",
    ));
    answer
}

/// Rows behind a figure.
pub(crate) fn deals() -> Frame {
    let texts = |all: &[&str]| Column::Text(all.iter().map(|&text| Some(text.into())).collect());
    let money = |all: &[i64]| {
        Column::Money(
            all.iter().map(|&minor| Some(Money::from_minor(minor, Currency::USD))).collect(),
        )
    };
    let mut native: Vec<Option<Money>> =
        [12_000_000, 500_000].map(|m| Some(Money::from_minor(m, "EUR".parse().unwrap()))).to_vec();
    native.extend([Some(Money::from_minor(88_000, "JPY".parse().unwrap())), None, None]);
    Frame::new(vec![
        ("id", texts(&["D-1", "D-2", "D-3", "D-4", "D-5"])),
        (
            "name",
            texts(&[
                "Acme: new fleet",
                "=1+1",
                "東京 展示会, \"Halle 4\"",
                "\u{1b}[2Jx",
                "'-quoted",
            ]),
        ),
        (
            "account",
            texts(&["Acme Corporation of North America", "Bolt", "東京電力", "Evil", "Quote"]),
        ),
        ("amount", money(&[123_030_049, 1_000_000, -7, 0, 100])),
        ("amount_native", Column::Money(native)),
        ("created_on", Column::Day([1, 2, 3, 4, 5].map(|d| Some(date(2026, 7, d))).to_vec())),
        ("won", Column::Boolean(vec![Some(true), Some(false), None, None, None])),
        (
            "probability",
            Column::Number(vec![Some(1.0), Some(0.0), Some(0.1 + 0.2), None, Some(-0.5)]),
        ),
        ("cycle_days", Column::Integer(vec![Some(61), Some(12), None, None, None])),
    ])
    .unwrap()
}
