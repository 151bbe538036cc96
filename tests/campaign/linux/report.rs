//! The report of a campaign as Markdown: what was done, how often, and what came of it.

use std::fmt::Write;
use std::time::Duration;

use crate::linux::fault::KINDS;
use crate::linux::run::Outcome;

/// The report of runs that broke no promise; a broken one ends the campaign before.
pub(crate) fn report(outcomes: &[Outcome], command: &str) -> String {
    let mut text = String::new();
    write(&mut text, outcomes, command).expect("a string takes what is written to it");
    text
}

fn write(out: &mut String, outcomes: &[Outcome], command: &str) -> std::fmt::Result {
    let total = |of: fn(&Outcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    writeln!(out, "# The campaign's report\n")?;
    writeln!(
        out,
        "{} processes were killed with kill -9, in {} run{}, under load; {} submissions were acknowledged, and **none was \
         lost**: every one of them was there at the end, once, with the result of each of its tasks. The campaign ends at \
         the first broken promise and writes no report then.\n",
        total(|outcome| outcome.kills),
        outcomes.len(),
        if outcomes.len() == 1 { "" } else { "s" },
        total(|outcome| outcome.counts.acknowledged),
    )?;
    writeln!(out, "Made by\n\n    {command}\n")?;
    writeln!(out, "on {}, {}.\n", today(), machine())?;
    runs(out, outcomes)?;
    faults(out, outcomes)?;
    writeln!(out, "## What was looked at\n")?;
    writeln!(out, "| guarantee | how | times |\n|---|---|---|")?;
    let rows: [(&str, &str, u64); 6] = [
        (
            "1 nothing accepted is lost",
            "each acknowledged job is there, each task's result is right",
            total(|o| o.counts.results),
        ),
        (
            "2 one key is one job",
            "submissions without an answer, made again with their key",
            total(|o| o.counts.unanswered),
        ),
        ("2 one key is one job", "old keys once more, at another node", total(|o| o.counts.repeated)),
        (
            "3 at least once, at most `max_attempts`",
            "lines that the attempts of commands wrote",
            total(|o| o.counts.runs),
        ),
        ("4 a cancel holds", "acknowledged cancels, with nothing done after", total(|o| o.counts.cancelled)),
        ("6 reads are current", "reads of acknowledged jobs at any node", total(|o| o.counts.reads)),
    ];
    for (guarantee, how, times) in rows {
        writeln!(out, "| {guarantee} | {how} | {times} |")?;
    }
    let quarantined = total(|outcome| outcome.counts.quarantined);
    writeln!(
        out,
        "\nGuarantee 5: {quarantined} tasks were quarantined or ran out of attempts, each after at least two nodes had been \
         lost since its submission.\n"
    )?;
    refusals(out, outcomes)
}

fn runs(out: &mut String, outcomes: &[Outcome]) -> std::fmt::Result {
    writeln!(out, "## Runs\n")?;
    writeln!(
        out,
        "| voters | seed | took | kill -9 | faults | acknowledged | never answered | whole again after: median, worst |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for outcome in outcomes {
        let mut recoveries = outcome.recoveries.clone();
        recoveries.sort();
        let median = recoveries.get(recoveries.len() / 2).copied().unwrap_or_default();
        writeln!(
            out,
            "| {} | {} | {} s | {} | {} | {} | {} | {:.1} s, {:.1} s |",
            outcome.plan.voters,
            outcome.plan.seed,
            outcome.took.as_secs(),
            outcome.kills,
            outcome.faults.values().sum::<u64>(),
            outcome.counts.acknowledged,
            outcome.unknown,
            median.as_secs_f64(),
            recoveries.last().map_or(0.0, Duration::as_secs_f64),
        )?;
    }
    let packets = |index: usize| outcomes.iter().map(|outcome| outcome.packets[index]).sum::<u64>();
    writeln!(
        out,
        "\nOf the packets between the nodes {} were carried, {} thrown away, {} doubled and {} held back.\n",
        packets(0),
        packets(1),
        packets(2),
        packets(3)
    )
}

fn faults(out: &mut String, outcomes: &[Outcome]) -> std::fmt::Result {
    writeln!(out, "## Faults\n")?;
    writeln!(out, "| fault | scenarios | times | what was seen |\n|---|---|---|---|")?;
    for kind in KINDS {
        let times: u64 = outcomes.iter().filter_map(|outcome| outcome.faults.get(&kind.fault)).sum();
        let scenarios: Vec<String> = kind.scenarios.iter().map(u8::to_string).collect();
        let mut told: Vec<(&str, u64)> = Vec::new();
        for (&(fault, word), &count) in outcomes.iter().flat_map(|outcome| &outcome.told) {
            match told.iter_mut().find(|(known, _)| *known == word) {
                _ if fault != kind.fault => {}
                Some((_, sum)) => *sum += count,
                None => told.push((word, count)),
            }
        }
        let told: Vec<String> = told.into_iter().map(|(word, count)| format!("{word} ({count})")).collect();
        writeln!(out, "| {} | {} | {times} | {} |", kind.name, scenarios.join(", "), told.join("; "))?;
    }
    writeln!(
        out,
        "\nEach fault is over before the next one begins: the network is clear, the disks have room, and the cluster has to \
         be whole again within 90 s, with every node serving.\n"
    )
}

fn refusals(out: &mut String, outcomes: &[Outcome]) -> std::fmt::Result {
    let mut codes: Vec<(String, u64)> = Vec::new();
    for (code, count) in outcomes.iter().flat_map(|outcome| &outcome.counts.refusals) {
        match codes.iter_mut().find(|(known, _)| known == code) {
            Some((_, sum)) => *sum += count,
            None => codes.push((code.clone(), *count)),
        }
    }
    codes.sort();
    let codes: Vec<String> = codes.into_iter().map(|(code, count)| format!("{code} ({count})")).collect();
    writeln!(out, "Submissions were refused or not answered with: {}.", codes.join(", "))
}

/// The date of the system's clock, in UTC.
fn today() -> String {
    crate::linux::system::tool(&["date", "-u", "+%Y-%m-%d"])
        .map_or_else(|_| "a day unknown".to_owned(), |text| text.trim().to_owned())
}

/// What kind of machine it is, without its name.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes: u64 = memory.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    format!("a virtual machine with Linux, {} cores and {} GiB", cores, kibibytes >> 20)
}
