//! The types of a component's functions, as far as values have them. Text as WIT writes it.

use std::fmt;

use nexus_model::DType;
use wasmtime::Engine;
use wasmtime::component::types::{Component, ComponentFunc, ComponentInstance, ComponentItem, Record, Type};

/// The fields of a record that stands for a tensor.
pub(crate) const SHAPE: &str = "shape";
pub(crate) const DATA: &str = "data";

/// A type of WIT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WitType {
    /// `bool`.
    Bool,
    /// `s8` to `u64`.
    Int {
        /// 8, 16, 32 or 64.
        bits: u32,
        /// Whether it has a sign.
        signed: bool,
    },
    /// `f32`.
    Float32,
    /// `f64`.
    Float64,
    /// `string`.
    String,
    /// `list<T>`.
    List(Box<WitType>),
    /// `option<T>`.
    Option(Box<WitType>),
    /// `tuple<T, U>`.
    Tuple(Vec<WitType>),
    /// `record { name: T }`.
    Record(Vec<(String, WitType)>),
    /// `record { shape: list<u64>, data: list<T> }`.
    Tensor(DType),
    /// What no value has, by the word that WIT has for it.
    Unsupported(&'static str),
}

/// A function that a component exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// As the component calls it.
    pub name: String,
    /// In order.
    pub parameters: Vec<WitType>,
    /// Nothing, where absent. Of a `result` what it gives when all went well.
    pub returns: Option<WitType>,
    /// Whether it gives a `result` whose error is text or nothing.
    pub can_fail: bool,
}

/// What a component exports, and what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// In the order of the component.
    pub functions: Vec<Function>,
    /// Names of what is more than a type.
    pub imports: Vec<String>,
}

impl Interface {
    pub(crate) fn of(engine: &Engine, component: &Component) -> Self {
        let functions = component.exports(engine).filter_map(|(name, item)| match item.ty {
            ComponentItem::ComponentFunc(function) => Some(Function::of(name, &function)),
            _ => None,
        });
        let imports = component.imports(engine).filter(|(_, item)| asks(engine, &item.ty));
        Interface { functions: functions.collect(), imports: imports.map(|(name, _)| name.to_owned()).collect() }
    }
}

/// Whether an import asks for more than types, which are there anyway.
fn asks(engine: &Engine, item: &ComponentItem) -> bool {
    match item {
        ComponentItem::Type(_) => false,
        ComponentItem::ComponentInstance(instance) => asks_of(engine, instance),
        _ => true,
    }
}

fn asks_of(engine: &Engine, instance: &ComponentInstance) -> bool {
    instance.exports(engine).any(|(_, item)| asks(engine, &item.ty))
}

impl Function {
    fn of(name: &str, function: &ComponentFunc) -> Self {
        let parameters = function.params().map(|(_, ty)| WitType::of(&ty)).collect();
        let (returns, can_fail) = match function.results().next() {
            None => (None, false),
            Some(Type::Result(result)) if matches!(result.err(), None | Some(Type::String)) => {
                (result.ok().map(|ty| WitType::of(&ty)), true)
            }
            Some(ty) => (Some(WitType::of(&ty)), false),
        };
        Function { name: name.to_owned(), parameters, returns, can_fail }
    }

    /// The first type that no value has.
    pub fn unsupported(&self) -> Option<&WitType> {
        self.parameters.iter().chain(&self.returns).find(|ty| !ty.is_supported())
    }
}

impl WitType {
    pub(crate) fn of(ty: &Type) -> Self {
        let int = |bits, signed| WitType::Int { bits, signed };
        match ty {
            Type::Bool => WitType::Bool,
            Type::S8 => int(8, true),
            Type::U8 => int(8, false),
            Type::S16 => int(16, true),
            Type::U16 => int(16, false),
            Type::S32 => int(32, true),
            Type::U32 => int(32, false),
            Type::S64 => int(64, true),
            Type::U64 => int(64, false),
            Type::Float32 => WitType::Float32,
            Type::Float64 => WitType::Float64,
            Type::String => WitType::String,
            Type::List(list) => WitType::List(Box::new(WitType::of(&list.ty()))),
            Type::Option(option) => WitType::Option(Box::new(WitType::of(&option.ty()))),
            Type::Tuple(tuple) => WitType::Tuple(tuple.types().map(|ty| WitType::of(&ty)).collect()),
            Type::Record(record) => of_record(record),
            Type::Char => WitType::Unsupported("char"),
            Type::Map(_) => WitType::Unsupported("map"),
            Type::Variant(_) => WitType::Unsupported("variant"),
            Type::Enum(_) => WitType::Unsupported("enum"),
            Type::Result(_) => WitType::Unsupported("result"),
            Type::Flags(_) => WitType::Unsupported("flags"),
            Type::Own(_) | Type::Borrow(_) => WitType::Unsupported("resource"),
            Type::Future(_) => WitType::Unsupported("future"),
            Type::Stream(_) => WitType::Unsupported("stream"),
            Type::ErrorContext => WitType::Unsupported("error-context"),
            Type::FixedLengthList(_) => WitType::Unsupported("list of a fixed length"),
        }
    }

    fn is_supported(&self) -> bool {
        match self {
            WitType::Unsupported(_) => false,
            WitType::List(of) | WitType::Option(of) => of.is_supported(),
            WitType::Tuple(types) => types.iter().all(WitType::is_supported),
            WitType::Record(fields) => fields.iter().all(|(_, ty)| ty.is_supported()),
            _ => true,
        }
    }

    /// The type of a tensor's elements.
    pub(crate) fn of_elements(dtype: DType) -> Self {
        match dtype {
            DType::F64 => WitType::Float64,
            DType::F32 => WitType::Float32,
            DType::I64 => WitType::Int { bits: 64, signed: true },
            DType::I32 => WitType::Int { bits: 32, signed: true },
            DType::U8 => WitType::Int { bits: 8, signed: false },
            DType::Bool => WitType::Bool,
            DType::F16 | DType::BF16 => WitType::Unsupported("numbers of 16 bits"),
        }
    }
}

fn of_record(record: &Record) -> WitType {
    let fields: Vec<(String, WitType)> =
        record.fields().map(|field| (field.name.to_owned(), WitType::of(&field.ty))).collect();
    if let [(first, WitType::List(sizes)), (second, WitType::List(data))] = fields.as_slice()
        && (first.as_str(), second.as_str()) == (SHAPE, DATA)
        && **sizes == (WitType::Int { bits: 64, signed: false })
        && let Some(dtype) = DType::ALL.into_iter().find(|dtype| WitType::of_elements(*dtype) == **data)
    {
        return WitType::Tensor(dtype);
    }
    WitType::Record(fields)
}

impl fmt::Display for WitType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WitType::Bool => f.write_str("bool"),
            WitType::Int { bits, signed } => write!(f, "{}{bits}", if *signed { 's' } else { 'u' }),
            WitType::Float32 => f.write_str("f32"),
            WitType::Float64 => f.write_str("f64"),
            WitType::String => f.write_str("string"),
            WitType::List(of) => write!(f, "list<{of}>"),
            WitType::Option(of) => write!(f, "option<{of}>"),
            WitType::Tuple(types) => {
                let types: Vec<String> = types.iter().map(ToString::to_string).collect();
                write!(f, "tuple<{}>", types.join(", "))
            }
            WitType::Record(fields) => {
                let fields: Vec<String> = fields.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
                write!(f, "record {{ {} }}", fields.join(", "))
            }
            WitType::Tensor(dtype) => {
                write!(f, "record {{ {SHAPE}: list<u64>, {DATA}: list<{}> }}", WitType::of_elements(*dtype))
            }
            WitType::Unsupported(word) => f.write_str(word),
        }
    }
}
