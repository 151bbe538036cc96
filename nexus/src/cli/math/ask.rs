//! Questions in plain words: the command that they mean is read as if it had been typed.

use clap::Parser;
use nexus_mprime::phrases;
use nexus_mprime::symbolic::MathError;

use super::answers::Answer;
use super::words::shielded;
use super::{MathVerb, Unanswered, questions};

/// A command of `nexus math` without its first words.
#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true, disable_help_subcommand = true)]
struct Typed {
    #[command(subcommand)]
    verb: MathVerb,
}

/// The answer to a question in words.
pub(super) fn ask(question: &str) -> Result<Answer, Unanswered> {
    let refused = |error: MathError| Unanswered { error, text: question.to_owned() };
    let understood = phrases::understand(question).map_err(|error| {
        let (start, end) = error.place;
        refused(MathError::other(error.message).with_place(start, end).with_help(error.help))
    })?;
    let command = understood.command();
    let words = understood.words.iter().map(|word| shielded(word).unwrap_or_else(|| word.clone()));
    let typed = Typed::try_parse_from(words).map_err(|error| {
        let first = error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        refused(MathError::other(first).with_help(format!("It was understood as `{command}`")))
    })?;
    let answer = Box::new(questions::answer(&typed.verb)?);
    Ok(Answer::Asked { command, answer })
}
