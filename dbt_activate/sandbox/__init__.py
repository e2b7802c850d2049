"""A local server that behaves as the vendors' APIs do: to try things out, to test against, for CI."""

from dbt_activate.errors import ActivateError

try:
    from dbt_activate.sandbox.criteo import Client, Criteo, CriteoSettings
    from dbt_activate.sandbox.faults import Fault
    from dbt_activate.sandbox.server import Sandbox
except ModuleNotFoundError as error:
    if error.name not in ("starlette", "uvicorn", "h11"):
        raise
    raise ActivateError(
        f"The sandbox needs {error.name}, which is not installed. "
        "Install it with: pip install 'dbt-activate[sandbox]'"
    ) from None

__all__ = ["Client", "Criteo", "CriteoSettings", "Fault", "Sandbox"]
