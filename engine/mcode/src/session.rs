//! Programs in pieces, as they are typed: each piece sees the functions and variables of those before.
//!
//! A piece is a program of its own. What it defines goes on as text (functions) and as values (variables), so that
//! nothing of the machine lives longer than a run. Who drives it keeps both: `nexus repl`.

use nexus_model::Diagnostic;

use crate::ast::{Block, ExprKind, Function, Statement, StatementKind};
use crate::codes::Code;
use crate::compile::{Compilation, CompiledProgram, ImportLoader, compile_piece};
use crate::parser::parse;
use crate::report::Reporter;
use crate::run::{RunRequest, RunResult, Variables, run_piece};
use crate::source::Source;
pub use crate::vm::kept::{Held, Kept};

/// What a piece of a program holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piece {
    /// Functions and imports by name, each as the text that defines it again.
    pub definitions: Vec<(String, String)>,
    /// Variables that it assigns as a whole.
    pub assigned: Vec<String>,
    /// Variables that it watches (`when change(x) … end`), each with the text that watches it again.
    pub watches: Vec<(String, String)>,
    /// Whether more has to be typed before it means anything: a block or bracket is open, an operator waits.
    pub is_incomplete: bool,
}

/// Looks at a piece without compiling it.
pub fn piece(text: &str) -> Piece {
    let source = Source::new("piece", text);
    let mut reporter = Reporter::new();
    let module = parse(&source, &mut reporter);
    let end = text.trim_end().len() as u32;
    let errors = reporter.into_diagnostics(std::slice::from_ref(&source));
    let is_incomplete = errors.first().is_some_and(|error| {
        let at_end = error.primary.as_ref().is_some_and(|label| label.span.start >= end);
        error.code == Code::MissingEnd.as_str() || at_end && error.code == Code::UnexpectedToken.as_str()
    });
    let mut piece = Piece { is_incomplete, ..Piece::default() };
    for statement in &module.body {
        match &statement.kind {
            StatementKind::Function(function) => {
                if let Some(name) = &function.name {
                    piece.definitions.push((name.name.to_string(), source.slice(statement.span).to_owned()));
                }
            }
            StatementKind::Import { path, alias, .. } => {
                let name = alias.as_ref().map_or_else(|| path.to_string(), |a| a.name.to_string());
                piece.definitions.push((name, source.slice(statement.span).to_owned()));
            }
            StatementKind::When { name, .. } => {
                piece.watches.push((name.name.to_string(), source.slice(statement.span).to_owned()));
            }
            StatementKind::Bind { name, value, .. } => {
                piece.assigned.push(name.name.to_string());
                if let ExprKind::Lambda(function) = &value.kind {
                    piece.definitions.extend(as_function(&source, &name.name, function));
                }
            }
            _ => {}
        }
    }
    nested_assignments(&module.body, &mut piece.assigned);
    piece
}

/// `f = x => e` as `function f(x) return e end`, which can stand anywhere.
fn as_function(source: &Source, name: &str, function: &Function) -> Option<(String, String)> {
    let [statement] = function.body.as_slice() else { return None };
    let StatementKind::Return(Some(value)) = &statement.kind else { return None };
    let params = source.slice(function.head);
    let params = if params.starts_with('(') { params.to_owned() } else { format!("({params})") };
    Some((name.to_owned(), format!("function {name}{params} return {} end", source.slice(value.span))))
}

fn nested_assignments(block: &Block, assigned: &mut Vec<String>) {
    for statement in block {
        match &statement.kind {
            StatementKind::For { name, body, .. } => {
                assigned.push(name.name.to_string());
                inside(body, assigned);
            }
            StatementKind::While { body, .. } => inside(body, assigned),
            StatementKind::If { branches, otherwise } => {
                branches.iter().map(|(_, block)| block).chain(otherwise).for_each(|block| inside(block, assigned));
            }
            _ => {}
        }
    }
}

fn inside(block: &Block, assigned: &mut Vec<String>) {
    let names = block.iter().filter_map(|statement| match &statement.kind {
        StatementKind::Bind { name, .. } => Some(name.name.to_string()),
        _ => None,
    });
    assigned.extend(names);
    nested_assignments(block, assigned);
}

/// What a piece is compiled with.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// The variables that have values already.
    pub known: &'a [String],
    /// Bytes of the piece's own text. Behind it stands what goes on from the pieces before: functions, and watches, which
    /// are there before the piece's first statement.
    pub own_bytes: usize,
}

/// Compiles a piece: its statements are the program, whatever functions stand beside them.
pub fn compile_in_session(file: &str, source: &str, before: Before<'_>, loader: &mut ImportLoader<'_>) -> Compilation {
    compile_piece(file, source, Some(before), loader)
}

/// Puts the watches of the pieces before in front.
pub(crate) fn watches_first(body: &mut Block, own_bytes: usize) {
    let is_before = |statement: &Statement| {
        matches!(statement.kind, StatementKind::When { .. }) && statement.span.start as usize >= own_bytes
    };
    // A stable order: whether it stands before, and then as it was.
    body.sort_by_key(|statement| !is_before(statement));
}

/// What a piece leaves behind.
#[derive(Debug, Clone, PartialEq)]
pub struct PieceResult {
    /// The value of its last statement, and what it output.
    pub run: RunResult,
    /// The variables that there are now, with their values.
    pub variables: Vec<(String, Kept)>,
    /// The variables that end with the piece: functions of its program, and what has such a function inside.
    pub lost: Vec<String>,
}

#[expect(clippy::result_large_err, reason = "a failed run is rare, and the diagnostic is what its caller wants")]
/// Runs a piece with the values of the variables that it was compiled with.
pub fn run_in_session(
    program: &CompiledProgram,
    request: RunRequest<'_>,
    known: &[(String, Kept)],
) -> Result<PieceResult, Diagnostic> {
    run_piece(program, request, known).map(|(run, Variables { kept, lost })| PieceResult { run, variables: kept, lost })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_blocks_brackets_and_operators_wait_for_more() {
        for text in ["function f(x)", "if true\nx = 1", "x = (1,", "x = [1\n", "x = 1 +", "for i in 0..3\n"] {
            assert!(piece(text).is_incomplete, "{text}");
        }
        for text in ["x = 1", "x = )", "f(x", "x = \"a", "", "end", "1 + * 2", "if true x = 1 end"] {
            assert_eq!(piece(text).is_incomplete, text == "f(x", "{text}");
        }
    }

    #[test]
    fn definitions_are_kept_as_text() {
        let found = piece("function f(x) return x end\ng = (a, b) => a + b\nh = x => x\nfor i in 0..3\n y = i\nend\n");
        let texts: Vec<&str> = found.definitions.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(
            texts,
            ["function f(x) return x end", "function g(a, b) return a + b end", "function h(x) return x end"]
        );
        assert_eq!(found.assigned, ["g", "h", "i", "y"]);
        let watching = piece("when change(x)\n    y = x\nend\n");
        assert_eq!(watching.watches, [("x".to_owned(), "when change(x)\n    y = x\nend".to_owned())]);
    }
}
