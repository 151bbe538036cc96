//! What is believed of every strategy for one piece of work: rooflines, corrected by the regressions, by what all
//! strategies share on this work, and by what was seen.
//!
//! Decides nothing: [`crate::decide`] does.

use crate::candidate::Exclusion;
use crate::evidence::{Belief, Noise, seconds};
use crate::machine::{Machine, Roofline};
use crate::optimizer::{OWN_SPREAD, Optimizer};
use crate::regression::Regression;
use crate::work::{FEATURES, Features, Key};

/// Spread of what all strategies share on a piece of work, about the regression.
const SHARED_SPREAD: f64 = 0.8;
/// Runs below which a strategy counts as not seen.
pub(crate) const SEEN_RUNS: f64 = 0.5;
/// What is predicted to take so many times the best known, and surely more than it, is left out.
pub(crate) const FAR_WORSE: f64 = 3.0;

/// A strategy that was looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looked {
    pub(crate) roofline: Option<Roofline>,
    pub(crate) belief: Option<Belief>,
    pub(crate) exclusion: Option<Exclusion>,
    /// Runs seen, here and elsewhere, newer ones counting more.
    pub(crate) weight: f64,
}

impl Optimizer {
    /// Every strategy as it is seen for this work.
    pub(crate) fn look(&self, key: &Key, guessed: &Features, machine: &Machine) -> Vec<Looked> {
        let known = self.table.get(key);
        let features = match known.filter(|known| known.is_measured) {
            // How many tasks there are is of this job, not of the program.
            Some(known) => Features { batch: guessed.batch, ..known.features },
            None => *guessed,
        };
        let row = features.vector();
        let mut looked: Vec<Looked> = Vec::with_capacity(self.strategies.all().len());
        let mut expected = Vec::with_capacity(self.strategies.all().len());
        for (index, strategy) in self.strategies.all().iter().enumerate() {
            let arm = known.and_then(|known| known.arm(index));
            let evidence = arm.map(super::known::Arm::evidence).unwrap_or_default();
            let roofline = machine.roofline(&features, strategy);
            let exclusion = match (&roofline, arm) {
                (Err(exclusion), _) => Some(*exclusion),
                (Ok(_), Some(arm)) if arm.is_wrong => Some(Exclusion::Wrong),
                (Ok(_), Some(arm)) if arm.has_failed() => Some(Exclusion::Failed),
                (Ok(_), Some(arm)) if arm.memory_bytes > machine.cpu.memory_bytes => {
                    Some(Exclusion::Memory { needed_bytes: arm.memory_bytes, free_bytes: machine.cpu.memory_bytes })
                }
                _ => None,
            };
            let roofline = roofline.ok();
            let (mean, variance) = self.expect(key.hardware, index, &row);
            expected.push((roofline.map_or(0.0, |roofline| roofline.seconds.ln()) + mean, variance, evidence));
            looked.push(Looked { roofline, belief: None, exclusion, weight: evidence.weight });
        }
        believe(&mut looked, &expected, self.noise);
        looked
    }

    fn expect(&self, hardware: u64, strategy: usize, row: &[f64; FEATURES]) -> (f64, f64) {
        match self.regressions.get(&(hardware, strategy)) {
            Some(regression) => regression.predict(row),
            None => Regression::default().predict(row),
        }
    }
}

/// Fills in the beliefs. What all strategies share on this work is learned from those that ran, each belief being helped
/// by the others only.
fn believe(looked: &mut [Looked], expected: &[(f64, f64, crate::Evidence)], noise: Noise) {
    let shared = SHARED_SPREAD * SHARED_SPREAD;
    let own = OWN_SPREAD * OWN_SPREAD;
    // Of each that ran: precision of what it says about the shared part, and that times its value.
    let says: Vec<(f64, f64)> = expected
        .iter()
        .map(|(mean, variance, evidence)| match evidence.weight > 0.0 {
            true => {
                let precision = 1.0 / (variance + own + noise.variance() / evidence.weight);
                (precision, precision * (evidence.mean - mean))
            }
            false => (0.0, 0.0),
        })
        .collect();
    let (precision, moment) = says.iter().fold((1.0 / shared, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    for ((looked, (mean, variance, evidence)), says) in looked.iter_mut().zip(expected).zip(says) {
        if looked.roofline.is_none() {
            continue;
        }
        let others = precision - says.0;
        let location = mean + (moment - says.1) / others;
        looked.belief = Some(evidence.belief(location, variance + own + 1.0 / others, noise));
    }
    let best = looked.iter().filter(|l| l.weight >= SEEN_RUNS && l.exclusion.is_none()).filter_map(|l| l.belief);
    let Some(best) = best.map(|belief| belief.location).min_by(f64::total_cmp) else { return };
    for looked in looked {
        if let (Some(belief), None) = (looked.belief, looked.exclusion) {
            let ratio = seconds(belief.location - best);
            if ratio > FAR_WORSE && belief.interval_s().0 > seconds(best) {
                looked.exclusion = Some(Exclusion::FarWorse { ratio });
            }
        }
    }
}
