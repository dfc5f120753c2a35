# The casty command, as one static program in an empty image. The context is the top of the repository:
#   docker build --tag casty .
#   docker run --rm casty demo
#   docker run --rm --network host casty watch --contact 127.0.0.1:25520 --system my-cluster
FROM rust:1.95-alpine AS build
# A C compiler, for the cryptography of TLS and for lzma. Alpine's target is musl, and so the program is static.
RUN apk add --no-cache gcc musl-dev
WORKDIR /source
COPY . .
RUN cargo build --profile dist --locked --package casty-cli --bin casty

FROM scratch
COPY --from=build /source/target/dist/casty /usr/bin/casty
USER 65532:65532
ENTRYPOINT ["casty"]
