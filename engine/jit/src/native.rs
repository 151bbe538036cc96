//! A compiled unit: from checked code to machine code in executable memory, and calls into it.

#![expect(unsafe_code, reason = "machine code is called through pointers; the invariants are stated at each place")]

use std::ffi::c_void;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cranelift_codegen::Context as CodegenContext;
use cranelift_codegen::ir::UserFuncName;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, ModuleError};

use crate::callbacks::{Context, State, Supervisor};
use crate::emit::{self, Emitter};
use crate::error::CompileError;
use crate::inline::inline;
use crate::ir::{ArrayParameter, Constant, Element, Function, Type, Unit};
use crate::verify::verify;

/// Stack that native calls may take together. Threads have two megabytes at least, and a call into native code is made
/// from near their start: nothing that runs below it calls native code again.
const STACK_BYTES: u64 = 384 << 10;
/// What a frame takes beyond what the code generator says: the return address, the frame pointer, alignment.
const FRAME_EXTRA_BYTES: u64 = 64;

type Entry = unsafe extern "C" fn(*mut Context, u64, *const u64, *mut u64) -> u64;

/// Machine code of a unit. It can be called from any thread, any number of times at once.
pub struct NativeUnit {
    entry: Entry,
    parameters: Vec<Type>,
    arrays: Vec<ArrayParameter>,
    result: Option<Type>,
    depth_max: u64,
    code_bytes: usize,
    /// Owns the executable memory.
    module: Mutex<Option<JITModule>>,
}

impl std::fmt::Debug for NativeUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeUnit").field("code_bytes", &self.code_bytes).finish_non_exhaustive()
    }
}

impl Drop for NativeUnit {
    fn drop(&mut self) {
        let module = self.module.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(module) = module {
            // SAFETY: the only pointer into the code is `entry`, which is called through a reference to this unit alone.
            unsafe { module.free_memory() };
        }
    }
}

/// An array that a call is given.
pub enum ArrayArgument<'a> {
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
}

impl ArrayArgument<'_> {
    /// What it is, and where.
    fn parts(&mut self) -> (ArrayParameter, u64, usize) {
        let (element, writable, address, length) = match self {
            ArrayArgument::Ints(s) => (Element::Int, false, s.as_ptr() as u64, s.len()),
            ArrayArgument::IntsMut(s) => (Element::Int, true, s.as_mut_ptr() as u64, s.len()),
            ArrayArgument::Scalars(s) => (Element::Scalar, false, s.as_ptr() as u64, s.len()),
            ArrayArgument::ScalarsMut(s) => (Element::Scalar, true, s.as_mut_ptr() as u64, s.len()),
            ArrayArgument::Bools(s) => (Element::Bool, false, s.as_ptr() as u64, s.len()),
            ArrayArgument::BoolsMut(s) => (Element::Bool, true, s.as_mut_ptr() as u64, s.len()),
            ArrayArgument::Singles(s) => (Element::Single, false, s.as_ptr() as u64, s.len()),
        };
        (ArrayParameter { element, writable }, address, length)
    }
}

/// What a call may use; what is left of it afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Iterations until the supervisor is asked, at least 1.
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
    log: Vec<u64>,
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
        Exits { rest: &self.log }
    }
}

impl NativeUnit {
    /// Bytes of machine code.
    pub fn code_bytes(&self) -> usize {
        self.code_bytes
    }

    /// Calls the first function of the unit. `budget` holds afterwards what is left of it.
    pub fn call(
        &self,
        arguments: &[Constant],
        arrays: &mut [ArrayArgument<'_>],
        budget: &mut Budget,
        supervisor: &mut dyn Supervisor,
        scratch: &mut Scratch,
    ) -> Outcome {
        let Scratch { words, log } = scratch;
        words.clear();
        log.clear();
        if arguments.len() != self.parameters.len() || arrays.len() != self.arrays.len() {
            return Outcome::Refused;
        }
        for (argument, ty) in arguments.iter().zip(&self.parameters) {
            if argument.ty() != *ty {
                return Outcome::Refused;
            }
            words.push(match *argument {
                Constant::Int(v) => v.cast_unsigned(),
                Constant::Scalar(v) => v.to_bits(),
                Constant::Bool(v) => u64::from(v),
            });
        }
        for (array, parameter) in arrays.iter_mut().zip(&self.arrays) {
            let (found, address, length) = array.parts();
            if found.element != parameter.element || (parameter.writable && !found.writable) {
                return Outcome::Refused;
            }
            words.extend([address, length as u64]);
        }
        let mut state = State { supervisor, log };
        let mut context = Context {
            loops_left: budget.loops.max(1),
            calls_left: budget.calls.max(1),
            state: (&raw mut state).cast::<c_void>(),
        };
        let mut result = 0u64;
        let depth = budget.depth.min(self.depth_max);
        // SAFETY: the code was made of a verified unit, `words` holds one word for each parameter and two for each
        // array, of the types that were checked above. Arrays are live and exclusively ours where they are written, as
        // `arrays` is borrowed. Context, state and result are live locals that nothing else touches during the call.
        // The code calls nothing but the helpers, which do not unwind. Its frames fit the stack by `depth_max`.
        let left = unsafe { (self.entry)(&raw mut context, depth, words.as_ptr(), &raw mut result) } != 0;
        (budget.loops, budget.calls) = (context.loops_left, context.calls_left);
        if left {
            return Outcome::Left;
        }
        Outcome::Returned(self.result.map(|ty| match ty {
            Type::Int => Constant::Int(result.cast_signed()),
            Type::Scalar => Constant::Scalar(f64::from_bits(result)),
            Type::Bool => Constant::Bool(result & 1 != 0),
        }))
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

fn refused(error: ModuleError) -> CompileError {
    CompileError::Refused(error.to_string())
}

/// Checks a unit and compiles it.
pub fn compile(unit: &Unit) -> Result<NativeUnit, CompileError> {
    verify(unit)?;
    let unit = &inline(unit);
    let processor = processor()?;
    let module = JITModule::new(JITBuilder::with_isa(processor, cranelift_module::default_libcall_names()));
    let mut compiler = Compiler { module, context: CodegenContext::new(), code_bytes: 0, frame_bytes_max: 0 };
    match compiler.unit(unit) {
        Ok(entry) => Ok(compiler.finish(unit, entry)),
        Err(error) => {
            // SAFETY: no pointer into its memory was taken.
            unsafe { compiler.module.free_memory() };
            Err(error)
        }
    }
}

struct Compiler {
    module: JITModule,
    context: CodegenContext,
    code_bytes: usize,
    frame_bytes_max: u64,
}

impl Compiler {
    fn unit(&mut self, unit: &Unit) -> Result<FuncId, CompileError> {
        let convention = self.module.isa().default_call_conv();
        let mut scratch = FunctionBuilderContext::new();
        let mut ids = Vec::with_capacity(unit.functions.len());
        for (index, function) in unit.functions.iter().enumerate() {
            let signature = emit::signature(function, convention);
            ids.push(self.module.declare_function(&format!("f{index}"), Linkage::Local, &signature).map_err(refused)?);
        }
        for (function, &id) in unit.functions.iter().zip(&ids) {
            self.begin(id, emit::signature(function, convention));
            let module = &mut self.module;
            let callees: Vec<_> =
                ids.iter().map(|&callee| module.declare_func_in_func(callee, &mut self.context.func)).collect();
            let mut builder = FunctionBuilder::new(&mut self.context.func, &mut scratch);
            Emitter::emit(&mut builder, unit, function, &callees, convention);
            builder.finalize();
            self.define(id, emit::outgoing_bytes(unit, function))?;
        }
        let signature = emit::entry_signature(convention);
        let entry = self.module.declare_function("entry", Linkage::Local, &signature).map_err(refused)?;
        self.begin(entry, signature);
        let (first, function) = (ids[0], &unit.functions[0]);
        let body = self.module.declare_func_in_func(first, &mut self.context.func);
        let mut builder = FunctionBuilder::new(&mut self.context.func, &mut scratch);
        emit::emit_entry(&mut builder, function, body);
        builder.finalize();
        self.define(entry, arguments_bytes(function))?;
        self.module.finalize_definitions().map_err(refused)?;
        Ok(entry)
    }

    fn begin(&mut self, id: FuncId, signature: cranelift_codegen::ir::Signature) {
        self.module.clear_context(&mut self.context);
        self.context.func.signature = signature;
        self.context.func.name = UserFuncName::user(0, id.as_u32());
    }

    fn define(&mut self, id: FuncId, outgoing_bytes: u64) -> Result<(), CompileError> {
        self.module.define_function(id, &mut self.context).map_err(refused)?;
        if let Some(code) = self.context.compiled_code() {
            self.code_bytes += code.code_buffer().len();
            let frame = u64::from(code.frame_size) + outgoing_bytes + FRAME_EXTRA_BYTES;
            self.frame_bytes_max = self.frame_bytes_max.max(frame);
        }
        Ok(())
    }

    fn finish(self, unit: &Unit, entry: FuncId) -> NativeUnit {
        let address = self.module.get_finalized_function(entry);
        // SAFETY: the function was defined with `entry_signature` in the processor's C convention, which is that of
        // `Entry`; the module that owns its memory is kept as long as the pointer.
        let entry = unsafe { std::mem::transmute::<*const u8, Entry>(address) };
        let first = &unit.functions[0];
        NativeUnit {
            entry,
            parameters: first.parameters.iter().map(|p| first.variables[p.0 as usize]).collect(),
            arrays: first.arrays.clone(),
            result: first.result,
            // The entry's own frame and the first function's are two of those that fit.
            depth_max: (STACK_BYTES / self.frame_bytes_max.max(1)).saturating_sub(2),
            code_bytes: self.code_bytes,
            module: Mutex::new(Some(self.module)),
        }
    }
}

fn arguments_bytes(function: &Function) -> u64 {
    8 * (function.parameters.len() + 2 * function.arrays.len()) as u64
}
