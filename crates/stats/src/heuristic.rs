//! Rules of [`crate::credit`] over aggregated paths: conversions and value per channel.
//!
//! Aggregated paths have positions and neither times nor milestones, so that only the positional
//! rules are answered here. "Direct" is a matter of the channel's name.

#![expect(clippy::indexing_slicing, reason = "codes of a path index its own channels")]

use crate::credit::{Journey, Model, shares};
use crate::path::Paths;

/// One channel's conversions and value under a rule or a game.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelCredit {
    /// Name of the channel.
    pub channel: String,
    /// Conversions credited.
    pub conversions: f64,
    /// Value credited.
    pub value: f64,
}

/// Returns what each channel gets under a rule, in the order of [`Paths::channels`].
///
/// `direct` names the channels that [`Model::LastNonDirect`] passes over. `None` for models that
/// need times or milestones. Sums equal the totals of the paths but for rounding.
pub fn heuristic(paths: &Paths, model: Model, direct: &[&str]) -> Option<Vec<ChannelCredit>> {
    if model.needs_times() || model.needs_milestones() {
        return None;
    }
    let channels = paths.channels();
    let channel_direct: Vec<bool> =
        channels.iter().map(|channel| direct.contains(&channel.as_str())).collect();
    let no_times = vec![0_i64; paths.longest()];
    let mut touch_direct = Vec::new();
    let mut share = Vec::new();
    let mut sums = vec![[0.0; 2]; channels.len()];
    for row in paths.rows() {
        touch_direct.clear();
        touch_direct.extend(row.path.iter().map(|code| channel_direct[usize::from(*code)]));
        let journey = Journey {
            at: &no_times[..row.path.len()],
            direct: &touch_direct,
            ..Journey::default()
        };
        shares(model, &journey, &mut share);
        for (code, share) in row.path.iter().zip(&share) {
            let [conversions, value] = &mut sums[usize::from(*code)];
            *conversions += share * row.conversions;
            *value += share * row.value;
        }
    }
    Some(named(paths, &sums))
}

/// Puts names to sums.
pub(crate) fn named(paths: &Paths, sums: &[[f64; 2]]) -> Vec<ChannelCredit> {
    paths
        .channels()
        .iter()
        .zip(sums)
        .map(|(channel, [conversions, value])| ChannelCredit {
            channel: channel.clone(),
            conversions: *conversions,
            value: *value,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::PathsBuilder;

    /// The expected conversions of A, B and C for each rule, worked out on paper.
    const TABLE: &str = "
        model            A      B      C
        first            4      2      0
        last             1      0      5
        last_non_direct  1      5      0
        linear           2      2      2
        u_shaped         2.2    1.6    2.2
        j_shaped         1.6    1.1    3.3
        inverse_j        2.8    2.1    1.1
    ";

    #[test]
    fn rules_credit_channels_as_on_paper() {
        let mut builder = PathsBuilder::new();
        builder.add(["A", "B", "C"], 3.0, 300.0, 2.0).unwrap();
        builder.add(["A"], 1.0, 50.0, 4.0).unwrap();
        builder.add(["B", "C"], 2.0, 120.0, 1.0).unwrap();
        builder.add(["C", "A", "A"], 0.0, 0.0, 3.0).unwrap();
        let paths = builder.build();
        for line in TABLE.lines().skip(2).filter(|line| !line.trim().is_empty()) {
            let cells: Vec<&str> = line.split_whitespace().collect();
            let model = Model::from_id(cells[0]).unwrap();
            let credits = heuristic(&paths, model, &["C"]).unwrap();
            for (credit, cell) in credits.iter().zip(&cells[1..]) {
                let expected: f64 = cell.parse().unwrap();
                assert!((credit.conversions - expected).abs() < 1e-12, "{line}: {credits:?}");
            }
            let value: f64 = credits.iter().map(|credit| credit.value).sum();
            assert!((value - 470.0).abs() < 1e-9);
        }
        assert_eq!(heuristic(&paths, Model::WShaped, &[]), None);
        assert_eq!(heuristic(&paths, Model::time_decay_days(7.0).unwrap(), &[]), None);
    }
}
