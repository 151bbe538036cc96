//! Real solutions by looking at values: where they change their sign, and where they touch zero at a simple number.

use num_complex::Complex64;

use super::{Constant, Expr, Root, Solution, Values, complex_value};

/// Solutions that a search gives at most.
const FOUND_MAX: usize = 20;
/// Points that are looked at.
const POINTS: i32 = 4_000;
/// How near a simple number must be to what the search found, to be tried in its place.
const NEAR: f64 = 1e-6;

/// Real solutions that a search along the real numbers finds.
pub(super) fn search(expr: &Expr, name: &str) -> Vec<Solution> {
    if expr.symbols().len() > 1 {
        return Vec::new();
    }
    let value = |x: f64| {
        let values = Values::from([(name.to_owned(), x.into())]);
        complex_value(expr, &values)
            .filter(|value| value.im.abs() <= 1e-9 * value.norm().max(1e-3))
            .map(|value| value.re)
            .filter(|y| y.is_finite())
    };
    let mut found: Vec<Root> = Vec::new();
    let mut add = |root: Root| {
        let near = |own: &Root| match (own.value(), root.value()) {
            (Some(own), Some(new)) => (own - new).norm() <= NEAR * new.norm().max(1.0),
            _ => false,
        };
        if !found.iter().any(near) {
            found.push(root);
        }
    };
    // Where the values were and what: at the last two points, and at the last one that was not zero.
    let mut last: Option<(f64, f64)> = None;
    let (mut before, mut signed) = (last, last);
    // Denser near zero: sinh spreads the points from -1000 to 1000.
    for x in (-POINTS / 2..=POINTS / 2).map(|index| (f64::from(index) / f64::from(POINTS / 2) * 7.6).sinh()) {
        let Some(y) = value(x) else {
            (last, before, signed) = (None, None, None);
            continue;
        };
        if let (Some((low, first)), Some((middle, own))) = (before, last)
            && own.abs() <= first.abs().min(y.abs())
            && (first < 0.0) == (y < 0.0)
            && let Some(root) = simple(expr, name, lowest(&value, low, x).unwrap_or(middle))
        {
            add(root);
        }
        // Zero may be what is too small for a float; the signs on both sides tell.
        if y != 0.0
            && let Some((low, own)) = signed
            && (own < 0.0) != (y < 0.0)
            && let Some(root) = bisect(&value, low, x, own)
        {
            let residual = value(root).map_or(f64::INFINITY, f64::abs);
            // A pole changes its sign too, but does not come near zero.
            if residual <= 1e-6 * (own.abs() + y.abs()).max(1.0) {
                add(simple(expr, name, root).unwrap_or(Root::Numerical { value: root.into(), residual }));
            }
        }
        (before, last) = (last, Some((x, y)));
        signed = if y == 0.0 { signed } else { last };
    }
    // Those nearest to zero, of equations that have them without end.
    let size = |own: &Root| own.value().map_or(f64::INFINITY, Complex64::norm);
    found.sort_by(|left, right| size(left).total_cmp(&size(right)));
    found.truncate(FOUND_MAX);
    found.into_iter().map(|root| Solution { root, multiplicity: 1 }).collect()
}

/// A simple number near `x` at which the formula is zero exactly.
fn simple(expr: &Expr, name: &str, x: f64) -> Option<Root> {
    let fractions = (1..=12u32).map(|below| (below, 1.0, Expr::one()));
    let circles = (1..=12u32).map(|below| (below, std::f64::consts::PI, Expr::constant(Constant::Pi)));
    fractions.chain(circles).find_map(|(below, unit, exact)| {
        let above = (x * f64::from(below) / unit).round();
        let is_near = (above * unit / f64::from(below) - x).abs() <= NEAR * x.abs().max(1.0);
        if !is_near || above.abs() > 1e6 {
            return None;
        }
        let candidate = exact * Expr::fraction(above as i64, below);
        expr.substitute(name, &candidate).is_zero().then_some(Root::Exact(candidate))
    })
}

/// Where the size of the values is least between two points, by golden sections.
fn lowest(value: &impl Fn(f64) -> Option<f64>, mut low: f64, mut high: f64) -> Option<f64> {
    const SECTION: f64 = 0.618_033_988_749_894_9;
    for _ in 0..80 {
        let (left, right) = (high - SECTION * (high - low), low + SECTION * (high - low));
        if value(left)?.abs() <= value(right)?.abs() { high = right } else { low = left }
    }
    Some(f64::midpoint(low, high))
}

fn bisect(value: &impl Fn(f64) -> Option<f64>, mut low: f64, mut high: f64, at_low: f64) -> Option<f64> {
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        let own = value(middle)?;
        if own == 0.0 {
            return Some(middle);
        }
        if (own > 0.0) == (at_low > 0.0) { low = middle } else { high = middle }
    }
    let nearest = |x: &f64| value(*x).map_or(f64::INFINITY, f64::abs);
    [low, high].into_iter().min_by(|left, right| nearest(left).total_cmp(&nearest(right)))
}
