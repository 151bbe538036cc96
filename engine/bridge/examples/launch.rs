//! The launch of `examples/launch.json` over time: what is believed and what to buy, before anything happened and on day 40.
//!
//! Run: `cargo run --release -p nexus-bridge --example launch`.

#![expect(clippy::print_stdout, reason = "the results are this program's output")]

use std::collections::BTreeMap;
use std::error::Error;

use nexus_bridge::{Effort, Method, Seen, Slices, TimedPolicy, timed_beliefs, timed_policy};
use nexus_echo::{Document, Graph, Micros};

const DAY: i64 = 86_400_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/launch.json");
    let timeline = Document::parse(&std::fs::read(file)?)?.timeline()?;
    let graph = Graph::new(timeline.state());
    // Five days a slice, to twice the time that was planned.
    let slices = Slices::new(Micros(0), Micros(5 * DAY), 32)?;
    let late = BTreeMap::from([("build".to_owned(), Seen::NotBy(Micros(40 * DAY)))]);
    for (words, seen) in [("before anything happened", BTreeMap::new()), ("on day 40, the device is not built", late)] {
        println!("{words}:");
        let beliefs = timed_beliefs(&graph, slices, &seen, Effort::default())?;
        for event in ["parts on time", "build", "launch"] {
            let Some(belief) = beliefs.events.iter().find(|belief| belief.event == event) else { continue };
            let by = |day: i64| belief.by[slices.of(Micros(day * DAY - 1))].probability * 100.0;
            println!("  {event}: {:.0} % by day 45, {:.0} % by day 85, {:.0} % by day 120", by(45), by(85), by(120));
        }
        if seen.is_empty() {
            told(&timed_policy(&graph, slices, &seen, Effort { samples: 50_000, ..Effort::default() })?);
        }
    }
    Ok(())
}

fn told(TimedPolicy { method, policy }: &TimedPolicy) {
    let how = match method {
        Method::Exact => "exact in slices".to_owned(),
        Method::Sampled { .. } => "from samples: the tables would not fit".to_owned(),
    };
    println!("  worth {:.1}, {how}", policy.utility);
    for advice in &policy.advice {
        let known = advice.known.iter().map(|(event, yes)| format!("{}{event}", if *yes { "" } else { "no " }));
        let after = advice.after.iter().map(|(decision, option)| format!("{decision} {option}"));
        let known: Vec<String> = after.chain(known).collect();
        println!(
            "    {} → {}  ({:.0} %) {}",
            advice.decision,
            advice.choose,
            advice.probability * 100.0,
            known.join(", ")
        );
    }
}
