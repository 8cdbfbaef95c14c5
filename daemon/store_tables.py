"""The tables of the store, version 1. Nothing but SQL."""

STORE_VERSION = 1

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
        colour TEXT NOT NULL           -- JSON of imaging.SlideColour after the last committed field
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
        slide_x_um REAL,
        slide_y_um REAL,
        angle_deg REAL NOT NULL,
        area_um2 REAL NOT NULL,
        reason TEXT NOT NULL,          -- '' if classified
        p REAL,                        -- P(ZP-binding) of classified heads
        bound INTEGER,
        outline BLOB NOT NULL,         -- int16 little-endian, (x, y) in pixels of the field
        crop BLOB,                     -- PNG, 128 x 128 grey, of classified heads
        PRIMARY KEY (field, number)
    ) STRICT, WITHOUT ROWID""",
)
