//! How many refusals of those who are not signed in are written down one by one: the first of a
//! minute from an address, the rest as a number. Else anybody could fill the disk.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::cache::locked;

/// Rows of an address in a minute, and of all addresses together.
const EACH: u64 = 20;
const ALL: u64 = 200;
/// How long one is counted.
const SPAN: Duration = Duration::from_mins(1);
/// Addresses that are counted apart.
const APART: usize = 10_000;

/// What becomes of a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// It is written down, and so is the number of those before it that were not.
    Written(u64),
    /// It is counted only.
    Counted,
}

/// Counts by address.
#[derive(Default)]
pub(crate) struct Strangers(Mutex<Spans>);

#[derive(Default)]
struct Spans {
    all: Option<Span>,
    each: HashMap<IpAddr, Span>,
}

struct Span {
    began: Instant,
    n: u64,
}

impl Strangers {
    /// Counts a refusal from an address.
    pub(crate) fn comes(&self, from: IpAddr) -> Stranger {
        self.comes_at(from, Instant::now())
    }

    fn comes_at(&self, from: IpAddr, now: Instant) -> Stranger {
        let mut spans = locked(&self.0);
        if spans.each.len() >= APART && !spans.each.contains_key(&from) {
            spans.each.retain(|_, span| now.duration_since(span.began) < SPAN);
            if spans.each.len() >= APART {
                return Stranger::Counted;
            }
        }
        let span = spans.each.entry(from).or_insert(Span { began: now, n: 0 });
        let skipped = next(span, now, EACH);
        span.n += 1;
        if span.n > EACH {
            return Stranger::Counted;
        }
        let all = spans.all.get_or_insert(Span { began: now, n: 0 });
        let _before = next(all, now, ALL);
        all.n += 1;
        if all.n > ALL { Stranger::Counted } else { Stranger::Written(skipped) }
    }
}

/// Begins anew where the span is over; returns how many were too many for it.
fn next(span: &mut Span, now: Instant, most: u64) -> u64 {
    if now.duration_since(span.began) < SPAN {
        return 0;
    }
    let skipped = span.n.saturating_sub(most);
    *span = Span { began: now, n: 0 };
    skipped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_minute_are_written_and_the_others_are_a_number() {
        let strangers = Strangers::default();
        let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let now = Instant::now();
        let written = (0..900).filter(|_| strangers.comes_at(here, now) == Stranger::Written(0));
        assert_eq!(written.count(), 20);
        assert_eq!(strangers.comes_at(there, now), Stranger::Written(0));
        assert_eq!(strangers.comes_at(here, now + SPAN), Stranger::Written(880));
        assert_eq!(strangers.comes_at(here, now + SPAN), Stranger::Written(0));
    }
}
