//! Simplicial complexes and transforms: known shapes, and what must hold of all.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use nexus_mprime::topology::{Complex, Error, Transform};
use proptest::prelude::*;

/// Betti numbers, orders of finite cycles, and Betti numbers over two elements.
fn homology(simplices: &[&[usize]]) -> (Vec<usize>, Vec<Vec<u64>>, Vec<usize>) {
    let list: Vec<Vec<usize>> = simplices.iter().map(|simplex| simplex.to_vec()).collect();
    let groups = Complex::new(&list).unwrap().homology();
    let torsion = |group: &nexus_mprime::topology::HomologyGroup| {
        group.torsion.iter().map(|order| u64::try_from(order).unwrap()).collect()
    };
    (
        groups.iter().map(|group| group.betti).collect(),
        groups.iter().map(torsion).collect(),
        groups.iter().map(|group| group.betti_mod_2).collect(),
    )
}

#[test]
fn known_shapes_have_their_homology() {
    assert_eq!(homology(&[&[7]]), (vec![1], vec![vec![]], vec![1]));
    assert_eq!(homology(&[&[0], &[5]]).0, [2]);
    assert_eq!(homology(&[&[0, 1], &[1, 2], &[2, 0]]).0, [1, 1]);
    assert_eq!(homology(&[&[0, 1, 2]]).0, [1, 0, 0]);
    assert_eq!(homology(&[&[0, 1, 2], &[0, 1, 3], &[0, 2, 3], &[1, 2, 3]]).0, [1, 0, 1]);
    // Two circles and an edge apart.
    assert_eq!(homology(&[&[0, 1], &[1, 2], &[2, 0], &[2, 3], &[3, 4], &[4, 2], &[8, 9]]).0, [2, 2]);
    // The projective plane of six corners: a cycle of order 2, which is a hole over two elements.
    let plane: [&[usize]; 10] = [
        &[0, 1, 4],
        &[0, 1, 5],
        &[0, 2, 3],
        &[0, 2, 5],
        &[0, 3, 4],
        &[1, 2, 3],
        &[1, 2, 4],
        &[1, 3, 5],
        &[2, 4, 5],
        &[3, 4, 5],
    ];
    let (betti, torsion, mod_2) = homology(&plane);
    assert_eq!((betti, mod_2), (vec![1, 0, 0], vec![1, 1, 1]));
    assert_eq!(torsion, [vec![], vec![2], vec![]]);
    assert_eq!(euler(&plane), 1);
}

fn euler(simplices: &[&[usize]]) -> i64 {
    Complex::new(&simplices.iter().map(|simplex| simplex.to_vec()).collect::<Vec<_>>()).unwrap().euler_characteristic()
}

/// A square of cells whose sides are glued, cut into triangles: a torus, or a Klein bottle where one side is turned.
fn glued(size: usize, is_turned: bool) -> Vec<Vec<usize>> {
    let corner = |x: usize, y: usize| {
        let y = if is_turned && x == size { 2 * size - y } else { y } % size;
        x % size * size + y
    };
    let cell = |at: usize| {
        let (x, y) = (at / size, at % size);
        let [a, b, c, d] = [corner(x, y), corner(x + 1, y), corner(x, y + 1), corner(x + 1, y + 1)];
        [vec![a, b, d], vec![a, c, d]]
    };
    (0..size * size).flat_map(cell).collect()
}

#[test]
fn a_torus_and_a_klein_bottle_differ_in_torsion() {
    for size in [4, 7, 30] {
        let groups = Complex::new(&glued(size, false)).unwrap().homology();
        assert_eq!(groups.iter().map(|group| group.betti).collect::<Vec<_>>(), [1, 2, 1]);
        assert!(groups.iter().all(|group| group.torsion.is_empty() && group.betti == group.betti_mod_2));
        let groups = Complex::new(&glued(size, true)).unwrap().homology();
        assert_eq!(groups.iter().map(|group| group.betti).collect::<Vec<_>>(), [1, 1, 0]);
        assert_eq!(groups.iter().map(|group| group.betti_mod_2).collect::<Vec<_>>(), [1, 2, 1]);
        assert_eq!(groups[1].torsion, [dashu_int::UBig::from(2u8)]);
    }
}

#[test]
fn complexes_that_cannot_be_are_refused() {
    let make = |list: &[&[usize]]| Complex::new(&list.iter().map(|simplex| simplex.to_vec()).collect::<Vec<_>>());
    assert!(matches!(make(&[]), Err(Error::Empty(_))));
    assert!(matches!(make(&[&[0], &[]]), Err(Error::Empty(_))));
    let twice = make(&[&[0, 1], &[2, 1, 2]]).unwrap_err();
    assert_eq!(twice.to_string(), "simplex 1 has corner 2 twice; name each corner once");
    let corners: Vec<usize> = (0..14).collect();
    assert!(matches!(make(&[&corners]), Err(Error::TooLarge { unit: "corners", .. })));
    let many: Vec<Vec<usize>> = (0..9_000).map(|corner| vec![corner]).collect();
    assert!(matches!(Complex::new(&many), Err(Error::TooLarge { unit: "simplices", .. })));
    let whole = make(&[&corners[..13]]).unwrap();
    assert_eq!((whole.dimension(), whole.counts().iter().sum::<usize>()), (12, 8191));
    assert_eq!(whole.homology().iter().map(|group| group.betti).sum::<usize>(), 1);
}

/// The rank of a boundary matrix over two elements, by elimination of bits: another way than the normal form.
fn rank_mod_2(mut rows: Vec<u128>) -> usize {
    let mut rank = 0;
    while let Some(row) = rows.pop() {
        if row != 0 {
            rank += 1;
            let low = row.trailing_zeros();
            rows.iter_mut().filter(|other| **other >> low & 1 == 1).for_each(|other| *other ^= row);
        }
    }
    rank
}

fn any_complex() -> impl Strategy<Value = Vec<Vec<usize>>> {
    let simplex = prop::collection::btree_set(0usize..8, 1..5).prop_map(|corners| corners.into_iter().collect());
    prop::collection::vec(simplex, 1..14)
}

proptest! {
    #[test]
    fn betti_numbers_make_the_euler_characteristic(list in any_complex()) {
        let complex = Complex::new(&list).unwrap();
        let groups = complex.homology();
        let signed = |pick: fn(&nexus_mprime::topology::HomologyGroup) -> usize| {
            groups.iter().enumerate().map(|(d, group)| pick(group) as i64 * if d % 2 == 0 { 1 } else { -1 }).sum::<i64>()
        };
        prop_assert_eq!(signed(|group| group.betti), complex.euler_characteristic());
        prop_assert_eq!(signed(|group| group.betti_mod_2), complex.euler_characteristic());
        // The universal coefficient theorem.
        for (d, group) in groups.iter().enumerate() {
            let even = |d: usize| groups[d].torsion.iter().filter(|order| order.trailing_zeros() != Some(0)).count();
            let below = if d == 0 { 0 } else { even(d - 1) };
            prop_assert_eq!(group.betti_mod_2, group.betti + even(d) + below);
        }
    }

    #[test]
    fn loops_of_graphs_are_counted_over_two_elements(pairs in prop::collection::btree_set((0usize..9, 0usize..9), 1..40)) {
        let list: Vec<Vec<usize>> = pairs.into_iter().filter(|(a, b)| a < b).map(|(a, b)| vec![a, b]).collect();
        prop_assume!(!list.is_empty());
        let complex = Complex::new(&list).unwrap();
        let rank = rank_mod_2(list.iter().map(|pair| 1u128 << pair[0] | 1u128 << pair[1]).collect());
        let groups = complex.homology();
        prop_assert_eq!(groups[0].betti_mod_2, complex.counts()[0] - rank);
        prop_assert_eq!(groups[1].betti_mod_2, list.len() - rank);
    }

    #[test]
    fn transforms_are_undone(
        factors in prop::collection::vec(prop_oneof![-5.0..-0.2, 0.2..5.0], 1..=10),
        by in prop::collection::vec(-5.0..5.0, 10),
        angle in -7.0..7.0,
    ) {
        let d = factors.len();
        let mut all = Transform::scaling(&factors).unwrap();
        all = all.then(&Transform::translation(&by[..d]).unwrap()).unwrap();
        if d > 1 {
            all = all.then(&Transform::rotation(d, 0, d - 1, angle).unwrap()).unwrap();
        }
        all = all.then(&Transform::reflection(&by[..d]).unwrap()).unwrap();
        let back = all.inverse().unwrap().apply(&all.apply(&factors).unwrap()).unwrap();
        for (a, b) in back.iter().zip(&factors) {
            prop_assert!((a - b).abs() < 1e-9, "{a} {b}");
        }
    }
}

fn near(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
}

#[test]
fn transforms_move_points_as_they_say() {
    let quarter = std::f64::consts::FRAC_PI_2;
    let turn = Transform::rotation(2, 0, 1, quarter).unwrap();
    assert!(near(&turn.apply(&[1.0, 0.0]).unwrap(), &[0.0, 1.0]));
    let moved = Transform::translation(&[1.0, 2.0, 3.0]).unwrap();
    assert_eq!(moved.apply(&[1.0, 1.0, 1.0]).unwrap(), [2.0, 3.0, 4.0]);
    assert_eq!(moved.rows()[1], [0.0, 1.0, 0.0, 2.0]);
    // First turned, then moved: the order counts.
    let step = Transform::translation(&[5.0, 0.0]).unwrap();
    assert!(near(&turn.then(&step).unwrap().apply(&[1.0, 0.0]).unwrap(), &[5.0, 1.0]));
    assert!(near(&step.then(&turn).unwrap().apply(&[1.0, 0.0]).unwrap(), &[0.0, 6.0]));
    let mirror = Transform::reflection(&[1e200, 1e200]).unwrap();
    assert!(near(&mirror.apply(&[1.0, 0.0]).unwrap(), &[0.0, -1.0]));
    let small = Transform::scaling(&[1e-200, 1e200]).unwrap();
    assert_eq!(small.inverse().unwrap().apply(&[1e-200, 1e200]).unwrap(), [1.0, 1.0]);
    let ten = Transform::identity(10).unwrap();
    assert_eq!(ten.apply(&[3.0; 10]).unwrap(), [3.0; 10]);
}

#[test]
fn transforms_that_cannot_be_are_refused() {
    assert!(matches!(Transform::identity(0), Err(Error::Empty(_))));
    assert!(matches!(Transform::identity(11), Err(Error::TooLarge { .. })));
    assert!(matches!(Transform::scaling(&[f64::NAN]), Err(Error::NotFinite { .. })));
    assert!(matches!(Transform::rotation(3, 0, 3, 1.0), Err(Error::Unknown { what: "axis", .. })));
    assert!(matches!(Transform::rotation(3, 1, 1, 1.0), Err(Error::SameAxis(1))));
    assert!(matches!(Transform::rotation(3, 1, 2, f64::INFINITY), Err(Error::NotFinite { .. })));
    assert!(matches!(Transform::reflection(&[0.0, 0.0]), Err(Error::ZeroNormal)));
    assert!(matches!(Transform::scaling(&[1.0, 0.0]).unwrap().inverse(), Err(Error::Singular)));
    let (plane, space) = (Transform::identity(2).unwrap(), Transform::identity(3).unwrap());
    assert!(matches!(plane.then(&space), Err(Error::Length { .. })));
    assert!(matches!(plane.apply(&[1.0]), Err(Error::Length { .. })));
    let large = Transform::scaling(&[1e200]).unwrap();
    assert!(matches!(large.then(&large), Err(Error::NotFinite { .. })));
    assert!(matches!(large.apply(&[1e200]), Err(Error::NotFinite { .. })));
}
