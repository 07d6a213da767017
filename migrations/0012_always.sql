-- The log is append-only for those, too, who have a session replay changes as a replica does: plain triggers do not fire there.
alter table events enable always trigger events_are_append_only;
alter table log_head enable always trigger log_head_moves_forward;
alter table log_head enable always trigger log_head_stays;
