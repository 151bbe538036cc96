//! `nexus mcode doc`: the library's reference, made from the tables that the checker uses.

use clap::Args;
use nexus_mcode::LibraryEntry;
use serde::Serialize;

use super::codes;
use super::error::{CliError, Exit};
use crate::output::Console;
use crate::output::json::document;
use crate::output::paint::{FAINT, NAME, paint};

/// What is looked up.
#[derive(Debug, Clone, Args)]
pub(crate) struct DocArgs {
    /// A name (linalg.svd), a namespace (stats), or any word of the texts; everything where absent
    #[arg(value_name = "WORD")]
    word: Option<String>,
}

impl DocArgs {
    /// A look-up of a word; of everything, if it is empty.
    pub(crate) fn of(word: &str) -> Self {
        DocArgs { word: (!word.is_empty()).then(|| word.to_owned()) }
    }
}

#[derive(Debug, Serialize)]
struct EntryDocument<'a> {
    name: &'a str,
    signature: &'a str,
    text: &'a str,
    example: &'a str,
}

/// Runs the verb.
pub(crate) fn doc(args: &DocArgs, library: &[LibraryEntry], console: &mut Console) -> Result<(), CliError> {
    let found = match &args.word {
        Some(word) => matching(word, library),
        None => library.iter().collect(),
    };
    if found.is_empty() {
        let word = args.word.as_deref().unwrap_or_default();
        let message = format!("nothing in the library is called or mentions `{word}`");
        return Err(CliError::new(Exit::Usage, codes::NO_SUCH_ENTRY, message)
            .with_help("`nexus mcode doc` lists everything; a part of a word is enough"));
    }
    if console.is_json() {
        let entries: Vec<EntryDocument<'_>> = found.iter().map(|entry| entry_document(entry)).collect();
        console.answer(&document(&entries));
    } else if let [entry] = found.as_slice() {
        console.answer(&whole(entry));
    } else {
        console.answer(&list(&found));
    }
    Ok(())
}

fn entry_document(entry: &LibraryEntry) -> EntryDocument<'_> {
    EntryDocument { name: entry.name, signature: &entry.signature, text: entry.doc, example: entry.example }
}

/// The entry of this name; else those of this namespace; else those whose name holds the word; else whose text does.
fn matching<'l>(word: &str, library: &'l [LibraryEntry]) -> Vec<&'l LibraryEntry> {
    let word = word.trim().trim_end_matches(['.', '(', ')']).to_lowercase();
    if word.is_empty() {
        return library.iter().collect();
    }
    let of = |test: &dyn Fn(&LibraryEntry) -> bool| library.iter().filter(|e| test(e)).collect::<Vec<_>>();
    let exact = of(&|entry| entry.name == word);
    if !exact.is_empty() {
        return exact;
    }
    let namespace = of(&|entry| entry.name.split_once('.').is_some_and(|(space, _)| space == word));
    if !namespace.is_empty() {
        return namespace;
    }
    let named = of(&|entry| entry.name.contains(&word));
    if !named.is_empty() {
        return named;
    }
    of(&|entry| entry.doc.to_lowercase().contains(&word))
}

fn whole(entry: &LibraryEntry) -> String {
    let mut text = format!("{}\n\n{}\n", paint(NAME, &entry.signature), entry.doc.trim());
    if !entry.example.is_empty() {
        text.push_str(&format!("\nExample:\n    {}\n", entry.example));
    }
    text
}

/// One line an entry: how it is called and the first sentence.
fn list(entries: &[&LibraryEntry]) -> String {
    let mut text = String::new();
    let mut space = None;
    for entry in entries {
        let here = entry.name.split_once('.').map_or("", |(space, _)| space);
        if space.is_some_and(|before| before != here) {
            text.push('\n');
        }
        space = Some(here);
        text.push_str(&format!("{}  {}\n", paint(NAME, &entry.signature), paint(FAINT, first_sentence(entry.doc))));
    }
    text
}

/// Up to the first full stop before a space or the end.
pub(crate) fn first_sentence(text: &str) -> &str {
    let text = text.trim();
    let line = text.split("\n\n").next().unwrap_or(text);
    line.find(". ").map_or(line, |at| &line[..=at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(word: &str) -> Vec<&'static str> {
        let library = nexus_mcode::library();
        matching(word, &library).iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn words_find_names_first_and_texts_last() {
        assert_eq!(names("linalg.svd"), ["linalg.svd"]);
        assert!(names("linalg").iter().all(|name| name.starts_with("linalg.")));
        assert!(names("transp").contains(&"tensor.transpose"));
        assert!(names("1970").contains(&"time.now"));
        assert_eq!(names("no such thing anywhere"), [""; 0]);
    }

    #[test]
    fn the_first_sentence_ends_at_its_full_stop() {
        assert_eq!(first_sentence("The sum. Of all, e.g. 1.5."), "The sum.");
        assert_eq!(first_sentence("The sum"), "The sum");
    }
}
