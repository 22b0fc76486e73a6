"""The registry's configuration file: the text of `storage_config`, and the listen address.

The text of the option is copied, not parsed and written again: the registry reads YAML 1.2, while
Python's library reads YAML 1.1, in which `0123` is an octal number and `no` is a boolean.
"""

import json
import re
import textwrap

import yaml

from charms.aar.v0.program_charm import Blocked, host_and_port

SECTION = "storage"
DEFAULT_PORT = 3000


def normalized(text: str) -> str:
    """Return the text of `storage_config` in block style, with the key `storage` unquoted."""
    root = _mapping(text)
    if root.start_mark.column:
        text = textwrap.dedent(text)
        root = _mapping(text)
    return _in_lines(text, root) if root.flow_style else _unquoted(text, root)


def with_address(text: str, host: str, port: int) -> str:
    """Append the listen address to the text of a storage section.

    The text comes first, so that it has the same line numbers in the file.
    """
    end = "" if text.endswith("\n") else "\n"
    return f"{text}{end}http:\n  addr: {json.dumps(host_and_port(host, port))}\n"


def address_in(text: str) -> tuple[str, int]:
    """Return the host and port in a configuration file; no host means every address."""
    try:
        file = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it creates strings only
        host, _, port = file["http"]["addr"].rpartition(":")
        return host.strip("[]"), int(port)
    except (yaml.YAMLError, KeyError, TypeError, ValueError):
        return "", DEFAULT_PORT


def error_about(source: str, message: str, file: str) -> str:
    """Turn an error of the registry about a file into one about the source of the file."""
    found = re.match(rf".*?{re.escape(file)}(?::(\d+))?:? ?(.*)", message, re.DOTALL)
    if found is None:
        return f"{source}: {message}"
    line, reason = found.groups()
    return f"{source}, line {line}: {reason}" if line else f"{source}: {reason}"


def _mapping(text: str) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        where = f" in line {mark.line + 1}" if mark else ""
        raise Blocked(f"storage_config is not YAML{where}") from error
    if isinstance(root, yaml.MappingNode) and any(key.value == SECTION for key, _ in root.value):
        return root
    raise Blocked("storage_config needs the top-level key 'storage'")


def _in_lines(text: str, root: yaml.MappingNode) -> str:
    """Convert a flow mapping, with each key on a line of its own."""
    pairs = [(key.value, _text_of(text, value)) for key, value in root.value]
    return "".join(f"{key}: {textwrap.indent(value, '  ').strip()}\n" for key, value in pairs)


def _unquoted(text: str, root: yaml.MappingNode) -> str:
    """Remove quotes from the key `storage`: the registry's commands edit the unquoted key."""
    key = next(key for key, _ in root.value if key.value == SECTION)
    return text[: key.start_mark.index] + SECTION + text[key.end_mark.index :]


def _text_of(text: str, node: yaml.Node) -> str:
    return text[node.start_mark.index : node.end_mark.index]
