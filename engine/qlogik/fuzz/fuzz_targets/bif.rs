//! Any text as a network in BIF: read or refused, answered within its bounds, and written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nexus_qlogik::answer::{Effort, Method, evaluate};
use nexus_qlogik::{Evidence, bif};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok((network, _)) = bif::read("fuzz.bif", text) else { return };
    let effort = Effort { memory_max: 1 << 20, samples: 100, ..Effort::default() };
    for method in [Method::Automatic, Method::Gibbs] {
        let _ = evaluate(&network, &[], &Evidence::new(), Effort { method, ..effort });
    }
    // Names that BIF has no quotes for are refused by the writer's reader; what is read again is the same network.
    if let Ok(written) = bif::write(&network)
        && let Ok((again, _)) = bif::read("again.bif", &written)
    {
        assert_eq!(again, network);
    }
});
