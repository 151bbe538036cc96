//! Hypothesis tests on samples: tensors or lists of numbers, whose shape does not matter.
//!
//! The mathematics is in `nexus-numerics`; everything is computed in f64.

use nexus_numerics::hypothesis::{
    Alternative, Finding, SampleError, anova, chi2_contingency, chi2_fit, fisher_exact, kruskal, ks_one_sample,
    ks_two_samples, levene, mann_whitney, normality, pearson, spearman, t_one_sample, t_two_samples, wilcoxon,
};
use nexus_tensor::infer::{self, Inferred};
use nexus_tensor::{Arg, ArgType, Context, OpDef, Param, TensorError, args, params};

use super::Entry;
use super::distributions::distribution;
use crate::autodiff::Gradient;

/// A test of the table: its parameters, what it is, and how it runs.
const fn entry(
    name: &'static str,
    params: &'static [Param],
    doc: &'static str,
    example: &'static str,
    run: fn(&Context, &[Arg]) -> Result<Arg, TensorError>,
) -> Entry {
    (OpDef { name, params, doc, example, infer: infer_finding, run }, Gradient::Missing)
}

pub(super) const OPS: &[Entry] = &[
    entry(
        "stats.t_test",
        params!(
            x: Any, y: Any = "none", mean: Number = "0", paired: Bool = "false", equal_variances: Bool = "false",
            alternative: Str = "two-sided"
        ),
        "Student's t test: of one sample x whether its mean is mean; of two whether their means differ by mean, by \
         Welch's test unless equal_variances, or of their differences where they are paired. A record: statistic, \
         p_value, df. alternative is \"two-sided\", \"less\" or \"greater\", of x.",
        "stats.t_test([5.1, 4.9, 5.6], mean = 5).p_value",
        t_test,
    ),
    entry(
        "stats.anova",
        params!(groups: Any),
        "One-way analysis of variance: whether the groups, a list of samples, have one mean. A record: statistic (F), \
         p_value, df (none: it has two).",
        "stats.anova([[1.0, 2.0], [2.0, 4.0], [5.0, 6.0]]).p_value",
        |ctx, a| of_groups(ctx, a, anova),
    ),
    entry(
        "stats.levene",
        params!(groups: Any),
        "Levene's test, around medians, whether groups have one variance. A record: statistic, p_value, df.",
        "stats.levene([[1.0, 2.0, 4.0], [2.0, 9.0, 1.0]]).p_value",
        |ctx, a| of_groups(ctx, a, levene),
    ),
    entry(
        "stats.kruskal",
        params!(groups: Any),
        "The test of Kruskal and Wallis whether groups come from one distribution, by ranks. A record: statistic, \
         p_value, df.",
        "stats.kruskal([[1.0, 2.0], [2.5, 4.0], [5.0, 6.0]]).p_value",
        |ctx, a| of_groups(ctx, a, kruskal),
    ),
    entry(
        "stats.mann_whitney",
        params!(x: Any, y: Any, alternative: Str = "two-sided"),
        "The test of Mann and Whitney (the rank sum test) whether elements of x tend to be larger or smaller than those \
         of y. Exact where one sample has at most eight elements and nothing is tied. A record: statistic (the pairs in \
         which x is larger), p_value, df (none).",
        "stats.mann_whitney([1.0, 3.0, 5.0], [2.0, 4.0, 8.0]).p_value",
        |ctx, a| of_pair(ctx, a, mann_whitney),
    ),
    entry(
        "stats.wilcoxon",
        params!(x: Any, y: Any = "none", alternative: Str = "two-sided"),
        "Wilcoxon's signed rank test whether the median of x, or of x - y, is zero; exact up to fifty elements. A \
         record: statistic, p_value, df (none).",
        "stats.wilcoxon([1.5, -0.5, 2.0, 3.0]).p_value",
        |ctx, a| {
            let x = sample(ctx, args::at(a, 0), "x")?;
            let x = match args::at(a, 1) {
                Arg::None => x,
                other => differences(&x, &sample(ctx, other, "y")?)?,
            };
            done(wilcoxon(&x, alternative(a, 2)?), "x")
        },
    ),
    entry(
        "stats.ks_test",
        params!(x: Any, y: Any),
        "The test of Kolmogorov and Smirnov whether x comes from y, which is a distribution (stats.normal()) or another \
         sample. A record: statistic (the largest distance of the distribution functions), p_value, df (none).",
        "stats.ks_test([0.1, -0.4, 1.2], stats.normal()).p_value",
        |ctx, a| {
            let x = sample(ctx, args::at(a, 0), "x")?;
            match args::at(a, 1) {
                record @ Arg::Record(_) => done(ks_one_sample(&x, &distribution(record)?), "x"),
                other => done(ks_two_samples(&x, &sample(ctx, other, "y")?), "x"),
            }
        },
    ),
    entry(
        "stats.chi2_test",
        params!(observed: Any, expected: Any = "none", fitted: Int = "0"),
        "Pearson's chi-squared test whether counts follow expected ones, equal ones if they are left out; fitted is the \
         number of parameters that those were fitted with. A record: statistic, p_value, df.",
        "stats.chi2_test([16, 18, 12, 14]).p_value",
        |ctx, a| {
            let observed = sample(ctx, args::at(a, 0), "observed")?;
            let expected = match args::at(a, 1) {
                Arg::None => None,
                other => Some(sample(ctx, other, "expected")?),
            };
            let fitted = args::int_or(a, 2, "fitted", 0)?;
            let fitted = usize::try_from(fitted)
                .map_err(|_| TensorError::argument("fitted", format!("must not be negative, is {fitted}")))?;
            done(chi2_fit(&observed, expected.as_deref(), fitted), "observed")
        },
    ),
    entry(
        "stats.chi2_contingency",
        params!(table: Tensor, correction: Bool = "true"),
        "Pearson's chi-squared test whether the rows and columns of a table of counts are independent; a table of 2 by 2 \
         is corrected for continuity. A record: statistic, p_value, df.",
        "stats.chi2_contingency(tensor.from_list([[10, 20], [6, 9]])).p_value",
        |ctx, a| {
            let table = args::tensor(ctx, a, 0, "table")?;
            let &[_, columns] = table.shape() else {
                return Err(TensorError::shape(table.shape(), "is no table: it needs two axes"));
            };
            done(chi2_contingency(&table.to_f64s(ctx)?, columns, args::bool_or(a, 1, "correction", true)?), "table")
        },
    ),
    entry(
        "stats.fisher_exact",
        params!(table: Tensor),
        "Fisher's exact test whether the rows and columns of a table of 2 by 2 counts are independent, two-sided. A \
         record: statistic (the odds ratio), p_value, df (none).",
        "stats.fisher_exact(tensor.from_list([[8, 2], [1, 5]])).p_value",
        |ctx, a| {
            let table = args::tensor(ctx, a, 0, "table")?;
            match (table.shape(), table.to_f64s(ctx)?.as_slice()) {
                ([2, 2], &[a, b, c, d]) => done(fisher_exact([a, b, c, d]), "table"),
                (shape, _) => Err(TensorError::shape(shape, "is no table of 2 by 2")),
            }
        },
    ),
    entry(
        "stats.pearson",
        params!(x: Any, y: Any, alternative: Str = "two-sided"),
        "Pearson's linear correlation of pairs and the test whether it is zero. A record: statistic (the correlation), \
         p_value, df.",
        "stats.pearson([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]).statistic",
        |ctx, a| of_pair(ctx, a, pearson),
    ),
    entry(
        "stats.spearman",
        params!(x: Any, y: Any, alternative: Str = "two-sided"),
        "Spearman's correlation of ranks and the test whether it is zero. A record: statistic (the correlation), \
         p_value, df.",
        "stats.spearman([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]).statistic",
        |ctx, a| of_pair(ctx, a, spearman),
    ),
    entry(
        "stats.normality",
        params!(x: Any),
        "The test of D'Agostino and Pearson whether a sample of at least eight elements is normal. A record: statistic, \
         p_value, df.",
        "stats.normality([2.1, 1.9, 2.4, 2.2, 1.8, 2.0, 2.3, 2.9]).p_value",
        |ctx, a| done(normality(&sample(ctx, args::at(a, 0), "x")?), "x"),
    ),
];

fn infer_finding(a: &[ArgType]) -> Inferred {
    // A dtype or a string is no sample, whatever the test.
    if let ArgType::Str(_) | ArgType::Function = infer::at(a, 0) {
        return Err(TensorError::argument("x", "must be a sample: a tensor or a list of numbers"));
    }
    let number = || ArgType::Scalar(None);
    Ok(infer::record([("statistic", number()), ("p_value", number()), ("df", ArgType::Unknown)]))
}

/// A sample as numbers.
pub(super) fn sample(ctx: &Context, arg: &Arg, name: &'static str) -> Result<Vec<f64>, TensorError> {
    match arg {
        Arg::Tensor(tensor) => tensor.to_f64s(ctx),
        Arg::List(items) => (0..items.len())
            .map(|i| args::number(items, i, name))
            .collect::<Result<_, _>>()
            .map_err(|_| TensorError::argument(name, "must hold numbers only")),
        other => Err(args::wrong(name, "a tensor or a list of numbers", other)),
    }
}

fn alternative(a: &[Arg], i: usize) -> Result<Alternative, TensorError> {
    match args::at(a, i) {
        Arg::None => Ok(Alternative::TwoSided),
        Arg::Str(name) => match &**name {
            "two-sided" => Ok(Alternative::TwoSided),
            "less" => Ok(Alternative::Less),
            "greater" => Ok(Alternative::Greater),
            other => Err(TensorError::argument("alternative", format!("must be {SIDES}, is \"{other}\""))),
        },
        other => Err(args::wrong("alternative", SIDES, other)),
    }
}

const SIDES: &str = "\"two-sided\", \"less\" or \"greater\"";

fn done(found: Result<Finding, SampleError>, name: &'static str) -> Result<Arg, TensorError> {
    let found = found.map_err(|error| TensorError::argument(name, error.to_string()))?;
    Ok(args::record([
        ("statistic", Arg::Scalar(found.statistic)),
        ("p_value", Arg::Scalar(found.p_value)),
        ("df", found.df.map_or(Arg::None, Arg::Scalar)),
    ]))
}

fn differences(x: &[f64], y: &[f64]) -> Result<Vec<f64>, TensorError> {
    if x.len() != y.len() {
        let problem = format!("must have as many elements as x, which it is paired with: {}, not {}", x.len(), y.len());
        return Err(TensorError::argument("y", problem));
    }
    Ok(x.iter().zip(y).map(|(x, y)| x - y).collect())
}

fn t_test(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let x = sample(ctx, args::at(a, 0), "x")?;
    let mean = args::number_or(a, 2, "mean", 0.0)?;
    let (paired, equal) = (args::bool_or(a, 3, "paired", false)?, args::bool_or(a, 4, "equal_variances", false)?);
    let side = alternative(a, 5)?;
    let y = match args::at(a, 1) {
        Arg::None if paired => return Err(TensorError::argument("y", "is missing: `paired` needs a second sample")),
        Arg::None => return done(t_one_sample(&x, mean, side), "x"),
        other => sample(ctx, other, "y")?,
    };
    if paired {
        return done(t_one_sample(&differences(&x, &y)?, mean, side), "x");
    }
    let moved: Vec<f64> = x.iter().map(|x| x - mean).collect();
    done(t_two_samples(&moved, &y, equal, side), "x")
}

/// A test of two samples.
type PairTest = fn(&[f64], &[f64], Alternative) -> Result<Finding, SampleError>;

fn of_pair(ctx: &Context, a: &[Arg], test: PairTest) -> Result<Arg, TensorError> {
    let (x, y) = (sample(ctx, args::at(a, 0), "x")?, sample(ctx, args::at(a, 1), "y")?);
    done(test(&x, &y, alternative(a, 2)?), "x")
}

fn of_groups(
    ctx: &Context,
    a: &[Arg],
    test: fn(&[&[f64]]) -> Result<Finding, SampleError>,
) -> Result<Arg, TensorError> {
    let Arg::List(items) = args::at(a, 0) else {
        return Err(args::wrong("groups", "a list of samples", args::at(a, 0)));
    };
    let groups: Vec<Vec<f64>> = items.iter().map(|item| sample(ctx, item, "groups")).collect::<Result<_, _>>()?;
    let groups: Vec<&[f64]> = groups.iter().map(Vec::as_slice).collect();
    done(test(&groups), "groups")
}
