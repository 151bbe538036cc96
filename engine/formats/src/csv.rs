//! Comma-separated values (RFC 4180): a table of numbers is a tensor, any other table a record of columns.
//!
//! The first row is a header if none of its fields is a number. A column is numeric if each of its fields is a number or
//! empty (NaN) and not all are empty. A table whose columns are all numeric gives a tensor f64[rows, columns], with or
//! without a header; otherwise each column is a field, a tensor f64[rows] or a list of strings, named by the header or
//! `c0`, `c1`, … where there is none.

use nexus_model::{DType, TensorData, Value};

use ::csv::{ByteRecord, ReaderBuilder, StringRecord, Trim, WriterBuilder};

use crate::error::{FormatError, Place};
use crate::format::Format;
use crate::tensors::as_tensor;

/// The table in `file`.
pub(crate) fn read(file: &[u8]) -> Result<Value, FormatError> {
    let table = Table::parse(file)?;
    let columns: Vec<Option<Vec<f64>>> = (0..table.width).map(|column| table.numbers(column)).collect();
    if table.width > 0 && columns.iter().all(Option::is_some) {
        let columns: Vec<Vec<f64>> = columns.into_iter().flatten().collect();
        let bytes =
            (0..table.rows.len()).flat_map(|row| columns.iter().flat_map(move |column| column[row].to_le_bytes()));
        return tensor(vec![table.rows.len(), table.width], bytes.collect()).map(Value::Tensor);
    }
    let mut fields = Vec::with_capacity(table.width);
    for (index, numbers) in columns.into_iter().enumerate() {
        let column = match numbers {
            Some(numbers) => {
                let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                Value::Tensor(tensor(vec![numbers.len()], bytes)?)
            }
            None => Value::List(table.rows.iter().map(|row| Value::String(row[index].to_owned())).collect()),
        };
        let name = table.header.as_ref().map_or_else(|| format!("c{index}"), |header| header[index].to_owned());
        if fields.iter().any(|(found, _)| *found == name) {
            return Err(FormatError::DuplicateName { format: Format::Csv, name });
        }
        fields.push((name, column));
    }
    Ok(Value::Record(fields))
}

fn tensor(shape: Vec<usize>, bytes: Vec<u8>) -> Result<TensorData, FormatError> {
    TensorData::new(DType::F64, shape, bytes).map_err(|source| FormatError::Tensor { format: Format::Csv, source })
}

/// A table of equally long rows of text.
struct Table {
    header: Option<StringRecord>,
    rows: Vec<StringRecord>,
    width: usize,
}

impl Table {
    fn parse(file: &[u8]) -> Result<Table, FormatError> {
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(file);
        let mut rows: Vec<StringRecord> = Vec::new();
        for record in reader.byte_records() {
            let record =
                record.map_err(|error| FormatError::Container { format: Format::Csv, message: error.to_string() })?;
            let line = line(&record);
            let row = text(record, line)?;
            if let Some(first) = rows.first()
                && first.len() != row.len()
            {
                return Err(FormatError::Malformed {
                    format: Format::Csv,
                    place: Place::Line(line),
                    expected: format!("{} fields as in the first row", first.len()),
                    found: row.len().to_string(),
                });
            }
            rows.push(row);
        }
        let width = rows.first().map_or(0, StringRecord::len);
        let header = rows.first().is_some_and(|row| {
            row.iter().all(|field| field.is_empty() || number(field).is_none()) && row.iter().any(|f| !f.is_empty())
        });
        let header = header.then(|| rows.remove(0));
        Ok(Table { header, rows, width })
    }

    /// A column's numbers, if it is numeric.
    fn numbers(&self, column: usize) -> Option<Vec<f64>> {
        if self.rows.iter().all(|row| row[column].is_empty()) {
            return None;
        }
        self.rows.iter().map(|row| number(&row[column])).collect()
    }
}

/// The number that a field spells; an empty field is a missing one, NaN.
fn number(field: &str) -> Option<f64> {
    if field.is_empty() { Some(f64::NAN) } else { field.parse().ok() }
}

fn line(record: &ByteRecord) -> u64 {
    record.position().map_or(0, ::csv::Position::line)
}

fn text(record: ByteRecord, line: u64) -> Result<StringRecord, FormatError> {
    StringRecord::from_byte_record(record).map_err(|error| {
        let field = error.utf8_error().field();
        FormatError::Malformed {
            format: Format::Csv,
            place: Place::Field { line, field: field as u64 + 1 },
            expected: "UTF-8 text".to_owned(),
            found: format!("`{}`", error.into_byte_record()[field].escape_ascii()),
        }
    })
}

/// `value` as a table: a tensor of up to two axes as rows (one axis: a column); a record of equally long columns
/// (tensors of one axis, lists of numbers or strings) with a header. Numbers in the shortest digits that give them back.
pub(crate) fn write(value: &Value) -> Result<Vec<u8>, FormatError> {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    let mut put = |row: Vec<String>| {
        writer
            .write_record(row)
            .map_err(|error| FormatError::Container { format: Format::Csv, message: error.to_string() })
    };
    match (value, as_tensor(value)) {
        (_, Some(tensor)) => {
            let (rows, columns) = match *tensor.shape() {
                [] => (1, 1),
                [rows] => (rows, 1),
                [rows, columns] => (rows, columns),
                _ => return Err(unwritable(format!("a tensor of {} axes", tensor.shape().len()))),
            };
            for row in 0..rows {
                put((0..columns).map(|column| element(&tensor, row * columns + column)).collect())?;
            }
        }
        (Value::Record(fields), None) if !fields.is_empty() => {
            let columns = fields.iter().map(|(name, field)| column(name, field)).collect::<Result<Vec<_>, _>>()?;
            let rows = columns[0].len();
            if let Some(odd) = columns.iter().position(|column| column.len() != rows) {
                let (first, other) = (&fields[0].0, &fields[odd].0);
                return Err(unwritable(format!(
                    "columns of different lengths (`{first}` has {rows}, `{other}` has {})",
                    columns[odd].len()
                )));
            }
            put(fields.iter().map(|(name, _)| name.clone()).collect())?;
            for row in 0..rows {
                put(columns.iter().map(|column| column[row].clone()).collect())?;
            }
        }
        (other, None) => column("", other)?.into_iter().try_for_each(|field| put(vec![field]))?,
    }
    writer.into_inner().map_err(|error| FormatError::Container { format: Format::Csv, message: error.to_string() })
}

/// One column's fields.
fn column(name: &str, value: &Value) -> Result<Vec<String>, FormatError> {
    if let Some(tensor) = as_tensor(value).filter(|tensor| tensor.shape().len() == 1) {
        return Ok((0..tensor.len()).map(|index| element(&tensor, index)).collect());
    }
    let place = if name.is_empty() { String::new() } else { format!(" (`{name}`)") };
    let Value::List(items) = value else {
        return Err(unwritable(format!("a {} as a column{place}", value.kind())));
    };
    items
        .iter()
        .map(|item| match item {
            Value::String(text) => Ok(text.clone()),
            Value::None => Ok(String::new()),
            Value::Bool(truth) => Ok(truth.to_string()),
            Value::Int(number) => Ok(number.to_string()),
            Value::Scalar(number) => Ok(number.to_string()),
            Value::List(_) | Value::Record(_) | Value::Tensor(_) => {
                Err(unwritable(format!("a {} inside a column{place}", item.kind())))
            }
        })
        .collect()
}

/// Element `index` in the shortest digits that give it back in its dtype; booleans as 1 and 0.
fn element(tensor: &TensorData, index: usize) -> String {
    let size = tensor.dtype().size();
    match (tensor.dtype(), tensor.get_i64(index)) {
        (_, Some(number)) => number.to_string(),
        (DType::F64, None) => tensor.get_f64(index).map_or_else(String::new, |number| number.to_string()),
        (_, None) => {
            debug_assert!(size <= 4, "f32, f16 and bf16 are all exact in f32");
            tensor.get_f64(index).map_or_else(String::new, |number| (number as f32).to_string())
        }
    }
}

fn unwritable(what: String) -> FormatError {
    FormatError::Unwritable {
        format: Format::Csv,
        what,
        help: "it holds a tensor of one or two axes, or a record of equally long columns; .npz and .json hold more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(shape: Vec<usize>, numbers: &[f64]) -> Value {
        Value::Tensor(tensor(shape, numbers.iter().flat_map(|x| x.to_le_bytes()).collect()).unwrap())
    }

    #[test]
    fn a_table_of_numbers_is_a_tensor_with_or_without_a_header() {
        let expected = rows(vec![2, 2], &[1.0, 2.5, -3.0, 4e3]);
        assert_eq!(read(b"1,2.5\n-3,4e3\n"), Ok(expected.clone()));
        assert_eq!(read(b"\xef\xbb\xbfa, b\r\n1 , 2.5\r\n-3,4e3"), Ok(expected));
        assert_eq!(read(b"7"), Ok(rows(vec![1, 1], &[7.0])));
        assert_eq!(read(b""), Ok(Value::Record(vec![])));
    }

    #[test]
    fn columns_of_text_make_a_record() {
        let value = read(b"size,\"kind, or so\"\n1,a\n,\"b\nc\"\n").unwrap();
        let Value::Record(fields) = value else { panic!("{value:?}") };
        assert_eq!(
            fields[1],
            ("kind, or so".into(), Value::List(vec![Value::String("a".into()), Value::String("b\nc".into())]))
        );
        let Value::Tensor(sizes) = &fields[0].1 else { panic!() };
        assert!(sizes.get_f64(0) == Some(1.0) && sizes.get_f64(1).unwrap().is_nan());
        let Value::Record(fields) = read(b"1,a\n2,b\n").unwrap() else { panic!() };
        assert_eq!(fields[1].0, "c1");
    }

    #[test]
    fn what_breaks_the_table_is_named_by_line() {
        let message = |text: &[u8]| read(text).unwrap_err().to_string();
        assert_eq!(message(b"1,2\n3,4\n5\n"), "csv, line 3: expected 2 fields as in the first row, found 1");
        assert_eq!(message(b"a,b\n1,\xff\n"), "csv, line 2, field 2: expected UTF-8 text, found `\\xff`");
        assert_eq!(message(b"a,a\nx,y\n"), "csv: the name `a` is used twice");
    }

    #[test]
    fn tables_are_written_and_read_back() {
        let matrix = rows(vec![2, 2], &[0.1, 1e300, f64::INFINITY, -0.0]);
        assert_eq!(read(&write(&matrix).unwrap()), Ok(matrix));
        let names = Value::List(vec![Value::String("x,y".into()), Value::String("".into())]);
        let table = Value::Record(vec![("n".into(), names), ("v".into(), rows(vec![2], &[1.0, 2.0]))]);
        assert_eq!(read(&write(&table).unwrap()), Ok(table));
        assert_eq!(write(&Value::Int(3)).unwrap(), b"3\n");
        assert_eq!(write(&Value::List(vec![Value::String("a".into()), Value::Int(1)])).unwrap(), b"a\n1\n");
    }

    #[test]
    fn what_is_no_table_is_refused_with_help() {
        let error = write(&rows(vec![1, 1, 1], &[0.0])).unwrap_err();
        assert_eq!(error.to_string(), "csv cannot hold a tensor of 3 axes");
        assert!(error.help().unwrap().contains(".npz"));
        let uneven = Value::Record(vec![("a".into(), rows(vec![1], &[0.0])), ("b".into(), rows(vec![2], &[0.0, 0.0]))]);
        assert_eq!(
            write(&uneven).unwrap_err().to_string(),
            "csv cannot hold columns of different lengths (`a` has 1, `b` has 2)"
        );
    }
}
