"""What every group of settings is, and the one quantity that every camera has."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

UmPerPx = Annotated[float, Field(gt=0.02, lt=0.2)]
"""Scale of a picture."""


class Model(BaseModel):
    """A group of settings: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
