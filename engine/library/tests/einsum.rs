//! `...` in Einstein's summation, against the same sums with a letter for every axis; those are compared with JAX in
//! `reference.rs`. And absolute values of complex numbers whose squares leave the range of f64.

use nexus_library::find;
use nexus_tensor::{Arg, Context, DType, Device, Tensor};

fn tensor(ctx: &Context, shape: &[usize]) -> Arg {
    let count: usize = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|i| ((i * 7 + 3) % 11) as f64 - 4.5).collect();
    Arg::Tensor(Tensor::from_f64s(ctx, DType::F64, shape, &values).expect("the engine computes it"))
}

/// Shape and elements of the sum, or what is wrong.
fn sum(ctx: &Context, subscripts: &str, tensors: &[Arg]) -> Result<(Vec<usize>, Vec<f64>), String> {
    let args = [Arg::Str(subscripts.into()), Arg::List(tensors.to_vec())];
    match (find("tensor.einsum").expect("it exists").run)(ctx, &args) {
        Ok(Arg::Tensor(x)) => Ok((x.shape().to_vec(), x.to_f64s(ctx).expect("the engine computes it"))),
        Ok(other) => panic!("{other:?} is no tensor"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn dots_stand_for_the_axes_without_letters() {
    let ctx = Context::new(Device::cpu());
    let cases: [(&str, &str, &[&[usize]]); 8] = [
        ("...ij,...jk->...ik", "abij,abjk->abik", &[&[2, 3, 2, 4], &[2, 3, 4, 5]]),
        ("...ij,...jk", "abij,abjk->abik", &[&[2, 3, 2, 4], &[2, 3, 4, 5]]),
        ("...ij,jk->...ik", "abij,jk->abik", &[&[2, 3, 2, 4], &[4, 5]]),
        ("i...,i...->...", "iab,iab->ab", &[&[4, 2, 3], &[4, 2, 3]]),
        ("...i->...", "abi->ab", &[&[2, 3, 4]]),
        ("i...j->ji...", "iabj->jiab", &[&[2, 3, 4, 5]]),
        ("...ii->...i", "aii->ai", &[&[2, 3, 3]]),
        ("...,...->...", "ab,b->ab", &[&[2, 3], &[3]]),
    ];
    for (short, long, shapes) in cases {
        let tensors: Vec<Arg> = shapes.iter().map(|shape| tensor(&ctx, shape)).collect();
        assert_eq!(sum(&ctx, short, &tensors), sum(&ctx, long, &tensors), "{short}");
    }
}

#[test]
fn axes_behind_dots_broadcast_and_wrong_dots_are_told() {
    let ctx = Context::new(Device::cpu());
    let one = [tensor(&ctx, &[1, 2, 3]), tensor(&ctx, &[4, 3])];
    let (shape, found) = sum(&ctx, "...i,...i->...", &[one[0].clone(), tensor(&ctx, &[4, 2, 3])]).expect("it runs");
    assert_eq!((shape, found.len()), (vec![4, 2], 8));
    let wide = sum(&ctx, "zai,bai->ba", &[one[0].clone(), tensor(&ctx, &[4, 2, 3])]).expect("it runs");
    assert_eq!(found, wide.1);
    for (subscripts, tensors, word) in [
        ("...i,...i->...", &one[..], "sizes"),
        ("...i->i", &one[..1], "none for the result"),
        ("i->...i", &one[1..], "axes"),
        ("..i->i", &one[1..], "`.`"),
        ("...i...->i", &one[1..], "`.`"),
        ("...ijkl->i", &one[1..], "axes"),
    ] {
        let error = sum(&ctx, subscripts, tensors).expect_err(subscripts);
        assert!(error.contains(word), "{subscripts}: {error}");
    }
}

#[test]
fn absolute_values_neither_overflow_nor_vanish_on_the_way() {
    let ctx = Context::new(Device::cpu());
    let part = |values: &[f64]| {
        Arg::Tensor(Tensor::from_f64s(&ctx, DType::F64, &[values.len()], values).expect("the engine computes it"))
    };
    let (re, im) = ([3e200, 3e-200, 0.0, f64::INFINITY, -3.0], [4e200, -4e-200, 0.0, 1.0, 4.0]);
    let z = Arg::Record([("re".into(), part(&re)), ("im".into(), part(&im))].into());
    let found = (find("complex.abs").expect("it exists").run)(&ctx, &[z]).expect("it runs");
    let Arg::Tensor(found) = found else { panic!("no tensor") };
    let expected: [f64; 5] = [5e200, 5e-200, 0.0, f64::INFINITY, 5.0];
    for (found, expected) in found.to_f64s(&ctx).expect("the engine computes it").into_iter().zip(expected) {
        assert!(found == expected || (found / expected - 1.0).abs() < 4.0 * f64::EPSILON, "{found}, {expected}");
    }
}
