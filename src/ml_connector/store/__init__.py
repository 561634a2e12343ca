"""What is kept: tables, migrations, vault, trail, marks and documents, in PostgreSQL."""
