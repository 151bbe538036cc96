//! Questions in plain words, English and German, to the words of a command of `nexus math`.
//!
//! The grammar is a table: phrases with slots for formulas ([`table`]), and formulas that have a name ([`templates`]). A
//! phrase is taken only where every slot holds what belongs there; what is not understood is said, with the words that were
//! stumbled on. Nothing is guessed, and nothing is computed here.

mod pattern;
mod table;
mod templates;

use std::sync::LazyLock;

use self::pattern::{Pattern, Slot};
use crate::symbolic::{parse, parse_statement};

/// The most words of a question.
const WORDS_MAX: usize = 200;
/// Words before a question that ask for nothing.
const FILLERS: &[&str] = &[
    "what",
    "what's",
    "is",
    "are",
    "please",
    "compute",
    "calculate",
    "find",
    "give",
    "show",
    "me",
    "determine",
    "the",
    "was",
    "ist",
    "sind",
    "wie",
    "lautet",
    "lauten",
    "bitte",
    "berechne",
    "bestimme",
    "finde",
    "gib",
    "zeige",
    "mir",
    "der",
    "die",
    "das",
    "den",
];

/// Whose words a phrase is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// German.
    German,
}

/// A phrase: its pattern, and the words of the command that it means, with its slots in them.
struct Phrase {
    language: Language,
    pattern: &'static str,
    command: &'static [&'static str],
}

/// Phrases of one language.
const fn phrase(language: Language, pattern: &'static str, command: &'static [&'static str]) -> Phrase {
    Phrase { language, pattern, command }
}

/// A question that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood {
    /// The words of the command after `nexus math`.
    pub words: Vec<String>,
}

impl Understood {
    /// The command as it is typed.
    pub fn command(&self) -> String {
        let quoted = |word: &String| {
            let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=".contains(letter);
            if !word.is_empty() && word.chars().all(is_plain) { word.clone() } else { format!("'{word}'") }
        };
        format!("nexus math {}", self.words.iter().map(quoted).collect::<Vec<_>>().join(" "))
    }
}

/// Why a question was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotUnderstood {
    /// What was stumbled on.
    pub message: String,
    /// The words, as a range of bytes of the question.
    pub place: (usize, usize),
    /// What would be understood.
    pub help: String,
}

static PATTERNS: LazyLock<Vec<(&'static Phrase, Vec<Pattern>)>> = LazyLock::new(|| {
    let all = templates::TEMPLATES.iter().chain(table::TABLE);
    all.map(|phrase| (phrase, Pattern::variants(phrase.pattern))).collect()
});

/// A word of a question and where it stands.
#[derive(Debug, Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    start: usize,
}

/// The command that a question means.
///
/// # Errors
/// What is not understood, with the words that were stumbled on.
pub fn understand(question: &str) -> Result<Understood, NotUnderstood> {
    let asked = question.trim_end_matches([' ', '?', '.', '\n']);
    let words: Vec<Word> = split(asked);
    if words.is_empty() || words.len() > WORDS_MAX {
        let message =
            if words.is_empty() { "nothing is asked".to_owned() } else { "the question is too long".to_owned() };
        return Err(NotUnderstood { message, place: (0, question.len()), help: examples(Language::English) });
    }
    let skipped = words.iter().take_while(|word| FILLERS.contains(&word.text.to_lowercase().as_str())).count();
    // `is 7 prime` begins with a word that elsewhere asks for nothing.
    for begin in (0..=skipped.min(words.len() - 1)).rev() {
        for (phrase, variants) in PATTERNS.iter() {
            for variant in variants {
                if let Some(found) = variant.matched(asked, &words[begin..], true) {
                    return Ok(Understood { words: filled(phrase, &found) });
                }
            }
        }
    }
    if let Some(understood) = formula(asked) {
        return Ok(understood);
    }
    Err(stumbled(asked, &words, skipped.min(words.len() - 1)))
}

fn split(text: &str) -> Vec<Word<'_>> {
    let at = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    text.split_whitespace().map(|word| Word { text: word, start: at(word) }).collect()
}

/// The command of a phrase with its slots filled; a slot that was left out stands for itself.
fn filled(phrase: &Phrase, found: &[(Slot, String)]) -> Vec<String> {
    let mut words = Vec::new();
    for part in phrase.command {
        let mut word = (*part).to_owned();
        let mut is_missing = false;
        for slot in Slot::of(part) {
            let value = found.iter().find(|(known, _)| *known == slot).map(|(_, value)| value.as_str());
            is_missing |= value.is_none() && *part == slot.written();
            word = word.replace(&slot.written(), value.unwrap_or(slot.name()));
        }
        if is_missing {
            // An option without its value.
            if words.last().is_some_and(|last: &String| last.starts_with("--")) {
                words.pop();
            }
            continue;
        }
        match Slot::of(part).first() {
            Some(slot) if slot.is_list() => words.extend(pattern::equations(&word)),
            _ => words.push(word),
        }
    }
    // Two dashes stand only before what would be read as an option.
    if let Some(at) = words.iter().position(|word| word == "--")
        && !words[at + 1..].iter().any(|word| word.starts_with('-'))
    {
        words.remove(at);
    }
    words
}

/// A formula or an equation without words.
fn formula(text: &str) -> Option<Understood> {
    let command = |verb: &str| Some(Understood { words: vec![verb.to_owned(), text.trim().to_owned()] });
    if pattern::formula(text).is_ok() {
        return command(if parse(text).ok()?.symbols().is_empty() { "evaluate" } else { "simplify" });
    }
    let parts = pattern::equations(text);
    let are_equations = parts.iter().all(|part| parse_statement(part).is_ok() && pattern::is_statement(part));
    are_equations.then(|| Understood { words: std::iter::once("solve".to_owned()).chain(parts).collect() })
}

/// What was stumbled on: a slot that holds no formula, or the words that no phrase has.
fn stumbled(asked: &str, words: &[Word], begin: usize) -> NotUnderstood {
    // Of the phrases whose words are all there, the one whose bad slot holds the least.
    let bad = |found: Vec<(Slot, String)>| found.into_iter().find(|(slot, text)| slot.check(text).is_err());
    let close = PATTERNS.iter().flat_map(|(phrase, variants)| {
        let lax = variants.iter().filter_map(|variant| variant.matched(asked, &words[begin..], false));
        lax.filter_map(bad).map(move |(slot, text)| (*phrase, slot, text))
    });
    if let Some((phrase, slot, text)) = close.min_by_key(|(.., text)| text.len()) {
        let why = slot.check(&text).err().unwrap_or_default();
        let start = asked.find(&text).unwrap_or(0);
        return NotUnderstood {
            message: format!("`{text}` is not understood as {}: {why}", slot.meaning()),
            place: (start, start + text.len()),
            help: format!("The question was taken for `{}`", phrase.pattern),
        };
    }
    let is_known = |word: &str| {
        let word = word.to_lowercase();
        FILLERS.contains(&word.as_str())
            || pattern::formula(&word).is_ok()
            || PATTERNS.iter().any(|(_, variants)| variants.iter().any(|variant| variant.has(&word)))
    };
    let unknown: Vec<&Word> = words.iter().filter(|word| !is_known(word.text)).collect();
    // How many words are of a language's phrases.
    let count = |language: Language| {
        let own = PATTERNS.iter().filter(|(phrase, _)| phrase.language == language).map(|(_, variants)| variants);
        let small = words.iter().map(|word| word.text.to_lowercase());
        small.filter(|word| own.clone().any(|variants| variants.iter().any(|variant| variant.has(word)))).count()
    };
    let language =
        if count(Language::German) > count(Language::English) { Language::German } else { Language::English };
    let (message, place) = match (unknown.first(), unknown.last()) {
        (Some(first), Some(last)) => {
            let names = unknown.iter().map(|word| format!("`{}`", word.text)).collect::<Vec<_>>().join(", ");
            (format!("not understood: {names}"), (first.start, last.start + last.text.len()))
        }
        _ => ("the words are known, but not in this order".to_owned(), (0, asked.len())),
    };
    NotUnderstood { message, place, help: examples(language) }
}

/// Questions that are understood.
fn examples(language: Language) -> String {
    match language {
        Language::English => {
            "Ask for instance `derivative of x^2 by x`, `integral of sin(x) from 0 to pi`, `solve x^2 = 4`, `limit of \
             sin(x)/x as x goes to 0`, `is 97 prime` or `area of a circle with radius 3`"
        }
        Language::German => {
            "Frage zum Beispiel `Ableitung von x^2 nach x`, `Integral von sin(x) von 0 bis pi`, `löse x^2 = 4`, `Grenzwert \
             von sin(x)/x für x gegen 0`, `ist 97 prim` oder `Fläche eines Kreises mit Radius 3`"
        }
    }
    .to_owned()
}
