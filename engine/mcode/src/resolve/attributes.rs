//! Attributes: `@optimize`, `@profile`, `@device`, `@precision`, `@check_finite`.

use super::Resolver;
use crate::ast::{Argument, Attribute, ExprKind};
use crate::codes::Code;
use crate::hir::Attributes;
use crate::names::closest;

const NAMES: [&str; 5] = ["optimize", "profile", "device", "precision", "check_finite"];
const DEVICES: [&str; 4] = ["auto", "cpu", "gpu", "ane"];
const PRECISIONS: [&str; 7] = ["fast", "balanced", "precise", "f16", "bf16", "f32", "f64"];

impl Resolver<'_, '_> {
    pub(super) fn attributes(&mut self, written: &[Attribute]) -> Attributes {
        let mut attributes = Attributes::default();
        for attribute in written {
            match &*attribute.name.name {
                "optimize" => attributes.optimize = Some(self.text_argument(attribute, "strategy", None)),
                "profile" => {
                    attributes.profile = Some(self.text_argument(attribute, "name", None).unwrap_or_default());
                }
                "device" => attributes.device = self.text_argument(attribute, "device", Some(&DEVICES)),
                "precision" => attributes.precision = self.text_argument(attribute, "precision", Some(&PRECISIONS)),
                "check_finite" => attributes.check_finite = self.no_argument(attribute),
                name => {
                    let near = closest(name, NAMES).map(|n| format!("did you mean `@{n}`?"));
                    let report = self.reporter.error(
                        Code::BadAttribute,
                        attribute.span,
                        format!("there is no attribute `@{name}`"),
                    );
                    report.help(near.unwrap_or_else(|| {
                        "there are @optimize, @profile, @device, @precision and @check_finite".to_owned()
                    }));
                }
            }
        }
        attributes
    }

    /// Whether an attribute stands without arguments, as it must.
    fn no_argument(&mut self, attribute: &Attribute) -> bool {
        let name = &attribute.name.name;
        if !attribute.arguments.is_empty() {
            self.reporter
                .error(Code::BadAttribute, attribute.span, format!("`@{name}` takes nothing"))
                .help(format!("write `@{name}`"));
        }
        attribute.arguments.is_empty()
    }

    /// The one string that an attribute takes; where `choices` are given it is required and one of them.
    fn text_argument(&mut self, attribute: &Attribute, parameter: &str, choices: Option<&[&str]>) -> Option<String> {
        let name = &attribute.name.name;
        let example = match choices {
            Some(choices) => format!("@{name}(\"{}\")", choices[1.min(choices.len() - 1)]),
            None => format!("@{name}({parameter} = \"…\")"),
        };
        let text = match attribute.arguments.as_slice() {
            [] if choices.is_none() => return None,
            [Argument { name: given, value }] if given.as_ref().is_none_or(|g| &*g.name == parameter) => {
                match &value.kind {
                    ExprKind::Str(text) => Some((text.to_string(), value.span)),
                    _ => None,
                }
            }
            _ => None,
        };
        let Some((text, span)) = text else {
            self.reporter
                .error(Code::BadAttribute, attribute.span, format!("`@{name}` takes one string"))
                .help(format!("write `{example}`"));
            return None;
        };
        if let Some(choices) = choices
            && !choices.contains(&text.as_str())
        {
            self.reporter
                .error(Code::BadAttribute, span, format!("`@{name}` knows no \"{text}\""))
                .help(format!("it is one of {}", choices.join(", ")));
            return None;
        }
        Some(text)
    }
}
