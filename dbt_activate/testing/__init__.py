"""The promises that every destination keeps, as a test suite: for ours, and for yours.

Subclass `DestinationConformance` in a test module, name the destination, and give it a double of its tool
to look into: a `SandboxDouble` where the tool is a vendor of the sandbox, or a `ToolDouble` of your own::

    @pytest.fixture(scope="module")
    def sandbox():
        with Sandbox(AcmeSandbox()) as running:
            yield running


    class TestAcme(DestinationConformance):
        destination_class = Acme

        @pytest.fixture
        def double(self, sandbox):
            return SandboxDouble(sandbox, "acme", secret="token")
"""

from pkgutil import iter_modules

from dbt_activate.errors import ActivateError

try:
    import pytest
except ModuleNotFoundError:
    raise ActivateError(
        "The conformance suite needs pytest, which is not installed. "
        "Install it with: pip install 'dbt-activate[testing]'"
    ) from None

# Before they are imported: only then do their assertions explain themselves.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in iter_modules(__path__)))

from dbt_activate.testing.conformance import DestinationConformance  # noqa: E402
from dbt_activate.testing.double import RealAudience, ToolDouble, Trouble  # noqa: E402
from dbt_activate.testing.sandbox_double import SandboxDouble  # noqa: E402
from dbt_activate.testing.scene import Scene  # noqa: E402

__all__ = ["DestinationConformance", "RealAudience", "SandboxDouble", "Scene", "ToolDouble", "Trouble"]
