"""Keeps the first layers of a model in a GGUF file. What it then writes is nonsense, but tokens, prompts and a server's
cache are as before, at a fraction of the time (docs/reading.md).

    python tools/reference/shorten_gguf.py FROM.gguf TO.gguf LAYERS
"""

import sys

from gguf import GGUFReader, GGUFValueType, GGUFWriter


def main(source, target, layers):
    reader = GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writer = GGUFWriter(target, architecture)
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        kind = field.types[0]
        value = layers if name == f"{architecture}.block_count" else field.contents()
        writer.add_key_value(name, value, kind, field.types[-1] if kind == GGUFValueType.ARRAY else None)
    for tensor in reader.tensors:
        if not (tensor.name.startswith("blk.") and int(tensor.name.split(".")[1]) >= layers):
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
