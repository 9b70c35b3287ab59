//! The channels and what each of them truly does: the part of the truth that answers try to find.
//!
//! An effect is the probability that one valid response causes an opportunity at an account of
//! average fit that is free to open one. Everything else that a channel seems to do is harvest: it
//! is there when an opportunity opens for another reason.

/// A way in which the company and its market meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "the names say it; the table of truths describes them")]
pub enum Channel {
    BrandSearch,
    CategorySearch,
    Display,
    LinkedIn,
    Meta,
    OrganicSearch,
    Direct,
    WebReferral,
    Email,
    Webinar,
    Event,
    ContentSyndication,
    Partner,
    CustomerReferral,
    SdrOutbound,
}

/// How a channel shows in the exports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// Web sessions of a campaign on an ad platform.
    Ads,
    /// Web sessions that nobody bought.
    Web,
    /// Memberships in campaigns of the CRM.
    Member,
    /// Calls, e-mails and meetings of the sales development team.
    Sequence,
}

/// What is true of a channel.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    pub(crate) channel: Channel,
    pub(crate) key: &'static str,
    /// Whose it is: marketing, sales, partner or customer.
    pub(crate) side: &'static str,
    pub(crate) shape: Shape,
    /// Exposures of an average account in a year.
    pub(crate) per_year: f64,
    /// Share of exposures that are responses (the rest are invitations and sends).
    pub(crate) respond: f64,
    /// Probability that a response causes an opportunity, at average fit.
    pub(crate) effect: f64,
    pub(crate) lag_days: f64,
    /// Added to the log-odds of passing each stage.
    pub(crate) win: f64,
    /// Factor on the amount.
    pub(crate) value: f64,
    /// Factor on the speed of the deal.
    pub(crate) speed: f64,
    /// Probability that the response makes an unknown person known.
    pub(crate) form: f64,
    /// Probability that the lead becomes marketing qualified without a deal.
    pub(crate) mql: f64,
    /// Share of machine clicks.
    pub(crate) machine: f64,
    /// Touches grow as spend to this power.
    pub(crate) elasticity: f64,
    /// Planned cost of a year for 1,200 accounts, in cents of US dollars.
    pub(crate) budget: i64,
    pub(crate) lead_source: &'static str,
    pub(crate) medium: &'static str,
    /// Level of the three years in turn.
    pub(crate) years: [f64; 3],
}

const fn truth(
    channel: Channel,
    key: &'static str,
    side: &'static str,
    shape: Shape,
    lead_source: &'static str,
    medium: &'static str,
) -> Truth {
    Truth {
        channel,
        key,
        side,
        shape,
        per_year: 0.0,
        respond: 1.0,
        effect: 0.0,
        lag_days: 20.0,
        win: 0.0,
        value: 1.0,
        speed: 1.0,
        form: 0.0,
        mql: 0.2,
        machine: 0.0,
        elasticity: 0.8,
        budget: 0,
        lead_source,
        medium,
        years: [1.0; 3],
    }
}

/// All channels, in the order of [`Channel`].
pub(crate) static CHANNELS: [Truth; 15] = [
    Truth {
        per_year: 0.9,
        effect: 0.001,
        lag_days: 5.0,
        win: 0.05,
        form: 0.16,
        mql: 0.42,
        machine: 0.02,
        budget: 11_000_000,
        years: [0.8, 1.0, 1.25],
        ..truth(
            Channel::BrandSearch,
            "paid_search_brand",
            "marketing",
            Shape::Ads,
            "Paid Search",
            "cpc",
        )
    },
    Truth {
        per_year: 0.9,
        effect: 0.024,
        lag_days: 14.0,
        form: 0.2,
        mql: 0.4,
        machine: 0.03,
        elasticity: 0.75,
        budget: 10_500_000,
        ..truth(
            Channel::CategorySearch,
            "paid_search_category",
            "marketing",
            Shape::Ads,
            "Paid Search",
            "cpc",
        )
    },
    Truth {
        per_year: 2.0,
        machine: 0.38,
        form: 0.03,
        mql: 0.05,
        elasticity: 0.9,
        budget: 14_500_000,
        years: [0.7, 1.3, 1.1],
        ..truth(Channel::Display, "display", "marketing", Shape::Ads, "Display", "display")
    },
    Truth {
        per_year: 0.8,
        effect: 0.018,
        lag_days: 60.0,
        value: 1.1,
        form: 0.22,
        mql: 0.25,
        machine: 0.05,
        elasticity: 0.7,
        budget: 9_500_000,
        years: [0.8, 1.0, 1.3],
        ..truth(
            Channel::LinkedIn,
            "paid_social_linkedin",
            "marketing",
            Shape::Ads,
            "Paid Social",
            "paid-social",
        )
    },
    Truth {
        per_year: 0.4,
        effect: 0.002,
        lag_days: 30.0,
        win: -0.3,
        value: 0.8,
        form: 0.2,
        mql: 0.08,
        machine: 0.12,
        budget: 3_800_000,
        ..truth(
            Channel::Meta,
            "paid_social_meta",
            "marketing",
            Shape::Ads,
            "Paid Social",
            "paid-social",
        )
    },
    Truth {
        per_year: 1.9,
        effect: 0.010,
        lag_days: 25.0,
        win: 0.1,
        form: 0.1,
        mql: 0.35,
        machine: 0.01,
        ..truth(Channel::OrganicSearch, "organic_search", "marketing", Shape::Web, "Web", "organic")
    },
    Truth {
        per_year: 1.6,
        form: 0.06,
        mql: 0.3,
        machine: 0.02,
        ..truth(Channel::Direct, "direct", "marketing", Shape::Web, "Web", "(none)")
    },
    Truth {
        per_year: 0.4,
        effect: 0.012,
        lag_days: 30.0,
        form: 0.1,
        mql: 0.3,
        machine: 0.02,
        ..truth(Channel::WebReferral, "web_referral", "marketing", Shape::Web, "Web", "referral")
    },
    Truth {
        per_year: 2.5,
        respond: 0.22,
        effect: 0.032,
        lag_days: 20.0,
        form: 1.0,
        mql: 0.12,
        machine: 0.08,
        budget: 2_600_000,
        ..truth(Channel::Email, "email", "marketing", Shape::Member, "Email", "email")
    },
    Truth {
        per_year: 0.8,
        respond: 0.42,
        effect: 0.105,
        lag_days: 35.0,
        win: 0.28,
        speed: 1.15,
        form: 1.0,
        mql: 0.45,
        budget: 6_000_000,
        years: [0.8, 1.0, 1.2],
        ..truth(Channel::Webinar, "webinar", "marketing", Shape::Member, "Webinar", "email")
    },
    Truth {
        per_year: 0.42,
        respond: 0.62,
        effect: 0.115,
        lag_days: 130.0,
        win: 0.2,
        value: 1.4,
        speed: 0.85,
        form: 1.0,
        mql: 0.4,
        budget: 16_500_000,
        ..truth(Channel::Event, "event", "marketing", Shape::Member, "Trade Show", "offline")
    },
    Truth {
        per_year: 0.65,
        effect: 0.0015,
        lag_days: 90.0,
        win: -0.5,
        value: 0.7,
        form: 1.0,
        mql: 0.3,
        budget: 9_000_000,
        years: [0.5, 1.0, 1.5],
        ..truth(
            Channel::ContentSyndication,
            "content_syndication",
            "marketing",
            Shape::Member,
            "Content Syndication",
            "content-syndication",
        )
    },
    Truth {
        per_year: 0.065,
        effect: 0.48,
        lag_days: 10.0,
        win: 0.4,
        value: 1.1,
        speed: 1.2,
        form: 1.0,
        mql: 0.7,
        budget: 4_000_000,
        ..truth(
            Channel::Partner,
            "partner",
            "partner",
            Shape::Member,
            "Partner Referral",
            "partner",
        )
    },
    Truth {
        per_year: 0.022,
        effect: 0.62,
        lag_days: 7.0,
        win: 0.6,
        speed: 1.3,
        form: 1.0,
        mql: 0.8,
        budget: 600_000,
        ..truth(
            Channel::CustomerReferral,
            "customer_referral",
            "customer",
            Shape::Member,
            "Customer Referral",
            "referral-program",
        )
    },
    Truth {
        per_year: 0.2,
        effect: 0.13,
        lag_days: 6.0,
        win: -0.2,
        value: 0.95,
        form: 1.0,
        mql: 0.5,
        ..truth(
            Channel::SdrOutbound,
            "sdr_outbound",
            "sales",
            Shape::Sequence,
            "Outbound Prospecting",
            "outbound",
        )
    },
];

impl Channel {
    /// All channels.
    pub fn all() -> impl Iterator<Item = Self> {
        CHANNELS.iter().map(|truth| truth.channel)
    }

    /// Returns the name in `truth.json`, for example `paid_search_brand`.
    pub fn key(self) -> &'static str {
        self.truth().key
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    pub(crate) fn truth(self) -> &'static Truth {
        crate::random::pick(&CHANNELS, self.index())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_channels() {
        for (index, truth) in CHANNELS.iter().enumerate() {
            assert_eq!(truth.channel.index(), index);
        }
    }
}
