# Every recipe of the project. `./dev <recipe>` installs the tools first; `just <recipe>` relies on them.

set positional-arguments

export PATH := justfile_directory() / ".dev/venv/bin" + ":" + env("PATH") + ":/usr/sbin:/sbin"

# One selection for every build: `--workspace` unifies features in one way, so nothing is compiled twice.
release := "cargo build --release --workspace --bin overseer"

[private]
default:
    @just --list

# Build and run Overseer; without a Docker engine, a private one is started under .dev/
up *ARGS:
    #!/usr/bin/env bash
    set -euo pipefail
    socket=/var/run/docker.sock
    if timeout 5 docker version >/dev/null 2>&1; then
        # The engine of the user's docker context, where that is not the usual socket.
        : "${DOCKER_HOST:=$(docker context inspect --format '{{{{.Endpoints.docker.Host}}' 2>/dev/null || echo unix://$socket)}"
    elif [ -n "${DOCKER_HOST:-}" ]; then
        echo "No Docker engine answers on DOCKER_HOST=$DOCKER_HOST: start it, or unset DOCKER_HOST." >&2
        exit 1
    elif [ -S $socket ] && [ ! -w $socket ]; then
        echo "You may not use the Docker engine on $socket: sudo usermod -aG docker $USER, then log in again." >&2
        exit 1
    else
        echo "No Docker engine answers: starting a private one under .dev/ (stop it: ./dev services stop docker)."
        scripts/services start docker
        DOCKER_HOST="unix://$PWD/.dev/services/docker/docker.sock"
    fi
    export DOCKER_HOST
    {{ release }}
    exec "${CARGO_TARGET_DIR:-target}/release/overseer" up "$@"

# Run lint and every suite against real peers; with ARGS, only `cargo test ARGS`; with --long, also 10,000 rounds of kills
test *ARGS:
    #!/usr/bin/env bash
    set -uo pipefail
    [ "$(id -u)" = 0 ] || sudo -v # for the tests' own Docker engines
    long=
    if [ "${1:-}" = --long ]; then long=yes; shift; fi
    if [ $# -gt 0 ]; then exec cargo test --workspace --no-fail-fast "$@"; fi
    failed=
    just lint || failed="$failed lint"
    cargo test --workspace --no-fail-fast || failed="$failed tests"
    if [ -n "$long" ]; then just long || failed="$failed long"; fi
    if [ -n "$failed" ]; then echo "FAILED:$failed" >&2; exit 1; fi

# Run rounds RANGE of the long tier: in each a process is killed at some moment of a step; prints what each did
long RANGE='1..10001':
    OVERSEER_LONG="$1" cargo test --package overseer --test e2e -- --ignored --nocapture long::

# Record anew what this version writes (tables, events, tickets), which later versions must read
record:
    cargo test --package overseer --test e2e -- --ignored --nocapture --exact versions::record

# Check format, lints and dependencies
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    @echo "aws-lc-sys must stay out: ring is the one cryptography provider"
    @tree=$(cargo tree --workspace --target all --edges all --prefix none) && ! echo "$tree" | grep '^aws-lc-sys '

# Format the code
fmt:
    cargo fmt --all

# Run every benchmark
bench: bench-loop bench-idle

# From a container's death to the incident committed and the webhook received, in both modes
bench-loop:
    cargo bench --workspace --bench loop

# Redaction of FILE's lines beside the limit (line ends alone) and a RegexSet
bench-redaction FILE:
    cargo bench --package overseer-redaction --bench redaction -- "$(realpath "$1")"

# Signatures: accuracy and speed beside drain3 and the floor. LOGHUB: folder of *_2k.log with truth. TOOLS: scorer, generator, floor
bench-signatures LOGHUB TOOLS *ARGS:
    #!/usr/bin/env bash
    set -euo pipefail
    {{ release }}
    mine=$(cargo bench --package overseer-signatures --bench mine --no-run --message-format json 2>/dev/null | grep -o '"executable":"[^"]*/mine-[^"]*"' | cut -d'"' -f4)
    python3 crates/signatures/benches/signatures.py "${CARGO_TARGET_DIR:-target}/release/overseer" "$mine" "$@"

# Resident memory and processor time with 20 containers watched
bench-idle:
    cargo bench --workspace --bench idle

# The log store beside clp-s, Parquet, zstd and ripgrep: GENERATOR writes log lines, LOGS is a folder of *.log files
bench-logstore GENERATOR *LOGS:
    python3 crates/logstore/benches/compare.py "$@"

# A line's whole way through the collector beside clp-s and zstd. GENERATOR writes log lines
bench-ingest GENERATOR *ARGS:
    #!/usr/bin/env bash
    set -euo pipefail
    ingest=$(cargo bench --package overseer-logs --bench ingest --no-run --message-format json 2>/dev/null | grep -o '"executable":"[^"]*/ingest-[^"]*"' | cut -d'"' -f4)
    python3 crates/logs/benches/ingest.py "$ingest" "$@"

# Fuzz a parser for SECONDS: mine, join, public_form, miner_state, redact, segment, credential
fuzz TARGET SECONDS='60':
    #!/usr/bin/env bash
    set -euo pipefail
    cd fuzz
    mkdir -p "corpus/$1"
    # Coverage as cargo-fuzz asks for it, without the sanitizers that need a nightly compiler.
    export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Ccodegen-units=1 --cfg fuzzing"
    export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/fuzz"
    cargo build --release --bin "$1" --target x86_64-unknown-linux-gnu
    "$CARGO_TARGET_DIR/x86_64-unknown-linux-gnu/release/$1" "corpus/$1" $([ -d "seeds/$1" ] && echo "seeds/$1") -max_total_time="${2:-60}" -rss_limit_mb=2048 -timeout=10

# Control private peers under .dev/services: start|stop|status of docker, nats, postgres (all by default)
services ACTION *WHICH:
    @scripts/services "$@"
