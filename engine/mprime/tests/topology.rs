//! Graphs and balls against NetworkX, SciPy and SymPy, whose answers `make_topology.py` wrote down.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use dashu_ratio::RBig;
use nexus_mprime::topology::{
    DIMENSIONS_MAX, Direction, Edge, Error, Grid, Neighbours, WeightedGraph, ball_volume, sphere_surface,
};
use proptest::prelude::*;

const REFERENCES: &str = include_str!("topology.txt");

/// A graph as it is read, and the answers about it.
struct Case {
    direction: Direction,
    vertices: usize,
    edges: Vec<Edge>,
    answers: Vec<(&'static str, Vec<&'static str>)>,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in REFERENCES.lines() {
        let mut words = line.split(' ');
        let kind = words.next().unwrap();
        let rest: Vec<&'static str> = words.collect();
        match kind {
            "graph" => {
                let direction = if rest[0] == "directed" { Direction::Directed } else { Direction::Undirected };
                let vertices = rest[1].parse().unwrap();
                cases.push(Case { direction, vertices, edges: vec![], answers: vec![] });
            }
            "edge" => {
                let [from, to] = [0, 1].map(|at| rest[at].parse().unwrap());
                cases.last_mut().unwrap().edges.push(Edge { from, to, weight: rest[2].parse().unwrap() });
            }
            "volume" | "surface" => {}
            _ => cases.last_mut().unwrap().answers.push((kind, rest)),
        }
    }
    cases
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * b.abs().max(1.0)
}

fn same(found: &[Option<f64>], wanted: &[&str]) -> bool {
    let matches = |(found, wanted): (&Option<f64>, &&str)| match found {
        None => *wanted == "-",
        Some(found) => *wanted != "-" && close(*found, wanted.parse().unwrap()),
    };
    found.len() == wanted.len() && found.iter().zip(wanted).all(matches)
}

#[test]
fn graphs_are_answered_as_networkx_and_scipy_do() {
    let mut asked = [0; 5];
    for case in cases() {
        let graph = WeightedGraph::new(case.vertices, case.edges.clone(), case.direction).unwrap();
        let all = graph.all_distances();
        for (kind, rest) in &case.answers {
            let numbers = || -> Vec<usize> { rest.iter().map(|word| word.parse().unwrap()).collect() };
            match *kind {
                "distances" => {
                    let from = rest[0].parse().unwrap();
                    let found = graph.shortest_paths(from).unwrap();
                    assert!(same(&found.distances, &rest[1..]), "{from}: {:?} {rest:?}", found.distances);
                    if let Ok(all) = &all {
                        assert_eq!(all[from], found.distances);
                    }
                    asked[0] += 1;
                }
                "negative" => {
                    let error = graph.shortest_paths(rest[0].parse().unwrap()).unwrap_err();
                    let Error::NegativeCycle { cycle, sum } = &error else { panic!("{error}") };
                    assert!(!cycle.is_empty() && *sum < 0.0 && cycle.iter().all(|vertex| *vertex < case.vertices));
                    assert!(matches!(all, Err(Error::NegativeCycle { .. })));
                    asked[1] += 1;
                }
                "components" => {
                    assert_eq!(graph.components(), numbers());
                    asked[2] += 1;
                }
                "strong" => {
                    assert_eq!(graph.strong_components(), numbers());
                    asked[3] += 1;
                }
                "tree" => {
                    let tree = graph.minimum_spanning_forest().unwrap();
                    assert!(close(tree.weight, rest[0].parse().unwrap()), "{rest:?}");
                    let pieces = graph.components().iter().max().unwrap() + 1;
                    assert_eq!(tree.edges.len(), case.vertices - pieces);
                    asked[4] += 1;
                }
                other => panic!("{other}"),
            }
        }
    }
    assert!(asked.iter().all(|count| *count > 10), "{asked:?}");
}

#[test]
fn balls_are_those_of_sympy() {
    let mut balls = 0;
    for line in REFERENCES.lines().filter(|line| line.starts_with("volume") || line.starts_with("surface")) {
        let words: Vec<&str> = line.split(' ').collect();
        let ratio = |text: &str| text.parse::<RBig>().unwrap();
        let measure = if words[0] == "volume" { ball_volume } else { sphere_surface };
        let found = measure(words[1].parse().unwrap(), &ratio(words[2])).unwrap();
        assert_eq!((found.factor.clone(), found.pi_power), (ratio(words[3]), words[4].parse().unwrap()), "{line}");
        assert_eq!(found.to_f64(), words[5].parse::<f64>().unwrap(), "{line}");
        balls += 1;
    }
    assert_eq!(balls, 60);
    assert_eq!(ball_volume(3, &RBig::ONE).unwrap().to_string(), "4/3·π");
    assert_eq!(ball_volume(4, &RBig::ONE).unwrap().to_string(), "1/2·π^2");
    assert_eq!(sphere_surface(1, &RBig::from(5u8)).unwrap().to_string(), "2");
    assert_eq!(ball_volume(2, &RBig::ZERO).unwrap().to_string(), "0");
    assert!(matches!(ball_volume(0, &RBig::ONE), Err(Error::Empty(_))));
    assert!(matches!(ball_volume(DIMENSIONS_MAX + 1, &RBig::ONE), Err(Error::TooLarge { .. })));
    assert!(matches!(ball_volume(3, &RBig::NEG_ONE), Err(Error::NegativeRadius(_))));
    let wide = RBig::from(dashu_int::IBig::ONE << 20_000);
    assert!(matches!(sphere_surface(3, &wide), Err(Error::TooLarge { .. })));
}

fn edges(list: &[(usize, usize, f64)]) -> Vec<Edge> {
    list.iter().map(|&(from, to, weight)| Edge { from, to, weight }).collect()
}

#[test]
fn a_negative_circle_is_named_and_rounding_makes_none() {
    let list = [(0, 1, 1.0), (1, 2, -3.0), (2, 3, 1.0), (3, 1, 1.0), (3, 4, 1.0)];
    let graph = WeightedGraph::new(5, edges(&list), Direction::Directed).unwrap();
    let Err(Error::NegativeCycle { mut cycle, sum }) = graph.shortest_paths(0) else { panic!("there is a circle") };
    let first = cycle.iter().position(|vertex| *vertex == 1).unwrap();
    cycle.rotate_left(first);
    assert_eq!((cycle, sum), (vec![1, 2, 3], -1.0));
    // It cannot be reached from its end.
    assert_eq!(graph.shortest_paths(4).unwrap().distances, [None, None, None, None, Some(0.0)]);
    // In floating point 0.1 + 0.2 - 0.3 depends on the order; exactly it is above 0 for these numbers.
    let list = [(0, 1, 0.1), (1, 2, 0.2), (2, 0, -0.3)];
    let graph = WeightedGraph::new(3, edges(&list), Direction::Directed).unwrap();
    assert_eq!(graph.shortest_paths(0).unwrap().distances[0], Some(0.0));
    let list = [(0, 1, -0.1), (1, 2, -0.2), (2, 0, 0.3)];
    let graph = WeightedGraph::new(3, edges(&list), Direction::Directed).unwrap();
    let error = graph.shortest_paths(0).unwrap_err();
    assert!(matches!(error, Error::NegativeCycle { sum, .. } if sum < 0.0 && sum > -1e-16), "{error}");
    let there_and_back = WeightedGraph::new(2, edges(&[(0, 1, -1.0)]), Direction::Undirected).unwrap();
    let error = there_and_back.shortest_paths(0).unwrap_err().to_string();
    assert!(error.ends_with("sum to -2, which is below 0"), "{error}");
    let own = WeightedGraph::new(1, edges(&[(0, 0, -1.0)]), Direction::Directed).unwrap();
    assert_eq!(own.shortest_paths(0), Err(Error::NegativeCycle { cycle: vec![0], sum: -1.0 }));
}

#[test]
fn a_path_is_told_vertex_by_vertex() {
    let list = [(0, 1, 4.0), (0, 2, 1.0), (2, 1, 1.0), (1, 3, 0.0), (2, 3, 5.0)];
    let graph = WeightedGraph::new(5, edges(&list), Direction::Directed).unwrap();
    let found = graph.shortest_paths(0).unwrap();
    assert_eq!(found.path_to(3), Some(vec![0, 2, 1, 3]));
    assert_eq!(found.path_to(0), Some(vec![0]));
    assert_eq!((found.path_to(4), found.path_to(99)), (None, None));
}

#[test]
fn graphs_that_cannot_be_are_refused() {
    let make = |vertices, list: &[(usize, usize, f64)]| WeightedGraph::new(vertices, edges(list), Direction::Directed);
    assert!(matches!(make((1 << 20) + 1, &[]), Err(Error::TooLarge { .. })));
    assert_eq!(make(2, &[(0, 2, 1.0)]).unwrap_err().to_string(), "there is no vertex 2; they go from 0 to 1");
    assert!(matches!(make(0, &[(0, 0, 1.0)]), Err(Error::Unknown { .. })));
    for weight in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(make(1, &[(0, 0, weight)]), Err(Error::NotFinite { .. })));
    }
    let empty = make(0, &[]).unwrap();
    assert!(matches!(empty.shortest_paths(0), Err(Error::Unknown { .. })));
    assert!(empty.components().is_empty() && empty.strong_components().is_empty());
    assert_eq!(empty.all_distances(), Ok(vec![]));
    assert_eq!(empty.minimum_spanning_forest(), Err(Error::Directed));
    assert!(matches!(make(2049, &[]).unwrap().all_distances(), Err(Error::TooLarge { .. })));
    let long: Vec<(usize, usize, f64)> = (0..100_000).map(|at| (at, at + 1, -1.0)).collect();
    assert!(matches!(make(100_001, &long).unwrap().shortest_paths(0), Err(Error::TooLarge { .. })));
    // Few steps, but with weights of two thousand bits.
    let wide: Vec<(usize, usize, f64)> =
        (0..4_000).map(|at| (at, at + 1, if at == 0 { -1e300 } else { 1e-300 })).collect();
    let graph = make(4_001, &wide).unwrap();
    assert!(matches!(graph.shortest_paths(0), Err(Error::TooLarge { .. })));
    assert_eq!(make(2_001, &wide[..2_000]).unwrap().shortest_paths(0).unwrap().distances[2_000], Some(-1e300));
    assert!(matches!(make(2_001, &wide[..2_000]).unwrap().all_distances(), Err(Error::TooLarge { .. })));
    // A chain as deep as a graph may be: nothing recurses.
    let chain: Vec<(usize, usize, f64)> = (0..200_000).map(|at| (at, at + 1, 1e-300 + at as f64)).collect();
    let graph = make(200_001, &chain).unwrap();
    assert_eq!(graph.strong_components()[200_000], 200_000);
    assert_eq!(graph.components()[200_000], 0);
    assert_eq!(graph.shortest_paths(0).unwrap().distances[200_000], Some(199_999.0 * 100_000.0));
}

#[test]
fn grids_are_walked_around_walls() {
    let wall = [(1, 0), (1, 1), (1, 2)];
    let costs = (0..16).map(|cell| (!wall.contains(&(cell / 4, cell % 4))).then_some(1.0)).collect();
    let grid = Grid::new(&[4, 4], costs).unwrap();
    let (from, to) = (grid.cell(&[0, 0]).unwrap(), grid.cell(&[2, 0]).unwrap());
    let found = grid.to_graph(Neighbours::Faces).unwrap().shortest_paths(from).unwrap();
    assert_eq!(found.distances[to], Some(8.0));
    assert_eq!(found.path_to(to).unwrap().len(), 9);
    assert_eq!(found.distances[grid.cell(&[1, 1]).unwrap()], None);
    let found = grid.to_graph(Neighbours::Corners).unwrap().shortest_paths(from).unwrap();
    assert!(close(found.distances[to].unwrap(), 4.0 + 2.0 * 2f64.sqrt()));
    // The far corner of ten dimensions: a step along each axis, or one across.
    let grid = Grid::open(&[2; 10]).unwrap();
    assert_eq!(grid.places(1023).unwrap(), [1; 10]);
    let found = grid.to_graph(Neighbours::Faces).unwrap().shortest_paths(0).unwrap();
    assert_eq!(found.distances[1023], Some(10.0));
    let counts = |shape: &[usize], neighbours| Grid::open(shape).unwrap().to_graph(neighbours).unwrap().edges().len();
    assert_eq!(counts(&[3, 3], Neighbours::Faces), 12);
    assert_eq!(counts(&[3, 3], Neighbours::Corners), 20);
    assert_eq!(counts(&[2, 2, 2], Neighbours::Corners), 28);
    assert_eq!(counts(&[7], Neighbours::Corners), 6);
}

#[test]
fn grids_that_cannot_be_are_refused() {
    assert!(matches!(Grid::open(&[]), Err(Error::Empty(_))));
    assert!(matches!(Grid::open(&[3, 0]), Err(Error::Empty(_))));
    assert!(matches!(Grid::open(&[1; 11]), Err(Error::TooLarge { .. })));
    assert!(matches!(Grid::open(&[usize::MAX; 10]), Err(Error::TooLarge { .. })));
    assert!(matches!(Grid::new(&[2], vec![Some(1.0)]), Err(Error::Length { .. })));
    assert!(matches!(Grid::new(&[1], vec![Some(-1.0)]), Err(Error::NegativeCost { .. })));
    assert!(matches!(Grid::new(&[1], vec![Some(f64::NAN)]), Err(Error::NotFinite { .. })));
    let grid = Grid::open(&[4; 10]).unwrap();
    assert!(matches!(grid.to_graph(Neighbours::Corners), Err(Error::TooLarge { .. })));
    assert!(matches!(grid.cell(&[0; 9]), Err(Error::Length { .. })));
    assert!(matches!(grid.cell(&[4; 10]), Err(Error::Unknown { .. })));
    assert!(matches!(grid.places(usize::MAX), Err(Error::Unknown { .. })));
    let large = Grid::new(&[2], vec![Some(f64::MAX); 2]).unwrap().to_graph(Neighbours::Faces).unwrap();
    assert_eq!(large.shortest_paths(0).unwrap().distances[1], Some(f64::MAX));
}

proptest! {
    #[test]
    fn distances_obey_every_edge(list in prop::collection::vec((0usize..8, 0usize..8, -3i32..20), 0..30)) {
        let list: Vec<Edge> = list.into_iter().map(|(from, to, w)| Edge { from, to, weight: f64::from(w) }).collect();
        let graph = WeightedGraph::new(8, list.clone(), Direction::Directed).unwrap();
        if let Ok(found) = graph.shortest_paths(0) {
            for edge in &list {
                if let Some(length) = found.distances[edge.from] {
                    prop_assert!(found.distances[edge.to].unwrap() <= length + edge.weight);
                }
            }
            for vertex in 0..8 {
                let Some(path) = found.path_to(vertex) else { continue };
                let step = |pair: &[usize]| {
                    let joining = list.iter().filter(|edge| edge.from == pair[0] && edge.to == pair[1]);
                    joining.map(|edge| edge.weight).fold(f64::INFINITY, f64::min)
                };
                prop_assert_eq!(found.distances[vertex], Some(path.windows(2).map(step).sum::<f64>()));
            }
        }
    }
}
