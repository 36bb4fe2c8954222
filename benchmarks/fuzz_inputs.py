"""Odd inputs for `benchmarks/fuzz.py`: values that nobody should write, files of which bytes or keys are wrong."""

import copy
import datetime
import gzip
import json
from pathlib import Path
from typing import Any

import h5py
import nibabel as nib
import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from neuroquant.store.trust import text_of

Random = np.random.Generator
SIDES, MM = (20, 22, 18), 7.0
NUMBERS = [0, -0.0, 1, -1, 2, 0.5, 1e-300, 1e200, 1e30, -1e30, 2**15, 2**31, 2**63, 10**400, float("nan"), float("inf")]
TEXTS = [
    "", " ", "..", ".", "/", "/etc/passwd", "../../x", "a\0b", "a\nb", "a\tb", "x" * 300, "x" * 20_000, "\ud800",
    "\u202e", "é", "$x^{$", "|", "{subject}", "{x}", "{}", "%s", "$HOME", "~", "*", "true", "none", "null", "1.0",
    "1e5", "-999", "n/a", "2020-01-01", "<script>", "'", '"', "\\", "`", "#", "---", "!!python/object:os.system",
    "&a *a", "{{", "}}",
]  # fmt: skip
PLAIN = [None, True, False, [], {}, [[]], [None], {"": ""}, {"a": {"b": {}}}, [0] * 1000, *NUMBERS, *TEXTS]
NOT_JSON = [datetime.date(2020, 1, 1), {1: 2}, {None: 0}, b"bytes"]
HEADER_VALUES = [0, 1, -1, 2, 3, 4, 7, 8, 16, 255, 256, 348, 352, 32767, -32768, 1e-45, 1e-3, 1e10, 1e38, float("nan")]


def pick(random: Random, values: list[Any]) -> Any:
    """One of them, as it is: numpy's `choice` would turn lists into arrays."""
    return values[int(random.integers(len(values)))]


def head(random: Random) -> tuple[np.ndarray, np.ndarray]:
    """T1w and T2w of one skull-stripped head, int16 (20, 22, 18)."""
    grid = np.indices(SIDES) - (np.array(SIDES)[:, None, None, None] - 1) / 2
    radius = np.sqrt((grid**2).sum(0)) / 7.5
    noise = random.normal(0, 40, SIDES)
    lopsided = 150 * np.sin(grid[0] / 3 + grid[1] / 5)
    brain = radius < 1
    return tuple(
        np.where(brain, np.clip(level + noise + sign * lopsided, 30, None), 0).astype(np.int16)
        for level, sign in ((900 - 300 * radius, 1), (400 + 300 * radius, -1))
    )


def save(path: Path, data: np.ndarray, kind: type = nib.Nifti1Image) -> bytes:
    """Write a NIfTI with both forms set; returns its bytes before compression."""
    image = kind(data, np.diag([MM, MM, MM, 1.0]))
    image.set_sform(image.affine, 1)
    image.set_qform(image.affine, 1)
    raw = image.to_bytes()
    write(path, raw)
    return raw


def write(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(raw, 1) if path.suffix == ".gz" else raw)


def spoilt_nifti(random: Random, raw: bytes, two: bool) -> tuple[bytes, str]:
    """The bytes of a NIfTI with one or two things wrong, and which."""
    done = []
    for _ in range(int(random.integers(1, 3))):
        how = pick(random, ["field", "field", "field", "field", "flip", "cut", "more", "swap", "voxels"])
        size = 540 if two else 348
        if how == "field":
            header = (nib.Nifti2Header if two else nib.Nifti1Header)(raw[:size], check=False)
            name = pick(random, [n for n in header.template_dtype.names if header[n].dtype.kind in "iuf"])
            value = pick(random, HEADER_VALUES)
            field = header[name]
            place = int(random.integers(field.size)) if field.ndim else None
            with np.errstate(all="ignore"):
                cast = np.asarray(0 if value != value and field.dtype.kind in "iu" else value).astype(field.dtype)
            if place is None:
                header[name] = cast
            else:
                field[place] = cast
            raw = header.binaryblock + raw[size:]
            how = f"{name}[{place}] = {value}" if place is not None else f"{name} = {value}"
        elif how == "flip":
            place = int(random.integers(size + 4))  # a voxel that is another number is no fault to see
            raw = raw[:place] + bytes([raw[place] ^ (1 << int(random.integers(8)))]) + raw[place + 1 :]
            how = f"bit of byte {place}"
        elif how == "cut":
            raw = raw[: int(random.integers(len(raw)))]
            how = f"cut to {len(raw)}"
        elif how == "more":
            raw = raw + bytes(int(random.integers(1, 1000)))
            how = "more bytes"
        elif how == "swap":
            even = size + 4 + (len(raw) - size - 4) // 2 * 2
            raw = raw[: size + 4] + np.frombuffer(raw[size + 4 : even], "<i2").byteswap().tobytes()
            how = "voxels byte-swapped"
        elif how == "voxels":
            raw = raw[: size + 4] + bytes(len(raw) - size - 4)
            how = "voxels zero"
        done.append(how)
        if len(raw) < size + 16:
            break
    return raw, ", ".join(done)


def places(tree: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values in a tree of mappings and lists, the root's excepted."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path for key, value in items for path in ((*here, key), *places(value, (*here, key)))]


def spoilt_tree(random: Random, tree: Any, odd: list[Any]) -> tuple[Any, str]:
    """A copy of a tree of which one to three values are replaced, removed, renamed, wrapped or nested."""
    tree, done = copy.deepcopy(tree), []
    for _ in range(int(pick(random, [1, 1, 1, 2, 3]))):
        known = places(tree)
        if not known:
            break
        *way, key = pick(random, known)
        owner = tree
        for step in way:
            owner = owner[step]
        how = pick(random, ["replace", "replace", "replace", "remove", "rename", "wrap", "nest", "twice"])
        if how == "replace":
            owner[key] = copy.deepcopy(pick(random, odd))
        elif how == "remove":
            del owner[key]
        elif how == "rename" and isinstance(owner, dict):
            owner[pick(random, TEXTS)] = owner.pop(key)
        elif how == "wrap":
            owner[key] = [owner[key]] if random.random() < 0.5 else {"a": owner[key]}
        elif how == "twice":
            owner[key] = [owner[key]] * int(pick(random, [2, 3, 1000]))
        else:
            for _ in range(int(pick(random, [5, 40, 100]))):
                owner[key] = [owner[key]]
        done.append(f"{how} {'.'.join(map(str, (*way, key)))}")
    return tree, ", ".join(done)


def spoilt_bytes(random: Random, raw: bytes) -> tuple[bytes, str]:
    """Bytes of a file of which some are changed, removed, put in or repeated."""
    how, place = pick(random, ["flip", "flip", "cut", "put", "repeat", "zero"]), int(random.integers(max(len(raw), 1)))
    if how == "flip":
        raw = bytearray(raw)
        for _ in range(int(pick(random, [1, 4, 32]))):
            raw[int(random.integers(len(raw)))] ^= 1 << int(random.integers(8))
        return bytes(raw), how
    piece = random.bytes(int(pick(random, [1, 8, 100])))
    if how == "zero":
        return raw[:place] + bytes(len(piece)) + raw[place + len(piece) :], f"zero at {place}"
    if how == "repeat":
        return raw[:place] + raw[place : place + 100] * 20 + raw[place:], f"repeat at {place}"
    return (raw[:place], f"cut to {place}") if how == "cut" else (raw[:place] + piece + raw[place:], f"put at {place}")


def spoilt_table(random: Random, rows: list[list[str]]) -> tuple[bytes, str]:
    """A table as bytes of which cells, rows, columns, separators or the encoding are odd."""
    rows, done = [list(row) for row in rows], []
    separator, encoding, end = "\t", "utf-8", "\n"
    numbers = ["1.0", "007", "0", "-1", "30,5", "22-25", "36+", "1e999", "nan", "9"]
    cells = [*TEXTS, *numbers, "sub-01", "SUB-01", "F ", "weiblich"]
    ways = ["cell", "cell", "cell", "row", "drop", "column", "short", "separator", "encoding", "end", "empty"]
    for _ in range(int(random.integers(1, 5))):
        how = pick(random, ways)
        row = pick(random, rows)
        if how == "cell" and row:
            row[int(random.integers(len(row)))] = pick(random, cells)
        elif how == "row":
            rows.append(list(row))
        elif how == "drop":
            rows.remove(row)
        elif how == "column":
            column = int(random.integers(4))
            rows = [[cell for place, cell in enumerate(each) if place != column] for each in rows]
        elif how == "short":
            del row[int(random.integers(len(row) + 1)) :]
        elif how == "separator":
            separator = pick(random, [",", ";", " ", "|", "\t\t"])
        elif how == "encoding":
            encoding = pick(random, ["utf-8-sig", "utf-16", "latin-1", "utf-32"])
        elif how == "end":
            end = pick(random, ["\r\n", "\r", "\n\n", "\0\n"])
        elif how == "empty":
            rows = []
        done.append(how)
        if not rows:
            break
    text = end.join(separator.join(row) for row in rows) + end
    raw = text.encode(encoding, "replace" if encoding == "latin-1" else "surrogatepass")
    if random.random() < 0.2:
        raw, more = spoilt_bytes(random, raw or b" ")
        done.append(more)
    return raw, ", ".join(done)


def as_json(value: Any) -> str:
    """JSON, with the NaN and Infinity that Python's writes; what isn't JSON becomes text."""
    return json.dumps(value, default=str)


def frame(rows: list[dict[str, str]]) -> pd.DataFrame:
    """A table as `sessions.tsv` has it; without rows too."""
    return pd.DataFrame(rows, columns=["subject", "family", "sex"])


def spoilt_weights(random: Random, path: Path) -> str:
    """Weights with a tensor that is missing, too many, of another shape or type, or holds what is no number."""
    state = load_file(path)
    name = pick(random, sorted(state))
    how = pick(random, ["missing", "more", "shape", "type", "value"])
    if how == "missing":
        del state[name]
    elif how == "more":
        state["more"] = torch.zeros(3)
    elif how == "shape":
        state[name] = torch.zeros(2, 2)
    elif how == "type":
        state[name] = state[name].to(pick(random, [torch.int64, torch.bool, torch.float16, torch.float64]))
    elif state[name].is_floating_point():
        state[name].view(-1)[:1] = pick(random, [float("nan"), float("inf"), 3e38, -1e30])
    save_file(state, path)
    return f"{how} {name}"


def spoilt_tokens(random: Random, path: Path, which: str) -> str:
    """Tokens whose list of records or arrays are odd; a list of a subject's name, which leads elsewhere, among them."""
    with h5py.File(path, "r+") as file:
        if which == "records":
            records = json.loads(text_of(file, "records"))
            tree, what = spoilt_tree(random, records, PLAIN)
            if random.random() < 0.3:
                tree, what = records, "a name"
                tree[0][pick(random, ["subject", "session", "modality"])] = pick(random, TEXTS)
            del file["records"]
            file["records"] = np.frombuffer(as_json(tree).encode("utf-8", "surrogatepass"), np.uint8)
            return what
        name = pick(random, sorted(file["arrays"]))
        array = file["arrays"][name][()]
        how = pick(random, ["value", "value", "shape", "type", "link", "outside", "missing", "rows"])
        del file["arrays"][name]
        if how == "value":
            with np.errstate(all="ignore"):
                value = np.asarray(pick(random, [0, 9, 1e38, np.nan, np.inf, -1])).astype(array.dtype)
                array.flat[int(random.integers(array.size))] = value
            file["arrays"][name] = array
        elif how == "shape":
            file["arrays"][name] = array[..., :1]
        elif how == "type":
            file["arrays"][name] = array.astype(pick(random, ["f8", "i1", "c8", "S3", "?"]))
        elif how == "rows":
            file["arrays"][name] = np.concatenate([array, array])
        elif how == "link":
            file["arrays"][name] = h5py.ExternalLink(str(path), "/records")
        elif how == "outside":
            file["arrays"].create_dataset(name, array.shape, array.dtype, external=[("/etc/passwd", 0, array.nbytes)])
        return f"{how} {name}"
