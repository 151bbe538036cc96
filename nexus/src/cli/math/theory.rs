//! Number theory, for `nexus math`: primes, residues, continued fractions, linear equations in whole numbers.

use clap::{Args, Subcommand};
use nexus_mprime::answer::{self, Towards};

use super::Unanswered;
use super::answers::Answer;

/// A number, and which primes are asked for.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  nexus math prime 97\n  nexus math prime '2^127 - 1'\n  nexus math prime 100 --next 3"
)]
pub(super) struct PrimeArgs {
    /// A whole number, such as 97 or 2^127 - 1
    #[arg(value_name = "NUMBER", value_parser = super::words::formula)]
    number: String,
    /// The primes above it instead: so many
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "1", conflicts_with = "previous")]
    next: Option<u32>,
    /// The primes below it instead: so many
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "1")]
    previous: Option<u32>,
}

/// What is asked modulo a number.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum Modulo {
    /// Raise a number to a power; a negative exponent takes the inverse
    #[command(after_help = "Example:\n  nexus math modulo power 3 200 13")]
    Power {
        /// The number
        #[arg(value_name = "NUMBER", value_parser = super::words::formula)]
        number: String,
        /// The exponent
        #[arg(value_name = "EXPONENT", value_parser = super::words::formula)]
        exponent: String,
        /// The modulus
        #[arg(value_name = "MODULUS")]
        modulus: String,
    },
    /// Find the number whose product with another leaves 1
    #[command(after_help = "Example:\n  nexus math modulo inverse 3 7")]
    Inverse {
        /// The number
        #[arg(value_name = "NUMBER", value_parser = super::words::formula)]
        number: String,
        /// The modulus
        #[arg(value_name = "MODULUS")]
        modulus: String,
    },
    /// Find the square roots of a number modulo a prime
    #[command(after_help = "Example:\n  nexus math modulo sqrt 2 7")]
    Sqrt {
        /// The number
        #[arg(value_name = "NUMBER", value_parser = super::words::formula)]
        number: String,
        /// The prime
        #[arg(value_name = "PRIME")]
        prime: String,
    },
    /// Find the number that leaves given remainders
    #[command(after_help = "Example:\n  nexus math modulo remainders 2:3 3:5 2:7")]
    Remainders {
        /// A remainder and what is divided by
        #[arg(value_name = "REMAINDER:MODULUS", required = true, value_parser = pair)]
        pairs: Vec<(String, String)>,
    },
}

/// A number, and how much of its continued fraction is asked for.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  nexus math fraction 415/93\n  nexus math fraction 'sqrt(7)'\n  \
    nexus math fraction pi --terms 6 --convergents")]
pub(super) struct FractionArgs {
    /// A formula without names: 415/93, 3.1416, sqrt(7), pi
    #[arg(value_name = "NUMBER", value_parser = super::words::formula)]
    number: String,
    /// Terms of a fraction that neither ends nor repeats, and of the convergents
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    terms: usize,
    /// Show the fractions that it begins with
    #[arg(long)]
    convergents: bool,
}

/// The two numbers of `2:3`.
fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once(':').map(|(left, modulus)| (left.to_owned(), modulus.to_owned()));
    pair.ok_or_else(|| "a remainder and its modulus are written 2:3".to_owned())
}

/// Whether a number is prime, or the primes next to it.
pub(super) fn prime(args: &PrimeArgs) -> Result<Answer, Unanswered> {
    let number = &args.number;
    let refused = Unanswered::of(number);
    match (args.next, args.previous) {
        (Some(count), _) => answer::primes(number, Towards::Larger, count).map(|found| Answer::told(&found)),
        (None, Some(count)) => answer::primes(number, Towards::Smaller, count).map(|found| Answer::told(&found)),
        (None, None) => answer::primality(number).map(|found| Answer::told(&found)),
    }
    .map_err(refused)
}

/// Arithmetic modulo a number.
pub(super) fn modulo(question: &Modulo) -> Result<Answer, Unanswered> {
    // Each number by itself first, so that what is wrong is shown under the one that it is wrong with.
    let check = |text: &String| answer::whole(text).map(drop).map_err(Unanswered::of(text));
    let (found, last) = match question {
        Modulo::Power { number, exponent, modulus } => {
            [number, exponent, modulus].into_iter().try_for_each(check)?;
            (answer::power(number, exponent, modulus), modulus)
        }
        Modulo::Inverse { number, modulus } => {
            [number, modulus].into_iter().try_for_each(check)?;
            (answer::inverse(number, modulus), modulus)
        }
        Modulo::Sqrt { number, prime } => {
            [number, prime].into_iter().try_for_each(check)?;
            (answer::square_root(number, prime), prime)
        }
        Modulo::Remainders { pairs } => {
            pairs.iter().flat_map(|(left, modulus)| [left, modulus]).try_for_each(check)?;
            // Only a modulus can be wrong beyond that: the first one below 1 is.
            let is_wrong = |modulus: &&String| answer::remainders(&[("0".to_owned(), (*modulus).clone())]).is_err();
            let last = pairs.iter().map(|(_, modulus)| modulus).find(is_wrong).unwrap_or(&pairs[0].1);
            (answer::remainders(pairs), last)
        }
    };
    found.map(|found| Answer::told(&found)).map_err(Unanswered::of(last))
}

/// A continued fraction.
pub(super) fn fraction(args: &FractionArgs) -> Result<Answer, Unanswered> {
    let found = answer::continued_fraction(&args.number, args.terms, args.convergents);
    found.map(|found| Answer::told(&found)).map_err(Unanswered::of(&args.number))
}

/// A linear equation in whole numbers.
pub(super) fn diophantine(equation: &str) -> Result<Answer, Unanswered> {
    answer::diophantine(equation).map(|found| Answer::told(&found)).map_err(Unanswered::of(equation))
}
