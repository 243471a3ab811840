"""Stores, orders, the daily summary, and the runs of the batch."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stores",
        sa.Column("code", sa.String(8), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("store_code", sa.String(8), sa.ForeignKey("stores.code"), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(12), nullable=False),
        sa.CheckConstraint("amount >= 0", name="orders_amount_not_negative"),
        sa.CheckConstraint(
            "status in ('paid', 'refunded', 'cancelled')", name="orders_status_known"
        ),
    )
    op.create_index("orders_placed_at", "orders", ["placed_at"])
    op.create_table(
        "daily_sales",
        sa.Column("business_date", sa.Date, primary_key=True),
        sa.Column("store_code", sa.String(8), sa.ForeignKey("stores.code"), primary_key=True),
        sa.Column("order_count", sa.Integer, nullable=False),
        sa.Column("gross_amount", sa.BigInteger, nullable=False),
        sa.Column("refunded_amount", sa.BigInteger, nullable=False),
        sa.Column("net_amount", sa.BigInteger, nullable=False),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
    )
    op.create_table(
        "batch_runs",
        sa.Column("job_name", sa.String(80), primary_key=True),
        sa.Column("business_date", sa.Date, primary_key=True),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rows_written", sa.Integer, nullable=False),
        sa.Column("run_count", sa.Integer, nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    for table in ("batch_runs", "daily_sales", "orders", "stores"):
        op.drop_table(table)
