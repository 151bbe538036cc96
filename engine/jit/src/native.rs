//! A compiled unit: from checked code to machine code in executable memory, and calls into it.

#![expect(unsafe_code, reason = "machine code is called through pointers; the invariants are stated at each place")]

use std::ffi::c_void;
use std::sync::{Arc, OnceLock};

use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings::{self, Configurable};

use crate::assume::{Assumed, is_near};
use crate::callbacks::{Context, State, Supervisor, helpers};
use crate::code::{Code, place};
use crate::effort;
use crate::error::CompileError;
use crate::granted::granted;
use crate::inline::inline;
use crate::ir::{ArrayParameter, Constant, Element, Function, Type, Unit};
use crate::object::{self, Object};
use crate::ranges::LOOPS_MAX;
use crate::rotate::rotate;
use crate::verify::verify;

/// Machine code of a unit. It can be called from any thread, any number of times at once.
pub struct NativeUnit {
    /// With small functions inlined.
    unit: Unit,
    /// What the code assumes of the arguments.
    assumed: Vec<Assumed>,
    code: Code,
    /// Code that assumes nothing, made when it is first needed; `None` where it could not be.
    general: OnceLock<Option<Code>>,
    /// Whether its functions call each other, so that more than one call may be open.
    has_calls: bool,
    /// What an iteration takes at most.
    iteration_ns: u64,
}

impl std::fmt::Debug for NativeUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeUnit").field("code_bytes", &self.code.bytes).finish_non_exhaustive()
    }
}

/// An array that a call is given: elements in rows.
pub struct ArrayArgument<'a> {
    /// All of them, row by row.
    pub elements: ArrayElements<'a>,
    /// Elements of a row; 1 for what is no matrix.
    pub columns: usize,
}

/// The elements of an array.
pub enum ArrayElements<'a> {
    /// Ints to read.
    Ints(&'a [i64]),
    /// Ints to read and write.
    IntsMut(&'a mut [i64]),
    /// Doubles to read.
    Scalars(&'a [f64]),
    /// Doubles to read and write.
    ScalarsMut(&'a mut [f64]),
    /// Bools to read.
    Bools(&'a [bool]),
    /// Bools to read and write.
    BoolsMut(&'a mut [bool]),
    /// Single-precision floats to read.
    Singles(&'a [f32]),
    /// Single-precision floats to read and write.
    SinglesMut(&'a mut [f32]),
}

impl ArrayArgument<'_> {
    /// What it is, where, and how many rows it has.
    fn parts(&mut self) -> (ArrayParameter, u64, usize) {
        let (element, writable, address, length) = match &mut self.elements {
            ArrayElements::Ints(s) => (Element::Int, false, s.as_ptr() as u64, s.len()),
            ArrayElements::IntsMut(s) => (Element::Int, true, s.as_mut_ptr() as u64, s.len()),
            ArrayElements::Scalars(s) => (Element::Scalar, false, s.as_ptr() as u64, s.len()),
            ArrayElements::ScalarsMut(s) => (Element::Scalar, true, s.as_mut_ptr() as u64, s.len()),
            ArrayElements::Bools(s) => (Element::Bool, false, s.as_ptr() as u64, s.len()),
            ArrayElements::BoolsMut(s) => (Element::Bool, true, s.as_mut_ptr() as u64, s.len()),
            ArrayElements::Singles(s) => (Element::Single, false, s.as_ptr() as u64, s.len()),
            ArrayElements::SinglesMut(s) => (Element::Single, true, s.as_mut_ptr() as u64, s.len()),
        };
        // A matrix without columns has no element, whatever the number of its rows.
        (ArrayParameter { element, writable }, address, length.checked_div(self.columns).unwrap_or(0))
    }
}

/// What a call may use; what is left of it afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Iterations that are granted, at least 1: instead of the last one the code is left.
    pub loops: u64,
    /// Calls until the supervisor is asked, at least 1.
    pub calls: u64,
    /// Calls that may be open inside the outermost one.
    pub depth: u64,
}

/// Memory that calls use again and again.
#[derive(Debug, Default)]
pub struct Scratch {
    words: Vec<u64>,
    /// Exits that were taken, innermost first: site, number of values, values. Behind `logged` there is only room.
    log: Vec<u64>,
    logged: usize,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// With a result, where the function has one.
    Returned(Option<Constant>),
    /// By an exit: see [`Scratch::exits`].
    Left,
    /// The arguments are not those that the unit was compiled for; nothing ran.
    Refused,
}

/// The exits of a call, innermost first: its site, and the values of its live variables as they stand in memory
/// (ints, bits of doubles, 0 and 1).
#[derive(Debug, Clone)]
pub struct Exits<'s> {
    rest: &'s [u64],
}

impl<'s> Iterator for Exits<'s> {
    type Item = (u32, &'s [u64]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[site, count], rest) = self.rest.split_first_chunk::<2>()?;
        let (values, rest) = rest.split_at_checked(count as usize)?;
        self.rest = rest;
        Some((site as u32, values))
    }
}

impl Scratch {
    /// The exits that the last call left by.
    pub fn exits(&self) -> Exits<'_> {
        Exits { rest: &self.log[..self.logged] }
    }
}

impl NativeUnit {
    fn new(unit: Unit, assumed: &[Assumed], code: Code) -> NativeUnit {
        let has_calls = unit.functions.iter().any(Function::has_calls);
        let iteration_ns = effort::iteration_ns(&unit);
        NativeUnit { unit, assumed: assumed.to_vec(), code, general: OnceLock::new(), has_calls, iteration_ns }
    }

    /// What an iteration of its loops takes at most, in nanoseconds, by a cautious guess; calls that it makes are counted
    /// apart. Never 0.
    pub fn iteration_ns(&self) -> u64 {
        self.iteration_ns
    }

    /// Bytes of machine code.
    pub fn code_bytes(&self) -> usize {
        self.code.bytes
    }

    /// The instructions of each function of the unit as text, as they are made for arguments as they are assumed: those of
    /// functions that are called may have been written out in their callers.
    pub fn listing(&self) -> Result<Vec<String>, CompileError> {
        let mut functions = Object::listing(&self.unit, &self.assumed, &processor()?)?;
        // The entry, which hands the arguments on, is the same for all.
        functions.truncate(self.unit.functions.len());
        Ok(functions)
    }

    /// Code for arguments that are not as they were assumed to be.
    fn general(&self) -> Option<&Code> {
        if self.assumed.is_empty() {
            return Some(&self.code);
        }
        let make = || make(&self.unit, &[], processor().ok()?).ok();
        self.general.get_or_init(make).as_ref()
    }

    /// Calls the first function of the unit. A call has at most about a million iterations, however many are granted. `budget` holds afterwards what is left of it.
    pub fn call(
        &self,
        arguments: &[Constant],
        arrays: &mut [ArrayArgument<'_>],
        budget: &mut Budget,
        supervisor: &mut dyn Supervisor,
        scratch: &mut Scratch,
    ) -> Outcome {
        let Scratch { words, log, logged } = scratch;
        words.clear();
        *logged = 0;
        let first = &self.unit.functions[0];
        if arguments.len() != first.parameters.len() || arrays.len() != first.arrays.len() {
            return Outcome::Refused;
        }
        for (argument, parameter) in arguments.iter().zip(&first.parameters) {
            if argument.ty() != first.variables[parameter.0 as usize] {
                return Outcome::Refused;
            }
            words.push(match *argument {
                Constant::Int(v) => v.cast_unsigned(),
                Constant::Scalar(v) => v.to_bits(),
                Constant::Bool(v) => u64::from(v),
            });
        }
        let mut near = true;
        for (array, parameter) in arrays.iter_mut().zip(&first.arrays) {
            let (found, address, length) = array.parts();
            if found.element != parameter.element || (parameter.writable && !found.writable) {
                return Outcome::Refused;
            }
            near &= is_near(length) && is_near(array.columns);
            words.extend([address, length as u64, array.columns as u64]);
        }
        near &= arguments.iter().zip(&self.assumed).all(|(argument, assumed)| assumed.holds(*argument));
        let Some(code) = (if near { Some(&self.code) } else { self.general() }) else { return Outcome::Refused };
        let depth = budget.depth.min(code.depth_max);
        let open_max = if self.has_calls { depth as usize + 1 } else { 1 };
        let room = code.logged_words_max * open_max;
        if log.len() < room {
            *log = vec![0; room];
        }
        let log = log.as_mut_ptr();
        let mut state = State { supervisor };
        let granted = budget.loops.clamp(1, LOOPS_MAX);
        let mut context = Context {
            loops_left: granted,
            calls_left: budget.calls.max(1),
            helpers: helpers().as_ptr(),
            state: (&raw mut state).cast::<c_void>(),
            log,
        };
        let mut result = 0u64;
        // SAFETY: the code was made of a verified unit, `words` holds one word for each parameter and three for each
        // array, of the types that were checked above. Arrays are live and exclusively ours where they are written, as
        // `arrays` is borrowed. Context, state and result are live locals that nothing else touches during the call.
        // The code calls nothing but the helpers, which do not unwind. Its frames fit the stack by `depth_max`, and what
        // they write down when they are left fits the log: each open call takes one of its exits, with those outside of it.
        let left = unsafe { (code.entry)(&raw mut context, depth, words.as_ptr(), &raw mut result) } != 0;
        budget.loops = budget.loops.max(1) - (granted - context.loops_left);
        budget.calls = context.calls_left;
        *logged = (context.log as usize - log as usize) / size_of::<u64>();
        assert!(*logged <= room, "native code writes down only exits of calls that are open");
        if left {
            return Outcome::Left;
        }
        Outcome::Returned(first.result.map(|ty| constant_of(ty, result)))
    }
}

/// A result as it stands in memory.
fn constant_of(ty: Type, word: u64) -> Constant {
    match ty {
        Type::Int => Constant::Int(word.cast_signed()),
        Type::Scalar => Constant::Scalar(f64::from_bits(word)),
        Type::Bool => Constant::Bool(word & 1 != 0),
    }
}

/// The code generator for this processor, made once.
fn processor() -> Result<Arc<dyn TargetIsa>, CompileError> {
    static FOUND: OnceLock<Result<Arc<dyn TargetIsa>, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let mut flags = settings::builder();
        let checks = if cfg!(debug_assertions) { "true" } else { "false" };
        for (name, value) in [
            ("opt_level", "speed"),
            ("enable_verifier", checks),
            ("is_pic", "false"),
            ("use_colocated_libcalls", "false"),
            ("enable_probestack", "false"),
            ("unwind_info", "false"),
        ] {
            flags.set(name, value).map_err(|e| e.to_string())?;
        }
        let builder = cranelift_native::builder().map_err(str::to_owned)?;
        builder.finish(settings::Flags::new(flags)).map_err(|e| e.to_string())
    });
    found.clone().map_err(CompileError::UnknownProcessor)
}

/// Keeps machine code from one run to the next. Nothing depends on it: what it loses or damages is made again.
pub trait CodeStore: Sync {
    /// The bytes that were stored under a key, if they are there.
    fn load(&self, key: &[u8; 32]) -> Option<Vec<u8>>;
    /// Keeps bytes under a key, if there is room.
    fn store(&self, key: &[u8; 32], bytes: &[u8]);
    /// Hears where the code of a unit came from.
    fn noted(&self, origin: Origin);
}

/// Where machine code came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was made; nothing was kept under its key.
    Compiled,
    /// It was kept.
    Stored,
    /// It was made: what was kept under its key was something else.
    Damaged,
}

/// Checks a unit and compiles it, for any arguments.
pub fn compile(unit: &Unit) -> Result<NativeUnit, CompileError> {
    compile_with(unit, &[], None).map(|(unit, _)| unit)
}

/// Checks a unit, and takes its machine code from the store or compiles it and puts it there. The code is for arguments as
/// they are assumed to be; for others there will be other code.
pub fn compile_with(
    unit: &Unit,
    assumed: &[Assumed],
    store: Option<&dyn CodeStore>,
) -> Result<(NativeUnit, Origin), CompileError> {
    verify(unit)?;
    let unit = written_out(unit);
    let processor = processor()?;
    let key = store.and_then(|store| Some((store, object::key(&unit, assumed, &*processor)?)));
    let mut origin = Origin::Compiled;
    if let Some((store, key)) = &key
        && let Some(bytes) = store.load(key)
    {
        match object::open(key, &bytes).filter(|object| object.functions.len() == unit.functions.len() + 1) {
            Some(object) => {
                store.noted(Origin::Stored);
                let code = place(&unit, &object, processor)?;
                return Ok((NativeUnit::new(unit, assumed, code), Origin::Stored));
            }
            None => origin = Origin::Damaged,
        }
    }
    let object = Object::compile(&unit, assumed, &processor)?;
    if let Some((store, key)) = &key
        && let Some(bytes) = object::seal(key, &object)
    {
        store.store(key, &bytes);
        store.noted(origin);
    }
    let code = place(&unit, &object, processor)?;
    Ok((NativeUnit::new(unit, assumed, code), origin))
}

/// A unit that was verified as it is compiled: with calls and loops written out where that is faster.
pub(crate) fn written_out(unit: &Unit) -> Unit {
    rotate(granted(inline(unit)))
}

/// Compiles a unit that was written out.
fn make(unit: &Unit, assumed: &[Assumed], processor: Arc<dyn TargetIsa>) -> Result<Code, CompileError> {
    place(unit, &Object::compile(unit, assumed, &processor)?, processor)
}

/// The machine code of a unit that a store keeps, without making any; `None` where it keeps none that is sound.
pub fn stored(unit: &Unit, assumed: &[Assumed], store: &dyn CodeStore) -> Option<NativeUnit> {
    verify(unit).ok()?;
    let unit = written_out(unit);
    let processor = processor().ok()?;
    let key = object::key(&unit, assumed, &*processor)?;
    let bytes = store.load(&key)?;
    let object = object::open(&key, &bytes).filter(|object| object.functions.len() == unit.functions.len() + 1)?;
    let code = place(&unit, &object, processor).ok()?;
    store.noted(Origin::Stored);
    Some(NativeUnit::new(unit, assumed, code))
}
