//! JSON as Python's `json` reads and writes it: ASCII, `", "` and `": "`, integers of any size,
//! `NaN` and `Infinity`.

mod only;
mod sink;
mod source;
mod text;

pub(in crate::codec) use only::only;
pub(crate) use sink::JsonSink;
pub(crate) use source::JsonSource;
pub(crate) use text::push_text;
