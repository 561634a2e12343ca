"""The first schema.

Revision ID: 0001
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates every table and function of first.sql."""
    script = Path(__file__).with_name("first.sql").read_text("utf-8")
    # Without parameters the driver takes the script whole, percent signs and all.
    op.get_bind().exec_driver_sql(script, execution_options={"no_parameters": True})


def downgrade() -> None:
    """There is nothing before the first schema."""
    raise NotImplementedError("There is no schema before the first.")
