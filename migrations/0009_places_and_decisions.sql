-- A read model knows the place in the log that it was made up to by the event there, not by its number alone: a log that lost its tail and
-- grew again has other events at the same numbers. And what operators decide about a read model is on record for ever.
alter table projection.checkpoints
    add column event_id uuid not null default '00000000-0000-0000-0000-000000000000',
    -- of the event that it could not apply
    add column stopped_event_type text,
    add column stopped_since timestamptz;

update projection.checkpoints c set event_id = e.event_id from events e where e.position = c.position;
alter table projection.checkpoints alter column event_id drop default;

create table projection.decisions (
    decision   bigint generated always as identity primary key,
    name       text        not null,
    action     text        not null check (action in ('skip', 'unskip', 'resume')),
    position   bigint,
    reason     text        not null,
    operator   text        not null,
    -- the database role, which the operator does not choose
    role       text        not null default session_user,
    decided_at timestamptz not null default clock_timestamp(),
    check ((action = 'resume') = (position is null))
);
create index decisions_by_position on projection.decisions (name, position, decision desc) where position is not null;

insert into projection.decisions (name, action, position, reason, operator, decided_at)
select name, 'skip', position, reason, operator, skipped_at from projection.skipped;
drop table projection.skipped;

-- What is left out of a read model: the last decision about an event counts.
create view projection.skipped as
select name, position, reason, operator, decided_at as skipped_at
from (
    select distinct on (name, position) * from projection.decisions where position is not null order by name, position, decision desc
) last
where action = 'skip';

create function projection.refuse_change_of_decisions() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    raise exception 'decisions stay on record: % is not allowed', tg_op using errcode = 'insufficient_privilege';
end
$$;
create trigger decisions_stay before update or delete or truncate on projection.decisions
    for each statement execute function projection.refuse_change_of_decisions();
alter table projection.decisions enable always trigger decisions_stay;

grant select on projection.decisions, projection.skipped to annals_projector, annals_query, annals_replay;
grant insert on projection.decisions to annals_replay;
