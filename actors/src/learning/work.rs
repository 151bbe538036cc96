//! A program with its arguments and inputs as a piece of work, and what a run of it was seen to do.

use nexus_mcode::{NativeProfile, Outline};
use nexus_model::Value;
use nexus_optimizer::{Features, MachineCode, Shape, Strategy, Work};

/// Passes over its operands and its result that an operation takes on average: two read, one written.
const PASSES: f64 = 3.0;
/// Seconds of a step of scalar code at levels 0, 1 and 2, by which time becomes steps.
const STEP_S: [f64; 3] = [5e-9, 3e-9, 6e-10];
/// Steps of scalar code that a loop or a recursion is taken to have before it ever ran.
const STEPS_UNKNOWN: f64 = 1e4;
/// Elements that a tensor is taken to have where no argument says more.
const ELEMENTS_UNKNOWN: f64 = 1e4;

/// The piece of work that a program is with these arguments and inputs, as one of `tasks` tasks.
pub fn work_of(outline: &Outline, arguments: &[(String, Value)], inputs: &[(String, Value)], tasks: u32) -> Work {
    let mut given: Vec<&(String, Value)> = arguments.iter().chain(inputs).collect();
    given.sort_by(|a, b| a.0.cmp(&b.0));
    let shapes = given.iter().map(|(name, value)| shape(name, value)).collect();
    let bytes: f64 = given.iter().map(|(_, value)| bytes_of(value)).sum();
    let operations = f64::from(outline.operations);
    let elements = (bytes / 4.0).max(ELEMENTS_UNKNOWN);
    let turns = outline.loops + outline.recursive_functions;
    let features = Features {
        flops: operations * elements,
        bytes: operations * elements * 4.0 * PASSES,
        peak_bytes: bytes * PASSES,
        tensor_operations: operations,
        scalar_operations: if turns == 0 { 0.0 } else { STEPS_UNKNOWN },
        loops: f64::from(outline.loops),
        recursive_functions: f64::from(outline.recursive_functions),
        io_bytes: if outline.reads == 0 { 0.0 } else { bytes },
        product_share: if operations > 0.0 { f64::from(outline.products) / operations } else { 0.0 },
        batch: f64::from(tasks).max(1.0),
    };
    Work { code: outline.code, shapes, features }
}

/// What a run was seen to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) work: nexus_tensor::Work,
    pub(crate) peak_bytes: u64,
    pub(crate) seconds: f64,
}

/// The features of a piece of work after a run of it under `strategy`: tensors were counted; the time that they leave
/// over went to scalar code.
pub(crate) fn features_of(guessed: &Features, seen: &Seen, strategy: &Strategy, bandwidth: f64) -> Features {
    let bytes = seen.work.result_bytes as f64 * PASSES;
    let flops = seen.work.flops as f64 + seen.work.result_bytes as f64 / 4.0;
    let tensors_s = bytes / bandwidth.max(1.0);
    let level = usize::from(u8::from(strategy.jit_level)).min(STEP_S.len() - 1);
    let turns = guessed.loops + guessed.recursive_functions;
    let left_s = (seen.seconds - tensors_s).max(0.0);
    Features {
        flops,
        bytes,
        peak_bytes: seen.peak_bytes as f64,
        tensor_operations: seen.work.operations as f64,
        scalar_operations: if turns > 0.0 { left_s / STEP_S[level] } else { 0.0 },
        ..*guessed
    }
}

/// What became of machine code in a run. Where some ran already, what is still put off does not make later runs another
/// thing.
pub(crate) fn code_of(native: &NativeProfile) -> MachineCode {
    match native {
        NativeProfile { compiled: 1.., .. } => MachineCode::Made,
        NativeProfile { awaited: 1.., entered: 0, .. } => MachineCode::Awaited,
        _ => MachineCode::Settled,
    }
}

/// A whole number counts as a size: a program that is told `n = 4000` is other work than with `n = 10`.
fn shape(name: &str, value: &Value) -> Shape {
    let of = |kind: &str, sizes: Vec<u64>| Shape { dtype: format!("{name}: {kind}"), sizes };
    match value {
        Value::None => of("none", vec![]),
        Value::Bool(value) => of(if *value { "true" } else { "false" }, vec![]),
        Value::Int(value) if *value < 0 => of("negative int", vec![value.unsigned_abs()]),
        Value::Int(value) => of("int", vec![value.unsigned_abs()]),
        Value::Scalar(_) => of("scalar", vec![]),
        Value::String(text) => of("string", vec![text.len() as u64]),
        Value::List(items) => of("list", vec![items.len() as u64]),
        Value::Record(fields) => of("record", vec![fields.len() as u64]),
        Value::Tensor(data) => of(data.dtype().name(), data.shape().iter().map(|&size| size as u64).collect()),
    }
}

fn bytes_of(value: &Value) -> f64 {
    match value {
        Value::None | Value::Bool(_) => 1.0,
        Value::Int(_) | Value::Scalar(_) => 8.0,
        Value::String(text) => text.len() as f64,
        Value::List(items) => items.iter().map(bytes_of).sum(),
        Value::Record(fields) => fields.iter().map(|(_, value)| bytes_of(value)).sum(),
        Value::Tensor(data) => data.bytes().len() as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline() -> Outline {
        Outline {
            code: [3; 32],
            operations: 4,
            products: 1,
            loops: 1,
            recursive_functions: 0,
            reads: 0,
            spreads: 0,
            asks_for_the_time: false,
            has_external_modules: false,
        }
    }

    #[test]
    fn other_sizes_are_other_work_and_other_fractions_are_not() {
        let key = |n: i64, rate: f64| {
            let given = [("n".to_owned(), Value::Int(n)), ("rate".to_owned(), Value::Scalar(rate))];
            work_of(&outline(), &given, &[], 1).key("box")
        };
        assert_eq!(key(1000, 0.1), key(1010, 0.7));
        assert_ne!(key(1000, 0.1), key(4000, 0.1));
        assert_ne!(key(1000, 0.1), key(-1000, 0.1));
    }

    #[test]
    fn the_order_in_which_arguments_are_given_does_not_matter() {
        let (a, b) = (("a".to_owned(), Value::Int(1)), ("b".to_owned(), Value::Int(200)));
        let one = work_of(&outline(), &[a.clone(), b.clone()], &[], 1);
        assert_eq!(one.key("box"), work_of(&outline(), &[b], &[a], 1).key("box"));
    }
}
