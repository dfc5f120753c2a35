//! docs/guide/src/transports.md

block!("transports_1");

mod run {
    use std::fs;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    use super::*;
    use crate::nodes::{LONG, bank, stand_in};

    /// An authority, and a certificate of it for 127.0.0.1 with its key.
    fn issued() -> [String; 3] {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        [authority.pem(), certificate.pem(), key.serialize_pem()]
    }

    #[tokio::test]
    async fn files_beside_the_program_lead_to_nodes_over_tls() {
        let [authority, certificate, key] = issued();
        let tls = TlsConfig::builder().ca_pem(&authority);
        let tls = tls
            .certificate_pem(certificate.clone() + &key)
            .build()
            .unwrap();
        let nodes = bank()
            .transport(TransportConfig::tls(tls))
            .start()
            .await
            .unwrap();
        stand_in(&nodes);
        let folder = tempfile::tempdir().unwrap();
        for name in ["certs", "gateway"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let settings = format!(
            "system_name = \"my-cluster\"\ncontact_points = {:?}\ntransport = \"tls\"\n[tls]\n\
             ca = \"certs/ca.crt\"\ncert = \"gateway/client.crt\"\nkey = \"gateway/client.key\"\n",
            nodes.contact_points()
        );
        let files = [
            ("certs/ca.crt", &authority),
            ("gateway/client.crt", &certificate),
            ("gateway/client.key", &key),
            ("casty.toml", &settings),
        ];
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        // Nothing else here uses a path that is relative to it.
        std::env::set_current_dir(folder.path()).unwrap();
        for client in [with_tls().await.unwrap(), from_settings().await.unwrap()] {
            client.ready(LONG).await.unwrap();
        }
    }
}
