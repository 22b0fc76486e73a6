"""The text of the registry's configuration file: `storage_config` as it was written, and the rest.

What somebody wrote goes into the file as the text that it is. The registry reads another version of
YAML than Python's library, in which `0123` is a number and `no` is a truth value; so nothing here
asks what a value means.
"""

import json
import re
import textwrap

import yaml

from charms.aar.v0.program_charm import Blocked, host_and_port

SECTION = "storage"
DEFAULT_PORT = 3000


def written(text: str) -> str:
    """What somebody wrote into `storage_config`, with the key `storage` as plain as can be."""
    root = _mapping(text)
    if root.start_mark.column:
        text = textwrap.dedent(text)
        root = _mapping(text)
    return _in_lines(text, root) if root.flow_style else _unquoted(text, root)


def with_address(text: str, host: str, port: int) -> str:
    """The file: a text of this module, and where the registry listens.

    The text comes first, so that a line of the file is the same line of the text.
    """
    end = "" if text.endswith("\n") else "\n"
    return f"{text}{end}http:\n  addr: {json.dumps(host_and_port(host, port))}\n"


def address_in(text: str) -> tuple[str, int]:
    """Where a registry with this file listens; the host is empty for every address."""
    try:
        file = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but text
        host, _, port = file["http"]["addr"].rpartition(":")
        return host.strip("[]"), int(port)
    except (yaml.YAMLError, KeyError, TypeError, ValueError):
        return "", DEFAULT_PORT


def complaint(message: str, file: str, source: str) -> str:
    """What the registry says of a file, told of what the file was made from."""
    found = re.match(rf".*?{re.escape(file)}(?::(\d+))?:? ?(.*)", message, re.DOTALL)
    if found is None:
        return f"{source}: {message}"
    line, rest = found.groups()
    return f"{source}, line {line}: {rest}" if line else f"{source}: {rest}"


def _mapping(text: str) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        where = f" in line {mark.line + 1}" if mark else ""
        raise Blocked(f"storage_config is not YAML{where}") from error
    if isinstance(root, yaml.MappingNode) and any(key.value == SECTION for key, _ in root.value):
        return root
    raise Blocked("storage_config needs the key 'storage' at its top")


def _in_lines(text: str, root: yaml.MappingNode) -> str:
    """A mapping in braces, with each of its keys on a line of its own."""
    pairs = [(key.value, _text_of(text, value)) for key, value in root.value]
    return "".join(f"{key}: {textwrap.indent(value, '  ').strip()}\n" for key, value in pairs)


def _unquoted(text: str, root: yaml.MappingNode) -> str:
    """The same text; commands of the registry look for the key without quotes."""
    key = next(key for key, _ in root.value if key.value == SECTION)
    return text[: key.start_mark.index] + SECTION + text[key.end_mark.index :]


def _text_of(text: str, node: yaml.Node) -> str:
    return text[node.start_mark.index : node.end_mark.index]
