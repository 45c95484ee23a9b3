"""The command over LoCoMo takes the file or the folder it is in, and says what to give in their place."""

import json
from pathlib import Path

import pytest

from tests.memory.locomo import FILES, conversations

TURN = {"speaker": "Ann", "dia_id": "D1:1", "text": "I keep bees."}
ONE = {
    "sample_id": "one",
    "conversation": {"session_1": [TURN], "session_1_date_time": "1:56 pm on 8 May, 2023"},
    "qa": [{"question": "What does Ann keep?", "category": 4, "evidence": ["D1:1"]}],
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_and_so_is_the_folder_it_is_in(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps([ONE]))
    [read] = conversations(file)
    assert (read.passages[0].text, read.questions[0].text) == ("I keep bees.", "What does Ann keep?")
    assert conversations(tmp_path) == [read]


@pytest.mark.parametrize("held", [None, b"[", b"{}x", b"[1]", b"[{}]", b"\xff", b'{"a": 1}'])
def test_what_holds_no_conversations_is_told_what_to_give(tmp_path: Path, held: bytes | None) -> None:
    if held is not None:
        (tmp_path / "conversations.json").write_bytes(held)
    with pytest.raises(SystemExit, match="LoCoMo"):
        conversations(tmp_path)
    with pytest.raises(SystemExit, match="give LoCoMo's JSON file"):
        conversations(tmp_path / "nowhere.json")
