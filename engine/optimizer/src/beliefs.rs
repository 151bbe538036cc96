//! What is believed of every strategy for one piece of work: rooflines, corrected by the regressions, by what all
//! strategies share on this work, and by what was seen.
//!
//! Decides nothing: [`crate::decide`] does.

use crate::candidate::Exclusion;
use crate::evidence::{Belief, Evidence, Noise, seconds};
use crate::kinship::{Family, Kind, REGRESSORS, Seen, foretold, regressors};
use crate::machine::{Machine, Roofline};
use crate::optimizer::Optimizer;
use crate::regression::Regression;
use crate::work::{Features, Key};

/// Runs below which a strategy counts as not seen.
pub(crate) const SEEN_RUNS: f64 = 0.5;
/// What is predicted to take so many times the best known, and surely more than it, is left out.
pub(crate) const FAR_WORSE: f64 = 3.0;

/// A strategy that was looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looked {
    pub(crate) family: Family,
    /// What it says of a machine that does nothing else.
    pub(crate) roofline: Option<Roofline>,
    /// Logarithm of how much longer that takes now, with what others do on the machine.
    pub(crate) slowed_log: f64,
    pub(crate) belief: Option<Belief>,
    pub(crate) exclusion: Option<Exclusion>,
    /// Runs seen, here and elsewhere, newer ones counting more.
    pub(crate) weight: f64,
    /// Whether it ran here: what it compiles is compiled.
    pub(crate) ran: bool,
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
        let kinds: Vec<Kind<'_>> = self
            .strategies
            .all()
            .iter()
            .map(|strategy| Kind { strategy, family: Family::of(strategy, machine) })
            .collect();
        let mut looked: Vec<Looked> = Vec::with_capacity(self.strategies.all().len());
        let mut expected = Vec::with_capacity(self.strategies.all().len());
        for (index, &Kind { strategy, family }) in kinds.iter().enumerate() {
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
            let (mean, variance) = self.expect((key.hardware, family), &regressors(&features, strategy));
            let mean = roofline.map_or(0.0, |roofline| roofline.seconds.ln()) + mean;
            let (bound, before) = (arm.and_then(|arm| arm.bound), arm.and_then(|arm| arm.before));
            expected.push(Expected { mean, variance, evidence, bound, before });
            let ran = arm.is_some_and(|arm| arm.own.runs > 0);
            let slowed_log = machine.slowed(&features, strategy).ln();
            let weight = evidence.weight;
            looked.push(Looked { roofline, slowed_log, belief: None, family, exclusion, weight, ran });
        }
        believe(&mut looked, &expected, &kinds, self.noise);
        looked
    }

    fn expect(&self, family: (u64, Family), row: &[f64; REGRESSORS]) -> (f64, f64) {
        match self.regressions.get(&family) {
            Some(regression) => regression.predict(row),
            None => Regression::default().predict(row),
        }
    }
}

/// Expectation of one strategy before what others saw: the roofline with its regression, the doubt about it, what was
/// seen, and what later runs take at most.
struct Expected {
    mean: f64,
    variance: f64,
    evidence: Evidence,
    bound: Option<f64>,
    before: Option<f64>,
}

/// What those that never ran were foretold before things changed; `None` where they never did.
fn foretold_before(kinds: &[Kind<'_>], expected: &[Expected], seen: &[Seen]) -> Option<Vec<(f64, f64)>> {
    let mut has_changed = false;
    let before = seen.iter().map(|seen| {
        let one = &expected[seen.strategy];
        has_changed |= one.before.is_some();
        Seen { residual: one.before.map_or(seen.residual, |before| before - one.mean), ..*seen }
    });
    let before: Vec<Seen> = before.collect();
    has_changed.then(|| foretold(kinds, &before))
}

/// Fills in the beliefs. What strategies have in common on this work is learned from those that ran, each belief being
/// helped by the others only.
fn believe(looked: &mut [Looked], expected: &[Expected], kinds: &[Kind<'_>], noise: Noise) {
    let ran = expected.iter().enumerate().filter(|(_, one)| one.evidence.weight > 0.0);
    let seen: Vec<Seen> = ran
        .map(|(strategy, one)| Seen {
            strategy,
            residual: one.evidence.mean - one.mean,
            variance: one.variance + noise.variance() / one.evidence.weight,
        })
        .collect();
    let now = foretold(kinds, &seen);
    let before = foretold_before(kinds, expected, &seen);
    for (index, (looked, one)) in looked.iter_mut().zip(expected).enumerate() {
        if looked.roofline.is_none() {
            continue;
        }
        let (mut residual, mut variance) = now[index];
        if one.evidence.weight <= 0.0
            && let Some(eased) = before.as_ref().map(|before| residual - before[index].0).filter(|eased| *eased > 0.0)
        {
            // What became slower may have done so for this one too, or not.
            residual -= eased / 2.0;
            variance += eased * eased / 4.0;
        }
        let location = one.mean + residual;
        let location = one.bound.map_or(location, |bound| location.min(bound));
        let idle = one.evidence.belief(location, one.variance + variance, noise);
        looked.belief = Some(Belief { location: idle.location + looked.slowed_log, ..idle });
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
