//! The texts that Python makes a `decimal.Decimal` of.

mod numeric;

pub use numeric::DecimalError;

/// The kind of value that serializers refuse to write.
#[cfg(any(feature = "pickle", feature = "protobuf"))]
pub(crate) const NO_DECIMAL: &str = "a Decimal of a text that Python makes none of";

/// The highest exponent of the first digit, Python's `decimal.MAX_EMAX`.
const MAX_EXPONENT: i128 = 999_999_999_999_999_999;

/// The lowest exponent of the last digit, Python's `decimal.MIN_ETINY`.
const MIN_EXPONENT: i128 = -1_999_999_999_999_999_997;

/// Returns whether Python makes a `Decimal` of a text, as exact as it stands there.
///
/// Python also takes underscores between digits, blanks around them and digits of other scripts, none
/// of which it ever writes; those are refused.
pub(crate) fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned.as_bytes().first() {
        Some(b'0'..=b'9' | b'.') => Digits::parse(unsigned).is_some(),
        _ => is_special(unsigned),
    }
}

/// Returns whether a text is an infinity, or a `NaN` with or without digits behind it.
fn is_special(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let quiet = lower.strip_prefix('s').unwrap_or(&lower);
    match quiet.strip_prefix("nan") {
        Some(payload) => payload.bytes().all(|byte| byte.is_ascii_digit()),
        None => is_infinity(text),
    }
}

/// Returns whether a text without a sign is an infinity.
fn is_infinity(text: &str) -> bool {
    text.eq_ignore_ascii_case("inf") || text.eq_ignore_ascii_case("infinity")
}

/// Returns whether a decimal in Python's notation is a signaling nan.
pub(crate) fn is_signaling(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let name = digits.get(..4);
    name.is_some_and(|name| name.eq_ignore_ascii_case("snan"))
}

/// A finite number as its text has it: digits with at most one point, and the exponent that follows them.
#[derive(Debug, Clone, Copy)]
struct Digits<'a> {
    whole: &'a str,
    fraction: &'a str,
    exponent: i128,
}

impl<'a> Digits<'a> {
    /// Parses a text without a sign; `None` if it is none, or is out of Python's bounds.
    fn parse(text: &'a str) -> Option<Self> {
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            None => (text, 0),
            Some((digits, exponent)) => (digits, parse_exponent(exponent)?),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all = || whole.bytes().chain(fraction.bytes());
        if all().next().is_none() || !all().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = Self {
            whole,
            fraction,
            exponent,
        };
        let last = exponent - length(fraction);
        // Of a zero, the last digit alone counts.
        let first = digits.first().unwrap_or(last);
        (last >= MIN_EXPONENT && first <= MAX_EXPONENT).then_some(digits)
    }

    /// Returns the exponent of the first digit that is not 0; `None` of a zero.
    fn first(&self) -> Option<i128> {
        let leading = |part: &str| part.len() - part.trim_start_matches('0').len();
        let zeros = match leading(self.whole) {
            all if all == self.whole.len() => all + leading(self.fraction),
            some => some,
        };
        let is_zero = zeros == self.whole.len() + self.fraction.len();
        let zeros = i128::try_from(zeros).unwrap_or(i128::MAX);
        (!is_zero).then(|| self.exponent + length(self.whole) - 1 - zeros)
    }
}

/// Parses an exponent; `None` if it is none, or far out of bounds.
fn parse_exponent(text: &str) -> Option<i128> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.trim_start_matches('0');
    let are_digits = unsigned.bytes().all(|byte| byte.is_ascii_digit());
    // The longest exponents that count have 19 digits; those of a number with more digits than
    // memory holds could have more.
    if unsigned.is_empty() || !are_digits || digits.len() > 20 {
        return None;
    }
    let value: i128 = if digits.is_empty() {
        0
    } else {
        digits.parse().ok()?
    };
    Some(if text.starts_with('-') { -value } else { value })
}

fn length(text: &str) -> i128 {
    i128::try_from(text.len()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_makes_a_decimal_of_is_one() {
        for text in [
            "0",
            "-0",
            "1.50",
            "+1.5",
            "1.",
            ".5",
            "00012",
            "1e5",
            "1.e5",
            "-1E+5",
            "0.00E+3",
            "1E+0000000000000000000000001",
            "NaN",
            "-sNaN",
            "nan",
            "NaN0012",
            "sNaN12",
            "+NaN",
            "INF",
            "-Inf",
            "Infinity",
            "infinity",
            // At the bounds, as decimal.MAX_EMAX and MIN_ETINY have them.
            "1E+999999999999999999",
            "9.9E+999999999999999999",
            "10E+999999999999999998",
            "0.1E+1000000000000000000",
            "0E+999999999999999999",
            "1E-1999999999999999997",
            "0.1E-1999999999999999996",
        ] {
            assert!(is_decimal(text), "{text}");
        }
    }

    #[test]
    fn what_python_makes_no_decimal_of_is_none() {
        for text in [
            "",
            ".",
            "+",
            "-",
            "+-1",
            "abc",
            "1,50",
            "0x10",
            "1E",
            "1E+",
            "1.2.3",
            "1E5E5",
            "1E5.0",
            "Infinit",
            "sInf",
            "ssNaN",
            "NaN-1",
            "NaN1.0",
            "NaN1E5",
            "e5",
            "1 2",
            "--1",
            "1f",
            "1E+1000000000000000000",
            "10E+999999999999999999",
            "0.1E+1000000000000000001",
            "0E+1000000000000000000",
            "1E-1999999999999999998",
            "0E-1999999999999999998",
            "0.1E-1999999999999999997",
            "1E+999999999999999999999",
            "1E-999999999999999999999",
            // Python takes these, and never writes them.
            "1_000",
            " 1 ",
            "\u{661}",
        ] {
            assert!(!is_decimal(text), "{text}");
        }
    }
}
