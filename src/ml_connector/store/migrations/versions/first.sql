-- The first schema. Timestamps are UTC, money is numeric, nothing secret is stored in clear.

CREATE TABLE connection (
    id text PRIMARY KEY,
    company text NOT NULL,
    system text NOT NULL,
    settings json NOT NULL,         -- json keeps the order of the keys, for export
    version integer NOT NULL DEFAULT 1,
    enabled boolean NOT NULL DEFAULT true,
    next_due timestamptz,
    region text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX connection_next_due ON connection (next_due) WHERE enabled AND next_due IS NOT NULL;

CREATE TABLE secret (
    connection_id text NOT NULL,   -- '' for the product's own
    side text NOT NULL,
    field text NOT NULL,
    key_id text NOT NULL,
    nonce bytea NOT NULL,
    ciphertext bytea NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, side, field)
);

CREATE TABLE api_token (
    id text PRIMARY KEY,
    name text NOT NULL,
    role text NOT NULL,
    digest bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz
);

-- Who works: one row a process, one lease a connection. The epoch fences off a holder that lost its lease.
CREATE TABLE process (
    id text PRIMARY KEY,
    backend_pid integer NOT NULL,
    host text NOT NULL,
    started_at timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL
);

CREATE TABLE lease (
    connection_id text PRIMARY KEY REFERENCES connection ON DELETE CASCADE,
    epoch bigint NOT NULL DEFAULT 0,
    process_id text,
    taken_at timestamptz
);

CREATE TABLE circuit (
    connection_id text NOT NULL REFERENCES connection ON DELETE CASCADE,
    side text NOT NULL,
    open_until timestamptz NOT NULL,
    since timestamptz NOT NULL,
    failures integer NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    PRIMARY KEY (connection_id, side)
);

CREATE TABLE schedule (
    connection_id text NOT NULL REFERENCES connection ON DELETE CASCADE,
    flow text NOT NULL,
    enabled boolean NOT NULL,
    cron text,
    every_seconds integer,
    timezone text NOT NULL DEFAULT 'UTC',
    webhook boolean NOT NULL DEFAULT false,
    next_due timestamptz,
    PRIMARY KEY (connection_id, flow)
);

CREATE TABLE run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection_id text NOT NULL REFERENCES connection ON DELETE CASCADE,
    flow text NOT NULL,
    trigger text NOT NULL,
    actor text NOT NULL,
    options jsonb NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'queued',
    outcome text,
    counts jsonb NOT NULL DEFAULT '{}',
    error text,
    queued_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz
);
CREATE INDEX run_open ON run (connection_id, id) WHERE status <> 'finished';
CREATE INDEX run_history ON run (connection_id, flow, id DESC);

CREATE TABLE mark (
    connection_id text NOT NULL REFERENCES connection ON DELETE CASCADE,
    flow text NOT NULL,
    value text,
    swept_at timestamptz,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, flow)
);

CREATE TABLE notification (
    connection_id text NOT NULL REFERENCES connection ON DELETE CASCADE,
    task_id text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    received_at timestamptz NOT NULL,
    handled_at timestamptz,
    PRIMARY KEY (connection_id, task_id)
);
CREATE INDEX notification_open ON notification (connection_id, received_at) WHERE handled_at IS NULL;
CREATE INDEX notification_age ON notification (received_at);

CREATE TABLE document (
    key text PRIMARY KEY,           -- connection / document / transfer attempt
    connection_id text NOT NULL REFERENCES connection ON DELETE CASCADE,
    document_id text NOT NULL,
    attempt integer NOT NULL,
    flow text NOT NULL DEFAULT 'invoices',
    status text NOT NULL,
    intent text,                    -- the write that may be under way
    intent_at timestamptz,
    kind text NOT NULL,
    invoice_number text NOT NULL,
    supplier text NOT NULL,
    supplier_name text NOT NULL,
    net numeric,
    gross numeric,
    currency text NOT NULL,
    invoice_date date,
    posting_date date,
    payload jsonb NOT NULL,
    payload_hash text NOT NULL,
    source_updated timestamptz,
    acknowledged boolean NOT NULL DEFAULT false,
    reason text,
    findings jsonb NOT NULL DEFAULT '[]',
    attempts integer NOT NULL DEFAULT 0,
    next_due timestamptz,
    bill_id text,
    bill_number text,
    bill_journal text,
    bill_gross numeric,
    linked_by text,
    attached boolean NOT NULL DEFAULT false,
    response_message text,
    responded_at timestamptz,
    posted_at timestamptz,
    paid_total numeric,
    paid_on date,
    payment_count integer NOT NULL DEFAULT 0,
    payment_hash text,
    payment_due jsonb,              -- a payment response that is to be sent
    -- Of supplier invoices on their way into the payables system; the address stands among the secrets.
    content_at timestamptz,         -- when this version of it was read
    admission_id text,
    admission_token text,
    admission_expires timestamptz,
    admissions integer NOT NULL DEFAULT 0,  -- those that came to nothing before
    payables_id text,
    standing jsonb,                 -- the last one heard
    notes_due jsonb,                -- sentences that are to be put to it in the ERP
    run_id bigint,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (connection_id, document_id, attempt)
);
-- However many transfers a document has had, one of them at a time is being worked.
CREATE UNIQUE INDEX document_in_work ON document (connection_id, document_id)
    WHERE status IN ('received', 'checked', 'posting', 'unconfirmed', 'posted');
CREATE INDEX document_due ON document (connection_id, next_due) WHERE next_due IS NOT NULL;
CREATE INDEX document_list ON document (connection_id, updated_at DESC);
CREATE INDEX document_status ON document (connection_id, status, updated_at DESC);
CREATE INDEX document_id ON document (document_id);
CREATE INDEX document_bill ON document (connection_id, bill_id) WHERE bill_id IS NOT NULL;
CREATE INDEX document_number ON document (invoice_number);
CREATE INDEX document_run ON document (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX document_files ON document (connection_id, posted_at DESC)
    WHERE NOT attached AND status IN ('transferred', 'paid');
CREATE INDEX document_payment ON document (connection_id, key) WHERE payment_due IS NOT NULL;
CREATE INDEX document_admission ON document (connection_id, admission_id) WHERE admission_id IS NOT NULL;
CREATE INDEX document_payables ON document (connection_id, payables_id) WHERE payables_id IS NOT NULL;
CREATE INDEX document_notes ON document (connection_id, key) WHERE notes_due IS NOT NULL;
CREATE INDEX document_waiting ON document (connection_id, reason)
    WHERE status = 'held' AND reason IN ('supplier awaited', 'order awaited');

-- Master data as the payables system takes it, one row an item.
CREATE TABLE imported (
    connection_id text NOT NULL,
    flow text NOT NULL,
    resource text NOT NULL,
    code text NOT NULL,             -- the lasting external code
    erp_key text NOT NULL,
    stage smallint NOT NULL DEFAULT 0,
    payload json NOT NULL,          -- kept as it is sent, letter by letter
    hash text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    status text NOT NULL,           -- accepted or rejected, where nothing of it is pending
    message text,
    unknown boolean NOT NULL DEFAULT false, -- rejected, and no version of it was ever accepted
    number text,                    -- what other records name it by
    run_id bigint,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, flow, resource, code)
);
-- Partial: without statistics the planner would take it for any statement about a connection's items of a flow.
CREATE INDEX imported_key ON imported (connection_id, flow, erp_key) WHERE active;
CREATE INDEX imported_inactive ON imported (connection_id, flow, erp_key) WHERE NOT active;
CREATE INDEX imported_number ON imported (connection_id, flow, number) WHERE number IS NOT NULL;

-- What is to be sent, or under way. Apart from the records: these rows come and go by the hundred thousand.
CREATE TABLE import_pending (
    connection_id text NOT NULL,
    flow text NOT NULL,
    resource text NOT NULL,
    code text NOT NULL,
    stage smallint NOT NULL,
    hash text NOT NULL,
    needs text,                     -- the number of the vendor that has to be accepted before it is sent
    first boolean NOT NULL,         -- no version of it was ever accepted
    refused boolean NOT NULL,       -- imported.unknown, as it was then
    told boolean NOT NULL DEFAULT false, -- that it waits for its vendor
    PRIMARY KEY (connection_id, flow, resource, code)
);

-- A foreign key is checked row by row, which is a quarter of what the database does for an import. Rows of the two
-- tables above are written under the lease alone. Its row goes by cascade, before this is called (triggers follow each
-- other by name): whoever held it has committed by then, and nobody writes afterwards.
CREATE FUNCTION forget_imported() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM import_pending WHERE connection_id = OLD.id;
    DELETE FROM imported WHERE connection_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_imported AFTER DELETE ON connection
    FOR EACH ROW EXECUTE FUNCTION forget_imported();

CREATE TABLE import_request (
    connection_id text NOT NULL REFERENCES connection ON DELETE CASCADE,
    request_id text NOT NULL,
    flow text NOT NULL,
    resource text NOT NULL,
    sent_at timestamptz NOT NULL,
    checks integer NOT NULL DEFAULT 0,
    next_check timestamptz,
    run_id bigint,
    items json NOT NULL,            -- code to hash of the records whose fate is open
    PRIMARY KEY (connection_id, request_id)
);
CREATE INDEX import_request_due ON import_request (connection_id, next_check) WHERE next_check IS NOT NULL;

-- The trail: append-only, each entry chained to the one before it in its connection.
CREATE TABLE trail (
    connection_id text NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    flow text NOT NULL,
    record text NOT NULL,
    actor text NOT NULL,
    step text NOT NULL,
    outcome text NOT NULL,
    summary text NOT NULL,
    detail text NOT NULL,
    exchanges bytea,
    digest bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (connection_id, seq, at)
) PARTITION BY RANGE (at);
CREATE INDEX trail_record ON trail (record, connection_id, seq);
CREATE TABLE trail_rest PARTITION OF trail DEFAULT;

CREATE TABLE trail_head (
    connection_id text PRIMARY KEY,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    seal bytea NOT NULL             -- the head under the trail key: a cut tail shows
);

CREATE TABLE trail_dropped (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition text NOT NULL,
    connection_id text NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    last_hash bytea NOT NULL,
    dropped_at timestamptz NOT NULL
);

CREATE FUNCTION trail_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The trail is append-only.';
END $$;
CREATE TRIGGER trail_append_only BEFORE UPDATE OR DELETE ON trail
    FOR EACH ROW EXECUTE FUNCTION trail_is_append_only();

-- Raises when the caller's lease is no longer the newest one; holds off a take-over until the caller commits.
CREATE FUNCTION fence(p_connection text, p_epoch bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    newest bigint;
BEGIN
    IF p_epoch IS NULL THEN RETURN; END IF;
    SELECT epoch INTO newest FROM lease WHERE connection_id = p_connection FOR SHARE;
    IF newest IS DISTINCT FROM p_epoch THEN
        RAISE EXCEPTION 'lease lost: % is worked under epoch %, not %', p_connection, newest, p_epoch
            USING ERRCODE = 'ML001';
    END IF;
END $$;

-- Appends entries in one round trip. The head row's lock, taken last in every transaction, orders the chain.
CREATE FUNCTION trail_append(
    p_connection text, p_epoch bigint, p_at timestamptz, p_told jsonb, p_exchanges bytea[], p_digest bytea[],
    p_seal_key bytea
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    head trail_head%ROWTYPE;
    digest bytea;
    hashes bytea[] := '{}';
BEGIN
    PERFORM fence(p_connection, p_epoch);
    SELECT * INTO head FROM trail_head WHERE connection_id = p_connection FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO trail_head VALUES (p_connection, 0, '\x00', '\x00') ON CONFLICT DO NOTHING;
        SELECT * INTO head FROM trail_head WHERE connection_id = p_connection FOR UPDATE;
    END IF;
    FOREACH digest IN ARRAY p_digest LOOP
        head.hash := sha256(head.hash || digest);
        hashes := hashes || head.hash;
    END LOOP;
    -- Each of p_told: flow, record, actor, step, outcome, summary, detail.
    INSERT INTO trail SELECT p_connection, head.seq + place, p_at, told ->> 0, told ->> 1, told ->> 2, told ->> 3,
            told ->> 4, told ->> 5, told ->> 6, exchanges, each_digest, each_hash
        FROM ROWS FROM (jsonb_array_elements(p_told), unnest(p_exchanges), unnest(p_digest), unnest(hashes))
        WITH ORDINALITY AS entry(told, exchanges, each_digest, each_hash, place);
    head.seq := head.seq + cardinality(p_digest);
    UPDATE trail_head SET seq = head.seq, hash = head.hash,
        seal = sha256(p_seal_key || head.hash || int8send(head.seq))
        WHERE connection_id = p_connection;
    RETURN head.seq;
END $$;

-- Puts `work(connection)` into the queue, inside the caller's transaction; at most one of them waits.
CREATE FUNCTION defer_work(p_connection text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = p_connection AND status = 'todo') THEN
        RETURN;
    END IF;
    PERFORM procrastinate_defer_jobs_v1(ARRAY[ROW('work', 'work', 0, NULL, p_connection,
        jsonb_build_object('connection', p_connection), NULL)::procrastinate_job_to_defer_v1]);
EXCEPTION WHEN unique_violation THEN
    NULL; -- somebody else was quicker
END $$;
