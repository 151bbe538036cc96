//! What a run says of its numbers: warnings of operations, and operations that make NaN or infinity where that is asked.

use nexus_actors::embedded::{self, EmbeddedOptions, EmbeddedRun};
use nexus_model::{JobSpec, Outcome, Program};
use tokio::sync::watch;

fn run(source: &str, check_finite: bool) -> EmbeddedRun {
    let program = Program::MCode { file: "a.mcode".into(), source: source.into() };
    let options = EmbeddedOptions { scratch: std::env::temp_dir(), check_finite, ..EmbeddedOptions::default() };
    embedded::run(JobSpec::single("told", program), options, watch::channel(false).1).expect("the job runs")
}

fn stderr(run: &EmbeddedRun) -> String {
    let payload = run.tasks[0].cost.as_ref().and_then(|cost| cost.stderr.as_ref());
    payload
        .map(|payload| String::from_utf8(run.load(payload).expect("the log is kept")).expect("text"))
        .unwrap_or_default()
}

#[test]
fn what_an_operation_warns_of_stands_in_the_log_of_its_task() {
    let run =
        run("a = tensor.from_list([[1.0, 2.0], [2.0, 4.000001]])\nreturn linalg.solve(a, tensor.ones(2))\n", false);
    assert!(matches!(run.tasks[0].outcome, Some(Outcome::Succeeded(_))));
    let said = stderr(&run);
    assert!(said.starts_with("warning: linalg.solve: ") && said.contains("condition number"), "{said:?}");
    assert_eq!(said.lines().count(), 1, "{said:?}");
}

#[test]
fn finite_numbers_are_asked_for_by_the_run_not_by_the_program() {
    let source = "return tensor.log(tensor.zeros(2))\n";
    let free = run(source, false);
    assert!(matches!(free.tasks[0].outcome, Some(Outcome::Succeeded(_))) && stderr(&free).is_empty());
    let Some(Outcome::Failed(failure)) = &run(source, true).tasks[0].outcome else { panic!("it stops") };
    let diagnostic = failure.diagnostic.as_ref().expect("what stopped it");
    assert_eq!(diagnostic.code, "MC0416", "{}", diagnostic.message);
}
