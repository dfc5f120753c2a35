//! The description of Python's types that the script prints, as it stands between Python and Rust.

use serde::Deserialize;

/// The version of the document; both sides are of one release, so any other is a mistake.
pub(crate) const VERSION: u32 = 1;

/// A document: a description, or the reason that there is none.
#[derive(Debug, Deserialize)]
pub(crate) struct Document {
    pub(crate) casty_types: u32,
    pub(crate) error: Option<Failure>,
    pub(crate) described: Option<Description>,
}

/// The reason that the script describes nothing.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Failure {
    /// The interpreter is too old.
    Old { found: String },
    /// A module could not be imported.
    Import { module: String, message: String },
    /// The script itself failed.
    Python { message: String },
}

/// The types of some modules, and those that they need.
#[derive(Debug, Deserialize)]
pub(crate) struct Description {
    pub(crate) modules: Vec<String>,
    pub(crate) types: Vec<Definition>,
    pub(crate) notes: Vec<String>,
    /// The source files of all that the types are made of.
    pub(crate) files: Vec<String>,
}

/// A type that has a name.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Definition {
    pub(crate) module: String,
    /// The qualified name in the module, such as `Outer.Inner`.
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) doc: Option<String>,
    /// The type variables.
    #[serde(default)]
    pub(crate) params: Vec<String>,
    /// Set if the name is not Python's.
    #[serde(skip)]
    pub(crate) is_made_up: bool,
    #[serde(flatten)]
    pub(crate) body: Body,
}

/// A definition's kind and content.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Body {
    Dataclass {
        fields: Vec<Field>,
        notes: Vec<String>,
    },
    Enum {
        members: Vec<Member>,
        flag: bool,
    },
    /// A union of dataclasses.
    Union {
        members: Vec<Type>,
    },
    Alias {
        #[serde(rename = "type")]
        of: Type,
    },
    Newtype {
        #[serde(rename = "type")]
        of: Type,
    },
}

/// A field of a dataclass.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) of: Type,
    pub(crate) default: Option<DefaultValue>,
    /// False if the constructor takes no such argument.
    pub(crate) init: bool,
    pub(crate) doc: Option<String>,
}

/// A member of an enum.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Python's `str()` of the value that pickle carries; `None` if it carries the name.
    pub(crate) value: Option<String>,
    /// The reason that no alias can stand for the value.
    #[serde(default)]
    pub(crate) why: Option<String>,
    /// Other names of the same member.
    pub(crate) aliases: Vec<String>,
    pub(crate) doc: Option<String>,
}

/// The type of a field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Type {
    Any,
    None,
    Bool,
    Int,
    /// An `int` that may have more than 64 bits, as the caller says.
    Bigint,
    Float,
    Str,
    Bytes,
    Bytearray,
    Complex,
    Datetime,
    Date,
    Time,
    Timedelta,
    Uuid,
    Decimal,
    List {
        of: Box<Type>,
    },
    Tuple {
        of: Vec<Type>,
    },
    /// A tuple of any length.
    VarTuple {
        of: Box<Type>,
    },
    Dict {
        key: Box<Type>,
        value: Box<Type>,
    },
    Set {
        of: Box<Type>,
    },
    Frozenset {
        of: Box<Type>,
    },
    Optional {
        of: Box<Type>,
    },
    /// An actor reference.
    Ref {
        message: Box<Type>,
    },
    /// Some values of a type.
    Literal {
        of: Box<Type>,
        values: Vec<String>,
    },
    Named {
        module: String,
        name: String,
        args: Vec<Type>,
    },
    /// A type variable.
    Param {
        name: String,
    },
    /// A union of dataclasses without a name.
    Union {
        members: Vec<Type>,
    },
    /// Anything else.
    Unknown {
        why: String,
    },
}

/// The default of a field.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum DefaultValue {
    None,
    Bool {
        value: bool,
    },
    Int {
        value: String,
    },
    Float {
        value: String,
    },
    Str {
        value: String,
    },
    Decimal {
        value: String,
    },
    Uuid {
        value: String,
    },
    Bytes {
        value: Vec<u8>,
    },
    Bytearray {
        value: Vec<u8>,
    },
    Timedelta {
        value: (i32, u32, u32),
    },
    List {
        items: Vec<DefaultValue>,
    },
    Tuple {
        items: Vec<DefaultValue>,
    },
    Set {
        items: Vec<DefaultValue>,
    },
    Frozenset {
        items: Vec<DefaultValue>,
    },
    Dict {
        items: Vec<(DefaultValue, DefaultValue)>,
    },
    Member {
        module: String,
        name: String,
        member: String,
    },
    Object {
        module: String,
        name: String,
        fields: Vec<(String, DefaultValue)>,
    },
    Unknown {
        why: String,
    },
}

impl Type {
    /// Returns the types that this one is directly made of.
    pub(crate) fn parts(&self) -> Vec<&Self> {
        match self {
            Self::List { of }
            | Self::VarTuple { of }
            | Self::Set { of }
            | Self::Frozenset { of }
            | Self::Optional { of }
            | Self::Literal { of, .. }
            | Self::Ref { message: of } => vec![of],
            Self::Dict { key, value } => vec![key, value],
            Self::Tuple { of: parts }
            | Self::Named { args: parts, .. }
            | Self::Union { members: parts } => parts.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the same parts, to be changed.
    pub(crate) fn parts_mut(&mut self) -> Vec<&mut Self> {
        match self {
            Self::List { of }
            | Self::VarTuple { of }
            | Self::Set { of }
            | Self::Frozenset { of }
            | Self::Optional { of }
            | Self::Literal { of, .. }
            | Self::Ref { message: of } => vec![of],
            Self::Dict { key, value } => vec![key, value],
            Self::Tuple { of: parts }
            | Self::Named { args: parts, .. }
            | Self::Union { members: parts } => parts.iter_mut().collect(),
            _ => Vec::new(),
        }
    }

    /// Returns this type and all that it is made of, outer ones first.
    pub(crate) fn all(&self) -> Vec<&Self> {
        let mut all = vec![self];
        let mut at = 0;
        while let Some(next) = all.get(at) {
            all.extend(next.parts());
            at += 1;
        }
        all
    }
}

impl Type {
    /// Returns the type with others in the place of its variables.
    pub(crate) fn filled(&self, given: &[(&str, &Self)]) -> Self {
        let mut filled = self.clone();
        let mut open = vec![&mut filled];
        while let Some(next) = open.pop() {
            let other = match &*next {
                Self::Param { name } => given.iter().find(|(param, _)| param == name),
                _ => None,
            };
            if let Some((_, other)) = other {
                // Its variables, if it has any, are those of another place.
                *next = (*other).clone();
            } else {
                open.extend(next.parts_mut());
            }
        }
        filled
    }
}

impl Body {
    /// Returns the types of its fields or members.
    pub(crate) fn types(&self) -> Vec<&Type> {
        match self {
            Self::Dataclass { fields, .. } => fields.iter().map(|field| &field.of).collect(),
            Self::Enum { .. } => Vec::new(),
            Self::Union { members } => members.iter().collect(),
            Self::Alias { of } | Self::Newtype { of } => vec![of],
        }
    }

    /// Returns the same types, to be changed.
    pub(crate) fn types_mut(&mut self) -> Vec<&mut Type> {
        match self {
            Self::Dataclass { fields, .. } => {
                fields.iter_mut().map(|field| &mut field.of).collect()
            }
            Self::Enum { .. } => Vec::new(),
            Self::Union { members } => members.iter_mut().collect(),
            Self::Alias { of } | Self::Newtype { of } => vec![of],
        }
    }
}
