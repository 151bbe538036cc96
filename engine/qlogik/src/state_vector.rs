//! A small simulator of quantum circuits by state vectors: up to 24 qubits, the gates H X Y Z S T, CNOT, SWAP, and
//! measurement (Nielsen and Chuang 2010, chapter 4).
//!
//! Stands by itself: nothing else of this crate needs it. Circuits are read by `state_vector::circuit`. The memory, 16
//! bytes for each of 2^n amplitudes, is known before it is taken. Qubit 0 is the lowest bit of a basis state.

pub mod circuit;

use crate::error::Error;
use crate::random::Random;

/// The most qubits: 256 MiB of amplitudes.
pub const QUBITS_MAX: usize = 24;

/// A complex number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Amplitude {
    /// Real part.
    pub re: f64,
    /// Imaginary part.
    pub im: f64,
}

impl Amplitude {
    const fn new(re: f64, im: f64) -> Self {
        Amplitude { re, im }
    }

    fn times(self, other: Self) -> Self {
        Amplitude::new(self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re)
    }

    fn plus(self, other: Self) -> Self {
        Amplitude::new(self.re + other.re, self.im + other.im)
    }

    /// The square of its size: a probability.
    pub fn square(self) -> f64 {
        self.re * self.re + self.im * self.im
    }
}

/// A step of a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Hadamard.
    H(usize),
    /// Pauli X: not.
    X(usize),
    /// Pauli Y.
    Y(usize),
    /// Pauli Z.
    Z(usize),
    /// A quarter turn of the phase.
    S(usize),
    /// An eighth turn of the phase.
    T(usize),
    /// Inverts the second where the first is 1.
    Cnot(usize, usize),
    /// Exchanges two qubits.
    Swap(usize, usize),
    /// Measures a qubit, which then is 0 or 1.
    Measure(usize),
}

/// The state of some qubits.
#[derive(Debug, Clone, PartialEq)]
pub struct StateVector {
    qubits: usize,
    amplitudes: Vec<Amplitude>,
}

impl StateVector {
    /// So many qubits, all 0.
    ///
    /// Errors: none, or more than [`QUBITS_MAX`]; more bytes than `memory_max`.
    pub fn new(qubits: usize, memory_max: u64) -> Result<Self, Error> {
        if !(1..=QUBITS_MAX).contains(&qubits) {
            return Err(Error::BadCircuit(format!("{qubits} qubits; between 1 and {QUBITS_MAX} are simulated")));
        }
        let needed = (size_of::<Amplitude>() as u64) << qubits;
        if needed > memory_max {
            let what = format!("a state of {qubits} qubits");
            return Err(Error::TooLarge { what, needed, at_least: false, allowed: memory_max });
        }
        let mut amplitudes = vec![Amplitude::default(); 1 << qubits];
        amplitudes[0].re = 1.0;
        Ok(StateVector { qubits, amplitudes })
    }

    /// How many qubits.
    pub fn qubits(&self) -> usize {
        self.qubits
    }

    /// The amplitude of each basis state; bit q of its number is qubit q.
    pub fn amplitudes(&self) -> &[Amplitude] {
        &self.amplitudes
    }

    /// Applies a step; a measurement draws its outcome, and gives it.
    ///
    /// Errors: a qubit that is not there, or one twice.
    pub fn apply(&mut self, gate: Gate, random: &mut Dice) -> Result<Option<bool>, Error> {
        self.check(gate)?;
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let (zero, one) = (Amplitude::default(), Amplitude::new(1.0, 0.0));
        match gate {
            Gate::H(q) => self.turn(q, [half, half, half, -half].map(|value| Amplitude::new(value, 0.0))),
            Gate::X(q) => self.turn(q, [zero, one, one, zero]),
            Gate::Y(q) => self.turn(q, [zero, Amplitude::new(0.0, -1.0), Amplitude::new(0.0, 1.0), zero]),
            Gate::Z(q) => self.phase(q, Amplitude::new(-1.0, 0.0)),
            Gate::S(q) => self.phase(q, Amplitude::new(0.0, 1.0)),
            Gate::T(q) => self.phase(q, Amplitude::new(half, half)),
            Gate::Cnot(control, target) => self.exchange(1 << control, 1 << target, (1 << control) | (1 << target)),
            Gate::Swap(a, b) => self.exchange(1 << a, 1 << b, 1 << b),
            Gate::Measure(q) => return Ok(Some(self.measure(q, random))),
        }
        Ok(None)
    }

    fn check(&self, gate: Gate) -> Result<(), Error> {
        let qubits = match gate {
            Gate::H(q) | Gate::X(q) | Gate::Y(q) | Gate::Z(q) | Gate::S(q) | Gate::T(q) | Gate::Measure(q) => vec![q],
            Gate::Cnot(a, b) | Gate::Swap(a, b) if a == b => {
                return Err(Error::BadCircuit(format!("a gate has the qubit {a} twice")));
            }
            Gate::Cnot(a, b) | Gate::Swap(a, b) => vec![a, b],
        };
        match qubits.into_iter().find(|&q| q >= self.qubits) {
            Some(q) => Err(Error::BadCircuit(format!("there is no qubit {q}: they go from 0 to {}", self.qubits - 1))),
            None => Ok(()),
        }
    }

    /// Applies the matrix `[a, b, c, d]` to a qubit.
    fn turn(&mut self, qubit: usize, [a, b, c, d]: [Amplitude; 4]) {
        let stride = 1 << qubit;
        for block in self.amplitudes.chunks_exact_mut(2 * stride) {
            let (low, high) = block.split_at_mut(stride);
            for (zero, one) in low.iter_mut().zip(high) {
                let (x, y) = (*zero, *one);
                *zero = a.times(x).plus(b.times(y));
                *one = c.times(x).plus(d.times(y));
            }
        }
    }

    /// Turns the phase where a qubit is 1.
    fn phase(&mut self, qubit: usize, by: Amplitude) {
        let stride = 1 << qubit;
        for block in self.amplitudes.chunks_exact_mut(2 * stride) {
            block[stride..].iter_mut().for_each(|amplitude| *amplitude = by.times(*amplitude));
        }
    }

    /// Exchanges each basis state that has bit `first` and not bit `second` with the one whose bits are `other`.
    fn exchange(&mut self, first: usize, second: usize, other: usize) {
        for state in 0..self.amplitudes.len() {
            if state & first != 0 && state & second == 0 {
                self.amplitudes.swap(state, (state & !(first | second)) | other);
            }
        }
    }

    /// The probability that a qubit is 1.
    ///
    /// Errors: a qubit that is not there.
    pub fn probability(&self, qubit: usize) -> Result<f64, Error> {
        self.check(Gate::Measure(qubit))?;
        let ones = self.amplitudes.chunks_exact(2 << qubit).flat_map(|block| &block[1 << qubit..]);
        Ok(ones.map(|amplitude| amplitude.square()).sum::<f64>().min(1.0))
    }

    fn measure(&mut self, qubit: usize, random: &mut Dice) -> bool {
        let stride = 1 << qubit;
        let mut of = [0.0; 2];
        for (state, amplitude) in self.amplitudes.iter().enumerate() {
            of[usize::from(state & stride != 0)] += amplitude.square();
        }
        let is_one = random.0.choose(&of, of[0] + of[1]) == 1;
        let scale = 1.0 / of[usize::from(is_one)].sqrt();
        for (state, amplitude) in self.amplitudes.iter_mut().enumerate() {
            let kept = if (state & stride != 0) == is_one { scale } else { 0.0 };
            *amplitude = Amplitude::new(amplitude.re * kept, amplitude.im * kept);
        }
        is_one
    }

    /// The basis state that a measurement of all qubits would find; the state stays as it is.
    pub fn sample(&self, random: &mut Dice) -> usize {
        let mut rest = random.0.uniform() * self.amplitudes.iter().map(|amplitude| amplitude.square()).sum::<f64>();
        for (state, amplitude) in self.amplitudes.iter().enumerate() {
            rest -= amplitude.square();
            if rest < 0.0 {
                return state;
            }
        }
        // Rounding may leave a crumb: it belongs to the last that is possible.
        self.amplitudes.iter().rposition(|amplitude| amplitude.square() > 0.0).unwrap_or(0)
    }
}

/// The chance that measurements take: a function of its seed.
#[derive(Debug, Clone)]
pub struct Dice(Random);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Dice(Random::new(seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_that_is_entangled_is_measured_alike() {
        let mut ones = 0;
        for seed in 0..400 {
            let mut dice = Dice::new(seed);
            let mut pair = StateVector::new(2, 1 << 20).unwrap();
            pair.apply(Gate::H(0), &mut dice).unwrap();
            pair.apply(Gate::Cnot(0, 1), &mut dice).unwrap();
            assert!((pair.probability(1).unwrap() - 0.5).abs() < 1e-15);
            let first = pair.apply(Gate::Measure(1), &mut dice).unwrap();
            assert_eq!(pair.apply(Gate::Measure(0), &mut dice).unwrap(), first);
            ones += u32::from(first == Some(true));
        }
        // Five standard deviations of a fair coin.
        assert!((150..=250).contains(&ones), "{ones}");
    }

    #[test]
    fn what_cannot_be_simulated_is_refused() {
        assert!(matches!(StateVector::new(25, u64::MAX), Err(Error::BadCircuit(_))));
        assert!(matches!(StateVector::new(20, 1 << 20), Err(Error::TooLarge { needed: 16_777_216, .. })));
        let mut one = StateVector::new(1, 1 << 20).unwrap();
        assert!(one.apply(Gate::X(1), &mut Dice::new(0)).is_err());
        assert!(one.apply(Gate::Swap(0, 0), &mut Dice::new(0)).is_err());
    }
}
