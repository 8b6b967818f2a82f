"""Garbage is collected late while memory is free, and never at the price of memory that there isn't."""

import pytest

from toolchains.go_memory import go_memory_settings


@pytest.mark.parametrize(
    ("grant", "processes", "expected"),
    [
        (24576, 2, {"GOGC": "off", "GOMEMLIMIT": "8192MiB"}),
        (6144, 2, {"GOGC": "off", "GOMEMLIMIT": "2048MiB"}),
        (6143, 2, {"GOGC": "400", "GOMEMLIMIT": "2047MiB"}),
        (24576, 32, {"GOGC": "400", "GOMEMLIMIT": "1280MiB"}),
        (1536, 2, {"GOGC": "400", "GOMEMLIMIT": "1280MiB"}),
        (1535, 2, {"GOGC": "100", "GOMEMLIMIT": "off"}),
        (0, 1, {"GOGC": "100", "GOMEMLIMIT": "off"}),
    ],
)
def test_settings(grant: int, processes: int, expected: dict[str, str]) -> None:
    assert go_memory_settings(grant, processes) == expected


@pytest.mark.parametrize("processes", [1, 2, 4, 64])
def test_without_collection_all_processes_together_stay_in_the_grant(processes: int) -> None:
    for grant in range(0, 200_000, 997):
        settings = go_memory_settings(grant, processes)
        if settings["GOGC"] == "off":
            assert int(settings["GOMEMLIMIT"].removesuffix("MiB")) * (processes + 1) <= grant


def test_more_memory_never_means_more_collecting() -> None:
    ranks = [["100", "400", "off"].index(go_memory_settings(grant, 2)["GOGC"]) for grant in range(0, 16384, 64)]
    assert ranks == sorted(ranks)
    assert set(ranks) == {0, 1, 2}
