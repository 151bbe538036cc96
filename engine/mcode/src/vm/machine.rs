//! The register machine.
//!
//! Its call stack is a list on the heap: a recursion of the program never deepens the real stack. The loop below holds
//! what nearly every instruction needs in local variables; what is rare is in [`super::slow`].

use super::fault::{Fault, Outcome};
use super::host::Host;
use super::registers::{self, arithmetic, put_bool, put_copy, put_int, put_scalar};
use super::value::Value;
use super::{fuse, operate, slow, tasks};
use crate::hir::FunctionId;
use crate::ir::{FunctionCode, Image, Instruction};
use crate::library;
use crate::native::Resume;

/// Registers that a run begins with.
const STACK_START: usize = 64;
/// Calls around the place of a fault that are told.
const TRACE_MAX: usize = 3;

/// A fault with its place.
#[derive(Debug)]
pub(crate) struct Raised {
    pub(crate) fault: Box<Fault>,
    /// Function and instruction, innermost first.
    pub(crate) places: Vec<(FunctionId, usize)>,
}

/// A call that waits for another to return.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// [`OUTSIDE`] where it is none of the program's.
    pub(crate) function: FunctionId,
    pub(super) pc: u32,
    base: usize,
}

/// What calls the outermost function.
pub(crate) const OUTSIDE: FunctionId = FunctionId::MAX;
/// The place of a frame below which another machine's, or nothing, stands.
pub(super) const BOTTOM: u32 = u32::MAX;
/// Set in the place to which a call returns that is timed for a profile.
pub(super) const TIMED: u32 = 1 << 31;

/// The function that runs, and where.
#[derive(Clone, Copy)]
pub(super) struct Cursor {
    function: FunctionId,
    pc: usize,
    pub(super) base: usize,
}

/// Runs one function of the program to its end.
pub(crate) fn execute(host: &mut Host, image: &Image, id: FunctionId, arguments: Vec<Value>) -> Result<Value, Raised> {
    // Of a profile, what happens until here is the caller's, and the depth of a call that of what waits for it.
    let is_profiled = host.profile.is_some();
    let (caller, open) = (host.function, host.profile.as_ref().map_or(0, |profile| profile.depth()));
    if is_profiled {
        host.function_begins(id);
    }
    let floor = host.frames.len();
    if is_profiled {
        host.frames.push(Frame { function: caller, pc: BOTTOM, base: 0 });
    }
    let outcome = Machine::begin(host, image, (id, arguments)).and_then(|(mut machine, mut cursor)| {
        let outcome = if is_profiled { machine.run::<true>(&mut cursor) } else { machine.run::<false>(&mut cursor) };
        outcome.map_err(|fault| machine.raise(fault, cursor))
    });
    host.close_profile_to(open);
    host.frames.truncate(floor);
    host.function = caller;
    outcome
}

/// A run of one function and all that it calls.
pub(super) struct Machine<'m, 'h> {
    pub(super) host: &'m mut Host<'h>,
    pub(super) image: &'m Image,
    pub(super) stack: Vec<Value>,
    /// The calls that wait, innermost last. Of a run that is profiled they are the host's, where machines inside this
    /// one find them.
    frames: Vec<Frame>,
    /// Frames up to this machine's first.
    floor: usize,
    /// Calls that were open when native code was left.
    resume: Vec<Resume>,
    /// Frames that there may be.
    depth_max: usize,
    is_profiled: bool,
}

impl<'m, 'h> Machine<'m, 'h> {
    /// A machine with the arguments of its outermost function in their registers.
    fn begin(
        host: &'m mut Host<'h>,
        image: &'m Image,
        (id, arguments): (FunctionId, Vec<Value>),
    ) -> Result<(Self, Cursor), Raised> {
        let (floor, is_profiled) = (host.frames.len(), host.profile.is_some());
        let depth_max = floor.saturating_add(host.limits.recursion_depth as usize);
        let (stack, frames, resume) = Default::default();
        let mut machine = Machine { host, image, stack, frames, floor, resume, depth_max, is_profiled };
        let cursor = Cursor { function: id, pc: 0, base: 0 };
        let registers = usize::from(image.functions[id as usize].registers);
        let needed = registers.max(STACK_START).max(arguments.len());
        if let Err(fault) = registers::make_room(machine.host, &mut machine.stack, needed) {
            return Err(machine.raise(fault, cursor));
        }
        for (slot, argument) in machine.stack.iter_mut().zip(arguments) {
            *slot = argument;
        }
        Ok((machine, cursor))
    }

    /// Runs until the outermost function returns. After a fault `place` says where. What a profile needs is told where
    /// the run is `PROFILED`, and not even asked about elsewhere.
    ///
    /// Arms are short, and what is rare is behind a call that is not inlined: else the compiler keeps the state of the
    /// loop on the stack, which takes twice the time.
    fn run<const PROFILED: bool>(&mut self, place: &mut Cursor) -> Outcome<Value> {
        let image = self.image;
        let mut cursor = *place;
        macro_rules! fail {
            ($fault:expr) => {{
                *place = cursor;
                return Err($fault);
            }};
        }
        'call: loop {
            let code = &image.functions[cursor.function as usize];
            let instructions = code.instructions.as_slice();
            let window = &mut self.stack[cursor.base..cursor.base + usize::from(code.registers)];
            let mut pc = cursor.pc;
            macro_rules! attempt {
                ($outcome:expr) => {
                    match $outcome {
                        Ok(value) => value,
                        Err(fault) => {
                            cursor.pc = pc;
                            fail!(fault);
                        }
                    }
                };
            }
            macro_rules! at {
                ($register:expr) => {
                    window[usize::from($register)]
                };
            }
            macro_rules! step {
                ($instruction:ident) => {
                    attempt!(slow::step(self.host, image, code, window, *$instruction))
                };
            }
            macro_rules! binary {
                ($instruction:ident) => {
                    attempt!(slow::binary(self.host, code, window, *$instruction))
                };
            }
            macro_rules! skip {
                ($count:literal, $done:expr) => {
                    if $done {
                        pc += $count;
                    }
                };
            }
            macro_rules! again {
                ($goes_on:expr, $target:ident) => {
                    if self.host.loops_left > 1 && $goes_on {
                        self.host.loops_left -= 1;
                        pc = usize::from($target);
                    }
                };
            }
            macro_rules! go_native_where_hot {
                () => {
                    if let Some(native) = &mut self.host.native
                        && native.is_hot(image, cursor.function, cursor.pc)
                    {
                        let (left, outcome) = self.go_native(cursor);
                        cursor = left;
                        if let Err(fault) = outcome {
                            fail!(fault);
                        }
                        continue 'call;
                    }
                };
            }
            loop {
                let instruction = &instructions[pc];
                pc += 1;
                match *instruction {
                    Instruction::Copy { to, from } => registers::copy(window, usize::from(to), usize::from(from)),
                    Instruction::Take { to, from } => registers::take(window, usize::from(to), usize::from(from)),
                    Instruction::Int { to, value } => put_int(&mut at!(to), i64::from(value)),
                    Instruction::Constant { to, index } => put_copy(&mut at!(to), &image.constants[index as usize]),
                    Instruction::Add { to, a, b } => {
                        arithmetic!(window, to, a, b, checked_add, +, binary!(instruction))
                    }
                    Instruction::Subtract { to, a, b } => {
                        arithmetic!(window, to, a, b, checked_sub, -, binary!(instruction))
                    }
                    Instruction::Multiply { to, a, b } => {
                        arithmetic!(window, to, a, b, checked_mul, *, binary!(instruction))
                    }
                    Instruction::Binary { operator, to, a, b } => {
                        if !registers::divide(window, operator, (usize::from(to), usize::from(a), usize::from(b))) {
                            attempt!(slow::binary(self.host, code, window, *instruction));
                        }
                    }
                    Instruction::AddInt { to, a, value } => match at!(a) {
                        Value::Int(x) if let Some(sum) = x.checked_add(i64::from(value)) => put_int(&mut at!(to), sum),
                        _ => binary!(instruction),
                    },
                    Instruction::Jump { target } => pc = usize::from(target),
                    Instruction::Loop { target } => {
                        self.host.loops_left -= 1;
                        if self.host.loops_left == 0 {
                            attempt!(self.host.loop_checkpoint());
                        }
                        pc = usize::from(target);
                        cursor.pc = pc;
                        go_native_where_hot!();
                    }
                    Instruction::Count => {
                        self.host.loops_left -= 1;
                        if self.host.loops_left == 0 {
                            attempt!(self.host.loop_checkpoint());
                        }
                    }
                    Instruction::Fuse { segment, target } => {
                        let segment = &code.segments[usize::from(segment)];
                        match fuse::attempt(self.host, image, code, window, segment) {
                            Ok(true) => pc = usize::from(target),
                            Ok(false) => {}
                            Err((at, fault)) => {
                                cursor.pc = at + 1;
                                fail!(fault);
                            }
                        }
                    }
                    Instruction::JumpUnless { operator, a, b, target } => {
                        let holds = match registers::holds(operator, &at!(a), &at!(b)) {
                            Some(holds) => holds,
                            None => attempt!(slow::comparison_holds(self.host, code, window, *instruction)),
                        };
                        pc = if holds { pc } else { usize::from(target) };
                    }
                    Instruction::JumpUnlessInt { operator, a, value, target } => {
                        let holds = match at!(a) {
                            Value::Int(x) => registers::int_holds(operator, x, i64::from(value)),
                            _ => attempt!(slow::comparison_holds(self.host, code, window, *instruction)),
                        };
                        pc = if holds { pc } else { usize::from(target) };
                    }
                    Instruction::Compare { operator, to, a, b } => match registers::holds(operator, &at!(a), &at!(b)) {
                        Some(holds) => put_bool(&mut at!(to), holds),
                        None => step!(instruction),
                    },
                    Instruction::JumpIf { when, condition, target } => {
                        let holds = match at!(condition) {
                            Value::Bool(holds) => holds,
                            ref other => attempt!(operate::truth(other)),
                        };
                        pc = if holds == when { usize::from(target) } else { pc };
                    }
                    Instruction::LoopNext { base, item, target } => {
                        let (base, item) = (usize::from(base), usize::from(item));
                        let there_is = match registers::next_number(window, base, item) {
                            Some(there_is) => there_is,
                            None => attempt!(slow::next_item(self.host, window, base, item)),
                        };
                        pc = if there_is { pc } else { usize::from(target) };
                    }
                    Instruction::Index { to, object, index } => {
                        let is_temporary = object >= code.first_temporary;
                        let (to, object, index) = (usize::from(to), usize::from(object), usize::from(index));
                        if !registers::read_item(window, to, object, index, is_temporary) {
                            step!(instruction);
                        }
                    }
                    Instruction::SetIndex { object, index, value } => {
                        let (object, index, value) = (usize::from(object), usize::from(index), usize::from(value));
                        if !registers::set_item(window, object, index, value) {
                            step!(instruction);
                        }
                    }
                    Instruction::CallBuiltin { count: 1, builtin, to, start } => {
                        match (&at!(start), library::of_a_scalar(builtin)) {
                            (&Value::Scalar(x), Some(function)) => {
                                attempt!(self.host.tick(slow::BUILTIN_TICKS));
                                put_scalar(&mut at!(to), function(x));
                            }
                            _ => step!(instruction),
                        }
                    }
                    Instruction::CheckInt { register, .. } if matches!(at!(register), Value::Int(_)) => {}
                    Instruction::Call { function, start } => {
                        cursor.pc = pc;
                        match self.enter::<PROFILED>(cursor, FunctionId::from(function), usize::from(start)) {
                            Ok(entered) => cursor = entered,
                            Err(fault) => fail!(fault),
                        }
                        go_native_where_hot!();
                        continue 'call;
                    }
                    Instruction::CallValue { count, callee, start } => {
                        cursor.pc = pc;
                        match self.call_value::<PROFILED>(cursor, usize::from(count), (callee, start)) {
                            Ok(entered) => cursor = entered,
                            Err(fault) => fail!(fault),
                        }
                        // A function of the library has run already.
                        if cursor.pc == 0 {
                            go_native_where_hot!();
                        }
                        continue 'call;
                    }
                    Instruction::Return { .. } | Instruction::ReturnNone => {
                        match *instruction {
                            Instruction::Return { from } => registers::give_back(window, usize::from(from)),
                            _ => registers::put_other(&mut self.stack[cursor.base], Value::None),
                        }
                        match self.leave::<PROFILED>(cursor, code) {
                            Some(caller) => cursor = caller,
                            None => return Ok(std::mem::take(&mut self.stack[cursor.base])),
                        }
                        continue 'call;
                    }
                    Instruction::Chain { first, second, to, a, b, c } => {
                        skip!(2, registers::chain(window, (first, second), [to, a, b, c].map(usize::from)));
                    }
                    Instruction::ItemChain { operator, to, a, object, index } => {
                        skip!(2, registers::item_chain(window, operator, [to, a, object, index].map(usize::from)));
                    }
                    Instruction::ProductSum { subtract, registers } => {
                        skip!(3, registers::product_sum(window, subtract, registers.map(usize::from)));
                    }
                    Instruction::LongChain { operators, registers } => {
                        skip!(3, registers::long_chain(window, operators, registers.map(usize::from)));
                    }
                    Instruction::ProductSumChain { operators, registers } => {
                        skip!(4, registers::product_sum_chain(window, operators, registers));
                    }
                    Instruction::ItemPair { operator, registers } => {
                        skip!(3, registers::item_pair(window, operator, registers));
                    }
                    Instruction::ChainToItem { operators, registers } => {
                        skip!(3, registers::chain_to_item(window, operators, registers));
                    }
                    Instruction::Again { base, item, target } => again!(
                        registers::next_number(window, usize::from(base), usize::from(item)) == Some(true),
                        target
                    ),
                    Instruction::AgainIf { operator, a, b, target } => {
                        again!(registers::holds(operator, &at!(a), &at!(b)) == Some(true), target);
                    }
                    Instruction::AgainIfInt { operator, a, value, target } => {
                        again!(registers::int_register_holds(operator, &at!(a), i64::from(value)), target);
                    }
                    Instruction::StepIf { operator, a, step, b, target } => {
                        let b = if let Value::Int(b) = at!(b) { b } else { continue };
                        again!(registers::step_if(&mut at!(a), step, operator, b), target);
                    }
                    Instruction::StepIfInt { operator, a, step, value, target } => {
                        again!(registers::step_if(&mut at!(a), step, operator, i64::from(value)), target);
                    }
                    Instruction::JumpIfSame { a, b, target } => {
                        let same = attempt!(self.host.equal(&at!(a), &at!(b)));
                        pc = if same { usize::from(target) } else { pc };
                    }
                    Instruction::Defer { count, callee, start } => {
                        if attempt!(tasks::defer(self.host, image, window, (count, callee, start))) {
                            // The call and the handle of a call that ran at once.
                            pc += 2;
                        }
                    }
                    Instruction::FanOut { again, callee, list, target } => {
                        if attempt!(tasks::fan_out(self.host, image, window, (callee, list), again)) {
                            pc = usize::from(target);
                        }
                    }
                    // All of them by name: that there is nothing else saves a comparison in each step.
                    Instruction::JumpIfBool { .. }
                    | Instruction::JumpIfSet { .. }
                    | Instruction::CallBlock { .. }
                    | Instruction::ReturnBlock { .. } => match slow::jump(window, *instruction, pc) {
                        Some(next) => pc = next,
                        None => step!(instruction),
                    },
                    Instruction::None { .. }
                    | Instruction::Bool { .. }
                    | Instruction::Clear { .. }
                    | Instruction::GetGlobal { .. }
                    | Instruction::TakeGlobal { .. }
                    | Instruction::SetGlobal { .. }
                    | Instruction::Negate { .. }
                    | Instruction::Not { .. }
                    | Instruction::And { .. }
                    | Instruction::Or { .. }
                    | Instruction::LoopStart { .. }
                    | Instruction::LoopRange { .. }
                    | Instruction::Range { .. }
                    | Instruction::List { .. }
                    | Instruction::Append { .. }
                    | Instruction::Record { .. }
                    | Instruction::Closure { .. }
                    | Instruction::LibraryFunction { .. }
                    | Instruction::CallOp { .. }
                    | Instruction::CallBuiltin { .. }
                    | Instruction::Slice { .. }
                    | Instruction::Field { .. }
                    | Instruction::SetPath { .. }
                    | Instruction::CheckSet { .. }
                    | Instruction::CheckType { .. }
                    | Instruction::CheckInt { .. }
                    | Instruction::Spawn { .. }
                    | Instruction::Await { .. } => step!(instruction),
                }
            }
        }
    }

    /// The calls that wait, where it is known whether the run is profiled.
    #[inline(always)]
    fn frames_if(&mut self, is_profiled: bool) -> &mut Vec<Frame> {
        if is_profiled { &mut self.host.frames } else { &mut self.frames }
    }

    /// Begins a call whose arguments stand from register `start` on; gives where it begins.
    #[inline(always)]
    pub(super) fn enter<const PROFILED: bool>(
        &mut self,
        cursor: Cursor,
        id: FunctionId,
        start: usize,
    ) -> Outcome<Cursor> {
        let depth = self.frames_if(PROFILED).len();
        if depth >= self.depth_max {
            self.host.check_depth(depth - self.floor)?;
        }
        self.host.tick(1)?;
        let base = cursor.base + start;
        let needed = base + usize::from(self.image.functions[id as usize].registers);
        if needed > self.stack.len() {
            registers::make_room(self.host, &mut self.stack, needed)?;
        }
        let timed = if PROFILED && self.host.function_begins(id) { TIMED } else { 0 };
        let frame = Frame { function: cursor.function, pc: cursor.pc as u32 | timed, base: cursor.base };
        self.frames_if(PROFILED).push(frame);
        Ok(Cursor { function: id, pc: 0, base })
    }

    /// Runs native code from where `cursor` stands, if there is some for what the registers hold; gives where it was left,
    /// and the fault of whatever failed there.
    #[inline(never)]
    fn go_native(&mut self, mut cursor: Cursor) -> (Cursor, Outcome<()>) {
        let Some(mut native) = self.host.native.take() else { return (cursor, Ok(())) };
        let depth = self.depth_max.saturating_sub(self.frames_if(self.is_profiled).len()) as u64;
        let place = (cursor.function, cursor.pc);
        let outcome =
            native.enter(self.host, self.image, &mut self.stack, (place, cursor.base), depth, &mut self.resume);
        self.host.native = Some(native);
        // Whatever native code called, it is the time of the function that it was entered from.
        self.host.look_for_profile();
        if let Some((last, open)) = self.resume.split_last() {
            let frames = open.iter().map(|r| Frame { function: r.function, pc: r.pc as u32 + 1, base: r.base });
            let waiting = if self.is_profiled { &mut self.host.frames } else { &mut self.frames };
            waiting.extend(frames);
            self.host.function = last.function;
            cursor = Cursor { function: last.function, pc: last.pc, base: last.base };
        }
        if outcome.is_err() {
            // A fault belongs to the instruction before the cursor.
            cursor.pc += 1;
        }
        (cursor, outcome)
    }

    /// Ends the function that runs, whose result is in its first register: the others are emptied. Gives where its caller
    /// goes on; `None` where there is no caller.
    #[inline(always)]
    fn leave<const PROFILED: bool>(&mut self, cursor: Cursor, code: &FunctionCode) -> Option<Cursor> {
        if let Some(others) = self.stack.get_mut(cursor.base + 1..cursor.base + usize::from(code.registers)) {
            registers::clear(others);
        }
        let frame = if PROFILED { self.host.function_ends() } else { self.frames.pop() }?;
        Some(Cursor { function: frame.function, pc: frame.pc as usize, base: frame.base })
    }

    /// A fault with the place where it happened and the calls around it.
    fn raise(&self, mut fault: Box<Fault>, cursor: Cursor) -> Raised {
        let mut places = std::mem::take(&mut fault.places);
        places.push((cursor.function, cursor.pc.saturating_sub(1)));
        let frames = if self.is_profiled { &self.host.frames[self.floor..] } else { self.frames.as_slice() };
        let callers = frames.iter().rev().take(TRACE_MAX);
        places.extend(callers.map(|f| (f.function, (f.pc as usize).saturating_sub(1))));
        Raised { fault, places }
    }
}
