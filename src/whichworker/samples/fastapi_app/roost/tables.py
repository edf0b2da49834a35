"""Birds, colleges and troupes in SQLAlchemy: tables beside Django's in the same database."""

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """What `create_all` makes."""


class Bird(Base):
    """A bird, by its English name, family and largest wingspan."""

    __tablename__ = "roost_bird"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    family: Mapped[str] = mapped_column(String(30))
    wingspan_cm: Mapped[int]


class ClownCollege(Base):
    """Where one learns it."""

    __tablename__ = "roost_clowncollege"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    city: Mapped[str] = mapped_column(String(40))


class Troupe(Base):
    """Who travels together."""

    __tablename__ = "roost_troupe"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    members: Mapped[int]
    college_id: Mapped[int] = mapped_column(ForeignKey("roost_clowncollege.id"))
    college: Mapped[ClownCollege] = relationship()
