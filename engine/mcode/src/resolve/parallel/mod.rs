//! `parallel for`: when its iterations can run beside each other, a copy of its body that can.
//!
//! An iteration that runs beside others changes nothing outside it. Where the body updates a variable of the function
//! (`total += x`, `a[i] = x`, `xs = append(xs, x)`), the copy notes which update it is and the values that it needs; the
//! updates are made when all iterations are through, in the order in which they would have been made one by one
//! ([`split`]). So the result is that of a plain `for`, to the last bit, whatever order the iterations ran in. A body whose
//! iterations read what earlier ones wrote has no such copy ([`uses`]): it runs in order, and its writer is told.

mod mentions;
mod split;
mod uses;

use super::Resolver;
use super::expression::Meaning;
use crate::ast::{self, Ident, Name};
use crate::codes::Code;
use crate::hir::{Expr, ExprKind, Place, Spread, StatementKind};
use crate::library::{self, Member};
use crate::source::ByteSpan;

pub(super) use mentions::Mentions;
use mentions::mentions;

/// The names of a function's body where it has a `parallel for`, which asks for them; else none.
pub(super) fn mentioned_with_loops(body: &ast::Block) -> Mentions {
    if has_parallel_loop(body) { mentions(body) } else { Mentions::new() }
}

/// Whether a block has a `parallel for`, functions inside it left out.
fn has_parallel_loop(block: &ast::Block) -> bool {
    use ast::StatementKind as K;
    block.iter().any(|statement| match &statement.kind {
        K::For { parallel, body, .. } => *parallel || has_parallel_loop(body),
        K::If { branches, otherwise } => {
            branches.iter().map(|(_, block)| block).chain(otherwise).any(has_parallel_loop)
        }
        K::While { body, .. } | K::When { body, .. } => has_parallel_loop(body),
        _ => false,
    })
}

impl Resolver<'_, '_> {
    /// `notes = append(notes, [values])` in an iteration.
    pub(super) fn note(&mut self, values: &[ast::Expr], span: ByteSpan) -> Option<StatementKind> {
        let Some(Member::Builtin(append)) = library::find("append") else { return None };
        let place = Place::Local(self.scope().declare(&split::NOTES.into(), span));
        let notes = Expr { kind: ExprKind::Read(place), span };
        let values = values.iter().map(|e| self.expression(e)).collect();
        let note = Expr { kind: ExprKind::List(values), span };
        let value = Expr { kind: ExprKind::CallBuiltin(append, vec![notes, note]), span };
        Some(StatementKind::Bind { place, declared: None, annotation: None, value })
    }

    /// The iterations of a `parallel for` that was resolved already as calls, where they can be.
    pub(super) fn spread(
        &mut self,
        variable: &Ident,
        iterable: &ast::Expr,
        body: &ast::Block,
        span: ByteSpan,
    ) -> Option<Box<Spread>> {
        if self.reporter.has_errors() {
            return None;
        }
        let uses = match uses::uses(variable, iterable, body) {
            Ok(uses) => uses,
            Err(uses::Obstacle::Carried { name, place }) => {
                self.reporter
                    .warning(
                        Code::CarriedValue,
                        place,
                        format!("`{name}` carries a value from one iteration to the next"),
                    )
                    .label("read here, and changed by other iterations")
                    .secondary(span, "so the iterations of this `parallel for` run one by one")
                    .help("gather with `total += x`, `xs = append(xs, x)` or `a[i] = x`, or write a plain `for`");
                return None;
            }
            Err(uses::Obstacle::Other) => return None,
        };
        let total = &self.scope().mentions;
        let inside = mentions(body);
        let lives_on = |name: &Name| total.get(name) > inside.get(name);
        let changed: Vec<Name> = uses.changed(lives_on).cloned().collect();
        let split = split::split(variable, body, &uses, &changed, span);
        // Functions read globals, and would read what earlier iterations left there.
        let is_global = |this: &mut Self, name| matches!(this.meaning(name, span), Meaning::Variable(Place::Global(_)));
        if changed.iter().any(|name| is_global(self, name)) {
            return None;
        }
        let ExprKind::Closure(function) = self.closure(&split.iteration, None) else { return None };
        if let Some(Some(iteration)) = self.functions.get_mut(function as usize) {
            iteration.is_copy = true;
        }
        let [results, ..] = [split::RESULTS, split::NOTES, split::NOTE].map(|n| self.scope().declare(&n.into(), span));
        let replay = self.block(&split.replay);
        Some(Box::new(Spread { function, results, replay }))
    }
}
