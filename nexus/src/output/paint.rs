//! The few styles of the output, each with one meaning.

use anstyle::{AnsiColor, Style};

/// Names that the user chose or can paste back.
pub const NAME: Style = Style::new().bold();
/// What is said beside the answer: types, headings, ellipses.
pub const FAINT: Style = Style::new().dimmed();
/// What went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What needs attention.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// What went wrong.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Lines around source text.
pub const FRAME: Style = AnsiColor::Blue.on_default();

/// `text` in `style`.
pub fn paint(style: Style, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{style}{text}{style:#}") }
}

/// `text` without the characters that could act on a terminal: controls other than newline and tab are escaped. For all
/// text that comes from programs, files or other machines.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        // Those that turn the direction of writing let a text look like another one.
        let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
        if turns || character.is_control() && character != '\n' && character != '\t' {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

/// The same in one line, for names: one that has line breaks looks like several things otherwise.
pub fn one_line(text: &str) -> String {
    harmless(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_of_programs_do_not_reach_the_terminal() {
        assert_eq!(harmless("read:/\u{202e}cba"), "read:/\\u{202e}cba");
        assert_eq!(harmless("a\u{1b}[2Jb\r\n\té\u{9b}"), "a\\u{1b}[2Jb\\r\n\té\\u{9b}");
    }

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(one_line("a\nb\t\u{1b}[31mc"), "a b \\u{1b}[31mc");
    }

    #[test]
    fn nothing_is_painted_as_nothing() {
        assert_eq!(paint(ERROR, ""), "");
        assert_eq!(anstream::adapter::strip_str(&paint(ERROR, "x")).to_string(), "x");
    }
}
