"""The peer: an endpoint as the tutorials write it, FastAPI, pydantic and the SQLAlchemy ORM.

One row a fix in the columns a push of ours carries, one commit a request, on the same server.
"""

from __future__ import annotations

import os
from datetime import datetime

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import DateTime
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class FixRow(Base):
    __tablename__ = "orm_fix"

    id: Mapped[int] = mapped_column(primary_key=True)
    tag: Mapped[str]
    time: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    lon: Mapped[float]
    lat: Mapped[float]
    ground_speed_m_s: Mapped[float | None]


class FixIn(BaseModel):
    tag: str
    time: datetime
    lon: float
    lat: float
    ground_speed_m_s: float | None = None


class PushIn(BaseModel):
    fixes: list[FixIn]


class PushOut(BaseModel):
    stored: int


engine = create_async_engine(os.environ["ORM_URL"], pool_size=8, max_overflow=0)
sessions = async_sessionmaker(engine)
app = FastAPI()


@app.get("/ready")
async def ready() -> PushOut:
    async with engine.begin() as conn:
        await conn.run_sync(Base.metadata.create_all)
    return PushOut(stored=0)


@app.post("/push", status_code=202)
async def push(body: PushIn) -> PushOut:
    async with sessions() as session:
        session.add_all([FixRow(**fix.model_dump()) for fix in body.fixes])
        await session.commit()
    return PushOut(stored=len(body.fixes))
