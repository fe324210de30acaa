"""Writes packages/tamtrl/fixtures/metrics.json: question-answering scores computed in Python.

The definitions are those that the evaluation scripts of SQuAD 1.1 and 2.0, HotpotQA and RULER publish, written down
again here: lowercase, drop string.punctuation, drop a/an/the, split at whitespace; F1 over the bags of words; RULER looks
for references as case-insensitive substrings.

    python tools/reference/make_metric_fixtures.py
"""

import json
import re
import string
from collections import Counter
from pathlib import Path

OUT = Path(__file__).resolve().parents[2] / "packages" / "tamtrl" / "fixtures" / "metrics.json"


def normalize(text):
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def bag_f1(prediction, gold):
    common = sum((Counter(prediction) & Counter(gold)).values())
    if common == 0:
        return [0.0, 0.0, 0.0]
    precision, recall = common / len(prediction), common / len(gold)
    return [2 * precision * recall / (precision + recall), precision, recall]


def squad1_f1(prediction, gold):
    return bag_f1(normalize(prediction).split(), normalize(gold).split())[0]


def squad2_f1(prediction, gold):
    p, g = normalize(prediction).split(), normalize(gold).split()
    if not p or not g:
        return float(p == g)
    return bag_f1(p, g)[0]


def hotpot_f1(prediction, gold):
    p, g = normalize(prediction), normalize(gold)
    closed = ("yes", "no", "noanswer")
    if (p in closed or g in closed) and p != g:
        return [0.0, 0.0, 0.0]
    return bag_f1(p.split(), g.split())


def ruler_all(prediction, references):
    return sum(1.0 if r.lower() in prediction.lower() else 0.0 for r in references) / len(references)


def ruler_part(prediction, references):
    return max(1.0 if r.lower() in prediction.lower() else 0.0 for r in references)


PAIRS = [
    ("", ""), ("", "Paris"), ("Paris", ""), ("the", ""), ("", "The"), ("a an the", "the"), ("...", "!!"), (" ", "\t\n"),
    ("The Beatles", "Beatles"), ("the beatles", "The Beatles."), ("Beatles, The", "beatles"), ("A", "an"),
    ("another", "an other"), ("theatre", "atre"), ("Athena", "na"), ("the the cat", "cat"), ("an apple a day", "apple day"),
    ("yes", "yes"), ("Yes.", "yes"), ("yes", "no"), ("no", "yes"), ("No", "no way"), ("no", "Nobel"), ("yes it is", "yes"),
    ("yes", "yes it is"), ("noanswer", "no answer"), ("noanswer", "noanswer"), ("no answer", "noanswer"), ("No!", "NO"),
    ("the yes", "yes"), ("yes no", "no"), ("", "noanswer"), ("noanswer", ""), ("", "yes"), ("maybe", "yes"),
    ("1,000", "1000"), ("1.5", "15"), ("3,677 seated", "3677"), ("3,677 seated", "3,677"), ("$5", "5"), ("50%", "50"),
    ("-5", "5"), ("1970s", "1970"), ("1970-1980", "19701980"), ("1970–1980", "1970 1980"), ("1/2", "12"), ("007", "7"),
    ("February 16, 2018", "16 February 2018"), ("16 Feb 2018", "16 February 2018"), ("1e5", "100000"), ("½", "1/2"),
    ("café", "cafe"), ("café", "café"), ("cafe\u0301", "café"), ("CAFÉ", "café"), ("Straße", "strasse"), ("STRASSE", "straße"),
    ("İstanbul", "istanbul"), ("ΟΔΟΣ", "οδος"), ("ΟΔΟΣ", "οδοσ"), ("Roberto Bolaño", "roberto bolano"), ("Ö the Ö", "ö ö"),
    ("éa", "é"), ("aé", "é"), ("a é", "é"), ("the\u00e9", "\u00e9"), ("à la carte", "la carte"), ("an\u0301", "\u0301"),
    ("a\u0301b", "\u0301b"), ("東京", "東京"), ("東京 都", "東京都"), ("東京。", "東京"), ("日本 the 東京", "日本東京"), ("a東京", "東京"),
    ("“Paris”", "Paris"), ("\"Paris\"", "Paris"), ("'Paris'", "Paris"), ("‘Paris’", "Paris"), ("Paris—France", "Paris France"),
    ("Paris-France", "ParisFrance"), ("O'Brien", "OBrien"), ("O’Brien", "OBrien"), ("rock'n'roll", "rock n roll"),
    ("U.S.A.", "USA"), ("U.S. A.", "US"), ("U.S. A", "US"), ("A.", ""), ("an.", "an"), ("t.h.e.", "the"), ("a-b", "b"),
    ("snake_case", "snakecase"), ("the_cat", "thecat"), ("a_", "a"), ("C++", "c"), ("C#", "C"), ("@user", "user"),
    ("back\\slash", "backslash"), ("{x}", "x"), ("<b>", "b"), ("~tilde`", "tilde"), ("[1]", "1"), ("x^2", "x2"), ("a|b", "ab"),
    ("x\u00a0y", "x y"), ("x\u2003y", "x  y"), ("x\u200by", "xy"), ("x\ufeffy", "x y"), ("x\ufeffy", "x\ufeffy"),
    ("x\u0085y", "x y"), ("x\u001cy", "x y"), ("x\u2028y", "x y"), ("x\u3000y", "x y"), ("x\u180ey", "x y"), ("x\r\ny", "x y"),
    ("a\u00a0b", "b"), ("the\u2003b", "b"), ("²", "2"), ("x²", "x"), ("a²", "²"), ("٣", "3"), ("Ⅳ", "ⅳ"), ("a٣", "٣"),
    ("😀", "😀"), ("the 😀", "😀"), ("a😀", "😀"), ("😀a", "😀"), ("👩‍👩‍👧", "👩‍👩‍👧"), ("Café 😀 bar", "cafe bar"),
    ("cat cat dog", "cat dog dog"), ("cat cat cat", "cat"), ("cat", "cat cat cat"), ("dog cat", "cat dog"), ("a b c d", "b c"),
    ("New York City", "New York"), ("new york", "New  York"), ("York", "New York City"), ("NewYork", "New York"),
    ("George Washington", "President George Washington"), ("Washington, George", "George Washington"), ("Mr. Smith", "mr smith"),
    ("It is Paris, the capital of France.", "Paris"), ("Parisian", "Paris"), ("Not Paris", "Paris"), ("Presque Isle County", "Presque Isle"),
    ("Isle", "isle of man"), ("Bonn and Berlin", "Berlin and Bonn"), ("the answer is no", "no"), ("none", "no"), ("know", "no"),
    ("4", "four"), ("IV", "4"), ("Queen Elizabeth II", "Queen Elizabeth I"), ("Elizabeth", "elizabeth ii"), ("VIII", "viii"),
    ("1", "10"), ("10", "1"), ("10 000", "10000"), ("+1", "1"), ("10:30", "1030"), ("10:30 a.m.", "1030"), ("10:30 am", "10:30 a.m."),
    ("5 ft 3 in", "5'3\""), ("http://x.org/a", "httpxorga"), ("email@x.org", "emailxorg"), ("The The", ""), ("The Who", "who"),
    ("The Who?", "The Guess Who"), ("A Tale of Two Cities", "tale of two cities"), ("An", "A"), ("THE END", "end"), ("Thé", "the"),
    ("a b a b", "b b"), ("b an b", "b b"), ("vitamin A", "vitamin"), ("vitamin a", "vitamin K"), ("plan a", "the plan"),
    ("La La Land", "la la land"), ("la land", "La La Land"), ("L'Étranger", "LÉtranger"), ("l’étranger", "L'Étranger"),
    ("Ångström", "ångström"), ("Å", "å"), ("Å", "å"), ("ﬁne", "fine"), ("ẞ", "ß"), ("Σ", "ς"), ("ǅ", "ǆ"), ("K", "k"),
    ("naïve", "NAÏVE"), ("São Paulo", "Sao Paulo"), ("são paulo", "SÃO PAULO"), ("Việt Nam", "việt nam"), ("Москва", "москва"),
    ("Москва, Россия", "Россия"), ("القاهرة", "القاهرة"), ("नई दिल्ली", "नई दिल्ली"), ("서울", "서울시"), ("¿Qué?", "qué"), ("«Le Monde»", "le monde"),
    ("€5", "5"), ("£5", "£5"), ("100 °C", "100 c"), ("µm", "μm"), ("H₂O", "H2O"), ("E=mc²", "emc²"), ("…", ""), ("·", "·"), ("—", "-"),
    ("word " * 30, "word"), ("x " * 5 + "y", "y"), ("the " * 5 + "y", "y"), ("tab\tsep", "tab sep"), ("line\nbreak", "line break"),
]
WORDS = ["the", "a", "Paris", "no", "yes", "1990", "U.S.", "cat-dog", "é", "Rock", "roll", "an", "(band)", "II", "x"]
for i in range(60):  # a plain linear congruence instead of `random`: the same pairs for ever
    s = (i * 1103515245 + 12345) % 2147483648
    pick = lambda n, k: " ".join(WORDS[(s // (7 ** (j + k))) % len(WORDS)] for j in range(n))
    PAIRS.append((pick(1 + s % 4, 0), pick(1 + s % 3, 1)))

REFERENCES = [
    ("7 and 12, ABC", ["abc", "12", "99"]), ("", ["x"]), ("", [""]), ("Nobel", ["no"]), ("x", ["X", "x"]), ("ÉCOLE", ["école"]),
    ("uuid 3f2A-11", ["3F2a-11", "3f2a-12"]), ("the answer: VAR AAA, BBB", ["aaa", "bbb", "ccc", "ddd", "eee"]),
    ("one two", ["two", "one", "one two", "two one"]), ("12345678", ["2345678", "1234567"]), ("İ", ["i̇"]), ("1,234,567", ["1234567"]),
]

pairs = [
    {
        "prediction": p,
        "gold": g,
        "normalizedPrediction": normalize(p),
        "exact": float(normalize(p) == normalize(g)),
        "squadF1": squad1_f1(p, g),
        "squad2F1": squad2_f1(p, g),
        "hotpotF1": hotpot_f1(p, g)[0],
        "hotpotPrecision": hotpot_f1(p, g)[1],
        "hotpotRecall": hotpot_f1(p, g)[2],
        "rulerPart": ruler_part(p, [g]),
    }
    for p, g in PAIRS
]
references = [
    {"prediction": p, "references": r, "all": ruler_all(p, r), "part": ruler_part(p, r)} for p, r in REFERENCES
]
OUT.parent.mkdir(parents=True, exist_ok=True)
OUT.write_text(json.dumps({"pairs": pairs, "references": references}, ensure_ascii=True, indent=0) + "\n")
print(len(pairs), "pairs,", len(references), "reference lists")
