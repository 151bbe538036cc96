//! Which form of text a file most likely is, so that a question to the wrong one names the right verb.
//!
//! A guess from the first words of lines; nothing is read by it. Driven by the readers, when they refuse a text.

/// Forms of text that `nexus decide` reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A network or influence diagram in TOML.
    Model,
    /// A network in BIF.
    Bif,
    /// A fuzzy system.
    Fuzzy,
    /// Alternatives and criteria.
    Ranking,
    /// A quantum circuit.
    Circuit,
}

impl Form {
    /// The form that the text looks like, if it looks like one.
    pub(crate) fn guess(text: &str) -> Option<Form> {
        text.lines().find_map(|line| match line.trim() {
            "[[variable]]" | "[[decision]]" | "[[utility]]" => Some(Form::Model),
            "[[input]]" | "[[output]]" => Some(Form::Fuzzy),
            "[[criterion]]" | "[[alternative]]" => Some(Form::Ranking),
            line => match line.split_whitespace().next() {
                Some("qubits") => Some(Form::Circuit),
                Some("network") if line.ends_with('{') || !line.contains('=') => Some(Form::Bif),
                _ => None,
            },
        })
    }

    /// What it is, and who answers from it.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Form::Model => {
                ("this is a network or influence diagram", "`nexus decide eval` and `policy` answer from it")
            }
            Form::Bif => ("this is a network in BIF", "`nexus decide eval` answers from it, if its name ends in .bif"),
            Form::Fuzzy => ("this is a fuzzy system", "`nexus decide fuzzy` answers from it"),
            Form::Ranking => ("these are alternatives and criteria", "`nexus decide rank` ranks them"),
            Form::Circuit => ("this is a quantum circuit", "`nexus decide circuit` runs it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Model, fuzzy, ranking, state_vector};

    const FUZZY: &str = "rules = []\n[[input]]\nname = \"load\"\nrange = [0, 1]\n";
    const RANKING: &str = "[[criterion]]\nname = \"price\"\n[[alternative]]\nname = \"a\"\n";
    const MODEL: &str = "[[variable]]\nname = \"rain\"\nstates = [\"yes\", \"no\"]\ntable = [0.5, 0.5]\n";
    const CIRCUIT: &str = "# a pair\nqubits 2\nh 0\n";
    const BIF: &str = "network asia {\n}\n";

    #[test]
    fn whoever_asks_the_wrong_verb_is_told_the_right_one() {
        let model = |text: &str| Model::read("a.toml", text).unwrap_err();
        let rank = |text: &str| ranking::document::read("a.toml", text).unwrap_err();
        let fuzz = |text: &str| fuzzy::document::read("a.toml", text).unwrap_err();
        let turn = |text: &str| state_vector::circuit::read("a.txt", text).unwrap_err();
        for (found, verb) in [
            (model(FUZZY), "decide fuzzy"),
            (model(RANKING), "decide rank"),
            (model(CIRCUIT), "decide circuit"),
            (model(BIF), "decide eval"),
            (rank(MODEL), "decide eval"),
            (fuzz(MODEL), "decide eval"),
            (fuzz(RANKING), "decide rank"),
            (turn(FUZZY), "decide fuzzy"),
        ] {
            let help = found[0].help.clone().unwrap_or_default();
            assert!(help.contains(verb), "{verb}: {found:?}");
            assert!(found[0].message.starts_with("th") && found.len() == 1, "no word of what it is not: {found:?}");
        }
        // Within the right form, a slip is a slip.
        let slip = model(&MODEL.replace("states", "stats"));
        assert_eq!(slip[0].help.as_deref(), Some("`docs/decisions.md` describes the form of models"));
    }
}
