//! Delays as functions of one even random number: inverses of distribution functions.

use std::sync::Arc;

use crate::trigger::{Spread, Trigger};

/// Places of the table of a beta distribution's inverse.
const TABLE: usize = 1_024;
/// Steps of the integration behind the table.
const STEPS: usize = 16_384;

/// How a delay is drawn, in microseconds.
#[derive(Debug, Clone)]
pub(crate) enum Sampler {
    Fixed(f64),
    Uniform {
        min: f64,
        width: f64,
    },
    Triangular {
        min: f64,
        max: f64,
        mode: f64,
    },
    /// Values of the inverse at even steps, from 0 to 1.
    Table(Arc<[f64]>),
    Exponential {
        min: f64,
        mean: f64,
    },
    LogNormal {
        min: f64,
        log_median: f64,
        sigma: f64,
    },
}

impl Sampler {
    pub(crate) fn new(trigger: &Trigger) -> Self {
        let min = trigger.delay.min.0 as f64;
        let max = trigger.delay.max.map_or(min, |max| max.0 as f64);
        match trigger.spread {
            Spread::Exponential { mean } => Sampler::Exponential { min, mean: mean.0 as f64 },
            Spread::LogNormal { median, sigma } => {
                Sampler::LogNormal { min, log_median: (median.0 as f64).ln(), sigma }
            }
            _ if max <= min => Sampler::Fixed(min),
            Spread::Uniform => Sampler::Uniform { min, width: max - min },
            Spread::Triangular { mode } => Sampler::Triangular { min, max, mode: mode.0 as f64 },
            Spread::Pert { mode } => Sampler::Table(beta_table(min, mode.0 as f64, max)),
        }
    }

    /// Whether every draw is the same.
    pub(crate) fn is_fixed(&self) -> bool {
        matches!(self, Sampler::Fixed(_))
    }

    /// The delay for one even random number.
    pub(crate) fn draw(&self, u: f64) -> f64 {
        let mut value = [u];
        self.transform(&mut value);
        value[0]
    }

    /// Turns even random numbers into delays.
    #[inline(always)]
    pub(crate) fn transform<const N: usize>(&self, values: &mut [f64; N]) {
        match self {
            Sampler::Fixed(delay) => values.fill(*delay),
            Sampler::Uniform { min, width } => values.iter_mut().for_each(|u| *u = min + *u * width),
            Sampler::Triangular { min, max, mode } => {
                let (width, rise, fall) = (max - min, mode - min, max - mode);
                let at_mode = rise / width;
                for u in values {
                    let low = min + (*u * width * rise).sqrt();
                    let high = max - ((1.0 - *u) * width * fall).sqrt();
                    *u = if *u < at_mode { low } else { high };
                }
            }
            Sampler::Table(table) => {
                for u in values {
                    let place = *u * (TABLE - 1) as f64;
                    let at = (place as usize).min(TABLE - 2);
                    *u = table[at] + (table[at + 1] - table[at]) * (place - at as f64);
                }
            }
            Sampler::Exponential { min, mean } => values.iter_mut().for_each(|u| *u = min - mean * u.ln()),
            Sampler::LogNormal { min, log_median, sigma } => {
                values.iter_mut().for_each(|u| *u = min + (log_median + sigma * normal_quantile(*u)).exp());
            }
        }
    }
}

/// The inverse distribution function of the PERT distribution: a beta distribution over [min, max] whose shape
/// parameters are 1 + 4 (mode − min) / (max − min) and 1 + 4 (max − mode) / (max − min).
fn beta_table(min: f64, mode: f64, max: f64) -> Arc<[f64]> {
    let width = max - min;
    let (rise, fall) = (4.0 * (mode - min) / width, 4.0 * (max - mode) / width);
    let density = |x: f64| x.powf(rise) * (1.0 - x).powf(fall);
    let mut below = Vec::with_capacity(STEPS + 1);
    let mut sum = 0.0;
    below.push(0.0);
    for step in 0..STEPS {
        let (a, b) = (step as f64 / STEPS as f64, (step + 1) as f64 / STEPS as f64);
        sum += (density(a) + 4.0 * density((a + b) / 2.0) + density(b)) / 6.0;
        below.push(sum);
    }
    let mut step = 0;
    let table = (0..TABLE).map(|place| {
        let wanted = sum * place as f64 / (TABLE - 1) as f64;
        while step + 1 < STEPS && below[step + 1] < wanted {
            step += 1;
        }
        let part = (wanted - below[step]) / (below[step + 1] - below[step]).max(f64::MIN_POSITIVE);
        min + width * (step as f64 + part.clamp(0.0, 1.0)) / STEPS as f64
    });
    table.collect()
}

/// The inverse of the standard normal distribution function, to 1e-9 (Acklam's rational approximation with one step of
/// Halley's method would give more than a simulation needs; without it the relative error is below 1.2e-9).
pub(crate) fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
    const LOW: f64 = 0.024_25;
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        C.iter().fold(0.0, |sum, c| sum * q + c) / (D.iter().fold(0.0, |sum, d| sum * q + d) * q + 1.0)
    };
    if p < LOW {
        tail(p)
    } else if p > 1.0 - LOW {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        A.iter().fold(0.0, |sum, a| sum * r + a) * q / (B.iter().fold(0.0, |sum, b| sum * r + b) * r + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_quantile_is_that_of_tables() {
        // scipy.stats.norm.ppf
        for (p, z) in
            [(0.5, 0.0), (0.9, 1.281_551_565_544_6), (0.975, 1.959_963_984_540_05), (0.001, -3.090_232_306_167_81)]
        {
            assert!((normal_quantile(p) - z).abs() < 1e-8, "{p}");
        }
    }

    #[test]
    fn the_pert_table_is_the_inverse_of_the_beta_distribution() {
        // scipy.stats.beta(1 + 4*0.25, 1 + 4*0.75, loc=2, scale=8).ppf
        let table = Sampler::Table(beta_table(2.0, 4.0, 10.0));
        for (p, x) in [(0.1, 2.897_815_155), (0.5, 4.510_511_055), (0.9, 6.671_122_977)] {
            assert!((table.draw(p) - x).abs() < 1e-4, "{p}: {}", table.draw(p));
        }
    }
}
