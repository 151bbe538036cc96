//! Formulas as words of a command line: one that begins with a minus is no option.

use std::convert::Infallible;
use std::ffi::OsString;

/// The options before a verb that take the word behind them.
const WITH_A_WORD: [&str; 1] = ["--data"];

/// The arguments of a command, in which no formula of `nexus math` looks like an option: before one that begins with a
/// single minus stands a space, which [`formula`] takes away again.
pub(crate) fn with_formulas(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let Some(verb) = verb(&arguments) else { return arguments };
    if arguments[verb] != "math" {
        return arguments;
    }
    for argument in arguments[verb + 1..].iter_mut() {
        let Some(text) = argument.to_str() else { continue };
        if text == "--" {
            break;
        }
        if let Some(shielded) = shielded(text).filter(|_| text != "-h") {
            *argument = shielded.into();
        }
    }
    arguments
}

/// A word that begins with a single minus as no option.
pub(super) fn shielded(text: &str) -> Option<String> {
    (text.len() > 1 && text.starts_with('-') && !text.starts_with("--")).then(|| format!(" {text}"))
}

/// Where the verb stands.
fn verb(arguments: &[OsString]) -> Option<usize> {
    let mut at = 1;
    while let Some(argument) = arguments.get(at) {
        let text = argument.to_str()?;
        if !text.starts_with('-') {
            return Some(at);
        }
        at += if WITH_A_WORD.contains(&text) { 2 } else { 1 };
    }
    None
}

/// A formula as it was typed.
#[expect(clippy::unnecessary_wraps, reason = "what reads arguments may fail")]
pub(super) fn formula(text: &str) -> Result<String, Infallible> {
    Ok(text.strip_prefix(" -").map_or_else(|| text.to_owned(), |rest| format!("-{rest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &[&str]) -> Vec<String> {
        let words = with_formulas(line.iter().map(OsString::from).collect());
        words.into_iter().map(|word| word.into_string().expect("text")).collect()
    }

    #[test]
    fn formulas_are_told_from_options() {
        assert_eq!(
            told(&["nexus", "--data", "d", "--json", "math", "solve", "-x^2 + 4", "--for", "x", "-h", "--", "-x"]),
            ["nexus", "--data", "d", "--json", "math", "solve", " -x^2 + 4", "--for", "x", "-h", "--", "-x"]
        );
        for line in
            [&["nexus", "run", "-x"][..], &["nexus", "--data", "math", "run", "-x"], &["nexus", "-x"], &["nexus"]]
        {
            assert_eq!(told(line), line);
        }
        assert_eq!(formula(" -x"), Ok("-x".to_owned()));
        assert_eq!(formula(" x"), Ok(" x".to_owned()));
    }
}
