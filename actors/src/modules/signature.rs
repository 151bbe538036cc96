//! The functions that a module says it has: names, and types in the words of M-CODE. Pure.

use std::collections::BTreeMap;
use std::fmt;

use nexus_model::{DType, Value};

/// Most sizes of a tensor's type: as many as a tensor may have.
const RANK_MAX: usize = 8;

/// A function of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// In order.
    pub parameters: Vec<Parameter>,
    /// What it gives.
    pub returns: TypeWord,
}

/// A parameter of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub ty: TypeWord,
}

/// A type as a manifest writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeWord {
    /// `any`.
    Any,
    /// `none`.
    None,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `scalar`; takes an int as well.
    Scalar,
    /// `string`.
    String,
    /// `list`.
    List,
    /// `record`.
    Record,
    /// `tensor`, `tensor[f32]`, `tensor[f32, n, 4]`.
    Tensor {
        /// Any, where absent.
        dtype: Option<DType>,
        /// Any, where absent.
        shape: Option<Vec<Dimension>>,
    },
}

/// One size of a tensor's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// Exactly this.
    Size(usize),
    /// The same wherever the name stands in one call.
    Name(String),
}

/// The sizes that names of dimensions stand for in one call.
pub(super) type Sizes = BTreeMap<String, usize>;

impl TypeWord {
    /// Reads a type; the error says what may be written.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(match text.trim() {
            "any" => TypeWord::Any,
            "none" => TypeWord::None,
            "bool" => TypeWord::Bool,
            "int" => TypeWord::Int,
            "scalar" => TypeWord::Scalar,
            "string" => TypeWord::String,
            "list" => TypeWord::List,
            "record" => TypeWord::Record,
            "tensor" => TypeWord::Tensor { dtype: None, shape: None },
            text => match text.strip_prefix("tensor[").and_then(|rest| rest.strip_suffix(']')) {
                Some(inner) => tensor(inner)?,
                None => {
                    let words = "int, scalar, bool, string, list, record, tensor, tensor[f32, n, 4], none or any";
                    return Err(format!("`{text}` is not a type; write {words}"));
                }
            },
        })
    }

    /// The value as this type takes it (an int becomes a scalar), or what is wrong with it.
    pub(super) fn take(&self, value: Value, sizes: &mut Sizes) -> Result<Value, String> {
        let misfit = |value: &Value| Err(format!("{}, which is no {self}", described(value)));
        match (self, value) {
            (TypeWord::Any, value)
            | (TypeWord::None, value @ Value::None)
            | (TypeWord::Bool, value @ Value::Bool(_))
            | (TypeWord::Int, value @ Value::Int(_))
            | (TypeWord::Scalar, value @ Value::Scalar(_))
            | (TypeWord::String, value @ Value::String(_))
            | (TypeWord::List, value @ Value::List(_))
            | (TypeWord::Record, value @ Value::Record(_)) => Ok(value),
            (TypeWord::Scalar, Value::Int(number)) => Ok(Value::Scalar(number as f64)),
            // JSON has no word for what is not finite; these are the strings that stand for it.
            (TypeWord::Scalar, Value::String(text)) => match text.as_str() {
                "NaN" => Ok(Value::Scalar(f64::NAN)),
                "Infinity" => Ok(Value::Scalar(f64::INFINITY)),
                "-Infinity" => Ok(Value::Scalar(f64::NEG_INFINITY)),
                _ => misfit(&Value::String(text)),
            },
            (TypeWord::Tensor { dtype, shape }, Value::Tensor(tensor)) => {
                let fits = dtype.is_none_or(|dtype| dtype == tensor.dtype())
                    && shape.as_ref().is_none_or(|shape| fits(shape, tensor.shape(), sizes));
                if fits { Ok(Value::Tensor(tensor)) } else { misfit(&Value::Tensor(tensor)) }
            }
            (_, value) => misfit(&value),
        }
    }
}

fn fits(wanted: &[Dimension], shape: &[usize], sizes: &mut Sizes) -> bool {
    wanted.len() == shape.len()
        && wanted.iter().zip(shape).all(|(wanted, &size)| match wanted {
            Dimension::Size(wanted) => *wanted == size,
            Dimension::Name(name) => *sizes.entry(name.clone()).or_insert(size) == size,
        })
}

/// A value's kind, of a tensor with its dtype and shape.
fn described(value: &Value) -> String {
    match value {
        Value::Tensor(tensor) => format!("a tensor {}{:?}", tensor.dtype(), tensor.shape()),
        Value::None => "none".to_owned(),
        value => format!("a value of kind {}", value.kind()),
    }
}

fn tensor(inner: &str) -> Result<TypeWord, String> {
    let mut parts = inner.split(',').map(str::trim).peekable();
    let dtype = parts.next_if(|first| first.parse::<DType>().is_ok()).and_then(|first| first.parse().ok());
    let dimensions: Result<Vec<Dimension>, String> = parts
        .map(|part| match part.parse::<i64>() {
            // As a program writes it.
            Ok(size) if size >= 0 && size.to_string() == part => Ok(Dimension::Size(size as usize)),
            Err(_) if nexus_mcode::is_identifier(part) && part.parse::<DType>().is_err() => {
                Ok(Dimension::Name(part.to_owned()))
            }
            _ => Err(format!("`{part}` is neither a dtype, a size nor a name; write tensor[f32, n, 4]")),
        })
        .collect();
    let dimensions = dimensions?;
    if dimensions.len() > RANK_MAX {
        return Err(format!("a tensor has at most {RANK_MAX} sizes"));
    }
    Ok(TypeWord::Tensor { dtype, shape: (!dimensions.is_empty()).then_some(dimensions) })
}

/// Whether this can be a name in M-CODE.
pub(super) fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

impl fmt::Display for TypeWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            TypeWord::Any => "any",
            TypeWord::None => "none",
            TypeWord::Bool => "bool",
            TypeWord::Int => "int",
            TypeWord::Scalar => "scalar",
            TypeWord::String => "string",
            TypeWord::List => "list",
            TypeWord::Record => "record",
            TypeWord::Tensor { dtype, shape } => {
                let dtype = dtype.iter().map(|dtype| dtype.name().to_owned());
                let sizes = shape.iter().flatten().map(|dimension| match dimension {
                    Dimension::Size(size) => size.to_string(),
                    Dimension::Name(name) => name.clone(),
                });
                let inner: Vec<String> = dtype.chain(sizes).collect();
                return if inner.is_empty() {
                    f.write_str("tensor")
                } else {
                    write!(f, "tensor[{}]", inner.join(", "))
                };
            }
        };
        f.write_str(word)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters: Vec<String> = self.parameters.iter().map(|p| format!("{}: {}", p.name, p.ty)).collect();
        write!(f, "{}({}) -> {}", self.name, parameters.join(", "), self.returns)
    }
}

impl Function {
    /// The arguments as the parameters take them, or what is wrong with them.
    pub(super) fn take(&self, arguments: Vec<Value>, sizes: &mut Sizes) -> Result<Vec<Value>, String> {
        if arguments.len() != self.parameters.len() {
            let (wanted, given) = (self.parameters.len(), arguments.len());
            return Err(format!("`{self}` takes {wanted} arguments, not {given}"));
        }
        let taken = self.parameters.iter().zip(arguments).map(|(parameter, argument)| {
            let taken = parameter.ty.take(argument, sizes);
            taken.map_err(|reason| format!("`{}` of `{self}` was given {reason}", parameter.name))
        });
        taken.collect()
    }
}

#[cfg(test)]
mod tests {
    use nexus_model::TensorData;

    use super::*;

    #[test]
    fn types_are_printed_as_they_are_read() {
        for text in ["any", "none", "bool", "int", "scalar", "string", "list", "record", "tensor", "tensor[f32, n, 4]"]
        {
            assert_eq!(TypeWord::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "tensor[9223372036854775808]",
            "tensor[+4]",
            "tensor[f32, 007]",
            "",
            "float",
            "tensor[",
            "tensor[f32, -1]",
            "tensor[1,2,3,4,5,6,7,8,9]",
            "Int",
        ] {
            assert!(TypeWord::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_fit_their_types_or_it_is_said_how_they_do_not() {
        let function = Function {
            name: "f".into(),
            parameters: vec![
                Parameter { name: "x".into(), ty: TypeWord::parse("tensor[u8, n, 2]").unwrap() },
                Parameter { name: "y".into(), ty: TypeWord::parse("tensor[u8, n]").unwrap() },
                Parameter { name: "s".into(), ty: TypeWord::Scalar },
            ],
            returns: TypeWord::None,
        };
        let tensor = |shape: &[usize]| {
            let count = shape.iter().product();
            Value::Tensor(TensorData::new(DType::U8, shape.to_vec(), vec![0; count]).unwrap())
        };
        let take = |values: [Value; 3]| function.take(values.to_vec(), &mut Sizes::new());
        let taken = take([tensor(&[3, 2]), tensor(&[3]), Value::Int(1)]).unwrap();
        assert_eq!(taken[2], Value::Scalar(1.0));
        let error = take([tensor(&[3, 2]), tensor(&[4]), Value::Int(1)]).unwrap_err();
        assert!(error.contains("`y` of") && error.contains("a tensor u8[4], which is no tensor[u8, n]"), "{error}");
        assert!(take([tensor(&[3, 1]), tensor(&[3]), Value::Int(1)]).is_err());
        assert!(take([tensor(&[3, 2]), tensor(&[3]), Value::Bool(true)]).unwrap_err().contains("kind bool"));
        assert!(function.take(vec![], &mut Sizes::new()).unwrap_err().contains("takes 3 arguments, not 0"));
    }
}
