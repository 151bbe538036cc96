//! Derivatives of densities, distribution functions and quantiles against central differences of the same operations
//! without a tape, which are compared with SciPy in `nexus-numerics`.
//!
//! Tolerance: 1e-6 of the larger of the derivative and 1.

use nexus_library::{Algebra, Item, Tape, Var, find};
use nexus_tensor::{Arg, Context, DType, Device, Tensor};

/// Families with parameters, and values inside of them.
const FAMILIES: [(&str, &[f64], &[f64]); 12] = [
    ("normal", &[0.4, 1.3], &[-2.0, 0.4, 3.1]),
    ("lognormal", &[0.4, 0.7], &[0.2, 1.1, 6.0]),
    ("uniform", &[-1.0, 3.0], &[-0.5, 2.5]),
    ("exponential", &[1.7], &[0.1, 2.0]),
    ("gamma", &[2.3, 0.8], &[0.3, 2.0, 9.0]),
    ("beta", &[1.4, 2.6], &[0.1, 0.5, 0.9]),
    ("student_t", &[4.2], &[-3.0, 0.2, 1.0]),
    ("chi2", &[3.3], &[0.4, 5.0]),
    ("fisher_f", &[3.5, 7.2], &[0.3, 2.0]),
    ("poisson", &[2.6], &[0.0, 1.0, 5.0]),
    ("binomial", &[6.0, 0.35], &[0.0, 2.0, 6.0]),
    ("bernoulli", &[0.35], &[0.0, 1.0]),
];
const DISCRETE: [&str; 3] = ["poisson", "binomial", "bernoulli"];

fn call(t: &Algebra<'_>, name: &str, args: &[Item]) -> Result<Item, String> {
    t.named(find(name).expect("it exists"), args).map_err(|error| error.to_string())
}

/// `function(family(parameters), x)`, the numbers being `parameters` and then `x`.
fn apply(t: &Algebra<'_>, (function, family): (&str, &str), numbers: &[Item]) -> Result<Item, String> {
    let (x, parameters) = numbers.split_last().expect("a value");
    let d = call(t, &format!("stats.{family}"), parameters)?;
    call(t, &format!("stats.{function}"), &[d, x.clone()])
}

fn number(item: &Item) -> f64 {
    match item.plain() {
        Arg::Scalar(value) => value,
        other => panic!("{other:?} is no number"),
    }
}

/// The derivative with respect to number `at` by a tape, and the value along the way.
fn derivative(t: &Algebra<'_>, what: (&str, &str), numbers: &[f64], at: usize) -> Result<(f64, f64), String> {
    let tape = Tape::new(0);
    let mut items: Vec<Item> = numbers.iter().map(|&x| Var::scalar(x).into()).collect();
    let variable = tape.variable(Var::scalar(numbers[at])).expect("it is followed");
    items[at] = variable.clone().into();
    let result = apply(t, what, &items)?;
    let Item::Var(output) = &result else { panic!("no number") };
    let seed = tape.seed(t, output).expect("one number");
    let found = tape.gradients(t, output, seed, &[variable]).map_err(|error| error.to_string())?.remove(0);
    Ok((number(&found.into()), number(&result)))
}

fn value(t: &Algebra<'_>, what: (&str, &str), numbers: &[f64]) -> f64 {
    let items: Vec<Item> = numbers.iter().map(|&x| Var::scalar(x).into()).collect();
    number(&apply(t, what, &items).expect("it runs"))
}

fn by_differences(t: &Algebra<'_>, what: (&str, &str), numbers: &[f64], at: usize) -> f64 {
    let h = 1e-5;
    let side = |h: f64| {
        let mut moved = numbers.to_vec();
        moved[at] += h;
        value(t, what, &moved)
    };
    (side(h) - side(-h)) / (2.0 * h)
}

fn close(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{what}: {found}, {expected} by differences");
}

#[test]
fn densities_have_the_derivatives_that_differences_show() {
    let ctx = Context::new(Device::cpu());
    let t = Algebra::new(&ctx);
    for (family, parameters, values) in FAMILIES {
        for (function, &x) in ["logpdf", "pdf"].iter().flat_map(|f| values.iter().map(move |x| (*f, x))) {
            let numbers: Vec<f64> = parameters.iter().copied().chain([x]).collect();
            let is_discrete = DISCRETE.contains(&family);
            // A mass is there at whole numbers only, also of trials.
            let fixed = usize::from(is_discrete);
            for at in usize::from(family == "binomial")..numbers.len() - fixed {
                let what = format!("{function} of {family}{numbers:?} by {at}");
                let (found, seen) = derivative(&t, (function, family), &numbers, at).expect(&what);
                let plain = value(&t, (function, family), &numbers);
                assert!((seen - plain).abs() <= 1e-12 * plain.abs().max(1.0), "{what}: {seen} traced, {plain} plain");
                close(found, by_differences(&t, (function, family), &numbers, at), &what);
            }
        }
    }
}

#[test]
fn distribution_functions_and_quantiles_have_the_derivatives_that_differences_show() {
    let ctx = Context::new(Device::cpu());
    let t = Algebra::new(&ctx);
    let closed = [("normal", 2), ("lognormal", 2), ("uniform", 2), ("exponential", 1), ("gamma", 2)];
    for (family, parameters, values) in FAMILIES.iter().filter(|(family, ..)| !DISCRETE.contains(family)) {
        let known = closed.iter().find(|(name, _)| name == family).map_or(0, |(_, count)| *count);
        for function in ["cdf", "sf", "ppf"] {
            let fractions = [0.05, 0.4, 0.9];
            let arguments: &[f64] = if function == "ppf" { &fractions } else { values };
            for &x in arguments {
                let numbers: Vec<f64> = parameters.iter().copied().chain([x]).collect();
                for at in 0..numbers.len() {
                    let what = format!("{function} of {family}{numbers:?} by {at}");
                    let found = derivative(&t, (function, family), &numbers, at);
                    // Of the gamma family's parameters only the rate has a closed form.
                    if at < parameters.len() && (at >= known || (*family == "gamma" && at == 0)) {
                        let error = found.expect_err(&what);
                        assert!(error.contains("is not known") && error.contains(family), "{error}");
                    } else {
                        close(found.expect(&what).0, by_differences(&t, (function, family), &numbers, at), &what);
                    }
                }
            }
        }
    }
}

#[test]
fn where_there_is_no_density_nothing_depends_on_anything() {
    let ctx = Context::new(Device::cpu());
    let t = Algebra::new(&ctx);
    let outside = [
        ("lognormal", [0.4, 0.7, -1.0]),
        ("uniform", [0.0, 1.0, 2.0]),
        ("gamma", [2.3, 0.8, -1.0]),
        ("beta", [1.4, 2.6, 1.5]),
        ("binomial", [6.0, 0.35, 2.5]),
    ];
    for (family, numbers) in outside {
        for at in 0..3 {
            let found = derivative(&t, ("logpdf", family), &numbers, at).expect(family);
            assert_eq!(found, (0.0, f64::NEG_INFINITY), "{family} by {at}");
            if family != "binomial" {
                assert_eq!(derivative(&t, ("cdf", family), &numbers, 2).expect(family).0, 0.0, "{family}");
            }
        }
    }
    // 0 ln 0 is 0: at the edge these densities are finite.
    assert_eq!(derivative(&t, ("logpdf", "gamma"), &[1.0, 2.0, 0.0], 1).expect("gamma"), (0.5, 2.0_f64.ln()));
    assert_eq!(derivative(&t, ("logpdf", "binomial"), &[3.0, 0.5, 3.0], 1).expect("binomial").0, 6.0);
}

fn tensor(ctx: &Context, shape: &[usize], values: &[f64]) -> Var {
    Var::Plain(Arg::Tensor(Tensor::from_f64s(ctx, DType::F64, shape, values).expect("the engine computes it")))
}

fn values_of(ctx: &Context, x: &Var) -> Vec<f64> {
    match x.plain() {
        Arg::Tensor(tensor) => tensor.to_f64s(ctx).expect("the engine computes it"),
        other => panic!("{other:?} is no tensor"),
    }
}

/// The sum of the log densities of `x` under a family of vectors with these parameters.
fn vector_density(t: &Algebra<'_>, family: &str, given: &[Var]) -> Var {
    let items: Vec<Item> = given.iter().cloned().map(Item::from).collect();
    let (x, parameters) = items.split_last().expect("values");
    let d = call(t, &format!("stats.{family}"), parameters).expect("it is a distribution");
    let Item::Var(found) = call(t, "stats.logpdf", &[d, x.clone()]).expect("it runs") else { panic!("no tensor") };
    t.number(&found).expect("it adds up")
}

#[test]
fn densities_of_vectors_have_the_derivatives_that_differences_show() {
    let ctx = Context::new(Device::cpu());
    let t = Algebra::new(&ctx);
    let normal = [
        tensor(&ctx, &[2], &[0.3, -1.0]),
        tensor(&ctx, &[2, 2], &[2.0, 0.6, 0.6, 1.5]),
        tensor(&ctx, &[3, 2], &[0.1, 0.2, -1.0, 2.0, 0.5, -0.7]),
    ];
    let dirichlet = [tensor(&ctx, &[3], &[0.7, 2.0, 3.1]), tensor(&ctx, &[2, 3], &[0.2, 0.3, 0.5, 0.1, 0.6, 0.3])];
    // Shares add up to 1: they have no derivative one by one.
    for (family, given, ats) in
        [("multivariate_normal", &normal[..], vec![0, 1, 2]), ("dirichlet", &dirichlet[..], vec![0])]
    {
        for at in ats {
            let tape = Tape::new(0);
            let variable = tape.variable(given[at].clone()).expect("it is followed");
            let mut traced = given.to_vec();
            traced[at] = variable.clone();
            let output = vector_density(&t, family, &traced);
            let seed = tape.seed(&t, &output).expect("one number");
            let found = tape.gradients(&t, &output, seed, &[variable]).expect("it has one").remove(0);
            let (found, start) = (values_of(&ctx, &found), values_of(&ctx, &given[at]));
            let is_covariance = given[at].shape() == [2, 2];
            for k in 0..start.len() {
                // A covariance matrix stays symmetric.
                let mirrored = if is_covariance { [0, 2, 1, 3][k] } else { k };
                let side = |h: f64| {
                    let mut moved = start.clone();
                    moved[k] += h;
                    moved[mirrored] = moved[k];
                    let mut all = given.to_vec();
                    all[at] = tensor(&ctx, given[at].shape(), &moved);
                    number(&vector_density(&t, family, &all).into())
                };
                let expected = (side(1e-5) - side(-1e-5)) / 2e-5;
                let sum = if mirrored == k { found[k] } else { found[k] + found[mirrored] };
                close(sum, expected, &format!("{family} by {at}, element {k}"));
            }
        }
    }
}

#[test]
fn derivatives_of_derivatives_of_densities_are_right() {
    let ctx = Context::new(Device::cpu());
    let t = Algebra::new(&ctx);
    // d²/da² of the log density of a gamma distribution is minus trigamma of the shape; of a normal one by x, -1/std².
    for (family, numbers, at, expected) in
        [("gamma", [2.5, 1.5, 0.9], 0, -trigamma(2.5)), ("normal", [0.3, 1.3, 2.0], 2, -1.0 / (1.3 * 1.3))]
    {
        let (outer, inner) = (Tape::new(0), Tape::new(1));
        let followed = outer.variable(Var::scalar(numbers[at])).expect("it is followed");
        let variable = inner.variable(followed.clone()).expect("it is followed");
        let mut items: Vec<Item> = numbers.iter().map(|&x| Var::scalar(x).into()).collect();
        items[at] = variable.clone().into();
        let Item::Var(output) = apply(&t, ("logpdf", family), &items).expect("it runs") else { panic!("no number") };
        let seed = inner.seed(&t, &output).expect("one number");
        let first = inner.gradients(&t, &output, seed, &[variable]).expect("it has one").remove(0);
        let seed = outer.seed(&t, &first).expect("one number");
        let second = outer.gradients(&t, &first, seed, &[followed]).expect("it has one").remove(0);
        close(number(&second.into()), expected, family);
    }
}

/// SciPy's `polygamma(1, x)` at 2.5.
fn trigamma(x: f64) -> f64 {
    assert_eq!(x, 2.5);
    0.490_357_756_100_234_9
}
