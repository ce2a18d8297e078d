"""The query behind a fingerprint: kind, name and attributes of each object of a database.

What rarely has attributes of its own (operators, casts, text search, publications, default
privileges) is there by its name.
"""

from __future__ import annotations

OBJECTS = """
WITH member AS (
  SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), space AS (
  SELECT oid, nspname, nspacl, nspowner FROM pg_catalog.pg_namespace n
  WHERE NOT starts_with(nspname, 'pg_') AND nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM member WHERE objid = n.oid AND classid = 'pg_namespace'::regclass)
), relation AS (
  SELECT c.*, quote_ident(s.nspname) || '.' || quote_ident(c.relname) AS name
  FROM pg_catalog.pg_class c JOIN space s ON s.oid = c.relnamespace
  WHERE c.oid <> coalesce(CAST(to_regclass(CAST(:version_table AS text)) AS oid), 0)
    AND NOT EXISTS (SELECT FROM member WHERE objid = c.oid AND classid = 'pg_class'::regclass)
), own_index AS (
  SELECT i.*, r.name, r.reltablespace, t.name AS table_name FROM pg_catalog.pg_index i
  JOIN relation r ON r.oid = i.indexrelid JOIN relation t ON t.oid = i.indrelid
)
SELECT 'schema' AS kind, quote_ident(s.nspname) AS name, jsonb_build_object(
  'privileges', (SELECT jsonb_agg(x::text ORDER BY x::text)
    FROM unnest(coalesce(s.nspacl, acldefault('n', s.nspowner))) x),
  'comment', obj_description(s.oid, 'pg_namespace')) AS attributes
FROM space s
UNION ALL
SELECT CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialised view'
    WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' ELSE 'table' END, r.name,
  jsonb_build_object(
    'partitioned by', CASE r.relkind WHEN 'p' THEN pg_get_partkeydef(r.oid) END,
    'bounds', pg_get_expr(r.relpartbound, r.oid),
    'parents', (SELECT jsonb_agg(inhparent::regclass::text ORDER BY inhseqno)
      FROM pg_catalog.pg_inherits WHERE inhrelid = r.oid),
    'definition', CASE WHEN r.relkind IN ('v', 'm') THEN pg_get_viewdef(r.oid) END,
    'persistence', r.relpersistence, 'storage parameters', r.reloptions,
    'tablespace', r.reltablespace, 'row security', r.relrowsecurity,
    'forced row security', r.relforcerowsecurity, 'replica identity', r.relreplident,
    'of type', nullif(r.reloftype, 0)::regtype::text,
    'options', (SELECT ftoptions FROM pg_catalog.pg_foreign_table WHERE ftrelid = r.oid),
    'privileges', (SELECT jsonb_agg(x::text ORDER BY x::text)
      FROM unnest(coalesce(r.relacl, acldefault('r', r.relowner))) x),
    'comment', obj_description(r.oid, 'pg_class'))
FROM relation r WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
UNION ALL
SELECT 'column', r.name || '.' || quote_ident(a.attname), jsonb_build_object(
  'type', format_type(a.atttypid, a.atttypmod), 'not null', a.attnotnull,
  CASE a.attgenerated WHEN '' THEN 'default' ELSE 'generated' END,
    pg_get_expr(d.adbin, d.adrelid),
  'stored', a.attgenerated, 'identity', a.attidentity,
  'collation', nullif(a.attcollation, 0)::regcollation::text, 'storage', a.attstorage,
  'compression', a.attcompression, 'statistics', nullif(a.attstattarget, -1),
  'options', coalesce(a.attoptions, a.attfdwoptions),
  'privileges', (SELECT jsonb_agg(x::text ORDER BY x::text) FROM unnest(a.attacl) x),
  'comment', col_description(r.oid, a.attnum))
FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint', coalesce(r.name, k.contypid::regtype::text) || '.' || quote_ident(k.conname),
  jsonb_build_object('definition', pg_get_constraintdef(k.oid), 'valid', k.convalidated,
    'local', k.conislocal, 'comment', obj_description(k.oid, 'pg_constraint'))
FROM pg_catalog.pg_constraint k LEFT JOIN relation r ON r.oid = k.conrelid
JOIN space s ON s.oid = k.connamespace
WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND (r.oid IS NOT NULL OR k.contypid <> 0)
UNION ALL
SELECT 'index', i.name, jsonb_build_object(
  'table', i.table_name, 'constraint', (
    SELECT i.table_name || '.' || quote_ident(conname) FROM pg_catalog.pg_constraint
    WHERE conindid = i.indexrelid AND conrelid = i.indrelid AND contype IN ('p', 'u', 'x')),
  'definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid, 'ready', i.indisready,
  'live', i.indislive, 'clustered', i.indisclustered, 'replica identity', i.indisreplident,
  'tablespace', i.reltablespace,
  'parents', (SELECT jsonb_agg(inhparent::regclass::text)
    FROM pg_catalog.pg_inherits WHERE inhrelid = i.indexrelid),
  'statistics', (SELECT jsonb_object_agg(attnum, attstattarget) FROM pg_catalog.pg_attribute
    WHERE attrelid = i.indexrelid AND attstattarget >= 0),
  'comment', (SELECT string_agg(line, chr(10) ORDER BY place)
    FROM string_to_table(obj_description(i.indexrelid, 'pg_class'), chr(10))
      WITH ORDINALITY AS l (line, place)
    -- An index that is dropped and made again is built by another revision.
    WHERE NOT starts_with(line, 'alembic_index_ops: built by ')))
FROM own_index i
UNION ALL
SELECT 'sequence', r.name, jsonb_build_object(
  'type', format_type(q.seqtypid, NULL), 'start', q.seqstart, 'increment', q.seqincrement,
  'minimum', q.seqmin, 'maximum', q.seqmax, 'cache', q.seqcache, 'cycle', q.seqcycle,
  'persistence', r.relpersistence,
  'owned by', (SELECT d.refobjid::regclass || '.' || a.attname FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.objid = r.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
      AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 LIMIT 1),
  'privileges', (SELECT jsonb_agg(x::text ORDER BY x::text)
    FROM unnest(coalesce(r.relacl, acldefault('s', r.relowner))) x),
  'comment', obj_description(r.oid, 'pg_class'))
FROM relation r JOIN pg_catalog.pg_sequence q ON q.seqrelid = r.oid
UNION ALL
SELECT 'type', t.oid::regtype::text, jsonb_build_object(
  'kind', t.typtype,
  'labels', (SELECT jsonb_agg(enumlabel ORDER BY enumsortorder)
    FROM pg_catalog.pg_enum WHERE enumtypid = t.oid),
  'base', CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
  'not null', t.typnotnull, 'default', t.typdefault,
  'subtype', (SELECT format_type(g.rngsubtype, NULL) FROM pg_catalog.pg_range g
    WHERE g.rngtypid = t.oid),
  'privileges', (SELECT jsonb_agg(x::text ORDER BY x::text)
    FROM unnest(coalesce(t.typacl, acldefault('T', t.typowner))) x),
  'comment', obj_description(t.oid, 'pg_type'))
FROM pg_catalog.pg_type t JOIN space s ON s.oid = t.typnamespace
WHERE t.typtype IN ('e', 'd', 'r', 'b') AND t.typelem = 0
  AND NOT EXISTS (SELECT FROM member WHERE objid = t.oid AND classid = 'pg_type'::regclass)
UNION ALL
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
  p.oid::regprocedure::text, jsonb_build_object(
  'definition', CASE p.prokind
    WHEN 'a' THEN (SELECT concat_ws(' ', aggtransfn, aggfinalfn, aggcombinefn,
      format_type(aggtranstype, NULL), agginitval)
      FROM pg_catalog.pg_aggregate WHERE aggfnoid = p.oid)
    ELSE pg_get_functiondef(p.oid) END,
  'privileges', (SELECT jsonb_agg(x::text ORDER BY x::text)
    FROM unnest(coalesce(p.proacl, acldefault('f', p.proowner))) x),
  'comment', obj_description(p.oid, 'pg_proc'))
FROM pg_catalog.pg_proc p JOIN space s ON s.oid = p.pronamespace
WHERE NOT EXISTS (SELECT FROM member WHERE objid = p.oid AND classid = 'pg_proc'::regclass)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = p.oid
    AND d.classid = 'pg_proc'::regclass AND d.deptype = 'i')
UNION ALL
SELECT 'trigger', r.name || '.' || quote_ident(g.tgname), jsonb_build_object(
  'definition', pg_get_triggerdef(g.oid), 'enabled', g.tgenabled,
  'comment', obj_description(g.oid, 'pg_trigger'))
FROM pg_catalog.pg_trigger g JOIN relation r ON r.oid = g.tgrelid WHERE NOT g.tgisinternal
UNION ALL
SELECT 'rule', r.name || '.' || quote_ident(w.rulename), jsonb_build_object(
  'definition', pg_get_ruledef(w.oid), 'enabled', w.ev_enabled)
FROM pg_catalog.pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
UNION ALL
SELECT 'policy', r.name || '.' || quote_ident(o.polname), jsonb_build_object(
  'command', o.polcmd, 'permissive', o.polpermissive,
  'roles', (SELECT jsonb_agg(x::regrole::text ORDER BY x::regrole::text) FROM unnest(o.polroles) x),
  'using', pg_get_expr(o.polqual, o.polrelid), 'check', pg_get_expr(o.polwithcheck, o.polrelid))
FROM pg_catalog.pg_policy o JOIN relation r ON r.oid = o.polrelid
UNION ALL
SELECT 'statistics', quote_ident(s.nspname) || '.' || quote_ident(x.stxname), jsonb_build_object(
  'definition', pg_get_statisticsobjdef(x.oid), 'target', nullif(x.stxstattarget, -1))
FROM pg_catalog.pg_statistic_ext x JOIN space s ON s.oid = x.stxnamespace
UNION ALL
SELECT 'extension', quote_ident(e.extname), jsonb_build_object(
  'version', e.extversion, 'schema', e.extnamespace::regnamespace::text)
FROM pg_catalog.pg_extension e
UNION ALL
SELECT y.type, y.identity, '{}'::jsonb
FROM (
  SELECT tableoid, oid FROM pg_catalog.pg_collation
  UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_operator
  UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_opclass
  UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_opfamily
  UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_cast
  UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_conversion
  UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_language
  UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_ts_config
  UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_ts_dict
  UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_foreign_data_wrapper
  UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_foreign_server
  UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_event_trigger
  UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_publication
  UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_publication_rel
  UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_default_acl
) o CROSS JOIN LATERAL pg_identify_object(o.tableoid, o.oid, 0) y
WHERE o.oid >= 16384
  AND NOT EXISTS (SELECT FROM member m WHERE m.objid = o.oid AND m.classid = o.tableoid)
"""
