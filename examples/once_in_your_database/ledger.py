"""A ledger in which a payment stands once, however often Stripe sends it and whenever the process dies."""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI, Request
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from outworx_otel import TrackOptions, init, instrument
from outworx_otel.idempotency import once_table


class Base(DeclarativeBase):
    pass


class Payment(Base):
    __tablename__ = "payments"
    id: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[int]


once_table(Base.metadata)  # the keys' table, beside your own; Alembic sees it as well
engine = create_engine(os.environ.get("DATABASE_URL", "sqlite:///ledger.db"))
Base.metadata.create_all(engine)

init(
    idempotency_store="transaction://",
    endpoints={
        "/webhooks/stripe": TrackOptions(
            provider="stripe",
            signature_secret_env="STRIPE_WEBHOOK_SECRET",
            require_processing_mark=True,
            idempotency_key=True,
        )
    },
)
instrument()

app = FastAPI()


@app.post("/webhooks/stripe")
def stripe(event: dict[str, Any], request: Request) -> dict[str, bool]:
    charge = event["data"]["object"]
    track = request.state.outworx_track
    with Session(engine) as session, track.once(session):
        session.add(Payment(id=charge["id"], amount=charge["amount"]))
    # Committed by now, the key and the payment together.
    track.processed({"amount": charge["amount"]})
    return {"received": True}
