//! A profile in the making: what the machine calls when functions and operations begin and end.
//!
//! Each call costs a step of a counter and two looks at the beat ([`Pulse`]); all else is in functions that are called seldom.
//! Whose time it is, [`super::places`] decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nexus_tensor::{ProfileClock, Stopwatch};

use super::operations::Operations;
use super::places::{Node, Places, What};
use super::timing::Begun;
use super::{Profile, ProfileEvent, ProfileKind, ProfileLine, Timing};
use crate::hir::FunctionId;
use crate::vm::machine::{Frame, OUTSIDE};

/// Single calls that are kept for a trace.
const EVENTS_MAX: usize = 50_000;
/// The depth of no call.
const NOWHERE: usize = usize::MAX;

/// The calls that wait, and the function that runs.
pub(crate) type Stack<'s> = (&'s [Frame], FunctionId);

/// A call that is being timed.
#[derive(Debug, Clone)]
struct Open {
    what: What,
    started: u64,
    begun: Begun,
    /// Of a function: how many calls wait for others while it runs.
    depth: usize,
}

/// An operation that runs, timed or not.
#[derive(Debug, Clone, Copy)]
struct Running {
    name: &'static str,
    /// Calls that wait for others, where it was called.
    depth: usize,
}

/// One call, for a trace.
#[derive(Debug, Clone, Copy)]
struct Event {
    what: What,
    started: u64,
    ns: u64,
    thread: u32,
}

/// What every call looks at: whether there is anything to do for a profile. It stands where the machine finds it at once.
#[derive(Debug)]
pub(crate) struct Pulse<'a> {
    /// By function: calls until the next one that is timed.
    due: Vec<u32>,
    beat: &'a AtomicU64,
    /// The beat that was seen last.
    seen: u64,
    /// Whether a call or an operation began, or an operation ended, since the last timed event. That a call ended is seen
    /// by how many wait ([`Recorder::depth_after`]).
    has_skipped: bool,
}

/// A beat that never comes.
static STILL: AtomicU64 = AtomicU64::new(0);

impl<'a> Pulse<'a> {
    /// One that knows no function until a recorder is taken up ([`Recorder::take_up`]).
    pub(crate) fn new(clock: Option<&'a ProfileClock>) -> Pulse<'a> {
        let beat = clock.map_or(&STILL, |clock| &*clock.beat);
        Pulse { due: Vec::new(), beat, seen: beat.load(Ordering::Relaxed), has_skipped: false }
    }

    /// Whether there was a beat since the last look at the clock.
    #[inline(always)]
    pub(crate) fn is_beaten(&self) -> bool {
        self.beat.load(Ordering::Relaxed) != self.seen
    }

    /// A function of the program is called; whether the recorder must hear of it ([`Recorder::enter`]).
    #[inline(always)]
    pub(crate) fn counts(&mut self, id: FunctionId) -> bool {
        if let Some(due) = self.due.get_mut(id as usize) {
            *due -= 1;
            if *due == 0 {
                return true;
            }
        }
        self.passes()
    }

    /// An untimed call begins, or an untimed operation begins or ends; whether the recorder must hear of it all the same.
    #[inline(always)]
    fn passes(&mut self) -> bool {
        if self.is_beaten() {
            return true;
        }
        self.has_skipped = true;
        false
    }
}

/// A profile in the making: that of one thread of a run.
pub(crate) struct Recorder {
    /// While it lies aside: what its [`Pulse`] knew of calls to come.
    due: Vec<u32>,
    /// The depth of the innermost timed call where it is a function.
    timed_depth: usize,
    now: Arc<Stopwatch>,
    /// When the clock was looked at last.
    last: u64,
    /// Calls that waited for others behind the event at which it was looked at.
    depth_after: usize,
    functions: Vec<Timing>,
    operations: Operations,
    places: Places,
    open: Vec<Open>,
    running: Vec<Running>,
    events: Vec<Event>,
    thread: u32,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

/// The calls from the outermost to what runs.
struct Path<'p> {
    stack: Stack<'p>,
    running: &'p [Running],
    /// Functions that were told.
    depth: usize,
}

fn path<'p>(stack: Stack<'p>, running: &'p [Running]) -> Path<'p> {
    Path { stack, running, depth: 0 }
}

impl Iterator for Path<'_> {
    type Item = What;

    fn next(&mut self) -> Option<What> {
        // Operations stand behind the function that called them.
        if let Some((first, rest)) = self.running.split_first()
            && first.depth < self.depth
        {
            self.running = rest;
            return Some(What::Operation(first.name));
        }
        let (frames, function) = self.stack;
        let function = match frames.get(self.depth) {
            Some(frame) => frame.function,
            None if self.depth == frames.len() => function,
            None => return None,
        };
        self.depth += 1;
        if function == OUTSIDE { self.next() } else { Some(What::Function(function)) }
    }
}

/// What runs.
fn innermost((frames, function): Stack<'_>, running: &[Running]) -> Option<What> {
    match running.last() {
        Some(operation) if operation.depth >= frames.len() => Some(What::Operation(operation.name)),
        _ => (function != OUTSIDE).then_some(What::Function(function)),
    }
}

impl Recorder {
    /// One of a program with so many functions, laid aside, of a thread that a trace shows by this number.
    pub(crate) fn new(clock: &ProfileClock, functions: usize, thread: u32) -> Recorder {
        Recorder {
            due: vec![1; functions],
            timed_depth: NOWHERE,
            now: Arc::clone(&clock.now),
            last: (clock.now)(),
            depth_after: 0,
            functions: vec![Timing::default(); functions],
            operations: Operations::default(),
            places: Places::default(),
            open: Vec::new(),
            running: Vec::new(),
            events: Vec::new(),
            thread,
        }
    }

    /// The function that was counted last begins; whether it is timed, so that its end must be told.
    #[cold]
    pub(crate) fn enter(&mut self, id: FunctionId, pulse: &mut Pulse<'_>, stack: Stack<'_>) -> bool {
        let is_timed = pulse.due.get(id as usize) == Some(&0);
        let (now, _) = self.ends(pulse, stack, is_timed);
        self.depth_after = stack.0.len() + 1;
        if is_timed {
            let begun = self.functions[id as usize].begins();
            pulse.due[id as usize] = begun.weight;
            self.opens(What::Function(id), now, begun, stack.0.len() + 1);
        }
        is_timed
    }

    /// The function that runs returns.
    #[cold]
    pub(crate) fn leave(&mut self, pulse: &mut Pulse<'_>, stack: Stack<'_>) {
        let is_timed = self.timed_depth == stack.0.len();
        let (now, _) = self.ends(pulse, stack, is_timed);
        self.depth_after = stack.0.len().saturating_sub(1);
        if is_timed {
            self.closes(now, 0);
        }
    }

    /// What runs until here is what `stack` says.
    #[cold]
    pub(crate) fn look(&mut self, pulse: &mut Pulse<'_>, stack: Stack<'_>) {
        if pulse.is_beaten() {
            self.ends(pulse, stack, false);
        }
    }

    /// An operation begins; whether it is timed.
    #[inline]
    pub(crate) fn begin_operation(&mut self, name: &'static str, pulse: &mut Pulse<'_>, stack: Stack<'_>) -> bool {
        let begun = self.operations.begins(name);
        if begun.is_some() || pulse.passes() {
            let (now, _) = self.ends(pulse, stack, begun.is_some());
            if let Some(begun) = begun {
                self.opens(What::Operation(name), now, begun, NOWHERE);
            }
        }
        self.running.push(Running { name, depth: stack.0.len() });
        begun.is_some()
    }

    /// The operation that began last is through; what it made, where it is timed.
    #[inline]
    pub(crate) fn end_operation(&mut self, bytes: Option<u64>, pulse: &mut Pulse<'_>, stack: Stack<'_>) {
        if bytes.is_some() || pulse.passes() {
            let began = self.last;
            let (now, node) = self.ends(pulse, stack, bytes.is_some());
            if let Some(bytes) = bytes {
                self.tells(began, now, node);
                self.closes(now, bytes);
            }
        }
        self.running.pop();
    }

    /// The timed operation that began last is through, and `began` at the last look at the clock if nothing began inside
    /// it: then its time is that of those before it, too, that were not timed.
    fn tells(&mut self, began: u64, now: u64, node: Option<Node>) {
        let Some(Open { what: What::Operation(name), started, begun, .. }) = self.open.last() else { return };
        match node.filter(|_| *started == began) {
            Some(node) => {
                let ns = self.operations.was_alone(name, node, now.saturating_sub(began));
                self.places.told(node, ns.saturating_mul(u64::from(begun.untimed)));
            }
            None => self.operations.was_not_alone(name),
        }
    }

    /// Something begins or ends: the time until here goes to what ran. Gives the time, and the place where it is known.
    fn ends(&mut self, pulse: &mut Pulse<'_>, stack: Stack<'_>, is_timed: bool) -> (u64, Option<Node>) {
        let beat = pulse.beat.load(Ordering::Relaxed);
        let now = (self.now)();
        let is_beaten = std::mem::replace(&mut pulse.seen, beat) != beat;
        let ns = now.saturating_sub(self.last);
        self.last = now;
        let has_returned = std::mem::replace(&mut self.depth_after, stack.0.len()) != stack.0.len();
        // What a beat cut short began or ended untimed.
        let is_known = !std::mem::replace(&mut pulse.has_skipped, !is_timed) && !has_returned && is_timed;
        let last = innermost(stack, &self.running);
        if is_known {
            return (now, self.places.measured(path(stack, &self.running), last, ns));
        }
        self.places.pool(ns);
        let is_told = matches!(last, Some(What::Operation(name)) if self.operations.is_told(name));
        if is_beaten && !is_told {
            self.places.beaten(path(stack, &self.running), last);
        }
        (now, None)
    }

    fn opens(&mut self, what: What, started: u64, begun: Begun, depth: usize) {
        self.open.push(Open { what, started, begun, depth });
        self.timed_depth = depth;
    }

    /// The timed call that began last is through.
    fn closes(&mut self, now: u64, bytes: u64) {
        let Some(open) = self.open.pop() else { return };
        self.timed_depth = self.open.last().map_or(NOWHERE, |open| open.depth);
        let ns = now.saturating_sub(open.started);
        let timing = match open.what {
            What::Function(id) => &mut self.functions[id as usize],
            What::Operation(name) => self.operations.of(name),
        };
        timing.ended(ns, u64::from(open.begun.weight), bytes);
        if self.events.len() < EVENTS_MAX {
            self.events.push(Event { what: open.what, started: open.started, ns, thread: self.thread });
        }
    }

    /// Timed calls that are open.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// What is still open at the end of a machine's work: a fault went through it.
    pub(crate) fn close_to(&mut self, open: usize, pulse: &mut Pulse<'_>, stack: Stack<'_>) {
        if self.open.len() > open {
            let (now, _) = self.ends(pulse, stack, true);
            self.depth_after = NOWHERE;
            while self.open.len() > open {
                self.closes(now, 0);
            }
        }
    }

    /// What comes now is recorded by others.
    pub(crate) fn pause(&mut self, pulse: &mut Pulse<'_>, stack: Stack<'_>) {
        self.ends(pulse, stack, true);
    }

    /// Records again after [`Recorder::pause`], where so many calls wait for others.
    pub(crate) fn resume(&mut self, pulse: &mut Pulse<'_>, depth: usize) {
        (self.last, self.depth_after) = ((self.now)(), depth);
        pulse.seen = pulse.beat.load(Ordering::Relaxed);
        pulse.has_skipped = false;
    }

    /// Lays it aside at the end of a call, for the next one of the same thread or for [`Recorder::merge`].
    pub(crate) fn lay_aside(&mut self, pulse: &mut Pulse<'_>) {
        self.close_to(0, pulse, (&[], OUTSIDE));
        self.due = std::mem::take(&mut pulse.due);
    }

    /// Goes on with another call, where so many wait for others.
    pub(crate) fn take_up(&mut self, pulse: &mut Pulse<'_>, depth: usize) {
        pulse.due = std::mem::take(&mut self.due);
        self.resume(pulse, depth);
    }

    /// Nothing more comes to what was laid aside: counts the calls since those that were timed last.
    fn end(&mut self) {
        for (timing, due) in self.functions.iter_mut().zip(&self.due) {
            timing.count_up(*due);
        }
        self.operations.count_up(&mut self.places);
    }

    /// Takes in what another thread of the same run recorded and laid aside while this one paused.
    pub(crate) fn merge(&mut self, mut other: Recorder, stack: Stack<'_>) {
        other.end();
        self.functions.iter_mut().zip(&other.functions).for_each(|(a, b)| a.merge(b));
        for (name, timing) in other.operations.all() {
            self.operations.of(name).merge(&timing);
        }
        let last = innermost(stack, &self.running);
        self.places.merge(other.places, path(stack, &self.running), last);
        let room = EVENTS_MAX.saturating_sub(self.events.len());
        self.events.extend(other.events.into_iter().take(room));
    }

    /// The profile of what was laid aside, with functions called by `name_of`.
    pub(crate) fn finish(mut self, name_of: impl Fn(FunctionId) -> String) -> Profile {
        self.end();
        self.places.empty_pool();
        // A name is looked up in the source: once for each function, not for each of thousands of calls.
        let names: Vec<String> = (0..self.functions.len()).map(|id| name_of(id as FunctionId)).collect();
        let label = |what: What| match what {
            What::Function(id) => names.get(id as usize).cloned().unwrap_or_default(),
            What::Operation(name) => name.to_owned(),
        };
        let kind = |what: What| match what {
            What::Function(_) => ProfileKind::Function,
            What::Operation(_) => ProfileKind::Operation,
        };
        let functions = std::mem::take(&mut self.functions).into_iter().enumerate();
        let functions = functions.map(|(id, timing)| (What::Function(id as FunctionId), timing));
        let operations = std::mem::take(&mut self.operations).all().into_iter();
        let operations = operations.map(|(name, timing)| (What::Operation(name), timing));
        let totals = self.places.totals();
        let called = functions.chain(operations).filter(|(_, timing)| timing.count > 0);
        let lines = called.map(|(what, mut timing)| {
            timing.settle(self.places.own(what), totals.get(&what).copied().unwrap_or_default());
            ProfileLine { kind: kind(what), name: label(what), timing }
        });
        let mut lines: Vec<ProfileLine> = lines.collect();
        lines.sort_by(|a, b| b.timing.self_ns.cmp(&a.timing.self_ns).then_with(|| a.name.cmp(&b.name)));
        let mut events = std::mem::take(&mut self.events);
        events.sort_by_key(|event| (event.started, std::cmp::Reverse(event.ns)));
        let events = events.into_iter().map(|event| ProfileEvent {
            name: label(event.what),
            kind: kind(event.what),
            started_ns: event.started,
            ns: event.ns,
            thread: event.thread,
        });
        Profile { lines, stacks: self.places.stacks(label), events: events.collect() }
    }
}
