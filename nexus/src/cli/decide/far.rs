//! `nexus decide … --at-node NODE`: a node of the cluster finds the answer.
//!
//! The model is read here first, so that what is wrong with it is shown with its place; then its text travels with the
//! question, and the node keeps nothing of it.

use nexus_qlogik::answer::Method;
use nexus_qlogik::question::Question;
use nexus_wire::{DecisionMethod, DecisionQuestion, DecisionRequest, Request, Response};

use super::situation::Situation;
use crate::cli::cluster::{self, Cluster};
use crate::cli::error::CliError;
use crate::cli::program::Source;
use crate::output::Console;

/// Asks the node called `node`.
pub(super) async fn ask(
    (situation, question): (&Situation, Question),
    node: &str,
    cluster: &impl Cluster,
    console: &mut Console,
) -> Result<(), CliError> {
    situation.read(console)?;
    let source = Source::read(&situation.model)?;
    let id = cluster::find_node(&cluster::nodes(cluster).await?, node)?;
    let known = situation.evidence.iter().map(|binding| (binding.name.clone(), binding.text.trim().to_owned()));
    let request = DecisionRequest {
        node: Some(id),
        file: source.file(),
        evidence: known.collect(),
        memory_bytes: situation.memory_max(),
        question: sent(question),
        model: source.text.to_string(),
    };
    match cluster.request(Request::Decide(Box::new(request))).await? {
        Response::Decided(answer) => {
            let json = format!("{}\n", answer.document.trim_end());
            console.answer(if console.is_json() { &json } else { &answer.text });
            Ok(())
        }
        _ => Err(cluster::unexpected()),
    }
}

fn sent(question: Question) -> DecisionQuestion {
    match question {
        Question::Beliefs { of, method, samples, seed } => {
            let method = match method {
                Method::Automatic => DecisionMethod::Automatic,
                Method::Exact => DecisionMethod::Exact,
                Method::Sampled => DecisionMethod::Sampled,
                Method::Gibbs => DecisionMethod::Gibbs,
            };
            DecisionQuestion::Beliefs { of, method, samples, seed }
        }
        Question::Policy { risk_tolerance } => DecisionQuestion::Policy { risk_tolerance },
        Question::Value { of, before, accuracy } => DecisionQuestion::Value { of, before, accuracy },
        Question::Explanation { of } => DecisionQuestion::Explanation { of },
    }
}
