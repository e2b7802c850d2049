"""How far Hypothesis goes: a broken copy of the protocol need only be caught, not explained."""

from __future__ import annotations

import os

from hypothesis import Phase

PHASES = (
    (Phase.explicit, Phase.generate)
    if "DBT_ACTIVATE_NO_SHRINK" in os.environ
    else tuple(phase for phase in Phase if phase is not Phase.explain)
)
