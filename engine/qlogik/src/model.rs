//! A model of either kind, as it comes from a file.

use nexus_model::Diagnostic;

use crate::influence::Diagram;
use crate::network::Network;
use crate::rules::RuleSet;
use crate::{bif, document};

/// A network, or an influence diagram.
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// Beliefs only.
    Network(Network),
    /// Beliefs, decisions and utilities.
    Diagram(Diagram),
}

impl Model {
    /// Reads a model: TOML where the name ends in `.toml`, BIF where it ends in `.bif`; with any other name the text
    /// decides. Gives warnings beside it.
    ///
    /// Errors: everything that was found wrong.
    pub fn read(file: &str, text: &str) -> Result<(Model, Vec<Diagnostic>), Vec<Diagnostic>> {
        Model::read_with_rules(file, text).map(|((model, _), warnings)| (model, warnings))
    }

    /// Reads a model and its rules, which only TOML has; otherwise as [`Model::read`].
    ///
    /// Errors: everything that was found wrong.
    pub fn read_with_rules(file: &str, text: &str) -> Result<(document::Ruled, Vec<Diagnostic>), Vec<Diagnostic>> {
        let is_toml = if file.ends_with(".toml") {
            true
        } else if file.ends_with(".bif") {
            false
        } else {
            !text.lines().any(|line| line.trim_start().starts_with("network"))
        };
        if is_toml {
            return document::read_with_rules(file, text);
        }
        bif::read(file, text).map(|(network, warnings)| ((Model::Network(network), RuleSet::default()), warnings))
    }

    /// Its variables; decisions are variables without parents.
    pub fn network(&self) -> &Network {
        match self {
            Model::Network(network) => network,
            Model::Diagram(diagram) => diagram.network(),
        }
    }

    /// The influence diagram, if it is one.
    pub fn diagram(&self) -> Option<&Diagram> {
        match self {
            Model::Network(_) => None,
            Model::Diagram(diagram) => Some(diagram),
        }
    }
}
