"""The PL/pgSQL of the scripts: bodies of DO blocks, to be filled in by script.py."""

DECLARE = """DECLARE
  index_name text := {index};
  on_table oid := to_regclass({table});
  in_schema text := (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = on_table);
  current oid := (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = index_name AND n.nspname = in_schema);
  aside oid;
  lines text[] := string_to_array(obj_description(current, 'pg_class'), E'\\n');
BEGIN
{body}
END"""

NEEDS_TABLE = """  IF on_table IS NULL THEN
    RAISE EXCEPTION 'table % does not exist', {table};
  END IF;
"""

# What makes two indexes the same definition, as one text.
FINGERPRINT = """(SELECT ROW(
        c.relam, i.indisunique, i.indnkeyatts, i.indoption, i.indclass, i.indcollation,
        to_jsonb(i) -> 'indnullsnotdistinct', c.reloptions,
        pg_get_expr(i.indpred, i.indrelid),
        ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, false) FROM generate_series(1, i.indnatts) n),
        ARRAY(SELECT a.attoptions::text FROM pg_attribute a
          WHERE a.attrelid = i.indexrelid ORDER BY a.attnum))::text
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indexrelid = {index})"""

IS_OURS = """IF NOT EXISTS (SELECT FROM pg_index
      WHERE indexrelid = current AND indrelid = on_table) THEN
      RAISE EXCEPTION '"%" is no index of this table; nothing was changed', index_name;
    END IF;"""

JUDGE_CURRENT = (
    """  IF current IS NOT NULL THEN
    """
    + IS_OURS
    + """
    IF NOT (SELECT indisvalid AND indisready AND indislive FROM pg_index WHERE indexrelid = current)
    THEN
      RAISE EXCEPTION 'index "%" is INVALID: an earlier build or drop was cut off', index_name
        USING HINT = format('DROP INDEX CONCURRENTLY %I.%I; then run this script again.',
          in_schema, index_name);
    END IF;
    {create_twin}
    IF """
    + FINGERPRINT.format(index="to_regclass('pg_temp.index_ops_twin')")
    + """
      IS DISTINCT FROM """
    + FINGERPRINT.format(index="current")
    + """ THEN
      RAISE EXCEPTION 'index "%" has another definition: %', index_name, pg_get_indexdef(current)
        USING HINT = 'Drop it, or give the new index another name.';
    END IF;
    {drop_twin}
    {if_same}
  ELSE
    {if_absent}
  END IF;"""
)

# CREATE INDEX IF NOT EXISTS skips where its name is taken, be it by a view.
HOLD_PLACE = """IF NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relname = {aside} AND n.nspname = in_schema) THEN
      EXECUTE format('CREATE VIEW %I.%I AS SELECT %L AS note', in_schema, {aside},
        'holds the place of an index that need not be built; dropped by the same script');
    END IF;"""

CLEAR_PLACE = """SELECT c.oid INTO aside FROM pg_class c JOIN pg_namespace n
      ON n.oid = c.relnamespace WHERE c.relname = {aside} AND n.nspname = in_schema;
    IF (SELECT relkind = 'v' FROM pg_class WHERE oid = aside) THEN
      EXECUTE format('DROP VIEW %I.%I', in_schema, {aside});
    ELSIF (SELECT NOT indisvalid FROM pg_index WHERE indexrelid = aside) THEN
      IF EXISTS (SELECT FROM pg_locks WHERE relation = on_table AND granted
        AND mode = 'ShareUpdateExclusiveLock' AND pid <> pg_backend_pid()) THEN
        RAISE EXCEPTION 'index "%" is being built by another session (pid %)', index_name,
          (SELECT string_agg(pid::text, ', ') FROM pg_locks WHERE relation = on_table
            AND granted AND mode = 'ShareUpdateExclusiveLock' AND pid <> pg_backend_pid())
          USING HINT = 'Run this script again when that has ended.';
      END IF;
      EXECUTE format('ALTER INDEX %I.%I RENAME TO %I', in_schema, {aside}, {leftover});
    END IF;"""

# Returns where the guard held the place, or the name is taken meanwhile.
VERIFY_ASIDE = (
    """  aside := (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = {aside} AND n.nspname = in_schema);
  IF (SELECT relkind = 'v' FROM pg_class WHERE oid = aside) THEN
    -- The guard found the index there already, and kept the build from running.
    EXECUTE format('DROP VIEW %I.%I', in_schema, {aside});
    RETURN;
  END IF;
  IF current IS NOT NULL THEN
    RETURN;  -- judged by the guard; the check behind the stamp judges it again
  END IF;
  IF aside IS NULL OR NOT EXISTS (SELECT FROM pg_index WHERE indexrelid = aside
    AND indrelid = on_table AND indisvalid AND indisready AND indislive) THEN
    RAISE EXCEPTION 'index "%" was not built: "%" is missing or INVALID', index_name, {aside}
      USING HINT = 'Run this script again.';
  END IF;
  {create_twin}
  IF """
    + FINGERPRINT.format(index="to_regclass('pg_temp.index_ops_twin')")
    + """
      IS DISTINCT FROM """
    + FINGERPRINT.format(index="aside")
    + """ THEN
    RAISE EXCEPTION 'index "%" was not built as asked: %', index_name, pg_get_indexdef(aside);
  END IF;
  {drop_twin}
"""
)

NAME = (
    VERIFY_ASIDE
    + """  EXECUTE format('ALTER INDEX %I.%I RENAME TO %I', in_schema, {aside}, index_name);
  IF {comment} IS NOT NULL THEN
    EXECUTE format('COMMENT ON INDEX %I.%I IS %L', in_schema, index_name, {comment});
  END IF;"""
)

CHECK_PRESENT = (
    """  IF NOT EXISTS (SELECT FROM pg_index WHERE indexrelid = current
    AND indrelid = on_table AND indisvalid AND indisready AND indislive{tagged}) THEN
    RAISE EXCEPTION 'index "%" was not made: the revision is not stamped', index_name
      USING HINT = 'See the errors above, then run this script again.';
  END IF;
  {create_twin}
  IF """
    + FINGERPRINT.format(index="to_regclass('pg_temp.index_ops_twin')")
    + """
      IS DISTINCT FROM """
    + FINGERPRINT.format(index="current")
    + """ THEN
    RAISE EXCEPTION 'index "%" has another definition: the revision is not stamped', index_name
      USING HINT = 'See the errors above, then run this script again.';
  END IF;
  {drop_twin}"""
)

# What a downgrade keeps: what it adopted, and what it made and others adopted since.
KEPT = """({adopted_by_this} = ANY (lines)
        OR EXISTS (SELECT FROM unnest(lines) l WHERE starts_with(l, {adopted}))
        AND NOT EXISTS (SELECT FROM unnest(lines) l
          WHERE starts_with(l, {built}) AND l <> {built_by_this}))"""

JUDGE_DROP = (
    """  IF NOT {due} THEN
    -- This downgrade is stamped already: an earlier run of the script did all this.
    PERFORM set_config({decision}, 'done', false);
    RETURN;
  END IF;
{needs_table}  PERFORM set_config({decision},
    CASE WHEN current IS NOT NULL AND coalesce({kept}, false) THEN 'keep' ELSE 'drop' END, false);
  IF current IS NOT NULL THEN
    """
    + IS_OURS
    + """
    IF EXISTS (SELECT FROM pg_constraint WHERE conindid = current AND contype IN ('p', 'u', 'x'))
      OR (SELECT indisreplident FROM pg_index WHERE indexrelid = current) THEN
      RAISE EXCEPTION 'index "%" serves a constraint or is the replica identity', index_name
        USING HINT = 'Drop the constraint, or set another REPLICA IDENTITY, instead.';
    END IF;
    IF NOT coalesce({kept}, false) THEN
      {drop};
    END IF;
  END IF;"""
)

CHECK_ABSENT = """  IF on_table IS NULL
    OR current_setting({decision}, true) IN ('done', 'keep') THEN
    RETURN;
  END IF;
  IF current IS NOT NULL OR EXISTS (SELECT FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = {leftover} AND n.nspname = in_schema) THEN
    RAISE EXCEPTION 'index "%" is still there: the revision is not stamped', index_name
      USING HINT = 'See the errors above, then run this script again.';
  END IF;"""

RELEASE = """  IF on_table IS NULL OR current_setting({decision}, true) IS DISTINCT FROM 'keep' THEN
    RETURN;
  END IF;
  IF {adopted_by_this} = ANY (lines) THEN
    lines := array_remove(lines, {adopted_by_this});
  ELSIF {kept} THEN
    lines := array_remove(lines, {built_by_this});
    lines := ARRAY(
      SELECT CASE n WHEN heir THEN {built} || substr(line, length({adopted}) + 1) ELSE line END
      FROM unnest(lines) WITH ORDINALITY AS l(line, n),
        (SELECT min(n) AS heir FROM unnest(lines) WITH ORDINALITY AS a(line, n)
          WHERE starts_with(line, {adopted})) first
      ORDER BY n);
  END IF;
  IF current IS NOT NULL THEN
    EXECUTE format('COMMENT ON INDEX %I.%I IS %L', in_schema, index_name,
      nullif(array_to_string(lines, E'\\n'), ''));
  END IF;"""
