//! One chart of each form and each thing that a form can show, with numbers that look real.

use domain::answer::{Chart, ChartForm, Mark, Role, Series, Trend};
use show::svg::{self, Canvas};

fn some(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().map(|x| Some(*x)).collect()
}

fn gaps(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().map(|x| Some(*x).filter(|x| x.is_finite())).collect()
}

fn opens(chart: Chart) -> Chart {
    let mut chart = chart;
    let n_points = chart.points.len();
    for (nth, series) in chart.series.iter_mut().enumerate() {
        series.opens = (0..n_points).map(|at| Some(format!("rows.{nth}.{at}"))).collect();
    }
    chart
}

const MONTHS: [&str; 12] = [
    "2025-10", "2025-11", "2025-12", "2026-01", "2026-02", "2026-03", "2026-04", "2026-05",
    "2026-06", "2026-07", "2026-08", "2026-09",
];
const QUARTERS: [&str; 8] =
    ["2024Q4", "2025Q1", "2025Q2", "2025Q3", "2025Q4", "2026Q1", "2026Q2", "2026Q3"];
const CHANNELS: [&str; 8] = [
    "Paid search",
    "Webinars and events",
    "Email",
    "Partner referrals",
    "Organic search",
    "Paid social",
    "Content syndication",
    "Direct mail",
];

/// The charts.
pub(crate) fn charts() -> Vec<Chart> {
    let chart = |id: &str, title: &str, form, points: &[&str], unit: &str| {
        Chart::new(id, title, form, unit).points(points.iter().copied())
    };
    let nan = f64::NAN;
    let mut all = vec![
        opens(
            chart(
                "bars",
                "Paid search brings the most pipeline",
                ChartForm::Bars,
                &CHANNELS[..6],
                "USD",
            )
            .with(
                Series::new("Pipeline", some(&[640e3, 410e3, 280e3, 190e3, 88e3, -14e3])).range(
                    0.95,
                    some(&[560e3, 330e3, 240e3, 120e3, 60e3, -30e3]),
                    some(&[730e3, 500e3, 330e3, 260e3, 120e3, 2e3]),
                ),
            ),
        ),
        chart(
            "compared",
            "Webinars beat their target, email did not",
            ChartForm::Bars,
            &CHANNELS[..5],
            "USD",
        )
        .with(Series::new("This quarter", some(&[640e3, 410e3, 280e3, 190e3, 88e3])))
        .with(Series::new("Target", some(&[600e3, 350e3, 340e3, 200e3, 160e3])).role(Role::Target))
        .with(
            Series::new("Quarter before", some(&[580e3, 300e3, 310e3, 220e3, 60e3]))
                .role(Role::Previous),
        ),
        opens(
            chart(
                "grouped",
                "Spend and won credit of the 5 largest programs",
                ChartForm::Bars,
                &CHANNELS[..5],
                "USD",
            )
            .with(Series::new("Spend", some(&[210e3, 120e3, 34e3, 60e3, 12e3])))
            .with(Series::new("Won credit", gaps(&[420e3, 310e3, 121e3, nan, 88e3]))),
        ),
        opens(
            chart(
                "stacked",
                "Marketing sourced 43% of new pipeline in 2026Q3",
                ChartForm::Stacked,
                &QUARTERS,
                "USD",
            )
            .with(Series::new(
                "Marketing",
                some(&[620e3, 700e3, 810e3, 760e3, 910e3, 1.02e6, 1.1e6, 1.24e6]),
            ))
            .with(Series::new(
                "Sales",
                some(&[1.1e6, 1.0e6, 1.2e6, 1.15e6, 1.3e6, 1.2e6, 1.35e6, 1.31e6]),
            ))
            .with(Series::new(
                "Partner",
                some(&[80e3, 120e3, 90e3, 160e3, 140e3, 210e3, 180e3, 250e3]),
            ))
            .with(Series::new(
                "Unknown",
                some(&[150e3, 140e3, 120e3, 90e3, 95e3, 60e3, 70e3, 80e3]),
            )),
        ),
        opens(
            chart(
                "line",
                "The win rate of marketing deals has passed that of sales",
                ChartForm::Line,
                &MONTHS,
                "share",
            )
            .with(
                Series::new(
                    "Marketing",
                    some(&[0.17, 0.18, 0.16, 0.19, 0.21, 0.2, 0.22, 0.24, 0.23, 0.26, 0.27, 0.28]),
                )
                .range(
                    0.95,
                    some(&[0.12, 0.13, 0.11, 0.14, 0.16, 0.15, 0.17, 0.19, 0.18, 0.21, 0.22, 0.22]),
                    some(&[0.23, 0.24, 0.22, 0.25, 0.27, 0.26, 0.28, 0.3, 0.29, 0.32, 0.33, 0.35]),
                ),
            )
            .with(Series::new(
                "Sales",
                gaps(&[0.22, 0.23, 0.22, 0.21, nan, 0.22, 0.23, 0.21, 0.22, 0.22, 0.21, 0.22]),
            )),
        )
        .annotate("2026-01", "new prices")
        .annotate("2026-03", "CRM migration")
        .annotate("2026-04", "SDR team doubled"),
        chart(
            "fan",
            "The quarter will end between $2.1M and $3.4M",
            ChartForm::Line,
            &MONTHS,
            "USD",
        )
        .with(Series::new(
            "Won",
            gaps(&[120e3, 310e3, 520e3, 700e3, 950e3, 1.2e6, 1.4e6, 1.7e6, nan, nan, nan, nan]),
        ))
        .with(
            Series::new(
                "Expected",
                gaps(&[nan, nan, nan, nan, nan, nan, nan, nan, 1.95e6, 2.2e6, 2.45e6, 2.7e6]),
            )
            .role(Role::Projected)
            .range(
                0.5,
                gaps(&[nan, nan, nan, nan, nan, nan, nan, 1.7e6, 1.88e6, 2.08e6, 2.28e6, 2.48e6]),
                gaps(&[nan, nan, nan, nan, nan, nan, nan, 1.7e6, 2.02e6, 2.32e6, 2.62e6, 2.92e6]),
            )
            .range(
                0.8,
                gaps(&[nan, nan, nan, nan, nan, nan, nan, 1.7e6, 1.82e6, 1.97e6, 2.12e6, 2.3e6]),
                gaps(&[nan, nan, nan, nan, nan, nan, nan, 1.7e6, 2.1e6, 2.44e6, 2.8e6, 3.15e6]),
            )
            .range(
                0.95,
                gaps(&[nan, nan, nan, nan, nan, nan, nan, 1.7e6, 1.76e6, 1.86e6, 1.97e6, 2.1e6]),
                gaps(&[nan, nan, nan, nan, nan, nan, nan, 1.7e6, 2.2e6, 2.6e6, 3.0e6, 3.4e6]),
            ),
        )
        .with(
            Series::new(
                "Target",
                some(&[
                    250e3, 500e3, 750e3, 1e6, 1.25e6, 1.5e6, 1.75e6, 2e6, 2.25e6, 2.5e6, 2.75e6,
                    3e6,
                ]),
            )
            .role(Role::Target),
        ),
        opens(
            chart(
                "waterfall",
                "Pipeline grew by $410K, most of it new; lost deals took $620K",
                ChartForm::Waterfall,
                &[
                    "Opening",
                    "Created",
                    "Pulled in",
                    "Amount up",
                    "Amount down",
                    "Pushed out",
                    "Lost",
                    "Won",
                    "Closing",
                ],
                "USD",
            )
            .with(
                Series::new(
                    "Pipeline",
                    some(&[2.9e6, 1.62e6, 210e3, 140e3, -90e3, -330e3, -620e3, -520e3, 3.31e6]),
                )
                .marks(vec![
                    Mark::Total,
                    Mark::Plain,
                    Mark::Plain,
                    Mark::Plain,
                    Mark::Plain,
                    Mark::Plain,
                    Mark::Plain,
                    Mark::Plain,
                    Mark::Total,
                ]),
            )
            .with(
                Series::new(
                    "Deals",
                    some(&[212.0, 118.0, 14.0, 9.0, 7.0, 22.0, 61.0, 40.0, 231.0]),
                )
                .unit("count"),
            ),
        ),
        opens(
            chart(
                "funnel",
                "Half of the meetings become deals; the wait is before the meeting",
                ChartForm::Funnel,
                &["Leads", "Qualified", "Meeting held", "Opportunity", "Won"],
                "count",
            )
            .with(Series::new("This quarter", some(&[4_120.0, 1_690.0, 640.0, 330.0, 74.0])))
            .with(
                Series::new("Went on", gaps(&[nan, 0.41, 0.38, 0.52, 0.22])).role(Role::Conversion),
            )
            .with(Series::new("Median days", gaps(&[nan, 3.0, 19.0, 6.5, 61.0])).role(Role::Days))
            .with(
                Series::new("Quarter before", some(&[3_800.0, 1_800.0, 600.0, 360.0, 81.0]))
                    .role(Role::Previous),
            ),
        ),
    ];
    let mut heat = chart(
        "heat",
        "Newer cohorts convert faster",
        ChartForm::HeatMap,
        &["0", "1", "2", "3", "4", "5", "6"],
        "share",
    );
    for (nth, month) in MONTHS[5..].iter().enumerate() {
        let n_known = 7 - nth;
        let values = (0..7)
            .map(|at| (at < n_known).then_some(0.04 + 0.05 * at as f64 + 0.012 * nth as f64))
            .collect();
        let marks = (0..7)
            .map(|at| if at + 1 == n_known { Mark::Unfinished } else { Mark::Plain })
            .collect();
        heat = heat.with(Series::new(*month, values).marks(marks));
    }
    all.push(opens(heat));
    all.push(
        chart(
            "change",
            "Paid social falls everywhere",
            ChartForm::HeatMap,
            &["North", "South", "East", "West"],
            "USD",
        )
        .with(Series::new("Paid search", some(&[120e3, 40e3, -20e3, 66e3])))
        .with(Series::new("Email", some(&[0.0, 14e3, 35e3, -4e3])))
        .with(Series::new("Paid social", some(&[-90e3, -40e3, -66e3, -12e3]))),
    );
    all.push(opens(
        chart("scatter", "Partner referrals pay back most", ChartForm::Scatter, &CHANNELS, "USD")
            .with(
                Series::new("Spend", some(&[210e3, 180e3, 14e3, 30e3, 22e3, 160e3, 90e3, 8e3]))
                    .role(Role::Across),
            )
            .with(Series::new(
                "Won credit",
                some(&[420e3, 610e3, 88e3, 330e3, 120e3, 70e3, 95e3, 6e3]),
            ))
            .with(
                Series::new("Deals", some(&[61.0, 42.0, 20.0, 18.0, 25.0, 12.0, 15.0, 2.0]))
                    .role(Role::Size)
                    .unit("count"),
            ),
    ));
    all.push(
        chart(
            "scatter-days",
            "Larger deals take longer",
            ChartForm::Scatter,
            &CHANNELS[..7],
            "days",
        )
        .with(
            Series::new("Deal size", some(&[31e3, 62e3, 12e3, 80e3, 24e3, 9e3, 44e3]))
                .role(Role::Across)
                .unit("USD"),
        )
        .with(Series::new(
            "Median days to close",
            some(&[61.0, 88.0, 30.0, 97.0, 45.0, 28.0, 70.0]),
        )),
    );
    let mut dots =
        chart("dots", "Six deals have stalled in negotiation", ChartForm::Dots, &[], "days");
    let stages = ["Discovery", "Evaluation", "Proposal", "Negotiation"];
    let n_dots = 64;
    dots.points = (0..n_dots).map(|at| format!("D-{}", 1_000 + at)).collect();
    for (row, stage) in stages.iter().enumerate() {
        let values = (0..n_dots)
            .map(|at| {
                (at % 4 == row)
                    .then(|| ((at * 37 + row * 11) % 59) as f64 * (1.0 + row as f64 * 0.6))
            })
            .collect();
        dots = dots.with(Series::new(*stage, values));
    }
    all.push(opens(dots));
    all.push(opens(
        chart(
            "dumbbell",
            "The credit of webinars depends most on the model",
            ChartForm::Dumbbell,
            &CHANNELS[..6],
            "USD",
        )
        .with(Series::new("First touch", some(&[700e3, 120e3, 150e3, 90e3, 60e3, 20e3])))
        .with(Series::new("Last touch", some(&[420e3, 480e3, 210e3, 95e3, 40e3, 33e3])))
        .with(Series::new("W-shaped", some(&[640e3, 310e3, 180e3, 92e3, 55e3, 25e3])))
        .with(Series::new("Data-driven", some(&[590e3, 350e3, 190e3, 80e3, 58e3, 26e3]))),
    ));
    all.push(
        chart("many", "Twelve regions over two years", ChartForm::Stacked, &MONTHS, "count")
            .with_many(12),
    );
    all.push(chart("none", "Nothing is loaded yet", ChartForm::Line, &MONTHS, "USD"));
    all
}

/// Adds so many series.
trait Many {
    fn with_many(self, n: usize) -> Self;
}

impl Many for Chart {
    fn with_many(mut self, n: usize) -> Self {
        let n_points = self.points.len();
        for nth in 0..n {
            let values = (0..n_points)
                .map(|at| Some(((nth * 7 + at * 3) % 11) as f64 * 4.0 + 3.0))
                .collect();
            self = self.with(Series::new(format!("Region {}", nth + 1), values));
        }
        self
    }
}

/// A figure over eight quarters.
pub(crate) fn trend() -> Trend {
    Trend {
        points: QUARTERS.map(str::to_owned).to_vec(),
        values: some(&[0.62e6, 0.7e6, 0.81e6, 0.76e6, 0.91e6, 1.02e6, 1.1e6, 1.24e6]),
    }
}

/// The page of the gallery.
#[cfg_attr(test, expect(dead_code, reason = "only the example writes the page"))]
pub(crate) fn page() -> String {
    let link = |id: &str| Some(format!("/pipeline/rows/{id}?period=2026Q3&model=w_shaped"));
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Charts</title><style>{}\n\
         body{{margin:0;font:14px Inter,sans-serif;display:grid;grid-template-columns:auto auto}}\
         section{{padding:24px;display:flex;gap:40px;align-items:start;border-bottom:1px solid #8883}}\
         .dark{{background:#15181d;color:#e8eaee}}h2{{font-size:15px;margin:0 0 12px}}</style>",
        svg::STYLE.replace(":root[data-theme=\"dark\"]", ".dark")
    );
    for chart in charts() {
        for theme in ["light", "dark"] {
            out += &format!("<section class=\"{theme}\">");
            for width in [720.0, 340.0] {
                let id = format!("{theme}-{}-{width}", chart.id);
                let canvas = Canvas { width, link: &link, id: &id };
                let drawn = svg::chart(&chart, &canvas);
                out += &format!(
                    "<div style=\"width:{width}px\"><h2>{}</h2>{drawn}</div>",
                    chart.title
                );
            }
            out += "</section>";
        }
    }
    let canvas = Canvas { width: 140.0, link: &link, id: "s" };
    let spark = svg::sparkline(&trend(), "USD", &canvas);
    out + &format!("<section>{spark}</section><section class=\"dark\">{spark}</section>")
}
