//! Certificates and keys as they are given.

use super::*;

/// A SEC1 and a PKCS#1 key with their certificates, both of no authority in particular.
const SEC1: &str = include_str!("sec1.pem");
const PKCS1: &str = include_str!("pkcs1.pem");

#[test]
fn keys_of_all_three_kinds_are_read_from_the_certificate_file_itself() {
    let ca = Authority::new();
    let node = ca.node(HOST, Validity::Now);
    let pkcs8 = format!("{}{}", node.key, node.certificate);
    for (kind, pem) in [
        ("BEGIN PRIVATE KEY", &*pkcs8),
        ("BEGIN EC PRIVATE KEY", SEC1),
        ("BEGIN RSA PRIVATE KEY", PKCS1),
    ] {
        assert!(pem.contains(kind));
        let built = TlsConfig::builder().ca_pem(&ca.pem).certificate_pem(pem);
        assert!(built.build().unwrap().has_certificate(), "{kind}");
    }
}

#[test]
fn what_cannot_be_used_is_refused_with_its_name() {
    use TlsConfigError as E;
    let ca = Authority::new();
    let (one, two) = (ca.client(), ca.client());
    let builder = || TlsConfig::builder().ca_pem(&ca.pem);
    let error = |builder: TlsConfigBuilder| builder.build().unwrap_err();
    assert!(matches!(error(TlsConfig::builder()), E::NoAuthority));
    assert!(matches!(error(builder().key_pem(&one.key)), E::KeyAlone));
    let absent = error(builder().certificate_file("/no/such/file.pem"));
    assert_eq!(absent.to_string(), "cannot read /no/such/file.pem");
    let swapped = builder()
        .certificate_pem(&one.certificate)
        .key_pem(&two.key);
    assert!(matches!(error(swapped), E::Unusable(_)));
    let keyless = error(builder().certificate_pem(&one.certificate));
    assert!(matches!(keyless, E::NoKey { .. }));
    let empty = error(TlsConfig::builder().ca_pem("nothing"));
    assert!(matches!(empty, E::NoCertificate { .. }));
    let cut = error(TlsConfig::builder().ca_pem(&ca.pem[..100]));
    assert!(matches!(cut, E::Pem { .. }));
    let secret = builder()
        .certificate_pem(&one.certificate)
        .key_pem(&one.key);
    let shown = format!("{:?} {:?}", secret.clone(), secret.build().unwrap());
    assert!(!shown.contains("BEGIN"), "{shown}");
}
