//! Certificates that change.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use super::*;

#[tokio::test]
async fn a_bad_replacement_keeps_the_old_certificate_and_is_reported_once() {
    let ca = Authority::new();
    let files = Files::new(&ca.node(HOST, Validity::Now));
    files.put("ca.pem", &ca.pem);
    let server = files.config(&files.path("ca.pem"));
    let mut changes = server.changes();
    let client = ca.config(&ca.client());
    let next = ca.node(HOST, Validity::Now);
    files.put("certificate.pem", &next.certificate);
    for _ in 0..2 {
        shake(server.clone(), client.clone()).await.1.unwrap();
        let status = server.status();
        assert_eq!((status.renewed, status.refused), (0, 1));
        assert!(matches!(
            status.error,
            Some(TlsConfigError::OtherKey { .. })
        ));
    }
    assert_eq!(changes.borrow_and_update().refused, 1);
    assert!(!changes.has_changed().unwrap());
    fs::remove_file(files.path("key.pem")).unwrap();
    for _ in 0..2 {
        shake(server.clone(), client.clone()).await.1.unwrap();
        assert_eq!(server.status().refused, 2);
    }
    files.put("key.pem", &next.key);
    shake(server.clone(), client.clone()).await.1.unwrap();
    let status = server.status();
    assert_eq!((status.renewed, status.refused), (1, 2));
    assert!(status.error.is_none());
    assert_eq!(changes.borrow_and_update().renewed, 1);

    // The authority is replaced like the rest: the client's is unknown from now on.
    files.put("ca.pem", &Authority::new().pem);
    let (error, _) = later_error(shake(server, client).await.0);
    assert!(matches!(error, TlsError::UnknownAuthority), "{error:?}");
}

#[tokio::test]
async fn a_file_that_was_away_for_a_time_is_in_use_again() {
    let ca = Authority::new();
    let files = Files::new(&ca.node(HOST, Validity::Now));
    files.put("ca.pem", &ca.pem);
    let server = files.config(&files.path("ca.pem"));
    let client = ca.config(&ca.client());
    fs::rename(files.path("key.pem"), files.path("away")).unwrap();
    shake(server.clone(), client.clone()).await.1.unwrap();
    let error = server.status().error;
    assert!(
        matches!(error, Some(TlsConfigError::Read { .. })),
        "{error:?}"
    );
    fs::rename(files.path("away"), files.path("key.pem")).unwrap();
    shake(server.clone(), client).await.1.unwrap();
    assert!(server.status().error.is_none());
}

/// Answers every byte that comes with the next one, on every connection.
async fn echo(mut listener: Box<dyn Listener>, stop: Arc<AtomicBool>) {
    let mut tasks = JoinSet::new();
    let address = listener.address();
    while !stop.load(Ordering::Relaxed) {
        let stream = listener.accept().await.unwrap();
        let address = address.clone();
        tasks.spawn(async move {
            let accepted = accept(stream, &address, &ConnectOptions::new()).await;
            let mut stream = accepted.unwrap().stream;
            while let Ok(byte) = stream.read_u8().await {
                stream.write_u8(byte.wrapping_add(1)).await.unwrap();
                stream.flush().await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_renewals_under_load_lose_no_message() {
    const RENEWALS: usize = 100;
    const LOADS: usize = 4;
    let ca = Authority::new();
    let server_files = Files::new(&ca.node(HOST, Validity::Now));
    let client_files = Files::new(&ca.client());
    server_files.put("ca.pem", &ca.pem);
    let ca_path = server_files.path("ca.pem");
    let (server, client) = (server_files.config(&ca_path), client_files.config(&ca_path));
    let listener = TlsTransport::new(server.clone()).listen(&loopback()).await;
    let listener = listener.unwrap();
    let address = listener.address();
    let stop = Arc::new(AtomicBool::new(false));
    let served = tokio::spawn(echo(listener, Arc::clone(&stop)));

    let counts = Arc::new(Mutex::new([0_u64; LOADS]));
    let mut loads = JoinSet::new();
    for load in 0..LOADS {
        let (stop, counts) = (Arc::clone(&stop), Arc::clone(&counts));
        let (address, client) = (address.clone(), client.clone());
        // Each connection lives for eight messages; then its successor meets newer certificates.
        loads.spawn(async move {
            let transport = TlsTransport::new(client);
            loop {
                let options = ConnectOptions::new();
                let near = connect(&transport, &address, &client_address(), &options).await;
                let mut stream = near.unwrap().stream;
                for byte in 0..8 {
                    stream.write_u8(byte).await.unwrap();
                    stream.flush().await.unwrap();
                    assert_eq!(stream.read_u8().await.unwrap(), byte + 1);
                    counts.lock().unwrap()[load] += 1;
                }
                stream.shutdown().await.unwrap();
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
    }
    let probe = TlsTransport::new(client.clone());
    for renewal in 0..RENEWALS {
        server_files.replace(&ca.node(HOST, Validity::Now));
        client_files.replace(&ca.client());
        let near = connect(&probe, &address, &client_address(), &ConnectOptions::new()).await;
        let mut stream = near.unwrap().stream;
        stream.write_u8(1).await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 2, "{renewal}");
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(load) = loads.join_next().await {
        load.unwrap();
    }
    // One more, so that the listener sees that it is to stop.
    drop(connect(&probe, &address, &client_address(), &ConnectOptions::new()).await);
    served.await.unwrap();
    // Every renewal was met by the probe's handshake: none was slept through.
    for status in [server.status(), client.status()] {
        assert_eq!(status.renewed, RENEWALS as u64);
        assert!(status.error.is_none());
    }
    assert!(counts.lock().unwrap().iter().all(|count| *count >= 8));
}
