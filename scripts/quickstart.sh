#!/usr/bin/env bash
# From nothing but Python >= 3.10 to a page of results: installs into .venv, makes the sample dataset, trains CUT on
# it, translates its test pictures and scores them against the known truth.
# On 2 CPU cores: at most 10 minutes after the installation.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh
python=.venv/bin/python
"$python" scripts/make_sample.py --out datasets/sample
"$python" train.py --config sample --dataroot datasets/sample --name sample "$@"
"$python" test.py --name sample --size original
"$python" scripts/score_sample.py --results results/sample/test_latest/images/fake_B --dataroot datasets/sample
echo
echo "results page:  $PWD/results/sample/test_latest/index.html"
echo "training page: $PWD/checkpoints/sample/web/index.html"
