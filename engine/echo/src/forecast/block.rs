//! Rollouts side by side: one event after another, each for all lanes at once, without branches.
//!
//! Compiled once for every instruction set: the loops run with the widest vectors that the processor has. Nothing is
//! contracted or put into another order for that, so that every processor gives the same bits.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use crate::forecast::model::{Arc, Model, Step};
use crate::forecast::random::Lanes;
use crate::forecast::summary::Tally;
use crate::trigger::TriggerKind;

/// Rollouts side by side.
pub(crate) const LANES: usize = 32;

type Lane = [f64; LANES];

/// Runs blocks of rollouts; the last block counts only as many lanes as `rollouts` has left.
pub(crate) fn run(model: &Model, seed: u64, blocks: Range<u64>, rollouts: u64) -> Tally {
    Arch::new().dispatch(Blocks { model, seed, blocks, rollouts })
}

struct Blocks<'a> {
    model: &'a Model,
    seed: u64,
    blocks: Range<u64>,
    rollouts: u64,
}

impl WithSimd for Blocks<'_> {
    type Output = Tally;

    // Everything below is inlined into this, so that it is compiled with the instructions of the one that calls it.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Tally {
        let Blocks { model, seed, blocks, rollouts } = self;
        let mut tally = Tally::new(model.steps.len());
        let mut times = vec![[0.0; LANES]; model.steps.len()];
        let mut options = vec![[0.0; LANES]; model.steps.len()];
        for block in blocks {
            let mut random = Lanes::new(seed, block);
            for (at, step) in model.steps.iter().enumerate() {
                let (before, rest) = times.split_at_mut(at);
                step_times(step, before, &options, &mut random, &mut rest[0]);
                if !step.options.is_empty() {
                    options[at] = choose(step, &mut random);
                }
            }
            let lanes = (rollouts - block * LANES as u64).min(LANES as u64) as usize;
            tally.add(model, &mut times, (block * LANES as u64, lanes));
        }
        tally
    }
}

/// The option taken in each lane, as its number.
#[inline(always)]
fn choose(step: &Step, random: &mut Lanes<LANES>) -> Lane {
    let mut taken = [0.0; LANES];
    match step.chosen {
        Some(option) => taken.fill(f64::from(option)),
        None => {
            random.uniform(&mut taken);
            let count = step.options.len() as f64;
            taken.iter_mut().for_each(|u| *u = (*u * count).floor().min(count - 1.0));
        }
    }
    taken
}

/// When a step happens in each lane.
#[inline(always)]
fn step_times(step: &Step, before: &[Lane], options: &[Lane], random: &mut Lanes<LANES>, needed: &mut Lane) {
    if step.caused {
        needed.fill(f64::NEG_INFINITY);
    } else {
        draw_start(step, random, needed);
    }
    let (mut cause, mut prevented) = ([f64::INFINITY; LANES], [f64::INFINITY; LANES]);
    let (mut has_cause, mut has_preventer) = (false, false);
    for arc in &step.incoming {
        let acts = arc_times(arc, before, options, random);
        match arc.kind {
            TriggerKind::Enables => (0..LANES).for_each(|lane| needed[lane] = larger(needed[lane], acts[lane])),
            TriggerKind::Prevents => {
                has_preventer = true;
                (0..LANES).for_each(|lane| prevented[lane] = smaller(prevented[lane], acts[lane]));
            }
            _ => {
                has_cause = true;
                (0..LANES).for_each(|lane| cause[lane] = smaller(cause[lane], acts[lane]));
            }
        }
    }
    if has_cause {
        (0..LANES).for_each(|lane| needed[lane] = larger(needed[lane], cause[lane]));
    }
    if has_preventer {
        for lane in 0..LANES {
            needed[lane] = if prevented[lane] <= needed[lane] { f64::INFINITY } else { needed[lane] };
        }
    }
}

/// Times of what nothing causes.
#[inline(always)]
fn draw_start(step: &Step, random: &mut Lanes<LANES>, out: &mut Lane) {
    out.fill(step.at);
    if step.probability < 1.0 {
        let mut chance = [0.0; LANES];
        random.uniform(&mut chance);
        (0..LANES).for_each(|lane| out[lane] = if chance[lane] < step.probability { step.at } else { f64::INFINITY });
    }
}

/// When each lane's trigger acts; infinite where it does not.
#[inline(always)]
fn arc_times(arc: &Arc, before: &[Lane], options: &[Lane], random: &mut Lanes<LANES>) -> Lane {
    let source = &before[arc.source as usize];
    let mut times = [0.0; LANES];
    if !arc.delay.is_fixed() {
        random.uniform(&mut times);
    }
    arc.delay.transform(&mut times);
    (0..LANES).for_each(|lane| times[lane] += source[lane]);
    if arc.probability < 1.0 {
        let mut chance = [0.0; LANES];
        random.uniform(&mut chance);
        for lane in 0..LANES {
            times[lane] = if chance[lane] < arc.probability { times[lane] } else { f64::INFINITY };
        }
    }
    if arc.kind == TriggerKind::Option {
        let (taken, own) = (&options[arc.source as usize], f64::from(arc.option));
        (0..LANES).for_each(|lane| times[lane] = if taken[lane] == own { times[lane] } else { f64::INFINITY });
    }
    times
}

// `f64::min` treats NaN specially and so is two instructions more; there is none here.
#[inline(always)]
pub(crate) fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}
