//! Names of Python classes, and the results of calling them.

use crate::class_name::is_capitalised;
pub(super) use crate::class_name::{MAX_NAME, split};

/// Returns whether a serde name is the name of a Python class.
#[inline]
pub(super) fn is_dotted(name: &str) -> bool {
    name.bytes().any(|byte| byte == b'.' || byte == b':')
}

/// Returns whether `name` is the qualified name of that class.
#[inline]
pub(super) fn is_named(name: &str, module: &[u8], class: &[u8]) -> bool {
    let name = name.as_bytes();
    name.len() == module.len() + 1 + class.len()
        && name.starts_with(module)
        && name.ends_with(class)
        && matches!(name.get(module.len()), Some(b'.' | b':'))
}

/// Returns the qualified name that [`split`] splits into just these parts.
pub(super) fn join(module: &str, class: &str) -> String {
    let name = format!("{module}.{class}");
    match split(&name) {
        Some((split, _)) if split.len() == module.len() => name,
        _ => format!("{module}:{class}"),
    }
}

/// The results of calling a global, as far as they are known without running it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callee {
    /// An instance of a class.
    Class,
    /// Anything: only Python could tell.
    Function,
    /// A class or function that cloudpickle wrote by value, or a part of one.
    ByValue,
    /// An actor reference: `restore_actor_ref`.
    Ref,
    /// `builtins.getattr`: a member of an enum.
    GetAttr,
    /// `functools.partial`: a constructor with its keywords.
    Partial,
    Bytes,
    ByteArray,
    List,
    Tuple,
    Set,
    FrozenSet,
    Dict,
    Complex,
    DateTime,
    Date,
    Time,
    TimeDelta,
    TimeZone,
    /// `zoneinfo.ZoneInfo._unpickle`: a zone by its name.
    ZoneInfo,
    Uuid,
    Decimal,
    OrderedDict,
    DefaultDict,
    Counter,
    Deque,
}

impl Callee {
    /// Returns the callee of that name.
    pub(super) fn from_name(module: &[u8], name: &[u8]) -> Self {
        match module {
            b"builtins" | b"__builtin__" => Self::builtin(name),
            b"datetime" => match name {
                b"datetime" => Self::DateTime,
                b"date" => Self::Date,
                b"time" => Self::Time,
                b"timedelta" => Self::TimeDelta,
                b"timezone" => Self::TimeZone,
                _ => Self::Function,
            },
            b"collections" => match name {
                b"OrderedDict" => Self::OrderedDict,
                b"defaultdict" => Self::DefaultDict,
                b"Counter" => Self::Counter,
                b"deque" => Self::Deque,
                _ if is_class_path(name) => Self::Class,
                _ => Self::Function,
            },
            b"zoneinfo" if name == b"ZoneInfo._unpickle" => Self::ZoneInfo,
            b"uuid" if name == b"UUID" => Self::Uuid,
            b"decimal" if name == b"Decimal" => Self::Decimal,
            b"functools" if name == b"partial" => Self::Partial,
            b"casty.remote.ref" if name == b"restore_actor_ref" => Self::Ref,
            _ if is_cloudpickle(module) => Self::ByValue,
            _ if !is_code(module) && is_class_path(name) => Self::Class,
            _ => Self::Function,
        }
    }

    fn builtin(name: &[u8]) -> Self {
        match name {
            b"getattr" => Self::GetAttr,
            b"bytes" => Self::Bytes,
            b"bytearray" => Self::ByteArray,
            b"list" => Self::List,
            b"tuple" => Self::Tuple,
            b"set" => Self::Set,
            b"frozenset" => Self::FrozenSet,
            b"dict" => Self::Dict,
            b"complex" => Self::Complex,
            _ if is_class_path(name) => Self::Class,
            _ => Self::Function,
        }
    }
}

/// Returns whether a class of that module can have instances that are data, whatever its own name is.
pub(super) fn may_hold_data(module: &[u8]) -> bool {
    !is_code(module) && module != b"builtins"
}

/// Returns whether a module's classes stand for code or for parts of code.
fn is_code(module: &[u8]) -> bool {
    const MODULES: [&[u8]; 7] = [
        b"types",
        b"_codecs",
        b"copyreg",
        b"functools",
        b"operator",
        b"os",
        b"datetime",
    ];
    MODULES.contains(&module)
}

fn is_cloudpickle(module: &[u8]) -> bool {
    module.starts_with(b"cloudpickle")
}

/// Returns whether the last segment of a path is capitalised, behind underscores if it has any: then a
/// call of it makes an instance, as far as a name can tell.
pub(super) fn is_class_path(path: &[u8]) -> bool {
    let start = path.iter().rposition(|&b| b == b'.').map_or(0, |at| at + 1);
    let underscores = path.iter().skip(start).take_while(|&&b| b == b'_').count();
    is_capitalised(path, start + underscores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_joined_name_splits_into_the_same_parts() {
        for (module, class) in [
            ("pkg.mod", "Outer.Inner"),
            ("pkg.mod", "outer.inner"),
            ("pkg.Mod", "Thing"),
            ("pkg", "thing"),
        ] {
            assert_eq!(split(&join(module, class)), Some((module, class)));
            assert!(is_named(
                &join(module, class),
                module.as_bytes(),
                class.as_bytes()
            ));
        }
    }

    #[test]
    fn only_capitalised_paths_and_known_constructors_are_classes() {
        for (module, name, callee) in [
            ("bank", "Deposit", Callee::Class),
            ("bank", "_Private", Callee::Class),
            ("bank", "outer.Inner", Callee::Class),
            ("os", "system", Callee::Function),
            ("builtins", "eval", Callee::Function),
            ("builtins", "ValueError", Callee::Class),
            ("types", "CodeType", Callee::Function),
            ("cloudpickle.cloudpickle", "X", Callee::ByValue),
            ("zoneinfo", "ZoneInfo._unpickle", Callee::ZoneInfo),
            ("zoneinfo", "ZoneInfo", Callee::Class),
            ("collections", "OrderedDict", Callee::OrderedDict),
            ("collections", "UserDict", Callee::Class),
            ("collections", "namedtuple", Callee::Function),
            ("datetime", "datetime", Callee::DateTime),
            ("uuid", "UUID", Callee::Uuid),
            ("uuid", "SafeUUID", Callee::Class),
            ("decimal", "Decimal", Callee::Decimal),
            ("decimal", "Context", Callee::Class),
            ("functools", "partial", Callee::Partial),
            ("functools", "reduce", Callee::Function),
            ("casty.remote.ref", "restore_actor_ref", Callee::Ref),
            ("casty.remote.ref", "RemoteActorRef", Callee::Class),
        ] {
            assert_eq!(
                Callee::from_name(module.as_bytes(), name.as_bytes()),
                callee
            );
        }
    }
}
