//! JSON as Python's `json` reads and writes it: ASCII, `", "` and `": "`, integers of any size,
//! `NaN` and `Infinity`.

mod sink;
mod source;

pub(crate) use sink::JsonSink;
pub(crate) use source::JsonSource;

/// The longest integer that is read or written: Python itself refuses longer ones, as reading
/// them takes quadratic time.
const MAX_DIGITS: usize = 4_300;
