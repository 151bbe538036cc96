//! Answers as text for people: aligned columns, no colours, the same on every terminal.

use std::fmt::{self, Display, Write};

use super::{Advised, Evaluation, Explanation, ValueAnswer, VariableBelief};

/// Cells of a bar of probability 1.
const BAR: usize = 20;

/// A probability as people read it.
pub(crate) fn percent(probability: f64) -> String {
    format!("{:6.2} %", probability * 100.0)
}

fn bar(probability: f64) -> String {
    "█".repeat((probability * BAR as f64).round() as usize)
}

/// The letters of the longest word.
pub(crate) fn width<'a>(words: impl Iterator<Item = &'a str>) -> usize {
    words.map(|word| word.chars().count()).max().unwrap_or(0)
}

impl Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states = self.beliefs.iter().flat_map(|belief| belief.states.iter().map(|state| state.state.as_str()));
        let state_width = width(states);
        let variable_width = width(self.beliefs.iter().map(|belief| belief.variable.as_str()));
        for belief in &self.beliefs {
            lines(f, belief, variable_width, state_width)?;
        }
        let evidence = match self.ln_evidence {
            None => "not known".to_owned(),
            Some(ln) if ln < -30.0 => format!("e^{ln:.3}"),
            Some(ln) => format!("{:.6}", ln.exp()),
        };
        writeln!(f, "\nprobability of the evidence {evidence}; {}: {}", self.method, self.because)?;
        if let Some(effective) = self.effective_samples {
            writeln!(f, "± half of the 95 % interval; worth {effective:.0} unweighted samples")?;
        }
        match self.disagreement {
            Some(ratio) if ratio > 1.1 => {
                writeln!(f, "± half of the 95 % interval; the walks disagree ({ratio:.2}): ask for more samples")
            }
            Some(ratio) => writeln!(f, "± half of the 95 % interval; the walks agree ({ratio:.2})"),
            None => Ok(()),
        }
    }
}

fn lines(f: &mut fmt::Formatter<'_>, belief: &VariableBelief, variables: usize, states: usize) -> fmt::Result {
    for (place, state) in belief.states.iter().enumerate() {
        let name = if place == 0 { belief.variable.as_str() } else { "" };
        let interval = match state.interval {
            Some([low, high]) => format!(" ±{:5.2}", (high - low) * 50.0),
            None => String::new(),
        };
        let known = if place == 0 && belief.is_evidence { "  (evidence)" } else { "" };
        let probability = percent(state.probability);
        let bar = bar(state.probability);
        let line = format!("{name:variables$}  {:states$}  {probability}{interval}  {bar}{known}", state.state);
        writeln!(f, "{}", line.trim_end())?;
    }
    Ok(())
}

impl Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let belief = &self.belief;
        let of = |wanted: &str| {
            belief.states.iter().find(|state| state.state == wanted).map_or(0.0, |state| state.probability)
        };
        writeln!(
            f,
            "{} is {} with {}; without any evidence {}",
            belief.variable,
            belief.best,
            percent(of(&belief.best)).trim(),
            percent(self.prior).trim()
        )?;
        if let Some(runner_up) = &belief.runner_up {
            writeln!(f, "the runner-up is {runner_up} with {}", percent(of(runner_up)).trim())?;
        }
        if self.impacts.is_empty() {
            return writeln!(f, "no evidence about other variables was given");
        }
        let names = width(self.impacts.iter().map(|impact| impact.evidence.as_str())).max("evidence".len());
        writeln!(
            f,
            "\n{:names$}  {:>11}  {:>11}  {:>11}  {:>8}",
            "evidence", "moved it by", "without it", "alone", "decibans"
        )?;
        for impact in &self.impacts {
            let shift = format!("{:+.2} %", impact.shift * 100.0);
            let decibans = impact.decibans.map_or("—".to_owned(), |decibans| format!("{decibans:+.2}"));
            let (without, alone) = (percent(impact.without), percent(impact.alone));
            writeln!(f, "{:names$}  {shift:>11}  {without:>11}  {alone:>11}  {decibans:>8}", impact.evidence)?;
        }
        Ok(())
    }
}

impl Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for policy in &self.policies {
            let on = if policy.depends_on.is_empty() {
                "whatever is known".to_owned()
            } else {
                format!("depending on {}", policy.depends_on.join(", "))
            };
            writeln!(f, "{}, {on}:", policy.decision)?;
            let known = |known: &[[String; 2]]| {
                let pairs: Vec<String> = known.iter().map(|[name, state]| format!("{name} = {state}")).collect();
                if pairs.is_empty() { "always".to_owned() } else { pairs.join(", ") }
            };
            let situations: Vec<String> = policy.rows.iter().map(|row| known(&row.known)).collect();
            let names = width(situations.iter().map(String::as_str));
            let choices = width(policy.rows.iter().map(|row| row.choice.as_str()));
            for (row, situation) in policy.rows.iter().zip(&situations) {
                if row.probability == 0.0 {
                    writeln!(f, "  {situation:names$}  cannot happen")?;
                    continue;
                }
                let mut line = format!("  {situation:names$}  {:choices$}  p {}", row.choice, percent(row.probability));
                let best = row.options.iter().find(|option| option.option == row.choice);
                if let (Some(best), Some(runner_up)) = (best, &row.runner_up) {
                    write!(line, "  worth {}, {} more than {runner_up}", short(best.expected), short(row.margin))?;
                }
                writeln!(f, "{line}")?;
            }
            if !policy.ignores.is_empty() {
                writeln!(f, "  does not matter: {}", policy.ignores.join(", "))?;
            }
        }
        writeln!(f, "\nexpected utility {}", short(self.expected_utility))?;
        if (self.certainty_equivalent - self.expected_utility).abs() > 1e-9 {
            writeln!(f, "as good as a sure {}", short(self.certainty_equivalent))?;
        }
        if !self.is_global {
            writeln!(f, "no policy that differs in one decision is better; others may be")?;
        }
        Ok(())
    }
}

/// Values of information as a table.
struct Values<'a>(&'a [ValueAnswer]);

impl Display for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else { return writeln!(f, "there is nothing left to find out") };
        writeln!(f, "without more information the best policy is worth {}", short(first.without))?;
        let names = width(self.0.iter().map(|value| value.variable.as_str()));
        for value in self.0 {
            let (amount, with) = (short(value.value), short(value.with));
            writeln!(f, "  {:names$}  before {}  worth {amount} (then {with})", value.variable, value.decision)?;
        }
        Ok(())
    }
}

/// Values of information as text.
pub fn values(values: &[ValueAnswer]) -> String {
    Values(values).to_string()
}

/// A number with six significant digits at most.
pub(crate) fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (5 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
