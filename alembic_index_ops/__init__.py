"""Alembic operations that build PostgreSQL indexes on live tables.

PYTEST_DONT_REWRITE
"""
