//! Calls of a task as a job: who may hand them on. How they run elsewhere is tested with real nodes.

use nexus_actors::embedded::{self, EmbeddedOptions};
use nexus_model::{Input, JobId, JobSpec, Payload, Program, TaskId, Value, encode_value};
use tokio::sync::watch;

#[test]
fn calls_of_a_task_come_from_the_node_that_runs_it_alone() {
    let mut spec = JobSpec::single("calls", Program::MCode { file: "a.mcode".into(), source: "1".into() });
    let payload = Payload::Inline(encode_value(&Value::None).expect("none can be encoded").into());
    spec.inputs.push(Input::calls_of(TaskId { job: JobId(1), index: 0 }, payload));
    let options = EmbeddedOptions { scratch: std::env::temp_dir(), ..EmbeddedOptions::default() };
    let refused = embedded::run(spec, options, watch::channel(false).1).map(|run| run.job.state);
    let refusal = refused.expect_err("a person has no calls of a task");
    assert_eq!(refusal.code, "NX0103", "{refusal}");
    assert!(refusal.message.contains("by nobody else"), "{refusal}");
}
