//! The class of an encoded message.

use std::borrow::Cow;

/// The Python class of an encoded message, `module.QualName`, as a header's `type_hint` has it.
pub type TypeHint = Cow<'static, str>;
