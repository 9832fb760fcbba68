#!/usr/bin/env bash
# Everything that is said about speed, measured on this machine in one go, into a folder of tables.
#
#   scripts/measure.sh OUT [DATAROOT [REFERENCE]]
#
# OUT gets cut.md, fastcut.md, batches.md, compiled.md, graphs.md (on a GPU), memory.md, profile.txt, input.md, processes.md
# and tiles.md; with DATAROOT (trainA, trainB, testA, such as apple2orange) also a training of MINUTES (20) at 256x256 with
# its pictures and losses; with REFERENCE, a checkout of taesungp/contrastive-unpaired-translation, its own code is a side of cut.md and fastcut.md.
# What is measured can be made smaller by SIZE (256), NGF (64), STEPS (7), BATCHES (1 4 8 16), PROCESSES (1 2, beside one
# GPU 1), PICTURES (400) and TILED (4096).
set -euo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd)
data=${2:+$(cd "$2" && pwd)}
reference=${3:+$(cd "$3" && pwd)}
cd "$(dirname "$0")/.."
python=.venv/bin/python
[ -x "$python" ] || python=python3
size=${SIZE:-256} ngf=${NGF:-64} steps=${STEPS:-7} minutes=${MINUTES:-20} tiled=${TILED:-4096}
common=(--crop_size "$size" --ngf "$ngf" --ndf "$ngf" --steps "$steps")
beside=(${reference:+--reference "$reference"})

say() { echo "== $1"; }

say "CUT and FastCUT against the published way of computing"
$python scripts/benchmark.py "${common[@]}" "${beside[@]}" > "$out/cut.md"
$python scripts/benchmark.py "${common[@]}" "${beside[@]}" --CUT_mode FastCUT > "$out/fastcut.md"
say "batches"
for batch in ${BATCHES:-1 4 8 16}; do
  echo "batch $batch"
  $python scripts/benchmark.py "${common[@]}" --batch_size "$batch" --sides published default
done > "$out/batches.md"
say "compiled"
$python scripts/benchmark.py "${common[@]}" --warm_up 3 --sides default compiled > "$out/compiled.md"
if $python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
  say "recorded"
  for mode in CUT FastCUT; do
    $python scripts/benchmark.py "${common[@]}" --CUT_mode "$mode" --sides published default graphs
  done > "$out/graphs.md"
fi
say "memory"
$python scripts/benchmark.py "${common[@]}" --batch_size 4 --sides default parts recomputed > "$out/memory.md"
say "where the time goes"
$python scripts/benchmark.py "${common[@]}" --profile > "$out/profile.txt"
say "the loader alone"
$python scripts/benchmark_input.py ${data:+--dataroot "$data"} --pictures "${PICTURES:-400}" > "$out/input.md"
say "several processes"
processes=${PROCESSES:-$($python -c 'import torch; print("1" if torch.cuda.device_count() == 1 else "1 2")')}
# shellcheck disable=SC2086 - a list of numbers
$python scripts/benchmark_processes.py "${common[@]}" --batch_size 8 --processes $processes > "$out/processes.md"
say "tiles"
$python scripts/tile_report.py --ngf "$ngf" --size "$tiled" --tile "$((tiled / 4))" \
  --compare_size "$((tiled / 4))" --compare_tile "$((tiled / 16))" > "$out/tiles.md"
if [ -n "$data" ]; then
  say "a training of $minutes minutes"
  $python train.py --dataroot "$data" --name measured --checkpoints_dir "$out/checkpoints" --max_minutes "$minutes" \
    --crop_size "$size" --load_size "$((size + size / 8))" --ngf "$ngf" --ndf "$ngf" | tee "$out/training.txt"
  $python test.py --name measured --checkpoints_dir "$out/checkpoints" --results_dir "$out/results"
fi
say "done: $out"
