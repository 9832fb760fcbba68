#!/usr/bin/env bash
# Makes the virtual environment .venv and installs the project into it; does nothing where that is done already.
# PYTHON names the interpreter (default: the newest python3 >= 3.10 on the PATH).
set -euo pipefail
cd "$(dirname "$0")/.."

fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

find_python() {
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10 python}; do
    if command -v "$candidate" >/dev/null && fits "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  echo "error: no Python >= 3.10 found; install one, or name it: PYTHON=/path/to/python $0" >&2
  exit 2
}

stamp=.venv/installed
if [ -f "$stamp" ] && [ "$stamp" -nt setup.cfg ] && [ "$stamp" -nt pyproject.toml ]; then
  exit 0
fi
python=$(find_python)
echo "installing into .venv with $("$python" --version) (torch is large: a few minutes)"
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --upgrade pip
.venv/bin/python -m pip install --quiet --build-constraint scripts/build_constraints.txt --editable '.[test]'
touch "$stamp"
