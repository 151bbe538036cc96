//! Conversations: lines in, answers out, with the real language.

use std::sync::Arc;

use super::{Notebook, Talk};
use crate::cli::error::tests::pages;
use crate::cli::session::Session;

/// What is answered and said to some lines, and whether all went well.
fn talked(lines: &str) -> (String, String, bool) {
    let (mut console, out, err) = pages(false);
    let mut talk = Talk {
        world: &Session::new(None),
        console: &mut console,
        notebook: Notebook::default(),
        cancel: Arc::default(),
        times: false,
        failed: false,
    };
    let went_well = talk.lines(&mut lines.as_bytes()).is_ok();
    (out.text(), err.text(), went_well)
}

fn answers(lines: &str) -> String {
    let (out, err, went_well) = talked(lines);
    assert!(went_well && err.is_empty(), "{err}");
    out
}

#[test]
fn variables_functions_and_the_last_value_stay() {
    assert_eq!(answers("x = 3\nfunction f(n)\n    return n * x\nend\nf(4)\n_ + 1\nx = 5\nf(1)\n"), "12\n13\n5\n");
    assert_eq!(answers("g = (a, b) => a + b\ng(1, 2)\ng = x => x * 10\ng(4)\n"), "3\n40\n");
    assert_eq!(answers("xs = []\nfor i in 0..3\n    xs = append(xs, i)\nend\nlen(xs)\n"), "3\n");
    assert_eq!(answers("if true\n    y = 1\nend\ny\n"), "1\n");
}

#[test]
fn a_name_may_change_what_it_is() {
    assert_eq!(answers("f = x => x + 1\nf(1)\nf = 7\nf\nfunction f() return 9 end\nf()\n"), "2\n7\n9\n");
}

#[test]
fn handles_ranges_and_functions_of_the_library_stay() {
    let double = "function double(n) return n * 2 end\n";
    assert_eq!(answers(&format!("{double}h = spawn double(4)\nawait h\nawait h\n")), "8\n8\n");
    assert_eq!(
        answers(&format!("{double}hs = [spawn double(1), spawn double(2)]\n:vars\nawait hs\n")),
        "hs: list of 2\n[2, 4]\n"
    );
    assert_eq!(answers(&format!("{double}r = {{h: spawn double(1)}}\nawait r.h\n")), "2\n");
    assert_eq!(answers("r = 0..1000000000000\n:vars\nr[3]\n"), "r: range\n3\n");
    assert_eq!(answers("f = math.sqrt\nf(16.0)\n"), "4.0\n");
}

#[test]
fn a_function_that_ends_with_its_piece_is_told() {
    let (out, err, _) = talked("function adder(n) return x => x + n end\ng = adder(3)\ng(1)\n");
    assert!(out.is_empty() && err.contains("`g` holds a function"), "{out} {err}");
}

#[test]
fn a_watched_variable_stays_watched() {
    let watch = "x = 1\nn = 0\nwhen change(x)\n    n += 1\nend\n";
    assert_eq!(answers(&format!("{watch}x = 2\nx = 2\nx = 3\nn\n")), "2\n");
    assert_eq!(answers(&format!("{watch}:clear\nx = 5\nx\n")), "5\n", "cleared with all else");
    let (out, err, _) = talked(&format!("{watch}x = 2\nx = 1 // 0\nn\n"));
    assert!(out == "1\n" && err.contains("x = 1 // 0"), "places of the piece stay what they are: {out} {err}");
}

#[test]
fn errors_are_shown_and_change_nothing() {
    let (out, err, went_well) = talked("x = 1\nx = 1 // 0\ny = zeros(2)\nx\n");
    assert_eq!((out.as_str(), went_well), ("1\n", false));
    assert!(err.contains("MC0402") && err.contains("MC0201") && err.contains("x = 1 // 0"), "{err}");
}

#[test]
fn kinds_code_and_variables_are_told() {
    assert_eq!(answers(":type tensor.ones(2, 3)\n"), "f32[2, 3]\n");
    assert_eq!(answers("a = {n: 1, t: tensor.ones(2)}\n:vars\n"), "a: record {n: int, t: f32[2]}\n");
    assert!(answers(":plan 1 + 2\n").contains("top level"));
    assert!(answers(":doc len\n").starts_with("len(x) -> int"));
    assert_eq!(answers("x = 1\n:clear\n:vars\n:quit\nx\n"), "");
    let (_, err, went_well) = talked(":nonsense\n");
    assert!(!went_well && err.contains(":help"), "{err}");
}

#[test]
fn pieces_draw_different_random_numbers() {
    assert_eq!(answers("a = tensor.item(tensor.rand(1))\nb = tensor.item(tensor.rand(1))\na == b\n"), "false\n");
}
