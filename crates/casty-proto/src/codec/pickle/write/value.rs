//! [`Value`]s, written without recursion.

use super::super::{class, opcode as op};
use super::compound::{mark_if_long, tuple_opcode};
use super::spelling::is_casty_module;
use super::writer::{Writer, no_class};
use crate::value::{
    EnumMember, Fields, Halves, Instantiation, Member, NO_SUCH_TIME, Object, Origin, State,
};
use crate::{EncodeError, TypeHint, Value};

type Named<'v> = std::slice::Iter<'v, (std::sync::Arc<str>, Value)>;

/// The parts of a container that are still to be written.
enum Rest<'v> {
    Items(std::slice::Iter<'v, Value>),
    /// Entries, and the value whose key was written.
    Pairs(std::slice::Iter<'v, (Value, Value)>, Option<&'v Value>),
    /// The fields of `__dict__`, then those of the slots, a dict of their own.
    Fields(Named<'v>, Option<Named<'v>>),
}

/// A container of which some parts are written, and the opcodes that end it.
struct Open<'v> {
    rest: Rest<'v>,
    closing: ([u8; 4], usize),
}

impl<'v> Open<'v> {
    fn new(rest: Rest<'v>, closing: &[u8]) -> Self {
        let mut opcodes = [0; 4];
        for (to, from) in opcodes.iter_mut().zip(closing) {
            *to = *from;
        }
        Self {
            rest,
            closing: (opcodes, closing.len()),
        }
    }

    /// Returns the next part; the name of a field is written before it.
    fn next(&mut self, writer: &mut Writer<'_>) -> Option<&'v Value> {
        match &mut self.rest {
            Rest::Items(items) => items.next(),
            Rest::Pairs(pairs, value) => value.take().or_else(|| {
                let (key, after) = pairs.next()?;
                *value = Some(after);
                Some(key)
            }),
            Rest::Fields(fields, slots) => {
                if fields.len() == 0
                    && let Some(slots) = slots.take()
                {
                    *fields = slots;
                    let between = [op::SETITEMS, op::EMPTY_DICT, op::MARK];
                    writer.out.extend_from_slice(&between);
                }
                let (name, value) = fields.next()?;
                writer.str(name);
                Some(value)
            }
        }
    }
}

impl Writer<'_> {
    /// Returns the module and the name of the class that a dynamic value names. Nothing else that such
    /// a value holds gets into a pickle as a global.
    ///
    /// # Errors
    /// There is no module, the name is too long to be read, or the class is not allowed.
    fn parts<'n>(&self, class: &'n str) -> Result<(&'n str, &'n str), EncodeError> {
        let (module, name) = class::split(class).ok_or_else(|| no_class(class))?;
        if module.len().max(name.len()) > class::MAX_NAME {
            return Err(EncodeError::Unsupported {
                codec: "pickle",
                what: "a class with a name of more than 512 bytes",
            });
        }
        if !self.allowed.contains(module, name) {
            return Err(EncodeError::ClassNotAllowed {
                class: class.into(),
            });
        }
        Ok((module, name))
    }

    /// Writes `root`.
    pub(super) fn value(&mut self, root: &Value) -> Result<(), EncodeError> {
        if self.hint.is_none() {
            self.hint = Some(type_hint(root));
        }
        if let (Some(expected), Value::Object(object)) = (self.expected, root)
            && expected.at == self.out.len()
            && *object.class == *expected.name
        {
            self.expected = None;
        }
        let mut path: Vec<Open<'_>> = Vec::new();
        let mut next = root;
        loop {
            if let Some(open) = self.begin_value(next)? {
                self.enter()?;
                path.push(open);
            }
            next = loop {
                let Some(open) = path.last_mut() else {
                    return Ok(());
                };
                if let Some(next) = open.next(self) {
                    break next;
                }
                let (opcodes, len) = open.closing;
                self.out.extend(opcodes.into_iter().take(len));
                self.leave();
                path.pop();
            };
        }
    }

    /// Writes a scalar, or begins a container and returns its parts.
    fn begin_value<'v>(&mut self, value: &'v Value) -> Result<Option<Open<'v>>, EncodeError> {
        let (opening, rest, closing): (&[u8], _, _) = match value {
            Value::List(items) => {
                let opening: &[u8] = &[op::EMPTY_LIST, op::MARK];
                (opening, Rest::Items(items.iter()), op::APPENDS)
            }
            Value::Set(items) => {
                let opening: &[u8] = &[op::EMPTY_SET, op::MARK];
                (opening, Rest::Items(items.iter()), op::ADDITEMS)
            }
            Value::FrozenSet(items) => (&[op::MARK], Rest::Items(items.iter()), op::FROZENSET),
            Value::Tuple(items) => {
                let marked = mark_if_long(self, Some(items.len()));
                let opcode = tuple_opcode(marked, items.len())?;
                (&[], Rest::Items(items.iter()), opcode)
            }
            Value::Dict(pairs) => {
                let opening: &[u8] = &[op::EMPTY_DICT, op::MARK];
                (opening, Rest::Pairs(pairs.iter(), None), op::SETITEMS)
            }
            Value::Enum(member) => return self.begin_member(member),
            Value::Object(object) => return self.begin_object(object).map(Some),
            scalar => {
                self.scalar(scalar)?;
                return Ok(None);
            }
        };
        self.out.extend_from_slice(opening);
        Ok(Some(Open::new(rest, &[closing])))
    }

    fn scalar(&mut self, value: &Value) -> Result<(), EncodeError> {
        match value {
            Value::Bool(value) => self.bool(*value),
            Value::Int(int) => self.int(*int),
            Value::BigInt(int) => self.long(&int.to_signed_bytes_le()),
            Value::Float(float) => self.float(*float),
            Value::Str(text) => self.str(text),
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::ByteArray(bytes) => self.byte_array(bytes),
            Value::Ref(actor) => self.reference(actor.uri()),
            Value::DateTime(datetime) if datetime.exists() => self.datetime(datetime),
            Value::Date(date) if date.exists() => self.date(*date),
            Value::Time(time) if time.exists() => self.time(time),
            Value::TimeDelta(delta) if delta.exists() => self.timedelta(*delta),
            Value::DateTime(_) | Value::Date(_) | Value::Time(_) | Value::TimeDelta(_) => {
                return Err(EncodeError::Unsupported {
                    codec: "pickle",
                    what: NO_SUCH_TIME,
                });
            }
            Value::Uuid(uuid) => self.uuid(**uuid),
            Value::Decimal(text) => return self.decimal(text),
            Value::Complex(re, im) => self.complex(*re, *im),
            // Containers were begun by the caller.
            _ => self.out.push(op::NONE),
        }
        Ok(())
    }

    fn begin_member<'v>(
        &mut self,
        member: &'v EnumMember,
    ) -> Result<Option<Open<'v>>, EncodeError> {
        let (module, class) = self.parts(&member.class)?;
        match &member.member {
            Member::Name(name) => {
                self.getattr(module, class, name);
                Ok(None)
            }
            Member::Value(value) => {
                self.global(module, class);
                let only = std::slice::from_ref(value);
                let rest = Rest::Items(only.iter());
                Ok(Some(Open::new(rest, &[op::TUPLE1, op::REDUCE])))
            }
        }
    }

    /// Begins an object. A state is written in the form in which it was read; named fields that came
    /// from no pickle go through the constructor, unless the class is Casty's own.
    fn begin_object<'v>(&mut self, object: &'v Object) -> Result<Open<'v>, EncodeError> {
        let (module, class) = self.parts(&object.class)?;
        match &object.state {
            State::Named(fields) => Ok(self.begin_fields(module, class, fields)),
            State::Positional(items) => {
                self.global(module, class);
                let opening = [op::EMPTY_TUPLE, op::NEWOBJ, op::EMPTY_LIST, op::MARK];
                self.out.extend_from_slice(&opening);
                let rest = Rest::Items(items.iter());
                Ok(Open::new(rest, &[op::APPENDS, op::BUILD]))
            }
            State::Constructed(args) => {
                self.global(module, class);
                let marked = mark_if_long(self, Some(args.len()));
                let tuple = tuple_opcode(marked, args.len())?;
                Ok(Open::new(Rest::Items(args.iter()), &[tuple, op::REDUCE]))
            }
        }
    }

    fn begin_fields<'v>(&mut self, module: &str, class: &str, fields: &'v Fields) -> Open<'v> {
        let (made_by, slots) = match fields.origin() {
            Origin::Keywords if fields.is_empty() => {
                self.call_without_arguments(module, class);
                return Open::new(Rest::Fields(fields.iter(), None), &[]);
            }
            Origin::Keywords if is_casty_module(module) => (Instantiation::New, None),
            Origin::Keywords => return self.begin_keywords(module, class, fields),
            Origin::Bare(made_by) | Origin::Dict(made_by) => (made_by, None),
            Origin::Slots(made_by, halves, own) => (made_by, Some((halves, own as usize))),
        };
        self.global(module, class);
        let instantiate = match made_by {
            Instantiation::New => op::NEWOBJ,
            Instantiation::Call => op::REDUCE,
        };
        self.out.extend_from_slice(&[op::EMPTY_TUPLE, instantiate]);
        match (slots, fields.origin()) {
            (Some((halves, own)), _) => self.begin_slots(fields, halves, own),
            (None, Origin::Bare(_)) => Open::new(Rest::Fields(fields.iter(), None), &[]),
            (None, _) if fields.is_empty() => self.whole_state(&[op::EMPTY_DICT]),
            (None, _) => {
                self.out.extend_from_slice(&[op::EMPTY_DICT, op::MARK]);
                let rest = Rest::Fields(fields.iter(), None);
                Open::new(rest, &[op::SETITEMS, op::BUILD])
            }
        }
    }

    /// Begins the state of an object with slots: a tuple of a dict of the `own` first fields and one of
    /// the others, either of which is `None` where it was.
    fn begin_slots<'v>(&mut self, fields: &'v Fields, halves: Halves, own: usize) -> Open<'v> {
        let (own, slots) = fields.split_at_checked(own).unwrap_or((fields, &[]));
        let (opening, rest, closing): (&[u8], _, &[u8]) = match (halves, own, slots) {
            (Halves::Both, [], []) => {
                return self.whole_state(&[op::EMPTY_DICT, op::EMPTY_DICT, op::TUPLE2]);
            }
            (Halves::Own, [], _) => {
                return self.whole_state(&[op::EMPTY_DICT, op::NONE, op::TUPLE2]);
            }
            (Halves::Slots, _, []) => {
                return self.whole_state(&[op::NONE, op::EMPTY_DICT, op::TUPLE2]);
            }
            (Halves::Both, own, []) => (
                &[op::EMPTY_DICT, op::MARK],
                Rest::Fields(own.iter(), None),
                &[op::SETITEMS, op::EMPTY_DICT, op::TUPLE2, op::BUILD],
            ),
            (Halves::Both, [], slots) => (
                &[op::EMPTY_DICT, op::EMPTY_DICT, op::MARK],
                Rest::Fields(slots.iter(), None),
                &[op::SETITEMS, op::TUPLE2, op::BUILD],
            ),
            (Halves::Both, own, slots) => (
                &[op::EMPTY_DICT, op::MARK],
                Rest::Fields(own.iter(), Some(slots.iter())),
                &[op::SETITEMS, op::TUPLE2, op::BUILD],
            ),
            (Halves::Own, own, _) => (
                &[op::EMPTY_DICT, op::MARK],
                Rest::Fields(own.iter(), None),
                &[op::SETITEMS, op::NONE, op::TUPLE2, op::BUILD],
            ),
            (Halves::Slots, _, slots) => (
                &[op::NONE, op::EMPTY_DICT, op::MARK],
                Rest::Fields(slots.iter(), None),
                &[op::SETITEMS, op::TUPLE2, op::BUILD],
            ),
        };
        self.out.extend_from_slice(opening);
        Open::new(rest, closing)
    }

    /// Writes a state without fields.
    fn whole_state<'v>(&mut self, state: &[u8]) -> Open<'v> {
        self.out.extend_from_slice(state);
        self.out.push(op::BUILD);
        Open::new(Rest::Fields([].iter(), None), &[])
    }

    fn begin_keywords<'v>(&mut self, module: &str, class: &str, fields: &'v Fields) -> Open<'v> {
        self.partial();
        self.global(module, class);
        let opening = [op::TUPLE1, op::EMPTY_DICT, op::MARK];
        self.out.extend_from_slice(&opening);
        let closing = [op::SETITEMS, op::NEWOBJ_EX, op::EMPTY_TUPLE, op::REDUCE];
        Open::new(Rest::Fields(fields.iter(), None), &closing)
    }
}

/// Returns the class of a value as headers have it.
fn type_hint(value: &Value) -> TypeHint {
    match value.builtin_class() {
        Some(class) => TypeHint::Borrowed(class),
        None => TypeHint::Owned(value.class_name().replace(':', ".")),
    }
}
