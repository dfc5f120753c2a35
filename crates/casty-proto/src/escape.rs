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
/// and escapes those inside and backslashes. [`column`](Self::column) and [`exact`](Self::exact) are
/// for lines of several columns.
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
    /// The same, and all spaces but single ones between words.
    Column,
    /// The same, and all that could be taken for an escape or an arrow.
    Exact,
    /// As `Text`, in quotation marks: `\"` and `\\` as well.
    Quoted,
    /// `\u001b`.
    Json,
}

impl<T> Escaped<T> {
    /// The most characters that logs and errors show of one text.
    ///
    /// Beyond it, the rest is left out.
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

    /// Shows the text as one column of a line whose columns two spaces part: blanks that are not single
    /// spaces between other characters appear as `\u{20}`, too. To show it so again changes nothing.
    ///
    /// ```
    /// # use casty_proto::Escaped;
    /// assert_eq!(Escaped::new("bank one  up").column().to_string(), r"bank one \u{20}up");
    /// ```
    #[must_use]
    pub const fn column(mut self) -> Self {
        self.form = Form::Column;
        self
    }

    /// Shows the text as a [`column`](Self::column) of which no two look the same, and [`unescape`] reads
    /// all of it back: backslashes appear as `\u{5c}`, and the tip of an arrow, `->`, as `\u{3e}`.
    ///
    /// ```
    /// # use casty_proto::{Escaped, unescape};
    /// let shown = Escaped::whole("\u{1b}\\n").exact().to_string();
    /// assert_eq!(shown, r"\u{1b}\u{5c}n");
    /// assert_eq!(unescape(&shown), "\u{1b}\\n");
    /// ```
    #[must_use]
    pub const fn exact(mut self) -> Self {
        self.form = Form::Exact;
        self
    }

    fn write(&self, f: &mut Formatter<'_>, form: Form) -> fmt::Result
    where
        T: Display,
    {
        let mut escaping = Escaping {
            out: f,
            left: self.most,
            form,
            before: None,
            held: false,
            cut: false,
        };
        write!(escaping, "{}", self.shown)?;
        if escaping.held {
            escaping.escape(' ')?;
        }
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
    /// The last character of the text up to here.
    before: Option<char>,
    /// Set while that is a space in a column which is not written yet, for it may be the last.
    held: bool,
    /// Set once something was left out.
    cut: bool,
}

impl Escaping<'_, '_> {
    /// Returns whether a character is escaped.
    fn hides(&self, character: char) -> bool {
        if !prints(character) {
            return true;
        }
        let columns = matches!(self.form, Form::Column | Form::Exact);
        match character {
            ' ' => columns && matches!(self.before, None | Some(' ')),
            '"' => self.form == Form::Quoted,
            '\\' => matches!(self.form, Form::Quoted | Form::Exact),
            '>' => self.form == Form::Exact && self.before == Some('-'),
            other => columns && is_blank(other),
        }
    }

    fn escape(&mut self, character: char) -> fmt::Result {
        match self.form {
            Form::Column | Form::Exact if prints(character) => {
                return write!(self.out, "{}", character.escape_unicode());
            }
            Form::Text | Form::Column | Form::Exact | Form::Quoted => {
                return write!(self.out, "{}", character.escape_default());
            }
            Form::Json => {}
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
        let columns = matches!(self.form, Form::Column | Form::Exact);
        let mut plain = 0;
        for (at, character) in text.char_indices() {
            if std::mem::take(&mut self.held) {
                self.out.write_str(" ")?;
            }
            if self.left == 0 {
                self.cut = true;
                return self.out.write_str(&text[plain..at]);
            }
            self.left -= 1;
            let hidden = self.hides(character);
            self.held = columns && character == ' ' && !hidden;
            if hidden || self.held {
                self.out.write_str(&text[plain..at])?;
                plain = at + character.len_utf8();
            }
            if hidden {
                self.escape(character)?;
            }
            self.before = Some(character);
        }
        self.out.write_str(&text[plain..])
    }
}

/// Returns the text that is shown so by [`Escaped::exact`]; what is none of its escapes is left as it is.
///
/// It reads what [`Escaped`] shows otherwise, too, if the text itself holds nothing that looks like an
/// escape and all of it is shown.
pub fn unescape(shown: &str) -> String {
    let mut text = String::with_capacity(shown.len());
    let mut rest = shown;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let (character, behind) = first_escape(escaped).unwrap_or(('\\', escaped));
        text.push(character);
        rest = behind;
    }
    text + rest
}

/// Returns the character of the escape whose backslash stood before this text, and what is behind it.
fn first_escape(escaped: &str) -> Option<(char, &str)> {
    let short = [('n', '\n'), ('r', '\r'), ('t', '\t')];
    for (letter, character) in short {
        if let Some(behind) = escaped.strip_prefix(letter) {
            return Some((character, behind));
        }
    }
    let (digits, behind) = escaped.strip_prefix("u{")?.split_once('}')?;
    // Which would take a sign, too.
    let digits = Some(digits).filter(|it| it.bytes().all(|it| it.is_ascii_hexdigit()))?;
    let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    // An address with a backslash cannot be shown so that it reads as another, quite ordinary one.
    let escapes = !prints(character) || is_blank(character) || matches!(character, '\\' | '>');
    escapes.then_some((character, behind))
}

/// Returns whether a character prints as nothing but space.
fn is_blank(character: char) -> bool {
    // The last is the empty cell of Braille.
    character.is_whitespace() || character == '\u{2800}'
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
    fn a_column_has_no_spaces_but_single_ones_between_words() {
        for (text, shown) in [
            ("", ""),
            ("Zürich 東京 \\n -> a", "Zürich 東京 \\n -> a"),
            (" ", r"\u{20}"),
            ("  ", r"\u{20}\u{20}"),
            (" a", r"\u{20}a"),
            ("a ", r"a\u{20}"),
            ("a   b", r"a \u{20}\u{20}b"),
            (
                "a\u{a0}b\u{2003} \u{3000}\u{2800}",
                r"a\u{a0}b\u{2003} \u{3000}\u{2800}",
            ),
            ("a \n b", r"a \n b"),
        ] {
            let column = Escaped::new(text).column().to_string();
            assert_eq!(column, shown);
            let again = Escaped::new(Escaped::new(&column).column());
            assert_eq!(again.to_string(), shown, "the second time changes nothing");
            let parts = Escaped::new(Parts(text)).column().to_string();
            assert_eq!(parts, shown, "in however many parts it is written");
        }
        let longest = Escaped::<&str>::LONGEST;
        let spaces = Escaped::new("a ".repeat(longest)).column().to_string();
        assert_eq!(spaces, "a ".repeat(longest / 2) + "...");
    }

    /// A text that is written character by character.
    struct Parts<'a>(&'a str);

    impl Display for Parts<'_> {
        fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
            self.0.chars().try_for_each(|it| f.write_char(it))
        }
    }

    #[test]
    fn what_is_shown_exactly_can_be_read_back() {
        for (text, shown) in [
            ("bank-1.example.org:25520", "bank-1.example.org:25520"),
            ("a - > b -> c", r"a - > b -\u{3e} c"),
            (r"\n \u{1b} \\", r"\u{5c}n \u{5c}u{1b} \u{5c}\u{5c}"),
            (
                " a\u{1b}\n\r\t\0\u{e0041}",
                r"\u{20}a\u{1b}\n\r\t\u{0}\u{e0041}",
            ),
        ] {
            assert_eq!(Escaped::whole(text).exact().to_string(), shown);
            assert_eq!(unescape(shown), text);
            let printed = Escaped::whole(Escaped::whole(text).exact()).to_string();
            assert_eq!(printed, shown, "a line of columns changes nothing");
        }
    }

    #[test]
    fn what_is_no_escape_is_left_as_it_is() {
        for text in [
            r"\",
            r"a\b",
            r"\\",
            r"\u",
            r"\u{",
            r"\u{}",
            r"\u{1b",
            r"\u{d800}",
            r"\u{110000}",
            r"\u{x}",
            r"\u{+1b}",
            r"10.0.0.\u{31}",
            r"\'",
            r"\0",
        ] {
            assert_eq!(unescape(text), text);
        }
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
