//! Leads, demand units and capacity: which words of a source mean which stage of a lead, what makes
//! a demand unit, and who works which stage.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::pattern_fits;

/// A stage of a lead, in the order in which a lead passes them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LeadStage {
    /// Became known.
    Inquiry,
    /// Marketing holds it to be worth a call.
    Mql,
    /// Sales works it.
    Sal,
    /// Sales holds it to be a chance.
    Sql,
    /// Is on a deal.
    Opportunity,
    /// Is on a deal that was won.
    Won,
}

impl LeadStage {
    /// All stages, in order.
    pub const ALL: [Self; 6] =
        [Self::Inquiry, Self::Mql, Self::Sal, Self::Sql, Self::Opportunity, Self::Won];

    /// Returns the word used in files and relations.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Inquiry => "inquiry",
            Self::Mql => "mql",
            Self::Sal => "sal",
            Self::Sql => "sql",
            Self::Opportunity => "opportunity",
            Self::Won => "won",
        }
    }

    /// Returns its place, 1 for the first.
    pub const fn index(self) -> i64 {
        self as i64 + 1
    }
}

/// What the statuses and lifecycle stages of a source mean.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeadWords {
    /// For each stage of [`LeadStage::ALL`]: patterns of the words that mean it.
    pub stages: [Vec<String>; 6],
    /// Patterns of the words that mean that nothing will come of the lead.
    pub disqualified: Vec<String>,
}

impl Default for LeadWords {
    fn default() -> Self {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            stages: [
                list(&["open*", "new", "inquiry", "lead", "subscriber"]),
                list(&["mql", "marketing*qualified*"]),
                list(&["sal", "sales accepted*", "working*", "in progress"]),
                list(&["sql", "sales*qualified*", "qualified", "converted", "closed - converted"]),
                list(&["opportunity"]),
                list(&["customer"]),
            ],
            disqualified: list(&[
                "disqualified*",
                "unqualified*",
                "junk*",
                "spam*",
                "closed - not converted",
            ]),
        }
    }
}

impl LeadWords {
    /// Returns the stage that a word of a source means: the first that fits.
    pub fn stage(&self, word: &str) -> Option<LeadStage> {
        let fits = |patterns: &Vec<String>| patterns.iter().any(|p| pattern_fits(p, word));
        if fits(&self.disqualified) {
            return None;
        }
        let mut all = LeadStage::ALL.into_iter().zip(&self.stages);
        all.find(|(_, patterns)| fits(patterns)).map(|(stage, _)| stage)
    }

    /// True where the word means that nothing will come of the lead.
    pub fn is_disqualified(&self, word: &str) -> bool {
        self.disqualified.iter().any(|pattern| pattern_fits(pattern, word))
    }
}

/// What makes a demand unit: the people of one account in one purchase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DemandUnits {
    /// Days before the creation of a deal in which a touch belongs to its purchase.
    pub window_days: u32,
    /// Days without a touch after which a unit without a deal has lapsed.
    pub lapse_days: u32,
    /// Touches that make a unit engaged.
    pub engaged_touches: u32,
    /// People that make a unit engaged.
    pub engaged_people: u32,
    /// Days within which these touches or people must come.
    pub engaged_days: u32,
}

impl Default for DemandUnits {
    fn default() -> Self {
        Self {
            window_days: 365,
            lapse_days: 180,
            engaged_touches: 3,
            engaged_people: 2,
            engaged_days: 90,
        }
    }
}

/// Roles of the capacity facts to the stage that they work: of a lead or of a deal.
pub type Roles = BTreeMap<String, Arc<str>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_common_sources_mean_their_stages() {
        let words = LeadWords::default();
        //   word                       stage       disqualified
        let table = [
            ("Open", Some("inquiry"), false),
            ("Open - Not Contacted", Some("inquiry"), false),
            ("Marketing Qualified", Some("mql"), false),
            ("marketingqualifiedlead", Some("mql"), false),
            ("Sales Accepted", Some("sal"), false),
            ("Working - Contacted", Some("sal"), false),
            ("salesqualifiedlead", Some("sql"), false),
            ("Closed - Converted", Some("sql"), false),
            ("Closed - Not Converted", None, true),
            ("Unqualified", None, true),
            ("customer", Some("won"), false),
            ("evangelist", None, false),
        ];
        for (word, stage, disqualified) in table {
            let found = words.stage(word).map(LeadStage::id);
            assert_eq!((found, words.is_disqualified(word)), (stage, disqualified), "{word}");
        }
        assert_eq!(LeadStage::ALL.map(LeadStage::index), [1, 2, 3, 4, 5, 6]);
    }
}
