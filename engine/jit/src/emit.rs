//! One function of a unit as Cranelift IR: signatures, blocks, exits and calls. What single operations become is in
//! [`super::operations`].

use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use cranelift_codegen::ir::{self as clif, AbiParam, FuncRef, InstBuilder, MemFlags, SigRef, Signature, Value, types};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;

use crate::callbacks::{self, Helper};
use crate::elements::Elements;
use crate::ir::{Array, Block, End, Exit, ExitId, Function, FunctionId, Operation, Type, Unit, Variable};
use crate::ranges::Proven;

/// What a native function returns first: 0, or 1 where it left by an exit.
const LEFT: i64 = 1;

/// Words of an exit in the log before its values.
const EXIT_WORDS: usize = 2;

/// Words that the exits of one open call of the unit take in the log, at most: one, and those that stand behind it because
/// calls were inlined.
pub(crate) fn logged_words_max(unit: &Unit) -> usize {
    let of = |function: &Function| {
        // Outer exits come first.
        let mut words: Vec<usize> = Vec::with_capacity(function.exits.len());
        for exit in &function.exits {
            let outer = exit.outer.and_then(|outer| words.get(outer.0 as usize)).copied().unwrap_or(0);
            words.push(EXIT_WORDS + exit.live.len() + outer);
        }
        words.into_iter().max().unwrap_or(0)
    };
    unit.functions.iter().map(of).max().unwrap_or(0)
}

/// Words that an array is handed on as.
pub(crate) const WORDS_EACH: usize = 3;

/// An array in native code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ArrayWords {
    pub(crate) pointer: Value,
    /// Elements; rows of a matrix.
    pub(crate) length: Value,
    /// Elements of a row.
    pub(crate) columns: Value,
}

/// The Cranelift type of a variable.
pub(crate) fn clif_type(ty: Type) -> clif::Type {
    match ty {
        Type::Int => types::I64,
        Type::Scalar => types::F64,
        Type::Bool => types::I8,
    }
}

/// Context, calls that may still be open, arguments, then pointer, length and columns of each array; status and result.
pub(crate) fn signature(function: &Function, convention: CallConv) -> Signature {
    let mut signature = Signature::new(convention);
    signature.params.extend([AbiParam::new(types::I64), AbiParam::new(types::I64)]);
    for parameter in &function.parameters {
        signature.params.push(AbiParam::new(clif_type(function.variables[parameter.0 as usize])));
    }
    for _ in &function.arrays {
        signature.params.extend([AbiParam::new(types::I64); WORDS_EACH]);
    }
    signature.returns.push(AbiParam::new(types::I64));
    if let Some(result) = function.result {
        signature.returns.push(AbiParam::new(clif_type(result)));
    }
    signature
}

/// Bytes of stack that arguments of calls from `function` take beyond its own frame, at most.
pub(crate) fn outgoing_bytes(unit: &Unit, function: &Function) -> u64 {
    let operations = function.blocks.iter().flat_map(|b| &b.operations);
    let most = operations.filter_map(|operation| match operation {
        Operation::Call { function: FunctionId(callee), .. } => unit.functions.get(*callee as usize),
        _ => None,
    });
    8 * most.map(|callee| (callee.parameters.len() + WORDS_EACH * callee.arrays.len()) as u64).max().unwrap_or(0)
}

/// The function that is called from Rust: context, depth, pointer to the arguments, pointer to room for the result.
pub(crate) fn entry_signature(convention: CallConv) -> Signature {
    let mut signature = Signature::new(convention);
    signature.params.extend([AbiParam::new(types::I64); 4]);
    signature.returns.push(AbiParam::new(types::I64));
    signature
}

/// Writes the entry: it reads the arguments as 64-bit words, calls the function, and writes the result as one.
pub(crate) fn emit_entry(builder: &mut FunctionBuilder<'_>, function: &Function, body: FuncRef) {
    let block = builder.create_block();
    builder.append_block_params_for_function_params(block);
    builder.switch_to_block(block);
    builder.seal_block(block);
    let given = builder.block_params(block).to_vec();
    let (words, result) = (given[2], given[3]);
    let mut arguments = vec![given[0], given[1]];
    let mut offset = 0;
    let mut word = |builder: &mut FunctionBuilder<'_>, ty| {
        let value = builder.ins().load(ty, MemFlags::trusted(), words, offset);
        offset += 8;
        value
    };
    for parameter in &function.parameters {
        arguments.push(match function.variables[parameter.0 as usize] {
            Type::Bool => {
                let whole = word(builder, types::I64);
                builder.ins().ireduce(types::I8, whole)
            }
            ty => word(builder, clif_type(ty)),
        });
    }
    for _ in 0..WORDS_EACH * function.arrays.len() {
        arguments.push(word(builder, types::I64));
    }
    let call = builder.ins().call(body, &arguments);
    let results = builder.inst_results(call).to_vec();
    if let (Some(ty), Some(&value)) = (function.result, results.get(1)) {
        let value = if ty == Type::Bool { builder.ins().uextend(types::I64, value) } else { value };
        builder.ins().store(MemFlags::trusted(), value, result, 0);
    }
    builder.ins().return_(&results[..1]);
}

/// One function while it is written.
pub(crate) struct Emitter<'e, 'b> {
    pub(crate) builder: &'e mut FunctionBuilder<'b>,
    pub(crate) function: &'e Function,
    unit: &'e Unit,
    /// How each function of the unit is referred to here.
    callees: &'e [FuncRef],
    blocks: Vec<clif::Block>,
    exits: Vec<Option<clif::Block>>,
    pub(crate) arrays: Vec<ArrayWords>,
    pub(crate) elements: Elements,
    /// What holds where the operation is done that is written.
    pub(crate) proven: Proven,
    pub(crate) context: Value,
    depth: Value,
    /// Holds the iterations that are left, where the function has loops.
    loops: Option<cranelift_frontend::Variable>,
    pub(crate) convention: CallConv,
    pub(crate) unary: Option<SigRef>,
    pub(crate) binary: Option<SigRef>,
}

impl<'e, 'b> Emitter<'e, 'b> {
    /// Writes the whole function.
    pub(crate) fn emit(
        builder: &'e mut FunctionBuilder<'b>,
        unit: &'e Unit,
        function: &'e Function,
        callees: &'e [FuncRef],
        proven: &[Vec<Proven>],
        convention: CallConv,
    ) {
        for (index, &ty) in function.variables.iter().enumerate() {
            builder.declare_var(cranelift_frontend::Variable::from_u32(index as u32), clif_type(ty));
        }
        let blocks: Vec<clif::Block> = function.blocks.iter().map(|_| builder.create_block()).collect();
        builder.append_block_params_for_function_params(blocks[0]);
        builder.switch_to_block(blocks[0]);
        let given = builder.block_params(blocks[0]).to_vec();
        let first_array = 2 + function.parameters.len();
        let arrays = given[first_array..].chunks_exact(WORDS_EACH);
        let arrays = arrays.map(|words| ArrayWords { pointer: words[0], length: words[1], columns: words[2] });
        let mut emitter = Emitter {
            arrays: arrays.collect(),
            elements: Elements::default(),
            proven: Proven::default(),
            context: given[0],
            depth: given[1],
            exits: vec![None; function.exits.len()],
            loops: None,
            builder,
            function,
            unit,
            callees,
            blocks,
            convention,
            unary: None,
            binary: None,
        };
        emitter.begin(&given[2..first_array]);
        for (index, (block, proven)) in function.blocks.iter().zip(proven).enumerate() {
            if index > 0 {
                let block = emitter.blocks[index];
                emitter.builder.switch_to_block(block);
            }
            emitter.block(block, proven);
        }
        emitter.exit_blocks();
        emitter.builder.seal_all_blocks();
    }

    fn begin(&mut self, arguments: &[Value]) {
        // Every variable has a value everywhere, which the code generator leaves out where nothing reads it.
        for (index, &ty) in self.function.variables.iter().enumerate() {
            let zero = match ty {
                Type::Scalar => self.builder.ins().f64const(0.0),
                ty => self.builder.ins().iconst(clif_type(ty), 0),
            };
            self.assign(Variable(index as u32), zero);
        }
        for (parameter, &value) in self.function.parameters.iter().zip(arguments) {
            self.assign(*parameter, value);
        }
        let counts = |block: &Block| block.operations.iter().any(Operation::counts);
        if self.function.blocks.iter().any(counts) {
            let loops = cranelift_frontend::Variable::from_u32(self.function.variables.len() as u32);
            self.builder.declare_var(loops, types::I64);
            self.loops = Some(loops);
            self.load_loops();
        }
    }

    fn block(&mut self, block: &Block, proven: &[Proven]) {
        self.elements.forget();
        for (operation, &proven) in block.operations.iter().zip(proven) {
            self.proven = proven;
            self.operation(operation);
        }
        match block.end {
            End::Jump(to) => {
                let to = self.blocks[to.0 as usize];
                self.builder.ins().jump(to, &[]);
            }
            End::Branch { condition, then, otherwise } => {
                let condition = self.read(condition);
                let fails = self.inverse(condition);
                let (then, otherwise) = (self.blocks[then.0 as usize], self.blocks[otherwise.0 as usize]);
                self.builder.ins().brif(fails, otherwise, &[], then, &[]);
            }
            End::Return(value) => {
                self.store_loops();
                let mut results = vec![self.int(0)];
                results.extend(value.map(|v| self.read(v)));
                self.builder.ins().return_(&results);
            }
            End::Exit(exit) => {
                let block = self.exit_block(exit);
                self.builder.ins().jump(block, &[]);
            }
        }
    }

    pub(crate) fn read(&mut self, variable: Variable) -> Value {
        self.builder.use_var(cranelift_frontend::Variable::from_u32(variable.0))
    }

    pub(crate) fn assign(&mut self, variable: Variable, value: Value) {
        self.builder.def_var(cranelift_frontend::Variable::from_u32(variable.0), value);
    }

    pub(crate) fn int(&mut self, value: i64) -> Value {
        self.builder.ins().iconst(types::I64, value)
    }

    /// The int that a value certainly is.
    pub(crate) fn known_int(&self, value: Value) -> Option<i64> {
        let dfg = &self.builder.func.dfg;
        match dfg.insts[dfg.value_def(value).inst()?] {
            clif::InstructionData::UnaryImm { opcode: clif::Opcode::Iconst, imm } => Some(imm.bits()),
            _ => None,
        }
    }

    /// The double that a value certainly is.
    pub(crate) fn known_scalar(&self, value: Value) -> Option<f64> {
        let dfg = &self.builder.func.dfg;
        match dfg.insts[dfg.value_def(value).inst()?] {
            clif::InstructionData::UnaryIeee64 { imm, .. } => Some(f64::from_bits(imm.bits())),
            _ => None,
        }
    }

    /// Takes the exit where `condition` is not zero.
    pub(crate) fn exit_if(&mut self, condition: Value, exit: ExitId) {
        let (leave, stay) = (self.exit_block(exit), self.builder.create_block());
        self.builder.ins().brif(condition, leave, &[], stay, &[]);
        self.builder.switch_to_block(stay);
    }

    /// Takes the exit where `condition` is zero.
    pub(crate) fn exit_unless(&mut self, condition: Value, exit: ExitId) {
        let fails = self.inverse(condition);
        self.exit_if(fails, exit);
    }

    /// The opposite of a truth value.
    ///
    /// Branches are written so that what is seldom taken, or leaves a loop, comes first: the code generator goes over the
    /// blocks below a branch from the last to the first, and once it has been to one outside of a loop it moves nothing
    /// out of that loop any more (`loop_stack` in `egraph/elaborate.rs`).
    fn inverse(&mut self, condition: Value) -> Value {
        let dfg = &self.builder.func.dfg;
        let known = dfg.value_def(dfg.resolve_aliases(condition)).inst().map(|inst| dfg.insts[inst]);
        match known {
            Some(clif::InstructionData::IntCompare { cond, args: [a, b], .. }) => {
                self.builder.ins().icmp(cond.complement(), a, b)
            }
            Some(clif::InstructionData::FloatCompare { cond, args: [a, b], .. }) => {
                self.builder.ins().fcmp(cond.complement(), a, b)
            }
            _ => self.builder.ins().icmp_imm(IntCC::Equal, condition, 0),
        }
    }

    fn exit_block(&mut self, exit: ExitId) -> clif::Block {
        let known = &mut self.exits[exit.0 as usize];
        *known.get_or_insert_with(|| {
            let block = self.builder.create_block();
            self.builder.set_cold_block(block);
            block
        })
    }

    /// Writes what happens at the exits that were taken somewhere: the values go into the log.
    fn exit_blocks(&mut self) {
        // Those of inlined code stand behind the exits of their calls, which they go on to.
        for index in (0..self.exits.len()).rev() {
            let Some(block) = self.exits[index] else { continue };
            self.builder.switch_to_block(block);
            self.store_loops();
            let exit = &self.function.exits[index];
            self.write_down(exit);
            if let Some(outer) = exit.outer {
                let outer = self.exit_block(outer);
                self.builder.ins().jump(outer, &[]);
                continue;
            }
            let mut results = vec![self.int(LEFT)];
            match self.function.result {
                Some(Type::Scalar) => results.push(self.builder.ins().f64const(0.0)),
                Some(ty) => results.push(self.builder.ins().iconst(clif_type(ty), 0)),
                None => {}
            }
            self.builder.ins().return_(&results);
        }
    }

    /// Puts an exit into the log: its site, the number of its values, the values.
    fn write_down(&mut self, exit: &Exit) {
        let flags = MemFlags::trusted();
        let room = self.builder.ins().load(types::I64, flags, self.context, callbacks::LOG_OFFSET);
        let (site, count) = (self.int(i64::from(exit.site)), self.int(exit.live.len() as i64));
        self.builder.ins().store(flags, site, room, 0);
        self.builder.ins().store(flags, count, room, 8);
        for (place, &variable) in exit.live.iter().enumerate() {
            let mut value = self.read(variable);
            if self.function.variables[variable.0 as usize] == Type::Bool {
                value = self.builder.ins().uextend(types::I64, value);
            }
            self.builder.ins().store(flags, value, room, 8 * (EXIT_WORDS + place) as i32);
        }
        let next = self.builder.ins().iadd_imm(room, 8 * (EXIT_WORDS + exit.live.len()) as i64);
        self.builder.ins().store(flags, next, self.context, callbacks::LOG_OFFSET);
    }

    fn load_loops(&mut self) {
        if let Some(loops) = self.loops {
            let left = self.builder.ins().load(types::I64, MemFlags::trusted(), self.context, callbacks::LOOPS_OFFSET);
            self.builder.def_var(loops, left);
        }
    }

    fn store_loops(&mut self) {
        if let Some(loops) = self.loops {
            let left = self.builder.use_var(loops);
            self.builder.ins().store(MemFlags::trusted(), left, self.context, callbacks::LOOPS_OFFSET);
        }
    }

    /// Counts an iteration; takes the exit before the last one that was granted. A call that asks for more would stand
    /// in every loop and cost it its registers.
    pub(crate) fn count_loop(&mut self, exit: ExitId) {
        let Some(loops) = self.loops else { return };
        let before = self.builder.use_var(loops);
        let left = self.builder.ins().iadd_imm(before, -1);
        let (last, stay) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(last);
        let is_last = self.builder.ins().icmp_imm(IntCC::Equal, left, 0);
        self.builder.ins().brif(is_last, last, &[], stay, &[]);
        // There one is left: it need not be kept beside what is left behind it.
        self.builder.switch_to_block(last);
        let one = self.int(1);
        self.builder.def_var(loops, one);
        let leave = self.exit_block(exit);
        self.builder.ins().jump(leave, &[]);
        self.builder.switch_to_block(stay);
        self.builder.def_var(loops, left);
    }

    /// Counts an iteration that is not the last one that was granted.
    pub(crate) fn count_granted(&mut self) {
        if let Some(loops) = self.loops {
            let before = self.builder.use_var(loops);
            let left = self.builder.ins().iadd_imm(before, -1);
            self.builder.def_var(loops, left);
        }
    }

    /// The iterations that are left; none where nothing counts them.
    pub(crate) fn loops_left(&mut self) -> Value {
        match self.loops {
            Some(loops) => self.builder.use_var(loops),
            None => self.int(0),
        }
    }

    /// Takes the exit where no more calls may be open inside `open` that were inlined.
    pub(crate) fn check_depth(&mut self, open: u32, exit: ExitId) {
        if open == 0 {
            return self.exit_unless(self.depth, exit);
        }
        let enough = self.builder.ins().icmp_imm(IntCC::UnsignedGreaterThan, self.depth, i64::from(open));
        self.exit_unless(enough, exit);
    }

    /// Calls a function of the unit.
    pub(crate) fn call(
        &mut self,
        (callee, open): (FunctionId, u32),
        arguments: &[Variable],
        arrays: &[Array],
        to: Option<Variable>,
        exit: ExitId,
    ) {
        self.check_depth(open, exit);
        let calls = self.builder.ins().load(types::I64, MemFlags::trusted(), self.context, callbacks::CALLS_OFFSET);
        let left = self.builder.ins().iadd_imm(calls, -1);
        self.builder.ins().store(MemFlags::trusted(), left, self.context, callbacks::CALLS_OFFSET);
        let (ask, go_on) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(ask);
        self.builder.ins().brif(left, go_on, &[], ask, &[]);
        self.builder.switch_to_block(ask);
        let signature = self.helper_signature(&[types::I64], Some(types::I64));
        let granted = self.call_helper(Helper::MORE_CALLS, signature, &[self.context]);
        self.builder.ins().store(MemFlags::trusted(), granted, self.context, callbacks::CALLS_OFFSET);
        let leave = self.exit_block(exit);
        self.builder.ins().brif(granted, go_on, &[], leave, &[]);
        self.builder.switch_to_block(go_on);

        self.store_loops();
        let depth = self.builder.ins().iadd_imm(self.depth, -1 - i64::from(open));
        let mut values = vec![self.context, depth];
        values.extend(arguments.iter().map(|&argument| self.read(argument)));
        values.extend(arrays.iter().flat_map(|&Array(k)| {
            let ArrayWords { pointer, length, columns } = self.arrays[k as usize];
            [pointer, length, columns]
        }));
        let call = self.builder.ins().call(self.callees[callee.0 as usize], &values);
        let results = self.builder.inst_results(call).to_vec();
        self.load_loops();
        self.exit_if(results[0], exit);
        if let (Some(to), Some(&result)) = (to, results.get(1)) {
            debug_assert!(self.unit.functions[callee.0 as usize].result.is_some());
            self.assign(to, result);
        }
    }

    /// Whether `a < 0`.
    pub(crate) fn is_negative(&mut self, a: Value) -> Value {
        self.builder.ins().icmp_imm(IntCC::SignedLessThan, a, 0)
    }
}
