-- One database role per service, each with no more than it needs. Roles belong to the whole cluster: another database may have made them,
-- or be making them just now.
do $$
declare
    name text;
begin
    foreach name in array array['annals_command', 'annals_projector', 'annals_query', 'annals_replay'] loop
        begin
            if not exists (select from pg_roles where rolname = name) then
                execute format('create role %I login', name);
            end if;
        exception when duplicate_object or unique_violation then
            null;
        end;
    end loop;
    if not pg_has_role('annals_replay', 'annals_projector', 'member') then
        begin
            grant annals_projector to annals_replay;
        exception when duplicate_object or unique_violation or internal_error then -- "tuple concurrently updated"
            null;
        end;
    end if;
    execute format('grant create on database %I to annals_projector', current_database());
end
$$;

-- The log: everybody reads it, nobody writes it but through `append`.
grant select on events, log_head to annals_command, annals_projector, annals_query;
revoke execute on all functions in schema public from public;
grant execute on function append to annals_command;
grant select on idempotency_keys to annals_command;
grant delete on idempotency_keys to annals_command;
grant select, insert, update on snapshots to annals_command;
grant select, insert, update, delete on leases to annals_command, annals_projector;

-- Read models: the projector owns them; the query API reads whatever the projector makes.
grant usage on schema projection to annals_projector, annals_query;
grant select, insert, update, delete on projection.checkpoints to annals_projector;
grant select on projection.checkpoints, projection.skipped to annals_query;
grant select, insert on projection.skipped to annals_projector;
alter default privileges for role annals_projector grant usage on schemas to annals_query;
alter default privileges for role annals_projector grant select on tables to annals_query;
