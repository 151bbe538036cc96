//! Patterns of phrases: words, words of which one does (`a|b`), parts that may be missing (`[…]`), and slots (`{f}`).

use super::Word;
use crate::symbolic::{Expr, parse, parse_statement, parse_symbol};

/// Names of more than one letter that formulas in questions may have.
const GREEK: &[&str] = &[
    "alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda", "mu", "nu", "rho", "sigma", "tau", "phi", "omega",
];

/// A place in a phrase that something of the question stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(&'static str);

impl Slot {
    /// The slots of a text, in their order.
    pub(super) fn of(text: &'static str) -> Vec<Slot> {
        let inside = text.split('{').skip(1);
        inside.filter_map(|rest| rest.split_once('}')).map(|(name, _)| Slot(name)).collect()
    }

    /// Its name, which is also the name in a formula that it stands for where it was left out.
    pub(super) fn name(self) -> &'static str {
        self.0
    }

    /// How it is written in patterns and commands.
    pub(super) fn written(self) -> String {
        format!("{{{}}}", self.0)
    }

    /// Whether it takes several equations.
    pub(super) fn is_list(self) -> bool {
        self.0 == "equations"
    }

    /// What belongs there.
    pub(super) fn meaning(self) -> &'static str {
        match self.0 {
            "equations" => "equations",
            "name" => "a name",
            "count" => "a number",
            "assignment" => "a value of a name",
            _ => "a formula",
        }
    }

    /// Whether a text belongs there, or what is wrong with it.
    pub(super) fn check(self, text: &str) -> Result<(), String> {
        match self.0 {
            "equations" => equations(text).iter().try_for_each(|part| statement(part)),
            "name" => parse_symbol(text).map_err(|error| error.message).and_then(|_| formula(text)),
            "count" => text.parse::<u32>().map(drop).map_err(|_| "it is no whole number".to_owned()),
            "assignment" => match text.split_once('=') {
                Some((name, value)) => Slot("name").check(name.trim()).and_then(|()| formula(value)),
                None => Err("a value is given as x = 2".to_owned()),
            },
            _ => formula(text),
        }
    }
}

/// Whether a text is a formula that people mean as one: words run together are none, though they read as products of names.
pub(super) fn formula(text: &str) -> Result<(), String> {
    parse(text).map_err(|error| error.message).and_then(|expr| plain(&expr))
}

fn plain(expr: &Expr) -> Result<(), String> {
    let is_name = |name: &str| {
        let base = name.split('_').next().unwrap_or(name).trim_end_matches(|letter: char| letter.is_ascii_digit());
        base.chars().count() <= 1 || GREEK.contains(&base)
    };
    match expr.symbols().iter().find(|name| !is_name(name)) {
        Some(word) => Err(format!("`{word}` is no name of one letter")),
        None => Ok(()),
    }
}

fn statement(text: &str) -> Result<(), String> {
    let statement = parse_statement(text).map_err(|error| error.message)?;
    plain(&statement.left).and_then(|()| plain(&statement.right))
}

/// Whether a text is two formulas that are compared.
pub(super) fn is_statement(text: &str) -> bool {
    text.contains(['=', '<', '>']) && statement(text).is_ok()
}

/// The equations of a list: between commas, semicolons, `and` and `und`.
pub(super) fn equations(text: &str) -> Vec<String> {
    let text = text.replace(" and ", ";").replace(" und ", ";");
    let separators: &[char] = if text.contains(';') { &[';'] } else { &[','] };
    text.split(separators).map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

#[derive(Debug, Clone)]
enum Token {
    /// One of these words.
    Words(Vec<&'static str>),
    /// One word or more of the question.
    Slot(Slot),
}

/// A phrase without parts that may be missing.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    tokens: Vec<Token>,
}

impl Pattern {
    /// The phrase with each choice of the parts that may be missing, the longest first.
    pub(super) fn variants(text: &'static str) -> Vec<Pattern> {
        let mut variants = vec![Vec::new()];
        let mut rest = text;
        while !rest.is_empty() {
            let (part, after, is_optional) = match rest.strip_prefix('[') {
                Some(inside) => {
                    let (part, after) = inside.split_once(']').expect("a part that may be missing ends");
                    (part, after, true)
                }
                None => {
                    let (part, after) = rest.split_at(rest.find('[').unwrap_or(rest.len()));
                    (part, after, false)
                }
            };
            let more: Vec<Token> = part.split_whitespace().map(token).collect();
            let with = variants.iter().map(|known: &Vec<Token>| known.iter().chain(&more).cloned().collect());
            let with: Vec<Vec<Token>> = with.collect();
            variants = if is_optional { with.into_iter().chain(variants).collect() } else { with };
            rest = after;
        }
        variants.into_iter().map(|tokens| Pattern { tokens }).collect()
    }

    /// What the slots hold where the phrase is that of all words; strictly only where it belongs there.
    pub(super) fn matched(&self, text: &str, words: &[Word], is_strict: bool) -> Option<Vec<(Slot, String)>> {
        let mut found = Vec::new();
        follow(&self.tokens, text, words, is_strict, &mut found).then_some(found)
    }

    /// Whether a word, in small letters, is one of the phrase.
    pub(super) fn has(&self, word: &str) -> bool {
        self.tokens.iter().any(|token| matches!(token, Token::Words(words) if words.contains(&word)))
    }
}

fn token(text: &'static str) -> Token {
    match Slot::of(text).as_slice() {
        [slot] => Token::Slot(*slot),
        _ => Token::Words(text.split('|').collect()),
    }
}

/// Follows a phrase through words: each slot takes as few words as lets the rest follow.
fn follow(tokens: &[Token], text: &str, words: &[Word], is_strict: bool, found: &mut Vec<(Slot, String)>) -> bool {
    let Some((token, rest)) = tokens.split_first() else { return words.is_empty() };
    match token {
        Token::Words(known) => words.split_first().is_some_and(|(word, after)| {
            let small = word.text.trim_end_matches(',').to_lowercase();
            known.contains(&small.as_str()) && follow(rest, text, after, is_strict, found)
        }),
        Token::Slot(slot) => (1..=words.len()).any(|count| {
            let last = words[count - 1];
            let taken = text[words[0].start..last.start + last.text.len()].trim_end_matches(',').to_owned();
            if is_strict && slot.check(&taken).is_err() {
                return false;
            }
            found.push((*slot, taken));
            let follows = follow(rest, text, &words[count..], is_strict, found);
            if !follows {
                found.pop();
            }
            follows
        }),
    }
}
