//! MessagePack as Python's `msgpack` reads and writes it for Casty.

mod only;
mod sink;
mod source;

pub(in crate::codec) use only::only;
pub(super) use sink::MsgPackSink;
pub(super) use source::MsgPackSource;
