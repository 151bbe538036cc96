//! Results of earlier jobs that are taken instead of being made again, through the binary: a program's, a command's, a
//! graph's, also on another node and after a restart.

use std::path::{Path, PathBuf};

use nexus_tests::cluster::Cluster;
use serde_json::Value;

/// A program whose result is too large for the log.
const SUM: &str = "function main(n = 3.0)\n    return tensor.ones([200, 200]) * n\nend\n";

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path: PathBuf = folder.join(name);
    std::fs::write(&path, text).expect("a file can be written");
    path.display().to_string()
}

fn submit(cluster: &Cluster, at: usize, arguments: &[&str]) -> Value {
    cluster.node(at).json(&[&["submit", "--wait"], arguments].concat())
}

fn shown(cluster: &Cluster, job: &Value) -> Value {
    cluster.node(0).json(&["job", "show", &job.to_string()])
}

#[test]
fn a_program_runs_once_and_its_result_is_taken_on_any_node_and_after_a_restart() {
    let mut cluster = Cluster::of(2);
    let file = written(cluster.folder(), "sum.mcode", SUM);
    let first = submit(&cluster, 0, &[&file]);
    let plain = submit(&cluster, 0, &[&file]);
    assert_eq!((&plain["reused"], &shown(&cluster, &plain["job"])["reused"]), (&Value::Null, &0.into()));
    cluster.stop(0);
    cluster.restart(0);
    cluster.leader(0, &[]);
    let copy = written(cluster.folder(), "copy.mcode", SUM);
    let taken = submit(&cluster, 1, &["--reuse", &copy]);
    assert_eq!(taken["reused"]["job"], plain["job"], "the newest: {taken}");
    assert_eq!((&taken["result"], &taken["attempts"], &taken["node"]), (&first["result"], &0.into(), &Value::Null));
    let view = shown(&cluster, &taken["job"]);
    assert_eq!((&view["reused"], &view["started_at_ms"]), (&1.into(), &Value::Null), "{view}");
    let explained = cluster.node(0).json(&["job", "explain", &taken["job"].to_string()]).to_string();
    assert!(explained.contains("1 task took results of earlier jobs"), "{explained}");
    let of_task = cluster.node(0).json(&["job", "explain", &format!("{}/0", taken["job"])]).to_string();
    assert!(of_task.contains(&format!("took the result of task {}/0", plain["job"])), "{of_task}");
    let text = cluster.node(0).nexus(&["job", "show", &taken["job"].to_string()]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("results of earlier jobs, for 1 task"));
    let other = submit(&cluster, 1, &["--reuse", "--arg", "n=4.0", &copy]);
    assert_eq!((&other["reused"], &other["attempts"]), (&Value::Null, &1.into()));
    let explained = cluster.node(1).json(&["job", "explain", &other["job"].to_string()]).to_string();
    assert!(explained.contains("had a result of the same work"), "{explained}");
}

#[test]
fn a_larger_array_runs_only_what_is_new() {
    let cluster = Cluster::of(1);
    let file = written(
        cluster.folder(),
        "square.mcode",
        "function main(task_index)\n    return task_index * task_index\nend\n",
    );
    submit(&cluster, 0, &["--array", "0..40", &file]);
    let larger = submit(&cluster, 0, &["--array", "0..60", "--reuse", &file]);
    let tasks = larger["tasks"].as_array().expect("an array");
    for (index, task) in tasks.iter().enumerate() {
        assert_eq!((&task["result"], task["reused"].is_object()), (&(index * index).into(), index < 40), "{task}");
    }
    let view = shown(&cluster, &larger["job"]);
    assert_eq!((tasks.len(), &view["reused"], &view["ran_on"][0]["tasks"]), (60, &40.into(), &20.into()), "{view}");
}

#[test]
fn a_command_is_taken_over_only_where_somebody_says_that_it_is_pure() {
    let cluster = Cluster::of(1);
    let count = cluster.folder().join("count");
    let script = format!("echo x >> {}; echo said", count.display());
    let runs = || std::fs::read_to_string(&count).map_or(0, |text| text.lines().count());
    submit(&cluster, 0, &["--", "sh", "-c", &script]);
    let refused = cluster.node(0).nexus(&["submit", "--reuse", "--", "sh", "-c", &script]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("--pure"), "{said}");
    let taken = cluster.node(0).nexus(&["submit", "--wait", "--reuse", "--pure", "--", "sh", "-c", &script]);
    assert_eq!((String::from_utf8_lossy(&taken.stdout).as_ref(), runs()), ("said\n", 1));
    submit(&cluster, 0, &["--", "sh", "-c", &script]);
    assert_eq!(runs(), 2, "who does not ask runs");
}

#[test]
fn a_graph_that_is_submitted_again_runs_only_what_changed() {
    let cluster = Cluster::of(1);
    written(cluster.folder(), "draw.mcode", "function main(task_index)\n    return task_index + 1\nend\n");
    written(cluster.folder(), "report.mcode", "return input(\"draws\")\n");
    let graph = |draws: u32| {
        format!(
            "[task.draw]\nprogram = \"draw.mcode\"\narray = \"0..{draws}\"\nreuse = true\n\
             [task.report]\nprogram = \"report.mcode\"\ninputs = {{ draws = {{ task = \"draw\" }} }}\nreuse = true\n"
        )
    };
    let file = written(cluster.folder(), "graph.toml", &graph(3));
    let reused = |jobs: &Value| ["draw", "report"].map(|task| shown(&cluster, &jobs["jobs"][task])["reused"].clone());
    let mut seen = Vec::new();
    for draws in [3, 3, 4] {
        written(cluster.folder(), "graph.toml", &graph(draws));
        let jobs = cluster.node(0).json(&["submit", &file]);
        let done = cluster.node(0).json(&["job", "wait", &jobs["jobs"]["report"].to_string()]);
        assert_eq!(done["result"].as_array().map(Vec::len), Some(draws as usize), "{done}");
        seen.push(reused(&jobs));
    }
    let counts = |draw: u32, report: u32| [Value::from(draw), Value::from(report)];
    assert_eq!(seen, vec![counts(0, 0), counts(3, 1), counts(3, 0)]);
    let wrong = "[task.a]\ncommand = [\"true\"]\nreuse = true\n";
    let refused = cluster.node(0).nexus(&["submit", &written(cluster.folder(), "wrong.toml", wrong)]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("pure = true"), "{said}");
}
