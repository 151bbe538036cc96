//! Observations from CSV: a column for each variable that was observed, a line for each observation.
//!
//! Equal observations are kept once with their number. A cell that is empty, `?` or `NA` is a value that was not observed;
//! a variable without a column was never. Files are the caller's.

use std::collections::BTreeMap;

use nexus_model::Diagnostic;

use crate::codes::BAD_DATA;
use crate::document::TEXT_BYTES_MAX;
use crate::domain::VariableId;
use crate::evidence::Evidence;
use crate::findings::Findings;
use crate::network::{Network, nearest};

/// What stands for a value that was not observed.
const MISSING: [&str; 3] = ["", "?", "NA"];
/// The place of a state that was not observed.
const NONE: u32 = u32::MAX;

/// An observation, with how often it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The states that were observed.
    pub evidence: Evidence,
    /// How often.
    pub times: f64,
    /// The line of its first occurrence, from 1.
    pub line: u64,
}

/// Observations of some variables of one network.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Data {
    observations: Vec<Observation>,
    is_complete: bool,
    lines: u64,
}

impl Data {
    /// The distinct observations.
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// Whether nothing was observed.
    pub fn is_empty(&self) -> bool {
        self.observations.is_empty()
    }

    /// Whether every observation gives the state of every variable.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// How many observations were made.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Reads observations of a network's variables; `file` is its name in diagnostics. Gives warnings beside them.
    ///
    /// Errors: everything that was found wrong, to a bound.
    pub fn read(network: &Network, file: &str, text: &str) -> Result<(Data, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut findings = Findings::of_text(file, text, TEXT_BYTES_MAX)?;
        let data = Reader { network, findings: &mut findings }.data(text);
        findings.finish(data)
    }
}

struct Reader<'f, 'a> {
    network: &'f Network,
    findings: &'f mut Findings<'a>,
}

impl Reader<'_, '_> {
    fn data(&mut self, text: &str) -> Option<Data> {
        let mut lines = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
        let head = match lines.headers() {
            Ok(head) => head.clone(),
            Err(error) => {
                self.findings.whole(BAD_DATA, format!("the first line cannot be read: {error}"));
                return None;
            }
        };
        let columns = self.columns(&head)?;
        let mut counted: BTreeMap<Vec<u32>, (f64, u64)> = BTreeMap::new();
        let mut count = 0_u64;
        let mut record = csv::StringRecord::new();
        loop {
            let start = lines.position().byte() as usize;
            match lines.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let end = lines.position().byte() as usize;
                    self.findings.error(BAD_DATA, start..end, format!("this line cannot be read: {error}"));
                    break;
                }
            }
            let (from, line) = record.position().map_or((start, 0), |at| (at.byte() as usize, at.line()));
            let at = from..(from + record.as_slice().len()).min(text.len());
            if let Some(states) = self.line(&columns, &record, at) {
                counted.entry(states).or_insert((0.0, line)).0 += 1.0;
                count += 1;
            }
            if self.findings.is_full() {
                break;
            }
        }
        if count == 0 && !self.findings.has_errors() {
            self.findings.whole(BAD_DATA, "there is no line of data under the names of the columns");
        }
        Some(self.counted(&columns, counted, count))
    }

    /// The variable of each column.
    fn columns(&mut self, head: &csv::StringRecord) -> Option<Vec<Option<VariableId>>> {
        let mut columns: Vec<Option<VariableId>> = Vec::new();
        for name in head {
            let found = self.network.find(name).ok();
            match found {
                Some(id) if columns.contains(&Some(id)) => {
                    self.findings.error(BAD_DATA, 0..1, format!("there are two columns {name}"));
                }
                Some(_) => {}
                None => {
                    let names = self.network.ids().map(|id| self.network.variable(id).name.as_str());
                    let hint = nearest(name, names);
                    let message = format!("no variable is named like the column {name}, which is left out{hint}");
                    self.findings.warning(BAD_DATA, 0..1, message);
                }
            }
            columns.push(found);
        }
        if columns.iter().all(Option::is_none) {
            self.findings.error(BAD_DATA, 0..1, "no column is named like a variable of the model");
            self.findings.help("the first line has the names of the variables, separated by commas");
        }
        (!self.findings.has_errors()).then_some(columns)
    }

    /// The states of one line, by column that has a variable.
    fn line(
        &mut self,
        columns: &[Option<VariableId>],
        record: &csv::StringRecord,
        at: std::ops::Range<usize>,
    ) -> Option<Vec<u32>> {
        if record.len() != columns.len() {
            let message = format!("this line has {} cells for {} columns", record.len(), columns.len());
            self.findings.error(BAD_DATA, at, message);
            return None;
        }
        let mut states = Vec::with_capacity(columns.len());
        for (column, cell) in columns.iter().zip(record) {
            let Some(id) = *column else { continue };
            if MISSING.contains(&cell) {
                states.push(NONE);
                continue;
            }
            match self.network.find_state(id, cell) {
                // States are fewer than u32 counts: a network has at most 2^24 numbers.
                Ok(state) => states.push(state as u32),
                Err(error) => {
                    self.findings.error(BAD_DATA, at, error.to_string());
                    return None;
                }
            }
        }
        Some(states)
    }

    fn counted(&self, columns: &[Option<VariableId>], counted: BTreeMap<Vec<u32>, (f64, u64)>, lines: u64) -> Data {
        let ids: Vec<VariableId> = columns.iter().copied().flatten().collect();
        let is_complete = ids.len() == self.network.len() && counted.keys().all(|states| !states.contains(&NONE));
        let observation = |(states, (times, line)): (Vec<u32>, (f64, u64))| {
            let mut evidence = Evidence::new();
            for (&id, &state) in ids.iter().zip(&states).filter(|(_, state)| **state != NONE) {
                evidence.observe(id, state as usize);
            }
            Observation { evidence, times, line }
        };
        let mut observations: Vec<Observation> = counted.into_iter().map(observation).collect();
        observations.sort_by_key(|observation| observation.line);
        Data { observations, is_complete, lines }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "network n { }\nvariable a { type discrete [ 2 ] { yes, no }; }\n\
                         variable b { type discrete [ 2 ] { yes, no }; }\n\
                         probability ( a ) { table 0.5, 0.5; }\nprobability ( b | a ) { default 0.5, 0.5; }\n";

    fn read(text: &str) -> Result<(Data, Vec<Diagnostic>), Vec<String>> {
        let (network, _) = crate::bif::read("n", MODEL).unwrap();
        Data::read(&network, "d.csv", text).map_err(|found| {
            let place = |found: &Diagnostic| found.primary.as_ref().map_or(0, |label| label.span.line);
            found.iter().map(|found| format!("{} {}", place(found), found.message)).collect()
        })
    }

    #[test]
    fn equal_observations_are_counted_and_missing_ones_known() {
        let (data, warnings) = read("a,b,c\nyes,no,1\nno,?,2\nyes,no,3\n").unwrap();
        assert_eq!((data.lines(), data.observations().len(), data.is_complete()), (3, 2, false));
        assert_eq!((data.observations()[0].times, data.observations()[1].evidence.len()), (2.0, 1));
        assert_eq!(warnings.len(), 1);
        assert!(read("b,a\nyes,no\n").unwrap().0.is_complete());
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_line() {
        assert_eq!(
            read("x,y\n1,2\n").unwrap_err().last().unwrap(),
            "1 no column is named like a variable of the model"
        );
        assert_eq!(
            read("a,b\nyes,no\nyes\nmaybe,no\n").unwrap_err(),
            ["3 this line has 1 cells for 2 columns", "4 a has no state maybe: it is one of yes, no"]
        );
        assert_eq!(read("a,a\nyes,no\n").unwrap_err(), ["1 there are two columns a"]);
        assert_eq!(read("a,b\n").unwrap_err(), ["0 there is no line of data under the names of the columns"]);
    }
}
