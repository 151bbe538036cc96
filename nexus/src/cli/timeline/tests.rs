//! Words of `nexus timeline` and what they answer, in a data folder of their own.

use clap::Parser;

use super::{TimelineArgs, timeline};
use crate::cli::error::tests::pages;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: TimelineArgs,
}

/// A data folder with the launch of the examples.
pub(super) struct Kept(tempfile::TempDir);

impl Kept {
    pub(super) fn new() -> Self {
        let kept = Kept(tempfile::tempdir().unwrap());
        let launch = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/launch.json");
        kept.typed(&["import", launch], false).unwrap();
        kept
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// The answer, or code, message and hint.
    pub(super) fn typed(&self, words: &[&str], json: bool) -> Result<String, String> {
        self.said(words, json).map(|(answer, _)| answer)
    }

    /// The answer and what is said beside it, or code, message and hint.
    fn said(&self, words: &[&str], json: bool) -> Result<(String, String), String> {
        let line = std::iter::once("timeline").chain(words.iter().copied());
        let args = Line::try_parse_from(line).map_err(|error| error.to_string())?.args;
        let (mut console, out, talk) = pages(json);
        timeline(&args, self.0.path(), &mut console)
            .map_err(|error| format!("{} {} {}", error.code, error.message, error.help.unwrap_or_default()))?;
        Ok((out.text(), talk.text()))
    }
}

#[test]
fn a_range_of_time_is_the_same_in_text_json_and_pictures() {
    let kept = Kept::new();
    let text = kept.typed(&["show", "launch", "--from", "56d", "--to", "80d"], false).unwrap();
    let rows: Vec<&str> = text.lines().skip(1).map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(rows, ["parts late", "test"], "{text}");
    for words in [&["show", "launch"][..], &["export", "launch"]] {
        let words = [words, &["--from", "56d", "--to", "80d"]].concat();
        let document: serde_json::Value = serde_json::from_str(&kept.typed(&words, true).unwrap()).unwrap();
        let names: Vec<&str> =
            document["events"].as_array().unwrap().iter().map(|event| event["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["parts late", "test"], "{words:?}");
        assert_eq!(document["triggers"].as_array().unwrap().len(), 0);
    }
    for format in ["svg", "dot", "trace"] {
        let picture = kept.typed(&["export", "launch", "--format", format, "--to", "12d"], false).unwrap();
        assert!(picture.contains("suppliers?") && !picture.contains("build"), "{picture}");
    }
    let (nothing, why) = kept.said(&["show", "launch", "--from", "90d"], false).unwrap();
    assert_eq!((nothing.as_str(), why.contains("nothing lies in that range: launch goes from 0s to 84d")), ("", true));
    let refused = kept.typed(&["show", "launch", "--from", "80d", "--to", "56d"], false).unwrap_err();
    assert!(refused.starts_with("NX0912 the range ends before it begins: it goes from 80d to 56d"), "{refused}");
    let wrong = kept.typed(&["show", "launch", "--from", "soon"], false).unwrap_err();
    assert!(wrong.contains("`soon` is no time: write a span like 3d"), "{wrong}");
}

#[test]
fn what_a_repair_isolates_stays_on_a_branch() {
    let kept = Kept::new();
    let path = kept.path("loop.json");
    let own = r#"{"timeline": "loop", "events": [{"name": "a", "at": 0}, {"name": "b", "at": 1}],
        "triggers": [{"from": "a", "to": "a"}, {"from": "a", "to": "b"}]}"#;
    std::fs::write(&path, own).unwrap();
    kept.typed(&["import", &path], false).unwrap();
    let proposals = kept.typed(&["repair", "loop"], false).unwrap();
    assert!(proposals.contains("proposal 1 · cost 5") && proposals.contains("cut `a` causes `a`"), "{proposals}");
    assert!(proposals.contains("proposal 2 · cost 8"), "{proposals}");
    assert!(proposals.contains("isolate `a`: take it out, to be kept on a branch"), "{proposals}");
    let (_, said) = kept.said(&["repair", "loop", "--apply", "2"], false).unwrap();
    assert!(said.contains("what is taken out stays on the branch `loop at 4`"), "{said}");
    let events = |name: &str| {
        let document: serde_json::Value = serde_json::from_str(&kept.typed(&["show", name], true).unwrap()).unwrap();
        document["events"].as_array().unwrap().len()
    };
    assert_eq!((events("loop"), events("loop at 4")), (1, 2));
    kept.typed(&["check", "loop"], false).unwrap();
    // Nothing else is forked where nothing is taken out.
    kept.typed(&["repair", "loop at 4", "--apply", "1"], false).unwrap();
    let names: serde_json::Value = serde_json::from_str(&kept.typed(&["list"], true).unwrap()).unwrap();
    assert_eq!(names["timelines"].as_array().unwrap().len(), 3, "launch, loop and its branch");
}
