//! Pickles that are one scalar, as many replies are: they need no stack and no memory.

use super::super::arena::{Node, Span};
use super::super::int;
use super::super::opcode as op;

/// Returns the scalar that is the whole pickle; `None` for any other pickle, and for malformed ones,
/// whose error the full reader finds.
#[inline]
pub(super) fn only(input: &[u8]) -> Option<Node> {
    let [op::PROTO, 2..=5, framed @ .., op::STOP] = input else {
        return None;
    };
    let scalar = match framed {
        [op::FRAME, _, _, _, _, _, _, _, _, rest @ ..] => rest,
        all => all,
    };
    Some(match *scalar {
        [op::NONE] => Node::None,
        [op::NEWTRUE] => Node::Bool(true),
        [op::NEWFALSE] => Node::Bool(false),
        [op::BININT1, int] => Node::Int(int.into()),
        [op::BININT2, a, b] => Node::Int(u16::from_le_bytes([a, b]).into()),
        [op::BININT, a, b, c, d] => Node::Int(i32::from_le_bytes([a, b, c, d]).into()),
        [op::LONG1, len, ref int @ ..] if int.len() == usize::from(len) => {
            Node::Int(int::small(int)?)
        }
        [op::BINFLOAT, ref float @ ..] => Node::Float(f64::from_be_bytes(float.try_into().ok()?)),
        [op::SHORT_BINUNICODE, len, ref rest @ ..] => {
            let text = match rest {
                [text @ .., op::MEMOIZE] | text if text.len() == usize::from(len) => text,
                _ => return None,
            };
            std::str::from_utf8(text).ok()?;
            Node::Str(Span {
                at: u32::try_from(input.len() - scalar.len() + 1).ok()?,
                len: len.into(),
            })
        }
        _ => return None,
    })
}
