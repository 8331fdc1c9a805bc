"""What every instrumentor does; a framework's own says which application, which versions and which patches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from outworx_otel.integrations._inside import application_in
from outworx_otel.integrations._patch import Patch, Reach
from outworx_otel.setup.bootstrap import prepare


class Instrumentor(BaseInstrumentor):  # type: ignore[misc]  # the base is untyped
    """`instrument()` acts on every application.

    It takes `tracer_provider`, `meter_provider` and `endpoints`, as `outworx_otel.instrument` does.
    """

    framework: ClassVar[str]
    versions: ClassVar[str]
    """As pip writes them: `"flask >= 2.3"`."""
    reach: ClassVar[Reach]
    patches: ClassVar[Sequence[Patch]]

    def instrumentation_dependencies(self) -> Collection[str]:
        """The versions this was built for."""
        return (self.versions,)

    def _instrument(self, **kwargs: Any) -> None:
        prepare(where=f"{type(self).__name__}().instrument()", **kwargs)
        self.reach.open(self.framework)
        self.apply()

    def _uninstrument(self, **kwargs: Any) -> None:
        if self.reach.close(self.framework):
            for patch in self.patches:
                patch.remove()

    @classmethod
    def apply(cls) -> None:
        """Puts every patch in place."""
        for patch in cls.patches:
            patch.apply()


class ApplicationInstrumentor(Instrumentor):
    """The same, where a process may have several applications: `instrument_app(app)` acts on one."""

    application: ClassVar[type[Any]]

    @classmethod
    def instrument_app(cls, app: Any, **kwargs: Any) -> None:
        """Acts on one application; arguments as for `instrument`.

        Args:
            app: the application, or middleware round it.

        Raises:
            ConfigurationError: no application of this framework is found in `app`.
        """
        where = f"{cls.__name__}.instrument_app"
        prepare(strict=True, where=f"{where}()", **kwargs)
        cls.reach.add(application_in(app, cls.application, where))
        cls.apply()

    @classmethod
    def uninstrument_app(cls, app: Any) -> None:
        """Leaves one application alone again."""
        cls.reach.remove(application_in(app, cls.application, f"{cls.__name__}.uninstrument_app"))
