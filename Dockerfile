# syntax=docker/dockerfile:1

# Keygate as a container: one binary on a base without a shell, run by nobody in particular.
#
#   docker build --tag keygate .
#   docker run --rm keygate --help

# The compiler's version is the one of rust-toolchain.toml. aws-lc needs a C compiler and nothing else, and that is there.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
ENV CARGO_PROFILE_RELEASE_STRIP=symbols CARGO_PROFILE_RELEASE_DEBUG=none

# First the dependencies alone, in a layer that lasts until Cargo.lock changes. The benches and the soak test are not
# built, but Cargo refuses a manifest whose targets are missing.
COPY Cargo.toml Cargo.lock ./
COPY benches benches
COPY tests/soak tests/soak
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked --bin keygate

# Then Keygate. Cargo goes by the files' times, and those of a checkout may be older than the stand-ins were.
COPY src src
RUN find src -name '*.rs' -exec touch {} + \
    && cargo build --release --locked --bin keygate \
    && mkdir -p /out/state

# glibc, libgcc and the authorities' certificates; user 65532 is its "nonroot".
FROM gcr.io/distroless/cc-debian12:nonroot

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Keygate" \
      org.opencontainers.image.description="A reverse-proxy authentication gateway for opaque bearer tokens" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian12:nonroot"

COPY --from=build /src/target/release/keygate /usr/local/bin/keygate
COPY LICENSE LICENSE-MIT LICENSE-APACHE /usr/share/doc/keygate/
# An empty directory of the right owner, which a named volume takes over when it is first mounted here.
COPY --from=build --chown=65532:65532 /out/state /var/lib/keygate

USER 65532:65532
VOLUME /var/lib/keygate
EXPOSE 8080
# Keygate then finishes the requests in flight and flushes what it holds in memory.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/keygate", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/keygate"]
CMD ["run", "-c", "/etc/keygate/keygate.toml"]
