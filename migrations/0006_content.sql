-- A log is known by its content. One that lost its tail, to a restore or a failover, keeps its name and grows again by other events at the
-- same positions and sequences: whoever remembers a state of it must not decide on what it never held. So each commit says on which
-- event it was decided, the caller says which event it knows at which position, and both are looked up under the lock.
-- What was remembered in snapshots is made again when it is missed.

truncate snapshots;
alter table snapshots add column event_id uuid not null;

drop function append;
drop function judge;

-- Which commits of the batch can be appended, when not all can: their places in the log to be, or why not.
create function judge(
    head bigint, c_events integer[],
    s_commit integer[], s_type text[], s_id text[], s_expected bigint[], s_decided_on uuid[], s_events integer[], s_first_event uuid[],
    k_commit integer[], k_principal text[], k_key text[], k_fingerprint bytea[], k_oldest timestamptz,
    out head_after bigint, out first_positions bigint[], out last_positions bigint[], out refusals refusal[]
) language plpgsql set search_path = public, pg_temp set enable_seqscan = off set jit = off as $$
declare
    c record; known record; stream integer; slot integer; user_slot integer; place integer; refused refusal;
    -- By slot of a key: where the batch has it first; by that one: the slot of the commit that was accepted with it.
    first_slots integer[] := (
        select array_agg(first order by nth)
        from (select nth, min(nth) over (partition by principal, key) as first
              from unnest(k_principal, k_key) with ordinality k (principal, key, nth)) k);
    users integer[] := array_fill(null::integer, array[cardinality(k_commit)]);
    -- By number of the stream in this batch: where the commits accepted so far leave it; -1 once one of its commits was refused.
    left_at bigint[] := array_fill(null::bigint, array[cardinality(s_commit)]);
begin
    head_after := head;
    first_positions := array_fill(null::bigint, array[cardinality(c_events)]);
    last_positions := first_positions;
    refusals := '{}';
    for c in
        select s.commit_no as no, array_agg(s.stream order by s.o) as streams, array_agg(s.expected order by s.o) as expected,
               array_agg(s.events order by s.o) as events, array_agg(s.current order by s.o) as current,
               array_agg(s.is_other order by s.o) as is_other, min(s.own) as own
        from (
            select u.*, dense_rank() over (order by u.t, u.i) as stream,
                   coalesce((select max(e.sequence) from events e where e.aggregate_type = u.t and e.aggregate_id = u.i), 0) as current,
                   exists (select from events e where e.aggregate_type = u.t and e.aggregate_id = u.i
                                                  and e.sequence = u.expected and e.event_id <> u.decided_on) as is_other,
                   (select e.position from events e
                    where e.aggregate_type = u.t and e.aggregate_id = u.i and e.sequence = u.expected + 1 and e.event_id = u.first) as own
            from unnest(s_commit, s_type, s_id, s_expected, s_decided_on, s_events, s_first_event)
                with ordinality u (commit_no, t, i, expected, decided_on, events, first, o)
        ) s
        group by s.commit_no order by s.commit_no
    loop
        -- Already in the log by its own event id: the answer to an earlier try was lost.
        if c.own is not null then
            last_positions[c.no] := c.own + c_events[c.no] - 1;
            continue;
        end if;

        refused := null;
        slot := array_position(k_commit, c.no);
        if slot is not null then
            select k.fingerprint, (c.no, '', k.aggregate_type, k.aggregate_id, k.sequence, k.position)::refusal as outcome into known
            from idempotency_keys k
            where k.principal = k_principal[slot] and k.key = k_key[slot] and k.created_at >= k_oldest;
            user_slot := users[first_slots[slot]];
            if not found and user_slot is not null then
                place := array_position(s_commit, k_commit[user_slot]);
                select k_fingerprint[user_slot] as fingerprint, (
                    c.no, '', s_type[place], s_id[place], s_expected[place] + s_events[place], last_positions[k_commit[user_slot]]
                )::refusal as outcome into known;
            end if;
            if found then
                refused := known.outcome;
                refused.reason := case when known.fingerprint = k_fingerprint[slot] then 'duplicate' else 'key_reused' end;
            end if;
        end if;

        if refused.reason is null then
            for p in 1 .. cardinality(c.streams) loop
                if c.is_other[p] or c.expected[p] <> coalesce(left_at[c.streams[p]], c.current[p]) then
                    place := array_position(s_commit, c.no) + p - 1;
                    refused := (c.no, 'conflict', s_type[place], s_id[place], c.current[p], null);
                    exit;
                end if;
            end loop;
        end if;

        if refused.reason is not null then
            refusals := refusals || refused;
            -- Whatever else of this batch was decided on one of its streams was decided on what is not there.
            foreach stream in array c.streams loop
                left_at[stream] := -1;
            end loop;
        else
            for p in 1 .. cardinality(c.streams) loop
                left_at[c.streams[p]] := c.expected[p] + c.events[p];
            end loop;
            first_positions[c.no] := head_after + 1;
            head_after := head_after + c_events[c.no];
            last_positions[c.no] := head_after;
            if slot is not null then
                users[first_slots[slot]] := slot;
            end if;
        end if;
    end loop;
end
$$;

-- Most arguments are explained where this function was first made. `s_decided_on` are the ids of the events at `s_expected`, null for an
-- empty stream, or where the caller does not know. `known_event` is the id of the event at `known_head`, `head_event` that of the one at
-- `head`; null in an empty log.
create function append(
    known_log uuid, known_head bigint, known_event uuid, c_events integer[],
    s_commit integer[], s_type text[], s_id text[], s_expected bigint[], s_decided_on uuid[], s_events integer[], s_first_event uuid[],
    e_commit integer[], e_type text[], e_id text[], e_sequence bigint[],
    e_event_id uuid[], e_event_type text[], e_version text[], e_payload text[], e_metadata text[], e_at timestamptz[],
    k_commit integer[], k_principal text[], k_key text[], k_fingerprint bytea[], k_oldest timestamptz,
    out log_id uuid, out head bigint, out head_event uuid, out last_positions bigint[], out refusals refusal[]
) language plpgsql security definer set search_path = public, pg_temp set enable_seqscan = off set jit = off as $$
declare
    before bigint; first_positions bigint[];
begin
    -- In a statement of its own: each later one sees all that was committed before the lock was granted.
    select h.position, h.log_id into before, log_id from log_head h where singleton for update;
    head := before;
    select e.event_id into head_event from events e where e.position = before;
    if log_id <> known_log or head < known_head or (known_head > 0 and known_event is distinct from (
        case when known_head = before then head_event else (select e.event_id from events e where e.position = known_head) end
    )) then
        return;
    end if;

    -- Nearly always all is plain: every stream stands where its commit expects it, or where an earlier commit of the batch leaves it, and
    -- no key is known.
    if exists (
        select from (
            select t, i, expected, decided_on, lag(expected + n) over (partition by t, i order by o) as left_at
            from unnest(s_type, s_id, s_expected, s_decided_on, s_events) with ordinality u (t, i, expected, decided_on, n, o)
        ) s
        left join lateral (
            -- Bounded, because an index scan looks at all that match on a page: it may be hundreds.
            select e.sequence, e.event_id from events e
            where e.aggregate_type = s.t and e.aggregate_id = s.i and e.sequence between s.expected and s.expected + 1
            order by e.sequence desc limit 1
        ) e on s.left_at is null
        where s.expected <> coalesce(s.left_at, e.sequence, 0) or e.event_id <> s.decided_on
    ) or (cardinality(k_commit) > 0 and exists (
        select from unnest(k_principal, k_key) k (p, n)
        group by p, n
        -- Not `exists`: for that, Postgres may read all keys into a hash table, in each call.
        having count(*) > 1 or (select i.position from idempotency_keys i where i.principal = p and i.key = n) is not null
    )) then
        select j.head_after, j.first_positions, j.last_positions, j.refusals into head, first_positions, last_positions, refusals
        from judge(before, c_events, s_commit, s_type, s_id, s_expected, s_decided_on, s_events, s_first_event,
                   k_commit, k_principal, k_key, k_fingerprint, k_oldest) j;
        insert into events
        select before + row_number() over (order by o), t, i, q, event_id, event_type, version, payload::json, metadata::json, at
        from unnest(e_commit, e_type, e_id, e_sequence, e_event_id, e_event_type, e_version, e_payload, e_metadata, e_at)
            with ordinality u (c, t, i, q, event_id, event_type, version, payload, metadata, at, o)
        where first_positions[c] is not null;
    else
        head := before + cardinality(e_type);
        select array_agg(before + n order by o), '{}' into last_positions, refusals
        from (select o, sum(n) over (order by o) as n from unnest(c_events) with ordinality u (n, o)) c;
        first_positions := last_positions;
        insert into events
        select before + o, t, i, q, event_id, event_type, version, payload::json, metadata::json, at
        from unnest(e_type, e_id, e_sequence, e_event_id, e_event_type, e_version, e_payload, e_metadata, e_at)
            with ordinality u (t, i, q, event_id, event_type, version, payload, metadata, at, o);
    end if;

    if head > before then
        select e.event_id into head_event from events e where e.position = head;
        if cardinality(k_commit) > 0 then
            perform keep_keys(first_positions, last_positions, s_commit, s_type, s_id, s_expected, s_events,
                              e_commit, e_at, k_commit, k_principal, k_key, k_fingerprint);
        end if;
        update log_head h set position = head where singleton;
        -- Once for the whole batch: NOTIFY takes a lock of the whole cluster through commit.
        perform pg_notify('annals_log', head::text);
    end if;
end
$$;

revoke execute on function judge, append from public;
grant execute on function append to annals_command;
