//! From a timeline to a model and back: the timeline that comes back is believed and decided alike.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;

use nexus_bridge::{beliefs, diagram, network, policy, timeline};
use nexus_echo::{Document, Graph, Timeline};
use nexus_qlogik::{JunctionTree, MEMORY_MAX, Model};
use proptest::prelude::*;

fn read(text: &str) -> Timeline {
    Document::parse(text.as_bytes()).and_then(|document| document.timeline()).unwrap()
}

fn model(text: &str) -> Model {
    Model::read("model.toml", text).unwrap().0
}

/// Causes, needs, both with a chance of the need, and a mixture.
const RISKS: &str = r#"{"events": [
    {"name": "storm", "at": 0, "probability": 0.3}, {"name": "theft", "at": 0, "probability": 0.15},
    {"name": "crew", "at": 0, "probability": 0.8}, {"name": "damage", "at": 1}, {"name": "repair", "at": 3},
    {"name": "claim", "at": 3}, {"name": "surely", "at": 4}],
  "triggers": [
    {"from": "storm", "to": "damage", "probability": 0.7}, {"from": "theft", "to": "damage", "probability": 0.4},
    {"from": "damage", "to": "repair", "kind": "enables"}, {"from": "crew", "to": "repair", "kind": "enables", "probability": 0.95},
    {"from": "crew", "to": "claim", "kind": "enables", "probability": 0.6},
    {"from": "damage", "to": "claim", "probability": 0.9}, {"from": "theft", "to": "claim", "probability": 0.5},
    {"from": "claim", "to": "surely"}]}"#;

fn same_beliefs(one: &Timeline, other: &Timeline) {
    let (one, other) = (Graph::new(one.state()), Graph::new(other.state()));
    let (before, after) = (beliefs(&one, &BTreeMap::new()).unwrap(), beliefs(&other, &BTreeMap::new()).unwrap());
    for (event, probability) in &before {
        assert!((probability - after[event]).abs() < 1e-9, "{event}: {probability} and {}", after[event]);
    }
    for event in before.keys().filter(|event| before[*event] > 0.0) {
        let seen = BTreeMap::from([(event.clone(), true)]);
        let (before, after) = (beliefs(&one, &seen).unwrap(), beliefs(&other, &seen).unwrap());
        before.iter().for_each(|(of, value)| assert!((value - after[of]).abs() < 1e-9, "{of} after {event}"));
    }
}

#[test]
fn a_timeline_that_was_a_network_is_believed_as_before() {
    let before = read(RISKS);
    let made = Model::Network(network(&Graph::new(before.state())).unwrap().network);
    let after = timeline(&made, "again").unwrap();
    same_beliefs(&before, &after);
    assert_eq!(after.state().triggers(), before.state().triggers());
    let earliest = |name: &str| after.node(name).unwrap().timestamp;
    assert!(earliest("storm") < earliest("damage") && earliest("damage") < earliest("repair"));
}

#[test]
fn a_timeline_that_was_an_influence_diagram_is_decided_as_before() {
    let text = r#"{"events": [
        {"name": "risk", "at": 0, "probability": 0.4}, {"name": "choice", "at": 1, "kind": "decision"},
        {"name": "spend", "at": 1, "utility": -30}, {"name": "wait", "at": 1}, {"name": "good", "at": 2, "utility": 100}],
      "triggers": [
        {"from": "risk", "to": "choice", "kind": "informs"},
        {"from": "choice", "to": "spend", "kind": "option"}, {"from": "choice", "to": "wait", "kind": "option"},
        {"from": "spend", "to": "good", "probability": 0.9}, {"from": "wait", "to": "good", "probability": 0.5},
        {"from": "risk", "to": "good", "probability": 0.2}]}"#;
    let before = read(text);
    let made = Model::Diagram(diagram(&Graph::new(before.state())).unwrap().diagram);
    let after = timeline(&made, "again").unwrap();
    let of = |timeline: &Timeline| policy(&Graph::new(timeline.state()), &BTreeMap::new()).unwrap();
    let (before, after) = (of(&before), of(&after));
    assert!((before.utility - after.utility).abs() < 1e-9, "{} {}", before.utility, after.utility);
    let choices = |policy: &nexus_bridge::Policy| {
        policy.advice.iter().map(|advice| (advice.known.clone(), advice.choose.clone())).collect::<Vec<_>>()
    };
    assert_eq!(choices(&before), choices(&after));
}

#[test]
fn a_model_of_somebody_else_becomes_a_timeline_with_the_same_beliefs() {
    let text = "[[variable]]\nname = \"fault\"\nstates = [\"no\", \"yes\"]\ntable = [0.9, 0.1]\n\
        [[variable]]\nname = \"load\"\nstates = [\"no\", \"yes\"]\ntable = [0.6, 0.4]\n\
        [[variable]]\nname = \"slow\"\nstates = [\"yes\", \"no\"]\nparents = [\"fault\", \"load\"]\n\
        noisy_or = { effect = \"yes\", leak = 0.05, causes = { fault = { yes = 0.8 }, load = { yes = 0.3 } } }\n";
    let (model, after) = (model(text), timeline(&model(text), "slow").unwrap());
    let tree = JunctionTree::compile(model.network(), MEMORY_MAX).unwrap();
    let expected = tree.beliefs(&nexus_qlogik::Evidence::new()).unwrap();
    let found = beliefs(&Graph::new(after.state()), &BTreeMap::new()).unwrap();
    for (event, yes) in [("fault", 1), ("load", 1), ("slow", 0)] {
        let id = model.network().find(event).unwrap();
        assert!((expected.of(id)[yes] - found[event]).abs() < 1e-12, "{event}");
    }
}

/// Two starts, and an event that never comes without the first.
fn needing(table: &str) -> String {
    format!(
        "[[variable]]\nname = \"power\"\nstates = [\"no\", \"yes\"]\ntable = [0.4, 0.6]\n\
        [[variable]]\nname = \"demand\"\nstates = [\"no\", \"yes\"]\ntable = [0.7, 0.3]\n\
        [[variable]]\nname = \"run\"\nstates = [\"no\", \"yes\"]\nparents = [\"power\", \"demand\"]\n\
        table = [[1, 0], [1, 0], {table}]\n"
    )
}

#[test]
fn what_happens_by_itself_where_a_need_is_met_comes_back() {
    let made = model(&needing("[0.8, 0.2], [0.5, 0.5]"));
    let after = timeline(&made, "t").unwrap();
    assert!(after.node("run by itself").is_some());
    let tree = JunctionTree::compile(made.network(), MEMORY_MAX).unwrap();
    let run = made.network().find("run").unwrap();
    for seen in [None, Some(("power", true)), Some(("power", false)), Some(("demand", true)), Some(("demand", false))] {
        let known = seen.map(|(name, yes)| (name, if yes { "yes" } else { "no" }));
        let expected = tree.beliefs(&made.network().evidence(known).unwrap()).unwrap().of(run)[1];
        let seen = seen.map(|(name, yes)| (name.to_owned(), yes)).into_iter().collect();
        let found = beliefs(&Graph::new(after.state()), &seen).unwrap()["run"];
        assert!((expected - found).abs() < 1e-12, "{seen:?}: {expected} and {found}");
    }
}

#[test]
fn an_option_that_needs_something_is_decided_as_in_the_model() {
    let launch = |of: &str, rows: &str| {
        format!(
            "[[variable]]\nname = \"permit\"\nstates = [\"no\", \"yes\"]\ntable = [0.4, 0.6]\n\
            [[variable]]\nname = \"wind\"\nstates = [\"no\", \"yes\"]\ntable = [0.5, 0.5]\n\
            [[decision]]\nname = \"try\"\noptions = [\"go\", \"stay\"]\n\
            [[variable]]\nname = \"rest\"\nstates = [\"no\", \"yes\"]\nparents = [\"try\"]\nfunction = [\"no\", \"yes\"]\n\
            [[variable]]\nname = \"flight\"\nstates = [\"no\", \"yes\"]\nparents = [{of}]\ntable = [{rows}]\n\
            [[utility]]\nname = \"win\"\nof = [\"flight\"]\nvalues = [0, 100]\n\
            [[utility]]\nname = \"ease\"\nof = [\"rest\"]\nvalues = [0, 29]\n"
        )
    };
    // By hand: going is worth 0.6 · 0.5 · 100, which is one more than to rest.
    let after = timeline(&model(&launch(r#""try", "permit""#, "[1, 0], [0.5, 0.5], [1, 0], [1, 0]")), "t").unwrap();
    let found = policy(&Graph::new(after.state()), &BTreeMap::new()).unwrap();
    assert!((found.utility - 30.0).abs() < 1e-9, "{found:?}");
    assert!(found.advice.iter().all(|advice| advice.choose == "flight"), "{found:?}");
    // Permit or wind: a cause would act where the option is not taken. And what acts by itself where the permit is there.
    for rows in ["[1, 0], [0.5, 0.5], [0.4, 0.6], [0.2, 0.8]", "[1, 0], [1, 0], [0.5, 0.5], [0.5, 0.5]"] {
        let all = format!("{rows}, [1, 0], [1, 0], [1, 0], [1, 0]");
        let refused = timeline(&model(&launch(r#""try", "permit", "wind""#, &all)), "t").map(drop);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.starts_with("`flight` has a table that no triggers give"), "{rows}: {refused}");
    }
}

#[test]
fn what_no_triggers_can_say_is_refused_with_its_variable() {
    let refused = |text: &str| timeline(&model(text), "t").unwrap_err().to_string();
    let weather = "[[variable]]\nname = \"weather\"\nstates = [\"rain\", \"sun\"]\ntable = [0.3, 0.7]\n";
    assert!(refused(weather).starts_with("`weather` does not have the states no and yes"), "{}", refused(weather));
    let less = "[[variable]]\nname = \"a\"\nstates = [\"no\", \"yes\"]\ntable = [0.5, 0.5]\n\
        [[variable]]\nname = \"b\"\nstates = [\"no\", \"yes\"]\nparents = [\"a\"]\ntable = [[0.2, 0.8], [0.7, 0.3]]\n";
    assert!(refused(less).starts_with("`b` has a table that no triggers give"), "{}", refused(less));
    let both = format!(
        "{}[[variable]]\nname = \"c\"\nstates = [\"no\", \"yes\"]\nparents = [\"a\", \"b\"]\n\
        function = [\"no\", \"yes\", \"yes\", \"no\"]\n",
        less.replace("[[0.2, 0.8], [0.7, 0.3]]", "[[1, 0], [0.7, 0.3]]")
    );
    assert!(refused(&both).starts_with("`c` has a table"), "{}", refused(&both));
}

/// A timeline's decision has an option for each event that follows from it: another number would be another decision.
#[test]
fn each_option_has_its_event_or_the_model_is_refused() {
    let event = |name: &str, rows: &str| {
        format!("[[variable]]\nname = \"{name}\"\nstates = [\"no\", \"yes\"]\nparents = [\"d\"]\ntable = {rows}\n")
    };
    let decided = |events: &[String]| {
        let decision = "[[decision]]\nname = \"d\"\noptions = [\"x\", \"y\"]\n";
        let worth = "[[utility]]\nname = \"u\"\nof = [\"a\"]\nvalues = [0, 1]\n";
        timeline(&model(&format!("{decision}{}{worth}", events.concat())), "t").map(drop).map_err(|e| e.to_string())
    };
    let (of_x, of_y) = (event("a", "[[0, 1], [1, 0]]"), event("b", "[[1, 0], [0, 1]]"));
    assert_eq!(decided(&[of_x.clone(), of_y.clone()]), Ok(()));
    let fewer = decided(std::slice::from_ref(&of_x)).unwrap_err();
    assert!(fewer.starts_with("`d` is a decision with an option by which no event comes about"), "{fewer}");
    let more = decided(&[of_x, of_y, event("c", "[[0.5, 0.5], [1, 0]]")]).unwrap_err();
    assert!(more.starts_with("`c` comes about by an option by which another event comes about already"), "{more}");
}

#[test]
fn what_an_event_cannot_be_worth_is_refused_with_its_utility() {
    let refused = |utility: &str| {
        let decided = "[[variable]]\nname = \"a\"\nstates = [\"no\", \"yes\"]\ntable = [0.5, 0.5]\n\
            [[decision]]\nname = \"d\"\noptions = [\"x\", \"y\"]\n";
        timeline(&model(&format!("{decided}[[utility]]\nname = \"u\"\n{utility}\n")), "t").unwrap_err().to_string()
    };
    let of_choice = refused("of = [\"d\"]\nvalues = [1, 2]");
    assert!(of_choice.starts_with("`u` is a utility of a decision"), "{of_choice}");
    let of_nothing = refused("of = [\"a\"]\nvalues = [3, 5]");
    assert!(of_nothing.starts_with("`u` is worth something where its event does not happen"), "{of_nothing}");
    let of_both = refused("of = [\"a\", \"d\"]\nvalues = [[0, 0], [1, 2]]");
    assert!(of_both.starts_with("`u` is a utility of several variables"), "{of_both}");
}

#[test]
fn events_of_too_many_parents_are_refused_before_they_are_looked_at() {
    let parents: Vec<String> = (0..13).map(|at| format!("p{at}")).collect();
    let mut text = String::new();
    for parent in &parents {
        text += &format!("[[variable]]\nname = \"{parent}\"\nstates = [\"no\", \"yes\"]\ntable = [0.5, 0.5]\n");
    }
    let links: Vec<String> = parents.iter().map(|parent| format!("{parent} = {{ yes = 0.5 }}")).collect();
    text += &format!(
        "[[variable]]\nname = \"e\"\nstates = [\"no\", \"yes\"]\nparents = {parents:?}\n\
        noisy_or = {{ effect = \"yes\", causes = {{ {} }} }}\n",
        links.join(", ")
    );
    let refused = timeline(&model(&text), "t").unwrap_err().to_string();
    assert!(refused.starts_with("`e` has too many parents to be looked at"), "{refused}");
}

proptest! {
    #[test]
    fn any_causes_and_needs_come_back(
        starts in proptest::collection::vec(1_u32..20, 3),
        links in proptest::collection::vec((0_usize..6, 0_usize..6, any::<bool>(), 1_u32..=20), 0..14),
    ) {
        let mut before = Timeline::new("t", nexus_echo::TimelineKind::Primary);
        for at in 0..6_usize {
            let mut node = nexus_echo::TimeNode::new(format!("e{at}"), nexus_echo::EventKind::Planned, nexus_echo::Micros(at as i64));
            node.probability = starts.get(at).map(|twentieths| f64::from(*twentieths) / 20.0);
            before.append(node).unwrap();
        }
        for (from, to, needs, twentieths) in links.into_iter().filter(|(from, to, ..)| from < to && *to >= 3) {
            let kind = if needs { nexus_echo::TriggerKind::Enables } else { nexus_echo::TriggerKind::Causes };
            let trigger = nexus_echo::Trigger::new(format!("e{from}"), kind, format!("e{to}"));
            // A source that is a cause and a need of one target at once is told from neither by a table.
            let other = nexus_echo::Trigger::new(trigger.from.clone(), if needs { nexus_echo::TriggerKind::Causes } else { nexus_echo::TriggerKind::Enables }, trigger.to.clone());
            if before.trigger(other.key()).is_some() {
                continue;
            }
            // The same pair twice is refused.
            drop(before.link(trigger.likely(f64::from(twentieths) / 20.0)));
        }
        let made = Model::Network(network(&Graph::new(before.state())).unwrap().network);
        same_beliefs(&before, &timeline(&made, "again").unwrap());
    }
}
