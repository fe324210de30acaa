"""Small data files in the layouts of published data sets, written by pyarrow: packages/tamtrl/fixtures/data/.

    python3 -m venv .venv && .venv/bin/pip install pyarrow==26.0.1 zstandard==0.25.0
    .venv/bin/python make_data_fixtures.py

The contents are made up; only the layout is that of HotpotQA's parquet copy and of MemAgent's training file.
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

OUT = Path(__file__).resolve().parents[2] / "packages" / "tamtrl" / "fixtures" / "data"


def hotpot(index: int) -> dict:
    return {
        "id": f"h{index}",
        "question": f"Where does river {index} end?",
        "answer": f"Lake {index}",
        "type": "bridge",
        "level": "easy",
        "supporting_facts": {"title": [f"River {index}", f"Delta {index}"], "sent_id": [0, 1]},
        "context": {
            "title": [f"River {index}", "Hills", f"Delta {index}"],
            "sentences": [
                [f"River {index} flows to delta {index}.", " It is long."],
                ["Hills are high."],
                ["A delta is wide.", f" Delta {index} lies at Lake {index}."],
            ],
        },
    }


def memagent(index: int) -> dict:
    paragraphs = [
        "Hills\nHills are high.",
        f"River {index}\nRiver {index} flows to delta {index}. It is long.",
        f"Delta {index}\nA delta is wide. Delta {index} lies at Lake {index}.",
    ]
    return {
        "data_source": "hotpotqa",
        "prompt": [{"role": "user", "content": f"Where does river {index} end?"}],
        "context": "\n\n".join(f"Document {at + 1}:\n{text}" for at, text in enumerate(paragraphs)),
        "ability": "memory",
        "reward_model": {"style": "rule", "ground_truth": [f"Lake {index}"]},
        "extra_info": {"index": index, "question": f"Where does river {index} end?", "num_docs": 3},
    }


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    rows = [hotpot(index) for index in range(5)]
    pq.write_table(pa.Table.from_pylist(rows), OUT / "hotpotqa.parquet", compression="snappy", row_group_size=2)
    train = [memagent(index) for index in range(3)]
    pq.write_table(pa.Table.from_pylist(train), OUT / "memagent.parquet", compression="zstd")
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (OUT / "hotpotqa.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(lines))


main()
