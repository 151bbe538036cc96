//! Renews this node's certificates before they end, and when its role has changed.

use std::sync::Arc;
use std::time::Duration;

use nexus_link::Identity;
use nexus_model::NodeId;

use crate::control::ControlPlane;
use crate::gateway::{CERTIFICATE_VALIDITY, GatewayState};

/// Between two looks at the certificate. A node that sleeps for weeks still finds the time when it wakes.
const LOOK_INTERVAL: Duration = Duration::from_secs(600);
/// The pause after a renewal that failed.
const RETRY_INTERVAL: Duration = Duration::from_secs(20);
/// A certificate with less time left than this is renewed: a third of its life, so that a laptop may be away for months.
const RENEW_BEFORE: Duration = Duration::from_secs(CERTIFICATE_VALIDITY.as_secs() / 3);

/// Whether a certificate with so much time left should be renewed, and whether its node lacks what its role asks for.
fn is_due(left: Duration, lacks_authority: bool) -> bool {
    left < RENEW_BEFORE || lacks_authority
}

/// Runs for as long as the node does.
pub(crate) async fn keep_valid(node: NodeId, control: ControlPlane, gateway: Arc<GatewayState>) {
    loop {
        let pause = match gateway.identity_on_disk() {
            Ok(Some(identity)) if is_due(left(&identity), gateway.lacks_authority(&identity)) => {
                match gateway.fetch_certificates(&control).await {
                    Ok(renewed) => {
                        tracing::info!(%node, role = renewed.role.name(), "got new certificates");
                        LOOK_INTERVAL
                    }
                    Err(refusal) => {
                        tracing::warn!(%node, reason = %refusal, "the certificates could not be renewed yet");
                        RETRY_INTERVAL
                    }
                }
            }
            Ok(_) => LOOK_INTERVAL,
            Err(refusal) => {
                tracing::warn!(%node, reason = %refusal, "the certificate cannot be looked at");
                LOOK_INTERVAL
            }
        };
        tokio::time::sleep(pause).await;
    }
}

fn left(identity: &Identity) -> Duration {
    identity.not_after().duration_since(std::time::SystemTime::now()).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_in_the_last_third_of_its_life() {
        assert!(!is_due(CERTIFICATE_VALIDITY, false));
        assert!(!is_due(CERTIFICATE_VALIDITY / 2, false));
        assert!(is_due(CERTIFICATE_VALIDITY / 4, false));
        assert!(is_due(Duration::ZERO, false));
        assert!(is_due(CERTIFICATE_VALIDITY, true), "a voter without the authority's key can admit nobody");
    }
}
