//! Hypothesis tests against SciPy and NIST's certified values (`tests/reference.py` writes the file).
//!
//! Tolerance: 1e-9 of the p-value and 1e-11 of the statistic; of the certified values as many digits as their data have.

use nexus_numerics::Distribution;
use nexus_numerics::hypothesis::{
    Alternative, Finding, SampleError, anova, chi2_contingency, chi2_fit, fisher_exact, kruskal, ks_one_sample,
    ks_two_samples, levene, mann_whitney, normality, pearson, spearman, t_one_sample, t_two_samples, wilcoxon,
};
use serde_json::Value;

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        Some(_) => f64::NAN,
        None => value.as_f64().expect("a number"),
    }
}

fn run(case: &Value) -> Result<Finding, SampleError> {
    let samples: Vec<Vec<f64>> = case["samples"]
        .as_array()
        .expect("samples")
        .iter()
        .map(|sample| sample.as_array().expect("a sample").iter().map(number).collect())
        .collect();
    let side = match case["options"]["side"].as_str() {
        Some("less") => Alternative::Less,
        Some("greater") => Alternative::Greater,
        _ => Alternative::TwoSided,
    };
    let all: Vec<&[f64]> = samples.iter().map(Vec::as_slice).collect();
    let flat: Vec<f64> = samples.concat();
    match case["test"].as_str().expect("a name") {
        "t_one" => t_one_sample(all[0], number(&case["options"]["mean"]), side),
        "t_equal" => t_two_samples(all[0], all[1], true, side),
        "t_welch" => t_two_samples(all[0], all[1], false, side),
        "mann_whitney" => mann_whitney(all[0], all[1], side),
        "pearson" => pearson(all[0], all[1], side),
        "spearman" => spearman(all[0], all[1], side),
        "wilcoxon" => wilcoxon(all[0], side),
        "anova" => anova(&all),
        "levene" => levene(&all),
        "kruskal" => kruskal(&all),
        "ks_normal" => ks_one_sample(all[0], &Distribution::Normal { mean: 0.0, std: 1.0 }),
        "ks_two" => ks_two_samples(all[0], all[1]),
        "chi2_fit" => chi2_fit(all[0], Some(all[1]).filter(|e| !e.is_empty()), 0),
        "chi2_table" => chi2_contingency(&flat, all[0].len(), case["options"]["corrected"] == true),
        "fisher_exact" => fisher_exact([flat[0], flat[1], flat[2], flat[3]]),
        "normality" => normality(all[0]),
        other => panic!("no test {other}"),
    }
}

#[test]
fn findings_are_those_of_scipy() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("fixtures/hypothesis.json")).expect("JSON");
    let mut wrong = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let name = format!("case {i}, {} {}", case["test"], case["options"]);
        let found = run(case).unwrap_or_else(|error| panic!("{name}: {error}"));
        let (statistic, p) = (number(&case["statistic"]), number(&case["p_value"]));
        let near = |a: f64, b: f64, tolerance: f64| {
            a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * b.abs().max(1e-300)
        };
        // NIST's certified values come with the digits that their data allow.
        let (of_statistic, of_p) = case["rtol"].as_f64().map_or((1e-11, 1e-9), |rtol| (rtol, 100.0 * rtol));
        if !near(found.statistic, statistic, of_statistic) {
            wrong.push(format!("{name}: statistic {:e}, expected {statistic:e}", found.statistic));
        }
        if !near(found.p_value, p, of_p) {
            wrong.push(format!("{name}: p {:e}, expected {p:e}", found.p_value));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn samples_that_make_no_test_are_refused_with_words() {
    let text = |result: Result<Finding, SampleError>| result.unwrap_err().to_string();
    let two = Alternative::TwoSided;
    assert_eq!(text(t_one_sample(&[1.0], 0.0, two)), "needs at least 2 elements for this test, has 1");
    assert_eq!(text(pearson(&[1.0, 2.0], &[1.0], two)), "must have as many elements as the other sample: 2 and 1");
    assert!(text(chi2_fit(&[1.0, -1.0], None, 0)).contains("not negative"));
    assert!(text(chi2_fit(&[1.0, 2.0], Some(&[1.0, 1.0]), 0)).contains("sum"));
    assert!(text(chi2_contingency(&[0.0, 0.0, 1.0, 2.0], 2, false)).contains("zeros"));
    assert!(text(fisher_exact([0.5, 1.0, 1.0, 1.0])).contains("whole"));
    assert!(text(wilcoxon(&[0.0, 0.0], two)).contains("at least 1"));
    assert!(text(anova(&[&[1.0], &[2.0]])).contains("at least 2"));
    for found in [mann_whitney(&[f64::NAN], &[1.0], two), ks_two_samples(&[1.0], &[f64::NAN])] {
        assert!(found.expect("a NaN is an answer").p_value.is_nan());
    }
}

/// Samples whose statistic is off every scale give probabilities, not panics.
#[test]
fn extreme_samples_give_probabilities() {
    let two = Alternative::TwoSided;
    let found = [
        t_one_sample(&[1.0, 1.0], 0.0, two),
        t_two_samples(&[1e300, -1e300], &[0.0, 0.0], false, two),
        t_two_samples(&[1.0, 1.0], &[1.0, 1.0], false, two),
        pearson(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0], two),
        pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0], two),
        ks_one_sample(&[f64::INFINITY, f64::NEG_INFINITY], &Distribution::Normal { mean: 0.0, std: 1.0 }),
        ks_two_samples(&[0.0; 40], &[-0.0; 40]),
        mann_whitney(&[1.0; 20], &[1.0; 20], two),
        kruskal(&[&[1.0, 1.0], &[1.0]]),
        normality(&[2.0; 9]),
        levene(&[&[1.0, 1.0], &[2.0, 2.0]]),
    ];
    for (i, found) in found.into_iter().enumerate() {
        let p = found.expect("a finding").p_value;
        assert!(p.is_nan() || (0.0..=1.0).contains(&p), "{i}: {p}");
    }
}
