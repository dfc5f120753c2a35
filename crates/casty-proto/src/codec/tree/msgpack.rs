//! MessagePack as Python's `msgpack` reads and writes it for Casty.

mod sink;
mod source;

pub(super) use sink::MsgPackSink;
pub(super) use source::MsgPackSource;
