-- What was refused could be had by a detour. In replica mode (`session_replication_role = replica`) triggers do not fire unless told to, and
-- events could be changed. Names were looked up first in a schema called like the role, and a schema `annals_command` with an `append` of
-- its own took the commands: the projector's role may create schemas.
alter table public.events enable always trigger events_are_append_only;
alter table public.log_head enable always trigger log_head_moves_forward;
alter table public.log_head enable always trigger log_head_stays;
alter function public.refuse_change_of_the_log() set search_path = pg_catalog;
alter function public.refuse_going_back() set search_path = pg_catalog;

-- The services say so too when they connect. This is for every other client, and names temporary tables last.
do $$
begin
    execute format('alter database %I set search_path = public, pg_temp', current_database());
    execute format('revoke temporary on database %I from public', current_database());
end
$$;

-- So since Postgres 15; a database that was made by an older one lets everybody create in `public`.
revoke create on schema public from public;
