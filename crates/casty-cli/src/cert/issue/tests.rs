use std::collections::BTreeMap;

use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{
    OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, OID_X509_EXT_SUBJECT_KEY_IDENTIFIER,
};
use x509_parser::x509::X509Name;

use super::key::KeyError;
use super::*;

/// An authority that `casty cert` of the Python package made.
const PYTHON_CA: &str = include_str!("../../../tests/certificates/ca.crt");
const PYTHON_CA_KEY: &str = include_str!("../../../tests/certificates/ca.key");
const PYTHON_NODE: &str = include_str!("../../../tests/certificates/node.crt");
const PYTHON_CLIENT: &str = include_str!("../../../tests/certificates/client.crt");

/// Authorities and keys that OpenSSL made.
macro_rules! openssl {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/certificates/openssl/", $name))
    };
}

const HOSTS: [&str; 3] = ["127.0.0.1", "node.example", "::1"];

/// Everything in a certificate that is not its own by chance: serial number, key, signature and
/// key identifiers.
#[derive(Debug, PartialEq)]
struct Fields {
    version: u32,
    signature: String,
    issuer: Vec<u8>,
    subject: Vec<u8>,
    seconds: i64,
    key: (String, String),
    extensions: BTreeMap<String, (bool, Vec<u8>)>,
}

fn fields(pem: &str) -> Fields {
    let pem = first(pem.as_bytes()).unwrap();
    let x509 = parsed(&pem).unwrap();
    let algorithm = &x509.public_key().algorithm;
    let curve = algorithm.parameters.as_ref().unwrap();
    let validity = x509.validity();
    let identifiers = [
        OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER,
        OID_X509_EXT_SUBJECT_KEY_IDENTIFIER,
    ];
    assert_eq!(x509.signature_algorithm, x509.tbs_certificate.signature);
    assert!((1..=20).contains(&x509.raw_serial().len()), "RFC 5280");
    Fields {
        version: x509.version().0,
        signature: x509.signature_algorithm.algorithm.to_id_string(),
        issuer: x509.issuer().as_raw().to_vec(),
        subject: x509.subject().as_raw().to_vec(),
        seconds: validity.not_after.timestamp() - validity.not_before.timestamp(),
        key: (
            algorithm.algorithm.to_id_string(),
            curve.as_oid().unwrap().to_id_string(),
        ),
        extensions: x509
            .extensions()
            .iter()
            .filter(|extension| !identifiers.contains(&extension.oid))
            .map(|extension| {
                let content = (extension.critical, extension.value.to_vec());
                (extension.oid.to_id_string(), content)
            })
            .collect(),
    }
}

/// A validity that begins with that of Python's authority, which ends some day.
fn now_for(days: u32) -> Validity {
    let pem = first(PYTHON_CA.as_bytes()).unwrap();
    let begin = parsed(&pem).unwrap().validity().not_before.timestamp();
    let begin = Duration::from_secs(begin.try_into().unwrap());
    Validity {
        from: SystemTime::UNIX_EPOCH + begin,
        days,
    }
}

fn hosts() -> Vec<String> {
    HOSTS.map(str::to_owned).to_vec()
}

fn python() -> Authority {
    Authority::from_pem(PYTHON_CA, PYTHON_CA_KEY).unwrap()
}

fn ours() -> (Issued, Authority) {
    let issued = authority("casty-ca", now_for(365)).unwrap();
    let authority = Authority::from_pem(&issued.certificate, &issued.key).unwrap();
    (issued, authority)
}

#[test]
fn an_authority_is_field_by_field_what_python_makes() {
    assert_eq!(fields(&ours().0.certificate), fields(PYTHON_CA));
}

#[test]
fn certificates_of_nodes_and_clients_are_field_by_field_what_python_makes() {
    for authority in [python(), ours().1] {
        let node = authority.node("127.0.0.1", &hosts(), now_for(90)).unwrap();
        assert_eq!(fields(&node.certificate), fields(PYTHON_NODE));
        let client = authority.client("me", now_for(90)).unwrap();
        assert_eq!(fields(&client.certificate), fields(PYTHON_CLIENT));
    }
}

/// Reads the fields as RFC 5280 names them, so that golden files that are wrong show too.
#[test]
fn what_is_in_a_node_certificate_is_what_the_handbook_says() {
    let node = python().node("n", &hosts(), now_for(1)).unwrap();
    let pem = first(node.certificate.as_bytes()).unwrap();
    let x509 = parsed(&pem).unwrap();
    assert_eq!(x509.subject().to_string(), "CN=n");
    assert_eq!(x509.issuer().to_string(), "CN=casty-ca");
    assert!(!x509.is_ca());
    let usage = x509.key_usage().unwrap().unwrap();
    assert!(usage.critical);
    assert_eq!(
        usage.value.to_string(),
        "Digital Signature, Key Encipherment"
    );
    let extended = x509.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.server_auth && extended.client_auth && !extended.any);
    let names = x509.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names.len(), HOSTS.len());
}

#[test]
fn the_signature_and_the_key_identifiers_are_those_of_the_authority() {
    for (certificate, authority) in [(PYTHON_CA.to_owned(), python()), {
        let (issued, authority) = ours();
        (issued.certificate, authority)
    }] {
        let (ca, leaf) = (
            first(certificate.as_bytes()).unwrap(),
            authority.client("me", now_for(1)).unwrap(),
        );
        let (ca, leaf) = (
            parsed(&ca).unwrap(),
            first(leaf.certificate.as_bytes()).unwrap(),
        );
        let leaf = parsed(&leaf).unwrap();
        leaf.verify_signature(Some(ca.public_key())).unwrap();
        assert!(identifier(&leaf, &OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER).is_some());
        assert!(identifier(&leaf, &OID_X509_EXT_SUBJECT_KEY_IDENTIFIER).is_some());
        // Python's authorities have none.
        if let Some(own) = identifier(&ca, &OID_X509_EXT_SUBJECT_KEY_IDENTIFIER) {
            let named = identifier(&leaf, &OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER);
            assert_eq!(named, Some(own));
        }
    }
}

fn identifier(
    x509: &X509Certificate<'_>,
    oid: &x509_parser::oid_registry::Oid<'_>,
) -> Option<Vec<u8>> {
    let extension = x509.get_extension_unique(oid).unwrap()?;
    match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
        ParsedExtension::AuthorityKeyIdentifier(id) => Some(id.key_identifier.as_ref()?.0.to_vec()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_is_pkcs8_and_the_certificate_is_for_it() {
    let issued = ours().1.client("me", now_for(1)).unwrap();
    assert!(issued.key.starts_with("-----BEGIN PRIVATE KEY-----"));
    let key = KeyPair::from_pem(&issued.key).unwrap();
    assert!(key.is_compatible(&PKCS_ECDSA_P256_SHA256));
    let pem = first(issued.certificate.as_bytes()).unwrap();
    let certified = parsed(&pem).unwrap().public_key().raw.to_vec();
    assert_eq!(certified, key.subject_public_key_info());
}

#[test]
fn validity_begins_at_the_second_that_was_told() {
    let from = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_999);
    let issued = authority("a", Validity { from, days: 30 }).unwrap();
    let pem = first(issued.certificate.as_bytes()).unwrap();
    let x509 = parsed(&pem).unwrap();
    let validity = x509.validity();
    assert_eq!(validity.not_before.timestamp(), 1_800_000_000);
    assert_eq!(validity.not_after.timestamp(), 1_800_000_000 + 30 * 86_400);
    let late = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_700);
    let ends = authority(
        "a",
        Validity {
            from: late,
            days: 1,
        },
    );
    assert!(matches!(ends, Err(IssueError::Time)));
}

#[test]
fn names_that_a_certificate_cannot_hold_are_refused() {
    let authority = ours().1;
    let long = "n".repeat(65);
    for name in ["", &long] {
        let refused = authority.client(name, now_for(1));
        assert!(matches!(refused, Err(IssueError::Name(_))), "{name:?}");
    }
    for name in ["Zürich", &long[1..]] {
        let issued = authority.client(name, now_for(1)).unwrap();
        let pem = first(issued.certificate.as_bytes()).unwrap();
        assert_eq!(common_name(parsed(&pem).unwrap().subject()), name);
    }
    for host in [
        "10.0.1.10:25520",
        "",
        "a b",
        "zürich.example",
        "a..b",
        "*",
        "a/b",
        "[::1]",
        "256.1.1.1",
        "999.1.1.1",
        "1.2.3",
        "10",
        "*.1",
        "node.007",
    ] {
        let refused = authority.node("n", &[host.to_owned()], now_for(1));
        assert!(matches!(refused, Err(IssueError::Host(_))), "{host:?}");
    }
    for host in [
        "localhost",
        "my_node",
        "*.nodes.example",
        "fe80::1",
        "1.example",
        "4me",
        "10.0.0.1",
    ] {
        authority.node("n", &[host.to_owned()], now_for(1)).unwrap();
    }
}

fn common_name(name: &X509Name<'_>) -> String {
    let attribute = name.iter_common_name().next().unwrap();
    attribute.as_str().unwrap().to_owned()
}

#[test]
fn an_authority_that_cannot_sign_is_refused() {
    let (ca, authority) = ours();
    let node = authority.node("n", &hosts(), now_for(1)).unwrap();
    let read = |certificate: &str, key: &str| Authority::from_pem(certificate, key).err();
    assert!(matches!(
        read(PYTHON_CA, &ca.key),
        Some(IssueError::OtherKey)
    ));
    assert!(matches!(
        read(&node.certificate, &node.key),
        Some(IssueError::NoAuthority)
    ));
    assert!(matches!(
        read(&ca.key, &ca.key),
        Some(IssueError::Certificate(None))
    ));
    assert!(matches!(
        read(&ca.certificate, "no key"),
        Some(IssueError::Key(_))
    ));
    let both = ca.key.clone() + &ca.certificate;
    assert!(
        read(&both, &ca.key).is_none(),
        "a key before the certificate is passed over"
    );
}

#[test]
fn keys_of_authorities_are_read_as_openssl_writes_them() {
    let sec1 = openssl!("sec1.key");
    let with_parameters = [
        b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
        &sec1[..],
    ];
    let latin1 = [b"Autorit\xe9 de Z\xfcrich\n", &sec1[..]].concat();
    for (certificate, key) in [
        (&openssl!("sec1.crt")[..], &sec1[..]),
        (openssl!("sec1.crt"), &with_parameters.concat()),
        (openssl!("sec1.crt"), &latin1),
        (openssl!("p384.crt"), openssl!("p384.key")),
        (openssl!("pkcs1.crt"), openssl!("pkcs1.key")),
    ] {
        let comment = [b"\xe9\n", certificate].concat();
        let authority = Authority::from_pem(comment, key).unwrap();
        let leaf = authority.client("me", now()).unwrap();
        let (ca, leaf) = (first(certificate), first(leaf.certificate.as_bytes()));
        let (ca, leaf) = (ca.unwrap(), leaf.unwrap());
        let (ca, leaf) = (parsed(&ca).unwrap(), parsed(&leaf).unwrap());
        assert_eq!(leaf.issuer().as_raw(), ca.subject().as_raw());
        leaf.verify_signature(Some(ca.public_key())).unwrap();
    }
}

fn now() -> Validity {
    Validity {
        from: SystemTime::now(),
        days: 1,
    }
}

#[test]
fn an_encrypted_key_is_said_to_be_encrypted() {
    for key in [
        &openssl!("encrypted-pkcs8.key")[..],
        openssl!("encrypted-traditional.key"),
    ] {
        let refused = Authority::from_pem(openssl!("sec1.crt"), key).err();
        assert!(matches!(
            refused,
            Some(IssueError::Key(KeyError::Encrypted))
        ));
    }
}

#[test]
fn an_authority_whose_name_cannot_be_repeated_or_that_may_not_sign_is_refused() {
    let refused = |certificate: &[u8]| Authority::from_pem(certificate, openssl!("sec1.key")).err();
    for certificate in [&openssl!("repeated.crt")[..], openssl!("beside.crt")] {
        assert!(matches!(refused(certificate), Some(IssueError::Subject)));
    }
    let may_not = refused(openssl!("nosign.crt"));
    assert!(matches!(may_not, Some(IssueError::MayNotSign)));
}

#[test]
fn a_certificate_ends_with_that_of_its_authority_at_the_latest() {
    let authority = ours().1;
    let whole = authority.client("me", now_for(365)).unwrap();
    assert_eq!(whole.cut, None);
    let cut = authority.client("me", now_for(366)).unwrap();
    assert_eq!(cut.cut, Some(authority.end));
    let pem = first(cut.certificate.as_bytes()).unwrap();
    let end = parsed(&pem).unwrap().validity().not_after.to_datetime();
    assert_eq!(end, authority.end);
    let year = DAY * 365;
    let later = Validity {
        from: now_for(1).from + year,
        days: 1,
    };
    let expired = authority.client("me", later).err();
    assert!(matches!(expired, Some(IssueError::Expired(_))));
}
