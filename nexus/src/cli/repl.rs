//! `nexus repl`: programs in pieces, as they are typed.
//!
//! The verb reads pieces (with an editor on a terminal, line by line otherwise), lets the language run them, and shows
//! what came of it. [`notebook::Notebook`] remembers functions and variables.

mod editor;
mod history;
mod notebook;
mod terminal;

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::Args;
use nexus_mcode::{Before, Kept, PieceResult};
use nexus_model::{Diagnostic, Value};

use super::codes;
use super::error::{CliError, Exit};
use super::interrupt;
use super::language::Language;
use super::mcode_doc::{self, DocArgs};
use crate::output::paint::{FAINT, paint};
use crate::output::{Console, diagnostic, human, units};
use history::History;
use notebook::Notebook;
use terminal::{Entered, Terminal};

/// Try things out: type a piece of a program and see its value.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  nexus repl
  echo 'tensor.ones(2, 2) @ tensor.ones(2, 2)' | nexus repl

Inside: _ is the last value, Tab completes, a block goes on until its `end`, :help lists the commands.")]
pub(crate) struct ReplArgs {}

/// What runs pieces.
pub(crate) trait Pieces {
    /// Runs a piece with the variables of those before; all that is wrong where it does not come to its end.
    fn evaluate(&self, piece: Typed<'_>) -> Result<PieceResult, Vec<Diagnostic>>;

    /// The register code of a piece as text.
    fn code_of(&self, source: &str, before: Before<'_>) -> Result<String, Vec<Diagnostic>>;
}

/// A piece that was typed.
pub(crate) struct Typed<'a> {
    /// Its text, with what goes on from the pieces before behind it.
    pub(crate) source: &'a str,
    /// Bytes of its own text.
    pub(crate) own_bytes: usize,
    /// The variables of the pieces before.
    pub(crate) known: &'a [(String, Kept)],
    /// How many pieces came before: each draws random numbers of its own.
    pub(crate) number: u64,
    /// Set to true, it stops the run.
    pub(crate) cancel: Arc<AtomicBool>,
    /// Takes what it prints.
    pub(crate) print: &'a mut dyn FnMut(&str),
}

const HELP: &str = "\
Type a piece of a program and press Enter; its value is shown, and `_` stands for it.
  :type EXPR   what kind of value it is, with dtype and shape
  :plan PIECE  the code that would run
  :time        show how long pieces take, or no longer
  :vars        the variables that there are
  :doc WORD    the library
  :clear       forget everything
  :quit        leave (also Ctrl-D)
";

/// Runs the verb.
pub(crate) fn repl(
    _: &ReplArgs,
    data: &Path,
    world: &(impl Language + Pieces),
    console: &mut Console,
) -> Result<(), CliError> {
    let cancel = Arc::new(AtomicBool::new(false));
    let mut talk = Talk { world, console, notebook: Notebook::default(), cancel, times: false, failed: false };
    if !std::io::stdin().is_terminal() {
        return talk.lines(&mut std::io::stdin().lock());
    }
    interrupt::each(&talk.cancel);
    talk.console.say("M-CODE · :help for help, Ctrl-D to leave");
    let mut history = History::load(history_file(data));
    let mut terminal = Terminal::default();
    loop {
        let names = talk.names();
        let entered = terminal
            .read(history.entries(), &names, |text| nexus_mcode::piece(text).is_incomplete)
            .map_err(|error| unreadable(&error))?;
        match entered {
            Entered::Piece(text) => {
                history.add(&text);
                if !talk.piece(&text) {
                    return Ok(());
                }
            }
            Entered::Nothing => {}
            Entered::End => return Ok(()),
        }
    }
}

fn unreadable(error: &std::io::Error) -> CliError {
    CliError::new(Exit::Usage, codes::UNREADABLE_FILE, format!("what is typed cannot be read: {error}"))
}

fn history_file(data: &Path) -> PathBuf {
    data.join("repl-history")
}

/// A conversation.
struct Talk<'a, W> {
    world: &'a W,
    console: &'a mut Console,
    notebook: Notebook,
    cancel: Arc<AtomicBool>,
    /// Whether times are shown.
    times: bool,
    /// Whether a piece failed.
    failed: bool,
}

impl<W: Language + Pieces> Talk<'_, W> {
    /// Reads pieces from lines; one that failed makes the exit code.
    fn lines(&mut self, from: &mut impl BufRead) -> Result<(), CliError> {
        let mut text = String::new();
        let mut line = String::new();
        loop {
            line.clear();
            let read = from.read_line(&mut line).map_err(|error| unreadable(&error))?;
            text.push_str(&line);
            if read > 0 && nexus_mcode::piece(&text).is_incomplete {
                continue;
            }
            let piece = std::mem::take(&mut text);
            let goes_on = piece.trim().is_empty() || self.piece(&piece);
            if read == 0 || !goes_on {
                break;
            }
        }
        if self.failed {
            return Err(CliError::new(Exit::ProgramFailed, "", "").told());
        }
        Ok(())
    }

    /// What Tab may complete to.
    fn names(&self) -> Vec<String> {
        let library = self.world.library();
        let mut names: Vec<String> = library.iter().map(|entry| entry.name.to_owned()).collect();
        names.extend(self.notebook.names());
        names.sort();
        names.dedup();
        names
    }

    /// Handles one piece; false where it ends the conversation.
    fn piece(&mut self, text: &str) -> bool {
        let trimmed = text.trim();
        if let Some(command) = trimmed.strip_prefix(':') {
            return self.command(command);
        }
        if trimmed.is_empty() {
            return true;
        }
        let started = Instant::now();
        if let Some(result) = self.run(text) {
            let value = &result.run.result;
            if *value != Value::None {
                self.console.answer(&human::answer(value));
            }
            if !result.run.outputs.is_empty() {
                self.console.answer(&human::named(&result.run.outputs));
            }
        }
        if self.times {
            self.console.say(&paint(FAINT, &units::duration(started.elapsed())));
        }
        true
    }

    /// Runs a piece and remembers what it made; `None` where it failed, which is shown.
    fn run(&mut self, text: &str) -> Option<PieceResult> {
        let source = self.notebook.source_of(text);
        self.cancel.store(false, Ordering::Relaxed);
        let mut print = self.console.printer();
        let outcome = self.world.evaluate(Typed {
            source: &source,
            own_bytes: text.trim_end().len(),
            known: self.notebook.variables(),
            number: self.notebook.pieces(),
            cancel: Arc::clone(&self.cancel),
            print: &mut print,
        });
        match outcome {
            Ok(result) => {
                for name in self.notebook.remember(text, &result) {
                    self.console.say(&format!(
                        "`{name}` holds a function that was made while the piece ran: it ends with it; \
                         `function {name}(…) … end` stays"
                    ));
                }
                Some(result)
            }
            Err(found) => {
                self.show(&found, &source);
                None
            }
        }
    }

    fn show(&mut self, found: &[Diagnostic], source: &str) {
        self.failed = true;
        self.console.say_raw(&diagnostic::all_drawn(found, Some(source)));
    }

    fn command(&mut self, command: &str) -> bool {
        let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        match word {
            "q" | "quit" | "exit" => return false,
            "h" | "help" | "?" => self.console.answer(HELP),
            "time" => {
                self.times = !self.times;
                self.console.say(if self.times { "times are shown" } else { "times are no longer shown" });
            }
            "clear" => self.notebook = Notebook::default(),
            "vars" => {
                let lines =
                    self.notebook.variables().iter().map(|(n, v)| format!("{n}: {}\n", notebook::kind_of_kept(v)));
                let text: String = lines.collect();
                self.console.answer(&text);
            }
            "type" if !rest.trim().is_empty() => {
                if let Some(result) = self.run(rest) {
                    self.console.answer(&format!("{}\n", notebook::kind_of(&result.run.result)));
                }
            }
            "plan" if !rest.trim().is_empty() => self.plan(rest),
            "doc" => {
                let args = DocArgs::of(rest.trim());
                if let Err(error) = mcode_doc::doc(&args, &self.world.library(), self.console) {
                    error.show(self.console);
                }
            }
            _ => {
                self.failed = true;
                self.console.say(&format!("there is no command `:{word}` like this; :help lists them"));
            }
        }
        true
    }

    fn plan(&mut self, text: &str) {
        let source = self.notebook.source_of(text);
        let known: Vec<String> = self.notebook.variables().iter().map(|(name, _)| name.clone()).collect();
        match self.world.code_of(&source, Before { known: &known, own_bytes: text.trim_end().len() }) {
            Ok(code) => self.console.answer(&code),
            Err(found) => self.show(&found, &source),
        }
    }
}

#[cfg(test)]
mod tests;
