//! Calls of the functions of [`crate::callbacks`] from native code.

use cranelift_codegen::ir::{self as clif, AbiParam, InstBuilder, MemFlags, SigRef, Signature, Value, types};

use crate::callbacks::{self, Helper};
use crate::emit::Emitter;
use crate::ir::ExitId;

impl Emitter<'_, '_> {
    pub(crate) fn helper_signature(&mut self, parameters: &[clif::Type], result: Option<clif::Type>) -> SigRef {
        let mut signature = Signature::new(self.convention);
        signature.params.extend(parameters.iter().copied().map(AbiParam::new));
        signature.returns.extend(result.map(AbiParam::new));
        self.builder.import_signature(signature)
    }

    pub(crate) fn call_helper(&mut self, helper: Helper, signature: SigRef, arguments: &[Value]) -> Value {
        // The table never changes, nor where it is.
        let flags = MemFlags::trusted().with_readonly();
        let table = self.builder.ins().load(types::I64, flags, self.context, callbacks::HELPERS_OFFSET);
        let address = self.builder.ins().load(types::I64, flags, table, helper.offset());
        let call = self.builder.ins().call_indirect(signature, address, arguments);
        self.builder.inst_results(call)[0]
    }

    /// Calls a function of one double.
    pub(crate) fn call_unary(&mut self, helper: Helper, a: Value) -> Value {
        let signature = match self.unary {
            Some(signature) => signature,
            None => self.helper_signature(&[types::F64], Some(types::F64)),
        };
        self.unary = Some(signature);
        self.call_helper(helper, signature, &[a])
    }

    /// Calls a function of two doubles.
    pub(crate) fn call_binary(&mut self, helper: Helper, a: Value, b: Value) -> Value {
        let signature = match self.binary {
            Some(signature) => signature,
            None => self.helper_signature(&[types::F64; 2], Some(types::F64)),
        };
        self.binary = Some(signature);
        self.call_helper(helper, signature, &[a, b])
    }

    /// Calls `int_power`, and takes the exit where the result does not fit.
    pub(crate) fn call_power(&mut self, base: Value, exponent: Value, exit: ExitId) -> Value {
        let data = clif::StackSlotData::new(clif::StackSlotKind::ExplicitSlot, 8, 3);
        let slot = self.builder.create_sized_stack_slot(data);
        let fits = self.builder.ins().stack_addr(types::I64, slot, 0);
        let signature = self.helper_signature(&[types::I64; 3], Some(types::I64));
        let power = self.call_helper(Helper::INT_POWER, signature, &[base, exponent, fits]);
        let fits = self.builder.ins().stack_load(types::I64, slot, 0);
        self.exit_unless(fits, exit);
        power
    }

    /// Calls `range_count`.
    pub(crate) fn call_range_count(&mut self, start: Value, end: Value, step: Value, closed: bool) -> Value {
        let closed = self.int(i64::from(closed));
        let signature = self.helper_signature(&[types::I64; 4], Some(types::I64));
        self.call_helper(Helper::RANGE_COUNT, signature, &[start, end, step, closed])
    }
}
