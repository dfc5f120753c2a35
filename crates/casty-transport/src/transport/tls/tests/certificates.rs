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
fn a_file_of_more_than_a_mebibyte_is_not_read() {
    let ca = Authority::new();
    let files = Files::new(&ca.client());
    for (length, too_long) in [(1024 * 1024, false), (1024 * 1024 + 1, true)] {
        files.put("long.pem", &"#".repeat(length));
        let builder = TlsConfig::builder().ca_file(files.path("long.pem"));
        let error = builder.build().unwrap_err();
        let is_too_long = matches!(error, TlsConfigError::TooLong { .. });
        assert_eq!(is_too_long, too_long, "{error}");
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
    assert!(matches!(error(swapped), E::OtherKey { .. }));
    let keyless = error(builder().certificate_pem(&one.certificate));
    assert!(matches!(keyless, E::NoKey { .. }));
    let empty = error(TlsConfig::builder().ca_pem("nothing"));
    assert!(matches!(empty, E::NoCertificate { .. }));
    let cut = error(TlsConfig::builder().ca_pem(&ca.pem[..100]));
    let E::Pem { source, .. } = cut else {
        panic!("{cut}");
    };
    assert_eq!(
        source.to_string(),
        r#"the end of its part "CERTIFICATE" is missing"#
    );
    let odd = error(TlsConfig::builder().ca_pem(ca.pem.replace('M', "?")));
    let told = std::error::Error::source(&odd).map(ToString::to_string);
    assert_eq!(told.as_deref(), Some("a part of it is not base64"));
    let secret = builder()
        .certificate_pem(&one.certificate)
        .key_pem(&one.key);
    let shown = format!("{:?} {:?}", secret.clone(), secret.build().unwrap());
    assert!(!shown.contains("BEGIN"), "{shown}");
}

#[test]
fn the_file_at_fault_is_the_one_that_is_blamed() {
    use TlsConfigError as E;
    const BROKEN: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let ca = Authority::new();
    let (one, other) = (ca.client(), ca.client());
    let folder = tempfile::TempDir::new().unwrap();
    let built = |authority: &str, certificate: &str, key: &str| {
        let put = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        TlsConfig::builder()
            .ca_file(put("ca.pem", authority))
            .certificate_file(put("own.pem", certificate))
            .key_file(put("key.pem", key))
            .build()
    };
    let blamed = |authority: &str, certificate: &str, key: &str| {
        built(authority, certificate, key).unwrap_err()
    };
    let file = |name: &str| folder.path().join(name).display().to_string();
    let bundle = ca.pem.clone() + BROKEN;
    match blamed(&bundle, &one.certificate, &one.key) {
        E::BadCertificate { origin, .. } => assert_eq!(*origin, *file("ca.pem")),
        error => panic!("{error:?}"),
    }
    match blamed(&ca.pem, BROKEN, &one.key) {
        E::BadCertificate { origin, .. } => assert_eq!(*origin, *file("own.pem")),
        error => panic!("{error:?}"),
    }
    match blamed(&ca.pem, &one.certificate, &other.key) {
        E::OtherKey { key, certificate } => {
            assert_eq!(
                (&*key, &*certificate),
                (&*file("key.pem"), &*file("own.pem"))
            );
        }
        error => panic!("{error:?}"),
    }
    let marked = |pem: &str| format!("\u{feff}{pem}");
    built(
        &marked(&ca.pem),
        &marked(&one.certificate),
        &marked(&one.key),
    )
    .unwrap();
}

#[test]
fn a_key_that_is_encrypted_or_of_another_kind_is_called_so() {
    use TlsConfigError as E;
    let ca = Authority::new();
    let one = ca.client();
    let refused = |certificate: &str, key: &str| {
        let builder = TlsConfig::builder()
            .ca_pem(&ca.pem)
            .certificate_pem(certificate);
        builder.key_pem(key).build().unwrap_err()
    };
    for key in [
        include_str!("unusable/encrypted-pkcs8.key"),
        include_str!("unusable/encrypted-traditional.key"),
    ] {
        let error = refused(&one.certificate, key);
        assert!(matches!(error, E::EncryptedKey { .. }), "{error:?}");
        assert!(error.to_string().contains("is encrypted"), "{error}");
    }
    for (pem, of_kind) in [
        (include_str!("unusable/p521.pem"), Some("ECDSA on P-521")),
        (
            include_str!("unusable/p521-sec1.key"),
            Some("ECDSA on P-521"),
        ),
        (include_str!("unusable/ed448.pem"), Some("Ed448")),
        (include_str!("unusable/rsa-pss.pem"), Some("RSA-PSS")),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            None,
        ),
    ] {
        let error = refused(&one.certificate, pem);
        assert!(
            matches!(&error, E::UnusableKey { kind, .. } if *kind == of_kind),
            "{error:?}"
        );
        let said = of_kind.map_or("cannot be used: RSA".to_owned(), |kind| {
            format!("cannot be used, for it is {kind}: RSA")
        });
        assert!(error.to_string().contains(&said), "{error}");
    }
}
