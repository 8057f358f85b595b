"""The README's seed is one that works."""

import json
import re
from pathlib import Path

from marketo_simulator import Simulator

README = Path(__file__).parents[3] / "simulator" / "README.md"


def test_the_seed_in_the_readme_can_be_planted() -> None:
    blocks = re.findall(r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (seed,) = map(json.loads, blocks)
    simulator = Simulator(seed)
    dump = simulator.dump()
    assert [lead["id"] for lead in dump["leads"]] == [7, 8]
    assert dump["lists"][0]["folder"] == "/Lead Database/Europe/Group Lists/Campaigns"
    assert next(iter(simulator.faults)).code == "608"
