"""Every code block of the package's pages runs, and every message in them is one that the code reads."""

import json
import re
from pathlib import Path

import msgspec
import pytest

import lkas.integration.zmq
from lkas.integration.zmq import Ports, messages
from lkas.integration.zmq.ports import free_port_base
from tests.support.stack import ROOT

PAGES = (Path(lkas.integration.zmq.__file__).parent / "README.md", ROOT / "docs" / "broker.md")
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
JSON = [line for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
TOPICS = {
    "frame": messages.FrameHeader,
    "detection": messages.Detection,
    "control": messages.Control,
    "state": messages.State,
    "health": messages.Health,
    "parameters": messages.Parameters,
    "event": messages.BroadcastEvent,
}


def test_all_blocks_were_found():
    assert len(PYTHON) == 4
    assert {json.loads(line).get("type") for line in JSON} >= set(messages.TOPICS) == set(TOPICS)


@pytest.mark.parametrize("block", PYTHON)
def test_python_blocks_run(block, monkeypatch):
    monkeypatch.setattr(Ports.__init__, "__defaults__", (free_port_base(), "127.0.0.1"))
    exec(block, {})


@pytest.mark.parametrize("line", JSON)
def test_messages_are_valid(line):
    message = json.loads(line)
    if "type" in message:
        kind = TOPICS[message["type"]]
    elif "action" in message:
        kind = messages.ActionRequest
    elif "category" in message:
        kind = messages.ParameterRequest
    else:
        kind = messages.Ack
    decoded = msgspec.json.decode(line, type=kind)
    assert message.keys() - {"type"} <= set(decoded.__struct_fields__)
