//! The house rules hold on the whole tree: one test a rule. What a rule wants is in `tests/src/tidy/`.

use std::path::Path;

use nexus_tests::tidy::{self, RULES, WAIVERS, Workspace};

/// Fails with every place that breaks the rule.
fn hold(name: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the root of the repository");
    let workspace = Workspace::load(root).expect("the source tree can be read");
    let rule = RULES.iter().find(|rule| rule.name == name).expect("every name here is a rule's");
    let findings = tidy::check(rule, &workspace, WAIVERS);
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} places break `{name}`:\n{}\n", findings.len(), lines.join("\n"));
}

#[test]
fn arrows_between_crates_point_one_way() {
    hold("arrows_between_crates_point_one_way");
}

#[test]
fn banned_calls_are_not_made() {
    hold("banned_calls_are_not_made");
}

#[test]
fn crates_inherit_from_the_workspace() {
    hold("crates_inherit_from_the_workspace");
}

#[test]
fn error_codes_are_documented() {
    hold("error_codes_are_documented");
}

#[test]
fn files_are_short() {
    hold("files_are_short");
}

#[test]
fn files_say_what_they_are() {
    hold("files_say_what_they_are");
}

#[test]
fn functions_fit_a_screen() {
    hold("functions_fit_a_screen");
}

#[test]
fn heavy_crates_have_one_owner() {
    hold("heavy_crates_have_one_owner");
}

#[test]
fn laws_name_their_tests() {
    hold("laws_name_their_tests");
}

#[test]
fn machine_paths_stay_out() {
    hold("machine_paths_stay_out");
}

#[test]
fn modules_are_named_for_what_they_hold() {
    hold("modules_are_named_for_what_they_hold");
}

#[test]
fn order_is_kept_where_it_can_be_seen() {
    hold("order_is_kept_where_it_can_be_seen");
}

#[test]
fn pure_crates_are_pure() {
    hold("pure_crates_are_pure");
}

#[test]
fn scenarios_name_their_tests() {
    hold("scenarios_name_their_tests");
}

#[test]
fn sources_can_be_read() {
    hold("sources_can_be_read");
}

#[test]
fn every_rule_is_held_here() {
    let own = include_str!("tidy.rs");
    for rule in RULES {
        assert!(own.contains(&format!("hold(\"{}\")", rule.name)), "write a test for the rule `{}`", rule.name);
    }
}

#[test]
fn every_waiver_names_a_rule() {
    for waiver in WAIVERS {
        assert!(RULES.iter().any(|rule| rule.name == waiver.rule), "`{}` is no rule", waiver.rule);
    }
}
