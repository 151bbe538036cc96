//! Keys, certificates and the files they are kept in.

use std::fs;
use std::path::Path;

use nexus_link::{Authority, Identity, Key, LinkError, Subject, request_fingerprint};
use nexus_model::{NodeId, NodeRole};

use crate::support::{Cluster, YEAR};

fn worker(node: u64) -> Subject {
    Subject::Node { node: NodeId(node), role: NodeRole::Worker }
}

#[test]
fn an_identity_is_read_back_and_its_key_is_for_its_owner_only() {
    let cluster = Cluster::new("home");
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("data").join("identity");
    assert!(Identity::load(&place).unwrap().is_none());

    let key = Key::load_or_create(&place).unwrap();
    let same = Key::load_or_create(&place).unwrap();
    assert!(Identity::load(&place).unwrap().is_none(), "a key alone is no identity");
    let certificate = cluster.authority.sign(&key.signing_request().unwrap(), &worker(7), YEAR).unwrap();
    let identity = Identity::new(same, &certificate, cluster.authority.certificate_pem()).unwrap();
    identity.save(&place).unwrap();

    let read = Identity::load(&place).unwrap().unwrap();
    assert_eq!((read.subject(), read.cluster()), (&worker(7), "home"));
    assert_eq!(read.fingerprint(), identity.fingerprint());
    assert_eq!(read.authority_fingerprint(), cluster.authority.fingerprint());

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&place.join("key.pem")), 0o600);
        assert_eq!(mode(&place), 0o700);
    }
    let mut names: Vec<_> = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["ca.pem", "certificate.pem", "key.pem"]);
}

#[test]
fn an_authority_is_made_once() {
    let directory = tempfile::tempdir().unwrap();
    let made = Authority::load_or_create(directory.path(), "home").unwrap();
    let read = Authority::load_or_create(directory.path(), "another name").unwrap();
    assert_eq!((read.cluster(), read.fingerprint()), ("home", made.fingerprint()));

    fs::remove_file(directory.path().join("authority-key.pem")).unwrap();
    let error = Authority::load_or_create(directory.path(), "home").unwrap_err();
    assert!(error.to_string().contains("authority-key.pem cannot be used: it is missing"), "{error}");
    for name in ["authority.pem", "authority-key.pem"] {
        let directory = tempfile::tempdir().unwrap();
        Authority::create("home").unwrap().save(directory.path()).unwrap();
        is_named(directory.path(), name, "every voter has the same one", || {
            Authority::load(directory.path()).map(drop)
        });
    }
}

#[test]
fn what_does_not_fit_together_is_no_identity() {
    let cluster = Cluster::new("home");
    let key = Key::generate().unwrap();
    let certificate = cluster.authority.sign(&key.signing_request().unwrap(), &worker(7), YEAR).unwrap();
    let authority = cluster.authority.certificate_pem();
    let error = Identity::new(Key::generate().unwrap(), &certificate, authority).unwrap_err();
    assert!(matches!(error, LinkError::Certificate { .. }), "{error:?}");
    let error = Identity::new(Key::generate().unwrap(), "nonsense", authority).unwrap_err();
    assert_eq!(error.code(), "NX0217");
    // The authority itself is not somebody.
    assert!(Identity::new(Key::generate().unwrap(), authority, authority).is_err());
}

/// Spoils a file in each way in which files are spoiled, and looks at what is said of it.
fn is_named(directory: &Path, name: &str, what_to_do: &str, load: impl Fn() -> Result<(), LinkError>) {
    let path = directory.join(name);
    let whole = fs::read(&path).expect("it can be read");
    for spoiled in [&b""[..], b"nonsense", b"\xff\xfe\x00", &whole[..whole.len() / 2]] {
        fs::write(&path, spoiled).expect("it can be written");
        let error = load().expect_err("it is spoiled");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert!(error.help().is_some_and(|help| help.contains(what_to_do)), "{error}: {:?}", error.help());
    }
    fs::write(&path, whole).expect("it can be written");
}

#[test]
fn damaged_files_are_named() {
    let cluster = Cluster::new("home");
    let directory = tempfile::tempdir().unwrap();
    cluster.node(1).save(directory.path()).unwrap();
    let load = || Identity::load(directory.path()).map(drop);
    is_named(directory.path(), "key.pem", "joins again", load);
    is_named(directory.path(), "certificate.pem", "joins again", load);
    is_named(directory.path(), "ca.pem", "every node has the same one", load);
    load().unwrap();
    let other = Cluster::new("home").node(1);
    other.save(&directory.path().join("other")).unwrap();
    fs::copy(directory.path().join("other/certificate.pem"), directory.path().join("certificate.pem")).unwrap();
    assert!(load().unwrap_err().to_string().contains("certificate.pem cannot be used"), "of another key");
    fs::remove_file(directory.path().join("key.pem")).unwrap();
    assert!(load().unwrap_err().to_string().contains("key.pem cannot be used: it is missing"));
    fs::create_dir(directory.path().join("key.pem")).unwrap();
    let error = Identity::load(directory.path()).unwrap_err();
    assert!(matches!(error, LinkError::File { action: "read", .. }), "{error:?}");
}

#[test]
fn a_signing_request_gets_a_certificate_only_with_proof_and_never_the_names_it_asks_for() {
    let cluster = Cluster::new("home");
    let sign = |request: &str| cluster.authority.sign(request, &worker(7), YEAR);

    let mut greedy = rcgen::CertificateParams::new(vec!["node-1.nexus.internal".to_owned()]).unwrap();
    greedy.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let certificate = sign(&greedy.serialize_request(&pair).unwrap().pem().unwrap()).unwrap();
    let der = certificate.lines().filter(|line| !line.starts_with("---")).collect::<String>();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, der).unwrap();
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
    assert!(!parsed.is_ca());
    let names = format!("{:?}", parsed.subject_alternative_name().unwrap().unwrap().value.general_names);
    assert!(names.contains("node-7.nexus.internal") && !names.contains("node-1."), "{names}");

    let key = Key::generate().unwrap();
    let request = key.signing_request().unwrap();
    assert!(sign(&request).is_ok());
    assert_eq!(request_fingerprint(&request).unwrap(), key.fingerprint());
    for bad in ["", "-----BEGIN CERTIFICATE REQUEST-----", &request[..request.len() / 2], &request.replace('M', "N")] {
        let error = sign(bad).unwrap_err();
        assert!(request_fingerprint(bad).is_err());
        assert!(error.to_string().starts_with("the signing request cannot be used"), "{error}");
    }
    let nobody = Subject::Client { name: "a/b".to_owned(), role: NodeRole::Admin, node: None };
    assert_eq!(cluster.authority.sign(&request, &nobody, YEAR).unwrap_err().code(), "NX0218");
    assert_eq!(Authority::create("no spaces").unwrap_err().code(), "NX0218");
}
