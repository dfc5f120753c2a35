//! `Display` and `Debug` of values: Casty's JSON notation within bounds.

use std::fmt::{Debug, Display, Formatter, Result};

use crate::codec::tree::json::JsonSink;
use crate::codec::tree::write_value::{self, Style};
use crate::value::{EnumMember, Items, Member, Object, Pairs, State};
use crate::{Escaped, Value};

/// The bounds of debug output.
const DEBUG: Style = Style::Bounded {
    parts: 4_096,
    text: 256,
};

fn print(value: &Value, style: Style, f: &mut Formatter<'_>) -> Result {
    let mut out = Vec::new();
    let mut sink = JsonSink::new(&mut out);
    write_value::write(&mut sink, value, style, 0).map_err(|_| std::fmt::Error)?;
    f.write_str(&String::from_utf8_lossy(&out))
}

/// Casty's JSON notation on one line, as [`Value::to_notation`] returns it; `"..."` stands for
/// values that nest deeper than 256 levels, for integers of more than 4,300 digits and for all parts
/// beyond 1,048,576.
impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let style = Style::Bounded {
            parts: 1 << 20,
            text: usize::MAX,
        };
        print(self, style, f)
    }
}

/// The same as [`Display`], but at most 4,096 parts and 256 bytes of each string.
impl Debug for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        print(self, DEBUG, f)
    }
}

impl Debug for Items {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        print(&Value::List(self.clone()), DEBUG, f)
    }
}

impl Debug for Pairs {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        print(&Value::Dict(self.clone()), DEBUG, f)
    }
}

impl Debug for Object {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {:?}", Escaped::new(&self.class), self.state)
    }
}

impl Debug for State {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let shown = match self {
            Self::Named(fields) => Value::Dict(
                fields
                    .iter()
                    .map(|(name, value)| (Value::Str(name.clone()), value.clone()))
                    .collect(),
            ),
            Self::Positional(values) | Self::Constructed(values) => {
                Value::Tuple(values.iter().cloned().collect())
            }
        };
        print(&shown, DEBUG, f)
    }
}

impl Debug for EnumMember {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} {:?}", Escaped::new(&self.class), self.member)
    }
}

impl Debug for Member {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Name(name) => Debug::fmt(name, f),
            Self::Value(value) => print(value, DEBUG, f),
        }
    }
}
