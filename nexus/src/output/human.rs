//! Values as people read them.
//!
//! A record prints one name a line with its value beside it; what does not fit a line follows below. Large things are
//! shortened: the whole is in `--json` and `--output`.

use nexus_model::Value;

use super::paint::{ERROR, FAINT, NAME, harmless, paint};
use super::{number, tensor};

/// Lists up to this many items are shown whole.
const ITEMS_WHOLE_MAX: usize = 12;
/// Of longer lists, so many items from the start and the end are shown.
const ITEMS_HEAD: usize = 5;
const ITEMS_TAIL: usize = 1;
/// A list on one line is no wider than this.
const LINE_WIDTH_MAX: usize = 100;
/// Strings inside lists are cut after so many characters.
const STRING_WIDTH_MAX: usize = 60;
/// Lines of what a command printed that are shown among those of others.
const PRINTED_LINES_MAX: usize = 5;
/// Names are aligned up to this width.
const NAME_WIDTH_MAX: usize = 24;

/// `value` as text that ends with a newline; nothing for `none`.
pub fn answer(value: &Value) -> String {
    let mut lines = Vec::new();
    match value {
        Value::None => {}
        // Text alone is the answer itself, so that it can be piped.
        Value::String(text) => lines.push(harmless(text)),
        Value::Record(fields) if !fields.is_empty() => record(fields, &mut lines),
        value => {
            let (first, rest) = shown(value);
            lines.push(first);
            lines.extend(rest);
        }
    }
    joined(&lines)
}

/// Named values, aligned as the fields of a record are.
pub fn named(fields: &[(String, Value)]) -> String {
    let mut lines = Vec::new();
    record(fields, &mut lines);
    joined(&lines)
}

/// What stands for one task in the results of an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// It returned.
    Value(Value),
    /// It was a command, which printed this.
    Printed(String),
    /// It failed, and why.
    Failure(String),
    /// It has not ended, or was cancelled.
    State(String),
}

/// The results of an array of `total` tasks, of which `entries` are shown by their index; gaps say how many they hold.
pub fn array(total: u32, entries: &[(u32, Entry)]) -> String {
    let values: Option<Vec<Value>> = entries
        .iter()
        .map(|(_, entry)| match entry {
            Entry::Value(value) => Some(value.clone()),
            Entry::Printed(_) | Entry::Failure(_) | Entry::State(_) => None,
        })
        .collect();
    if let Some(values) = values
        && values.len() == total as usize
        && let Some(line) = short_list(&values)
    {
        return joined(&[line]);
    }
    let width = entries.iter().map(|(index, _)| index.to_string().len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    let mut next = entries.first().map_or(0, |(index, _)| *index);
    for (index, entry) in entries {
        if *index > next {
            lines.push(paint(FAINT, &format!("{:>width$}  {} more", "…", index - next)));
        }
        next = index.saturating_add(1);
        let (first, rest) = match entry {
            Entry::Value(Value::String(text)) if !text.contains('\n') => (quoted(text), Vec::new()),
            Entry::Value(value) => shown(value),
            Entry::Printed(text) => printed(text),
            Entry::Failure(reason) => (paint(ERROR, &harmless(reason)), Vec::new()),
            Entry::State(state) => (paint(FAINT, state), Vec::new()),
        };
        lines.push(format!("{}  {first}", paint(FAINT, &format!("{index:>width$}"))));
        lines.extend(indented(rest));
    }
    joined(&lines)
}

/// The first lines of what a command printed.
fn printed(text: &str) -> (String, Vec<String>) {
    let mut lines = text.lines();
    let Some(first) = lines.next() else { return (paint(FAINT, "printed nothing"), Vec::new()) };
    let mut rest: Vec<String> = lines.by_ref().take(PRINTED_LINES_MAX - 1).map(harmless).collect();
    match lines.count() {
        0 => {}
        more => rest.push(paint(FAINT, &format!("… {more} more"))),
    }
    (harmless(first), rest)
}

fn joined(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

fn record(fields: &[(String, Value)], lines: &mut Vec<String>) {
    let width = |name: &str| harmless(name).chars().count();
    let aligned =
        fields.iter().map(|(name, _)| width(name)).filter(|width| *width <= NAME_WIDTH_MAX).max().unwrap_or(0);
    for (name, value) in fields {
        let (first, rest) = shown(value);
        let padding = " ".repeat(aligned.saturating_sub(width(name)));
        lines.push(format!("{}{padding}  {first}", paint(NAME, &harmless(name))));
        lines.extend(rest);
    }
}

/// What stands beside a value's name, and the lines below it.
fn shown(value: &Value) -> (String, Vec<String>) {
    match value {
        Value::None => (paint(FAINT, "none"), Vec::new()),
        Value::Bool(truth) => (truth.to_string(), Vec::new()),
        Value::Int(number) => (number.to_string(), Vec::new()),
        Value::Scalar(number) => (number::scalar(*number), Vec::new()),
        Value::String(text) => string(text),
        Value::List(items) => list(items),
        Value::Record(fields) => {
            let mut lines = Vec::new();
            record(fields, &mut lines);
            (paint(FAINT, if fields.is_empty() { "record, empty" } else { "record" }), indented(lines))
        }
        Value::Tensor(data) => {
            let kind = paint(FAINT, &tensor::kind(data));
            match tensor::line(data) {
                Some(line) => (format!("{kind}{line}"), Vec::new()),
                None => (kind, tensor::block(data)),
            }
        }
    }
}

fn indented(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().map(|line| format!("  {line}")).collect()
}

/// A string as a field: on the line, or below if it has several.
fn string(text: &str) -> (String, Vec<String>) {
    let text = harmless(text);
    if !text.contains('\n') {
        return (text, Vec::new());
    }
    (paint(FAINT, "string"), text.lines().map(|line| format!("  {line}")).collect())
}

fn list(items: &[Value]) -> (String, Vec<String>) {
    if let Some(line) = short_list(items) {
        return (line, Vec::new());
    }
    let width = (items.len() - 1).to_string().len();
    let mut lines = Vec::new();
    for index in picked(items) {
        let Some(index) = index else {
            lines.push(paint(FAINT, &format!("{:>width$} {} more", "…", items.len() - ITEMS_HEAD - ITEMS_TAIL)));
            continue;
        };
        let (first, rest) = match &items[index] {
            Value::String(text) if !text.contains('\n') => (quoted(text), Vec::new()),
            value => shown(value),
        };
        lines.push(format!("{} {first}", paint(FAINT, &format!("{index:>width$}"))));
        lines.extend(indented(rest));
    }
    (paint(FAINT, &format!("list of {}", items.len())), indented(lines))
}

fn picked(items: &[Value]) -> Vec<Option<usize>> {
    tensor::shown(items.len(), ITEMS_WHOLE_MAX, ITEMS_HEAD, ITEMS_TAIL)
}

/// `[1, 2, "three"]`, if every item is short and there are few enough for a line.
fn short_list(items: &[Value]) -> Option<String> {
    // Every item must be short, also those left out, or the list would seem to be of another kind.
    if !items.iter().all(|item| matches!(item, Value::List(_)) || short(item).is_some()) {
        return None;
    }
    let texts = picked(items).into_iter().map(|index| match index {
        Some(index) => short(&items[index]),
        None => Some("…".to_owned()),
    });
    let line = format!("[{}]", texts.collect::<Option<Vec<String>>>()?.join(", "));
    if line.chars().count() > LINE_WIDTH_MAX {
        return None;
    }
    let whole = items.len() <= ITEMS_WHOLE_MAX;
    Some(if whole { line } else { line + &paint(FAINT, &format!("  ({} items)", items.len())) })
}

fn short(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.contains('\n') => Some(quoted(text)),
        Value::None => Some("none".to_owned()),
        Value::Bool(_) | Value::Int(_) | Value::Scalar(_) => Some(shown(value).0),
        Value::List(inner) if inner.len() <= ITEMS_WHOLE_MAX => short_list(inner),
        Value::String(_) | Value::List(_) | Value::Record(_) | Value::Tensor(_) => None,
    }
}

fn quoted(text: &str) -> String {
    let text = harmless(text);
    match text.char_indices().nth(STRING_WIDTH_MAX) {
        Some((cut, _)) => format!("\"{}…\"", &text[..cut]),
        None => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use nexus_model::{DType, TensorData};

    use super::*;

    fn f32s(shape: &[usize], numbers: &[f32]) -> Value {
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        Value::Tensor(TensorData::new(DType::F32, shape.to_vec(), bytes).unwrap())
    }

    fn record(fields: &[(&str, Value)]) -> Value {
        Value::Record(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    fn plain(value: &Value) -> String {
        anstream::adapter::strip_str(&answer(value)).to_string()
    }

    #[test]
    fn records_print_a_name_a_line_and_matrices_below() {
        let pca = record(&[
            ("explained", f32s(&[4], &[0.92461, 0.05306, 0.0171, 0.00521])),
            ("loadings", f32s(&[4, 2], &[0.3614, 0.6566, -0.0849, 0.7302, 0.8567, -0.1734, 0.3583, -0.0755])),
        ]);
        insta::assert_snapshot!(plain(&pca), @r"
        explained  tensor f32[4]  0.925  0.053  0.017  0.005
        loadings   tensor f32[4, 2]
          0.361  0.657
         -0.085  0.730
          0.857 -0.173
          0.358 -0.075
        ");
    }

    #[test]
    fn a_large_tensor_alone_shows_its_kind_and_corners() {
        insta::assert_snapshot!(plain(&f32s(&[100, 100], &[100.0; 10_000])), @r"
        tensor f32[100, 100]
          100  100  100  …  100
          100  100  100  …  100
          100  100  100  …  100
            …    …    …  …    …
          100  100  100  …  100
        ");
    }

    #[test]
    fn simple_values_print_as_themselves() {
        assert_eq!(plain(&Value::Int(55)), "55\n");
        assert_eq!(plain(&Value::Scalar(10.450583572185565)), "10.4506\n");
        assert_eq!(plain(&Value::None), "");
        assert_eq!(plain(&Value::String("two\nlines".into())), "two\nlines\n");
        assert_eq!(plain(&Value::Record(vec![])), "record, empty\n");
        assert_eq!(plain(&Value::List(vec![])), "[]\n");
    }

    #[test]
    fn nested_values_are_indented() {
        let value = record(&[
            ("name", Value::String("iris".into())),
            ("notes", Value::String("a\nb".into())),
            (
                "fit",
                record(&[("slope", Value::Scalar(0.5)), ("ok", Value::Bool(true)), ("m", f32s(&[1, 2], &[1.0, 2.0]))]),
            ),
            ("ids", Value::List((0..400).map(Value::Int).collect())),
            ("parts", Value::List(vec![f32s(&[2], &[1.0, 2.0]), Value::String("x".into()), f32s(&[1, 1], &[1.0])])),
            ("grid", Value::List(vec![Value::List(vec![Value::Int(1), Value::None]), Value::List(vec![])])),
            ("gone", Value::None),
        ]);
        insta::assert_snapshot!(plain(&value), @r#"
        name   iris
        notes  string
          a
          b
        fit    record
          slope  0.5
          ok     true
          m      tensor f32[1, 2]
            1  2
        ids    [0, 1, 2, 3, 4, …, 399]  (400 items)
        parts  list of 3
          0 tensor f32[2]  1  2
          1 "x"
          2 tensor f32[1, 1]
              1
        grid   [[1, none], []]
        gone   none
        "#);
    }

    #[test]
    fn arrays_show_their_tasks_by_index() {
        let plain = |text: String| anstream::adapter::strip_str(&text).to_string();
        let int = |index: u32| (index, Entry::Value(Value::Int(i64::from(index) * 2)));
        assert_eq!(plain(array(3, &[int(5), int(6), int(7)])), "[10, 12, 14]\n");
        let entries = [
            int(0),
            (1, Entry::Failure("MC0401: division by zero".into())),
            int(2),
            (399, Entry::State("running".into())),
        ];
        insta::assert_snapshot!(plain(array(400, &entries)), @r"
          0  0
          1  MC0401: division by zero
          2  4
          …  396 more
        399  running
        ");
        assert_eq!(array(0, &[]), "[]\n");
        let lines = (1..=9).map(|line| format!("line {line}\n")).collect::<String>();
        let entries =
            ["hi\n", &lines, "", "\u{1b}[2J"].map(|text| Entry::Printed(text.to_owned())).into_iter().enumerate();
        let entries: Vec<_> = entries.map(|(index, entry)| (index as u32, entry)).collect();
        insta::assert_snapshot!(plain(array(4, &entries)), @r"
        0  hi
        1  line 1
          line 2
          line 3
          line 4
          line 5
          … 4 more
        2  printed nothing
        3  \u{1b}[2J
        ");
    }

    #[test]
    fn what_programs_say_cannot_move_the_cursor() {
        assert_eq!(plain(&Value::String("\u{1b}[2J".into())), "\\u{1b}[2J\n");
    }
}
