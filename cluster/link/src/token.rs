//! Join tokens: what an administrator hands to a new machine. A token proves to the cluster that the machine was invited
//! (its secret) and to the machine that this is the cluster that invited it (the fingerprint of the authority). Expiry
//! and single use are kept by the ledger, which knows only the hash of the secret.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::LinkError;

const PREFIX: &str = "NXJ1.";
const SECRET_BYTES: usize = 16;
const PIN_BYTES: usize = 32;
/// Enough to tell a mistyped token from an unknown one; not a security measure.
const CHECK_BYTES: usize = 3;
const TOKEN_BYTES: usize = SECRET_BYTES + PIN_BYTES + CHECK_BYTES;
const HASH_CONTEXT: &str = "nexus 2026 join token secret";

const _: () = assert!(TOKEN_BYTES.is_multiple_of(3), "base64 needs no padding");

/// A join token. `Display` gives the printable form; `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    secret: [u8; SECRET_BYTES],
    pin: [u8; PIN_BYTES],
}

impl Token {
    /// A new token for the cluster whose authority has this fingerprint. Fails only without random numbers.
    pub fn create(authority_fingerprint: [u8; 32]) -> Result<Self, LinkError> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(|error| LinkError::Crypto(error.to_string()))?;
        Ok(Token { secret, pin: authority_fingerprint })
    }

    /// Reads what `Display` printed; white space around it does not matter.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let encoded =
            text.trim().strip_prefix(PREFIX).ok_or(LinkError::Token { reason: "it does not begin with NXJ1." })?;
        let bytes = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| LinkError::Token { reason: "it has characters that no token has, or is cut off" })?;
        let bytes: [u8; TOKEN_BYTES] =
            bytes.try_into().map_err(|_| LinkError::Token { reason: "it is too short or too long" })?;
        let mut token = Token { secret: [0; SECRET_BYTES], pin: [0; PIN_BYTES] };
        token.secret.copy_from_slice(&bytes[..SECRET_BYTES]);
        token.pin.copy_from_slice(&bytes[SECRET_BYTES..SECRET_BYTES + PIN_BYTES]);
        if bytes[SECRET_BYTES + PIN_BYTES..] != token.check() {
            return Err(LinkError::Token { reason: "a character is wrong" });
        }
        Ok(token)
    }

    /// What the ledger stores: enough to recognise the token, too little to make it.
    pub fn secret_hash(&self) -> [u8; 32] {
        blake3::derive_key(HASH_CONTEXT, &self.secret)
    }

    /// The fingerprint of the authority of the cluster that the token is for.
    pub fn authority_fingerprint(&self) -> [u8; 32] {
        self.pin
    }

    fn check(&self) -> [u8; CHECK_BYTES] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.secret).update(&self.pin);
        let mut check = [0; CHECK_BYTES];
        hasher.finalize_xof().fill(&mut check);
        check
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(&self.pin);
        bytes.extend_from_slice(&self.check());
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_read_back_and_no_two_are_alike() {
        let token = Token::create([7; 32]).unwrap();
        let read = Token::parse(&format!("  {token}\n")).unwrap();
        assert_eq!(read, token);
        assert_eq!(read.authority_fingerprint(), [7; 32]);
        assert_ne!(Token::create([7; 32]).unwrap().secret_hash(), token.secret_hash());
        assert_eq!(format!("{token:?}"), "Token(hidden)");
        assert_eq!(token.to_string().len(), 73);
    }

    #[test]
    fn a_mistyped_token_is_told_from_an_unknown_one() {
        let text = Token::create([7; 32]).unwrap().to_string();
        for at in 0..text.len() {
            let mut typed = text.clone().into_bytes();
            typed[at] = if typed[at] == b'x' { b'y' } else { b'x' };
            assert!(Token::parse(std::str::from_utf8(&typed).unwrap()).is_err(), "position {at}");
            assert!(Token::parse(&text[..at]).is_err(), "cut at {at}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_token_or_an_error(text in ".*", tail in "NXJ1\\.[A-Za-z0-9_-]{60,80}") {
            prop_assert!(Token::parse(&text).is_err());
            let _ = Token::parse(&tail);
        }
    }
}
