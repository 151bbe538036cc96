//! What a reader found wrong so far, with its places: several findings from one reading, to a bound.
//!
//! Driven by the readers of BIF and TOML.

use nexus_model::{Diagnostic, Label, Severity, Span};
use serde::de::DeserializeOwned;

use crate::codes::{BAD_SYNTAX, TOO_LARGE};
use crate::form::Form;

/// The most findings of one reading; whoever has more has the wrong file.
const FINDINGS_MAX: usize = 50;

/// A range of bytes of a text.
pub(crate) type Range = std::ops::Range<usize>;

/// Findings of one text.
pub(crate) struct Findings<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<Diagnostic>,
}

impl<'a> Findings<'a> {
    /// No findings yet, about a text of at most `bytes_max` bytes.
    ///
    /// Errors: that it is longer, which is the only finding then.
    pub(crate) fn of_text(file: &'a str, text: &'a str, bytes_max: usize) -> Result<Self, Vec<Diagnostic>> {
        let mut findings = Findings { file, text, found: Vec::new() };
        if text.len() > bytes_max {
            let message = format!("the text has {} bytes; at most {bytes_max} are read", text.len());
            findings.whole(TOO_LARGE, message);
            return Err(findings.found);
        }
        Ok(findings)
    }

    /// As [`Findings::of_text`], with what the text says as TOML.
    ///
    /// Errors: also that it is no TOML, or not of the form asked for, with that which it seems to be.
    pub(crate) fn of_toml<D: DeserializeOwned>(
        file: &'a str,
        text: &'a str,
        (bytes_max, form): (usize, Form),
    ) -> Result<(Self, D), Vec<Diagnostic>> {
        let mut findings = Findings::of_text(file, text, bytes_max)?;
        match toml::from_str(text) {
            Ok(document) => Ok((findings, document)),
            Err(error) => {
                findings.syntax(&error);
                findings.name_form(form);
                Err(findings.found)
            }
        }
    }

    /// Something is wrong here.
    pub(crate) fn error(&mut self, code: &str, at: Range, message: impl Into<String>) {
        self.add(Severity::Error, code, Some(at), message.into());
    }

    /// Something is odd here.
    pub(crate) fn warning(&mut self, code: &str, at: Range, message: impl Into<String>) {
        self.add(Severity::Warning, code, Some(at), message.into());
    }

    /// Something is wrong with the whole.
    pub(crate) fn whole(&mut self, code: &str, message: impl Into<String>) {
        self.add(Severity::Error, code, None, message.into());
    }

    fn syntax(&mut self, error: &toml::de::Error) {
        let message = error.message().trim().replace('\n', ": ");
        match error.span() {
            Some(at) => self.error(BAD_SYNTAX, at, message),
            None => self.whole(BAD_SYNTAX, message),
        }
        self.help("`docs/decisions.md` describes the form of models");
    }

    /// Says which form the text has, if that is another than `wanted`: what is wrong with it as that says nothing then.
    pub(crate) fn name_form(&mut self, wanted: Form) {
        let other = Form::guess(self.text).filter(|form| *form != wanted);
        if let (Some(form), Some(first)) = (other, self.found.first_mut()) {
            let (what, who) = form.words();
            first.message = what.to_owned();
            first.help = Some(who.to_owned());
            self.found.truncate(1);
        }
    }

    /// Where a part of a quoted string stands in the text: exactly, where the string is written as it is; else the whole.
    pub(crate) fn within(&self, quoted: Range, value: &str, part: Range) -> Range {
        let raw = self.text.get(quoted.clone()).unwrap_or_default();
        match raw.find(value).filter(|_| !value.is_empty()) {
            Some(start) => {
                let start = quoted.start + start;
                start + part.start..start + part.end
            }
            None => quoted,
        }
    }

    /// Adds what to do to the last finding.
    pub(crate) fn help(&mut self, help: impl Into<String>) {
        if let Some(last) = self.found.last_mut() {
            last.help = Some(help.into());
        }
    }

    /// Whether there are as many findings as are told.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= FINDINGS_MAX
    }

    /// Whether something is wrong.
    pub(crate) fn has_errors(&self) -> bool {
        self.found.iter().any(|found| found.severity == Severity::Error)
    }

    /// The result with its warnings, if nothing was wrong.
    pub(crate) fn finish<T>(mut self, result: Option<T>) -> Result<(T, Vec<Diagnostic>), Vec<Diagnostic>> {
        self.found.sort_by_key(|found| found.primary.as_ref().map(|label| label.span.start));
        match result {
            Some(result) if !self.has_errors() => Ok((result, self.found)),
            _ => Err(self.found),
        }
    }

    fn add(&mut self, severity: Severity, code: &str, at: Option<Range>, message: String) {
        if self.is_full() {
            return;
        }
        let primary = at.map(|at| Label { span: span(self.text, at), text: String::new() });
        let file = self.file.to_owned();
        self.found.push(Diagnostic { severity, file, primary, ..Diagnostic::error(code, message) });
    }
}

/// A range of bytes with the line and column where it starts.
fn span(text: &str, at: Range) -> Span {
    let start = at.start.min(text.len());
    let before = &text.as_bytes()[..start];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let column = text.get(line_start..start).map_or(0, |part| part.chars().count()) + 1;
    let end = at.end.clamp(start, text.len());
    // Texts are far shorter than u32 counts: the readers refuse longer ones.
    Span { start: start as u32, end: end as u32, line: line as u32, column: column as u32 }
}
