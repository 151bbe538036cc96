//! Machine code as bytes: what the code generator made of a unit, before it has a place in memory.
//!
//! It names helpers by number and functions by their place in the unit, so that it means the same in every process of
//! the same build on the same kind of processor. [`seal`] and [`open`] are its form outside: whatever is not exactly
//! what was sealed is not opened.

use std::sync::Arc;

use cranelift_codegen::Context as CodegenContext;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{self as clif, ExtFuncData, ExternalName, UserExternalName, UserFuncName};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{FinalizedMachReloc, FinalizedRelocTarget};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use serde::{Deserialize, Serialize};

use crate::assume::{self, Assumed};
use crate::emit::{self, Emitter};
use crate::error::CompileError;
use crate::ir::{Function, Unit};
use crate::ranges::proven;

/// What a frame takes beyond what the code generator says: the return address, the frame pointer, alignment.
const FRAME_EXTRA_BYTES: u64 = 64;
/// Says which form sealed bytes have, and which code may call which helpers by which numbers.
const FORM: &[u8] = b"nexus native code 4\n";

/// Machine code of the functions of a unit, and of the entry behind them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Object {
    pub(crate) functions: Vec<Code>,
    pub(crate) frame_bytes_max: u64,
}

/// Machine code of one function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) bytes: Vec<u8>,
    pub(crate) alignment: u32,
    pub(crate) calls: Vec<CallSite>,
}

/// A place that the address of a function is written into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CallSite {
    offset: u32,
    kind: CallKind,
    pub(crate) function: u32,
    addend: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum CallKind {
    X86,
    Arm64,
    Absolute,
}

impl CallSite {
    fn of(reloc: &FinalizedMachReloc, function: &clif::Function) -> Result<CallSite, CompileError> {
        let kind = match reloc.kind {
            Reloc::X86CallPCRel4 => CallKind::X86,
            Reloc::Arm64Call => CallKind::Arm64,
            Reloc::Abs8 => CallKind::Absolute,
            other => return Err(CompileError::Refused(format!("it makes use of {other:?}"))),
        };
        let FinalizedRelocTarget::ExternalName(ExternalName::User(name)) = &reloc.target else {
            return Err(CompileError::Refused("it calls what is no function of the unit".to_owned()));
        };
        let function = function.params.user_named_funcs()[*name].index;
        Ok(CallSite { offset: reloc.offset, kind, function, addend: reloc.addend })
    }

    /// As the linker wants it; `function` is where the name is declared.
    pub(crate) fn reloc(self, function: &mut clif::Function) -> FinalizedMachReloc {
        let name = function.declare_imported_user_function(UserExternalName { namespace: 0, index: self.function });
        FinalizedMachReloc {
            offset: self.offset,
            kind: match self.kind {
                CallKind::X86 => Reloc::X86CallPCRel4,
                CallKind::Arm64 => Reloc::Arm64Call,
                CallKind::Absolute => Reloc::Abs8,
            },
            addend: self.addend,
            target: FinalizedRelocTarget::ExternalName(ExternalName::user(name)),
        }
    }

    /// Whether it lies in code of this size.
    pub(crate) fn is_within(&self, bytes: usize) -> bool {
        let size = if self.kind == CallKind::Absolute { 8 } else { 4 };
        usize::try_from(self.offset).is_ok_and(|offset| offset.checked_add(size).is_some_and(|end| end <= bytes))
    }
}

impl Object {
    /// Bytes of machine code.
    pub(crate) fn code_bytes(&self) -> usize {
        self.functions.iter().map(|function| function.bytes.len()).sum()
    }

    /// Compiles a unit that was verified, for arguments as they are assumed.
    pub(crate) fn compile(
        unit: &Unit,
        assumed: &[Assumed],
        processor: &Arc<dyn TargetIsa>,
    ) -> Result<Object, CompileError> {
        Self::generate(unit, assumed, processor, None)
    }

    /// The instructions of each function as text, and of the entry behind them.
    pub(crate) fn listing(
        unit: &Unit,
        assumed: &[Assumed],
        processor: &Arc<dyn TargetIsa>,
    ) -> Result<Vec<String>, CompileError> {
        let mut listing = Vec::new();
        Self::generate(unit, assumed, processor, Some(&mut listing))?;
        Ok(listing)
    }

    fn generate(
        unit: &Unit,
        assumed: &[Assumed],
        processor: &Arc<dyn TargetIsa>,
        listing: Option<&mut Vec<String>>,
    ) -> Result<Object, CompileError> {
        let mut generator = Generator {
            processor: &**processor,
            context: CodegenContext::new(),
            object: Object { functions: Vec::new(), frame_bytes_max: 0 },
            listing,
        };
        let convention = processor.default_call_conv();
        let mut scratch = FunctionBuilderContext::new();
        for (index, function) in unit.functions.iter().enumerate() {
            let proven = proven(function, &assume::parameters(function, assumed, index == 0), assume::lengths(assumed));
            generator.begin(emit::signature(function, convention));
            let callees: Vec<_> = (0..unit.functions.len()).map(|index| generator.callee(unit, index)).collect();
            let mut builder = FunctionBuilder::new(&mut generator.context.func, &mut scratch);
            Emitter::emit(&mut builder, unit, function, &callees, &proven, convention);
            builder.finalize();
            generator.end(emit::outgoing_bytes(unit, function))?;
        }
        generator.begin(emit::entry_signature(convention));
        let body = generator.callee(unit, 0);
        let first = &unit.functions[0];
        let mut builder = FunctionBuilder::new(&mut generator.context.func, &mut scratch);
        emit::emit_entry(&mut builder, first, body);
        builder.finalize();
        generator.end(arguments_bytes(first))?;
        Ok(generator.object)
    }
}

struct Generator<'p, 'l> {
    processor: &'p dyn TargetIsa,
    context: CodegenContext,
    object: Object,
    /// Takes the text of what is generated, where somebody reads it.
    listing: Option<&'l mut Vec<String>>,
}

impl Generator<'_, '_> {
    fn begin(&mut self, signature: clif::Signature) {
        self.context.clear();
        self.context.set_disasm(self.listing.is_some());
        self.context.func.signature = signature;
        self.context.func.name = UserFuncName::user(0, self.object.functions.len() as u32);
    }

    /// How the function that is being written names another.
    fn callee(&mut self, unit: &Unit, index: usize) -> clif::FuncRef {
        let convention = self.processor.default_call_conv();
        let function = &mut self.context.func;
        let signature = function.import_signature(emit::signature(&unit.functions[index], convention));
        let name = function.declare_imported_user_function(UserExternalName { namespace: 0, index: index as u32 });
        function.import_function(ExtFuncData { name: ExternalName::user(name), signature, colocated: true })
    }

    fn end(&mut self, outgoing_bytes: u64) -> Result<(), CompileError> {
        let mut plane = ControlPlane::default();
        self.context
            .compile(self.processor, &mut plane)
            .map_err(|error| CompileError::Refused(error.inner.to_string()))?;
        let Some(code) = self.context.compiled_code() else {
            return Err(CompileError::Refused("no code was made".to_owned()));
        };
        if let Some(listing) = &mut self.listing {
            listing.push(code.vcode.clone().unwrap_or_default());
        }
        let function = &self.context.func;
        let calls: Result<Vec<CallSite>, _> =
            code.buffer.relocs().iter().map(|reloc| CallSite::of(reloc, function)).collect();
        let frame = u64::from(code.frame_size) + outgoing_bytes + FRAME_EXTRA_BYTES;
        let made = Code { bytes: code.buffer.data().to_vec(), alignment: code.buffer.alignment, calls: calls? };
        self.object.frame_bytes_max = self.object.frame_bytes_max.max(frame);
        self.object.functions.push(made);
        Ok(())
    }
}

fn arguments_bytes(function: &Function) -> u64 {
    8 * (function.parameters.len() + emit::WORDS_EACH * function.arrays.len()) as u64
}

/// What a unit's code is kept under: its content, the processor, and the version of the code generator.
pub(crate) fn key(unit: &Unit, assumed: &[Assumed], processor: &dyn TargetIsa) -> Option<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(FORM);
    let flags: Vec<String> = processor.isa_flags().iter().map(ToString::to_string).collect();
    for part in [
        env!("CARGO_PKG_VERSION"),
        cranelift_module::VERSION,
        &processor.triple().to_string(),
        &processor.flags().to_string(),
        &flags.join(","),
    ] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(&postcard::to_allocvec(&(unit, assumed)).ok()?);
    Some(*hasher.finalize().as_bytes())
}

/// An object as bytes: its form, a hash of what it is kept under and of all that follows, then itself.
pub(crate) fn seal(key: &[u8; 32], object: &Object) -> Option<Vec<u8>> {
    let content = postcard::to_allocvec(object).ok()?;
    let mut bytes = FORM.to_vec();
    bytes.extend_from_slice(digest(key, &content).as_bytes());
    bytes.extend_from_slice(&content);
    Some(bytes)
}

/// What was sealed under this key; `None` for anything else.
pub(crate) fn open(key: &[u8; 32], bytes: &[u8]) -> Option<Object> {
    let (hash, content) = bytes.strip_prefix(FORM)?.split_first_chunk::<32>()?;
    if digest(key, content) != blake3::Hash::from_bytes(*hash) {
        return None;
    }
    let object: Object = postcard::from_bytes(content).ok()?;
    let count = object.functions.len() as u32;
    let fits = |code: &Code| {
        code.alignment.is_power_of_two()
            && code.calls.iter().all(|call| call.function < count && call.is_within(code.bytes.len()))
    };
    (count >= 2 && object.functions.iter().all(fits)).then_some(object)
}

fn digest(key: &[u8; 32], content: &[u8]) -> blake3::Hash {
    blake3::Hasher::new().update(key).update(content).finalize()
}
