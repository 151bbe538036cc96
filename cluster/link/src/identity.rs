//! The key of this machine and the certificate that its cluster gave it, kept in one directory:
//! `key.pem` (0600, never leaves the machine), `certificate.pem`, `ca.pem`.

use std::fmt;
use std::path::Path;
use std::time::SystemTime;

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ED25519, PublicKeyData};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use crate::error::LinkError;
use crate::key_files::{self, CA, CERTIFICATE, KEY, Readers};
use crate::subject::Subject;
use crate::tls;

/// An Ed25519 key pair that was made here.
pub struct Key {
    pair: KeyPair,
}

impl Key {
    /// The key in `directory`, made on first use and stored with mode 0600.
    pub fn load_or_create(directory: &Path) -> Result<Self, LinkError> {
        if let Some(pem) = key_files::read(directory, KEY)? {
            return Key::from_pem(&pem).map_err(|error| error.in_file(directory, KEY));
        }
        let key = Key::generate()?;
        key_files::write(directory, KEY, &key.pair.serialize_pem(), Readers::Owner)?;
        Ok(key)
    }

    /// A key that is stored nowhere.
    pub fn generate() -> Result<Self, LinkError> {
        let pair = KeyPair::generate_for(&PKCS_ED25519).map_err(|error| LinkError::Crypto(error.to_string()))?;
        Ok(Key { pair })
    }

    pub(crate) fn from_pem(pem: &str) -> Result<Self, LinkError> {
        let pair = KeyPair::from_pem(pem).map_err(|error| LinkError::Certificate {
            what: "the key",
            reason: format!("it holds no key ({error})"),
        })?;
        Ok(Key { pair })
    }

    /// A certificate signing request, PEM: the public key and the proof that its private half is here. It asks for no
    /// name; the authority decides that.
    pub fn signing_request(&self) -> Result<String, LinkError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params
            .serialize_request(&self.pair)
            .and_then(|request| request.pem())
            .map_err(|error| LinkError::Crypto(error.to_string()))
    }

    /// BLAKE3 of the public key: the name of the machine that no certificate changes.
    pub fn fingerprint(&self) -> [u8; 32] {
        *blake3::hash(&self.pair.subject_public_key_info()).as_bytes()
    }

    pub(crate) fn pair(&self) -> &KeyPair {
        &self.pair
    }

    fn to_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.pair.serialize_der()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

/// A key with the certificate that says what it speaks for.
#[derive(Debug)]
pub struct Identity {
    key: Key,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    authority: CertificateDer<'static>,
    authority_pem: String,
    cluster: String,
    subject: Subject,
    not_after: SystemTime,
}

impl Identity {
    /// Puts key, certificate and authority together. Fails with [`LinkError::Certificate`] where they do not fit.
    pub fn new(key: Key, certificate_pem: &str, authority_pem: &str) -> Result<Self, LinkError> {
        let certificate = parse_certificate("the certificate", certificate_pem)?;
        let authority = parse_certificate("the authority's certificate", authority_pem)?;
        let (cluster, subject) = tls::subject_of(&certificate)?;
        let not_after = tls::not_after(&certificate)?;
        CertifiedKey::from_der(vec![certificate.clone()], key.to_der(), &tls::provider())
            .map_err(|error| LinkError::Certificate { what: "the certificate", reason: error.to_string() })?;
        Ok(Identity {
            key,
            certificate,
            certificate_pem: certificate_pem.to_owned(),
            authority,
            authority_pem: authority_pem.to_owned(),
            cluster,
            subject,
            not_after,
        })
    }

    /// The identity in `directory`, or `None` where there is no certificate yet.
    pub fn load(directory: &Path) -> Result<Option<Self>, LinkError> {
        let (Some(certificate), Some(authority)) =
            (key_files::read(directory, CERTIFICATE)?, key_files::read(directory, CA)?)
        else {
            return Ok(None);
        };
        let Some(key) = key_files::read(directory, KEY)? else {
            let reason = format!("it is missing, and {CERTIFICATE} is there");
            return Err(LinkError::DamagedFile { path: directory.join(KEY), reason });
        };
        let in_file = |name| move |error: LinkError| error.in_file(directory, name);
        let key = Key::from_pem(&key).map_err(in_file(KEY))?;
        parse_certificate("the authority's certificate", &authority).map_err(in_file(CA))?;
        Identity::new(key, &certificate, &authority).map(Some).map_err(in_file(CERTIFICATE))
    }

    /// Stores it in `directory`; the certificate goes last, so that [`Identity::load`] finds all or nothing.
    pub fn save(&self, directory: &Path) -> Result<(), LinkError> {
        key_files::write(directory, KEY, &self.key.pair.serialize_pem(), Readers::Owner)?;
        key_files::write(directory, CA, &self.authority_pem, Readers::Everyone)?;
        key_files::write(directory, CERTIFICATE, &self.certificate_pem, Readers::Everyone)
    }

    /// Who this is.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// When its certificate ends.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// The name of the cluster.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// The authority's certificate, PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// BLAKE3 of the authority's certificate: what a [`crate::Token`] pins.
    pub fn authority_fingerprint(&self) -> [u8; 32] {
        *blake3::hash(&self.authority).as_bytes()
    }

    /// [`Key::fingerprint`] of its key.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.key.fingerprint()
    }

    pub(crate) fn authority(&self) -> &CertificateDer<'static> {
        &self.authority
    }

    /// The chain that is presented: a machine that joins needs the authority too, to compare it with its pin.
    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone(), self.authority.clone()]
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        self.key.to_der()
    }
}

pub(crate) fn parse_certificate(what: &'static str, pem: &str) -> Result<CertificateDer<'static>, LinkError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| {
        let reason = match error {
            rustls::pki_types::pem::Error::NoItemsFound => "it holds no certificate".to_owned(),
            error => format!("it holds no certificate ({error})"),
        };
        LinkError::Certificate { what, reason }
    })
}
