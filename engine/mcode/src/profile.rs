//! What a run spent its time on: functions and operations, with how often and how long, and where in the calls.
//!
//! The machine tells it when a function or an operation begins and ends; the clock is the caller's
//! ([`nexus_tensor::Context::with_stopwatch`]). It changes nothing that a program computes.
//!
//! Looking at a clock costs more than a short call. So every call is counted, and of what is short only every so many
//! calls are timed, each standing for those between: the totals of what is short are estimates, those of what is long are
//! exact, and the cost stays bounded.

mod drawn;
mod operations;
mod timing;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::drawn::bytes;
use self::operations::Operations;
pub use self::timing::Timing;
use crate::hir::FunctionId;

/// Places in the tree of calls; beyond that calls count for their caller.
const NODES_MAX: usize = 4_096;
/// Depth of the tree of calls; deeper recursion counts for its caller.
const DEPTH_MAX: usize = 128;
/// Single calls that are kept for a trace.
const EVENTS_MAX: usize = 50_000;
/// What a line of a profile is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProfileKind {
    /// A function of the program, with everything that it calls.
    Function,
    /// An operation on tensors or of the library.
    Operation,
}

/// What something is called in a profile: a function's number, or an operation's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Function(FunctionId),
    Operation(&'static str),
}

#[derive(Debug, Clone)]
struct Node {
    parent: u32,
    what: What,
    self_ns: i64,
    count: u64,
}

/// A call that is being timed.
#[derive(Debug, Clone)]
struct Open {
    what: What,
    node: u32,
    started: u64,
    weight: u64,
    /// What timed calls inside it took, each for those that it stands for.
    children_ns: i64,
    /// Of a function: the machine and the depth of its stack.
    place: (u32, usize),
}

/// One call, for a trace.
#[derive(Debug, Clone, Copy)]
struct Event {
    what: What,
    started: u64,
    ns: u64,
    thread: u32,
}

/// The clock of a profile, in nanoseconds from any beginning.
type Stopwatch = nexus_tensor::Stopwatch;

/// A profile in the making: that of one thread of a run.
pub(crate) struct Recorder {
    /// By function: calls until the next one that is timed. Apart from all else, because every call looks at it.
    due: Vec<u32>,
    /// The depth of the innermost timed function, so that leaving another costs one comparison.
    innermost_depth: usize,
    /// The machine of that function.
    innermost_machine: u32,
    clock: Arc<Stopwatch>,
    functions: Vec<Timing>,
    operations: Operations,
    nodes: Vec<Node>,
    children: BTreeMap<(u32, What), u32>,
    open: Vec<Open>,
    events: Vec<Event>,
    thread: u32,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

const ROOT: u32 = 0;
const NOWHERE: (u32, usize) = (u32::MAX, usize::MAX);

impl Recorder {
    pub(crate) fn new(clock: Arc<Stopwatch>, functions: usize, thread: u32) -> Recorder {
        let root = Node { parent: ROOT, what: What::Operation(""), self_ns: 0, count: 0 };
        Recorder {
            due: vec![1; functions],
            innermost_depth: NOWHERE.1,
            innermost_machine: NOWHERE.0,
            clock,
            functions: vec![Timing::default(); functions],
            operations: Operations::default(),
            nodes: vec![root],
            children: BTreeMap::new(),
            open: Vec::new(),
            events: Vec::new(),
            thread,
        }
    }

    /// Says on which thread of the run it records.
    pub(crate) fn set_thread(&mut self, thread: u32) {
        self.thread = thread;
    }

    fn begin(&mut self, what: What, weight: u64, place: (u32, usize)) {
        let parent = self.open.last().map_or(ROOT, |open| open.node);
        let node = self.node(parent, what);
        let started = (self.clock)();
        self.open.push(Open { what, node, started, weight, children_ns: 0, place });
    }

    fn node(&mut self, parent: u32, what: What) -> u32 {
        if let Some(&known) = self.children.get(&(parent, what)) {
            return known;
        }
        if self.nodes.len() >= NODES_MAX || self.open.len() >= DEPTH_MAX {
            return parent;
        }
        let node = self.nodes.len() as u32;
        self.nodes.push(Node { parent, what, self_ns: 0, count: 0 });
        self.children.insert((parent, what), node);
        node
    }

    fn end(&mut self, bytes: u64) {
        let now = (self.clock)();
        let Some(open) = self.open.pop() else { return };
        let ns = now.saturating_sub(open.started);
        let weighed = i64::try_from(ns.saturating_mul(open.weight)).unwrap_or(i64::MAX);
        let timing = match open.what {
            What::Function(id) => &mut self.functions[id as usize],
            What::Operation(name) => self.operations.of(name),
        };
        timing.active = timing.active.saturating_sub(1);
        timing.ended(ns, open.children_ns, open.weight, timing.active == 0);
        timing.bytes = timing.bytes.saturating_add(bytes.saturating_mul(open.weight));
        let node = &mut self.nodes[open.node as usize];
        let own = i64::try_from(ns).unwrap_or(i64::MAX).saturating_sub(open.children_ns);
        node.self_ns = node.self_ns.saturating_add(own.saturating_mul(open.weight as i64));
        node.count += open.weight;
        if let Some(outer) = self.open.last_mut() {
            outer.children_ns = outer.children_ns.saturating_add(weighed);
        }
        if self.events.len() < EVENTS_MAX {
            self.events.push(Event { what: open.what, started: open.started, ns, thread: self.thread });
        }
    }

    /// A function of the program begins; whether it is to be timed ([`Recorder::enter`]).
    #[inline(always)]
    pub(crate) fn counts(&mut self, id: FunctionId) -> bool {
        match self.due.get_mut(id as usize) {
            Some(due) => {
                *due -= 1;
                *due == 0
            }
            None => false,
        }
    }

    /// The function that was counted last is timed; `place` is its machine and the depth of that machine's stack.
    #[cold]
    pub(crate) fn enter(&mut self, id: FunctionId, place: (u32, usize)) {
        let timing = &mut self.functions[id as usize];
        let weight = timing.begins();
        timing.active += 1;
        self.due[id as usize] = weight;
        self.begin(What::Function(id), u64::from(weight), place);
        self.stands(place);
    }

    /// A function returns at this depth; whether the innermost timed function may be meant ([`Recorder::leave`]).
    #[inline(always)]
    pub(crate) fn is_at(&self, depth: usize) -> bool {
        self.innermost_depth == depth
    }

    /// The function at this place returns.
    #[cold]
    pub(crate) fn leave(&mut self, place: (u32, usize)) {
        if (self.innermost_machine, self.innermost_depth) == place {
            self.end(0);
            self.back();
        }
    }

    fn stands(&mut self, (machine, depth): (u32, usize)) {
        (self.innermost_machine, self.innermost_depth) = (machine, depth);
    }

    /// The one around what ended is the innermost again.
    fn back(&mut self) {
        self.stands(self.open.last().map_or(NOWHERE, |open| open.place));
    }

    /// An operation begins; whether it is timed, so that its end must be told.
    #[inline]
    pub(crate) fn begin_operation(&mut self, name: &'static str) -> bool {
        let Some(weight) = self.operations.begins(name) else { return false };
        // While an operation runs, functions that it calls are inside of it.
        let place = NOWHERE;
        self.begin(What::Operation(name), u64::from(weight), place);
        self.stands(place);
        true
    }

    /// The timed operation that began last is through; what it made.
    pub(crate) fn end_operation(&mut self, bytes: u64) {
        self.end(bytes);
        self.back();
    }

    /// Counts the calls since those that were timed last.
    fn count_up(&mut self) {
        self.functions.iter_mut().zip(&mut self.due).for_each(|(timing, due)| timing.count_up(*due));
        self.operations.count_up();
    }

    /// What is still open at the end of a machine's work: a fault went through it.
    pub(crate) fn close_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            self.end_operation(0);
        }
    }

    /// Timed calls that are open.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Takes in what another thread of the same run recorded.
    pub(crate) fn merge(&mut self, mut other: Recorder) {
        other.close_to(0);
        other.count_up();
        self.functions.iter_mut().zip(&other.functions).for_each(|(a, b)| a.merge(b));
        for (name, timing) in other.operations.all() {
            self.operations.of(name).merge(&timing);
        }
        let at = self.open.last().map_or(ROOT, |open| open.node);
        let mut places = vec![at];
        for node in other.nodes.iter().skip(1) {
            let parent = places[node.parent as usize];
            let place = self.node(parent, node.what);
            self.nodes[place as usize].self_ns += node.self_ns;
            self.nodes[place as usize].count += node.count;
            places.push(place);
        }
        let room = EVENTS_MAX.saturating_sub(self.events.len());
        self.events.extend(other.events.into_iter().take(room));
    }
}

/// A line of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileLine {
    /// What it is about.
    pub kind: ProfileKind,
    /// The function's name with its line, or the operation's.
    pub name: String,
    /// How often and how long.
    pub timing: Timing,
}

/// A place in the calls with the time that was spent there and nowhere deeper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileStack {
    /// From the outermost call.
    pub frames: Vec<String>,
    /// Nanoseconds.
    pub self_ns: u64,
}

/// A single call: where a trace draws a bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileEvent {
    /// The function or operation.
    pub name: String,
    /// Which of the two.
    pub kind: ProfileKind,
    /// Nanoseconds on the run's clock.
    pub started_ns: u64,
    /// Nanoseconds.
    pub ns: u64,
    /// Number of the thread of the run: 0 is the main one.
    pub thread: u32,
}

/// What a run spent its time on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// Functions and operations, those with most time of their own first.
    pub lines: Vec<ProfileLine>,
    /// Places in the calls, for a flame graph.
    pub stacks: Vec<ProfileStack>,
    /// Single calls, the first ones of the run, in the order of their beginning.
    pub events: Vec<ProfileEvent>,
}

impl Recorder {
    /// The profile, with functions called by `name_of`.
    pub(crate) fn finish(mut self, name_of: impl Fn(FunctionId) -> String) -> Profile {
        self.close_to(0);
        self.count_up();
        let mut lines = Vec::new();
        let functions = std::mem::take(&mut self.functions);
        // A name is looked up in the source: once for each function, not for each of thousands of calls.
        let names: Vec<String> = (0..functions.len()).map(|id| name_of(id as FunctionId)).collect();
        let name_of = |id: FunctionId| names.get(id as usize).cloned().unwrap_or_default();
        for (id, timing) in functions.into_iter().enumerate().filter(|(_, timing)| timing.count > 0) {
            lines.push(ProfileLine { kind: ProfileKind::Function, name: name_of(id as FunctionId), timing });
        }
        for (name, timing) in std::mem::take(&mut self.operations).all() {
            lines.push(ProfileLine { kind: ProfileKind::Operation, name: name.to_owned(), timing });
        }
        lines.iter_mut().for_each(|line| line.timing.settle());
        lines.sort_by(|a, b| b.timing.self_ns.cmp(&a.timing.self_ns).then_with(|| a.name.cmp(&b.name)));
        let label = |what: What| match what {
            What::Function(id) => name_of(id),
            What::Operation(name) => name.to_owned(),
        };
        let kind = |what: What| match what {
            What::Function(_) => ProfileKind::Function,
            What::Operation(_) => ProfileKind::Operation,
        };
        let stacks = (1..self.nodes.len()).filter(|&node| self.nodes[node].self_ns > 0).map(|node| {
            let mut frames = Vec::new();
            let mut at = node as u32;
            while at != ROOT {
                frames.push(label(self.nodes[at as usize].what));
                at = self.nodes[at as usize].parent;
            }
            frames.reverse();
            ProfileStack { frames, self_ns: self.nodes[node].self_ns.max(0).cast_unsigned() }
        });
        let stacks = stacks.collect();
        let mut events = std::mem::take(&mut self.events);
        events.sort_by_key(|event| (event.started, std::cmp::Reverse(event.ns)));
        let events = events.into_iter().map(|event| ProfileEvent {
            name: label(event.what),
            kind: kind(event.what),
            started_ns: event.started,
            ns: event.ns,
            thread: event.thread,
        });
        Profile { lines, stacks, events: events.collect() }
    }
}
