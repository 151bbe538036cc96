//! Ranking alternatives by several criteria: the weighted sum and TOPSIS, and how far the winner hangs on the weights.
//!
//! Plain numbers in, a ranking out; where the scores come from is the caller's.

pub mod answer;
pub mod document;

use serde::Serialize;

use crate::error::Error;

/// What is judged, and how much it counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Criterion {
    /// Its name.
    pub name: String,
    /// How much it counts against the others; at least 0.
    pub weight: f64,
    /// Whether less is better.
    pub is_cost: bool,
}

/// How scores become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Scores scaled to 0 (worst alternative) to 1 (best), then the weighted mean.
    WeightedSum,
    /// Closeness to the ideal against the anti-ideal, after vector normalisation (Hwang and Yoon 1981).
    Topsis,
}

/// One alternative of a ranking.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranked {
    /// The alternative, by its place in the input.
    pub alternative: usize,
    /// Its score, from 0 to 1.
    pub score: f64,
}

/// The smallest change of one weight after which there is another winner.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tipping {
    /// The criterion.
    pub criterion: String,
    /// Its share of all weights now.
    pub weight: f64,
    /// The share at which the winner changes, the others keeping their proportions.
    pub tips_at: f64,
    /// Who wins then.
    pub winner: usize,
}

/// Ranks alternatives, the best first; of equals the earlier comes first. `scores[i][j]` is alternative i under criterion
/// j, in any unit.
///
/// Errors: no alternatives, scores that are missing or not finite, weights that are negative or all zero.
pub fn rank(criteria: &[Criterion], scores: &[Vec<f64>], rule: Rule) -> Result<Vec<Ranked>, Error> {
    let weights = check(criteria, scores)?;
    let totals = match rule {
        Rule::WeightedSum => totals(&scaled(criteria, scores), &weights),
        Rule::Topsis => closeness(criteria, scores, &weights),
    };
    let mut ranked: Vec<Ranked> =
        totals.into_iter().enumerate().map(|(alternative, score)| Ranked { alternative, score }).collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    Ok(ranked)
}

/// Steps over the share of one criterion in which another winner is looked for where the ranking is no line in it. A
/// winner on a shorter stretch is overlooked.
pub const SHARE_STEPS: usize = 1000;

/// For each criterion the nearest weight at which there is another winner, the most delicate first; criteria that can
/// change nothing alone are left out. Of the weighted sum it is exact; with TOPSIS, whose scores are no lines in the
/// weights, the stretches between [`SHARE_STEPS`] even steps are searched.
///
/// Errors: as of [`rank`].
pub fn tipping_points(criteria: &[Criterion], scores: &[Vec<f64>], rule: Rule) -> Result<Vec<Tipping>, Error> {
    let weights = check(criteria, scores)?;
    let mut found: Vec<Tipping> = Vec::new();
    for place in 0..criteria.len() {
        // The others have nothing to share out, so this one cannot change alone.
        if weights[place] >= 1.0 {
            continue;
        }
        found.extend(match rule {
            Rule::WeightedSum => line_tips(criteria, &scaled(criteria, scores), &weights, place),
            Rule::Topsis => curve_tips(criteria, scores, &weights, place)?,
        });
    }
    found.sort_by(|a, b| (a.tips_at - a.weight).abs().total_cmp(&(b.tips_at - b.weight).abs()));
    Ok(found)
}

/// Of weighted sums: the total of an alternative is a line in the share x of a criterion, rest + x (own - rest).
fn line_tips(criteria: &[Criterion], scaled: &[Vec<f64>], weights: &[f64], place: usize) -> Option<Tipping> {
    let weight = weights[place];
    let totals = totals(scaled, weights);
    let winner = crate::factor::largest(&totals);
    let line = |alternative: usize| {
        let own = scaled[alternative][place];
        ((totals[alternative] - own * weight) / (1.0 - weight), own)
    };
    let (rest, own) = line(winner);
    let mut nearest: Option<Tipping> = None;
    for other in (0..scaled.len()).filter(|&other| other != winner) {
        let (other_rest, other_own) = line(other);
        let slope = (own - rest) - (other_own - other_rest);
        let tips_at = (other_rest - rest) / slope;
        let is_nearer = nearest.as_ref().is_none_or(|known| (tips_at - weight).abs() < (known.tips_at - weight).abs());
        if slope != 0.0 && (0.0..=1.0).contains(&tips_at) && is_nearer {
            nearest = Some(Tipping { criterion: criteria[place].name.clone(), weight, tips_at, winner: other });
        }
    }
    nearest
}

/// Of TOPSIS: the first step up or down that has another winner, halved until its place is known.
fn curve_tips(
    criteria: &[Criterion],
    scores: &[Vec<f64>],
    weights: &[f64],
    place: usize,
) -> Result<Option<Tipping>, Error> {
    let weight = weights[place];
    let winner_at = |share: f64| {
        let shifted: Vec<f64> = (0..weights.len())
            .map(|other| if other == place { share } else { weights[other] * (1.0 - share) / (1.0 - weight) })
            .collect();
        crate::factor::largest(&closeness(criteria, scores, &shifted))
    };
    let winner = winner_at(weight);
    let mut nearest: Option<Tipping> = None;
    for end in [0.0, 1.0] {
        let at = |step: usize| weight + (end - weight) * step as f64 / SHARE_STEPS as f64;
        let Some(step) = (1..=SHARE_STEPS).find(|&step| winner_at(at(step)) != winner) else { continue };
        let (mut same, mut other) = (at(step - 1), at(step));
        while (other - same).abs() > 1e-12 {
            let middle = (same + other) / 2.0;
            if winner_at(middle) == winner { same = middle } else { other = middle }
        }
        let is_nearer = nearest.as_ref().is_none_or(|known| (other - weight).abs() < (known.tips_at - weight).abs());
        if is_nearer {
            let criterion = criteria[place].name.clone();
            nearest = Some(Tipping { criterion, weight, tips_at: other, winner: winner_at(other) });
        }
    }
    Ok(nearest)
}

/// The weights as shares of their sum.
fn check(criteria: &[Criterion], scores: &[Vec<f64>]) -> Result<Vec<f64>, Error> {
    let wrong = |message: String| Err(Error::BadCriteria(message));
    if scores.is_empty() {
        return wrong("there is nothing to rank".to_owned());
    }
    if let Some(bad) = criteria.iter().find(|criterion| !(criterion.weight >= 0.0 && criterion.weight.is_finite())) {
        return wrong(format!("the weight {} of {} is no weight: they are at least 0", bad.weight, bad.name));
    }
    let total: f64 = criteria.iter().map(|criterion| criterion.weight).sum();
    if total <= 0.0 || !total.is_finite() {
        return wrong("all weights are 0, so nothing counts".to_owned());
    }
    for (place, row) in scores.iter().enumerate() {
        if row.len() != criteria.len() {
            let (got, want) = (row.len(), criteria.len());
            return wrong(format!("alternative {} has {got} scores for {want} criteria", place + 1));
        }
        if let Some(score) = row.iter().find(|score| !score.is_finite()) {
            return wrong(format!("alternative {} has the score {score}, which is no number", place + 1));
        }
    }
    Ok(criteria.iter().map(|criterion| criterion.weight / total).collect())
}

/// Scores from 0 to 1, more is better; where all are equal, 1.
fn scaled(criteria: &[Criterion], scores: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let column = |place: usize| scores.iter().map(move |row| row[place]);
    let ranges: Vec<(f64, f64)> = (0..criteria.len())
        .map(|place| (column(place).fold(f64::INFINITY, f64::min), column(place).fold(f64::NEG_INFINITY, f64::max)))
        .collect();
    let scale = |place: usize, score: f64| {
        let (least, most) = ranges[place];
        if most == least {
            return 1.0;
        }
        let share = (score - least) / (most - least);
        if criteria[place].is_cost { 1.0 - share } else { share }
    };
    scores.iter().map(|row| row.iter().enumerate().map(|(place, &score)| scale(place, score)).collect()).collect()
}

fn totals(scaled: &[Vec<f64>], weights: &[f64]) -> Vec<f64> {
    scaled.iter().map(|row| row.iter().zip(weights).map(|(score, weight)| score * weight).sum()).collect()
}

fn closeness(criteria: &[Criterion], scores: &[Vec<f64>], weights: &[f64]) -> Vec<f64> {
    let lengths: Vec<f64> =
        (0..criteria.len()).map(|place| scores.iter().map(|row| row[place] * row[place]).sum::<f64>().sqrt()).collect();
    // A criterion that is 0 everywhere tells nothing apart.
    let weighted =
        |place: usize, score: f64| if lengths[place] > 0.0 { score / lengths[place] * weights[place] } else { 0.0 };
    let rows: Vec<Vec<f64>> = scores
        .iter()
        .map(|row| row.iter().enumerate().map(|(place, &score)| weighted(place, score)).collect())
        .collect();
    let extreme = |place: usize, wants_most: bool| {
        let column = rows.iter().map(|row| row[place]);
        if wants_most { column.fold(f64::NEG_INFINITY, f64::max) } else { column.fold(f64::INFINITY, f64::min) }
    };
    let ideal: Vec<f64> = criteria.iter().enumerate().map(|(place, c)| extreme(place, !c.is_cost)).collect();
    let worst: Vec<f64> = criteria.iter().enumerate().map(|(place, c)| extreme(place, c.is_cost)).collect();
    let distance = |row: &[f64], to: &[f64]| row.iter().zip(to).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
    rows.iter()
        .map(|row| {
            let (up, down) = (distance(row, &ideal), distance(row, &worst));
            if up + down > 0.0 { down / (up + down) } else { 1.0 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criteria(weights: &[f64], costs: &[bool]) -> Vec<Criterion> {
        let one = |(place, (&weight, &is_cost)): (usize, (&f64, &bool))| Criterion {
            name: format!("c{place}"),
            weight,
            is_cost,
        };
        weights.iter().zip(costs).enumerate().map(one).collect()
    }

    #[test]
    fn topsis_gives_the_closeness_computed_by_hand() {
        // Two alternatives, (3, 4) and (4, 3), equal weights, both benefits: by symmetry both are half way.
        let both = criteria(&[1.0, 1.0], &[false, false]);
        let even = rank(&both, &[vec![3.0, 4.0], vec![4.0, 3.0]], Rule::Topsis).unwrap();
        assert!(even.iter().all(|ranked| (ranked.score - 0.5).abs() < 1e-15));
        // With weights 3 : 1 the distances are 3/20 and 1/20 in each direction: 3/4 and 1/4.
        let uneven =
            rank(&criteria(&[3.0, 1.0], &[false, false]), &[vec![3.0, 4.0], vec![4.0, 3.0]], Rule::Topsis).unwrap();
        assert_eq!(uneven[0].alternative, 1);
        assert!((uneven[0].score - 0.75).abs() < 1e-12 && (uneven[1].score - 0.25).abs() < 1e-12);
    }

    #[test]
    fn the_winner_changes_where_it_is_said_to() {
        let scores = [vec![10.0, 5.0], vec![8.0, 1.0], vec![0.0, 0.0]];
        let at = |weight: f64| criteria(&[weight, 1.0 - weight], &[false, true]);
        let tips = tipping_points(&at(0.9), &scores, Rule::WeightedSum).unwrap();
        let tip = tips.iter().find(|tip| tip.criterion == "c0").unwrap();
        // 1 x + 0 (1 - x) = 0.8 x + 0.8 (1 - x) at x = 0.8.
        assert!((tip.tips_at - 0.8).abs() < 1e-12 && tip.winner == 1, "{tip:?}");
        for (weight, winner) in [(tip.tips_at + 1e-9, 0), (tip.tips_at - 1e-9, 1)] {
            assert_eq!(rank(&at(weight), &scores, Rule::WeightedSum).unwrap()[0].alternative, winner);
        }
    }

    #[test]
    fn the_winner_of_topsis_changes_where_it_is_said_to() {
        let scores = [vec![10.0, 5.0, 3.0], vec![8.0, 1.0, 4.0], vec![1.0, 0.5, 9.0]];
        let at = |weights: &[f64]| criteria(weights, &[false, true, false]);
        let tips = tipping_points(&at(&[0.5, 0.3, 0.2]), &scores, Rule::Topsis).unwrap();
        assert!(!tips.is_empty());
        for tip in &tips {
            let place: usize = tip.criterion[1..].parse().unwrap();
            let winner = |share: f64| {
                let mut weights = [0.5, 0.3, 0.2];
                let scale = (1.0 - share) / (1.0 - weights[place]);
                weights.iter_mut().for_each(|weight| *weight *= scale);
                weights[place] = share;
                rank(&at(&weights), &scores, Rule::Topsis).unwrap()[0].alternative
            };
            let towards = (tip.tips_at - tip.weight).signum() * 1e-9;
            assert_eq!(winner(tip.tips_at + towards), tip.winner, "{tip:?}");
            assert_eq!(winner(tip.tips_at - towards), winner(tip.weight), "{tip:?}");
        }
    }

    #[test]
    fn what_cannot_be_ranked_is_refused() {
        let one = criteria(&[1.0], &[false]);
        assert!(rank(&one, &[], Rule::Topsis).is_err());
        assert!(rank(&one, &[vec![f64::NAN]], Rule::WeightedSum).is_err());
        assert!(rank(&one, &[vec![1.0, 2.0]], Rule::WeightedSum).is_err());
        assert!(rank(&criteria(&[-1.0], &[false]), &[vec![1.0]], Rule::WeightedSum).is_err());
        assert!(rank(&criteria(&[0.0], &[false]), &[vec![1.0]], Rule::WeightedSum).is_err());
    }
}
