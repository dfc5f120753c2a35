//! The account of numbered tells: those that were told, those that arrived, and those that the
//! client reports lost.

use std::fmt;

use super::order::Known;
use crate::error::Failure;

/// The tells of one client to one entity.
#[derive(Debug, PartialEq)]
pub(super) struct Account {
    told: usize,
    /// The numbers that no process received, in order.
    missing: Vec<u32>,
    /// The number of tells that arrived more than once.
    repeated: usize,
    reported: Option<Reported>,
}

/// The client's report of tells.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reported {
    unknown: usize,
    not_sent: usize,
}

impl Account {
    /// Creates the account of so many numbers told, and of those received.
    pub(super) fn new(told: usize, mut received: Vec<u32>, known: Option<&Known>) -> Self {
        let arrived = received.len();
        received.sort_unstable();
        received.dedup();
        let numbers = 0..u32::try_from(told).unwrap_or(u32::MAX);
        Self {
            told,
            missing: numbers
                .filter(|number| received.binary_search(number).is_err())
                .collect(),
            repeated: arrived - received.len(),
            reported: known.map(|known| Reported {
                unknown: known.tells_unknown,
                not_sent: known.tells_not_sent,
            }),
        }
    }

    /// Returns the missing numbers that the client did not report. They are the first of those
    /// missing: what was told first was written first.
    pub(super) fn unreported(&self) -> &[u32] {
        let reported = self.reported.map_or(0, |it| it.unknown + it.not_sent);
        let count = self.missing.len().saturating_sub(reported);
        self.missing.get(..count).unwrap_or_default()
    }

    /// Returns the figure, with what [`check`](Self::check) found wrong, unless the client reports
    /// nothing at all.
    pub(super) fn told(&self, kept: &Result<(), Failure>) -> String {
        match kept {
            Err(wrong) if self.reported.is_some() => wrong.to_string(),
            _ => self.to_string(),
        }
    }

    /// Returns the first and the last time at which the missing numbers were told, in seconds after
    /// `then`.
    pub(super) fn when(&self, tells: &[f64], then: f64) -> String {
        let at = |number: &u32| tells.get(*number as usize).map(|at| at - then);
        let first = self.missing.first().and_then(at);
        match first.zip(self.missing.last().and_then(at)) {
            Some((first, last)) => format!("{first:.3} s to {last:.3} s after the kill"),
            None => "none".to_owned(),
        }
    }

    /// Returns the number of missing tells that were told before that point in time.
    pub(super) fn missing_told_before(&self, tells: &[f64], then: f64) -> usize {
        let told = |number: &&u32| tells.get(**number as usize).is_some_and(|at| *at < then);
        self.missing.iter().filter(told).count()
    }

    /// Checks what a client can promise: numbers that did not arrive are consecutive, so all were
    /// on the one connection that was lost; none arrived twice; and those that were not reported,
    /// at most `excused`, had been acknowledged by the other end.
    pub(super) fn check(&self, excused: usize) -> Result<(), Failure> {
        let gap = self.missing.first().zip(self.missing.last());
        let span = gap.map_or(0, |(first, last)| (last - first) as usize + 1);
        if span != self.missing.len() {
            return Err(format!("{self}; not one gap: {:?}", self.missing).into());
        }
        if self.repeated > 0 {
            return Err(format!("{self}; {} arrived more than once", self.repeated).into());
        }
        let unreported = self.unreported().len();
        if unreported > excused {
            return Err(
                format!("{self}; of {unreported} unreported, {excused} are excused").into(),
            );
        }
        Ok(())
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (told, lost) = (self.told, self.missing.len());
        write!(f, "{lost} of {told} lost: ")?;
        match self.reported {
            Some(Reported { unknown, not_sent }) => write!(
                f,
                "{unknown} reported unknown, {not_sent} not sent; {} taken by the other end's kernel and lost there",
                self.unreported().len()
            ),
            None => f.write_str("nothing reported"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(told: usize, received: &[u32], unknown: usize) -> Account {
        let known = Known {
            tells_unknown: unknown,
            ..Known::default()
        };
        Account::new(told, received.to_vec(), Some(&known))
    }

    #[test]
    fn what_is_missing_and_not_reported_must_be_excused() {
        let account = account(6, &[0, 1, 5], 2);
        assert_eq!(account.unreported(), [2]);
        assert!(account.check(0).is_err());
        assert!(account.check(1).is_ok());
    }

    #[test]
    fn two_gaps_and_repetitions_are_found() {
        assert!(account(5, &[0, 2, 4], 2).check(0).is_err());
        assert!(account(2, &[0, 1, 1], 0).check(0).is_err());
        assert!(account(2, &[1, 0], 0).check(0).is_ok());
    }
}
