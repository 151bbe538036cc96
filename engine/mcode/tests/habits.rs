//! What people write who come from another language: one error at the place, which says how it is written here, and none of
//! what only follows from it.

use nexus_mcode::compile;

/// The errors of a program, each as its line, its message and its help.
fn told(source: &str) -> Vec<String> {
    let diagnostics = compile("t.mcode", source).diagnostics;
    let told = diagnostics.into_iter().map(|d| {
        let line = d.primary.map_or(0, |label| label.span.line);
        format!("{line}: {} ({})", d.message, d.help.unwrap_or_default())
    });
    told.collect()
}

/// That a program has so many errors, one of them with these words.
#[track_caller]
fn teaches(source: &str, errors: usize, words: &str) {
    let told = told(source);
    assert_eq!(told.len(), errors, "{source}\n{told:#?}");
    assert!(told.iter().any(|error| error.contains(words)), "{source}\n{told:#?}");
}

#[test]
fn comprehensions_choices_and_membership() {
    teaches("xs = [i * i for i in 0..5]\nprint(xs)\n", 1, "`map(x => x * x, xs)`");
    teaches("print(sum(i for i in 0..5))\n", 1, "`map(x => x * x, xs)`");
    teaches("x = 3\ny = \"a\" if x > 2 else \"b\"\n", 1, "`if c`, `else` and `end`");
    teaches("x = 3\ny = x > 2 ? \"a\" : \"b\"\n", 1, "`if c`, `else` and `end`");
    teaches("xs = [1]\nif 1 in xs\n    print(1)\nend\n", 1, "`contains(xs, x)`");
    teaches("xs = [1]\nif 1 not in xs\n    print(1)\nend\n", 1, "`contains(xs, x)`");
}

#[test]
fn several_values_and_several_names() {
    teaches("function f()\n    return 1, 2\nend\n", 1, "a list `[a, b]`");
    teaches("a, b = [1, 2]\n", 1, "a list `[a, b]`");
    teaches("for (i, x) in enumerate([5])\n    print(i, x)\nend\nprint(1)\n", 1, "`p[0]` and `p[1]`");
    teaches("for i, x in enumerate([5])\n    print(i, x)\nend\nprint(1)\n", 1, "`p[0]` and `p[1]`");
    teaches("for (int i = 0; i < 3; i++) {\n    print(i)\n}\nprint(1)\n", 1, "`for i in 0..n`");
}

#[test]
fn an_assignment_where_a_condition_stands() {
    teaches("x = 3\nif x = 3\n    print(x)\nend\n", 1, "`==` for equal");
    teaches("x = 3\nwhile x = 3\n    x = 4\nend\nprint(unknown)\n", 2, "`==` for equal");
    teaches("x = 3\nif x > 3\n    print(x)\nelseif x = 3\n    print(unknown)\nend\n", 2, "`==` for equal");
}

#[test]
fn functions_and_strings() {
    teaches("f = lambda x: x * 2\nprint(f(1))\n", 1, "`x => x * 2`");
    teaches("x = 1\nprint(f\"x = {x}\")\nprint(r\"a\")\n", 2, "`format(\"x = {}\", x)`");
    teaches("def f(x)\n    return x\nend\nprint(f(1))\n", 1, "`function name(a, b)`");
    teaches("fn f(x) {\n    return x\n}\nprint(f(1))\n", 2, "ends with `end`");
}

#[test]
fn blocks_in_braces_are_read_and_reported_once() {
    let source = "i = 0\nwhile (i < 3) {\n    if i == 1 {\n        print(i)\n    } else {\n        print(0)\n    }\n    \
                  i += 1\n}\nfor k in 0..2\n{\n    print(k)\n}\nprint(i)\n";
    teaches(source, 1, "ends with `end`");
    teaches("if 1 > 0 {\n    print(1)\n}\nelse\n{\n    print(2)\n}\nprint(unknown)\n", 2, "`unknown`");
    teaches("print(1)\n}\nprint(2)\n", 1, "closes nothing");
}

#[test]
fn words_and_signs() {
    teaches("n = 1\nif n == 1\n    print(1)\nelif n == 2\n    print(2)\nelse\n    print(3)\nend\n", 1, "`elseif`");
    teaches("i = 0\ni++\nprint(i)\n", 1, "`x += 1`");
    teaches("i = 0\ni--\n", 1, "`x -= 1`");
    teaches("// a remark\nprint(1)\n", 1, "begins with `#`");
    teaches("import numpy as np\nprint(1)\n", 1, "there without an import");
    teaches("xs = [1]\nxs.append(2)\n", 1, "`xs = append(xs, x)`");
    teaches("xs = [2, 1]\nxs.sort()\n", 1, "`sorted(x)`");
}

#[test]
fn what_looks_alike_is_read_as_before() {
    for source in [
        "elif = 3\nprint(elif)\n",
        "lambda = 2\nprint(lambda + 1)\n",
        "def = 1\nprint(def)\n",
        "f = 1\nprint(f, \"x\")\n",
        "r = {a: {b: 1}}\nprint(r.a.b)\n",
        "if 1 > 0\n    r = {a: 1}\nend\n",
        "x = 3\ny = 2 - -x\nz = 2 + +x\nprint(y, z)\n",
        "for x in [{a: 1}, {a: 2}]\n    print(x.a)\nend\n",
    ] {
        assert_eq!(told(source), Vec::<String>::new(), "{source}");
    }
}
