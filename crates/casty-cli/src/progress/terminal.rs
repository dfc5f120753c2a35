//! The terminal as a progress sees it: narrower than it is.

use std::io;

use console::Term;
use indicatif::TermLike;

/// The columns at the right end that stay free. A bar fills its row and leaves the cursor behind it; at the
/// very end of a row, the echo of Ctrl-C would go to the next one, and the bar would not be cleared.
const FREE: u16 = 4;

/// A terminal without its last columns.
#[derive(Debug)]
pub(super) struct Narrow(pub(super) Term);

impl TermLike for Narrow {
    fn width(&self) -> u16 {
        self.0.width().saturating_sub(FREE).max(1)
    }

    fn height(&self) -> u16 {
        self.0.height()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.0.write_line(line)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
