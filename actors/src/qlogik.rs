//! The qlogik actor: questions to decision models, asked by messages, from this process or over the link.
//!
//! A thin shell: what a model means is `nexus-qlogik`'s. It keeps nothing: each message has the model in it. Answers are
//! found on threads for blocking work, a few at a time, within the memory that one may take.

use std::sync::Arc;

use actix::prelude::*;
use nexus_qlogik::answer::Method;
use nexus_qlogik::question::Question;
use nexus_qlogik::{Error, MEMORY_MAX, Model};
use nexus_wire::limits::DECISION_ANSWER_BYTES_MAX;
use nexus_wire::{DecisionMethod, DecisionQuestion, DecisionRequest, DecisionResponse, Refusal};
use tokio::sync::Semaphore;

use crate::codes;
use crate::control::refusal;
use crate::omega::Lifeline;

/// Requests that may wait in the mailbox; the gateway bounds what is under way.
const MAILBOX: usize = 256;
/// Answers that are found at once: each may take [`MEMORY_MAX`], and tasks want the processors.
const AT_ONCE: usize = 2;
/// The most samples of an answer for another: seconds of one processor for a network of dozens of variables.
const SAMPLES_MAX: u64 = 10_000_000;

/// Gateway → qlogik: answer a question to a model. Answer: what the model says, or why it cannot. If it is lost, it can be
/// asked again.
#[derive(Message)]
#[rtype(result = "Result<DecisionResponse, Refusal>")]
pub(crate) struct AskModel(pub(crate) DecisionRequest);

/// The qlogik actor.
pub(crate) struct Qlogik {
    places: Arc<Semaphore>,
    _lifeline: Lifeline,
}

impl Qlogik {
    pub(crate) fn new(lifeline: Lifeline) -> Self {
        Qlogik { places: Arc::new(Semaphore::new(AT_ONCE)), _lifeline: lifeline }
    }
}

impl Actor for Qlogik {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<AskModel> for Qlogik {
    type Result = ResponseFuture<Result<DecisionResponse, Refusal>>;

    fn handle(&mut self, AskModel(request): AskModel, _: &mut Self::Context) -> Self::Result {
        let places = Arc::clone(&self.places);
        Box::pin(async move {
            let _place = places.acquire_owned().await.map_err(|_| crate::control::stopping())?;
            let lost = |_| refusal(codes::DECISION_LOST, "finding the answer was given up".to_owned());
            tokio::task::spawn_blocking(move || answer(request)).await.map_err(lost)?
        })
    }
}

fn answer(request: DecisionRequest) -> Result<DecisionResponse, Refusal> {
    let DecisionRequest { node: _, file, model, evidence, memory_bytes, question } = request;
    let (model, _) = Model::read(&file, &model).map_err(|found| unreadable(&found))?;
    let known = evidence.iter().map(|(variable, state)| (variable.as_str(), state.as_str()));
    let evidence = model.network().evidence(known).map_err(|error| refused(&error))?;
    let question = question_of(question).map_err(|error| refused(&error))?;
    let found = question.ask(&model, &evidence, memory_bytes.min(MEMORY_MAX)).map_err(|error| refused(&error))?;
    let document = serde_json::to_string(&found)
        .map_err(|error| refusal(codes::DECISION_LOST, format!("the answer cannot be written: {error}")))?;
    let text = found.to_string();
    if document.len().max(text.len()) > DECISION_ANSWER_BYTES_MAX {
        let message = format!("the answer is longer than {DECISION_ANSWER_BYTES_MAX} bytes");
        let help = Some("ask for a few of the variables, with --of".to_owned());
        return Err(Refusal { help, ..refusal(codes::DECISION_LOST, message) });
    }
    Ok(DecisionResponse { document, text })
}

fn question_of(asked: DecisionQuestion) -> Result<Question, Error> {
    Ok(match asked {
        DecisionQuestion::Beliefs { of: _, method: _, samples, seed: _ } if samples > SAMPLES_MAX => {
            let message = format!("{samples} samples were asked for, and a node draws at most {SAMPLES_MAX}");
            return Err(Error::BadQuestion(message));
        }
        DecisionQuestion::Beliefs { of, method, samples, seed } => {
            let method = match method {
                DecisionMethod::Automatic => Method::Automatic,
                DecisionMethod::Exact => Method::Exact,
                DecisionMethod::Sampled => Method::Sampled,
                DecisionMethod::Gibbs => Method::Gibbs,
            };
            Question::Beliefs { of, method, samples, seed }
        }
        DecisionQuestion::Policy { risk_tolerance } => Question::Policy { risk_tolerance },
        DecisionQuestion::Value { of, before, accuracy } => Question::Value { of, before, accuracy },
        DecisionQuestion::Explanation { of } => Question::Explanation { of },
    })
}

/// The first of what is wrong with a model's text.
fn unreadable(found: &[nexus_model::Diagnostic]) -> Refusal {
    match found.first() {
        Some(first) => {
            Refusal { help: first.help.clone(), ..refusal(&first.code, format!("{}: {}", first.file, first.message)) }
        }
        None => refusal(codes::BAD_MESSAGE, "the model could not be read".to_owned()),
    }
}

fn refused(error: &Error) -> Refusal {
    Refusal { help: error.hint().map(ToOwned::to_owned), ..refusal(error.code(), error.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UMBRELLA: &str = "[[variable]]\nname = \"weather\"\nstates = [\"rain\", \"sun\"]\ntable = [0.3, 0.7]\n\
        [[decision]]\nname = \"umbrella\"\noptions = [\"take\", \"leave\"]\nknows = [\"weather\"]\n\
        [[utility]]\nname = \"comfort\"\nof = [\"weather\", \"umbrella\"]\nvalues = [[70, 0], [20, 100]]\n";

    fn request(question: DecisionQuestion, evidence: &[(&str, &str)]) -> DecisionRequest {
        DecisionRequest {
            node: None,
            file: "umbrella.toml".to_owned(),
            model: UMBRELLA.to_owned(),
            evidence: evidence.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned())).collect(),
            memory_bytes: u64::MAX,
            question,
        }
    }

    const POLICY: DecisionQuestion = DecisionQuestion::Policy { risk_tolerance: None };

    #[test]
    fn a_model_in_a_message_is_answered_by_a_message() {
        let answered = System::new().block_on(async {
            let qlogik = Qlogik::new(Lifeline::of_nobody()).start();
            let known = [("weather", "rain")];
            let policy = qlogik.send(AskModel(request(POLICY, &known))).await.unwrap();
            let wrong = qlogik.send(AskModel(request(POLICY, &[("weather", "snow")]))).await.unwrap();
            (policy, wrong)
        });
        let document: serde_json::Value = serde_json::from_str(&answered.0.as_ref().unwrap().document).unwrap();
        // By hand: in the rain, taking it is worth 70.
        assert!((document["expected_utility"].as_f64().unwrap() - 70.0).abs() < 1e-9, "{document}");
        assert!(answered.0.unwrap().text.contains("take"));
        let wrong = answered.1.unwrap_err();
        assert_eq!((wrong.code.as_str(), wrong.message.starts_with("weather has no state snow")), ("NX1003", true));
    }

    #[test]
    fn what_cannot_be_answered_is_refused_with_its_code() {
        let code = |request| answer(request).unwrap_err().code;
        let broken = DecisionRequest { model: "[[variable]]\nname = 3".to_owned(), ..request(POLICY, &[]) };
        assert_eq!(code(broken), "NX1001");
        let value = DecisionQuestion::Value { of: Some("weather".into()), before: None, accuracy: 7.0 };
        let unknown = UMBRELLA.replace("knows = [\"weather\"]\n", "");
        assert_eq!(code(DecisionRequest { model: unknown, ..request(value, &[]) }), "NX1008");
        let (method, samples) = (DecisionMethod::Sampled, SAMPLES_MAX + 1);
        let endless = DecisionQuestion::Beliefs { of: vec![], method, samples, seed: 0 };
        assert_eq!(code(request(endless, &[])), "NX1008");
        let small =
            DecisionRequest { memory_bytes: 1, ..request(DecisionQuestion::Explanation { of: "weather".into() }, &[]) };
        assert_eq!(code(small), "NX1006");
    }
}
