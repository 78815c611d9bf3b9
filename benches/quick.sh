#!/usr/bin/env bash
# Runs a benchmark without a release build: with the dependencies as built for the tests, and this crate optimized.
# usage: benches/quick.sh instructions|parts|whole|large [OPTIONS of that benchmark]
set -euo pipefail
cd "$(dirname "$0")/.."
bench=$1; shift
CARGO_PROFILE_DEV_OPT_LEVEL=3 CARGO_PROFILE_DEV_DEBUG=false cargo bench --locked --profile dev --bench "$bench" -- "$@"
