//! `nexus lsp`: the language server, over stdin and stdout.
//!
//! [`server::Server`] decides what to answer; here messages are read and written. One message is handled at a time, in
//! order: a program is checked in milliseconds.

mod documents;
mod framing;
mod server;

use std::io::{BufReader, Read, Write};

use clap::Args;
use serde_json::Value;

use super::codes;
use super::error::{CliError, Exit};
use super::language::Language;
use framing::{Received, receive, send};
use server::Server;

/// Speak the language server protocol with an editor, over stdin and stdout.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Editors start this command themselves: nexus/editors/vscode holds an extension.
Example:
  nexus lsp < requests")]
pub(crate) struct LspArgs {
    /// Ignored: stdin and stdout are always used
    #[arg(long, hide = true)]
    stdio: bool,
}

/// Runs the verb until the editor says `exit` or goes away.
pub(crate) fn lsp(_: &LspArgs, language: &impl Language) -> Result<(), CliError> {
    serve(language, &mut BufReader::new(std::io::stdin().lock()), &mut std::io::stdout().lock())
}

/// Answers what comes in until the end of the input, or `exit`.
fn serve(language: &impl Language, from: &mut BufReader<impl Read>, to: &mut impl Write) -> Result<(), CliError> {
    let gone = |error: std::io::Error| {
        CliError::new(Exit::Unreachable, codes::EDITOR_GONE, format!("the editor cannot be spoken to: {error}"))
    };
    let mut server = Server::new(language);
    loop {
        let answers: Vec<Value> = match receive(from).map_err(gone)? {
            Received::Message(message) => server.handle(&message),
            Received::NotJson => vec![server::error(Value::Null, server::PARSE_ERROR, "the message is not JSON")],
            Received::End => return ended(server.was_shut_down()),
        };
        for answer in answers {
            send(to, &answer).map_err(gone)?;
        }
        if server.has_exited() {
            return ended(server.was_shut_down());
        }
    }
}

/// The protocol wants an error where the editor left without `shutdown`.
fn ended(in_order: bool) -> Result<(), CliError> {
    if in_order {
        return Ok(());
    }
    let message = "the editor left without `shutdown`";
    Err(CliError::new(Exit::ProgramFailed, codes::EDITOR_GONE, message))
}

#[cfg(test)]
mod tests;
