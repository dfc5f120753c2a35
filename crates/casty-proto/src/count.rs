//! Numbers of things as parts of sentences.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_told_in_the_singular() {
        let told = [0_usize, 1, 2].map(|number| Count(number, "message").to_string());
        assert_eq!(told, ["0 messages", "1 message", "2 messages"]);
    }
}
