//! What a person is told about a broken program: code, place, labels and help, drawn in short.

use nexus_mcode::compile;

fn told(source: &str) -> String {
    let diagnostics = compile("t.mcode", source).diagnostics;
    let mut lines = Vec::new();
    for d in diagnostics {
        let place = |l: &nexus_model::Label| format!("{}:{}", l.span.line, l.span.column);
        let primary = d.primary.as_ref().map(place).unwrap_or_default();
        lines.push(format!("{} {primary} {}", d.code, d.message));
        let labels = d.primary.iter().chain(&d.secondary).filter(|l| !l.text.is_empty());
        lines.extend(labels.map(|l| format!("  {} {}", place(l), l.text)));
        lines.extend(d.help.map(|h| format!("  help: {h}")));
    }
    lines.join("\n")
}

#[test]
fn a_product_that_does_not_fit_is_explained_by_both_operands() {
    let source =
        "function broken()\n    x = tensor.ones(32, 128)\n    w = tensor.ones(64, 10)\n    return x @ w\nend\n";
    insta::assert_snapshot!(told(source), @r"
    MC0203 4:12 shapes do not fit this product
      4:12 f32[32, 128] @ f32[64, 10]: the inner sizes are 128 and 64
      3:9 f32[64, 10]
      help: did you mean `x @ tensor.ones(128, 10)`?
    ");
}

#[test]
fn several_errors_are_found_at_once() {
    insta::assert_snapshot!(told("x = 1 +\ny = ) 2\nfunction f(\n    return tensr.ones(2)\nend\nz = lenn([1])\n"));
}

#[test]
fn names_of_a_signatures_dimensions_unify() {
    let source = "function f(a: tensor[f32, n, 4], b: tensor[f32, n])\n    return a\nend\n\
                  function main()\n    return f(tensor.ones(2, 4), tensor.ones(3))\nend\n";
    insta::assert_snapshot!(told(source), @r"
    MC0206 5:33 `n` cannot be both 2 and 3
      5:33 the argument `b` makes `n` 3
      5:14 here `n` is 2
      help: what shares a dimension's name has the same size there
    ");
}

#[test]
fn a_variable_of_the_top_level_is_not_changed_by_functions() {
    insta::assert_snapshot!(told("total = 0\nfunction add(n)\n    total = total + n\nend\nadd(1)\n"), @r"
    MC0208 3:13 `total` has no value yet
      help: `total` is assigned in this function, so it is the function's own: pass the outer one in
    ");
}

#[test]
fn close_names_are_suggested() {
    insta::assert_snapshot!(told("x = tensor.resahpe([1], [1, 1])\nvalue = 1\nprint(vlaue)\ny = mprime.wormhole(1)\n"), @r"
    MC0210 1:12 there is no `tensor.resahpe`
      help: did you mean `tensor.reshape`?
    MC0201 3:7 nothing here is called `vlaue`
      help: did you mean `value`?
    MC0210 4:12 there is no `mprime.wormhole`
      help: `nexus mcode doc` lists the library
    ");
}

#[test]
fn loops_do_not_make_right_programs_wrong() {
    let source = "function main()\n    x = 1\n    w = tensor.zeros(4)\n    for i in 0..3\n        w = w - 0.1 * w\n\
                  \x20       x = tensor.ones(2)\n    end\n    while len(w.shape) < 3\n        w = tensor.stack([w, w], 0)\n    end\n\
                  \x20   return [x, w]\nend\n";
    insta::assert_snapshot!(told(source), @"");
}

#[test]
fn a_call_is_held_to_the_signature() {
    let source =
        "function f(a, b: int = 2)\n    return a\nend\nf()\nf(1, 2, 3)\nf(1, c = 2)\nf(1, b = \"x\")\ntensor.ones()\n";
    insta::assert_snapshot!(told(source));
}

#[test]
fn misspelt_keywords_and_words_of_other_languages_are_suggested() {
    let found = compile("a.mcode", "retrun\nlenght\nwhlie\nxyzzy\n").diagnostics;
    let helps: Vec<&str> = found.iter().map(|d| d.help.as_deref().unwrap_or("")).collect();
    let counts = "`len(xs)` counts items; `tensor.shape(t)` gives sizes";
    assert_eq!(helps, ["did you mean `return`?", counts, "did you mean `while`?", ""]);
}

#[test]
fn what_is_read_from_a_module_that_is_missing_is_no_further_error() {
    let found = compile("a.mcode", "import \"there_is_none.mcode\" as q\nx = q.f(3)\nq.g\nr.g\n").diagnostics;
    let codes: Vec<&str> = found.iter().map(|d| d.code.as_str()).collect();
    assert_eq!(codes, ["MC0212", "MC0201"], "{found:?}");
}
