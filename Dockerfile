# One build, one small image per binary: `docker build --target command-api .`
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
ENV SQLX_OFFLINE=true
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bins \
    && mkdir /out && cp target/release/command-api target/release/projector target/release/query-api target/release/replay-tool target/release/annals-demo /out/

FROM debian:bookworm-slim AS runtime
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home annals
USER annals

FROM runtime AS command-api
COPY --from=build /out/command-api /usr/local/bin/
ENTRYPOINT ["command-api"]

FROM runtime AS projector
COPY --from=build /out/projector /usr/local/bin/
ENTRYPOINT ["projector"]

FROM runtime AS query-api
COPY --from=build /out/query-api /usr/local/bin/
ENTRYPOINT ["query-api"]

# The operator's and the newcomer's image: migrate, rebuild, verify, demo.
FROM runtime AS tools
COPY --from=build /out/replay-tool /out/annals-demo /usr/local/bin/
ENTRYPOINT ["replay-tool"]
