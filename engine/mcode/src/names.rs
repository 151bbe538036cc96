//! Words in messages: names that are close to another, for "did you mean", and articles.

/// The words of the language.
#[rustfmt::skip]
pub const KEYWORDS: [&str; 24] = [
    "function", "end", "if", "elseif", "else", "while", "for", "in", "break", "continue", "return", "let", "const", "import",
    "parallel", "spawn", "await", "when", "and", "or", "not", "true", "false", "none",
];

/// Whether something can be called so: a letter or `_`, then letters, digits and `_`, and no word of the language.
pub fn is_identifier(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !KEYWORDS.contains(&text)
        && text != crate::external::CALL
}

/// `what` behind "a" or "an", as it is spoken: "an int", "an f32[3]", "a u8[3]".
pub(crate) fn with_article(what: &str) -> String {
    let spoken_as_vowel = what.starts_with(['a', 'e', 'i', 'o'])
        || what.starts_with("f1")
        || what.starts_with("f3")
        || what.starts_with("f6");
    format!("{} {what}", if spoken_as_vowel { "an" } else { "a" })
}

/// The candidate nearest to `name`, if one is near enough to be meant. Distance counts insertions, deletions,
/// replacements and swapped neighbours (optimal string alignment); a third of the length may differ.
pub(crate) fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let allowed = (length / 3).clamp(1, 3);
    if length > NAME_LENGTH_MAX {
        return None;
    }
    candidates
        .into_iter()
        .filter(|c| c.chars().count().abs_diff(length) <= allowed && *c != name)
        .map(|c| (distance(name, c), c))
        .filter(|(d, c)| *d <= allowed && *d < c.chars().count())
        .min()
        .map(|(_, c)| c)
}

/// Longer names are not compared: the work grows with the square of the length.
const NAME_LENGTH_MAX: usize = 64;

fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::TokenKind;

    #[test]
    fn every_word_of_the_list_is_one_of_the_language() {
        for word in KEYWORDS {
            let kind = TokenKind::keyword(word).unwrap_or_else(|| panic!("`{word}` is a keyword"));
            assert_eq!(kind.describe(), format!("`{word}`"));
        }
    }

    #[test]
    fn articles_are_as_words_are_spoken() {
        for (what, expected) in
            [("int", "an int"), ("f32[3]", "an f32[3]"), ("u8[3]", "a u8[3]"), ("function", "a function")]
        {
            assert_eq!(with_article(what), expected);
        }
    }

    #[test]
    fn slips_of_the_finger_are_close() {
        let names = ["zeros", "ones", "reshape", "transpose"];
        assert_eq!(closest("resahpe", names), Some("reshape"));
        assert_eq!(closest("zeroes", names), Some("zeros"));
        assert_eq!(closest("svd", names), None);
        assert_eq!(closest("x", ["y"]), None);
    }
}
