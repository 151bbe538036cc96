//! The ints that a value may be: from one to another, both included. What arithmetic makes of them is exact, or, where
//! a result may not fit, all that does fit.

/// Not empty: `low` is at most `high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// What an operation gives, and whether that certainly fits an int.
pub(crate) type Fitted = (Interval, bool);

impl Interval {
    pub(crate) const ANY: Interval = Interval { low: i64::MIN, high: i64::MAX };

    pub(crate) const fn new(low: i64, high: i64) -> Interval {
        assert!(low <= high, "an interval is not empty");
        Interval { low, high }
    }

    pub(crate) const fn exactly(value: i64) -> Interval {
        Interval { low: value, high: value }
    }

    pub(crate) fn contains(self, value: i64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Whether nothing in it is negative.
    pub(crate) fn is_natural(self) -> bool {
        self.low >= 0
    }

    /// What is in one or the other.
    pub(crate) fn join(self, other: Interval) -> Interval {
        Interval { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// What is in both; `None` where nothing is.
    pub(crate) fn meet(self, other: Interval) -> Option<Interval> {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        (low <= high).then_some(Interval { low, high })
    }

    /// The part of these that fits, and whether all does.
    fn fitted(low: i128, high: i128) -> Fitted {
        let clamp = |wide: i128| wide.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
        let interval = Interval { low: clamp(low), high: clamp(high) };
        (interval, i128::from(interval.low) == low && i128::from(interval.high) == high)
    }

    pub(crate) fn plus(self, other: Interval) -> Fitted {
        let [a, b, c, d] = [self.low, self.high, other.low, other.high].map(i128::from);
        Self::fitted(a + c, b + d)
    }

    pub(crate) fn minus(self, other: Interval) -> Fitted {
        let [a, b, c, d] = [self.low, self.high, other.low, other.high].map(i128::from);
        Self::fitted(a - d, b - c)
    }

    pub(crate) fn times(self, other: Interval) -> Fitted {
        let [a, b, c, d] = [self.low, self.high, other.low, other.high].map(i128::from);
        let corners = [a * c, a * d, b * c, b * d];
        let (low, high) = corners.iter().fold((corners[0], corners[0]), |(l, h), &x| (l.min(x), h.max(x)));
        Self::fitted(low, high)
    }

    /// The floor of the quotient, where the divisor is not zero.
    pub(crate) fn floor_divided(self, divisor: Interval) -> Fitted {
        if divisor.low < 1 {
            return (Interval::ANY, !(divisor.contains(-1) && self.contains(i64::MIN)));
        }
        let quotient = |a: i64, b: i64| a.div_euclid(b);
        let corners = [divisor.low, divisor.high].map(|b| [quotient(self.low, b), quotient(self.high, b)]);
        let low = corners[0][0].min(corners[1][0]);
        (Interval { low, high: corners[0][1].max(corners[1][1]) }, true)
    }

    /// What floor division leaves: of the sign of the divisor, and smaller.
    pub(crate) fn remainder(self, divisor: Interval) -> Interval {
        let high = if self.is_natural() { self.high.min(divisor.high.max(1) - 1) } else { divisor.high.max(1) - 1 };
        Interval { low: divisor.low.min(-1) + 1, high }
    }

    /// What `start..end` (or `..=`) by one counts, and whether that fits.
    pub(crate) fn counted(start: Interval, end: Interval, closed: bool) -> Fitted {
        let (span, fits) = end.minus(start);
        let (span, fits_closed) = span.plus(Interval::exactly(i64::from(closed)));
        (Interval { low: span.low.max(0), high: span.high.max(0) }, fits && fits_closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [i64; 11] = [i64::MIN, i64::MIN + 1, -7, -2, -1, 0, 1, 2, 7, i64::MAX - 1, i64::MAX];

    fn intervals() -> Vec<Interval> {
        let pairs = EDGES.iter().flat_map(|&low| EDGES.iter().map(move |&high| (low, high)));
        pairs.filter(|(low, high)| low <= high).map(|(low, high)| Interval::new(low, high)).collect()
    }

    fn members(interval: Interval) -> impl Iterator<Item = i64> {
        EDGES.into_iter().filter(move |&value| interval.contains(value))
    }

    /// Whether what `exact` gives is in what `of` says; no result is one that does not fit.
    fn check(
        of: impl Fn(Interval, Interval) -> Fitted,
        exact: impl Fn(i64, i64) -> Option<i64>,
        is_left_out: fn(i64) -> bool,
    ) {
        for (a, b) in intervals().into_iter().flat_map(|a| intervals().into_iter().map(move |b| (a, b))) {
            let (said, fits) = of(a, b);
            for (x, y) in members(a).flat_map(|x| members(b).map(move |y| (x, y))) {
                if is_left_out(y) {
                    continue;
                }
                match exact(x, y) {
                    Some(value) => {
                        assert!(said.contains(value), "{x} and {y} in {a:?} and {b:?} give {value}, not in {said:?}")
                    }
                    None => assert!(!fits, "{x} and {y} do not fit, {a:?} and {b:?} say that they do"),
                }
            }
        }
    }

    #[test]
    fn results_are_where_they_are_said_to_be() {
        let floor = |x: i64, y: i64| {
            let quotient = x.checked_div(y)?;
            Some(if x % y != 0 && (x < 0) != (y < 0) { quotient - 1 } else { quotient })
        };
        let modulo = |x: i64, y: i64| {
            let rest = x.wrapping_rem(y);
            Some(if rest != 0 && (rest < 0) != (y < 0) { rest + y } else { rest })
        };
        check(Interval::plus, i64::checked_add, |_| false);
        check(Interval::minus, i64::checked_sub, |_| false);
        check(Interval::times, i64::checked_mul, |_| false);
        check(Interval::floor_divided, floor, |y| y == 0);
        check(|a, b| (a.remainder(b), true), modulo, |y| y == 0);
        let count = |x: i64, y: i64| y.checked_sub(x).map(|span| span.max(0));
        check(|a, b| Interval::counted(a, b, false), count, |_| false);
        let count = |x: i64, y: i64| y.checked_sub(x).and_then(|span| span.checked_add(1)).map(|span| span.max(0));
        check(|a, b| Interval::counted(a, b, true), count, |_| false);
    }

    #[test]
    fn what_fits_is_known_to_fit() {
        let near = Interval::new(-10, 10);
        assert_eq!(near.plus(near), (Interval::new(-20, 20), true));
        assert_eq!(near.minus(Interval::new(1, 2)), (Interval::new(-12, 9), true));
        assert_eq!(near.times(near), (Interval::new(-100, 100), true));
        assert_eq!(near.floor_divided(Interval::new(3, 4)), (Interval::new(-4, 3), true));
        assert_eq!(near.remainder(Interval::exactly(3)), Interval::new(0, 2));
        assert_eq!(Interval::new(0, 1).remainder(Interval::exactly(3)), Interval::new(0, 1));
        assert_eq!(near.meet(Interval::new(11, 12)), None);
    }
}
