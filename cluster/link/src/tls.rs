//! The TLS 1.3 configurations of a node, a client and a machine that joins, and what is read out of certificates.
//!
//! Chains are verified by webpki against the cluster's own authority. The one verifier of our own is for joining, where
//! the authority is not known yet but its fingerprint is.

use std::sync::Arc;
use std::time::SystemTime;

use nexus_model::NodeId;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::error::LinkError;
use crate::identity::Identity;
use crate::subject::{Subject, check_name};

/// The layout of frames; what is inside them is versioned by [`nexus_wire::ProtocolVersion`].
const ALPN: &[u8] = b"nexus/1";
/// The server name that every node's certificate has.
pub(crate) const ANY_NODE: &str = "node.nexus.internal";

/// The server name that only this node's certificate has.
pub(crate) fn node_name(node: NodeId) -> String {
    format!("node-{}.nexus.internal", node.0)
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// For accepting: certificates of this cluster, or none (such a peer may only join).
pub(crate) fn server_config(identity: &Identity) -> Result<QuicServerConfig, LinkError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(identity.authority())?, provider())
        .allow_unauthenticated()
        .build()
        .map_err(|error| LinkError::Crypto(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(crypto)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain(), identity.private_key())
        .map_err(crypto)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A resumed session would skip the certificates; handshakes are rare here and certificates are the point.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    QuicServerConfig::try_from(config).map_err(|error| LinkError::Crypto(error.to_string()))
}

/// For dialling as a member or client.
pub(crate) fn client_config(identity: &Identity) -> Result<QuicClientConfig, LinkError> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(crypto)?
        .with_root_certificates(roots(identity.authority())?)
        .with_client_auth_cert(identity.chain(), identity.private_key())
        .map_err(crypto)?;
    finish_client(config)
}

/// For dialling without a certificate, into the cluster whose authority has this fingerprint.
pub(crate) fn joining_config(authority_fingerprint: [u8; 32]) -> Result<QuicClientConfig, LinkError> {
    let verifier = PinnedAuthority { fingerprint: authority_fingerprint, provider: provider() };
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(crypto)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    finish_client(config)
}

fn finish_client(mut config: ClientConfig) -> Result<QuicClientConfig, LinkError> {
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    QuicClientConfig::try_from(config).map_err(|error| LinkError::Crypto(error.to_string()))
}

fn roots(authority: &CertificateDer<'static>) -> Result<Arc<RootCertStore>, LinkError> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).map_err(crypto)?;
    Ok(Arc::new(roots))
}

fn crypto(error: rustls::Error) -> LinkError {
    LinkError::Crypto(error.to_string())
}

/// Accepts a server whose chain ends at the authority with the pinned fingerprint.
#[derive(Debug)]
struct PinnedAuthority {
    fingerprint: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedAuthority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let authority = intermediates
            .iter()
            .find(|certificate| *blake3::hash(certificate).as_bytes() == self.fingerprint)
            .ok_or(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        verifier.verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
    }

    /// Not reached: only TLS 1.3 is configured.
    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::PeerIncompatible(rustls::PeerIncompatible::Tls12NotOffered))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The cluster and holder of a certificate. The chain has been verified before, or does not matter.
pub(crate) fn subject_of(certificate: &CertificateDer<'_>) -> Result<(String, Subject), LinkError> {
    let uri = uri_of(certificate)?;
    Subject::from_uri(&uri).ok_or_else(|| unusable(format!("`{uri}` names nobody")))
}

/// BLAKE3 of the public key of a certificate.
pub(crate) fn key_fingerprint(certificate: &CertificateDer<'_>) -> Result<[u8; 32], LinkError> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| unusable(error.to_string()))?;
    Ok(*blake3::hash(parsed.tbs_certificate.subject_pki.raw).as_bytes())
}

/// When a certificate ends.
pub(crate) fn not_after(certificate: &CertificateDer<'_>) -> Result<SystemTime, LinkError> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| unusable(error.to_string()))?;
    Ok(SystemTime::from(parsed.validity().not_after.to_datetime()))
}

/// The name of the cluster of an authority's certificate.
pub(crate) fn cluster_of_authority(certificate: &CertificateDer<'_>) -> Result<String, LinkError> {
    let uri = uri_of(certificate)?;
    let name = uri.strip_prefix("nexus://").ok_or_else(|| unusable(format!("`{uri}` names no cluster")))?;
    check_name(name)?;
    Ok(name.to_owned())
}

fn uri_of(certificate: &CertificateDer<'_>) -> Result<String, LinkError> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| unusable(error.to_string()))?;
    let names = parsed.subject_alternative_name().map_err(|error| unusable(error.to_string()))?;
    let mut uris = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    match (uris.next(), uris.next()) {
        (Some(uri), None) => Ok(uri.to_owned()),
        _ => Err(unusable("it does not carry exactly one URI".to_owned())),
    }
}

fn unusable(reason: String) -> LinkError {
    LinkError::Certificate { what: "the certificate", reason }
}
