//! The register machine.
//!
//! Its call stack is a list on the heap: a recursion of the program never deepens the real stack. The loop below holds
//! what nearly every instruction needs in local variables; what is rare is in [`super::slow`].

use super::fault::{Fault, Outcome};
use super::function_value::check_op_count;
use super::host::Host;
use super::operate::{self, compare_numbers};
use super::value::{Callable, Value};
use super::{fuse, slow, tasks};
use crate::codes::Code;
use crate::hir::FunctionId;
use crate::ir::{FunctionCode, Image, Instruction};
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
struct Cursor {
    function: FunctionId,
    pc: usize,
    base: usize,
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

struct Machine<'m, 'h> {
    host: &'m mut Host<'h>,
    image: &'m Image,
    stack: Vec<Value>,
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

macro_rules! arithmetic {
    ($window:ident, $to:ident, $a:expr, $b:expr, $checked:ident, $float:tt, $slow:expr) => {
        match ($a, $b) {
            (&Value::Int(x), &Value::Int(y)) if let Some(value) = x.$checked(y) => put(&mut $window[usize::from($to)], Value::Int(value)),
            (&Value::Scalar(x), &Value::Scalar(y)) => put(&mut $window[usize::from($to)], Value::Scalar(x $float y)),
            _ => $slow,
        }
    };
}

/// Overwrites a register. Most hold numbers, which need no dropping: asking is cheaper than the general way.
#[inline(always)]
fn put(slot: &mut Value, value: Value) {
    if slot.is_plain() {
        std::mem::forget(std::mem::replace(slot, value));
    } else {
        *slot = value;
    }
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
        if let Err(fault) = make_room(machine.host, &mut machine.stack, needed) {
            return Err(machine.raise(fault, cursor));
        }
        for (slot, argument) in machine.stack.iter_mut().zip(arguments) {
            *slot = argument;
        }
        Ok((machine, cursor))
    }

    /// Runs until the outermost function returns. After a fault `cursor` says where. What a profile needs is told where
    /// the run is `PROFILED`, and not even asked about elsewhere.
    fn run<const PROFILED: bool>(&mut self, cursor: &mut Cursor) -> Outcome<Value> {
        let image = self.image;
        'call: loop {
            let code = &image.functions[cursor.function as usize];
            let instructions = code.instructions.as_slice();
            let window = &mut self.stack[cursor.base..cursor.base + usize::from(code.registers)];
            let host = &mut *self.host;
            let mut pc = cursor.pc;
            macro_rules! attempt {
                ($outcome:expr) => {
                    match $outcome {
                        Ok(value) => value,
                        Err(fault) => {
                            cursor.pc = pc;
                            return Err(fault);
                        }
                    }
                };
            }
            macro_rules! at {
                ($register:expr) => {
                    window[usize::from($register)]
                };
            }
            loop {
                let instruction = instructions[pc];
                pc += 1;
                match instruction {
                    Instruction::Copy { to, from } => {
                        let value = at!(from).clone();
                        put(&mut at!(to), value);
                    }
                    Instruction::Take { to, from } => {
                        let value = std::mem::take(&mut at!(from));
                        put(&mut at!(to), value);
                    }
                    Instruction::Int { to, value } => put(&mut at!(to), Value::Int(i64::from(value))),
                    Instruction::Constant { to, index } => at!(to) = image.constants[index as usize].clone(),
                    Instruction::Add { to, a, b } => {
                        arithmetic!(window, to, &at!(a), &at!(b), checked_add, +, attempt!(slow::binary(host, code, window, instruction)))
                    }
                    Instruction::Subtract { to, a, b } => {
                        arithmetic!(window, to, &at!(a), &at!(b), checked_sub, -, attempt!(slow::binary(host, code, window, instruction)))
                    }
                    Instruction::Multiply { to, a, b } => {
                        arithmetic!(window, to, &at!(a), &at!(b), checked_mul, *, attempt!(slow::binary(host, code, window, instruction)))
                    }
                    Instruction::AddInt { to, a, value } => match at!(a) {
                        Value::Int(x) if let Some(sum) = x.checked_add(i64::from(value)) => {
                            put(&mut at!(to), Value::Int(sum))
                        }
                        _ => attempt!(slow::binary(host, code, window, instruction)),
                    },
                    Instruction::Jump { target } => pc = usize::from(target),
                    Instruction::Loop { target } => {
                        host.loops_left -= 1;
                        if host.loops_left == 0 {
                            attempt!(host.loop_checkpoint());
                        }
                        pc = usize::from(target);
                        if let Some(native) = &mut host.native
                            && native.is_hot(image, cursor.function, pc)
                        {
                            cursor.pc = pc;
                            self.go_native(cursor)?;
                            continue 'call;
                        }
                    }
                    Instruction::Count => {
                        host.loops_left -= 1;
                        if host.loops_left == 0 {
                            attempt!(host.loop_checkpoint());
                        }
                    }
                    Instruction::Fuse { segment, target } => {
                        match fuse::attempt(host, image, code, window, &code.segments[usize::from(segment)]) {
                            Ok(true) => pc = usize::from(target),
                            Ok(false) => {}
                            Err((at, fault)) => {
                                cursor.pc = at + 1;
                                return Err(fault);
                            }
                        }
                    }
                    Instruction::JumpUnless { operator, a, b, target } => {
                        let holds = match compare_numbers(operator, &at!(a), &at!(b)) {
                            Some(holds) => holds,
                            None => attempt!(slow::comparison_holds(host, code, window, operator, a, b)),
                        };
                        pc = if holds { pc } else { usize::from(target) };
                    }
                    Instruction::JumpUnlessInt { operator, a, value, target } => {
                        let value = i64::from(value);
                        let holds = match &at!(a) {
                            Value::Int(x) => operate::compare_ordered(operator, *x, value),
                            _ => attempt!(slow::comparison_with_int_holds(host, code, window, operator, a, value)),
                        };
                        pc = if holds { pc } else { usize::from(target) };
                    }
                    Instruction::JumpIf { when, condition, target } => {
                        let holds = match at!(condition) {
                            Value::Bool(holds) => holds,
                            ref other => attempt!(operate::truth(other)),
                        };
                        pc = if holds == when { usize::from(target) } else { pc };
                    }
                    Instruction::LoopNext { base, item, target } => {
                        if !attempt!(slow::next_item(host, window, usize::from(base), usize::from(item))) {
                            pc = usize::from(target);
                        }
                    }
                    Instruction::Index { to, object, index } => match (&at!(object), &at!(index)) {
                        (Value::List(list), Value::Int(i)) if let Some(item) = list.get(*i as usize) => {
                            at!(to) = item;
                        }
                        _ => attempt!(slow::step(host, image, code, window, instruction)),
                    },
                    Instruction::CheckInt { register, .. } if matches!(at!(register), Value::Int(_)) => {}
                    Instruction::Call { function, start } => {
                        cursor.pc = pc;
                        self.enter::<PROFILED>(cursor, FunctionId::from(function), usize::from(start))?;
                        continue 'call;
                    }
                    Instruction::CallValue { count, callee, start } => {
                        cursor.pc = pc;
                        self.call_value::<PROFILED>(
                            cursor,
                            usize::from(count),
                            usize::from(callee),
                            usize::from(start),
                        )?;
                        continue 'call;
                    }
                    Instruction::Return { from } => {
                        let value = std::mem::take(&mut at!(from));
                        match self.leave::<PROFILED>(cursor, usize::from(code.registers), value) {
                            Some(value) => return Ok(value),
                            None => continue 'call,
                        }
                    }
                    Instruction::ReturnNone => {
                        match self.leave::<PROFILED>(cursor, usize::from(code.registers), Value::None) {
                            Some(value) => return Ok(value),
                            None => continue 'call,
                        }
                    }
                    Instruction::JumpIfSame { a, b, target } => {
                        let same = attempt!(host.equal(&at!(a), &at!(b)));
                        pc = if same { usize::from(target) } else { pc };
                    }
                    Instruction::Defer { count, callee, start } => {
                        if attempt!(tasks::defer(host, image, window, (count, callee, start))) {
                            // The call and the handle of a call that ran at once.
                            pc += 2;
                        }
                    }
                    Instruction::FanOut { again, callee, list, target } => {
                        if attempt!(tasks::fan_out(host, image, window, (callee, list), again)) {
                            pc = usize::from(target);
                        }
                    }
                    _ => match slow::jump(window, instruction, pc) {
                        Some(next) => pc = next,
                        None => attempt!(slow::step(host, image, code, window, instruction)),
                    },
                }
            }
        }
    }

    /// The calls that wait, where it is known whether the run is profiled.
    #[inline(always)]
    fn frames_if(&mut self, is_profiled: bool) -> &mut Vec<Frame> {
        if is_profiled { &mut self.host.frames } else { &mut self.frames }
    }

    /// Begins a call whose arguments stand from register `start` on.
    #[inline(always)]
    fn enter<const PROFILED: bool>(&mut self, cursor: &mut Cursor, id: FunctionId, start: usize) -> Outcome<()> {
        let depth = self.frames_if(PROFILED).len();
        if depth >= self.depth_max {
            self.host.check_depth(depth - self.floor)?;
        }
        self.host.tick(1)?;
        let base = cursor.base + start;
        let needed = base + usize::from(self.image.functions[id as usize].registers);
        if needed > self.stack.len() {
            make_room(self.host, &mut self.stack, needed)?;
        }
        let timed = if PROFILED && self.host.function_begins(id) { TIMED } else { 0 };
        let frame = Frame { function: cursor.function, pc: cursor.pc as u32 | timed, base: cursor.base };
        self.frames_if(PROFILED).push(frame);
        *cursor = Cursor { function: id, pc: 0, base };
        if let Some(native) = &mut self.host.native
            && native.is_hot(self.image, id, 0)
        {
            self.go_native(cursor)?;
        }
        Ok(())
    }

    /// Runs native code from where `cursor` stands, if there is some for what the registers hold, and moves the cursor
    /// to where it was left.
    #[inline(never)]
    fn go_native(&mut self, cursor: &mut Cursor) -> Outcome<()> {
        let Some(mut native) = self.host.native.take() else { return Ok(()) };
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
            *cursor = Cursor { function: last.function, pc: last.pc, base: last.base };
        }
        if outcome.is_err() {
            // A fault belongs to the instruction before the cursor.
            cursor.pc += 1;
        }
        outcome
    }

    /// Ends the function that runs: its window is emptied, and its caller goes on with `value`, which is given back
    /// where there is no caller.
    #[inline(always)]
    fn leave<const PROFILED: bool>(&mut self, cursor: &mut Cursor, registers: usize, value: Value) -> Option<Value> {
        for slot in &mut self.stack[cursor.base..cursor.base + registers] {
            // Numbers may stay: nothing reads them again, and nothing waits for their memory.
            if !slot.is_plain() {
                *slot = Value::Absent;
            }
        }
        if PROFILED && self.host.function_ends() == BOTTOM {
            return Some(value);
        }
        let Some(frame) = self.frames_if(PROFILED).pop() else { return Some(value) };
        let pc = if PROFILED { frame.pc & !TIMED } else { frame.pc };
        if PROFILED {
            self.host.function = frame.function;
        }
        put(&mut self.stack[cursor.base], value);
        *cursor = Cursor { function: frame.function, pc: pc as usize, base: frame.base };
        None
    }

    /// Calls whatever is in a register.
    fn call_value<const PROFILED: bool>(
        &mut self,
        cursor: &mut Cursor,
        count: usize,
        callee: usize,
        start: usize,
    ) -> Outcome<()> {
        let image = self.image;
        let Value::Function(closure) = self.stack[cursor.base + callee].clone() else {
            let found = self.stack[cursor.base + callee].describe();
            return Err(Fault::new(Code::BadCall, format!("this is a {found}, not a function"))
                .help("only functions can be called; an element is read with square brackets: `xs[i]`"));
        };
        let first = cursor.base + start;
        match &closure.callable {
            Callable::Function { id, captured } => {
                let code = &image.functions[*id as usize];
                check_count(code, count)?;
                let params = usize::from(code.params);
                let needed = first + usize::from(code.registers).max(params + captured.len());
                if needed > self.stack.len() {
                    make_room(self.host, &mut self.stack, needed)?;
                }
                self.stack[first + count..first + params].fill_with(Value::default);
                for (slot, value) in self.stack[first + params..].iter_mut().zip(captured) {
                    *slot = value.clone();
                }
                if let Some(register) = code.self_register {
                    self.stack[first + usize::from(register)] = Value::Function(closure.clone());
                }
                self.enter::<PROFILED>(cursor, *id, start)
            }
            Callable::Op(op) => {
                check_op_count(op, count)?;
                let mut arguments: Vec<Value> =
                    self.stack[first..first + count].iter_mut().map(std::mem::take).collect();
                arguments.resize_with(op.params.len(), Value::default);
                self.stack[first] = self.host.call_op(op, &mut arguments)?;
                Ok(())
            }
            Callable::Derived(derived) => {
                let arguments = self.stack[first..first + count].iter_mut().map(std::mem::take).collect();
                let value = super::differentiate::call(self.host, derived, arguments)?;
                self.stack[first] = value;
                Ok(())
            }
            Callable::Builtin(id) => {
                let arguments = &mut self.stack[first..first + count];
                let value = crate::library::call(self.host, *id, arguments)?;
                self.stack[first] = value;
                Ok(())
            }
        }
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

/// Makes the registers reach to `needed`.
#[cold]
pub(crate) fn make_room(host: &Host, stack: &mut Vec<Value>, needed: usize) -> Outcome<()> {
    let size = needed.max(stack.len() * 2);
    drop(host.admit(size.saturating_mul(size_of::<Value>()))?);
    stack.resize_with(size, Value::default);
    Ok(())
}

pub(super) fn check_count(code: &FunctionCode, count: usize) -> Outcome<()> {
    let (least, most) = (usize::from(code.required), usize::from(code.params));
    if (least..=most).contains(&count) {
        return Ok(());
    }
    let takes = if least == most { format!("{most}") } else { format!("{least} to {most}") };
    let plural = if takes == "1" { "" } else { "s" };
    Err(Fault::new(Code::BadCall, format!("{} takes {takes} argument{plural}, {count} given", code.called())))
}
