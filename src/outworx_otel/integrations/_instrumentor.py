"""What every instrumentor does; a framework's own says which application and which patches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from outworx_otel.integrations._inside import application_in
from outworx_otel.integrations._patch import Patch, Reach
from outworx_otel.setup.bootstrap import prepare, stay_away
from outworx_otel.setup.option_types import InstrumentorArguments, Unpack
from outworx_otel.setup.unguarded import SUPPORTED, outside_range


class Instrumentor(BaseInstrumentor):  # type: ignore[misc]  # the base is untyped
    """`instrument()` acts on every application.

    It takes `tracer_provider`, `meter_provider` and `endpoints`, as `outworx_otel.instrument` does.
    """

    framework: ClassVar[str]
    """Its distribution's name, a row of `unguarded.SUPPORTED`."""
    reach: ClassVar[Reach]
    patches: ClassVar[Sequence[Patch]]

    def instrumentation_dependencies(self) -> Collection[str]:
        """The versions this was built for."""
        return (f"{self.framework} {SUPPORTED[self.framework]}",)

    def instrument(self, **kwargs: Unpack[InstrumentorArguments]) -> None:
        """Acts on every application. OpenTelemetry's own look at the versions is left to ours, which says more."""
        super().instrument(**{**kwargs, "skip_dep_check": True})

    def _instrument(self, **kwargs: Any) -> None:
        prepare(where=f"{type(self).__name__}().instrument()", **kwargs)
        if self._stays_away():
            return
        self.reach.open(self.framework)
        self.apply()

    def _uninstrument(self, **kwargs: Any) -> None:
        if self.reach.close(self.framework):
            for patch in self.patches:
                patch.remove()

    @classmethod
    def _stays_away(cls) -> bool:
        """Whether the installed version is none that this was built for; says so."""
        why = outside_range(cls.framework)
        if why is not None:
            stay_away(cls.framework, why)
        return why is not None

    @classmethod
    def apply(cls) -> None:
        """Puts every patch in place."""
        for patch in cls.patches:
            patch.apply()


class ApplicationInstrumentor(Instrumentor):
    """The same, where a process may have several applications: `instrument_app(app)` acts on one."""

    application: ClassVar[type[Any]]

    @classmethod
    def instrument_app(cls, app: Any, **kwargs: Unpack[InstrumentorArguments]) -> None:
        """Acts on one application; arguments as for `instrument`.

        Args:
            app: the application, or middleware round it.

        Raises:
            ConfigurationError: no application of this framework is found in `app`.
        """
        where = f"{cls.__name__}.instrument_app"
        prepare(strict=True, where=f"{where}()", **kwargs)
        found = application_in(app, cls.application, where)
        if not cls._stays_away():
            cls.reach.add(found)
            cls.apply()

    @classmethod
    def uninstrument_app(cls, app: Any) -> None:
        """Leaves one application alone again."""
        cls.reach.remove(application_in(app, cls.application, f"{cls.__name__}.uninstrument_app"))
