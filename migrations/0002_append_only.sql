-- No role changes or removes an event, whatever it is granted, the owner and superusers included: the triggers refuse.
create function refuse_change_of_the_log() returns trigger language plpgsql as $$
begin
    raise exception 'the log is append-only: % is not allowed', tg_op using errcode = 'insufficient_privilege';
end
$$;

create trigger events_are_append_only before update or delete or truncate on events
    for each statement execute function refuse_change_of_the_log();

-- The head only moves forward, with the events; its row is never removed.
create function refuse_going_back() returns trigger language plpgsql as $$
begin
    if new.position < old.position then
        raise exception 'the head of the log does not go back' using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;

create trigger log_head_moves_forward before update on log_head for each row execute function refuse_going_back();
create trigger log_head_stays before delete or truncate on log_head
    for each statement execute function refuse_change_of_the_log();
