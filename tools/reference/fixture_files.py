"""Writes the files of one fixture: the model, tensors by parameter name, and cases.json with 9 significant digits."""

import json
import shutil

from safetensors.torch import save_file


def rounded(values):
    return [float(f"{float(value):.9g}") for value in values]


def round_floats(value):
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {key: round_floats(entry) for key, entry in value.items()}
    return [round_floats(entry) for entry in value] if isinstance(value, list) else value


def to_json(value, indent=""):
    """JSON with each innermost list on one line."""
    if isinstance(value, dict):
        deeper = indent + " "
        entries = [f"{deeper}{json.dumps(key)}: {to_json(entry, deeper)}" for key, entry in value.items()]
        return "{\n" + ",\n".join(entries) + f"\n{indent}}}"
    if isinstance(value, list) and value and isinstance(value[0], (dict, list)):
        deeper = indent + " "
        return "[\n" + ",\n".join(deeper + to_json(entry, deeper) for entry in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)


def flatten(value, path=""):
    if isinstance(value, dict):
        return [leaf for key, entry in value.items() for leaf in flatten(entry, f"{path}.{key}")]
    if isinstance(value, list):
        return [leaf for entry in value for leaf in flatten(entry, path)]
    return [(path, value)] if isinstance(value, float) else []


def write(folder, model, cases, files):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder / "model")
    (folder / "model" / "generation_config.json").unlink()
    for name, tensors in files.items():
        tensors = {key: value.contiguous() for key, value in tensors.items()}
        save_file(tensors, folder / f"{name}.safetensors", metadata={"format": "pt"})
    (folder / "cases.json").write_text(to_json(round_floats(cases)) + "\n")
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)  # safetensors makes files that only their owner may read
