//! Whether demands can all hold together, and if not, a smallest set of them that cannot.
//!
//! Depth-first search with propagation over what is still possible. A conflicting set is minimal: without any one of its
//! members the rest can hold (found by leaving out one after another; Bakker et al. 1993). The work is bounded.

use super::formula::{Formula, Possible};
use crate::domain::VariableId;
use crate::error::Error;

/// The most judgements of one formula that a question takes: some seconds.
pub(crate) const JUDGEMENTS_MAX: u64 = 20_000_000;
/// The most variables that demands of one question speak of.
const VARIABLES_MAX: usize = 1024;

/// How much a question may still take.
#[derive(Debug)]
pub(crate) struct Work {
    left: u64,
}

impl Work {
    /// All that a question may take.
    pub(crate) fn new() -> Self {
        Work { left: JUDGEMENTS_MAX }
    }

    fn judge(&mut self, formula: &Formula, possible: &Possible) -> Result<Option<bool>, Error> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            let message = format!("whether these rules contradict each other was not found in {JUDGEMENTS_MAX} steps");
            Error::BadRule(message)
        })?;
        Ok(formula.judge(possible))
    }
}

/// Whether all demands can hold with what is possible; if so, what is possible then without further search.
pub(crate) fn satisfiable(
    demands: &[&Formula],
    possible: &Possible,
    work: &mut Work,
) -> Result<Option<Possible>, Error> {
    let variables = variables(demands)?;
    let mut first = possible.clone();
    if !propagate(demands, &mut first, work)? {
        return Ok(None);
    }
    let narrowed = first.clone();
    let mut open = vec![first];
    while let Some(state) = open.pop() {
        let Some(branch) = branch(demands, &variables, &state, work)? else { return Ok(Some(narrowed)) };
        // The first state of a variable is tried first, so it goes on the stack last.
        for place in (0..state.of(branch).len()).rev().filter(|&place| state.of(branch)[place]) {
            let mut next = state.clone();
            next.only(branch, place);
            if propagate(demands, &mut next, work)? {
                open.push(next);
            }
        }
    }
    Ok(None)
}

/// A minimal set of demands that cannot hold together, by their places; none if all can.
pub(crate) fn minimal_conflict(
    demands: &[&Formula],
    possible: &Possible,
    work: &mut Work,
) -> Result<Option<Vec<usize>>, Error> {
    if satisfiable(demands, possible, work)?.is_some() {
        return Ok(None);
    }
    let mut kept: Vec<usize> = (0..demands.len()).collect();
    for leave_out in (0..demands.len()).rev() {
        let rest: Vec<usize> = kept.iter().copied().filter(|&place| place != leave_out).collect();
        let without: Vec<&Formula> = rest.iter().map(|&place| demands[place]).collect();
        if satisfiable(&without, possible, work)?.is_none() {
            kept = rest;
        }
    }
    Ok(Some(kept))
}

/// What is possible in at least one way in which all demands hold; none where they cannot.
pub(crate) fn consequences(
    demands: &[&Formula],
    possible: &Possible,
    work: &mut Work,
) -> Result<Option<Possible>, Error> {
    let Some(mut narrowed) = satisfiable(demands, possible, work)? else { return Ok(None) };
    for id in variables(demands)? {
        for state in 0..narrowed.of(id).len() {
            if narrowed.of(id)[state] && narrowed.count(id) > 1 {
                let before = narrowed.only(id, state);
                let holds = satisfiable(demands, &narrowed, work)?.is_some();
                narrowed.set(id, before);
                if !holds {
                    narrowed.rule_out(id, state);
                }
            }
        }
    }
    Ok(Some(narrowed))
}

fn variables(demands: &[&Formula]) -> Result<Vec<VariableId>, Error> {
    let mut found = Vec::new();
    demands.iter().for_each(|demand| demand.each_variable(&mut |id| found.push(id)));
    found.sort_unstable();
    found.dedup();
    if found.len() > VARIABLES_MAX {
        let message = format!("the rules speak of {} variables; at most {VARIABLES_MAX} are searched", found.len());
        return Err(Error::BadRule(message));
    }
    Ok(found)
}

/// Rules out states with which some demand fails, until nothing changes. Whether every demand can still hold.
fn propagate(demands: &[&Formula], possible: &mut Possible, work: &mut Work) -> Result<bool, Error> {
    loop {
        let mut changed = false;
        for demand in demands {
            match work.judge(demand, possible)? {
                Some(true) => continue,
                Some(false) => return Ok(false),
                None => {}
            }
            for id in variables(&[demand])? {
                for state in 0..possible.of(id).len() {
                    if !possible.of(id)[state] || possible.count(id) == 1 {
                        continue;
                    }
                    let before = possible.only(id, state);
                    let fails = work.judge(demand, possible)? == Some(false);
                    possible.set(id, before);
                    if fails {
                        possible.rule_out(id, state);
                        changed = true;
                    }
                }
                if possible.count(id) == 1 && work.judge(demand, possible)? == Some(false) {
                    return Ok(false);
                }
            }
        }
        if !changed {
            return Ok(true);
        }
    }
}

/// The variable of an undecided demand with the fewest possible states; none where every demand holds.
fn branch(
    demands: &[&Formula],
    variables: &[VariableId],
    possible: &Possible,
    work: &mut Work,
) -> Result<Option<VariableId>, Error> {
    let mut undecided = Vec::new();
    for demand in demands {
        if work.judge(demand, possible)?.is_none() {
            demand.each_variable(&mut |id| undecided.push(id));
        }
    }
    if undecided.is_empty() {
        return Ok(None);
    }
    undecided.sort_unstable();
    let open = variables.iter().copied().filter(|id| possible.count(*id) > 1 && undecided.binary_search(id).is_ok());
    Ok(open.min_by_key(|id| possible.count(*id)))
}

#[cfg(test)]
mod tests {
    use super::super::formula::tests::network;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_conflict_is_told_without_what_has_no_part_in_it() {
        let network = network(&[("a", &["0", "1"]), ("b", &["0", "1"]), ("c", &["0", "1"])]);
        let texts = ["c = 1", "a = 1 => b = 1", "c = 1 or b = 0", "a = 1", "b = 0"];
        let formulas: Vec<Formula> = texts.iter().map(|text| Formula::read(&network, text).unwrap()).collect();
        let demands: Vec<&Formula> = formulas.iter().collect();
        let everything = Possible::everything(&network);
        let conflict = minimal_conflict(&demands, &everything, &mut Work::new()).unwrap().unwrap();
        assert_eq!(conflict, [1, 3, 4]);
        let fine = minimal_conflict(&demands[..4], &everything, &mut Work::new()).unwrap();
        assert_eq!(fine, None);
        let follows = consequences(&demands[..4], &everything, &mut Work::new()).unwrap().unwrap();
        assert!(network.ids().all(|id| follows.of(id) == [false, true]));
    }

    #[test]
    fn work_without_end_is_refused() {
        // One pigeon too many: no search without counting finds that quickly.
        let names: Vec<String> = (0..13).map(|pigeon| format!("p{pigeon}")).collect();
        let holes: Vec<String> = (0..12).map(|hole| format!("h{hole}")).collect();
        let holes: Vec<&str> = holes.iter().map(String::as_str).collect();
        let variables: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), &holes[..])).collect();
        let network = network(&variables);
        let mut formulas = Vec::new();
        for (place, a) in names.iter().enumerate() {
            for b in &names[place + 1..] {
                for hole in &holes {
                    let text = format!("not ({a} = {hole} and {b} = {hole})");
                    formulas.push(Formula::read(&network, &text).unwrap());
                }
            }
        }
        let demands: Vec<&Formula> = formulas.iter().collect();
        let refused = satisfiable(&demands, &Possible::everything(&network), &mut Work::new());
        assert!(matches!(refused, Err(Error::BadRule(message)) if message.contains("not found in")));
    }

    fn literal(code: usize) -> String {
        format!("{}v{} = {}", if code & 1 == 0 { "" } else { "not " }, (code >> 1) % 4, (code >> 3) % 3)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(80))]

        /// Against trying all 81 combinations: whether there is one, which states occur, and that a conflict is minimal.
        #[test]
        fn the_search_agrees_with_trying_everything(clauses in prop::collection::vec(prop::collection::vec(0_usize..24, 1..4), 1..9)) {
            let states: &[&str] = &["0", "1", "2"];
            let network = network(&[("v0", states), ("v1", states), ("v2", states), ("v3", states)]);
            let read = |clause: &Vec<usize>| {
                let parts: Vec<String> = clause.iter().map(|&code| literal(code)).collect();
                Formula::read(&network, &parts.join(" or ")).unwrap()
            };
            let formulas: Vec<Formula> = clauses.iter().map(read).collect();
            let brute = |chosen: &[&Formula]| -> Vec<Vec<usize>> {
                (0..81_usize)
                    .map(|code| vec![code % 3, code / 3 % 3, code / 9 % 3, code / 27])
                    .filter(|states| {
                        let mut possible = Possible::everything(&network);
                        network.ids().for_each(|id| { possible.only(id, states[id.index()]); });
                        chosen.iter().all(|formula| formula.judge(&possible) == Some(true))
                    })
                    .collect()
            };
            let demands: Vec<&Formula> = formulas.iter().collect();
            let everything = Possible::everything(&network);
            let solutions = brute(&demands);
            let follows = consequences(&demands, &everything, &mut Work::new()).unwrap();
            prop_assert_eq!(follows.is_some(), !solutions.is_empty());
            if let Some(follows) = follows {
                let mut spoken_of = Vec::new();
                demands.iter().for_each(|demand| demand.each_variable(&mut |id| spoken_of.push(id)));
                for id in network.ids().filter(|id| spoken_of.contains(id)) {
                    for state in 0..3 {
                        let occurs = solutions.iter().any(|states| states[id.index()] == state);
                        prop_assert_eq!(follows.of(id)[state], occurs);
                    }
                }
            } else {
                let conflict = minimal_conflict(&demands, &everything, &mut Work::new()).unwrap().unwrap();
                let of = |places: &[usize]| places.iter().map(|&place| demands[place]).collect::<Vec<_>>();
                prop_assert!(brute(&of(&conflict)).is_empty());
                for left_out in &conflict {
                    let rest: Vec<usize> = conflict.iter().copied().filter(|place| place != left_out).collect();
                    prop_assert!(!brute(&of(&rest)).is_empty());
                }
            }
        }
    }
}
