//! Certificates that change.

use super::*;

/// Files that a side reads: of the authority, and of a certificate for [`HOST`].
fn files(of: &Authority) -> (Files, QuicConfig) {
    let files = Files::new(&of.node(HOST, Validity::Now));
    files.put("ca.pem", &of.pem);
    let config = QuicConfig::new(files.config(&files.path("ca.pem")));
    (files, config)
}

fn replace(files: &Files, of: &Authority) {
    files.replace(&of.node(HOST, Validity::Now));
    files.put("ca.pem", &of.pem);
}

/// Both ends of a new connection to a listener.
async fn meet(near: &QuicConfig, listener: &mut dyn Listener) -> Result<(), DialError> {
    let (at, transport) = (listener.address(), QuicTransport::new(near.clone()));
    let dial = async {
        let mut near = transport.dial(&at).await?;
        near.write_all(&[7]).await.unwrap();
        Ok(near)
    };
    let accept = async {
        let mut far = listener.accept().await.unwrap();
        assert_eq!(far.read_u8().await.unwrap(), 7);
        far
    };
    tokio::select! {
        Err(error) = dial => Err(error),
        _ = accept => Ok(()),
    }
}

#[tokio::test]
async fn both_sides_meet_anew_with_the_certificates_that_their_files_hold_then() {
    let (first, second) = (Authority::new(), Authority::new());
    let ((near_files, near), (far_files, far)) = (files(&first), files(&first));
    let mut listener = listening(far.clone()).await;
    meet(&near, &mut *listener).await.unwrap();
    replace(&far_files, &second);
    let error = meet(&near, &mut *listener).await.unwrap_err();
    assert!(
        matches!(
            error,
            DialError::Tls {
                source: TlsError::UnknownAuthority,
                ..
            }
        ),
        "{error:?}"
    );
    replace(&near_files, &second);
    meet(&near, &mut *listener).await.unwrap();
    assert_eq!(far.tls().status().renewed, 1);
    assert_eq!(near.tls().status().renewed, 1);
}

#[tokio::test]
async fn a_connection_goes_on_when_certificates_are_replaced() {
    let ((files, far), near) = (files(&CA), good());
    let (mut near, mut stream) = pair(near, far).await;
    replace(&files, &Authority::new());
    near.write_all(&[1]).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), 1);
}

#[tokio::test]
async fn a_bad_replacement_keeps_the_old_certificate_and_is_an_event() {
    let (files, far) = files(&CA);
    let mut listener = listening(far.clone()).await;
    let mut changes = far.tls().changes();
    files.put("key.pem", "half a k");
    for _ in 0..2 {
        meet(&good(), &mut *listener).await.unwrap();
    }
    let status = changes.wait_for(|status| status.refused > 0).await;
    let status = status.unwrap().clone();
    assert_eq!((status.renewed, status.refused), (0, 1));
    let error = status.error;
    assert!(
        matches!(error, Some(TlsConfigError::NoKey { .. })),
        "{error:?}"
    );
    replace(&files, &CA);
    meet(&good(), &mut *listener).await.unwrap();
    let status = changes.wait_for(|status| status.error.is_none()).await;
    assert_eq!(status.unwrap().renewed, 1);
}
