//! What a chart shows, as data: every surface draws it in its own way.
//!
//! One shape serves every form, so that a chart can be read as a table whatever its form: points
//! along the first axis, and series with one value for each point. What a series is for stands in
//! its [`Role`]. `docs/spec/charts.md` says which form takes which roles.

use serde::Serialize;

/// Data for a chart.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Chart {
    /// Identifier.
    pub id: String,
    /// The finding, as a title.
    pub title: String,
    /// How it is best drawn.
    pub form: ChartForm,
    /// Names of the points along the first axis.
    pub points: Vec<String>,
    /// One or more series with a value for each point.
    pub series: Vec<Series>,
    /// The unit of the values: a currency code, `count`, `share`, `days`.
    pub unit: String,
    /// What happened at points in time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}

impl Chart {
    /// Starts a chart without points and series.
    pub fn new(id: &str, title: impl Into<String>, form: ChartForm, unit: &str) -> Self {
        Self {
            id: id.to_owned(),
            title: title.into(),
            form,
            points: Vec::new(),
            series: Vec::new(),
            unit: unit.to_owned(),
            annotations: Vec::new(),
        }
    }

    /// Names the points along the first axis.
    #[must_use]
    pub fn points(mut self, points: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.points = points.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a series.
    #[must_use]
    pub fn with(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Says what happened at a point.
    #[must_use]
    pub fn annotate(mut self, point: &str, text: &str) -> Self {
        self.annotations.push(Annotation { point: point.to_owned(), text: text.to_owned() });
        self
    }

    /// Returns the unit of a series: its own, or that of the chart.
    pub fn unit_of<'a>(&'a self, series: &'a Series) -> &'a str {
        series.unit.as_deref().unwrap_or(&self.unit)
    }

    /// Returns the series that play a role, in their order.
    pub fn role(&self, role: Role) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(move |series| series.role == role)
    }
}

/// How a chart is best drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChartForm {
    /// A bar for each point.
    Bars,
    /// Bars of parts that make a whole.
    Stacked,
    /// A line over time.
    Line,
    /// Steps from one total to the next.
    Waterfall,
    /// How many go on from step to step.
    Funnel,
    /// A number in each cell; the series are the rows.
    HeatMap,
    /// Points by two values.
    Scatter,
    /// A dot for each point, in the strip of the series that has a value for it.
    Dots,
    /// The range of several values for each point.
    Dumbbell,
}

impl ChartForm {
    /// All forms.
    pub const ALL: [Self; 9] = [
        Self::Bars,
        Self::Stacked,
        Self::Line,
        Self::Waterfall,
        Self::Funnel,
        Self::HeatMap,
        Self::Scatter,
        Self::Dots,
        Self::Dumbbell,
    ];
}

/// A series of a chart.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Series {
    /// Name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Role::is_measured")]
    pub role: Role,
    /// The unit of its values, where it is not that of the chart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Values; `None` where there is none.
    pub values: Vec<Option<f64>>,
    /// Ranges around the values, by level.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<Range>,
    /// What is particular about a value; empty where nothing is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// What each value opens, as in [`crate::Answer::openable`]; empty where none does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub opens: Vec<Option<String>>,
}

impl Series {
    /// Makes a measured series in the unit of the chart.
    pub fn new(name: impl Into<String>, values: Vec<Option<f64>>) -> Self {
        Self {
            name: name.into(),
            role: Role::Measured,
            unit: None,
            values,
            ranges: Vec::new(),
            marks: Vec::new(),
            opens: Vec::new(),
        }
    }

    /// Says what it is for. Shares between steps and days between steps bring their unit along.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        let unit = match role {
            Role::Conversion => Some("share"),
            Role::Days => Some("days"),
            _ => None,
        };
        self.unit = self.unit.or_else(|| unit.map(str::to_owned));
        self
    }

    /// Gives it a unit of its own.
    #[must_use]
    pub fn unit(mut self, unit: &str) -> Self {
        self.unit = Some(unit.to_owned());
        self
    }

    /// Adds a range around the values.
    #[must_use]
    pub fn range(mut self, level: f64, low: Vec<Option<f64>>, high: Vec<Option<f64>>) -> Self {
        self.ranges.push(Range { level, low, high });
        self
    }

    /// Says what is particular about each value.
    #[must_use]
    pub fn marks(mut self, marks: Vec<Mark>) -> Self {
        self.marks = marks;
        self
    }

    /// Says what each value opens.
    #[must_use]
    pub fn opens(mut self, opens: Vec<Option<String>>) -> Self {
        self.opens = opens;
        self
    }

    /// Returns the value at a point, where there is a finite one.
    pub fn value(&self, at: usize) -> Option<f64> {
        self.values.get(at).copied().flatten().filter(|x| x.is_finite())
    }

    /// Returns what is particular about the value at a point.
    pub fn mark(&self, at: usize) -> Mark {
        self.marks.get(at).copied().unwrap_or_default()
    }

    /// Returns what the value at a point opens.
    pub fn open(&self, at: usize) -> Option<&str> {
        self.opens.get(at).and_then(Option::as_deref)
    }
}

/// What a series is for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// What was measured.
    #[default]
    Measured,
    /// What is expected.
    Projected,
    /// What was agreed to reach.
    Target,
    /// The same in the period before.
    Previous,
    /// The position of each point along the first axis of a scatter.
    Across,
    /// The size of each point of a scatter.
    Size,
    /// The share that goes on from the step before to this one.
    Conversion,
    /// The median days from the step before to this one.
    Days,
}

impl Role {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    fn is_measured(&self) -> bool {
        *self == Self::Measured
    }
}

/// Ranges around the values of a series, all with the same probability.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Range {
    /// Probability, for example 0.95.
    pub level: f64,
    /// Lower ends, one for each point.
    pub low: Vec<Option<f64>>,
    /// Upper ends.
    pub high: Vec<Option<f64>>,
}

impl Range {
    /// Returns both ends at a point, where both are finite.
    pub fn ends(&self, at: usize) -> Option<(f64, f64)> {
        let end = |ends: &[Option<f64>]| ends.get(at).copied().flatten().filter(|x| x.is_finite());
        Some((end(&self.low)?, end(&self.high)?))
    }
}

/// What is particular about a value.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Nothing.
    #[default]
    Plain,
    /// It is a total rather than a step.
    Total,
    /// More may still come, as for a young cohort.
    Unfinished,
    /// It lies outside of what was observed.
    Extrapolated,
}

/// What happened at a point in time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Annotation {
    /// The point, as it is named in the chart.
    pub point: String,
    /// What happened, in a few words.
    pub text: String,
}

/// A figure over time: the periods up to and including its own, oldest first, in its unit.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Trend {
    /// Names of the periods.
    pub points: Vec<String>,
    /// Values; `None` where there is none. Money in major units, shares from 0 to 1.
    pub values: Vec<Option<f64>>,
}
