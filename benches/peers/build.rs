//! Writes the stubs of the gRPC service.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, route: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type("crate::tonic_peer::Payload")
            .codec_path("tonic_prost::ProstCodec")
    };
    let ask = method("ask", "Ask").output_type("crate::tonic_peer::Payload");
    let tell = method("tell", "Tell").output_type("crate::tonic_peer::Count");
    let service = Service::builder()
        .name("Bench")
        .package("bench")
        .method(ask.build())
        .method(tell.client_streaming().build())
        .build();
    Builder::new().compile(&[service]);
}
