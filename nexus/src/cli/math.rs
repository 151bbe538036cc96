//! `nexus math`: exact mathematics from the command line.
//!
//! What is computed is `nexus_mprime::symbolic`; this is words in and words out. A question runs on a thread of its own, so
//! that an interruption or the time limit ends the command whatever it is doing.

mod answers;
mod ask;
mod numbers;
mod questions;
mod shapes;
mod theory;
mod words;

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use nexus_model::{Diagnostic, Label, Span};
use nexus_mprime::symbolic::{MathError, Notation};

use self::answers::Answer;
pub(super) use self::words::with_formulas;
use super::codes;
use super::error::{CliError, Exit};
use super::run::Interrupted;
use crate::output::Console;
use crate::output::json::document;

/// Formulas may nest: the thread that works on one has room for it.
const STACK_BYTES: usize = 256 << 20;
/// How often an interruption is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Simplify, differentiate and solve formulas, exactly
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  nexus math simplify 'sin(x)^2 + cos(x)^2'
  nexus math diff 'sin(x^2)' x
  nexus math solve 'x + y = 10' '2x - y = 5'
  nexus math evaluate 'sqrt(2)' --digits 50

Formulas are written as 2x^2 + sin(pi*x)/3, or in LaTeX. docs/math.md has the whole story.")]
pub(crate) struct MathArgs {
    #[command(subcommand)]
    verb: MathVerb,
    /// How formulas are written in the answer
    #[arg(long, global = true, value_enum, default_value_t = Written::Plain)]
    notation: Written,
    /// Seconds after which the question is given up
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    time_limit: u64,
}

/// How formulas are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Written {
    /// As they are typed: 2*x^2
    Plain,
    /// As LaTeX sets them: 2 x^{2}
    Latex,
    /// As an expression of M-CODE: 2*x ** 2
    Mcode,
}

impl Written {
    fn notation(self) -> Notation {
        match self {
            Written::Plain => Notation::Plain,
            Written::Latex => Notation::Latex,
            Written::Mcode => Notation::Mcode,
        }
    }
}

/// From where a point is approached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    /// From larger numbers
    Above,
    /// From smaller numbers
    Below,
}

#[derive(Debug, Clone, Subcommand)]
enum MathVerb {
    /// Find the shortest form of a formula
    #[command(after_help = "Examples:\n  nexus math simplify '(x^2 - 1)/(x - 1)'\n  \
        nexus math simplify 'sqrt(x^2)' --assume 'x > 0'\n  nexus math simplify 'cos(2x) + 2 sin(x)^2' --steps")]
    Simplify {
        /// The formula
        #[arg(value_name = "FORMULA", value_parser = words::formula)]
        formula: String,
        /// What is known of a name: 'x > 0', 'x >= 0', 'x != 0', 'x real' or 'n integer'
        #[arg(long, value_name = "FACT")]
        assume: Vec<String>,
        /// Show how the answer follows
        #[arg(long)]
        steps: bool,
    },
    /// Multiply products and powers of sums out
    #[command(after_help = "Example:\n  nexus math expand '(x + 1)^5'")]
    Expand {
        /// The formula
        #[arg(value_name = "FORMULA", value_parser = words::formula)]
        formula: String,
    },
    /// Find the factors of a formula, or the primes of a whole number
    #[command(after_help = "Examples:\n  nexus math factor 'x^4 - 1'\n  nexus math factor 3600")]
    Factor {
        /// The formula or the number
        #[arg(value_name = "FORMULA", value_parser = words::formula)]
        formula: String,
    },
    /// Differentiate a formula
    #[command(after_help = "Examples:\n  nexus math diff 'sin(x^2)'\n  nexus math diff 'x^2 y' y --order 2")]
    Diff {
        /// The formula
        #[arg(value_name = "FORMULA", value_parser = words::formula)]
        formula: String,
        /// By which name; not needed where there is one
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// How often
        #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
        order: u32,
    },
    /// Integrate a formula
    #[command(after_help = "Examples:\n  nexus math integrate 'x sin(x)'\n  \
        nexus math integrate 'exp(-x^2)' --from -oo --to oo\n  nexus math integrate 'sin(x)/x' --from 0 --to pi")]
    Integrate {
        /// The formula
        #[arg(value_name = "FORMULA", value_parser = words::formula)]
        formula: String,
        /// By which name; not needed where there is one
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// The point that an integral between two begins at
        #[arg(long, value_name = "POINT", requires = "to", value_parser = words::formula)]
        from: Option<String>,
        /// The point that it ends at
        #[arg(long, value_name = "POINT", requires = "from", value_parser = words::formula)]
        to: Option<String>,
    },
    /// Find what a formula goes to as a name goes to a point
    #[command(after_help = "Examples:\n  nexus math limit 'sin(x)/x' x=0\n  nexus math limit '(1 + 1/n)^n' n=oo\n  \
        nexus math limit '1/x' x=0 --from above")]
    Limit {
        /// The formula
        #[arg(value_name = "FORMULA", value_parser = words::formula)]
        formula: String,
        /// The name and the point; oo and -oo are points too
        #[arg(value_name = "NAME=POINT", value_parser = words::formula)]
        point: String,
        /// From which side; from both where it is not said
        #[arg(long, value_enum, value_name = "SIDE")]
        from: Option<Side>,
    },
    /// Expand a formula into powers of the distance to a point
    #[command(
        after_help = "Examples:\n  nexus math series 'exp(sin(x))'\n  nexus math series 'log(x)' x=1 --order 4\n  \
        nexus math series 'sqrt(x^2 + x)' x=oo"
    )]
    Series {
        /// The formula
        #[arg(value_name = "FORMULA", value_parser = words::formula)]
        formula: String,
        /// The name and the point; 0 where it is not said
        #[arg(value_name = "NAME=POINT", value_parser = words::formula)]
        point: Option<String>,
        /// The power that the rest begins with
        #[arg(long, value_name = "POWER", default_value_t = 6)]
        order: u32,
    },
    /// Solve an equation, a system of equations or an inequality
    #[command(
        after_help = "Examples:\n  nexus math solve '2x + 3 = 7'\n  nexus math solve 'x^2 + y^2 = 25' 'x + y = 7'\n  \
        nexus math solve 'a x^2 + b x + c = 0' --for x\n  nexus math solve 'x^2 < 4'"
    )]
    Solve {
        /// Equations, or one inequality; a formula alone is to be zero
        #[arg(value_name = "EQUATION", required = true, value_parser = words::formula)]
        equations: Vec<String>,
        /// The names to solve for; not needed where a system has as many names as equations
        #[arg(long = "for", value_name = "NAME", value_delimiter = ',')]
        names: Vec<String>,
    },
    /// Write a number in base 60, or a number of base 60 as it is usual
    #[command(
        after_help = "Examples:\n  nexus math base60 3661\n  nexus math base60 '1/7'\n  nexus math base60 '1;24,51,10'\n  \
        nexus math base60 2 --sqrt"
    )]
    Base60 {
        /// A rational number such as 3661 or 1/7, or digits of base 60: 1,1,1 is 3661 and 0;30 is 1/2
        #[arg(value_name = "NUMBER", value_parser = words::formula)]
        number: String,
        /// Its square root instead, by Heron's rule, step by step
        #[arg(long)]
        sqrt: bool,
        /// Digits after the semicolon that are shown of a fraction that goes on
        #[arg(long, value_name = "COUNT", default_value_t = 10)]
        places: usize,
    },
    /// Ask in plain words, English or German, and see the command that was understood
    #[command(after_help = "Examples:\n  nexus math ask 'derivative of x^2 by x'\n  \
        nexus math ask 'Integral von sin(x) von 0 bis pi'\n  nexus math ask 'area of a circle with radius 3'")]
    Ask {
        /// The question
        #[arg(value_name = "QUESTION", required = true)]
        question: Vec<String>,
    },
    /// Tell whether a number is prime, or which primes are next to it
    Prime(theory::PrimeArgs),
    /// Compute modulo a number: powers, inverses, square roots, remainders
    #[command(subcommand)]
    Modulo(theory::Modulo),
    /// Write a number as a continued fraction
    Fraction(theory::FractionArgs),
    /// Solve a linear equation in whole numbers
    #[command(
        after_help = "Examples:\n  nexus math diophantine '3x + 5y = 1'\n  nexus math diophantine '2a + 3b + 5c = 7'"
    )]
    Diophantine {
        /// The equation
        #[arg(value_name = "EQUATION", value_parser = words::formula)]
        equation: String,
    },
    /// Find ways, components and holes of a graph, a grid or a complex
    Graph(shapes::GraphArgs),
    /// Compute volume and surface of a ball in one to ten dimensions
    Ball(shapes::BallArgs),
    /// Compute the value of a formula to any number of digits
    #[command(after_help = "Examples:\n  nexus math evaluate 'exp(pi sqrt(163))' --digits 40\n  \
        nexus math evaluate 'x^2 + y' x=1/3 y=2")]
    Evaluate {
        /// The formula
        #[arg(value_name = "FORMULA", value_parser = words::formula)]
        formula: String,
        /// Values of its names: numbers, or formulas
        #[arg(value_name = "NAME=VALUE")]
        values: Vec<String>,
        /// Significant decimal digits
        #[arg(long, value_name = "COUNT", default_value_t = 15)]
        digits: usize,
    },
}

/// Why a question has no answer, and the text that it stands in.
struct Unanswered {
    error: MathError,
    text: String,
}

impl Unanswered {
    fn of(text: &str) -> impl Fn(MathError) -> Unanswered + '_ {
        move |error| Unanswered { error, text: text.to_owned() }
    }
}

/// Answers a question.
pub(crate) fn math(args: &MathArgs, console: &mut Console, interrupted: &Interrupted) -> Result<(), CliError> {
    let (sender, answers) = mpsc::channel();
    let verb = args.verb.clone();
    let worker = std::thread::Builder::new().name("math".to_owned()).stack_size(STACK_BYTES);
    let started = worker.spawn(move || {
        // Nobody listens any more where the command has ended: that is its end too.
        let _ = sender.send(questions::answer(&verb));
    });
    started.map_err(|error| {
        CliError::new(Exit::Unreachable, codes::NO_MATH_ANSWER, format!("no thread for the question: {error}"))
    })?;
    let deadline = Instant::now() + Duration::from_secs(args.time_limit);
    let answer = loop {
        match answers.recv_timeout(LOOK_EVERY) {
            Ok(answer) => break answer,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(CliError::new(
                    Exit::ProgramFailed,
                    codes::NO_MATH_ANSWER,
                    "the question ended without an answer",
                )
                .with_help("this is a defect worth a report"));
            }
            Err(mpsc::RecvTimeoutError::Timeout) if *interrupted.borrow() => {
                return Err(CliError::new(Exit::Cancelled, codes::INTERRUPTED, "interrupted"));
            }
            Err(mpsc::RecvTimeoutError::Timeout) if Instant::now() > deadline => {
                let message = format!("no answer within {} s", args.time_limit);
                return Err(CliError::new(Exit::Cancelled, codes::NO_MATH_ANSWER, message)
                    .with_help("--time-limit SECONDS gives it more time"));
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    };
    show(&answer.map_err(|why| refused(&why))?, args.notation.notation(), console);
    Ok(())
}

fn show(answer: &Answer, notation: Notation, console: &mut Console) {
    if console.is_json() {
        console.answer(&document(&answer.document(notation)));
        return;
    }
    for line in answer.lines(notation) {
        console.answer(&format!("{line}\n"));
    }
    for note in answer.notes(notation) {
        console.answer(&format!("{note}\n"));
    }
}

/// The error as it is shown: drawn under the formula where it has a place.
fn refused(why: &Unanswered) -> CliError {
    let Unanswered { error, text } = why;
    let (exit, code) = match error.place {
        Some(_) => (Exit::Usage, codes::BAD_FORMULA),
        None => (Exit::ProgramFailed, codes::NO_MATH_ANSWER),
    };
    let Some((start, end)) = error.place else {
        let refused = CliError::new(exit, code, error.message.clone());
        return match &error.help {
            Some(help) => refused.with_help(help.clone()),
            None => refused,
        };
    };
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let before = text.get(..start).unwrap_or(text);
    let line = before.rsplit_once('\n').map_or(before, |(_, line)| line);
    let span = Span {
        start: number(start),
        end: number(end),
        line: number(before.matches('\n').count() + 1),
        column: number(line.chars().count() + 1),
    };
    let diagnostic = Diagnostic {
        file: "formula".to_owned(),
        primary: Some(Label { span, text: String::new() }),
        help: error.help.clone(),
        ..Diagnostic::error(code, error.message.clone())
    };
    CliError::of_program(exit, vec![diagnostic], Some(Arc::from(text.as_str())))
}
