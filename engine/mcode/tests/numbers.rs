//! Number theory in programs: whole numbers of any size, and what is wrong with others.

use nexus_mcode::{JitLevel, RunRequest, compile, run};
use nexus_model::{Diagnostic, Execution, Limits, Value};
use nexus_tensor::{Context, Device};

fn ran(source: &str) -> Result<Value, Box<Diagnostic>> {
    let program = compile("t.mcode", source).program.expect("the program compiles");
    let request = RunRequest {
        threads: 2,
        execution: Execution::at(JitLevel::Plain),
        ..RunRequest::new(Context::new(Device::cpu()), Limits::local())
    };
    run(&program, request).map(|done| done.result).map_err(Box::new)
}

#[test]
fn numbers_beyond_ints_are_strings() {
    for source in [
        "mprime.is_prime(\"2^127 - 1\") and not mprime.is_prime(\"2^127 + 1\")\n",
        "mprime.power_mod(\"2^70\", 3, \"2^80\") == \"0\"\n",
        "mprime.inverse_mod(\"3\", 7) == \"5\" and mprime.inverse_mod(3, 7) == 5\n",
        "mprime.sqrt_mod(2, 7) == [3, 4] and mprime.sqrt_mod(3, 7) == []\n",
        "mprime.remainders([\"2\", 3], [3, 5]) == \"8\"\n",
        "mprime.factors(12) == [\"2\", \"2\", \"3\"]\n",
        "mprime.continued_fraction(\"415/93\") == [4, 2, 6, 7]\n",
        "not mprime.diophantine(\"6x + 9y = 2\").solvable\n",
    ] {
        assert_eq!(ran(source).expect(source), Value::Bool(true), "{source}");
    }
}

#[test]
fn what_has_no_answer_stops_the_program_and_says_why() {
    for (source, part) in [
        ("mprime.inverse_mod(2, 4)\n", "no inverse modulo 4"),
        ("mprime.sqrt_mod(2, 15)\n", "not a prime"),
        ("mprime.power_mod(2, 3, 0)\n", "the modulus is 0"),
        ("mprime.remainders([1, 2], [4, 6])\n", "divisible by 2"),
        ("mprime.remainders([1], [4, 6])\n", "1 remainders and 2 moduli"),
        ("mprime.factors(-12)\n", "negative"),
        ("mprime.factors(\"x\")\n", "no whole number"),
        ("mprime.continued_fraction(\"1/2^70\", 5)\n", "no int"),
        ("mprime.continued_fraction(1.5)\n", "needs an int or a string"),
        ("mprime.diophantine(\"x*y = 1\")\n", "not linear"),
    ] {
        let error = ran(source).expect_err(source);
        assert!(error.message.contains(part), "{source}: {}", error.message);
    }
}
