"""The tables of the store, version 4. Nothing but SQL."""

STORE_VERSION = 4

_PLACED = (
    # Where a scored field lies; islands have coordinates of their own, see imaging.slide_map.
    """CREATE TABLE placed (
        field INTEGER PRIMARY KEY REFERENCES field,
        {slide} TEXT NOT NULL,
        number INTEGER NOT NULL,       -- from 0, in the order of the scan
        island INTEGER NOT NULL,       -- at the time; 0: the stage's
        x_um REAL NOT NULL,            -- of its centre, on its island
        y_um REAL NOT NULL,
        detail REAL NOT NULL,
        thumbnail BLOB NOT NULL,       -- JPEG, see imaging.thumbnail
        UNIQUE ({slide}, number)
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

_SAMPLE = """CREATE TABLE sample (
        id TEXT PRIMARY KEY,
        accession TEXT NOT NULL,       -- pseudonymous
        kind TEXT NOT NULL CHECK (kind IN ('sample', 'negative_control')),
        life TEXT NOT NULL,            -- see daemon.life
        planned_ns INTEGER NOT NULL,
        preparation TEXT NOT NULL,
        stain TEXT NOT NULL,
        objective TEXT NOT NULL,
        um_per_px REAL,                -- NULL: as every field states it
        operator TEXT NOT NULL,
        machine TEXT NOT NULL,         -- JSON of wire.SampleSummary when the scan was over, '' before
        reviewed TEXT NOT NULL         -- JSON of wire.ReviewedResult, '' before a review
    ) STRICT"""

_SLIDE = """CREATE TABLE slide (
        id TEXT PRIMARY KEY,
        sample TEXT NOT NULL REFERENCES sample,
        number INTEGER NOT NULL,       -- from 1
        state TEXT NOT NULL CHECK (state IN ('scanning', 'paused', 'closing', 'complete', 'incomplete')),
        started_ns INTEGER NOT NULL,
        stopped_ns INTEGER,
        model TEXT NOT NULL,           -- JSON of wire.Model
        settings TEXT NOT NULL,        -- JSON of config.Settings
        preprocessing TEXT NOT NULL,   -- sha256 of how crops are made
        software TEXT NOT NULL,
        colour TEXT NOT NULL,          -- JSON of imaging.SlideColour after the last committed field
        uncalibrated TEXT NOT NULL,    -- why its scale cannot be relied on, '' if it can
        simulated INTEGER NOT NULL,    -- 1: a program drew its fields
        UNIQUE (sample, number)
    ) STRICT"""

# One slide at a time on one microscope.
_OPEN_SLIDE = "CREATE UNIQUE INDEX open_slide ON slide ((1)) WHERE state IN ('scanning', 'paused', 'closing')"

_RECORDS = (
    """CREATE TABLE review (               -- what a reviewer did to one head; only ever added to
        number INTEGER PRIMARY KEY,
        sample TEXT NOT NULL REFERENCES sample,
        field INTEGER NOT NULL,
        head INTEGER NOT NULL,
        at_ns INTEGER NOT NULL,
        actor TEXT NOT NULL,
        old TEXT NOT NULL CHECK (old IN ('bound', 'unbound', 'excluded')),
        new TEXT NOT NULL CHECK (new IN ('bound', 'unbound', 'excluded')),
        reason TEXT NOT NULL,
        FOREIGN KEY (field, head) REFERENCES head
    ) STRICT""",
    "CREATE INDEX review_of_sample ON review (sample)",
    """CREATE TABLE signature (
        sample TEXT NOT NULL REFERENCES sample,
        slide INTEGER NOT NULL,        -- its number; 0: the whole sample
        version INTEGER NOT NULL,      -- from 1; an amended sample is signed anew
        at_ns INTEGER NOT NULL,
        signer TEXT NOT NULL,
        meaning TEXT NOT NULL,
        PRIMARY KEY (sample, slide, version)
    ) STRICT""",
    """CREATE TABLE seal (                 -- sha256 of each part of a signed sample
        sample TEXT NOT NULL REFERENCES sample,
        part TEXT NOT NULL,
        digest BLOB NOT NULL,
        PRIMARY KEY (sample, part)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE person (
        name TEXT PRIMARY KEY,
        salt BLOB NOT NULL,
        secret BLOB NOT NULL           -- scrypt of what only they know
    ) STRICT""",
    """CREATE TABLE control (
        number INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('negative_control', 'self_test')),
        at_ns INTEGER NOT NULL,
        source TEXT NOT NULL,          -- sample, or folder of the reference slide
        model TEXT NOT NULL,           -- sha256 of the bundle
        k INTEGER NOT NULL,
        n INTEGER NOT NULL,
        passed INTEGER NOT NULL,
        words TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE audit (                -- the trail, see daemon.trail
        number INTEGER PRIMARY KEY,    -- from 1, without a gap
        entry TEXT NOT NULL,           -- canonical JSON
        hash BLOB NOT NULL             -- sha256 of the hash before and the entry
    ) STRICT""",
    "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the trail is never changed'); END",
    "CREATE TRIGGER audit_lasts BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the trail is never cut'); END",
    "CREATE TRIGGER review_stays BEFORE UPDATE ON review BEGIN SELECT RAISE(ABORT, 'a review is never changed'); END",
    "CREATE TRIGGER review_lasts BEFORE DELETE ON review BEGIN SELECT RAISE(ABORT, 'a review is never cut'); END",
)

SINCE = {
    1: (
        *(table.format(slide="sample") for table in _PLACED),
        "ALTER TABLE head ADD COLUMN sharpness REAL",
        "ALTER TABLE head ADD COLUMN known INTEGER",
    ),
    2: (
        "ALTER TABLE sample ADD COLUMN uncalibrated TEXT NOT NULL "
        "DEFAULT 'the sample is older than the record of calibrations'",
    ),
    3: (
        "ALTER TABLE sample RENAME TO slide",
        "DROP INDEX open_sample",
        _SAMPLE,
        "INSERT INTO sample SELECT id, accession, 'sample', "
        "iif(state IN ('scanning', 'closing'), 'scanning', 'machine_result'), started_ns, 'not recorded', "
        "'not recorded', 'not recorded', NULL, 'not recorded', '', '' FROM slide ORDER BY rowid",
        _SLIDE.replace("CREATE TABLE slide", "CREATE TABLE slide_now"),
        "INSERT INTO slide_now SELECT id, id, 1, state, started_ns, stopped_ns, model, settings, preprocessing, "
        "software, colour, uncalibrated, 0 FROM slide ORDER BY rowid",
        "DROP TABLE slide",
        "ALTER TABLE slide_now RENAME TO slide",
        _OPEN_SLIDE,
        *(
            f"ALTER TABLE {table} RENAME COLUMN sample TO slide"
            for table in ("session", "loss", "field", "placed")
        ),
        "DROP INDEX field_of_sample",
        "CREATE INDEX field_of_slide ON field (slide, session)",
        *_RECORDS,
    ),
}
"""What brings a store of each earlier version to the next."""

TABLES = (
    "CREATE TABLE identity (store TEXT NOT NULL) STRICT",
    _SAMPLE,
    _SLIDE,
    _OPEN_SLIDE,
    """CREATE TABLE session (
        slide TEXT NOT NULL REFERENCES slide,
        session TEXT NOT NULL,         -- one life of the camera process
        captured INTEGER NOT NULL,
        PRIMARY KEY (slide, session)
    ) STRICT""",
    """CREATE TABLE loss (
        slide TEXT NOT NULL,
        session TEXT NOT NULL,
        stage TEXT NOT NULL,
        frames INTEGER NOT NULL,
        PRIMARY KEY (slide, session, stage),
        FOREIGN KEY (slide, session) REFERENCES session
    ) STRICT""",
    """CREATE TABLE field (
        id INTEGER PRIMARY KEY,
        slide TEXT NOT NULL,
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
        FOREIGN KEY (slide, session) REFERENCES session
    ) STRICT""",
    "CREATE INDEX field_of_slide ON field (slide, session)",
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
        known INTEGER,                 -- which head of the slide, of classified heads
        PRIMARY KEY (field, number)
    ) STRICT, WITHOUT ROWID""",
    *(table.format(slide="slide") for table in _PLACED),
    *_RECORDS,
)
