-- The log: the only truth. Column names are those of cqrs-es/postgres-es, so that its repository can read this table unchanged.
-- `json`, not `jsonb`: what was written is what is read, byte for byte, and it costs less on both ways.
create table events (
    position       bigint      not null,
    aggregate_type text        not null,
    aggregate_id   text        not null,
    sequence       bigint      not null check (sequence > 0),
    event_id       uuid        not null,
    event_type     text        not null,
    event_version  text        not null,
    payload        json        not null,
    metadata       json        not null,
    recorded_at    timestamptz not null,
    constraint events_position_is_unique primary key (position),
    constraint events_stream_sequence_is_unique unique (aggregate_type, aggregate_id, sequence)
);

-- One row: the position of the last event, and a name for this log, so that a restored or re-made one can be told apart.
-- Every append locks it until its commit; that is what makes positions dense and their order the order of commits.
create table log_head (
    singleton boolean primary key default true check (singleton),
    position  bigint  not null check (position >= 0),
    log_id    uuid    not null
);
insert into log_head (position, log_id) values (0, gen_random_uuid());

-- What a command sent under an Idempotency-Key led to. Written in the append itself, so a refused command leaves nothing.
create table idempotency_keys (
    principal      text        not null,
    key            text        not null,
    fingerprint    bytea       not null,
    aggregate_type text        not null,
    aggregate_id   text        not null,
    sequence       bigint      not null,
    position       bigint      not null,
    created_at     timestamptz not null,
    primary key (principal, key)
);
create index idempotency_keys_by_age on idempotency_keys (created_at);

-- States of long streams, to load them faster. May be thrown away at any time.
create table snapshots (
    aggregate_type text   not null,
    aggregate_id   text   not null,
    sequence       bigint not null,
    state          jsonb  not null,
    state_version  text   not null,
    primary key (aggregate_type, aggregate_id)
);

-- Who does a job that only one may do at a time. `token` grows with each change of holder and fences off the one before.
create table leases (
    name       text        primary key,
    holder     text        not null,
    token      bigint      not null,
    expires_at timestamptz not null
);
