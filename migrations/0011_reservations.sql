-- Reservations end by themselves: the command API looks in the read model for those whose time is over, and ends them through the log.
do $$
begin
    alter default privileges for role annals_projector grant usage on schemas to annals_command;
    alter default privileges for role annals_projector grant select on tables to annals_command;
    -- A read model that was made before.
    if exists (select from pg_namespace where nspname = 'inventory') then
        grant usage on schema inventory to annals_command;
        grant select on all tables in schema inventory to annals_command;
    end if;
end
$$;
