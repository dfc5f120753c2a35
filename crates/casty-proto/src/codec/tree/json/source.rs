//! The tokens of a JSON text.

use num_bigint::BigInt;

use super::super::source::{Kind, Mark, Number, Open, Source};
use crate::DecodeError;

/// The most digits of an integer in json. Python itself refuses longer ones, as reading them takes quadratic
/// time.
///
/// Beyond it, the message is not read (`DecodeError`), or not written (`EncodeError`).
pub(super) const MAX_DIGITS: usize = 4_300;

/// The values that [`Open`] has here.
const FIRST: usize = 0;
const LATER: usize = 1;
const CLOSED: usize = 2;

/// A source of the tokens of a JSON text.
pub(crate) struct JsonSource<'a> {
    text: &'a str,
    at: usize,
    /// The last string that had escapes, without them.
    unescaped: String,
}

/// Returns how many of eight characters stand for themselves, up to the first that does not.
#[inline]
fn plain(bytes: [u8; 8]) -> usize {
    const ONES: u64 = u64::MAX / 0xff;
    let word = u64::from_le_bytes(bytes);
    // Finds all eight bytes at once: sets the high bit of the first byte below `bound`, and of none
    // before it. Bytes behind it may be marked wrongly, by the borrow, and are not looked at.
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let quote = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    let found = (quote | backslash | below(word, 0x20)) & (ONES << 7);
    found.trailing_zeros() as usize / 8
}

/// The place of the last string.
enum Found {
    /// The text itself, between these offsets.
    Plain(usize, usize),
    /// The buffer `unescaped`.
    Unescaped,
}

impl<'a> JsonSource<'a> {
    /// Returns a source of `input`.
    ///
    /// # Errors
    /// The input is no UTF-8.
    pub(crate) fn new(input: &'a [u8]) -> Result<Self, DecodeError> {
        let text = std::str::from_utf8(input).map_err(|error| match error.error_len() {
            None => DecodeError::Truncated { at: input.len() },
            Some(_) => DecodeError::Malformed {
                what: "text that is no UTF-8",
                at: error.valid_up_to(),
            },
        })?;
        Ok(Self {
            text,
            at: 0,
            unescaped: String::new(),
        })
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Returns the next byte that is no white space; it is not consumed.
    #[inline]
    fn token(&mut self) -> Option<u8> {
        loop {
            let byte = self.byte()?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    #[cold]
    fn truncated(&self) -> DecodeError {
        DecodeError::Truncated {
            at: self.text.len(),
        }
    }

    #[cold]
    fn unexpected(&self, what: &'static str) -> DecodeError {
        let at = self.at.min(self.text.len());
        if at == self.text.len() {
            DecodeError::Truncated { at }
        } else {
            DecodeError::Malformed { what, at }
        }
    }

    /// Consumes a word such as `null`.
    fn word(&mut self, word: &'static str) -> Result<(), DecodeError> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        if word.as_bytes().starts_with(rest) {
            self.at = self.text.len();
        }
        Err(self.unexpected("an unknown word"))
    }

    /// Consumes digits and returns their number.
    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    /// Consumes a point and an exponent; returns whether there was either.
    fn fraction(&mut self) -> Result<bool, DecodeError> {
        let start = self.at;
        if self.byte() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.unexpected("a number without a digit behind its point"));
            }
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.unexpected("a number without a digit in its exponent"));
            }
        }
        Ok(self.at > start)
    }

    /// Returns the integer of more than 18 digits in the text from `start` to here.
    #[cold]
    fn wide(&self, start: usize, digits: usize) -> Result<Number, DecodeError> {
        let malformed = |what| DecodeError::malformed(what, start);
        if digits > MAX_DIGITS {
            return Err(malformed("an int of more than 4,300 digits"));
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        if let Ok(int) = text.parse() {
            return Ok(Number::Int(int));
        }
        if let Ok(int) = text.parse() {
            return Ok(Number::UInt(int));
        }
        text.parse::<BigInt>()
            .map(Number::Big)
            .map_err(|_| malformed("no number"))
    }

    /// Consumes a string behind its opening quote.
    #[inline]
    fn string(&mut self) -> Result<Found, DecodeError> {
        self.at += 1;
        let start = self.at;
        self.plain_run();
        match self.byte() {
            Some(b'"') => {
                self.at += 1;
                Ok(Found::Plain(start, self.at - 1))
            }
            Some(b'\\') => self.escaped(start),
            _ => Err(self.unexpected("a control character in a string")),
        }
    }

    /// Skips characters that stand for themselves.
    #[inline]
    fn plain_run(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let (words, tail) = rest.as_chunks();
        for word in words {
            let plain = plain(*word);
            self.at += plain;
            if plain < word.len() {
                return;
            }
        }
        self.at += tail
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
            .unwrap_or(tail.len());
    }

    /// Consumes the rest of a string that has escapes.
    fn escaped(&mut self, start: usize) -> Result<Found, DecodeError> {
        self.unescaped.clear();
        let mut run = start;
        loop {
            self.plain_run();
            let plain = self.text.get(run..self.at).unwrap_or_default();
            self.unescaped.push_str(plain);
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Found::Unescaped);
                }
                Some(b'\\') => {
                    self.at += 1;
                    let character = self.escape(start - 1)?;
                    self.unescaped.push(character);
                }
                _ => return Err(self.unexpected("a control character in a string")),
            }
            run = self.at;
        }
    }

    /// Consumes an escape behind its backslash, in a string that begins at `string`.
    fn escape(&mut self, string: usize) -> Result<char, DecodeError> {
        let byte = self.byte().ok_or_else(|| self.truncated())?;
        let character = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                self.at += 1;
                return self.unicode(string);
            }
            _ => return Err(self.unexpected("an unknown escape")),
        };
        self.at += 1;
        Ok(character)
    }

    fn unicode(&mut self, string: usize) -> Result<char, DecodeError> {
        let lone = DecodeError::LoneSurrogate { at: string };
        let high = self.unit()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).ok_or(lone);
        }
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(b"\\u") {
            let cut = b"\\u".starts_with(rest);
            return Err(if cut { self.truncated() } else { lone });
        }
        self.at += 2;
        let low = self.unit()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(lone);
        }
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or(lone)
    }

    /// Consumes four hexadecimal digits.
    fn unit(&mut self) -> Result<u32, DecodeError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|byte| char::from(byte).to_digit(16));
            let digit = digit.ok_or_else(|| self.unexpected("an escape without four digits"))?;
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }

    #[inline]
    fn found(&self, found: &Found) -> &str {
        match *found {
            Found::Plain(start, end) => self.text.get(start..end).unwrap_or_default(),
            Found::Unescaped => &self.unescaped,
        }
    }

    /// Consumes a comma, or `close`, which ends the array or map; returns whether an element follows.
    #[inline]
    fn step(&mut self, open: &mut Open, close: u8) -> Result<bool, DecodeError> {
        if open.0 == CLOSED {
            return Ok(false);
        }
        match self.token() {
            Some(byte) if byte == close => {
                self.at += 1;
                open.0 = CLOSED;
                Ok(false)
            }
            Some(b',') if open.0 == LATER => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if open.0 == FIRST => {
                open.0 = LATER;
                Ok(true)
            }
            _ => Err(self.unexpected("no comma where one is due")),
        }
    }
}

impl Source for JsonSource<'_> {
    #[inline]
    fn peek(&mut self) -> Result<Kind, DecodeError> {
        Ok(match self.token() {
            Some(b'"') => Kind::Str,
            Some(b'{') => Kind::Map,
            Some(b'[') => Kind::Array,
            Some(b'0'..=b'9' | b'-' | b'N' | b'I') => Kind::Number,
            Some(b'n') => Kind::Null,
            Some(b't' | b'f') => Kind::Bool,
            _ => return Err(self.unexpected("no JSON value")),
        })
    }

    fn null(&mut self) -> Result<(), DecodeError> {
        self.word("null")
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        let value = self.byte() == Some(b't');
        self.word(if value { "true" } else { "false" })?;
        Ok(value)
    }

    #[inline]
    fn number(&mut self) -> Result<Number, DecodeError> {
        let start = self.at;
        let negative = self.byte() == Some(b'-');
        if negative {
            self.at += 1;
        }
        match self.byte() {
            Some(b'N') if !negative => return self.word("NaN").map(|()| Number::Float(f64::NAN)),
            Some(b'I') => {
                let infinity = if negative {
                    -f64::INFINITY
                } else {
                    f64::INFINITY
                };
                return self.word("Infinity").map(|()| Number::Float(infinity));
            }
            _ => {}
        }
        let zero = self.byte() == Some(b'0');
        let first = self.at;
        let digits = self.digits();
        if digits == 0 || (zero && digits > 1) {
            return Err(self.unexpected("no number"));
        }
        if self.fraction()? {
            let text = self.text.get(start..self.at).unwrap_or_default();
            return text
                .parse()
                .map(Number::Float)
                .map_err(|_| self.unexpected("no number"));
        }
        if digits > 18 {
            return self.wide(start, digits);
        }
        let text = self.text.as_bytes().get(first..self.at).unwrap_or_default();
        let size = text
            .iter()
            .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Ok(Number::Int(if negative { -size } else { size }))
    }

    #[inline]
    fn str(&mut self) -> Result<&str, DecodeError> {
        let found = self.string()?;
        Ok(self.found(&found))
    }

    fn bytes(&mut self) -> Result<&[u8], DecodeError> {
        Err(self.unexpected("no bytes"))
    }

    fn skip_leaf(&mut self, kind: Kind) -> Result<(), DecodeError> {
        match kind {
            Kind::Null => self.null(),
            Kind::Bool => self.bool().map(drop),
            Kind::Str => loop {
                self.at += 1;
                self.plain_run();
                match self.byte() {
                    Some(b'"') => {
                        self.at += 1;
                        return Ok(());
                    }
                    // The escaped character need not make sense, but a quote does not end the string.
                    Some(b'\\') => self.at += 1,
                    _ => return Err(self.unexpected("a control character in a string")),
                }
            },
            _ => self.number().map(drop),
        }
    }

    #[inline]
    fn open_array(&mut self) -> Result<Open, DecodeError> {
        self.at += 1;
        Ok(Open(FIRST))
    }

    #[inline]
    fn open_map(&mut self) -> Result<Open, DecodeError> {
        self.at += 1;
        Ok(Open(FIRST))
    }

    #[inline]
    fn next(&mut self, open: &mut Open) -> Result<bool, DecodeError> {
        self.step(open, b']')
    }

    #[inline]
    fn next_key(&mut self, open: &mut Open) -> Result<Option<&str>, DecodeError> {
        if !self.step(open, b'}')? {
            return Ok(None);
        }
        if self.token() != Some(b'"') {
            return Err(self.unexpected("a key that is no string"));
        }
        let key = self.string()?;
        if self.token() != Some(b':') {
            return Err(self.unexpected("a key without a colon"));
        }
        self.at += 1;
        Ok(Some(self.found(&key)))
    }

    fn hint(&self, _: Open) -> Option<usize> {
        None
    }

    fn at(&self) -> usize {
        self.at
    }

    fn mark(&self) -> Mark {
        Mark {
            at: self.at,
            outstanding: 0,
        }
    }

    fn rewind(&mut self, mark: Mark) {
        self.at = mark.at;
    }

    fn end(&mut self) -> Result<(), DecodeError> {
        match self.token() {
            None => Ok(()),
            Some(_) => Err(DecodeError::Trailing {
                extra: self.text.len() - self.at,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn eight_characters_are_plain_up_to_the_first_that_ends_a_run() {
        for ends in 0..=u8::MAX {
            for around in [0x20, b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff] {
                for at in 0..8 {
                    for after in [around, 0, b'"', b'\\'] {
                        let mut bytes = [around; 8];
                        bytes[at..].fill(after);
                        bytes[at] = ends;
                        let slow = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
                        let expected = bytes.iter().position(slow).unwrap_or(8);
                        assert_eq!(plain(bytes), expected, "{bytes:x?}");
                    }
                }
            }
        }
    }
}
