//! Escapes: of characters in JSON texts, and of all that would not print in texts for people.

use std::error::Error;
use std::fmt::{self, Debug, Display, Formatter, Write};

/// Appends a character as `\uXXXX`, or as two of these if it is beyond U+FFFF.
pub(crate) fn push_unicode(out: &mut Vec<u8>, character: char) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for unit in character.encode_utf16(&mut [0; 2]) {
        out.extend_from_slice(b"\\u");
        for shift in [12, 8, 4, 0] {
            out.push(HEX[usize::from(*unit >> shift & 15)]);
        }
    }
}

/// The wrapper that shows what a peer has chosen in one line, without a character that a terminal
/// would obey.
///
/// A peer chooses hosts, names, classes and paths freely. Printed as they are, they could clear the
/// screen, add a line to a log, or turn the letters around. So control characters, line and paragraph
/// separators, marks of direction and characters without any width appear as `\n`, `\r`, `\t` or
/// `\u{1b}`; all others as they are, letters of any script with U+200C and U+200D, which join some of
/// them, and backslashes. To show a text that was escaped before changes nothing.
///
/// Nothing is allocated. [`new`](Self::new) is for logs and errors and shows a beginning of what is
/// long; [`whole`](Self::whole) and [`json`](Self::json) are for results. `{:?}` adds quotation marks,
/// and escapes those inside and backslashes.
///
/// ```
/// use casty_proto::Escaped;
///
/// let host = "évil\u{1b}[2J\n";
/// assert_eq!(Escaped::new(host).to_string(), r"évil\u{1b}[2J\n");
/// assert_eq!(format!("{:?}", Escaped::new(host)), r#""évil\u{1b}[2J\n""#);
/// assert_eq!(Escaped::json("\"\u{7f}\"").to_string(), r#""\u007f""#);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Escaped<T> {
    shown: T,
    most: usize,
    form: Form,
}

/// The form of an escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    /// `\n` or `\u{1b}`.
    Text,
    /// The same in quotation marks: `\"` and `\\` as well.
    Quoted,
    /// `\u001b`.
    Json,
}

impl<T> Escaped<T> {
    /// The most characters that logs and errors show of one text.
    pub const LONGEST: usize = 1_024;

    /// Shows the first [`LONGEST`](Self::LONGEST) characters, and `...` for others.
    pub const fn new(shown: T) -> Self {
        Self {
            shown,
            most: Self::LONGEST,
            form: Form::Text,
        }
    }

    /// Shows all, however long it is.
    pub const fn whole(shown: T) -> Self {
        Self {
            shown,
            most: usize::MAX,
            form: Form::Text,
        }
    }

    /// Shows all of a JSON text of one line with the escapes of JSON, so that it means the same.
    pub const fn json(shown: T) -> Self {
        Self {
            shown,
            most: usize::MAX,
            form: Form::Json,
        }
    }

    fn write(&self, f: &mut Formatter<'_>, form: Form) -> fmt::Result
    where
        T: Display,
    {
        let mut escaping = Escaping {
            out: f,
            left: self.most,
            form,
            cut: false,
        };
        write!(escaping, "{}", self.shown)?;
        let cut = escaping.cut;
        f.write_str(if cut { "..." } else { "" })
    }
}

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write(f, self.form)
    }
}

impl<T: Display> Debug for Escaped<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        self.write(f, Form::Quoted)?;
        f.write_str("\"")
    }
}

/// The writer that passes on what prints, and escapes the rest.
struct Escaping<'a, 'b> {
    out: &'a mut Formatter<'b>,
    /// The characters that may follow.
    left: usize,
    form: Form,
    /// Set once something was left out.
    cut: bool,
}

impl Escaping<'_, '_> {
    fn escape(&mut self, character: char) -> fmt::Result {
        if self.form != Form::Json {
            return write!(self.out, "{}", character.escape_default());
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(self.out, "\\u{unit:04x}")?;
        }
        Ok(())
    }
}

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.cut {
            return Ok(());
        }
        let mut plain = 0;
        for (at, character) in text.char_indices() {
            if self.left == 0 {
                self.cut = true;
                return self.out.write_str(&text[plain..at]);
            }
            self.left -= 1;
            let quoted = self.form == Form::Quoted && matches!(character, '"' | '\\');
            if quoted || !prints(character) {
                self.out.write_str(&text[plain..at])?;
                self.escape(character)?;
                plain = at + character.len_utf8();
            }
        }
        self.out.write_str(&text[plain..])
    }
}

/// Returns whether a character shows as itself and does nothing else.
pub(crate) fn prints(character: char) -> bool {
    let does_more = matches!(
        character,
        // Separators of lines and of paragraphs.
        '\u{2028}' | '\u{2029}'
        // Marks of direction, alone, around a part of a text, and those that are deprecated.
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
        // Without a width or any ink: hyphens, breaks, joints, fillers, byte order marks, annotations,
        // selectors of variants, steps of notes and shorthand, tags.
        | '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    );
    !does_more && !character.is_control()
}

/// The wrapper that shows an error and its causes in one line: `this: its cause: the cause of that`.
///
/// All is [escaped](Escaped), the words of other crates' errors as well, and each error is cut like any
/// text.
#[derive(Clone, Copy)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Escaped::new(self.0))?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {}", Escaped::new(cause))?;
            source = cause.source();
        }
        Ok(())
    }
}

impl Debug for Chain<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_print_is_escaped_and_all_else_is_as_it_is() {
        for (text, shown) in [
            ("", ""),
            ("bank-1.example.org", "bank-1.example.org"),
            (
                "Zürich 東京 שלום 🦀 \\ \"a\" '",
                "Zürich 東京 שלום 🦀 \\ \"a\" '",
            ),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("\u{1b}[2J", r"\u{1b}[2J"),
            ("a\nb\r\tc\0", r"a\nb\r\tc\u{0}"),
            ("\u{7f}\u{80}\u{9b}31m", r"\u{7f}\u{80}\u{9b}31m"),
            ("\u{2028}\u{2029}", r"\u{2028}\u{2029}"),
            (
                "\u{202e}gpj.\u{2066}\u{200f}",
                r"\u{202e}gpj.\u{2066}\u{200f}",
            ),
            (
                "b\u{200b}\u{ad}\u{2060}ank\u{feff}",
                r"b\u{200b}\u{ad}\u{2060}ank\u{feff}",
            ),
            ("\u{e0041}", r"\u{e0041}"),
            (
                "bank\u{fe0f}\u{e0100}\u{34f}\u{3164}\u{1160}",
                r"bank\u{fe0f}\u{e0100}\u{34f}\u{3164}\u{1160}",
            ),
        ] {
            assert_eq!(Escaped::new(text).to_string(), shown);
            let again = Escaped::new(Escaped::whole(text)).to_string();
            assert_eq!(again, shown, "the second time changes nothing");
        }
        let quoted = format!("{:?}", Escaped::new("a \"b\" \\n\n"));
        assert_eq!(quoted, r#""a \"b\" \\n\n""#);
    }

    #[test]
    fn every_control_character_is_escaped() {
        for character in '\0'..='\u{2_ffff}' {
            if character.is_control() {
                assert!(!prints(character), "{character:?}");
            }
        }
    }

    #[test]
    fn a_json_text_means_the_same_when_it_is_escaped() {
        let value = serde_json::json!({ "k\u{7f}\u{9b}": "\u{1b}\n\u{202e}\u{e0041}\u{2028}é" });
        let shown = Escaped::json(&value).to_string();
        assert!(shown.chars().all(prints), "{shown}");
        assert!(shown.contains(r"\u007f\u009b") && shown.contains('é'));
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn logs_and_errors_show_a_beginning_of_what_is_long() {
        const LONGEST: usize = Escaped::<&str>::LONGEST;
        let exact = "é".repeat(LONGEST);
        assert_eq!(Escaped::new(&exact).to_string(), exact);
        assert_eq!(
            Escaped::new(exact.clone() + "a").to_string(),
            exact.clone() + "..."
        );
        assert_eq!(
            Escaped::new("\u{1b}".repeat(1 << 20)).to_string().len(),
            LONGEST * 6 + 3
        );
        // In however many parts it is written.
        let parts = format_args!("{exact}{}{}", 'a', "b").to_string();
        assert_eq!(Escaped::new(&parts).to_string(), exact.clone() + "...");
        let whole = "a\n".repeat(LONGEST);
        assert_eq!(Escaped::whole(&whole).to_string(), "a\\n".repeat(LONGEST));
    }

    #[test]
    fn an_error_and_its_causes_are_one_line() {
        #[derive(Debug, thiserror::Error)]
        #[error("it\nfailed")]
        struct Failed(#[source] std::io::Error);
        let failed = Failed(std::io::Error::other("by\u{1b}"));
        assert_eq!(Chain(&failed).to_string(), r"it\nfailed: by\u{1b}");
    }
}
