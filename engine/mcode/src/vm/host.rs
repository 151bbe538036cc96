//! What a running program is given and held to: limits, the tensor context, inputs, outputs, and where it prints.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nexus_model::{LimitHit, LimitKind, Limits};
use nexus_tensor::{Charge, Context};

use super::fault::{Fault, Outcome};
use super::fuse::FusionProfile;
use super::machine::{Frame, OUTSIDE};
use super::sharing::Sharing;
use super::tasks::Pending;
use super::value::{List, Record, SharedList, Text, Value};
use crate::ast::Name;
use crate::codes::Code;
use crate::external::ExternalModules;
use crate::hir::FunctionId;
use crate::ir::Image;
use crate::native::Native;
use crate::profile::{Pulse, Recorder};

/// Work between two looks at the clock and the cancel flag, in steps of some nanoseconds to microseconds.
const TICKS: i64 = 2_000;
/// Loop iterations between two looks: few enough for the time that a stop may take where an iteration does a microsecond
/// of plain work (operations on tensors count their work apart), enough that native code is seldom left for one.
const LOOP_CHUNK: u64 = 20_000;
/// What may be done until the next look, in nanoseconds as they are guessed: half of the time that a stop may take. Leaving
/// native code and coming back takes a microsecond or two.
const LOOK_NS: u64 = 25_000_000;
/// What an iteration of the machine is taken for.
const ITERATION_NS: u64 = LOOK_NS / LOOP_CHUNK;
/// Bytes of one list or string, metered or not: more is a mistake in the program.
pub(crate) const OBJECT_BYTES_MAX: u64 = 4 << 30;

/// Reads a file for the program, by the path as the program writes it: its content as a value, or why not.
pub type FileReader<'a> = dyn FnMut(&str) -> Result<nexus_model::Value, String> + Send + 'a;

/// The same for all threads of a run.
pub(crate) type Files<'a> = dyn Fn(&str) -> Result<nexus_model::Value, String> + Sync + 'a;

/// Tells the seconds since 1970 (UTC).
pub type Clock = dyn Fn() -> f64 + Sync;

/// The surroundings of one run.
pub(crate) struct Host<'a> {
    pub(crate) context: &'a Context,
    pub(crate) limits: &'a Limits,
    pub(crate) cancel: &'a AtomicBool,
    pub(crate) print: &'a mut dyn FnMut(&str),
    pub(crate) inputs: &'a [(String, nexus_model::Value)],
    pub(crate) files: Option<&'a Files<'a>>,
    /// Seconds since 1970, where the run may know them.
    pub(crate) clock: Option<&'a Clock>,
    /// What calls external modules, where the run may.
    pub(crate) external: Option<&'a dyn ExternalModules>,
    pub(crate) outputs: Vec<(String, Value)>,
    pub(crate) globals: Vec<Value>,
    /// The program, for library functions that call its functions.
    pub(crate) image: &'a Image,
    /// Derivatives that are being taken inside each other.
    pub(crate) derivatives: u32,
    /// Calls of library functions inside each other that run the machine inside itself.
    pub(crate) nested: u32,
    /// Native code, at the level that has it; away while it runs.
    pub(crate) native: Option<Box<Native<'a>>>,
    /// What fusion did.
    pub(crate) fusion: FusionProfile,
    /// What takes the time, where the run is profiled.
    pub(crate) profile: Option<Box<Recorder>>,
    /// What each call looks at for it.
    pub(super) pulse: Pulse<'a>,
    /// Where the run is profiled, the calls that wait for another to return, of all machines inside each other.
    pub(crate) frames: Vec<Frame>,
    /// The function that runs, where the run is profiled.
    pub(crate) function: FunctionId,
    /// Threads that calls may be spread over.
    pub(crate) threads: usize,
    /// The way of long batches of calls to other machines.
    pub(crate) sharing: Option<Sharing<'a>>,
    /// Whether this is the surroundings of a task: what it spawns runs at once.
    pub(crate) in_task: bool,
    /// Spawned calls that have not run, in order.
    pub(crate) pending: Vec<Pending>,
    streams: u64,
    printed: u64,
    /// Bytes of the value that is being written out.
    pub(crate) converted: u64,
    ticks: i64,
    /// Iterations of all threads of the run, as far as they are accounted for.
    pub(crate) loops: Arc<AtomicU64>,
    /// Iterations until the next look, never 0.
    pub(crate) loops_left: u64,
    loops_granted: u64,
    /// What was done since the last look, in nanoseconds as they are guessed.
    spent_ns: u64,
    /// What was left when that was last brought up to date.
    loops_seen: u64,
}

impl<'a> Host<'a> {
    pub(crate) fn new(
        context: &'a Context,
        limits: &'a Limits,
        cancel: &'a AtomicBool,
        print: &'a mut dyn FnMut(&str),
        inputs: &'a [(String, nexus_model::Value)],
        files: Option<&'a Files<'a>>,
        image: &'a Image,
    ) -> Self {
        let mut host = Host {
            context,
            limits,
            cancel,
            print,
            inputs,
            files,
            clock: None,
            external: None,
            outputs: Vec::new(),
            globals: vec![Value::Absent; image.globals.len()],
            image,
            derivatives: 0,
            nested: 0,
            native: None,
            fusion: FusionProfile::default(),
            profile: None,
            pulse: Pulse::new(context.profile_clock()),
            frames: Vec::new(),
            function: OUTSIDE,
            threads: 1,
            sharing: None,
            in_task: false,
            pending: Vec::new(),
            streams: 0,
            printed: 0,
            converted: 0,
            ticks: TICKS,
            loops: Arc::default(),
            loops_left: 0,
            loops_granted: 0,
            spent_ns: 0,
            loops_seen: 0,
        };
        host.grant_loops();
        host
    }

    /// Counts work; at intervals looks whether the run must stop.
    #[inline]
    pub(crate) fn tick(&mut self, work: usize) -> Outcome<()> {
        self.ticks -= work as i64;
        if self.ticks < 0 { self.poll() } else { Ok(()) }
    }

    /// Looks whether the run must stop.
    #[cold]
    pub(crate) fn poll(&mut self) -> Outcome<()> {
        self.ticks = TICKS;
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Fault::cancelled());
        }
        self.context.poll().map_err(Fault::tensor)
    }

    /// Calls that may be made until the next look at whether the run must stop, never 0.
    pub(crate) fn calls_left(&self) -> u64 {
        self.ticks.max(1).cast_unsigned()
    }

    /// Says how many of them are left.
    pub(crate) fn set_calls_left(&mut self, left: u64) {
        self.ticks = i64::try_from(left).unwrap_or(TICKS).min(TICKS);
    }

    /// Grants what may be done until the next look, where nothing is granted.
    fn grant_loops(&mut self) {
        (self.loops_granted, self.loops_left) = (0, 0);
        self.set_loops_left(self.until_look());
    }

    /// Iterations of the machine until the next look, never 0.
    fn until_look(&self) -> u64 {
        (LOOK_NS.saturating_sub(self.spent_ns) / ITERATION_NS).max(1)
    }

    /// Leaves so many iterations until the next look, as far as the limit allows.
    fn set_loops_left(&mut self, wanted: u64) {
        let done = self.loops_granted - self.loops_left;
        let accounted = self.loops.load(Ordering::Relaxed).saturating_add(done);
        // One more than the limit allows: the iteration that goes beyond it is the one that is refused.
        let allowed =
            self.limits.loop_iterations.map_or(u64::MAX, |max| max.saturating_sub(accounted).saturating_add(1));
        self.loops_left = wanted.min(allowed).max(1);
        self.loops_granted = done + self.loops_left;
        self.loops_seen = self.loops_left;
    }

    /// Counts the time of the iterations since this was last done.
    fn spend(&mut self, iteration_ns: u64) {
        let done = self.loops_seen.saturating_sub(self.loops_left);
        self.spent_ns = self.spent_ns.saturating_add(done.saturating_mul(iteration_ns));
        self.loops_seen = self.loops_left;
    }

    /// Grants what does nothing else than iterate as many iterations as it may do until the next look, more or fewer than
    /// the machine would; behind it [`Self::take_back_loops`] is called. A profile is kept by the looks, which stay as
    /// close as they are.
    pub(crate) fn lend_loops(&mut self, iteration_ns: u64) {
        self.spend(ITERATION_NS);
        let within = LOOK_NS.saturating_sub(self.spent_ns) / iteration_ns.max(1);
        self.set_loops_left(if self.profile.is_some() { within.min(self.loops_left) } else { within });
    }

    /// Takes back what was lent, but for what the machine may do until the next look.
    pub(crate) fn take_back_loops(&mut self, iteration_ns: u64) {
        self.spend(iteration_ns);
        // The last iteration that was granted is the machine's. Where there is no time for another the look is due, however
        // short the stays are: else many of them would put it off for ever.
        if LOOK_NS.saturating_sub(self.spent_ns) < iteration_ns.saturating_mul(2) {
            self.spent_ns = LOOK_NS;
        }
        let until_look = self.until_look();
        self.set_loops_left(if self.profile.is_some() { until_look.min(self.loops_left) } else { until_look });
    }

    /// Called when `loops_left` has come to 0: the iterations are accounted for, and more are granted or refused.
    #[cold]
    pub(crate) fn loop_checkpoint(&mut self) -> Outcome<()> {
        let done = self.loops.fetch_add(self.loops_granted, Ordering::Relaxed) + self.loops_granted;
        if let Some(limit) = self.limits.loop_iterations
            && done > limit
        {
            return Err(Fault::limit(LimitHit { kind: LimitKind::LoopIterations, limit, wanted: None }));
        }
        self.spent_ns = 0;
        self.grant_loops();
        self.poll()
    }

    /// Accounts for the iterations since the last look, before or after other threads count theirs. The look itself comes no
    /// later for it.
    pub(crate) fn account_for_loops(&mut self) {
        self.spend(ITERATION_NS);
        self.loops.fetch_add(self.loops_granted.saturating_sub(self.loops_left), Ordering::Relaxed);
        self.grant_loops();
    }

    /// Accounts for iterations of calls that counted theirs alone.
    pub(crate) fn add_iterations(&mut self, count: u64) -> Outcome<()> {
        if count == 0 {
            return Ok(());
        }
        self.loops.fetch_add(count, Ordering::Relaxed);
        self.settle_loops()
    }

    /// Iterations that are accounted for.
    pub(crate) fn iterations(&mut self) -> u64 {
        self.account_for_loops();
        self.loops.load(Ordering::Relaxed)
    }

    /// Forgets those since there were `before`: they are made again. Nothing else may count at the same time.
    pub(crate) fn forget_iterations(&mut self, before: u64) {
        self.spend(ITERATION_NS);
        self.loops.store(before, Ordering::Relaxed);
        self.grant_loops();
    }

    /// The same at the end of a task: all tasks together may have gone beyond the limit.
    pub(crate) fn settle_loops(&mut self) -> Outcome<()> {
        self.account_for_loops();
        match self.limits.loop_iterations {
            Some(limit) if self.loops.load(Ordering::Relaxed) > limit => {
                Err(Fault::limit(LimitHit { kind: LimitKind::LoopIterations, limit, wanted: None }))
            }
            _ => Ok(()),
        }
    }

    /// The first of `count` random streams that nothing else of this run draws from.
    pub(crate) fn next_stream(&mut self, count: u64) -> u64 {
        let first = self.streams;
        self.streams = first.wrapping_add(count);
        first
    }

    /// Passes on what a task printed and output.
    pub(crate) fn pass_on(&mut self, printed: &[String], outputs: Vec<(String, Value)>) -> Outcome<()> {
        for line in printed {
            self.print_line(line)?;
        }
        outputs.into_iter().for_each(|(name, value)| self.set_output(name, value));
        Ok(())
    }

    /// Names a value as an output; naming one again replaces it.
    pub(crate) fn set_output(&mut self, name: String, value: Value) {
        match self.outputs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.outputs.push((name, value)),
        }
    }

    /// A call inside `depth` others.
    pub(crate) fn check_depth(&self, depth: usize) -> Outcome<()> {
        let limit = u64::from(self.limits.recursion_depth);
        if depth as u64 >= limit {
            return Err(Fault::limit(LimitHit { kind: LimitKind::Recursion, limit, wanted: None }));
        }
        Ok(())
    }

    /// Admits memory before it is allocated. `None` where the run is not metered.
    pub(crate) fn admit(&self, bytes: usize) -> Outcome<Option<Charge>> {
        let wanted = bytes as u64;
        if self.limits.memory_bytes.is_some() {
            return self.context.meter().admit(wanted).map(Some).map_err(Fault::limit);
        }
        if wanted > OBJECT_BYTES_MAX {
            let hit = LimitHit { kind: LimitKind::Memory, limit: OBJECT_BYTES_MAX, wanted: Some(wanted) };
            return Err(Fault::limit(hit));
        }
        Ok(None)
    }

    /// A list, admitted.
    pub(crate) fn list(&self, items: Vec<Value>) -> Outcome<Value> {
        let charge = self.admit(items.capacity().saturating_mul(size_of::<Value>()))?;
        Ok(Value::List(SharedList::new(List::new(items, charge)?)))
    }

    /// A record, admitted.
    pub(crate) fn record(&self, fields: Vec<(Name, Value)>) -> Outcome<Value> {
        let charge = self.admit(fields.capacity().saturating_mul(size_of::<(Name, Value)>()))?;
        Ok(Value::Record(Arc::new(Record::new(fields, charge)?)))
    }

    /// A string, admitted.
    pub(crate) fn string(&self, text: String) -> Outcome<Value> {
        let charge = self.admit(text.len())?;
        Ok(Value::Str(Arc::new(Text { text, charge })))
    }

    /// The list behind a value, for writing: its own, or a copy where it is shared.
    pub(crate) fn list_mut<'v>(&mut self, list: &'v mut SharedList) -> Outcome<&'v mut List> {
        if !list.is_unique() {
            self.tick(list.len() / 16)?;
            let charge = self.admit(list.bytes())?;
            *list = SharedList::new(list.copied(charge));
        }
        SharedList::get_mut(list).ok_or_else(|| Fault::internal("a fresh list is shared"))
    }

    /// The record behind a value, for writing.
    pub(crate) fn record_mut<'v>(&mut self, record: &'v mut Arc<Record>) -> Outcome<&'v mut Record> {
        if Arc::get_mut(record).is_none() {
            self.tick(record.fields().len() / 16)?;
            let charge = self.admit(size_of_val(record.fields()))?;
            *record = Arc::new(Record::new(record.fields().to_vec(), charge)?);
        }
        Arc::get_mut(record).ok_or_else(|| Fault::internal("a fresh record is shared"))
    }

    /// Makes room in a list for `more` items.
    pub(crate) fn reserve(&self, list: &mut List, more: usize) -> Outcome<()> {
        let length = list.len();
        let room = more.max(length).max(4);
        let charge = self.admit(length.saturating_add(room).saturating_mul(size_of::<Value>()))?;
        list.grow(room, charge);
        Ok(())
    }

    /// Adds an item to a list.
    pub(crate) fn push(&mut self, list: &mut SharedList, item: Value) -> Outcome<()> {
        let list = self.list_mut(list)?;
        if list.is_full() {
            self.reserve(list, 1)?;
        }
        list.push(item)
    }

    /// Prints a line with its line break.
    pub(crate) fn print_line(&mut self, line: &str) -> Outcome<()> {
        self.printed = self.printed.saturating_add(line.len() as u64);
        if let Some(limit) = self.limits.output_bytes
            && self.printed > limit
        {
            return Err(Fault::limit(LimitHit { kind: LimitKind::Output, limit, wanted: None }));
        }
        (self.print)(line);
        Ok(())
    }

    /// The content of a file that the run was granted.
    pub(crate) fn read_file(&mut self, path: &str) -> Outcome<Value> {
        let stem = path.rsplit(['/', '\\']).next().and_then(|f| f.split('.').next()).unwrap_or("name");
        let Some(files) = self.files else {
            return Err(Fault::new(Code::NotGranted, "this run may not read files")
                .help(format!("pass it as an input: `--input {stem}={path}`, and read it with `input(\"{stem}\")`")));
        };
        let value = files(path).map_err(|reason| Fault::new(Code::NotGranted, reason))?;
        self.import(&value)
    }
}
