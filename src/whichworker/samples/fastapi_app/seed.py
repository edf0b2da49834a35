"""Create the tables and their rows; done again, it changes nothing."""

import json

from roost import PROJECT
from roost.databases import make_engine
from roost.tables import Base, Bird, ClownCollege, Troupe
from sqlalchemy import select
from sqlalchemy.orm import Session


def rows(path):
    return json.loads((PROJECT / path).read_text(encoding="utf-8"))


def seed(session, model, found):
    if session.scalars(select(model).limit(1)).first() is None:
        session.add_all(model(id=number, **row) for number, row in enumerate(found, start=1))
        session.flush()


def main():
    engine = make_engine()
    Base.metadata.create_all(engine)
    circus = rows("circus/rows.json")
    with Session(engine) as session:
        seed(session, Bird, rows("aviary/birds.json"))
        seed(session, ClownCollege, circus["colleges"])
        seed(session, Troupe, circus["troupes"])
        session.commit()
    engine.dispose()


if __name__ == "__main__":
    main()
