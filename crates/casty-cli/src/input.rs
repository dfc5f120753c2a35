//! Lines of any input, of any length and content.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{self, AsyncBufRead, AsyncBufReadExt};

/// The longest line that is read, in bytes: no message fits into a frame that is longer.
pub(crate) const LONGEST: usize = 16 * 1024 * 1024;

/// The byte order mark that editors and shells put before what they save as UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// An input that is read line by line, with no more than one line in memory. A byte order mark before
/// the first line is no part of it.
pub(crate) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    longest: usize,
    number: u64,
}

/// The reason why a line is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadLine {
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    #[error("it is not UTF-8")]
    NotUtf8,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// Reads the lines of `input`, of `longest` bytes at most.
    pub(crate) fn new(input: R, longest: usize) -> Self {
        let line = Vec::new();
        Self {
            input,
            line,
            longest,
            number: 0,
        }
    }

    /// Returns the number of the last line that was read.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Returns the length of that line in bytes.
    pub(crate) fn length(&self) -> usize {
        self.line.len()
    }

    /// Returns whether the end of a further line has been read already.
    pub(crate) async fn is_at_hand(&mut self) -> bool {
        poll_fn(|cx| {
            let read = Pin::new(&mut self.input).poll_fill_buf(cx);
            // An error is found again by the next read.
            Poll::Ready(matches!(read, Poll::Ready(Ok(read)) if read.contains(&b'\n')))
        })
        .await
    }

    /// Reads the next line, without its end; `None` at the end of the input. A line that is too
    /// long is skipped, and its error returned.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Result<&str, BadLine>>> {
        self.line.clear();
        let (mut length, mut ended) = (0, false);
        while !ended {
            let chunk = self.input.fill_buf().await?;
            if chunk.is_empty() {
                break;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk);
            length += part.len();
            if length <= self.longest {
                self.line.extend_from_slice(part);
            }
            ended = end.is_some();
            let used = part.len() + usize::from(ended);
            self.input.consume(used);
        }
        if length == 0 && !ended {
            return Ok(None);
        }
        self.number += 1;
        if length > self.longest {
            return Ok(Some(Err(BadLine::TooLong(self.longest))));
        }
        let Ok(text) = str::from_utf8(&self.line) else {
            return Ok(Some(Err(BadLine::NotUtf8)));
        };
        let text = match text.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) if self.number == 1 => rest,
            _ => text,
        };
        Ok(Some(Ok(text.strip_suffix('\r').unwrap_or(text))))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, BufReader};

    use super::*;

    async fn read(input: &[u8], buffer: usize) -> Vec<Result<String, BadLine>> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, input), 8);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            all.push(line.map(str::to_owned));
        }
        assert_eq!(lines.number(), all.len() as u64);
        all
    }

    #[tokio::test]
    async fn a_byte_order_mark_before_the_first_line_is_no_part_of_it() {
        let input = "\u{feff}one\n\u{feff}two".as_bytes();
        let expected = [Ok("one".to_owned()), Ok("\u{feff}two".to_owned())];
        for buffer in 1..12 {
            assert_eq!(read(input, buffer).await, expected, "buffer of {buffer}");
        }
        assert_eq!(read("\u{feff}".as_bytes(), 4).await, [Ok(String::new())]);
    }

    #[tokio::test]
    async fn a_line_is_at_hand_when_all_of_it_has_come() {
        let (mut far, near) = io::duplex(64);
        let mut lines = Lines::new(BufReader::new(near), 8);
        assert!(!lines.is_at_hand().await);
        far.write_all(b"a\nb\nc").await.unwrap();
        for (line, more) in [("a", true), ("b", false)] {
            assert_eq!(lines.next().await.unwrap(), Some(Ok(line)));
            assert_eq!(lines.is_at_hand().await, more);
        }
        drop(far);
        assert!(!lines.is_at_hand().await);
        assert_eq!(lines.next().await.unwrap(), Some(Ok("c")));
    }

    #[tokio::test]
    async fn lines_are_the_same_however_the_input_arrives() {
        let input = b"one\r\n\n12345678\n123456789\n\xff\xfe\nlast";
        let expected = [
            Ok("one".to_owned()),
            Ok(String::new()),
            Ok("12345678".to_owned()),
            Err(BadLine::TooLong(8)),
            Err(BadLine::NotUtf8),
            Ok("last".to_owned()),
        ];
        for buffer in 1..40 {
            assert_eq!(read(input, buffer).await, expected, "buffer of {buffer}");
        }
        assert_eq!(read(b"", 4).await, []);
        assert_eq!(read(b"\n", 4).await, [Ok(String::new())]);
    }
}
