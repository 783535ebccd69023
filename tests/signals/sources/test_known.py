from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import DataError
from bot.signals.sources.known import Known


def test_what_is_known_is_on_disk(tmp_path: Path) -> None:
    known = Known(tmp_path / "known.json")
    known.add("pools", {"RENDER/1h": 100, "FET/1h": 50})
    known.add("pools", {"RENDER/1h": 90})
    known.add("prices", {})
    again = Known(tmp_path / "known.json")
    assert again.of("pools") == {"RENDER/1h": 100, "FET/1h": 50}
    assert again.of("prices") == {}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', '{"a": {"b": "x"}}', "[" * 100_000, '{"a": {"b": NaN}}'])
def test_a_damaged_record_is_refused_and_says_what_to_do(tmp_path: Path, text: str) -> None:
    file = tmp_path / "known.json"
    file.write_text(text)
    with pytest.raises(DataError, match=r"known.json: .*delete it") as caught:
        Known(file)
    assert "\n" not in str(caught.value)
