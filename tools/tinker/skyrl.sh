#!/usr/bin/env bash
# Installs SkyRL (PyPI, Apache-2.0) with its jax backend and serves a model folder over the Tinker protocol on this machine's CPU.
#   tools/tinker/skyrl.sh [MODEL_FOLDER]     default: the embedded model
# Settings, as environment variables: PYTHON (3.12 or newer; default python3.12), PLACE (where it is installed and keeps its checkpoints;
# default .skyrl, not in git), PORT (default 8123).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
model=$(cd "${1:-$root/packages/tamtrl/models/mini}" && pwd)
place=${PLACE:-$root/.skyrl}
python=${PYTHON:-python3.12}
port=${PORT:-8123}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
  echo "SkyRL needs Python 3.12 or newer; \"$python\" is not one. Name one: PYTHON=/path/to/python3.12 $0" >&2
  exit 2
fi
mkdir -p "$place"
place=$(cd "$place" && pwd)
if [ ! -x "$place/venv/bin/uv" ]; then
  echo "Installing SkyRL into $place (about 2 GB, some minutes) ..." >&2
  "$python" -m venv "$place/venv"
  "$place/venv/bin/pip" install --quiet uv
  # skyrl 0.4.0 imports aiohttp without asking for it.
  VIRTUAL_ENV=$place/venv "$place/venv/bin/uv" pip install --quiet 'skyrl[tinker,jax]==0.4.0' aiohttp
fi

# The server reads its parent's command line, so it has to be a child of "uv run". Its database holds the names of checkpoints: with it, runs
# can be resumed after a restart.
# Batches of fixed sizes: each new one would compile for seconds.
export VIRTUAL_ENV=$place/venv PATH=$place/venv/bin:$PATH HF_HUB_OFFLINE=1 JAX_PLATFORMS=cpu
echo "Serving $model at http://127.0.0.1:$port (ready when it says so; Ctrl-C ends it)." >&2
exec uv run --active --no-project -m skyrl.tinker.api --host 127.0.0.1 --port "$port" --base-model "$model" \
  --backend jax --backend-config '{"max_lora_adapters":16,"max_lora_rank":32,"sample_max_num_sequences":64,"train_micro_batch_size":32}' \
  --checkpoints-base "$place/checkpoints" --database-url "sqlite:///$place/server.db"
