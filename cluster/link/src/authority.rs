//! The cluster's own certificate authority: made on the first start of the first node, it says who is who. It is not a
//! store of what it issued; the ledger is.

use std::path::Path;
use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use time::OffsetDateTime;

use crate::error::LinkError;
use crate::identity::{Identity, Key, parse_certificate};
use crate::key_files::{self, AUTHORITY, AUTHORITY_KEY, Readers};
use crate::subject::{Subject, check_name};
use crate::tls;

const VALIDITY: Duration = Duration::from_secs(20 * 365 * 24 * 3600);
/// Certificates are valid from a day before they are made, so that a clock that lags behind does no harm.
const BACKDATED: Duration = Duration::from_secs(24 * 3600);

/// The authority of one cluster. Whoever has its key can become any node: it stays on the voters.
#[derive(Debug)]
pub struct Authority {
    key: Key,
    certificate_pem: String,
    fingerprint: [u8; 32],
    cluster: String,
}

impl Authority {
    /// The authority in `directory`, made for a new cluster of this name on first use. An existing one keeps its name.
    pub fn load_or_create(directory: &Path, cluster: &str) -> Result<Self, LinkError> {
        if let Some(authority) = Authority::load(directory)? {
            return Ok(authority);
        }
        let authority = Authority::create(cluster)?;
        authority.save(directory)?;
        Ok(authority)
    }

    /// The authority whose key another voter handed over; `certificate_pem` is the one that this machine trusts already.
    /// Fails with [`LinkError::Certificate`] where they do not fit.
    pub fn from_key(key_pem: &str, certificate_pem: &str) -> Result<Self, LinkError> {
        let authority = Authority::of(Key::from_pem(key_pem)?, certificate_pem.to_owned())?;
        let der = parse_certificate("the authority's certificate", certificate_pem)?;
        if tls::key_fingerprint(&der)? != authority.key.fingerprint() {
            let reason = "the key is not the one that it was made with".to_owned();
            return Err(LinkError::Certificate { what: "the authority's certificate", reason });
        }
        Ok(authority)
    }

    /// Its key, PEM. For voters only: whoever has it can become any node.
    pub fn key_pem(&self) -> String {
        self.key.pair().serialize_pem()
    }

    /// Stores it in `directory`. The certificate goes last: a crash in between leaves nothing that counts.
    pub fn save(&self, directory: &Path) -> Result<(), LinkError> {
        key_files::write(directory, AUTHORITY_KEY, &self.key.pair().serialize_pem(), Readers::Owner)?;
        key_files::write(directory, AUTHORITY, &self.certificate_pem, Readers::Everyone)
    }

    fn of(key: Key, certificate_pem: String) -> Result<Self, LinkError> {
        let certificate = parse_certificate("the authority's certificate", &certificate_pem)?;
        let cluster = tls::cluster_of_authority(&certificate)?;
        let fingerprint = *blake3::hash(&certificate).as_bytes();
        Ok(Authority { key, certificate_pem, fingerprint, cluster })
    }

    /// The authority in `directory`, or `None` where there is none.
    pub fn load(directory: &Path) -> Result<Option<Self>, LinkError> {
        let Some(certificate_pem) = key_files::read(directory, AUTHORITY)? else {
            return Ok(None);
        };
        let Some(key) = key_files::read(directory, AUTHORITY_KEY)? else {
            let reason = format!("it is missing, and {AUTHORITY} is there");
            return Err(LinkError::DamagedFile { path: directory.join(AUTHORITY_KEY), reason });
        };
        let key = Key::from_pem(&key).map_err(|error| error.in_file(directory, AUTHORITY_KEY))?;
        Authority::of(key, certificate_pem).map(Some).map_err(|error| error.in_file(directory, AUTHORITY))
    }

    /// A new authority that is stored nowhere.
    pub fn create(cluster: &str) -> Result<Self, LinkError> {
        check_name(cluster)?;
        let key = Key::generate()?;
        let mut params = CertificateParams::default();
        // Two clusters of one name must not look alike to a path builder, so the key is part of the name.
        let id = blake3::hash(key.pair().der_bytes()).to_hex();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("nexus {cluster} {}", &id[..16]));
        params.subject_alt_names = vec![SanType::URI(ia5(format!("nexus://{cluster}"))?)];
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, VALIDITY)?;
        let certificate = params.self_signed(key.pair()).map_err(crypto)?;
        Ok(Authority {
            key,
            certificate_pem: certificate.pem(),
            fingerprint: *blake3::hash(certificate.der()).as_bytes(),
            cluster: cluster.to_owned(),
        })
    }

    /// The name of the cluster.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Its certificate, PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// BLAKE3 of its certificate: what a [`crate::Token`] pins.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// BLAKE3 of the public key of a signing request: what a member is known by before it has a certificate. Fails like
    /// [`Authority::sign`].
    pub fn fingerprint_of_request(request_pem: &str) -> Result<[u8; 32], LinkError> {
        let request = CertificateSigningRequestParams::from_pem(request_pem)
            .map_err(|error| LinkError::Certificate { what: "the signing request", reason: error.to_string() })?;
        Ok(*blake3::hash(request.public_key.der_bytes()).as_bytes())
    }

    /// Signs the public key of a request for `subject` and returns the certificate, PEM. Whatever else the request asks
    /// for is ignored. Fails with [`LinkError::Certificate`] where the request does not prove that its sender has the key.
    pub fn sign(&self, request_pem: &str, subject: &Subject, validity: Duration) -> Result<String, LinkError> {
        let request = read_request(request_pem)?;
        self.issue(&request.public_key, subject, validity)
    }

    /// An identity for a key that is on this machine: the first node, its client.
    pub fn identity(&self, key: Key, subject: &Subject, validity: Duration) -> Result<Identity, LinkError> {
        let certificate = self.issue(key.pair(), subject, validity)?;
        Identity::new(key, &certificate, &self.certificate_pem)
    }

    fn issue(&self, key: &impl PublicKeyData, subject: &Subject, validity: Duration) -> Result<String, LinkError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, subject.to_string());
        params.subject_alt_names = vec![SanType::URI(ia5(subject.to_uri(&self.cluster)?)?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        // Only nodes have server names: the certificate of a person cannot pose as a node.
        if let Subject::Node { node, .. } = subject {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
            for name in [tls::ANY_NODE.to_owned(), tls::node_name(*node)] {
                params.subject_alt_names.push(SanType::DnsName(ia5(name)?));
            }
        }
        let mut serial = [0; 16];
        getrandom::fill(&mut serial).map_err(|error| LinkError::Crypto(error.to_string()))?;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, validity)?;
        let issuer = Issuer::from_ca_cert_pem(&self.certificate_pem, self.key.pair()).map_err(crypto)?;
        params.signed_by(key, &issuer).map(|certificate| certificate.pem()).map_err(crypto)
    }
}

/// The [`Key::fingerprint`] of the key that a signing request is for. Fails where the request does not prove that its
/// sender has the key.
pub fn request_fingerprint(request_pem: &str) -> Result<[u8; 32], LinkError> {
    let request = read_request(request_pem)?;
    Ok(*blake3::hash(&request.public_key.subject_public_key_info()).as_bytes())
}

fn read_request(pem: &str) -> Result<CertificateSigningRequestParams, LinkError> {
    CertificateSigningRequestParams::from_pem(pem)
        .map_err(|error| LinkError::Certificate { what: "the signing request", reason: error.to_string() })
}

fn set_validity(params: &mut CertificateParams, validity: Duration) -> Result<(), LinkError> {
    let now = OffsetDateTime::now_utc();
    let reason = || LinkError::Crypto("the clock or the validity is out of range".to_owned());
    let span = |duration: Duration| time::Duration::try_from(duration).map_err(|_| reason());
    params.not_before = now.checked_sub(span(BACKDATED)?).ok_or_else(reason)?;
    params.not_after = now.checked_add(span(validity)?).ok_or_else(reason)?;
    Ok(())
}

fn ia5(text: String) -> Result<Ia5String, LinkError> {
    Ia5String::try_from(text).map_err(crypto)
}

fn crypto(error: rcgen::Error) -> LinkError {
    LinkError::Crypto(error.to_string())
}
