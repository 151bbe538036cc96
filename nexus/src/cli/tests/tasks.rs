//! Single tasks of an array, where a job is expected.

use nexus_model::{BlobHash, Outcome, Payload, TaskOutput, Value};
use nexus_wire::Request;

use super::{FakeWorld, typed};
use crate::cli::error::Exit;
use crate::cli::fake::{ended, returned, task_view};

fn world() -> FakeWorld {
    let world = FakeWorld::default();
    let mut tasks: Vec<_> = (0..6).map(|index| returned(index, &Value::Int(1))).collect();
    tasks[5] = task_view(5, Outcome::TimedOut);
    let (job, tasks) = ended(17, "sweep.mcode", tasks);
    world.cluster.add(job, tasks);
    world
}

#[test]
fn one_task_is_never_taken_for_its_whole_job() {
    let world = world();
    for verb in ["cancel", "retry", "wait"] {
        let (exit, out, err) = typed(&world, &format!("nexus job {verb} 17/5"));
        assert_eq!((exit, out.as_str()), (Exit::Usage, ""), "{verb}");
        assert!(
            err.contains(&format!("`nexus job {verb}` takes a whole job, and 17/5 is one task of job-17")),
            "{err}"
        );
        assert!(err.contains(&format!("`nexus job {verb} 17` is about all of job-17")), "{err}");
    }
    let changes = |asked: &Request| matches!(asked, Request::CancelJob(_) | Request::RetryJob(_));
    assert!(!world.cluster.asked().iter().any(changes));
}

#[test]
fn a_task_is_shown_where_one_is_named() {
    let world = world();
    let (exit, out, _) = typed(&world, "nexus job show 17/4");
    assert_eq!(exit, Exit::Done);
    assert_eq!(out, "job-17/4  sweep.mcode  succeeded\nnode      studio\nattempts  1\ntime      41 ms\n");
    let (_, out, _) = typed(&world, "nexus job show 17/5 --json");
    assert_eq!(
        out,
        "{\"job\":17,\"index\":5,\"state\":\"timed-out\",\"node\":\"studio\",\"attempts\":1,\"error\":{\"code\":\"NX0511\",\
         \"message\":\"it ran longer than its timeout\",\"file\":null,\"line\":null,\"column\":null,\"help\":null},\
         \"exit_code\":null,\"time_ms\":41.0}\n"
    );
    let (exit, _, err) = typed(&world, "nexus job show 17/77");
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("job-17 has no task 77"), "{err}");
}

#[test]
fn all_lost_results_of_an_array_are_named_at_once_with_what_makes_them_again() {
    let world = FakeWorld::default();
    let mut tasks: Vec<_> = (0..30).map(|index| returned(index, &Value::Int(1))).collect();
    for index in [1, 20, 29] {
        let result = Payload::Blob { hash: BlobHash([200; 32]), bytes: 70_000 };
        tasks[index as usize] = task_view(index, Outcome::Succeeded(TaskOutput { result, outputs: Vec::new() }));
    }
    let (job, tasks) = ended(3, "draw.mcode", tasks);
    world.cluster.add(job, tasks);
    let (exit, out, err) = typed(&world, "nexus job result 3");
    assert_eq!(exit, Exit::Unreachable);
    assert!(out.contains(" 0  1\n") && out.contains(" 1  NX0109: no node that is up has"), "{out}");
    assert!(
        err.contains("error[NX0109]: the results of 3 tasks are on no machine that answers: 3/1, 3/20, 3/29"),
        "{err}"
    );
    assert!(err.contains("`nexus job retry 3` makes them again"), "{err}");
    let (exit, out, _) = typed(&world, "nexus job result 3 --json");
    assert_eq!((exit, out.matches("\"code\":\"NX0109\"").count()), (Exit::Unreachable, 3));
    assert!(out.ends_with("]}\n"), "the document is whole: {out}");
    let (exit, _, err) = typed(&world, "nexus job result 3 --output all.json");
    assert_eq!(exit, Exit::Unreachable);
    assert!(err.contains("3/1, 3/20, 3/29"), "{err}");
    let (_, _, err) = typed(&world, "nexus job result 3/20");
    assert!(err.contains("`nexus job retry 3` makes it again"), "{err}");
}

#[test]
fn an_array_of_commands_shows_what_they_printed() {
    let world = FakeWorld::default();
    let mut tasks: Vec<_> = (0..3).map(|index| returned(index, &Value::Int(0))).collect();
    tasks.iter_mut().for_each(|task| task.cost.as_mut().unwrap().exit_code = Some(0));
    let (mut job, tasks) = ended(17, "sh", tasks);
    job.is_array = true;
    world.cluster.add(job, tasks);
    let (_, out, _) = typed(&world, "nexus job result 17");
    assert_eq!(out, "0  out 0\n1  out 1\n2  out 2\n");
}
