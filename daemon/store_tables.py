"""The tables of the store, version 3. Nothing but SQL."""

STORE_VERSION = 3

_PLACED = (
    # Where a scored field lies; islands have coordinates of their own, see imaging.slide_map.
    """CREATE TABLE placed (
        field INTEGER PRIMARY KEY REFERENCES field,
        sample TEXT NOT NULL,
        number INTEGER NOT NULL,       -- from 0, in the order of the scan
        island INTEGER NOT NULL,       -- at the time; 0: the stage's
        x_um REAL NOT NULL,            -- of its centre, on its island
        y_um REAL NOT NULL,
        detail REAL NOT NULL,
        thumbnail BLOB NOT NULL,       -- JPEG, see imaging.thumbnail
        UNIQUE (sample, number)
    ) STRICT""",
    """CREATE TABLE joined (             -- islands that a field showed to be one
        field INTEGER NOT NULL REFERENCES placed,
        island INTEGER NOT NULL,
        into_island INTEGER NOT NULL,
        x_um REAL NOT NULL,            -- from the coordinates of the one to those of the other
        y_um REAL NOT NULL,
        PRIMARY KEY (field, island)
    ) STRICT, WITHOUT ROWID""",
)

SINCE = {
    1: (
        *_PLACED,
        "ALTER TABLE head ADD COLUMN sharpness REAL",
        "ALTER TABLE head ADD COLUMN known INTEGER",
    ),
    2: (
        "ALTER TABLE sample ADD COLUMN uncalibrated TEXT NOT NULL "
        "DEFAULT 'the sample is older than the record of calibrations'",
    ),
}
"""What brings a store of each earlier version to the next."""

TABLES = (
    "CREATE TABLE identity (store TEXT NOT NULL) STRICT",
    """CREATE TABLE sample (
        id TEXT PRIMARY KEY,
        accession TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('scanning', 'closing', 'complete', 'incomplete')),
        started_ns INTEGER NOT NULL,
        stopped_ns INTEGER,
        model TEXT NOT NULL,           -- JSON of wire.Model
        settings TEXT NOT NULL,        -- JSON of config.Settings
        preprocessing TEXT NOT NULL,   -- sha256 of how crops are made
        software TEXT NOT NULL,
        colour TEXT NOT NULL,          -- JSON of imaging.SlideColour after the last committed field
        uncalibrated TEXT NOT NULL     -- why its scale cannot be relied on, '' if it can
    ) STRICT""",
    # One open sample on one microscope.
    "CREATE UNIQUE INDEX open_sample ON sample ((1)) WHERE state IN ('scanning', 'closing')",
    """CREATE TABLE session (
        sample TEXT NOT NULL REFERENCES sample,
        session TEXT NOT NULL,         -- one life of the camera process
        captured INTEGER NOT NULL,
        PRIMARY KEY (sample, session)
    ) STRICT""",
    """CREATE TABLE loss (
        sample TEXT NOT NULL,
        session TEXT NOT NULL,
        stage TEXT NOT NULL,
        frames INTEGER NOT NULL,
        PRIMARY KEY (sample, session, stage),
        FOREIGN KEY (sample, session) REFERENCES session
    ) STRICT""",
    """CREATE TABLE field (
        id INTEGER PRIMARY KEY,
        sample TEXT NOT NULL,
        session TEXT NOT NULL,
        number INTEGER NOT NULL,
        source TEXT NOT NULL,
        captured_ns INTEGER NOT NULL,
        device_ns INTEGER NOT NULL,
        stage_x_um REAL,
        stage_y_um REAL,
        um_per_px REAL NOT NULL,
        skip TEXT NOT NULL,            -- reason if the whole field was skipped, else ''
        UNIQUE (session, number),
        FOREIGN KEY (sample, session) REFERENCES session
    ) STRICT""",
    "CREATE INDEX field_of_sample ON field (sample, session)",
    """CREATE TABLE head (
        field INTEGER NOT NULL REFERENCES field,
        number INTEGER NOT NULL,       -- from 1, as in the label picture
        x_px REAL NOT NULL,
        y_px REAL NOT NULL,
        slide_x_um REAL,               -- in the coordinates of the field's island
        slide_y_um REAL,
        angle_deg REAL NOT NULL,
        area_um2 REAL NOT NULL,
        reason TEXT NOT NULL,          -- '' if classified and the best view of its head
        p REAL,                        -- P(ZP-binding) of classified heads
        bound INTEGER,
        outline BLOB NOT NULL,         -- int16 little-endian, (x, y) in pixels of the field
        crop BLOB,                     -- PNG, 128 x 128 grey, of classified heads
        sharpness REAL,
        known INTEGER,                 -- which head of the sample's slide, of classified heads
        PRIMARY KEY (field, number)
    ) STRICT, WITHOUT ROWID""",
    *_PLACED,
)
