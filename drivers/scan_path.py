"""Where a scan puts its fields: a serpentine of overlapping rows."""

ROW_FIELDS = 20
"""Fields in a row before the stage turns back."""


def serpentine_um(number: int, width_um: float, height_um: float, overlap: float) -> tuple[float, float]:
    """Return the centre (x, y) in µm of the field of this number, from 0.

    A field is `width_um` by `height_um`; neighbours share `overlap` (0 to 1) of it, in x and in y.
    """
    row, place = divmod(number, ROW_FIELDS)
    column = place if row % 2 == 0 else ROW_FIELDS - 1 - place
    return column * width_um * (1 - overlap), row * height_um * (1 - overlap)
