#!/usr/bin/env python3
"""Keeps what a stopped `overseer up` wrote: record.py DATA_DIR TARGET_DIR, with `overseer facts -o json` as input.

Each SQLite database becomes an SQL text, and what the outboxes hold becomes events.json: one entry for each event as the
bus carried it. Facts are in no outbox: they are one batch more.
"""

import json
import pathlib
import sqlite3
import sys

data, target = map(pathlib.Path, sys.argv[1:3])
events = []
for file in sorted(data.glob("*.db")):
    database = sqlite3.connect(file)
    (target / f"{file.stem}.sql").write_text("\n".join(database.iterdump()) + "\n")
    columns = "id, kind, site, ordering_key, at, trace, data"
    names = ["id", "kind", "site", "key", "at", "trace", "data"]
    events += [dict(zip(names, row)) for row in database.execute(f"SELECT {columns} FROM outbox ORDER BY id")]
collector = sqlite3.connect(data / "collector.db")
(epoch,) = collector.execute("SELECT value FROM store_state WHERE name = 'epoch'").fetchone()
facts = sorted(json.load(sys.stdin)["facts"], key=lambda fact: int(fact["sequence"]))
batch = {"epoch": epoch, "facts": facts}
# The place of a batch among the other events is nobody's matter; its id is one of a kind.
name = "evt_00000000-0000-7000-8000-000000000000"
at = collector.execute("SELECT max(recorded_at) FROM facts").fetchone()[0]
events.append(dict(id=name, kind="overseer.fact.batch", site=facts[0]["resource"]["site"], key="facts", at=at, trace=None,
                   data=json.dumps(batch)))
events.sort(key=lambda event: event["id"])
(target / "events.json").write_text(json.dumps(events, indent=1) + "\n")
print(f"{len(events)} events of {len({event['kind'] for event in events})} kinds")
