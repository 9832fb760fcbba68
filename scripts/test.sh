#!/usr/bin/env bash
# Installs what is missing (the project into .venv, and a browser for the page tests where apt-get may do that), and
# runs the tests. Arguments go to pytest. TRANSLATE_DATA names a folder of real photographs for the tests that use them.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh
if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "installing chromium for the page tests"
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium chromium-driver >/dev/null
  else
    echo "note: the page tests need chromium and chromedriver; install them (Debian: chromium chromium-driver)" >&2
  fi
fi
# Two processes with a thread each: most tests are too small to keep two threads busy. "-n 0" runs them in one.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec .venv/bin/python -m pytest -n 2 --dist loadfile "$@"
