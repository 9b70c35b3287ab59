//! The Markov chain of order 1 over all journeys, by dense linear algebra.
//!
//! Anderl, Becker, von Wangenheim and Schumann (2016): the removal effect of a channel is the part
//! of conversions that is lost when every step into it leads to the end without conversion.

use std::collections::{BTreeMap, BTreeSet};

use super::Company;
use super::deals::before;

/// Chances of going from each channel to each other, and of starting and converting there.
struct Chain {
    start: Vec<f64>,
    step: Vec<Vec<f64>>,
    convert: Vec<f64>,
}

impl Company {
    /// Returns all paths: channels in order, and whether they led to a deal. A deal with touches is
    /// a conversion; an account with touches and without a deal is a path that led to none, as long
    /// as a journey is: the lookback before its last touch.
    pub fn paths(&self) -> Vec<(Vec<String>, bool)> {
        let channels = |places: &mut dyn Iterator<Item = usize>| -> Vec<String> {
            places.map(|place| self.touches[place].channel.clone()).collect()
        };
        let deals = self.opportunities.iter().filter(|deal| !deal.journey.is_empty());
        let mut paths: Vec<_> =
            deals.map(|deal| (channels(&mut deal.journey.iter().copied()), true)).collect();
        let with_deal: BTreeSet<&String> =
            self.opportunities.iter().filter_map(|deal| deal.account.as_ref()).collect();
        let accounts: BTreeSet<&String> = self
            .touches
            .iter()
            .filter(|touch| touch.counted)
            .filter_map(|touch| touch.account.as_ref())
            .collect();
        for account in accounts.difference(&with_deal) {
            let own = |&place: &usize| {
                let touch = &self.touches[place];
                touch.counted && touch.account.as_ref() == Some(account)
            };
            let places: Vec<usize> = (0..self.touches.len()).filter(own).collect();
            let Some(&last) = places.last() else { continue };
            let since = before(self.touches[last].at, self.definitions.attribution.lookback_days);
            let within = |place: &usize| since <= self.touches[*place].at;
            paths.push((channels(&mut places.into_iter().filter(within)), false));
        }
        paths
    }

    /// Returns the removal effect of each channel, from 0 to 1.
    pub fn removal_effects(&self) -> BTreeMap<String, f64> {
        let paths = self.paths();
        let channels: BTreeSet<&String> = paths.iter().flat_map(|(path, _)| path).collect();
        let channels: Vec<&String> = channels.into_iter().collect();
        let chain = Chain::fit(&paths, &channels);
        let all = chain.conversion(None);
        let effect =
            |place: usize| if all > 0.0 { 1.0 - chain.conversion(Some(place)) / all } else { 0.0 };
        channels
            .iter()
            .enumerate()
            .map(|(place, &channel)| (channel.clone(), effect(place)))
            .collect()
    }
}

impl Chain {
    fn fit(paths: &[(Vec<String>, bool)], channels: &[&String]) -> Self {
        let n = channels.len();
        let place =
            |channel: &String| channels.iter().position(|&one| one == channel).expect("a channel");
        let mut start = vec![0.0; n];
        let mut step = vec![vec![0.0; n]; n];
        let mut convert = vec![0.0; n];
        let mut left = vec![0.0; n];
        let mut n_paths = 0.0;
        for (path, converted) in paths {
            let path: Vec<usize> = path.iter().map(place).collect();
            let (Some(&first), Some(&last)) = (path.first(), path.last()) else { continue };
            n_paths += 1.0;
            start[first] += 1.0;
            for pair in path.windows(2) {
                step[pair[0]][pair[1]] += 1.0;
            }
            convert[last] += f64::from(u8::from(*converted));
            for &each in &path {
                left[each] += 1.0;
            }
        }
        for at in 0..n {
            start[at] /= n_paths;
            convert[at] /= left[at];
            step[at].iter_mut().for_each(|chance| *chance /= left[at]);
        }
        Self { start, step, convert }
    }

    /// Returns the probability of a conversion, with one channel taken out: `x = convert + step ·
    /// x`, solved by elimination with pivots.
    fn conversion(&self, removed: Option<usize>) -> f64 {
        let kept: Vec<usize> = (0..self.start.len()).filter(|&at| Some(at) != removed).collect();
        let n = kept.len();
        let mut rows: Vec<Vec<f64>> = kept
            .iter()
            .map(|&from| {
                let unit = |to: usize| if to == from { 1.0 } else { 0.0 };
                let left = kept.iter().map(|&to| unit(to) - self.step[from][to]);
                left.chain([self.convert[from]]).collect()
            })
            .collect();
        for column in 0..n {
            let pivot = (column..n)
                .max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))
                .expect("a row is left");
            rows.swap(column, pivot);
            let head = rows[column].clone();
            for row in rows.iter_mut().skip(column + 1) {
                let factor = row[column] / head[column];
                row.iter_mut().zip(&head).for_each(|(cell, above)| *cell -= factor * above);
            }
        }
        let mut found = vec![0.0; n];
        for at in (0..n).rev() {
            let known: f64 = (at + 1..n).map(|other| rows[at][other] * found[other]).sum();
            found[at] = (rows[at][n] - known) / rows[at][at];
        }
        kept.iter().zip(&found).map(|(&at, chance)| self.start[at] * chance).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effects_of_a_small_file_are_those_found_by_hand() {
        // Paths with how many convert and how many do not, of the field's usual example.
        let table = [("A B C", 3, 2), ("A", 1, 4), ("B C", 2, 1), ("C A A", 0, 3), ("B", 0, 5)];
        let mut paths = Vec::new();
        for (path, n_converted, n_null) in table {
            let path: Vec<String> = path.split(' ').map(str::to_owned).collect();
            paths.extend(std::iter::repeat_n((path.clone(), true), n_converted));
            paths.extend(std::iter::repeat_n((path, false), n_null));
        }
        let names = ["A", "B", "C"].map(str::to_owned);
        let chain = Chain::fit(&paths, &names.iter().collect::<Vec<_>>());
        let all = chain.conversion(None);
        assert!((all - 6.0 / 21.0).abs() < 1e-12, "{all}");
        // Without A: start B 8/21, C 3/21 (A 10/21 is lost); B goes to C 8/13; C converts 5/11.
        let without_a = (8.0 / 21.0 * 8.0 / 13.0 + 3.0 / 21.0) * (5.0 / 11.0);
        assert!((chain.conversion(Some(0)) - without_a).abs() < 1e-12);
        assert!((1.0 - without_a / all - 0.399_766_899_767).abs() < 1e-11);
    }
}
