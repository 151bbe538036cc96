//! What was learned, as text to be kept in a file: versioned and checksummed. The driver reads and writes the file.

use serde::{Deserialize, Serialize};

use crate::config::OptimizerConfig;
use crate::coverage::Coverage;
use crate::evidence::{Compiling, Noise};
use crate::history::History;
use crate::known::{Known, Table};
use crate::names::Names;
use crate::optimizer::Optimizer;
use crate::strategy::{Strategies, Strategy, StrategyError};
use crate::work::Key;

/// The version of what is written; older ones are read, newer ones refused.
const VERSION: u32 = 1;
const FORMAT: &str = "nexus-optimizer";

/// Why a state was not taken. The optimiser is as it was: new.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It is no state, or a damaged one.
    #[error("it is not a state of the optimiser, or was damaged: {0}")]
    Damaged(String),
    /// It was written by a newer version.
    #[error("it was written in format {0}; this version reads formats up to {VERSION}")]
    TooNew(u32),
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    checksum: String,
}

#[derive(Serialize, Deserialize)]
struct Body {
    registered: Vec<Strategy>,
    tick: u64,
    known: Vec<(Key, Known)>,
    history: History,
    noise: Noise,
    #[serde(default)]
    names: Names,
    #[serde(default)]
    coverage: Coverage,
    #[serde(default)]
    compiling: Compiling,
}

fn damaged(error: impl std::fmt::Display) -> StateError {
    StateError::Damaged(error.to_string())
}

impl Optimizer {
    /// Everything that was learned, as two lines of JSON: a header with a checksum, and the rest.
    pub fn save(&self) -> String {
        let body = Body {
            registered: self.strategies.registered().to_vec(),
            tick: self.tick,
            known: self.table.iter().map(|(key, known)| (*key, known.clone())).collect(),
            history: self.history.clone(),
            noise: self.noise,
            names: self.names.clone(),
            coverage: self.coverage,
            compiling: self.compiling,
        };
        let body = serde_json::to_string(&body).expect("what was learned has no maps with strange keys");
        let checksum = blake3::hash(body.as_bytes()).to_hex().to_string();
        let header = Header { format: FORMAT.to_owned(), version: VERSION, checksum };
        let header = serde_json::to_string(&header).expect("three plain fields are JSON");
        format!("{header}\n{body}\n")
    }

    /// An optimiser that knows what was saved.
    pub fn load(config: OptimizerConfig, text: &str) -> Result<Optimizer, StateError> {
        let (header, body) = text.split_once('\n').ok_or_else(|| damaged("it has no second line"))?;
        let header: Header = serde_json::from_str(header).map_err(damaged)?;
        if header.format != FORMAT {
            return Err(damaged(format!("its format is `{}`", header.format)));
        }
        if header.version > VERSION {
            return Err(StateError::TooNew(header.version));
        }
        let body = body.strip_suffix('\n').unwrap_or(body);
        if blake3::hash(body.as_bytes()).to_hex().as_str() != header.checksum {
            return Err(damaged("its checksum is that of something else"));
        }
        let body: Body = serde_json::from_str(body).map_err(damaged)?;
        let mut strategies = Strategies::default();
        for strategy in body.registered {
            strategies.register(strategy).map_err(|error: StrategyError| damaged(error))?;
        }
        let mut table = Table::default();
        for (key, mut known) in body.known {
            if !known.is_sound() {
                return Err(damaged("it has numbers that no run gives"));
            }
            known.arms.truncate(strategies.all().len());
            table.insert(key, known, config.memory_size);
        }
        let mut optimizer = Optimizer::new(config);
        (optimizer.strategies, optimizer.table) = (strategies, table);
        (optimizer.history, optimizer.tick, optimizer.noise) = (body.history, body.tick, body.noise);
        if !body.coverage.is_sound() || !body.compiling.is_sound() {
            return Err(damaged("it has numbers that no run gives"));
        }
        (optimizer.coverage, optimizer.compiling) = (body.coverage, body.compiling);
        optimizer.names = body.names;
        optimizer.absorb();
        Ok(optimizer)
    }
}
