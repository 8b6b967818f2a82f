"""crosscourse: what doit lacks to build a distribution for machines that upstream does not ship for.

This package knows nothing of any release, target or component; see ``tasks`` for the stages
and ``releases/*.toml`` for what is built.
"""

__version__ = "0.1.0"
