//! Any question to a decision model.

use nexus_wire::{DecisionMethod, DecisionQuestion, DecisionRequest};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{node_id, text};

pub(super) fn decision_request() -> impl Strategy<Value = DecisionRequest> {
    let methods =
        vec![DecisionMethod::Automatic, DecisionMethod::Exact, DecisionMethod::Sampled, DecisionMethod::Gibbs];
    let question =
        prop_oneof![
            (vec(text(), 0..4), proptest::sample::select(methods), any::<u64>(), any::<u64>())
                .prop_map(|(of, method, samples, seed)| DecisionQuestion::Beliefs { of, method, samples, seed }),
            option::of(-1e9..1e9).prop_map(|risk_tolerance| DecisionQuestion::Policy { risk_tolerance }),
            (option::of(text()), option::of(text()), 0.0..1.0)
                .prop_map(|(of, before, accuracy)| DecisionQuestion::Value { of, before, accuracy }),
            text().prop_map(|of| DecisionQuestion::Explanation { of }),
        ];
    let model = (text(), text(), vec((text(), text()), 0..4));
    (option::of(node_id()), model, any::<u64>(), question).prop_map(
        |(node, (file, model, evidence), memory_bytes, question)| DecisionRequest {
            node,
            file,
            model,
            evidence,
            memory_bytes,
            question,
        },
    )
}
