//! What can be wrong with a question.

use std::fmt;

/// Why there is no answer: what is wrong, where in the text, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MathError {
    /// What is wrong.
    pub message: String,
    /// Where, as a range of bytes of the text that was read.
    pub place: Option<(usize, usize)>,
    /// What to do.
    pub help: Option<String>,
}

impl MathError {
    pub(super) fn new(message: impl Into<String>) -> MathError {
        MathError { message: message.into(), place: None, help: None }
    }

    /// An error of another part of mathematics.
    pub fn other(message: impl Into<String>) -> MathError {
        MathError::new(message)
    }

    /// The same error at a place: a range of bytes of the text.
    #[must_use]
    pub fn with_place(self, start: usize, end: usize) -> MathError {
        self.at(start, end)
    }

    /// The same error with what to do.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> MathError {
        self.help(help)
    }

    /// The formula divides by zero.
    pub fn undefined() -> MathError {
        MathError::new("the formula is undefined: it divides by zero, or subtracts infinity from infinity")
    }

    /// Which of several names is meant was not said.
    pub fn which_name(names: &[std::sync::Arc<str>]) -> MathError {
        let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        MathError::new(format!("there are several names: {names}")).help("Say which one is meant")
    }

    /// A result that nobody could read.
    pub fn too_large(what: &str) -> MathError {
        MathError::new(format!("{what} is too large to be of use"))
    }

    /// A system with an inequality in it.
    pub fn only_equations() -> MathError {
        MathError::new("a system has equations only").help("An inequality is solved by itself")
    }

    /// A value without a name.
    pub fn no_assignment(text: &str) -> MathError {
        MathError::new(format!("`{text}` gives no name a value")).help("Write for instance `x=2`")
    }

    /// The same error about the whole of a text.
    #[must_use]
    pub fn about(self, text: &str) -> MathError {
        if self.place.is_some() { self } else { self.at(0, text.len()) }
    }

    pub(super) fn at(mut self, start: usize, end: usize) -> MathError {
        self.place = Some((start, end));
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> MathError {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for MathError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(formatter, ". {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for MathError {}
