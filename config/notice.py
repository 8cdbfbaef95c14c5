"""The sentence that stands on every screen, report, export and answer. Nothing takes it away."""

NOTICE = "For Research Use Only. Not for use in diagnostic procedures."
