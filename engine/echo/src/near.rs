//! The name that a user may have meant. Not a search: one suggestion or none.

/// The longest name that is compared; longer ones are rarely typed.
const NAME_CHARS_MAX: usize = 64;

/// The candidate nearest to `name` in edits (Levenshtein), if at most a third of its letters differ.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let wanted: Vec<char> = name.to_lowercase().chars().take(NAME_CHARS_MAX).collect();
    let allowed = (wanted.len() / 3).max(1);
    let distances = candidates.map(|candidate| (distance(&wanted, candidate), candidate));
    distances.filter(|(distance, _)| *distance <= allowed).min().map(|(_, candidate)| candidate.to_owned())
}

fn distance(wanted: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (line, letter) in candidate.to_lowercase().chars().take(NAME_CHARS_MAX).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (at, other) in wanted.iter().enumerate() {
            let change = diagonal + usize::from(*other != letter);
            diagonal = row[at + 1];
            row[at + 1] = change.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[wanted.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let names = ["design", "review", "launch"];
        assert_eq!(nearest("desgin", names.into_iter()).as_deref(), Some("design"));
        assert_eq!(nearest("Launch", names.into_iter()).as_deref(), Some("launch"));
        assert_eq!(nearest("testing", names.into_iter()), None);
    }
}
