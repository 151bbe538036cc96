//! `nexus status`: how the cluster is.

use std::time::Duration;

use nexus_wire::StatusView;

use super::cluster::{self, Cluster};
use super::error::CliError;
use super::jobs::now_ms;
use super::node::table;
use crate::output::json::{StatusDocument, document};
use crate::output::paint::{NAME, WARNING, paint};
use crate::output::{Console, units};

/// Runs the verb.
pub(crate) async fn status(cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let status = cluster::status(cluster).await?;
    if console.is_json() {
        console.answer(&document(&StatusDocument::of(&status, now_ms())));
    } else {
        console.answer(&shown(&status, now_ms()));
    }
    Ok(())
}

fn shown(status: &StatusView, now_ms: u64) -> String {
    format!("{}\n{}", heading(status, now_ms), table(&status.nodes, now_ms))
}

/// The lines about the cluster as a whole.
pub(crate) fn heading(status: &StatusView, now_ms: u64) -> String {
    let facts = StatusDocument::of(status, now_ms);
    let leader = match &facts.leader {
        Some(leader) => format!("leader {leader}"),
        None => paint(WARNING, &format!("no leader ({} voters must be up)", facts.voters.len() / 2 + 1)),
    };
    let disks = disks(&facts);
    let cluster = [
        format!("cluster {}", paint(NAME, &facts.cluster)),
        units::count(facts.nodes.len() as u64, "node"),
        leader,
        format!("voters {} ({disks})", facts.voters.join(", ")),
    ];
    let work = [
        units::count(u64::from(facts.jobs_active), "active job"),
        format!("{} queued", units::count(facts.tasks_queued, "task")),
        format!("version {}", facts.version),
    ];
    let stopped = status.stopped.as_ref().map(|stopped| {
        let ago = units::age(Duration::from_millis(now_ms.saturating_sub(stopped.at_ms)));
        let said =
            format!("all work is stopped, {ago} ago by {}: `nexus cluster resume` gives it out again", stopped.by);
        format!("\n{}", paint(WARNING, &said))
    });
    format!("{}\n{}{}", cluster.join(" · "), work.join(" · "), stopped.unwrap_or_default())
}

/// On how many disks everything accepted is, and what would make it safer.
fn disks(facts: &StatusDocument) -> String {
    match (facts.voters.len(), facts.nodes.len()) {
        (1, 3..) => "1 disk: `nexus voters set A B C` would make it three".to_owned(),
        (1, 2) => "1 disk: a third node would allow three voters".to_owned(),
        (voters, _) => units::count(voters as u64, "disk"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::tests::pages;
    use crate::cli::fake::{FakeCluster, health, status as fake_status};

    #[test]
    fn the_cluster_is_one_line_and_the_nodes_a_table() {
        insta::assert_snapshot!(anstream::adapter::strip_str(&shown(&fake_status(), 241_000)).to_string(), @r"
        cluster studio · 2 nodes · leader studio · voters studio (1 disk: a third node would allow three voters)
        2 active jobs · 99 tasks queued · version 0.1.0
        NODE    ID  ROLE          STATE         SLOTS  CPU  GPU                          MEM     TASKS  RTT     ADDRESS
        studio  1   worker voter  up            12     —    Apple M3 Max (metal, 48 GB)  64 GiB  3      400 µs  192.168.1.21:4747
        air     2   worker        down (4 min)  12     —    —                            64 GiB  0      —       192.168.1.22:4747
        ");
    }

    #[test]
    fn what_machines_say_of_themselves_is_in_the_table_and_below_it() {
        let mut status = fake_status();
        health().fill_in_status(&mut status);
        let text = anstream::adapter::strip_str(&shown(&status, 241_000)).to_string();
        insta::assert_snapshot!(text.lines().skip(2).collect::<Vec<_>>().join("\n"), @r"
        NODE    ID  ROLE          STATE         SLOTS  CPU  GPU                                          MEM        TASKS  RTT     ADDRESS
        studio  1   worker voter  paused        12     38%  Apple M3 Max (metal, 48 GB) 71% (0.5 given)  21/64 GiB  3      400 µs  192.168.1.21:4747
        air     2   worker        down (4 min)  12     —    —                                            64 GiB     0      —       192.168.1.22:4747
        studio takes no new tasks: memory > 30% (now 33%)
        studio warns: on-battery
        ");
    }

    #[test]
    fn who_stopped_all_work_is_said_first() {
        let mut status = fake_status();
        status.stopped = Some(nexus_wire::Stopped { by: "ada (operator)".to_owned(), at_ms: 121_000 });
        let text = anstream::adapter::strip_str(&shown(&status, 241_000)).to_string();
        let line = "all work is stopped, 2 min ago by ada (operator): `nexus cluster resume` gives it out again";
        assert_eq!(text.lines().nth(2), Some(line), "{text}");
    }

    #[tokio::test]
    async fn programs_get_the_same_facts() {
        let (mut console, out, _) = pages(true);
        status(&FakeCluster::default(), &mut console).await.unwrap();
        let text = out.text();
        assert!(
            text.starts_with(
                "{\"cluster\":\"studio\",\"version\":\"0.1.0\",\"leader\":\"studio\",\"voters\":[\"studio\"]"
            ),
            "{text}"
        );
        assert!(text.contains("\"rtt_ms\":0.4") && text.contains("\"held_by\":[\"memory > 30% (now 33%)\"]"), "{text}");
        assert!(text.contains("\"cpu\":38.4") && text.contains("\"mem_used\":22548578304"), "{text}");
    }
}
