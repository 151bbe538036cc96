//! Experience that nodes share: what one saw of a piece of work, for others with the same class of hardware.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::kinship::Family;
use crate::known::Known;
use crate::optimizer::Optimizer;
use crate::work::{Features, Key};

/// What a node saw of one strategy on one piece of work. Telling it again replaces what was told before, so that a
/// message that comes twice changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experience {
    /// The work, with its class of hardware.
    pub key: Key,
    /// What it does.
    pub features: Features,
    /// The strategy's id.
    pub strategy_id: String,
    /// What was seen.
    pub evidence: Evidence,
    /// Logarithm of the seconds that the roofline said there.
    pub prior_log_s: f64,
    /// The strategy's family there; nodes of older versions do not say.
    #[serde(default)]
    pub family: Option<Family>,
}

/// Why experience was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// The numbers cannot be those of runs. Nothing of the message was taken.
    #[error("experience {0} of the message has numbers that no run gives")]
    Unsound(usize),
}

impl Optimizer {
    /// What this node saw itself, for others. At most `memory_size` pieces of work.
    pub fn experience(&self) -> Vec<Experience> {
        let ids = self.strategies.all();
        let of_work = |(key, known): (&Key, &Known)| {
            let (key, features) = (*key, known.features);
            let seen = known.arms.iter().zip(ids).filter(|(arm, _)| arm.own.weight > 0.0);
            let told = seen.filter_map(|(arm, strategy)| {
                Some(Experience {
                    key,
                    features,
                    strategy_id: strategy.strategy_id.clone(),
                    evidence: arm.own,
                    prior_log_s: arm.prior_log_s?,
                    family: arm.family,
                })
            });
            told.collect::<Vec<_>>()
        };
        self.table.iter().flat_map(of_work).collect()
    }

    /// What other nodes saw and told this one, of those that are asked for: for a node that comes when they are gone.
    pub fn heard(&self, is_asked_for: impl Fn(u64) -> bool) -> BTreeMap<u64, Vec<Experience>> {
        let ids = self.strategies.all();
        let mut heard: BTreeMap<u64, Vec<Experience>> = BTreeMap::new();
        for (key, known) in self.table.iter() {
            for (arm, strategy) in known.arms.iter().zip(ids) {
                let Some(prior_log_s) = arm.prior_log_s else { continue };
                for (node, evidence) in arm.foreign.iter().filter(|(node, _)| is_asked_for(**node)) {
                    heard.entry(*node).or_default().push(Experience {
                        key: *key,
                        features: known.features,
                        strategy_id: strategy.strategy_id.clone(),
                        evidence: *evidence,
                        prior_log_s,
                        family: arm.family,
                    });
                }
            }
        }
        heard
    }

    /// Takes what `node` saw. Strategies that are not known here are left out; one's own runs always count for more.
    pub fn hear(&mut self, node: u64, experience: &[Experience]) -> Result<(), FleetError> {
        let is_sound = |e: &Experience| e.evidence.is_sound() && e.prior_log_s.abs() < 1e3;
        if let Some(at) = experience.iter().position(|e| !is_sound(e)) {
            return Err(FleetError::Unsound(at));
        }
        for told in experience {
            let ids = self.strategies.all();
            let Some(strategy) = ids.iter().position(|s| s.strategy_id == told.strategy_id) else { continue };
            if self.table.get(&told.key).is_none() {
                // Never at the cost of what is in use here.
                if self.table.len() >= self.config.memory_size {
                    continue;
                }
                self.remember(told.key, Known::new(told.features, 0));
            }
            if let Some(known) = self.table.get_mut(&told.key) {
                let arm = known.arm_mut(strategy);
                arm.hear(node, told.evidence);
                arm.prior_log_s.get_or_insert(told.prior_log_s);
                arm.family = arm.family.or(told.family);
            }
        }
        self.absorb();
        Ok(())
    }
}
