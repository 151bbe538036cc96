//! The smallest networks, for tests that are about something else.

use nexus_qlogik::{Distribution, NetworkBuilder, VariableId};

/// Variables of so many states each, without parents.
pub(crate) fn apart(sizes: &[usize]) -> (NetworkBuilder, Vec<VariableId>) {
    let mut builder = NetworkBuilder::new("apart");
    let one = |(place, &size): (usize, &usize)| {
        let states: Vec<String> = (0..size).map(|state| state.to_string()).collect();
        let id = builder.variable(format!("v{place}"), states).expect("new");
        let table = Distribution::Table(vec![1.0 / size as f64; size]);
        builder.depends(id, &[], table).expect("it sums to 1");
        id
    };
    let ids = sizes.iter().enumerate().map(one).collect();
    (builder, ids)
}
