//! Words in pictures: cut to a length, and escaped for SVG. No picture of its own.

use std::fmt::Write;

/// The most letters of a name that are drawn.
const LETTERS_MAX: usize = 28;

/// A name, cut where it is too long to draw.
pub(crate) fn cut(name: &str) -> String {
    if name.chars().count() <= LETTERS_MAX {
        name.to_owned()
    } else {
        name.chars().take(LETTERS_MAX - 1).chain(['…']).collect()
    }
}

/// A text that means itself in XML. Letters that XML has no form for become a replacement sign.
pub(crate) fn escaped(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect();
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Adds to a picture.
pub(crate) fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("writing to a string does not fail");
}
