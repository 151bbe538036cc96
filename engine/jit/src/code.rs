//! Machine code in executable memory: where it begins, and what it needs of its caller.

#![expect(unsafe_code, reason = "machine code is called through a pointer, whose memory is freed behind the last call")]

use std::sync::{Arc, Mutex, PoisonError};

use cranelift_codegen::ir as clif;
use cranelift_codegen::isa::TargetIsa;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, ModuleError};

use crate::callbacks::Context;
use crate::emit;
use crate::error::CompileError;
use crate::ir::Unit;
use crate::object::Object;

/// Stack that native calls may take together. Threads have two megabytes at least, and a call into native code is made
/// from near their start: nothing that runs below it calls native code again.
const STACK_BYTES: u64 = 384 << 10;

pub(crate) type Entry = unsafe extern "C" fn(*mut Context, u64, *const u64, *mut u64) -> u64;

/// Machine code of a unit, and what a call of it takes.
pub(crate) struct Code {
    pub(crate) entry: Entry,
    /// Calls that may be open: their frames fit the stack.
    pub(crate) depth_max: u64,
    /// Words that one open call may write into the log.
    pub(crate) logged_words_max: usize,
    pub(crate) bytes: usize,
    /// Owns the executable memory.
    module: Mutex<Option<JITModule>>,
}

impl Drop for Code {
    fn drop(&mut self) {
        let module = self.module.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(module) = module {
            // SAFETY: the only pointer into the code is `entry`, which is called through a reference to this code alone.
            unsafe { module.free_memory() };
        }
    }
}

fn refused(error: ModuleError) -> CompileError {
    CompileError::Refused(error.to_string())
}

/// Puts machine code into executable memory.
pub(crate) fn place(unit: &Unit, object: &Object, processor: Arc<dyn TargetIsa>) -> Result<Code, CompileError> {
    let mut module = JITModule::new(JITBuilder::with_isa(processor, cranelift_module::default_libcall_names()));
    match define(&mut module, unit, object) {
        Ok(entry) => Ok(finish(module, unit, object, entry)),
        Err(error) => {
            // SAFETY: no pointer into its memory was taken.
            unsafe { module.free_memory() };
            Err(error)
        }
    }
}

fn define(module: &mut JITModule, unit: &Unit, object: &Object) -> Result<FuncId, CompileError> {
    let convention = module.isa().default_call_conv();
    let signatures = unit.functions.iter().map(|function| emit::signature(function, convention));
    let mut ids = Vec::with_capacity(object.functions.len());
    for (index, signature) in signatures.chain([emit::entry_signature(convention)]).enumerate() {
        let id = module.declare_function(&format!("f{index}"), Linkage::Local, &signature).map_err(refused)?;
        if id.as_u32() as usize != index {
            return Err(CompileError::Refused("functions have other numbers than they were declared with".to_owned()));
        }
        ids.push(id);
    }
    for (code, &id) in object.functions.iter().zip(&ids) {
        let mut names = clif::Function::new();
        let relocs: Vec<_> = code.calls.iter().map(|call| call.reloc(&mut names)).collect();
        module.define_function_bytes(id, &names, u64::from(code.alignment), &code.bytes, &relocs).map_err(refused)?;
    }
    module.finalize_definitions().map_err(refused)?;
    ids.last().copied().ok_or_else(|| CompileError::Refused("there is no entry".to_owned()))
}

fn finish(module: JITModule, unit: &Unit, object: &Object, entry: FuncId) -> Code {
    let address = module.get_finalized_function(entry);
    // SAFETY: the function was made with `entry_signature` in the processor's C convention, which is that of `Entry`, or
    // was kept under the hash of this very unit, code generator and processor; the module that owns its memory is kept
    // as long as the pointer.
    let entry = unsafe { std::mem::transmute::<*const u8, Entry>(address) };
    Code {
        entry,
        // The entry's own frame and the first function's are two of those that fit.
        depth_max: (STACK_BYTES / object.frame_bytes_max.max(1)).saturating_sub(2),
        logged_words_max: emit::logged_words_max(unit),
        bytes: object.code_bytes(),
        module: Mutex::new(Some(module)),
    }
}
