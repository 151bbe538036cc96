//! Diagnostics drawn with the source beside them.

use std::io::{self, Write};
use std::ops::Range;

use anstyle::Style;
use codespan_reporting::diagnostic::{Diagnostic as Drawing, Label as Underline, LabelStyle, Severity as Weight};
use codespan_reporting::files::SimpleFile;
use codespan_reporting::term::{self, Config, WriteStyle};
use nexus_model::{Diagnostic, Severity, Span};

use super::paint::{ERROR, FAINT, FRAME, NAME, WARNING, harmless, paint};
use super::units;

/// What the names of imported files begin with; `source` is always that of the program itself.
const IMPORTED: &str = "import:";
/// Lines that are longer are not shown: nobody finds a place in them.
const LINE_BYTES_MAX: usize = 2_000;

/// `diagnostic` with the lines that it is about, or with its place alone where there is no source or it is about an
/// imported file. Ends with a newline.
pub fn drawn(diagnostic: &Diagnostic, source: Option<&str>) -> String {
    drawn_beside(diagnostic, source, &mut None)
}

/// A source as it is drawn, with the places of its lines: made once for all that is said of it.
type Sheet = SimpleFile<String, String>;

/// As [`drawn`]; `sheet` is kept for the next diagnostic of the same file.
fn drawn_beside(diagnostic: &Diagnostic, source: Option<&str>, sheet: &mut Option<Sheet>) -> String {
    let source = source.filter(|text| {
        let labels = || diagnostic.primary.iter().chain(&diagnostic.secondary);
        let is_short = labels().all(|label| line_bytes(text, label.span) <= LINE_BYTES_MAX);
        diagnostic.primary.is_some() && !diagnostic.file.starts_with(IMPORTED) && is_short
    });
    let Some(source) = source else { return without_source(diagnostic) };
    let name = harmless(&diagnostic.file);
    let sheet = match sheet {
        Some(sheet) if *sheet.name() == name => sheet,
        other => other.insert(SimpleFile::new(name, visible(source))),
    };
    with_source(diagnostic, sheet).unwrap_or_else(|| without_source(diagnostic))
}

/// The length of the line that a place is in.
fn line_bytes(source: &str, place: Span) -> usize {
    let start = source.floor_char_boundary((place.start as usize).min(source.len()));
    let (before, after) = source.split_at(start);
    let is_end = |byte: &u8| *byte == b'\n';
    let before = before.bytes().rev().position(|byte| is_end(&byte)).unwrap_or(before.len());
    before + after.bytes().position(|byte| is_end(&byte)).unwrap_or(after.len())
}

/// Controls become characters of the same length, so that spans still fit.
fn visible(source: &str) -> String {
    let visible = |character: char| match character {
        '\n' | '\r' | '\t' => character,
        _ if !character.is_control() => character,
        _ if character.len_utf8() == 1 => '?',
        _ => '\u{b7}',
    };
    source.chars().map(visible).collect()
}

/// Diagnostics one after the other, and the closing line: `1 error. `nexus explain MC0203` tells more.`
pub fn all_drawn(diagnostics: &[Diagnostic], source: Option<&str>) -> String {
    let mut sheet = None;
    let mut text: String = diagnostics.iter().map(|diagnostic| drawn_beside(diagnostic, source, &mut sheet)).collect();
    text.push_str(&closing(diagnostics));
    text
}

fn closing(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count() as u64;
    let counts: Vec<String> = [(Severity::Error, "error"), (Severity::Warning, "warning")]
        .into_iter()
        .filter(|(severity, _)| count(*severity) > 0)
        .map(|(severity, noun)| units::count(count(severity), noun))
        .collect();
    let first = diagnostics.iter().max_by_key(|diagnostic| diagnostic.severity).map(|diagnostic| &diagnostic.code);
    match first {
        Some(code) if !code.is_empty() => format!("{}. `nexus explain {code}` tells more.\n", counts.join(", ")),
        _ if counts.is_empty() => String::new(),
        _ => format!("{}.\n", counts.join(", ")),
    }
}

/// The heading of an error that has no place in a program: `error[NX0405]: no node answers …`.
pub fn heading(severity: Severity, code: &str, message: &str) -> String {
    let (style, word) = match severity {
        Severity::Error => (ERROR, "error"),
        Severity::Warning => (WARNING, "warning"),
    };
    let code = if code.is_empty() { String::new() } else { format!("[{code}]") };
    format!("{}{}\n", paint(style, &format!("{word}{code}")), paint(NAME, &format!(": {}", harmless(message))))
}

/// `  = help: …` below a heading.
pub fn help(text: &str) -> String {
    let text = harmless(text).replace('\n', "\n          ");
    format!("  {} help: {text}\n", paint(FRAME, "="))
}

fn without_source(diagnostic: &Diagnostic) -> String {
    let mut text = heading(diagnostic.severity, &diagnostic.code, &diagnostic.message);
    if let Some(label) = &diagnostic.primary {
        let Span { line, column, .. } = label.span;
        let what = if label.text.is_empty() { String::new() } else { format!("  {}", harmless(&label.text)) };
        text.push_str(&format!("  {} {}:{line}:{column}{what}\n", paint(FRAME, "┌─"), harmless(&diagnostic.file)));
    } else if !diagnostic.file.is_empty() {
        text.push_str(&format!("  {} {}\n", paint(FRAME, "┌─"), harmless(&diagnostic.file)));
    }
    if let Some(what) = &diagnostic.help {
        text.push_str(&help(what));
    }
    text
}

/// `None` if it cannot be drawn.
fn with_source(diagnostic: &Diagnostic, sheet: &Sheet) -> Option<String> {
    let primary = diagnostic.primary.iter().map(|label| (LabelStyle::Primary, label));
    let secondary = diagnostic.secondary.iter().map(|label| (LabelStyle::Secondary, label));
    let labels = primary
        .chain(secondary)
        .map(|(style, label)| {
            Underline::new(style, (), bytes_of(label.span, sheet.source())).with_message(harmless(&label.text))
        })
        .collect();
    let weight = match diagnostic.severity {
        Severity::Error => Weight::Error,
        Severity::Warning => Weight::Warning,
    };
    let drawing = Drawing::new(weight)
        .with_code(&diagnostic.code)
        .with_message(harmless(&diagnostic.message))
        .with_labels(labels)
        .with_notes(diagnostic.help.iter().map(|help| format!("help: {}", harmless(help))).collect());
    let mut pen = Pen::default();
    term::emit_to_write_style(&mut pen, &Config::default(), sheet, &drawing).ok()?;
    let mut text = String::from_utf8(pen.text).ok()?;
    // The drawing leaves trailing spaces and an empty line behind.
    text.truncate(text.trim_end().len());
    Some(text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect())
}

/// The span inside the source, on character boundaries, whatever it claims to be.
fn bytes_of(span: Span, source: &str) -> Range<usize> {
    let inside = |at: u32| source.floor_char_boundary((at as usize).min(source.len()));
    let start = inside(span.start);
    start..inside(span.end).max(start)
}

/// Writes the drawing with our styles.
#[derive(Default)]
struct Pen {
    text: Vec<u8>,
    style: Style,
}

impl Pen {
    fn set(&mut self, style: Style) -> io::Result<()> {
        self.reset()?;
        self.style = style;
        write!(self.text, "{style}")
    }
}

impl Write for Pen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteStyle for Pen {
    fn set_header(&mut self, severity: Weight) -> io::Result<()> {
        self.set(if severity >= Weight::Error { ERROR } else { WARNING })
    }

    fn set_header_message(&mut self) -> io::Result<()> {
        self.set(NAME)
    }

    fn set_line_number(&mut self) -> io::Result<()> {
        self.set(FRAME)
    }

    fn set_note_bullet(&mut self) -> io::Result<()> {
        self.set(FRAME)
    }

    fn set_source_border(&mut self) -> io::Result<()> {
        self.set(FRAME)
    }

    fn set_label(&mut self, severity: Weight, style: LabelStyle) -> io::Result<()> {
        self.set(match style {
            LabelStyle::Primary if severity >= Weight::Error => ERROR,
            LabelStyle::Primary => WARNING,
            LabelStyle::Secondary => FAINT,
        })
    }

    fn reset(&mut self) -> io::Result<()> {
        let style = std::mem::take(&mut self.style);
        write!(self.text, "{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use nexus_model::Label;

    use super::*;

    const SOURCE: &str =
        "function main()\n    x = tensor.ones(32, 128)\n    w = tensor.ones(64, 10)\n    return x @ w\nend\n";

    fn span(text: &str, line: u32, column: u32) -> Span {
        let start = SOURCE.find(text).unwrap() as u32;
        Span { start, end: start + text.len() as u32, line, column }
    }

    fn product() -> Diagnostic {
        Diagnostic {
            file: "broken.mcode".into(),
            primary: Some(Label {
                span: span("x @ w", 4, 12),
                text: "f32[32, 128] @ f32[64, 10]: the inner sizes are 128 and 64".into(),
            }),
            secondary: vec![Label { span: span("tensor.ones(64, 10)", 3, 9), text: "f32[64, 10]".into() }],
            help: Some("did you mean `x @ tensor.ones(128, 10)`?".into()),
            ..Diagnostic::error("MC0203", "shapes do not fit this product")
        }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn the_source_is_drawn_with_its_places() {
        insta::assert_snapshot!(plain(&all_drawn(&[product()], Some(SOURCE))), @r"
        error[MC0203]: shapes do not fit this product
          ┌─ broken.mcode:4:12
          │
        3 │     w = tensor.ones(64, 10)
          │         ------------------- f32[64, 10]
        4 │     return x @ w
          │            ^^^^^ f32[32, 128] @ f32[64, 10]: the inner sizes are 128 and 64
          │
          = help: did you mean `x @ tensor.ones(128, 10)`?
        1 error. `nexus explain MC0203` tells more.
        ");
    }

    #[test]
    fn without_source_the_place_is_named() {
        insta::assert_snapshot!(plain(&drawn(&product(), None)), @r"
        error[MC0203]: shapes do not fit this product
          ┌─ broken.mcode:4:12  f32[32, 128] @ f32[64, 10]: the inner sizes are 128 and 64
          = help: did you mean `x @ tensor.ones(128, 10)`?
        ");
    }

    #[test]
    fn spans_that_lie_do_not_break_the_drawing() {
        let mut diagnostic = product();
        for (start, end) in [(0, u32::MAX), (u32::MAX, 0), (7, 3), (1, 2)] {
            diagnostic.primary = Some(Label { span: Span { start, end, line: 1, column: 1 }, text: String::new() });
            for source in ["", "é", "a\r\né\n", "x\u{1b}[2J"] {
                assert!(plain(&drawn(&diagnostic, Some(source))).contains("MC0203"));
                assert!(!plain(&drawn(&diagnostic, Some(source))).contains('\u{1b}'));
            }
        }
    }

    #[test]
    fn the_closing_line_counts_and_names_an_error() {
        let warning = Diagnostic { severity: Severity::Warning, ..Diagnostic::error("MC0901", "unused") };
        let errors = [warning.clone(), product(), product()];
        assert_eq!(closing(&errors), "2 errors, 1 warning. `nexus explain MC0203` tells more.\n");
        assert_eq!(closing(&[warning]), "1 warning. `nexus explain MC0901` tells more.\n");
        assert_eq!(closing(&[]), "");
    }
}
