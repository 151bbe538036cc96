//! Findings while compiling, collected and turned into diagnostics.
//!
//! The passes write into one [`Reporter`]; it bounds how much is said about one program.

use nexus_model::{Diagnostic, Label, Severity};

use crate::codes::Code;
use crate::source::{ByteSpan, Lines, Source};

/// Errors reported for one program; the rest would only be consequences.
const REPORTS_MAX: usize = 50;

/// Which source text of a program: 0 is the main file, the others are imports.
pub(crate) type FileId = u16;

/// One finding.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) severity: Severity,
    pub(crate) code: Code,
    pub(crate) file: FileId,
    pub(crate) span: ByteSpan,
    pub(crate) message: String,
    pub(crate) label: String,
    pub(crate) secondary: Vec<(ByteSpan, String)>,
    pub(crate) help: Option<String>,
}

impl Report {
    /// An error without labels or help.
    pub(crate) fn error(code: Code, file: FileId, span: ByteSpan, message: impl Into<String>) -> Self {
        Report {
            severity: Severity::Error,
            code,
            file,
            span,
            message: message.into(),
            label: String::new(),
            secondary: Vec::new(),
            help: None,
        }
    }

    /// What to write instead.
    pub(crate) fn help(&mut self, text: impl Into<String>) -> &mut Self {
        self.help = Some(text.into());
        self
    }

    /// What there is to say at the primary place.
    pub(crate) fn label(&mut self, text: impl Into<String>) -> &mut Self {
        self.label = text.into();
        self
    }

    /// Another place that explains it.
    pub(crate) fn secondary(&mut self, span: ByteSpan, text: impl Into<String>) -> &mut Self {
        self.secondary.push((span, text.into()));
        self
    }

    /// The form that leaves this crate.
    pub(crate) fn to_diagnostic(&self, sources: &[Source]) -> Diagnostic {
        let source = sources.get(usize::from(self.file));
        self.located(source.map(|source| (source, Lines::new(source))).as_ref())
    }

    fn located(&self, file: Option<&(&Source, Lines<'_>)>) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(self.code.as_str(), self.message.clone());
        diagnostic.severity = self.severity;
        diagnostic.help = self.help.clone();
        if let Some((source, lines)) = file {
            diagnostic.file = source.name.to_string();
            diagnostic.primary = Some(Label { span: lines.locate(self.span), text: self.label.clone() });
            diagnostic.secondary = self
                .secondary
                .iter()
                .map(|(span, text)| Label { span: lines.locate(*span), text: text.clone() })
                .collect();
        }
        diagnostic
    }
}

/// How much was found at some time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    reports: usize,
    errors: usize,
}

/// Collects reports.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    /// The file that reports are about now.
    pub(crate) file: FileId,
    reports: Vec<Report>,
    errors: usize,
    muted: Option<Report>,
}

impl Reporter {
    /// Nothing found yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds an error and gives it back for labels and help. Behind [`REPORTS_MAX`] errors, and where the same place was
    /// already reported, it goes nowhere.
    pub(crate) fn error(&mut self, code: Code, span: ByteSpan, message: impl Into<String>) -> &mut Report {
        self.add(Report::error(code, self.file, span, message))
    }

    /// Whether further errors go nowhere.
    pub(crate) fn is_full(&self) -> bool {
        self.reports.len() >= REPORTS_MAX
    }

    /// Adds a warning.
    pub(crate) fn warning(&mut self, code: Code, span: ByteSpan, message: impl Into<String>) -> &mut Report {
        let mut report = Report::error(code, self.file, span, message);
        report.severity = Severity::Warning;
        self.add(report)
    }

    fn add(&mut self, report: Report) -> &mut Report {
        let known = |r: &Report| r.file == report.file && r.span == report.span && r.severity == report.severity;
        self.errors += usize::from(report.severity == Severity::Error);
        if self.reports.len() >= REPORTS_MAX || self.reports.iter().any(known) {
            return self.muted.insert(report);
        }
        self.reports.push(report);
        let last = self.reports.len() - 1;
        &mut self.reports[last]
    }

    /// What was found until now, for [`Reporter::rewind`].
    pub(crate) fn mark(&self) -> Mark {
        Mark { reports: self.reports.len(), errors: self.errors }
    }

    /// Forgets what was found since.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.reports.truncate(mark.reports);
        self.errors = mark.errors;
    }

    /// Whether nothing was found.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// Whether an error was found.
    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Everything found, in the order of the text, errors and warnings together.
    pub(crate) fn into_diagnostics(mut self, sources: &[Source]) -> Vec<Diagnostic> {
        self.reports.sort_by_key(|r| (r.file, r.span.start, r.span.end));
        if self.reports.is_empty() {
            return Vec::new();
        }
        let files: Vec<_> = sources.iter().map(|source| (source, Lines::new(source))).collect();
        self.reports.iter().map(|r| r.located(files.get(usize::from(r.file)))).collect()
    }
}
