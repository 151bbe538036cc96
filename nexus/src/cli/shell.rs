//! `nexus completions` and `nexus man`: what a shell and `man` want to know, made from the same definition as the
//! commands themselves.

use clap::{Args, Command};
use clap_complete::Shell;
use serde::Serialize;

use super::codes;
use super::error::{CliError, Exit};
use crate::output::Console;
use crate::output::json::document;

/// Print a completion script.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  nexus completions zsh > ~/.zfunc/_nexus
  nexus completions bash > ~/.local/share/bash-completion/completions/nexus
  nexus completions fish > ~/.config/fish/completions/nexus.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Print a manual page in roff.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  nexus man > ~/.local/share/man/man1/nexus.1\n  nexus man job result | man -l -")]
pub(crate) struct ManArgs {
    /// The verb that the page is about; the whole command where absent
    #[arg(value_name = "VERB")]
    verbs: Vec<String>,
}

/// `nexus completions`.
pub(crate) fn completions(args: &CompletionsArgs, mut command: Command, console: &mut Console) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "nexus", &mut script);
    answer(script, console, |script| document(&ScriptDocument { shell: args.shell.to_string(), script }));
}

/// `nexus man`.
pub(crate) fn man(args: &ManArgs, mut command: Command, console: &mut Console) -> Result<(), CliError> {
    command.build();
    let mut name = "nexus".to_owned();
    for verb in &args.verbs {
        let Some(found) = command.find_subcommand(verb).cloned() else {
            let message = format!("there is no verb `{verb}` of `{name}`");
            return Err(
                CliError::new(Exit::Usage, codes::USAGE, message).with_help(format!("`{name} --help` lists them"))
            );
        };
        name.push(' ');
        name.push_str(verb);
        command = found;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(|error| {
        CliError::new(Exit::Usage, codes::BAD_OUTPUT, format!("the page cannot be written: {error}"))
    })?;
    answer(page, console, |page| document(&PageDocument { name: name.replace(' ', "-"), page }));
    Ok(())
}

/// `nexus completions SHELL --json`.
#[derive(Debug, Serialize)]
struct ScriptDocument {
    shell: String,
    script: String,
}

/// `nexus man --json`.
#[derive(Debug, Serialize)]
struct PageDocument {
    name: String,
    page: String,
}

/// The text as it is, or in its document.
fn answer(text: Vec<u8>, console: &mut Console, in_document: impl FnOnce(String) -> String) {
    match console.is_json() {
        true => console.answer(&in_document(String::from_utf8_lossy(&text).into_owned())),
        false => console.answer_bytes(&text),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;
    use crate::cli::error::tests::pages;

    #[test]
    fn with_json_a_script_and_a_page_are_documents() {
        let (mut console, out, _) = pages(true);
        completions(&CompletionsArgs { shell: Shell::Fish }, Cli::command(), &mut console);
        let document: serde_json::Value = serde_json::from_str(&out.text()).unwrap();
        assert!(document["shell"] == "fish" && document["script"].as_str().unwrap().contains("complete -c nexus"));
        let (mut console, out, _) = pages(true);
        man(&ManArgs { verbs: vec!["job".into(), "wait".into()] }, Cli::command(), &mut console).unwrap();
        let document: serde_json::Value = serde_json::from_str(&out.text()).unwrap();
        assert!(document["name"] == "nexus-job-wait" && document["page"].as_str().unwrap().contains(".TH"));
    }

    #[test]
    fn every_verb_has_examples() {
        fn walk(command: &Command) {
            let visible = command.get_subcommands().filter(|command| command.get_name() != "help").count();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(visible > 0 || help.contains("Example"), "`{}` has no examples", command.get_name());
            command.get_subcommands().filter(|command| command.get_name() != "help").for_each(walk);
        }
        walk(&Cli::command());
    }
}
