//! `nexus explain`: what a code means.

use clap::Args;
use serde::Serialize;

use super::codes;
use super::error::{CliError, Exit};
use crate::output::Console;
use crate::output::json::document;
use crate::output::paint::{NAME, paint};

/// Explain an error code.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  nexus explain MC0203\n  nexus explain nx0405")]
pub(crate) struct ExplainArgs {
    /// The code, like MC0203
    #[arg(value_name = "CODE")]
    code: String,
}

#[derive(Debug, Serialize)]
struct ExplanationDocument<'a> {
    code: &'a str,
    explanation: &'a str,
}

/// Runs the verb. `others` knows the codes of the other rooms.
pub(crate) fn explain(
    args: &ExplainArgs,
    others: impl Fn(&str) -> Option<&'static str>,
    console: &mut Console,
) -> Result<(), CliError> {
    let code = args.code.trim().to_uppercase();
    let Some(explanation) = codes::explain(&code).or_else(|| others(&code)) else {
        let message = format!("there is no code `{}`", args.code);
        return Err(CliError::new(Exit::Usage, codes::NO_SUCH_CODE, message)
            .with_help("codes stand in brackets behind `error`, like MC0203 or NX0405"));
    };
    let explanation = explanation.trim();
    if console.is_json() {
        console.answer(&document(&ExplanationDocument { code: &code, explanation }));
    } else {
        console.answer(&format!("{}  {explanation}\n", paint(NAME, &code)));
    }
    Ok(())
}
