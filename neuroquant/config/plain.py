"""Plain data from YAML and JSON, bounded before anything is made of it: a file may say anything, and at any length."""

import datetime
import json
from pathlib import Path, PurePath
from typing import Any

import yaml

from neuroquant.errors import InputError

BYTES_MOST, DEPTH_MOST, VALUES_MOST, TEXT_MOST = 1_000_000, 30, 100_000, 10_000
"""Of a file, of mappings and lists in each other, of values in all (an anchor counts wherever it is used), of one text.

The largest configuration here has 20 KB, 7 levels and 900 values.
"""
NUMBER_MOST = 2**63 - 1
MERGED = 20
"""Mappings that one `<<` may name."""
CONTROL = {chr(code) for code in (*range(32), 127)} - {"\t", "\n"}
OUGHT = "a configuration of ordinary size and plain text"
UNPARSED = (yaml.YAMLError, ValueError, TypeError, RecursionError, MemoryError, OverflowError, AttributeError)
"""What PyYAML and json raise for text that they can't make sense of; UnicodeDecodeError is a ValueError."""


class Loader(yaml.SafeLoader):
    """PyYAML's, which refuses a key that stands twice, where it would take the last, and leaves dates as text."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node; keys that it takes over from another by `<<` may be set anew."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key in seen and key != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key `{key}` stands twice in one mapping; keep one of them", key_node.start_mark
                )
            seen.add(key if key is not None else id(key_node))
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Take over what `<<` names, as far as it isn't a bomb: PyYAML would copy it however often it stands there."""
        for key_node, value_node in node.value:
            if key_node.value == "<<" and isinstance(value_node, yaml.SequenceNode) and len(value_node.value) > MERGED:
                raise yaml.constructor.ConstructorError(None, None, f"more than {MERGED} mappings in one `<<`")
        super().flatten_mapping(node)
        if len(node.value) > VALUES_MOST:
            raise yaml.constructor.ConstructorError(None, None, f"more than {VALUES_MOST:,} keys by `<<`")


def parse_yaml(text: str) -> Any:
    """What a text says, as plain data.

    Raises
    ------
    One of UNPARSED
        If it isn't YAML, or a key stands twice.
    """
    return yaml.load(text, Loader)  # noqa: S506 - a SafeLoader


def read_text(path: Path) -> str:
    """The text of a small file.

    Raises
    ------
    InputError
        If it is a folder, can't be read, or is larger than any configuration.
    """
    try:
        with open(path, "rb") as file:
            raw = file.read(BYTES_MOST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(str(path), f"can't be read ({reason})", "a file", "correct the name or the path") from None
    if len(raw) > BYTES_MOST:
        raise InputError(str(path), f"more than {BYTES_MOST:,} bytes", OUGHT, "name a configuration") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"not text ({error})", "UTF-8", "name a configuration") from None


def read_json(path: Path) -> Any:
    """The plain data of a small JSON file, bounded.

    Raises
    ------
    InputError
        If it can't be read, isn't JSON, or isn't bounded.
    """
    text = read_text(path)
    try:
        value = json.loads(text)
    except UNPARSED as error:
        raise InputError(str(path), f"not JSON ({brief(error)})", "JSON", "name the file that was meant") from None
    return bounded(value, str(path))


def bounded(value: Any, where: str) -> Any:
    r"""The value itself, once it is known to be plain, of ordinary size and without a circle.

    Parameters
    ----------
    value : mappings, lists, text, numbers, booleans and None.
    where : names its origin in errors.

    Raises
    ------
    InputError
        If it nests too deeply, has too many values, a key that is no text, a text with control characters or of
        extraordinary length, or a number of more than 64 bits.

    Examples
    --------
    >>> bounded({"voxel_mm": 1.0}, "mine.yaml")
    {'voxel_mm': 1.0}
    >>> bounded({"title": "a\x00b"}, "mine.yaml")
    Traceback (most recent call last):
    neuroquant.errors.InputError: mine.yaml: title
      found:    a text with the control character '\x00'
      expected: a configuration of ordinary size and plain text
      to do:    correct or shorten it
    """
    waiting, count = [(value, "", 0)], 0
    while waiting:
        item, key, depth = waiting.pop()
        count += 1
        fault = _fault(item, depth, count)
        if fault:
            raise InputError(f"{where}: {key}" if key else where, fault, OUGHT, "correct or shorten it")
        if isinstance(item, dict):
            waiting += [(inner, f"{key}.{name}".lstrip("."), depth + 1) for name, inner in item.items()]
        elif isinstance(item, list | tuple):
            waiting += [(inner, f"{key}[{number}]", depth + 1) for number, inner in enumerate(item)]
    return value


def _fault(item: Any, depth: int, count: int) -> str:
    """What is wrong with one value, in words; empty where nothing is."""
    if depth > DEPTH_MOST:
        return f"more than {DEPTH_MOST} mappings or lists in each other (or a circle)"
    if count > VALUES_MOST:
        return f"more than {VALUES_MOST:,} values (anchors count wherever they are used)"
    if isinstance(item, dict):
        for key in item:
            if not isinstance(key, str | int | float | bool):
                return f"a key {brief(key)}, which is no text"
            if isinstance(key, str) and (fault := _text_fault(key)):
                return f"a key with {fault}"
        return ""
    if isinstance(item, str):
        return _text_fault(item)
    if isinstance(item, int) and not isinstance(item, bool) and abs(item) > NUMBER_MOST:
        return f"a number of {item.bit_length()} bits"
    if isinstance(item, bytes | set | datetime.date):
        return f"{brief(item)}, of type {type(item).__name__}"
    return ""


def _text_fault(text: str) -> str:
    if len(text) > TEXT_MOST:
        return f"a text of {len(text):,} characters"
    strange = next((sign for sign in text if sign in CONTROL or "\ud800" <= sign <= "\udfff"), None)
    return "" if strange is None else f"a text with the control character {ascii(strange)}"


def brief(value: Any) -> str:
    """A value, or the message of an error, in at most 200 characters on one line.

    Examples
    --------
    >>> brief(["a", 1])
    "['a', 1]"
    >>> len(brief("x" * 1000))
    203
    """
    try:
        text = " ".join((str(value) if isinstance(value, BaseException | PurePath) else repr(value)).split())
    except (ValueError, RecursionError):  # a number of more than 4,300 digits; a circle
        text = ""
    text = text or type(value).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."
