//! Finite event spaces: every combination of outcomes has a rational probability.

use dashu_int::ops::Gcd;
use dashu_int::{IBig, Sign, UBig};
use dashu_ratio::RBig;

use super::{ATOMS_MAX, Error, Random, check_bits, check_ratio};

/// The most events whose independence is asked at once: every choice of them is looked at.
const EVENTS_MAX: usize = 16;

/// Something that has one of several outcomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name, which no other of the space has.
    pub name: String,
    /// The names of its outcomes, at least one, each once.
    pub outcomes: Vec<String>,
}

impl Variable {
    /// A variable of these names.
    pub fn new(name: &str, outcomes: &[&str]) -> Self {
        Variable { name: name.to_owned(), outcomes: outcomes.iter().map(|outcome| (*outcome).to_owned()).collect() }
    }
}

/// Combinations of outcomes of a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    holds: Vec<bool>,
}

/// A finite event space. A combination has an outcome of each variable, by its place in the variable's list; combinations
/// are numbered with the last variable counting fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    variables: Vec<Variable>,
    /// Probabilities, times `total`.
    shares: Vec<UBig>,
    total: UBig,
}

impl Space {
    /// A space of variables and the probability of each combination of outcomes, in their order.
    ///
    /// Errors: no variables or outcomes, names twice, more than 2^18 combinations, another count of probabilities, one below
    /// 0, a sum that is not 1, a common denominator of more than 2^12 bits.
    pub fn new(variables: Vec<Variable>, probabilities: &[RBig]) -> Result<Self, Error> {
        let (shares, denominator) = common("probability", &variables, probabilities)?;
        let sum = sum(&shares);
        if sum != denominator {
            let sum = RBig::from_parts(sum.into(), denominator).to_string();
            return Err(Error::BadSum { what: "the probabilities", sum, wanted: "1" });
        }
        Ok(Space { variables, shares, total: denominator })
    }

    /// A space where each combination is as probable as its weight says, whatever they sum to.
    ///
    /// Errors: those of [`Space::new`], but for the sum, which must only be above 0.
    pub fn from_weights(variables: Vec<Variable>, weights: &[RBig]) -> Result<Self, Error> {
        let (shares, _) = common("weight", &variables, weights)?;
        let total = sum(&shares);
        if total.is_zero() {
            return Err(Error::BadSum { what: "the weights", sum: "0".to_owned(), wanted: "more than 0" });
        }
        Space { variables, shares, total }.reduced()
    }

    /// A space where all combinations are equally probable.
    ///
    /// Errors: no variables or outcomes, names twice, more than 2^18 combinations.
    pub fn uniform(variables: Vec<Variable>) -> Result<Self, Error> {
        let count = atom_count(&variables)?;
        Ok(Space { variables, shares: vec![UBig::ONE; count], total: UBig::from(count) })
    }

    /// The variables.
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }

    /// The place of a variable by its name.
    ///
    /// Errors: no such variable.
    pub fn variable(&self, name: &str) -> Result<usize, Error> {
        self.variables.iter().position(|variable| variable.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.variables.iter().map(|variable| variable.name.as_str()).collect();
            Error::UnknownVariable(format!("there is no variable `{name}`; there are {}", known.join(", ")))
        })
    }

    /// The probability of each combination, in their order.
    pub fn probabilities(&self) -> Vec<RBig> {
        self.shares.iter().map(|share| self.ratio(share.clone())).collect()
    }

    /// The event of all combinations for which a condition holds. It is given the place of each variable's outcome.
    pub fn event(&self, mut condition: impl FnMut(&[usize]) -> bool) -> Event {
        let mut holds = Vec::with_capacity(self.shares.len());
        self.each(|outcomes, _| holds.push(condition(outcomes)));
        Event { holds }
    }

    /// The event that a variable has an outcome, both by their names.
    ///
    /// Errors: no such variable, no such outcome.
    pub fn event_of(&self, variable: &str, outcome: &str) -> Result<Event, Error> {
        let place = self.variable(variable)?;
        let outcomes = &self.variables[place].outcomes;
        let wanted = outcomes.iter().position(|name| name == outcome).ok_or_else(|| {
            let known = outcomes.join(", ");
            Error::UnknownVariable(format!("`{variable}` has no outcome `{outcome}`; it has {known}"))
        })?;
        Ok(self.event(|outcomes| outcomes[place] == wanted))
    }

    /// The probability of an event.
    ///
    /// Errors: an event of another space.
    pub fn probability(&self, event: &Event) -> Result<RBig, Error> {
        Ok(self.ratio(self.share(event)?))
    }

    /// The probability of an event where another is known to have happened.
    ///
    /// Errors: a condition of probability 0, an event of another space.
    pub fn conditional(&self, event: &Event, given: &Event) -> Result<RBig, Error> {
        let condition = self.share(given)?;
        if condition.is_zero() {
            return Err(Error::Impossible);
        }
        let both = self.share(&event.and(given)?)?;
        Ok(RBig::from_parts(both.into(), condition))
    }

    /// Whether events are independent of each other, all together: every choice of them happens with the product of their
    /// probabilities. Of fewer than two it is true.
    ///
    /// Errors: more than 16 events, one of another space.
    pub fn are_independent(&self, events: &[Event]) -> Result<bool, Error> {
        if events.len() > EVENTS_MAX {
            return Err(Error::TooLarge { what: "the list", size: events.len(), unit: "events", most: EVENTS_MAX });
        }
        let single: Vec<RBig> = events.iter().map(|event| self.probability(event)).collect::<Result<_, _>>()?;
        // What each combination holds of, as bits; then sums over all that hold of more.
        let mut shares = vec![UBig::ZERO; 1 << events.len()];
        for (atom, share) in self.shares.iter().enumerate() {
            let bit = |place: usize| usize::from(events[place].holds[atom]) << place;
            shares[(0..events.len()).map(bit).sum::<usize>()] += share;
        }
        for place in 0..events.len() {
            for choice in (0..shares.len()).filter(|choice| choice >> place & 1 == 0) {
                let more = shares[choice | 1 << place].clone();
                shares[choice] += more;
            }
        }
        let product = |choice: usize| {
            let chosen = single.iter().enumerate().filter(|(place, _)| choice >> place & 1 == 1);
            chosen.fold(RBig::ONE, |product, (_, probability)| product * probability)
        };
        Ok(shares.into_iter().enumerate().all(|(choice, share)| self.ratio(share) == product(choice)))
    }

    /// The space of some variables alone, by their places, in the order given: the others are summed over.
    ///
    /// Errors: no variables, one that there is not, one twice.
    pub fn marginal(&self, variables: &[usize]) -> Result<Space, Error> {
        self.check_variables(variables)?;
        if variables.is_empty() {
            return Err(Error::Empty("variables"));
        }
        let kept: Vec<Variable> = variables.iter().map(|place| self.variables[*place].clone()).collect();
        let mut shares = vec![UBig::ZERO; atom_count(&kept)?];
        self.each(|outcomes, share| {
            let atom = |atom, place: &usize| atom * self.variables[*place].outcomes.len() + outcomes[*place];
            shares[variables.iter().fold(0, atom)] += share;
        });
        Space { variables: kept, shares, total: self.total.clone() }.reduced()
    }

    /// The space where an event is known to have happened.
    ///
    /// Errors: an event of probability 0 or of another space.
    pub fn given(&self, event: &Event) -> Result<Space, Error> {
        let total = self.share(event)?;
        if total.is_zero() {
            return Err(Error::Impossible);
        }
        let share = |(share, holds): (&UBig, &bool)| if *holds { share.clone() } else { UBig::ZERO };
        let shares = self.shares.iter().zip(&event.holds).map(share).collect();
        Space { variables: self.variables.clone(), shares, total }.reduced()
    }

    /// The space of this and another that know nothing of each other: the other's variables come after.
    ///
    /// Errors: names twice, more than 2^18 combinations, a common denominator of more than 2^12 bits.
    pub fn product(&self, other: &Space) -> Result<Space, Error> {
        let variables: Vec<Variable> = self.variables.iter().chain(&other.variables).cloned().collect();
        atom_count(&variables)?;
        let total = &self.total * &other.total;
        check_bits("the common denominator", total.as_ibig())?;
        let shares = self.shares.iter().flat_map(|a| other.shares.iter().map(move |b| a * b)).collect();
        Space { variables, shares, total }.reduced()
    }

    /// The expectation of a value that each combination has. It is given the place of each variable's outcome.
    ///
    /// Errors: a value, or the sum so far, of more than 2^12 bits.
    pub fn expectation(&self, mut value: impl FnMut(&[usize]) -> RBig) -> Result<RBig, Error> {
        let mut sum = Ok(RBig::ZERO);
        self.each(|outcomes, share| {
            // What cannot happen need not have a value.
            if let Ok(so_far) = &sum
                && !share.is_zero()
            {
                let value = value(outcomes);
                let next = check_ratio("a value", &value).map(|()| so_far + value * self.ratio(share.clone()));
                sum = next.and_then(|next| check_ratio("the expectation", &next).map(|()| next));
            }
        });
        sum
    }

    /// The variance of a value: the expectation of the square of its distance from its expectation.
    ///
    /// Errors: those of [`Space::expectation`].
    pub fn variance(&self, mut value: impl FnMut(&[usize]) -> RBig) -> Result<RBig, Error> {
        let mean = self.expectation(&mut value)?;
        self.expectation(|outcomes| (value(outcomes) - &mean).sqr())
    }

    /// The covariance of two values.
    ///
    /// Errors: those of [`Space::expectation`].
    pub fn covariance(
        &self,
        mut first: impl FnMut(&[usize]) -> RBig,
        mut second: impl FnMut(&[usize]) -> RBig,
    ) -> Result<RBig, Error> {
        let means = (self.expectation(&mut first)?, self.expectation(&mut second)?);
        self.expectation(|outcomes| (first(outcomes) - &means.0) * (second(outcomes) - &means.1))
    }

    /// The entropy in bits: how much is learned on average by seeing which combination happened (C. Shannon, 1948). To the
    /// precision of `f64`.
    pub fn entropy(&self) -> f64 {
        let term = |share: &UBig| {
            let probability = self.ratio(share.clone()).to_f64().value();
            if probability > 0.0 { -probability * probability.log2() } else { 0.0 }
        };
        // One of -0 is 0, and rounding leaves none below.
        self.shares.iter().map(term).sum::<f64>().max(0.0)
    }

    /// The entropy in bits that is left in some variables where others are known.
    ///
    /// Errors: no variables, one that there is not, one twice, also in both lists.
    pub fn conditional_entropy(&self, of: &[usize], given: &[usize]) -> Result<f64, Error> {
        let both: Vec<usize> = given.iter().chain(of).copied().collect();
        let all = self.marginal(&both)?.entropy();
        Ok((all - self.marginal(given)?.entropy()).max(0.0))
    }

    /// The bits that some variables say about others: 0 where they are independent.
    ///
    /// Errors: those of [`Space::conditional_entropy`].
    pub fn mutual_information(&self, first: &[usize], second: &[usize]) -> Result<f64, Error> {
        Ok((self.marginal(first)?.entropy() - self.conditional_entropy(first, second)?).max(0.0))
    }

    /// Draws a combination, with exactly its probability: the place of each variable's outcome.
    pub fn sample(&self, random: &mut Random) -> Vec<usize> {
        let bits = dashu_int::ops::BitTest::bit_len(&self.total);
        let mut left = loop {
            let words = (0..bits.div_ceil(64)).flat_map(|_| random.bits().to_le_bytes()).collect::<Vec<u8>>();
            let drawn = UBig::from_le_bytes(&words) & UBig::ones(bits);
            if drawn < self.total {
                break drawn;
            }
        };
        let mut atom = 0;
        while left >= self.shares[atom] {
            left -= &self.shares[atom];
            atom += 1;
        }
        let mut outcomes = vec![0; self.variables.len()];
        for (outcome, variable) in outcomes.iter_mut().zip(&self.variables).rev() {
            *outcome = atom % variable.outcomes.len();
            atom /= variable.outcomes.len();
        }
        outcomes
    }

    /// Calls with each combination and its share, in their order.
    fn each(&self, mut call: impl FnMut(&[usize], &UBig)) {
        let mut outcomes = vec![0; self.variables.len()];
        for share in &self.shares {
            call(&outcomes, share);
            for (outcome, variable) in outcomes.iter_mut().zip(&self.variables).rev() {
                *outcome += 1;
                if *outcome < variable.outcomes.len() {
                    break;
                }
                *outcome = 0;
            }
        }
    }

    fn share(&self, event: &Event) -> Result<UBig, Error> {
        if event.holds.len() != self.shares.len() {
            return Err(Error::OtherSpace { found: event.holds.len(), wanted: self.shares.len() });
        }
        Ok(self
            .shares
            .iter()
            .zip(&event.holds)
            .filter(|(_, holds)| **holds)
            .fold(UBig::ZERO, |sum, (share, _)| sum + share))
    }

    fn ratio(&self, share: UBig) -> RBig {
        RBig::from_parts(share.into(), self.total.clone())
    }

    fn check_variables(&self, variables: &[usize]) -> Result<(), Error> {
        for (at, place) in variables.iter().enumerate() {
            if *place >= self.variables.len() {
                let last = self.variables.len() - 1;
                return Err(Error::UnknownVariable(format!("there is no variable {place}; they go from 0 to {last}")));
            }
            if variables[..at].contains(place) {
                let name = &self.variables[*place].name;
                return Err(Error::UnknownVariable(format!("`{name}` is named twice; name each variable once")));
            }
        }
        Ok(())
    }

    /// The same with the smallest common denominator.
    fn reduced(mut self) -> Result<Self, Error> {
        let divisor = self
            .shares
            .iter()
            .filter(|share| !share.is_zero())
            .fold(self.total.clone(), |divisor, share| if divisor.is_one() { divisor } else { divisor.gcd(share) });
        if !divisor.is_one() {
            self.shares.iter_mut().for_each(|share| *share /= &divisor);
            self.total /= &divisor;
        }
        check_bits("the common denominator", self.total.as_ibig())?;
        Ok(self)
    }
}

impl Event {
    /// Both this and another.
    ///
    /// Errors: an event of another space.
    pub fn and(&self, other: &Event) -> Result<Event, Error> {
        self.with(other, |a, b| a && b)
    }

    /// This or another or both.
    ///
    /// Errors: an event of another space.
    pub fn or(&self, other: &Event) -> Result<Event, Error> {
        self.with(other, |a, b| a || b)
    }

    /// What is not in this.
    pub fn complement(&self) -> Event {
        Event { holds: self.holds.iter().map(|holds| !holds).collect() }
    }

    fn with(&self, other: &Event, join: impl Fn(bool, bool) -> bool) -> Result<Event, Error> {
        if self.holds.len() != other.holds.len() {
            return Err(Error::OtherSpace { found: other.holds.len(), wanted: self.holds.len() });
        }
        Ok(Event { holds: self.holds.iter().zip(&other.holds).map(|(a, b)| join(*a, *b)).collect() })
    }
}

/// The probabilities of hypotheses after something was seen: each prior times the likelihood of what was seen under it, over
/// their sum (T. Bayes, 1763).
///
/// Errors: no hypotheses, lists of different lengths, a number below 0 or a likelihood above 1, priors that do not sum to 1,
/// something that no possible hypothesis lets happen, numbers of more than 2^12 bits.
pub fn bayes(priors: &[RBig], likelihoods: &[RBig]) -> Result<Vec<RBig>, Error> {
    if priors.len() != likelihoods.len() {
        return Err(Error::Length { what: "the list of likelihoods", found: likelihoods.len(), wanted: priors.len() });
    }
    for (index, likelihood) in likelihoods.iter().enumerate() {
        check_ratio("a likelihood", likelihood)?;
        if likelihood.sign() == Sign::Negative {
            return Err(Error::Negative { what: "likelihood", index, value: likelihood.to_string() });
        }
        if *likelihood > RBig::ONE {
            return Err(Error::AboveOne { index, value: likelihood.to_string() });
        }
    }
    if priors.is_empty() {
        return Err(Error::Empty("hypotheses"));
    }
    let names = (0..priors.len()).map(|index| index.to_string()).collect();
    let hypotheses = vec![Variable { name: "hypothesis".to_owned(), outcomes: names }];
    Space::new(hypotheses.clone(), priors)?;
    let weights: Vec<RBig> = priors.iter().zip(likelihoods).map(|(prior, likelihood)| prior * likelihood).collect();
    match Space::from_weights(hypotheses, &weights) {
        Err(Error::BadSum { .. }) => Err(Error::Impossible),
        found => Ok(found?.probabilities()),
    }
}

/// How many combinations variables have, where they are as they should be.
fn atom_count(variables: &[Variable]) -> Result<usize, Error> {
    if variables.is_empty() {
        return Err(Error::Empty("variables"));
    }
    let mut size = 1usize;
    for (place, variable) in variables.iter().enumerate() {
        let name = &variable.name;
        if variable.outcomes.is_empty() {
            return Err(Error::BadVariable(format!("`{name}` has no outcomes; give at least one")));
        }
        if variables[..place].iter().any(|other| other.name == *name) {
            return Err(Error::BadVariable(format!("two variables are named `{name}`; give each its own name")));
        }
        size = size.saturating_mul(variable.outcomes.len());
        if size > ATOMS_MAX {
            return Err(Error::TooLarge { what: "the space", size, unit: "combinations", most: ATOMS_MAX });
        }
        let mut sorted: Vec<&String> = variable.outcomes.iter().collect();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::BadVariable(format!("`{name}` has the outcome `{}` twice; name each once", pair[0])));
        }
    }
    Ok(size)
}

/// Numbers, one for each combination, as whole numbers over their common denominator.
fn common(what: &'static str, variables: &[Variable], numbers: &[RBig]) -> Result<(Vec<UBig>, UBig), Error> {
    let count = atom_count(variables)?;
    if numbers.len() != count {
        return Err(Error::Length {
            what: "the list of probabilities or weights",
            found: numbers.len(),
            wanted: count,
        });
    }
    let mut denominator = UBig::ONE;
    for (index, number) in numbers.iter().enumerate() {
        if number.sign() == Sign::Negative {
            return Err(Error::Negative { what, index, value: number.to_string() });
        }
        check_ratio("a probability or weight", number)?;
        if !(&denominator % number.denominator()).is_zero() {
            let divisor = (&denominator).gcd(number.denominator());
            denominator *= number.denominator() / divisor;
            check_bits("the common denominator", denominator.as_ibig())?;
        }
    }
    let whole = |number: &RBig| {
        let share = number.numerator() * IBig::from(&denominator / number.denominator());
        share.into_parts().1
    };
    Ok((numbers.iter().map(whole).collect(), denominator))
}

fn sum(shares: &[UBig]) -> UBig {
    shares.iter().fold(UBig::ZERO, |sum, share| sum + share)
}
