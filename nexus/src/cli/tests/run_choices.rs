//! `nexus run --optimize` beside settings that decide the same.

use super::*;

#[test]
fn a_strategy_and_a_setting_that_it_decides_are_refused_together() {
    let (world, programs) = (FakeWorld::default(), Programs::new());
    let path = programs.path("seven.mcode");
    for (flags, named) in [
        ("--optimize --jit 2", "--jit"),
        ("--optimize=math_intensive --jit 0", "--jit"),
        ("--optimize --device gpu", "--device gpu"),
    ] {
        let (exit, out, err) = typed(&world, &format!("nexus run {path} {flags}"));
        assert_eq!((exit, out.as_str()), (Exit::Usage, ""), "{flags}");
        assert!(err.contains(&format!("{named} and --optimize both say how the program is run")), "{err}");
        assert!(err.contains(&format!("leave out {named}")), "{err}");
    }
    for flags in ["--jit 2", "--device gpu", "--optimize --device cpu"] {
        let (exit, _, err) = typed(&world, &format!("nexus run {path} {flags}"));
        assert_eq!(exit, Exit::Done, "{flags}: {err}");
    }
}
