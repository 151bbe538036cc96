//! Values as text: what `print` and `string` show.

use std::fmt::Write;

use nexus_model::{DType, LimitHit, LimitKind, TensorData};
use nexus_tensor::Arg;

use super::fault::{Fault, Outcome};
use super::host::Host;
use super::value::Value;

/// Tensors with more elements than this are shown by their corners.
const ELEMENTS_SHOWN: usize = 1000;
/// Entries shown at each end of an axis that is shortened.
const EDGE: usize = 3;
/// Bytes of one text that shows a value; what is longer belongs into a result.
const TEXT_BYTES_MAX: usize = 64 << 20;

/// A scalar as it is written in a program: `2.0`, `1e-9`, `nan`, `inf`.
pub(crate) fn scalar(value: f64) -> String {
    if value.is_nan() {
        "nan".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "inf" } else { "-inf" }.to_owned()
    } else {
        format!("{value:?}")
    }
}

impl Host<'_> {
    /// A value as a person reads it; a string is its own text.
    pub(crate) fn display(&mut self, value: &Value) -> Outcome<String> {
        if let Value::Str(text) = value {
            return Ok(text.as_str().to_owned());
        }
        let mut out = String::new();
        self.show(value, &mut out)?;
        Ok(out)
    }

    /// A value as it stands inside another: strings are quoted.
    fn show(&mut self, value: &Value, out: &mut String) -> Outcome<()> {
        self.tick(1)?;
        if out.len() > TEXT_BYTES_MAX {
            let limit = TEXT_BYTES_MAX as u64;
            return Err(Fault::limit(LimitHit { kind: LimitKind::Output, limit, wanted: None }));
        }
        match value {
            Value::Absent | Value::None => out.push_str("none"),
            Value::Bool(v) => out.push_str(if *v { "true" } else { "false" }),
            Value::Int(v) => push(out, format_args!("{v}")),
            Value::Scalar(v) => out.push_str(&scalar(*v)),
            Value::Str(v) => push(out, format_args!("{:?}", v.as_str())),
            Value::List(list) => {
                out.push('[');
                for (index, item) in list.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    self.show(&item, out)?;
                }
                out.push(']');
            }
            Value::Record(record) => {
                out.push('{');
                for (index, (name, field)) in record.fields().iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    push(out, format_args!("{name}: "));
                    self.show(field, out)?;
                }
                out.push('}');
            }
            Value::Tensor(t) => {
                let data = t.to_data().map_err(Fault::tensor)?;
                show_tensor(&data, out);
            }
            Value::Function(_) => out.push_str("a function"),
            Value::Task(_) => out.push_str("a task"),
            Value::Traced(traced) => match traced.plain() {
                Arg::Tensor(t) => show_tensor(&t.to_data().map_err(Fault::tensor)?, out),
                Arg::Scalar(v) => out.push_str(&scalar(*v)),
                _ => out.push_str("a number"),
            },
            Value::Range(r) => {
                // One step behind the last number, which may be no int any more.
                let end = i128::from(r.start) + i128::from(r.step) * i128::from(r.count);
                push(out, format_args!("{}..{end}", r.start));
                if r.step != 1 {
                    push(out, format_args!(" by {}", r.step));
                }
            }
        }
        Ok(())
    }
}

fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(arguments);
}

fn show_tensor(data: &TensorData, out: &mut String) {
    // Empty rows are written as well.
    let places = data.shape().iter().fold(1usize, |places, size| places.saturating_mul((*size).max(1)));
    let shorten = places > ELEMENTS_SHOWN;
    show_axis(data, 0, 0, shorten, out);
}

/// Shows the part of a tensor that begins at flat element `offset` and spans the axes from `axis` on.
fn show_axis(data: &TensorData, axis: usize, offset: usize, shorten: bool, out: &mut String) {
    let Some(&size) = data.shape().get(axis) else { return show_element(data, offset, out) };
    let stride: usize = data.shape()[axis + 1..].iter().product();
    let last_axis = axis + 1 == data.shape().len();
    out.push('[');
    let mut index = 0;
    while index < size {
        if index > 0 {
            out.push(',');
            if last_axis {
                out.push(' ');
            } else {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', axis + 1));
            }
        }
        if shorten && size > 2 * EDGE && index == EDGE {
            out.push('…');
            index = size - EDGE;
            continue;
        }
        show_axis(data, axis + 1, offset + index * stride, shorten, out);
        index += 1;
    }
    out.push(']');
}

fn show_element(data: &TensorData, index: usize, out: &mut String) {
    match data.dtype() {
        DType::Bool => out.push_str(if data.get_i64(index) == Some(1) { "true" } else { "false" }),
        DType::I64 | DType::I32 | DType::U8 => push(out, format_args!("{}", data.get_i64(index).unwrap_or(0))),
        DType::F64 => out.push_str(&scalar(data.get_f64(index).unwrap_or(f64::NAN))),
        // The shortest text that reads back as the same narrow float.
        DType::F32 | DType::F16 | DType::BF16 => {
            let value = data.get_f64(index).unwrap_or(f64::NAN) as f32;
            if value.is_finite() {
                push(out, format_args!("{value:?}"))
            } else {
                out.push_str(&scalar(f64::from(value)))
            }
        }
    }
}

/// How `format` writes one value: what stands behind the colon of its braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Layout {
    fill: Option<char>,
    align: Option<char>,
    width: usize,
    /// Digits behind the point.
    pub(crate) decimals: Option<usize>,
    /// With an exponent.
    pub(crate) exponent: bool,
}

/// The widest field and the most digits that are written.
const WIDTH_MAX: usize = 1000;

impl Layout {
    /// Reads what stands between the braces: nothing, or a colon and `[[fill]align][0][width][.decimals][e|f]`.
    pub(crate) fn parse(text: &str) -> Option<Layout> {
        let mut layout = Layout::default();
        let Some(mut rest) = text.strip_prefix(':') else { return text.is_empty().then_some(layout) };
        let mut characters = rest.chars();
        let (first, second) = (characters.next(), characters.next());
        let align = |c: Option<char>| c.filter(|c| matches!(c, '<' | '>' | '^'));
        if let (Some(fill), Some(aligned)) = (first, align(second)) {
            (layout.fill, layout.align) = (Some(fill), Some(aligned));
            rest = &rest[fill.len_utf8() + 1..];
        } else if let Some(aligned) = align(first) {
            layout.align = Some(aligned);
            rest = &rest[1..];
        }
        if layout.fill.is_none() && rest.starts_with('0') {
            layout.fill = Some('0');
        }
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let count = digits(rest);
        if count > 0 {
            layout.width = rest[..count].parse().ok().filter(|&n| n <= WIDTH_MAX)?;
            rest = &rest[count..];
        }
        if let Some(behind) = rest.strip_prefix('.') {
            let count = digits(behind);
            layout.decimals = Some(behind[..count].parse().ok().filter(|&n| n <= WIDTH_MAX)?);
            rest = &behind[count..];
        }
        match rest {
            "" => {}
            "f" => layout.decimals = layout.decimals.or(Some(6)),
            "e" => layout.exponent = true,
            _ => return None,
        }
        Some(layout)
    }

    /// Widens a text to the field; numbers stand right, everything else left.
    pub(crate) fn pad(self, text: String, number: bool) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        if missing == 0 {
            return text;
        }
        let fill = self.fill.unwrap_or(' ');
        if fill == '0' && self.align.is_none() && number {
            let (sign, digits) = text.split_at(usize::from(text.starts_with('-')));
            return format!("{sign}{}{digits}", "0".repeat(missing));
        }
        let left = match self.align.unwrap_or(if number { '>' } else { '<' }) {
            '<' => 0,
            '^' => missing / 2,
            _ => missing,
        };
        let side = |n: usize| std::iter::repeat_n(fill, n).collect::<String>();
        format!("{}{text}{}", side(left), side(missing - left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_pad_and_align() {
        let pad = |layout: &str, text: &str, number| Layout::parse(layout).unwrap().pad(text.to_owned(), number);
        assert_eq!(pad(":5", "ab", false), "ab   ");
        assert_eq!(pad(":5", "12", true), "   12");
        assert_eq!(pad(":05", "-12", true), "-0012");
        assert_eq!(pad(":*^6", "ab", false), "**ab**");
        assert_eq!(Layout::parse(":.3e").unwrap().decimals, Some(3));
        assert_eq!(Layout::parse(":9999"), None);
        assert_eq!(Layout::parse("x"), None);
    }
}
