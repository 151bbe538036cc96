//! Strategies: how a piece of work is run, as data. The eight built-in ones and those that users register.

use serde::{Deserialize, Serialize};

/// Strategies that can be known at once: each is predicted for every choice.
const STRATEGIES_MAX: usize = 64;
/// The strategy that has everything on: what work runs under of which nothing is known.
const USUAL_ID: &str = "aggressive_optimization";

/// On how many hands the work is laid. Each level has what those before it have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Parallelization {
    /// One thread.
    None,
    /// All threads of the process.
    Threads,
    /// Processes and nodes too: the tasks of an array side by side, each on its share of the threads, and calls of one task
    /// (`map`, `spawn`, `parallel for`) on other nodes where there are some.
    Processes,
}

/// How much of a program is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum JitLevel {
    /// The register machine.
    Interpreted,
    /// Optimised, with fused regions.
    Optimised,
    /// Native code.
    Native,
}

macro_rules! numbered {
    ($name:ident, $what:literal, $($number:literal => $variant:ident),+) => {
        impl TryFrom<u8> for $name {
            type Error = String;
            fn try_from(number: u8) -> Result<Self, String> {
                match number {
                    $($number => Ok($name::$variant),)+
                    other => Err(format!(concat!($what, " is 0, 1 or 2, not {}"), other)),
                }
            }
        }
        impl From<$name> for u8 {
            fn from(value: $name) -> u8 {
                match value { $($name::$variant => $number,)+ }
            }
        }
    };
}
numbered!(Parallelization, "parallelization_level", 0 => None, 1 => Threads, 2 => Processes);
numbered!(JitLevel, "jit_level", 0 => Interpreted, 1 => Optimised, 2 => Native);

/// Where tensors live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceTarget {
    /// Where the engine would put them.
    Auto,
    /// The processor.
    Cpu,
    /// The graphics processor, through wgpu.
    Gpu,
    /// An NVIDIA card, through CUDA.
    Cuda,
    /// The Apple Neural Engine.
    Ane,
}

/// What memory is worth against time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemoryOptimization {
    /// Memory is spent freely: a large pool keeps what tensors leave.
    Low,
    /// The engine's usual way.
    Balanced,
    /// As little as possible: what tensors leave goes back to the system at once.
    High,
}

/// The precision of products of f32 tensors, as far as the program allows: none is ever less exact than it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Half-precision operands (bf16), f32 sums.
    Fast,
    /// f32.
    Balanced,
    /// f64, rounded once.
    Precise,
}

impl DeviceTarget {
    /// As it is written in files.
    pub fn name(self) -> &'static str {
        match self {
            DeviceTarget::Auto => "auto",
            DeviceTarget::Cpu => "cpu",
            DeviceTarget::Gpu => "gpu",
            DeviceTarget::Cuda => "cuda",
            DeviceTarget::Ane => "ane",
        }
    }
}

impl MemoryOptimization {
    /// As it is written in files.
    pub fn name(self) -> &'static str {
        match self {
            MemoryOptimization::Low => "low",
            MemoryOptimization::Balanced => "balanced",
            MemoryOptimization::High => "high",
        }
    }
}

/// How a piece of work is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    /// What it is called in files and on the command line: lowercase letters, digits and underscores.
    pub strategy_id: String,
    /// What people read.
    pub name: String,
    /// 0 none, 1 threads, 2 processes or nodes.
    pub parallelization_level: Parallelization,
    /// 0 to 2, as in M-CODE.
    pub jit_level: JitLevel,
    /// Where tensors live.
    pub device_target: DeviceTarget,
    /// What memory is worth.
    pub memory_optimization: MemoryOptimization,
    /// Chains of tensor operations become one pass.
    pub tensor_fusion: bool,
    /// Elementwise operations join the product before them, where the device can.
    pub operator_fusion: bool,
    /// Independent pieces of one kind (`map`, `spawn`, `parallel for`) run side by side as one batch, and not one after
    /// the other.
    pub batch_processing: bool,
    /// Short loops are unrolled.
    pub loop_unrolling: bool,
    /// Derivatives are taken in the direction that takes fewer walks along what was computed, forward or in reverse, and
    /// what was walked past is let go; else always in reverse, with everything kept.
    pub automatic_differentiation: bool,
    /// The precision of products, as far as the program allows: `fast` acts where it asks for no more (`@precision`).
    pub precision: Precision,
}

/// Why a strategy cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StrategyError {
    /// The id has characters that cannot be typed everywhere, or is too long or empty.
    #[error("`{0}` cannot be a strategy's id: it takes 1 to 48 lowercase letters, digits and underscores")]
    Id(String),
    /// A strategy of this id is there.
    #[error("there is a strategy `{0}` already")]
    Taken(String),
    /// A strategy that is always there was to be taken away.
    #[error("`{0}` is built in and stays; only strategies that were registered can be taken away")]
    BuiltIn(String),
    /// No more fit.
    #[error("{STRATEGIES_MAX} strategies are known; no more fit")]
    Full,
    /// The text is not a strategy.
    #[error("{0}")]
    Text(String),
}

impl Strategy {
    /// The strategy without any optimisation: the baseline of everything.
    pub fn baseline() -> Strategy {
        Strategy {
            strategy_id: "default".to_owned(),
            name: "Default".to_owned(),
            parallelization_level: Parallelization::None,
            jit_level: JitLevel::Interpreted,
            device_target: DeviceTarget::Cpu,
            memory_optimization: MemoryOptimization::Balanced,
            tensor_fusion: false,
            operator_fusion: false,
            batch_processing: false,
            loop_unrolling: false,
            automatic_differentiation: false,
            precision: Precision::Balanced,
        }
    }

    /// The eight strategies that are always there, the baseline first.
    pub fn built_in() -> Vec<Strategy> {
        use DeviceTarget::{Ane, Auto, Cpu, Gpu};
        use JitLevel::{Native, Optimised};
        use MemoryOptimization::{High, Low};
        use Parallelization::{None, Processes, Threads};
        let named = |id: &str, name: &str, parallel, jit, device| Strategy {
            strategy_id: id.to_owned(),
            name: name.to_owned(),
            parallelization_level: parallel,
            jit_level: jit,
            device_target: device,
            ..Strategy::baseline()
        };
        let fused = |strategy: Strategy| Strategy {
            tensor_fusion: true,
            operator_fusion: true,
            automatic_differentiation: true,
            ..strategy
        };
        vec![
            Strategy::baseline(),
            Strategy { tensor_fusion: true, ..named("cpu_optimized", "CPU-optimised", Threads, Optimised, Cpu) },
            Strategy {
                batch_processing: true,
                ..fused(named("gpu_optimized", "GPU-optimised", Threads, Optimised, Gpu))
            },
            Strategy {
                batch_processing: true,
                ..fused(named("ane_optimized", "Neural-Engine-optimised", Threads, Optimised, Ane))
            },
            Strategy {
                memory_optimization: High,
                tensor_fusion: true,
                ..named("memory_efficient", "Memory-efficient", None, Optimised, Cpu)
            },
            Strategy {
                batch_processing: true,
                tensor_fusion: true,
                ..named("parallel_cpu", "Parallel CPU", Processes, Optimised, Cpu)
            },
            Strategy {
                loop_unrolling: true,
                ..fused(named("math_intensive", "Mathematics-intensive", Threads, Native, Cpu))
            },
            Strategy {
                memory_optimization: Low,
                batch_processing: true,
                loop_unrolling: true,
                precision: Precision::Fast,
                ..fused(named("aggressive_optimization", "Aggressive optimisation", Processes, Native, Auto))
            },
        ]
    }

    /// A strategy from TOML with the fields of this type.
    pub fn from_toml(text: &str) -> Result<Strategy, StrategyError> {
        let strategy: Strategy = toml::from_str(text).map_err(|error| StrategyError::Text(told(&error, text)))?;
        strategy.checked()
    }

    /// As TOML that [`Strategy::from_toml`] reads.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a strategy has plain fields")
    }

    fn checked(self) -> Result<Strategy, StrategyError> {
        let id = &self.strategy_id;
        let typed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if id.is_empty() || id.len() > 48 || !id.chars().all(typed) {
            return Err(StrategyError::Id(id.clone()));
        }
        Ok(self)
    }
}

/// What is wrong with a text of TOML and, where that is one place of it, on which line.
fn told(error: &toml::de::Error, text: &str) -> String {
    let message = error.message().trim_end();
    match error.span().filter(|span| !span.is_empty() && !message.starts_with("missing")) {
        Some(span) => {
            let line = text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1;
            format!("line {line}: {message}")
        }
        None => message.to_owned(),
    }
}

/// The strategies to choose from: the built-in ones and those of the user, the baseline first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strategies {
    all: Vec<Strategy>,
    built_in: usize,
}

impl Default for Strategies {
    fn default() -> Self {
        let all = Strategy::built_in();
        Strategies { built_in: all.len(), all }
    }
}

impl Strategies {
    /// The baseline alone.
    pub(crate) fn baseline_only() -> Self {
        Strategies { all: vec![Strategy::baseline()], built_in: 1 }
    }

    /// Adds a strategy of the user.
    pub fn register(&mut self, strategy: Strategy) -> Result<(), StrategyError> {
        let strategy = strategy.checked()?;
        if self.get(&strategy.strategy_id).is_some() {
            return Err(StrategyError::Taken(strategy.strategy_id));
        }
        if self.all.len() == STRATEGIES_MAX {
            return Err(StrategyError::Full);
        }
        self.all.push(strategy);
        Ok(())
    }

    /// Takes away the strategy of the user at `index`; those behind it move up.
    pub(crate) fn take_away(&mut self, index: usize) -> Result<(), StrategyError> {
        if index < self.built_in {
            return Err(StrategyError::BuiltIn(self.all[index].strategy_id.clone()));
        }
        self.all.remove(index);
        Ok(())
    }

    /// Index of the strategy with everything on; the baseline's where that is not among them.
    pub(crate) fn usual(&self) -> usize {
        self.all.iter().position(|strategy| strategy.strategy_id == USUAL_ID).unwrap_or(0)
    }

    /// All of them.
    pub fn all(&self) -> &[Strategy] {
        &self.all
    }

    /// The strategy of this id.
    pub fn get(&self, id: &str) -> Option<&Strategy> {
        self.all.iter().find(|strategy| strategy.strategy_id == id)
    }

    /// The strategies that users registered.
    pub fn registered(&self) -> &[Strategy] {
        &self.all[self.built_in..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eight_are_there_with_the_baseline_first() {
        let ids: Vec<String> = Strategies::default().all().iter().map(|s| s.strategy_id.clone()).collect();
        let expected = [
            "default",
            "cpu_optimized",
            "gpu_optimized",
            "ane_optimized",
            "memory_efficient",
            "parallel_cpu",
            "math_intensive",
            "aggressive_optimization",
        ];
        assert_eq!(ids, expected);
    }

    #[test]
    fn the_document_has_them_as_they_are() {
        let row = |s: &Strategy| {
            let with = [
                (s.tensor_fusion, "tensor fusion"),
                (s.operator_fusion, "operator fusion"),
                (s.batch_processing, "batch processing"),
                (s.loop_unrolling, "loop unrolling"),
                (s.automatic_differentiation, "automatic differentiation"),
                (s.precision == Precision::Fast, "precision fast"),
            ];
            let with: Vec<&str> = with.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
            let (parallel, jit) = (u8::from(s.parallelization_level), u8::from(s.jit_level));
            let (device, memory) = (s.device_target.name(), s.memory_optimization.name());
            let cells = format!("`{}` | {parallel} | {jit} | {device} | {memory}", s.strategy_id);
            if with.is_empty() { format!("| {cells} | |") } else { format!("| {cells} | {} |", with.join(", ")) }
        };
        let rows: Vec<String> = Strategy::built_in().iter().map(row).collect();
        let document = include_str!("../../../docs/optimizer.md");
        assert!(document.contains(&rows.join("\n")), "docs/optimizer.md lacks:\n{}", rows.join("\n"));
    }

    #[test]
    fn a_strategy_in_toml_is_registered_once() {
        let text = "strategy_id = \"mine\"\nname = \"Mine\"\nparallelization_level = 1\njit_level = 2\n\
                    device_target = \"gpu\"\nmemory_optimization = \"balanced\"\ntensor_fusion = true\n\
                    operator_fusion = false\nbatch_processing = true\nloop_unrolling = true\n\
                    automatic_differentiation = false\nprecision = \"balanced\"\n";
        let mine = Strategy::from_toml(text).unwrap();
        let mut strategies = Strategies::default();
        strategies.register(mine.clone()).unwrap();
        assert_eq!(strategies.registered(), std::slice::from_ref(&mine));
        assert_eq!(strategies.register(mine), Err(StrategyError::Taken("mine".to_owned())));
    }

    #[test]
    fn what_is_not_a_strategy_says_what_is_wrong() {
        let level = toml::to_string(&Strategy::baseline()).unwrap().replace("jit_level = 0", "jit_level = 7");
        let said = Strategy::from_toml(&level).unwrap_err().to_string();
        assert_eq!(said, "line 4: jit_level is 0, 1 or 2, not 7");
        let short = toml::to_string(&Strategy::baseline()).unwrap().replace("jit_level = 0\n", "");
        assert_eq!(Strategy::from_toml(&short).unwrap_err().to_string(), "missing field `jit_level`");
        let id = toml::to_string(&Strategy { strategy_id: "My Own".to_owned(), ..Strategy::baseline() }).unwrap();
        assert_eq!(Strategy::from_toml(&id), Err(StrategyError::Id("My Own".to_owned())));
    }
}
