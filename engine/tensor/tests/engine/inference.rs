//! Inference against the run: what is inferred must be so, and inference must accept what runs.

use nexus_tensor::{Arg, ArgType, Dim, TensorError, TensorType};

/// What is known of an argument when `constants` are, or only its kind.
fn type_of(arg: &Arg, constants: bool) -> ArgType {
    match arg {
        Arg::None => ArgType::None,
        Arg::Bool(b) => ArgType::Bool(constants.then_some(*b)),
        Arg::Int(i) => ArgType::Int(constants.then_some(*i)),
        Arg::Scalar(s) => ArgType::Scalar(constants.then_some(*s)),
        Arg::Str(s) => ArgType::Str(constants.then(|| s.clone())),
        Arg::Tensor(t) => {
            let size = |&n: &usize| if constants { Dim::Known(n) } else { Dim::Unknown };
            ArgType::Tensor(TensorType { dtype: Some(t.dtype()), shape: Some(t.shape().iter().map(size).collect()) })
        }
        Arg::List(items) => ArgType::List(items.iter().map(|item| type_of(item, constants)).collect()),
        Arg::Record(fields) => {
            ArgType::Record(fields.iter().map(|(name, value)| (name.clone(), type_of(value, constants))).collect())
        }
    }
}

/// Whether a result can be of the inferred type.
fn fits(result: &Arg, ty: &ArgType) -> bool {
    match (result, ty) {
        (_, ArgType::Unknown) | (Arg::None, ArgType::None) => true,
        (Arg::Bool(a), ArgType::Bool(b)) => b.is_none_or(|b| *a == b),
        (Arg::Int(a), ArgType::Int(b)) => b.is_none_or(|b| *a == b),
        (Arg::Scalar(a), ArgType::Scalar(b)) => b.is_none_or(|b| *a == b),
        (Arg::Str(a), ArgType::Str(b)) => b.as_ref().is_none_or(|b| a == b),
        (Arg::Tensor(t), ArgType::Tensor(ty)) => {
            let shape = ty.shape.as_ref().is_none_or(|dims| {
                dims.len() == t.rank() && dims.iter().zip(t.shape()).all(|(d, n)| !matches!(d, Dim::Known(k) if k != n))
            });
            shape && ty.dtype.is_none_or(|dtype| dtype == t.dtype())
        }
        (Arg::List(items), ArgType::List(types)) => {
            items.len() == types.len() && items.iter().zip(types).all(|(item, ty)| fits(item, ty))
        }
        (Arg::List(items), ArgType::ListOf(ty)) => items.iter().all(|item| fits(item, ty)),
        (Arg::Record(fields), ArgType::Record(types)) => {
            fields.len() == types.len()
                && fields.iter().zip(types).all(|((a, value), (b, ty))| a == b && fits(value, ty))
        }
        _ => false,
    }
}

fn infer(op: &str, types: &[ArgType]) -> Result<ArgType, TensorError> {
    if let Some(op) = crate::golden::operator(op) {
        return nexus_tensor::infer_binary(op, &types[0], &types[1]);
    }
    if let Some(op) = crate::golden::comparison(op) {
        return nexus_tensor::infer_compare(op, &types[0], &types[1]);
    }
    let op = nexus_tensor::find(op).expect("the operation exists");
    let mut all = types.to_vec();
    all.resize(op.params.len(), ArgType::None);
    (op.infer)(&all)
}

/// Checks inference with constants, with kinds only, and with nothing known.
pub(crate) fn agrees(op: &str, args: &[Arg], result: &Result<Arg, TensorError>) -> Result<(), String> {
    let Ok(result) = result else { return Ok(()) };
    let known: Vec<ArgType> = args.iter().map(|arg| type_of(arg, true)).collect();
    let kinds: Vec<ArgType> = args.iter().map(|arg| type_of(arg, false)).collect();
    let nothing = vec![ArgType::Unknown; args.len()];
    for types in [known, kinds, nothing] {
        match infer(op, &types) {
            Ok(ty) if fits(result, &ty) => {}
            Ok(ty) => return Err(format!("inferred {ty:?} from {types:?}, the run gave {result:?}")),
            Err(error) => return Err(format!("inference refuses what runs: {error} ({types:?})")),
        }
    }
    Ok(())
}
