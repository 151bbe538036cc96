//! How far a program is compiled, as a value: what a user picks, a strategy says, and the language acts on.
//!
//! It never changes what a program gives, only how fast; what each setting did in a run is counted by the run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far a program is compiled. The result is the same at every level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum JitLevel {
    /// 0: the register machine, one operation at a time.
    Plain,
    /// 1: optimised code of the register machine, with chains of tensor operations fused.
    Optimised,
    /// 2: and native code for loops and functions over numbers.
    #[default]
    Native,
}

impl JitLevel {
    /// Every level, from 0.
    pub const ALL: [JitLevel; 3] = [JitLevel::Plain, JitLevel::Optimised, JitLevel::Native];

    /// The level of this number; `None` beyond 2.
    pub fn from_number(number: u8) -> Option<JitLevel> {
        JitLevel::ALL.get(usize::from(number)).copied()
    }

    /// Its number, as users write it.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for JitLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

impl TryFrom<u8> for JitLevel {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        JitLevel::from_number(number).ok_or_else(|| format!("a level of compilation is 0, 1 or 2, not {number}"))
    }
}

impl From<JitLevel> for u8 {
    fn from(level: JitLevel) -> u8 {
        level.number()
    }
}

/// How a program is executed. The default is everything that makes it fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Execution {
    /// How far it is compiled. At level 0 none of the other settings has anything to act on.
    pub jit_level: JitLevel,
    /// Chains of elementwise operations and reductions on tensors become one pass over memory.
    pub tensor_fusion: bool,
    /// Elementwise operations behind a matrix product join it: they work in place on its result while it is fresh.
    pub operator_fusion: bool,
    /// Short loops over a known number of items are written out.
    pub loop_unrolling: bool,
}

impl Execution {
    /// Everything that a level has.
    pub const fn at(jit_level: JitLevel) -> Execution {
        Execution { jit_level, tensor_fusion: true, operator_fusion: true, loop_unrolling: true }
    }

    /// The same without what the level gives nothing to act on: two settings that execute alike are equal here.
    pub const fn effective(self) -> Execution {
        match self.jit_level {
            JitLevel::Plain => Execution {
                jit_level: JitLevel::Plain,
                tensor_fusion: false,
                operator_fusion: false,
                loop_unrolling: false,
            },
            JitLevel::Optimised | JitLevel::Native => self,
        }
    }
}

impl Default for Execution {
    fn default() -> Self {
        Execution::at(JitLevel::default())
    }
}

impl From<JitLevel> for Execution {
    fn from(level: JitLevel) -> Self {
        Execution::at(level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_the_numbers_that_users_write() {
        for (number, level) in (0u8..).zip(JitLevel::ALL) {
            assert_eq!((JitLevel::from_number(number), level.number()), (Some(level), number));
            assert_eq!(level.to_string(), number.to_string());
        }
        assert_eq!(JitLevel::from_number(3), None);
        assert!(JitLevel::try_from(9).is_err_and(|why| why.contains("not 9")));
    }

    #[test]
    fn settings_that_act_on_nothing_do_not_tell_executions_apart() {
        let bare = Execution { tensor_fusion: false, ..Execution::at(JitLevel::Plain) };
        assert_eq!(bare.effective(), Execution::at(JitLevel::Plain).effective());
        let unfused = Execution { tensor_fusion: false, ..Execution::default() };
        assert_ne!(unfused.effective(), Execution::default().effective());
    }
}
