//! What is hot, and the native code that was made of it.
//!
//! The code is kept with the program and shared by all runs of it; how hot its places are is counted in each run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use nexus_jit::ir::Constant;
use nexus_jit::{CodeStore, Origin};

use super::counts::NativeProfile;
use super::entry::{Buffers, Entry, known_of, place_of, restore};
use super::known::{ArrayPlace, Known, kind_of};
use super::repayment::{self, Repayment, Verdict};
use super::translate::Start;
use super::unit::{Made, UnitMaker};
use crate::flow::Flow;
use crate::hir::FunctionId;
use crate::ir::{Image, Instruction, Register};
use crate::vm::fault::Fault;
use crate::vm::host::Host;
use crate::vm::registers::make_room;
use crate::vm::value::Value;

/// The heat of a place that is to be compiled; places begin below it.
const HOT: u16 = 1 << 12;
/// Times that the machine comes to a place before it is hot.
const VISITS: u16 = 150;
/// Times that it comes to a hot place before it is asked again whether compiling pays.
const VISITS_AGAIN: u16 = 600;
/// Beyond this a place has native code.
const COMPILED: u16 = u16::MAX - 1;
/// A place that is left to the machine.
const NEVER: u16 = u16::MAX;
/// Combinations of types that one place is compiled for.
const ENTRIES_MAX: usize = 4;
/// Short stays in native code after which a place is left to the machine.
const SHORT_STAYS_MAX: u16 = 60;
/// Iterations of a stay that was not short.
const SHORT_STAY: u64 = 6;
/// Runs in which a place could not be compiled after which no other tries it, where compiling is to be repaid.
const REFUSALS_MAX: u8 = 3;

/// What making machine code is called in a profile.
pub const MAKING_CODE: &str = "compile to machine code";

type Place = (FunctionId, usize);

/// The native code of a program.
#[derive(Debug, Default)]
pub(crate) struct NativeCache {
    entries: Mutex<BTreeMap<Place, Vec<Arc<Entry>>>>,
    /// What compiling a place is expected to take, in nanoseconds, where it was translated once.
    costs: Mutex<BTreeMap<Place, u64>>,
    /// In how many runs a place could not be compiled, and why.
    refusals: Mutex<BTreeMap<Place, (u8, String)>>,
}

impl NativeCache {
    /// The places that have native code, in the order of the program, with what it was made for.
    pub(crate) fn all(&self) -> Vec<(Place, Vec<Arc<Entry>>)> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().map(|(place, entries)| (*place, entries.clone())).collect()
    }

    fn at(&self, place: Place) -> Vec<Arc<Entry>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(&place).cloned().unwrap_or_default()
    }

    fn add(&self, place: Place, entry: &Arc<Entry>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let known = entries.entry(place).or_default();
        if known.len() < ENTRIES_MAX {
            known.push(Arc::clone(entry));
        }
    }

    fn cost_ns(&self, place: Place) -> Option<u64> {
        self.costs.lock().unwrap_or_else(PoisonError::into_inner).get(&place).copied()
    }

    /// Why a place is left to the machine in every run.
    fn refusal(&self, place: Place) -> Option<String> {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.get(&place).filter(|(runs, _)| *runs >= REFUSALS_MAX).map(|(_, why)| why.clone())
    }

    fn refuse(&self, place: Place, why: &str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.entry(place).or_insert_with(|| (0, why.to_owned())).0 += 1;
    }

    fn set_cost(&self, place: Place, cost_ns: u64) {
        self.costs.lock().unwrap_or_else(PoisonError::into_inner).insert(place, cost_ns);
    }
}

/// A call that was open when native code was left; the innermost is where the machine goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resume {
    pub(crate) function: FunctionId,
    pub(crate) pc: usize,
    /// The first register of its window.
    pub(crate) base: usize,
}

#[derive(Debug, Default)]
struct Compiled {
    entries: Vec<Arc<Entry>>,
    short_stays: u16,
}

/// Where the native code of a run is found and kept.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'p> {
    /// In memory, with the program.
    pub(crate) cache: &'p NativeCache,
    /// Beyond the process.
    pub(crate) store: Option<&'p dyn CodeStore>,
    /// Whether compiling pays; where nothing is said, all that is hot is compiled.
    pub(crate) repayment: Option<Repayment<'p>>,
}

/// The native side of one run.
pub(crate) struct Native<'p> {
    shared: Shared<'p>,
    /// How often the machine came to each place of each function.
    heat: Vec<Box<[u16]>>,
    places: BTreeMap<Place, Compiled>,
    flows: BTreeMap<FunctionId, Option<Arc<Flow>>>,
    buffers: Buffers,
    pub(crate) profile: NativeProfile,
}

impl<'p> Native<'p> {
    pub(crate) fn new(shared: Shared<'p>) -> Self {
        Native {
            shared,
            heat: Vec::new(),
            places: BTreeMap::new(),
            flows: BTreeMap::new(),
            buffers: Buffers::default(),
            profile: NativeProfile::default(),
        }
    }

    /// What the threads of the run share.
    pub(crate) fn shared(&self) -> Shared<'p> {
        self.shared
    }

    /// Counts that the machine comes to a place; whether native code should be tried.
    #[inline(always)]
    pub(crate) fn is_hot(&mut self, image: &Image, function: FunctionId, pc: usize) -> bool {
        match self.heat.get_mut(function as usize).and_then(|places| places.get_mut(pc)) {
            Some(&mut NEVER) => false,
            Some(heat) if *heat >= HOT => true,
            Some(heat) if *heat > 0 => {
                *heat += 1;
                false
            }
            _ => self.first_visit(image, function, pc),
        }
    }

    #[cold]
    fn first_visit(&mut self, image: &Image, function: FunctionId, pc: usize) -> bool {
        while self.heat.len() <= function as usize {
            self.heat.push(Box::default());
        }
        let places = &mut self.heat[function as usize];
        if places.is_empty() {
            *places = vec![0; image.functions[function as usize].instructions.len()].into();
        }
        if self.shared.repayment.is_some()
            && let Some(why) = self.shared.cache.refusal((function, pc))
        {
            self.set_heat((function, pc), NEVER);
            self.reason(image, (function, pc), why);
            return false;
        }
        let entries = self.shared.cache.at((function, pc));
        self.set_heat((function, pc), if entries.is_empty() { HOT - VISITS + 1 } else { COMPILED });
        if entries.is_empty() {
            return false;
        }
        self.profile.reused += entries.len() as u64;
        self.places.insert((function, pc), Compiled { entries, short_stays: 0 });
        true
    }

    fn set_heat(&mut self, (function, pc): Place, heat: u16) {
        if let Some(known) = self.heat.get_mut(function as usize).and_then(|places| places.get_mut(pc)) {
            *known = heat;
        }
    }

    /// Runs native code from a hot place, whose registers are `stack` from `base`. The calls that are open when it is
    /// left, outermost first, are put into `resume`; nothing is put there where nothing ran.
    pub(crate) fn enter(
        &mut self,
        host: &mut Host,
        image: &Image,
        stack: &mut Vec<Value>,
        (place, base): (Place, usize),
        depth: u64,
        resume: &mut Vec<Resume>,
    ) -> Result<(), Box<Fault>> {
        resume.clear();
        let window = &mut stack[base..base + usize::from(image.functions[place.0 as usize].registers)];
        let Some(entry) = self.fitting(host, image, window, place) else { return Ok(()) };
        let Some(left) = entry.run(host, window, depth, &mut self.buffers) else { return Ok(()) };
        self.profile.entered += 1;
        self.profile.fallbacks += u64::from(left.unsupported);
        if left.unsupported && left.loops < SHORT_STAY {
            self.short_stay(place);
        }
        let mut base = base;
        for (site, values) in entry.left(&self.buffers) {
            let (function, pc) = place_of(site);
            let code = &image.functions[function as usize];
            let end = base + usize::from(code.registers);
            if end > stack.len() {
                make_room(host, stack, end)?;
            }
            restore(site, values, &mut stack[base..end]);
            resume.push(Resume { function, pc, base });
            if let Instruction::Call { start, .. } = code.instructions[pc] {
                base += usize::from(start);
            }
        }
        left.fault.map_or(Ok(()), Err)
    }

    /// Counts a stay that was not worth its way in and out.
    fn short_stay(&mut self, place: Place) {
        let Some(compiled) = self.places.get_mut(&place) else { return };
        compiled.short_stays += 1;
        if compiled.short_stays > SHORT_STAYS_MAX {
            self.set_heat(place, NEVER);
        }
    }

    /// The code for what the registers hold, compiled where there is none.
    fn fitting(&mut self, host: &mut Host, image: &Image, window: &[Value], place: Place) -> Option<Arc<Entry>> {
        let known = self.places.entry(place).or_default();
        if let Some(entry) = known.entries.iter().find(|entry| entry.fits(host, window)) {
            return Some(Arc::clone(entry));
        }
        if known.entries.len() >= ENTRIES_MAX {
            self.short_stay(place);
            return None;
        }
        match self.repaid(host, image, window, place) {
            Ok(Some(entry)) => {
                let entry = Arc::new(entry);
                self.shared.cache.add(place, &entry);
                self.places.entry(place).or_default().entries.push(Arc::clone(&entry));
                self.set_heat(place, COMPILED);
                Some(entry)
            }
            Ok(None) => {
                self.set_heat(place, HOT - VISITS_AGAIN);
                None
            }
            Err(why) => {
                self.shared.cache.refuse(place, &why);
                self.reason(image, place, why);
                self.set_heat(place, NEVER);
                None
            }
        }
    }

    /// Native code for a place; `None` where making it does not pay now.
    fn repaid(
        &mut self,
        host: &mut Host,
        image: &Image,
        window: &[Value],
        place: Place,
    ) -> Result<Option<Entry>, String> {
        let Shared { cache, store, repayment } = self.shared;
        let Some(repayment) = repayment else {
            let made = self.translate(host, image, window, place)?;
            return host.measured(MAKING_CODE, |_| self.compile(image, window, place, made, None)).map(Some);
        };
        let known_ns = cache.cost_ns(place);
        let guess_ns = || repayment::guess_ns(&image.functions[place.0 as usize].instructions, place.1);
        if !self.is_time(repayment.judge(known_ns.unwrap_or_else(guess_ns))) {
            return Ok(None);
        }
        let made = self.translate(host, image, window, place)?;
        if let Some(code) = store.and_then(|store| nexus_jit::stored(&made.1.unit, &made.1.assumed(window), store)) {
            return self.compile(image, window, place, made, Some(code)).map(Some);
        }
        let cost_ns = known_ns.unwrap_or_else(|| repayment::cost_ns(&made.1.unit));
        cache.set_cost(place, cost_ns);
        if known_ns.is_none() && !self.is_time(repayment.judge(cost_ns)) {
            return Ok(None);
        }
        host.measured(MAKING_CODE, |_| self.compile(image, window, place, made, None)).map(Some)
    }

    /// Counts what is put off.
    fn is_time(&mut self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Now => return true,
            Verdict::Later => self.profile.awaited += 1,
            Verdict::Never => self.profile.declined += 1,
        }
        false
    }

    fn translate(
        &mut self,
        host: &Host,
        image: &Image,
        window: &[Value],
        place: Place,
    ) -> Result<(Vec<(Register, Known)>, Made), String> {
        let (id, pc) = place;
        let code = &image.functions[id as usize];
        let mut maker = UnitMaker::new(image, &host.globals, &mut self.flows);
        let flow = maker.flow(id).ok_or("the function is too large, or watches variables")?;
        let end =
            if pc == 0 { code.instructions.len() } else { usize::from(flow.loop_end(pc as u16).unwrap_or(0)) + 1 };
        let (mut state, mut arrays) = (vec![Known::Dead; window.len()], Vec::new());
        for (register, value) in window.iter().enumerate().filter(|&(r, _)| flow.is_live(pc, r)) {
            state[register] = match kind_of(value) {
                Some(kind) => {
                    arrays.push(ArrayPlace { register: register as Register, kind, writable: false });
                    Known::Array(arrays.len() as u16 - 1)
                }
                None => known_of(value),
            };
        }
        let expected = (0..state.len() as Register).map(|r| (r, state[usize::from(r)]));
        let expected = expected.filter(|&(_, known)| known != Known::Dead).collect();
        let made = maker.make(Start { id, pc, extent: pc..end, state, arrays, outermost: true })?;
        Ok((expected, made))
    }

    /// Makes the machine code of a place, unless a store had it.
    fn compile(
        &mut self,
        image: &Image,
        window: &[Value],
        place: Place,
        (expected, made): (Vec<(Register, Known)>, Made),
        stored: Option<nexus_jit::NativeUnit>,
    ) -> Result<Entry, String> {
        let (code, origin) = match stored {
            Some(code) => (code, Origin::Stored),
            None => nexus_jit::compile_with(&made.unit, &made.assumed(window), self.shared.store)
                .map_err(|error| error.to_string())?,
        };
        let profile = &mut self.profile;
        match origin {
            Origin::Compiled => profile.compiled += 1,
            Origin::Stored => profile.stored += 1,
            Origin::Damaged => (profile.compiled, profile.damaged) = (profile.compiled + 1, profile.damaged + 1),
        }
        profile.code_bytes += code.code_bytes() as u64;
        for &(at, why) in &made.unsupported {
            self.reason(image, (place.0, at), why);
        }
        let globals: Vec<(u32, Constant)> = made.globals;
        Ok(Entry {
            code,
            state: expected,
            parameters: made.parameters,
            arrays: made.arrays,
            globals,
            sites: made.sites,
        })
    }

    fn reason(&mut self, image: &Image, (id, pc): Place, why: impl AsRef<str>) {
        let code = &image.functions[id as usize];
        let source = image.sources.get(usize::from(code.file));
        let span = code.spans.get(pc).copied().unwrap_or(code.head);
        let line = source.map_or(0, |s| s.locate(span).line);
        self.profile.add_reason(format!("line {line}: {}", why.as_ref()));
    }
}
