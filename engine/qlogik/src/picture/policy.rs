//! Policies as pictures: for each decision a table of situations, what to do in each, and what every option is worth.
//!
//! One self-contained SVG, and DOT with tables as labels. No state, no files.

use super::text::{cut, escaped, push};
use crate::answer::text::{percent, short};
use crate::answer::{Advised, PolicyAnswer, RowAnswer};

const LETTER: f64 = 6.9;
const LINE: f64 = 22.0;
const MARGIN: f64 = 16.0;
const GAP: f64 = 22.0;
/// The most rows of one decision that are drawn; the most probable ones.
const ROWS_MAX: usize = 64;

/// The table of one decision: its head, its rows, and which cell of each row is chosen.
struct Table {
    title: String,
    head: Vec<String>,
    rows: Vec<(Vec<String>, Option<usize>)>,
    note: String,
}

impl Table {
    fn of(policy: &PolicyAnswer) -> Self {
        let options: Vec<String> =
            policy.rows.first().map_or(Vec::new(), |row| row.options.iter().map(|one| cut(&one.option)).collect());
        let mut head: Vec<String> = policy.depends_on.iter().map(|name| cut(name)).collect();
        head.push("probability".to_owned());
        let first_option = head.len();
        head.extend(options);
        let mut order: Vec<&RowAnswer> = policy.rows.iter().collect();
        if order.len() > ROWS_MAX {
            order.sort_by(|a, b| b.probability.total_cmp(&a.probability));
            order.truncate(ROWS_MAX);
        }
        let row = |row: &&RowAnswer| {
            let mut cells: Vec<String> = row.known.iter().map(|[_, state]| cut(state)).collect();
            cells.push(percent(row.probability).trim().to_owned());
            let can_happen = row.probability > 0.0;
            let worth = |expected: f64| if can_happen { short(expected) } else { "—".to_owned() };
            cells.extend(row.options.iter().map(|option| worth(option.expected)));
            let chosen = row.options.iter().position(|option| option.option == row.choice);
            (cells, chosen.filter(|_| can_happen).map(|place| first_option + place))
        };
        let left_out = policy.rows.len() - order.len();
        Table {
            title: cut(&policy.decision),
            head,
            rows: order.iter().map(row).collect(),
            note: if left_out > 0 {
                format!("and {left_out} situations that are less probable")
            } else {
                String::new()
            },
        }
    }

    fn widths(&self) -> Vec<f64> {
        let letters = |place: usize| {
            let cells = self.rows.iter().filter_map(|(cells, _)| cells.get(place));
            cells.chain(self.head.get(place)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        (0..self.head.len()).map(|place| letters(place) as f64 * LETTER + 18.0).collect()
    }
}

/// The policy as SVG: the chosen option of each situation is shaded.
pub fn svg(advised: &Advised) -> String {
    let tables: Vec<Table> = advised.policies.iter().map(Table::of).collect();
    let least = 40.0 * LETTER;
    let width = tables.iter().map(|table| table.widths().iter().sum::<f64>()).fold(least, f64::max) + 2.0 * MARGIN;
    let lines = |table: &Table| (table.rows.len() + 2 + usize::from(!table.note.is_empty())) as f64 * LINE + GAP;
    let height = tables.iter().map(lines).sum::<f64>() + LINE + 2.0 * MARGIN;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} \
         {height:.0}\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>\n"
    );
    let mut top = MARGIN;
    for table in &tables {
        draw(&mut text, table, top);
        top += lines(table);
    }
    let worth = short(advised.certainty_equivalent);
    write(&mut text, (MARGIN, top + LINE - 7.0), "start", false, &format!("the whole is worth {worth}"));
    text.push_str("</svg>\n");
    text
}

fn draw(text: &mut String, table: &Table, top: f64) {
    let widths = table.widths();
    let right = MARGIN + widths.iter().sum::<f64>();
    write(text, (MARGIN, top + LINE - 7.0), "start", true, &table.title);
    let mut y = top + LINE;
    push(text, format_args!("<path d=\"M{MARGIN:.1} {y:.1} H{right:.1}\" stroke=\"#444\"/>\n"));
    let no_choice = None;
    let head = std::iter::once((&table.head, &no_choice));
    for (place, (cells, chosen)) in head.chain(table.rows.iter().map(|(cells, chosen)| (cells, chosen))).enumerate() {
        let mut x = MARGIN;
        for (column, (cell, wide)) in cells.iter().zip(&widths).enumerate() {
            if *chosen == Some(column) {
                push(
                    text,
                    format_args!(
                        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"4\" fill=\"#cfe3f7\" stroke=\"#4a78b5\"/>\n",
                        x + 2.0,
                        y + 2.0,
                        wide - 4.0,
                        LINE - 4.0
                    ),
                );
            }
            write(text, (x + wide / 2.0, y + LINE - 7.0), "middle", place == 0, cell);
            x += wide;
        }
        y += LINE;
        if place == 0 {
            push(text, format_args!("<path d=\"M{MARGIN:.1} {y:.1} H{right:.1}\" stroke=\"#bbb\"/>\n"));
        }
    }
    if !table.note.is_empty() {
        write(text, (MARGIN, y + LINE - 7.0), "start", false, &table.note);
    }
}

fn write(text: &mut String, (x, y): (f64, f64), anchor: &str, is_bold: bool, what: &str) {
    let weight = if is_bold { " font-weight=\"bold\"" } else { "" };
    let what = escaped(what);
    push(text, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{weight}>{what}</text>\n"));
}

/// The policy for Graphviz (`dot -Tsvg`): one table a decision, in the order of the decisions.
pub fn dot(advised: &Advised) -> String {
    let mut text = String::from("digraph policy {\n  node [shape=plain, fontname=\"Helvetica\"];\n");
    for (place, policy) in advised.policies.iter().enumerate() {
        let table = Table::of(policy);
        let cell = |what: &String, style: &str| format!("<TD{style}>{}</TD>", escaped(what));
        let columns = table.head.len();
        let head: String = table.head.iter().map(|what| cell(what, "")).collect();
        let mut rows =
            format!("<TR><TD COLSPAN=\"{columns}\"><B>{}</B></TD></TR><TR>{head}</TR>", escaped(&table.title));
        for (cells, chosen) in &table.rows {
            rows.push_str("<TR>");
            for (column, what) in cells.iter().enumerate() {
                rows.push_str(&cell(what, if *chosen == Some(column) { " BGCOLOR=\"#cfe3f7\"" } else { "" }));
            }
            rows.push_str("</TR>");
        }
        push(
            &mut text,
            format_args!(
                "  d{place} [label=<<TABLE BORDER=\"0\" CELLBORDER=\"1\" CELLSPACING=\"0\">{rows}</TABLE>>];\n"
            ),
        );
        if place > 0 {
            push(&mut text, format_args!("  d{} -> d{place};\n", place - 1));
        }
    }
    text.push_str("}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Evidence;

    #[test]
    fn the_choice_of_each_situation_is_shaded() {
        let model = "[[variable]]\nname = \"rain\"\nstates = [\"yes\", \"no\"]\ntable = [0.2, 0.8]\n[[decision]]\nname = \"go <now>\"\n\
                     options = [\"a\", \"b\"]\nknows = [\"rain\"]\n[[utility]]\nname = \"joy\"\nof = [\"rain\", \"go <now>\"]\n\
                     values = [[0, 5], [10, 4]]\n";
        let (model, _) = crate::document::read("m.toml", model).unwrap();
        let advised = crate::answer::policy(model.diagram().unwrap(), &Evidence::new(), crate::MEMORY_MAX).unwrap();
        let picture = svg(&advised);
        assert_eq!(picture.matches("#cfe3f7").count(), 2);
        assert!(picture.contains("go &lt;now&gt;") && picture.contains("the whole is worth 9"), "{picture}");
        assert_eq!(dot(&advised).matches("BGCOLOR").count(), 2);
    }
}
