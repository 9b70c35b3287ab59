//! The colors of charts, light and dark.
//!
//! Six hues of the kind that Okabe and Ito proposed (2008), moved in lightness until every pair can
//! be told apart with normal vision and with each of the three color deficiencies, and each has a
//! contrast of 3:1 with its paper. What is beyond six is grey. A test holds all of that.

/// The colors of a theme.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// What is drawn on.
    pub paper: &'static str,
    /// Names and values.
    pub ink: &'static str,
    /// What is read second.
    pub muted: &'static str,
    /// Lines behind the marks.
    pub grid: &'static str,
    /// The line of zero, and other strong lines.
    pub axis: &'static str,
    /// The hues of series.
    pub series: [&'static str; 6],
    /// Series beyond these, and what belongs to none.
    pub other: &'static str,
    /// Totals of a waterfall.
    pub total: &'static str,
    /// Gains; with a plus sign and full.
    pub gain: &'static str,
    /// Losses; with a minus sign and hatched.
    pub loss: &'static str,
    /// Cells of a heat map from low to high.
    pub heat: [&'static str; 6],
    /// Cells below zero, from near zero to far below.
    pub cold: [&'static str; 6],
}

/// The cell from which on the ink of a heat map is that of the paper.
pub(super) const INVERTED_FROM: usize = 3;

/// The light theme, whose colors stand in the attributes.
pub const LIGHT: Theme = Theme {
    paper: "#ffffff",
    ink: "#1b1f27",
    muted: "#5a6170",
    grid: "#e4e7ec",
    axis: "#8b919c",
    series: ["#2a74bd", "#c97500", "#16503f", "#76308c", "#b3522c", "#1395ec"],
    other: "#8b919c",
    total: "#6b7280",
    gain: "#2a74bd",
    loss: "#b3522c",
    heat: ["#eef4fb", "#d3e4f7", "#a9cbf0", "#2f76bd", "#1c5a99", "#113f70"],
    cold: ["#fbf1ec", "#f7ddd0", "#efbfa6", "#b3522c", "#8f3d1d", "#6b2b12"],
};

/// The dark theme.
pub const DARK: Theme = Theme {
    paper: "#15181d",
    ink: "#e8eaee",
    muted: "#a3abb8",
    grid: "#2b3038",
    axis: "#757d8a",
    series: ["#4a90f5", "#ea8833", "#8aeeda", "#c074b0", "#f8df55", "#afb6f8"],
    other: "#6a717d",
    total: "#8b93a1",
    gain: "#4a90f5",
    loss: "#ea8833",
    heat: ["#1b2430", "#1f3350", "#254a7c", "#5f9ff0", "#8abaf5", "#b7d5fa"],
    cold: ["#2a211d", "#47301f", "#6b4322", "#ea8833", "#f2a968", "#f8cba2"],
};

/// The number of hues.
pub(super) const HUES: usize = LIGHT.series.len();

/// The class and color of the series of a rank.
pub(super) fn hue(rank: usize) -> (String, &'static str) {
    match LIGHT.series.get(rank) {
        Some(color) => (format!("series-{}", rank + 1), color),
        None => ("series-other".to_owned(), LIGHT.other),
    }
}

#[cfg(test)]
mod tests {
    use palette::color_difference::Wcag21RelativeContrast;
    use palette::{FromColor, LinSrgb, Oklab, Srgb, color_difference::EuclideanDistance};

    use super::*;

    fn parse(color: &str) -> Srgb<f32> {
        color.parse::<Srgb<u8>>().unwrap().into_format()
    }

    fn contrast(a: &str, b: &str) -> f32 {
        parse(a).relative_contrast(parse(b))
    }

    /// As it is seen with a full deficiency: Machado, Oliveira and Fernandes (2009), severity 1.
    fn seen(color: &str, deficiency: Option<[[f32; 3]; 3]>) -> Oklab {
        let linear: LinSrgb = parse(color).into_linear();
        let [r, g, b] = [linear.red, linear.green, linear.blue];
        let row = |[x, y, z]: [f32; 3]| (x * r + y * g + z * b).clamp(0.0, 1.0);
        Oklab::from_color(
            deficiency.map_or(linear, |[a, b, c]| LinSrgb::new(row(a), row(b), row(c))),
        )
    }

    const DEFICIENCIES: [Option<[[f32; 3]; 3]>; 4] = [
        None,
        Some([
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ]),
        Some([
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_82, 0.042_94, 0.968_881],
        ]),
        Some([
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_9],
        ]),
    ];

    #[test]
    fn marks_have_a_contrast_of_three_and_text_of_four_and_a_half() {
        for theme in [LIGHT, DARK] {
            let marks = [theme.other, theme.total, theme.gain, theme.loss, theme.axis];
            for mark in theme.series.into_iter().chain(marks) {
                assert!(contrast(mark, theme.paper) >= 3.0, "{mark} on {}", theme.paper);
            }
            for text in [theme.ink, theme.muted] {
                assert!(contrast(text, theme.paper) >= 4.5, "{text} on {}", theme.paper);
            }
            for cells in [theme.heat, theme.cold] {
                for (at, cell) in cells.into_iter().enumerate() {
                    let ink = if at < INVERTED_FROM { theme.ink } else { theme.paper };
                    assert!(contrast(ink, cell) >= 4.5, "{ink} on {cell}");
                }
            }
        }
    }

    #[test]
    fn every_pair_of_hues_can_be_told_apart_with_every_kind_of_eyes() {
        for theme in [LIGHT, DARK] {
            for deficiency in DEFICIENCIES {
                // Grey stands for the rest, so it counts as a hue.
                let all: Vec<&str> = theme.series.into_iter().chain([theme.other]).collect();
                for (at, a) in all.iter().enumerate() {
                    for b in &all[at + 1..] {
                        let apart = seen(a, deficiency).distance(seen(b, deficiency));
                        assert!(apart > 0.06, "{a} and {b}: {apart}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_stylesheet_holds_both_themes() {
        for theme in [LIGHT, DARK] {
            let single = [
                theme.paper,
                theme.ink,
                theme.muted,
                theme.grid,
                theme.axis,
                theme.other,
                theme.total,
            ];
            let all = theme.series.into_iter().chain(theme.heat).chain(theme.cold).chain(single);
            for color in all.chain([theme.gain, theme.loss]) {
                assert!(super::super::STYLE.contains(color), "{color}");
            }
        }
    }
}
