//! The name that is set for all servers, over QUIC.

use super::trust::{refusal, tls};
use super::*;

/// The name that all nodes share.
const SHARED: &str = "casty.internal";

#[tokio::test]
async fn the_name_that_is_set_is_checked_and_covers_nothing() {
    let far = CA.config(&CA.node_of(&[SHARED, "node-1.example"], Validity::Now));
    let near = issued::good().with_server_name(SHARED).unwrap();
    let mut listener = listening(QuicConfig::new(far.clone())).await;
    let transport = QuicTransport::new(QuicConfig::new(near.clone()));
    let at = listener.address();
    let (dialled, accepted) = tokio::join!(dial_and_write(&transport, &at), listener.accept());
    accepted.unwrap();
    for (host, covered) in [
        ("node-1.example", true),
        (SHARED, false),
        ("Casty.Internal.", false),
        (HOST, false),
    ] {
        assert_eq!(dialled.covers(host), Some(covered), "{host}");
    }
    // A certificate for the host that is dialled is none for the name, nor the other way round.
    for (near, far) in [(near, issued::good()), (issued::good(), far)] {
        let (error, conclusion) = tls(refusal(near, far).await);
        assert!(matches!(error, TlsError::OtherName), "{error:?}");
        assert_eq!(conclusion, Conclusion::Untrusted);
    }
}
