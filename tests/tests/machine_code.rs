//! `nexus mcode plan --native` through the binary: which places of a program became machine code, for which types, and what
//! was left to the register machine.

use std::fs;

use nexus_tests::binary::run;

/// A loop over numbers, and one that makes text beside its numbers.
const PROGRAM: &str = "function main(n: int)
    total = 0
    for i in 0..n
        total = total + i % 7
    end
    words = \"\"
    half = 0.5
    for i in 0..n
        half = half * 0.5 + 0.1
        if i % 2000 == 0
            words = words + \"x\"
        end
    end
    return [total, half, words]
end
";

/// What `nexus mcode plan --native` prints of the program, and says beside it.
fn plan(arguments: &[&str]) -> (bool, String, String) {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let file = home.path().join("loops.mcode");
    fs::write(&file, PROGRAM).expect("a file can be written");
    let file = file.to_str().expect("the path is text").to_owned();
    let output = run(home.path(), ["mcode", "plan", "--native", &file].iter().chain(arguments));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn machine_code_is_shown_by_place_with_the_types_it_was_made_for() {
    let (fine, shown, said) = plan(&["--arg", "n=5000"]);
    assert!(fine, "{said}");
    let mut places = shown.split("\n\n");
    assert_eq!(places.next(), Some("2 places became machine code"), "{shown}");
    for (head, types) in [
        ("function `main`, the loop at line 3, ", &["  total: int", "  i: int"][..]),
        (
            "function `main`, the loop at line 8, ",
            &["  total: int", "  half: scalar", "  words: a value that is only kept"],
        ),
    ] {
        let place = places.next().unwrap_or_else(|| panic!("{head}\n{shown}"));
        let lines: Vec<&str> = place.lines().collect();
        let bytes = lines[0].strip_prefix(head).and_then(|rest| rest.strip_suffix(" bytes"));
        assert!(bytes.is_some_and(|bytes| bytes.parse::<u32>().is_ok_and(|bytes| bytes > 0)), "{place}");
        for ty in types {
            assert!(lines.contains(ty), "{ty} is missing in\n{place}");
        }
        // Its blocks, and the way back out, whatever processor it is for.
        assert!(lines.contains(&"    block0:") && lines.iter().any(|line| line.trim() == "ret"), "{place}");
    }
    let left = places.next().unwrap_or_default();
    assert_eq!(left.lines().next(), Some("left to the register machine"), "{shown}");
    assert!(left.lines().any(|line| line.starts_with("  line 11: ")), "{shown}");
    assert_eq!(places.next(), None, "nothing else is told");
}

#[test]
fn a_program_that_repeats_little_has_no_machine_code_and_says_so() {
    let (fine, shown, said) = plan(&["--arg", "n=3"]);
    assert!(fine, "{said}");
    assert!(shown.starts_with("nothing became machine code: no loop and no function ran often enough"), "{shown}");
}

#[test]
fn the_arguments_are_those_of_the_program() {
    let (fine, shown, said) = plan(&[]);
    assert!(!fine && shown.is_empty(), "{shown}");
    assert!(said.contains("`n`"), "{said}");
}
