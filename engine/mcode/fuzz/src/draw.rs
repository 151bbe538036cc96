//! Programs drawn from bytes: each byte is one choice, and where they run out the simplest is taken, so that shorter
//! inputs are simpler programs.
//!
//! Values of every kind meet every construct and every function of the library; most statements of most programs are
//! right, and the rest must end in an error of the program, never of the machine.

use std::sync::OnceLock;

/// Statements of one program, so that no choice of bytes makes one that takes minutes.
const STATEMENTS_MAX: usize = 60;

/// The program that these choices make.
pub(super) fn program(choices: &[u8]) -> String {
    let mut writer =
        Writer { choices: choices.iter(), text: String::new(), indent: 0, names: 0, statements: 0, loops: 0 };
    writer.line("function f(a, b = 2)");
    writer.line("    if type(a) == \"int\" and a > 0 and a < 30 return f(a - 1, b) end");
    writer.line("    v0 = a; v1 = b; v2 = [a, b]; v3 = a; v4 = {a: b}; v5 = b");
    let result = writer.expression(2);
    writer.line(&format!("    return {result}"));
    writer.line("end");
    // What it gives is of any type to the checker, which would refuse many a wrong program before it runs.
    writer.line("function any(x) return x end");
    writer.line("function main()");
    writer.indent = 1;
    let start = [
        "v0 = 1",
        "v1 = 0.5",
        "v2 = [1, 2, 3]",
        "v3 = tensor.arange(6.0) |> tensor.reshape([2, 3])",
        "v4 = {a: 1, b: [2]}",
        "v5 = \"ab\"",
    ];
    for line in start {
        writer.line(&format!("{})", line.replacen("= ", "= any(", 1)));
    }
    writer.block(3, 6);
    writer.line("return [v0, v1, v2, v3, v4, v5]");
    writer.indent = 0;
    writer.line("end");
    writer.text
}

/// A function of the library, with the fewest and most arguments that it takes.
struct Callee {
    name: &'static str,
    least: usize,
    most: usize,
}

/// The functions of the library, without those whose result is no function of their arguments.
fn library() -> &'static [Callee] {
    static CALLEES: OnceLock<Vec<Callee>> = OnceLock::new();
    CALLEES.get_or_init(|| {
        let entries = nexus_mcode::library().into_iter();
        let plain = entries.filter(|entry| !["map", "filter", "reduce", "time.now"].contains(&entry.name));
        plain
            .filter_map(|entry| {
                let (_, rest) = entry.signature.split_once('(')?;
                let (params, _) = rest.rsplit_once(')')?;
                let params: Vec<&str> = params.split(", ").filter(|param| !param.is_empty()).collect();
                let least = params.iter().filter(|param| !param.contains('=') && !param.contains('…')).count();
                Some(Callee { name: entry.name, least, most: params.len() })
            })
            .collect()
    })
}

struct Writer<'c> {
    choices: std::slice::Iter<'c, u8>,
    text: String,
    indent: usize,
    names: usize,
    statements: usize,
    /// Loops around the place.
    loops: usize,
}

impl Writer<'_> {
    fn choose(&mut self, count: usize) -> usize {
        self.choices.next().map_or(0, |&choice| usize::from(choice) % count)
    }

    /// One of several hundred.
    fn choose_widely(&mut self, count: usize) -> usize {
        let (high, low) = (self.choose(256), self.choose(256));
        (high * 256 + low) % count
    }

    fn pick<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.choose(words.len())]
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(&"    ".repeat(self.indent));
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn fresh(&mut self) -> String {
        self.names += 1;
        format!("n{}", self.names)
    }

    fn variable(&mut self) -> &'static str {
        self.pick(&["v0", "v1", "v2", "v3", "v4", "v5"])
    }

    fn literal(&mut self) -> &'static str {
        const LITERALS: [&str; 40] = [
            "0",
            "1",
            "2",
            "3",
            "-1",
            "7",
            "100",
            "9223372036854775807",
            "-9223372036854775807",
            "4611686018427387904",
            "0.5",
            "-0.0",
            "1e300",
            "1e-300",
            "2.5",
            "math.inf",
            "math.nan",
            "true",
            "false",
            "none",
            "\"\"",
            "\"a\"",
            "\"1.5\"",
            "\"{}\"",
            "\"é,b\"",
            "[]",
            "[1, 2, 3]",
            "[1.5, \"a\"]",
            "[[1, 2], [3, 4]]",
            "{}",
            "{a: 1}",
            "{a: [1], b: {c: 2}}",
            "0..4",
            "3..0 by -1",
            "tensor.ones(2, 3)",
            "tensor.arange(4)",
            "tensor.from_list([1.0, -2.0, 0.5])",
            "tensor.eye(3)",
            "tensor.zeros(0)",
            "tensor.randn(3, 2)",
        ];
        LITERALS[self.choose(LITERALS.len())]
    }

    fn expression(&mut self, depth: usize) -> String {
        let text = self.typed(depth);
        if self.choose(10) == 0 { text } else { format!("any({text})") }
    }

    /// An expression whose type the checker may know.
    fn typed(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.choose(4) {
                0 | 1 => self.variable().to_owned(),
                2 => format!("any({})", self.literal()),
                _ => self.literal().to_owned(),
            };
        }
        match self.choose(20) {
            0 | 1 => self.variable().to_owned(),
            2 => format!("any({})", self.literal()),
            3 | 4 => {
                let operator = self
                    .pick(&["+", "-", "*", "/", "//", "%", "@", "**", "and", "or", "==", "!=", "<", "<=", ">", ">="]);
                format!("({} {operator} {})", self.expression(depth - 1), self.expression(depth - 1))
            }
            5 => format!("(-{})", self.expression(depth - 1)),
            6 => format!("(not {})", self.expression(depth - 1)),
            7 => self.indexed(depth),
            8 => format!("any({}).{}", self.variable(), self.pick(&["a", "b", "c", "shape"])),
            9 | 10 => self.library_call(depth),
            11 => format!("f({}, {})", self.expression(depth - 1), self.expression(depth - 1)),
            12 => format!("[{}, {}]", self.expression(depth - 1), self.expression(depth - 1)),
            13 => format!("{{a: {}, c: {}}}", self.expression(depth - 1), self.expression(depth - 1)),
            14 => self.fold(depth),
            15 => format!("await spawn f({})", self.expression(depth - 1)),
            16 => format!("({} |> f({}))", self.expression(depth - 1), self.expression(depth - 1)),
            17 => format!(
                "(any({})..any({}) by {})",
                self.literal(),
                self.literal(),
                self.pick(&["1", "2", "-1", "0", "v0"])
            ),
            18 => format!("({})({})", self.function(depth), self.expression(depth - 1)),
            _ => format!("append({}, {})", self.expression(depth - 1), self.expression(depth - 1)),
        }
    }

    fn function(&mut self, depth: usize) -> String {
        match self.choose(6) {
            0 => "f".to_owned(),
            1 => format!("x => ({})", self.expression(depth - 1)),
            2 => "x => x".to_owned(),
            3 => format!("x => x {} {}", self.pick(&["+", "*", "==", "%"]), self.expression(depth - 1)),
            4 => self.pick(&["math.sqrt", "tensor.sum", "len", "string", "abs", "grad.grad(x => x * x)"]).to_owned(),
            _ => format!("(a, b) => a {} b", self.pick(&["+", "-", "*", "@"])),
        }
    }

    fn fold(&mut self, depth: usize) -> String {
        let name = self.pick(&["map", "filter", "reduce"]);
        format!("{name}({}, {})", self.function(depth), self.expression(depth - 1))
    }

    fn library_call(&mut self, depth: usize) -> String {
        let callee = &library()[self.choose_widely(library().len())];
        let count = callee.least + self.choose(callee.most - callee.least + 1);
        let arguments: Vec<String> = (0..count)
            .map(|_| {
                if self.choose(12) == 11 {
                    format!("any({})", self.function(depth))
                } else {
                    self.expression(depth - 1)
                }
            })
            .collect();
        format!("{}({})", callee.name, arguments.join(", "))
    }

    fn indexed(&mut self, depth: usize) -> String {
        let target = self.variable();
        format!("{target}[{}]", self.axes(depth))
    }

    fn axes(&mut self, depth: usize) -> String {
        let count = 1 + self.choose(2);
        let axes: Vec<String> = (0..count)
            .map(|_| match self.choose(9) {
                0 => "0".to_owned(),
                1 => "-1".to_owned(),
                2 => ":".to_owned(),
                3 => format!("any({})..{}", self.literal(), self.pick(&["2", "", "-1", "v0"])),
                4 => "..2".to_owned(),
                5 => format!("0.. by {}", self.pick(&["2", "-1", "0"])),
                6 => format!("v3 > {}", self.literal()),
                7 => self.pick(&["[0, 1]", "\"a\"", "[true, false]", "i0"]).replace("i0", "v0"),
                _ => self.expression(depth - 1),
            })
            .collect();
        axes.join(", ")
    }

    fn block(&mut self, depth: usize, most: usize) {
        for _ in 0..=self.choose(most) {
            if self.statements < STATEMENTS_MAX {
                self.statements += 1;
                self.statement(depth);
            }
        }
    }

    fn nested(&mut self, depth: usize) {
        self.indent += 1;
        self.line("v0 = v0");
        self.block(depth - 1, 3);
        self.indent -= 1;
    }

    fn statement(&mut self, depth: usize) {
        let kinds = if depth == 0 { 10 } else { 18 };
        match self.choose(kinds) {
            0..=2 => {
                let line = format!("{} = {}", self.variable(), self.expression(3));
                self.line(&line);
            }
            3 => {
                let line = format!("{}[{}] = {}", self.variable(), self.axes(1), self.expression(2));
                self.line(&line);
            }
            4 => {
                let operator = self.pick(&["+=", "-=", "*=", "/=", "//=", "%=", "@=", "**="]);
                let line = format!("{} {operator} {}", self.variable(), self.expression(2));
                self.line(&line);
            }
            5 => {
                let line = format!("{}.{} = {}", self.variable(), self.pick(&["a", "b"]), self.expression(2));
                self.line(&line);
            }
            6 => {
                let line = format!("print({})", self.expression(2));
                self.line(&line);
            }
            7 => {
                let (name, of) = (
                    self.fresh(),
                    self.pick(&["int", "scalar", "list", "tensor", "tensor[f32, n]", "any", "tensor[f64, 2, _]"]),
                );
                let line = format!("let {name}: {of} = {}", self.expression(2));
                self.line(&line);
            }
            8 => {
                let line = format!("output(\"o\", {})", self.expression(2));
                self.line(&line);
            }
            9 => {
                let line = format!("{}[0] {} {}", self.variable(), self.pick(&["+=", "*=", "//="]), self.expression(1));
                self.line(&line);
            }
            kind => self.compound(kind, depth),
        }
    }

    fn compound(&mut self, kind: usize, depth: usize) {
        match kind {
            10 | 11 => {
                let condition = self.expression(2);
                self.line(&format!("if {condition} == true"));
                self.nested(depth);
                if self.choose(2) == 1 {
                    self.line("else");
                    self.nested(depth);
                }
            }
            12 | 13 => {
                let (name, over) = (self.variable(), self.expression(2));
                self.line(&format!("for {name} in {over}"));
                self.in_loop(depth);
            }
            14 => {
                let name = self.fresh();
                let limit = self.pick(&["200", "3", "0"]);
                self.line(&format!("{name} = 0"));
                self.line(&format!("while {name} < {limit}"));
                self.line(&format!("    {name} += 1"));
                self.in_loop(depth);
            }
            15 => return self.parallel(depth),
            16 => {
                let name = self.variable();
                self.line(&format!("when change({name})"));
                self.nested(depth);
            }
            _ => {
                let name = self.fresh();
                self.line(&format!("function {name}(x, y = 1)"));
                let result = self.expression(2);
                self.line(&format!("    return [x, {result}]"));
                self.line("end");
                let call = format!("{} = {name}({})", self.variable(), self.expression(1));
                return self.line(&call);
            }
        }
        self.line("end");
    }

    fn in_loop(&mut self, depth: usize) {
        self.loops += 1;
        self.nested(depth);
        if self.choose(3) == 2 {
            let word = self.pick(&["break", "continue"]);
            let line = format!("    if {} == {} {word} end", self.variable(), self.literal());
            self.line(&line);
        }
        self.loops -= 1;
    }

    /// Iterations that may run beside each other, with the kinds of statements that gather their results.
    fn parallel(&mut self, depth: usize) {
        let (name, over) = (self.fresh(), self.pick(&["0..40", "v2", "[3, 1, 2]", "0..3", "5..0 by -1"]));
        let work = self.fresh();
        self.line(&format!("parallel for {name} in {over}"));
        self.indent += 1;
        self.line(&format!("{work} = {name}"));
        let rounds = self.pick(&["2", "60", "100"]);
        self.line(&format!("for {work}k in 0..{rounds} {work} += {work}k end"));
        for _ in 0..=self.choose(3) {
            let line = match self.choose(9) {
                0 => format!("{} += {work}", self.pick(&["v0", "v1", "v3"])),
                1 => format!("v2[{name}] = {work}"),
                2 => format!("v2 = append(v2, {work})"),
                3 => format!("v3[0, {name} % 3] += {}", self.literal()),
                4 => format!("v0 = max(v0, {work})"),
                5 => format!("print({name}, {})", self.expression(1)),
                6 => format!("if {work} % 2 == 0 continue end"),
                7 => format!("v1 = {}", self.expression(2)),
                _ => format!("v4.b = {work}"),
            };
            self.line(&line);
        }
        if self.choose(3) == 2 {
            self.block(depth - 1, 2);
        }
        self.indent -= 1;
        self.line("end");
    }
}
