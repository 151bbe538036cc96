//! BIF, the interchange format of the public network repository (Bayesian Network Interchange Format 0.15): reader and
//! writer.
//!
//! The reader takes any text: what is wrong comes back as diagnostics with places, several at once; what is only odd as
//! warnings. Files are the caller's.

mod build;
mod lexer;
mod parser;
mod writer;

pub use self::writer::write;

use nexus_model::Diagnostic;

use crate::findings::Findings;
use crate::network::Network;

/// The longest text that is read: 64 MiB. The largest file of the public repository has 6.
pub const TEXT_BYTES_MAX: usize = 64 << 20;

/// Reads a network; `file` is its name in diagnostics. Gives warnings beside the network.
///
/// Errors: everything that was found wrong, in the order of the text.
pub fn read(file: &str, text: &str) -> Result<(Network, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut findings = Findings::of_text(file, text, TEXT_BYTES_MAX)?;
    let file = parser::parse(text, &mut findings);
    let network = build::build(&file, &mut findings);
    findings.finish(network)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::Distribution;

    const RAIN: &str = "network rain { property author \"nobody\"; }
// A comment.
variable rain { type discrete [ 2 ] { yes, no }; property position = (1, 2); }
variable wet { type discrete[2] { yes no } ; }
/* Another,
   longer. */
probability ( rain ) { table 0.2, 0.8; }
probability ( wet | rain ) { (yes) 0.9, 0.1; default 0.05, 0.95; }
";

    fn wrong(text: &str) -> Vec<String> {
        let place = |found: &Diagnostic| match &found.primary {
            Some(label) => format!("{}:{} {} {}", label.span.line, label.span.column, found.code, found.message),
            None => format!("{} {}", found.code, found.message),
        };
        read("x.bif", text).unwrap_err().iter().map(place).collect()
    }

    #[test]
    fn a_network_is_read_and_written_and_read_again() {
        let (network, warnings) = read("rain.bif", RAIN).unwrap();
        assert_eq!((network.name(), warnings.len()), ("rain", 0));
        let wet = network.find("wet").unwrap();
        assert_eq!(network.distribution(wet), &Distribution::Table(vec![0.9, 0.1, 0.05, 0.95]));
        let again = read("again.bif", &write(&network).unwrap()).unwrap().0;
        assert_eq!(again, network);
    }

    #[test]
    fn a_table_with_parents_has_the_child_slowest() {
        let text = RAIN.replace("(yes) 0.9, 0.1; default 0.05, 0.95;", "table 0.9 0.05 0.1 0.95;");
        let (network, _) = read("rain.bif", &text).unwrap();
        let wet = network.find("wet").unwrap();
        assert_eq!(network.distribution(wet), &Distribution::Table(vec![0.9, 0.1, 0.05, 0.95]));
    }

    #[test]
    fn everything_wrong_is_told_at_once_with_its_place() {
        let text = "network x { }
variable a { type discrete [ 3 ] { yes, no }; }
variable b { type discrete [ 2 ] { yes, no }; }
probability ( b | c ) { (yes) 0.1, 0.9; }
probability ( a ) { table 0.1 }
probability ( b ) { table 0.1, 0.8x; }
";
        assert_eq!(
            wrong(text),
            [
                "2:30 NX1002 3 states were announced and 2 are listed",
                "4:19 NX1003 there is no variable c",
                "5:31 NX1001 expected a number or `;`, found `}`",
                "6:15 NX1004 there are two probability blocks of b",
                "6:32 NX1001 expected a number or `;`, found `0.8x`",
            ]
        );
    }

    #[test]
    fn rows_that_are_missing_or_do_not_sum_to_one_are_named() {
        let missing = RAIN.replace("default 0.05, 0.95;", "");
        assert_eq!(wrong(&missing), ["8:15 NX1004 the table of wet has no row for rain = no"]);
        let sum = RAIN.replace("0.05, 0.95", "0.05, 0.5");
        assert_eq!(wrong(&sum), ["8:46 NX1004 this row of wet sums to 0.55; probabilities sum to 1"]);
        let twice = RAIN.replace("default 0.05, 0.95", "(yes) 0.05, 0.95");
        assert_eq!(wrong(&twice)[0], "8:46 NX1004 the row for rain = yes is given twice");
        let (network, warnings) = read("rain.bif", &RAIN.replace("0.05, 0.95", "0.05, 0.951")).unwrap();
        assert_eq!(warnings.len(), 1);
        let wet = network.table(network.find("wet").unwrap()).unwrap();
        assert!((wet.values()[2..].iter().sum::<f64>() - 1.0).abs() < 1e-15);
    }

    #[test]
    fn circles_duplicates_and_missing_tables_are_told() {
        let circle = RAIN.replace("( rain ) { table 0.2, 0.8; }", "( rain | wet ) { default 0.2, 0.8; }");
        assert_eq!(wrong(&circle), ["NX1005 the arrows run in a circle: rain -> wet -> rain"]);
        let none = "network n { } variable a { type discrete [ 1 ] { x }; }";
        assert_eq!(wrong(none), ["1:24 NX1004 the variable a has no probability block"]);
        assert_eq!(wrong("")[0], "NX1001 there is no variable in this text");
    }

    #[test]
    fn a_table_that_would_not_fit_is_refused_before_it_is_made() {
        let mut text = "network n { }\n".to_owned();
        for i in 0..40 {
            text += &format!("variable v{i} {{ type discrete [ 2 ] {{ a, b }}; }}\n");
        }
        let parents: Vec<String> = (1..40).map(|i| format!("v{i}")).collect();
        text += &format!("probability ( v0 | {} ) {{ default 0.5, 0.5; }}\n", parents.join(", "));
        let found = wrong(&text);
        assert!(found.iter().any(|found| found.ends_with("NX1006 the table of v0 would have 1099511627776 numbers")));
    }
}
