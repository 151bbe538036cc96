//! What lets a node that was killed and started again tell its peers at once that their connections are gone.
//!
//! A QUIC endpoint answers packets of connections that it does not know with a token that only it can make (RFC 9000,
//! section 10.3). By default the keys behind these tokens are random and die with the process, and peers of a node that
//! was killed wait for the idle timeout. Here they come from the node's own private key and outlive it.

use std::sync::Arc;

use quinn::EndpointConfig;
use quinn::crypto::{CryptoError, HmacKey};
use quinn_proto::HashedConnectionIdGenerator;

use crate::identity::Identity;

const RESET_CONTEXT: &str = "nexus 2026 stateless reset";
const CONNECTION_ID_CONTEXT: &str = "nexus 2026 connection ids";

/// Gives `config` the keys that belong to `identity`.
pub(crate) fn keep(config: &mut EndpointConfig, identity: &Identity) {
    let private_key = identity.private_key();
    let secret = private_key.secret_der();
    config.reset_key(Arc::new(KeyedHash(blake3::derive_key(RESET_CONTEXT, secret))));
    // Not a secret in itself: it only tells our connection ids from arbitrary bytes.
    let derived = blake3::derive_key(CONNECTION_ID_CONTEXT, secret);
    let [a, b, c, d, e, f, g, h, ..] = derived;
    let key = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(key)));
}

/// BLAKE3 in keyed mode, which is a message authentication code.
struct KeyedHash([u8; blake3::KEY_LEN]);

impl HmacKey for KeyedHash {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        blake3::Hasher::new_keyed(&self.0).update(data).finalize_xof().fill(signature_out);
    }

    fn signature_len(&self) -> usize {
        blake3::OUT_LEN
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let expected = blake3::keyed_hash(&self.0, data);
        // The comparison takes the same time wherever the first difference is.
        match <[u8; blake3::OUT_LEN]>::try_from(signature) {
            Ok(signature) if expected == signature => Ok(()),
            _ => Err(CryptoError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_accepted_as_it_was_made_and_not_otherwise() {
        let key = KeyedHash([7; 32]);
        let mut signature = [0; blake3::OUT_LEN];
        key.sign(b"connection", &mut signature);
        assert_eq!(key.signature_len(), signature.len());
        assert!(key.verify(b"connection", &signature).is_ok());
        assert!(key.verify(b"another", &signature).is_err());
        assert!(KeyedHash([8; 32]).verify(b"connection", &signature).is_err());
        assert!(key.verify(b"connection", &signature[..16]).is_err());
    }
}
