//! The reader, which runs a pickle's opcodes on a stack of node numbers. It never recurses, never
//! runs code, and takes memory in proportion to the input only.

use super::arena::{Arena, Children, EMPTY_TUPLE, FALSE, Id, NONE, Node, TRUE, push_within};
use super::class::{self, Callee};
use super::opcode as op;
use crate::{DecodeError, Limit, Limits};

mod by_value;
mod call;
mod machine;

use machine::Machine;

/// Reads one pickle: its nodes, and the number of the outermost.
pub(super) fn read<'de>(
    input: &'de [u8],
    limits: &Limits,
) -> Result<(Arena<'de>, Id), DecodeError> {
    // Offsets and node numbers have 32 bits.
    let max = limits.bytes.min(u32::MAX as usize - 8);
    if input.len() > max {
        return Err(DecodeError::limit(Limit::Bytes, max));
    }
    let depth = limits.depth.min(Limits::MAX_DEPTH);
    Machine::new(input, depth, limits.items).run()
}

impl<'de> Machine<'de> {
    fn run(mut self) -> Result<(Arena<'de>, Id), DecodeError> {
        if self.byte()? != op::PROTO || !(2..=5).contains(&self.byte()?) {
            return Err(DecodeError::malformed("no pickle of protocol 2 to 5", 0));
        }
        loop {
            let opcode = self.byte()?;
            if opcode == op::STOP {
                return self.stop();
            }
            self.step(opcode)?;
        }
    }

    /// Ends the pickle.
    fn stop(mut self) -> Result<(Arena<'de>, Id), DecodeError> {
        let extra = self.input.len() - self.at;
        if extra != 0 {
            return Err(DecodeError::Trailing { extra });
        }
        let root = self.pop()?;
        if !self.stack.is_empty() || !self.marks.is_empty() {
            return Err(self.malformed("values are left on the stack"));
        }
        Ok((self.arena, root))
    }

    /// Runs one opcode. Those that most pickles consist of come first; the others cost another call.
    fn step(&mut self, opcode: u8) -> Result<(), DecodeError> {
        match opcode {
            op::MEMOIZE => {
                let top = self.top()?;
                push_within(&mut self.memo, top, self.input.len());
                Ok(())
            }
            op::SHORT_BINUNICODE => {
                let len = self.byte()?;
                self.push_text(usize::from(len))
            }
            op::BINGET => {
                let index = self.byte()?;
                self.get(usize::from(index))
            }
            op::MARK => {
                #[allow(clippy::cast_possible_truncation)] // the stack is shorter than the input
                push_within(&mut self.marks, self.stack.len() as u32, self.input.len());
                self.floor = self.stack.len();
                Ok(())
            }
            op::STACK_GLOBAL => self.stack_global(),
            op::EMPTY_TUPLE => self.push(EMPTY_TUPLE),
            op::NEWOBJ => self.new_object(),
            op::EMPTY_DICT => self.push_container(Node::Dict(Children::EMPTY)),
            op::SETITEMS => self.set_items(),
            op::BUILD => self.build(),
            op::REDUCE => self.reduce(),
            op::BININT1 => {
                let int = self.byte()?;
                self.push_value(Node::Int(i64::from(int)))
            }
            op::BININT2 => {
                let int = u16::from_le_bytes(self.array()?);
                self.push_value(Node::Int(i64::from(int)))
            }
            op::TUPLE1 => self.push_tuple(1),
            op::TUPLE2 => self.push_tuple(2),
            op::TUPLE3 => self.push_tuple(3),
            op::NONE => self.push(NONE),
            op::NEWTRUE => self.push(TRUE),
            op::NEWFALSE => self.push(FALSE),
            op::SETITEM => self.set_item(),
            op::FRAME => self.bytes(8).map(drop),
            _ => self.collection(opcode),
        }
    }

    /// Runs an opcode of collections and of older protocols.
    fn collection(&mut self, opcode: u8) -> Result<(), DecodeError> {
        match opcode {
            op::EMPTY_LIST => self.push_container(Node::List(Children::EMPTY)),
            op::EMPTY_SET => self.push_container(Node::Set(Children::EMPTY)),
            op::APPEND => {
                let start = self.stack.len().saturating_sub(1);
                self.add_items(start, opcode)
            }
            op::APPENDS | op::ADDITEMS => {
                let start = self.close_mark()?;
                self.add_items(start, opcode)
            }
            op::FROZENSET | op::TUPLE => {
                let start = self.close_mark()?;
                let children = self.take_children(start);
                self.push_container(if opcode == op::TUPLE {
                    Node::Tuple(children)
                } else {
                    Node::FrozenSet(children)
                })
            }
            op::GLOBAL => self.global(),
            op::NEWOBJ_EX => self.new_object_ex(),
            op::BINPUT => {
                let index = self.byte()?;
                self.put(usize::from(index))
            }
            op::LONG_BINPUT => {
                let index = self.length4()?;
                self.put(index)
            }
            op::LONG_BINGET => {
                let index = self.length4()?;
                self.get(index)
            }
            _ => self.scalar(opcode),
        }
    }

    /// Runs an opcode of scalars.
    fn scalar(&mut self, opcode: u8) -> Result<(), DecodeError> {
        match opcode {
            op::BININT => {
                let int = i32::from_le_bytes(self.array()?);
                self.push_value(Node::Int(i64::from(int)))
            }
            op::LONG1 => {
                let len = self.byte()?;
                self.push_long(usize::from(len))
            }
            op::LONG4 => {
                let len = self.length4()?;
                self.push_long(len)
            }
            op::BINFLOAT => {
                let float = f64::from_be_bytes(self.array()?);
                self.push_value(Node::Float(float))
            }
            op::BINUNICODE => {
                let len = self.length4()?;
                self.push_text(len)
            }
            op::BINUNICODE8 => {
                let len = self.length8()?;
                self.push_text(len)
            }
            op::SHORT_BINBYTES => {
                let len = usize::from(self.byte()?);
                let span = self.span(len)?;
                self.push_value(Node::Bytes(span))
            }
            op::BINBYTES => {
                let len = self.length4()?;
                let span = self.span(len)?;
                self.push_value(Node::Bytes(span))
            }
            op::BINBYTES8 => {
                let len = self.length8()?;
                let span = self.span(len)?;
                self.push_value(Node::Bytes(span))
            }
            op::BYTEARRAY8 => {
                let len = self.length8()?;
                let span = self.span(len)?;
                self.push_value(Node::ByteArray(span))
            }
            opcode => Err(DecodeError::Opcode {
                opcode,
                at: self.at - 1,
            }),
        }
    }
}

/// Globals.
impl Machine<'_> {
    fn stack_global(&mut self) -> Result<(), DecodeError> {
        let name = self.pop()?;
        let module = self.pop()?;
        self.class(module, name)
    }

    fn class(&mut self, module: Id, name: Id) -> Result<(), DecodeError> {
        let (Node::Str(at), Node::Str(called)) = (self.arena.node(module), self.arena.node(name))
        else {
            return Err(self.malformed("a global without a name"));
        };
        if at.len.max(called.len) as usize > class::MAX_NAME {
            return Err(self.malformed("a global with a name of more than 512 bytes"));
        }
        if self.arena.bytes(at).contains(&b':') {
            return Err(self.malformed("a module with a colon in its name"));
        }
        let callee = Callee::from_name(self.arena.bytes(at), self.arena.bytes(called));
        let id = self.arena.add(Node::Class {
            callee,
            module,
            name,
        });
        self.push_uncounted(id);
        Ok(())
    }

    /// Reads a global in the text form of protocols 2 and 3.
    fn global(&mut self) -> Result<(), DecodeError> {
        let module = self.line()?;
        let name = self.line()?;
        self.class(module, name)
    }

    fn line(&mut self) -> Result<Id, DecodeError> {
        let rest = self.input.get(self.at..).unwrap_or(&[]);
        let Some(len) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(DecodeError::Truncated {
                at: self.input.len(),
            });
        };
        let span = self.span(len)?;
        self.bytes(1)?;
        self.check_text(span)?;
        Ok(self.arena.add(Node::Str(span)))
    }
}
