//! Properties of broadcasting, views and assignment, against a model that computes every element by its position.

use nexus_tensor::{Arg, BinaryOp, Context, Device, Index, Tensor, binary, get, set};
use proptest::prelude::*;

use crate::golden::run;

fn counting(ctx: &Context, shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let flat = run(ctx, "tensor.arange", &[Arg::Int(count as i64)]).expect("small");
    let sizes = Arg::List(shape.iter().map(|&n| Arg::Int(n as i64)).collect());
    match run(ctx, "tensor.reshape", &[flat, sizes]).expect("as many elements") {
        Arg::Tensor(tensor) => tensor,
        other => panic!("{other:?}"),
    }
}

fn ints(tensor: &Tensor) -> Vec<i64> {
    let data = tensor.to_data().expect("reads");
    (0..data.len()).map(|i| data.get_i64(i).expect("an int")).collect()
}

/// Positions of `shape` in row-major order.
fn positions(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().fold(vec![vec![]], |all, &n| {
        all.iter().flat_map(|p| (0..n).map(move |i| [p.clone(), vec![i]].concat())).collect()
    })
}

/// The element of a counting tensor of `shape` at the end of `position`, where axes of size 1 repeat.
fn at(shape: &[usize], position: &[usize]) -> i64 {
    let tail = &position[position.len() - shape.len()..];
    shape.iter().zip(tail).fold(0, |n, (&size, &i)| n * size as i64 + if size == 1 { 0 } else { i as i64 })
}

/// Two shapes that broadcast: some sizes become 1, some leading axes go away.
fn broadcastable() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    prop::collection::vec((0usize..4, 0u8..4), 0..4).prop_flat_map(|axes| {
        let side = |bit: u8| axes.iter().map(|&(n, ones)| if ones & bit == 0 { n } else { 1 }).collect::<Vec<_>>();
        let (left, right) = (side(1), side(2));
        (Just(left), Just(right), 0..=axes.len()).prop_map(|(left, right, cut)| (left, right[cut..].to_vec()))
    })
}

fn entry() -> impl Strategy<Value = (Option<i64>, Option<i64>, i64)> {
    (prop::option::of(-6i64..6), prop::option::of(-6i64..6), prop_oneof![-3i64..0, 1i64..4])
}

/// Python's `range(*slice.indices(size))`, written from its documentation.
fn slice(start: Option<i64>, end: Option<i64>, step: i64, size: i64) -> Vec<i64> {
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let clamp = |i: Option<i64>, default| i.map_or(default, |i| (if i < 0 { i + size } else { i }).clamp(low, high));
    let (first, last) =
        if step > 0 { (clamp(start, low), clamp(end, high)) } else { (clamp(start, high), clamp(end, low)) };
    let mut out = Vec::new();
    let mut i = first;
    while (step > 0 && i < last) || (step < 0 && i > last) {
        out.push(i);
        i += step;
    }
    out
}

proptest! {
    #[test]
    fn operators_broadcast((left, right) in broadcastable(), swap in any::<bool>()) {
        let (left, right) = if swap { (right, left) } else { (left, right) };
        let ctx = Context::new(Device::cpu());
        let (a, b) = (counting(&ctx, &left), counting(&ctx, &right));
        let Arg::Tensor(sum) = binary(&ctx, BinaryOp::Sub, &Arg::Tensor(a), &Arg::Tensor(b)).expect("broadcasts")
        else { panic!("a tensor") };
        let rank = left.len().max(right.len());
        prop_assert_eq!(sum.rank(), rank);
        let expected: Vec<i64> = positions(sum.shape()).iter().map(|p| at(&left, p) - at(&right, p)).collect();
        prop_assert_eq!(ints(&sum), expected);
    }

    #[test]
    fn ranges_select_and_assign((rows, columns) in (0usize..5, 0usize..5), r in entry(), c in entry(), flip in any::<bool>()) {
        let ctx = Context::new(Device::cpu());
        let mut x = counting(&ctx, &[rows, columns]);
        let mut value = |i: i64, j: i64| i * columns as i64 + j;
        let mut flipped = |i: i64, j: i64| j * columns as i64 + i;
        let (h, w) = if flip { (columns, rows) } else { (rows, columns) };
        let value: &mut dyn FnMut(i64, i64) -> i64 = if flip { &mut flipped } else { &mut value };
        if flip {
            let Arg::Tensor(t) = run(&ctx, "tensor.transpose", &[Arg::Tensor(x)]).expect("transposes") else { panic!("a tensor") };
            x = t;
        }
        let range = |e: (Option<i64>, Option<i64>, i64)| Index::Range { start: e.0, end: e.1, step: Some(e.2) };
        let indices = [range(r), range(c)];
        let (is, js) = (slice(r.0, r.1, r.2, h as i64), slice(c.0, c.1, c.2, w as i64));
        let picked = get(&ctx, &x, &indices).expect("in range");
        let expected: Vec<i64> = is.iter().flat_map(|&i| js.iter().map(move |&j| (i, j))).map(|(i, j)| value(i, j)).collect();
        prop_assert_eq!(picked.shape(), &[is.len(), js.len()][..]);
        prop_assert_eq!(ints(&picked), expected);
        let before = ints(&x);
        let written = set(&ctx, x.clone(), &indices, &Arg::Int(-7)).expect("in range");
        prop_assert_eq!(ints(&x), before);
        for (k, found) in ints(&written).into_iter().enumerate() {
            let (i, j) = ((k / w.max(1)) as i64, (k % w.max(1)) as i64);
            let chosen = is.contains(&i) && js.contains(&j);
            prop_assert_eq!(found, if chosen { -7 } else { value(i, j) });
        }
    }

    #[test]
    fn sums_along_axes_add_up((m, n, k) in (0usize..4, 0usize..40, 0usize..4), axis in 0i64..3) {
        let ctx = Context::new(Device::cpu());
        let x = Arg::Tensor(counting(&ctx, &[m, n, k]));
        let some = run(&ctx, "tensor.sum", &[x.clone(), Arg::Int(axis)]).expect("sums");
        let Arg::Tensor(all) = run(&ctx, "tensor.sum", &[some]).expect("sums") else { panic!("a tensor") };
        let count = (m * n * k) as i64;
        prop_assert_eq!(ints(&all), vec![count * (count - 1) / 2]);
    }
}

#[test]
fn least_squares_of_stacks_are_those_of_their_matrices() {
    let ctx = Context::new(Device::cpu()).with_seed(5);
    let ints = |sizes: &[i64]| Arg::List(sizes.iter().map(|&n| Arg::Int(n)).collect());
    let draw = |sizes: &[i64]| run(&ctx, "tensor.randn", &[ints(sizes)]).unwrap();
    let tensor = |arg: &Arg| match arg {
        Arg::Tensor(tensor) => tensor.clone(),
        other => panic!("{other:?} is no tensor"),
    };
    let field = |record: &Arg, name: &str| match record {
        Arg::Record(fields) => fields.iter().find(|(known, _)| &**known == name).expect("a field").1.clone(),
        other => panic!("{other:?} is no record"),
    };
    // A stack of right sides for one stack of matrices, one vector for all, and a stack beside a single matrix.
    for (left, right) in
        [(&[2, 3, 6, 4][..], &[3, 6, 2][..]), (&[3, 6, 4][..], &[6][..]), (&[6, 4][..], &[3, 6, 2][..])]
    {
        let (a, b) = (draw(left), draw(right));
        let found = run(&ctx, "linalg.lstsq", &[a.clone(), b.clone()]).unwrap();
        let (x, ranks) = (tensor(&field(&found, "x")), tensor(&field(&found, "rank")));
        assert!(ranks.to_f64s(&ctx).unwrap().iter().all(|&rank| rank == 4.0));
        // The residual is orthogonal to the columns of a.
        let x = if right.len() == 1 {
            run(&ctx, "tensor.expand_dims", &[Arg::Tensor(x), Arg::Int(-1)]).unwrap()
        } else {
            Arg::Tensor(x)
        };
        let b = if right.len() == 1 { run(&ctx, "tensor.expand_dims", &[b, Arg::Int(-1)]).unwrap() } else { b };
        let rest = binary(&ctx, BinaryOp::Sub, &binary(&ctx, BinaryOp::MatMul, &a, &x).unwrap(), &b).unwrap();
        let axes: Vec<i64> = (0..left.len() as i64 - 2).chain([left.len() as i64 - 1, left.len() as i64 - 2]).collect();
        let turned = run(&ctx, "tensor.permute", &[a, ints(&axes)]).unwrap();
        let slopes = tensor(&binary(&ctx, BinaryOp::MatMul, &turned, &rest).unwrap());
        assert!(slopes.to_f64s(&ctx).unwrap().iter().all(|slope| slope.abs() < 1e-4), "{left:?} and {right:?}");
        let squares =
            run(&ctx, "tensor.sum", &[binary(&ctx, BinaryOp::Mul, &rest, &rest).unwrap(), Arg::Int(-2)]).unwrap();
        let (squares, told) = (tensor(&squares).to_f64s(&ctx).unwrap(), tensor(&field(&found, "residuals")));
        assert_eq!(told.len(), squares.len());
        let near = told.to_f64s(&ctx).unwrap().iter().zip(&squares).all(|(x, y)| (x - y).abs() < 1e-4 * y.max(1.0));
        assert!(near, "{left:?} and {right:?}");
    }
    let none = run(&ctx, "linalg.lstsq", &[draw(&[0, 6, 4]), draw(&[6])]).unwrap();
    assert_eq!(tensor(&field(&none, "x")).shape(), [0, 4]);
}
