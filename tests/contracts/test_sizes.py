"""No contract outgrows what the EVM deploys: a limit of our own below the limit of EIP-170, 24,576 bytes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bot.chain.artefacts import contracts_dir

MOST = 23_000  # bytes of runtime code


def runtime_sizes(contracts: Path) -> dict[str, int]:
    """Contract -> bytes of runtime code, for each that src/ can deploy. KeyError names one that is not built."""
    sizes: dict[str, int] = {}
    for source in sorted((contracts / "src").rglob("*.sol")):
        for name in re.findall(r"^contract (\w+)", source.read_text(encoding="utf-8"), re.MULTILINE):
            artefact = contracts / "out" / source.name / f"{name}.json"
            if not artefact.is_file():
                raise KeyError(f"{name} is not built: run `forge build` in contracts/")
            code = json.loads(artefact.read_text(encoding="utf-8"))["deployedBytecode"]["object"]
            sizes[name] = len(code.removeprefix("0x")) // 2
    return sizes


def too_large(sizes: dict[str, int]) -> list[str]:
    """Each contract above the limit, with its size."""
    return [f"{name}: {size:,} bytes of {MOST:,}" for name, size in sizes.items() if size > MOST]


def test_every_contract_fits() -> None:
    sizes = runtime_sizes(contracts_dir())
    assert {"Vault", "DecisionRegistry", "ComplianceRegistry"} <= set(sizes)
    assert min(sizes.values()) > 0
    assert too_large(sizes) == []


def test_a_contract_that_is_too_large_is_named_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "Fat.sol").write_text("abstract contract Base {}\ncontract Fat is Base {}\n", encoding="utf-8")
    with pytest.raises(KeyError, match="Fat is not built"):
        runtime_sizes(tmp_path)
    (tmp_path / "out" / "Fat.sol").mkdir(parents=True)
    code = {"deployedBytecode": {"object": "0x" + "00" * (MOST + 1)}}
    (tmp_path / "out" / "Fat.sol" / "Fat.json").write_text(json.dumps(code), encoding="utf-8")
    assert too_large(runtime_sizes(tmp_path)) == ["Fat: 23,001 bytes of 23,000"]
