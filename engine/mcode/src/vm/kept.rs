//! Variables that go on from one piece of a conversation to the next, where another program reads them.

use nexus_model::Value as ModelValue;

use super::fault::{Fault, Outcome};
use super::host::{Host, OBJECT_BYTES_MAX};
use super::portable::{Packer, Reader, Unpacker};
use super::value::Value;
use crate::codes::Code;

/// The value of a variable between two pieces.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    /// What any program could be given.
    Data(ModelValue),
    /// What only a program can hold: the handle of a task, which has run, a range, a function of the library, or what has
    /// such a thing inside.
    Held(Held),
}

/// A value that is no data.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    kind: String,
    packed: ModelValue,
    functions: ModelValue,
}

impl Held {
    /// `task`, `list of 2`.
    pub fn kind(&self) -> &str {
        &self.kind
    }
}

/// What is left of a value when its program has ended; `None` where that is nothing, as for the program's own functions.
pub(crate) fn keep(host: &mut Host<'_>, value: &Value) -> Option<Kept> {
    if !matches!(value, Value::Range(_))
        && let Ok(data) = host.export(value)
    {
        return Some(Kept::Data(data));
    }
    let room = host.limits.memory_bytes.unwrap_or(OBJECT_BYTES_MAX);
    let mut packer = Packer::new(usize::try_from(room).unwrap_or(usize::MAX), Reader::NextPiece);
    let packed = packer.pack(value).ok()?;
    let kind = match value {
        Value::List(list) => format!("list of {}", list.len()),
        other => other.describe(),
    };
    Some(Kept::Held(Held { kind, packed, functions: packer.functions() }))
}

impl Host<'_> {
    /// What was kept, as a value of this program.
    pub(crate) fn take_up(&mut self, held: &Held) -> Outcome<Value> {
        let Held { packed, functions, kind } = held;
        let image = self.image;
        let value = Unpacker::new(self, image, functions).and_then(|unpacker| unpacker.unpack(self, packed));
        value.ok_or_else(|| {
            Fault::new(Code::NotAValue, format!("the {kind} of a piece before does not fit into the memory of the run"))
                .help("`:clear` forgets everything")
        })
    }
}
