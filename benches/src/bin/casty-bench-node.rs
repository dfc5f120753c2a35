//! The node of the end-to-end benchmark: prints its port, and serves until its input ends.

use std::io::Read;

use casty_benches::Failure;
use casty_benches::node::serve;
use casty_benches::options::codec_of;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let codec = std::env::args()
        .nth(1)
        .ok_or("usage: casty-bench-node CODEC")?;
    let codec = codec_of(&codec)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    // Whoever started it is gone when its input ends.
    std::thread::spawn(|| {
        let ended = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(i32::from(ended.is_err()));
    });
    Ok(serve(listener, codec).await?)
}
