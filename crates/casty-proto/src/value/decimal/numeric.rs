//! Decimals as numbers: their order, and what they come from and go to.

use std::cmp::Ordering;
use std::str::FromStr;

use num_bigint::BigInt;

use super::{Digits, is_decimal, is_infinity, is_signaling};
use crate::value::Decimal;

/// The error of a text that is no [`Decimal`], or of one that another type cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecimalError {
    /// Python makes no `Decimal` of the text.
    #[error("no Decimal")]
    NoDecimal,
    /// The number is beyond what the other type can hold: too large, with a fraction, or not finite.
    #[error("the Decimal is not in the range of the other type")]
    OutOfRange,
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let is_one = is_decimal(text);
        is_one
            .then(|| Self(text.into()))
            .ok_or(DecimalError::NoDecimal)
    }
}

impl Decimal {
    /// Compares two numbers, whatever their texts: `1.5` and `1.50` are equal, and so are `0` and `-0`.
    ///
    /// `None` if one is a `NaN`, or has a text that Python makes no `Decimal` of. Takes no memory, and time by
    /// the digits alone: an exponent costs nothing.
    pub fn numeric_cmp(&self, other: &Self) -> Option<Ordering> {
        let (left, right) = (Number::parse(&self.0)?, Number::parse(&other.0)?);
        let signs = left.sign().cmp(&right.sign());
        let sizes = || match left.sign() {
            -1 => right.size.cmp_sizes(&left.size),
            _ => left.size.cmp_sizes(&right.size),
        };
        Some(signs.then_with(sizes))
    }
}

/// A number that is no `NaN`.
#[derive(Clone, Copy)]
struct Number<'a> {
    is_negative: bool,
    size: Size<'a>,
}

/// A number without its sign.
#[derive(Clone, Copy)]
enum Size<'a> {
    Finite(Digits<'a>),
    Infinite,
}

impl<'a> Number<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let size = if is_infinity(unsigned) {
            Size::Infinite
        } else {
            Size::Finite(Digits::parse(unsigned)?)
        };
        Some(Self {
            is_negative: text.starts_with('-'),
            size,
        })
    }

    /// Returns -1, 0 or 1.
    fn sign(&self) -> i8 {
        match self.size {
            Size::Finite(digits) if digits.first().is_none() => 0,
            _ if self.is_negative => -1,
            _ => 1,
        }
    }

    /// Returns the text of a whole number of at most so many digits; `None` of any other.
    fn whole(&self, most: usize) -> Option<String> {
        let Size::Finite(digits) = self.size else {
            return None;
        };
        let Some(first) = digits.first() else {
            return Some("0".to_owned());
        };
        // Those before the point, the first of which has this exponent.
        let places = usize::try_from(first).ok()? + 1;
        let has_fraction = digits.significant().count() > places;
        if places > most || has_fraction {
            return None;
        }
        let sign = if self.is_negative { "-" } else { "" };
        let digits: String = digits.significant().map(char::from).collect();
        Some(format!("{sign}{digits:0<places$}"))
    }
}

impl Size<'_> {
    fn cmp_sizes(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Finite(left), Self::Finite(right)) => {
                let first = left.first().cmp(&right.first());
                // Neither ends with a 0, so the longer of two that begin alike is the greater.
                first.then_with(|| left.significant().cmp(right.significant()))
            }
            (Self::Finite(_), Self::Infinite) => Ordering::Less,
            (Self::Infinite, Self::Finite(_)) => Ordering::Greater,
            (Self::Infinite, Self::Infinite) => Ordering::Equal,
        }
    }
}

impl<'a> Digits<'a> {
    /// Returns the digits from the first to the last that is not 0.
    fn significant(self) -> impl Iterator<Item = u8> + use<'a> {
        let fraction = self.fraction.trim_end_matches('0');
        let whole = match fraction {
            "" => self.whole.trim_end_matches('0'),
            _ => self.whole,
        };
        let all = whole.bytes().chain(fraction.bytes());
        all.skip_while(|digit| *digit == b'0')
    }
}

impl From<f64> for Decimal {
    /// Takes the shortest digits that read back as this number, as Python's `Decimal(repr(number))` does; the
    /// infinities and `NaN` are Decimals, too.
    fn from(number: f64) -> Self {
        let size = number.abs();
        let text = match number {
            _ if number.is_nan() => "NaN".to_owned(),
            f64::INFINITY => "Infinity".to_owned(),
            f64::NEG_INFINITY => "-Infinity".to_owned(),
            // Where Python's own notation has exponents.
            _ if size >= 1e16 || (size < 1e-4 && size > 0.0) => format!("{number:E}"),
            _ => format!("{number:?}"),
        };
        Self(text.into())
    }
}

impl From<BigInt> for Decimal {
    fn from(number: BigInt) -> Self {
        Self(number.to_string().into())
    }
}

impl TryFrom<&Decimal> for f64 {
    type Error = DecimalError;

    /// Returns the nearest `f64`; a finite number that is beyond its range is refused, as a `NaN` that signals is.
    fn try_from(decimal: &Decimal) -> Result<Self, DecimalError> {
        let text = &*decimal.0;
        if !is_decimal(text) {
            return Err(DecimalError::NoDecimal);
        }
        let Some(number) = Number::parse(text) else {
            return (!is_signaling(text))
                .then_some(Self::NAN)
                .ok_or(DecimalError::OutOfRange);
        };
        let nearest: Self = text.parse().map_err(|_| DecimalError::NoDecimal)?;
        let fits = nearest.is_finite() || matches!(number.size, Size::Infinite);
        fits.then_some(nearest).ok_or(DecimalError::OutOfRange)
    }
}

/// The digits of the longest number of 128 bits.
const LONGEST: usize = 39;

macro_rules! integers {
    ($($integer:ident)*) => {$(
        impl From<$integer> for Decimal {
            fn from(number: $integer) -> Self {
                Self(number.to_string().into())
            }
        }
    )*};
}

integers!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

macro_rules! whole_numbers {
    ($($integer:ident)*) => {$(
        impl TryFrom<&Decimal> for $integer {
            type Error = DecimalError;

            /// Returns the same number: `2.00` and `2E+3` are whole, `1.50` is refused.
            fn try_from(decimal: &Decimal) -> Result<Self, DecimalError> {
                let text = &*decimal.0;
                if !is_decimal(text) {
                    return Err(DecimalError::NoDecimal);
                }
                let whole = Number::parse(text).and_then(|number| number.whole(LONGEST));
                let number = whole.and_then(|text| text.parse().ok());
                number.ok_or(DecimalError::OutOfRange)
            }
        }
    )*};
}

whole_numbers!(i32 i64 i128 u32 u64 u128);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_are_compared_whatever_their_texts() {
        let rising = [
            "-Infinity",
            "-1E+400",
            "-12",
            "-1.51",
            "-1.5",
            "-0.001",
            "-1E-1999999999999999997",
            "0",
            "1E-1999999999999999997",
            "0.0009",
            "1E-3",
            "1.4999",
            "1.5",
            "1.500001",
            "12",
            "100.5",
            "1E+999999999999999999",
            "inf",
        ];
        for (at, left) in rising.iter().enumerate() {
            for (beside, right) in rising.iter().enumerate() {
                let found = decimal(left).numeric_cmp(&decimal(right));
                assert_eq!(found, Some(at.cmp(&beside)), "{left} and {right}");
            }
        }
        for (left, right) in [
            ("1.5", "1.50"),
            ("0", "-0.00E+9"),
            ("+1", "0001."),
            ("1E+3", "1000"),
            ("0.10", ".1"),
            ("12e-1", "1.2"),
            ("Inf", "Infinity"),
        ] {
            let found = decimal(left).numeric_cmp(&decimal(right));
            assert_eq!(found, Some(Ordering::Equal), "{left} and {right}");
        }
        for text in ["NaN", "-sNaN12"] {
            assert_eq!(decimal(text).numeric_cmp(&decimal("0")), None, "{text}");
        }
        assert_eq!(Decimal("a".into()).numeric_cmp(&decimal("0")), None);
    }

    proptest! {
        #[test]
        fn order_is_that_of_exact_numbers(
            (left, left_places, right, right_places) in (-999_i64..999, 0_usize..5, any::<i16>(), 0_usize..5)
        ) {
            let text = |number: i64, places: usize| decimal(&format!("{number}E-{places}"));
            let exact = |number: i64, places: usize| number * 10_i64.pow(4 - u32::try_from(places).unwrap());
            let right = i64::from(right);
            let found = text(left, left_places).numeric_cmp(&text(right, right_places));
            prop_assert_eq!(found, Some(exact(left, left_places).cmp(&exact(right, right_places))));
        }
    }

    #[test]
    fn whole_numbers_go_to_integers_that_hold_them() {
        for (text, whole) in [
            ("2.00", 2),
            ("2E+3", 2_000),
            ("-0", 0),
            ("0E+400", 0),
            ("00012", 12),
            ("-120e-1", -12),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(i64::try_from(&decimal(text)), Ok(whole), "{text}");
        }
        for text in [
            "1.50",
            "1E-1",
            "9223372036854775808",
            "1E+999999999999999999",
            "Infinity",
            "NaN",
        ] {
            let refused = i64::try_from(&decimal(text));
            assert_eq!(refused, Err(DecimalError::OutOfRange), "{text}");
        }
        assert_eq!(u128::try_from(&Decimal::from(u128::MAX)), Ok(u128::MAX));
        assert_eq!(i128::try_from(&Decimal::from(i128::MIN)), Ok(i128::MIN));
        u64::try_from(&decimal("-1")).unwrap_err();
        let no_text = Decimal("1,5".into());
        assert_eq!(i32::try_from(&no_text), Err(DecimalError::NoDecimal));
        assert_eq!("1,5".parse::<Decimal>(), Err(DecimalError::NoDecimal));
    }

    #[test]
    fn floats_come_back_as_they_were() {
        for (number, text) in [
            (0.1, "0.1"),
            (-0.0, "-0.0"),
            (1.5, "1.5"),
            (1e16, "1E16"),
            (1e-5, "1E-5"),
            (f64::MAX, "1.7976931348623157E308"),
            (5e-324, "5E-324"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            let decimal = Decimal::from(number);
            assert_eq!(&*decimal.0, text);
            assert!(is_decimal(text));
            let back = f64::try_from(&decimal).unwrap();
            assert_eq!(back.to_bits(), number.to_bits(), "{text}");
        }
        assert!(f64::try_from(&Decimal::from(f64::NAN)).unwrap().is_nan());
        assert!(f64::try_from(&decimal("nan12")).unwrap().is_nan());
        assert_eq!(f64::try_from(&decimal("1E-400")), Ok(0.0));
        for text in ["1E+309", "sNaN"] {
            let refused = f64::try_from(&decimal(text));
            assert_eq!(refused, Err(DecimalError::OutOfRange), "{text}");
        }
        f64::try_from(&Decimal("a".into())).unwrap_err();
    }
}
