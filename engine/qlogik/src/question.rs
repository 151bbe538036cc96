//! A question to a model and its answer, as values: what the command line asks of a file, and the runtime of a message.
//!
//! Not the finding of answers: that is `answer/`. Names are looked up here, so that a question is words only.

use std::fmt;

use serde::Serialize;

use crate::answer::{self, Advised, Effort, Evaluation, Explanation, Method, ValueAnswer};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::influence::{Diagram, Risk};
use crate::model::Model;

/// The most samples of one answer.
pub const SAMPLES_MAX: u64 = 100_000_000;

/// What is asked of a model.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// How probable each state of these variables is; of all variables where none is named.
    Beliefs {
        /// The variables.
        of: Vec<String>,
        /// How to answer.
        method: Method,
        /// Samples of a sampled answer.
        samples: u64,
        /// Seed of a sampled answer.
        seed: u64,
    },
    /// What to do at each decision.
    Policy {
        /// Risk tolerance instead of the model's own, in the unit of its utilities.
        risk_tolerance: Option<f64>,
    },
    /// What it is worth to find something out before deciding.
    Value {
        /// The variable; each that could be found out where none is named.
        of: Option<String>,
        /// The decision; the last where none is named.
        before: Option<String>,
        /// How often a report of it is right, from 0 to 1.
        accuracy: f64,
    },
    /// Which evidence moved the belief in a variable.
    Explanation {
        /// The variable.
        of: String,
    },
}

/// What a model answered: its JSON is what users see, and so is its text.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To [`Question::Beliefs`].
    Beliefs(Evaluation),
    /// To [`Question::Policy`].
    Policy(Advised),
    /// To [`Question::Value`].
    Values {
        /// One for each variable, the one worth most first.
        values: Vec<ValueAnswer>,
    },
    /// To [`Question::Explanation`].
    Explanation(Explanation),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Beliefs(found) => found.fmt(f),
            Answer::Policy(found) => found.fmt(f),
            Answer::Values { values } => f.write_str(&answer::values(values)),
            Answer::Explanation(found) => found.fmt(f),
        }
    }
}

impl Question {
    /// Asks a model, given what is known, within so many bytes of memory.
    ///
    /// # Errors
    /// Names that the model does not have, questions that do not fit it, answers that take too much.
    pub fn ask(&self, model: &Model, evidence: &Evidence, memory_max: u64) -> Result<Answer, Error> {
        let network = model.network();
        match self {
            Question::Beliefs { of, method, samples, seed } => {
                if *samples > SAMPLES_MAX {
                    let message =
                        format!("{samples} samples were asked for, and an answer takes at most {SAMPLES_MAX}");
                    return Err(Error::BadQuestion(message));
                }
                let of = of.iter().map(|name| network.find(name)).collect::<Result<Vec<_>, _>>()?;
                let samples = usize::try_from(*samples).unwrap_or(usize::MAX);
                let effort = Effort { method: *method, memory_max, samples, seed: *seed };
                answer::evaluate(network, &of, evidence, effort).map(Answer::Beliefs)
            }
            Question::Policy { risk_tolerance } => {
                let diagram = diagram(model)?;
                let averse = risk_tolerance.map(|tolerance| diagram.clone().with_risk(Risk::Tolerance(tolerance)));
                let averse = averse.transpose()?;
                answer::policy(averse.as_ref().unwrap_or(diagram), evidence, memory_max).map(Answer::Policy)
            }
            Question::Value { of, before, accuracy } => {
                let find = |name: &Option<String>| name.as_deref().map(|name| network.find(name)).transpose();
                let (of, before, diagram) = (find(of)?, find(before)?, diagram(model)?);
                let values = answer::value_of_information(diagram, of, before, *accuracy, evidence, memory_max)?;
                Ok(Answer::Values { values })
            }
            Question::Explanation { of } => {
                answer::explain(network, network.find(of)?, evidence, memory_max).map(Answer::Explanation)
            }
        }
    }
}

/// The model as an influence diagram.
fn diagram(model: &Model) -> Result<&Diagram, Error> {
    model.diagram().ok_or(Error::NoDecisions)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UMBRELLA: &str = "[[variable]]\nname = \"weather\"\nstates = [\"rain\", \"sun\"]\ntable = [0.3, 0.7]\n\
        [[decision]]\nname = \"umbrella\"\noptions = [\"take\", \"leave\"]\n\
        [[utility]]\nname = \"comfort\"\nof = [\"weather\", \"umbrella\"]\nvalues = [[70, 0], [20, 100]]\n";

    fn asked(question: &Question) -> Result<Answer, Error> {
        let (model, _) = Model::read("umbrella.toml", UMBRELLA).unwrap();
        question.ask(&model, &Evidence::new(), crate::MEMORY_MAX)
    }

    #[test]
    fn questions_in_words_have_the_answers_of_the_engine() {
        // By hand: leaving it is worth 0.7 * 100, taking it 0.3 * 70 + 0.7 * 20; knowing the weather 0.3 * 70 more.
        let Answer::Policy(policy) = asked(&Question::Policy { risk_tolerance: None }).unwrap() else { panic!() };
        assert!((policy.expected_utility - 70.0).abs() < 1e-9, "{policy}");
        let value = Question::Value { of: Some("weather".into()), before: None, accuracy: 1.0 };
        let text = asked(&value).unwrap().to_string();
        assert!(text.contains("weather") && text.contains("worth 21"), "{text}");
        let beliefs = Question::Beliefs { of: vec!["weather".into()], method: Method::Exact, samples: 0, seed: 0 };
        let document = serde_json::to_value(asked(&beliefs).unwrap()).unwrap();
        assert!((document["beliefs"][0]["states"][0]["probability"].as_f64().unwrap() - 0.3).abs() < 1e-12);
        let explanation = asked(&Question::Explanation { of: "weather".into() }).unwrap();
        assert!(matches!(explanation, Answer::Explanation(found) if found.belief.best == "sun"));
    }

    #[test]
    fn questions_that_do_not_fit_are_refused() {
        let many = Question::Beliefs { of: vec![], method: Method::Exact, samples: SAMPLES_MAX + 1, seed: 0 };
        assert_eq!(asked(&many).unwrap_err().code(), "NX1008");
        assert_eq!(asked(&Question::Explanation { of: "wether".into() }).unwrap_err().code(), "NX1003");
        assert_eq!(asked(&Question::Policy { risk_tolerance: Some(0.0) }).unwrap_err().code(), "NX1009");
        let (network, _) = Model::read("m.toml", &UMBRELLA[..UMBRELLA.find("[[decision]]").unwrap()]).unwrap();
        let question = Question::Policy { risk_tolerance: None };
        let error = question.ask(&network, &Evidence::new(), crate::MEMORY_MAX).unwrap_err();
        assert!(error.hint().is_some_and(|hint| hint.contains("nexus decide eval")), "{error}");
    }
}
