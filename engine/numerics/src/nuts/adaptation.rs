//! What the sampler learns in its warm-up: a step size, and the scale of each coordinate. The schedule is Stan's.

/// Dual averaging of the step size (Hoffman and Gelman, 2014, §3.2, with the constants given there).
pub(super) struct StepSize {
    target: f64,
    centre: f64,
    count: f64,
    shortfall: f64,
    now: f64,
    mean: f64,
}

const SHRINKAGE: f64 = 0.05;
const OFFSET: f64 = 10.0;
const FORGETTING: f64 = 0.75;

impl StepSize {
    pub(super) fn new(first: f64, target: f64) -> StepSize {
        StepSize { target, centre: (10.0 * first).ln(), count: 0.0, shortfall: 0.0, now: first.ln(), mean: first.ln() }
    }

    pub(super) fn now(&self) -> f64 {
        self.now.exp()
    }

    /// The mean of the sizes so far, which is used after the warm-up.
    pub(super) fn settled(&self) -> f64 {
        self.mean.exp()
    }

    pub(super) fn learn(&mut self, acceptance: f64) {
        self.count += 1.0;
        let share = 1.0 / (self.count + OFFSET);
        self.shortfall += share * (self.target - acceptance.min(1.0) - self.shortfall);
        self.now = self.centre - self.shortfall * self.count.sqrt() / SHRINKAGE;
        let weight = self.count.powf(-FORGETTING);
        self.mean += weight * (self.now - self.mean);
    }
}

/// Variances of coordinates, by Welford's method.
pub(super) struct Scales {
    count: f64,
    means: Vec<f64>,
    squares: Vec<f64>,
}

impl Scales {
    pub(super) fn new(coordinates: usize) -> Scales {
        Scales { count: 0.0, means: vec![0.0; coordinates], squares: vec![0.0; coordinates] }
    }

    pub(super) fn add(&mut self, place: &[f64]) {
        self.count += 1.0;
        for ((x, mean), square) in place.iter().zip(&mut self.means).zip(&mut self.squares) {
            let distance = x - *mean;
            *mean += distance / self.count;
            *square += distance * (x - *mean);
        }
    }

    /// The variances, drawn a little towards a small one as few draws ask for; begins again.
    pub(super) fn take(&mut self) -> Vec<f64> {
        let n = self.count;
        let one = |square: &f64| {
            let variance = if n > 1.0 { square / (n - 1.0) } else { 1.0 };
            n / (n + 5.0) * variance + 1e-3 * 5.0 / (n + 5.0)
        };
        let variances = self.squares.iter().map(one).collect();
        *self = Scales::new(self.means.len());
        variances
    }
}

/// When scales are learned: after a first stretch for the step size, in windows of doubling length, before a last stretch.
pub(super) struct Windows {
    first: usize,
    ends: Vec<usize>,
}

/// The schedule of a warm-up.
pub(super) fn windows(warmup: usize) -> Windows {
    if warmup < 20 {
        return Windows { first: warmup, ends: Vec::new() };
    }
    let (first, last, mut size) = if warmup >= 150 {
        (75, 50, 25)
    } else {
        (warmup * 15 / 100, warmup / 10, warmup - warmup * 15 / 100 - warmup / 10)
    };
    let stop = warmup - last;
    let mut ends = Vec::new();
    let mut end = first;
    while end < stop {
        // A window that leaves no room for one of twice its length takes all that is left.
        end = if end + size + 2 * size > stop { stop } else { end + size };
        ends.push(end - 1);
        size *= 2;
    }
    Windows { first, ends }
}

impl Windows {
    pub(super) fn collects(&self, i: usize) -> bool {
        i >= self.first && self.ends.last().is_some_and(|&last| i <= last)
    }

    pub(super) fn ends(&self, i: usize) -> bool {
        self.ends.contains(&i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_double_and_fill_the_warm_up() {
        let ends = |warmup| windows(warmup).ends;
        assert_eq!(ends(1000), [99, 149, 249, 449, 949]);
        assert_eq!(ends(150), [99]);
        assert_eq!(ends(100), [89]);
        assert!(ends(10).is_empty());
    }
}
