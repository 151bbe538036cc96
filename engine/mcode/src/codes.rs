//! Every diagnostic code with its explanation: one table, so that a code that is used is a code that is explained.
//!
//! `MC01xx` reading the text, `MC02xx` names, types and shapes, `MC03xx` starting a program, `MC04xx` while it runs,
//! `MC05xx` limits.

macro_rules! codes {
    ($( $name:ident = $code:literal, $text:literal; )*) => {
        /// What can be wrong with a program.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Code { $( #[doc = $code] $name ),* }

        impl Code {
            /// The stable code, like `MC0203`.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $( Code::$name => $code ),* }
            }

            const TABLE: &'static [(&'static str, &'static str)] = &[ $( ($code, $text) ),* ];
        }
    };
}

/// What a code like `MC0203` means, with an example, for `nexus explain CODE`. `None` for a code that does not exist.
pub fn explain(code: &str) -> Option<&'static str> {
    Code::TABLE.iter().find(|(known, _)| known.eq_ignore_ascii_case(code)).map(|(_, text)| *text)
}

codes! {
    UnexpectedCharacter = "MC0101", "A character that the language does not use.

Operators are words and ASCII signs: `and`, `or`, `not`, `==`, `!=`, `<=`, `>=`, `|>`, `=>`. Text pasted from a document
often brings dashes and quotes that only look like `-` and `\"`.";
    UnterminatedString = "MC0102", "A string that does not end on the line where it begins.

Close it with the quote it was opened with. For several lines write `\\n` inside the string, or join strings with `+`.";
    BadEscape = "MC0103", "A backslash in a string that begins no known escape.

There are \\n (new line), \\t (tab), \\r, \\0, \\\\ (a backslash), \\\", \\' and \\u{1F600} (a character by its number).";
    BadNumber = "MC0104", "A number that cannot be read, or does not fit.

Whole numbers are ints of 64 bits, from -9223372036854775808 to 9223372036854775807; numbers with a fraction or an
exponent are scalars (64-bit floats). Digits may be grouped: `1_000_000`. `0x1f` is hexadecimal, `0b101` binary.";
    UnexpectedToken = "MC0105", "The text does not go on as the grammar says.

The message says what was expected and what stands there. Statements end at the end of the line; inside brackets lines
may be broken freely.";
    MissingEnd = "MC0106", "A block that is never closed.

Every `function`, `if`, `while`, `for` and `when` is closed by its own `end`; `elseif` and `else` continue an `if` and
take no `end` of their own.";
    NestedTooDeep = "MC0107", "Brackets, operators or blocks nested deeper than the compiler follows.

No program written by a person comes near this bound; generated code should use intermediate variables.";
    SourceTooLarge = "MC0108", "The program text is longer than is read.

Data belongs in files that are read with `input(\"name\")`, not in the program.";
    BadTarget = "MC0109", "Something stands left of `=` that cannot be assigned to.

A name, an element or slice (`a[i, j] = x`, `a[mask] = 0`) or a field (`r.mean = m`) can be assigned to. To compare,
write `==`.";
    BadAttribute = "MC0110", "An attribute that does not exist or has the wrong arguments.

Attributes stand before a function: `@optimize`, `@optimize(strategy = \"gpu_optimized\")`, `@profile(name = \"step\")`,
`@device(\"cpu\")` (auto, cpu, gpu, ane), `@precision(\"fast\")` (fast, balanced, precise, or a float dtype), `@check_finite`.";
    Misplaced = "MC0111", "A statement that makes no sense where it stands.

`break` and `continue` belong inside a loop, and may not leave a `when` body or a `parallel for`; imports belong to the
top level.";
    TooLarge = "MC0112", "A function with more variables or code than one function may have.

Split it into several functions.";

    UnknownName = "MC0201", "A name that nothing defines.

A variable exists from its first assignment on. Library functions are written with their namespace:
`tensor.ones(2, 3)`, `math.sqrt(2)`.";
    WrongType = "MC0202", "An operator or function was given a kind of value that it does not take.

The message says what was expected and what was found. `int(x)`, `scalar(x)`, `string(x)` and `tensor.from_list(xs)`
convert.";
    ProductShapes = "MC0203", "The shapes do not fit a matrix product.

`a @ b` multiplies the last axis of `a` with the last but one axis of `b` (with the only axis, where `b` has one axis):
these two sizes must be equal.

    x = tensor.ones(32, 128)
    w = tensor.ones(64, 10)
    x @ w        # 128 and 64 differ

Either one of the operands has the wrong size, or one is transposed: `tensor.transpose(w)` swaps its axes.";
    BroadcastShapes = "MC0204", "The shapes do not fit an elementwise operation.

Shapes are aligned at their last axes; two sizes fit when they are equal or one of them is 1:

    tensor.ones(4, 3) + tensor.ones(3)       # fits: f32[4, 3]
    tensor.ones(4, 3) + tensor.ones(4)       # does not fit: 3 and 4
    tensor.ones(4, 3) + tensor.ones(4, 1)    # fits: f32[4, 3]";
    WrongArguments = "MC0205", "A call with too few, too many or misnamed arguments.

Arguments are given in order or by name: `f(1, 2)`, `f(1, k = 2)`. A parameter with a default may be left out.";
    DeclaredType = "MC0206", "A value that does not have the type that was declared for it.

    let x: tensor[f32, n, 4] = e
    function f(a: tensor[f32, n, 4], b: tensor[f32, n]) -> tensor

A dimension's name stands for one size in the whole signature: here `a` has as many rows as `b` has elements.";
    ConstAssigned = "MC0207", "A constant was assigned to.

`const` names keep their first value. Use `let`, or a plain assignment, for what changes.";
    NotSet = "MC0208", "A variable that is read where it has no value yet.

A function's own variables begin without a value, also when the top level has a variable of that name: a name that is
assigned anywhere in a function belongs to the function. Pass the value in and return the new one.";
    DefinedTwice = "MC0209", "Two things with one name.

Two functions of a file, or two parameters of a function, cannot share a name.";
    UnknownMember = "MC0210", "A namespace or record has no such member.

`nexus mcode doc` lists the library; `nexus mcode check FILE` says what is known of a record.";
    ImportFailed = "MC0212", "A module that could not be imported.

`import \"path.mcode\" as p` looks beside the file that imports, `import module(\"name\")` among what `nexus module list`
shows. A submission carries its modules with it; modules must not import each other in a circle.";
    WrongIndex = "MC0213", "An index that cannot be right.

Indices start at 0, negative ones count from the end. A tensor takes at most one index an axis: ints, ranges (`1..3`,
`0..n by 2`), `:` for a whole axis, lists of ints, or boolean masks. Records are read by field: `r.name` or `r[\"name\"]`.";
    UnknownType = "MC0214", "A type that does not exist.

Types are `int`, `scalar`, `bool`, `string`, `list`, `record`, `tensor`, `function`, `none` and `any`; a tensor's dtype
and sizes can be given: `tensor[f32, n, 4]`, with dtypes f64, f32, f16, bf16, i64, i32, u8 and bool.";
    NotACall = "MC0215", "`spawn` without a call.

`spawn f(x)` starts a call and gives a handle; `await h` gives its result.";
    RefusedArguments = "MC0216", "A library function refuses these arguments, as is known before it runs.

The message is the function's own. The same error would stop the program when it runs.";
    Unreachable = "MC0217", "A warning: code that can never run.

It stands behind a `return`, `break` or `continue` of the same block.";

    CarriedValue = "MC0218", "A warning: a `parallel for` whose iterations need each other, so that they run one by one.

The iterations of a `parallel for` run beside each other where none reads what another wrote. Updates are free, in any
number, because they are made in order when all iterations are through:

    parallel for i in 0..n
        total += f(i)
        xs = append(xs, g(i))
        a[i] = h(a[i])
    end

A variable that an iteration reads otherwise, and that another changes, carries a value: `x = (x + i) / 2`. Give each
iteration a value of its own, gather with an update, or write a plain `for`.";

    MissingArgument = "MC0301", "The program's entry has a parameter without a value.

Give it on the command line: `nexus run FILE --arg n=10`, or give the parameter a default: `function main(n = 10)`.";
    UnknownArgument = "MC0302", "A value was given for a parameter that the entry does not have.";
    MistypedArgument = "MC0303", "An argument does not have the type that the entry's parameter declares.";
    NoEntry = "MC0304", "The program has nothing to run.

The entry is the function `main`, else the only function, else the statements at the top level. With several functions,
none called `main`, and nothing at the top level it is not known which one is meant.";
    MissingInput = "MC0305", "The program reads an input that was not given.

`input(\"x\")` needs `--input x=path` on the command line, or a task that produces it.";
    NotAValue = "MC0306", "The result contains something that cannot leave the program.

Functions and task handles live only while the program runs. Return what they compute: `f(x)`, `await h`.";

    IntegerOverflow = "MC0401", "An int grew beyond 64 bits.

Use scalars where large values are expected: `scalar(n)`, or write `2.0 ** 100`.";
    DivisionByZero = "MC0402", "An int or scalar was divided by zero.

`/`, `//` and `%` of ints and scalars refuse a zero divisor. Tensors follow IEEE 754 and give inf or nan instead.";
    WrongTypeRunning = "MC0403", "While running, an operator or function met a kind of value that it does not take.

Declaring the types of parameters (`function f(a: tensor, k: int)`) finds such errors earlier and nearer to their
cause.";
    IndexOutOfRange = "MC0404", "An index beyond the end of a list, string or tensor, or a field that a record does not have.

Indices start at 0 and go to the length minus 1; -1 is the last.";
    ConditionNotBool = "MC0405", "A condition that is neither true nor false.

Compare: `n != 0`, `len(xs) > 0`. A tensor of several elements needs `tensor.any(t)` or `tensor.all(t)`.";
    ShapesRunning = "MC0406", "While running, tensors met whose shapes do not fit the operation.

See MC0203 for products and MC0204 for elementwise operations.";
    OperationFailed = "MC0407", "A library function could not compute its result.

The message is the function's own: a singular matrix, a value outside the domain, a device that failed.";
    AssertionFailed = "MC0408", "An `assert` was not true.

`assert(condition, \"what should hold\")` stops the program with that text.";
    BadCall = "MC0409", "A value was called that is no function, or a function with arguments that it does not take.";
    NotSetRunning = "MC0411", "A variable was read that got no value on the way the program took.

It is assigned only in some branches. Give it a value before the branch.";
    ValueTooDeep = "MC0412", "Lists or records inside each other, deeper than values may nest.";
    BadConversion = "MC0413", "A value that cannot be converted as asked.

`int(\"12\")` reads a number, `int(\"twelve\")` cannot. `int(x)` of a scalar drops the fraction and refuses nan and inf.";
    NotGranted = "MC0414", "The program asked for something that the run was not granted.

Programs have no files, network or clock of their own. `nexus run` grants the files below the program's folder; a
submission names its inputs with `--input name=path`.";
    BadData = "MC0415", "Data that cannot be read in the format it should have.";
    NotFinite = "MC0416", "An operation made NaN or infinity of finite numbers, in a run that checks for it.

`--check-finite` and `@check_finite` stop a run at the first such operation: a logarithm of zero, a quotient of two zeros, an
exponential beyond the dtype. What is not finite in the data, and what is made of it, passes. Without the check the run
computes on.";
    ModuleFailed = "MC0417", "A function of an external module gave no value.

It is not installed, was changed since, failed, took too long, or answered with something else than its `vxor.toml` says; the
message tells which. `nexus module run NAME FUNCTION ARGUMENT…` calls it by itself.";
    Internal = "MC0499", "The virtual machine met a state that it should never be in.

This is a defect of nexus, not of the program. Please report it with the program.";

    LimitWall = "MC0501", "The run took longer than its limit of wall-clock time.

`nexus submit --limits low` asks for the most that a level gives, where the role allows it.";
    LimitMemory = "MC0502", "The run needed more memory than its limit, refused before it was allocated.

Work in slices, use a smaller dtype (`f32` instead of `f64`), or ask for a more generous level of limits.";
    LimitLoops = "MC0503", "The run made more loop iterations than its limit.

Tensor operations (`tensor.sum(a * b)`) replace loops over elements and count as one step.";
    LimitRecursion = "MC0504", "Calls inside calls went deeper than the limit.

A recursion without an end is the usual cause; a loop with a list as its stack needs no recursion.";
    LimitElements = "MC0505", "One tensor would have more elements than the limit.";
    LimitOutput = "MC0506", "The run printed more than its limit of output.

`print` is for a person to read; return values or use `output(\"name\", value)` for data.";
    Cancelled = "MC0507", "The run was cancelled.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_explained() {
        let mut seen = std::collections::BTreeSet::new();
        for (code, text) in Code::TABLE {
            assert!(seen.insert(code), "{code} twice");
            assert!(code.starts_with("MC") && code.len() == 6);
            assert!(text.len() > 20, "{code} needs an explanation");
            assert_eq!(explain(code), Some(*text));
        }
        assert_eq!(explain("MC9999"), None);
    }
}
