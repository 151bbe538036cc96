//! What `nexus submit` takes and refuses, for a program, a command and a graph of tasks.

use clap::Parser as _;
use nexus_model::{Payload, Value};
use nexus_wire::Request;

use super::{FakeWorld, Programs, typed};
use crate::cli::Cli;
use crate::cli::error::Exit;
use crate::cli::fake::{ended, job_view, returned};

fn submissions(world: &FakeWorld) -> usize {
    world.cluster.asked().iter().filter(|asked| matches!(asked, Request::SubmitJob { .. })).count()
}

#[test]
fn a_graph_refuses_what_it_has_in_its_file() {
    let (world, programs) = (FakeWorld::default(), Programs::new());
    let graph = programs.path("two.toml");
    std::fs::write(&graph, "[task.a]\ncommand = [\"true\"]\n").unwrap();
    for (options, help) in [
        ("--timeout 1ms", "write timeout = \"10min\" under [task.NAME]"),
        ("--after 43", "write after = [\"fit\"], a list of other tasks under [task.NAME]"),
        ("--arg n=3", "write args = { n = 3, rate = 0.1 } under [task.NAME]"),
        ("--max-attempts 1", "write retries = 2 under [task.NAME]"),
        ("--copies 1", "write copies = 2 under [task.NAME]"),
        ("--env A=b --cwd /x", "--env: write env = { NAME = \"value\" } under [task.NAME]; --cwd: write cwd ="),
        ("--name x", "above the first task of the file"),
        ("--device auto", "submit the program of that task by itself"),
        ("--schedule @daily", "a schedule submits a program or a command"),
    ] {
        let (exit, out, err) = typed(&world, &format!("nexus submit {graph} {options}"));
        assert_eq!((exit, out.as_str()), (Exit::Usage, ""), "{options}");
        let option = options.split(' ').next().unwrap();
        assert!(err.contains(&format!("it takes no {option}")) && err.contains(help), "{options}: {err}");
    }
    assert_eq!(submissions(&world), 0);
    let (exit, _, err) = typed(&world, &format!("nexus submit {graph} --key k --json"));
    assert_eq!((exit, submissions(&world)), (Exit::Done, 1), "{err}");
}

#[test]
fn a_command_refuses_what_describes_a_program_and_the_other_way_round() {
    let (world, programs) = (FakeWorld::default(), Programs::new());
    for (options, help) in [
        ("--arg n=3", "behind the command"),
        ("--input d=x.json", "reads files by itself"),
        ("--take d=17", "--after JOB"),
        ("--device cpu", "--gpu N"),
        ("--seed 0", "--env SEED=7"),
        ("--jit 1", "not compiled"),
        ("--limits high", "--timeout"),
    ] {
        let (exit, _, err) = typed(&world, &format!("nexus submit {options} -- /bin/echo x"));
        let option = options.split(' ').next().unwrap();
        assert_eq!(exit, Exit::Usage, "{options}");
        assert!(err.contains(&format!("a command takes no {option}")) && err.contains(help), "{options}: {err}");
    }
    let program = programs.path("ok.mcode");
    for options in ["--env A=b", "--cwd /x"] {
        let (exit, _, err) = typed(&world, &format!("nexus submit {program} {options}"));
        assert_eq!(exit, Exit::Usage, "{options}");
        assert!(err.contains("is a program, which takes no --") && err.contains("after `--`"), "{options}: {err}");
    }
    assert_eq!(submissions(&world), 0);
}

#[test]
fn an_empty_key_is_none() {
    for key in ["--key=", "--key= "] {
        let Err(error) = Cli::try_parse_from(["nexus", "submit", key, "--", "true"]) else { panic!("{key} was taken") };
        assert!(error.to_string().contains("a key has at least one character"), "{error}");
    }
}

#[test]
fn a_key_that_another_job_has_refuses_what_is_not_that_job() {
    let (world, programs) = (FakeWorld::default(), Programs::new());
    world.cluster.hold_key("k", job_view(7, "echo", 1));
    let program = programs.path("ok.mcode");
    let (exit, out, err) = typed(&world, &format!("nexus submit {program} --key k --array 0..3"));
    assert_eq!((exit, out.as_str()), (Exit::Usage, ""));
    assert!(err.starts_with("error[NX0115]: the key is that of job-7, echo (1 task), submitted "), "{err}");
    assert!(err.contains("ago: ok.mcode (3 tasks) was not submitted") && err.contains("another --key"), "{err}");
    let (exit, out, err) = typed(&world, "nexus submit --key k --json -- /bin/echo x");
    assert_eq!((exit, out.as_str(), err.as_str()), (Exit::Done, "{\"job\":7,\"name\":\"echo\",\"tasks\":1}\n", ""));
}

#[test]
fn what_no_machine_has_is_said_of_a_graph_too_without_waiting() {
    let (world, programs) = (FakeWorld::default(), Programs::new());
    let graph = programs.path("unmet.toml");
    std::fs::write(
        &graph,
        "[task.a]\ncommand = [\"true\"]\nrequire = [\"zone=nowhere\"]\n[task.b]\ncommand = [\"true\"]\n",
    )
    .unwrap();
    let (exit, _, err) = typed(&world, &format!("nexus submit {graph}"));
    assert_eq!(exit, Exit::Done);
    assert_eq!(
        err,
        "warning: no node has zone=nowhere: job-1 waits until a machine joins that has it (nexus job cancel 1)\n"
    );
}

#[test]
fn a_number_below_zero_is_the_options_and_not_another_option() {
    for (option, value) in
        [("--gpu", "-1"), ("--seed", "-1"), ("--cpus", "-1"), ("--delay", "-1s"), ("--memory", "-1G")]
    {
        let Err(error) = Cli::try_parse_from(["nexus", "submit", option, value, "x.mcode"]) else {
            panic!("{option} took {value}")
        };
        let said = error.to_string();
        assert!(said.contains(&format!("invalid value '{value}' for '{option}")), "{said}");
    }
}

#[test]
fn a_name_is_something_in_one_line() {
    let world = FakeWorld::default();
    let empty = Cli::try_parse_from(["nexus", "submit", "--name", " ", "--", "true"]).map(|_| ()).unwrap_err();
    assert!(empty.to_string().contains("a name has at least one character"), "{empty}");
    world.cluster.add(job_view(5, "a\nb\u{1b}[31m", 1), Vec::new());
    let (_, out, _) = typed(&world, "nexus job show 5");
    assert!(out.starts_with("job-5  a b\\u{1b}[31m  1 task"), "{out}");
}

#[test]
fn a_sweep_without_an_array_is_told_and_nothing_is_submitted() {
    let (world, programs) = (FakeWorld::default(), Programs::new());
    let program = programs.path("ok.mcode");
    for verb in ["run", "submit"] {
        let (exit, _, err) = typed(&world, &format!("nexus {verb} {program} --arg lr=log:1e-4..1e-1"));
        assert!(exit == Exit::Usage && err.contains("`lr`") && err.contains("add --array"), "{err}");
        let (exit, _, err) = typed(&world, &format!("nexus {verb} {program} --arg n=99999999999999999999"));
        assert!(exit == Exit::Usage && err.contains("an int is from -9223372036854775808 to"), "{err}");
    }
    let graph = programs.path("sweep.toml");
    std::fs::write(&graph, "[task.a]\nprogram = \"ok.mcode\"\nargs = { lr = \"lin:0..1\" }\n").unwrap();
    let (exit, _, err) = typed(&world, &format!("nexus submit {graph}"));
    assert!(exit == Exit::Usage && err.contains("needs an array"), "{err}");
    assert_eq!(submissions(&world), 0);
}

#[test]
fn outputs_that_cannot_be_written_are_told_before_anything_runs() {
    let (world, programs) = (FakeWorld::default(), Programs::new());
    let program = programs.path("ok.mcode");
    for options in ["--output y=none/there/y.npy", "--profile=svg=none/there/flame.svg"] {
        let (exit, out, err) = typed(&world, &format!("nexus run {program} {options}"));
        assert!(exit == Exit::Usage && out.is_empty() && err.contains("mkdir -p none/there"), "{options}: {err}");
    }
    let (exit, _, err) = typed(&world, &format!("nexus profile {program} --format svg --json"));
    assert!(exit == Exit::Usage && err.is_empty(), "{err}");
    let (exit, _, _) = typed(&world, &format!("nexus profile {program} --output none/there/flame.svg"));
    assert_eq!(exit, Exit::Usage);
    assert!(world.ran.lock().unwrap().is_empty());
}

#[test]
fn the_document_of_a_command_has_what_it_printed() {
    let world = FakeWorld::default();
    let (job, mut tasks) = ended(9, "echo", vec![returned(0, &Value::Int(0))]);
    let cost = tasks[0].cost.as_mut().unwrap();
    cost.exit_code = Some(0);
    cost.stdout = Some(Payload::Inline("x".repeat(65_537).as_bytes().into()));
    world.cluster.add(job, tasks);
    let (exit, out, _) = typed(&world, "nexus job result 9 --json");
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((exit, document["stdout"].as_str().map(str::len)), (Exit::Done, Some(65_536)));
    assert!(document["stderr"] == "err 0\n" && document["printed_truncated"] == true, "{out}");
}
