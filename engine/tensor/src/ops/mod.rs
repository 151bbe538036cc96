//! The table of operations, one file a family. Each entry carries its documentation, an example, the function that
//! infers and the function that runs.

pub mod args;
mod arranging;
mod arranging_rules;
mod creation;
mod eigen;
mod elementwise;
pub mod infer;
mod inspection;
mod linalg;
mod linalg_rules;
mod matrix_functions;
mod products;
mod reductions;
mod scattering;
mod shaping;
mod signal;
mod signal_rules;
mod statistics;
mod windows;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::op::OpDef;

pub(crate) use reductions::run_reduction;

/// Parameters as they are written in the tables: `name: Kind` where required, `name: Kind = "default"` where not.
#[macro_export]
macro_rules! params {
    ($($name:ident : $kind:ident $(= $default:literal)?),* $(,)?) => {
        &[$($crate::Param {
            name: stringify!($name),
            kind: $crate::ParamKind::$kind,
            default: $crate::params!(@default $($default)?),
        }),*]
    };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
}
pub(crate) use params;

const FAMILIES: [&[OpDef]; 13] = [
    creation::OPS,
    inspection::OPS,
    shaping::OPS,
    arranging::OPS,
    scattering::OPS,
    elementwise::OPS,
    reductions::OPS,
    products::OPS,
    linalg::OPS,
    eigen::OPS,
    matrix_functions::OPS,
    statistics::OPS,
    signal::OPS,
];

const COUNT: usize = {
    let mut count = 0;
    let mut family = 0;
    while family < FAMILIES.len() {
        count += FAMILIES[family].len();
        family += 1;
    }
    count
};

static TABLE: [OpDef; COUNT] = {
    let mut table = [FAMILIES[0][0]; COUNT];
    let mut next = 0;
    let mut family = 0;
    while family < FAMILIES.len() {
        let mut i = 0;
        while i < FAMILIES[family].len() {
            table[next] = FAMILIES[family][i];
            next += 1;
            i += 1;
        }
        family += 1;
    }
    table
};

/// Every operation of the engine, family by family.
pub static OPS: &[OpDef] = &TABLE;

static BY_NAME: LazyLock<HashMap<&'static str, &'static OpDef>> =
    LazyLock::new(|| OPS.iter().map(|op| (op.name, op)).collect());

/// The operation of that full name (`tensor.ones`).
pub fn find(name: &str) -> Option<&'static OpDef> {
    BY_NAME.get(name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_documented() {
        assert_eq!(BY_NAME.len(), OPS.len());
        for op in OPS {
            assert!(op.name.contains('.'), "{} has no namespace", op.name);
            assert!(op.doc.ends_with('.') && op.doc.len() > 12, "{} is not documented", op.name);
            assert!(op.example.contains(op.name), "the example of {} does not use it", op.name);
            let optional = op.params.iter().skip_while(|p| p.default.is_none());
            assert!(optional.clone().all(|p| p.default.is_some()), "{}: required after optional", op.name);
            assert_eq!(find(op.name).map(|found| found.name), Some(op.name));
        }
    }
}
