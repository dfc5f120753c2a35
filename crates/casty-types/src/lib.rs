//! Rust types of the messages that Python modules of a [Casty](https://pypi.org/project/casty/)
//! application define: its dataclasses, enums and unions, read by Python itself and written as a person
//! would write them.
//!
//! ```no_run
//! // build.rs
//! fn main() -> Result<(), casty_types::TypesError> {
//!     casty_types::Types::of(["my_app.messages"]).path("../python").build("messages.rs")
//! }
//! ```
//!
//! ```ignore
//! // src/messages.rs
//! #![allow(dead_code, missing_docs)]
//! include!(concat!(env!("OUT_DIR"), "/messages.rs"));
//! ```
//!
//! The command `casty types my_app.messages > src/messages.rs` writes the same file to be checked in, and
//! `casty types --check src/messages.rs my_app.messages` fails once the Python side has drifted from it.
//! The example `bank` is a module, its types, and that check in a program.
//!
//! **The modules are imported, that is, their code runs**, in a Python of at least 3.12 that has all that
//! they import. What they print goes to standard error, and threads that they start are not waited for.
//!
//! # What becomes what
//!
//! | Python | Rust |
//! |---|---|
//! | a dataclass | a struct of its fields, inherited ones included, in dataclass order; it has a `Default` if each field has one |
//! | an `Enum`, `IntEnum`, `StrEnum`, `Flag` | an enum of its members, with aliases for what pickle carries |
//! | a union of dataclasses: `A \| B`, `Union`, `type X = A \| B` | an enum of them, by its name in the module, or `AOrB`, made `From` any |
//! | `X \| None`, `Optional[X]` | `Option<X>` |
//! | `type X = ...`, `NewType` | an alias, a newtype |
//! | type variables of a class | type parameters |
//! | `int` `float` `str` `bool` `None` | `i64` `f64` `String` `bool` `()` |
//! | `list`, `Sequence`, `Iterable` | `Vec` |
//! | `tuple[X, Y]`, `tuple[X, ...]` | `(X, Y)`, `Tuple<X>` |
//! | `dict`, `Mapping` | `BTreeMap`, or `HashMap` where the keys have no order |
//! | `set`, `frozenset` | `Set`, `FrozenSet` |
//! | `bytes` `bytearray` `complex` `datetime` `date` `time` `timedelta` `UUID` `Decimal` | the type of that name in `casty_proto::value` |
//! | `ActorRef[M]` | `ActorRef<M>` |
//! | `Literal` | the type of its values |
//! | `Any`, and all that no serializer has a word for | `Value`, with a comment that says why (as [`Generated::values`] does) |
//!
//! A type that holds itself is boxed there. Names are Rust's, and serde's attributes have Python's. Classes
//! of one name in several modules go by the module's name as well. Docstrings become doc comments.
//!
//! What is written: what a module defines or lists in `__all__`, names with an underscore only if another
//! type needs them; and all that these need, from whatever module.
//!
//! # At run time
//!
//! - All fields are written. A field that Python computes (`init=False`) is an `Option` that is read and
//!   never written, for its constructor takes none.
//! - A field that is missing takes the default that Python has for it; without one, decoding fails with
//!   `DecodeError::MissingField`, which names it. A default that only Python can make (a factory that is
//!   called) counts as none, and the field says so.
//! - Fields that are not known are passed over, as nodes do. A class that a union does not have is
//!   `DecodeError::UnknownVariant`, and one that is another than the field's is `DecodeError::Class`.
//! - An `int` beyond 64 bits is refused when it is read.
//! - A subclass is no instance of its base: a field of the type `Animal` holds no `Dog`. A union says which
//!   classes there may be.
//!
//! # Errors
//!
//! [`TypesError`] tells what is missing and what to do. Nothing is written then, never a half.

mod drift;
mod error;
mod imports;
mod model;
mod names;
mod outline;
mod plan;
mod python;
mod render;
mod replace;
#[cfg(test)]
mod tests;
mod types;
mod values;

pub use drift::Drift;
pub use error::TypesError;
pub use types::{Generated, Types};
