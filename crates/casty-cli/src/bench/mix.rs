//! The mix of tells and asks, and which message is which.

use std::str::FromStr;

/// The largest share that may be given.
const LARGEST: u64 = 1_000_000;

/// The two ways of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tell,
    Ask,
}

/// The shares of tells and asks, such as 90 to 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mix {
    pub(super) tell: u64,
    pub(super) ask: u64,
}

impl Mix {
    /// Returns whether a message of this number is told or asked, and how many of its kind came before.
    ///
    /// The kinds alternate as evenly as the shares allow, so every part of the load has the mix of the whole.
    pub(super) fn kind(self, number: u64) -> (Kind, u64) {
        let asks = |numbers| self.asks(numbers);
        let before = asks(number);
        if asks(number + 1) > before {
            (Kind::Ask, before)
        } else {
            (Kind::Tell, number - before)
        }
    }

    /// Returns how many of the first messages are asks.
    fn asks(self, numbers: u64) -> u64 {
        let asks = u128::from(numbers) * u128::from(self.ask);
        let whole = u128::from(self.tell + self.ask).max(1);
        // A share of the numbers, so no more than those.
        u64::try_from(asks / whole).unwrap_or(numbers)
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted =
            || format!("shares such as tell=90,ask=10 are needed, whole numbers up to {LARGEST}");
        let mut shares = (None, None);
        for part in text.split(',') {
            let (name, share) = part.split_once('=').ok_or_else(wanted)?;
            let share: u64 = share.trim().parse().map_err(|_| wanted())?;
            let place = match name.trim() {
                "tell" => &mut shares.0,
                "ask" => &mut shares.1,
                _ => return Err(wanted()),
            };
            if share > LARGEST || place.replace(share).is_some() {
                return Err(wanted());
            }
        }
        let (tell, ask) = (shares.0.unwrap_or(0), shares.1.unwrap_or(0));
        if tell + ask == 0 {
            return Err(wanted());
        }
        Ok(Self { tell, ask })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_named_once_and_are_not_all_zero() {
        let mix = |tell, ask| Ok(Mix { tell, ask });
        assert_eq!("tell=90,ask=10".parse(), mix(90, 10));
        assert_eq!("ask=1".parse(), mix(0, 1));
        assert_eq!("ask=3, tell=0".parse(), mix(0, 3));
        for bad in [
            "",
            "tell",
            "tell=",
            "tell=-1",
            "tell=0",
            "tell=1,tell=2",
            "look=1",
            "ask=1000001",
        ] {
            assert!(bad.parse::<Mix>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn any_hundred_messages_in_a_row_have_the_mix_of_all() {
        let mix = Mix { tell: 90, ask: 10 };
        for from in [0, 1, 7, 12_345_678] {
            let kinds = (from..from + 100).map(|number| mix.kind(number).0);
            assert_eq!(
                kinds.filter(|kind| *kind == Kind::Ask).count(),
                10,
                "{from}"
            );
        }
    }

    #[test]
    fn messages_of_a_kind_are_numbered_without_a_gap() {
        let mix = Mix { tell: 2, ask: 3 };
        let (mut tells, mut asks) = (0, 0);
        for number in 0..1000 {
            let (kind, before) = mix.kind(number);
            let count = match kind {
                Kind::Tell => &mut tells,
                Kind::Ask => &mut asks,
            };
            assert_eq!(before, *count, "{number}");
            *count += 1;
        }
        assert_eq!((tells, asks), (400, 600));
    }
}
