//! Files written by NumPy and by the safetensors package are read as the arrays they were, and `.npy` files are written
//! byte for byte as NumPy writes them. The files are made by `golden/make.py`.

use nexus_formats::{Format, read, write};
use nexus_model::{DType, TensorData, Value};

macro_rules! golden {
    ($name:literal) => {
        include_bytes!(concat!("golden/", $name))
    };
}

fn fields(format: Format, bytes: &[u8]) -> Vec<(String, TensorData)> {
    let Value::Record(fields) = read(format, bytes).expect("a golden file") else { panic!("an archive is a record") };
    let tensor = |value| match value {
        Value::Tensor(tensor) => tensor,
        other => panic!("{other:?}"),
    };
    fields.into_iter().map(|(name, value)| (name, tensor(value))).collect()
}

fn is_zero_to_six(name: &str, tensor: &TensorData) {
    let expected = if name == "b1" { [0.0, 1.0, 1.0, 1.0, 1.0, 1.0] } else { [0.0, 1.0, 2.0, 3.0, 4.0, 5.0] };
    let found: Vec<f64> = (0..tensor.len()).map(|index| tensor.get_f64(index).expect("an element")).collect();
    assert_eq!((tensor.shape(), found.as_slice()), ([2, 3].as_slice(), expected.as_slice()), "{name}");
    let dtype = match name {
        "f8" => DType::F64,
        "f4" => DType::F32,
        "f2" => DType::F16,
        "i8" | "u8" | "u4" => DType::I64,
        "i4" | "i2" | "i1" | "u2" => DType::I32,
        "u1" => DType::U8,
        "b1" => DType::Bool,
        other => panic!("no array `{other}` was written"),
    };
    assert_eq!(tensor.dtype(), dtype, "{name}");
}

#[test]
fn archives_of_numpy_are_read_in_both_byte_orders_and_axis_orders() {
    let little = fields(Format::Npz, golden!("numpy_little.npz"));
    let big = fields(Format::Npz, golden!("numpy_big_fortran.npz"));
    assert_eq!((little.len(), big.len()), (12, 11));
    for (name, tensor) in little.iter().chain(&big) {
        is_zero_to_six(name, tensor);
    }
}

#[test]
fn safetensors_of_numpy_are_read() {
    let tensors = fields(Format::Safetensors, golden!("numpy.safetensors"));
    assert_eq!(tensors.len(), 11);
    for (name, tensor) in &tensors {
        is_zero_to_six(name, tensor);
    }
}

#[test]
fn npy_files_are_written_byte_for_byte_as_numpy_does() {
    let files: [&[u8]; 4] =
        [golden!("matrix_f4.npy"), golden!("vector_i8.npy"), golden!("scalar_f8.npy"), golden!("empty_b1.npy")];
    for file in files {
        assert_eq!(write(Format::Npy, &read(Format::Npy, file).unwrap()).unwrap(), file);
    }
}

#[test]
fn tables_of_numpy_are_read() {
    let Value::Tensor(tensor) = read(Format::Csv, golden!("matrix.csv")).unwrap() else { panic!("a tensor") };
    is_zero_to_six("f8", &tensor);
}
