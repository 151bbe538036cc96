//! How a command fails: an exit code, one error or several diagnostics, and what to do.

use std::sync::Arc;

use nexus_model::{Diagnostic, Severity};
use nexus_wire::Refusal;

use crate::output::json::{ErrorDocument, ErrorFacts, document};
use crate::output::{Console, diagnostic};

/// How a command ends, for the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// The user's program failed.
    ProgramFailed = 1,
    /// Wrong usage or input.
    Usage = 2,
    /// No node answers, or it refuses.
    Unreachable = 3,
    /// Cancelled or timed out.
    Cancelled = 4,
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CliError {
    /// For the shell.
    pub(crate) exit: Exit,
    /// Stable code.
    pub(crate) code: String,
    /// One sentence.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: Option<String>,
    /// What is wrong with the program, where that is the reason; drawn instead of the message.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The program, for the drawing.
    pub(crate) source: Option<Arc<str>>,
    /// Whether the answer says it already, so that only the exit code is left to give.
    pub(crate) is_told: bool,
}

impl CliError {
    /// An error without a help line.
    pub(crate) fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        CliError {
            exit,
            code: code.to_owned(),
            message: message.into(),
            help: None,
            diagnostics: Vec::new(),
            source: None,
            is_told: false,
        }
    }

    /// The same error for an answer that has said it already.
    #[must_use]
    pub(crate) fn told(mut self) -> Self {
        self.is_told = true;
        self
    }

    /// The same error with what to do about it.
    #[must_use]
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What is wrong with a program. `source` is drawn beside it.
    pub(crate) fn of_program(exit: Exit, diagnostics: Vec<Diagnostic>, source: Option<Arc<str>>) -> Self {
        let worst = diagnostics.iter().max_by_key(|diagnostic| diagnostic.severity);
        let error = match worst {
            Some(worst) => CliError::new(exit, &worst.code, &worst.message),
            None => CliError::new(exit, "", "the program is not valid"),
        };
        CliError { diagnostics, source, ..error }
    }

    /// Shows it: drawn on stderr, or as the document on stdout.
    pub(crate) fn show(&self, console: &mut Console) {
        if self.is_told {
            return;
        }
        if console.is_json() {
            let errors = self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
            let mut errors: Vec<ErrorFacts> = errors.map(ErrorFacts::of).collect();
            if errors.is_empty() {
                errors.push(ErrorFacts::new(&self.code, &self.message, self.help.as_deref()));
            }
            let error = errors.remove(0);
            console.answer(&document(&ErrorDocument { error, others: errors }));
            return;
        }
        if self.diagnostics.is_empty() {
            console.say_raw(&diagnostic::heading(Severity::Error, &self.code, &self.message));
        } else {
            console.say_raw(&diagnostic::all_drawn(&self.diagnostics, self.source.as_deref()));
        }
        if let Some(help) = &self.help {
            console.say_raw(&diagnostic::help(help));
        }
    }
}

impl From<Refusal> for CliError {
    fn from(refusal: Refusal) -> Self {
        let exit = match refusal.code.as_str() {
            // What was asked for does not exist or cannot be: the user's input.
            "NX0101" | "NX0102" | "NX0107" | "NX0111" | "NX0115" | "NX0607" => Exit::Usage,
            // Of a timeline (but a log that is damaged), and of a decision model.
            "NX0908" => Exit::Unreachable,
            code if code.starts_with("NX09") || code.starts_with("NX10") => Exit::Usage,
            "NX0105" => Exit::Cancelled,
            _ => Exit::Unreachable,
        };
        // The ledger, which knows no commands, says it of jobs that others are to wait for.
        let jobs = || (refusal.code == "NX0607").then(|| "`nexus jobs` lists the jobs that there are".to_owned());
        CliError { help: refusal.help.or_else(jobs), ..CliError::new(exit, &refusal.code, refusal.message) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::{self, Write};
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// A stream that a test can read.
    #[derive(Clone, Default)]
    pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

    impl Page {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
        }
    }

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A console, its stdout and its stderr.
    pub(crate) fn pages(json: bool) -> (Console, Page, Page) {
        let (out, err) = (Page::default(), Page::default());
        (Console::plain(json, out.clone(), err.clone()), out, err)
    }

    fn shown(error: &CliError, json: bool) -> (String, String) {
        let (mut console, out, err) = pages(json);
        error.show(&mut console);
        (out.text(), err.text())
    }

    #[test]
    fn errors_say_what_and_what_next_on_stderr() {
        let error = CliError::new(Exit::Unreachable, "NX0405", "no node answers for ~/x")
            .with_help("start one with `nexus node start`, or pass --data");
        assert_eq!(
            shown(&error, false),
            (
                String::new(),
                "error[NX0405]: no node answers for ~/x\n  = help: start one with `nexus node start`, or pass --data\n"
                    .into()
            )
        );
        assert_eq!(
            shown(&error, true).0,
            "{\"error\":{\"code\":\"NX0405\",\"message\":\"no node answers for ~/x\",\"file\":null,\"line\":null,\
             \"column\":null,\"help\":\"start one with `nexus node start`, or pass --data\"}}\n"
        );
    }

    #[test]
    fn programs_with_several_errors_give_them_all() {
        let warning = Diagnostic { severity: Severity::Warning, ..Diagnostic::error("MC0901", "w") };
        let diagnostics = vec![warning, Diagnostic::error("MC0101", "a"), Diagnostic::error("MC0102", "b")];
        let error = CliError::of_program(Exit::ProgramFailed, diagnostics, None);
        let (out, _) = shown(&error, true);
        assert!(out.starts_with("{\"error\":{\"code\":\"MC0101\""), "{out}");
        assert!(out.contains("\"others\":[{\"code\":\"MC0102\""), "{out}");
        assert!(shown(&error, false).1.ends_with("2 errors, 1 warning. `nexus explain MC0102` tells more.\n"));
    }

    #[test]
    fn refusals_end_with_the_code_that_fits() {
        let refusal = |code: &str| Refusal {
            code: code.into(),
            message: "m".into(),
            help: None,
            retry_after: None,
            leader: None,
        };
        assert_eq!(["NX0101", "NX0115"].map(|code| CliError::from(refusal(code)).exit), [Exit::Usage; 2]);
        let absent = CliError::from(refusal("NX0607"));
        assert!(absent.exit == Exit::Usage && absent.help.is_some_and(|help| help.contains("nexus jobs")));
        assert_eq!(["NX0905", "NX1003"].map(|code| CliError::from(refusal(code)).exit), [Exit::Usage; 2]);
        assert_eq!(CliError::from(refusal("NX0908")).exit, Exit::Unreachable);
        assert_eq!(CliError::from(refusal("NX0103")).exit, Exit::Unreachable);
        assert_eq!(CliError::from(refusal("NX0105")).exit, Exit::Cancelled);
    }
}
