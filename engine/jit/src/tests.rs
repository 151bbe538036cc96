//! Units as a language would write them: what inlining keeps, and what a store of machine code may do.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Mutex;

use crate::ir::{
    Array, ArrayParameter, Block, BlockId, Constant, Element, End, Exit, ExitId, Function, FunctionId, IntOperator,
    Operation, Order, Type, Unit, Variable,
};
use crate::{
    ArrayArgument, ArrayElements, Budget, CodeStore, NativeUnit, Origin, Outcome, Scratch, Supervisor, compile,
    compile_with,
};

const V: fn(u32) -> Variable = Variable;
const EXIT: ExitId = ExitId(0);

/// `f(n) = n < 2 ? n : f(n - 1) + f(n - 2)`; its exit tells `n` at site 7.
fn fib() -> Unit {
    let int = |to, value| Operation::Constant { to, value: Constant::Int(value) };
    let arithmetic = |operator, to, a, b| Operation::Int { operator, to, a, b, exit: EXIT };
    let call = |argument, to| Operation::Call {
        function: FunctionId(0),
        arguments: vec![argument],
        arrays: Vec::new(),
        to: Some(to),
        exit: EXIT,
        open: 0,
    };
    let blocks = vec![
        Block {
            operations: vec![int(V(1), 2), Operation::CompareInt { order: Order::Less, to: V(2), a: V(0), b: V(1) }],
            end: End::Branch { condition: V(2), then: BlockId(1), otherwise: BlockId(2) },
        },
        Block { operations: Vec::new(), end: End::Return(Some(V(0))) },
        Block {
            operations: vec![
                int(V(3), 1),
                arithmetic(IntOperator::Subtract, V(4), V(0), V(3)),
                call(V(4), V(5)),
                arithmetic(IntOperator::Subtract, V(4), V(0), V(1)),
                call(V(4), V(6)),
                arithmetic(IntOperator::Add, V(7), V(5), V(6)),
            ],
            end: End::Return(Some(V(7))),
        },
    ];
    let mut variables = vec![Type::Int; 8];
    variables[2] = Type::Bool;
    Unit {
        functions: vec![Function {
            variables,
            parameters: vec![V(0)],
            arrays: Vec::new(),
            result: Some(Type::Int),
            blocks,
            exits: vec![Exit { site: 7, live: vec![V(0)], outer: None }],
        }],
    }
}

/// Grants everything.
struct Free;

impl Supervisor for Free {
    fn more_calls(&mut self) -> Option<NonZeroU64> {
        NonZeroU64::new(1_000)
    }
}

fn call(unit: &NativeUnit, argument: i64, depth: u64) -> (Outcome, Vec<(u32, Vec<u64>)>) {
    let mut budget = Budget { loops: 1_000, calls: 1_000, depth };
    let mut scratch = Scratch::default();
    let outcome = unit.call(&[Constant::Int(argument)], &mut [], &mut budget, &mut Free, &mut scratch);
    let exits = scratch.exits().map(|(site, values)| (site, values.to_vec())).collect();
    (outcome, exits)
}

#[test]
fn a_recursion_that_is_written_out_gives_what_it_gave() {
    let unit = compile(&fib()).unwrap();
    for (n, expected) in [(0, 0), (1, 1), (10, 55), (25, 75_025)] {
        assert_eq!(call(&unit, n, 1_000), (Outcome::Returned(Some(Constant::Int(expected))), Vec::new()));
    }
}

#[test]
fn the_depth_of_calls_counts_those_that_were_inlined() {
    let unit = compile(&fib()).unwrap();
    // f(n) opens n - 1 calls inside the outermost one.
    for n in 2..40_u64 {
        let argument = n.cast_signed();
        if n < 20 {
            assert!(matches!(call(&unit, argument, n - 1).0, Outcome::Returned(_)), "{n}");
        }
        let (outcome, exits) = call(&unit, argument, n - 2);
        // Every open call is told, innermost first, with the argument that it had.
        let expected: Vec<(u32, Vec<u64>)> = (2..=n).map(|argument| (7, vec![argument])).collect();
        assert_eq!((outcome, exits), (Outcome::Left, expected), "{n}");
    }
}

#[test]
fn elements_are_checked_whatever_is_known_of_their_index() {
    // Writes 5 to place 1, reads place 1 and place `i`, gives their sum; site 3 where a place is beyond the end.
    let int = |to, value| Operation::Constant { to, value: Constant::Int(value) };
    let load = |to, index| Operation::Load {
        to,
        array: Array(0),
        index,
        column: None,
        from_end: true,
        is_inside: false,
        exit: EXIT,
    };
    let operations = vec![
        int(V(1), 1),
        load(V(2), V(0)),
        int(V(3), 5),
        Operation::Store {
            array: Array(0),
            index: V(1),
            column: None,
            from_end: true,
            is_inside: false,
            value: V(3),
            exit: EXIT,
        },
        load(V(4), V(1)),
        load(V(2), V(0)),
        Operation::Int { operator: IntOperator::Add, to: V(5), a: V(2), b: V(4), exit: EXIT },
    ];
    let unit = Unit {
        functions: vec![Function {
            variables: vec![Type::Int; 6],
            parameters: vec![V(0)],
            arrays: vec![ArrayParameter { element: Element::Int, writable: true }],
            result: Some(Type::Int),
            blocks: vec![Block { operations, end: End::Return(Some(V(5))) }],
            exits: vec![Exit { site: 3, live: vec![V(0)], outer: None }],
        }],
    };
    let unit = compile(&unit).unwrap();
    let run = |place: i64, numbers: &mut [i64]| {
        let mut budget = Budget { loops: 10, calls: 10, depth: 10 };
        let mut arrays = [ArrayArgument { elements: ArrayElements::IntsMut(numbers), columns: 1 }];
        let constant = [Constant::Int(place)];
        unit.call(&constant, &mut arrays, &mut budget, &mut Free, &mut Scratch::default())
    };
    let gives = |value| Outcome::Returned(Some(Constant::Int(value)));
    assert_eq!(run(0, &mut [10, 20, 30]), gives(15));
    // What was stored through a known place is seen through one that is not.
    assert_eq!(run(1, &mut [10, 20, 30]), gives(10));
    assert_eq!(run(-1, &mut [10, 20, 30]), gives(35));
    for place in [3, -4, i64::MAX, i64::MIN] {
        assert_eq!(run(place, &mut [10, 20, 30]), Outcome::Left, "{place}");
    }
    assert_eq!(run(0, &mut [10]), Outcome::Left);
}

#[test]
fn a_matrix_is_addressed_by_row_and_column() {
    // Adds 0.1 to the element at (row, column) of a matrix of f32; site 3 where there is none.
    let place = |to| Operation::Load {
        to,
        array: Array(0),
        index: V(0),
        column: Some(V(1)),
        from_end: true,
        is_inside: false,
        exit: EXIT,
    };
    let operations = vec![
        place(V(2)),
        Operation::Constant { to: V(3), value: Constant::Scalar(0.1) },
        Operation::Scalar { operator: crate::ir::ScalarOperator::Add, to: V(2), a: V(2), b: V(3), exit: EXIT },
        Operation::Store {
            array: Array(0),
            index: V(0),
            column: Some(V(1)),
            from_end: true,
            is_inside: false,
            value: V(2),
            exit: EXIT,
        },
        place(V(4)),
    ];
    let unit = Unit {
        functions: vec![Function {
            variables: vec![Type::Int, Type::Int, Type::Scalar, Type::Scalar, Type::Scalar],
            parameters: vec![V(0), V(1)],
            arrays: vec![ArrayParameter { element: Element::Single, writable: true }],
            result: Some(Type::Scalar),
            blocks: vec![Block { operations, end: End::Return(Some(V(4))) }],
            exits: vec![Exit { site: 3, live: vec![V(0)], outer: None }],
        }],
    };
    let unit = compile(&unit).unwrap();
    let mut numbers: Vec<f32> = (0..6_u8).map(f32::from).collect();
    let mut run = |row: i64, column: i64, columns: usize| {
        let mut budget = Budget { loops: 10, calls: 10, depth: 10 };
        let mut arrays = [ArrayArgument { elements: ArrayElements::SinglesMut(&mut numbers), columns }];
        let arguments = [Constant::Int(row), Constant::Int(column)];
        unit.call(&arguments, &mut arrays, &mut budget, &mut Free, &mut Scratch::default())
    };
    // What was stored is read again as it was rounded.
    let gives = |value: f32| Outcome::Returned(Some(Constant::Scalar(f64::from(value))));
    assert_eq!(run(1, 2, 3), gives(5.1));
    assert_eq!(run(-2, -3, 3), gives(0.1));
    for (row, column) in [(2, 0), (0, 3), (-3, 0), (0, -4), (i64::MAX, 1), (1, i64::MIN)] {
        assert_eq!(run(row, column, 3), Outcome::Left, "{row}, {column}");
    }
    assert_eq!(run(0, 0, 0), Outcome::Left);
    assert_eq!(numbers, [0.1, 1.0, 2.0, 3.0, 4.0, 5.1]);
}

/// A store in memory.
#[derive(Default)]
struct Shelf {
    kept: Mutex<BTreeMap<[u8; 32], Vec<u8>>>,
}

impl CodeStore for Shelf {
    fn load(&self, key: &[u8; 32]) -> Option<Vec<u8>> {
        self.kept.lock().unwrap().get(key).cloned()
    }

    fn store(&self, key: &[u8; 32], bytes: &[u8]) {
        self.kept.lock().unwrap().insert(*key, bytes.to_vec());
    }

    fn noted(&self, _: Origin) {}
}

#[test]
fn kept_code_is_the_same_code() {
    let shelf = Shelf::default();
    let (first, origin) = compile_with(&fib(), &[], Some(&shelf)).unwrap();
    assert_eq!(origin, Origin::Compiled);
    let (again, origin) = compile_with(&fib(), &[], Some(&shelf)).unwrap();
    assert_eq!((origin, again.code_bytes()), (Origin::Stored, first.code_bytes()));
    assert_eq!(call(&again, 20, 100), call(&first, 20, 100));
    assert_eq!(call(&again, 20, 5), call(&first, 20, 5));
    // Another unit has another key.
    let mut other = fib();
    other.functions[0].exits[0].site = 8;
    assert_eq!(compile_with(&other, &[], Some(&shelf)).unwrap().1, Origin::Compiled);
    assert_eq!(shelf.kept.lock().unwrap().len(), 2);
}

#[test]
fn damaged_code_is_never_run_and_made_again() {
    let shelf = Shelf::default();
    compile_with(&fib(), &[], Some(&shelf)).unwrap();
    let (key, whole) = shelf.kept.lock().unwrap().pop_first().unwrap();
    let damages = (0..whole.len()).step_by(7).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        bytes
    });
    let cuts = [0, 1, 19, 40, whole.len() / 2, whole.len() - 1].map(|length| whole[..length].to_vec());
    for bytes in damages.chain(cuts) {
        assert!(crate::object::open(&key, &bytes).is_none());
    }
    // What was kept under another key is something else.
    assert!(crate::object::open(&[0; 32], &whole).is_none());
    shelf.kept.lock().unwrap().insert(key, whole[..whole.len() - 1].to_vec());
    let (unit, origin) = compile_with(&fib(), &[], Some(&shelf)).unwrap();
    assert_eq!(origin, Origin::Damaged);
    assert_eq!(call(&unit, 10, 100).0, Outcome::Returned(Some(Constant::Int(55))));
    assert_eq!(compile_with(&fib(), &[], Some(&shelf)).unwrap().1, Origin::Stored);
}
