//! Conditions: comparisons and logic that end in a jump, not in a value.

use super::Lowering;
use crate::ast::UnaryOperator;
use crate::hir::{Expr, ExprKind};
use crate::ir::Instruction;

impl Lowering<'_> {
    /// Jumps that are taken when `condition` is false, to be patched.
    pub(super) fn jump_unless(&mut self, condition: &Expr) -> Vec<usize> {
        match &condition.kind {
            ExprKind::Compare(operands, operators) if operators.len() == 1 => {
                let mark = self.next;
                let a = self.operand(&operands[0]);
                let jump = match operands[1].kind {
                    ExprKind::Int(value) if i16::try_from(value).is_ok() => {
                        self.span = condition.span;
                        let value = value as i16;
                        self.emit(Instruction::JumpUnlessInt { operator: operators[0], a, value, target: 0 })
                    }
                    _ => {
                        let b = self.operand(&operands[1]);
                        self.span = condition.span;
                        self.emit(Instruction::JumpUnless { operator: operators[0], a, b, target: 0 })
                    }
                };
                self.next = mark;
                vec![jump]
            }
            ExprKind::And(a, b) => {
                let mut jumps = self.jump_unless(a);
                jumps.append(&mut self.jump_unless(b));
                jumps
            }
            ExprKind::Or(a, b) => {
                let holds = self.jump_if(a);
                let jumps = self.jump_unless(b);
                self.patch_all(holds);
                jumps
            }
            ExprKind::Unary(UnaryOperator::Not, inner) => self.jump_if(inner),
            _ => self.jump_on(condition, false),
        }
    }

    /// Jumps that are taken when `condition` is true, to be patched.
    fn jump_if(&mut self, condition: &Expr) -> Vec<usize> {
        match &condition.kind {
            ExprKind::Or(a, b) => {
                let mut jumps = self.jump_if(a);
                jumps.append(&mut self.jump_if(b));
                jumps
            }
            ExprKind::And(a, b) => {
                let fails = self.jump_unless(a);
                let jumps = self.jump_if(b);
                self.patch_all(fails);
                jumps
            }
            ExprKind::Unary(UnaryOperator::Not, inner) => self.jump_unless(inner),
            _ => self.jump_on(condition, true),
        }
    }

    fn jump_on(&mut self, condition: &Expr, when: bool) -> Vec<usize> {
        let mark = self.next;
        let register = self.operand(condition);
        self.next = mark;
        self.span = condition.span;
        vec![self.emit(Instruction::JumpIf { when, condition: register, target: 0 })]
    }
}
