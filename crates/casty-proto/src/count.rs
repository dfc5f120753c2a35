//! Numbers and lists of things as parts of sentences.

use std::fmt::{self, Display};

/// A number of things, named in the singular: `1 message`, `2 messages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count<N>(pub N, pub &'static str);

impl<N: Display + PartialEq + From<u8>> Display for Count<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, thing) = self;
        let s = if *number == N::from(1) { "" } else { "s" };
        write!(f, "{number} {thing}{s}")
    }
}

/// A list of things, which stays short however many there are: `a:1, b:1 and 30 more`.
///
/// The text is what parts two of them.
///
/// ```
/// use casty_proto::Listed;
///
/// assert_eq!(Listed(["a:1", "b:1"], ", ").to_string(), "a:1, b:1");
/// assert!(Listed(1..=42, ", ").to_string().ends_with("11, 12 and 30 more"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<I>(pub I, pub &'static str);

impl<I> Listed<I> {
    /// The most things that are named.
    pub const NAMED: usize = 12;
}

impl<I: IntoIterator<Item: Display> + Clone> Display for Listed<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut things = self.0.clone().into_iter();
        for (place, thing) in things.by_ref().take(Self::NAMED).enumerate() {
            f.write_str(if place == 0 { "" } else { self.1 })?;
            write!(f, "{thing}")?;
        }
        match things.count() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_told_in_the_singular() {
        let told = [0_usize, 1, 2].map(|number| Count(number, "message").to_string());
        assert_eq!(told, ["0 messages", "1 message", "2 messages"]);
    }

    #[test]
    fn a_dozen_things_are_named_and_more_are_counted() {
        let told = |things: usize| Listed(vec!["x"; things], "; ").to_string();
        assert_eq!([told(0), told(1), told(3)], ["", "x", "x; x; x"]);
        let twelve = "x; x; x; x; x; x; x; x; x; x; x; x";
        assert_eq!(told(12), twelve);
        assert_eq!(told(13), format!("{twelve} and 1 more"));
        assert_eq!(told(1_000), format!("{twelve} and 988 more"));
    }
}
