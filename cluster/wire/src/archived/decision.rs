//! What is asked of decision models, and answered.

use nexus_model::NodeId;
use rkyv::with::{InlineAsBox, Map};
use rkyv::{Archive, Serialize};

use super::body::{Body, Kind, SMALL_BYTES};
use super::bounds::{Bounded, bytes, name};
use super::{WireError, plain_enum};
use crate::decision::{DecisionMethod, DecisionQuestion, DecisionRequest, DecisionResponse};
use crate::limits::{DECISION_ANSWER_BYTES_MAX, DECISION_MODEL_BYTES_MAX, DECISION_NAMES_MAX};

#[derive(Archive, Serialize)]
struct DecisionRequestV1<'a> {
    node: Option<u64>,
    #[rkyv(with = InlineAsBox)]
    file: &'a str,
    #[rkyv(with = InlineAsBox)]
    model: &'a str,
    evidence: Vec<KnownV1<'a>>,
    memory_bytes: u64,
    question: DecisionQuestionV1<'a>,
}

#[derive(Archive, Serialize)]
struct KnownV1<'a> {
    #[rkyv(with = InlineAsBox)]
    variable: &'a str,
    #[rkyv(with = InlineAsBox)]
    state: &'a str,
}

#[derive(Archive, Serialize)]
enum DecisionQuestionV1<'a> {
    Beliefs {
        #[rkyv(with = Map<InlineAsBox>)]
        of: Vec<&'a str>,
        method: DecisionMethodV1,
        samples: u64,
        seed: u64,
    },
    Policy {
        risk_tolerance: Option<f64>,
    },
    Value {
        #[rkyv(with = Map<InlineAsBox>)]
        of: Option<&'a str>,
        #[rkyv(with = Map<InlineAsBox>)]
        before: Option<&'a str>,
        accuracy: f64,
    },
    Explanation {
        #[rkyv(with = InlineAsBox)]
        of: &'a str,
    },
}

plain_enum!(
    /// [`DecisionMethod`].
    DecisionMethodV1, ArchivedDecisionMethodV1, DecisionMethod { Automatic = 0, Exact = 1, Sampled = 2, Gibbs = 3 }
);

#[derive(Archive, Serialize)]
struct DecisionResponseV1<'a> {
    #[rkyv(with = InlineAsBox)]
    document: &'a str,
    #[rkyv(with = InlineAsBox)]
    text: &'a str,
}

pub(super) fn encode_decision_request(kind: Kind, request: &DecisionRequest) -> Result<Vec<u8>, WireError> {
    let DecisionRequest { node, file, model, evidence, memory_bytes, question } = request;
    let question = match question {
        DecisionQuestion::Beliefs { of, method, samples, seed } => DecisionQuestionV1::Beliefs {
            of: of.iter().map(String::as_str).collect(),
            method: (*method).into(),
            samples: *samples,
            seed: *seed,
        },
        DecisionQuestion::Policy { risk_tolerance } => DecisionQuestionV1::Policy { risk_tolerance: *risk_tolerance },
        DecisionQuestion::Value { of, before, accuracy } => {
            DecisionQuestionV1::Value { of: of.as_deref(), before: before.as_deref(), accuracy: *accuracy }
        }
        DecisionQuestion::Explanation { of } => DecisionQuestionV1::Explanation { of },
    };
    let form = DecisionRequestV1 {
        node: node.map(|node| node.0),
        file,
        model,
        evidence: evidence.iter().map(|(variable, state)| KnownV1 { variable, state }).collect(),
        memory_bytes: *memory_bytes,
        question,
    };
    kind.write_large(SMALL_BYTES + model.len(), &form)
}

pub(super) fn decision_request(body: Body<'_>) -> Result<DecisionRequest, WireError> {
    let form: &ArchivedDecisionRequestV1<'_> = body.form()?;
    bytes("list of what is known", form.evidence.len(), DECISION_NAMES_MAX)?;
    let question = match &form.question {
        ArchivedDecisionQuestionV1::Beliefs { of, method, samples, seed } => {
            bytes("list of variables", of.len(), DECISION_NAMES_MAX)?;
            DecisionQuestion::Beliefs {
                of: of.iter().map(|one| one.to_string()).collect(),
                method: method.into(),
                samples: samples.to_native(),
                seed: seed.to_native(),
            }
        }
        ArchivedDecisionQuestionV1::Policy { risk_tolerance } => {
            DecisionQuestion::Policy { risk_tolerance: risk_tolerance.as_ref().map(|number| number.to_native()) }
        }
        ArchivedDecisionQuestionV1::Value { of, before, accuracy } => DecisionQuestion::Value {
            of: of.as_ref().map(|one| one.to_string()),
            before: before.as_ref().map(|one| one.to_string()),
            accuracy: accuracy.to_native(),
        },
        ArchivedDecisionQuestionV1::Explanation { of } => DecisionQuestion::Explanation { of: of.to_string() },
    };
    let known = |known: &ArchivedKnownV1<'_>| (known.variable.to_string(), known.state.to_string());
    Ok(DecisionRequest {
        node: form.node.as_ref().map(|node| NodeId(node.to_native())),
        file: form.file.to_string(),
        model: form.model.to_string(),
        evidence: form.evidence.iter().map(known).collect(),
        memory_bytes: form.memory_bytes.to_native(),
        question,
    })
}

pub(super) fn encode_decision_response(kind: Kind, response: &DecisionResponse) -> Result<Vec<u8>, WireError> {
    let DecisionResponse { document, text } = response;
    kind.write_large(SMALL_BYTES + document.len() + text.len(), &DecisionResponseV1 { document, text })
}

pub(super) fn decision_response(body: Body<'_>) -> Result<DecisionResponse, WireError> {
    let form: &ArchivedDecisionResponseV1<'_> = body.form()?;
    Ok(DecisionResponse { document: form.document.to_string(), text: form.text.to_string() })
}

impl Bounded for DecisionRequest {
    fn check_bounds(&self) -> Result<(), WireError> {
        name("model's file name", &self.file)?;
        bytes("decision model", self.model.len(), DECISION_MODEL_BYTES_MAX)?;
        bytes("list of what is known", self.evidence.len(), DECISION_NAMES_MAX)?;
        for (variable, state) in &self.evidence {
            name("variable's name", variable)?;
            name("state's name", state)?;
        }
        let optional = |of: &Option<String>| name("variable's name", of.as_deref().unwrap_or_default());
        match &self.question {
            DecisionQuestion::Beliefs { of, method: _, samples: _, seed: _ } => {
                bytes("list of variables", of.len(), DECISION_NAMES_MAX)?;
                of.iter().try_for_each(|one| name("variable's name", one))
            }
            DecisionQuestion::Policy { risk_tolerance: _ } => Ok(()),
            DecisionQuestion::Value { of, before, accuracy: _ } => optional(of).and_then(|()| optional(before)),
            DecisionQuestion::Explanation { of } => name("variable's name", of),
        }
    }
}

impl Bounded for DecisionResponse {
    fn check_bounds(&self) -> Result<(), WireError> {
        bytes("decision", self.document.len(), DECISION_ANSWER_BYTES_MAX)?;
        bytes("decision in words", self.text.len(), DECISION_ANSWER_BYTES_MAX)
    }
}
