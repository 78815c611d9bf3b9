#!/usr/bin/env bash
# A benchmark without a release build: the dependencies of the tests, and this crate as fast as it gets.
# usage: benches/quick.sh instructions|parts|whole|large [OPTIONS of that benchmark]
set -euo pipefail
cd "$(dirname "$0")/.."
bench=$1; shift
CARGO_PROFILE_DEV_OPT_LEVEL=3 CARGO_PROFILE_DEV_DEBUG=false cargo bench --locked --profile dev --bench "$bench" -- "$@"
