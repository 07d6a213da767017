-- What the read models know of the log. They live beside it in schemas of their own, one for each projection.
create schema projection;

-- How far each projection has got, in which log. Moves in the transaction that changes the projection's rows, by compare-and-set.
create table projection.checkpoints (
    name                text        primary key,
    version             integer     not null,
    log_id              uuid        not null,
    position            bigint      not null check (position >= 0),
    status              text        not null default 'running' check (status in ('running', 'rebuilding', 'stopped')),
    stopped_at_position bigint,
    error               text,
    updated_at          timestamptz not null default now(),
    check ((status = 'stopped') = (error is not null))
);

-- Events that an operator decided to leave out of a projection. Kept for ever.
create table projection.skipped (
    name       text        not null,
    position   bigint      not null,
    reason     text        not null,
    operator   text        not null,
    skipped_at timestamptz not null,
    primary key (name, position)
);
