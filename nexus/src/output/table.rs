//! Aligned tables: a heading and rows, columns two spaces apart, numbers at the right end.

use anstyle::Style;

use super::paint::{FAINT, one_line, paint};

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A cell: its text, and how it is painted.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A plain cell.
    pub fn new(text: impl AsRef<str>) -> Self {
        Cell { text: one_line(text.as_ref()), style: Style::new() }
    }

    /// A painted cell.
    pub fn painted(style: Style, text: impl AsRef<str>) -> Self {
        Cell { style, ..Cell::new(text) }
    }

    /// `—`: there is nothing to say.
    pub fn nothing() -> Self {
        Cell::painted(FAINT, "—")
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// A table being filled.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: &[(&str, Align)]) -> Self {
        let columns = columns.iter().map(|(name, align)| ((*name).to_owned(), *align)).collect();
        Table { columns, rows: Vec::new() }
    }

    /// Appends a row; cells beyond the columns are not shown, missing ones stay empty.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The table as text that ends with a newline.
    pub fn render(&self) -> String {
        let heading: Vec<Cell> = self.columns.iter().map(|(name, _)| Cell::painted(FAINT, name)).collect();
        let rows = || std::iter::once(&heading).chain(&self.rows);
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| rows().filter_map(|row| row.get(column)).map(Cell::width).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in rows() {
            let mut line = String::new();
            // Spaces are owed until something follows them, so that no line ends with any.
            let mut owed = 0;
            for ((cell, width), (_, align)) in row.iter().zip(&widths).zip(&self.columns) {
                let missing = width - cell.width();
                let (before, after) = if *align == Align::Right { (missing, 0) } else { (0, missing) };
                if !cell.text.is_empty() {
                    line.extend(std::iter::repeat_n(' ', owed + before));
                    line.push_str(&paint(cell.style, &cell.text));
                    owed = after + 2;
                } else {
                    owed += width + 2;
                }
            }
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_where_their_text_does() {
        let mut table = Table::new(&[("JOB", Align::Right), ("NAME", Align::Left), ("AGE", Align::Left)]);
        table.row(vec![Cell::new("7"), Cell::new("sweep.mcode"), Cell::new("2 min")]);
        table.row(vec![Cell::new("1234"), Cell::new(""), Cell::nothing()]);
        table.row(vec![Cell::new("8"), Cell::new("a\nb")]);
        insta::assert_snapshot!(anstream::adapter::strip_str(&table.render()).to_string(), @r"
         JOB  NAME         AGE
           7  sweep.mcode  2 min
        1234               —
           8  a b
        ");
    }
}
