//! The error function and the gamma function to any number of bits (Abramowitz and Stegun, "Handbook of Mathematical
//! Functions", 7.1.6 and 6.1.40).

use dashu_float::{Context, round::mode::HalfEven};
use dashu_int::IBig;

use super::{Float, magnitude};
use crate::symbolic::Rational;

/// Bits that are lost on the way.
const LOST: usize = 64;
/// Bits beyond which the gamma function is not computed: its Bernoulli numbers would take minutes.
const GAMMA_BITS_MAX: usize = 20_000;

fn int(context: &Context<HalfEven>, number: impl Into<IBig>) -> Float {
    context.convert_int::<2>(number.into()).value()
}

/// The error function, by a series whose terms are all positive.
pub(super) fn erf(argument: &Float, bits: usize) -> Option<Float> {
    let place = magnitude(argument);
    let Some(place) = place else { return Some(argument.clone()) };
    let context = Context::new(bits + LOST);
    let one = int(&context, 1);
    let x = argument.clone().with_precision(bits + LOST).value();
    let size = if x < Float::ZERO { -x.clone() } else { x };
    let sign = |value: Float| if *argument < Float::ZERO { -value } else { value };
    // What is missing to one is less than exp(-x^2).
    if place > 32 || &size * &size > int(&context, bits as u64) {
        return Some(sign(one));
    }
    let square = &size * &size;
    let (mut term, mut sum) = (size.clone(), size);
    let mut count = 1u64;
    loop {
        term = term * &square * int(&context, 2) / int(&context, 2 * count + 1);
        let is_small =
            magnitude(&term).is_none_or(|place| magnitude(&sum).unwrap_or(0) - place > (bits + LOST) as isize);
        if is_small && int(&context, count) > square {
            break;
        }
        sum += &term;
        count += 1;
    }
    let fall = context.exp((-square).repr(), None).ok()?.value();
    let root = context.sqrt(Float::pi(bits + LOST).repr()).ok()?.value();
    Some(sign(sum * fall * int(&context, 2) / root).with_precision(bits).value())
}

/// The gamma function; `None` at its poles.
pub(super) fn gamma(argument: &Float, bits: usize) -> Option<Float> {
    if bits > GAMMA_BITS_MAX || magnitude(argument).is_some_and(|place| place > 40) {
        return None;
    }
    let work = bits + 2 * LOST;
    let context = Context::new(work);
    let x = argument.clone().with_precision(work).value();
    let (one, half) = (int(&context, 1), int(&context, 1) / int(&context, 2));
    if x < half {
        let pi = Float::pi(work);
        let wave = context.sin((&pi * &x).repr(), None).ok()?.value();
        // A pole is a whole number, whose sine is what rounding left of zero.
        if x.clone().floor() == x || magnitude(&wave).is_none() {
            return None;
        }
        return Some((pi / (wave * gamma(&(one - x), bits)?)).with_precision(bits).value());
    }
    let least = int(&context, (bits / 4 + 8) as u64);
    let (mut z, mut below) = (x, one.clone());
    while z < least {
        below *= &z;
        z += &one;
    }
    let logarithm = context.ln(z.repr(), None).ok()?.value();
    let circle = context.ln((Float::pi(work) * int(&context, 2)).repr(), None).ok()?.value();
    let mut sum = (&z - &half) * logarithm - &z + circle * &half;
    let (mut power, square) = (z.clone(), &z * &z);
    let mut bernoulli = Bernoulli::default();
    for count in 1u64.. {
        let number = bernoulli.even(count as usize);
        let (above, under) = (number.numerator().clone(), IBig::from(number.denominator().clone()));
        let term = int(&context, above) / (int(&context, under * IBig::from(2 * count * (2 * count - 1))) * &power);
        if magnitude(&term).is_none_or(|place| place < -(work as isize)) {
            break;
        }
        sum += term;
        power *= &square;
    }
    Some((context.exp(sum.repr(), None).ok()?.value() / below).with_precision(bits).value())
}

/// The Bernoulli numbers of even index, exactly, as they are asked for.
#[derive(Default)]
struct Bernoulli {
    known: Vec<Rational>,
}

impl Bernoulli {
    /// B(2 count), by the sum over all smaller ones that is zero.
    fn even(&mut self, count: usize) -> Rational {
        while self.known.len() <= count {
            let own = 2 * self.known.len();
            let next = if own == 0 { Rational::ONE } else { self.next(own) };
            self.known.push(next);
        }
        self.known[count].clone()
    }

    fn next(&self, own: usize) -> Rational {
        // The sum of C(own + 1, k) B(k) for k to own is zero; B(1) is -1/2, the other odd ones are zero.
        let mut binomial = IBig::ONE;
        let mut sum = Rational::ZERO;
        for k in 0..own {
            if k == 1 {
                sum += Rational::from_parts(-binomial.clone(), 2u8.into());
            } else if k % 2 == 0 {
                sum += Rational::from(binomial.clone()) * &self.known[k / 2];
            }
            binomial = binomial * IBig::from(own + 1 - k) / IBig::from(k + 1);
        }
        -sum / Rational::from(own + 1)
    }
}
