//! The library as people read it: one entry a name, from the same tables that the checker uses.

use nexus_tensor::OpDef;

use super::reference_texts::TEXTS;
use super::{Member, all_names, builtin, find};

/// One function or constant of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryEntry {
    /// Full name: `tensor.ones`, `len`.
    pub name: &'static str,
    /// How it is called: `linalg.norm(x, ord = none) -> …`.
    pub signature: String,
    /// What it does. The first sentence stands alone in lists.
    pub doc: &'static str,
    /// A line of M-CODE that uses it; empty for constants.
    pub example: &'static str,
}

/// Every entry, sorted by name: what has no namespace first.
pub fn library() -> Vec<LibraryEntry> {
    let folds = ["map", "filter", "reduce"];
    let mut entries: Vec<LibraryEntry> = all_names().chain(folds).filter_map(library_entry).collect();
    entries.sort_by_key(|entry| (entry.name.contains('.'), entry.name));
    entries
}

/// The entry of a full name.
pub fn library_entry(name: &str) -> Option<LibraryEntry> {
    let text = || TEXTS.binary_search_by_key(&name, |(known, ..)| known).ok().map(|at| TEXTS[at]);
    match find(name)? {
        Member::Op(op) => {
            Some(LibraryEntry { name: op.name, signature: signature(op), doc: op.doc, example: op.example })
        }
        Member::Builtin(id) => {
            let (name, signature, doc) = text()?;
            Some(LibraryEntry { name, signature: signature.to_owned(), doc, example: builtin(id).example })
        }
        Member::Constant(_) => {
            let (name, signature, doc) = text()?;
            Some(LibraryEntry { name, signature: signature.to_owned(), doc, example: "" })
        }
        Member::Fold(fold) => {
            let (name, signature, doc) = text()?;
            let example = match fold {
                crate::hir::Fold::Map => "map(x => x * x, 0..4)",
                crate::hir::Fold::Filter => "filter(x => x > 1, [1, 2, 3])",
                crate::hir::Fold::Reduce => "reduce((a, b) => a + b, [1, 2, 3])",
            };
            Some(LibraryEntry { name, signature: signature.to_owned(), doc, example })
        }
    }
}

/// The names of the parameters of a function of this crate, as its signature here says; `None` where it takes any number.
pub(crate) fn parameters(name: &str) -> Option<Vec<&'static str>> {
    let (_, signature, _) = TEXTS.binary_search_by_key(&name, |(known, ..)| known).ok().map(|at| TEXTS[at])?;
    let (inside, _) = signature.split_once('(')?.1.rsplit_once(')')?;
    let names = inside.split(", ").filter(|part| !part.is_empty());
    names.map(|part| Some(part.split(" = ").next()?.trim()).filter(|name| *name != "…")).collect()
}

fn signature(op: &OpDef) -> String {
    let params: Vec<String> = op
        .params
        .iter()
        .map(|param| match param.default {
            Some(default) => format!("{} = {default}", param.name),
            None => param.name.to_owned(),
        })
        .collect();
    format!("{}({})", op.name, params.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_an_entry_that_says_something() {
        assert!(TEXTS.is_sorted_by_key(|(name, ..)| *name));
        let entries = library();
        for name in all_names() {
            let entry = entries.iter().find(|e| e.name == name);
            assert!(entry.is_some_and(|e| e.doc.len() > 8 && e.signature.starts_with(name)), "{name}");
        }
        for (name, ..) in TEXTS {
            assert!(find(name).is_some(), "{name} does not exist");
        }
    }

    #[test]
    fn examples_are_programs_without_errors_of_form() {
        for entry in library() {
            let parsed = crate::ast_text("example", entry.example);
            assert!(parsed.is_ok(), "{}: {}", entry.name, entry.example);
        }
    }
}
