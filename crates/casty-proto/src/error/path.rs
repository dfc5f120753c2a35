//! The paths to the parts of a value that do not fit their types.
//!
//! A reader adds a segment where an error passes by, on its way out, so that a value that fits costs
//! nothing for it.

use super::DecodeError;

/// The most characters of a field's name or a key in a path: a peer may have chosen it.
const LONGEST_SEGMENT: usize = 64;

/// The length in bytes from which a path is not made longer.
const LONGEST_PATH: usize = 1024;

/// One step from a value to a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment<'a> {
    /// The field of this name, or the entry of a dict under this key.
    Name(&'a str),
    /// The element at this index.
    Index(usize),
}

impl Segment<'_> {
    /// Writes the segment before a path.
    fn before(&self, path: &str) -> String {
        let shown = |name: &str| {
            let mut shown: String = name
                .chars()
                .take(LONGEST_SEGMENT)
                .flat_map(char::escape_debug)
                .collect();
            if name.chars().nth(LONGEST_SEGMENT).is_some() {
                shown.push_str("...");
            }
            shown
        };
        let is_word = |name: &str| {
            let is_letter = |c: char| c.is_alphanumeric() || c == '_';
            !name.is_empty() && name.chars().take(LONGEST_SEGMENT).all(is_letter)
        };
        let segment = match self {
            Self::Name(name) if is_word(name) => shown(name),
            Self::Name(name) => format!("[\"{}\"]", shown(name)),
            Self::Index(index) => format!("[{index}]"),
        };
        match path.chars().next() {
            None | Some('[') => segment + path,
            Some(_) => segment + "." + path,
        }
    }
}

impl DecodeError {
    /// Returns the path to the part that does not fit its type, such as `account.tiers[2]`; `None` if
    /// the error is about the whole value, or about the bytes.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::InField { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Returns the error without the path to the part that it is about.
    #[must_use]
    pub fn without_path(&self) -> &Self {
        match self {
            Self::InField { error, .. } => error.without_path(),
            other => other,
        }
    }

    /// Returns whether the error is about a part that does not fit its type, and not about bytes or
    /// limits.
    pub(crate) fn is_about_a_part(&self) -> bool {
        matches!(
            self,
            Self::InField { .. }
                | Self::Class { .. }
                | Self::MissingField { .. }
                | Self::UnknownVariant { .. }
                | Self::MemberValue { .. }
                | Self::NeedsPython { .. }
                | Self::Custom(_)
        )
    }

    /// Adds the step that leads to the part which the error is about, before those that were added.
    /// Errors about bytes and limits stay as they are.
    #[cold]
    pub(crate) fn add_step(&mut self, step: &Segment<'_>) {
        match self {
            Self::InField { path, .. } if path.starts_with("...") => {}
            Self::InField { path, .. } if path.len() > LONGEST_PATH => {
                *path = format!("...{path}").into();
            }
            Self::InField { path, .. } => *path = step.before(path).into(),
            _ if self.is_about_a_part() => {
                let error = std::mem::replace(self, Self::Trailing { extra: 0 });
                *self = Self::InField {
                    path: step.before("").into(),
                    error: Box::new(error),
                };
            }
            _ => {}
        }
    }
}

/// Adds the step to a part of a value to the error of reading that part.
#[inline(always)]
#[allow(clippy::inline_always)] // so that what was read is not moved once more
pub(crate) fn located<'s, T>(
    mut read: Result<T, DecodeError>,
    step: impl FnOnce() -> Segment<'s>,
) -> Result<T, DecodeError> {
    if let Err(error) = &mut read {
        error.add_step(&step());
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located_by(steps: &[Segment<'_>]) -> DecodeError {
        let mut error = DecodeError::Custom("missing field `x`".into());
        for step in steps.iter().rev() {
            error.add_step(step);
        }
        error
    }

    #[test]
    fn a_path_reads_as_one_would_write_it() {
        use Segment::{Index, Name};
        for (steps, path) in [
            (&[Name("tier")][..], "tier"),
            (&[Name("a"), Name("b_1")], "a.b_1"),
            (&[Name("a"), Index(3), Name("b")], "a[3].b"),
            (&[Index(0), Index(1)], "[0][1]"),
            (&[Name("x\n"), Name("b")], "[\"x\\n\"].b"),
            (&[Name("a"), Name(""), Index(1)], "a[\"\"][1]"),
        ] {
            let error = located_by(steps);
            assert_eq!(error.path(), Some(path));
            assert_eq!(error.to_string(), format!("{path}: missing field `x`"));
            assert_eq!(error.without_path().to_string(), "missing field `x`");
        }
    }

    #[test]
    fn a_path_stays_short_whatever_the_keys_are() {
        let key = "k.".repeat(1 << 20);
        let error = located_by(&vec![Segment::Name(&key); 256]);
        let path = error.path().unwrap_or_default();
        assert!(
            path.starts_with("...[\"k.k") && path.len() < LONGEST_PATH + 100,
            "{path}"
        );
    }

    #[test]
    fn errors_about_bytes_and_limits_have_no_path() {
        for error in [
            DecodeError::Truncated { at: 5 },
            DecodeError::malformed("a fault", 5),
            DecodeError::limit(crate::Limit::Depth, 5),
        ] {
            let mut same = error.clone();
            same.add_step(&Segment::Name("a"));
            assert_eq!(same, error);
        }
    }
}
