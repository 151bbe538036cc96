//! `nexus mcode`, with a language that is easy to break.

use clap::Parser as _;

use super::{FakeWorld, Programs, typed};
use crate::cli::Cli;
use crate::cli::error::Exit;

#[test]
fn programs_are_checked_and_printed() {
    let (world, programs) = (FakeWorld::default(), Programs::new());
    let (seven, bad) = (programs.path("seven.mcode"), programs.path("bad.mcode"));
    let (exit, _, err) = typed(&world, &format!("nexus mcode check {seven}"));
    assert_eq!((exit, err), (Exit::Done, format!("{seven}: no errors\n")));
    assert_eq!(typed(&world, &format!("nexus mcode check {bad} {seven}")).0, Exit::ProgramFailed);
    assert_eq!(typed(&world, &format!("nexus mcode ir {seven}")).1, "code of 7\n");
    assert_eq!(typed(&world, &format!("nexus mcode ir {seven} --jit 1")).1, "code at level 1 of 7\n");
    assert_eq!(typed(&world, &format!("nexus mcode plan {seven}")).1, "plan at level 2 of 7\n");
    assert_eq!(
        typed(&world, &format!("nexus mcode plan --native {seven} --arg n=5")).1,
        "machine code of 7 with [(\"n\", Int(5))]\n"
    );
    for refused in [&["--jit", "3"][..], &["--native", "--jit", "1"], &["--arg", "n=5"]] {
        let line: Vec<&str> = ["nexus", "mcode", "plan", &seven].into_iter().chain(refused.iter().copied()).collect();
        assert!(Cli::try_parse_from(line).is_err(), "{refused:?}");
    }
    assert_eq!(typed(&world, &format!("nexus mcode ir {bad}")).0, Exit::ProgramFailed);
    assert_eq!(typed(&world, &format!("nexus mcode ast {seven}")).1, "tree of 7\n");
}

#[test]
fn programs_are_formatted_in_place_or_only_checked() {
    let (world, programs) = (FakeWorld::default(), Programs::new());
    let (seven, bad) = (programs.path("seven.mcode"), programs.path("bad.mcode"));
    std::fs::write(&seven, "  7").unwrap();
    let (exit, out, err) = typed(&world, &format!("nexus mcode fmt --check {seven}"));
    assert_eq!((exit, out.as_str()), (Exit::ProgramFailed, ""));
    assert!(err.contains("1 file would change") && err.contains("NX0531"), "{err}");
    assert_eq!(typed(&world, &format!("nexus mcode fmt --stdout {seven}")).1, "7\n");
    assert_eq!(std::fs::read_to_string(&seven).unwrap(), "  7");
    let (exit, _, err) = typed(&world, &format!("nexus mcode fmt {bad} {seven}"));
    assert_eq!(exit, Exit::ProgramFailed, "{err}");
    assert_eq!(std::fs::read_to_string(&seven).unwrap(), "7\n", "the file without errors is written");
    assert_eq!(typed(&world, &format!("nexus mcode fmt {seven}")).2, "nothing to change\n");
}

#[test]
fn the_library_is_searched() {
    let world = FakeWorld::default();
    assert!(typed(&world, "nexus mcode doc append").1.starts_with("append(xs, x) -> list\n\nThe list with"));
    assert!(typed(&world, "nexus mcode doc tensor").1.lines().all(|line| line.starts_with("tensor.")));
    let (exit, _, err) = typed(&world, "nexus mcode doc xyzzy");
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("NX0532"), "{err}");
}
