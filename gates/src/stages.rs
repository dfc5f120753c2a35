//! The stages that are counted.

use crate::Failure;
use crate::meter::LeaveOut;

mod client;
mod codecs;
mod outbox;
mod route;

/// A part of a message's way through the client, or all of it.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// The name that its budget has.
    pub name: &'static str,
    /// The number of messages beside which what is done once in a while does not show.
    pub messages: u32,
    /// The function that carries so many messages through it, connects whatever is needed before, and
    /// leaves out what belongs to other stages.
    pub carry: fn(u32, LeaveOut) -> Result<(), Failure>,
}

const fn stage(
    name: &'static str,
    messages: u32,
    carry: fn(u32, LeaveOut) -> Result<(), Failure>,
) -> Stage {
    Stage {
        name,
        messages,
        carry,
    }
}

/// All stages, in the order of a message's way.
pub const STAGES: [Stage; 18] = [
    stage("route", 10_000, route::look_up),
    stage("encode_tell_pickle", 10_000, codecs::tell_pickle),
    stage("encode_tell_json", 10_000, codecs::tell_json),
    stage("encode_tell_msgpack", 10_000, codecs::tell_msgpack),
    stage("encode_ask_pickle", 10_000, codecs::ask_pickle),
    stage("encode_ask_json", 10_000, codecs::ask_json),
    stage("encode_ask_msgpack", 10_000, codecs::ask_msgpack),
    stage("push", 12_800, outbox::push),
    stage("write", 12_800, outbox::write),
    stage("match_reply", 6_400, client::match_reply),
    stage("decode_reply_pickle", 10_000, codecs::reply_pickle),
    stage("decode_reply_json", 10_000, codecs::reply_json),
    stage("decode_reply_msgpack", 10_000, codecs::reply_msgpack),
    stage("tell", 20_000, client::tell),
    stage("tell_all", 20_000, client::tell_all),
    stage("ask", 12_800, client::ask),
    stage("ask_alone", 6_400, client::ask_alone),
    stage("ask_many", 12_800, client::ask_many),
];
