//! Why things happen: the causal edges of a timeline, with their probabilities and delays.
//!
//! Not sampling of delays: that is `forecast/`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::EchoError;
use crate::event::EventId;
use crate::time::Micros;

/// What the source does to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TriggerKind {
    /// The source may bring the target about; any one of several causes is enough (noisy-or), the first one counts.
    #[default]
    Causes,
    /// The target needs the source; all of them must have happened, the last one counts.
    Enables,
    /// The source, if it comes first, keeps the target from happening.
    Prevents,
    /// Source and target exclude one another when they are at most the largest delay apart (by default: at the same time).
    Excludes,
    /// The target's value is taken from the source's; into a decision: the source is known when choosing.
    Informs,
    /// The target is one of the choices of the decision that is the source.
    Option,
}

impl TriggerKind {
    /// Whether the target comes about through the source, so that it can neither precede nor cause it.
    pub fn is_causal(self) -> bool {
        matches!(self, TriggerKind::Causes | TriggerKind::Enables | TriggerKind::Option)
    }

    /// The word in JSON and in tables.
    pub fn word(self) -> &'static str {
        match self {
            TriggerKind::Causes => "causes",
            TriggerKind::Enables => "enables",
            TriggerKind::Prevents => "prevents",
            TriggerKind::Excludes => "excludes",
            TriggerKind::Informs => "informs",
            TriggerKind::Option => "option",
        }
    }
}

/// How a delay is spread between its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Spread {
    /// Evenly between the bounds; without an upper bound the delay is the lower one.
    #[default]
    Uniform,
    /// Rising to the likeliest value and falling after it; needs an upper bound.
    Triangular {
        /// The likeliest delay.
        mode: Micros,
    },
    /// The beta distribution of project planning (Malcolm and others, "Application of a technique for research and
    /// development program evaluation", 1959): mean (min + 4 mode + max) / 6; needs an upper bound.
    Pert {
        /// The likeliest delay.
        mode: Micros,
    },
    /// The lower bound and an exponential time after it; no upper bound.
    Exponential {
        /// Mean of the part after the lower bound.
        mean: Micros,
    },
    /// The lower bound and a log-normal time after it; no upper bound.
    LogNormal {
        /// Median of the part after the lower bound.
        median: Micros,
        /// Standard deviation of its logarithm.
        sigma: f64,
    },
}

/// Bounds of a delay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Micros>", into = "Vec<Micros>")]
pub struct Delay {
    /// Least time from source to target.
    pub min: Micros,
    /// Most time; `None` is no bound.
    pub max: Option<Micros>,
}

impl Default for Delay {
    /// Anything from no time on.
    fn default() -> Self {
        Delay { min: Micros::ZERO, max: None }
    }
}

impl TryFrom<Vec<Micros>> for Delay {
    type Error = &'static str;

    fn try_from(bounds: Vec<Micros>) -> Result<Self, Self::Error> {
        match bounds[..] {
            [min] => Ok(Delay { min, max: None }),
            [min, max] => Ok(Delay { min, max: Some(max) }),
            _ => Err("a delay is [least, most], or [least] where there is no most"),
        }
    }
}

impl From<Delay> for Vec<Micros> {
    fn from(delay: Delay) -> Self {
        std::iter::once(delay.min).chain(delay.max).collect()
    }
}

/// Identity of a trigger: source, target and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TriggerKey {
    /// The event that acts.
    pub source: EventId,
    /// The event acted on.
    pub target: EventId,
    /// How.
    pub kind: TriggerKind,
}

impl TriggerKey {
    /// A 64-bit mixture of the three, for indexes.
    pub(crate) fn mixed(self) -> u64 {
        let fold = |a: u64, b: u64| {
            let wide = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd1b5_4a32_d192_ed03);
            (wide as u64) ^ ((wide >> 64) as u64)
        };
        fold(fold(self.source.0, self.target.0.rotate_left(32)), self.target.0 ^ self.kind as u64 ^ self.source.0)
    }
}

impl fmt::Display for TriggerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.source, self.kind.word(), self.target)
    }
}

/// An edge of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// Name of the event that acts.
    pub from: String,
    /// Name of the event acted on.
    pub to: String,
    /// How.
    #[serde(default)]
    pub kind: TriggerKind,
    /// How likely the source, once it has happened, does this; from 0 to 1.
    #[serde(default = "certain")]
    pub probability: f64,
    /// How long it takes.
    #[serde(default)]
    pub delay: Delay,
    /// How the delay is spread.
    #[serde(default)]
    pub spread: Spread,
}

fn certain() -> f64 {
    1.0
}

impl Trigger {
    /// A certain trigger with any delay from none on.
    pub fn new(from: impl Into<String>, kind: TriggerKind, to: impl Into<String>) -> Self {
        Trigger {
            from: from.into(),
            to: to.into(),
            kind,
            probability: 1.0,
            delay: Delay::default(),
            spread: Spread::Uniform,
        }
    }

    /// The same trigger with delays from `min` to `max`.
    pub fn within(mut self, min: Micros, max: Micros) -> Self {
        self.delay = Delay { min, max: Some(max) };
        self
    }

    /// The same trigger with another spread of its delay.
    pub fn spread(mut self, spread: Spread) -> Self {
        self.spread = spread;
        self
    }

    /// The same trigger with another probability.
    pub fn likely(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// `count` delays, in microseconds, each of which stands for an equal share of the distribution: its quantiles in the
    /// middle of the shares, in order.
    pub fn delay_quantiles(&self, count: usize) -> Vec<f64> {
        let delay = crate::forecast::Sampler::new(self);
        (0..count).map(|at| delay.draw((at as f64 + 0.5) / count as f64)).collect()
    }

    /// Its identity.
    pub fn key(&self) -> TriggerKey {
        TriggerKey { source: EventId::of(&self.from), target: EventId::of(&self.to), kind: self.kind }
    }

    /// Whether every field is within its bounds.
    ///
    /// # Errors
    /// [`EchoError::BadTrigger`] with what is wrong.
    pub fn validate(&self) -> Result<(), EchoError> {
        match self.fault() {
            None => Ok(()),
            Some(what) => Err(EchoError::BadTrigger {
                from: crate::time::clip(&self.from),
                kind: self.kind.word(),
                to: crate::time::clip(&self.to),
                what,
            }),
        }
    }

    fn fault(&self) -> Option<String> {
        let Delay { min, max } = self.delay;
        if !(0.0..=1.0).contains(&self.probability) {
            return Some(format!("its probability is {}, and must be from 0 to 1", self.probability));
        }
        if min.0 < 0 || !min.in_range() || !max.is_none_or(Micros::in_range) {
            return Some("its delays must be from 0 to 285 years".to_owned());
        }
        if max.is_some_and(|max| max < min) {
            return Some("its least delay is longer than its most".to_owned());
        }
        let between = |mode: Micros| max.is_some_and(|max| (min..=max).contains(&mode));
        match self.spread {
            Spread::Triangular { mode } | Spread::Pert { mode } if !between(mode) => {
                Some("a triangular or pert delay needs a most, and its mode between the bounds".to_owned())
            }
            Spread::Exponential { mean: scale } | Spread::LogNormal { median: scale, .. }
                if max.is_some() || scale.0 <= 0 || !scale.in_range() =>
            {
                Some("an exponential or log-normal delay has no most, and a mean or median above 0".to_owned())
            }
            Spread::LogNormal { sigma, .. } if !(0.0..=10.0).contains(&sigma) => {
                Some(format!("its sigma is {sigma}, and must be from 0 to 10"))
            }
            _ => None,
        }
    }
}
