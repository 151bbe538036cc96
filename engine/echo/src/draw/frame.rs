//! What the SVG drawings share: the page, texts that are safe in it, cut to their room.

/// About the width of a letter of 12 pixels in Helvetica.
pub(super) const LETTER: f64 = 6.4;
/// Colours of the page.
pub(super) const INK: &str = "#111827";
pub(super) const GREY: &str = "#6b7280";
pub(super) const RULE: &str = "#d1d5db";

/// Opens a page with a title.
pub(super) fn open(width: f64, height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"20\" y=\"24\" font-size=\"16\" font-weight=\"bold\" fill=\"{INK}\">{}</text>\n",
        escaped(title)
    )
}

/// A line of text that begins at `x`.
pub(super) fn text(x: f64, y: f64, size: u32, colour: &str, words: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{colour}\">{}</text>\n", escaped(words))
}

/// At most `most` characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Text that means itself in XML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A string in the language of Graphviz.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
