//! `nexus timeline forecast` and `nexus timeline plan`.

use nexus_echo::forecast::{Choices, Distribution, Settings, critical_events, forecast as simulate};
use nexus_echo::plan::{Method, PlanSettings, plan as solve};
use nexus_echo::{Graph, Micros, Timeline, draw};
use serde_json::json;

use super::exported;
use super::verbs::{ForecastArgs, PlanArgs};
use crate::cli::error::CliError;
use crate::output::Console;
use crate::output::json::document;
use crate::output::table::{Align, Cell, Table};

/// Events that are named as critical.
const CRITICAL: usize = 5;
/// Situations that are listed for a decision.
const RULES: usize = 20;

pub(super) fn forecast(timeline: &Timeline, args: &ForecastArgs, console: &mut Console) -> Result<(), CliError> {
    let graph = Graph::new(timeline.state());
    let choices: Choices = args.choose.iter().cloned().collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let settings = Settings { rollouts: args.rollouts, seed: args.seed, threads };
    let found = simulate(&graph, &choices, settings)?;
    let critical = critical_events(&graph, &choices, args.of.as_deref(), args.seed)?;
    let critical: Vec<_> = critical.into_iter().filter(|event| event.variance_share > 0.005).take(CRITICAL).collect();
    if console.is_json() {
        console.answer(&document(&json!({"forecast": found, "critical": critical})));
        return Ok(());
    }
    let mut table = Table::new(&[
        ("EVENT", Align::Left),
        ("PROBABILITY", Align::Left),
        ("P10", Align::Left),
        ("MEDIAN", Align::Left),
        ("P90", Align::Left),
    ]);
    for event in &found.events {
        let time = |of: fn(&Distribution) -> f64| {
            event.time.as_ref().map_or_else(Cell::nothing, |time| Cell::new(when(of(time))))
        };
        table.row(vec![
            Cell::new(&event.event),
            Cell::new(format!("{:.3}", event.probability)),
            time(|time| time.p10),
            time(|time| time.p50),
            time(|time| time.p90),
        ]);
    }
    console.answer(&table.render());
    if let Some(makespan) = &found.makespan {
        let span = |micros: f64| Micros::from_f64(micros).to_string();
        console.answer(&format!(
            "from first to last: {} [{}, {}]\n",
            span(makespan.mean),
            span(makespan.p10),
            span(makespan.p90)
        ));
    }
    let utility = &found.utility;
    if utility.deviation > 0.0 || utility.mean != 0.0 {
        let (low, high) = (utility.mean_95.low, utility.mean_95.high);
        console.answer(&format!("expected utility: {:.2} [{low:.2}, {high:.2}]\n", utility.mean));
    }
    for event in &critical {
        console.answer(&format!(
            "matters: {} explains {:.0} % of the variance, critical in {:.0} % of the futures\n",
            event.event,
            event.variance_share * 100.0,
            event.criticality * 100.0
        ));
    }
    console.say(&format!("{} futures, seed {}", found.rollouts, args.seed));
    Ok(())
}

fn when(micros: f64) -> String {
    Micros::from_f64(micros).point()
}

pub(super) fn plan(timeline: &Timeline, args: &PlanArgs, console: &mut Console) -> Result<(), CliError> {
    let graph = Graph::new(timeline.state());
    let choices: Choices = args.choose.iter().cloned().collect();
    let settings = PlanSettings { rollouts: args.rollouts, seed: args.seed, search: false };
    let found = solve(&graph, &choices, settings)?;
    if let Some(path) = &args.svg {
        return exported(&draw::policy_svg(&found, timeline.name()), Some(path), console);
    }
    if let Some(path) = &args.dot {
        return exported(&draw::policy_dot(&found, timeline.name()), Some(path), console);
    }
    if console.is_json() {
        console.answer(&document(&found));
        return Ok(());
    }
    for rule in found.rules.iter().take(RULES) {
        let known =
            rule.known.iter().map(|(event, happened)| if *happened { event.clone() } else { format!("no {event}") });
        let after = rule.after.iter().map(|(decision, option)| format!("{decision} {option}"));
        let given: Vec<String> = after.chain(known).collect();
        let given = if given.is_empty() { String::new() } else { format!(" after {}", given.join(", ")) };
        console.answer(&format!(
            "{}: {}{given} ({:.0} % of the futures)\n",
            rule.decision,
            rule.choose,
            rule.probability * 100.0
        ));
        for option in &rule.options {
            let regret = if option.regret > 0.0 { format!(", regret {:.2}", option.regret) } else { String::new() };
            console.answer(&format!("    {}: {:.2}{regret}\n", option.option, option.utility));
        }
    }
    if found.rules.len() > RULES {
        console.answer(&format!("… and {} situations more\n", found.rules.len() - RULES));
    }
    match found.method {
        Method::Exact => console.answer(&format!("expected utility {:.2}, exact\n", found.utility)),
        Method::TreeSearch => console.answer(&format!(
            "expected utility {:.2} [{:.2}, {:.2}], by tree search over {} futures\n",
            found.utility, found.utility_95.low, found.utility_95.high, settings.rollouts
        )),
    }
    for matter in found.uncertainties.iter().filter(|matter| matter.value > 1e-9).take(CRITICAL) {
        console.answer(&format!("worth knowing before: {} ({:.2})\n", matter.what, matter.value));
    }
    Ok(())
}
