//! A piece of work as the optimiser sees it: which program, on what shapes, of what kind.

use serde::{Deserialize, Serialize};

/// Features of the regression: [`Features::vector`].
pub(crate) const FEATURES: usize = 10;

/// A number of the features that is not finite or negative counts as nothing; larger ones as this.
const AMOUNT_MAX: f64 = 1e18;

/// What a program does, as far as it can be known before it runs. Amounts are estimates; 0 where nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Features {
    /// Floating-point operations of tensors.
    pub flops: f64,
    /// Bytes that tensor operations read and write when nothing is fused.
    pub bytes: f64,
    /// Bytes of tensors that live at once.
    pub peak_bytes: f64,
    /// Tensor operations that are run.
    pub tensor_operations: f64,
    /// Steps of scalar code that are run.
    pub scalar_operations: f64,
    /// Loops in the text.
    pub loops: f64,
    /// Functions that call themselves, directly or through others.
    pub recursive_functions: f64,
    /// Bytes read from and written to inputs, outputs and files.
    pub io_bytes: f64,
    /// Of the tensor operations, the share of products and decompositions.
    pub product_share: f64,
    /// Pieces of one kind that could run as one batch.
    pub batch: f64,
}

/// What a program is mostly about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// Tensor operations.
    TensorMathematics,
    /// Functions that call themselves.
    Recursion,
    /// Loops over scalars, lists and text.
    DataProcessing,
    /// Reading and writing.
    InputOutput,
}

impl Pattern {
    /// As it is written in reports.
    pub fn name(self) -> &'static str {
        match self {
            Pattern::TensorMathematics => "tensor mathematics",
            Pattern::Recursion => "recursion",
            Pattern::DataProcessing => "data processing",
            Pattern::InputOutput => "input and output",
        }
    }
}

fn amount(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, AMOUNT_MAX) }
}

/// Decades, from 0 for nothing.
fn decades(value: f64) -> f64 {
    amount(value).ln_1p() / std::f64::consts::LN_10
}

impl Features {
    /// What the program is mostly about: what the largest part of a rough time estimate goes to.
    pub fn pattern(&self) -> Pattern {
        // Seconds on some ordinary processor: only their order matters.
        let tensor = amount(self.flops) / 2e10 + amount(self.bytes) / 1e10 + amount(self.tensor_operations) * 1e-6;
        let scalar = amount(self.scalar_operations) * 5e-9;
        let io = amount(self.io_bytes) / 1e9;
        if io > tensor && io > scalar {
            Pattern::InputOutput
        } else if tensor >= scalar {
            Pattern::TensorMathematics
        } else if self.recursive_functions > 0.0 {
            Pattern::Recursion
        } else {
            Pattern::DataProcessing
        }
    }

    /// The regressors, all of the order of one. The first is the constant.
    pub(crate) fn vector(&self) -> [f64; FEATURES] {
        let intensity = decades(self.flops) - decades(self.bytes);
        [
            1.0,
            (decades(self.flops) - 6.0) / 3.0,
            (decades(self.bytes) - 6.0) / 3.0,
            intensity / 2.0,
            (decades(self.tensor_operations) - 2.0) / 2.0,
            (decades(self.scalar_operations) - 4.0) / 3.0,
            decades(self.loops),
            decades(self.recursive_functions),
            decades(self.io_bytes) / 6.0,
            if self.product_share.is_nan() { 0.0 } else { self.product_share.clamp(0.0, 1.0) },
        ]
    }
}

/// Shape and dtype of one argument or input. A whole number counts as a size: a program that is told `n = 4000` is other
/// work than one that is told 4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The name of the dtype.
    pub dtype: String,
    /// Sizes of the axes.
    pub sizes: Vec<u64>,
}

/// As programs write it: `n: int 24`, `x: f32[1000, 4]`.
impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.dtype)?;
        match self.sizes.as_slice() {
            [] => Ok(()),
            [value] if self.dtype.ends_with("int") => write!(f, " {value}"),
            sizes => {
                let sizes: Vec<String> = sizes.iter().map(u64::to_string).collect();
                write!(f, "[{}]", sizes.join(", "))
            }
        }
    }
}

/// A piece of work, before it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// The hash of the program's code.
    pub code: [u8; 32],
    /// What it is given.
    pub shapes: Vec<Shape>,
    /// What it does, as far as it is known before it ran.
    pub features: Features,
}

/// What is remembered as one piece of work: code, shapes in buckets of powers of two (small sizes one by one), class of
/// hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The hash of the program's code.
    pub code: [u8; 32],
    /// A digest of dtypes and bucketed sizes.
    pub shapes: u64,
    /// A digest of the class of hardware.
    pub hardware: u64,
}

impl Work {
    /// What it is remembered as on hardware of this class.
    pub fn key(&self, hardware: &str) -> Key {
        let mut hasher = blake3::Hasher::new();
        for shape in &self.shapes {
            hasher.update(&(shape.dtype.len() as u64).to_le_bytes()).update(shape.dtype.as_bytes());
            hasher.update(&(shape.sizes.len() as u64).to_le_bytes());
            for size in &shape.sizes {
                hasher.update(&[bucket(*size)]);
            }
        }
        Key { code: self.code, shapes: digest(hasher.finalize()), hardware: hardware_digest(hardware) }
    }
}

/// The digest of a class of hardware in a [`Key`].
pub(crate) fn hardware_digest(hardware: &str) -> u64 {
    digest(blake3::hash(hardware.as_bytes()))
}

fn digest(hash: blake3::Hash) -> u64 {
    let bytes = hash.as_bytes();
    u64::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]])
}

/// Sizes that are told apart one by one: a small number is as often a depth or a count of rounds as a size, and what
/// recurses to a depth of 30 takes a thousand times as long as at 16.
const EXACT_MAX: u64 = 64;

/// Sizes of one bucket are equal, or differ by less than a factor of two.
fn bucket(size: u64) -> u8 {
    if size < EXACT_MAX { size as u8 } else { (EXACT_MAX as u32 + u64::BITS - size.leading_zeros()) as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(size: u64) -> Work {
        let shapes = vec![Shape { dtype: "f32".to_owned(), sizes: vec![size, 4] }];
        Work { code: [7; 32], shapes, features: Features::default() }
    }

    #[test]
    fn sizes_of_one_bucket_are_one_piece_of_work() {
        assert_eq!(work(1000).key("m3"), work(1023).key("m3"));
        assert_ne!(work(1000).key("m3"), work(1024).key("m3"));
        assert_ne!(work(1000).key("m3"), work(1000).key("m2"));
        assert_ne!(work(30).key("m3"), work(31).key("m3"));
        assert_ne!(work(63).key("m3"), work(64).key("m3"));
        assert_eq!(work(u64::MAX).key("m3"), work(u64::MAX / 2 + 1).key("m3"));
    }

    #[test]
    fn shapes_are_written_as_in_programs() {
        let text = |dtype: &str, sizes: &[u64]| Shape { dtype: dtype.to_owned(), sizes: sizes.to_vec() }.to_string();
        assert_eq!(text("n: int", &[24]), "n: int 24");
        assert_eq!(text("x: f32", &[1000, 4]), "x: f32[1000, 4]");
        assert_eq!(text("rate: scalar", &[]), "rate: scalar");
    }

    #[test]
    fn the_largest_part_of_the_time_names_the_pattern() {
        let of = |features: Features| features.pattern();
        assert_eq!(of(Features { flops: 1e9, ..Features::default() }), Pattern::TensorMathematics);
        let calls = Features { scalar_operations: 1e8, ..Features::default() };
        assert_eq!(of(calls), Pattern::DataProcessing);
        assert_eq!(of(Features { recursive_functions: 1.0, ..calls }), Pattern::Recursion);
        assert_eq!(of(Features { io_bytes: 1e10, ..calls }), Pattern::InputOutput);
    }

    #[test]
    fn hostile_amounts_give_finite_features() {
        let strange = Features { flops: f64::NAN, bytes: f64::INFINITY, io_bytes: -1.0, ..Features::default() };
        assert!(strange.vector().iter().all(|v| v.is_finite()));
    }
}
