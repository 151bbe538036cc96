//! Rankings that explain themselves: what the winner owes to each criterion, who comes second, and which change of a
//! weight would make another win.
//!
//! The types are the JSON that users see, their `Display` the text.

use std::fmt;

use serde::Serialize;

use super::document::Choice;
use super::{Rule, rank, scaled, tipping_points};
use crate::answer::text::{percent, short, width};
use crate::error::Error;

/// An alternative with its score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedAnswer {
    /// The alternative.
    pub alternative: String,
    /// Its score, from 0 to 1.
    pub score: f64,
}

/// What a criterion does for the winner against the runner-up.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contribution {
    /// The criterion.
    pub criterion: String,
    /// Its share of all weights.
    pub weight: f64,
    /// By how much it puts the winner before the runner-up: weight times the difference of their scores, each scaled to 0
    /// (worst) to 1 (best). Under the weighted sum these add up to the margin.
    pub advantage: f64,
}

/// A weight at which another alternative wins.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TippingAnswer {
    /// The criterion.
    pub criterion: String,
    /// Its share of all weights now.
    pub weight: f64,
    /// The share at which the winner changes, the others keeping their proportions.
    pub tips_at: f64,
    /// Who wins then.
    pub winner: String,
}

/// A ranking with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankingAnswer {
    /// The name of the choice.
    pub model: String,
    /// `sum` or `topsis`.
    pub rule: &'static str,
    /// All alternatives, the best first.
    pub ranking: Vec<RankedAnswer>,
    /// The winner.
    pub best: String,
    /// Who comes second.
    pub runner_up: Option<String>,
    /// By how much the winner is better.
    pub margin: f64,
    /// What each criterion does for the winner, the largest advantage first.
    pub contributions: Vec<Contribution>,
    /// Changes of one weight that make another win, the smallest change first.
    pub tipping: Vec<TippingAnswer>,
}

/// Ranks the alternatives of a choice.
///
/// Errors: as of [`rank`].
pub fn ranking(choice: &Choice, rule: Rule) -> Result<RankingAnswer, Error> {
    let ranked = rank(&choice.criteria, &choice.scores, rule)?;
    let name = |alternative: usize| choice.alternatives[alternative].clone();
    let total: f64 = choice.criteria.iter().map(|criterion| criterion.weight).sum();
    let scaled = scaled(&choice.criteria, &choice.scores);
    let second = ranked.get(1);
    let mut contributions: Vec<Contribution> = choice
        .criteria
        .iter()
        .enumerate()
        .map(|(place, criterion)| {
            let weight = criterion.weight / total;
            let other = second.map_or(0.0, |second| scaled[second.alternative][place]);
            let advantage = weight * (scaled[ranked[0].alternative][place] - other);
            Contribution { criterion: criterion.name.clone(), weight, advantage }
        })
        .collect();
    contributions.sort_by(|a, b| b.advantage.total_cmp(&a.advantage));
    let tipping = tipping_points(&choice.criteria, &choice.scores, rule)?;
    let tipping = tipping.into_iter().map(|tip| TippingAnswer {
        criterion: tip.criterion,
        weight: tip.weight,
        tips_at: tip.tips_at,
        winner: name(tip.winner),
    });
    Ok(RankingAnswer {
        model: choice.name.clone(),
        rule: match rule {
            Rule::WeightedSum => "sum",
            Rule::Topsis => "topsis",
        },
        best: name(ranked[0].alternative),
        runner_up: second.map(|second| name(second.alternative)),
        margin: ranked[0].score - second.map_or(0.0, |second| second.score),
        contributions,
        tipping: tipping.collect(),
        ranking: ranked
            .iter()
            .map(|ranked| RankedAnswer { alternative: name(ranked.alternative), score: ranked.score })
            .collect(),
    })
}

impl fmt::Display for RankingAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = width(self.ranking.iter().map(|ranked| ranked.alternative.as_str()));
        for (place, ranked) in self.ranking.iter().enumerate() {
            writeln!(f, "{:>3}  {:names$}  {:.4}", place + 1, ranked.alternative, ranked.score)?;
        }
        if let Some(second) = &self.runner_up {
            writeln!(f, "\n{} is before {second} by {}, because of", self.best, short(self.margin))?;
            let criteria = width(self.contributions.iter().map(|one| one.criterion.as_str()));
            for one in &self.contributions {
                let weight = percent(one.weight);
                writeln!(f, "  {:criteria$}  {:+.4}  weight {}", one.criterion, one.advantage, weight.trim())?;
            }
        }
        match self.tipping.first() {
            None if self.ranking.len() > 1 => writeln!(f, "no change of one weight makes another win"),
            None => Ok(()),
            Some(_) => {
                writeln!(f, "another wins if the weight of")?;
                self.tipping.iter().try_for_each(|tip| {
                    let (now, then) = (percent(tip.weight), percent(tip.tips_at));
                    let turn = if tip.tips_at > tip.weight { "rises" } else { "falls" };
                    writeln!(f, "  {} {turn} from {} to {}: {}", tip.criterion, now.trim(), then.trim(), tip.winner)
                })
            }
        }
    }
}
