//! Makes the unit of one start: the code from there, and the functions that it calls, for the types that they are called
//! with.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_jit::ir::{Constant, Function, FunctionId as UnitFunction, Operation, Type, Unit};
use nexus_jit::{Assumed, assumptions};

use super::instructions::constant_of;
use super::known::{ArrayKind, ArrayPlace, Known, Site};
use super::translate::{Built, Start, Translation};
use crate::flow::Flow;
use crate::hir::FunctionId;
use crate::ir::{Image, Register};
use crate::vm::value::Value;

/// Functions that one unit may have.
const FUNCTIONS_MAX: usize = 40;
/// Functions that may be translated inside each other.
const NESTING_MAX: usize = 12;
/// Translations for one unit, those that were repeated with what was learned counted.
const TRANSLATIONS_MAX: usize = 120;
/// Rounds until the type of what a recursive function returns is given up.
const ROUNDS_MAX: usize = 3;

/// What a call of a function of the program becomes.
pub(super) enum Callee {
    /// A call of this function of the unit.
    Ready(UnitFunction, Option<Type>),
    /// What the function returns is not known yet.
    Pending,
    /// The machine calls it.
    Refused(&'static str),
}

#[derive(Debug)]
enum Progress {
    /// It is being translated; what it returns, where that is known.
    Working(Option<Option<Type>>),
    Done(Box<Function>),
    Refused(&'static str),
}

type Key = (FunctionId, Vec<Known>, Vec<ArrayKind>);

/// Everything of a unit but its machine code.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) unit: Unit,
    pub(super) parameters: Vec<(Register, Type)>,
    pub(super) arrays: Vec<ArrayPlace>,
    pub(super) sites: Vec<Site>,
    /// Variables of the top level that were read, with the values that the code was made for.
    pub(super) globals: Vec<(u32, Constant)>,
    /// What is left to the machine.
    pub(super) unsupported: Vec<(usize, &'static str)>,
}

impl Made {
    /// What the code may assume of its arguments: that they will be as they are now.
    pub(super) fn assumed(&self, window: &[Value]) -> Vec<Assumed> {
        let now = self.parameters.iter().filter_map(|&(register, _)| constant_of(&window[usize::from(register)]));
        assumptions(&now.collect::<Vec<_>>())
    }
}

pub(super) struct UnitMaker<'m> {
    pub(super) image: &'m Image,
    globals: &'m [Value],
    flows: &'m mut BTreeMap<FunctionId, Option<Arc<Flow>>>,
    read: BTreeMap<u32, Constant>,
    keys: BTreeMap<Key, usize>,
    functions: Vec<Progress>,
    sites: Vec<Site>,
    nesting: usize,
    translations: usize,
}

impl<'m> UnitMaker<'m> {
    pub(super) fn new(
        image: &'m Image,
        globals: &'m [Value],
        flows: &'m mut BTreeMap<FunctionId, Option<Arc<Flow>>>,
    ) -> Self {
        UnitMaker {
            image,
            globals,
            flows,
            read: BTreeMap::new(),
            keys: BTreeMap::new(),
            functions: vec![Progress::Working(None)],
            sites: Vec::new(),
            nesting: 0,
            translations: 0,
        }
    }

    /// What is known of a function's registers; `None` where it cannot be translated.
    pub(super) fn flow(&mut self, id: FunctionId) -> Option<Arc<Flow>> {
        let image = self.image;
        let found =
            self.flows.entry(id).or_insert_with(|| Flow::of(image, &image.functions[id as usize]).map(Arc::new));
        found.clone()
    }

    /// Translates from a start of the machine; the reason where that is not worth it.
    pub(super) fn make(mut self, start: Start) -> Result<Made, &'static str> {
        let flow = self.flow(start.id).ok_or("the function is too large, or watches variables")?;
        let whole = start.pc == 0;
        let built = Translation::new(&mut self, flow, start).run();
        if built.incomplete {
            return Err("what a recursive function returns is not known");
        }
        let works = |o: &Operation| matches!(o, Operation::Call { .. } | Operation::CountLoop { .. });
        let repeats = built.repeats || built.function.blocks.iter().any(|b| b.operations.iter().any(works));
        let useful = if whole { built.unsupported.is_empty() && repeats } else { built.repeats };
        if !useful {
            return Err(built.unsupported.first().map_or("nothing is repeated", |(_, why)| why));
        }
        let Built { function, parameters, arrays, unsupported, .. } = built;
        self.functions[0] = Progress::Done(Box::new(function));
        let unit = self.finish()?;
        let UnitMaker { sites, read, .. } = self;
        Ok(Made { unit, parameters, arrays, sites, globals: read.into_iter().collect(), unsupported })
    }

    /// Only the functions that are called, with their numbers in the unit.
    fn finish(&mut self) -> Result<Unit, &'static str> {
        let mut numbers = BTreeMap::from([(0usize, 0u32)]);
        let mut order = vec![0usize];
        let mut functions = Vec::new();
        while let Some(&index) = order.get(functions.len()) {
            let taken = std::mem::replace(&mut self.functions[index], Progress::Refused("it was used"));
            let Progress::Done(mut function) = taken else { return Err("a recursion returns different types") };
            for operation in function.blocks.iter_mut().flat_map(|b| &mut b.operations) {
                if let Operation::Call { function: callee, .. } = operation {
                    let next = numbers.len() as u32;
                    let number = *numbers.entry(callee.0 as usize).or_insert_with(|| {
                        order.push(callee.0 as usize);
                        next
                    });
                    *callee = UnitFunction(number);
                }
            }
            functions.push(*function);
        }
        Ok(Unit { functions })
    }

    pub(super) fn add_site(&mut self, site: Site) -> u32 {
        self.sites.push(site);
        self.sites.len() as u32 - 1
    }

    /// A variable of the top level that holds a number: functions never change it.
    pub(super) fn global(&mut self, global: u32) -> Option<Constant> {
        let value = constant_of(self.globals.get(global as usize)?)?;
        self.read.insert(global, value);
        Some(value)
    }

    /// A function of the program for arguments of these kinds.
    pub(super) fn callee(&mut self, id: FunctionId, known: Vec<Known>, kinds: Vec<ArrayKind>) -> Callee {
        let key = (id, known, kinds);
        if let Some(&index) = self.keys.get(&key) {
            return match &self.functions[index] {
                Progress::Working(None) => Callee::Pending,
                Progress::Working(Some(result)) => Callee::Ready(UnitFunction(index as u32), *result),
                Progress::Done(function) => Callee::Ready(UnitFunction(index as u32), function.result),
                Progress::Refused(why) => Callee::Refused(why),
            };
        }
        let code = &self.image.functions[id as usize];
        if self.functions.len() >= FUNCTIONS_MAX || self.nesting >= NESTING_MAX || code.captures > 0 {
            return Callee::Refused("a call is too deep in others to be native");
        }
        let Some(flow) = self.flow(id) else {
            return Callee::Refused("the function that is called is too large, or watches variables");
        };
        self.functions.push(Progress::Working(None));
        let index = self.functions.len() - 1;
        self.keys.insert(key.clone(), index);
        self.nesting += 1;
        let outcome = self.rounds(index, &key, &flow);
        self.nesting -= 1;
        match outcome {
            Callee::Pending => {
                self.keys.remove(&key);
                self.functions[index] = Progress::Refused("it waits for others");
            }
            Callee::Refused(why) => self.functions[index] = Progress::Refused(why),
            Callee::Ready(..) => {}
        }
        outcome
    }

    /// Translates a function until the type of its result is what its own calls of itself took it for.
    fn rounds(&mut self, index: usize, key: &Key, flow: &Arc<Flow>) -> Callee {
        let (id, known, kinds) = key;
        let code = &self.image.functions[*id as usize];
        let mut state = vec![Known::Dead; usize::from(code.registers)];
        state[..known.len()].copy_from_slice(known);
        let arrays: Vec<ArrayPlace> = (0..known.len())
            .filter_map(|register| match known[register] {
                Known::Array(number) => Some(ArrayPlace {
                    register: register as Register,
                    kind: kinds[usize::from(number)],
                    writable: false,
                }),
                _ => None,
            })
            .collect();
        let start = Start { id: *id, pc: 0, extent: 0..code.instructions.len(), state, arrays, outermost: false };
        let mut assumed = None;
        for _ in 0..ROUNDS_MAX {
            self.translations += 1;
            if self.translations > TRANSLATIONS_MAX {
                return Callee::Refused("the calls are too many to be native");
            }
            self.functions[index] = Progress::Working(assumed);
            let built = Translation::new(self, Arc::clone(flow), start.clone()).run();
            if let Some((_, why)) = built.unsupported.first() {
                return Callee::Refused(why);
            }
            match (built.results.as_slice(), built.incomplete) {
                ([result], false) if assumed.is_none_or(|assumed| assumed == *result) => {
                    self.functions[index] = Progress::Done(Box::new(built.function));
                    return Callee::Ready(UnitFunction(index as u32), *result);
                }
                ([result], true) if assumed.is_none() => assumed = Some(*result),
                ([], true) | ([_], true) => return Callee::Pending,
                ([], false) => return Callee::Refused("a function never returns"),
                _ => return Callee::Refused("a function returns values of different types"),
            }
        }
        Callee::Refused("what a recursive function returns is not known")
    }
}
